"""Incidents as the city's police log has them: reported, entered late, some corrected, some withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from observatory.simulator.world.city import City, build_city
from observatory.simulator.world.clock import UNIX_EPOCH_ORDINAL, on_local_clock, to_utc
from observatory.simulator.world.draws import Floats, Integers, Keys, choose, uniform
from observatory.simulator.world.incidents import Events, happen, is_reported
from observatory.simulator.world.occurrences import numbered
from observatory.simulator.world.parameters import Parameters
from observatory.simulator.world.simulation import Simulation

_COLUMNS = (
    "source_record_id", "source_category_code", "description", "occurred_from", "occurred_to", "reported_at",
    "longitude_deg", "latitude_deg", "district_code", "shown_from", "shown_until",
)  # fmt: skip
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, eq=False)
class PoliceLog:
    """The incidents of some days and their records, with the contract's column names and times on the local clock.

    Attributes:
        events: the incidents as they happened, in order of time.
        is_recorded: (events,) whether each was reported; the reported ones are row by row those of ``records``.
        records: the final version of every record, with ``entered_at``, ``corrected_at`` and ``withdrawn_at``.
        mistaken: the first, wrong version of every record that was corrected later.
    """

    events: Events
    is_recorded: np.ndarray
    records: pl.DataFrame
    mistaken: pl.DataFrame


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the records of the local days ``[first_day, end_day)``; see the package."""
    return versions_of(police_log(simulation, max(first_day, simulation.first_day), end_day))


def versions_of(log: PoliceLog) -> pl.DataFrame:
    """Every version of the records of a log, in UTC; see the package for the columns."""
    corrected_or_withdrawn = pl.min_horizontal("corrected_at", "withdrawn_at")
    mistaken = log.mistaken.with_columns(shown_from="entered_at", shown_until=corrected_or_withdrawn)
    right = log.records.with_columns(
        shown_from=pl.coalesce("corrected_at", "entered_at"), shown_until="withdrawn_at"
    ).filter((pl.col("shown_from") < pl.col("shown_until")).fill_null(value=True))
    times = pl.col("occurred_from", "occurred_to", "reported_at", "shown_from", "shown_until")
    rows = pl.concat([right, mistaken]).with_columns(to_utc(times))
    return rows.select(_COLUMNS).sort("source_record_id", "shown_from")


def police_log(simulation: Simulation, first_day: date, end_day: date) -> PoliceLog:
    """Simulate the incidents of the local days ``[first_day, end_day)`` and what the police record of them.

    A later end adds records and changes none.
    """
    parameters, city = simulation.parameters, build_city()
    events = happen(simulation, first_day, end_day)
    events = events.where(np.lexsort((events.key, events.minute, events.day)))
    is_recorded = is_reported(events, parameters, city)
    reported = events.where(is_recorded)
    records = _records(reported, parameters, city)
    is_mistaken = records["corrected_at"].is_not_null().to_numpy()
    mistaken = _mistaken(reported.where(is_mistaken), records.filter(is_mistaken), parameters, city)
    return PoliceLog(events, is_recorded, records, mistaken)


def _records(events: Events, parameters: Parameters, city: City) -> pl.DataFrame:
    key, categories = events.key, parameters.categories
    window = np.array([each.window_hours for each in categories])[events.category] * 60 * uniform(key, "window")
    report = np.array([each.report_hours for each in categories])[events.category] * 60
    report = np.minimum(-np.log(uniform(key, "report")) * report, 3 * _MINUTES_A_DAY)
    entry = 5 + 30 * uniform(key, "entry")
    correction = _change(key, "correction", parameters.corrected_share, parameters)
    withdrawal = _change(key, "withdrawal", parameters.withdrawn_share, parameters)
    occurred = pl.Series("occurred_from", ((events.day - UNIX_EPOCH_ORDINAL) * _MINUTES_A_DAY + events.minute) * 60)
    frame = pl.DataFrame([pl.from_epoch(occurred)]).select(on_local_clock(pl.col("occurred_from")))
    frame = _later(frame, "occurred_to", "occurred_from", window)
    frame = _later(frame, "reported_at", "occurred_to", report)
    frame = _later(frame, "entered_at", "reported_at", entry)
    frame = _later(frame, "corrected_at", "entered_at", correction)
    frame = _later(frame, "withdrawn_at", "entered_at", withdrawal)
    return frame.with_columns(
        source_record_id=numbered("PS", events.day),
        **_what_and_where(key, events.category, events.address, parameters, city),
    )


def _mistaken(events: Events, records: pl.DataFrame, parameters: Parameters, city: City) -> pl.DataFrame:
    """The corrected records as first entered: another category, a place some streets away, or the day before."""
    key, code_count = events.key, len(parameters.codes)
    mistake = np.digitize(uniform(key, "mistake"), [0.45, 0.9])
    other = (events.category + 1 + (uniform(key, "category") * (code_count - 1)).astype(int)) % code_count
    angle = 2 * np.pi * uniform(key, "direction")
    away = city.addresses[events.address] + 600 * np.column_stack([np.cos(angle), np.sin(angle)])
    _, elsewhere = cKDTree(city.addresses).query(away)
    category = np.where(mistake == 0, other, events.category)
    address = np.where(mistake == 1, elsewhere, events.address)
    day_before = pl.duration(days=pl.lit(pl.Series((mistake == 2).astype(np.int64))))
    return records.with_columns(
        on_local_clock(pl.col("occurred_from", "occurred_to") - day_before),
        **_what_and_where(key, category, address, parameters, city),
    ).with_columns(occurred_to=pl.max_horizontal("occurred_from", "occurred_to"))


def _change(key: Keys, purpose: str, share: float, parameters: Parameters) -> Floats:
    """Minutes from entry to a later change, for the share of records that see one; NaN for the others."""
    days = 1 + (parameters.last_change_days - 1) * uniform(key, f"{purpose} delay")
    return np.where(uniform(key, purpose) < share, days * _MINUTES_A_DAY, np.nan)


def _what_and_where(
    key: Keys, category: Integers, address: Integers, parameters: Parameters, city: City
) -> dict[str, pl.Series]:
    # one table of wordings for all categories: a wording has no weight outside its own category
    words = [text for each in parameters.categories for text in each.descriptions]
    weights = np.array([[each.descriptions.get(text, 0.0) for text in words] for each in parameters.categories])
    is_located = uniform(key, "located") >= parameters.unlocated_share
    places = pl.DataFrame(
        {
            "district_code": np.array(city.district_codes)[city.address_district[address]],
            "longitude_deg": city.lonlat[address, 0],
            "latitude_deg": city.lonlat[address, 1],
        }
    ).select(pl.when(pl.Series(is_located)).then(pl.all()))
    return {
        "source_category_code": pl.Series(np.array(parameters.codes)[category]),
        "description": pl.Series(np.array(words)[choose(key, "description", category, weights)]),
        **{name: places[name] for name in places.columns},
    }


def _later(frame: pl.DataFrame, name: str, origin: str, minutes: Floats) -> pl.DataFrame:
    """Add a moment some whole minutes after another; null where the minutes are not a number."""
    wait = pl.lit(pl.Series(minutes).fill_nan(None).cast(pl.Int64))
    return frame.with_columns(on_local_clock(pl.col(origin) + pl.duration(minutes=wait)).alias(name))
