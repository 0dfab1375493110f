"""Files: CSV, NDJSON, Parquet, GeoJSON and XLSX, from a folder, a file server (SFTP, S3) or a web server."""

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

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import Reader, require_columns, within
from observatory.feeds.files import inbox
from observatory.feeds.files.fetch import fetched, unpacked
from observatory.feeds.files.json_lines import json_lines
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.json_source import text
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import FileSource
from observatory.territory.sources.file import Csv, Sheet

GEOMETRY = "geometry"
"""Column of a GeoJSON feature's geometry, beside its properties."""
_ROUNDED = r"^-?\d([.,]\d+)?[eE]\+\d+$"


@dataclass(frozen=True)
class FileReader(Reader[FileSource]):
    """Rows of files that have no relation to windows: each window reads the files and keeps its own rows (``within``).

    Workbooks and GeoJSON files are held in memory as a whole, other formats in chunks.

    Attributes:
        files: the files of an inbox to read; by default all that are waiting there.
    """

    files: tuple[Path, ...] | None = None

    def read(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of the window, file by file in the order of their names; see ``Reader.read``."""
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for path in self._files(Path(folder)):
                subject = f"{self.subject}, {path.name}"
                with readable(subject, self.feed, self.source.file_format):
                    yield from within(self.feed_window, self._rows(subject, path))

    def _files(self, folder: Path) -> Iterator[Path]:
        if self.source.is_inbox:
            files = inbox.waiting(self.subject, self.feed) if self.files is None else self.files
            return unpacked(self.feed_window, files, folder)
        file_format = self.source.file_format
        by_ending = Completeness(is_table=file_format in ("csv", "jsonl"), is_open=self.source.csv.is_last_line_open)
        is_complete = _is_json if file_format == "geojson" else by_ending
        return fetched(self.feed_window, folder, patience=self.patience, is_complete=is_complete)

    def _rows(self, subject: str, path: Path) -> Iterator[pl.DataFrame]:
        if self.source.file_format == "jsonl":
            yield from json_lines(subject, self.plan, path, self.chunk_rows)
            return
        with self._scanned(path) as scan:
            named = _named(scan, self.source)
            require_columns(subject, self.plan, named.collect_schema().names(), are_all=True)
            batches = named.select(self.feed.read_columns).collect_batches(
                chunk_size=self.chunk_rows, maintain_order=True
            )
            yield from (require_exact(subject, self.feed, chunk) for chunk in batches)

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
def readable(subject: str, feed: FeedSettings, file_format: str) -> Iterator[None]:
    """Translate the failures of reading a file.

    Raises:
        SourceChanged: the file cannot be read as the territory file describes it.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, UnicodeError, ValueError) as error:
        raise SourceChanged(
            subject,
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
    subject: str, feed: FeedSettings, rows: pl.DataFrame, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return the rows; refuse them if a spreadsheet has rounded their identifiers.

    Args:
        subject: feed, window and file, for the error.
        feed: the feed's settings.
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
                subject,
                found=f"was saved by a spreadsheet, which rounded {rounded.len()} identifiers in {column} "
                f"({rounded[0]})",
                expected="identifiers with all their digits",
                action=f"Ask {feed.owner} for the original file, and do not open it in Excel before delivering it.",
            )
    return rows


def _named(scan: pl.LazyFrame, source: FileSource) -> pl.LazyFrame:
    """Rename columns whose name differs between editions of the file to the names in the territory file."""
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
    """The file itself if it is UTF-8, else a converted copy, because polars scans no other encoding."""
    if codecs.lookup(encoding).name == "utf-8":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
        copy = Path(folder) / path.name
        with path.open(encoding=encoding, newline="") as source, copy.open("w", encoding="utf-8", newline="") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy


def _sheet(path: Path, sheet: Sheet) -> pl.DataFrame:
    """A sheet's cells as text: dates as ``2026-03-10 10:00:00``, integers without a fraction."""
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
    """One row per feature: its properties as text, its geometry as GeoJSON text."""
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    features = content.get("features") if isinstance(content, dict) else None
    if not features or not all(isinstance(feature, dict) for feature in features):
        raise ValueError("it has no list of features")
    rows = [{**(f.get("properties") or {}), GEOMETRY: f.get("geometry")} for f in features]
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({name: pl.Series([text(row.get(name)) for row in rows], dtype=pl.String) for name in names})
