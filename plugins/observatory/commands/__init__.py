"""The commands of ``observatory``, one module each."""
