"""The panel: incidents per cell and local day, held sparse, with the raster the cells lie on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from ml.errors import InputError
from ml.panel.context import Context

TARGET = "target"
OTHER = "other"
CATEGORY = "category:"
"""Prefix of a single category's layer."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a city on their raster, ordered by identifier.

    Attributes:
        cell_id: (n,) identifiers.
        row, col: (n,) place on the raster, south to north and west to east.
        shape: (rows, columns) of the raster.
        size_m: side of a cell, metres.
    """

    cell_id: np.ndarray
    row: np.ndarray
    col: np.ndarray
    shape: tuple[int, int]
    size_m: int

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Cells:
        """Read cells from columns ``cell_id, easting_m, northing_m, cell_size_m``.

        Raises:
            InputError: no cell, or cells of several sizes.
        """
        sizes = frame["cell_size_m"].unique().to_list()
        if len(sizes) != 1:
            raise InputError(
                "cells",
                found=f"{frame.height} cells of sizes {sorted(sizes)} m",
                expected="at least one cell, all of one size",
                action="Check the boundary, the grid's EPSG code and its cell size.",
            )
        ordered = frame.sort("cell_id")
        size = int(sizes[0])
        row = np.rint((ordered["northing_m"] - ordered["northing_m"].min()).to_numpy() / size).astype(np.int32)
        col = np.rint((ordered["easting_m"] - ordered["easting_m"].min()).to_numpy() / size).astype(np.int32)
        shape = (int(row.max()) + 1, int(col.max()) + 1)
        return cls(ordered["cell_id"].to_numpy(), row, col, shape, size)

    def __len__(self) -> int:
        return len(self.cell_id)

    def index(self, cell_id: pl.Series) -> np.ndarray:
        """Position of each identifier among the cells; -1 where it is none of them."""
        known = pl.DataFrame({"cell_id": self.cell_id, "position": np.arange(len(self), dtype=np.int64)})
        found = pl.DataFrame({"cell_id": cell_id}).join(known, on="cell_id", how="left", maintain_order="left")
        return found["position"].fill_null(-1).to_numpy()


@dataclass(frozen=True, eq=False)
class Panel:
    """Incident counts per local day and cell.

    Attributes:
        cells: where.
        first_day: local day of the first row.
        layers: name -> (days, cells) sparse counts; ``target`` is what is forecast, ``other`` and the single
            categories serve only as input.
        target_categories: layers of the categories the target is made of.
        context: what is known beside incidents, of days that may lie ahead.
    """

    cells: Cells
    first_day: date
    layers: Mapping[str, csr_matrix]
    target_categories: tuple[str, ...] = ()
    context: tuple[Context, ...] = ()

    @classmethod
    def from_counts(
        cls, cells: Cells, counts: pl.DataFrame, is_target: pl.Expr, first_day: date, end_day: date
    ) -> Panel:
        """Build the panel of ``[first_day, end_day)``.

        Args:
            cells: the cells; counts of other cells are left out.
            counts: frame of ``cell_id, occurred_date, category_code, incident_count``.
            is_target: which of its rows are forecast.
            first_day: first local day.
            end_day: first local day after the panel.
        """
        placed = counts.select(
            pl.Series("cell", cells.index(counts["cell_id"])),
            (pl.col("occurred_date") - pl.lit(first_day)).dt.total_days().alias("day"),
            pl.col("incident_count").cast(pl.Float64),
            pl.col("occurred_date", "category_code"),
            is_target.alias("is_target"),
        ).filter(pl.col("cell") >= 0, pl.col("occurred_date").is_between(first_day, end_day, closed="left"))
        shape = (max((end_day - first_day).days, 0), len(cells))
        targets = placed.filter("is_target")
        layers = {TARGET: _matrix(targets, shape), OTHER: _matrix(placed.filter(~pl.col("is_target")), shape)}
        single = placed.partition_by("category_code", as_dict=True)
        layers |= {f"{CATEGORY}{code}": _matrix(rows, shape) for (code,), rows in sorted(single.items())}
        codes = targets["category_code"].unique().sort().to_list()
        return cls(cells, first_day, layers, tuple(f"{CATEGORY}{code}" for code in codes))

    @property
    def days(self) -> int:
        """Number of local days."""
        return self.target.shape[0]

    @property
    def end_day(self) -> date:
        """First local day after the panel."""
        return self.first_day + timedelta(days=self.days)

    @property
    def target(self) -> csr_matrix:
        """Counts that are forecast, (days, cells)."""
        return self.layers[TARGET]

    @cached_property
    def totals(self) -> np.ndarray:
        """Located incidents of the target per day, (days,)."""
        return np.asarray(self.target.sum(axis=1)).ravel()

    def index(self, day: date) -> int:
        """Row of a local day; may lie outside the panel."""
        return (day - self.first_day).days

    def counts(self, day: date) -> np.ndarray:
        """The target's counts of one day, (cells,); zeros outside the panel."""
        index = self.index(day)
        if not 0 <= index < self.days:
            return np.zeros(len(self.cells))
        return self.target[index].toarray().ravel()

    def end_row(self, day: date, horizon_days: int) -> int:
        """First row that a forecast of ``day``, made ``horizon_days`` ahead, cannot see."""
        return min(max(self.index(day) - horizon_days + 1, 0), self.days)

    def mean_before(self, day: date, window_days: int, horizon_days: int) -> np.ndarray:
        """The target's mean daily counts of the last days a forecast of ``day`` can see, (cells,)."""
        end = self.end_row(day, horizon_days)
        begin = max(end - window_days, 0)
        return np.asarray(self.target[begin:end].sum(axis=0)).ravel() / max(end - begin, 1)

    def until(self, end_day: date) -> Panel:
        """The panel without the days from ``end_day`` on."""
        rows = min(max(self.index(end_day), 0), self.days)
        layers = {name: matrix[:rows] for name, matrix in self.layers.items()}
        return Panel(self.cells, self.first_day, layers, self.target_categories, self.context)

    def fingerprint(self) -> str:
        """Hash of everything a model can learn from: days, cells and counts."""
        digest = hashlib.sha256(f"{self.first_day}/{self.days}/{self.cells.size_m}".encode())
        digest.update("\n".join(self.cells.cell_id).encode())
        for name, matrix in sorted(self.layers.items()):
            digest.update(name.encode())
            for part in (matrix.indptr, matrix.indices, matrix.data):
                digest.update(np.ascontiguousarray(part).tobytes())
        for known in self.context:
            digest.update(f"{known.name}/{known.first_day}".encode())
            digest.update(np.ascontiguousarray(known.values).tobytes())
        return digest.hexdigest()


def span(days: pl.Series) -> tuple[date, date] | None:
    """First and last day; None where there is none."""
    first, last = days.min(), days.max()
    return (first, last) if isinstance(first, date) and isinstance(last, date) else None


def _matrix(placed: pl.DataFrame, shape: tuple[int, int]) -> csr_matrix:
    """Counts (days, cells) of the rows ``cell, day, incident_count``."""
    place = (placed["day"].to_numpy(), placed["cell"].to_numpy())
    matrix = csr_matrix((placed["incident_count"].to_numpy(), place), shape=shape)
    matrix.sum_duplicates()
    matrix.sort_indices()
    return matrix
