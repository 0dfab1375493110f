"""How many bad records stop a load: a share of days, and what chance may bring of a few minutes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from observatory.records.tolerance import tolerated_count
from observatory.window import Window

DAY = Window.of_day(date(2026, 3, 10), "Europe/Paris")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTES = Window.between(NOW - timedelta(minutes=20), NOW, "Europe/Paris")


@pytest.mark.parametrize(("read", "most"), [(1, 0), (49, 0), (50, 1), (1_000, 20)])
def test_of_a_day_the_share_is_tolerated_and_no_record_more(read, most):
    assert tolerated_count(0.02, read, DAY) == most


@pytest.mark.parametrize(("read", "most"), [(0, 1), (1, 1), (20, 2), (100, 6), (1_000, 33), (1_000_000, 20_424)])
def test_of_a_few_minutes_one_bad_record_is_always_tolerated_and_many_still_tell(read, most):
    assert tolerated_count(0.02, read, MINUTES) == most


def test_a_feed_that_tolerates_none_is_stopped_by_the_second():
    assert tolerated_count(0.0, 1_000, MINUTES) == 1
    assert tolerated_count(0.0, 1_000, DAY) == 0
