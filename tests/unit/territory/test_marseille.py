"""The real city's file: every feed of it loads recorded rows through its contract, and the doctor says so."""

import csv
import io
import json
import zipfile
from datetime import date

import pytest

from observatory.doctor import report as reports
from observatory.doctor.examine import examine
from observatory.kinds import KINDS
from observatory.territory.city import Bounds, Territory
from observatory.territory.feed import Convention
from observatory.territory.files import load_territory
from tests.support.city import require_mapped

SCHOOL_DAY = date(2026, 9, 1)
SIGNED = Convention(
    partner="P", purpose="p", legal_basis="b", document="d", start=date(2020, 1, 1), end=date(2099, 12, 31)
)


def test_the_file_is_valid_and_has_every_kind_that_sources_deliver():
    marseille = load_territory("marseille")
    require_mapped(marseille)
    assert {feed.kind for feed in marseille.feeds.values()} == {*KINDS} - {"cell"}


def test_no_partner_is_read_before_a_convention_is_signed():
    marseille = load_territory("marseille")
    partners = {key: feed for key, feed in marseille.feeds.items() if feed.convention}
    assert len(partners) >= 15
    assert not any(feed.convention.is_live(date(2026, 11, 25)) for feed in partners.values())
    assert all(feed.licence for key, feed in marseille.feeds.items() if key not in partners)


# --- recorded samples, laid out as the doctor wants them: files as served, or rows


def zones(folder, marseille, shared_data):
    served = json.loads((shared_data / "geo_marseille" / "arrondissements_16_derived.geojson").read_text())
    for feature in served["features"]:
        feature["properties"] = {"code": feature["properties"]["code_insee"], "nom": feature["properties"]["nom"]}
    whole = {**served["features"][0], "properties": {"code": "13055", "nom": "Marseille"}}
    for feed_id, features in (("city", [whole]), ("districts", served["features"])):
        path = folder / feed_id / marseille.feeds[feed_id].source.path
        path.parent.mkdir()
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    quarters = json.loads((shared_data / "geo_marseille" / "quartiers_111.geojson").read_text())
    rows = [
        {
            "depco": each["properties"]["DEPCO"],
            "nom_qua": each["properties"]["NOM_QUA"],
            "geo_shape": {"type": "Feature", "geometry": each["geometry"], "properties": {}},
        }
        for each in quarters["features"]
    ]
    (folder / "quarters.json").write_text(json.dumps(rows))


def timetable(folder, shared_data):
    """An archive of the real stops of line 25, with a trip for each of its departures."""
    with (shared_data / "transit_rtm" / "rtm_stops.csv").open(encoding="utf-8") as file:
        stops = list(csv.DictReader(file))
    with (shared_data / "transit_rtm" / "rtm_departures_per_stop_line_hour_schoolday.csv").open() as file:
        departures = [row for row in csv.DictReader(file) if row["stop_idx"] in ("1", "2")]
    trips, times = ["route_id,service_id,trip_id"], ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"]
    for number, row in enumerate(departures):
        for of_hour in range(int(row["n_departures"])):
            at = f"{int(row['hour_since_midnight']):02}:{of_hour * 60 // int(row['n_departures']):02}:00"
            trips.append(f"{row['line']},school,T{number}-{of_hour}")
            times.append(f"T{number}-{of_hour},{at},{at},{row['stop_idx']},1")
    lines = sorted({row["line"] for row in departures})
    tables = {
        "agency": ["agency_id,agency_name,agency_url,agency_timezone", "1,RTM,https://www.rtm.fr,Europe/Paris"],
        "routes": ["route_id,route_short_name,route_type", *(f"{line},{line},3" for line in lines)],
        "trips": trips,
        "stops": ["stop_id,stop_lat,stop_lon", *(f"{s['stop_idx']},{s['stop_lat']},{s['stop_lon']}" for s in stops)],
        "stop_times": times,
        "calendar_dates": ["service_id,date,exception_type", "school,20260901,1"],
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in tables.items():
            archive.writestr(f"{name}.txt", "\n".join(content))
    (folder / "timetable").mkdir()
    (folder / "timetable" / "mamp-rtm").write_bytes(made.getvalue())


WORKS = """<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<payloadPublication><publicationTime>2026-08-31T21:54:00+02:00</publicationTime><situation id="S1">
<situationRecord xsi:type="MaintenanceWorks" id="R1" version="1">
<situationRecordVersionTime>2026-08-31T20:00:00+02:00</situationRecordVersionTime>
<validity><validityTimeSpecification><overallStartTime>2026-08-30T21:00:00+02:00</overallStartTime>
</validityTimeSpecification></validity>
<groupOfLocations><locationForDisplay><latitude>43.31</latitude><longitude>5.37</longitude></locationForDisplay>
</groupOfLocations></situationRecord></situation></payloadPublication></d2LogicalModel>"""

MADE_UP = {
    "car_parks": {
        "commune": "Marseille",
        "nom": "Vieux Port - La Criée",
        "datemajpy": "2026-09-24 17:25:09",
        "voitureplacesdisponibles": 120,
        "voitureplacescapacite": 615,
        "longitude": 5.3697,
        "latitude": 43.2930,
        "tempsreel": "True",
    },
    "bicycle_stations": {
        "station_id": "7",
        "name": "La Joliette",
        "last_reported": 1781085600,
        "num_docks_available": 5,
        "capacity": 20,
        "is_returning": True,
        "lon": 5.3663,
        "lat": 43.3045,
    },
    "weather": {
        "station": "vieux-port",
        "time": "2026-06-10T10:00",
        "temperature_2m": 24.1,
        "precipitation": 0.0,
        "wind_speed_10m": 6.2,
    },
    "places_of_worship": {
        "id": "node/1",
        "tags": {"amenity": "place_of_worship", "name": "Notre-Dame de la Garde"},
        "lon": 5.3712,
        "lat": 43.2840,
    },
    "agenda": {
        "timing_id": "7-0",
        "title": "Concert",
        "timing": {"begin": "2026-03-10T20:00:00+0100", "end": "2026-03-10T22:00:00+0100"},
        "location": {"name": "Le Silo", "longitude": 5.3635, "latitude": 43.3112},
    },
}


@pytest.fixture(scope="module")
def samples(shared_data, tmp_path_factory):
    folder, marseille = tmp_path_factory.mktemp("samples"), load_territory("marseille")
    zones(folder, marseille, shared_data)
    timetable(folder, shared_data)
    for feed_id, files in {
        "accidents": {
            f"{table}-2022.csv": (shared_data / "accidents_baac" / f"ech100_{table}.csv").read_bytes()
            for table in ("caracteristiques", "lieux", "usagers", "vehicules")
        },
        "recorded_crime": {
            marseille.feeds["recorded_crime"].source.path: (
                shared_data / "ssmsi" / "ssmsi_communes_marseille_2025_sample.csv"
            ).read_bytes()
        },
        "road_traffic": {
            "qtvDir.xml": (shared_data / "traffic_datex2" / "bison-fute-qtv-sample.xml").read_bytes(),
            # the sample's header names a column that its rows do not have
            "refDir.csv": (shared_data / "traffic_datex2" / "bison-fute-qtv-referentiel-sample.csv")
            .read_bytes()
            .replace(b";source_2;", b";", 1),
        },
        "road_works": {"content.xml": WORKS.encode()},
        "football_matches": {
            "matches.csv": (shared_data / "events_football" / "om_home_matches_ligue1_2018_2026.csv").read_bytes()
        },
        "emergency_visits": {
            marseille.feeds["emergency_visits"].source.path: b"dep;date_de_passage;sursaud_cl_age_corona;nbre_pass_tot"
            b"\n13;2022-03-01;0;2514\n13;2022-03-01;A;310\n83;2022-03-01;0;901\n13;2022-03-02;0;3\n"
        },
    }.items():
        for name, content in files.items():
            path = folder / feed_id / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for feed_id, row in {**MADE_UP, "weather_forecast": MADE_UP["weather"]}.items():
        (folder / f"{feed_id}.json").write_text(json.dumps([row]))
    return folder


@pytest.fixture(scope="module")
def examined(samples):
    return {
        feed.feed: feed
        for day in (SCHOOL_DAY, date(2022, 3, 2), date(2023, 12, 31))
        for feed in reversed(examine(load_territory("marseille"), day, samples).feeds)
        if feed.accepted_count
    }


@pytest.mark.parametrize(
    ("feed_id", "accepted", "rejected"),
    [
        ("city", 1, 0),
        ("districts", 16, 0),
        ("quarters", 111, 0),
        ("recorded_crime", 45, 0),
        ("road_works", 1, 0),
        ("car_parks", 1, 0),
        ("bicycle_stations", 1, 0),
        ("weather", 1, 0),
        ("weather_forecast", 1, 0),
        ("places_of_worship", 1, 0),
        ("agenda", 1, 0),
        ("football_matches", 140, 6),
        ("accidents", 1, 0),
        ("emergency_visits", 1, 1),
    ],
)
def test_a_feed_loads_its_sample_through_its_contract(examined, feed_id, accepted, rejected):
    found = examined[feed_id]
    assert (found.accepted_count, found.rejected_count) == (accepted, rejected), found.rejections
    assert (found.status, found.problem) == (reports.WELL, None)


def test_the_timetable_continues_after_midnight(examined):
    found = examined["timetable"]
    assert (found.status, found.is_partial, found.located_share) == (reports.WELL, False, 1.0)
    assert found.accepted_count > 300


def test_real_schools_are_accepted_with_the_bounds_and_town_of_the_sample(shared_data, tmp_path):
    rows = (shared_data / "schools" / "annuaire_education_sample.json").read_text()
    (tmp_path / "schools.json").write_text(rows)
    marseille = load_territory("marseille")
    schools = marseille.feeds["schools"].model_copy(update={"where": {}})
    france = marseille.model_copy(
        update={"bounds": Bounds(south=41, north=52, west=-6, east=10), "feeds": {"schools": schools}}
    )
    (found,) = examine(france, SCHOOL_DAY, tmp_path).feeds
    assert (found.status, found.accepted_count, found.located_share) == (reports.WELL, 3, pytest.approx(2 / 3))


def test_a_real_motorway_site_is_read_and_lies_just_outside_the_bounds(samples):
    marseille = load_territory("marseille")
    feeds = {"feeds": {"road_traffic": marseille.feeds["road_traffic"]}}
    (found,) = examine(marseille.model_copy(update=feeds), SCHOOL_DAY, samples).feeds
    assert (found.status, found.read_count, found.outside_count) == (reports.EMPTY, 1, 1)
    assert "every record of the sample is outside the city" in found.problem
    wider = {"bounds": Bounds(south=43.15, north=43.45, west=5.22, east=5.55)}
    (found,) = examine(marseille.model_copy(update=feeds | wider), SCHOOL_DAY, samples).feeds
    assert (found.status, found.accepted_count, found.located_share) == (reports.WELL, 1, 1.0)
    speed = next(column for column in found.columns if column.column == "speed_kmh")
    assert speed.filled_share == 0, "no vehicle passed, so there is no speed"


def signed(marseille) -> Territory:
    feeds = {
        key: feed.model_copy(update={"convention": SIGNED}) if feed.convention else feed
        for key, feed in marseille.feeds.items()
    }
    return marseille.model_copy(update={"feeds": feeds})


def test_partners_examples_are_accepted_once_their_convention_is_signed(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "t1")
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_SECRET_T1", "s" * 40)
    for feed_id, example, changes in (
        ("citations", "TrafficViolation", {"amountCollected": 35}),
        ("city_works", "CityWork", {}),
        ("video_alerts", "Alert", {"subCategory": "stopped_vehicle", "alertSource": "camera-1"}),
    ):
        entity = json.loads((shared_data / "ngsi_ld" / f"{example}.keyvalues.json").read_text())
        entity["location"] = {"type": "Point", "coordinates": [5.37, 43.3]}  # the example's place is in another city
        (tmp_path / f"{feed_id}.json").write_text(json.dumps([entity | changes]))
    report = examine(signed(load_territory("marseille")), SCHOOL_DAY, tmp_path)
    found = {feed.feed: feed for feed in report.feeds if feed.status != reports.WITHOUT_SAMPLE}
    assert set(found) == {"citations", "city_works", "video_alerts"}
    assert {key: (feed.status, feed.problem) for key, feed in found.items()} == dict.fromkeys(
        found, (reports.WELL, None)
    )


def test_without_a_signature_the_same_examples_are_not_read(tmp_path):
    (tmp_path / "citations.json").write_text("not even JSON")
    report = examine(load_territory("marseille"), SCHOOL_DAY, tmp_path)
    (found,) = (feed for feed in report.feeds if feed.feed == "citations")
    assert (found.status, found.read_count, found.is_live) == (reports.REFUSED, 0, False)
    assert "Nothing was read" in found.problem
