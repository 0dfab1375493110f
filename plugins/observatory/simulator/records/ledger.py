"""What the simulated city's sources list at a moment; records are simulated when they are first needed."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

import polars as pl

from observatory.simulator import records
from observatory.simulator.world.simulation import TIMEZONE, Simulation

MAX_CACHE_BYTES = 256 * 1024**2
MADE_BY_DAY = frozenset({"traffic_measure", "transit_service", "parking_occupancy", "population_flow"})
"""Kinds with so many records that one day is simulated at a time."""
MADE_BY_YEAR = frozenset({"incident"})
"""Kinds whose simulation starts with a long warm-up, so that one year is simulated at a time. Others: one month."""

_ZONE = ZoneInfo(TIMEZONE)
_ONE_DAY = timedelta(days=1)
_STANDING = date.min
Span = tuple[date, date]


class Ledger:
    """Everything the city has recorded, as its sources list it now.

    Args:
        simulation: which city.
        clock: returns the current moment, with a time zone.
        max_cache_bytes: memory for simulated records; those unused for longest are removed first.
    """

    def __init__(
        self, simulation: Simulation, clock: Callable[[], datetime], max_cache_bytes: int = MAX_CACHE_BYTES
    ) -> None:
        """Start with an empty cache."""
        self.simulation = simulation
        self._clock = clock
        self._max_cache_bytes = max_cache_bytes
        self._cache: OrderedDict[tuple[str, date], pl.DataFrame] = OrderedDict()
        self._simulating: defaultdict[str, Lock] = defaultdict(Lock)
        self._caching = Lock()

    @property
    def now(self) -> datetime:
        """The moment (UTC) of the listing, rounded down to the minute: sources publish by the minute."""
        return self._clock().astimezone(UTC).replace(second=0, microsecond=0)

    @property
    def today(self) -> date:
        """The current local day."""
        return self.now.astimezone(_ZONE).date()

    def listed(self, kind: str, start: datetime, end: datetime, as_of: datetime | None = None) -> pl.DataFrame:
        """The listed records of a kind that occurred in ``[start, end)``.

        Args:
            kind: name of the contract.
            start: first moment, with a time zone, as ``end``.
            end: first moment after the interval.
            as_of: moment of the listing, now by default.

        Returns:
            Columns of ``records.listing``, among them ``published_at``, sorted by ``occurred_from`` and
            ``source_record_id``.
        """
        moment, occurred = as_of or self.now, pl.col("occurred_from")
        shown = [
            records.listing(versions, moment).filter(occurred >= start, occurred < end)
            for versions in self._spans(kind, start.astimezone(_ZONE).date(), end.astimezone(_ZONE).date())
        ]
        return pl.concat(shown).sort("occurred_from", "source_record_id")

    def everything(self, kind: str, ahead: timedelta = _ONE_DAY, as_of: datetime | None = None) -> pl.DataFrame:
        """All listed records of a kind with times, up to ``ahead`` into the future; see ``listed``."""
        # the wrong version of a corrected record may lie a day before the history begins
        beginning = datetime.combine(self.simulation.first_day, time(), UTC) - 2 * _ONE_DAY
        return self.listed(kind, beginning, self.now + ahead, as_of)

    def standing(self, kind: str) -> pl.DataFrame:
        """The listed records of a kind without times, sorted by ``source_record_id``."""
        versions = self._versions(kind, _STANDING, (self.simulation.first_day, self.today))
        return records.listing(versions, self.now).sort("source_record_id")

    def _spans(self, kind: str, first: date, last: date) -> Iterator[pl.DataFrame]:
        """Versions of the days around; a mistaken version may have another day than the record it belongs to."""
        first, last = max(first - _ONE_DAY, self.simulation.first_day), last + _ONE_DAY
        while True:
            start, end = _span(kind, first)
            yield self._versions(kind, start, (max(start, self.simulation.first_day), end))
            if end > last:
                return
            first = end

    def _versions(self, kind: str, key: date, span: Span) -> pl.DataFrame:
        with self._simulating[kind]:
            with self._caching:
                if (kind, key) in self._cache:
                    self._cache.move_to_end((kind, key))
                    return self._cache[kind, key]
            versions = records.versions(kind, self.simulation, *span)
            with self._caching:
                self._cache[kind, key] = versions
                while len(self._cache) > 1 and self._cached_bytes() > self._max_cache_bytes:
                    self._cache.popitem(last=False)
            return versions

    def _cached_bytes(self) -> int:
        return int(sum(versions.estimated_size() for versions in self._cache.values()))


def _span(kind: str, day: date) -> Span:
    """The days ``[first, end)`` around a day that are simulated together."""
    if kind in MADE_BY_DAY:
        return day, day + _ONE_DAY
    if kind in MADE_BY_YEAR:
        return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)
