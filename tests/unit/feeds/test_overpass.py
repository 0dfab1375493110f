"""Overpass: places as points, answers that end in a remark, servers that are busy."""

import pytest
from pydantic import ValidationError

from observatory.errors import SourceChanged, SourceUnavailable
from tests.support.city import MARSEILLE, city, day, read, records, rows
from tests.support.server import first, hung_up, in_json, page_of_html, serving

DAY = day("2026-06-10")
COLUMNS = {
    "source_record_id": "id",
    "place_type": "tags.amenity",
    "place_name": "tags.name",
    "longitude_deg": "lon",
    "latitude_deg": "lat",
}
NODE = {
    "type": "node",
    "id": 1,
    "lat": 43.2844,
    "lon": 5.3712,
    "tags": {"amenity": "place_of_worship", "name": "La Garde"},
}
WAY = {"type": "way", "id": 1, "center": {"lat": 43.30, "lon": 5.36}, "tags": {"amenity": "school", "operator": "M. X"}}


def places(address, tags=None, **more):
    tags = tags or {"amenity": ["place_of_worship", "school"]}
    source = {"protocol": "overpass", "address": f"{address}/api/interpreter", "tags": tags, **MARSEILLE, **more}
    return city("sensitive_place", source, COLUMNS)


def found(*elements, **more):
    return in_json({"version": 0.6, "osm3s": {"copyright": "ODbL"}, "elements": list(elements), **more})


def test_a_node_and_a_way_with_the_same_number_are_two_places():
    with serving(lambda _: found(NODE, WAY)) as (address, requests):
        checked = records(places(address), DAY)
    assert checked.rejected.is_empty()
    assert checked.accepted.select("source_record_id", "place_type", "place_name", "latitude_deg").rows() == [
        ("node/1", "place_of_worship", "La Garde", 43.2844),
        ("way/1", "school", None, 43.30),
    ]
    assert "M. X" not in checked.accepted.write_csv()
    assert requests[0]["data"] == (
        "[out:json][timeout:180][bbox:43.15,5.22,43.4,5.55];"
        '(nwr["amenity"="place_of_worship"];nwr["amenity"="school"];);out center tags;'
    )


@pytest.mark.parametrize("total", [0, 1, 5])
def test_every_place_is_read_once_with_any_chunk_size(total):
    with serving(lambda _: found(*({**NODE, "id": n} for n in range(total)))) as (address, _):
        chunks = read(places(address), DAY, chunk_rows=2)
    assert [row["id"] for chunk in chunks for row in chunk.to_dicts()] == [f"node/{n}" for n in range(total)]


def test_a_partial_response_is_an_error():
    remark = 'runtime error: Query timed out in "query" at line 1 after 180 seconds.'
    with (
        serving(lambda _: found(NODE, remark=remark)) as (address, _),
        pytest.raises(SourceUnavailable, match="the server gave up: runtime error"),
    ):
        rows(places(address), DAY)


@pytest.mark.parametrize("tag", ['x"];out;', "a\\"])
def test_quotes_in_a_tag_are_escaped(tag):
    with pytest.raises(ValidationError):
        places("http://127.0.0.1:9", tags={"amenity": [tag]})


def test_an_empty_rectangle_is_refused():
    with pytest.raises(ValidationError, match="south"):
        places("http://127.0.0.1:9", south=43.5)


def test_faults_of_the_server_are_reported():
    body = found(NODE)[2]
    for fault in (in_json({}, 429, Retry_After="0"), in_json({}, 504), hung_up(body)):
        with serving(first(fault, then=lambda _: found(NODE))) as (address, _):
            assert len(rows(places(address), DAY)) == 1
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(places(address), DAY)
    with (
        serving(lambda _: in_json({})) as (address, _),
        pytest.raises(SourceChanged, match="without a list of `elements`"),
    ):
        rows(places(address), DAY)
    with (
        serving(lambda _: found({**NODE, "tags": {"kind": "church"}})) as (address, _),
        pytest.raises(SourceChanged, match=r"\['tags\.amenity'"),
    ):
        rows(places(address), DAY)
