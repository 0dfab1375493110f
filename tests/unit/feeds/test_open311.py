"""Open311: spans of time in place of pages, the specification's example, privacy."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from observatory.errors import SourceChanged
from observatory.simulator import servers
from observatory.territory.city import Bounds
from observatory.window import Window

ZONE = "Europe/Paris"
SPRING = Window(date(2026, 1, 1), date(2026, 9, 1), ZONE)
COLUMNS = {
    "source_record_id": "service_request_id",
    "service_code": "service_code",
    "status": "status",
    "occurred_from": "requested_datetime",
    "updated_at": "updated_datetime",
    "longitude_deg": "long",
    "latitude_deg": "lat",
}


@pytest.fixture
def server(city):
    def territory(address, most_listed=1_000, **source):
        described = {"protocol": "open311", "address": f"{address}/v2", "most_listed": most_listed, **source}
        city_ = city(described, "citizen_report", COLUMNS, date_formats=["%Y-%m-%dT%H:%M:%S%#z"])
        return city_.model_copy(update={"bounds": Bounds(south=-90, north=90, west=-180, east=180)})

    return territory


def request(number, at):
    return {
        "service_request_id": number,
        "service_code": "006",
        "status": "open",
        "address": "1 rue X",
        "requested_datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "updated_datetime": None,
        "lat": 43.3,
        "long": 5.0,
    }


def test_no_span_is_longer_than_ninety_days_and_none_is_missed(server, read, serving):
    rows = [request(i, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * i)) for i in range(900)]
    with serving(servers.open311(rows)) as (address, asked):
        chunks = read(server(address, jurisdiction="marseille.fr"), SPRING)
    spans = [tuple(datetime.fromisoformat(query[edge]) for edge in ("start_date", "end_date")) for _, query in asked]
    assert all(end - start <= timedelta(days=90) for start, end in spans)
    assert (spans[0][0], spans[-1][1]) == (SPRING.start, SPRING.end)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert asked[0][0] == "/v2/requests.json"
    assert asked[0][1]["jurisdiction_id"] == "marseille.fr"
    ids = [int(value) for chunk in chunks for value in chunk["service_request_id"]]
    assert sorted(ids) == [row["service_request_id"] for row in rows if within(row, SPRING)]


def within(row, window):
    return window.start <= datetime.fromisoformat(row["requested_datetime"]) < window.end


@pytest.mark.parametrize("most", [2, 3, 10, 50])
def test_a_full_span_is_halved_and_requests_at_the_border_are_read_once(server, read, serving, most):
    rows = [request(i, datetime(2026, 3, 10, 12, tzinfo=UTC) + timedelta(seconds=4 * i)) for i in range(40)]
    with serving(servers.open311(rows, most)) as (address, _):
        chunks = read(server(address, most), Window.of_day(date(2026, 3, 10), ZONE))
    ids = [int(value) for chunk in chunks for value in chunk["service_request_id"]]
    assert sorted(ids) == list(range(40))


def test_too_many_requests_of_one_moment_are_reported(server, read, serving):
    rows = [request(i, datetime(2026, 3, 10, 12, tzinfo=UTC)) for i in range(5)]
    with (
        serving(servers.open311(rows, 3)) as (address, _),
        pytest.raises(SourceChanged, match=r"3 requests or more within two seconds of 2026-03-10"),
    ):
        read(server(address, 3), Window.of_day(date(2026, 3, 10), ZONE))


def test_the_specifications_example_is_read(server, read, serving, checked, shared_data):
    rows = json.loads((shared_data / "citizen_reports" / "open311_georeport_v2_sample.json").read_text())
    with serving(lambda *_: rows) as (address, _):
        territory = server(address)
        chunks = read(territory, Window(date(2010, 4, 1), date(2010, 5, 1), "America/Los_Angeles"))
    assert "media_url" not in chunks[0].columns
    accepted, rejected = checked(chunks, territory)
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted.select("source_record_id", "status", "occurred_from").rows() == [
        ("638344", "closed", datetime(2010, 4, 14, 14, 37, 38, tzinfo=UTC)),
        ("638349", "open", datetime(2010, 4, 19, 14, 37, 38, tzinfo=UTC)),
    ]
