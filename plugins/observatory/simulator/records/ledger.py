"""What the simulated city's sources list at a moment: its records, made when they are first asked for."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

import polars as pl

from observatory.simulator import records
from observatory.simulator.world.simulation import TIMEZONE, Simulation

MOST_KEPT_BYTES = 256 * 1024**2
MADE_BY_DAY = frozenset({"traffic_measure", "transit_service", "parking_occupancy", "population_flow"})
"""Kinds with so many records that a day is made at a time, and not a month."""

_ZONE = ZoneInfo(TIMEZONE)
_ONE_DAY = timedelta(days=1)
_STANDING = date.min
Span = tuple[date, date]


class Ledger:
    """Everything the city has recorded, as its sources list it now.

    Args:
        simulation: which city.
        clock: the moment that is now, with a time zone.
        most_kept_bytes: memory for the records kept, of those made; the longest unused go first.
    """

    def __init__(
        self, simulation: Simulation, clock: Callable[[], datetime], most_kept_bytes: int = MOST_KEPT_BYTES
    ) -> None:
        """Make nothing yet."""
        self.simulation = simulation
        self._clock = clock
        self._most_kept_bytes = most_kept_bytes
        self._made: OrderedDict[tuple[str, date], pl.DataFrame] = OrderedDict()
        self._making: defaultdict[str, Lock] = defaultdict(Lock)
        self._keeping = Lock()

    @property
    def now(self) -> datetime:
        """The moment (UTC) of the listing, the minute's beginning: sources publish by the minute."""
        return self._clock().astimezone(UTC).replace(second=0, microsecond=0)

    @property
    def today(self) -> date:
        """The local day that is now."""
        return self.now.astimezone(_ZONE).date()

    def listed(self, kind: str, start: datetime, end: datetime) -> pl.DataFrame:
        """The records of a kind that are listed now and occurred in ``[start, end)``.

        Args:
            kind: name of the contract.
            start: with a time zone, as ``end``.
            end: the first moment that is too late.

        Returns:
            Columns of ``kinds.listing``, among them ``published_at``, sorted by ``occurred_from`` and
            ``source_record_id``.
        """
        now, occurred = self.now, pl.col("occurred_from")
        shown = [
            records.listing(made, now).filter(occurred >= start, occurred < end)
            for made in self._spans(kind, start.astimezone(_ZONE).date(), end.astimezone(_ZONE).date())
        ]
        return pl.concat(shown).sort("occurred_from", "source_record_id")

    def everything(self, kind: str, ahead: timedelta = _ONE_DAY) -> pl.DataFrame:
        """All records of a kind with times that are listed now, as ``listed``; those to come, so far ahead."""
        beginning = datetime.combine(self.simulation.first_day, time(), UTC) - _ONE_DAY
        return self.listed(kind, beginning, self.now + ahead)

    def standing(self, kind: str) -> pl.DataFrame:
        """The records of a kind without a time that are listed now, sorted by ``source_record_id``."""
        made = self._versions(kind, _STANDING, (self.simulation.first_day, self.today))
        return records.listing(made, self.now).sort("source_record_id")

    def _spans(self, kind: str, first: date, last: date) -> Iterator[pl.DataFrame]:
        """Versions of the days around; a mistaken version may have another day than the record it belongs to."""
        first, last = max(first - _ONE_DAY, self.simulation.first_day), last + _ONE_DAY
        day = first if kind in MADE_BY_DAY else first.replace(day=1)
        while True:
            after = day + _ONE_DAY if kind in MADE_BY_DAY else (day + timedelta(days=31)).replace(day=1)
            yield self._versions(kind, day, (max(day, self.simulation.first_day), after))
            if after > last:
                return
            day = after

    def _versions(self, kind: str, key: date, span: Span) -> pl.DataFrame:
        with self._making[kind]:
            with self._keeping:
                if (kind, key) in self._made:
                    self._made.move_to_end((kind, key))
                    return self._made[kind, key]
            made = records.versions(kind, self.simulation, *span)
            with self._keeping:
                self._made[kind, key] = made
                while len(self._made) > 1 and self._kept_bytes() > self._most_kept_bytes:
                    self._made.popitem(last=False)
            return made

    def _kept_bytes(self) -> int:
        return int(sum(made.estimated_size() for made in self._made.values()))
