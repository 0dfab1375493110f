"""Which windows a history reads, what is printed, and how refused windows are handled."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from observatory.commands.backfill import backfill_city
from observatory.errors import ConventionNotLive, RangeError, SourceUnavailable
from observatory.ingest import extract as extraction
from observatory.ingest import history
from observatory.ingest.history import Perseverance, not_loaded, read_history
from observatory.ingest.history_windows import feeds_of_history, windows_of_history
from observatory.territory.files import load_territory
from observatory.warehouse import connection
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window

DEMO, MARSEILLE = load_territory("demo"), load_territory("marseille")
SPRING = (date(2026, 3, 1), date(2026, 6, 1))


def test_a_feed_with_times_is_read_by_month_and_one_without_times_once():
    read = [(feed_id, str(window)) for feed_id, window in windows_of_history(DEMO, ["city", "incidents"], *SPRING)]
    assert read == [
        ("city", "2026-03-01..2026-05-31"),
        ("incidents", "2026-03-01..2026-03-31"),
        ("incidents", "2026-04-01..2026-04-30"),
        ("incidents", "2026-05-01..2026-05-31"),
    ]


def test_no_window_before_a_feeds_history_start_is_read():
    (_, first), *_ = windows_of_history(MARSEILLE, ["emergency_visits"], date(2020, 1, 1), date(2020, 5, 1))
    assert first == Window(date(2020, 2, 24), date(2020, 3, 1), "Europe/Paris")
    assert windows_of_history(MARSEILLE, ["emergency_visits"], date(2019, 1, 1), date(2020, 1, 1)) == []


def test_by_default_every_feed_with_a_history_is_read_zones_first():
    assert feeds_of_history(DEMO)[:2] == ["city", "districts"]
    assert set(feeds_of_history(MARSEILLE)) == {each for each, feed in MARSEILLE.feeds.items() if feed.history_start}
    assert feeds_of_history(MARSEILLE, ["police_logs", "city"]) == ["city", "police_logs"]
    with pytest.raises(RangeError, match=r"no feed polise_logs; expected feeds of city, .* Correct the names"):
        feeds_of_history(MARSEILLE, ["polise_logs"])


@given(st.integers(-100, 100), st.integers(0, 100))
def test_a_window_counts_as_loaded_if_loaded_after_its_last_possible_change_or_since_yesterday(
    after_settled_h, before_now_h
):
    """Property: loaded later than its end and 30 days, or within 24 hours; other loads do not matter."""
    window = Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
    loaded_at = window.end + timedelta(days=30, hours=after_settled_h)
    loads = {("incidents", window.start, window.end): loaded_at, ("incidents", window.start, loaded_at): loaded_at}
    left = not_loaded([("incidents", window)], DEMO, loads, loaded_at + timedelta(hours=before_now_h))
    assert (left == []) == (after_settled_h >= 0 or before_now_h <= 24)
    assert not_loaded([("city", window)], DEMO, loads, loaded_at) == [("city", window)]


@pytest.fixture
def extracted(monkeypatch):
    """The extracted windows; a test plants errors by (feed, month)."""
    asked, errors = [], {}

    def extract(_url, _territory, feed_id, window, *, is_part_of_history):
        assert is_part_of_history
        asked.append((feed_id, window.first_day.month))
        if remaining := errors.get((feed_id, window.first_day.month)):
            raise remaining.pop()
        return LoadResult(read_count=10, accepted_count=10)

    monkeypatch.setattr(extraction, "extract", extract)
    return asked, errors


def refusal(kind):
    return kind("demo/incidents", found="nothing", expected="something", action="Ask.")


def test_a_month_that_fails_is_retried_and_blocks_no_other(extracted):
    asked, errors = extracted
    errors["incidents", 3] = [refusal(SourceUnavailable)]
    errors["incidents", 4] = [refusal(SourceUnavailable)] * 9
    waits = []
    months = windows_of_history(DEMO, ["incidents"], *SPRING)
    outcomes = list(read_history(None, DEMO, months, Perseverance(3, 5.0, waits.append)))
    assert [each.error is None for each in outcomes] == [True, False, True]
    assert asked == [("incidents", month) for month in (3, 3, 4, 4, 4, 5)]
    assert waits == [5.0] * 3


def test_an_error_common_to_all_months_of_a_feed_is_met_once(extracted):
    asked, errors = extracted
    errors["incidents", 3] = [refusal(ConventionNotLive)]
    outcomes = list(read_history(None, DEMO, windows_of_history(DEMO, ["incidents", "city"], *SPRING)))
    assert [type(each.error) for each in outcomes] == [ConventionNotLive] * 3 + [type(None)]
    assert asked == [("incidents", 3), ("city", 3)]


@pytest.fixture
def command(extracted, monkeypatch, capsys):
    """Run the command on an empty warehouse; returns exit code, output and errors."""
    closed = []
    monkeypatch.setattr(connection, "role_url", lambda _: None)
    monkeypatch.setattr(history, "last_loads", lambda *_: {})
    monkeypatch.setattr(history, "close", lambda _url, _city, feed_ids, _days: closed.extend(feed_ids) or 0)
    monkeypatch.setattr(history, "Perseverance", lambda: Perseverance(sleep=lambda _: None))

    def run(*feeds):
        output = io.StringIO()
        code = backfill_city(DEMO, list(feeds), SPRING, Console(file=output, width=110), again=False)
        return code, output.getvalue(), capsys.readouterr().err, closed

    return run


def test_without_a_terminal_each_window_is_printed_on_a_line(command):
    code, output, _, closed = command("incidents")
    assert code == 0
    assert closed == ["incidents"]
    first, *_, last = output.splitlines()
    assert first.startswith("1/3 incidents 2026-03-01..2026-03-31: 10 rows (10 new, 0 unchanged, 0 rejected); ")
    assert "rows/s" in first
    assert last.startswith("✓ 3 windows, 30 rows")


def test_refused_months_are_reported_and_no_record_of_their_feed_is_closed(command, extracted):
    extracted[1]["incidents", 4] = [refusal(SourceUnavailable)] * 9
    code, output, errors, closed = command()
    asked = windows_of_history(DEMO, feeds_of_history(DEMO, []), *SPRING)
    assert code == 1
    assert closed == [feed_id for feed_id in feeds_of_history(DEMO, []) if feed_id != "incidents"]
    assert "incidents 2026-04-01..2026-04-30 refused: demo/incidents: nothing; expected something. Ask." in output
    assert (
        f"demo: history: 1 of {len(asked)} windows were refused: incidents 2026-04-01..2026-04-30 (SourceUnavailable); "
        "expected every window to be loaded. The others are loaded."
    ) in errors


def test_an_interrupt_reports_how_to_continue(command, monkeypatch, extracted):
    extracted[1]["incidents", 4] = [KeyboardInterrupt()]
    code, output, _, closed = command("incidents")
    assert (code, closed) == (130, [])
    assert "Stopped: 1 of 3 windows are done, and no window is partly loaded." in output
    assert "it continues with incidents 2026-04-01..2026-04-30" in output
