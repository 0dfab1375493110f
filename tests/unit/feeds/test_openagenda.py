"""OpenAgenda: the key, the cursor, timings, events changed while they are read."""

from datetime import date

import pytest

from observatory.errors import SecretMissing, SourceChanged
from observatory.simulator import servers
from observatory.window import Window

DAY = Window.of_day(date(2026, 3, 10), "Europe/Paris")
KEY = "made-up-key"
COLUMNS = {
    "source_record_id": "timing_id",
    "title": "title",
    "occurred_from": "timing.begin",
    "occurred_to": "timing.end",
    "place_name": "location.name",
    "longitude_deg": "location.longitude",
    "latitude_deg": "location.latitude",
}


@pytest.fixture
def agenda(city):
    def territory(address):
        source = {"protocol": "openagenda", "address": address, "agenda": 42, "key": "AGENDA_KEY"}
        return city(source, "city_event", COLUMNS, date_formats=["%Y-%m-%dT%H:%M:%S%z"])

    return territory


def event(uid, timings=1, **changes):
    return {
        "uid": uid,
        "title": "Concert",
        "timings": [
            {"begin": f"2026-03-{day + 1:02}T20:00:00+0100", "end": f"2026-03-{day + 1:02}T22:00:00+0100"}
            for day in range(timings)
        ],
        "location": {"name": "Le Silo", "longitude": 5.0, "latitude": 43.3, "phone": "0491000000"},
        "contributor": {"name": "Someone"},
        **changes,
    }


def test_each_timing_is_a_row_identified_by_event_and_number(agenda, read, serving, checked, monkeypatch):
    monkeypatch.setenv("AGENDA_KEY", KEY)
    with serving(servers.openagenda([event(7, 3), event(8, location=None)], KEY)) as (address, _):
        territory = agenda(address)
        chunks = read(territory, DAY)
    assert "Someone" not in str(chunks[0].to_dicts())
    assert "0491000000" not in str(chunks[0].to_dicts())
    accepted, rejected = checked(chunks, territory)
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted["source_record_id"].to_list() == ["7-0", "7-1", "7-2", "8-0"]
    assert accepted["longitude_deg"].to_list() == [5.0, 5.0, 5.0, None]


def test_an_agenda_without_places_is_read(agenda, read, serving, monkeypatch):
    monkeypatch.setenv("AGENDA_KEY", KEY)
    placeless = {name: value for name, value in event(7).items() if name != "location"}
    with serving(servers.openagenda([placeless], KEY)) as (address, _):
        (chunk,) = read(agenda(address), DAY)
    assert chunk["location.name"].to_list() == [None]


def test_the_key_is_read_from_the_environment_and_is_in_no_address_or_message(agenda, read, serving, monkeypatch):
    monkeypatch.setenv("AGENDA_KEY", KEY)
    with serving(servers.openagenda([event(7)], KEY)) as (address, asked):
        read(agenda(address), DAY)
        assert KEY not in str(asked)
        monkeypatch.setenv("AGENDA_KEY", "another-key")
        with pytest.raises(SourceChanged, match=r"403 .*unauthorized") as caught:
            read(agenda(address), DAY)
        assert "another-key" not in str(caught.value)
        monkeypatch.delenv("AGENDA_KEY")
        with pytest.raises(SecretMissing, match=r"^demo/feed .*AGENDA_KEY is not set; .*never in a territory file"):
            read(agenda(address), DAY)


def test_the_cursor_is_followed_to_the_last_page(agenda, read, serving, monkeypatch):
    monkeypatch.setenv("AGENDA_KEY", KEY)
    with serving(servers.openagenda([event(i) for i in range(5)], KEY)) as (address, asked):
        read(agenda(address), DAY, page_events=2)
    assert [query.getlist("after[]") for _, query in asked] == [[], ["2"], ["4"], ["5"]]
    first = asked[0][1]
    assert first["sort"] == "updatedAt.asc"
    assert first.getlist("relative[]") == ["passed", "current", "upcoming"]
    fields = ["uid", "timings", "title", "location.name", "location.longitude", "location.latitude"]
    assert first.getlist("includeFields[]") == fields


def test_an_event_changed_during_the_read_is_read_once(agenda, read, serving, monkeypatch):
    monkeypatch.setenv("AGENDA_KEY", KEY)
    with serving(servers.openagenda([event(0), event(1), event(0), event(2)], KEY)) as (address, _):
        chunks = read(agenda(address), DAY, page_events=2)
    assert [value for chunk in chunks for value in chunk["timing_id"]] == ["0-0", "1-0", "2-0"]
