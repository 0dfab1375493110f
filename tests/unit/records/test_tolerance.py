"""How many bad records stop a load: a share of days, and what chance may bring of a few minutes."""

import pytest

from observatory.records.tolerance import tolerated_count


@pytest.mark.parametrize(("read", "most"), [(1, 0), (49, 0), (50, 1), (1_000, 20)])
def test_of_a_day_the_share_is_tolerated_and_no_record_more(read, most):
    assert tolerated_count(0.02, read, is_live=False) == most


@pytest.mark.parametrize(("read", "most"), [(0, 1), (1, 1), (20, 2), (100, 6), (1_000, 33), (1_000_000, 20_424)])
def test_of_a_few_minutes_one_bad_record_is_always_tolerated_and_many_still_tell(read, most):
    assert tolerated_count(0.02, read, is_live=True) == most


def test_a_feed_that_tolerates_none_is_stopped_by_the_second():
    assert tolerated_count(0.0, 1_000, is_live=True) == 1
    assert tolerated_count(0.0, 1_000, is_live=False) == 0
