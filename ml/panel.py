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

TARGET = "target"
OTHER = "other"


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
                came=f"{frame.height} cells of sizes {sorted(sizes)} m",
                expected="at least one cell, all of one size",
                todo="Check the boundary, the grid's EPSG code and its cell size.",
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
        layers: name -> (days, cells) sparse counts; ``target`` is what is forecast, the others are only looked at.
    """

    cells: Cells
    first_day: date
    layers: Mapping[str, csr_matrix]

    @classmethod
    def from_counts(cls, cells: Cells, counts: Mapping[str, pl.DataFrame], first_day: date, end_day: date) -> Panel:
        """Build the panel of ``[first_day, end_day)``.

        Args:
            cells: the cells; counts of other cells are left out.
            counts: layer -> frame of ``cell_id, occurred_date, incident_count``.
            first_day: first local day.
            end_day: first local day after the panel.
        """
        layers = {name: _matrix(cells, frame, first_day, end_day) for name, frame in counts.items()}
        return cls(cells, first_day, layers)

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
        """The panel as if it ended before ``end_day``; what comes later cannot be seen through it."""
        rows = min(max(self.index(end_day), 0), self.days)
        return Panel(self.cells, self.first_day, {name: matrix[:rows] for name, matrix in self.layers.items()})

    def fingerprint(self) -> str:
        """Hash of everything a model can learn from: days, cells and counts."""
        digest = hashlib.sha256(f"{self.first_day}/{self.days}/{self.cells.size_m}".encode())
        digest.update("\n".join(self.cells.cell_id).encode())
        for name, matrix in sorted(self.layers.items()):
            digest.update(name.encode())
            for part in (matrix.indptr, matrix.indices, matrix.data):
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def span(days: pl.Series) -> tuple[date, date] | None:
    """First and last day; None where there is none."""
    first, last = days.min(), days.max()
    return (first, last) if isinstance(first, date) and isinstance(last, date) else None


def _matrix(cells: Cells, frame: pl.DataFrame, first_day: date, end_day: date) -> csr_matrix:
    days = max((end_day - first_day).days, 0)
    inside = frame.filter(pl.col("occurred_date").is_between(first_day, end_day, closed="left"))
    col = cells.index(inside["cell_id"])
    row = (inside["occurred_date"] - first_day).dt.total_days().to_numpy()
    count = inside["incident_count"].to_numpy().astype(np.float64)
    located = col >= 0
    matrix = csr_matrix((count[located], (row[located], col[located])), shape=(days, len(cells)))
    matrix.sum_duplicates()
    matrix.sort_indices()
    return matrix
