"""Barriers and staff planned for matches, markets and large events; published again when a match is moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from observatory.simulator.records import city_event
from observatory.simulator.world.simulation import Simulation

_KNOWN_DAYS = 7
_LARGE = 500
# Category of the event, measure, barriers and staff per 1,000 expected, hours before its beginning and after its end.
_MEASURES: Sequence[tuple[str, str, float, float, int, int]] = (
    ("match", "barriers", 12, 0, 4, 2),
    ("match", "stewards", 0, 8, 3, 1),
    ("match", "street_closure", 3, 1, 3, 1),
    ("market", "no_parking", 6, 1, 2, 1),
    ("concert", "security_staff", 0, 10, 2, 1),
    ("festival", "barriers", 15, 6, 3, 2),
)


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """The measures for events of the local days ``[first_day, end_day)``; see the package.

    Each follows the versions of its event from a week before it, and is no longer listed once the event is cancelled.
    """
    events = city_event.versions(simulation, first_day, end_day)
    events = events.filter((pl.col("category_code") != "concert") | (pl.col("expected_count") >= _LARGE))
    names = ("category_code", "measure_type", "barriers", "staff", "before", "after")
    foreseen = events.join(pl.DataFrame(_MEASURES, schema=names, orient="row"), on="category_code")
    thousands = pl.col("expected_count") / 1000
    measures = foreseen.select(
        source_record_id=pl.concat_str("source_record_id", "measure_type", separator="/"),
        event_code="source_record_id",
        measure_type="measure_type",
        barrier_count=(thousands * pl.col("barriers")).ceil().cast(pl.Int32),
        staff_count=(thousands * pl.col("staff")).ceil().cast(pl.Int32),
        occurred_from=pl.col("occurred_from") - pl.duration(hours="before"),
        occurred_to=pl.col("occurred_to") + pl.duration(hours="after"),
        longitude_deg="longitude_deg",
        latitude_deg="latitude_deg",
        shown_from=pl.max_horizontal("shown_from", pl.col("occurred_from") - pl.duration(days=_KNOWN_DAYS)),
        shown_until="shown_until",
        is_cancelled="is_cancelled",
    )
    is_shown = (pl.col("shown_until") > pl.col("shown_from")).fill_null(value=True) & ~pl.col("is_cancelled")
    return measures.filter(is_shown).drop("is_cancelled").sort("source_record_id", "shown_from")
