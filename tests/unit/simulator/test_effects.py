"""Simple estimators recover the planted effects of interventions, gatherings and enforcement from the records.

Errors of counts are Poisson's, widened by the clusters of the category; an estimate may be four of them off.
"""

from datetime import date

import numpy as np
import polars as pl
import pytest

from observatory.simulator import records
from observatory.simulator.records.incident import police_log
from observatory.simulator.world.city import build_city
from observatory.simulator.world.expected import expected_counts
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.interventions import areas, is_under_way, is_watched
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.patrols import build_cells
from observatory.simulator.world.simulation import Simulation

START, END = date(2021, 1, 1), date(2026, 1, 1)
SIMULATION = Simulation(population=870_000)
CITY = build_city()
DAYS = np.arange(START.toordinal(), END.toordinal())
BRANCHING = {category.code: category.branching_ratio for category in PLANTED.categories}
DAILY_RATE = {category.code: category.daily_rate for category in PLANTED.categories}
OPERATIONS = [pytest.param(operation, id=operation.code) for operation in PLANTED.operations]


@pytest.fixture(scope="module")
def happened():
    """Five years of a city of 870,000: its incidents, reported or not."""
    return police_log(SIMULATION, START, END)


@pytest.fixture(scope="module")
def recorded(happened):
    return happened.events.where(happened.is_recorded)


def is_of(events, code):
    return events.category == PLANTED.codes.index(code)


def log_error(code, *counts):
    """Standard error of the logarithm of a ratio of counts."""
    return np.sqrt(sum(1 / count for count in counts)) / (1 - BRANCHING[code])


def change(events, code, is_inside, is_during, is_control):
    """Counts inside during and not, relative to the control's: the ratio of ratios and its logarithm's error."""
    chosen = is_of(events, code)
    counts = [(chosen & area & time).sum() for area in (is_inside, is_control) for time in (is_during, ~is_during)]
    (inside, inside_not), (control, control_not) = counts[:2], counts[2:]
    return (inside / inside_not) / (control / control_not), log_error(code, *counts)


def under_way(operation, events):
    return is_under_way(operation, DAYS)[events.day - DAYS[0]]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_prevents_its_share_inside(recorded, operation):
    inside, ring = areas(operation, CITY)
    control = ~(inside | ring)[recorded.address]
    ratio, error = change(recorded, operation.target, inside[recorded.address], under_way(operation, recorded), control)
    assert np.log(ratio) == pytest.approx(np.log(1 - operation.effect), abs=4 * error)
    assert error < 0.05, "otherwise effects could not be distinguished from chance"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_displaces_its_share_of_the_prevented_to_the_ring(recorded, operation):
    inside, ring = areas(operation, CITY)
    during, target = under_way(operation, recorded), is_of(recorded, operation.target)
    control = target & ~(inside | ring)[recorded.address]
    per_usual = (control & during).sum() / (control & ~during).sum()
    [missing, more] = [
        sign
        * (
            (target & area[recorded.address] & ~during).sum() * per_usual
            - (target & area[recorded.address] & during).sum()
        )
        for sign, area in ((1, inside), (-1, ring))
    ]
    spread = np.sqrt((target & (inside | ring)[recorded.address] & during).sum()) / (1 - BRANCHING[operation.target])
    prevented = operation.effect * (target & inside[recorded.address] & ~during).sum() * per_usual
    assert missing == pytest.approx(prevented, abs=4 * spread)
    assert more == pytest.approx(operation.displacement * prevented, abs=4 * spread)
    if operation.displacement:
        assert more > 4 * spread, "displacement stands out from chance"


@pytest.mark.parametrize("code", ["VOL_VEHICULE", "DEGRADATION", "VIOLENCES", "VOL_SIMPLE"])
def test_a_camera_prevents_its_share_nearby_of_its_categories_alone(recorded, code):
    first = min(camera.installed for camera in PLANTED.cameras.registry if camera.installed > START).toordinal()
    later = [camera for camera in PLANTED.cameras.registry if camera.installed > START]
    log_ratios, errors = [], []
    never = ~is_watched(PLANTED, CITY, np.array(END.toordinal()), np.arange(len(CITY.addresses)))
    old = is_watched(PLANTED, CITY, np.array(first - 1), np.arange(len(CITY.addresses)))
    for installed in sorted({camera.installed for camera in later}):
        wave = [camera for camera in later if camera.installed == installed]
        near = np.any([CITY.distance(c.east_m, c.north_m) <= PLANTED.cameras.radius_m for c in wave], axis=0) & ~old
        # where two waves overlap, the later one changes nothing
        near &= ~is_watched(PLANTED, CITY, np.array(installed.toordinal() - 1), np.arange(len(near)))
        control = never & (CITY.distance(200, -400) < 2_500)
        since = recorded.day >= installed.toordinal()
        ratio, error = change(recorded, code, near[recorded.address], since, control[recorded.address])
        log_ratios.append(np.log(ratio))
        errors.append(error)
    weights = 1 / np.square(errors)
    estimate, error = np.average(log_ratios, weights=weights), 1 / np.sqrt(weights.sum())
    effect = PLANTED.cameras.effects.get(code, 0.0)
    assert estimate == pytest.approx(np.log(1 - effect), abs=4 * error)
    if effect:
        assert estimate < -4 * error, "the effect stands out from chance"


@pytest.mark.parametrize("code", PLANTED.gatherings.matches.extra_per_100k)
def test_a_match_adds_its_incidents_around_the_stadium_and_the_kick_off(recorded, code):
    matches, played = PLANTED.gatherings.matches, fixtures(SIMULATION, START, END)
    kick_off = np.full(len(DAYS), np.nan)
    kick_off[played.day[~played.is_cancelled] - DAYS[0]] = played.minute[~played.is_cancelled]
    near = CITY.distance(matches.east_m, matches.north_m) < 3 * matches.spread_m
    chosen = is_of(recorded, code) & near[recorded.address]
    since = (recorded.minute - kick_off[recorded.day - DAYS[0]]) / 60
    count = (chosen & (since >= -matches.before_h) & (since < matches.after_h)).sum()

    # the same hours a week before and after, when no match is played
    usual = 0.0
    for days in (-7, 7):
        since = (recorded.minute - np.roll(kick_off, days)[recorded.day - DAYS[0]]) / 60
        is_quiet = np.isnan(kick_off[recorded.day - DAYS[0]])
        usual += (chosen & is_quiet & (since >= -matches.before_h) & (since < matches.after_h)).sum() / 2
    match_count = (~played.is_cancelled).sum()
    per_match = matches.extra_per_100k[code] * SIMULATION.population / 100_000 * (1 - np.exp(-4.5))
    error = np.sqrt(count + usual) / (1 - BRANCHING[code])
    assert (count - usual) / match_count == pytest.approx(per_match, abs=4 * error / match_count)
    assert count - usual > 4 * error, "matches stand out from chance"


def test_a_cancelled_match_adds_nothing(recorded):
    played = fixtures(SIMULATION, START, END)
    assert 0 < played.is_cancelled.sum() < 20
    expected = expected_counts(SIMULATION, START, END).sum(axis=0)
    off = played.day[played.is_cancelled]
    counts = np.bincount(recorded.day - DAYS[0], minlength=len(DAYS))
    assert counts[off - DAYS[0]].sum() == pytest.approx(
        expected[off - DAYS[0]].sum(), abs=5 * np.sqrt(expected[off - DAYS[0]].sum())
    )


def test_each_district_reports_its_share(happened):
    events, is_recorded = happened.events, happened.is_recorded
    is_met = ~is_of(events, PLANTED.patrols.discovered)
    district = CITY.address_district[events.address]
    for number, code in enumerate(CITY.district_codes):
        here = is_met & (district == number)
        share = PLANTED.reporting[code]
        assert is_recorded[here].mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / here.sum()))
    assert is_recorded[~is_met].all()
    located = happened.records["district_code"].drop_nulls().value_counts()
    assert located.height == len(CITY.district_codes)


def test_expected_counts_match_every_category_and_place(recorded):
    west = CITY.addresses[:, 0] < CITY.centre[0]
    for area in (None, west):
        expected = expected_counts(SIMULATION, START, END, area).sum(axis=1)
        inside = np.ones(len(recorded), bool) if area is None else area[recorded.address]
        counts = np.bincount(recorded.category[inside], minlength=len(PLANTED.codes))
        errors = np.sqrt(expected) / (1 - np.array([*BRANCHING.values()]))
        assert (np.abs(counts - expected) < 4 * errors).all()


@pytest.fixture(scope="module")
def quarter():
    """Three months of presence and of the findings during it."""
    span = date(2024, 1, 1), date(2024, 4, 1)
    presence = records.versions("presence", SIMULATION, *span).filter(pl.col("actual_min") >= 0)
    return span, presence


def test_presence_follows_the_beats_and_the_shifts(quarter):
    (start, end), presence = quarter
    patrols = PLANTED.patrols
    minutes = patrols.minutes_per_100k * SIMULATION.population / 100_000 * (end - start).days
    assert presence["actual_min"].sum() == pytest.approx(minutes, rel=0.02)
    by_shift = dict(
        presence.group_by("shift_code").agg(pl.col("actual_min").sum() / presence["actual_min"].sum()).rows()
    )
    assert by_shift == pytest.approx(dict(patrols.shifts), abs=0.01)
    cells = build_cells()
    centre = pl.DataFrame({"cell_id": cells.cell_id}).with_columns(
        distance=pl.Series(
            [CITY.distance(-2600, 2200)[cells.address_cell == n].mean() for n in range(len(cells.cell_id))]
        )
    )
    near = presence.join(centre, on="cell_id").filter(pl.col("distance") < 700)["actual_min"].sum()
    beat = next(beat for beat in patrols.beats if beat.name == "Cité des Amers")
    assert near / presence["actual_min"].sum() == pytest.approx(beat.share * 0.98, abs=0.025)


@pytest.mark.parametrize("found", ["citation", "discovery"])
def test_findings_are_in_proportion_to_the_minutes_on_patrol(quarter, recorded, found):
    """Cells in ten groups of equal presence, least visited first: the same rate per minute in each."""
    (start, end), presence = quarter
    cells = build_cells()
    if found == "citation":
        rows = records.versions("citation", SIMULATION, start, end).unique("source_record_id")
        points = {tuple(point): number for number, point in enumerate(CITY.lonlat)}
        address = np.array([points[point] for point in rows.select("longitude_deg", "latitude_deg").iter_rows()])
        rate = PLANTED.patrols.citations_per_minute
    else:
        inside = is_of(recorded, "STUPEFIANTS") & (recorded.day >= start.toordinal()) & (recorded.day < end.toordinal())
        address = recorded.address[inside]
        rate = DAILY_RATE["STUPEFIANTS"] / PLANTED.patrols.minutes_per_100k
    counts = np.bincount(cells.address_cell[address], minlength=len(cells.cell_id))
    minutes = (
        pl.DataFrame({"cell_id": cells.cell_id})
        .join(
            presence.group_by("cell_id").agg(pl.col("actual_min").sum()),
            on="cell_id",
            how="left",
            maintain_order="left",
        )["actual_min"]
        .fill_null(0)
        .to_numpy()
    )
    assert counts[minutes == 0].sum() <= 0.005 * counts.sum()
    order = np.argsort(minutes)
    groups = np.minimum(np.cumsum(minutes[order]) / minutes.sum() * 10, 9.999).astype(int)
    counted, spent = np.bincount(groups, counts[order], minlength=10), np.bincount(groups, minutes[order], minlength=10)
    assert counted / spent == pytest.approx(rate, abs=4.5 * np.sqrt(rate / spent.min()) + 0.01 * rate)


def test_enforcement_follows_patrols_and_not_incidents(quarter, recorded):
    cells = build_cells()
    _, presence = quarter
    spent = pl.DataFrame({"cell_id": cells.cell_id}).join(
        presence.group_by("cell_id").agg(pl.col("actual_min").sum()), on="cell_id", how="left", maintain_order="left"
    )
    minutes = spent["actual_min"].fill_null(0).to_numpy()

    def alike(code):
        cell = cells.address_cell[recorded.address[is_of(recorded, code)]]
        counts = np.bincount(cell[cell >= 0], minlength=len(cells.cell_id))
        return np.corrcoef(counts, minutes)[0, 1]

    assert alike("STUPEFIANTS") > 0.9
    assert max(alike(code) for code in PLANTED.codes if code != "STUPEFIANTS") < 0.7
