"""A build of what was loaded since the last one gives the tables of a full build, for any order of loads."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
import sqlalchemy as sa

from observatory.contracts import CONTRACTS
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.warehouse.load import loading
from observatory.window import Window

FACTS = ("fct_incident", "fct_incident_cell_day")
ZONES = {"demo": "Europe/Paris", "chicago": "America/Chicago"}
FEEDS = ("police", "fire")
FIRST, DAYS = date(2025, 1, 1), 400
CATEGORIES = ("VOL_SIMPLE", "CAMBRIOLAGE", "STUPEFIANTS", "INCONNU")
ALWAYS = {
    "record_type": "police_log",
    "occurred_precision": "minute",
    "location_method": "none",
    "known_at": datetime(2026, 6, 1, tzinfo=UTC),
    "source_category_code": "VOL_SIMPLE",
}


def frame(kind, rows):
    """Records of a kind; columns that the rows do not name are null."""
    named = pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in kind.schema.items() if name not in named.columns]
    return named.with_columns(absent).select(kind.columns).cast(dict(kind.schema))


def incidents(*records):
    """Records of incidents, each an id, a moment and what differs from the usual."""
    rows = [
        ALWAYS | {"source_record_id": record, "occurred_from": moment, "occurred_to": moment} | values
        for record, moment, values in records
    ]
    return frame(CONTRACTS["incident"], rows)


@contextmanager
def load(warehouse, territory, feed, records, *, days=(FIRST, FIRST + timedelta(days=DAYS)), kind="incident"):
    """A load by the loader's own code, as its role; open until the block ends."""
    window = Window(*days, ZONES[territory])
    of_feed = LoadWindow(territory, feed, CONTRACTS[kind], window, is_complete=True, tolerated_withdrawal_share=1.0)
    with loading(sa.make_url(warehouse.url("loader")), of_feed) as opened:
        opened.add(records, pl.DataFrame(schema=REJECTED))
        yield opened


class Source:
    """A city's feed as its portal lists it, which adds, corrects, moves and withdraws records of any age."""

    def __init__(self, seed, territory, feed):
        self.random, self.territory, self.feed = random.Random(f"{seed} {territory} {feed}"), territory, feed
        self.records = {}
        self.count = 0

    def moment(self):
        return datetime(2025, 1, 2, tzinfo=UTC) + timedelta(minutes=self.random.randrange((DAYS - 3) * 24 * 60))

    def change(self):
        for _ in range(self.random.randrange(1, 25)):
            self.count += 1
            self.records[f"r{self.count}"] = self.moment(), {}
        for record in list(self.records):
            moment, values = self.records[record]
            match self.random.randrange(12):
                case 0:
                    del self.records[record]
                case 1:
                    self.records[record] = self.moment(), values
                case 2 | 3:
                    cell = self.random.choice(["c1", "c2", "outside", None])
                    corrected = {"source_category_code": self.random.choice(CATEGORIES), "cell_id": cell}
                    self.records[record] = moment, corrected

    def load(self, warehouse):
        """Load a window of any length, as it is listed now."""
        start = self.random.randrange(DAYS)
        days = self.random.choice([1, 7, 31, DAYS])
        first, end = FIRST + timedelta(days=start), FIRST + timedelta(days=start + days)
        if days == DAYS:
            first, end = FIRST, FIRST + timedelta(days=DAYS)
        window = Window(first, end, ZONES[self.territory])
        listed = [(r, m, v) for r, (m, v) in self.records.items() if window.start <= m < window.end]
        with load(warehouse, self.territory, self.feed, incidents(*listed), days=(first, end)):
            pass


def facts(warehouse, *, without=()):
    """The rows of both facts as texts, less some columns."""
    row = f"(to_jsonb(f) - array[{', '.join(repr(name) for name in without)}]::text[])::text"
    return {fact: warehouse.rows(f"select {row} from core.{fact} as f order by 1") for fact in FACTS}


def ids(warehouse):
    return [record for (record,) in warehouse.rows("select source_record_id from core.fct_incident order by 1")]


def marks(warehouse):
    return warehouse.rows("select territory_code, model, feed_id, load_id from ops.model_watermark order by 1, 2, 3")


@pytest.fixture(scope="module")
def first_build(dbt, warehouse):
    dbt("build", "--select", "+core", "--exclude-resource-type", "unit_test", "test")


@pytest.fixture
def built(dbt, warehouse, raw, first_build):
    """Everything built from cities without an incident, and the command that builds what was loaded since."""
    dbt("run", "--select", "dim_territory", "dim_cell", *FACTS)

    def since_last_build(*arguments, command="run", **variables):
        return dbt(command, "--select", *(arguments or FACTS), since_last_build=True, **variables)

    return since_last_build


@pytest.mark.parametrize("seed", range(3))
def test_loads_in_any_order_give_the_tables_of_a_full_build(dbt, warehouse, built, seed):
    chosen = random.Random(seed)
    sources = [Source(seed, territory, feed) for territory in ZONES for feed in FEEDS]
    for _ in range(3):
        for source in chosen.choices(sources, k=chosen.randrange(1, 6)):
            source.change()
            source.load(warehouse)
        built(**chosen.choice([{}, {"territory_code": "demo"}, {"territory_code": "chicago"}]))
    built(*FACTS, "every_listed_incident_is_in_the_fact", "map_equals_table_equals_total", command="build")
    incremental = facts(warehouse)
    dbt("run", "--select", *FACTS)
    assert incremental["fct_incident"], "the example is empty"
    assert facts(warehouse) == incremental


def test_a_backfill_in_any_order_gives_the_same_tables(dbt, warehouse, raw, built):
    source = Source(0, "demo", "police")
    for _ in range(12):
        source.change()
    starts = [FIRST + timedelta(days=40 * number) for number in range(11)]
    windows = list(pairwise(starts))

    def read(order):
        for number, days in enumerate(order):
            window = Window(*days, ZONES["demo"])
            listed = [(r, m, v) for r, (m, v) in source.records.items() if window.start <= m < window.end]
            with load(warehouse, "demo", "police", incidents(*listed), days=days):
                pass
            if number % 6 == 0:
                built(territory_code="demo")
        built(territory_code="demo")
        return facts(warehouse, without=("load_id", "loaded_at"))

    shuffled = read(random.Random(1).sample(windows, len(windows)))
    raw.clear()
    dbt("run", "--select", *FACTS)
    assert facts(warehouse) == {fact: [] for fact in FACTS}
    in_order = read(windows)
    assert in_order["fct_incident"], "the example is empty"
    assert shuffled == in_order


def test_a_load_that_commits_after_one_with_a_higher_number_is_built_by_the_next_run(dbt, warehouse, built):
    moment = datetime(2025, 5, 1, tzinfo=UTC)
    with load(warehouse, "demo", "police", incidents(("slow", moment, {}))) as slow:
        with load(warehouse, "demo", "fire", incidents(("fast", moment, {}))) as fast:
            assert slow.load_id < fast.load_id
        built(territory_code="demo")
        assert ids(warehouse) == ["fast"]
    built(territory_code="demo")
    assert ids(warehouse) == ["fast", "slow"]
    assert warehouse.rows("select incident_count from core.fct_incident_cell_day") == [(2,)]


def test_a_build_without_new_loads_changes_only_its_own_time(dbt, warehouse, built):
    with load(warehouse, "demo", "police", incidents(("a", datetime(2025, 5, 1, tzinfo=UTC), {}))):
        pass
    built()
    before = facts(warehouse), marks(warehouse)
    rows = "select string_agg(xmin::text, ',') from core.fct_incident"
    versions = warehouse.rows(rows)
    built()
    assert (facts(warehouse), marks(warehouse)) == before
    assert warehouse.rows(rows) == versions, "a row was written again"


def test_a_failed_build_keeps_the_watermark_and_the_next_build_catches_up(dbt, warehouse, built):
    built()
    before = facts(warehouse), marks(warehouse)
    with load(warehouse, "demo", "police", incidents(("a", datetime(2025, 5, 1, tzinfo=UTC), {}))):
        pass
    with warehouse.connect() as connection:
        connection.execute("alter table core.fct_incident add constraint refused check (false) not valid")
    assert not dbt.attempt("run", "--select", *FACTS, since_last_build=True).success
    assert (facts(warehouse), marks(warehouse)) == before
    with warehouse.connect() as connection:
        connection.execute("alter table core.fct_incident drop constraint refused")
    built()
    assert ids(warehouse) == ["a"]
    assert marks(warehouse) != before[1]


def test_count_tables_end_with_the_last_built_incident(dbt, warehouse, built):
    with load(warehouse, "demo", "police", incidents(("a", datetime(2025, 5, 1, tzinfo=UTC), {}))):
        pass
    built("fct_incident_cell_day")
    assert warehouse.rows("select * from core.fct_incident_cell_day") == []
    built("fct_incident")
    built("fct_incident_cell_day")
    assert warehouse.rows("select incident_count from core.fct_incident_cell_day") == [(1,)]


def test_a_build_of_a_given_window_leaves_the_watermarks(dbt, warehouse, built):
    moments = [datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)]
    with load(warehouse, "demo", "police", incidents(*((f"{m:%B}", m, {}) for m in moments))):
        pass
    before = marks(warehouse)
    built(territory_code="demo", window_start="2025-05-01", window_end="2025-05-02")
    assert (ids(warehouse), marks(warehouse)) == (["May"], before)
    built(territory_code="demo")
    assert ids(warehouse) == ["May", "September"]


def test_cells_that_arrive_late_rebuild_all_incidents_of_their_city(dbt, warehouse, built):
    values = {"cell_id": "c9"}
    with load(warehouse, "demo", "police", incidents(("a", datetime(2025, 5, 1, tzinfo=UTC), values))):
        pass
    built()
    assert warehouse.rows("select cell_id from core.fct_incident_cell_day") == [("unlocated",)]
    cell = {"source_record_id": "c9", "cell_id": "c9", "occurred_precision": "day", "location_method": "zone",
            "known_at": ALWAYS["known_at"], "longitude_deg": 5.0, "latitude_deg": 43.0, "easting_m": 0.0,
            "northing_m": 0.0, "cell_size_m": 250, "epsg": 2154}  # fmt: skip
    with load(warehouse, "demo", "grid of this test", frame(CONTRACTS["cell"], [cell]), kind="cell"):
        pass
    built("fct_incident")
    assert warehouse.rows("select cell_id from core.fct_incident") == [("unlocated",)], "the cells are not built yet"
    built("dim_cell", *FACTS)
    assert warehouse.rows("select cell_id from core.fct_incident_cell_day") == [("c9",)]
