"""One valid row of every kind, as a source would write it, and the changes that make each check fail."""

from __future__ import annotations

from dataclasses import dataclass, field

POINT = {"longitude_deg": "lon", "latitude_deg": "lat"}
AT = {"lon": "5.0", "lat": "43.3"}
WHEN = "2026-03-10T10:00:00"


@dataclass(frozen=True)
class Sample:
    """A feed of a kind and a row of it.

    Attributes:
        columns: contract column to source column.
        row: source column to its value.
        makes: expected values of the record.
        broken: (change of the row, the column and the check that then fail).
        settings: further settings of the feed.
    """

    columns: dict
    row: dict
    makes: dict
    broken: list
    settings: dict = field(default_factory=dict)


def within(low, high):
    return f"in_range({low}, {high})"


def at_least(low):
    return f"greater_than_or_equal_to({low})"


LATE = "within 7 days of the start, in a police log"
NOT_BEFORE = "not before its start"
SQUARE = "POLYGON ((4.95 43.25, 5 43.25, 5 43.3, 4.95 43.3, 4.95 43.25))"
ALERTS = ["density", "crowd_flow", "abandoned_object", "intrusion", "stopped_vehicle", "traffic_jam", "fire_smoke"]
CELL = "CRS2154RES250mN6245250E865250"

SAMPLES = {
    "incident": Sample(
        {
            "source_record_id": "id",
            "occurred_from": "start",
            "occurred_to": "end",
            "reported_at": "entered",
            "source_category_code": "type",
            "detection_mode": "mode",
            **POINT,
        },
        {
            "id": "1",
            "start": WHEN,
            "end": "2026-03-10T11:00:00",
            "entered": "2026-03-10T12:00:00",
            "type": "BRUIT",
            "mode": "reported",
            **AT,
        },
        {"record_type": "police_log", "location_method": "gps", "location_precision_m": 20.0},
        [
            ({"end": "2026-03-10T09:00:00"}, "occurred_to", NOT_BEFORE),
            ({"end": "2026-06-10T09:00:00"}, "occurred_to", "within 60 days of its start"),
            ({"entered": "2026-03-17T10:00:01"}, "reported_at", LATE),
            ({"mode": "guessed"}, "detection_mode", "isin(['reported', 'sensor', 'discovered'])"),
            ({"type": None}, "source_category_code", "present"),
        ],
        {"constants": {"record_type": "police_log"}, "coordinates": {"method": "gps", "precision_m": 20}},
    ),
    "citation": Sample(
        {
            "source_record_id": "n",
            "occurred_from": "issued",
            "offence_code": "code",
            "amount_eur": "eur",
            "vehicle_class": "class",
            **POINT,
        },
        {"n": "PV-1", "issued": WHEN, "code": "7", "eur": "35", "class": "car", **AT},
        {"amount_eur": 35.0, "vehicle_class": "car"},
        [
            ({"eur": "3"}, "amount_eur", within(4, 3750)),
            ({"eur": "3751"}, "amount_eur", within(4, 3750)),
            ({"code": " "}, "offence_code", "present"),
            ({"eur": "much"}, "amount_eur", "readable"),
        ],
    ),
    "delinquency_statistic": Sample(
        {
            "zone_code": "CODGEO",
            "reference_year": "annee",
            "indicator_code": "ind",
            "unit": "unit",
            "is_published": "diff",
            "recorded_count": "nombre",
            "population_count": "pop",
        },
        {
            "CODGEO": "13204",
            "annee": "25",
            "ind": "Vols avec armes",
            "unit": "Infraction",
            "diff": "diff",
            "nombre": "1 391",
            "pop": "49363",
        },
        {
            "source_record_id": "13204:2025:Vols avec armes:2026",
            "reference_year": 2025,
            "recorded_count": 1391,
            "occurred_precision": "year",
        },
        [
            ({"annee": "1889"}, "reference_year", within(1990, 2100)),
            ({"nombre": "-1"}, "recorded_count", at_least(0)),
            ({"nombre": None}, "recorded_count", "a count where one is published"),
            ({"pop": "-1"}, "population_count", at_least(0)),
            ({"diff": "perhaps"}, "is_published", "readable"),
            ({"annee": "2025.5"}, "reference_year", "readable"),
        ],
        {
            "constants": {"edition": "2026"},
            "values": {"is_published": {"diff": 1, "ndiff": 0}, "recorded_count": {"NA": None}},
            "decimal_comma": True,
        },
    ),
    "fire_operation": Sample(
        {
            "source_record_id": "n",
            "occurred_from": "call",
            "departed_at": "dep",
            "arrived_at": "arr",
            "cleared_at": "clr",
            "nature_code": "nature",
            **POINT,
        },
        {
            "n": "1",
            "call": WHEN,
            "dep": "2026-03-10T10:02:00",
            "arr": "2026-03-10T10:11:00",
            "clr": "2026-03-10T11:30:00",
            "nature": "SAP",
            **AT,
        },
        {"location_precision_m": 100.0},
        [
            ({"dep": "2026-03-10T09:59:00"}, "departed_at", "not before the call"),
            ({"arr": "2026-03-10T10:01:00"}, "arrived_at", "not before the departure"),
            ({"arr": "2026-03-10T11:01:00"}, "arrived_at", "within 60 minutes of the call"),
            ({"clr": "2026-03-10T10:10:00"}, "cleared_at", "not before the arrival"),
            ({"nature": None}, "nature_code", "present"),
        ],
    ),
    "hospital_activity": Sample(
        {
            "establishment_code": "finess",
            "occurred_from": "day",
            "age_class": "age",
            "motive_code": "why",
            "visit_count": "n",
        },
        {"finess": "130783327", "day": "2026-03-10", "age": "0", "why": "asthma", "n": "12"},
        {"age_class": "all", "visit_count": 12, "source_record_id": "130783327:2026-03-09T23:00:00Z:all:asthma"},
        [
            ({"n": "5001"}, "visit_count", within(5, 5000)),
            ({"n": "4"}, "visit_count", "readable"),
            ({"n": None}, "visit_count", "present"),
            ({"why": None}, "motive_code", "present"),
        ],
        {"date_formats": ["%Y-%m-%d"], "occurred_precision": "day", "values": {"age_class": {"0": "all"}}},
    ),
    "traffic_measure": Sample(
        {
            "site_code": "id",
            "occurred_to": "end",
            "flow_veh_h": "flow",
            "speed_kmh": "speed",
            "occupancy_pct": "occ",
            "input_count": "n",
            "lane_count": "lanes",
            **POINT,
        },
        {"id": "MP13#1", "end": WHEN, "flow": "600", "speed": "45,5", "occ": "12", "n": "60", "lanes": "1", **AT},
        {"speed_kmh": 45.5, "source_record_id": "MP13#1:2026-03-10T09:00:00Z"},
        [
            ({"flow": "-1"}, "flow_veh_h", at_least(0)),
            ({"flow": "2401"}, "flow_veh_h", "at most 2400 vehicles an hour and lane"),
            ({"speed": "161"}, "speed_kmh", within(0, 160)),
            ({"occ": "101"}, "occupancy_pct", within(0, 100)),
            ({"n": "-1"}, "input_count", at_least(0)),
            ({"lanes": "9"}, "lane_count", within(1, 8)),
            ({"id": None}, "site_code", "present"),
        ],
        {"constants": {"period_min": 6}, "decimal_comma": True, "window_column": "end"},
    ),
    "transit_service": Sample(
        {
            "feed_version": "version",
            "line_code": "route",
            "trip_code": "trip",
            "stop_code": "stop",
            "stop_sequence": "seq",
            "service_date": "date",
            "service_time": "time",
            "bearing_deg": "bearing",
            "delay_s": "delay",
            "departure_count": "n",
            **POINT,
        },
        {
            "version": "v1",
            "route": "21",
            "trip": "t1",
            "stop": "s1",
            "seq": "3",
            "date": "20260310",
            "time": "25:10:00",
            "bearing": "90",
            "delay": "-60",
            "n": "1",
            **AT,
        },
        {"source_record_id": "planned:v1:21:t1:s1:3:2026-03-11T00:10:00Z"},
        [
            ({"time": "30:00:00"}, "service_time", "a time of the service day, up to 29:59:59"),
            ({"trip": None, "route": None}, "trip_code", "a trip, or a line"),
            ({"seq": "-1"}, "stop_sequence", at_least(0)),
            ({"bearing": "361"}, "bearing_deg", within(0, 360)),
            ({"delay": "7201"}, "delay_s", within(-1800, 7200)),
            ({"n": "-1"}, "departure_count", at_least(0)),
        ],
        {"constants": {"record_type": "planned"}, "date_formats": ["%Y%m%d"]},
    ),
    "accident": Sample(
        {
            "source_record_id": "Num_Acc",
            "occurred_from": ["jour", "mois", "an", "hrmn"],
            "department_code": "dep",
            "municipality_code": "com",
            "severity": "grav",
            "vehicle_count": "v",
            "involved_count": "u",
            "killed_count": "k",
            "hospitalised_count": "h",
            "slightly_hurt_count": "b",
            "unhurt_count": "i",
            "aged_0_14_count": "a",
            "aged_15_24_count": "a15",
            "aged_25_64_count": "a25",
            "aged_65_plus_count": "a65",
            **POINT,
        },
        {
            "Num_Acc": "202300000001",
            "jour": "10",
            "mois": "03",
            "an": "2026",
            "hrmn": "10:00",
            "dep": "13",
            "com": "13204",
            "grav": "3",
            "v": "2",
            "u": "3",
            "k": "0",
            "h": "1",
            "b": "1",
            "i": "1",
            "a": "0",
            "a15": "1",
            "a25": "2",
            "a65": "0",
            "lon": "5,0",
            "lat": "43,3",
        },
        {"longitude_deg": 5.0, "killed_count": 0},
        [
            ({"grav": "5"}, "severity", "isin([1, 2, 3, 4, -1])"),
            (
                {"Num_Acc": "2.023E+11"},
                "source_record_id",
                "an identifier, not a number that a spreadsheet has rounded",
            ),
            ({"k": "9"}, "killed_count", "at most as many as were involved"),
            ({"com": None}, "municipality_code", "present"),
            *(
                ({source: "-1"}, column, at_least(0))
                for source, column in [
                    ("v", "vehicle_count"),
                    ("u", "involved_count"),
                    ("k", "killed_count"),
                    ("h", "hospitalised_count"),
                    ("b", "slightly_hurt_count"),
                    ("i", "unhurt_count"),
                    ("a", "aged_0_14_count"),
                    ("a15", "aged_15_24_count"),
                    ("a25", "aged_25_64_count"),
                    ("a65", "aged_65_plus_count"),
                ]
            ),
        ],
        {"date_formats": ["%d %m %Y %H:%M"], "decimal_comma": True},
    ),
    "parking_occupancy": Sample(
        {
            "car_park_code": "id",
            "occurred_from": "ts",
            "free_count": "free",
            "capacity_count": "cap",
            "is_open": "open",
            **POINT,
        },
        {"id": "P1", "ts": WHEN, "free": "105", "cap": "100", "open": "true", **AT},
        {"free_count": 105, "is_open": True},
        [
            ({"free": "106"}, "free_count", "at most the capacity and a twentieth"),
            ({"free": "-1"}, "free_count", at_least(0)),
            ({"cap": "0"}, "capacity_count", "greater_than(0)"),
            ({"open": "maybe"}, "is_open", "readable"),
        ],
    ),
    "impound": Sample(
        {"source_record_id": "n", "occurred_from": "ts", "motive_code": "why", "vehicle_class": "class", **POINT},
        {"n": "F-1", "ts": WHEN, "why": "bus lane", "class": "car", **AT},
        {"motive_code": "bus lane"},
        [({"why": None}, "motive_code", "present"), ({"ts": "yesterday"}, "occurred_from", "readable")],
    ),
    "camera": Sample(
        {
            "source_record_id": "id",
            "occurred_from": "since",
            "operator_code": "who",
            "camera_type": "type",
            "azimuth_deg": "az",
            **POINT,
        },
        {"id": "C1", "since": WHEN, "who": "city", "type": "dome", "az": "360", **AT},
        {"occurred_to": None, "azimuth_deg": 360.0},
        [({"az": "361"}, "azimuth_deg", within(0, 360)), ({"type": None}, "camera_type", "present")],
    ),
    "video_alert": Sample(
        {
            "source_record_id": ["cam", "n"],
            "camera_code": "cam",
            "occurred_from": "raised",
            "occurred_to": "cleared",
            "category": "cat",
            "severity": "sev",
            "confidence": "conf",
            **POINT,
        },
        {"cam": "C1", "n": "7", "raised": WHEN, "cleared": None, "cat": "Crowd", "sev": "low", "conf": "0.9", **AT},
        {"source_record_id": "C1 7", "category": "density", "is_repeat": False, "occurred_to": None},
        [
            (
                {"cat": "face"},
                "category",
                f"isin({ALERTS})",
            ),
            ({"sev": "huge"}, "severity", "isin(['informational', 'low', 'medium', 'high', 'critical'])"),
            ({"conf": "1.1"}, "confidence", within(0, 1)),
        ],
        {"values": {"category": {"Crowd": "density"}}},
    ),
    "population_flow": Sample(
        {"zone_code": "iris", "occurred_from": "slot", "segment": "seg", "volume_count": "n", "slot_hours": "h"},
        {"iris": "Z1", "slot": WHEN, "seg": "resident", "n": "120.4", "h": "2"},
        {"volume_count": 120.4, "is_suppressed": False, "source_record_id": "Z1:2026-03-10T09:00:00Z:resident"},
        [
            ({"seg": None}, "segment", "present"),
            ({"n": "many"}, "volume_count", "readable"),
            ({"n": "-5"}, "volume_count", at_least(20)),
            ({"h": "3"}, "occurred_to", "a slot of one or two hours"),
        ],
    ),
    "social_signal": Sample(
        {
            "source_record_id": "uri",
            "network": "net",
            "occurred_from": "created",
            "reported_at": "indexed",
            "text_length": "text",
            "tone_score": "tone",
            "root_at": "root",
            "root_status": "status",
            "thread_depth": "depth",
            "thread_size_count": "size",
            **POINT,
        },
        {
            "uri": "at://x",
            "net": "bluesky",
            "created": WHEN,
            "indexed": "2026-03-10T10:01:00",
            "text": "Trop de bruit",
            "tone": "-0.4",
            "root": "2026-03-10T09:00:00",
            "status": "found",
            "depth": "1",
            "size": "4",
            **AT,
        },
        {"text_length": 13, "thread_depth": 1},
        [
            ({"text": "x" * 3001}, "text_length", within(1, 3000)),
            ({"text": " "}, "text_length", "present"),
            ({"tone": "-1.1"}, "tone_score", within(-1, 1)),
            ({"indexed": "2026-03-10T09:00:00"}, "reported_at", "not before it was written"),
            ({"root": "2026-03-10T11:00:00"}, "root_at", "not after its reply"),
            ({"status": "lost"}, "root_status", "isin(['self', 'found', 'missing'])"),
            ({"depth": "-1"}, "thread_depth", at_least(0)),
            ({"size": "0"}, "thread_size_count", at_least(1)),
        ],
    ),
    "city_event": Sample(
        {
            "source_record_id": ["agenda", "uid", "timing"],
            "occurred_from": "begin",
            "occurred_to": "end",
            "title": "name",
            "place_name": "venue",
            "expected_count": "n",
            **POINT,
        },
        {
            "agenda": "1",
            "uid": "2",
            "timing": "0",
            "begin": WHEN,
            "end": "2026-03-10T12:00:00",
            "name": "Match",
            "venue": "Stade",
            "n": "60000",
            **AT,
        },
        {"source_record_id": "1 2 0"},
        [
            ({"end": WHEN}, "occurred_to", "after its beginning"),
            ({"end": "2027-03-11T12:00:00"}, "occurred_to", "within 365 days of its beginning"),
            ({"name": None}, "title", "present"),
            ({"n": "-5"}, "expected_count", at_least(0)),
        ],
    ),
    "weather": Sample(
        {
            "station_code": "id",
            "occurred_from": "ts",
            "temperature_k": "t",
            "rain_mm": "rr",
            "wind_m_s": "ff",
            "humidity_pct": "u",
            "pressure_pa": "p",
            **POINT,
        },
        {"id": "07650", "ts": WHEN, "t": "288.15", "rr": "0", "ff": "5.1", "u": "60", "p": "101325", **AT},
        {"temperature_c": 15.0, "pressure_hpa": 1013.25, "rain_mm": 0.0},
        [
            ({"t": "334"}, "temperature_c", within(-95, 60)),
            ({"t": "15"}, "temperature_c", within(-95, 60)),
            ({"rr": "201"}, "rain_mm", within(0, 200)),
            ({"ff": "116"}, "wind_m_s", within(0, 115)),
            ({"u": "101"}, "humidity_pct", within(0, 100)),
            ({"p": "1013"}, "pressure_hpa", within(500, 1100)),
        ],
    ),
    "citizen_report": Sample(
        {
            "source_record_id": "id",
            "occurred_from": "requested",
            "updated_at": "updated",
            "closed_at": "closed",
            "service_code": "code",
            "status": "state",
            **POINT,
        },
        {
            "id": "638344",
            "requested": WHEN,
            "updated": "2026-03-11T10:00:00",
            "closed": None,
            "code": "006",
            "state": "Ouvert",
            **AT,
        },
        {"status": "open", "closed_at": None},
        [
            ({"updated": "2026-03-09T10:00:00"}, "updated_at", "not before the request"),
            ({"closed": "2026-03-09T10:00:00"}, "closed_at", "not before the request"),
            ({"state": "lost"}, "status", "isin(['open', 'closed'])"),
            ({"code": None}, "service_code", "present"),
        ],
        {"values": {"status": {"Ouvert": "open"}}},
    ),
    "sensitive_place": Sample(
        {
            "source_record_id": "uai",
            "place_type": "type",
            "place_name": "nom",
            "location_method": "precision",
            "point": "position",
        },
        {
            "uai": "0130001A",
            "type": "school",
            "nom": "École Simulée",
            "precision": "Numéro de rue",
            "position": "43.3, 5.0",
        },
        {"longitude_deg": 5.0, "latitude_deg": 43.3, "location_method": "address"},
        [({"type": None}, "place_type", "present"), ({"position": "somewhere"}, "point", "readable")],
        {
            "values": {"location_method": {"Numéro de rue": "address", "Ville": "none"}},
            "coordinates": {"point_order": "lat,lon"},
        },
    ),
    "street_vending": Sample(
        {"source_record_id": "n", "occurred_from": "seen", "observed_count": "count", "goods_class": "goods", **POINT},
        {"n": "1", "seen": WHEN, "count": "0", "goods": "cigarettes", **AT},
        {"observed_count": 0},
        [({"count": "501"}, "observed_count", within(0, 500)), ({"count": None}, "observed_count", "present")],
    ),
    "public_work": Sample(
        {
            "source_record_id": "n",
            "nature_code": "nature",
            "planned_from": "from",
            "planned_to": "to",
            "is_over": "end",
            "reported_at": "version",
            "state": "state",
            "geometry_wkt": "line",
        },
        {
            "n": "1",
            "nature": "roadworks",
            "from": WHEN,
            "to": None,
            "end": "false",
            "version": "2026-03-09T10:00:00",
            "state": "active",
            "line": "LINESTRING (4.99 43.3, 5.01 43.3)",
        },
        {"state": "active", "occurred_to": None, "longitude_deg": 5.0},
        [
            ({"to": "2026-03-09T10:00:00"}, "planned_to", "not before its planned start"),
            ({"to": "2026-03-09T10:00:00"}, "planned_to", "not before its planned start"),
            ({"state": "odd"}, "state", "isin(['planned', 'active', 'suspended', 'ended', 'cancelled'])"),
            ({"line": "a road"}, "geometry_wkt", "readable"),
        ],
    ),
    "zone": Sample(
        {"zone_code": "code", "zone_name": "name", "geometry_wkt": "shape"},
        {"code": "1", "name": "Le Port", "shape": SQUARE},
        {"source_record_id": "district:1", "location_method": "zone"},
        [
            ({"shape": "LINESTRING (4.99 43.3, 5.01 43.3)"}, "geometry_wkt", "an area"),
            ({"name": None}, "zone_name", "present"),
        ],
        {"constants": {"zone_type": "district"}},
    ),
    "operation": Sample(
        {
            "source_record_id": "n",
            "occurred_from": "from",
            "occurred_to": "to",
            "reported_at": "declared",
            "operation_type": "type",
            "geometry_wkt": "area",
        },
        {
            "n": "1",
            "from": WHEN,
            "to": "2026-03-20T10:00:00",
            "declared": "2026-03-01T10:00:00",
            "type": "foot patrol",
            "area": SQUARE,
        },
        {"operation_type": "foot patrol"},
        [
            ({"declared": "2026-03-11T10:00:00"}, "reported_at", "declared before it starts"),
            ({"declared": None}, "reported_at", "present"),
        ],
    ),
    "presence": Sample(
        {
            "cell_id": "cell",
            "occurred_from": "from",
            "occurred_to": "to",
            "shift_code": "shift",
            "planned_min": "plan",
            "actual_min": "done",
        },
        {"cell": CELL, "from": WHEN, "to": "2026-03-10T18:00:00", "shift": "day", "plan": "30", "done": "0"},
        {"cell_id": CELL, "actual_min": 0.0, "location_method": "none"},
        [
            ({"plan": "-1"}, "planned_min", at_least(0)),
            ({"done": "-1"}, "actual_min", at_least(0)),
            ({"cell": "somewhere"}, "cell_id", "the id of a cell"),
            ({"shift": None}, "shift_code", "present"),
        ],
    ),
    "street_light": Sample(
        {"light_code": "id", "occurred_from": "out", "occurred_to": "repaired", "state": "state", **POINT},
        {"id": "L1", "out": WHEN, "repaired": None, "state": "outage", **AT},
        {"source_record_id": "L1:2026-03-10T09:00:00Z", "occurred_to": None},
        [
            ({"state": "odd"}, "state", "isin(['outage', 'dimmed', 'repaired'])"),
            ({"out": None}, "occurred_from", "present"),
        ],
    ),
    "pitch": Sample(
        {"source_record_id": "id", "pitch_type": "type", "stall_count": "stalls", "area_m2": "m2", **POINT},
        {"id": "M1", "type": "market", "stalls": "40", "m2": "800", **AT},
        {"stall_count": 40},
        [
            ({"stalls": "-1"}, "stall_count", at_least(0)),
            ({"m2": "0"}, "area_m2", "greater_than(0)"),
            ({"type": None}, "pitch_type", "present"),
        ],
    ),
    "event_measure": Sample(
        {
            "event_code": "event",
            "measure_type": "type",
            "occurred_from": "from",
            "occurred_to": "to",
            "barrier_count": "b",
            "staff_count": "s",
            **POINT,
        },
        {"event": "E1", "type": "closure", "from": WHEN, "to": "2026-03-10T18:00:00", "b": "20", "s": "6", **AT},
        {"source_record_id": "E1:closure:2026-03-10T09:00:00Z"},
        [
            ({"b": "-1"}, "barrier_count", at_least(0)),
            ({"s": "-1"}, "staff_count", at_least(0)),
            ({"type": None}, "measure_type", "present"),
        ],
    ),
}
