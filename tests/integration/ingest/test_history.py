"""A history gives the same tables for any order, repetitions and faults of the reads of its windows."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from observatory.errors import SourceUnavailable
from observatory.feeds import open_reader
from observatory.feeds.http.client import Patience
from observatory.ingest import extract, history
from observatory.simulator.portal import INCIDENTS_ID, create_app, running
from observatory.simulator.servers.faults import catalogue
from observatory.simulator.servers.socrata import Dataset
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import Window
from tests.support.city import as_json

DAYS = (date(2026, 1, 1), date(2026, 5, 1))
IMPATIENT = Patience(attempts=2, backoff_s=0.01, longest_wait_s=0.02, timeout_s=5)
AT_ONCE = history.Perseverance(attempts=2, pause_s=0.0)
PAGE_ROWS = 7
TIMEZONE = "Europe/Paris"
MONTHS = list(Window(*DAYS, TIMEZONE).months())

DERIVED = ["load_id", "loaded_at", "rejected_at"]
"""Columns that tell of the loading, not of the records; ``known_at`` of a version that closes a record is one, too."""


def rows(month: str, *lines: tuple) -> pl.DataFrame:
    """Listed rows from (id, day, category, longitude)."""
    moments = [datetime.fromisoformat(f"2026-{day}T09:30:00") for _, day, *_ in lines]
    written = [f"{moment:%Y-%m-%dT%H:%M:%S.000}" for moment in moments]
    return pl.DataFrame(
        {
            "incident_id": [line[0] for line in lines],
            "occurred_at": written,
            "ended_at": written,
            "category": [line[2] for line in lines],
            "description": ["Vol"] * len(lines),
            "reported_at": written,
            "updated_at": [f"{month}-01T00:00:00.000"] * len(lines),
            "district": ["D01"] * len(lines),
            "longitude": [line[3] for line in lines],
            "latitude": ["43.27"] * len(lines),
        }
    )


def listings(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What a portal lists first, and later: with records corrected, withdrawn, moved, doubled, new and unusable."""
    drawn = random.Random(seed)
    days = [f"{date(2026, 1, 1) + timedelta(days=drawn.randrange(120)):%m-%d}" for _ in range(60)]
    first = [(f"I-{n:02}", day, drawn.choice(["VOL_SIMPLE", "RIXE"]), "5.0") for n, day in enumerate(days)]
    first[3] = (*first[3][:3], "2.35")  # outside the city: rejected
    later = list(first)
    for n in drawn.sample(range(5, 60), 9):
        later[n] = (later[n][0], later[n][1], "DEGRADATION", "5.01")
    for n in drawn.sample(range(5, 60), 9):
        moved = (int(later[n][1][:2]) + drawn.randrange(1, 4) - 1) % 4 + 1
        later[n] = (later[n][0], f"{moved:02}-{drawn.randrange(1, 29):02}", *later[n][2:])
    gone = set(drawn.sample(range(5, 60), 6))
    later = [line for n, line in enumerate(later) if n not in gone]
    later += [("I-90", "02-03", "RIXE", "5.0"), ("I-91", "02-03", "RIXE", "2.35")]
    doubled = [first[0], first[1], (*first[2][:2], "AUTRE", "5.0")]  # two equal duplicates, one contradicting
    return rows("2026-06", *first, *doubled), rows("2026-07", *later, *doubled)


class Town:
    """A city and its warehouse."""

    def __init__(self, warehouse, territory: Territory) -> None:
        self.warehouse, self.url, self.territory = warehouse, sa.make_url(warehouse.url("loader")), territory

    def read(self, windows) -> None:
        """Read a history until no window is refused, then close it."""
        left = [("incidents", window) for window in windows]
        while left:
            outcomes = list(history.read_history(self.url, self.territory, left, AT_ONCE))
            assert all(isinstance(each.error, SourceUnavailable) for each in outcomes if each.error)
            left = [(each.feed_id, each.window) for each in outcomes if each.error]
        history.close(self.url, self.territory, ["incidents"], DAYS)

    def forget(self) -> None:
        """Empty the tables, as no role of the observatory is allowed to."""
        with self.warehouse.connect() as connection:
            connection.execute("truncate raw.incident, raw.rejected, ops.load, ops.withdrawn_at_source")

    def tables(self) -> dict[str, list]:
        """Every column but those derived from the loading."""
        return {
            table: self.warehouse.rows(
                f"select (case when coalesce((to_jsonb(t)->>'is_withdrawn')::bool, false) "
                f"then to_jsonb(t) - 'known_at' else to_jsonb(t) end - %s::text[])::text "
                f"from raw.{table} as t order by 1",
                DERIVED,
            )
            for table in ("incident", "rejected")
        }


@pytest.fixture(scope="module")
def portal():
    """A portal over HTTP whose rows and faults a test sets; yields them and its address."""
    current = {"rows": None, "faults": []}

    def fault(_request):
        return current["faults"].pop() if current["faults"] else None

    def dataset():
        return Dataset(current["rows"], order=("occurred_at", "incident_id"))

    with running(create_app({INCIDENTS_ID: dataset}, faults=fault)) as address:
        yield current, address


@pytest.fixture(autouse=True)
def _impatience(monkeypatch):
    monkeypatch.setattr(extract, "open_reader", partial(open_reader, patience=IMPATIENT, page_rows=PAGE_ROWS))


def without_ids(feed):
    columns = {name: source for name, source in feed.columns.items() if name != "source_record_id"}
    return {"columns": columns, "missing_ids": "hash"}


def under_convention(_feed):
    convention = {"partner": "police", "purpose": "test", "legal_basis": "law", "document": "1"}
    return {"licence": None, "convention": {**convention, "start": "2000-01-01", "end": "2100-01-01"}}


FEEDS = {
    "complete": lambda _: {},
    "not complete": lambda _: {"is_complete": False},
    "without ids": without_ids,
    "pseudonymous keys": under_convention,
}


def territory_of(change, address: str) -> Territory:
    demo = load_territory("demo")
    incidents = demo.feeds["incidents"]
    tolerant = {"tolerated_withdrawal_share": 1.0, "tolerated_reject_share": 1.0}
    content = json.loads(as_json(demo.model_copy(update={"feeds": {"incidents": incidents}})))
    content["feeds"]["incidents"] |= tolerant | change(incidents)
    return Territory.model_validate(content).with_portal(address)


def in_order(town, _drawn, _current):
    town.read(MONTHS)


def shuffled(town, drawn, _current):
    town.read(drawn.sample(MONTHS, len(MONTHS)))


def repeated(town, drawn, _current):
    town.read([*MONTHS, *drawn.sample(MONTHS, 2)])


def overlapping(town, drawn, _current):
    windows = [*MONTHS, Window(date(2026, 1, 10), date(2026, 2, 20), TIMEZONE), Window(*DAYS, TIMEZONE)]
    town.read(drawn.sample(windows, len(windows)))


def faulty(town, drawn, current):
    kinds = [catalogue.too_many_requests(), catalogue.server_error(), catalogue.hung_up(), catalogue.truncated()]
    current["faults"] = [drawn.choice([*kinds, None]) for _ in range(15)]
    town.read(MONTHS)
    assert not current["faults"], "every fault was met"


READER = """
import sys
from functools import partial
sys.path.insert(0, {tests!r})
import test_history as t
from observatory.ingest import extract, history
extract.open_reader = partial(t.open_reader, patience=t.IMPATIENT, page_rows=t.PAGE_ROWS)
territory = t.Territory.model_validate_json(sys.stdin.readline())
print("ready", flush=True)
windows = [("incidents", month) for month in t.MONTHS]
for _ in history.read_history(t.sa.make_url({url!r}), territory, windows, t.AT_ONCE):
    pass
"""


def interrupted(town, drawn, _current):
    """Killed at a random instant, and begun again with what was not loaded before."""
    begun = datetime.now(UTC)
    script = READER.format(tests=str(Path(__file__).parent), url=town.warehouse.url("loader"))
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(as_json(town.territory) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    time.sleep(drawn.uniform(0.02, 0.5))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    loads = history.last_loads(town.url, town.territory.code)
    town.read([window for window in MONTHS if loads.get(("incidents", window.start, window.end), begun) <= begun])


WAYS = [shuffled, repeated, overlapping, faulty, interrupted]


@pytest.mark.parametrize(("feed", "seed"), [(feed, seed) for seed, feed in enumerate(FEEDS)])
def test_a_history_gives_the_same_tables_in_any_order_and_after_interruptions(
    warehouse, portal, feed, seed, monkeypatch
):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "2026")
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_SECRET_2026", "0123456789abcdef" * 4)
    current, address = portal
    town = Town(warehouse, territory_of(FEEDS[feed], address))
    expected = None
    for way in (in_order, *WAYS):
        town.forget()
        ends = []
        for current["rows"] in listings(seed):
            way(town, random.Random(seed), current)
            ends.append(town.tables())
        expected = expected or ends
        for end, same in zip(ends, expected, strict=True):
            for table, kept in end.items():
                assert set(kept) ^ set(same[table]) == set(), f"{way.__name__}: {table}"
        assert ends == expected, way.__name__
    first, later = (end["incident"] for end in expected)
    assert len(later) > len(first) > 50
    assert expected[-1]["rejected"]
