"""The days that the main job is asked for are refused, where they make no sense, before anything is started."""

from datetime import date

import pytest
from rich.console import Console

from observatory.errors import RangeError
from observatory.quickstart.job import run


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path))
    yield
    assert not any(tmp_path.iterdir()), "nothing was started"


def test_a_future_day_is_refused_as_today():
    with pytest.raises(RangeError, match=r"^day: 2999-01-01; expected .* Choose an earlier day"):
        run("demo", None, date(2999, 1, 1), None, Console())


@pytest.mark.parametrize("since", [date(2024, 6, 30), date(2024, 7, 15)])
def test_a_history_that_ends_before_it_begins_is_refused(since):
    with pytest.raises(
        RangeError, match=r"expected a day before 2024-06-30, so that there is a history as of 2024-07-01"
    ):
        run("demo", None, date(2024, 7, 1), since, Console())
