"""Write files durably: on return they are on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"
"""Suffix of a file that is still being written."""


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk; ``os.fsync`` of a file does not cover the entry with its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it is complete whenever it exists, and return once it is on the disk.

    Until then it is called ``<stem>.unfinished``; one that a killed process left behind is overwritten.

    Args:
        path: of the file; its folder must exist.
        write: writes the bytes to the file that it is given.
    """
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)
