"""The ledger's records as the rows that a server sends, made once for each interval and minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import polars as pl

from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Row
from observatory.simulator.servers.opendatasoft import Frames

Made = Callable[[pl.DataFrame], pl.DataFrame]
"""From listed records (contract's names, UTC, degrees) to the columns, clocks and units that the server sends."""
RowsOf = Callable[[datetime | None, datetime | None], Sequence[Row]]
_ONE_DAY = timedelta(days=1)


def occurring(ledger: Ledger, kind: str, made: Made, ahead: timedelta = _ONE_DAY) -> RowsOf:
    """Rows of a kind with times: of the requested interval, with a day more at each end.

    Args:
        ledger: what is listed.
        kind: name of the contract.
        made: what the server makes of the records.
        ahead: how far into the future records are listed where the query has no end.
    """
    return _as_rows(ledger, occurring_frames(ledger, kind, made, ahead))


def occurring_frames(ledger: Ledger, kind: str, made: Made, ahead: timedelta = _ONE_DAY) -> Frames:
    """The rows of ``occurring`` as frames."""

    @lru_cache(maxsize=8)
    def frame(start: datetime | None, end: datetime | None, now: datetime) -> pl.DataFrame:
        beginning = datetime.combine(ledger.simulation.first_day, time(), UTC)
        first = start.replace(tzinfo=UTC) if start else beginning
        last = end.replace(tzinfo=UTC) if end else now + ahead
        return made(ledger.listed(kind, first - _ONE_DAY, last + _ONE_DAY))

    return lambda start, end: frame(start, end, ledger.now)


def latest_frames(ledger: Ledger, kind: str, made: Made) -> Frames:
    """Rows of a kind with very many records, exactly of the requested interval; the last day where it has no start.

    Args:
        ledger: what is listed.
        kind: name of the contract.
        made: what the server makes of the records; times stay moments.
    """

    @lru_cache(maxsize=1)
    def frame(start: datetime | None, end: datetime | None, now: datetime) -> pl.DataFrame:
        last = end or now
        return made(ledger.listed(kind, start or last - _ONE_DAY, last))

    return lambda start, end: frame(start, end, ledger.now)


def standing(ledger: Ledger, kind: str, made: Made) -> RowsOf:
    """Rows of a kind without times; see ``occurring``."""
    return _as_rows(ledger, standing_frames(ledger, kind, made))


def standing_frames(ledger: Ledger, kind: str, made: Made) -> Frames:
    """The rows of ``standing`` as frames."""

    @lru_cache(maxsize=1)
    def frame(_now: datetime) -> pl.DataFrame:
        return made(ledger.standing(kind))

    return lambda _start, _end: frame(ledger.now)


def _as_rows(ledger: Ledger, frames: Frames) -> RowsOf:
    @lru_cache(maxsize=8)
    def rows(start: datetime | None, end: datetime | None, _now: datetime) -> Sequence[Row]:
        return frames(start, end).to_dicts()

    return lambda start, end: rows(start, end, ledger.now)
