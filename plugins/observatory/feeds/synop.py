"""SYNOP: three-hourly observations of weather stations, in the monthly files of Météo-France."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from observatory.feeds.base import require_columns
from observatory.feeds.files.unpack import TooLarge, unpack
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.json_source import JsonReader
from observatory.territory.sources import SynopSource

_MISSING = "mq"
_EXPECTED = "a month of SYNOP observations"
_MOST_BYTES = 1_000_000_000


class SynopReader(JsonReader[SynopSource]):
    """Observations of all stations; ``where: {numer_sta: ["07650"]}`` selects the city's.

    Columns keep their names: ``numer_sta``, ``date`` (UTC, ``%Y%m%d%H%M%S``), ``t`` in kelvin, ``pmer`` and ``pres`` in
    pascal, ``ff`` in metres per second, ``u`` in percent, ``rr1`` in millimetres. ``mq`` means missing.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        for path in self._paths():
            month = self._month(path)
            require_columns(f"{self.subject}, {path}", self.plan, month.columns, are_all=True)
            yield month.select(self.feed.read_columns)

    def _paths(self) -> list[str]:
        """Names of the files with the window's hours in UTC; several months may share one."""
        window = self.window
        days = range((window.end - window.start).days + 2)
        moments = (min(window.start + timedelta(days=day), window.end - timedelta(seconds=1)) for day in days)
        return list(dict.fromkeys(moment.strftime(self.source.path) for moment in moments))

    def _month(self, path: str) -> pl.DataFrame:
        content = self.api.fetch(path, _EXPECTED, is_complete=Completeness(is_table=True))
        try:
            table = io.BytesIO(content)
            if content[:2] == b"\x1f\x8b":
                with gzip.open(table) as packed:
                    unpack(packed, table := io.BytesIO(), _MOST_BYTES)
                table.seek(0)
            return pl.read_csv(table, separator=";", infer_schema=False, null_values=_MISSING)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.api.truncated(f"{path} is broken ({error})", _EXPECTED) from None
        except TooLarge as error:
            raise self.api.changed(f"{path} is {error}", _EXPECTED) from None
        except pl.exceptions.PolarsError as error:
            raise self.api.changed(f"{path} cannot be read ({str(error).splitlines()[0]})", _EXPECTED) from None
