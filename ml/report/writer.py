"""Write the report of a backtest: tables, figures, a map, and one page with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ml.evaluation.assessment import Assessment, MethodAssessment
from ml.evaluation.backtest import DayForecast
from ml.evaluation.metrics import risk_order
from ml.files.city import FileCity
from ml.models.registry import OURS
from ml.panel.history import midnight
from ml.panel.panel import Panel
from ml.report import figures
from ml.report.map import draw
from ml.report.page import page

_STEPS = 100


class Report:
    """Collects what the assessment does not: the share of incidents found by area, and the last map.

    Args:
        city: the city read from files.
        panel: the observed incidents.
    """

    def __init__(self, city: FileCity, panel: Panel) -> None:
        self._city, self._panel = city, panel
        self._found: dict[str, np.ndarray] = {}
        self._last: DayForecast | None = None

    def add(self, made: DayForecast, observed: np.ndarray) -> None:
        """Add one forecast and the observed counts, (cells,)."""
        order = risk_order(made.expected, made.day)
        ends = np.rint(np.arange(1, _STEPS + 1) / _STEPS * len(order)).astype(int)
        found = observed[order].cumsum()[ends - 1]
        self._found[made.method] = self._found.get(made.method, 0.0) + found
        if made.method == OURS or self._last is None or self._last.method != OURS:
            self._last = made

    def write(self, folder: Path, title: str, assessment: Assessment, notes: Sequence[str]) -> None:
        """Write the tables as CSV, the figures as PNG, and ``report.html`` that holds them.

        Args:
            folder: an existing folder.
            title: what was tested.
            assessment: of every method.
            notes: what a reader should know about the data.
        """
        assessments, differences = assessment.by_method(), assessment.differences(OURS)
        tables = {
            "scores": pl.DataFrame([_row(assessment) for assessment in assessments], infer_schema_length=None),
            "differences": pl.DataFrame(list(differences), infer_schema_length=None),
            "hit_rate": self._hit_rates(),
            "calibration": pl.concat(
                evidence.calibration.tenths().select(pl.lit(method).alias("method"), pl.all())
                for method, evidence in assessment.evidence.items()
            ),
            "pit": pl.DataFrame(_pit_rows(assessments), infer_schema_length=None),
        }
        for name, table in tables.items():
            table.write_csv(folder / f"{name}.csv")
        shown = next((assessment for assessment in assessments if assessment.method == OURS), assessments[0])
        drawn = [
            figures.hit_rates(tables["hit_rate"], folder / "hit_rate.png"),
            figures.calibration(tables["calibration"], folder / "calibration.png"),
            figures.pit_histograms(shown, folder / "pit.png"),
            self._map(folder / "map.png", title),
        ]
        if differences:
            drawn.insert(0, figures.differences(differences, folder / "differences.png"))
        text = page(
            title, assessments, differences, notes, drawn, districts_are_squares=self._city.districts.are_squares
        )
        (folder / "report.html").write_text(text, encoding="utf-8")

    def _hit_rates(self) -> pl.DataFrame:
        area = np.arange(1, _STEPS + 1)
        return pl.concat(
            pl.DataFrame({"area_percent": area, "found_percent": 100 * found / max(found[-1], 1)}).select(
                pl.lit(method).alias("method"), pl.all()
            )
            for method, found in self._found.items()
        )

    def _map(self, path: Path, title: str) -> Path:
        assert self._last is not None, "a backtest has at least one day"  # noqa: S101
        expected = pl.DataFrame({"cell_id": self._panel.cells.cell_id, "expected_count": self._last.expected})
        return draw(
            self._city.cells.join(expected, on="cell_id"),
            path,
            territory_name=self._last.method,
            category_group=title.split(",", maxsplit=1)[0],
            day=self._last.day,
            data_as_of=midnight(self._last.day, "UTC"),
            is_simulated=False,
        )


def _row(assessment: MethodAssessment) -> dict[str, Any]:
    metrics = assessment.metrics
    shares = {"hit_rate": metrics.hit_rate, "pai": metrics.pai, "pei": metrics.pei}
    return {
        "method": assessment.method,
        "days": metrics.days,
        "incidents": metrics.incident_count,
        "expected": metrics.expected_count,
        "total_ratio": assessment.total_ratio,
        "information_gain": metrics.information_gain,
        "poisson_deviance": metrics.poisson_deviance,
        **{f"{name}_{percent}": value for name, found in shares.items() for percent, value in found.items()},
        "decile_error": assessment.decile_error,
        "decile_error_by_chance": assessment.error_by_chance,
        "pit_p_volume": assessment.volume_p.randomised,
        "pit_p_volume_averaged": assessment.volume_p.averaged,
        "pit_p_district": assessment.district_p.randomised,
        "pit_p_district_averaged": assessment.district_p.averaged,
        "district_days": assessment.district_coverage.count,
        "coverage_district": assessment.district_coverage.covered,
        "coverage_district_promised": assessment.district_coverage.promised,
        "coverage_city": assessment.city_coverage.covered,
        "coverage_city_promised": assessment.city_coverage.promised,
    }


def _pit_rows(assessments: Sequence[MethodAssessment]) -> list[dict[str, Any]]:
    return [
        {
            "method": assessment.method,
            "kind": kind,
            "stratum": row.stratum,
            "cell_days": row.cell_days,
            "incidents": row.incident_count,
            "distance": row.distance,
            "p_value": row.p_value,
            "p_value_averaged": row.sharp_p_value,
            **{f"bin_{number}": share for number, share in enumerate(row.histogram, 1)},
        }
        for assessment in assessments
        for kind, rows in (("volume", assessment.volumes), ("district", assessment.districts))
        for row in rows
    ]
