"""The command ``observatory-ml``."""
