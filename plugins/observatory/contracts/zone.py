"""Zones: the boundary of the city, its districts and quarters."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandera.polars as pa
import polars as pl
import shapely

from observatory import grid
from observatory.contracts.base import UTC_TIME, Contract, Standing
from observatory.kinds import KINDS
from observatory.window import local_midnight

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_ALWAYS = date(1970, 1, 1)


class Zone(Standing):
    """One zone, with its area in WGS 84."""

    zone_type: str = pa.Field(isin=["city", "district", "quarter"])
    zone_code: str
    zone_name: str
    geometry_wkt: str
    area_km2: float = pa.Field(gt=0)

    @pa.check("geometry_wkt", error="an area")
    def _is_area(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("geometry_wkt").str.contains(r"^(MULTI)?POLYGON \("))


def measure(values: pl.DataFrame, territory: Territory, feed: FeedSettings) -> pl.DataFrame:
    """Compute the area of each zone in km², in the grid's reference system; without a code it is the city itself.

    A zone counts as known since the feed's ``history_start``, or always without one: a city is older than its file.
    """
    areas = shapely.from_wkt(values["geometry_wkt"].to_numpy())
    plane = shapely.transform(areas, lambda xy: np.column_stack(grid.project(xy[:, 0], xy[:, 1], territory.grid.epsg)))
    own = {"zone_code": territory.code, "zone_name": territory.name}
    known_at = local_midnight(feed.history_start or _ALWAYS, territory.timezone)
    return values.with_columns(
        *(pl.lit(text).alias(name) for name, text in own.items() if name not in values.columns),
        area_km2=pl.Series((shapely.area(plane) / 1e6).round(6)).fill_nan(None),
        location_method=pl.lit("zone"),
        occurred_precision=pl.lit("day"),
        known_at=pl.lit(known_at).cast(UTC_TIME),
    )


CONTRACT = Contract(
    KINDS["zone"],
    Zone,
    natural_key=("zone_type", "zone_code"),
    rule=measure,
    completes=frozenset({"zone_code", "zone_name", "area_km2"}),
)
