"""ArcGIS: shapes, reference systems, the clock of the server, its refusals with status 200."""

import json
from datetime import date

import pytest
import shapely

from observatory.errors import SourceChanged
from observatory.feeds.arcgis import geojson
from observatory.simulator import servers
from observatory.window import Window

DAY = Window.of_day(date(2026, 3, 10), "Europe/Paris")
TYPES = {"OBJECTID": "esriFieldTypeOID", "type": "esriFieldTypeString", "at": "esriFieldTypeDate"}
COLUMNS = {"source_record_id": "OBJECTID", "source_category_code": "type", "occurred_from": "at", "point": "geometry"}
NOON = 1_773_140_400_000


@pytest.fixture
def layer(city):
    def territory(address, kind="incident", columns=COLUMNS, **changes):
        source = {"protocol": "arcgis", "address": f"{address}/arcgis/rest/services/City/FeatureServer", "layer": 3}
        settings = {"constants": {"record_type": "police_log"}, "date_formats": ["%s%3f"], **changes}
        return city(source, kind, columns, **settings)

    return territory


def rows(n, geometry):
    return [{"OBJECTID": i, "type": "BRUIT", "at": NOON + i, "geometry": geometry} for i in range(n)]


def test_the_query_has_window_order_and_reference_system(layer, read, serving, checked):
    lambert = {"x": 862365.48, "y": 6246593.48}
    with serving(servers.arcgis(rows(2, lambert), TYPES)) as (address, asked):
        territory = layer(address, coordinates={"epsg": 2154}, where={"type": ["BRUIT", "l'été"]})
        accepted, rejected = checked(read(territory, DAY), territory)
    assert [path for path, _ in asked] == [
        f"/arcgis/rest/services/City/FeatureServer/{end}" for end in ("3", "3/query")
    ]
    assert dict(asked[1][1]) == {
        "f": "json",
        "where": "type IN ('BRUIT', 'l''été') AND at >= TIMESTAMP '2026-03-09 23:00:00'"
        " AND at < TIMESTAMP '2026-03-10 23:00:00'",
        "outFields": "OBJECTID,type,at",
        "orderByFields": "OBJECTID",
        "returnGeometry": "true",
        "outSR": "2154",
        "resultOffset": "0",
        "resultRecordCount": "2000",
    }
    assert rejected.is_empty()
    assert accepted.select("longitude_deg", "latitude_deg").unique().rows() == [
        (pytest.approx(5.0), pytest.approx(43.3))
    ]


def test_a_row_without_a_shape_has_no_place(layer, read, serving, checked):
    for nothing in (None, {"x": "NaN", "y": "NaN"}):
        with serving(servers.arcgis(rows(1, nothing), TYPES)) as (address, _):
            territory = layer(address)
            accepted, rejected = checked(read(territory, DAY), territory)
        assert (accepted["location_method"].to_list(), rejected.height) == (["none"], 0)


def test_a_server_without_paging_is_not_requested_endlessly(layer, read, serving):
    good = servers.arcgis(rows(9, None), TYPES, most=3)

    def stuck(path, query, headers):
        return good(path, {**query, "resultOffset": "0"}, headers)

    with serving(stuck) as (address, _), pytest.raises(SourceChanged, match=r"the same page twice"):
        read(layer(address), DAY)


def test_a_refusal_with_status_200_is_an_error(layer, read, serving):
    error = {"error": {"code": 499, "message": "Token Required", "details": []}}
    with serving(lambda *_: error) as (address, _), pytest.raises(SourceChanged, match=r"refuses: 499 Token Required"):
        read(layer(address), DAY)


def ring(first, last, *, clockwise):
    points = [[first, first], [first, last], [last, last], [last, first], [first, first]]
    return points if clockwise else points[::-1]


def test_rings_are_outlines_and_holes():
    rings = [ring(0, 10, clockwise=True), ring(2, 8, clockwise=False), ring(20, 21, clockwise=True)]
    shape = shapely.from_geojson(geojson({"rings": rings}))
    assert (shape.geom_type, shape.area) == ("MultiPolygon", 100 - 36 + 1)
    assert json.loads(geojson({"paths": [[[0, 0, 7], [1, 1, 7]]]}))["coordinates"] == [[[0, 0], [1, 1]]]
    assert geojson({"rings": []}) is None


def test_areas_become_zones(layer, read, serving, checked):
    square = {"rings": [[[4.95, 43.25], [4.95, 43.3], [5.0, 43.3], [5.0, 43.25], [4.95, 43.25]]]}
    districts = [{"OBJECTID": 1, "type": "Le Port", "at": None, "geometry": square}]
    with serving(servers.arcgis(districts, TYPES)) as (address, asked):
        columns = {"zone_code": "OBJECTID", "zone_name": "type", "geometry_wkt": "geometry"}
        territory = layer(address, "zone", columns, constants={"zone_type": "district"})
        accepted, rejected = checked(read(territory, DAY), territory)
    assert (accepted["zone_name"].to_list(), rejected.height) == (["Le Port"], 0)
    assert accepted["area_km2"][0] == pytest.approx(22.5, abs=0.5)
    assert asked[1][1]["where"] == "1=1", "what stands is not cut into windows"
