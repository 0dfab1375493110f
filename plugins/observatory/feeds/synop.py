"""SYNOP: three-hourly observations of weather stations, in the monthly files of Météo-France."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import polars as pl

from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.files.unpack import TooLarge, unpack
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.http.json_source import JsonClient
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import SynopSource
from observatory.window import Window

_MISSING = "mq"
_EXPECTED = "a month of SYNOP observations"
_MOST_BYTES = 1_000_000_000


@dataclass(frozen=True)
class SynopFeed:
    """Observations of all stations; ``where: {numer_sta: ["07650"]}`` takes those of the city.

    Columns keep their names: ``numer_sta``, ``date`` (UTC, ``%Y%m%d%H%M%S``), ``t`` in kelvin, ``pmer`` and ``pres`` in
    pascal, ``ff`` in metres a second, ``u`` in percent, ``rr1`` in millimetres. ``mq`` means missing.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in a chunk.
        patience: how long the server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the observations of a window, month by month; see ``Feed.read``."""
        api = JsonClient(f"{self.territory_code}/{self.feed.feed_id} {window}", self.feed, self.patience)
        yield from within(window, self._chunks(api, window), self.feed)

    def _chunks(self, api: JsonClient, window: Window) -> Iterator[pl.DataFrame]:
        for path in self._paths(window):
            month = self._month(api, path)
            require_columns(f"{api.subject}, {path}", self.feed, month.columns, are_all=True)
            yield from month.select(self.feed.read_columns).iter_slices(self.chunk_rows)

    def _paths(self, window: Window) -> list[str]:
        """Names of the files that hold the window's hours in UTC; several months may share one."""
        pattern = cast("SynopSource", self.feed.source).path
        days = range((window.end - window.start).days + 2)
        moments = (min(window.start + timedelta(days=day), window.end - timedelta(seconds=1)) for day in days)
        return list(dict.fromkeys(moment.strftime(pattern) for moment in moments))

    def _month(self, api: JsonClient, path: str) -> pl.DataFrame:
        content = api.fetch(path, _EXPECTED, is_complete=Completeness(is_table=True))
        try:
            table = io.BytesIO(content)
            if content[:2] == b"\x1f\x8b":
                with gzip.open(table) as packed:
                    unpack(packed, table := io.BytesIO(), _MOST_BYTES)
                table.seek(0)
            return pl.read_csv(table, separator=";", infer_schema=False, null_values=_MISSING)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise api.truncated(f"{path} is broken ({error})", _EXPECTED) from None
        except TooLarge as error:
            raise api.changed(f"{path} is {error}", _EXPECTED) from None
        except pl.exceptions.PolarsError as error:
            raise api.changed(f"{path} cannot be read ({str(error).splitlines()[0]})", _EXPECTED) from None
