"""A windowed build gives the tables of a full build, after any corrections, withdrawals, returns and moves."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

FACTS = ("fct_incident", "fct_incident_cell_day")
FIRST = date(2026, 3, 20)  # includes or is near the change of clocks of both time zones
DAYS = 24
ZONES = {"demo": ZoneInfo("Europe/Paris"), "chicago": ZoneInfo("America/Chicago")}
CATEGORIES = ["VOL_SIMPLE", "CAMBRIOLAGE", "STUPEFIANTS", "INCONNU"]
CELLS = ["c1", "c2", "outside", None]


class History:
    """Random records of two cities, changed only where a window sees it: what loads of that window could bring."""

    def __init__(self, raw, seed):
        self.raw, self.random = raw, random.Random(seed)
        self.records = {}  # (territory, record) -> [(local day, values)], one per version
        self.known = datetime(2026, 5, 1, tzinfo=UTC)

    def moment(self, territory, day):
        local = datetime(day.year, day.month, day.day, tzinfo=ZONES[territory])
        # midnight and the last minute are as likely as any other minute
        minute = self.random.choice([0, 1, 23 * 60 + 59, self.random.randrange(24 * 60)])
        return (local + timedelta(minutes=minute)).astimezone(UTC)

    def day(self):
        return FIRST + timedelta(days=self.random.randrange(DAYS))

    def append(self, territory, record, day, *, is_withdrawn=False):
        moment = self.moment(territory, day)
        values = {"category": self.random.choice(CATEGORIES), "cell": self.random.choice(CELLS)}
        self.known += timedelta(hours=self.random.randrange(-30, 60))
        self.raw.incident(territory, record, moment, is_withdrawn=is_withdrawn, known_at=self.known, **values)
        local = moment.astimezone(ZONES[territory]).date()
        self.records.setdefault((territory, record), []).append((local, self.known, is_withdrawn))

    def begin(self, count):
        for number in range(count):
            self.append(self.random.choice(list(ZONES)), f"r{number}", self.day())

    def change_within(self, territory, first, end):
        """New records in the window; corrections, withdrawals and moves of records that were, or now are, in it."""
        span = (end - first).days
        for number in range(4):
            self.append(
                territory, f"new{len(self.records)}-{number}", first + timedelta(days=self.random.randrange(span))
            )
        for (city, record), versions in list(self.records.items()):
            if city != territory or self.random.random() < 0.4:
                continue
            was_inside = any(first <= day < end for day, _, _ in versions)
            goes_inside = first + timedelta(days=self.random.randrange(span))
            if was_inside:
                self.append(city, record, self.random.choice([versions[-1][0], self.day()]),
                            is_withdrawn=self.random.random() < 0.3)  # fmt: skip
            elif self.random.random() < 0.3:
                self.append(city, record, goes_inside, is_withdrawn=self.random.random() < 0.2)


def facts(warehouse, territory=None):
    where = f"where territory_code = '{territory}'" if territory else ""
    return {
        fact: warehouse.rows(f"select f::text from core.{fact} as f {where} order by 1", role="reader")
        for fact in FACTS
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_windowed_build_equals_a_full_build(dbt, warehouse, raw, seed):
    history = History(raw, seed)
    history.begin(60)
    dbt("build" if seed == 0 else "run", *(() if seed == 0 else ("--select", "core")))
    for _ in range(2):
        territory = history.random.choice(list(ZONES))
        first = history.day()
        end = first + timedelta(days=history.random.choice([1, 1, 3, 10]))
        other = next(code for code in ZONES if code != territory)
        before = facts(warehouse, other)
        history.change_within(territory, first, end)
        dbt("run", "--select", *FACTS, territory_code=territory, window_start=str(first), window_end=str(end))
        assert facts(warehouse, other) == before, "another territory was touched"
    windowed = facts(warehouse)
    dbt("run", "--select", *FACTS)
    full = facts(warehouse)
    assert full["fct_incident"], "the example is empty"
    assert windowed == full
    tests = ("map_equals_table_equals_total", "every_listed_incident_is_in_the_fact", *FACTS)
    dbt("test", "--select", *tests, "--exclude-resource-type", "unit_test")


def test_a_build_of_one_territory_leaves_the_others_as_they_were(dbt, warehouse, raw):
    history = History(raw, 7)
    history.begin(30)
    dbt("run", "--select", "core")
    dimensions = "select count(*) from core.dim_cell where territory_code = %s"
    before, cells = {code: facts(warehouse, code) for code in ZONES}, warehouse.rows(dimensions, "chicago")
    for territory in ZONES:
        history.change_within(territory, FIRST, FIRST + timedelta(days=DAYS))
    raw.connection.execute("delete from raw.cell where cell_id = 'c2'")
    dbt("run", "--select", "core", territory_code="demo")
    assert facts(warehouse, "chicago") == before["chicago"]
    assert warehouse.rows(dimensions, "chicago") == cells
    assert facts(warehouse, "demo") != before["demo"]
    assert warehouse.rows(dimensions, "demo")[0][0] == cells[0][0] - 1


@pytest.mark.parametrize("seed", range(100, 103))
def test_versions_give_what_was_known_at_any_moment(dbt, warehouse, raw, seed):
    history = History(raw, seed)
    history.begin(30)
    for territory in ZONES:
        history.change_within(territory, FIRST, FIRST + timedelta(days=DAYS))
        history.change_within(territory, FIRST, FIRST + timedelta(days=DAYS))
    dbt("run", "--select", "+fct_incident_version")
    moments = sorted({known for versions in history.records.values() for _, known, _ in versions})
    for moment in [moments[0] - timedelta(days=1), *history.random.sample(moments, 8), moments[-1]]:
        expected = set()
        for (territory, record), versions in history.records.items():
            # the newest version known, together with all before it
            latest = [
                number for number in range(1, len(versions) + 1) if all(k <= moment for _, k, _ in versions[:number])
            ]
            if latest and not versions[latest[-1] - 1][2]:
                expected.add((territory, record, latest[-1], versions[latest[-1] - 1][0]))
        found = warehouse.rows(
            """
            select territory_code, source_record_id, version_number, occurred_date from core.fct_incident_version
            where known_from <= %s and (known_to is null or %s < known_to) and not is_withdrawn
            """,
            moment,
            moment,
            role="forecaster",
        )
        assert sorted(found) == sorted(expected)
