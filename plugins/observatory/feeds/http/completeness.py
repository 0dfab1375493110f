"""Check that a response is complete: a server, or a proxy before it, may break off and say that all is well."""

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
    """Tells, of one answer that may come several times, whether it is whole.

    JSON, XML, iCalendar, Parquet, ZIP (workbooks too) and gzip tell it by how they end, and so do the rows of a table
    by their line end. Where tables are written whose last line has none, one counts as whole once it came twice alike
    and its last line has as many fields as the header; cut within a last field, every time at the same place, it is
    then not found out. Nor is a table that is cut exactly at the end of a row.

    Args:
        is_table: whether it is a delimited file or lines of JSON; packed ones tell it by their packing.
        is_open: whether the last line of a table may have no line end.
    """

    def __init__(self, *, is_table: bool = False, is_open: bool = False) -> None:
        """Nothing was received yet."""
        self._is_table, self._is_open = is_table, is_open
        self._before: tuple[int, bytes] | None = None

    @property
    def advice(self) -> str:
        """What else may be done about a table that never seems whole."""
        if not self._is_table or self._is_open:
            return ""
        return (
            " If the file is whole, and never has a line end after its last line, say `csv: {is_last_line_open: true}`."
        )

    def __call__(self, received: bytes | Path) -> bool:
        """Whether this is whole."""
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
    """Whether text or Parquet closes what it opens; what is in neither format is accepted as it is."""
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
