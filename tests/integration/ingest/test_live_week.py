"""A week with many faults gives the tables of a week without faults.

The simulated city is read from Monday to Monday, over the Sunday of 23 hours: live feeds twice a day, the others
each morning. See ``tests.support.live_week`` for which feeds are read, and for faults whose data cannot be recovered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from observatory.kinds import KINDS
from observatory.simulator.partners import push
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from tests.support.live_week import BY_CHANCE, NO_FAULTS, Kill, PlannedFaults, beginning

POPULATION, SHARE = 30_000, 0.1
MONDAY, DAYS, TIMES = date(2021, 3, 22), 7, (time(4, 10), time(16, 10))
TICKS = [
    datetime.combine(MONDAY + timedelta(days=number // len(TIMES)), TIMES[number % len(TIMES)], ZoneInfo(TIMEZONE))
    for number in range(DAYS * len(TIMES) + 1)
]

DOWN = {"fault": "500", "status": 503}
RENAMED = {"fault": "renamed", "feed": "citations", "column": "montant", "new_name": "montant_eur"}
MUTE = {**DOWN, "feed": "messages_noise"}
PLANNED_FAULTS = {
    1: PlannedFaults(
        planted=[{"fault": "html", "feed": "video_alerts", "times": 1}],
        kills=[Kill("video_alerts"), Kill("traffic", delay_s=0.1)],
    ),
    2: PlannedFaults(planted=[DOWN]),
    3: PlannedFaults(planted=[{"fault": "renamed", "feed": "traffic", "column": "q", "new_name": "debit"}]),
    4: PlannedFaults(
        planted=[RENAMED, MUTE, {"fault": "html", "feed": "schools"}, {"fault": "html", "feed": "works"}],
        kills=[Kill("operations", requests=0, delay_s=0.1)],
        sends_twice=True,
    ),
    5: PlannedFaults(planted=[{**DOWN, "feed": "video_alerts"}, {"fault": "hung_up", "feed": "traffic"}]),
    6: PlannedFaults(
        planted=[
            RENAMED,
            MUTE,
            {"fault": "empty", "path": "/resource/demo-inci.json"},
            {"fault": "empty", "feed": "reports"},
        ]
    ),
    7: PlannedFaults(late=timedelta(minutes=95)),
    8: PlannedFaults(kills=[Kill("citations", requests=3), Kill("incidents", delay_s=0.05), Kill("patrols")]),
    9: PlannedFaults(
        planted=[
            {"fault": "truncated", "feed": "traffic"},
            {"fault": "429", "retry_after_s": 60, "times": 2},
            {"fault": "slow", "seconds": 0.05},
        ]
    ),
    10: PlannedFaults(late=timedelta(minutes=130)),
    11: PlannedFaults(kills=[Kill("traffic")]),
    12: PlannedFaults(
        planted=[
            *({**DOWN, "feed": feed_id} for feed_id in ("reports", "fire_operations", "patrols")),
            {"fault": "hung_up", "feed": "citations", "after": 2},
        ]
    ),
    13: PlannedFaults(planted=[{"fault": "empty", "feed": "video_alerts"}]),
}
"""By the number of the tick, two a day. The whole portal is down for half of Tuesday, the messages for three mornings,
which is longer than they correct themselves."""
FAILING = {
    3: {"traffic"},
    4: {"citations", "messages_noise", "schools", "works"},
    5: {"video_alerts", "traffic"},
    6: {"citations", "messages_noise"},
    9: {"traffic"},
    12: {"reports", "fire_operations", "patrols", "citations"},
}
"""Feeds that are then not read in spite of every retry."""

TIME = pl.Datetime("us", "UTC")
SIGNALS = sorted(kind.name for kind in KINDS.values() if kind.is_signal)
TABLES = sorted(kind.name for kind in KINDS.values() if not kind.is_signal)
OF_THE_LOADING = ["version_number", "load_id", "loaded_at", "rejected_at"]
"""Columns that tell of the loading, not of the record; ``known_at`` of a version that closes a record is one, too."""
NEWEST = """
    select distinct on (feed_id, source_record_id) * from raw.{} order by feed_id, source_record_id, version_number desc
"""

LOADS = "select load_id, feed_id, window_start, window_end from ops.load where read_count > 0 order by load_id"
LOAD = {"read_id": pl.Int64, "feed_id": pl.String, "window_start": TIME, "window_end": TIME}
VERSIONS = """
    select
        feed_id, source_record_id, encode(content_hash, 'hex'), occurred_from, load_id, coalesce(next_id, load_id + 1)
    from (
        select *, lead(load_id) over (partition by feed_id, source_record_id order by version_number) as next_id
        from raw.{}
    ) as version
    where not is_withdrawn
"""
VERSION = {
    "feed_id": pl.String, "key": pl.String, "hash": pl.String, "occurred_from": TIME, "load_id": pl.Int64,
    "next_id": pl.Int64,
}  # fmt: skip


class Week:
    """The warehouses of both weeks, and their state at each tick."""

    def __init__(self, reference, disturbed) -> None:
        self.reference, self.disturbed, self.days = reference, disturbed, None
        self.reported, self.citations = [], []

    def rows(self, query: str, *parameters: object) -> tuple[list[tuple], list[tuple]]:
        """The rows of either warehouse."""
        return self.reference.rows(query, *parameters), self.disturbed.rows(query, *parameters)

    def look(self) -> None:
        """Whom ``ops.feed_health`` tells of, and whom it should, because the last task failed; how much is there."""
        messages = self.rows("select feed_id, last_failure_message from ops.feed_health where is_failing order by 1")
        cities = (self.days.reference, self.days.disturbed)
        failing = tuple(sorted((each, str(error)) for each, error in city.failing.items()) for city in cities)
        self.reported.append((messages, failing))
        self.citations.append(self.disturbed.rows("select count(*) from raw.citation")[0][0])


def differing(both: tuple[Sequence[tuple], Sequence[tuple]]) -> list[tuple]:
    """Rows that are in one of two tables alone."""
    reference, disturbed = ({tuple(map(str, row)) for row in rows} for rows in both)
    return sorted(reference ^ disturbed)


def reads(rows: list[tuple], until: list[tuple[int, datetime]]) -> pl.DataFrame:
    """Loads that read something, and the moment at which their source was read."""
    moments = pl.DataFrame(until, schema={"until": pl.Int64, "moment": TIME}, orient="row").sort("until")
    loads = pl.DataFrame(rows, schema=LOAD, orient="row")
    return loads.join_asof(moments, left_on="read_id", right_on="until", strategy="forward")


def last_load(warehouse) -> int:
    return warehouse.rows("select coalesce(max(load_id), 0) from ops.load")[0][0]


@pytest.fixture(scope="module")
def week(warehouse, other_warehouse, tmp_path_factory):
    week = Week(warehouse, other_warehouse)
    declared = push.declared(Simulation(population=POPULATION), datetime(2022, 3, 1, tzinfo=UTC)).splitlines(True)
    warehouses = {"reference": week.reference, "disturbed": week.disturbed}
    reached = {name: (each.url("loader"), partial(last_load, each)) for name, each in warehouses.items()}
    folder = tmp_path_factory.mktemp("partner")
    with beginning(reached, TICKS[0].astimezone(UTC), folder, population=POPULATION, share=SHARE) as week.days:
        feeds = week.days.reference.territory.feeds
        for number, now in enumerate(TICKS):
            is_morning = number % len(TIMES) == 0
            due = [feed_id for feed_id, feed in feeds.items() if feed.cadence_min or is_morning]
            # each morning the police send all declared operations; every second morning there is a new one
            sent = b"".join(declared[: 1 + number // 4]) if is_morning else b""
            week.days.tick(number, now.astimezone(UTC), due, sent, PLANNED_FAULTS.get(number, NO_FAULTS))
            week.look()
        yield week


def test_every_planned_fault_occurred(week):
    planted = {fault["fault"] for planned in PLANNED_FAULTS.values() for fault in planned.planted}
    assert {name for name in BY_CHANCE if not week.days.random_faults.met[name]} == set()
    assert {name for name in (*planted, "late", "sent twice") if not week.days.met[name]} == set()
    kills = [kill for planned in PLANNED_FAULTS.values() for kill in planned.kills]
    assert week.days.met["killed"] == len(kills)
    assert week.days.met["killed before the commit"] >= sum(kill.requests > 0 and not kill.delay_s for kill in kills)


def test_without_faults_every_run_succeeds_at_the_first_attempt(week):
    assert [(now, outcome) for now, outcome in week.days.reference.outcomes if outcome.errors] == []
    read = {
        feed_id for (feed_id,) in week.reference.rows("select distinct feed_id from ops.load where accepted_count > 0")
    }
    assert read == {*week.days.reference.territory.feeds, "grid"}


def test_feed_health_reports_exactly_the_feeds_that_cannot_be_read(week):
    assert [messages for messages, _ in week.reported] == [failing for _, failing in week.reported]
    seen = [{feed_id for feed_id, _ in disturbed} for (_, disturbed), _ in week.reported]
    city = week.days.disturbed
    assert seen[2] == {each for each in city.territory.feeds if city.prefix(each) and not city.is_spared(each)}
    assert {tick: feeds - seen[tick] for tick, feeds in FAILING.items() if feeds - seen[tick]} == {}
    assert seen[0] == seen[-1] == set()


def test_a_renamed_column_fails_the_feed_with_a_complete_error_and_keeps_loaded_data(week):
    (error,) = {str(error): error for now, outcome in week.days.disturbed.outcomes for error in outcome.errors
                if outcome.feed_id == "citations" and now == TICKS[4]}.values()  # fmt: skip
    assert error.subject.startswith("demo/citations 2021-02-")
    assert error.found == "columns ['montant'] are missing, columns ['montant_eur'] are new"
    assert "'montant'" in error.expected
    assert "correct feeds.citations.columns in demo.yml" in error.action
    assert len({*week.citations[2:8]}) == 1
    assert week.citations[8] > week.citations[7]


def test_every_load_balances_and_every_version_is_stored_once(week):
    unbalanced = (
        "select * from ops.load where read_count <> accepted_count + rejected_count + unchanged_count + outside_count"
    )
    assert week.rows(unbalanced) == ([], [])
    for kind in TABLES:
        versions = f"select feed_id, count(*), count(*) filter (where is_withdrawn) from raw.{kind} group by feed_id"
        counted = """
            select feed_id, sum(accepted_count + withdrawn_count)::bigint, sum(withdrawn_count)::bigint from ops.load
            group by feed_id
        """
        assert week.rows(f"{versions} except {counted}") == ([], []), kind


@pytest.mark.parametrize("kind", TABLES)
def test_the_newest_versions_are_those_of_the_week_without_faults(week, kind):
    whole = "case when is_withdrawn then to_jsonb(t) - 'known_at' else to_jsonb(t) end - %s::text[]"
    assert differing(week.rows(f"select {whole} from ({NEWEST.format(kind)}) as t", OF_THE_LOADING)) == []


@pytest.mark.parametrize("kind", TABLES)
def test_a_version_is_missing_only_if_it_was_listed_during_an_outage(week, kind):
    """What was listed only during an outage cannot be known; what a late run saw, the other week may have missed."""
    cities = (week.days.reference, week.days.disturbed)
    loads = [reads(rows, city.reads) for rows, city in zip(week.rows(LOADS), cities, strict=True)]
    versions = [pl.DataFrame(rows, schema=VERSION, orient="row") for rows in week.rows(VERSIONS.format(kind))]
    covers = pl.lit(value=True)
    if KINDS[kind].time_column:
        covers = pl.col("occurred_from").is_between("window_start", "window_end", closed="left")
    for one, other in ((0, 1), (1, 0)):
        missing = versions[one].join(versions[other], on=["feed_id", "key", "hash"], how="anti")
        is_listed = pl.col("read_id").is_between("load_id", "next_id", closed="left")
        seen = missing.join(loads[one], on="feed_id").filter(covers, is_listed)
        listed = seen.select(*missing.columns, "moment")
        assert listed.join(loads[other], on=["feed_id", "moment"]).filter(covers).is_empty()


def test_the_same_records_are_rejected_for_the_same_reasons(week):
    assert differing(week.rows("select to_jsonb(t) - %s::text[] from raw.rejected as t", OF_THE_LOADING)) == []


def test_the_last_load_of_every_feed_has_the_same_counts(week):
    """As much, and as much that is wrong, from the same moments."""
    query = """
        select distinct on (feed_id) feed_id, window_start, window_end, read_count, rejected_count from ops.load
        order by feed_id, load_id desc
    """
    assert differing(week.rows(query)) == []


@pytest.mark.parametrize("kind", SIGNALS)
def test_the_hours_of_signals_are_the_same(week, kind):
    assert differing(week.rows(f"select to_jsonb(t) from raw.{kind}_hour as t")) == []


def test_the_files_of_signals_have_the_same_bytes(week):
    """But for when a record was published that was published again as it was, if it was not read in between."""
    cities = (week.days.reference, week.days.disturbed)
    loads = [reads(rows, city.reads) for rows, city in zip(week.rows(LOADS), cities, strict=True)]
    both = loads[0].join(loads[1], on=["feed_id", "moment"])
    rows = week.rows("select feed_id, day, file_name from ops.signal_partition")
    reference, disturbed = (
        {(feed_id, day): city.signals / "demo" / feed_id / f"day={day}" / name for feed_id, day, name in each}
        for each, city in zip(rows, cities, strict=True)
    )
    assert reference.keys() == disturbed.keys()
    unequal = [key for key, path in reference.items() if path.read_bytes() != disturbed[key].read_bytes()]
    assert len(unequal) < len(reference) / 10
    for key in unequal:
        one, other = pl.read_parquet(reference[key]), pl.read_parquet(disturbed[key])
        assert one.drop("published_at", "known_at").equals(other.drop("published_at", "known_at"))
        again = one.select(a="published_at", b=other["published_at"]).filter(pl.col("a") != pl.col("b"))
        read = again.join(both.filter(pl.col("feed_id") == key[0]), how="cross")
        first, last = pl.min_horizontal("a", "b"), pl.max_horizontal("a", "b")
        assert read.filter(pl.col("moment").is_between(first, last, closed="left")).is_empty()
    for city, named in zip(cities, (reference, disturbed), strict=True):
        assert {path for path in city.signals.rglob("*") if path.is_file()} == {*named.values()}, "none points to it"


def test_every_delivery_of_the_police_was_loaded_and_the_inbox_is_empty(week):
    reference, disturbed = week.rows("select sha256 from ops.delivery")
    assert len(disturbed) == len(reference) + 1 == DAYS + 2
    assert {*reference} == {*disturbed}
    assert week.rows("select * from ops.withdrawn_at_source") == ([], [])


LISTED = {
    "incidents": "incident", "reports": "citizen_report", "fire_operations": "fire_operation", "patrols": "presence",
    "citations": "citation", "video_alerts": "video_alert",
}  # fmt: skip


@pytest.mark.parametrize("feed_id", LISTED)
def test_every_record_listed_at_the_end_is_stored_or_rejected(week, feed_id):
    """Every record that the source itself knows of the days last read is there as it is listed, or was rejected."""
    kind = LISTED[feed_id]
    last = "select window_start, window_end, rejected_count from ops.load where feed_id = %s order by load_id desc"
    start, end, rejected = week.disturbed.rows(last, feed_id)[0]
    listed = week.days.ledger.listed(kind, start.astimezone(UTC), end.astimezone(UTC))["source_record_id"].n_unique()
    kept = f"select from ({NEWEST.format(kind)}) as t where feed_id = %s and not is_withdrawn"
    kept = len(week.disturbed.rows(f"{kept} and occurred_from >= %s and occurred_from < %s", feed_id, start, end))
    assert listed > 50
    assert listed - rejected <= kept <= listed
