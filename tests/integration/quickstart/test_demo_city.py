"""The simulated city as a whole: each feed of its file, from the running portal to the warehouse, and no person."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from observatory.feeds.files import inbox
from observatory.ingest import extract, runs
from observatory.kinds import KINDS
from observatory.simulator import portal, records
from observatory.simulator.partners import database, push
from observatory.simulator.world.parameters import messages
from observatory.territory.files import load_territory
from observatory.window import Window

DAY = date(2021, 6, 16)
NOW = datetime(2021, 6, 19, 4, tzinfo=UTC)
OF_OTHER_DAYS = {"motorways", "bikes", "transit_live", "transit_alerts", "accidents"}
"""Feeds whose sources have nothing of that day, any more or yet, when they are asked: they are read until now."""
POPULATION = 200_000
PARTNERS = "partners/demo"


def served(address, folder):
    """The demo city, read from a portal, and from a folder of this test where a partner keeps its database."""
    demo = load_territory("demo").with_portal(address)
    lights = demo.feeds["street_lights"]
    moved = lights.source.model_copy(update={"address": lights.source.address.replace(PARTNERS, str(folder))})
    return demo.model_copy(
        update={"feeds": demo.feeds | {"street_lights": lights.model_copy(update={"source": moved})}}
    )


@pytest.fixture(scope="module")
def loaded(warehouse, tmp_path_factory):
    """What each feed's load of one day says, or of what is now where its source keeps nothing, by the feed's name."""
    folder, ledger = tmp_path_factory.mktemp("partners"), portal.ledger_of(population=POPULATION, now=lambda: NOW)
    database.write_street_lights(ledger, folder)
    with portal.running(portal.demo_app(population=POPULATION, now=lambda: NOW)) as address:
        demo = served(address, folder)
        operations = inbox.made(demo.feeds["operations"].source) / "operations.jsonl"
        operations.write_bytes(push.declared(ledger.simulation, NOW))
        url = sa.make_url(warehouse.url("loader"))
        results = {
            feed_id: runs.extract_until(url, demo, feed_id, NOW).result
            if feed_id in OF_OTHER_DAYS
            else extract.extract(url, demo, feed_id, Window.of_day(DAY, demo.timezone))
            for feed_id in demo.feeds
        }
    return demo, results


def test_the_city_has_a_feed_of_every_kind():
    kinds_fed = {feed.kind for feed in load_territory("demo").feeds.values()}
    assert kinds_fed == {*records.NAMES, "zone"}
    assert kinds_fed == {*KINDS} - {"cell"}, "cells come of the zones and the grid"


def test_every_feed_loads_rows_that_balance(loaded, warehouse):
    demo, results = loaded
    assert {feed_id: result for feed_id, result in results.items() if not result.accepted_count} == {}
    counts = warehouse.rows(
        "select feed_id, kind, read_count, accepted_count + rejected_count + unchanged_count + outside_count "
        "from ops.load"
    )
    assert {feed_id for feed_id, *_ in counts} >= set(demo.feeds)
    assert [row for row in counts if row[2] != row[3]] == []
    assert {kind for _, kind, *_ in counts} >= {*records.NAMES, "zone", "cell"}


def test_no_person_of_the_city_is_in_the_warehouse(loaded, warehouse):
    names = ("Dupuis", "Belaïd", "Lenormand", "06 12 34 56 78", "jeanne.dupuis", "courriel.example", "AB-123-CD")
    assert all(any(name in span for span in messages.PERSONAL_SPANS) for name in names), "these are planted"
    day = records.versions("social_signal", portal.ledger_of(population=POPULATION).simulation, DAY, date(2021, 6, 17))
    handles = day["author_handle"].unique().to_list()
    assert len(handles) > 20
    tables = warehouse.rows(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('raw', 'ops') and table_type = 'BASE TABLE'"
    )
    assert len(tables) > 20
    for (table,) in tables:
        kept = "\n".join(text for (text,) in warehouse.rows(f"select t::text from {table} as t"))
        assert [planted for planted in (*names, *handles) if planted in kept] == [], table
