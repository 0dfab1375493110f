"""A city with one feed, for tests of a protocol from its source to records that keep their contract."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl

from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.check import Checked
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.mapping import require_mapping
from observatory.records.plan import Plan
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import Window
from tests.support.server import IMPATIENT

MARSEILLE = {"south": 43.15, "north": 43.40, "west": 5.22, "east": 5.55}
CONVENTION = {
    "partner": "A partner",
    "purpose": "tranquillity of public space",
    "legal_basis": "a decision",
    "document": "C-1",
    "start": "2020-01-01",
    "end": "2099-12-31",
}


def city(kind: str, source: dict[str, Any], columns: dict[str, Any], **more: Any) -> Territory:
    """The demo city at Marseille, with one feed ``sample``; ``bounds`` is the city's, all else the feed's."""
    demo = load_territory("demo").model_dump(exclude={"feeds"})
    bounds = more.pop("bounds", MARSEILLE)
    terms = {} if "convention" in more else {"licence": "Licence Ouverte 2.0"}
    feed = {"kind": kind, "source": source, "owner": "the owner", "columns": columns, **terms, **more}
    return Territory.model_validate({**demo, "bounds": bounds, "feeds": {"sample": feed}})


def require_mapped(territory: Territory) -> None:
    """Refuse a city of which a feed's columns are not those of its contract."""
    for feed_id in territory.feeds:
        require_mapping(Plan.of(territory, feed_id))


def as_json(territory: Territory) -> str:
    """A territory as a file has it, on one line."""
    content = territory.model_dump(mode="json", by_alias=True)
    for feed in content["feeds"].values():
        del feed["feed_id"], feed["territory_file"]
    return json.dumps(content)


def day(written: str, timezone: str = "Europe/Paris") -> Window:
    return Window.of_day(date.fromisoformat(written), timezone)


def read(territory: Territory, window: Window, **options: Any) -> list[pl.DataFrame]:
    """The chunks of the feed, each with exactly the columns that are to be read."""
    chunks = list(open_reader(FeedWindow.of(territory, "sample", window), **{"patience": IMPATIENT, **options}).read())
    assert all(chunk.columns == list(territory.feeds["sample"].read_columns) for chunk in chunks)
    assert all(chunk.height for chunk in chunks)
    return chunks


def rows(territory: Territory, window: Window, **options: Any) -> list[dict[str, Any]]:
    return [row for chunk in read(territory, window, **options) for row in chunk.to_dicts()]


def records(territory: Territory, window: Window, **options: Any) -> Checked:
    """Accepted and rejected records of the feed, after minimisation and the contract."""
    ordinals = Ordinals()
    checked = [admit(chunk, Plan.of(territory, "sample"), ordinals) for chunk in read(territory, window, **options)]
    return Checked(pl.concat([c.accepted for c in checked]), pl.concat([c.rejected for c in checked]))
