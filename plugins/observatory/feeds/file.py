"""Files: CSV, Parquet and GeoJSON, from a folder, a file server (SFTP, S3, …) or a web address."""

from __future__ import annotations

import codecs
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem

from observatory import settings
from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http import PATIENT, Patience, client, explained, is_html
from observatory.feeds.settings import FeedSettings
from observatory.feeds.sources import FileSource
from observatory.window import Window

GEOMETRY = "geometry"
"""Column of a GeoJSON feature's geometry, beside its properties."""


@dataclass(frozen=True)
class FileFeed:
    """Rows of files that are published whole; a window takes the rows whose time lies in it (``within``).

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in memory at a time.
        patience: how long a web server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS
    patience: Patience = PATIENT

    @property
    def source(self) -> FileSource:
        """Where the files are."""
        return cast("FileSource", self.feed.source)

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window, file by file in the order of their names; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for path in self._fetched(where, Path(folder)):
                try:
                    yield from self._rows(f"{where}, {path.name}", path, window)
                except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError) as error:
                    raise self._unreadable(f"{where}, {path.name}", f"{error}".partition("\n")[0]) from None

    def _fetched(self, where: str, folder: Path) -> Iterator[Path]:
        """Files of the feed on this machine; one at a time is copied where they lie elsewhere."""
        address, pattern = self.source.address, self.source.path
        if address.startswith(("http://", "https://")):
            path = folder / Path(pattern).name
            path.write_bytes(self._downloaded(where, address, pattern))
            yield path
            return
        try:
            files, root = fsspec.core.url_to_fs(address if "://" in address else str(settings.ROOT / address))
            names = sorted(files.glob(f"{root}/{pattern}"))
            if not names:
                raise FileNotFoundError(f"no file there is called {pattern}")
            for name in names:
                if isinstance(files, LocalFileSystem):
                    yield Path(name)
                    continue
                files.get_file(name, str(copy := folder / Path(name).name))
                yield copy
                copy.unlink()
        except (OSError, ImportError, ValueError) as error:
            raise SourceUnavailable(
                where,
                came=f"nothing can be read at {address} ({error})",
                expected=f"files {pattern}",
                todo=f"Put them there, or correct `address` and `path` in {self.feed.territory_file}, "
                "or name the folder at the start.",
            ) from None

    def _downloaded(self, where: str, address: str, path: str) -> bytes:
        with explained(where, self.feed.territory_file):
            response = client(address, self.patience).get(path)
            response.raise_for_status()
            if self.source.file_format == "geojson":
                response.json()  # half an answer shows here, where it counts as a passing fault
        if is_html(response.content):
            raise self._unreadable(where, f"a web page came: {' '.join(response.text.split())[:120]}")
        return response.content

    def _rows(self, where: str, path: Path, window: Window) -> Iterator[pl.DataFrame]:
        if self.source.file_format == "geojson":
            features = _features(path)
            require_columns(where, self.feed, features.columns, are_all=True)
            yield from within(window, features.select(self.feed.read_columns).iter_slices(self.chunk_rows), self.feed)
            return
        with self._scanned(path) as scan:
            require_columns(where, self.feed, scan.collect_schema().names(), are_all=True)
            named = scan.select(self.feed.read_columns)
            yield from within(window, named.collect_batches(chunk_size=self.chunk_rows, maintain_order=True), self.feed)

    @contextmanager
    def _scanned(self, path: Path) -> Iterator[pl.LazyFrame]:
        if self.source.file_format == "parquet":
            yield pl.scan_parquet(path, glob=False)
            return
        with _as_utf8(path, self.source.csv.encoding) as readable:
            yield pl.scan_csv(readable, separator=self.source.csv.separator, infer_schema=False, glob=False)

    def _unreadable(self, where: str, came: str) -> SourceChanged:
        return SourceChanged(
            where,
            came=f"cannot be read ({came})",
            expected=f"{self.source.file_format} as feeds.{self.feed.feed_id} in {self.feed.territory_file} says",
            todo=f"Correct its `format` or `csv` there, or ask {self.feed.owner} for the file again.",
        )


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


def _features(path: Path) -> pl.DataFrame:
    """One row per feature: its properties as text, and its geometry as GeoJSON text."""
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    features = content.get("features") if isinstance(content, dict) else None
    if not features or not all(isinstance(feature, dict) for feature in features):
        raise ValueError("it has no list of features")
    rows = [{**(f.get("properties") or {}), GEOMETRY: f.get("geometry")} for f in features]
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({name: pl.Series([_text(row.get(name)) for row in rows], dtype=pl.String) for name in names})


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
