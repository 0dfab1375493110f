"""Files: CSV, NDJSON, Parquet, GeoJSON and XLSX, from a folder, a file server (SFTP, S3) or a web address."""

from __future__ import annotations

import codecs
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import cast

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.files import inbox
from observatory.feeds.files.fetch import fetched, unpacked
from observatory.feeds.files.json_lines import json_lines
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.http.json_source import text
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import FileSource
from observatory.territory.sources.file import Csv, Sheet
from observatory.window import Window

GEOMETRY = "geometry"
"""Column of a GeoJSON feature's geometry, beside its properties."""
_ROUNDED = r"^-?\d([.,]\d+)?[eE]\+\d+$"


@dataclass(frozen=True)
class FileFeed:
    """Rows of files that are published whole; a window takes the rows whose time lies in it (``within``).

    A workbook and a GeoJSON file are in memory whole, the other formats in chunks.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in memory at a time.
        patience: how long a web server is asked before it counts as down.
        files: the files of an inbox that are to be read; by default all that wait there.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS
    patience: Patience = PATIENT
    files: tuple[Path, ...] | None = None

    @property
    def source(self) -> FileSource:
        """Where the files are."""
        return cast("FileSource", self.feed.source)

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window, file by file in the order of their names; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for path in self._files(where, Path(folder)):
                with readable(f"{where}, {path.name}", self.feed, self.source.file_format):
                    yield from self._rows(f"{where}, {path.name}", path, window)

    def _files(self, where: str, folder: Path) -> Iterator[Path]:
        if self.source.is_inbox:
            files = inbox.waiting(where, self.feed) if self.files is None else self.files
            return unpacked(where, self.feed, files, folder)
        written = self.source.file_format
        whole = Completeness(is_table=written in ("csv", "jsonl"), is_open=self.source.csv.is_last_line_open)
        is_complete = _is_json if written == "geojson" else whole
        return fetched(where, self.feed, folder, patience=self.patience, is_complete=is_complete)

    def _rows(self, where: str, path: Path, window: Window) -> Iterator[pl.DataFrame]:
        if self.source.file_format == "jsonl":
            yield from within(window, json_lines(where, self.feed, path, self.chunk_rows), self.feed)
            return
        with self._scanned(path) as scan:
            named = _named(scan, self.source)
            require_columns(where, self.feed, named.collect_schema().names(), are_all=True)
            batches = named.select(self.feed.read_columns).collect_batches(
                chunk_size=self.chunk_rows, maintain_order=True
            )
            chunks = (require_exact(where, self.feed, chunk) for chunk in batches)
            yield from within(window, chunks, self.feed)

    @contextmanager
    def _scanned(self, path: Path) -> Iterator[pl.LazyFrame]:
        match self.source.file_format:
            case "csv":
                with scanned_csv(path, self.source.csv) as scan:
                    yield scan
            case "parquet":
                yield pl.scan_parquet(path, glob=False)
            case "geojson":
                yield _features(path).lazy()
            case "xlsx":
                yield _sheet(path, self.source.sheet).lazy()


@contextmanager
def readable(where: str, feed: FeedSettings, file_format: str) -> Iterator[None]:
    """Say in four parts that a file is not what the territory file says of it.

    Raises:
        SourceChanged: it cannot be read.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, UnicodeError, ValueError) as error:
        raise SourceChanged(
            where,
            found=f"cannot be read ({f'{error}'.partition(chr(10))[0]})",
            redacted="it cannot be read",
            expected=f"{file_format} as feeds.{feed.feed_id} in {feed.territory_file} says",
            action=f"Correct its `source` there, or ask {feed.owner} for the file again.",
        ) from None


@contextmanager
def scanned_csv(path: Path, csv: Csv) -> Iterator[pl.LazyFrame]:
    """A delimited file as a scan, every column as text."""
    with _as_utf8(path, csv.encoding) as utf8:
        yield pl.scan_csv(utf8, separator=csv.separator, infer_schema=False, glob=False)


def require_exact(
    where: str, feed: FeedSettings, rows: pl.DataFrame, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """The rows, unless a spreadsheet has rounded their identifiers: then none is any longer what it was.

    Args:
        where: file, for the message.
        feed: names who may have the file as it was.
        rows: shape (n, any).
        columns: the identifiers; by default those of ``source_record_id``.

    Raises:
        SourceChanged: an identifier is written as ``2.023E+11``.
    """
    for column in feed.sources_of("source_record_id") if columns is None else columns:
        if rows.schema[column] != pl.String:
            continue
        rounded = rows[column].filter(rows[column].str.contains(_ROUNDED))
        if rounded.len():
            raise SourceChanged(
                where,
                found=f"was saved by a spreadsheet, which rounded {rounded.len()} identifiers in {column} "
                f"({rounded[0]})",
                expected="identifiers with all their digits",
                action=f"Ask {feed.owner} for the file as it was published, and do not open it in Excel before it is "
                "put there.",
            )
    return rows


def _named(scan: pl.LazyFrame, source: FileSource) -> pl.LazyFrame:
    """The columns by the names that the territory file uses, whatever this edition of the file calls them."""
    if not source.aliases:
        return scan
    names = scan.collect_schema().names()
    for alias, patterns in source.aliases.items():
        found = [(name, pattern) for pattern in patterns for name in names if fnmatch(name, pattern)]
        for name, pattern in found[:1]:
            scan = scan.rename({name: alias})
            head, star, tail = pattern.partition("*")
            if star:
                scan = scan.with_columns(pl.lit(name[len(head) : len(name) - len(tail)]).alias(f"{alias}.*"))
    return scan


@contextmanager
def _as_utf8(path: Path, encoding: str) -> Iterator[Path]:
    """The file itself if it is UTF-8, else a copy that is, since polars scans no other encoding."""
    if codecs.lookup(encoding).name == "utf-8":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
        copy = Path(folder) / path.name
        with path.open(encoding=encoding, newline="") as source, copy.open("w", encoding="utf-8", newline="") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy


def _sheet(path: Path, sheet: Sheet) -> pl.DataFrame:
    """A sheet's cells as text: dates as ``2026-03-10 10:00:00``, whole numbers without a fraction."""
    import fastexcel

    try:
        book = fastexcel.read_excel(path)
        cells = book.load_sheet(sheet.name or 0, header_row=sheet.header_row - 1, dtypes="string")
        return cells.to_polars()
    except fastexcel.FastExcelError as error:
        raise ValueError(str(error)) from None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _features(path: Path) -> pl.DataFrame:
    """One row per feature: its properties as text, and its geometry as GeoJSON text."""
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    features = content.get("features") if isinstance(content, dict) else None
    if not features or not all(isinstance(feature, dict) for feature in features):
        raise ValueError("it has no list of features")
    rows = [{**(f.get("properties") or {}), GEOMETRY: f.get("geometry")} for f in features]
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({name: pl.Series([text(row.get(name)) for row in rows], dtype=pl.String) for name in names})
