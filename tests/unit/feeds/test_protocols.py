"""Requirements on every reader over HTTP, tested with servers that have its protocol's limits and faults."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from observatory.errors import SourceChanged
from observatory.feeds.http.client import Patience
from observatory.simulator import servers
from observatory.simulator.servers.faults import catalogue
from observatory.window import Window

ZONE = "Europe/Paris"
DAY = Window.of_day(date(2026, 3, 10), ZONE)
IMPATIENT = Patience(attempts=3, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)
NOON = datetime(2026, 3, 10, 11, tzinfo=UTC)
KEY = "made-up-key"


@dataclass(frozen=True)
class Spoken:
    """One protocol: a feed that uses it, a row on its server, the server, and its smallest page size."""

    source: dict[str, Any]
    columns: dict[str, str]
    row: Any
    server: Any
    small_pages: dict[str, Any]
    kind: str = "incident"
    settings: dict[str, Any] = field(default_factory=dict)
    is_cut: bool = True
    key: str = "number"


def moments(second):
    return NOON + timedelta(seconds=second)


INCIDENT = {
    "source_record_id": "number",
    "source_category_code": "type",
    "occurred_from": "at",
}
POLICE = {"constants": {"record_type": "police_log"}, "clock": "utc"}
OFFSET = {"date_formats": ["%Y-%m-%dT%H:%M:%S%z"]}

PROTOCOLS = {
    "opendatasoft": Spoken(
        {"protocol": "opendatasoft", "dataset": "main-courante"},
        {**INCIDENT, "point": "geo_point_2d"},
        lambda i, at: {
            "number": i,
            "type": "BRUIT",
            "at": f"{at:%Y-%m-%dT%H:%M:%S+00:00}",
            "geo_point_2d": {"lon": 5.0, "lat": 43.3},
        },
        lambda rows, _: servers.opendatasoft(
            rows, {"number": "int", "type": "text", "at": "datetime", "geo_point_2d": "geo_point_2d"}
        ),
        {"most_paged": 3},
        settings={**POLICE, **OFFSET},
    ),
    "arcgis": Spoken(
        {"protocol": "arcgis", "layer": 0},
        {**INCIDENT, "point": "geometry"},
        lambda i, at: {
            "OBJECTID": i,
            "number": i,
            "type": "BRUIT",
            "at": int(at.timestamp() * 1000),
            "geometry": {"x": 5.0, "y": 43.3},
        },
        lambda rows, most: servers.arcgis(
            rows,
            {
                "OBJECTID": "esriFieldTypeOID",
                "number": "esriFieldTypeInteger",
                "type": "esriFieldTypeString",
                "at": "esriFieldTypeDate",
            },
            most,
        ),
        {"page_rows": 2},
        settings={**POLICE, "date_formats": ["%s%3f"]},
    ),
    "ckan": Spoken(
        {"protocol": "ckan", "resource": "0f1e-2d"},
        {**INCIDENT, "longitude_deg": "lon", "latitude_deg": "lat"},
        lambda i, at: {"number": i, "type": "BRUIT", "at": f"{at:%Y-%m-%dT%H:%M:%S}", "lon": 5.0, "lat": "43.3"},
        lambda rows, most: servers.ckan(
            rows, {"number": "int", "type": "text", "at": "timestamp", "lon": "numeric", "lat": "text"}, most
        ),
        {"page_rows": 2},
        settings=POLICE,
    ),
    "open311": Spoken(
        {"protocol": "open311", "most_listed": 3},
        {
            "source_record_id": "service_request_id",
            "service_code": "service_code",
            "status": "status",
            "occurred_from": "requested_datetime",
            "longitude_deg": "long",
            "latitude_deg": "lat",
        },
        lambda i, at: {
            "service_request_id": i,
            "service_code": "006",
            "status": "open",
            "requested_datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "lat": 43.3,
            "long": 5.0,
        },
        lambda rows, _: servers.open311(rows, 3),
        {},
        kind="citizen_report",
        settings={"date_formats": ["%Y-%m-%dT%H:%M:%S%#z"]},
        key="service_request_id",
    ),
    "openagenda": Spoken(
        {"protocol": "openagenda", "agenda": 42},
        {
            "source_record_id": "timing_id",
            "title": "title",
            "occurred_from": "timing.begin",
            "occurred_to": "timing.end",
            "longitude_deg": "location.longitude",
            "latitude_deg": "location.latitude",
        },
        lambda i, at: {
            "uid": i,
            "title": "Concert",
            "timings": [{"begin": f"{at:%Y-%m-%dT%H:%M:%S+00:00}", "end": f"{at:%Y-%m-%dT23:00:00+00:00}"}],
            "location": {"longitude": 5.0, "latitude": 43.3},
            "registration": [{"type": "email", "value": "someone@example.org"}],
        },
        lambda rows, most: servers.openagenda(rows, KEY, most),
        {"page_events": 2},
        kind="city_event",
        settings=OFFSET,
        is_cut=False,
        key="timing_id",
    ),
}


@pytest.fixture(params=PROTOCOLS)
def spoken(request, city, read, serving, monkeypatch):
    """One protocol after the other."""
    monkeypatch.setenv("OPENAGENDA_KEY", KEY)
    protocol = PROTOCOLS[request.param]

    def territory(address):
        return city({**protocol.source, "address": address}, protocol.kind, protocol.columns, **protocol.settings)

    def asked(rows, planted=(), window=DAY, most=10_000, patience=IMPATIENT, **options):
        with serving(protocol.server(rows, most), planted) as (address, queries):
            chunks = read(territory(address), window, patience=patience, **options)
        return chunks, queries

    return SimpleNamespace(
        name=request.param,
        protocol=protocol,
        territory=territory,
        asked=asked,
        rows=lambda n: [protocol.row(i, moments(i)) for i in range(n)],
        ids=lambda chunks: sorted(int(v.partition("-")[0]) for chunk in chunks for v in chunk[protocol.key]),
    )


@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("most", [1, 2, 10_000])
def test_every_row_is_read_once_with_any_page_size(spoken, total, most):
    chunks, _ = spoken.asked(spoken.rows(total), most=most, **spoken.protocol.small_pages)
    assert spoken.ids(chunks) == list(range(total))
    assert all(chunk.height for chunk in chunks)


def test_rows_have_exactly_the_named_columns(spoken):
    (chunk,), queries = spoken.asked(spoken.rows(2))
    assert set(chunk.columns) == set(spoken.protocol.columns.values())
    assert "someone@example.org" not in str(chunk.to_dicts())
    assert not any("registration" in str(query) for _, query in queries)


def test_rows_become_records_of_their_kind(spoken, checked):
    chunks, _ = spoken.asked(spoken.rows(5))
    accepted, rejected = checked(chunks, spoken.territory("http://nowhere"))
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted.height == 5
    assert accepted["occurred_from"].sort().to_list() == [moments(i) for i in range(5)]
    assert accepted.select("longitude_deg", "latitude_deg").unique().rows() == [(5.0, 43.3)]


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 10)])
def test_a_window_has_the_rows_of_its_local_days(spoken, day):
    window = Window.of_day(day, ZONE)
    half_hours = int((window.end - window.start) / timedelta(minutes=30))
    clock = [window.start + timedelta(minutes=30 * step) for step in range(-2, half_hours + 2)]
    chunks, _ = spoken.asked([spoken.protocol.row(i, at) for i, at in enumerate(clock)], window=window)
    expected = range(2, half_hours + 2) if spoken.protocol.is_cut else range(half_hours + 4)
    assert spoken.ids(chunks) == list(expected)


def test_retry_after_is_obeyed_up_to_the_longest_wait(spoken, monkeypatch):
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    patience = Patience(attempts=2, backoff_s=1, longest_wait_s=60, timeout_s=2)
    chunks, _ = spoken.asked(spoken.rows(1), [catalogue.too_many_requests(7)], patience=patience)
    assert spoken.ids(chunks) == [0]
    assert [wait for wait in waits if wait >= 1] == [7], "the server itself sleeps for less"


def test_a_web_page_with_status_200_is_not_data(spoken):
    with pytest.raises(SourceChanged, match=r"a web page: .*We will be back soon.*; expected JSON\. .*demo\.yml"):
        spoken.asked(spoken.rows(3), [catalogue.html()] * 3)


@pytest.mark.parametrize("answer", [[], {}, None, 3, {"results": 1}, ["a"]], ids=str)
def test_json_of_another_structure_is_refused(spoken, read, serving, answer):
    if spoken.name == "open311" and answer == []:
        pytest.skip("an empty list is this protocol's way to say that there is nothing")
    with (
        serving(lambda *_: answer) as (address, _),
        pytest.raises(SourceChanged, match=r"^demo/feed .*; expected .*demo\.yml"),
    ):
        read(spoken.territory(address), DAY, patience=IMPATIENT)


def test_a_renamed_column_is_named(spoken):
    old = spoken.protocol.columns["occurred_from"].rpartition(".")[2]

    planted = [catalogue.renamed(old, "moved")] * 9
    with pytest.raises(SourceChanged, match=rf"\['[\w.]*{old}'\] are missing.*feeds\.feed\.columns in demo\.yml"):
        spoken.asked(spoken.rows(3), planted)
