"""Points as sources write them."""

from __future__ import annotations

import polars as pl
import pytest

from observatory.records.location import split_point, without_empty_points
from observatory.territory.feed import Coordinates

EAST, NORTH = -87.65, 41.88
LONGITUDE_FIRST = {
    "well-known text": "POINT (-87.65 41.88)",
    "well-known text with a reference system": "srid=4326;point(-87.65 41.88)",
    "well-known text with a height": "POINT Z (-87.65 41.88 180.2)",
    "GeoJSON": '{"type": "Point", "coordinates": [-87.65, 41.88]}',
    "GeoJSON with a reference system": '{"crs":{"properties":{"name":"EPSG:4326"}},"coordinates":[-87.65,41.88]}',
    "GeoJSON with a height": '{"type":"Point","coordinates":[-87.65,41.88,180.2]}',
    "the first point of a line": '{"type":"LineString","coordinates":[[-87.65,41.88],[-87.6,41.9]]}',
    "the first point of a line in well-known text": "LINESTRING (-87.65 41.88, -87.6 41.9)",
    "the first point of an area": "MULTIPOLYGON (((-87.65 41.88, -87.6 41.9, -87.65 41.88)))",
    "names": '{"lng": -87.65, "lat": 41.88}',
    "long names, as texts": '{"latitude":"41.88","longitude":"-87.65","human_address":"{\\\\"zip\\\\":\\\\"6\\\\"}"}',
    "a position of GeoJSON": "[-87.65, 41.88]",
    "hemispheres": "41.88° N, 87.65° W",
    "hemispheres without a sign of degrees": "41.88N 87.65 O",
    "an exponent": '{"lon": -8.765e1, "lat": 4188E-2}',
}
LATITUDE_FIRST = {
    "comma": "41.88, -87.65",
    "no blank": "41.88,-87.65",
    "semicolon": "41.88;-87.65",
    "blank": " 41.88 -87.65 ",
    "brackets": "(41.88, -87.65)",
    "exponents": "4.188e1, -876.5e-1",
    "decimal commas": "41,88 -87,65",
    "decimal commas and a semicolon": "41,88; -87,65",
    "behind an address": "100 W RANDOLPH ST\nCHICAGO, IL 60601\n(41.88, -87.65)",
    "behind an address on one line": "12, 60601 CHICAGO (41.88, -87.65)",
}
NONE = {
    "an address": "100, 60601 CHICAGO",
    "one number": "41.88",
    "three numbers": "41.88 -87.65 180",
    "words": "somewhere",
    "half of a point": '{"lat": 41.88}',
}
EMPTY = {
    "empty well-known text": "POINT EMPTY",
    "empty well-known text with a height": "SRID=4326;POINT Z EMPTY",
    "empty GeoJSON": '{"type":"Point","coordinates":[]}',
    "null": '{"latitude": null, "longitude": null}',
    "an address alone": '{"human_address":"{\\\\"address\\\\":\\\\"100 45 ST\\\\",\\\\"zip\\\\":\\\\"60601\\\\"}"}',
    "an object without keys": "{}",
}


def split(written, order="lat,lon"):
    east, north = split_point(pl.col("point"), Coordinates(point_order=order))
    return pl.DataFrame({"point": [written]}).select(east=east, north=north).row(0)


@pytest.mark.parametrize("written", LONGITUDE_FIRST.values(), ids=LONGITUDE_FIRST)
@pytest.mark.parametrize("order", ["lat,lon", "lon,lat"])
def test_formats_that_name_or_fix_the_order_ignore_the_setting(written, order):
    assert split(written, order) == (EAST, NORTH)


@pytest.mark.parametrize("written", LATITUDE_FIRST.values(), ids=LATITUDE_FIRST)
def test_two_numbers_are_read_in_the_order_of_the_setting(written):
    assert split(written) == (EAST, NORTH)
    assert split(written, "lon,lat") == (NORTH, EAST)


def test_a_small_number_with_an_exponent_keeps_its_exponent():
    assert split("41.88, 5.38e-05") == (5.38e-05, 41.88)


@pytest.mark.parametrize("written", NONE.values(), ids=NONE)
def test_digits_of_other_texts_are_not_read_as_coordinates(written):
    assert None in split(written)


@pytest.mark.parametrize("written", EMPTY.values(), ids=EMPTY)
def test_a_text_for_a_missing_point_is_null(written):
    frame = pl.DataFrame({"point": [written, *LONGITUDE_FIRST.values(), *LATITUDE_FIRST.values(), *NONE.values()]})
    kept = frame.select(without_empty_points(pl.col("point"))).to_series()
    assert kept.to_list() == [None, *frame["point"][1:]]
