"""What must be on the disk before anything else relies on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"
"""Suffix of a file that is being written."""


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk; ``os.fsync`` of a file does not promise that of its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that is whole whenever it has its name, and return when it is on the disk.

    Until then it is called ``<stem>.unfinished``; what a killed process left of that is written over.

    Args:
        path: of the file; its folder exists.
        write: writes its bytes.
    """
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)
