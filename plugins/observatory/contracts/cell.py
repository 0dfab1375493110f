"""Cells: the squares of the city, derived from its boundary and districts (``grid.cells_in``), not delivered."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Kind, Moment
from observatory.grid import CELL_ID_PATTERN


class Cell(pa.DataFrameModel):
    """One square of the grid whose centre lies in the city."""

    source_record_id: str
    published_at: Moment = pa.Field(nullable=True)
    known_at: Moment
    cell_id: str = pa.Field(str_matches=CELL_ID_PATTERN)
    district_code: str = pa.Field(nullable=True)
    longitude_deg: float = pa.Field(in_range={"min_value": -180, "max_value": 180})
    latitude_deg: float = pa.Field(in_range={"min_value": -90, "max_value": 90})
    easting_m: float
    northing_m: float
    cell_size_m: pl.Int32 = pa.Field(gt=0)
    epsg: pl.Int32 = pa.Field(gt=0)

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True


KIND = Kind("cell", Cell)
