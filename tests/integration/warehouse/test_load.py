"""The atomic load: versions, balance, corrections, withdrawals, and what a kill leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.contracts import CONTRACTS
from observatory.errors import LoadOutOfBalance
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.warehouse.load import Load, loading
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window

INCIDENT = CONTRACTS["incident"]
JANUARY = Window(date(2026, 1, 1), date(2026, 2, 1), "Europe/Paris")
FEBRUARY = Window(date(2026, 2, 1), date(2026, 3, 1), "Europe/Paris")
NO_REJECTS = pl.DataFrame(schema=REJECTED)


def incidents(*rows: tuple[str, str, datetime]) -> pl.DataFrame:
    """Records from (id, category, moment)."""
    ids, categories, moments = zip(*rows, strict=True) if rows else ((), (), ())
    frame = pl.DataFrame(
        {"source_record_id": ids, "source_category_code": categories, "occurred_from": moments},
        schema={
            "source_record_id": pl.String,
            "source_category_code": pl.String,
            "occurred_from": INCIDENT.schema["occurred_from"],
        },
    )
    frame = frame.with_columns(
        occurred_to="occurred_from",
        known_at="occurred_from",
        record_type=pl.lit("police_log"),
        occurred_precision=pl.lit("minute"),
        location_method=pl.lit("none"),
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in INCIDENT.schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(INCIDENT.columns)


def moment(day: int, month: int = 1) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture
def load(warehouse, request) -> Callable[..., LoadResult]:
    """Load chunks of one window of a feed of this test's own."""

    def _load(
        *chunks: pl.DataFrame, window: Window = JANUARY, rejected: pl.DataFrame = NO_REJECTS, **settings: object
    ) -> LoadResult:
        feed = replace(LoadWindow("test", request.node.name[:60], INCIDENT, window), **settings)
        with loading(sa.make_url(warehouse.url("loader")), feed) as opened:
            for chunk in chunks:
                opened.add(chunk, rejected)
        return opened.result

    return _load


@pytest.fixture
def versions(warehouse, request) -> Callable[[], list[tuple]]:
    return lambda: warehouse.rows(
        "select source_record_id, version_number, source_category_code, is_withdrawn from raw.incident "
        "where feed_id = %s order by 1, 2",
        request.node.name[:60],
    )


def test_repeating_a_load_changes_nothing(load, versions):
    chunk = incidents(("a", "theft", moment(1)), ("b", "noise", moment(2)))
    assert load(chunk) == LoadResult(read_count=2, accepted_count=2)
    before = versions()
    assert load(chunk) == LoadResult(read_count=2, unchanged_count=2)
    assert versions() == before == [("a", 1, "theft", False), ("b", 1, "noise", False)]


def test_a_correction_and_its_reversal_are_two_new_versions(load, versions):
    for category in ("theft", "robbery", "theft"):
        load(incidents(("a", category, moment(1))))
    assert [row[:3] for row in versions()] == [("a", 1, "theft"), ("a", 2, "robbery"), ("a", 3, "theft")]


def test_a_record_whose_date_moves_to_another_window_stays_one_record(load, versions):
    load(incidents(("a", "theft", moment(31))))
    result = load(incidents(("a", "theft", moment(1, month=2))), window=FEBRUARY)
    assert (result.accepted_count, result.corrected_count) == (1, 1)
    assert [row[:2] for row in versions()] == [("a", 1), ("a", 2)]


def test_a_complete_feed_closes_records_it_no_longer_lists(load, versions):
    full = incidents(("a", "theft", moment(1)), ("b", "noise", moment(2)))
    settings = {"is_complete": True, "tolerated_withdrawal_share": 0.5}
    load(full, **settings)
    assert load(full.head(1), **settings).withdrawn_count == 1
    assert versions()[-1] == ("b", 2, "noise", True)
    assert load(full.head(1), **settings).withdrawn_count == 0, "closing is not repeated"
    assert load(full, **settings).accepted_count == 1, "a record that is listed again opens again"
    assert versions()[-1] == ("b", 3, "noise", False)


def test_a_feed_that_is_not_complete_closes_nothing(load, versions):
    load(incidents(("a", "theft", moment(1)), ("b", "noise", moment(2))))
    load(incidents(("a", "theft", moment(1))), tolerated_withdrawal_share=1.0)
    assert not any(withdrawn for *_, withdrawn in versions())


@pytest.mark.parametrize(("listed", "share"), [(0, 1.0), (1, 0.4)], ids=["empty answer", "more than tolerated"])
def test_an_implausibly_small_response_closes_no_record(load, versions, caplog, listed, share):
    full = incidents(("a", "theft", moment(1)), ("b", "noise", moment(2)))
    settings = {"is_complete": True, "tolerated_withdrawal_share": share}
    load(full, **settings)
    assert load(*([full.head(listed)] if listed else []), **settings).withdrawn_count == 0
    assert not any(withdrawn for *_, withdrawn in versions())
    if listed:
        assert "no longer lists 1 of 2 records; expected at most 40 %" in caplog.text


def test_a_rejected_record_counts_as_listed(load, versions):
    full = incidents(("a", "theft", moment(1)), ("b", "noise", moment(2)))
    settings = {"is_complete": True, "tolerated_withdrawal_share": 1.0}
    load(full, **settings)
    rejected = pl.DataFrame([["b", "latitude_deg", "in_bounds", "999", "outside", "{}"]], schema=REJECTED, orient="row")
    result = load(full.head(1), rejected=rejected, **settings)
    assert (result.rejected_count, result.withdrawn_count) == (1, 0)


def test_equal_duplicates_are_unchanged_and_contradicting_ones_rejected(load, versions, warehouse, request):
    once = ("a", "theft", moment(1))
    assert load(incidents(once, once)) == LoadResult(read_count=2, accepted_count=1, unchanged_count=1)
    result = load(incidents(("b", "theft", moment(3)), ("b", "noise", moment(3))), incidents(("b", "fire", moment(3))))
    assert result == LoadResult(read_count=3, accepted_count=1, rejected_count=2)
    assert [row[:3] for row in versions()] == [("a", 1, "theft"), ("b", 1, "theft")]
    reasons = warehouse.rows("select reason from raw.rejected where feed_id = %s", request.node.name[:60])
    assert all(
        "identifies two different records in one load; expected one record per id" in reason for (reason,) in reasons
    )


def test_rejects_are_kept_once_with_their_reason(load, warehouse, request):
    rejected = pl.DataFrame(
        [["a", "latitude_deg", "in_bounds", "999", "outside", '{"id": "a"}']], schema=REJECTED, orient="row"
    )
    for _ in range(2):
        assert load(incidents(("b", "theft", moment(1))), rejected=rejected).rejected_count == 1
    rows = warehouse.rows(
        "select column_name, check_name, value, row_data->>'id' from raw.rejected where feed_id = %s", request.node.name
    )
    assert rows == [("latitude_deg", "in_bounds", "999", "a")]


def test_an_unbalanced_load_writes_nothing(load, versions, monkeypatch):
    monkeypatch.setattr(Load, "_append_rejected", lambda self, _: setattr(self.result, "rejected_count", 5))
    with pytest.raises(LoadOutOfBalance, match="expected read = accepted"):
        load(incidents(("a", "theft", moment(1))))
    assert versions() == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["theft", "noise"])), max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_counts_balance_for_any_rows(warehouse, reads):
    """Property: read = accepted + rejected + unchanged + outside; the newest version is the content read last."""
    feed = LoadWindow("law", f"feed_{time.monotonic_ns()}", INCIDENT, JANUARY)
    for read in reads:
        with loading(sa.make_url(warehouse.url("loader")), feed) as opened:
            opened.add(incidents(*[(key, category, moment(1)) for key, category in read]), NO_REJECTS)
        r = opened.result
        assert r.read_count == len(read) == r.accepted_count + r.rejected_count + r.unchanged_count
        newest = dict(
            warehouse.rows(
                "select distinct on (source_record_id) source_record_id, source_category_code from raw.incident "
                "where feed_id = %s order by source_record_id, version_number desc",
                feed.feed_id,
            )
        )
        assert all(newest[key] in {c for k, c in read if k == key} for key, _ in read)


KILLED = """
import sys, time, sqlalchemy as sa
sys.path.insert(0, {tests!r})
from test_load import JANUARY, INCIDENT, NO_REJECTS, LoadWindow, incidents, loading, moment
with loading(sa.make_url({url!r}), LoadWindow("test", "killed", INCIDENT, JANUARY)) as load:
    load.add(incidents(*[(str(i), "theft", moment(1)) for i in range(1000)]), NO_REJECTS)
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_killed_load_changes_nothing(warehouse):
    script = KILLED.format(tests=str(Path(__file__).parent), url=warehouse.url("loader"))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    counts = """
        select
            (select count(*) from raw.incident where feed_id = 'killed'),
            (select count(*) from ops.load where feed_id = 'killed')
    """
    assert warehouse.rows(counts) == [(0, 0)]
    with loading(sa.make_url(warehouse.url("loader")), LoadWindow("test", "killed", INCIDENT, JANUARY)) as load:
        load.add(incidents(*[(str(i), "theft", moment(1)) for i in range(1000)]), NO_REJECTS)
    assert warehouse.rows(counts) == [(1000, 1)]


def test_the_loader_cannot_change_or_delete_what_was_loaded(warehouse):
    for statement in ("update raw.incident set description = ''", "delete from raw.incident", "truncate raw.incident"):
        with pytest.raises(Exception, match="permission denied"):
            warehouse.rows(statement, role="loader")
