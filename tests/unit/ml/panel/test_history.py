"""What was known when: mornings, late records, corrections, withdrawals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.errors import HistoryTooShort
from ml.panel.history import KnownHistory, morning
from ml.panel.panel import Cells

PARIS = "Europe/Paris"
FIRST = date(2024, 3, 20)


@pytest.fixture
def cells():
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": ["a", "b"],
                "easting_m": [125.0, 375.0],
                "northing_m": [125.0, 125.0],
                "cell_size_m": [250, 250],
            }
        )
    )


def version(day, known_from, known_to=None, cell="a", group="g"):
    return {
        "category_group": group,
        "category_code": group,
        "cell_id": cell,
        "occurred_date": day,
        "known_from": known_from,
        "known_to": known_to,
        "incident_count": 1,
    }


def history(cells, rows, first, last):
    schema = {"known_from": pl.Datetime("us", "UTC"), "known_to": pl.Datetime("us", "UTC")}
    frame = pl.DataFrame(rows, schema_overrides=schema)
    return KnownHistory(cells, frame, group="g", timezone=PARIS, first_day=first, last_day=last)


def evening(day):
    return datetime(day.year, day.month, day.day, 20, tzinfo=UTC)


def test_the_morning_is_local_and_moves_with_the_clock():
    assert morning(date(2024, 3, 30), PARIS) == datetime(2024, 3, 30, 4, tzinfo=UTC)
    assert morning(date(2024, 4, 1), PARIS) == datetime(2024, 4, 1, 3, tzinfo=UTC)


def test_prompt_days_share_a_panel_and_late_ones_do_not(cells):
    days = [FIRST + timedelta(days=offset) for offset in range(20)]
    rows = [version(day, evening(day)) for day in days]
    known = history(cells, rows, days[10], days[19])
    assert len({id(known(day).panel) for day in days[10:]}) == 1
    late = [*rows, version(days[5], morning(days[14], PARIS) - timedelta(hours=1), cell="b")]
    known = history(cells, late, days[10], days[19])
    assert known(days[13]).panel.counts(days[5]).tolist() == [1, 0]
    assert known(days[14]).panel.counts(days[5]).tolist() == [1, 1]


def test_every_morning_sees_exactly_what_was_known(cells):
    random = np.random.default_rng(4)
    days = [FIRST + timedelta(days=offset) for offset in range(25)]
    rows = []
    for day in days:
        for _ in range(3):
            begins = evening(day) + timedelta(days=float(random.choice([0, 0, 0, 2, 5])))
            ends = begins + timedelta(days=float(random.integers(1, 9))) if random.random() < 0.3 else None
            rows.append(version(day, begins, ends, cell="ab"[random.integers(2)], group="gh"[random.integers(2)]))
    known = history(cells, rows, days[10], days[24])
    for day in days[10:]:
        moment = morning(day, PARIS)
        seen = known(day)
        for earlier in days[: days.index(day) - seen.horizon_days + 1]:
            brute = [
                sum(
                    row["cell_id"] == cell
                    and row["category_group"] == "g"
                    and row["occurred_date"] == earlier
                    and row["known_from"] <= moment
                    and (row["known_to"] is None or row["known_to"] > moment)
                    for row in rows
                )
                for cell in "ab"
            ]
            assert seen.panel.counts(earlier).tolist() == brute


def test_a_lagging_portal_lengthens_the_horizon(cells):
    days = [FIRST + timedelta(days=offset) for offset in range(10)]
    known = history(cells, [version(day, evening(day) + timedelta(days=3)) for day in days], days[6], days[9])
    assert known(days[6]).horizon_days == 4


def test_a_morning_without_known_incidents_is_reported(cells):
    known = history(cells, [version(FIRST, evening(FIRST) + timedelta(days=30))], FIRST, FIRST + timedelta(days=2))
    with pytest.raises(HistoryTooShort, match="no incident known"):
        known(FIRST)
