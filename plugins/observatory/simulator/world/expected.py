"""Expected recorded incidents per day and category, with everything that is planted.

Let ``H`` be the incidents at an address on an average day per recorded incident of the city (before interventions),
``r`` the share that is reported there and ``m`` the value of ``Category.expected_counts`` for the day: the expected
recorded incidents at the address are ``m r H``. ``H`` is background plus near-repeats, ``H = B + n K H``, ``n`` the
branching ratio and ``K`` the Gaussian spread of near-repeats. An operation prevents the share ``effect`` in its circle,
of which the share ``displacement`` moves to its ring; then a camera prevents its share near it; then matches add
incidents.
Incidents that officers discover depend only on the weekday of their patrols.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from scipy.ndimage import gaussian_filter

from observatory.simulator.world.city import ADDRESS_SPACING_M, City, build_city
from observatory.simulator.world.clock import days_of
from observatory.simulator.world.draws import Floats, Integers
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.interventions import areas, is_under_way, is_watched
from observatory.simulator.world.occurrences import by_weekday
from observatory.simulator.world.parameters import Parameters
from observatory.simulator.world.patrols import build_cells, cell_shares
from observatory.simulator.world.simulation import Simulation

_GENERATIONS = 30


def expected_counts(simulation: Simulation, first_day: date, end_day: date, near: np.ndarray | None = None) -> Floats:
    """(categories, days) recorded incidents expected on the local days ``[first_day, end_day)``.

    Exact except for the slow seasonal change of where near-repeats are (below 1 %).

    Args:
        simulation: which city; only its cancelled matches depend on the seed.
        first_day: first local day.
        end_day: first local day after them.
        near: (addresses,) mask of where to count; everywhere by default.
    """
    parameters, city = simulation.parameters, build_city()
    days = days_of(first_day, end_day)
    counted = np.ones(len(city.addresses), bool) if near is None else near
    recorded = np.array(
        [_one_category(number, days, counted, parameters, city) for number in range(len(parameters.codes))]
    )
    ordinary = np.array([category.expected_counts(days, simulation.population) for category in parameters.categories])
    counts = ordinary * recorded
    _discover(counts, simulation, days, counted)
    matches = parameters.gatherings.matches
    played = fixtures(simulation, first_day, end_day)
    here = city.around(matches.east_m, matches.north_m, matches.spread_m)[counted].sum()
    extra = np.array([matches.extra_per_100k.get(code, 0.0) for code in parameters.codes])
    added = extra * simulation.population / 100_000 * here
    counts[:, played.day[~played.is_cancelled] - days[0]] += added[:, None]
    return counts


def happening(parameters: Parameters, number: int, city: City) -> Floats:
    """(addresses,) ``H`` of the module's formula: incidents per recorded incident of the city."""
    category = parameters.categories[number]
    background = (1 - category.branching_ratio) * city.weights(parameters)[number] / city.reporting(parameters)
    row, column = np.round((city.addresses - city.addresses.min(axis=0)) / ADDRESS_SPACING_M).astype(np.int64).T
    lattice = np.zeros((row.max() + 1, column.max() + 1))
    lattice[row, column] = 1
    spread = category.spread_m / ADDRESS_SPACING_M
    kept = gaussian_filter(lattice, spread, mode="constant")[row, column]
    happens = background
    for _ in range(_GENERATIONS):
        lattice[row, column] = happens / kept
        happens = background + category.branching_ratio * gaussian_filter(lattice, spread, mode="constant")[row, column]
    return happens


def _one_category(number: int, days: Integers, counted: np.ndarray, parameters: Parameters, city: City) -> Floats:
    """(days,) recorded at the counted addresses, per recorded incident of the city before interventions."""
    happens, reported = happening(parameters, number, city), city.reporting(parameters)
    code = parameters.codes[number]
    # days with the same active interventions are computed once
    under_way = [is_under_way(each, days) & (each.target == code) for each in parameters.operations]
    changes = [each for camera in parameters.cameras.registry for each in (camera.installed, camera.removed) if each]
    wave = np.searchsorted(sorted({each.toordinal() for each in changes}), days, side="right")
    states, state = np.unique(np.column_stack([*under_way, wave]), axis=0, return_inverse=True)
    totals = []
    for number_of_state in range(len(states)):
        remains = happens.copy()
        displaced = np.zeros(len(happens))
        for operation, is_active in zip(parameters.operations, states[number_of_state], strict=False):
            if is_active:
                inside, ring = areas(operation, city)
                taken = operation.effect * remains[inside].sum()
                remains[inside] *= 1 - operation.effect
                displaced[ring] += operation.displacement * taken / ring.sum()
        day = days[np.argmax(state.ravel() == number_of_state)]
        watched = is_watched(parameters, city, np.array(day), np.arange(len(happens)))
        remains[watched] *= 1 - parameters.cameras.effects.get(code, 0.0)
        totals.append(((remains + displaced) * reported)[counted].sum())
    return np.array(totals)[state.ravel()]


def _discover(counts: Floats, simulation: Simulation, days: Integers, counted: np.ndarray) -> None:
    """Set the row of the category that officers discover."""
    parameters = simulation.parameters
    if parameters.patrols.discovered not in parameters.codes:
        return
    number, cells = parameters.codes.index(parameters.patrols.discovered), build_cells()
    inside = counted & (cells.address_cell >= 0)
    here = (cell_shares(parameters, build_city()) / cells.count)[cells.address_cell[inside]].sum()
    weekday = by_weekday(days, parameters.patrols.weekday)
    counts[number] = parameters.categories[number].daily_rate * simulation.population / 100_000 * weekday * here
