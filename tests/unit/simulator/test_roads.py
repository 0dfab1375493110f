"""The planted parameters of road traffic are recovered from the measurements, also when read from the portal."""

import re
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
import requests

from observatory.contracts import CONTRACTS
from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.check import Checked
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal
from observatory.simulator import records as city_records
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parameters.roads import OUTBOUND, Stretch
from observatory.simulator.world.roads import sites_of
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.simulator.world.weather import rain_mm
from observatory.territory.files import load_territory
from observatory.window import Window
from tests.support.server import IMPATIENT

ROADS = PLANTED.roads
SIMULATION = Simulation(population=200_000)
SITES = sites_of(SIMULATION)
START, END = date(2024, 5, 1), date(2024, 5, 29)
NOW = datetime(2024, 5, 29, 4, tzinfo=UTC)
DAY = Window.of_day(date(2024, 5, 14), TIMEZONE)


@cache
def versions():
    return city_records.versions("traffic_measure", SIMULATION, START, END)


@cache
def measured(start=START, end=END):
    """The last versions of the measurements with local hours and weekdays, without speeds out of range."""
    local = pl.col("occurred_from").dt.convert_time_zone(TIMEZONE)
    made = versions() if start == START else city_records.versions("traffic_measure", SIMULATION, start, end)
    rows = made.filter(pl.col("shown_until").is_null()).unique("source_record_id")
    rows = rows.filter(pl.col("speed_kmh") != ROADS.impossible_kmh)
    return rows.with_columns(
        day=local.dt.date(), weekday=local.dt.weekday() - 1, hour=local.dt.hour() + local.dt.minute() / 60
    )


def failing():
    """Codes of the sites whose sensor fails on some day of the four weeks."""
    days = range(START.toordinal(), END.toordinal())
    faults = [
        fault.is_on(SITES.number, SITES.is_motorway, day) for day in days for fault in (ROADS.missing, ROADS.stuck)
    ]
    return SITES.code[np.any(faults, axis=0)].tolist()


def working(stretch):
    """Measurements of the sites of a stretch whose sensors never fail, of intervals with traffic."""
    codes = set(SITES.code[SITES.on(stretch, ROADS)].tolist()) - set(failing())
    assert codes
    return measured().filter(pl.col("site_code").is_in(list(codes)), pl.col("input_count") > 0)


# --- records


def in_order(rows):
    return rows.sort(rows.columns)


def test_records_of_spans_in_any_order_equal_those_of_one_span():
    late, early = (
        city_records.versions("traffic_measure", SIMULATION, *span)
        for span in ((date(2024, 3, 31), date(2024, 4, 2)), (date(2024, 3, 30), date(2024, 3, 31)))
    )
    both = city_records.versions("traffic_measure", SIMULATION, date(2024, 3, 30), date(2024, 4, 2))
    assert in_order(pl.concat([late, early])).equals(in_order(both))


@pytest.mark.parametrize(("day", "count"), [(date(2024, 3, 31), 230), (date(2024, 10, 27), 250)])
def test_a_day_on_which_the_clock_is_changed_has_the_intervals_of_its_hours(day, count):
    rows = city_records.versions("traffic_measure", SIMULATION, day, day + timedelta(days=1))
    assert rows["source_record_id"].n_unique() == count * len(SITES.code)


def test_another_seed_gives_another_history():
    days = date(2024, 3, 5), date(2024, 3, 6)
    first, again, other = (
        city_records.versions("traffic_measure", Simulation(seed, 100_000), *days) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_versions_of_a_measurement_follow_each_other():
    rows = versions().unique()
    assert rows.filter(pl.col("shown_until") <= pl.col("shown_from")).is_empty()
    of_each = rows.group_by("source_record_id").agg(
        pl.len(), pl.col("shown_until").max(), pl.col("shown_from").max(), pl.col("flow_veh_h").min() * 2
    )
    assert of_each["len"].max() == 2
    changed = of_each.filter(pl.col("len") == 2)
    assert changed.filter(pl.col("shown_until") != pl.col("shown_from")).is_empty()


def test_planted_shares_are_corrected_late_and_listed_twice():
    rows = versions()
    count = rows["source_record_id"].n_unique()
    counted = rows.filter(pl.col("flow_veh_h") > 0)["source_record_id"].n_unique()
    assert (rows.height - rows.unique().height) / count == pytest.approx(PLANTED.duplicated_share, rel=0.1)
    corrected = rows["shown_until"].is_not_null().sum()
    assert corrected / counted == pytest.approx(ROADS.corrected_share, rel=0.2)
    first = rows.unique().sort("shown_from").group_by("source_record_id").first()
    is_late = first["shown_from"] - first["occurred_to"] > timedelta(minutes=ROADS.delay_min + 1)
    assert is_late.mean() == pytest.approx(ROADS.late_share, rel=0.1)


def test_listings_meet_their_contract_except_for_planted_faults(city, checked):
    listed = city_records.listing(versions(), NOW).head(100_000)
    columns = [name for name in listed.columns if name in CONTRACTS["traffic_measure"].schema]
    territory = city(
        {"protocol": "file", "address": "unused", "path": "unused.parquet"},
        "traffic_measure",
        {name: name for name in columns},
        coordinates={"epsg": 4326, "method": "place", "precision_m": 20},
    )
    accepted, rejected = checked([listed.select(columns)], territory)
    assert accepted["cell_id"].null_count() == 0
    assert set(rejected["column_name"]) == {"speed_kmh"}
    assert rejected.height / listed.height == pytest.approx(PLANTED.faulty_share, rel=0.15)


def test_a_city_of_870_000_has_72_000_measurements_a_day_of_two_services():
    simulation = Simulation(population=870_000)
    sites = sites_of(simulation)
    rows = city_records.versions("traffic_measure", simulation, START, START + timedelta(days=1))
    assert rows["source_record_id"].n_unique() == 240 * len(sites.code) == pytest.approx(72_000, rel=0.01)
    assert sites.is_motorway.mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("population", [1_000, 100_000, 870_000])
def test_every_jam_and_closure_has_sites_in_a_city_of_any_size(population):
    sites = sites_of(Simulation(population=population))
    assert len(set(sites.code)) == len(sites.code) >= ROADS.least_sites
    for stretch in [each.where for each in (*ROADS.jams, *ROADS.closures)]:
        assert sites.on(stretch, ROADS).any(), stretch


# --- what is planted


@pytest.mark.parametrize("jam", [pytest.param(jam, id=jam.name) for jam in ROADS.jams])
def test_speeds_fall_by_the_planted_share_in_a_jam_and_not_the_other_way(jam):
    is_in_it = (
        pl.col("weekday").is_in(list(jam.weekdays))
        & (pl.col("hour") >= jam.first_h + jam.ramp_h)
        & (pl.col("hour") < jam.end_h - jam.ramp_h)
    )
    other_way = Stretch(jam.where.axis, 1 - jam.where.direction, jam.where.begins, jam.where.ends)
    shares = []
    for stretch in (jam.where, other_way):
        rows = working(stretch)
        free = rows["speed_kmh"].quantile(0.85)
        shares.append(1 - rows.filter(is_in_it)["speed_kmh"].mean() / free)
    assert shares[0] == pytest.approx(jam.slowed_share, abs=0.06)
    assert shares[1] < 0.15


def test_traffic_has_two_peaks_on_working_days_and_one_on_the_others():
    rows = measured().filter(~pl.col("site_code").is_in(failing()), pl.col("day") != date(2024, 5, 14))
    hourly = rows.group_by(pl.col("weekday") < 5, pl.col("hour").floor()).agg(pl.col("flow_veh_h").mean())
    by_hour = [
        hourly.filter(pl.col("weekday") == is_working).sort("hour")["flow_veh_h"].to_numpy()
        for is_working in (True, False)
    ]
    tops = [[hour for hour in range(1, 23) if flow[hour] > max(flow[hour - 1], flow[hour + 1])] for flow in by_hour]
    assert tops[0] == [8, 17]
    assert 14 <= by_hour[1].argmax() <= 17
    assert by_hour[0][8] > 1.5 * by_hour[1][8]


def test_rain_slows_by_the_planted_share():
    """On an axis without jams in a wet month, the same hours compared."""
    codes = SITES.code[
        SITES.on(Stretch("B3", None), ROADS) & (SITES.number % ROADS.missing.every != ROADS.missing.number)
    ]
    rows = measured(date(2024, 1, 1), date(2024, 2, 1)).filter(
        pl.col("site_code").is_in(codes.tolist()), pl.col("input_count") > 0
    )
    hours = rows["occurred_from"].dt.epoch("s").to_numpy() // 3600
    rows = rows.with_columns(is_rainy=pl.Series(rain_mm(SIMULATION, hours) > 0))
    speed = pl.col("speed_kmh")
    speeds = rows.group_by("site_code", pl.col("weekday") < 5, pl.col("hour").floor()).agg(
        wet=speed.filter("is_rainy").mean(), dry=speed.filter(~pl.col("is_rainy")).mean()
    )
    compared = speeds.drop_nulls()
    assert compared.height > 50
    assert (compared["wet"] / compared["dry"]).mean() == pytest.approx(1 - ROADS.rain_slows, abs=0.01)


def test_a_match_draws_traffic_to_the_stadium():
    played = fixtures(SIMULATION, START, END)
    (day, minute) = next(zip(played.day[~played.is_cancelled], played.minute[~played.is_cancelled], strict=True))
    kick_off_h, last = minute / 60, ROADS.matches.hours[0]
    stadium = PLANTED.gatherings.matches
    away = np.hypot(*(SITES.local_m - [stadium.east_m, stadium.north_m]).T)
    near = set(SITES.code[away <= ROADS.matches.radius_m].tolist()) - set(failing())
    before = pl.col("hour").is_between(kick_off_h + last[0], kick_off_h + last[1], closed="left")

    def mean_on(days_later):
        that_day = date.fromordinal(int(day) + days_later)
        return (
            measured()
            .filter(pl.col("site_code").is_in(list(near)), before, pl.col("day") == that_day)["flow_veh_h"]
            .mean()
        )

    quiet = mean_on(-7) if date.fromordinal(int(day) - 7) >= START else mean_on(7)
    less_by_queues = 1 - ROADS.jam_flow_share * ROADS.matches.slowed_share
    assert mean_on(0) / quiet == pytest.approx((1 + ROADS.matches.more_share) * less_by_queues, rel=0.1)


def test_a_burst_main_closes_one_stretch_and_queues_the_one_before_it():
    closure = next(each for each in ROADS.closures if each.queue)
    hours = pl.col("hour").is_between(closure.first_h, closure.end_h, closed="left")
    codes = SITES.code[SITES.on(closure.where, ROADS)].tolist()
    closed = measured().filter(pl.col("site_code").is_in(codes), pl.col("day") == closure.first_day)
    assert closed.filter(hours)["flow_veh_h"].max() == 0
    assert closed.filter(~hours, pl.col("hour") > 12)["flow_veh_h"].mean() > 100
    queue = working(closure.queue).filter(hours)
    slow, usual = (
        queue.filter((pl.col("day") - closure.first_day).dt.total_days() == days)["speed_kmh"].mean() for days in (0, 7)
    )
    assert 1 - slow / usual == pytest.approx(closure.queue_slowed_share, abs=0.05)


def test_a_stuck_sensor_repeats_one_value():
    [site] = SITES.code[(SITES.number == ROADS.stuck.number) & ~SITES.is_motorway]
    rows = measured().filter(pl.col("site_code") == site)
    values = rows.group_by("day").agg(pl.col("flow_veh_h").n_unique(), pl.col("input_count").n_unique().alias("inputs"))
    assert (values["flow_veh_h"] == 1).sum() == ROADS.stuck.days
    assert values.filter(pl.col("flow_veh_h") > 1)["inputs"].min() > 20


# --- served


@pytest.fixture(scope="module")
def ledger():
    return Ledger(SIMULATION, lambda: NOW)


@contextmanager
def portal_of(ledger):
    answers = {prefix: CATALOGUE[prefix](ledger) for prefix in ("traffic", "motorways")}
    with portal.running(portal.create_app({}, {}, answers=answers)) as served:
        yield served


@pytest.fixture(scope="module")
def address(ledger):
    with portal_of(ledger) as served:
        yield served


def records(address, name, window):
    """The records of a feed of the demo city after minimisation and checks."""
    territory, ordinals = load_territory("demo").with_portal(address), Ordinals()
    chunks = open_reader(FeedWindow.of(territory, name, window), patience=IMPATIENT).read()
    checked = [admit(chunk, Plan.of(territory, name), ordinals) for chunk in chunks]
    return Checked(pl.concat([each.accepted for each in checked]), pl.concat([each.rejected for each in checked]))


@pytest.mark.parametrize(("name", "is_motorway"), [("traffic", False), ("motorways", True)])
def test_a_day_of_each_service_is_complete_with_its_sites_in_their_places(ledger, address, name, is_motorway):
    window = DAY if name == "traffic" else Window.between(NOW - timedelta(hours=24), NOW, TIMEZONE)
    time = "occurred_to" if is_motorway else "occurred_from"
    listed = ledger.listed("traffic_measure", window.start - timedelta(minutes=6), window.end)
    listed = listed.filter(
        pl.col("site_code").str.starts_with("#") == is_motorway,
        pl.col(time).is_between(window.start, window.end, closed="left"),
    )
    if is_motorway:
        listed = listed.filter(pl.col("occurred_from") >= window.start)
    checked = records(address, name, window)
    assert checked.accepted.height + checked.rejected.height == listed.height > 1_000
    assert set(checked.rejected["column_name"]) <= {"speed_kmh"}
    assert set(checked.accepted["site_code"]) == set(SITES.code[SITES.is_motorway == is_motorway].tolist())
    planted_rows = listed.unique(["site_code", "occurred_from"])
    both = checked.accepted.unique(["site_code", "occurred_from"]).join(
        planted_rows, on=["site_code", "occurred_from"], suffix="_listed"
    )
    assert both["flow_veh_h"].equals(both["flow_veh_h_listed"], check_names=False)
    assert (both["longitude_deg"] - both["longitude_deg_listed"]).abs().max() < 1e-5
    assert both["lane_count"].equals(both["lane_count_listed"], check_names=False)


def test_a_faulty_sensor_is_null_and_a_closed_road_is_0(address):
    rows = records(address, "traffic", DAY).accepted
    day = DAY.first_day.toordinal()
    is_missing = ROADS.missing.is_on(SITES.number, SITES.is_motorway, day)
    faulty = rows.filter(pl.col("site_code").is_in(SITES.code[is_missing].tolist()))
    assert faulty.height > 200
    assert faulty["flow_veh_h"].null_count() == faulty["speed_kmh"].null_count() == faulty.height
    closed = SITES.on(Stretch("Q2", OUTBOUND), ROADS) & ~is_missing
    passed_by_nobody = rows.filter(pl.col("site_code").is_in(SITES.code[closed].tolist()))
    assert passed_by_nobody.height > 200
    assert set(passed_by_nobody["flow_veh_h"]) == {0.0}
    assert passed_by_nobody["speed_kmh"].null_count() == passed_by_nobody.height


def test_the_motorways_publication_is_dated_before_its_newest_interval_ends():
    """At any minute; like the real publication, which is dated by the beginning of the interval."""
    for minute in range(0, 6):
        now = NOW + timedelta(minutes=minute)
        text = CATALOGUE["motorways"](Ledger(SIMULATION, lambda now=now: now))("/qtvDir.xml", {}, {}).body.decode()
        [published] = re.findall(r"<publicationTime>(.+?)<", text)
        newest = max(re.findall(r"<measurementTimeDefault>(.+?)<", text))
        assert datetime.fromisoformat(newest) - datetime.fromisoformat(published) == timedelta(minutes=6)


def test_a_motorways_sensor_that_fails_is_null_too():
    days = range(START.toordinal(), END.toordinal())
    failing = [(day, ROADS.missing.is_on(SITES.number, SITES.is_motorway, day) & SITES.is_motorway) for day in days]
    day, is_missing = next((day, sites) for day, sites in failing if sites.any())
    noon = datetime.combine(date.fromordinal(day), time(12), UTC)
    with portal_of(Ledger(SIMULATION, lambda: noon)) as address:
        rows = records(address, "motorways", Window.between(noon - timedelta(hours=3), noon, TIMEZONE)).accepted
    planted_rows = (
        rows.with_columns(is_missing=pl.col("site_code").is_in(SITES.code[is_missing].tolist()))
        .group_by("is_missing")
        .agg(pl.col("flow_veh_h", "speed_kmh").null_count() / pl.len())
    )
    assert planted_rows.sort("is_missing").rows() == [(False, 0.0, 0.0), (True, 1.0, 1.0)]


def test_pages_and_the_export_of_a_query_have_the_same_rows(address):
    dataset = f"{address}/traffic/api/explore/v2.1/catalog/datasets/comptages-routiers"
    where = "t_6min >= date'2024-05-14T06:00:00' and t_6min < date'2024-05-14T06:30:00'"
    query = {"where": where, "order_by": "t_6min, iu_ac", "select": "iu_ac, t_6min, q"}
    pages = [
        requests.get(f"{dataset}/records", {**query, "limit": 100, "offset": offset}, timeout=60).json()
        for offset in range(0, 400, 100)
    ]
    export = requests.get(f"{dataset}/exports/jsonl", {**query, "limit": -1}, timeout=60).text.splitlines()
    rows = [row for page in pages for row in page["results"]]
    assert len(rows) == len(export) == pages[0]["total_count"] > 200
    assert [str(row["q"]) for row in rows[:3]] == [line.split('"q":')[1].strip("}") for line in export[:3]]
    assert rows == sorted(rows, key=lambda row: (row["t_6min"], row["iu_ac"]))
    in_paris = where.replace("T06:", "T08:").replace("00' ", "00+02:00' ").removesuffix("'") + "+02:00'"
    assert requests.get(f"{dataset}/records", {**query, "where": in_paris}, timeout=60).json() == {
        **pages[0], "results": rows[:10]
    }  # fmt: skip
    refused = requests.get(f"{dataset}/records", {**query, "limit": 100, "offset": 9_950}, timeout=60)
    assert refused.status_code == 400
    assert requests.get(f"{dataset}/records", {"select": "plaque"}, timeout=60).status_code == 400
