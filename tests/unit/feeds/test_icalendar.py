"""iCalendar: events that recur, are moved, fall out, last whole days; files and servers."""

from datetime import UTC, date, datetime

import pytest
from starlette.responses import Response

from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.http.client import Patience
from observatory.simulator.servers.faults import catalogue
from observatory.window import Window

MARCH = Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
IMPATIENT = Patience(attempts=2, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)
COLUMNS = {
    "source_record_id": "occurrence_id",
    "title": "summary",
    "occurred_from": "start",
    "occurred_to": "end",
    "place_name": "location",
    "category_code": "categories",
    "is_cancelled": "status",
    "point": "geo",
}

MARKET = """
BEGIN:VEVENT
UID:market
DTSTART;TZID=Europe/Paris:20260308T080000
DTEND;TZID=Europe/Paris:20260308T130000
RRULE:FREQ=WEEKLY;COUNT=4
EXDATE;TZID=Europe/Paris:20260315T080000
SUMMARY:Marché de la Plaine\\, dimanche
LOCATION:Place Jean-Jaurès
CATEGORIES:MARCHE,PLEIN AIR
GEO:43.3;5.0
ORGANIZER;CN=Someone:mailto:someone@example.org
ATTENDEE:mailto:another@example.org
END:VEVENT
BEGIN:VEVENT
UID:market
RECURRENCE-ID;TZID=Europe/Paris:20260322T080000
DTSTART;TZID=Europe/Paris:20260323T080000
DTEND;TZID=Europe/Paris:20260323T130000
SUMMARY:Marché\\, déplacé
END:VEVENT
"""
FAIR = """
BEGIN:VEVENT
UID:fair
DTSTART;VALUE=DATE:20260329
DTEND;VALUE=DATE:20260330
SUMMARY:Foire
STATUS:CANCELLED
END:VEVENT
"""
DAILY = """
BEGIN:VEVENT
UID:daily
DTSTART:20200101T100000Z
DTEND:20200101T110000Z
RRULE:FREQ=DAILY
SUMMARY:Visite
END:VEVENT
"""


def calendar(*events):
    text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//city//\n" + "".join(events).strip() + "\nEND:VCALENDAR\n"
    return text.replace("\n\n", "\n").replace("\n", "\r\n").encode()


@pytest.fixture
def agenda(tmp_path, city):
    def territory(*events, address=tmp_path, source=None, content=None, **changes):
        if address == tmp_path:
            (tmp_path / "agenda.ics").write_bytes(calendar(*events) if content is None else content)
        described = {"protocol": "icalendar", "address": str(address), "path": "agenda.ics", **(source or {})}
        settings = {
            "date_formats": ["%Y-%m-%dT%H:%M:%S%z"],
            "values": {"is_cancelled": {"CANCELLED": "true", "CONFIRMED": "false", "TENTATIVE": "false"}},
            "coordinates": {"point_order": "lat,lon", "method": "place"},
        }
        return city(described, "city_event", COLUMNS, **{**settings, **changes})

    return territory


def test_each_recurrence_of_an_event_is_a_row(agenda, read, checked):
    territory = agenda(MARKET, FAIR)
    accepted, rejected = checked(read(territory, MARCH), territory)
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted.select("source_record_id", "occurred_from", "occurred_to", "title").rows() == [
        ("market/2026-03-08T07:00:00+00:00", utc(8, 7), utc(8, 12), "Marché de la Plaine, dimanche"),
        # moved by a day, it is identified by its original time; that of the 15th is cancelled
        ("market/2026-03-22T07:00:00+00:00", utc(23, 7), utc(23, 12), "Marché, déplacé"),
        # a day of 23 hours
        ("fair/2026-03-28T23:00:00+00:00", utc(28, 23), utc(29, 22), "Foire"),
        # the clock has changed, the market is still at eight
        ("market/2026-03-29T06:00:00+00:00", utc(29, 6), utc(29, 11), "Marché de la Plaine, dimanche"),
    ]
    assert accepted["is_cancelled"].to_list() == [None, None, True, None]
    assert accepted.select("longitude_deg", "latitude_deg").row(0) == (5.0, 43.3)
    assert accepted["category_code"][0] == "MARCHE,PLEIN AIR"


def utc(day, hour):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_no_person_is_read(agenda, read):
    assert "example.org" not in str([chunk.to_dicts() for chunk in read(agenda(MARKET), MARCH)])


def test_an_endless_recurrence_is_listed_up_to_the_horizon(agenda, read):
    territory = agenda(DAILY, source={"horizon_days": 10}, history_start="2026-03-01")
    for chunk_rows in (7, 50_000):
        starts = [value for chunk in read(territory, MARCH, chunk_rows=chunk_rows) for value in chunk["start"]]
        assert (len(starts), starts[0], starts[-1]) == (41, "2026-03-01T10:00:00+00:00", "2026-04-10T10:00:00+00:00")


def test_an_empty_calendar_gives_no_rows(agenda, read):
    assert read(agenda(), MARCH) == []


@pytest.mark.parametrize("content", [b"", b"<html>", calendar(MARKET)[:200], b"BEGIN:VCALENDAR\r\nDTSTART"])
def test_a_file_that_is_not_a_calendar_is_refused(agenda, read, content):
    with pytest.raises(SourceChanged, match=r"demo/feed .*agenda\.ics: cannot be read"):
        read(agenda(content=content), MARCH)


def test_a_calendar_is_read_despite_temporary_faults(agenda, read, serving):
    def site(*_):
        return Response(calendar(MARKET), media_type="text/calendar")

    for planted in (
        catalogue.server_error(503),
        catalogue.truncated(),
        catalogue.hung_up(),
        catalogue.too_many_requests(0),
    ):
        with serving(site, [planted]) as (address, _):
            (chunk,) = read(agenda(address=address), MARCH, patience=IMPATIENT)
        assert chunk.height == 3
    with (
        serving(site, [catalogue.truncated()] * 9) as (address, _),
        pytest.raises(SourceUnavailable, match="truncated"),
    ):
        read(agenda(address=address), MARCH, patience=IMPATIENT)
