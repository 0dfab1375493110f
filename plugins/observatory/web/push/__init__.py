"""The push API: partners send files over HTTP."""
