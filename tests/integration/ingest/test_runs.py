"""Live feeds on a real PostgreSQL: late, missed and failed runs give the rows of an uninterrupted sequence."""

import random
from datetime import UTC, date, datetime, timedelta
from zlib import crc32

import polars as pl
import pytest
import sqlalchemy as sa

from observatory.errors import ContractBroken, SourceUnavailable
from observatory.ingest import extract, runs
from observatory.records.feed_window import FeedWindow
from observatory.territory.files import load_territory
from observatory.warehouse.declarations import record_territory
from observatory.warehouse.journal import read_until
from observatory.window import Window

FIRST = datetime(2026, 3, 28, 20, tzinfo=UTC)
LAST = datetime(2026, 4, 2, 22, tzinfo=UTC)
TICK = timedelta(hours=2)
REACH = timedelta(days=31)


def records() -> pl.DataFrame:
    """Records of six days; one of seven is shown five hours late, one of five is corrected within two days."""
    rows = []
    for number in range(300):
        occurred = FIRST - timedelta(hours=20) + timedelta(minutes=29 * number)
        shown = occurred + (timedelta(hours=5) if number % 7 == 0 else timedelta(minutes=3))
        rows.append((f"R-{number:03}", occurred, shown, "CAMBRIOLAGE"))
        if number % 5 == 0:
            rows.append((f"R-{number:03}", occurred, shown + timedelta(hours=20), "VOL_SIMPLE"))
    return pl.DataFrame(rows, schema=["id", "occurred", "shown", "category"], orient="row")


class Source:
    """A feed of what is shown at a moment; the moment is the test's."""

    def __init__(self, listed: pl.DataFrame) -> None:
        self.listed, self.now, self.fails, self.window = listed, FIRST, False, None

    def reader(self, feed_window: FeedWindow, _files: object) -> "Source":
        self.window = feed_window.window
        return self

    def read(self):
        if self.fails:
            raise SourceUnavailable("here", found="nothing", expected="something", action="Wait.")
        shown = self.listed.filter(pl.col("shown") <= self.now).sort("shown").unique("id", keep="last")
        start, end = self.window.start, self.window.end
        inside = shown.filter(pl.col("occurred").is_between(start, end, closed="left")).sort("id")
        if inside.height:
            moment = pl.col("occurred").dt.strftime("%Y-%m-%dT%H:%M:%S")
            yield inside.select(
                incident_id="id", category="category", occurred_at=moment, ended_at=moment, reported_at=moment,
                updated_at=pl.col("shown").dt.strftime("%Y-%m-%dT%H:%M:%S"), description=pl.lit("text"),
                longitude=pl.lit("4.95"), latitude=pl.lit("43.27"), district=pl.lit("D01"),
            )  # fmt: skip


@pytest.fixture
def town(request):
    demo = load_territory("demo")
    changes = {
        "feed_id": "live",
        "cadence_min": 30,
        "correction_days": 2,
        "clock": "utc",
        "publication_lag_hours": 0,
        "is_complete": False,
    }
    feed = demo.feeds["incidents"].model_copy(update=changes)
    return demo.model_copy(update={"code": f"t{crc32(request.node.name.encode())}", "feeds": {"live": feed}})


@pytest.fixture
def source(monkeypatch):
    made = Source(records())
    monkeypatch.setattr(extract, "_reader", made.reader)
    return made


def newest(warehouse, town):
    return warehouse.rows(
        "select distinct on (source_record_id) source_record_id, source_category_code, occurred_from from raw.incident "
        "where territory_code = %s order by source_record_id, version_number desc",
        town.code,
    )


def run(warehouse, town, source, ticks, failing=()):
    url = sa.make_url(warehouse.url("loader"))
    for now in ticks:
        source.now, source.fails = now, now in failing
        try:
            runs.extract_until(url, town, "live", now)
        except SourceUnavailable:
            assert source.fails


def test_late_missed_and_failed_runs_give_the_rows_of_an_uninterrupted_sequence(warehouse, town, source):
    ticks = [FIRST + number * TICK for number in range(int((LAST - FIRST) / TICK) + 1)]
    run(warehouse, town, source, ticks)
    rows = newest(warehouse, town)
    assert len(rows) > 250
    draw = random.Random(5)
    kept = [tick for tick in ticks[:-1] if draw.random() > 0.4]
    late = [tick + timedelta(minutes=draw.randint(0, 80)) for tick in kept]
    other = town.model_copy(update={"code": f"{town.code}_b"})
    run(warehouse, other, source, [*late, ticks[-1]], failing=set(draw.sample(late, len(late) // 3)))
    assert newest(warehouse, other) == rows


def test_a_day_that_fails_its_contract_blocks_no_other_day_and_is_retried(warehouse, town, source):
    url = sa.make_url(warehouse.url("loader"))
    run(warehouse, town, source, [FIRST])
    good, on_the_30th = source.listed, pl.col("occurred").dt.date() == date(2026, 3, 30)
    source.listed = good.with_columns(pl.when(on_the_30th).then(pl.lit(" ")).otherwise("category").alias("category"))
    for now in (LAST, LAST + TICK):
        source.now = now
        with pytest.raises(ContractBroken):
            runs.extract_until(url, town, "live", now)
        assert read_until(url, town.code, "live", REACH) < LAST, "the hole stays known"
        assert health(warehouse, town, "is_failing") == [True], "though days after it were loaded"
    assert date(2026, 4, 2) in {occurred.date() for _, _, occurred in newest(warehouse, town)}
    source.listed = good
    run(warehouse, town, source, [LAST + 2 * TICK])
    assert read_until(url, town.code, "live", REACH) == LAST + 2 * TICK
    assert date(2026, 3, 30) in {occurred.date() for _, _, occurred in newest(warehouse, town)}


def test_one_invalid_record_in_a_small_run_is_rejected_without_failing_the_run(warehouse, town, source):
    url = sa.make_url(warehouse.url("loader"))
    run(warehouse, town, source, [FIRST + 3 * TICK])
    good, one = source.listed, pl.col("id") == pl.lit("R-057")
    source.now = FIRST + 5 * TICK
    source.listed = good.with_columns(pl.when(one).then(pl.lit(" ")).otherwise("category").alias("category"))
    result = runs.extract_until(url, town, "live", source.now).result
    assert (result.read_count, result.rejected_count) == (7, 1)
    source.now += 2 * TICK
    source.listed = good.with_columns(category=pl.lit(" "))
    with pytest.raises(ContractBroken, match=r"7 of 7 records .* at most 2% .* for small numbers: 1"):
        runs.extract_until(url, town, "live", source.now)


def test_a_daily_run_reads_the_days_whose_runs_failed(warehouse, town, source):
    url, daily = sa.make_url(warehouse.url("loader")), {"cadence_min": None, "correction_days": 1}
    town = town.model_copy(update={"feeds": {"live": town.feeds["live"].model_copy(update=daily)}})
    other = town.model_copy(update={"code": f"{town.code}_b"})
    for day in range(28, 32):
        source.now = datetime(2026, 3, day, 4, tzinfo=UTC) + timedelta(days=1)
        runs.extract_day(url, town, "live", date(2026, 3, day))
        if day in (28, 31):
            runs.extract_day(url, other, "live", date(2026, 3, day))
    assert len(newest(warehouse, town)) > 150
    assert newest(warehouse, other) == newest(warehouse, town)


def test_a_day_that_fails_its_contract_does_not_block_the_next_daily_run(warehouse, town, source):
    url, daily = sa.make_url(warehouse.url("loader")), {"cadence_min": None, "correction_days": 0}
    town = town.model_copy(update={"feeds": {"live": town.feeds["live"].model_copy(update=daily)}})
    on_the_30th = pl.col("occurred").dt.convert_time_zone(town.timezone).dt.date() == date(2026, 3, 30)
    source.listed = source.listed.with_columns(
        pl.when(on_the_30th).then(pl.lit(" ")).otherwise("category").alias("category")
    )
    for day in (29, 30, 31):
        source.now = datetime(2026, 3, day, 4, tzinfo=UTC) + timedelta(days=1)
        if day == 30:
            with pytest.raises(ContractBroken):
                runs.extract_day(url, town, "live", date(2026, 3, day))
        else:
            assert runs.extract_day(url, town, "live", date(2026, 3, day)).result.accepted_count > 30


def test_a_day_read_by_hand_after_a_gap_does_not_hide_the_gap(warehouse, town, source):
    url = sa.make_url(warehouse.url("loader"))
    run(warehouse, town, source, [FIRST - timedelta(days=4)])
    assert read_until(url, town.code, "live", REACH) == FIRST - timedelta(days=4)
    extract.extract(url, town, "live", Window.of_day(date(2026, 3, 27), town.timezone))
    assert read_until(url, town.code, "live", REACH) == FIRST - timedelta(days=4)
    run(warehouse, town, source, [FIRST])
    assert read_until(url, town.code, "live", REACH) == FIRST


def test_reading_a_history_does_not_move_the_next_run(warehouse, town, source):
    url = sa.make_url(warehouse.url("loader"))
    run(warehouse, town, source, [FIRST])
    extract.extract(url, town, "live", Window(date(2024, 1, 1), date(2024, 2, 1), town.timezone))
    assert read_until(url, town.code, "live", REACH) == FIRST


def test_a_window_that_ends_in_the_future_is_read_until_its_load_began(warehouse, town, source):
    url = sa.make_url(warehouse.url("loader"))
    today = datetime.now(UTC).date()
    extract.extract(url, town, "live", Window(today, today + timedelta(days=3), "UTC"))
    assert abs(read_until(url, town.code, "live", REACH) - datetime.now(UTC)) < timedelta(minutes=5)
    assert read_until(url, town.code, "other", REACH) is None


def health(warehouse, town, *columns):
    query = f"select {', '.join(columns)} from ops.feed_health where territory_code = %s and feed_id = 'live'"
    ((*found,),) = warehouse.rows(query, town.code, role="reader")
    return found


def journal(warehouse, town, ages, *, accepted=10, rejected=0):
    """Note a load for each of some ages, hours."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.load (territory_code, feed_id, kind, window_start, window_end, started_at, loaded_at,"
            " read_count, accepted_count, rejected_count, unchanged_count, corrected_count, withdrawn_count)"
            " select %s, 'live', 'incident', m - interval '1 hour', m, m, m, %s, %s, %s, 0, 0, 0"
            " from (select now() - %s * interval '1 hour' as m) as t",
            [(town.code, accepted + rejected, accepted, rejected, age) for age in sorted(ages, reverse=True)],
        )


def declare(warehouse, town, **changes):
    feed = town.feeds["live"].model_copy(update=changes)
    record_territory(sa.make_url(warehouse.url("loader")), town.model_copy(update={"feeds": {"live": feed}}))


def test_ops_feed_has_what_the_territory_file_declares(warehouse, town):
    query = "select feed_id, kind, cadence_min, correction_days, is_live from ops.feed where territory_code = %s"
    declare(warehouse, town)
    assert warehouse.rows(query, town.code, role="reader") == [("live", "incident", 30, 2, True)]
    declare(warehouse, town, cadence_min=None, correction_days=None)
    assert warehouse.rows(query, town.code) == [("live", "incident", None, 30, False)]
    record_territory(
        sa.make_url(warehouse.url("loader")), town.model_copy(update={"feeds": {"other": town.feeds["live"]}})
    )
    assert [row[0] for row in warehouse.rows(query, town.code)] == ["other"]


@pytest.mark.parametrize(
    ("cadence_min", "age_h", "is_late"),
    [(30, 0.9, False), (30, 1.1, True), (5, 0.2, True), (None, 25, False), (None, 27, True)],
)
def test_a_feed_is_late_after_twice_its_cadence_or_26_hours(warehouse, town, cadence_min, age_h, is_late):
    declare(warehouse, town, cadence_min=cadence_min)
    journal(warehouse, town, [age_h])
    assert health(warehouse, town, "cadence_min", "is_late") == [cadence_min, is_late]


def test_a_feed_that_never_loaded_is_late_once_it_should_have(warehouse, town):
    declare(warehouse, town, cadence_min=30)
    assert health(warehouse, town, "is_late", "last_loaded_at", "load_count_24h") == [False, None, 0]
    with warehouse.connect() as connection:
        connection.execute("update ops.feed set declared_at = now() - interval '2 hours'")
    assert health(warehouse, town, "is_late") == [True]


DAYS_BEFORE = [24 * day + hour for day in range(1, 15) for hour in (0.2, 1.2, 2.2)]


@pytest.mark.parametrize(
    ("before", "now", "is_silent"),
    [(10, 0, True), (10, 1, False), (0, 0, False)],
    ids=["nothing new where there usually is", "something new", "never anything new, as of a register"],
)
def test_a_feed_is_silent_if_its_last_runs_had_no_rows_but_usually_have(warehouse, town, before, now, is_silent):
    declare(warehouse, town, cadence_min=30)
    journal(warehouse, town, DAYS_BEFORE, accepted=before)
    journal(warehouse, town, [0.1, 0.6, 1.1, 1.6, 2.1, 2.6], accepted=now)
    assert health(warehouse, town, "is_silent", "is_late") == [is_silent, False]


def test_a_feed_that_does_not_load_is_late_and_not_silent(warehouse, town):
    declare(warehouse, town, cadence_min=30)
    journal(warehouse, town, [age + 5 for age in DAYS_BEFORE])
    assert health(warehouse, town, "is_silent", "is_late") == [False, True]


@pytest.mark.parametrize(("rejected", "is_drifting"), [(2, False), (3, True)])
def test_a_feed_drifts_if_more_is_rejected_than_usual(warehouse, town, rejected, is_drifting):
    """Usually 1 of 100; more than twice that, and a hundredth more, is 4 of 100."""
    declare(warehouse, town, cadence_min=30)
    journal(warehouse, town, DAYS_BEFORE, accepted=99, rejected=1)
    journal(warehouse, town, [1, 2], accepted=98, rejected=2 * (rejected - 1))
    share, usual, drifting = health(warehouse, town, "rejected_share_24h", "rejected_share_28d", "is_drifting")
    assert usual == pytest.approx(0.01)
    assert share == pytest.approx(2 * (rejected - 1) / (98 + 2 * (rejected - 1)))
    assert drifting is is_drifting
    assert health(warehouse, town, "load_count_24h", "rejected_count_24h") == [2, 4 * (rejected - 1)]
