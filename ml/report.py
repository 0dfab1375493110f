"""What a backtest looked like: a table, the share of incidents found by area, calibration by risk, a map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.backtest import DayForecast
from ml.history import midnight
from ml.map import draw
from ml.measure import risk_order
from ml.methods import OURS
from ml.panel import Panel
from ml.summary import GroupScore

_STEPS = 100
_DECILES = 10


class Report:
    """Gathers curves while a backtest runs.

    Args:
        cells: one row per cell, for the map.
        panel: what happened.
    """

    def __init__(self, cells: pl.DataFrame, panel: Panel) -> None:
        self._cells, self._panel = cells, panel
        self._found: dict[str, np.ndarray] = {}
        self._deciles: dict[str, np.ndarray] = {}
        self._last: DayForecast | None = None

    def add(self, made: DayForecast) -> None:
        """Take one forecast in."""
        observed, order = self._panel.counts(made.day), risk_order(made.expected, made.day)
        ends = np.rint(np.arange(1, _STEPS + 1) / _STEPS * len(order)).astype(int)
        found = observed[order].cumsum()[ends - 1]
        parts = np.array_split(order, _DECILES)
        deciles = np.array([[made.expected[part].sum(), observed[part].sum()] for part in parts])
        self._found[made.method] = self._found.get(made.method, 0.0) + found
        self._deciles[made.method] = self._deciles.get(made.method, 0.0) + deciles
        if made.method == OURS:
            self._last = made

    def write(self, folder: Path, category: str, scores: Sequence[GroupScore]) -> None:
        """Write ``scores.csv``, ``curves.png`` and, where ours was run, ``map.png`` of its last day."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            {"method": row.method, "days": row.days, "incidents": row.incident_count, "expected": row.expected_count}
            | {"information_gain": row.information_gain}
            | {f"{name}_{area}": v for name, found in (("pai", row.pai), ("pei", row.pei)) for area, v in found.items()}
            for row in scores
        ]
        pl.DataFrame(rows).write_csv(folder / "scores.csv")
        figure = Figure(figsize=(11, 4.5), dpi=130)
        FigureCanvasAgg(figure)
        hits, calibration = figure.subplots(1, 2)
        self._draw_hits(hits)
        self._draw_calibration(calibration)
        figure.suptitle(category)
        figure.tight_layout()
        figure.savefig(folder / "curves.png", metadata={"Software": None})
        if self._last is not None:
            expected = pl.DataFrame({"cell_id": self._panel.cells.cell_id, "expected_count": self._last.expected})
            draw(
                self._cells.join(expected, on="cell_id"),
                folder / "map.png",
                territory_name="Backtest",
                category_group=category,
                day=self._last.day,
                data_as_of=midnight(self._last.day, "UTC"),
                is_simulated=False,
            )

    def _draw_hits(self, axes: Axes) -> None:
        area = np.arange(1, _STEPS + 1)
        for method, found in self._found.items():
            axes.plot(area, 100 * found / max(found[-1], 1), label=method)
        axes.set(xlabel="% of the area, highest risk first", ylabel="% of the incidents", xlim=(0, 30))
        axes.legend(fontsize=8)

    def _draw_calibration(self, axes: Axes) -> None:
        for method, sums in self._deciles.items():
            axes.plot(np.maximum(sums[:, 0], 0.5), np.maximum(sums[:, 1], 0.5), "o-", ms=3, label=method)
        limits = axes.get_xlim()
        axes.plot(limits, limits, color="grey", lw=0.8)
        axes.set(xscale="log", yscale="log", xlabel="incidents expected, by tenth of risk", ylabel="incidents observed")
