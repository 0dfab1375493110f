"""Opendatasoft: requests, the limit between pages and exports, and real rows."""

import csv
import json
from datetime import date, timedelta

import pytest
from starlette.responses import JSONResponse

from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.http.client import Patience
from observatory.simulator import servers
from observatory.simulator.servers.faults import catalogue
from observatory.territory.city import Bounds
from observatory.window import Window

ZONE = "Europe/Paris"
DAY = Window.of_day(date(2026, 3, 10), ZONE)
IMPATIENT = Patience(attempts=2, backoff_s=0.01, longest_wait_s=0.05, timeout_s=5)
TYPES = {"n": "int", "type": "text", "day": "date", "geo_point_2d": "geo_point_2d"}
COLUMNS = {"source_record_id": "n", "source_category_code": "type", "occurred_from": "day"}
ANYWHERE = Bounds(south=-90, north=90, west=-180, east=180)


@pytest.fixture
def portal(city):
    def territory(address, kind="incident", columns=COLUMNS, **changes):
        source = {"protocol": "opendatasoft", "address": address, "dataset": "x"}
        settings = {"constants": {"record_type": "police_log"}, "date_formats": ["%Y-%m-%d"], **changes}
        return city(source, kind, columns, **settings).model_copy(update={"bounds": ANYWHERE})

    return territory


def rows(n):
    return [{"n": i, "type": "BRUIT", "day": "2026-03-10", "geo_point_2d": None} for i in range(n)]


def ids(chunks):
    return [int(value) for chunk in chunks for value in chunk["n"]]


@pytest.mark.parametrize(("total", "requests"), [(9_999, 102), (10_000, 101), (10_001, 3)])
def test_above_ten_thousand_rows_an_export_is_requested(portal, read, serving, total, requests):
    with serving(servers.opendatasoft(rows(total), TYPES)) as (address, asked):
        assert ids(read(portal(address), DAY)) == list(range(total))
    assert len(asked) == requests
    paths = [path.rpartition("/")[2] for path, _ in asked]
    assert paths[:2] == ["x", "records"]
    assert (paths[-1] == "jsonl") == (total > 10_000)
    assert all(int(query["offset"]) + int(query["limit"]) <= 10_000 for _, query in asked if "offset" in query)


def test_the_query_has_window_order_and_columns(portal, read, serving):
    with serving(servers.opendatasoft(rows(3), TYPES)) as (address, asked):
        read(portal(address, where={"type": ["BRUIT", 'a"b']}), DAY)
    query = dict(asked[1][1])
    assert query == {
        "select": "n, type, day",
        "where": r'type in ("BRUIT", "a\"b") and '
        "day >= date'2026-03-10T00:00:00' and day < date'2026-03-11T00:00:00'",
        "order_by": "day, n",
        "timezone": "UTC",
        "limit": "100",
        "offset": "0",
    }


def test_rows_without_identifiers_are_ordered_by_every_sortable_column(portal, read, serving):
    columns = {"source_category_code": "type", "occurred_from": "day", "point": "geo_point_2d"}
    with serving(servers.opendatasoft(rows(3), TYPES)) as (address, asked):
        read(portal(address, columns=columns, missing_ids="hash"), DAY)
    assert asked[1][1]["order_by"] == "day, type"


@pytest.mark.parametrize("zone", [ZONE, "America/Los_Angeles"])
def test_a_day_without_a_time_is_in_its_own_window(portal, read, serving, zone):
    days = [{"n": i, "type": "x", "day": f"{date(2026, 3, 8) + timedelta(days=i)}"} for i in range(5)]
    with serving(servers.opendatasoft(days, TYPES)) as (address, _):
        assert ids(read(portal(address), Window.of_day(date(2026, 3, 10), zone))) == [2]


def test_an_incomplete_export_is_requested_again_until_the_attempts_end(portal, read, serving):
    whole = servers.opendatasoft(rows(20), TYPES)
    with serving(whole, [None, None, catalogue.truncated(), None]) as (address, _):
        assert ids(read(portal(address), DAY, most_paged=5, patience=IMPATIENT)) == list(range(20))
    with (
        serving(whole, [None, None, *[catalogue.truncated()] * 2]) as (address, _),
        pytest.raises(SourceUnavailable, match=r"demo/feed .*truncated after \d+ bytes"),
    ):
        read(portal(address), DAY, most_paged=5, patience=IMPATIENT)


def test_a_refusal_has_the_portals_message(portal, read, serving):
    refusal = JSONResponse({"error_code": "X", "message": "The requested dataset x does not exist."}, status_code=404)
    with serving(lambda *_: refusal) as (address, _), pytest.raises(SourceChanged, match=r"404.*x does not exist"):
        read(portal(address), DAY)


def test_real_schools_keep_their_place_unless_it_is_a_towns_centre(portal, read, serving, checked, shared_data):
    schools = json.loads((shared_data / "schools" / "annuaire_education_sample.json").read_text())
    types = dict.fromkeys(schools[0], "text") | {"latitude": "double", "longitude": "double"}
    columns = {
        "source_record_id": "identifiant_de_l_etablissement",
        "place_name": "nom_etablissement",
        "longitude_deg": "longitude",
        "latitude_deg": "latitude",
        "location_method": "precision_localisation",
    }
    with serving(servers.opendatasoft(schools, types)) as (address, _):
        territory = portal(
            address,
            "sensitive_place",
            columns,
            constants={"place_type": "school"},
            values={"location_method": {"Ville": "none", "Numéro de rue": "address"}},
        )
        accepted, rejected = checked(read(territory, DAY), territory)
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted.sort("source_record_id").select("source_record_id", "location_method", "latitude_deg").rows() == [
        ("0011102T", "address", pytest.approx(45.827511309977915)),
        ("0450922H", "address", pytest.approx(47.917558908824965)),
        ("0460090Y", "none", None),
    ]


@pytest.fixture(params=["geo_shape", "geo_point_2d", "geo_shape.geometry", "geo_point_2d.object"])
def street(request, shared_data):
    path = shared_data / "citizen_reports" / "dans_ma_rue_sample_9rows.csv"
    with path.open(encoding="utf-8-sig") as file:
        rows = [{name.lower(): value for name, value in row.items()} for row in csv.DictReader(file, delimiter=";")]
    return request.param, rows


def test_real_street_reports_have_the_same_place_from_either_column(portal, read, serving, checked, street):
    column, reports = street
    head, _, part = column.partition(".")
    for report in reports:
        lat, lon = map(float, report["geo_point_2d"].split(","))
        shape = json.loads(report["geo_shape"])
        # a portal sends a point as an object or as text, and a shape within a feature
        report["geo_point_2d"] = {"lat": lat, "lon": lon} if part == "object" else f"{lat},{lon}"
        report["geo_shape"] = {"type": "Feature", "geometry": shape, "properties": {}} if part else shape
    types = dict.fromkeys(reports[0], "text") | {"datedecl": "date"}
    columns = {
        "source_record_id": "numero",
        "service_code": "soustype",
        "occurred_from": "datedecl",
        "point": head if part == "object" else column,
    }
    with serving(servers.opendatasoft(reports, types)) as (address, _):
        territory = portal(
            address, "citizen_report", columns, constants={"status": "closed"}, coordinates={"point_order": "lat,lon"}
        )
        year = Window(date(2017, 1, 1), date(2018, 1, 1), ZONE)
        accepted, rejected = checked(read(territory, year), territory)
    assert (accepted.height, rejected.height) == (9, 0)
    assert accepted["longitude_deg"].is_between(2.2, 2.5).all()
    assert accepted["latitude_deg"].is_between(48.8, 48.92).all()
