"""Targeted operations, declared some weeks before they start."""

from __future__ import annotations

from datetime import date

import polars as pl

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import moments
from observatory.simulator.world.simulation import Simulation

_DECLARED_MIN = 10 * 60


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """The operations that start on the local days ``[first_day, end_day)``; see the package."""
    city = build_city()
    starting = [
        (operation, *operation.period(year))
        for year in range(first_day.year, end_day.year + 1)
        for operation in simulation.parameters.operations
        if first_day <= operation.period(year)[0] < end_day
    ]
    schema = {"longitude_deg": pl.Float64, "latitude_deg": pl.Float64} | dict.fromkeys(
        ("source_record_id", "operation_type", "target_category_code", "geometry_wkt"), pl.String
    )
    rows = pl.DataFrame(
        [
            (
                *city.degrees(operation.east_m, operation.north_m),
                f"OP-{start.year}-{operation.code}",
                operation.operation_type,
                operation.target,
                city.circle_wkt(operation.east_m, operation.north_m, operation.radius_m),
            )
            for operation, start, _ in starting
        ],
        schema=schema,
        orient="row",
    )
    declared = moments([start.toordinal() - each.declared_days for each, start, _ in starting], _DECLARED_MIN)
    return rows.with_columns(
        reported_at=declared,
        occurred_from=moments([start.toordinal() for _, start, _ in starting], 0),
        occurred_to=moments([end.toordinal() for _, _, end in starting], 0),
        shown_from=declared,
        shown_until=pl.lit(None, declared.dtype),
    )
