"""Unpacking what a source packed, up to a limit: no small file fills the disk or the memory."""

from __future__ import annotations

import gzip
from typing import IO

from observatory import settings


class TooLarge(Exception):
    """A packed file holds more than may be unpacked."""


def unpack(packed: gzip.GzipFile | IO[bytes], plain: IO[bytes], most_bytes: int | None = None) -> None:
    """Copy a packed file's content.

    Args:
        packed: the file, open for reading.
        plain: where its content goes.
        most_bytes: how much it may be; by default ``settings.unpacked_limit_bytes``.

    Raises:
        TooLarge: it is more.
    """
    most = settings.unpacked_limit_bytes() if most_bytes is None else most_bytes
    left = most
    while chunk := packed.read(1 << 20):
        left -= len(chunk)
        if left < 0:
            raise TooLarge(f"more than {most:,} bytes once unpacked")
        plain.write(chunk)
