"""Check that a response is complete: a server or proxy may send a truncated one with status 200."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO

_END_BYTES = 65_536
_ROOT = re.compile(rb"<(?![?!])([\w:.-]+)")
WEB_PAGE = re.compile(rb"<!doctype html|<html|<head|<body|<title", re.IGNORECASE)
_ENDS = {b"[": (b"]",), b"{": (b"}",), b"PAR1": (b"PAR1",), b"BEGIN:VCALENDAR": (b"END:VCALENDAR",)}


class Completeness:
    """Decides whether a response is complete; one instance per request, called once per attempt.

    JSON, XML, iCalendar, Parquet, ZIP (and workbooks) and gzip are recognised by how they end, tables by the line end
    of their last row. If a source writes no line end after the last row, a table counts as complete once two attempts
    were identical and its last row has as many fields as the header. Two truncations are not detected: within the
    last field, in the same place every time, for such a source; and exactly at the end of a row.

    Args:
        is_table: whether it is a delimited file or lines of JSON; a compressed one is recognised by its compression.
        is_open: whether the last line of a table may lack a line end.
    """

    def __init__(self, *, is_table: bool = False, is_open: bool = False) -> None:
        """Start without a previous attempt."""
        self._is_table, self._is_open = is_table, is_open
        self._before: tuple[int, bytes] | None = None

    @property
    def advice(self) -> str:
        """What to do about a table that never counts as complete."""
        if not self._is_table or self._is_open:
            return ""
        return " If the file is complete but has no line end after its last line, set `csv: {is_last_line_open: true}`."

    def __call__(self, received: bytes | Path) -> bool:
        """Whether the response is complete."""
        if isinstance(received, bytes):
            return self._is_complete(io.BytesIO(received))
        with received.open("rb") as file:
            return self._is_complete(file)

    def _is_complete(self, file: IO[bytes]) -> bool:
        start = file.read(_END_BYTES)
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END_BYTES))
        end = file.read()
        file.seek(0)
        if start.startswith(b"PK"):
            return zipfile.is_zipfile(file)
        if start.startswith(b"\x1f\x8b"):
            return _is_unpacked(file)
        if self._is_table:
            return self._ends_a_row(start, end, size)
        return _is_closed(start.lstrip(), end.rstrip())

    def _ends_a_row(self, start: bytes, end: bytes, size: int) -> bool:
        shown = end.rstrip(b"\0 \t\x1a")
        if not shown or shown.endswith((b"\n", b"\r")):
            return True
        if not self._is_open:
            return False
        header, last = start.splitlines()[0], shown.splitlines()[-1]
        has_all = last.endswith(b"}") if header.startswith(b"{") else _fields(last, header) >= _fields(header, header)
        before, self._before = self._before, (size, end)
        return has_all and before == self._before


def _is_closed(start: bytes, end: bytes) -> bool:
    """Whether text or Parquet ends as its format requires; other formats are accepted."""
    if start.startswith(b"<"):
        root = _ROOT.search(start)
        if root is None or WEB_PAGE.search(start[:2_000]):
            return True
        return re.search(rb"(</%b\s*>|/>)$" % re.escape(root[1]), end) is not None
    return next((end.endswith(ends) for opens, ends in _ENDS.items() if start.startswith(opens)), True)


def _is_unpacked(file: IO[bytes]) -> bool:
    packed = zlib.decompressobj(31)
    try:
        while not packed.eof and (piece := file.read(_END_BYTES)):
            packed.decompress(piece)
    except zlib.error:
        return False
    return packed.eof


def _fields(line: bytes, header: bytes) -> int:
    text = header.decode("latin-1")
    separator = max(",;\t|", key=text.count)
    return len(next(csv.reader([line.decode("latin-1")], delimiter=separator), []))
