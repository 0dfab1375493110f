"""Unpack compressed files up to a limit, so that no small file fills the disk or the memory."""

from __future__ import annotations

import gzip
from typing import IO

from observatory import settings


class TooLarge(Exception):
    """A compressed file contains more than the limit."""


def unpack(packed: gzip.GzipFile | IO[bytes], plain: IO[bytes], most_bytes: int | None = None) -> None:
    """Copy the content of a compressed file.

    Args:
        packed: the compressed file, open for reading.
        plain: the file to write to.
        most_bytes: maximum size of the content; by default ``settings.unpacked_limit_bytes``.

    Raises:
        TooLarge: the content is larger.
    """
    most = settings.unpacked_limit_bytes() if most_bytes is None else most_bytes
    left = most
    while chunk := packed.read(1 << 20):
        left -= len(chunk)
        if left < 0:
            raise TooLarge(f"more than {most:,} bytes once unpacked")
        plain.write(chunk)
