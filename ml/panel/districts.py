"""Districts used to assess a forecast's uncertainty: the city's own, or squares of about 5 km."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from ml.panel.panel import Cells

SQUARE_M = 5000


@dataclass(frozen=True, eq=False)
class Districts:
    """Which district each cell lies in.

    Attributes:
        names: of the districts.
        of_cell: (cells,) position in ``names``; -1 outside every district.
        are_squares: whether they are squares, used where the city's own districts are not given.
    """

    names: tuple[str, ...]
    of_cell: np.ndarray
    are_squares: bool

    @classmethod
    def from_codes(cls, cells: Cells, frame: pl.DataFrame) -> Self:
        """Take the ``district_code`` of each ``cell_id``, as :func:`observatory.grid.cells_in` gives them."""
        names = frame["district_code"].drop_nulls().unique().sort()
        position = pl.DataFrame({"district_code": names, "position": np.arange(len(names))})
        numbered = frame.join(position, on="district_code", how="left").select("cell_id", "position")
        ordered = pl.DataFrame({"cell_id": cells.cell_id}).join(
            numbered, on="cell_id", how="left", maintain_order="left"
        )
        return cls(tuple(names), ordered["position"].fill_null(-1).to_numpy(), are_squares=False)

    @classmethod
    def squares(cls, cells: Cells, side_m: int = SQUARE_M) -> Self:
        """Cut the raster into squares, numbered from the south-west."""
        per_side = max(1, round(side_m / cells.size_m))
        columns = -(-cells.shape[1] // per_side)
        number = (cells.row // per_side) * columns + cells.col // per_side
        used, of_cell = np.unique(number, return_inverse=True)
        names = tuple(f"row {square // columns + 1}, column {square % columns + 1}" for square in used)
        return cls(names, of_cell.astype(np.int64), are_squares=True)
