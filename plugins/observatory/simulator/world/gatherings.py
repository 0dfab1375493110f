"""Matches (moved, cancelled, attended) and the events of the venues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from observatory.simulator.world.clock import days_of
from observatory.simulator.world.draws import (
    Floats,
    Integers,
    Keys,
    choose,
    combine,
    name_key,
    ordinals,
    poisson,
    uniform,
)
from observatory.simulator.world.simulation import Simulation


@dataclass(frozen=True)
class Fixtures:
    """Matches as arrays of one length.

    Attributes:
        key: what each one's further draws depend on.
        day: proleptic ordinal.
        planned_minute, minute: kick-off as first planned and in the end, minutes of the local day.
        is_cancelled: whether it was cancelled.
        attendance: spectators expected.
    """

    key: Keys
    day: Integers
    planned_minute: Floats
    minute: Floats
    is_cancelled: npt.NDArray[np.bool_]
    attendance: Integers


def fixtures(simulation: Simulation, first_day: date, end_day: date) -> Fixtures:
    """The matches due on the local days ``[first_day, end_day)``."""
    matches = simulation.parameters.gatherings.matches
    days = days_of(first_day, end_day)
    days = days[matches.is_due(days)]
    key = combine(combine(name_key("match"), simulation.seed), days)
    planned = matches.kick_off_h(days) * 60
    moved = (uniform(key, "moved") < matches.moved_share) * matches.moved_h * 60
    fill = matches.least_fill + (1 - matches.least_fill) * uniform(key, "fill")
    seats = matches.attendance_per_100k * simulation.population / 100_000
    return Fixtures(
        key=key,
        day=days,
        planned_minute=planned,
        minute=planned - moved,
        is_cancelled=uniform(key, "cancelled") < matches.cancelled_share,
        attendance=np.round(seats * fill).astype(np.int64),
    )


def kick_offs_h(simulation: Simulation, day: Integers) -> Floats:
    """(n,) local hour at which a match begins on each day (proleptic ordinal); NaN where none is played."""
    first, last = int(day.min()), int(day.max())
    played = fixtures(simulation, date.fromordinal(first), date.fromordinal(last + 1))
    hours = np.full(last + 1 - first, np.nan)
    hours[played.day - first] = np.where(played.is_cancelled, np.nan, played.minute / 60)
    return hours[day - first]


@dataclass(frozen=True)
class VenueEvents:
    """Events of the venues as arrays of one length.

    Attributes:
        key: what each one's further draws depend on.
        day: proleptic ordinal.
        ordinal: number within its day, from 1.
        venue: index into the planted venues.
        minute: beginning, minute of the local day.
        expected: visitors expected.
        is_cancelled: whether it was cancelled.
    """

    key: Keys
    day: Integers
    ordinal: Integers
    venue: Integers
    minute: Integers
    expected: Integers
    is_cancelled: npt.NDArray[np.bool_]


def venue_events(simulation: Simulation, first_day: date, end_day: date) -> VenueEvents:
    """The events that the venues announce for the local days ``[first_day, end_day)``: Poisson, on the full hour."""
    planted = simulation.parameters.gatherings
    days = days_of(first_day, end_day)
    keys = combine(combine(name_key("venue event"), simulation.seed), days)
    mean = planted.events_per_100k * simulation.population / 100_000
    counts = poisson(keys, "count", np.full(len(days), mean))
    key = combine(np.repeat(keys, counts), ordinals(counts))
    weights = np.array([[venue.weight for venue in planted.venues]])
    venue = choose(key, "venue", np.zeros(len(key), np.int64), weights)
    seats = np.array([each.seats for each in planted.venues])[venue]
    return VenueEvents(
        key=key,
        day=np.repeat(days, counts),
        ordinal=ordinals(counts) + 1,
        venue=venue,
        minute=60 * (10 + (uniform(key, "hour") * 12).astype(np.int64)),
        expected=np.round(seats * (0.2 + 0.8 * uniform(key, "fill"))).astype(np.int64),
        is_cancelled=uniform(key, "cancelled") < planted.events_cancelled_share,
    )
