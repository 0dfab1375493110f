"""Windows of local days: half-open, as long as the local clock says, cut into months without gap or overlap."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.errors import RangeError
from observatory.ingest.history_windows import asked_days, backtest_days, windows_of_history
from observatory.ingest.windows import window_of_day
from observatory.territory.files import load_territory
from observatory.window import Window, local_midnight

ZONES = [
    "Europe/Paris",
    "America/Chicago",
    "America/Los_Angeles",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Tokyo",
]
DAYS = st.dates(date(2005, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Europe/Paris", date(2026, 3, 28), 24),
        ("Europe/Paris", date(2026, 3, 29), 23),
        ("Europe/Paris", date(2026, 10, 25), 25),
        ("America/Chicago", date(2016, 3, 13), 23),
        ("America/Chicago", date(2016, 11, 6), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Tokyo", date(2026, 3, 29), 24),
    ],
)
def test_a_day_has_the_length_of_the_local_day(timezone, day, hours):
    window = Window.of_day(day, timezone)
    assert window.end - window.start == timedelta(hours=hours)


def test_a_window_is_printed_in_utc_and_begins_at_local_midnight():
    window = Window(date(2026, 1, 1), date(2026, 7, 1), "Europe/Paris")
    assert (window.start, window.end) == (
        datetime(2025, 12, 31, 23, tzinfo=UTC),
        datetime(2026, 6, 30, 22, tzinfo=UTC),
    )
    assert window.start.utcoffset() == timedelta(0)


def test_a_day_whose_midnight_does_not_exist_begins_with_its_first_moment():
    """Chile's clocks go from 24:00 to 01:00."""
    start = local_midnight(date(2026, 9, 6), "America/Santiago")
    assert start == datetime(2026, 9, 6, 4, tzinfo=UTC)
    assert start.astimezone(ZoneInfo("America/Santiago")).hour == 1


def test_a_day_with_two_midnights_begins_with_the_first():
    """Cuba's clocks go from 01:00 back to 00:00."""
    assert local_midnight(date(2026, 11, 1), "America/Havana") == datetime(2026, 11, 1, 4, tzinfo=UTC)
    day = Window.of_day(date(2026, 11, 1), "America/Havana")
    assert day.end - day.start == timedelta(hours=25)


@given(day=DAYS, timezone=st.sampled_from(ZONES))
def test_days_follow_each_other_without_gap_or_overlap(day, timezone):
    """Property: half-open days tile time, and each holds exactly the moments with its date on the local clock."""
    window, next_day = Window.of_day(day, timezone), Window.of_day(day + timedelta(days=1), timezone)
    assert window.end == next_day.start
    first, last = window.start.astimezone(ZoneInfo(timezone)), (window.end - timedelta(microseconds=1))
    assert first.date() == last.astimezone(ZoneInfo(timezone)).date() == day
    assert timedelta(hours=23) <= window.end - window.start <= timedelta(hours=25)


@given(first_day=DAYS, days=st.integers(1, 1200), timezone=st.sampled_from(ZONES))
def test_months_tile_the_window(first_day, days, timezone):
    """Property: the months cover the window exactly, in order, and none reaches into another month."""
    window = Window(first_day, first_day + timedelta(days=days), timezone)
    months = list(window.months())
    assert (months[0].first_day, months[-1].end_day) == (window.first_day, window.end_day)
    assert all(earlier.end_day == later.first_day for earlier, later in pairwise(months))
    assert all(month.first_day.day == 1 for month in months[1:])
    for month in months:
        last_day = month.end_day - timedelta(days=1)
        assert (last_day.year, last_day.month) == (month.first_day.year, month.first_day.month)
        assert month.timezone == timezone


def test_a_window_of_one_month_is_not_split():
    january = Window(date(2026, 1, 1), date(2026, 2, 1), "Europe/Paris")
    assert list(january.months()) == [january]


@pytest.mark.parametrize("end_day", [date(2026, 1, 1), date(2025, 12, 31)], ids=["empty", "backwards"])
def test_a_window_without_a_day_is_refused(end_day):
    with pytest.raises(ValueError, match=f"window ends on {end_day}, not after its first day 2026-01-01"):
        Window(date(2026, 1, 1), end_day, "Europe/Paris")


def test_a_window_is_named_by_its_first_and_last_day():
    assert str(Window(date(2016, 1, 1), date(2016, 2, 1), "America/Chicago")) == "2016-01-01..2016-01-31"


@given(
    start=st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    minutes=st.integers(1, 100_000),
    timezone=st.sampled_from(ZONES),
)
def test_moments_lie_in_the_local_days_they_touch_and_in_no_others(start, minutes, timezone):
    """Property: the days of a window of moments cover it, and lose it when one is taken away at either end."""
    end = start + timedelta(minutes=minutes)
    window = Window.between(start, end, timezone)
    assert (window.start, window.end) == (start, end)
    days = Window(window.first_day, window.end_day, timezone)
    assert days.start <= start < local_midnight(window.first_day + timedelta(days=1), timezone)
    assert local_midnight(window.end_day - timedelta(days=1), timezone) < end <= days.end


def test_a_window_of_moments_is_named_by_the_local_clock():
    window = Window.between(datetime(2026, 1, 1, 8, tzinfo=UTC), datetime(2026, 1, 1, 8, 5, tzinfo=UTC), "Europe/Paris")
    assert str(window) == "2026-01-01T09:00..2026-01-01T09:05"


# --- the windows that the schedules make


def test_a_daily_run_reads_its_day_and_as_far_back_as_the_feed_corrects_itself():
    demo = load_territory("demo")
    assert demo.feeds["incidents"].correction_days == 30
    window = window_of_day(demo, "incidents", date(2026, 3, 31))
    assert window == Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")


def test_a_backfill_reads_a_feed_by_month():
    read = windows_of_history(load_territory("demo"), ["incidents"], date(2026, 1, 15), date(2026, 3, 1))
    assert [(feed_id, str(month)) for feed_id, month in read] == [
        ("incidents", "2026-01-15..2026-01-31"),
        ("incidents", "2026-02-01..2026-02-28"),
    ]


def test_a_backfill_ends_in_a_backtest_of_its_last_four_weeks():
    first_day, last_day = backtest_days(date(2026, 3, 1))
    assert ((last_day - first_day).days + 1, last_day) == (28, date(2026, 2, 28))


def test_a_backfill_without_a_day_is_refused():
    with pytest.raises(RangeError, match=r"end_day 2026-01-01; expected an end_day after the first_day\."):
        asked_days("2026-01-01", "2026-01-01")
