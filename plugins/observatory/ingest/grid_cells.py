"""Derive the cells of a city's grid from its zones."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

import polars as pl

from observatory import grid
from observatory.contracts import CONTRACTS
from observatory.contracts.cell import cell_records
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.warehouse.load import Load, loading
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.territory.city import Territory

GRID_FEED = "grid"


NO_REJECTS = pl.DataFrame(schema=REJECTED)


def lay_grid(url: sa.URL, territory: Territory, window: Window) -> LoadResult | None:
    """Derive the city's cells from its loaded zones; unchanged zones give unchanged cells.

    Returns:
        The counts of the load; None if no city boundary is loaded yet.
    """
    feed = LoadWindow(
        territory.code, GRID_FEED, CONTRACTS["cell"], window, is_complete=True, tolerated_withdrawal_share=1.0
    )
    with loading(url, feed) as load:
        # read under the load's lock, so that of two concurrent zone feeds the second sees the zones of both
        zones = _current_zones(load, territory.code)
        city = zones.filter(pl.col("zone_type") == "city").sort("known_at").tail(1)
        if city.is_empty():
            return None
        districts = zones.filter(pl.col("zone_type") == "district")
        cells = grid.cells_in(
            city["geometry_wkt"].item(),
            epsg=territory.grid.epsg,
            cell_size_m=territory.grid.cell_size_m,
            districts=dict(districts.select("zone_code", "geometry_wkt").iter_rows()),
        )
        load.add(cell_records(cells, cast("datetime", zones["known_at"].max()), territory.grid.cell_size_m), NO_REJECTS)
    return load.result


def _current_zones(load: Load, territory_code: str) -> pl.DataFrame:
    return load.query(
        """
        select distinct on (feed_id, source_record_id) zone_type, zone_code, geometry_wkt, known_at, is_withdrawn
        from raw.zone where territory_code = $1
        order by feed_id, source_record_id, version_number desc
        """,
        territory_code,
    ).filter(~pl.col("is_withdrawn"))
