"""Zones and the cells derived from them."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from observatory import grid
from observatory.contracts import CONTRACTS
from observatory.contracts.cell import cell_records
from observatory.records.check import check
from observatory.records.conform import conform
from observatory.records.plan import Plan
from observatory.territory.files import load_territory

DEMO = load_territory("demo")
RING = [[4.95, 43.25], [5.0, 43.25], [5.0, 43.3], [4.95, 43.3], [4.95, 43.25]]
BOW_TIE = [[4.95, 43.25], [5.0, 43.3], [5.0, 43.25], [4.95, 43.3], [4.95, 43.25]]


def polygon(ring):
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


def checked(*zones, feed_id="districts", territory=DEMO):
    columns = ("code", "name", "geometry")
    delivered = pl.DataFrame(
        [dict(zip(columns, zone, strict=True)) for zone in zones], schema=dict.fromkeys(columns, pl.String)
    )
    return check(delivered, conform(delivered, Plan.of(territory, feed_id)), Plan.of(territory, feed_id))


def test_a_zone_becomes_a_record():
    result = checked(("1", "Le Port", polygon(RING)))
    assert result.accepted.schema == CONTRACTS["zone"].schema
    record = result.accepted.row(0, named=True)
    assert (record["source_record_id"], record["zone_code"], record["zone_name"]) == ("district:1", "1", "Le Port")
    assert record["area_km2"] == pytest.approx(4.06 * 5.56, rel=0.01)
    assert record["known_at"].isoformat() == "2020-12-31T23:00:00+00:00", "known from history_start"
    assert record["geometry_wkt"].startswith("POLYGON ((")


def test_without_mapped_columns_the_zone_is_the_city():
    chicago = load_territory("chicago")
    delivered = pl.DataFrame({"geometry": [polygon([[-87.7, 41.8], [-87.6, 41.8], [-87.6, 41.9], [-87.7, 41.8]])]})
    record = check(delivered, conform(delivered, Plan.of(chicago, "city")), Plan.of(chicago, "city")).accepted.row(
        0, named=True
    )
    assert (record["source_record_id"], record["zone_code"], record["zone_name"]) == (
        "city:chicago",
        "chicago",
        "Chicago",
    )
    assert record["known_at"].year == 1970


def test_a_self_intersecting_outline_is_repaired():
    record = checked(("1", "x", polygon(BOW_TIE))).accepted.row(0, named=True)
    assert record["geometry_wkt"].startswith("MULTIPOLYGON (((")
    assert record["area_km2"] > 0


@pytest.mark.parametrize(
    ("zone", "column"),
    [
        (("1", "x", '{"type": "Point", "coordinates": [5, 43]}'), "geometry_wkt"),
        (("1", "x", '{"type": "Polygon", "coordinates": [[[5,'), "geometry_wkt"),
        (("1", "x", polygon([[900_000, 6_250_000], [901_000, 6_250_000], [900_000, 6_251_000]] * 2)), "geometry_wkt"),
        (("1", "x", polygon([[43.25, 4.95], [43.25, 5.0], [43.3, 5.0], [43.25, 4.95]])), "longitude_deg"),
        (("1", "x", '{"type": "Polygon", "coordinates": []}'), "geometry_wkt"),
        (("1", "x", "null"), "geometry_wkt"),
        (("1", "x", None), "geometry_wkt"),
        ((None, "x", polygon(RING)), "zone_code"),
        (("1", " ", polygon(RING)), "zone_name"),
    ],
)
def test_a_zone_without_area_code_or_name_is_rejected(zone, column):
    result = checked(("0", "good", polygon(RING)), zone)
    assert result.accepted["zone_code"].to_list() == ["0"]
    (rejected,) = result.rejected.rows(named=True)
    assert rejected["column_name"] == column
    assert rejected["reason"].startswith("demo/districts: ")
    assert json.loads(rejected["row_data"])["code"] == zone[0]


def test_cells_keep_their_contract():
    cells = grid.cells_in(
        checked(("1", "x", polygon(RING))).accepted["geometry_wkt"][0], 2154, 250, {"1": "POINT EMPTY"}
    )
    records = cell_records(cells, datetime(2024, 1, 1, tzinfo=UTC), 250)
    assert CONTRACTS["cell"].model.validate(records, lazy=True).height == cells.height > 300
