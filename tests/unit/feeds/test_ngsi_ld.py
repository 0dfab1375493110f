"""A context broker with FIWARE's own examples: pages, counts, and data that it must not send."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import SourceChanged, SourceUnavailable
from tests.support.city import CONVENTION, city, day, read, records, rows
from tests.support.server import first, hung_up, in_bytes, in_json, page_of_html, serving

DAY = day("2017-01-02")
EVERYWHERE = {"south": -85.0, "north": 85.0, "west": -180.0, "east": 180.0}
ALERTS = {
    "source_record_id": "id",
    "camera_code": "alertSource",
    "category": "subCategory",
    "severity": "severity",
    "occurred_from": "validFrom",
    "occurred_to": "validTo",
    "reported_at": "dateIssued",
    "point": "location",
}
CITATIONS = {
    "source_record_id": "reportId",
    "offence_code": "titleCode",
    "amount_eur": "amountCollected",
    "occurred_from": "observationDateTime",
}
WORKS = {
    "source_record_id": "id",
    "nature_code": "workNature",
    "state": "workState",
    "planned_from": "startDate",
    "planned_to": "endDate",
    "geometry_wkt": "location",
}
DATES = ["%Y-%m-%dT%H:%M:%S%.f%#z"]


def broker(address, entity_type="Alert", kind="video_alert", columns=ALERTS, **more):
    source = {"protocol": "ngsi_ld", "address": f"{address}/ngsi-ld/v1", "type": entity_type, **more.pop("source", {})}
    more = {"date_formats": DATES, "clock": "utc", "convention": CONVENTION, "bounds": EVERYWHERE, **more}
    return city(kind, source, columns, **more)


def entities(listed, most=1_000, counts=True, honours_attrs=True):
    """A broker of these entities that sends at most ``most`` at a time."""

    def answer(asked):
        assert asked.path == "/ngsi-ld/v1/entities"
        assert (asked["options"], asked["count"]) == ("keyValues", "true")
        start, wanted = int(asked["offset"]), {*asked["attrs"].split(","), "id", "type"}
        page = listed[start : start + min(int(asked["limit"]), most)]
        if honours_attrs:
            page = [{name: value for name, value in entity.items() if name in wanted} for entity in page]
        return in_json(page, **({"NGSILD_Results_Count": str(len(listed))} if counts else {}))

    return answer


def alert(number, **changes):
    made = {
        "id": f"urn:ngsi-ld:Alert:{number}",
        "type": "Alert",
        "alertSource": f"camera-{number}",
        "subCategory": "density",
        "severity": "high",
        "dateIssued": "2017-01-02T09:25:55.00Z",
        "validFrom": "2017-01-02T09:25:55.00Z",
        "validTo": "2017-01-02T10:25:55.00Z",
        "location": {"type": "Point", "coordinates": [5.37, 43.29]},
    }
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def example(shared_data, name):
    return json.loads((shared_data / "ngsi_ld" / name).read_text())


@settings(max_examples=30, deadline=None)
@given(total=st.integers(0, 7), page_rows=st.integers(1, 4), most=st.integers(1, 4), counts=st.booleans())
def test_every_entity_is_read_once_with_any_page_size(total, page_rows, most, counts):
    listed = [alert(number) for number in range(total)]
    with serving(entities(listed, most, counts)) as (address, requests):
        chunks = read(broker(address), DAY, page_rows=page_rows)
    got = [row["id"] for chunk in chunks for row in chunk.to_dicts()]
    assert got == [entity["id"] for entity in listed]
    if not counts:
        assert int(requests[-1]["offset"]) == total, "without a count, the last page is the empty one"


def test_an_entity_created_while_pages_are_read_causes_no_duplicates():
    listed = [alert(number) for number in range(4)]

    def answer(asked):
        if asked["offset"] == "2":
            listed.insert(0, alert("new"))
        return entities(listed)(asked)

    with serving(answer) as (address, _):
        got = [row["id"][-1] for row in rows(broker(address), DAY, page_rows=2)]
    assert got == ["0", "1", "2", "3"]


def test_a_last_page_with_only_repeated_entities_is_no_error():
    listed = [alert(number) for number in range(3)]

    def answer(asked):
        if asked["offset"] == "3":
            listed.insert(0, alert("new"))
        return entities(listed, counts=False)(asked)

    with serving(answer) as (address, _):
        assert [row["id"][-1] for row in rows(broker(address), DAY, page_rows=3)] == ["0", "1", "2"]


def test_a_broker_that_repeats_a_page_is_not_requested_endlessly():
    with serving(lambda _: in_json([alert(1)])) as (address, _), pytest.raises(SourceChanged, match="the same page"):
        rows(broker(address), DAY)


def test_fiwares_alert_becomes_a_record(shared_data):
    expected = records_of(shared_data, "Alert.keyvalues.json")
    assert expected.rejected.is_empty(), expected.rejected["reason"].to_list()
    (row,) = expected.accepted.to_dicts()
    assert (row["category"], row["severity"], f"{row['occurred_from']:%F %T}") == (
        "traffic_jam", "high", "2017-01-02 09:25:55",
    )  # fmt: skip
    assert (round(row["longitude_deg"], 3), round(row["latitude_deg"], 3)) == (-3.712, 40.424)
    assert "traffic" not in str(row["source_record_id"])


def records_of(shared_data, name):
    with serving(entities([example(shared_data, name)])) as (address, _):
        return records(broker(address, values={"category": {"trafficJam": "traffic_jam"}}), DAY)


def test_attributes_with_metadata_are_read_like_simple_ones():
    long = {
        name: value
        if name in ("id", "type")
        else {"type": "Property", "value": value, "observedAt": "2017-01-02T00:00:00Z"}
        for name, value in alert(1).items()
    }
    long["location"]["type"] = "GeoProperty"
    with serving(entities([long])) as (address, _):
        with_metadata = rows(broker(address), DAY)
    with serving(entities([alert(1)])) as (address, _):
        assert with_metadata == rows(broker(address), DAY)


def test_the_evidence_of_a_violation_is_not_requested(shared_data, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "2026")
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_SECRET_2026", "s" * 40)
    violation = example(shared_data, "TrafficViolation.keyvalues.json")
    with serving(entities([violation])) as (address, requests):
        territory = broker(address, "TrafficViolation", "citation", CITATIONS)
        checked = records(territory, day("2021-03-11"))
    assert requests[0]["attrs"] == "reportId,titleCode,amountCollected,observationDateTime"
    # 10,500 rupees, where a citation in euros is of 4 to 3,750
    assert checked.rejected["column_name"].to_list() == ["amount_eur"]
    with serving(entities([{**violation, "amountCollected": 135}])) as (address, _):
        checked = records(broker(address, "TrafficViolation", "citation", CITATIONS), day("2021-03-11"))
    (row,) = checked.accepted.to_dicts()
    assert (row["offence_code"], row["amount_eur"], f"{row['occurred_from']:%F %T}") == (
        "11",
        135.0,
        "2021-03-11 10:21:02",
    )
    assert row["source_record_id"] != "182"


@pytest.mark.parametrize(
    "sent",
    [
        {"imageURL": "https://x"},
        {"mediaURL": "https://x"},
        {"trackId": 7},
        {"licensePlate": "AB-123-CD"},
        {"vehicle": {"plateNumber": "AB"}},
    ],
)
def test_a_response_with_an_image_a_track_or_a_plate_is_refused(sent):
    listed = [alert(1), alert(2, **sent)]
    with (
        serving(entities(listed, honours_attrs=False)) as (address, _),
        pytest.raises(
            SourceChanged, match=r"the entities contain .*no image, no track and no plate.*Nothing was read"
        ) as caught,
    ):
        rows(broker(address), DAY)
    assert "AB" not in str(caught.value)


def test_fiwares_work_with_latitude_first_is_rejected_as_outside_the_city(shared_data):
    work = example(shared_data, "CityWork.keyvalues.json")
    nice = {"south": 43.6, "north": 43.8, "west": 7.1, "east": 7.4}
    more = {"values": {"state": {"open": "active"}}, "bounds": nice}
    with serving(entities([work])) as (address, requests):
        checked = records(broker(address, "CityWork", "public_work", WORKS, **more), day("2020-04-01"))
    assert "contactPoint" not in requests[0]["attrs"]
    assert checked.accepted.is_empty()
    assert checked.rejected["column_name"].to_list() == ["longitude_deg"]
    assert "Service des AO" not in str(checked.rejected.to_dicts())
    turned = {
        **work,
        "location": {"type": "Polygon", "coordinates": [[p[::-1] for p in work["location"]["coordinates"][0]]]},
    }
    around = {"south": 43.0, "north": 43.8, "west": 7.1, "east": 7.4}
    with serving(entities([turned])) as (address, _):
        checked = records(
            broker(address, "CityWork", "public_work", WORKS, **{**more, "bounds": around}), day("2020-04-01")
        )
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    assert checked.accepted["state"].to_list() == ["active"]


def test_a_crowd_measurement_of_five_minutes_is_rejected(shared_data):
    columns = {
        "zone_code": "id",
        "segment": "direction",
        "occurred_from": "dateObservedFrom",
        "occurred_to": "dateObservedTo",
        "volume_count": "peopleCount",
    }
    with serving(entities([example(shared_data, "CrowdFlowObserved.keyvalues.json")])) as (address, _):
        checked = records(broker(address, "CrowdFlowObserved", "population_flow", columns), day("2018-08-07"))
    assert checked.rejected.select("column_name", "check_name").rows() == [
        ("occurred_to", "a slot of one or two hours")
    ]


def test_requests_have_the_brokers_tenant_and_context():
    source = {"tenant": "city", "context": "https://example.org/context.jsonld"}
    with serving(entities([])) as (address, requests):
        assert rows(broker(address, source=source), DAY) == []
    assert requests[0].headers["NGSILD-Tenant"] == "city"
    assert requests[0].headers["Link"].startswith("<https://example.org/context.jsonld>; rel=")


def test_a_renamed_attribute_is_reported():
    with (
        serving(entities([alert(1, validFrom=None)])) as (address, _),
        pytest.raises(SourceChanged, match=r"\['validFrom'\] are missing"),
    ):
        rows(broker(address), DAY)
    renamed = alert(1, severity=None, level="high")
    with (
        serving(entities([renamed], honours_attrs=False)) as (address, _),
        pytest.raises(SourceChanged, match=r"\['severity'\] are missing, columns \['level'\] are new"),
    ):
        rows(broker(address), DAY)


def test_faults_of_the_broker_are_reported():
    well = entities([alert(1)])
    half = json.dumps([alert(1)]).encode()
    faults = in_json({}, 429, Retry_After="0"), hung_up(half), in_bytes(half[:40])
    for fault in faults:
        with serving(first(fault, then=well)) as (address, _):
            assert len(rows(broker(address), DAY)) == 1
    with serving(lambda _: in_json({}, 503)) as (address, _), pytest.raises(SourceUnavailable, match="503"):
        rows(broker(address), DAY)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(broker(address), DAY)
    with serving(lambda _: in_json({"title": "no"})) as (address, _), pytest.raises(SourceChanged, match="not a list"):
        rows(broker(address), DAY)
