"""How incidents become records: noticed, reported, entered, sometimes corrected or withdrawn later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from observatory.simulator.world.city import City, build_city
from observatory.simulator.world.clock import UNIX_EPOCH_ORDINAL, on_local_clock
from observatory.simulator.world.draws import Floats, Integers, Keys, choose, uniform
from observatory.simulator.world.incidents import Events, happen, is_reported
from observatory.simulator.world.occurrences import numbered
from observatory.simulator.world.parameters import PLANTED, Truth
from observatory.simulator.world.simulation import FIRST_DAY, POPULATION, Simulation

_COLUMNS = (
    "incident_id", "occurred_at", "ended_at", "category", "description", "reported_at", "updated_at", "district",
    "longitude", "latitude",
)  # fmt: skip
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class SimulatedCity:
    """A city's records, what the portal lists of them on a day, and the truth behind them.

    Attributes:
        events: the incidents as they happened, in order of time.
        is_recorded: (events,) which were reported; these are row by row those of ``records``.
        records: the final records, all of them: the columns of a listing, ``corrected_at`` and ``withdrawn_at``.
        mistaken: the first, wrong version of every record that was corrected later.
        end_day: the first day not simulated.
        truth: what was planted.
        city: its geography.
    """

    events: Events
    is_recorded: np.ndarray
    records: pl.DataFrame
    mistaken: pl.DataFrame
    end_day: date
    truth: Truth
    city: City

    @property
    def incidents(self) -> pl.DataFrame:
        """What the portal lists when the last day has ended."""
        return self.listing(self.end_day)

    def listing(self, moment: date) -> pl.DataFrame:
        """What the portal lists at a moment of the local clock (of a day: as it begins), as known then.

        Returns:
            One row per record, times on the local clock, in the order of their times.
        """
        now = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
        is_mistaken = (pl.col("corrected_at") >= now).fill_null(False)
        is_listed = (pl.col("updated_at") < now) & (pl.col("withdrawn_at") >= now).fill_null(True)
        right, mistaken = self.records.lazy(), self.mistaken.lazy()
        listed = [
            right.filter(is_listed & ~is_mistaken).with_columns(updated_at=pl.coalesce("corrected_at", "updated_at")),
            mistaken.filter(is_listed & is_mistaken),
        ]
        return pl.concat(each.select(_COLUMNS) for each in listed).sort("occurred_at", "incident_id").collect()


def simulate(
    *,
    seed: int = 1,
    population: int = POPULATION,
    start: date = FIRST_DAY,
    end: date,
    truth: Truth = PLANTED,
) -> SimulatedCity:
    """Simulate the days ``[start, end)``.

    A later ``end`` adds records and changes none: a day's listing is the same in every simulation that reaches it.

    Args:
        seed: another seed is another history of the same city.
        population: scales the number of incidents.
        start: first day.
        end: first day that is not simulated.
        truth: what to plant.
    """
    city = build_city()
    events = happen(Simulation(seed, population, start, truth), start, end)
    events = events.where(np.lexsort((events.key, events.minute, events.day)))
    is_recorded = is_reported(events, truth, city)
    reported = events.where(is_recorded)
    records = _records(reported, truth, city)
    is_mistaken = records["corrected_at"].is_not_null().to_numpy()
    mistaken = _mistaken(reported.where(is_mistaken), records.filter(is_mistaken), truth, city)
    return SimulatedCity(events, is_recorded, records, mistaken, end, truth, city)


def _records(events: Events, truth: Truth, city: City) -> pl.DataFrame:
    key = events.key
    window = np.array([each.window_hours for each in truth.categories])[events.category] * 60 * uniform(key, "window")
    report = np.array([each.report_hours for each in truth.categories])[events.category] * 60
    report = np.minimum(-np.log(uniform(key, "report")) * report, 3 * _MINUTES_A_DAY)
    entry = 5 + 30 * uniform(key, "entry")
    occurred = pl.Series("occurred_at", ((events.day - UNIX_EPOCH_ORDINAL) * _MINUTES_A_DAY + events.minute) * 60)
    frame = pl.DataFrame([pl.from_epoch(occurred)]).select(on_local_clock(pl.col("occurred_at")))
    frame = _later(frame, "ended_at", "occurred_at", window)
    frame = _later(frame, "reported_at", "ended_at", report)
    frame = _later(frame, "updated_at", "reported_at", entry)
    frame = _later(frame, "corrected_at", "updated_at", _change(key, "correction", truth.corrected_share, truth))
    frame = _later(frame, "withdrawn_at", "updated_at", _change(key, "withdrawal", truth.withdrawn_share, truth))
    return frame.with_columns(
        incident_id=numbered("PS", events.day),
        **_what_and_where(key, events.category, events.address, truth, city),
    )


def _mistaken(events: Events, records: pl.DataFrame, truth: Truth, city: City) -> pl.DataFrame:
    """The corrected records as first entered: another category, a place some streets away, or the day before."""
    key = events.key
    kind = np.digitize(uniform(key, "mistake"), [0.45, 0.9])
    other = (events.category + 1 + (uniform(key, "category") * (len(truth.codes) - 1)).astype(int)) % len(truth.codes)
    angle = 2 * np.pi * uniform(key, "direction")
    away = city.addresses[events.address] + 600 * np.column_stack([np.cos(angle), np.sin(angle)])
    _, elsewhere = cKDTree(city.addresses).query(away)
    category = np.where(kind == 0, other, events.category)
    address = np.where(kind == 1, elsewhere, events.address)
    day_before = pl.duration(days=pl.lit(pl.Series((kind == 2).astype(np.int64))))
    return records.with_columns(
        on_local_clock(pl.col("occurred_at", "ended_at") - day_before),
        **_what_and_where(key, category, address, truth, city),
    ).with_columns(ended_at=pl.max_horizontal("occurred_at", "ended_at"))


def _change(key: Keys, purpose: str, share: float, truth: Truth) -> Floats:
    """Minutes from entry to a later change, for the share of records that see one; NaN for the others."""
    days = 1 + (truth.last_change_days - 1) * uniform(key, f"{purpose} delay")
    return np.where(uniform(key, purpose) < share, days * _MINUTES_A_DAY, np.nan)


def _what_and_where(key: Keys, category: Integers, address: Integers, truth: Truth, city: City) -> dict[str, pl.Series]:
    # one table of wordings for all categories: a wording weighs nothing outside its own category
    words = [text for each in truth.categories for text in each.descriptions]
    weights = np.array([[each.descriptions.get(text, 0.0) for text in words] for each in truth.categories])
    is_located = uniform(key, "located") >= truth.unlocated_share
    places = pl.DataFrame(
        {
            "district": np.array(city.district_codes)[city.address_district[address]],
            "longitude": city.lonlat[address, 0],
            "latitude": city.lonlat[address, 1],
        }
    ).select(pl.when(pl.Series(is_located)).then(pl.all()))
    return {
        "category": pl.Series(np.array(truth.codes)[category]),
        "description": pl.Series(np.array(words)[choose(key, "description", category, weights)]),
        **{name: places[name] for name in places.columns},
    }


def _later(frame: pl.DataFrame, name: str, origin: str, minutes: Floats) -> pl.DataFrame:
    """Add a moment some whole minutes after another; null where the minutes are not a number."""
    wait = pl.lit(pl.Series(minutes).fill_nan(None).cast(pl.Int64))
    return frame.with_columns(on_local_clock(pl.col(origin) + pl.duration(minutes=wait)).alias(name))
