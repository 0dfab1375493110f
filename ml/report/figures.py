"""Figures of a backtest: incidents found by area, calibration, PIT, differences with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.evaluation.assessment import MethodAssessment
from ml.evaluation.bootstrap import Difference
from ml.evaluation.pit import BINS
from ml.models.registry import OURS

_DPI = 110
_MOST_STRATA = 12
_NAMES = {"information_gain": "information gain, nats per incident"}


def hit_rates(table: pl.DataFrame, path: Path) -> Path:
    """Share of the incidents found by share of the area flagged: ``method, area_percent, found_percent``."""
    figure, axes = _figure(8, 4.8)
    _lines(axes, table.filter(pl.col("area_percent") <= 30), "area_percent", "found_percent")
    axes.set(xlabel="% of the area, highest risk first", ylabel="% of the incidents", xlim=(0, 30), ylim=(0, None))
    return _save(figure, path)


def calibration(table: pl.DataFrame, path: Path) -> Path:
    """Observed over expected by tenth of risk: ``method, tenth, expected, observed``."""
    figure, axes = _figure(8, 4.8)
    ratios = table.with_columns(ratio=pl.col("observed") / pl.col("expected"))
    _lines(axes, ratios, "tenth", "ratio")
    axes.axhline(1.0, color="grey", lw=0.8)
    top = min(2.5, max(1.2, float(ratios["ratio"].fill_nan(1.0).max() or 1.0)))  # type: ignore[arg-type]
    axes.set(
        xlabel="tenth of the incidents expected, highest risk first",
        ylabel="incidents observed / expected",
        xticks=range(1, 11),
        ylim=(0, top * 1.05),
    )
    return _save(figure, path)


def pit_histograms(assessment: MethodAssessment, path: Path) -> Path:
    """PIT of one method, one panel per volume class and for the busiest districts; flat is correct."""
    busiest = sorted(assessment.districts, key=lambda row: -row.incident_count)
    rows = [*assessment.volumes, *busiest][:_MOST_STRATA]
    columns = 4
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(10, 0.6 + 1.9 * lines), dpi=_DPI)
    FigureCanvasAgg(figure)
    for number, row in enumerate(rows):
        axes = figure.add_subplot(lines, columns, number + 1)
        # the departure from uniform is drawn, which would be invisible beside the shares themselves
        axes.bar(
            np.arange(BINS) / BINS + 0.5 / BINS, 100 * (np.array(row.histogram) * BINS - 1), 1 / BINS, color="#3b6ea5"
        )
        axes.axhline(0.0, color="grey", lw=0.8)
        limit = max(1.0, *(abs(100 * (share * BINS - 1)) for share in row.histogram)) * 1.1
        chance = "not assessed" if row.p_value is None else f"p = {row.p_value:.3f}"
        axes.set(ylim=(-limit, limit), xticks=[0, 0.5, 1])
        axes.set_title(f"{row.stratum}\n{row.incident_count} incidents, {chance}", fontsize=7)
        axes.tick_params(labelsize=7)
    figure.supylabel("% more or fewer than uniform", fontsize=8)
    figure.suptitle(f"{assessment.method}: randomised PIT", fontsize=9)
    return _save(figure, path)


def differences(rows: Sequence[Difference], path: Path) -> Path:
    """Ours minus each other method in every metric, with 95 % intervals."""
    metrics, methods = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("metric", "method"))
    figure = Figure(figsize=(10, 1.2 + 0.28 * len(methods)), dpi=_DPI)
    FigureCanvasAgg(figure)
    for number, metric in enumerate(metrics):
        axes = figure.add_subplot(1, len(metrics), number + 1)
        own = [row for row in rows if row.metric == metric]
        for place, row in enumerate(own):
            low, high = (row.estimate if end is None else end for end in (row.lower, row.upper))
            axes.plot([low, high], [place, place], color="#3b6ea5", lw=2)
            axes.plot(row.estimate, place, "o", color="#3b6ea5", ms=4)
        axes.axvline(0.0, color="grey", lw=0.8)
        axes.set_yticks(range(len(own)), [row.method for row in own] if number == 0 else [""] * len(own), fontsize=7)
        axes.invert_yaxis()
        axes.set_title(_NAMES.get(metric, metric.replace("pai_", "PAI at ") + " %"), fontsize=8)
        axes.tick_params(labelsize=7)
    return _save(figure, path)


def _lines(axes: Axes, table: pl.DataFrame, x: str, y: str) -> None:
    """One line per method, ours on top."""
    colours = mpl.colormaps["tab20"]
    for number, (key, rows) in enumerate(table.group_by("method", maintain_order=True)):
        is_ours = key[0] == OURS
        axes.plot(
            rows[x],
            rows[y],
            label=str(key[0]),
            color="black" if is_ours else colours(number % 20),
            lw=2.2 if is_ours else 1.1,
            zorder=3 if is_ours else 2,
        )
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _save(figure: Figure, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None}, bbox_inches="tight")
    return path
