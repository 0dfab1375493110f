"""The rules of the NIJ Real-Time Crime Forecasting Challenge (2017): cells, flagged area, windows, PAI and PEI.

A forecast is made on the eve of an origin for windows of 1 and 2 weeks and 1, 2 and 3 months that begin there. It flags
between 0.25 and 0.75 square miles of cells of 62,500 to 360,000 square feet. PAI is (n/N)/(a/A): the share of the
incidents that fell into the flagged cells over their share of the city's area (Chainey, Tompson & Uhlig 2008); PEI is
PAI over the best PAI that as many cells could have had (Hunt 2016).
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from ml.errors import InputError
from ml.evaluation.metrics import poisson_log_score, risk_order
from ml.models.base import Method
from ml.models.baselines import Flat
from ml.models.determinism import one_thread
from ml.models.validation import TrainingCache
from ml.panel.panel import Panel

FOOT_M = 0.3048
MILE_M = 1609.344
LEAST_CELL_SQ_FT, MOST_CELL_SQ_FT = 62_500, 360_000
AREAS_SQ_MI = (0.25, 0.75)
WINDOWS = ("1 week", "2 weeks", "1 month", "2 months", "3 months")
# a method is refitted for horizons of about a week, a fortnight, a month and the months after
_FIT_ENDS = (0, 7, 14, 31, 62, 92)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class WindowForecast:
    """One method's forecast of a window and its score.

    Attributes:
        origin: first day of the window; nothing of that day or later was known.
        expected: (cells,) expected counts over the window.
        flagged: square miles asked for -> flagged cells.
        hits, best_hits: square miles asked for -> incidents in those cells, and in as many flagged with hindsight.
    """

    method: str
    origin: date
    window: str
    days: int
    expected: np.ndarray
    incident_count: int
    log_score: float
    flat_log_score: float
    flagged: dict[float, int]
    hits: dict[float, int]
    best_hits: dict[float, int]


@dataclass(frozen=True)
class WindowMetrics:
    """One method in one window, pooled over origins; ratios are None without incidents."""

    method: str
    window: str
    origins: int
    incident_count: int
    expected_count: float
    information_gain: float | None
    pai: dict[float, float | None]
    pei: dict[float, float | None]


def check_cell(size_m: int) -> None:
    """Check that the rules allow this cell size.

    Raises:
        InputError: smaller than 62,500 or larger than 360,000 square feet.
    """
    square_feet = (size_m / FOOT_M) ** 2
    if not LEAST_CELL_SQ_FT <= square_feet <= MOST_CELL_SQ_FT:
        raise InputError(
            "--cell-size-m",
            found=f"{size_m} m, {square_feet:,.0f} square feet",
            expected=f"{LEAST_CELL_SQ_FT:,} to {MOST_CELL_SQ_FT:,} square feet, 77 to 182 m",
            action="Choose a side within the rules.",
        )


def flagged_cells(square_miles: float, size_m: int, cells: int) -> int:
    """How many cells to flag: as many as fit into the largest area, and as fill the smallest one.

    Args:
        square_miles: area asked for, of 0.25 to 0.75.
        size_m: side of a cell, metres.
        cells: of the city; never more are flagged.
    """
    count = square_miles * MILE_M**2 / size_m**2
    return min(cells, int(np.ceil(count)) if square_miles <= AREAS_SQ_MI[0] else int(np.floor(count)))


def window_days(window: str, origin: date) -> int:
    """Days of a window that begins at ``origin``; months are those of the calendar."""
    number, unit = window.split()
    if unit.startswith("week"):
        return 7 * int(number)
    months = origin.month - 1 + int(number)
    year, month = origin.year + months // 12, months % 12 + 1
    return (date(year, month, min(origin.day, calendar.monthrange(year, month)[1])) - origin).days


def forecast_windows(
    method: Method,
    panel: Panel,
    origins: Sequence[date],
    windows: Sequence[str],
    progress: Callable[[int], None],
    *,
    cache: TrainingCache | None = None,
) -> dict[tuple[date, str], np.ndarray]:
    """Expected counts of each window, (cells,), as the sum of its days, each forecast from before the origin.

    Args:
        method: unfitted; it is fitted on what the first origin can see, once for each span of horizons.
        panel: the history.
        origins: ascending first days of the windows.
        windows: names, see :data:`WINDOWS`.
        progress: called with the number of days of horizon done.
        cache: results shared by several fits on the panel.
    """
    ends = {(origin, window): window_days(window, origin) for origin in origins for window in windows}
    longest = max(ends.values())
    found = {key: np.zeros(len(panel.cells)) for key in ends}
    for before, last in pairwise(_FIT_ENDS):
        first, last = before + 1, min(last, longest)  # noqa: PLW2901
        if first > last:
            break
        fitted = method.fit(panel, origins[0] - timedelta(days=1), (first + last) // 2, cache)
        for horizon in range(first, last + 1):
            maps = fitted.predict(panel, [origin + timedelta(days=horizon - 1) for origin in origins], horizon)
            for (origin, window), days in ends.items():
                if horizon <= days:
                    found[origin, window] += maps[origins.index(origin)]
            progress(horizon)
    return found


@one_thread
def challenge(
    methods: Sequence[Method],
    panel: Panel,
    origins: Sequence[date],
    windows: Sequence[str],
    *,
    refit_origins: int = 1,
    progress: Progress | None = None,
) -> Iterator[WindowForecast]:
    """Forecast and score every window of every origin with every method.

    Args:
        methods: unfitted.
        panel: the history and what happened.
        origins: ascending; every window must lie in the panel.
        windows: names.
        refit_origins: origins that share one training, made for the first of them.
        progress: called with (method, days done, days in total).

    Yields:
        One forecast per method, origin and window.
    """
    cache = TrainingCache()
    blocks = [origins[start : start + refit_origins] for start in range(0, len(origins), refit_origins)]
    for method in methods:
        for number, block in enumerate(blocks):
            longest = max(window_days(window, origin) for window in windows for origin in block)

            def done(day: int, name: str = method.name, number: int = number, longest: int = longest) -> None:
                if progress:
                    progress(name, number * longest + day, len(blocks) * longest)

            for (origin, window), expected in forecast_windows(
                method, panel, block, windows, done, cache=cache
            ).items():
                yield score_window(method.name, panel, origin, window, expected)


def score_window(method: str, panel: Panel, origin: date, window: str, expected: np.ndarray) -> WindowForecast:
    """Score one window's map: the flat map beside it is the mean of the 28 days before the origin."""
    days = window_days(window, origin)
    begin = panel.index(origin)
    observed = np.asarray(panel.target[begin : begin + days].sum(axis=0)).ravel()
    flat = Flat().predict(panel, [origin], 1)[0] * days
    in_order = observed[risk_order(expected, origin)].cumsum()
    in_hindsight = np.sort(observed)[::-1].cumsum()
    flagged = {area: flagged_cells(area, panel.cells.size_m, len(observed)) for area in AREAS_SQ_MI}
    return WindowForecast(
        method=method,
        origin=origin,
        window=window,
        days=days,
        expected=expected,
        incident_count=int(observed.sum()),
        log_score=poisson_log_score(expected, observed),
        flat_log_score=poisson_log_score(flat, observed),
        flagged=flagged,
        hits={area: int(in_order[count - 1]) for area, count in flagged.items()},
        best_hits={area: int(in_hindsight[count - 1]) for area, count in flagged.items()},
    )


def pool_windows(scored: Sequence[WindowForecast], city_m2: float, cell_m2: float) -> WindowMetrics:
    """Pool one method's forecasts of one window over origins: sums first, ratios last.

    Args:
        scored: of one method and window.
        city_m2: area of the city, A.
        cell_m2: area of a cell.
    """
    incidents = sum(each.incident_count for each in scored)
    hits, best = (
        {area: sum(getattr(each, name)[area] for each in scored) for area in AREAS_SQ_MI}
        for name in ("hits", "best_hits")
    )
    share = {area: scored[0].flagged[area] * cell_m2 / city_m2 for area in AREAS_SQ_MI}
    gained = sum(each.log_score - each.flat_log_score for each in scored)
    return WindowMetrics(
        method=scored[0].method,
        window=scored[0].window,
        origins=len(scored),
        incident_count=incidents,
        expected_count=float(sum(each.expected.sum() for each in scored)),
        information_gain=gained / incidents if incidents else None,
        pai={area: hits[area] / incidents / share[area] if incidents else None for area in AREAS_SQ_MI},
        pei={area: hits[area] / best[area] if incidents else None for area in AREAS_SQ_MI},
    )
