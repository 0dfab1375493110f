"""What runs of a live feed read: if runs are late, missed or fail, those that succeed still cover every moment."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.ingest.windows import (
    LEAST_OVERLAP,
    MOST_OVERLAP,
    completed_day,
    days_to_read,
    live_window,
    overlap,
    parts,
)
from observatory.orchestration.assets import cron
from observatory.territory.files import load_territory
from observatory.window import local_midnight

DEMO = load_territory("demo")
ZONES = ["Europe/Paris", "America/Chicago", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"]
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
RUNS = st.lists(
    st.tuples(st.timedeltas(timedelta(seconds=1), timedelta(days=3)), st.integers(0, 9), st.integers(0, 90)),
    min_size=1,
    max_size=12,
)
"""How long after the run before it a run begins, of ten parts how many it loads before it fails, its lag in minutes."""


def town(timezone="Europe/Paris", **changes):
    feed = DEMO.feeds["incidents"].model_copy(update={"cadence_min": 5, "correction_days": 2, **changes})
    return DEMO.model_copy(update={"timezone": timezone, "feeds": {"live": feed}})


@settings(deadline=None)
@given(MOMENTS, RUNS, st.sampled_from(ZONES), st.integers(0, 4))
def test_successful_runs_cover_every_moment(first, runs, timezone, back):
    city, now, read = town(timezone, correction_days=back), first, []
    until = None
    for after, loaded_parts, lag_min in runs:
        now += after + timedelta(minutes=lag_min)
        window = live_window(city, "live", until, now)
        assert window is not None
        assert window.end == now
        cut = list(parts(city, "live", window))
        assert all(one.end == other.start for one, other in pairwise(cut)), "oldest first, without a hole"
        assert (cut[0].start, cut[-1].end) == (window.start, window.end)
        done = cut if loaded_parts == 9 else cut[: len(cut) * loaded_parts // 9]
        read += done
        until = max([each.end for each in done] + ([until] if until else []), default=None)
    reached = None
    for window in read:
        assert reached is None or window.start <= reached, "a hole"
        reached = max(reached or window.end, window.end)


@settings(deadline=None)
@given(MOMENTS, st.sampled_from(ZONES), st.integers(0, 40))
def test_the_first_run_of_a_local_day_reads_the_days_that_may_have_been_corrected(now, timezone, back):
    city = town(timezone, correction_days=back)
    today = now.astimezone(ZoneInfo(timezone)).date()
    midnight = local_midnight(today, timezone)
    for until in (None, midnight - timedelta(seconds=1)):
        window = live_window(city, "live", until, now)
        assert window.start <= local_midnight(today - timedelta(days=back), timezone)
        assert completed_day(window, until) == today - timedelta(days=1)


@settings(deadline=None)
@given(MOMENTS, RUNS, st.sampled_from(ZONES), st.integers(0, 4), st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_corrections_are_read_by_the_next_day_at_the_latest(first, runs, timezone, back, when):
    city, zone, now, windows = town(timezone, correction_days=back), ZoneInfo(timezone), first, []
    for after, *_ in [(timedelta(0),), *runs]:
        now += after
        windows.append(live_window(city, "live", windows[-1].end if windows else None, now))
    happened = first + when[0] * (now - first)
    corrected = happened + when[1] * timedelta(days=back)
    day_after = corrected.astimezone(zone).date() + timedelta(days=1)
    later = [window for window in windows if window.end.astimezone(zone).date() >= day_after]
    if later:
        known = [window for window in windows if window.end >= corrected and window.start <= happened < window.end]
        assert known
        assert known[0].end <= later[0].end


@settings(deadline=None)
@given(MOMENTS, st.timedeltas(timedelta(minutes=1), timedelta(hours=20)), st.floats(0, 200))
def test_other_runs_read_only_what_is_new(until, after, lag_hours):
    city, now = town(publication_lag_hours=lag_hours), until + after
    zone = ZoneInfo(city.timezone)
    if until.astimezone(zone).date() < now.astimezone(zone).date():
        return
    window = live_window(city, "live", until, now)
    assert window.start == until - overlap(city, "live")
    assert LEAST_OVERLAP <= overlap(city, "live") <= MOST_OVERLAP
    assert completed_day(window, until) is None


@pytest.mark.parametrize(
    ("read", "days"),
    [(None, [10]), (datetime(2026, 3, 9, 23, tzinfo=UTC), [10]), (datetime(2026, 3, 7, 23, tzinfo=UTC), [8, 9, 10]),
     (datetime(2026, 3, 20, 23, tzinfo=UTC), [10])],
    ids=["never read", "read the day before", "not read for two days", "read again"],
)  # fmt: skip
def test_a_daily_run_reads_earlier_days_that_were_not_read(read, days):
    assert days_to_read(town(), "live", date(2026, 3, 10), read) == [date(2026, 3, day) for day in days]


def test_a_feed_without_times_is_read_once_also_after_missed_days():
    register = town(kind="camera")
    assert days_to_read(register, "live", date(2026, 3, 10), datetime(2026, 3, 1, tzinfo=UTC)) == [date(2026, 3, 10)]


def test_a_daily_run_reads_at_most_a_limited_number_of_missed_days():
    assert len(days_to_read(town(), "live", date(2026, 3, 10), datetime(2025, 3, 10, tzinfo=UTC))) == 32


def test_a_second_run_at_the_same_moment_has_nothing_to_read():
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert live_window(town(), "live", now, now) is None
    assert live_window(town(), "live", now + timedelta(hours=1), now) is None


def test_a_regular_run_is_one_window_and_a_long_gap_is_split_into_days():
    now = datetime(2026, 3, 30, 12, tzinfo=UTC)
    ordinary = live_window(town(), "live", now - timedelta(hours=20), now)
    assert len(list(parts(town(), "live", ordinary))) == 1
    gap = live_window(town(), "live", now - timedelta(days=10), now)
    days = list(parts(town(), "live", gap))
    assert [day.first_day for day in days] == [date(2026, 3, 18) + timedelta(days=number) for number in range(13)]
    assert {day.end - day.start for day in days[1:-1]} == {timedelta(hours=23), timedelta(hours=24)}


@pytest.mark.parametrize(
    ("cadence_min", "expected"),
    [(5, "*/5 * * * *"), (59, "*/59 * * * *"), (60, "0 */1 * * *"), (90, "0 */1 * * *"), (1_440, "0 0 * * *")],
)
def test_a_cadence_is_a_schedule_at_least_as_frequent(cadence_min, expected):
    assert cron(town(cadence_min=cadence_min), "live") == expected


def test_a_feed_without_cadence_is_read_by_the_citys_schedule():
    assert cron(town(cadence_min=None), "live") == "0 4 * * *"
