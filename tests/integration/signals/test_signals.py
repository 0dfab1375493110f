"""Signals on a real PostgreSQL: days of Parquet, the manifest that points to them, the sums that are made of them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from observatory.contracts import CONTRACTS
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.settings import signals_folder
from observatory.signals.load import loading_signals
from observatory.window import Window

KIND = CONTRACTS["traffic_measure"]
START = datetime(2026, 3, 28, 12, tzinfo=UTC)
HOURS, SITES, EVERY = 60, 4, timedelta(minutes=6)
"""From Saturday noon, over the Sunday of 23 hours, into Tuesday."""
NO_REJECTS = pl.DataFrame(schema=REJECTED)


def measures(*, published=START + timedelta(days=9), speed=50.0) -> pl.DataFrame:
    """Every interval of every site. Site 0 never measures a speed; site 1 counts nothing at all, which is a count."""
    moments = [START + number * EVERY for number in range(HOURS * 10)]
    rows = pl.DataFrame({"occurred_from": moments}).join(pl.DataFrame({"site": range(SITES)}), how="cross")
    rows = rows.with_columns(
        pl.col("occurred_from").cast(pl.Datetime("us", "UTC")),
        source_record_id=pl.format("S{}@{}", "site", pl.col("occurred_from").dt.epoch("s")),
        occurred_to=(pl.col("occurred_from") + EVERY).cast(pl.Datetime("us", "UTC")),
        site_code=pl.format("S{}", "site"),
        flow_veh_h=pl.when(pl.col("site") == 1).then(0.0).otherwise(600.0),
        speed_kmh=pl.when(pl.col("site") > 0).then(pl.lit(speed)),
        occurred_precision=pl.lit("minute"),
        location_method=pl.lit("none"),
        published_at=pl.lit(published).cast(pl.Datetime("us", "UTC")),
        known_at=pl.lit(published).cast(pl.Datetime("us", "UTC")),
    )
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in KIND.schema.items() if name not in rows.columns]
    return rows.with_columns(absent).select(KIND.columns).cast(dict(KIND.schema))


def load(warehouse, feed_id, *chunks):
    window = Window(date(2026, 3, 28), date(2026, 4, 1), "Europe/Paris")
    with loading_signals(sa.make_url(warehouse.url("loader")), LoadWindow("town", feed_id, KIND, window)) as opened:
        for chunk in chunks:
            opened.add(chunk, NO_REJECTS)
    return opened.result


def stored(warehouse, feed_id):
    """What the manifest points to, and the sums, without what tells one feed or load from another."""
    rows = warehouse.rows("select day, file_name from ops.signal_partition where feed_id = %s order by day", feed_id)
    folder = signals_folder() / "town" / feed_id
    files = {day: pl.read_parquet(folder / f"day={day}" / name) for day, name in rows}
    assert {path.name for path in folder.rglob("*.*")} == {name for _, name in rows}, "a file that nothing points to"
    hours = warehouse.rows(
        "select site_code, hour_start, row_count, last_at, flow_veh_h_mean, flow_veh_h_count, speed_kmh_mean, "
        "speed_kmh_count, speed_kmh_last from raw.traffic_measure_hour where feed_id = %s order by 1, 2",
        feed_id,
    )
    return files, hours


def same(one, other):
    assert one[0].keys() == other[0].keys()
    for day, file in one[0].items():
        assert file.equals(other[0][day]), day
    assert one[1] == other[1]


def test_a_day_is_stored_as_a_file_with_hourly_sums(warehouse):
    result = load(warehouse, "whole", measures())
    files, hours = stored(warehouse, "whole")
    assert (result.read_count, result.accepted_count) == (HOURS * 10 * SITES,) * 2
    assert [files[date(2026, 3, day)].height for day in (28, 29, 30)] == [11 * 40, 23 * 40, 24 * 40]
    assert sum(file.height for file in files.values()) == sum(hour[2] for hour in hours) == result.read_count
    assert len(hours) == HOURS * SITES


def test_a_missing_measurement_is_null_and_a_count_of_nothing_is_0(warehouse):
    load(warehouse, "null", measures())
    of_site = {hour[0]: hour[4:8] for hour in stored(warehouse, "null")[1]}
    assert of_site["S0"] == (600.0, 10, None, 0)
    assert of_site["S1"] == (0.0, 10, 50.0, 10)


def test_reading_again_changes_nothing_and_counts_all_as_unchanged(warehouse):
    load(warehouse, "again", measures())
    before = stored(warehouse, "again")
    result = load(warehouse, "again", measures())
    assert (result.accepted_count, result.unchanged_count) == (0, result.read_count)
    same(stored(warehouse, "again"), before)


@pytest.mark.parametrize("seed", range(3))
def test_batches_in_any_order_give_the_same_files_and_sums(warehouse, seed):
    """Property: however the records come, twice and out of order, what is kept is the same."""
    load(warehouse, "once", measures())
    shuffled = measures().sample(fraction=1, shuffle=True, seed=seed)
    for first in range(0, shuffled.height, 500):
        load(warehouse, f"batches_{seed}", shuffled.slice(first, 300), shuffled.slice(first + 200, 300))
    same(stored(warehouse, f"batches_{seed}"), stored(warehouse, "once"))


def test_the_version_published_last_is_kept_in_any_order_of_arrival(warehouse):
    corrected = measures(published=START + timedelta(days=10), speed=30.0)
    load(warehouse, "corrected", measures())
    assert load(warehouse, "corrected", corrected).corrected_count == HOURS * 10 * (SITES - 1)
    late = load(warehouse, "corrected", measures())
    assert (late.accepted_count, late.unchanged_count) == (0, late.read_count)
    assert {hour[6] for hour in stored(warehouse, "corrected")[1] if hour[0] != "S0"} == {30.0}


def test_of_two_records_with_one_id_in_a_load_one_is_rejected(warehouse):
    one = measures().head(1)
    result = load(warehouse, "twice", one, one.with_columns(flow_veh_h=pl.lit(1.0)))
    assert (result.read_count, result.accepted_count, result.rejected_count) == (2, 1, 1)


def test_a_killed_and_repeated_load_gives_the_files_and_sums_of_one_load(warehouse):
    load(warehouse, "undisturbed", measures())
    again = "from tests.integration.signals import test_signals as t\n"
    again += "class W:\n    url = staticmethod(lambda _: {url!r})\n"
    again += "print('begun', flush=True)\nt.load(W, 'killed', t.measures())\n"
    command = [sys.executable, "-c", again.format(url=warehouse.url("loader"))]
    waits, ended = random.Random(1), []
    for _ in range(6):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(waits.uniform(0, 0.35))
        os.killpg(child.pid, signal.SIGKILL)
        ended.append(child.wait())
    assert -signal.SIGKILL in ended
    load(warehouse, "killed", measures())
    same(stored(warehouse, "killed"), stored(warehouse, "undisturbed"))
    unbalanced = (
        "select * from ops.load where read_count <> accepted_count + rejected_count + unchanged_count + outside_count"
    )
    assert warehouse.rows(unbalanced) == []
