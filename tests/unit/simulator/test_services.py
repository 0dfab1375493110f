"""The planted parameters of city services and messages are recovered from the records."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from observatory.contracts import CONTRACTS
from observatory.simulator import records
from observatory.simulator.records import citizen_report
from observatory.simulator.world.city import build_city
from observatory.simulator.world.occurrences import district_shares
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parameters.messages import PERSONAL_SPANS
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.text.tone import tone

SIMULATION = Simulation(population=870_000)
START, END = date(2025, 5, 26), date(2025, 6, 30)
NOW = datetime(2025, 6, 30, tzinfo=UTC)
SERVICES = PLANTED.services
TIMED = ("social_signal", "citizen_report", "fire_operation", "hospital_activity", "street_vending")
STANDING = ("delinquency_statistic", "sensitive_place", "public_work", "street_light", "pitch")


@cache
def versions(kind):
    return records.versions(kind, SIMULATION, START, END)


@cache
def final(kind):
    """The last version of each record."""
    return versions(kind).sort("shown_from").unique("source_record_id", keep="last", maintain_order=True)


def in_order(rows):
    return rows.sort("occurred_from", "source_record_id", "shown_from")


def minutes(later, earlier):
    return (pl.col(later) - pl.col(earlier)).dt.total_seconds() / 60


# --- records


@pytest.mark.parametrize("kind", TIMED)
def test_records_of_spans_in_any_order_equal_those_of_one_span(kind):
    middle = date(2025, 6, 20)
    later = records.versions(kind, SIMULATION, middle, END)
    earlier = records.versions(kind, SIMULATION, START, middle)
    assert in_order(pl.concat([earlier, later])).equals(in_order(versions(kind)))


@pytest.mark.parametrize("kind", STANDING)
def test_records_without_a_time_do_not_depend_on_when_they_are_requested(kind):
    small = Simulation(population=100_000)
    last = datetime(2024, 3, 1, tzinfo=UTC)
    early, late = (records.versions(kind, small, small.first_day, last.date() + timedelta(days=d)) for d in (0, 400))
    assert (
        records.listing(early, last)
        .sort("source_record_id")
        .equals(records.listing(late, last).sort("source_record_id"))
    )


@pytest.mark.parametrize("kind", [*TIMED, *STANDING])
def test_another_seed_gives_another_history(kind):
    days = date(2024, 3, 5), date(2024, 3, 6)
    first, again, other = (records.versions(kind, Simulation(seed, 100_000), *days) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("kind", [*TIMED, *STANDING])
def test_listings_meet_their_contract_except_for_planted_faults(kind, city, checked):
    listed = records.listing(versions(kind), NOW)
    model = CONTRACTS[kind]
    columns = [name for name in listed.columns if name in model.schema or name in model.inputs]
    territory = city(
        {"protocol": "file", "address": "unused", "path": "unused.parquet"},
        kind,
        {name: name for name in columns},
        coordinates={"epsg": 4326, "method": "place", "precision_m": 20},
        occurred_precision="day" if kind == "hospital_activity" else "second",
    )
    accepted, rejected = checked([listed.select(columns).unique(maintain_order=True)], territory)
    assert accepted.height > 0
    planted = {
        "citizen_report": (SERVICES.reports.changes.faulty_share, {"updated_at"}),
        "fire_operation": (SERVICES.fire.disordered_share + SERVICES.fire.slow_share, {"arrived_at"}),
        "street_vending": (SERVICES.vending.changes.faulty_share, {"observed_count"}),
    }
    if kind == "hospital_activity":
        assert set(rejected["column_name"]) == {"visit_count"}
        assert rejected.height == (listed.unique()["visit_count"] < 5).sum() > 0
        return
    share, names = planted.get(kind, (0.0, set()))
    assert set(rejected["column_name"]) <= names
    total = accepted.height + rejected.height
    assert rejected.height == pytest.approx(share * total, abs=4 * np.sqrt(share * total) + 1e-9)
    assert rejected.height > 0 or not share


@pytest.mark.parametrize(("kind", "low", "high"), [
    ("social_signal", 1_800, 3_000), ("citizen_report", 300, 600), ("fire_operation", 300, 400),
    ("hospital_activity", 50, 200), ("street_vending", 20, 100),
])  # fmt: skip
def test_a_city_of_870_000_records_as_many_a_day_as_real_ones(kind, low, high):
    assert low < final(kind).height / (END - START).days < high


@pytest.mark.parametrize(("kind", "changes"), [
    ("citizen_report", SERVICES.reports.changes), ("fire_operation", SERVICES.fire.changes),
    ("hospital_activity", SERVICES.hospital.changes),
])  # fmt: skip
def test_planted_shares_are_corrected_withdrawn_and_listed_twice(kind, changes):
    rows = versions(kind)
    count = final(kind).height
    twice = rows.height - rows.unique().height
    assert twice / rows.unique().height == pytest.approx(changes.twice_share, rel=0.5)
    last = rows.unique().sort("shown_from").group_by("source_record_id").last()
    assert last["shown_until"].is_not_null().mean() == pytest.approx(changes.withdrawn_share, abs=0.003)
    name = {"citizen_report": "service_code", "fire_operation": "nature_code", "hospital_activity": "visit_count"}[kind]
    corrected = rows.group_by("source_record_id").agg(pl.col(name).n_unique()).filter(pl.col(name) > 1).height
    assert 0.4 * changes.corrected_share < corrected / count < 1.5 * changes.corrected_share


# --- messages


def score_by_the_model(rows):
    rows = rows.filter(pl.col("language") == "fr")
    return rows.with_columns(score=tone(rows["text"], rows["language"])["tone_score"])


def test_the_tone_model_separates_the_three_classes_and_orders_the_districts():
    messages = SERVICES.messages
    scored = score_by_the_model(final("social_signal").sample(6_000, seed=1))
    by_class = scored.group_by("tone_score").agg(pl.col("score").mean()).sort("tone_score")["score"].to_list()
    assert by_class == pytest.approx([-0.5, 0.1, 0.8], abs=0.15)
    by_district = scored.group_by("district_code").agg(pl.col("score").mean())
    planted = by_district["district_code"].replace_strict(
        {code: value + (0.3 if code == "D08" else 0) for code, value in messages.district_tones.items()}
    )
    assert np.corrcoef(by_district["score"], planted)[0, 1] > 0.7


def test_the_tone_model_finds_the_day_on_which_the_tone_of_a_district_changes():
    shift = SERVICES.messages.tone_shifts[0]
    weeks = timedelta(days=21)
    scores, tones = (
        [
            score_by_the_model(
                records.versions("social_signal", SIMULATION, start, start + weeks).filter(
                    pl.col("district_code") == shift.district_code, pl.col("theme_code") != "lighting"
                )
            )[column].mean()
            for start in (shift.day - weeks, shift.day)
        ]
        for column in ("score", "tone_score")
    )
    assert tones[1] - tones[0] == pytest.approx(shift.change, abs=0.1)
    assert scores[1] - scores[0] == pytest.approx(0.65 * shift.change, abs=0.07)


def test_the_planted_mean_tone_is_that_of_the_phrases():
    messages, codes = SERVICES.messages, build_city().district_codes
    bursts = {each.theme_code + each.district_code for each in messages.bursts}
    rows = final("social_signal").filter(~(pl.col("theme_code") + pl.col("district_code")).is_in(list(bursts)))
    rows = rows.filter(pl.col("language") == "fr")
    found = rows.group_by("theme_code", "district_code").agg(pl.col("tone_score").mean(), pl.len()).sort("theme_code")
    themes = [theme.code for theme in messages.themes]
    planted = messages.mean_tone(
        np.array([themes.index(code) for code in found["theme_code"]]),
        np.array([codes.index(code) for code in found["district_code"]]),
        np.full(found.height, START.toordinal()),
    )
    z = (found["tone_score"].to_numpy() - planted) / (0.9 / np.sqrt(found["len"].to_numpy()))
    assert np.abs(z).max() < 4


def test_a_burst_has_its_day_hour_theme_and_district():
    burst = next(each for each in SERVICES.messages.bursts if (each.month, each.day) == (6, 21))
    local = pl.col("occurred_from").dt.convert_time_zone(TIMEZONE)
    begins = datetime(2025, burst.month, burst.day, burst.hour)
    here = (pl.col("theme_code") == burst.theme_code) & (pl.col("district_code") == burst.district_code)
    rows = (
        final("social_signal")
        .filter(here & ~pl.col("is_reply"))
        .with_columns(since=(local.dt.replace_time_zone(None) - begins).dt.total_hours())
    )
    in_it = rows.filter(pl.col("since").is_between(0, 2)).height
    usual = rows.filter(pl.col("since").is_between(-24 * 20, -1)).height / (24 * 20) * 3
    expected = burst.posts_per_100k * SIMULATION.population / 100_000
    assert in_it == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert in_it > 50 * usual


def test_threads_have_the_planted_shape():
    messages = SERVICES.messages
    rows = final("social_signal")
    mean_size = sum(messages.answers**depth for depth in range(messages.most_depth + 1))
    roots = rows.filter(pl.col("root_status") == "self")
    assert roots["thread_size_count"].mean() == pytest.approx(mean_size, rel=0.05)
    assert rows["thread_depth"].max() == messages.most_depth
    answers = rows.filter("is_reply")
    assert (answers["root_status"] == "missing").mean() == pytest.approx(messages.hidden_root_share, abs=0.01)
    assert rows.filter(pl.col("root_status") == "missing", pl.col("root_at").is_not_null()).is_empty()
    known = dict(rows.select("source_record_id", "thread_depth").iter_rows())
    deeper = answers.filter(pl.col("parent_id").is_in(list(known)), pl.col("thread_depth").is_not_null())
    parents = deeper["parent_id"].replace_strict(known, return_dtype=pl.Int64)
    assert (deeper["thread_depth"] - parents == 1).all()
    gone = rows["shown_until"].is_not_null().mean()
    assert gone == pytest.approx(messages.deleted_share, abs=0.005)


def test_some_messages_have_invented_personal_spans():
    texts = final("social_signal")["text"]
    share = texts.str.contains_any(list(PERSONAL_SPANS)).mean()
    assert share == pytest.approx(SERVICES.messages.personal_share, abs=0.005)


# --- services


def test_response_times_differ_by_district_as_planted():
    rows = final("fire_operation").with_columns(response=minutes("arrived_at", "departed_at"))
    found = rows.filter(pl.col("response") > 0).group_by("district_code").agg(pl.col("response").median(), pl.len())
    planted = found["district_code"].replace_strict(SERVICES.fire.response_min)
    z = np.log(found["response"] / planted) / (1.25 * SERVICES.fire.response_spread / np.sqrt(found["len"]))
    assert np.abs(z).max() < 4
    assert found["len"].min() > 100


def test_reports_follow_the_districts_reporting_and_closing_times():
    rows = final("citizen_report")
    counts = dict(rows.group_by("district_code").len().iter_rows())
    shares = dict(zip(build_city().district_codes, district_shares(), strict=True))
    found = {code: counts[code] / share / (SERVICES.reports.rate * 8.7 * 35) for code, share in shares.items()}
    assert found == pytest.approx(dict(PLANTED.reporting), rel=0.15)
    total = citizen_report.expected(PLANTED, SIMULATION.population).sum() * (END - START).days
    assert rows.height == pytest.approx(total, abs=4 * np.sqrt(total))
    days = minutes("closed_at", "occurred_from") / 24 / 60
    for service, (_, median) in SERVICES.reports.services.items():
        closed = rows.filter(pl.col("service_code") == service, pl.col("district_code") == "D03").select(days)
        factor = SERVICES.reports.closing_factors["D03"]
        assert closed.to_series().median() == pytest.approx(median * factor, rel=0.4)
    assert (rows["status"] == "open").mean() == pytest.approx(SERVICES.reports.never_closed_share, abs=0.02)


def test_vending_follows_the_days_of_the_markets():
    vending, markets = SERVICES.vending, PLANTED.gatherings.markets
    rows = final("street_vending").filter(pl.col("observed_count") < 500)
    local = pl.col("occurred_from").dt.convert_time_zone(TIMEZONE)
    rows = rows.with_columns(weekday=local.dt.weekday() - 1)
    market = next(each for each in markets if each.code == "M05")
    city = build_city()
    longitude, latitude = city.degrees(market.east_m, market.north_m)
    near = rows.filter(
        (pl.col("longitude_deg") - longitude).abs() < 0.005, (pl.col("latitude_deg") - latitude).abs() < 0.004
    )
    held = pl.col("weekday").is_in(list(market.weekdays))
    on, off = near.filter(held), near.filter(~held)
    assert on["observed_count"].mean() == pytest.approx(vending.sellers_per_stall * market.stalls, rel=0.1)
    rates = on.height / len(market.weekdays), off.height / (7 - len(market.weekdays))
    assert rates[1] / rates[0] == pytest.approx(vending.idle_factor, abs=0.1)


def test_outages_are_repaired_as_fast_as_planted():
    rows = versions("street_light").sort("shown_from").unique("source_record_id", keep="last")
    days = rows.with_columns(days=minutes("occurred_to", "occurred_from") / 24 / 60)
    found = dict(days.group_by("district_code").agg(pl.col("days").median()).iter_rows())
    assert found == pytest.approx(dict(SERVICES.lights.repair_days), rel=0.1)


def test_a_work_without_an_end_is_closed_later_and_a_cancelled_one_is_withdrawn():
    rows = versions("public_work")
    by_work = (
        rows.sort("shown_from")
        .group_by("source_record_id")
        .agg(
            pl.col("planned_to").is_null().first().alias("is_open"),
            pl.col("is_over").any(),
            pl.col("occurred_from").first(),
        )
        .filter(pl.col("occurred_from") < datetime(2024, 1, 1, tzinfo=UTC))
    )
    assert by_work["is_open"].mean() == pytest.approx(SERVICES.works.open_ended_share, abs=0.02)
    assert (~by_work["is_over"]).mean() == pytest.approx(SERVICES.works.cancelled_share, abs=0.005)
    assert by_work.filter("is_open")["is_over"].mean() > 0.95
    begun = rows.filter(pl.col("is_over"))
    assert (begun["occurred_to"] > begun["occurred_from"]).all()


def test_a_count_that_is_not_published_is_null_and_a_new_edition_counts_more():
    rows = versions("delinquency_statistic")
    hidden = rows.filter(~pl.col("is_published"))
    assert 0 < hidden.height < rows.height / 2
    assert hidden["recorded_count"].null_count() == hidden.height
    city_rows = rows.filter(zone_code="99001", reference_year=2022)
    totals = city_rows.group_by("edition").agg(pl.col("recorded_count").sum()).sort("edition")["recorded_count"]
    assert totals[0] / totals[1] == pytest.approx(SERVICES.statistics.first_edition_share, abs=0.003)
    assert totals[1:].n_unique() == 1


def test_schools_with_only_a_town_have_no_point():
    rows = versions("sensitive_place")
    town = rows.filter(location_method="none")
    assert town.height > 0
    assert town["longitude_deg"].null_count() == town.height
    assert set(town["place_type"]) <= {"school", "college", "lycee"}
    schools = rows.filter(pl.col("longitude_deg").is_not_null())
    assert schools.select("longitude_deg", "latitude_deg").is_duplicated().any()
