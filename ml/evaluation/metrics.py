"""Metrics of a forecast: hit rate, PAI, PEI, Poisson deviance and information gain per incident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import gammaln, xlogy

AREA_PERCENTS = (1, 2, 5)
_TIE_SEED = 7
# least expected count of a cell: an incident where a method expected less costs no more than this
_FLOOR = 1e-12


def risk_order(expected: np.ndarray, day: date) -> np.ndarray:
    """Cells from the highest expected count to the lowest; ties in a random order drawn for the day."""
    random = np.random.default_rng([_TIE_SEED, day.toordinal()])
    return np.lexsort((random.permutation(len(expected)), -expected))


@dataclass(frozen=True)
class DayScore:
    """One method on one day; sums over the cells, so that days add up.

    Attributes:
        hits: area percent -> incidents in the flagged cells.
        best_hits: area percent -> incidents in as many cells, flagged in hindsight.
        flagged: area percent -> flagged cells.
    """

    cell_count: int
    incident_count: int
    expected_count: float
    poisson_deviance: float
    log_score: float
    flat_log_score: float
    hits: dict[int, int]
    best_hits: dict[int, int]
    flagged: dict[int, int]


def score_day(expected: np.ndarray, flat: np.ndarray, observed: np.ndarray, day: date) -> DayScore:
    """Score one day's map.

    Args:
        expected: (cells,) expected counts.
        flat: (cells,) expected counts of the flat map at the mean of the last 28 days.
        observed: (cells,) what happened.
        day: the local day; ties are broken in an order drawn for it.
    """
    in_order = observed[risk_order(expected, day)].cumsum()
    in_hindsight = np.sort(observed)[::-1].cumsum()
    flagged = {percent: max(1, round(len(observed) * percent / 100)) for percent in AREA_PERCENTS}
    return DayScore(
        cell_count=len(observed),
        incident_count=int(observed.sum()),
        expected_count=float(expected.sum()),
        poisson_deviance=poisson_deviance(expected, observed),
        log_score=poisson_log_score(expected, observed),
        flat_log_score=poisson_log_score(flat, observed),
        hits={percent: int(in_order[count - 1]) for percent, count in flagged.items()},
        best_hits={percent: int(in_hindsight[count - 1]) for percent, count in flagged.items()},
        flagged=flagged,
    )


def poisson_log_score(expected: np.ndarray, observed: np.ndarray) -> float:
    """Log-likelihood of the counts, nats."""
    mean = np.maximum(expected, _FLOOR)
    return float(np.sum(xlogy(observed, mean) - mean - gammaln(observed + 1.0)))


def poisson_deviance(expected: np.ndarray, observed: np.ndarray) -> float:
    """Twice the log-likelihood lost against a map that equals the counts."""
    mean = np.maximum(expected, _FLOOR)
    return float(2.0 * np.sum(xlogy(observed, np.maximum(observed, 1.0) / mean) - (observed - mean)))


@dataclass(frozen=True)
class Metrics:
    """One method over many days, pooled.

    Attributes:
        information_gain: nats per incident over the flat map; None without incidents.
        hit_rate, pai, pei: area percent -> value; None without incidents. PAI is the hit rate over the share of the
            area (Chainey, Tompson & Uhlig 2008), PEI is PAI over the best possible PAI of that area (Hunt 2016).
    """

    days: int
    incident_count: int
    expected_count: float
    poisson_deviance: float
    information_gain: float | None
    hit_rate: dict[int, float | None]
    pai: dict[int, float | None]
    pei: dict[int, float | None]


def pool(scores: Iterable[DayScore]) -> Metrics:
    """Pool the scores of several days: sums first, ratios last."""
    days = list(scores)
    incidents = sum(day.incident_count for day in days)
    gained = sum(day.log_score - day.flat_log_score for day in days)
    hits = {p: sum(day.hits[p] for day in days) for p in AREA_PERCENTS}
    best = {p: sum(day.best_hits[p] for day in days) for p in AREA_PERCENTS}
    cells = sum(day.cell_count for day in days)
    area = {p: sum(day.flagged[p] for day in days) / cells if cells else 0.0 for p in AREA_PERCENTS}
    return Metrics(
        days=len(days),
        incident_count=incidents,
        expected_count=sum(day.expected_count for day in days),
        poisson_deviance=sum(day.poisson_deviance for day in days),
        information_gain=gained / incidents if incidents else None,
        hit_rate={p: hits[p] / incidents if incidents else None for p in AREA_PERCENTS},
        pai={p: hits[p] / incidents / area[p] if incidents else None for p in AREA_PERCENTS},
        pei={p: hits[p] / best[p] if incidents else None for p in AREA_PERCENTS},
    )
