"""The hotspot map of a day, as a picture."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.panel.panel import Cells

_DPI = 130
_TOP_SHARE = 0.01
_CITY_GREY = "#ececec"


def draw(
    forecast: pl.DataFrame,
    path: Path,
    *,
    territory_name: str,
    category_group: str,
    day: date,
    data_as_of: datetime,
    is_simulated: bool,
) -> Path:
    """Draw expected incidents per cell, the highest 1 % of cells outlined.

    Args:
        forecast: ``cell_id, easting_m, northing_m, cell_size_m, expected_count``, one row per cell.
        path: PNG to write.
        territory_name: city, for the title.
        category_group: what is forecast, for the title.
        day: local day forecast.
        data_as_of: end of the data behind it.
        is_simulated: whether to say SIMULATED.

    Returns:
        ``path``.
    """
    cells = Cells.from_frame(forecast)
    expected = forecast.sort("cell_id")["expected_count"].to_numpy()
    raster = np.full(cells.shape, np.nan)
    raster[cells.row, cells.col] = expected
    figure = Figure(figsize=(7.5, 1.2 + 7.0 * min(1.6, cells.shape[0] / cells.shape[1])), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = mpl.colormaps["YlOrRd"].with_extremes(bad="white", under=_CITY_GREY)
    scale = mpl.colors.PowerNorm(0.5, vmin=0.0, vmax=float(np.quantile(expected, 0.999)) or 1.0)
    kilometres = np.array([0, cells.shape[1], 0, cells.shape[0]]) * cells.size_m / 1000
    image = axes.imshow(raster, origin="lower", extent=tuple(kilometres), cmap=colours, norm=scale)
    top = np.argsort(-expected, kind="stable")[: max(1, round(_TOP_SHARE * len(cells)))]
    axes.scatter(
        (cells.col[top] + 0.5) * cells.size_m / 1000,
        (cells.row[top] + 0.5) * cells.size_m / 1000,
        s=14,
        facecolors="none",
        edgecolors="black",
        linewidths=0.6,
        label=f"highest {_TOP_SHARE:.0%} of cells",
    )
    simulated = "SIMULATED: " if is_simulated else ""
    axes.set_title(
        f"{simulated}{territory_name}, {day:%A %d %B %Y}\n{category_group}: {expected.sum():.3g} incidents expected; "
        f"data as of {data_as_of:%Y-%m-%d %H:%M} UTC",
        fontsize=10,
    )
    axes.set_xlabel("kilometres east")
    axes.set_ylabel("kilometres north")
    axes.legend(loc="upper right", fontsize=8, frameon=False)
    figure.colorbar(image, ax=axes, shrink=0.7, label="expected incidents per cell and day")
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None}, bbox_inches="tight")
    return path
