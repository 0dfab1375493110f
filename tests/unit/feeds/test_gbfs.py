"""GBFS of versions 2 and 3: languages, added and removed stations, vehicles that are never requested."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import SourceChanged, SourceUnavailable
from tests.support.city import city, day, read, records, rows
from tests.support.server import at, first, in_json, page_of_html, serving

DAY = day("2026-06-10")
NOON = 1781085600  # 2026-06-10 12:00 in Paris
COLUMNS = {
    "car_park_code": "station_id",
    "place_name": "name",
    "occurred_from": "last_reported",
    "free_count": "num_docks_available",
    "capacity_count": "capacity",
    "is_open": "is_returning",
    "longitude_deg": "lon",
    "latitude_deg": "lat",
}


def about(number, **changes):
    return {"station_id": str(number), "name": f"Station {number}", "lat": 43.29, "lon": 5.37, "capacity": 20} | changes


def now(number, **changes):
    made = {"station_id": str(number), "num_docks_available": 5, "is_returning": True, "last_reported": NOON}
    return made | {"num_bikes_available": 15} | changes


def system(address, information, status, version=2):
    """The answers of a system, by the name of each feed."""

    def feeds(asked):
        host = f"http://{asked.headers['Host']}"
        names = "station_information", "station_status", "free_bike_status"
        listed = {"feeds": [{"name": name, "url": f"{host}/{name}.json"} for name in names]}
        return in_json(
            {"version": str(version), "data": listed if version == 3 else {"en": {"feeds": []}, "fr": listed}}
        )

    def of(stations):
        return in_json({"last_updated": NOON, "ttl": 60, "data": {"stations": stations}})

    return at(gbfs=feeds, station_information=of(information), station_status=of(status))


def stations(address, columns=COLUMNS, **more):
    source = {"protocol": "gbfs", "address": f"{address}/gbfs.json"}
    return city("parking_occupancy", source, columns, date_formats=["%s"], **more)


def test_a_station_has_its_description_and_current_state():
    with serving(system(None, [about(1), about(2, capacity=4)], [now(1), now(2, num_docks_available=9)])) as (
        address,
        requests,
    ):
        checked = records(stations(address), DAY)
    assert checked.accepted.select("car_park_code", "free_count", "capacity_count", "is_open").rows() == [
        ("1", 5, 20, True)
    ]
    assert checked.rejected["column_name"].to_list() == ["free_count"], "more free than there are"
    assert {asked.path for asked in requests} == {"/gbfs.json", "/station_information.json", "/station_status.json"}


@settings(max_examples=25, deadline=None)
@given(total=st.integers(0, 9), chunk_rows=st.integers(1, 4))
def test_every_station_is_read_once_with_any_chunk_size(total, chunk_rows):
    answers = system(None, [about(n) for n in range(total)], [now(n) for n in range(total)])
    with serving(answers) as (address, _):
        chunks = read(stations(address), DAY, chunk_rows=chunk_rows)
    assert [row["station_id"] for chunk in chunks for row in chunk.to_dicts()] == [str(n) for n in range(total)]


def test_version_3_has_translated_names_and_times_as_text():
    named = [{"text": "Old Port", "language": "en"}, {"text": "Vieux-Port", "language": "fr"}]
    answers = system(None, [about(1, name=named)], [now(1, last_reported="2026-06-10T12:00:00+02:00")], version=3)
    with serving(answers) as (address, _):
        territory = stations(address).model_dump()["feeds"]["sample"]
        assert territory["source"]["language"] == "fr"
        (row,) = rows(city("parking_occupancy", {"protocol": "gbfs", "address": f"{address}/gbfs.json"}, COLUMNS,
                           date_formats=["%Y-%m-%dT%H:%M:%S%z"]), DAY)  # fmt: skip
    assert (row["name"], row["last_reported"]) == ("Vieux-Port", "2026-06-10T12:00:00+02:00")


def test_a_station_without_a_description_is_kept_without_a_place():
    with serving(system(None, [about(1)], [now(1), now(2)])) as (address, _):
        checked = records(stations(address), DAY)
    assert checked.accepted.select("car_park_code", "capacity_count", "location_method").rows() == [
        ("1", 20, "address"), ("2", None, "none"),
    ]  # fmt: skip


def test_a_station_last_reported_yesterday_is_outside_todays_window():
    with serving(system(None, [about(1)], [now(1, last_reported=NOON - 86_400)])) as (address, _):
        assert rows(stations(address), DAY) == []
        assert len(rows(stations(address), day("2026-06-09"))) == 1


def test_a_renamed_field_and_other_faults_are_reported():
    well = system(None, [about(1)], [now(1)])
    renamed = now(1)
    renamed["docks"] = renamed.pop("num_docks_available")
    with (
        serving(system(None, [about(1)], [renamed])) as (address, _),
        pytest.raises(SourceChanged, match=r"\['num_docks_available'\] are missing, .*docks"),
    ):
        rows(stations(address), DAY)
    with serving(first(in_json({}, 429), in_json({}, 503), then=well)) as (address, _):
        assert len(rows(stations(address), DAY)) == 1
    with (
        serving(at(gbfs=in_json({"data": {"fr": {"feeds": []}}}))) as (address, _),
        pytest.raises(SourceChanged, match="expected one with station_information"),
    ):
        rows(stations(address), DAY)
    with serving(lambda _: in_json([1])) as (address, _), pytest.raises(SourceChanged, match="without `data`"):
        rows(stations(address), DAY)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(stations(address), DAY)
    with serving(lambda _: in_json({}, 500)) as (address, _), pytest.raises(SourceUnavailable, match="500"):
        rows(stations(address), DAY)
