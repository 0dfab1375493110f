"""The matches as they are played: moved, called off, attended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from observatory.simulator.draws import Floats, Integers, Keys, combine, name_key, uniform
from observatory.simulator.simulation import Simulation


@dataclass(frozen=True)
class Fixtures:
    """Matches as arrays of one length.

    Attributes:
        key: what each one's further draws depend on.
        day: proleptic ordinal.
        planned_minute, minute: kick-off as first planned and at last, minutes of the local day.
        is_cancelled: whether it was called off.
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
    matches = simulation.truth.gatherings.matches
    days = np.arange(first_day.toordinal(), end_day.toordinal())
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
