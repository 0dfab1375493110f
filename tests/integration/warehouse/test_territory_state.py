"""Overrides and the cities in use are the same for every machine; DAGs are also parsed without the warehouse."""

from datetime import UTC, date, datetime

import pytest

from observatory.errors import TerritoryError
from observatory.territory.files import load_readable_territories, load_territory
from observatory.warehouse import territory_state

UNREACHABLE = "postgresql://reader:wrong@127.0.0.1:9/warehouse"


@pytest.fixture
def installation(warehouse, tmp_path, monkeypatch):
    """The warehouse with no state of a territory, and a state folder of its own for what this machine remembers."""
    for role in ("loader", "reader"):
        monkeypatch.setenv(f"OBSERVATORY_{role.upper()}_URL", warehouse.url(role))
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path))
    yield monkeypatch
    with warehouse.connect() as connection:
        connection.execute("delete from ops.territory_state")


def test_a_city_is_read_from_the_overriding_portal(installation):
    territory_state.override_portal("chicago", "http://replica.example")
    feeds = territory_state.effective_territory("chicago").feeds.values()
    assert {feed.source.address.split("/")[2] for feed in feeds} == {"replica.example"}
    territory_state.override_portal("chicago", None)
    assert territory_state.effective_territory("chicago") == load_territory("chicago")


def test_todays_date_is_overridden_until_the_calendar_is_followed_again(installation):
    demo = load_territory("demo")
    territory_state.override_today("demo", date(2024, 7, 1))
    assert territory_state.clock(demo) == datetime(2024, 6, 30, 22, tzinfo=UTC)
    territory_state.override_today("demo", None)
    assert abs((territory_state.clock(demo) - datetime.now(UTC)).total_seconds()) < 60


def test_every_city_is_in_use_until_one_is_chosen(installation):
    assert territory_state.territories_in_use() == load_readable_territories()
    territory_state.use(["demo"])
    assert list(territory_state.territories_in_use()) == ["demo"]
    territory_state.use(["chicago"])
    assert list(territory_state.territories_in_use()) == ["chicago", "demo"]


def test_a_city_that_does_not_exist_is_not_used(installation):
    with pytest.raises(TerritoryError, match="atlantis"):
        territory_state.use(["demo", "atlantis"])
    assert territory_state.codes_in_use() == []


def test_while_the_warehouse_is_down_the_last_known_cities_are_used(installation):
    territory_state.use(["demo"])
    installation.setenv("OBSERVATORY_READER_URL", UNREACHABLE)
    assert list(territory_state.territories_in_use()) == ["demo"]


def test_a_setting_takes_precedence(installation):
    territory_state.use(["demo"])
    installation.setenv("OBSERVATORY_TERRITORIES_IN_USE", "chicago, marseille")
    assert territory_state.codes_in_use() == ["chicago", "marseille"]
