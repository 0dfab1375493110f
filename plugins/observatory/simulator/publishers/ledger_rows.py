"""The ledger's records as the rows of a server, made once for each span and minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import polars as pl

from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Row

Made = Callable[[pl.DataFrame], pl.DataFrame]
"""From listed records (contract's names, UTC, degrees) to the columns, clocks and units that the server sends."""
_ONE_DAY = timedelta(days=1)


def occurring(
    ledger: Ledger, kind: str, made: Made, ahead: timedelta = _ONE_DAY
) -> Callable[[datetime | None, datetime | None], Sequence[Row]]:
    """Rows of a kind with times, as ``Rows``: of the span asked for, with a day more at each end.

    Args:
        ledger: what is listed.
        kind: name of the contract.
        made: what the server makes of the records.
        ahead: how far into the future records are listed where no end is asked for.
    """

    @lru_cache(maxsize=8)
    def rows(start: datetime | None, end: datetime | None, now: datetime) -> list[Row]:
        beginning = datetime.combine(ledger.simulation.first_day, time(), UTC)
        first = start.replace(tzinfo=UTC) if start else beginning
        last = end.replace(tzinfo=UTC) if end else now + ahead
        return made(ledger.listed(kind, first - _ONE_DAY, last + _ONE_DAY)).to_dicts()

    return lambda start, end: rows(start, end, ledger.now)


def standing(ledger: Ledger, kind: str, made: Made) -> Callable[[datetime | None, datetime | None], Sequence[Row]]:
    """Rows of a kind without times, as ``Rows``; see ``occurring``."""

    @lru_cache(maxsize=1)
    def rows(_now: datetime) -> list[Row]:
        return made(ledger.standing(kind)).to_dicts()

    return lambda _start, _end: rows(ledger.now)
