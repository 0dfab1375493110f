"""Where officers patrol, shift by shift, and what they find there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import shapely

from observatory.grid import cell_ids, parse_cell_ids
from observatory.simulator.world.city import EPSG, City, build_city
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
from observatory.simulator.world.occurrences import by_weekday
from observatory.simulator.world.parameters import Parameters
from observatory.simulator.world.simulation import Simulation

CELL_SIZE_M = 250
SHIFT_MIN = 8 * 60


@dataclass(frozen=True)
class Cells:
    """The cells whose centre lies in the city, and their addresses.

    Attributes:
        cell_id: (cells,) names.
        address_cell: (addresses,) index of each address's cell; -1 in a cell whose centre lies outside.
        by_cell: addresses, cell by cell.
        start, count: (cells,) where a cell's addresses begin in ``by_cell``, and how many it has.
    """

    cell_id: pl.Series
    address_cell: Integers
    by_cell: Integers
    start: Integers
    count: Integers


@dataclass(frozen=True)
class Visits:
    """Visits of officers as arrays of one length: when (day, shift index), where (cell index), how long."""

    key: Keys
    day: Integers
    shift: Integers
    cell: Integers
    planned_min: Floats
    actual_min: Floats


@dataclass(frozen=True)
class Findings:
    """Findings during visits as arrays of one length: day (ordinal), minute of the local day, address."""

    key: Keys
    day: Integers
    minute: Integers
    address: Integers


@cache
def build_cells() -> Cells:
    """Build the grid over the city."""
    city = build_city()
    names = cell_ids(city.addresses[:, 0], city.addresses[:, 1], EPSG, CELL_SIZE_M)
    known = names.unique().sort()
    corners = parse_cell_ids(known).select("easting_m", "northing_m").to_numpy() + CELL_SIZE_M / 2
    known = known.filter(pl.Series(shapely.contains_xy(city.boundary, corners)))
    index = pl.DataFrame({"name": known}).with_row_index("number")
    joined = names.to_frame("name").join(index, on="name", how="left", maintain_order="left")
    address_cell = joined["number"].cast(pl.Int64).fill_null(-1).to_numpy()
    count = np.bincount(address_cell[address_cell >= 0], minlength=len(known))
    by_cell = np.argsort(address_cell, kind="stable")[(address_cell < 0).sum() :]
    return Cells(known, address_cell, by_cell, np.cumsum(count) - count, count)


def cell_shares(parameters: Parameters, city: City) -> Floats:
    """(cells,) share of the visits that each cell receives."""
    cells, beats = build_cells(), parameters.patrols.beats
    rest = 1 - sum(beat.share for beat in beats)
    weights = np.full(len(city.addresses), rest / len(city.addresses))
    for beat in beats:
        weights += beat.share * city.around(beat.east_m, beat.north_m, beat.spread_m)
    inside = cells.address_cell >= 0
    shares = np.bincount(cells.address_cell[inside], weights[inside], minlength=len(cells.cell_id))
    return shares / shares.sum()


def visits(simulation: Simulation, first_day: date, end_day: date) -> Visits:
    """The visits planned on the local days ``[first_day, end_day)``; those that did not take place last 0 minutes."""
    patrols = simulation.parameters.patrols
    days = days_of(first_day, end_day)
    keys = combine(combine(name_key("visits"), simulation.seed), days)
    spent = patrols.minutes_per_100k * simulation.population / 100_000
    mean = spent / (patrols.visit_min * (1 - patrols.missed_share))
    counts = poisson(keys, "count", mean * by_weekday(days, patrols.weekday))
    key = combine(np.repeat(keys, counts), ordinals(counts))
    one_group = np.zeros(len(key), np.int64)
    stay = patrols.least_stay + 2 * (1 - patrols.least_stay) * uniform(key, "stay")
    is_made = uniform(key, "missed") >= patrols.missed_share
    return Visits(
        key=key,
        day=np.repeat(days, counts),
        shift=choose(key, "shift", one_group, np.array([list(patrols.shifts.values())])),
        cell=choose(key, "cell", one_group, cell_shares(simulation.parameters, build_city())[None, :]),
        planned_min=np.full(len(key), float(patrols.visit_min)),
        actual_min=np.where(is_made, np.rint(patrols.visit_min * stay), 0.0),
    )


def findings(made: Visits, purpose: str, per_minute: float) -> Findings:
    """What officers find: Poisson, proportional to the minutes spent, at a random address and minute of the visit.

    Args:
        made: the visits.
        purpose: what is found.
        per_minute: expected findings per minute spent.
    """
    cells = build_cells()
    counts = poisson(combine(made.key, name_key(purpose)), "count", per_minute * made.actual_min)
    visit = np.repeat(np.arange(len(counts)), counts)
    key = combine(combine(made.key[visit], name_key(purpose)), ordinals(counts))
    place = (uniform(key, "address") * cells.count[made.cell[visit]]).astype(np.int64)
    return Findings(
        key=key,
        day=made.day[visit],
        minute=made.shift[visit] * SHIFT_MIN + (uniform(key, "minute") * SHIFT_MIN).astype(np.int64),
        address=cells.by_cell[cells.start[made.cell[visit]] + place],
    )
