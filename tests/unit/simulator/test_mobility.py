"""The planted parameters of mobility are recovered from the records, in every requested span."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from observatory.contracts import CONTRACTS
from observatory.simulator import records
from observatory.simulator.records.population_flow import expected
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parking import build_sites, on_the_clock, taken
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.simulator.world.transit import build_network

SIMULATION = Simulation(population=200_000)
START, MIDDLE, END = date(2024, 3, 28), date(2024, 3, 31), date(2024, 4, 3)
"""Six days around Easter Sunday, when the clocks go forward."""
KINDS_MADE = ("parking_occupancy", "transit_service", "population_flow")
PARKING, TRANSIT, PRESENCE = PLANTED.mobility.parking, PLANTED.mobility.transit, PLANTED.mobility.presence
LOCAL = pl.col("occurred_from").dt.convert_time_zone(TIMEZONE)
HOUR = LOCAL.dt.hour().cast(pl.Int64) + LOCAL.dt.minute() / 60
WEEKDAY = LOCAL.dt.weekday() - 1


@cache
def versions(kind, start=START, end=END, population=SIMULATION.population):
    return records.versions(kind, Simulation(population=population), start, end)


def final(rows):
    """The last version of each record."""
    return rows.sort("shown_from").unique("source_record_id", keep="last", maintain_order=True)


def in_order(rows):
    return rows.sort(rows.columns)


@pytest.mark.parametrize("kind", KINDS_MADE)
def test_spans_around_the_change_of_clocks_equal_one_span(kind):
    parts = [versions(kind, MIDDLE, END), versions(kind, START, MIDDLE)]
    assert in_order(pl.concat(parts)).equals(in_order(versions(kind)))


@pytest.mark.parametrize("kind", KINDS_MADE)
def test_equal_seeds_give_equal_histories_and_different_seeds_different_ones(kind):
    day = MIDDLE, MIDDLE + timedelta(days=1)
    first, again, other = (records.versions(kind, Simulation(seed, 200_000), *day) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("kind", KINDS_MADE)
def test_a_day_has_the_records_of_its_local_day_and_their_versions_follow_each_other(kind):
    rows = versions(kind, MIDDLE, MIDDLE + timedelta(days=1)).unique()
    first = datetime(2024, 3, 30, 23, tzinfo=UTC)
    assert rows["occurred_from"].is_between(first, first + timedelta(hours=23), closed="left").all()
    assert rows.filter(pl.col("shown_until") <= pl.col("shown_from")).is_empty()
    following = pl.col("shown_from").shift(-1).over("source_record_id", order_by="shown_from")
    assert rows.filter(pl.col("shown_until") > following).is_empty()


# --- car parks and bicycles


def parks(start=START, end=END, **more):
    return versions("parking_occupancy", start, end, **more).filter(pl.col("car_park_code").str.starts_with("P"))


def of_park(code, start, end):
    return final(parks(start, end)).filter(pl.col("car_park_code") == code).sort("occurred_from")


def test_readings_meet_their_contract_except_for_planted_faults(city, checked):
    listed = records.listing(parks(), datetime(2024, 4, 10, tzinfo=UTC)).unique(maintain_order=True)
    named = {name: name for name in listed.columns if name in CONTRACTS["parking_occupancy"].schema}
    town = city({"protocol": "file", "address": "unused", "path": "unused.parquet"}, "parking_occupancy", named)
    accepted, rejected = checked([listed], town)
    assert set(rejected["column_name"]) == {"free_count"}
    share = PARKING.changes.faulty_share
    assert rejected.height == pytest.approx(share * listed.height, abs=4 * np.sqrt(share * listed.height))
    drifting = accepted.filter(pl.col("car_park_code") == PARKING.drifting)
    over = drifting["free_count"] / drifting["capacity_count"]
    assert over.max() <= 1 + PARKING.most_drift


def test_planted_shares_of_readings_are_late_corrected_and_listed_twice():
    rows, changes = parks(), PARKING.changes
    single = rows.unique()
    record_count = single["source_record_id"].n_unique()
    assert (rows.height - single.height) / single.height == pytest.approx(changes.twice_share, rel=0.3)
    first = single.sort("shown_from").unique("source_record_id", keep="first")
    late = first.filter(pl.col("shown_from") - pl.col("occurred_from") > timedelta(hours=1))
    assert late.height / record_count == pytest.approx(changes.late_share, rel=0.3)
    assert (single.height - record_count) / record_count == pytest.approx(changes.corrected_share, rel=0.3)


def test_a_city_of_870_000_has_60_car_parks_of_288_readings_a_day_and_a_small_one_8():
    day = date(2024, 2, 6), date(2024, 2, 7)
    for people, count in ((870_000, 60), (100_000, 8)):
        rows = final(parks(*day, population=people))
        assert rows["car_park_code"].n_unique() == count
        assert rows.height == count * 288
    stations = versions("parking_occupancy", *day).filter(pl.col("car_park_code").str.starts_with("V"))
    assert stations["car_park_code"].n_unique() == 30


def test_a_car_park_follows_the_rhythm_of_its_use():
    """The mean share taken by the hour over four ordinary weeks, working days."""
    rows = of_park("P07", date(2024, 1, 8), date(2024, 2, 5)).filter(WEEKDAY.is_in([0, 2, 4]))
    taken = rows.filter(pl.col("free_count").is_not_null(), pl.col("free_count") <= pl.col("capacity_count"))
    found = taken.group_by(HOUR.floor().alias("hour")).agg(
        (1 - pl.col("free_count") / pl.col("capacity_count")).mean().alias("share")
    )
    hour = found["hour"].to_numpy() + 0.5
    rhythm = PARKING.rhythms["centre"]
    planted = np.mean([rhythm.share(hour, np.full(24, weekday)) for weekday in (0, 2, 4)], axis=0)
    assert found["share"].to_numpy() == pytest.approx(planted, abs=0.03)
    assert planted.max() - planted.min() > 0.4


def test_a_market_fills_the_car_park_beside_it():
    market = next(each for each in PLANTED.gatherings.markets if each.code == "M02")
    rows = of_park("P01", date(2024, 1, 8), date(2024, 2, 5)).filter(HOUR.is_between(9, 11.9))
    share = 1 - pl.col("free_count") / pl.col("capacity_count")
    held = WEEKDAY.is_in(list(market.weekdays))
    on, off = (rows.filter(each).select(share.median()).item() for each in (held, ~held))
    assert on == pytest.approx(PARKING.market_share, abs=0.01)
    assert off < 0.7


def test_on_the_evening_of_a_match_the_car_park_of_the_stadium_is_full():
    span = date(2024, 1, 8), date(2024, 3, 4)
    played = fixtures(SIMULATION, *span)
    evening = played.day[~played.is_cancelled & (played.minute > 18 * 60)][0]
    day = date.fromordinal(int(evening))
    kick_off = played.minute[played.day == evening][0] / 60
    rows = of_park(PARKING.stadium, day - timedelta(days=7), day + timedelta(days=1))
    inside = rows.filter(HOUR.is_between(kick_off - 0.9, kick_off + 1.9))
    full, usual = (inside.filter((LOCAL.dt.date() == day) == is_day)["free_count"] for is_day in (True, False))
    assert full.drop_nulls().quantile(0.95) == 0
    assert usual.median() > 0.5 * 600


def test_only_the_stuck_counter_repeats_its_value():
    stuck = PARKING.stuck
    begins = datetime(2024, 1, 10, 9, tzinfo=UTC)  # Wednesday, 10:00 in Paris
    rows = final(parks(date(2024, 1, 10), date(2024, 1, 12))).filter(
        pl.col("occurred_from").is_between(begins, begins + timedelta(hours=stuck.for_h), closed="left"),
        pl.col("free_count") <= pl.col("capacity_count"),
    )
    distinct_counts = dict(rows.group_by("car_park_code").agg(pl.col("free_count").n_unique()).iter_rows())
    assert distinct_counts.pop(stuck.code) == 1
    assert min(distinct_counts.values()) > 10
    after = of_park(stuck.code, date(2024, 1, 11), date(2024, 1, 13))
    assert after.filter(pl.col("occurred_from") >= begins + timedelta(hours=stuck.for_h))["free_count"].n_unique() > 10


def test_a_drifting_counter_is_wrong_by_at_most_a_twentieth_of_the_capacity():
    rows = of_park(PARKING.drifting, date(2024, 1, 8), date(2024, 2, 5)).drop_nulls("free_count")
    rows = rows.filter(pl.col("free_count") < 1.5 * pl.col("capacity_count"))
    sites = build_sites(PARKING, SIMULATION.population)
    right = (sites.capacity[:, None] - taken(SIMULATION, sites, on_the_clock(rows["occurred_from"])))[3]
    off = rows.with_columns(off=pl.col("free_count") - pl.Series(right)).group_by(LOCAL.dt.date()).agg("off")
    # at an empty or a full car park the error is limited
    by_day = off.select(pl.col("off").list.median()).to_series()
    most = PARKING.most_drift * sites.capacity[3]
    assert by_day.abs().max() <= most
    assert by_day.n_unique() > 10
    assert by_day.abs().max() > 0.6 * most


def test_a_counter_that_sends_nothing_and_a_car_park_that_is_closed_have_no_count():
    rows = final(parks(date(2024, 1, 8), date(2024, 1, 15)))
    code = pl.col("car_park_code")
    from_h, to_h = PARKING.silent_h
    night = rows.filter(code == PARKING.silent, HOUR.is_between(from_h, to_h, closed="left"))
    assert night["free_count"].null_count() == night.height == 7 * 48
    closed = rows.filter(~pl.col("is_open"))
    assert set(closed["car_park_code"]) == {PARKING.closed}
    assert closed["free_count"].null_count() == closed.height == 288
    others = rows.filter(~code.is_in([PARKING.silent, PARKING.closed]))
    assert others["free_count"].is_null().mean() == pytest.approx(PARKING.silent_share, rel=0.2)


def test_bicycles_stand_in_the_centre_by_day_and_at_homes_by_night():
    rows = versions("parking_occupancy", date(2024, 1, 8), date(2024, 1, 13))
    rows = rows.filter(pl.col("car_park_code").str.starts_with("V"))
    sites = build_sites(PARKING, SIMULATION.population)
    use = dict(zip(sites.code, sites.use, strict=True))
    standing = rows.with_columns(
        use=pl.col("car_park_code").replace_strict(use),
        share=1 - pl.col("free_count") / pl.col("capacity_count"),
        hour=LOCAL.dt.hour(),
    )
    found = dict(
        standing.group_by("use", "hour")
        .agg(pl.col("share").mean())
        .select(pl.concat_str("use", "hour", separator=" "), "share")
        .iter_rows()
    )
    assert found["docks in the centre 13"] - found["docks in the centre 2"] > 0.3
    assert found["docks at homes 2"] - found["docks at homes 13"] > 0.3


# --- public transport


def calls(record_type, start, end):
    return versions("transit_service", start, end).filter(record_type=record_type)


def right_calls(start, end):
    """Calls observed with their delay, but for those that are hours off; with the hour of their trip's departure."""
    network = build_network(TRANSIT, SIMULATION.population)
    departs = network.calls.select("trip_code", "departs").unique("trip_code")
    rows = calls("observed", start, end).filter(pl.col("delay_s") < 7_200)
    return rows.join(departs, on="trip_code").join(network.lines.rename({"delay_s": "mean_s"}), on="line_code")


WEEK = date(2024, 1, 15), date(2024, 1, 20)
"""Working days without a match."""


def test_calls_meet_their_contract_except_for_planted_faults(city, checked):
    day = date(2024, 1, 16)
    listed = records.listing(calls("observed", day, day + timedelta(days=1)), datetime(2024, 1, 16, 16, tzinfo=UTC))
    listed = listed.drop("longitude_deg", "latitude_deg", "occurred_to", "service_date")
    named = {name: name for name in listed.columns if name in CONTRACTS["transit_service"].schema}
    town = city({"protocol": "file", "address": "unused", "path": "unused.parquet"}, "transit_service", named)
    accepted, rejected = checked([listed], town)
    assert accepted.height > 500
    assert set(rejected["column_name"]) <= {"delay_s"}
    week = calls("observed", *WEEK).filter(pl.col("line_code").str.starts_with("B"))
    share = week.filter(pl.col("delay_s") > 7_200).height / week.height
    assert share == pytest.approx(TRANSIT.faulty_share, rel=0.3)


@pytest.mark.parametrize(("population", "low", "high"), [(200_000, 15_000, 40_000), (870_000, 65_000, 225_000)])
def test_a_working_day_has_as_many_calls_as_that_of_a_real_city(population, low, high):
    day = versions("transit_service", date(2024, 1, 16), date(2024, 1, 17), population)
    assert low < day.filter(record_type="planned").height < high


def test_a_line_has_its_planted_delay_and_more_at_rush_hour():
    rows = right_calls(*WEEK)
    is_rush = pl.any_horizontal(pl.col("departs").is_between(*span, closed="left") for span in TRANSIT.rush_h)
    found = rows.group_by("line_code", is_rush.alias("is_rush")).agg(
        pl.col("delay_s").mean().alias("found"),
        (pl.col("mean_s") * pl.when(is_rush).then(TRANSIT.rush_factor).otherwise(1)).first().alias("planted"),
        pl.col("trip_code").n_unique().alias("trips"),
    )
    # no trip of the night departs at rush hour
    assert found.height == 2 * 21 - 1
    z = (found["found"] / found["planted"] - 1) / (TRANSIT.trip_spread * 1.15 / np.sqrt(5 * found["trips"]))
    assert np.abs(z).max() < 4
    assert found["planted"].n_unique() > 10


def test_a_trip_becomes_later_along_its_way_and_never_goes_back_in_time():
    trip = right_calls(*WEEK).filter(line_code="B1").sort("service_date", "trip_code", "stop_sequence")
    growth = trip.group_by("stop_sequence").agg(pl.col("delay_s").mean()).sort("stop_sequence")["delay_s"]
    assert growth[-1] > 5 * growth[0]
    gaps = trip.select(pl.col("occurred_from").diff().over("service_date", "trip_code")).to_series().drop_nulls()
    assert gaps.min() > timedelta(0)


def test_on_a_match_evening_the_line_of_the_stadium_is_later_and_no_other_is():
    span = date(2024, 1, 15), date(2024, 3, 15)
    played = fixtures(SIMULATION, *span)
    day = date.fromordinal(int(played.day[~played.is_cancelled][0]))
    kick_off = played.minute[played.day == day.toordinal()][0] / 60
    near = pl.col("departs").is_between(kick_off - TRANSIT.before_h, kick_off + TRANSIT.after_h - 0.01)
    then, usual = (
        dict(
            right_calls(each, each + timedelta(days=1))
            .filter(near)
            .group_by("line_code")
            .agg(pl.col("delay_s").mean())
            .iter_rows()
        )
        for each in (day, day + timedelta(days=7))
    )
    more = {line: then[line] - usual[line] for line in then}
    assert more.pop(TRANSIT.stadium_line) == pytest.approx(TRANSIT.stadium_delay_s, abs=30)
    assert max(map(abs, more.values())) < 60


def test_the_disrupted_line_does_not_run_in_its_spans_and_has_an_alert():
    disruption, span = TRANSIT.disruption, (date(2024, 1, 15), date(2024, 1, 21))
    alerts = calls("disrupted", *span)
    assert [f"{start:%a}" for start in alerts["occurred_from"]] == ["Tue", "Fri"]
    assert set(alerts["line_code"]) == {disruption.line_code}
    lasts = timedelta(hours=disruption.to_h - disruption.from_h)
    assert set(alerts["occurred_to"] - alerts["occurred_from"]) == {lasts}
    inside = pl.any_horizontal(
        pl.col("occurred_from").is_between(start + timedelta(minutes=20), start + lasts)
        for start in alerts["occurred_from"]
    )
    for line, runs in ((disruption.line_code, False), ("T1", True)):
        assert calls("planned", *span).filter(inside, line_code=line).height > 100
        assert (calls("observed", *span).filter(inside, line_code=line).height > 100) is runs


def test_the_planted_share_of_trips_has_no_observation():
    lines = pl.col("line_code") != TRANSIT.disruption.line_code
    trips = [
        calls(name, *WEEK).filter(lines).select("service_date", "trip_code").unique().height
        for name in ("planned", "observed")
    ]
    share = 1 - trips[1] / trips[0]
    assert share == pytest.approx(TRANSIT.untracked_share, abs=4 * np.sqrt(TRANSIT.untracked_share / trips[0]))


def test_a_service_day_continues_after_midnight_and_a_holiday_has_the_service_of_a_sunday():
    night = calls("planned", date(2024, 1, 16), date(2024, 1, 17)).filter(LOCAL.dt.hour() < 4)
    assert set(night["service_date"]) == {date(2024, 1, 15)}
    assert {"M1", "T1", "N1"} <= set(night["line_code"])
    holiday = calls("planned", date(2024, 5, 1), date(2024, 5, 2)).filter(LOCAL.dt.hour() >= 4)
    assert holiday["trip_code"].str.contains("-DIM-").all()
    # and there is no rush hour
    of_buses = right_calls(date(2024, 5, 1), date(2024, 5, 2)).filter(pl.col("mode") == "bus")
    assert of_buses["delay_s"].mean() == pytest.approx(of_buses["mean_s"].mean(), rel=0.1)


def test_stops_lie_in_the_city_and_those_in_the_street_have_no_station():
    stops = build_network(TRANSIT, SIMULATION.population).stops
    assert stops["stop_code"].is_unique().all()
    assert stops["longitude_deg"].is_between(4.90, 5.10).all()
    assert stops["latitude_deg"].is_between(43.20, 43.34).all()
    assert 0.05 < stops["parent_code"].is_not_null().mean() < 0.4


# --- who is where


def sums(start, end):
    return final(versions("population_flow", start, end))


def test_sums_meet_their_contract_except_for_planted_faults(city, checked):
    span = date(2024, 1, 8), date(2024, 1, 22)
    listed = records.listing(versions("population_flow", *span), datetime(2024, 2, 20, tzinfo=UTC))
    # sums that leak are rejected by minimisation, before the contract
    listed = listed.unique(maintain_order=True).filter(pl.col("volume_count").fill_null(20) >= PRESENCE.least_count)
    named = {name: name for name in listed.columns if name in CONTRACTS["population_flow"].schema}
    town = city({"protocol": "file", "address": "unused", "path": "unused.parquet"}, "population_flow", named)
    accepted, rejected = checked([listed], town)
    assert set(rejected["column_name"]) == {"occurred_to"}
    assert rejected.height / listed.height == pytest.approx(PRESENCE.changes.faulty_share, rel=0.7)
    assert accepted["volume_count"].drop_nulls().min() >= PRESENCE.least_count


def test_a_day_has_a_sum_an_hour_district_and_segment_and_is_published_the_next_morning():
    for day, hours in ((date(2024, 1, 16), 24), (date(2024, 3, 31), 23), (date(2024, 10, 27), 25)):
        rows = versions("population_flow", day, day + timedelta(days=1))
        assert rows["source_record_id"].n_unique() == hours * 10 * 3
        morning = datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(days=1)
        assert morning < rows["shown_from"].min() < morning + timedelta(hours=3)


def test_small_sums_are_suppressed_except_for_the_planted_leaks():
    rows = sums(date(2024, 1, 8), date(2024, 1, 22))
    means = rows.group_by("zone_code", "segment", HOUR.alias("hour")).agg(pl.col("volume_count").median(), pl.len())
    small = rows.filter(pl.col("volume_count") < PRESENCE.least_count)
    held = rows["volume_count"].null_count()
    assert held > 300
    assert small.height / (small.height + held) == pytest.approx(PRESENCE.leaked_share, abs=0.02)
    assert set(rows.filter(pl.col("volume_count").is_null())["segment"]) == {"tourists"}
    assert means.filter(pl.col("segment") != "tourists")["volume_count"].min() > 100
    assert rows["volume_count"].min() > 0


@pytest.mark.parametrize("segment", [each.code for each in PRESENCE.segments])
def test_a_segment_follows_its_hours_its_districts_and_the_year(segment):
    number = [each.code for each in PRESENCE.segments].index(segment)
    for day in (date(2024, 1, 16), date(2024, 7, 16)):
        rows = sums(day, day + timedelta(days=1)).filter(pl.col("volume_count") > 50, segment=segment)
        hours = rows["occurred_from"].unique().sort()
        planted = expected(SIMULATION, on_the_clock(hours))[:, number]
        zone = rows["zone_code"].str.slice(1).cast(pl.Int64).to_numpy() - 1
        at = hours.search_sorted(rows["occurred_from"]).to_numpy()
        z = np.log(rows["volume_count"].to_numpy() / planted[zone, at]) / PRESENCE.spread
        assert np.abs(z).max() < 5
        assert np.std(z) == pytest.approx(1, abs=0.25)


def test_there_are_more_tourists_in_summer_and_fewer_visitors_on_sundays():
    def total(day, segment):
        return sums(day, day + timedelta(days=1)).filter(segment=segment)["volume_count"].sum()

    summer, winter = (total(date(2024, month, 16), "tourists") for month in (7, 1))
    assert summer / winter == pytest.approx(1.7 / 0.3, rel=0.1)
    working, sunday = (total(date(2024, 1, day), "visitors") for day in (17, 21))
    assert 0.33 < sunday / working < 0.5


def test_the_spectators_of_a_match_are_in_the_district_of_its_stadium():
    span = date(2024, 1, 15), date(2024, 3, 15)
    played = fixtures(SIMULATION, *span)
    first = np.flatnonzero(~played.is_cancelled)[0]
    day, kick_off = date.fromordinal(int(played.day[first])), played.minute[first] / 60
    begins = HOUR.is_between(kick_off - PRESENCE.before_h, kick_off + PRESENCE.after_h - 1)
    then, usual = (
        sums(each, each + timedelta(days=1)).filter(begins, segment="visitors")
        for each in (day, day + timedelta(days=7))
    )
    both = then.join(
        usual.select("zone_code", "volume_count", hour=HOUR),
        left_on=["zone_code", HOUR],
        right_on=["zone_code", "hour"],
    )
    more = dict(
        both.group_by("zone_code").agg((pl.col("volume_count") - pl.col("volume_count_right")).mean()).iter_rows()
    )
    crowd = more.pop("D02")
    assert crowd == pytest.approx(played.attendance[first], rel=0.1)
    assert max(map(abs, more.values())) < 0.1 * crowd
