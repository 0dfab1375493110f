"""Paris' permanent counts as they are served: a flow without a place, a place without a flow, neither."""

from tests.support.city import city, day, records

PARIS = {"south": 48.80, "north": 48.92, "west": 2.22, "east": 2.48}
COLUMNS = {
    "site_code": "iu_ac",
    "occurred_from": "t_1h",
    "flow_veh_h": "q",
    "occupancy_pct": "k",
    "point": "geometry",
}


def test_a_count_without_a_place_or_with_half_of_one_is_kept(shared_data):
    folder = shared_data / "traffic_paris_comptages"
    source = {"protocol": "file", "address": str(folder), "path": "comptages_sample_5arcs.geojson"}
    more = {"constants": {"period_min": 60}, "date_formats": ["%Y-%m-%dT%H:%M:%S%z"], "bounds": PARIS}
    checked = records(city("traffic_measure", source, COLUMNS, **more), day("2026-08-31"))
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    got = checked.accepted.select("site_code", "flow_veh_h", "occupancy_pct", "location_method").rows()
    assert got == [
        ("1", None, 6.74389, "address"),
        ("23", 169.0, 1.64333, "address"),
        ("5201", 20.0, 0.955, "none"),
        ("525", None, None, "address"),
        ("7279", 98.0, 0.54834, "none"),
    ]
    (moment,) = checked.accepted["occurred_to"].unique()
    assert f"{moment:%F %H:%M}" == "2026-08-30 23:00"
