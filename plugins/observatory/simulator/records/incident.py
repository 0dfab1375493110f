"""Incidents as the city's police log has them: entered late, some corrected, some withdrawn."""

from __future__ import annotations

from datetime import date

import polars as pl

from observatory.simulator.records import incident_table
from observatory.simulator.world.clock import to_utc
from observatory.simulator.world.simulation import Simulation

_NAMES = {
    "incident_id": "source_record_id",
    "category": "source_category_code",
    "description": "description",
    "occurred_at": "occurred_from",
    "ended_at": "occurred_to",
    "reported_at": "reported_at",
    "longitude": "longitude_deg",
    "latitude": "latitude_deg",
    "district": "district_code",
}


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the records of the local days ``[first_day, end_day)``; see the package."""
    city = incident_table.simulate(
        seed=simulation.seed,
        population=simulation.population,
        start=max(first_day, simulation.first_day),
        end=end_day,
        truth=simulation.truth,
    )
    until = pl.min_horizontal("corrected_at", "withdrawn_at")
    mistaken = city.mistaken.with_columns(shown_from="updated_at", shown_until=until)
    right = city.records.with_columns(
        shown_from=pl.coalesce("corrected_at", "updated_at"), shown_until="withdrawn_at"
    ).filter((pl.col("shown_from") < pl.col("shown_until")).fill_null(value=True))
    times = pl.col("occurred_from", "occurred_to", "reported_at", "shown_from", "shown_until")
    rows = pl.concat([right, mistaken]).rename(_NAMES).with_columns(to_utc(times))
    return rows.select(*_NAMES.values(), "shown_from", "shown_until").sort("source_record_id", "shown_from")
