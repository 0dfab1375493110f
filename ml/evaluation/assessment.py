"""Assess each method of a backtest: scores, calibration of its counts and of its uncertainty, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np

from ml.evaluation.backtest import DayForecast
from ml.evaluation.bootstrap import Difference, Resamples, differences
from ml.evaluation.calibration import Calibration
from ml.evaluation.metrics import DayScore, Metrics, pool
from ml.evaluation.pit import VOLUME_EDGES, VOLUME_NAMES, PitTable, Uniformity, pit_of, smallest_adjusted
from ml.models.distribution import Counts
from ml.panel.districts import Districts

LEAST_MEAN = 5.0


@dataclass(frozen=True)
class Coverage:
    """How often sums over an area lay in their 80 % interval, among those with a mean of 5 or more.

    Attributes:
        count: number of sums.
        covered: share that lay inside; None without any sum.
        promised: share that the distribution itself puts inside; above 0.8 because counts are whole numbers.
    """

    count: int
    covered: float | None
    promised: float | None


class PValues(NamedTuple):
    """P-values of the randomised PIT, and of the PIT averaged over its randomisation, which detects smaller errors."""

    randomised: float | None
    averaged: float | None

    @classmethod
    def smallest(cls, rows: Sequence[Uniformity]) -> Self:
        """The smallest over strata, each adjusted for their number."""
        return cls(smallest_adjusted(row.p_value for row in rows), smallest_adjusted(row.sharp_p_value for row in rows))

    def __str__(self) -> str:
        if self.randomised is None or self.averaged is None:
            return "-"
        return f"{self.randomised:.3f} ({self.averaged:.3f})"


@dataclass(frozen=True)
class MethodAssessment:
    """One method over the days of a backtest.

    Attributes:
        total_ratio: expected over observed incidents; None without incidents.
        decile_error, error_by_chance: see :class:`ml.evaluation.calibration.Calibration`.
        volumes, districts: uniformity of the PIT by the cell's expected count and by district.
        district_coverage, city_coverage: of sums over a district and over the city.
    """

    method: str
    metrics: Metrics
    total_ratio: float | None
    decile_error: float | None
    error_by_chance: float | None
    volumes: tuple[Uniformity, ...]
    districts: tuple[Uniformity, ...]
    district_coverage: Coverage
    city_coverage: Coverage

    @property
    def volume_p(self) -> PValues:
        """Smallest over the volume classes, adjusted for their number."""
        return PValues.smallest(self.volumes)

    @property
    def district_p(self) -> PValues:
        """Smallest over the districts, adjusted for their number."""
        return PValues.smallest(self.districts)


@dataclass
class _Sums:
    """Running totals of coverage."""

    count: int = 0
    covered: int = 0
    promised: float = 0.0

    def add(self, counts: Counts, observed: np.ndarray) -> None:
        large = counts.mean >= LEAST_MEAN
        sums, seen = Counts(counts.mean[large], counts.dispersion[large]), observed[large]
        lower, upper = sums.interval_80()
        self.count += len(seen)
        self.covered += int(np.sum((lower <= seen) & (seen <= upper)))
        self.promised += float(np.sum(sums.cdf(upper) - sums.cdf(lower - 1)))

    def coverage(self) -> Coverage:
        if not self.count:
            return Coverage(0, None, None)
        return Coverage(self.count, self.covered / self.count, self.promised / self.count)


@dataclass
class Evidence:
    """Results of one method, collected day by day."""

    district_names: tuple[str, ...]
    scores: list[DayScore] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)
    in_districts: _Sums = field(default_factory=_Sums)
    in_city: _Sums = field(default_factory=_Sums)

    def __post_init__(self) -> None:
        self.volumes = PitTable("expected incidents per cell and day", VOLUME_NAMES)
        self.districts = PitTable("district", self.district_names)


class Assessment:
    """Collects the forecasts of a backtest and assesses every method.

    Args:
        districts: which district each cell lies in.
    """

    def __init__(self, districts: Districts) -> None:
        self._districts = districts
        self._resamples = Resamples()
        self.evidence: dict[str, Evidence] = {}

    def add(self, made: DayForecast, observed: np.ndarray) -> None:
        """Add one method's forecast of one day and the observed counts, (cells,)."""
        evidence = self.evidence.setdefault(made.method, Evidence(self._districts.names))
        evidence.scores.append(made.score)
        evidence.calibration.add(made.expected, observed)
        pit = pit_of(Counts.of_cells(made.expected, made.spread), observed, made.day)
        evidence.volumes.add(pit, np.searchsorted(VOLUME_EDGES, made.expected, side="right"), observed)
        district, inside = self._districts.of_cell, self._districts.of_cell >= 0
        evidence.districts.add(pit, district, observed)
        for sums, group, groups, rows in (
            (evidence.in_districts, district[inside], len(self._districts.names), inside),
            (evidence.in_city, np.zeros(len(district), dtype=np.int64), 1, slice(None)),
        ):
            counts = Counts.of_sums(made.expected[rows], made.spread, group, groups)
            sums.add(counts, np.bincount(group, observed[rows], groups))

    def by_method(self) -> tuple[MethodAssessment, ...]:
        """One assessment per method, in the order in which they were added."""
        return tuple(_assess(method, evidence, self._resamples) for method, evidence in self.evidence.items())

    def differences(self, ours: str) -> list[Difference]:
        """Ours minus each other method; empty where ours was not run."""
        if ours not in self.evidence:
            return []
        own = self.evidence[ours].scores
        others = ((method, found.scores) for method, found in self.evidence.items() if method != ours)
        return [row for method, scores in others for row in differences(own, method, scores, self._resamples)]


def _assess(method: str, evidence: Evidence, resamples: Resamples) -> MethodAssessment:
    metrics = pool(evidence.scores)
    observed = metrics.incident_count
    return MethodAssessment(
        method=method,
        metrics=metrics,
        total_ratio=metrics.expected_count / observed if observed else None,
        decile_error=evidence.calibration.decile_error(),
        error_by_chance=evidence.calibration.error_by_chance(),
        volumes=tuple(evidence.volumes.uniformity(resamples)),
        districts=tuple(evidence.districts.uniformity(resamples)),
        district_coverage=evidence.in_districts.coverage(),
        city_coverage=evidence.in_city.coverage(),
    )
