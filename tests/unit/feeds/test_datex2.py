"""DATEX II as Bison Futé serves it, and its faults."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import SourceChanged, SourceUnavailable
from tests.support.city import city, day, read, records, rows
from tests.support.server import at, first, in_bytes, in_json, page_of_html, serving

DAY = day("2026-08-31")
INPUTS = "numberOfInputValuesUsed"
MEASURES = {
    "site_code": "measurementSiteReference",
    "occurred_to": "measurementTimeDefault",
    "flow_veh_h": "vehicleFlowRate",
    "speed_kmh": "speed",
    "input_count": f"vehicleFlow.{INPUTS}",
}
PLACED = {**MEASURES, "easting": "site.x_deb", "northing": "site.y_deb"}
WORKS = {
    "source_record_id": "id",
    "nature_code": "type",
    "occurred_from": "overallStartTime",
    "occurred_to": "overallEndTime",
    "is_over": "lifeCycleManagement.end",
    "published_at": "situationRecordVersionTime",
    "description": "generalPublicComment.value",
    "geometry_wkt": "geometry",
}
FRANCE = {"south": 41.0, "north": 51.5, "west": -5.5, "east": 10.0}


def measuring(address, columns=MEASURES, sites=False, **more):
    source = {"protocol": "datex2", "address": str(address), "path": "qtv.xml", "publication": "measurements"}
    if sites:
        source["sites"] = {"path": "sites.csv", "key": "code_pme", "csv": {"separator": ";"}}
    source |= more.pop("source", {})
    more = {
        "window_column": "measurementTimeDefault",
        "constants": {"period_min": 6},
        "date_formats": ["%Y-%m-%dT%H:%M:%S%.f%z"],
        "bounds": FRANCE,
        **more,
    }
    return city("traffic_measure", source, columns, **more)


@pytest.fixture
def bison_fute(shared_data, tmp_path):
    folder = shared_data / "traffic_datex2"
    (tmp_path / "qtv.xml").write_bytes((folder / "bison-fute-qtv-sample.xml").read_bytes())
    # the sample's header names a column that its rows do not have
    listed = (folder / "bison-fute-qtv-referentiel-sample.csv").read_bytes().replace(b";source_2;", b";", 1)
    (tmp_path / "sites.csv").write_bytes(listed)
    return tmp_path


def test_missing_is_not_zero_and_zero_is_not_missing(bison_fute):
    checked = records(measuring(bison_fute), DAY)
    assert checked.rejected.is_empty()
    got = {
        row["site_code"]: (row["flow_veh_h"], row["speed_kmh"], row["input_count"])
        for row in checked.accepted.to_dicts()
    }
    assert got == {
        "MY269.D1": (9171.0, 83.85714, 420),  # of 420 vehicles in six minutes: a flow is per hour
        "MYK69.K1": (7114.0, None, 420),
        "MM713.O1": (0.0, None, 0),
        "#MZo57.2": (660.0, 53.5, 53),
    }


def test_an_interval_ends_at_the_sites_time_and_has_the_length_in_the_territory_file(bison_fute):
    checked = records(measuring(bison_fute), DAY)
    (row, *_) = checked.accepted.to_dicts()
    assert f"{row['occurred_from']:%H:%M} {row['occurred_to']:%H:%M}" == "19:54 20:00"
    assert row["known_at"] >= row["occurred_to"], "though it was published as of the interval's beginning"


def test_a_sites_place_is_converted_from_lambert_93(bison_fute):
    checked = records(measuring(bison_fute, PLACED, sites=True, coordinates={"epsg": 2154}), DAY)
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    places = {row["site_code"]: (row["longitude_deg"], row["latitude_deg"]) for row in checked.accepted.to_dicts()}
    assert places["MM713.O1"] == (pytest.approx(5.31, abs=0.02), pytest.approx(43.38, abs=0.05))
    assert places["#MZo57.2"] == (None, None), "not in the list, and kept"


def xml_of(*values, site="A", time="2026-08-31T22:00:00.000+02:00"):
    """One site; each value is (element, child, number, inputs, index, error)."""
    measured = "".join(
        f'<measuredValue index="{index}"><measuredValue><basicData><{of} {INPUTS}="{inputs}">'
        f"{'<dataError>true</dataError>' if error else ''}<{name}>{number}</{name}></{of}></basicData>"
        "</measuredValue></measuredValue>"
        for of, name, number, inputs, index, error in values
    )
    return (
        f'<siteMeasurements><measurementSiteReference id="{site}"/><measurementTimeDefault>{time}'
        f"</measurementTimeDefault>{measured}</siteMeasurements>"
    )


def publication(*sites):
    inner = "".join(sites)
    return (
        '<?xml version="1.0"?><d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0"><payloadPublication>'
        f"<publicationTime>2026-08-31T21:54:00+02:00</publicationTime>{inner}</payloadPublication></d2LogicalModel>"
    ).encode()


SPEED, FLOW = ("averageVehicleSpeed", "speed"), ("vehicleFlow", "vehicleFlowRate")


@settings(max_examples=30, deadline=None)
@given(
    sites=st.lists(
        st.tuples(st.sampled_from(["0", "0.0", "12.5"]), st.sampled_from(["0", "7"]), st.booleans()), max_size=9
    ),
    chunk_rows=st.integers(1, 4),
)
def test_every_site_is_read_once_with_any_chunk_size(sites, chunk_rows):
    body = publication(
        *(
            xml_of((*SPEED, number, inputs, 0, error), (*FLOW, "0", "0", 0, False), site=f"S{n}")
            for n, (number, inputs, error) in enumerate(sites)
        )
    )
    with serving(lambda _: in_bytes(body)) as (address, _):
        chunks = read(measuring(address), DAY, chunk_rows=chunk_rows)
    got = [row for chunk in chunks for row in chunk.to_dicts()]
    assert [row["measurementSiteReference"] for row in got] == [f"S{n}" for n in range(len(sites))]
    assert all(chunk.height <= chunk_rows for chunk in chunks)
    for row, (number, inputs, error) in zip(got, sites, strict=True):
        assert row["speed"] == (None if error or (inputs == "0" and float(number) == 0) else number)


def test_a_site_with_several_values_requires_an_index():
    body = publication(xml_of((*FLOW, "100", "10", 1, False), (*FLOW, "20", "2", 2, False)))
    with serving(lambda _: in_bytes(body)) as (address, _):
        assert [row["vehicleFlowRate"] for row in rows(measuring(address, source={"index": 2}), DAY)] == ["20"]
    with (
        serving(lambda _: in_bytes(body)) as (address, _),
        pytest.raises(SourceChanged, match=r"site A has 2 values of vehicleFlow, with the indices \[1, 2\]"),
    ):
        rows(measuring(address), DAY)


def test_version_3_is_read_like_version_2():
    body = (
        b'<mc:messageContainer xmlns:mc="http://datex2.eu/schema/3/messageContainer" '
        b'xmlns:r="http://datex2.eu/schema/3/roadTrafficData" xmlns:c="http://datex2.eu/schema/3/common"><mc:payload>'
        b"<c:publicationTime>2026-08-31T20:00:00Z</c:publicationTime><r:siteMeasurements>"
        b'<r:measurementSiteReference id="N1" version="1"/><r:measurementTimeDefault><r:timeValue>'
        b"2026-08-31T22:00:00+02:00</r:timeValue></r:measurementTimeDefault>"
        b'<r:physicalQuantity index="1"><r:basicData><r:vehicleFlow '
        b'numberOfInputValuesUsed="3"><c:vehicleFlowRate>30</c:vehicleFlowRate></r:vehicleFlow></r:basicData>'
        b"</r:physicalQuantity></r:siteMeasurements></mc:payload></mc:messageContainer>"
    )
    with serving(lambda _: in_bytes(body)) as (address, _):
        (row,) = rows(measuring(address), DAY)
    assert (row["measurementSiteReference"], row["vehicleFlowRate"], row["speed"]) == ("N1", "30", None)


def test_xml_entities_are_not_resolved_and_no_local_file_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    attack = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    body = attack + publication(xml_of((*FLOW, "1", "1", 0, False), site="A&x;"))[len(b'<?xml version="1.0"?>') :]
    with serving(lambda _: in_bytes(body.replace(b'id="A&x;"', b'id="A"').replace(b">1</", b">1&x;</"))) as (
        address,
        _,
    ):
        assert "s3cret" not in str(rows(measuring(address), DAY))
    laughs = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    body = (laughs + "]>").encode() + publication(xml_of((*FLOW, "1", "1", 0, False)))[21:].replace(b">1</", b">&j;</")
    with serving(lambda _: in_bytes(body)) as (address, _), pytest.raises(SourceChanged):
        rows(measuring(address), DAY)


def test_faults_of_a_publication_are_reported():
    whole = publication(xml_of((*FLOW, "1", "1", 0, False)))
    with serving(first(in_json({}, 503), in_json({}, 429), then=lambda _: in_bytes(whole))) as (address, requests):
        assert len(rows(measuring(address), DAY)) == 1
        assert len(requests) == 3
    with (
        serving(lambda _: in_bytes(whole[: len(whole) // 2])) as (address, _),
        pytest.raises(SourceUnavailable, match="truncated"),
    ):
        rows(measuring(address), DAY)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(measuring(address), DAY)
    with (
        serving(lambda _: in_bytes(b"<a><b>1</b></a>")) as (address, _),
        pytest.raises(SourceChanged, match="XML without a siteMeasurements"),
    ):
        rows(measuring(address), DAY)
    with serving(lambda _: in_bytes(publication())) as (address, _):
        assert rows(measuring(address), DAY) == []
    renamed = whole.replace(b"measurementTimeDefault", b"measurementTime")
    with (
        serving(lambda _: in_bytes(renamed)) as (address, _),
        pytest.raises(SourceChanged, match=r"\['measurementTimeDefault'"),
    ):
        rows(measuring(address), DAY)


def test_a_list_of_sites_without_its_key_is_reported():
    answers = at(
        qtv=in_bytes(publication(xml_of((*FLOW, "1", "1", 0, False)))), sites=in_bytes(b"code;x_deb;y_deb\nA;1;2\n")
    )
    with serving(answers) as (address, _), pytest.raises(SourceChanged, match=r"sites\.csv has the columns"):
        rows(measuring(address, PLACED, sites=True, coordinates={"epsg": 2154}), DAY)


# --- situations

RECORD = """
<situation id="S1" version="1"><situationRecord xsi:type="MaintenanceWorks" id="{id}" version="3">
<situationRecordVersionTime>2026-08-30T08:00:00+02:00</situationRecordVersionTime>
<validity><validityStatus>active</validityStatus><validityTimeSpecification>
<overallStartTime>2026-08-01T08:00:00+02:00</overallStartTime>{end}</validityTimeSpecification></validity>
<generalPublicComment><comment><values><value lang="fr">Appeler Jean Martin au 06 12 34 56 78</value></values></comment>
<commentType>internalNote</commentType></generalPublicComment>
<generalPublicComment><comment><values><value lang="fr">Travaux de nuit</value></values></comment>
<commentType>description</commentType></generalPublicComment>
<nonGeneralPublicComment><comment><values><value lang="fr">Contact: Paul Durand</value></values></comment>
</nonGeneralPublicComment>
<groupOfLocations><linearByCoordinates>
<start><pointCoordinates><latitude>43.30</latitude><longitude>5.37</longitude></pointCoordinates></start>
<end><pointCoordinates><latitude>43.31</latitude><longitude>5.38</longitude></pointCoordinates></end>
</linearByCoordinates></groupOfLocations>{over}</situationRecord></situation>"""
OVER = "<management><lifeCycleManagement><end>true</end></lifeCycleManagement></management>"


def road_works(address, **more):
    source = {"protocol": "datex2", "address": address, "path": "events.xml", "publication": "situations"}
    return city("public_work", source, WORKS, date_formats=["%Y-%m-%dT%H:%M:%S%.f%z"], **more)


def situations(*records_):
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return publication(*records_).replace(b"<payloadPublication>", f"<payloadPublication {xsi}>".encode())


def test_a_work_is_open_until_its_source_reports_its_end():
    ended = "<overallEndTime>2026-09-30T18:00:00+02:00</overallEndTime>"
    body = situations(
        RECORD.format(id="open", end="", over=""),
        RECORD.format(id="over", end="", over=OVER),
        RECORD.format(id="planned", end=ended, over=""),
    )
    with serving(lambda _: in_bytes(body)) as (address, _):
        checked = records(road_works(address, coded_texts=["description"]), DAY)
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    got = {row["source_record_id"]: row for row in checked.accepted.to_dicts()}
    assert {
        name: (row["state"], row["occurred_to"] and f"{row['occurred_to']:%m-%d}") for name, row in got.items()
    } == {
        "open": ("active", None),
        "over": ("ended", "08-30"),
        "planned": ("active", "09-30"),
    }
    assert got["open"]["nature_code"] == "MaintenanceWorks"
    assert got["open"]["geometry_wkt"].startswith("LINESTRING (5.37 43.3, 5.38 43.31)")


def test_internal_notes_and_their_names_are_never_read():
    with serving(lambda _: in_bytes(situations(RECORD.format(id="1", end="", over="")))) as (address, _):
        (row,) = rows(road_works(address), DAY)
    assert row["generalPublicComment.value"] == "Travaux de nuit"
    assert "Martin" not in str(row)
    assert "Durand" not in str(row)
    assert json.loads(row["geometry"])["type"] == "LineString"


def test_a_point_is_read_and_a_missing_place_is_null():
    body = RECORD.format(id="1", end="", over="").replace("43.31", "43.30").replace("5.38", "5.37")
    bodies = situations(body), situations(body.replace("<latitude>43.30", "<latitude>43°30"))
    got = []
    for each in bodies:
        with serving(lambda _, each=each: in_bytes(each)) as (address, _):
            got += [row["geometry"] for row in rows(road_works(address), DAY)]
    assert json.loads(got[0]) == {"type": "Point", "coordinates": [5.37, 43.3]}
    assert got[1] is None


def test_a_line_of_positions_has_its_latitude_first():
    body = situations(RECORD.format(id="1", end="", over=""))
    start, _, rest = body.partition(b"<groupOfLocations>")
    line = b"<gmlLineString><posList>43.30 5.37 43.31 5.38 43.31 5.38</posList></gmlLineString>"
    body = start + line + rest.partition(b"</groupOfLocations>")[2]
    with serving(lambda _: in_bytes(body)) as (address, _):
        (row,) = rows(road_works(address), DAY)
    assert json.loads(row["geometry"])["coordinates"] == [[5.37, 43.30], [5.38, 43.31]]
