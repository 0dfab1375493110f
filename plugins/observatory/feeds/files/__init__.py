"""Shared by the readers of files: fetching, unpacking, inboxes, NDJSON."""
