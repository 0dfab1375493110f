"""How many bad records stop a load: a share of days, and what chance may bring of a few minutes."""

import pytest

from observatory.records.tolerance import tolerated_count


@pytest.mark.parametrize(("read", "most"), [(1, 0), (49, 0), (50, 1), (1_000, 20)])
def test_a_day_tolerates_exactly_its_share_of_invalid_records(read, most):
    assert tolerated_count(0.02, read, is_live=False) == most


@pytest.mark.parametrize(("read", "most"), [(0, 1), (1, 1), (20, 2), (100, 6), (1_000, 33), (1_000_000, 20_424)])
def test_a_few_minutes_tolerate_one_invalid_record_but_not_many(read, most):
    assert tolerated_count(0.02, read, is_live=True) == most


def test_a_live_feed_without_tolerance_still_tolerates_one_record():
    assert tolerated_count(0.0, 1_000, is_live=True) == 1
    assert tolerated_count(0.0, 1_000, is_live=False) == 0
