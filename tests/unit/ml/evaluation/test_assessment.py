"""The assessment of counts and uncertainty: true distributions pass, wrong ones fail, hand-computed values agree."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ml.evaluation.assessment import Assessment
from ml.evaluation.backtest import DayForecast
from ml.evaluation.bootstrap import day_weights, differences, ratio_interval
from ml.evaluation.calibration import TENTHS, Calibration, decile_error
from ml.evaluation.metrics import score_day
from ml.evaluation.pit import BINS, Pit, PitTable, pit_of, smallest_adjusted, uniformity_p
from ml.models.distribution import POISSON, Counts, Spread
from ml.panel.districts import Districts
from ml.panel.panel import Cells

FIRST_DAY, DAYS, SIDE = date(2024, 1, 1), 84, 40


@pytest.fixture(scope="module")
def cells():
    place = [(row, col) for row in range(SIDE) for col in range(SIDE)]
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"N{row:02}E{col:02}" for row, col in place],
                "easting_m": [250.0 * col for _, col in place],
                "northing_m": [250.0 * row for row, _ in place],
                "cell_size_m": [250] * len(place),
            }
        )
    )


def world(cells, seed, *, quadratic=0.0, shared=0.0, days=DAYS):
    """Days of (expected, observed) drawn from a negative binomial with a level common to the day."""
    random = np.random.default_rng(seed)
    share = random.pareto(1.2, len(cells)) + 0.05
    expected = 60 * share / share.sum()
    for number in range(days):
        level = random.gamma(1 / shared, shared) if shared else 1.0
        rate = expected * level
        if quadratic:
            rate = rate * random.gamma(1 / quadratic, quadratic, len(cells))
        yield FIRST_DAY + timedelta(days=number), expected, random.poisson(rate)


def assessed(cells, days, spread, distort=lambda expected: expected):
    assessment = Assessment(Districts.squares(cells))
    for day, expected, observed in days:
        said = distort(expected)
        score = score_day(said, np.full(len(said), said.mean()), observed, day)
        assessment.add(DayForecast("m", day, 1, said, spread, score), observed)
    (assessment,) = assessment.by_method()
    return assessment


@pytest.mark.parametrize("quadratic", [0.0, 1.5])
def test_the_true_distribution_is_uniform_in_every_stratum(cells, quadratic):
    assessment = assessed(cells, world(cells, 3, quadratic=quadratic), Spread(quadratic=quadratic))
    assert min(*assessment.volume_p, *assessment.district_p) > 0.05
    assert len(assessment.districts) == 4
    assert assessment.total_ratio == pytest.approx(1, abs=0.05)
    assert assessment.decile_error < 0.06


def test_too_narrow_a_distribution_is_detected(cells):
    assert max(assessed(cells, world(cells, 3, quadratic=1.5), POISSON).volume_p) < 0.01


def test_a_wrong_level_is_detected(cells):
    assessment = assessed(cells, world(cells, 3), POISSON, lambda expected: expected * 1.3)
    assert max(assessment.volume_p) < 0.01
    assert assessment.total_ratio == pytest.approx(1.3, abs=0.05)
    assert assessment.decile_error == pytest.approx(0.3, abs=0.05)


def test_the_averaged_pit_detects_errors_also_where_incidents_are_rare(cells):
    """A level half as much again as it is, in cells that see few incidents, is hidden by the randomisation."""
    rare = (
        (day, expected / 10, np.random.default_rng(number).poisson(expected / 10))
        for number, (day, expected, _) in enumerate(world(cells, 3))
    )
    assessment = assessed(cells, rare, POISSON, lambda expected: expected * 1.5)
    assert assessment.volume_p.randomised > 0.05
    assert assessment.volume_p.averaged < 0.01


def test_dependence_between_the_cells_of_a_day_does_not_lower_p_values(cells):
    """Cells whose days rise and fall together do not make p-values smaller than they are: about 5 % below 5 %."""
    small = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        # each day's PIT is shifted as a whole: correct on average, dependent within the day
        tilt = random.choice([-0.2, 0.2], 84)
        lean = np.linspace(-1, 1, 10)
        daily = np.stack([random.multinomial(1000, (1 + t * lean) / 10) for t in tilt])
        small += uniformity_p(daily) < 0.05
    assert small <= 9


@pytest.mark.parametrize(("quadratic", "shared"), [(0.0, 0.0), (0.8, 0.0), (0.0, 0.1)])
def test_sums_of_the_true_distribution_are_covered_as_predicted(cells, quadratic, shared):
    days = list(world(cells, 5, quadratic=quadratic, shared=shared, days=400))
    assessment = assessed(cells, days, Spread(quadratic=quadratic, shared=shared))
    for coverage in (assessment.district_coverage, assessment.city_coverage):
        assert coverage.count >= 400
        assert coverage.covered == pytest.approx(coverage.promised, abs=0.05)
        assert 0.8 <= coverage.promised < 0.9


def test_ignoring_the_shared_level_lowers_the_coverage(cells):
    days = list(world(cells, 5, shared=0.1, days=200))
    assert assessed(cells, days, POISSON).city_coverage.covered < 0.6


def test_small_sums_are_left_out_of_the_coverage(cells):
    assessment = assessed(cells, world(cells, 1), POISSON, lambda expected: expected / 100)
    assert (assessment.district_coverage.count, assessment.district_coverage.covered) == (0, None)


def test_pit_agrees_with_its_definition():
    counts = Counts.of_cells(np.array([0.05, 0.5, 3.0]), POISSON)
    observed = np.array([0, 1, 5])
    pit, averaged = pit_of(counts, observed, FIRST_DAY)
    law = stats.poisson([0.05, 0.5, 3.0])
    assert np.all((law.cdf(observed - 1) <= pit) & (pit <= law.cdf(observed)))
    np.testing.assert_array_equal(pit, pit_of(counts, observed, FIRST_DAY).randomised)
    others = [pit_of(counts, observed, FIRST_DAY + timedelta(days=day)).randomised for day in range(1, 4000)]
    assert not np.array_equal(pit, others[0])
    # the averaged PIT equals the mean of many randomisations
    places = np.minimum((np.stack(others) * BINS).astype(int), BINS - 1)
    shares = np.stack([np.bincount(column, minlength=BINS) / len(others) for column in places.T])
    np.testing.assert_allclose(averaged, shares, atol=0.03)
    np.testing.assert_allclose(averaged.sum(axis=1), 1.0)


def test_a_stratum_with_few_incidents_or_days_has_no_p_value():
    table = PitTable("district", ["busy", "quiet"])
    random = np.random.default_rng(2)
    for _ in range(35):
        pit = random.random(100)
        table.add(Pit(pit, np.eye(BINS)[(pit * BINS).astype(int)]), np.repeat([0, 1], 50), np.repeat([1.0, 0.0], 50))
    busy, quiet = table.uniformity()
    assert quiet.p_value is None
    assert busy.sharp_p_value == busy.p_value
    assert smallest_adjusted([0.02, None, 0.4]) == pytest.approx(0.04)
    assert smallest_adjusted([None]) is None
    assert uniformity_p(np.ones((27, 10))) is None


def test_decile_error_by_hand():
    # |12 - 10| + |8 - 10| + |5 - 0| over 20 incidents
    assert decile_error(np.array([12.0, 8.0, 5.0]), np.array([10.0, 10.0, 0.0])) == pytest.approx(9 / 20)
    assert decile_error(np.array([1.0]), np.array([0.0])) is None


def test_tenths_have_equal_expectation_and_show_a_planted_error():
    calibration = Calibration()
    expected = np.repeat([2.0, 0.2, 0.02], [1, 10, 100])
    calibration.add(expected, np.repeat([3.0, 0.2, 0.01], [1, 10, 100]))
    tenths = calibration.tenths()
    np.testing.assert_allclose(tenths["expected"], 0.6)
    # the first third is 3/2 of what is expected, the last third half of it, one third is shared between two tenths
    np.testing.assert_allclose(tenths["observed"][:3], 0.9)
    np.testing.assert_allclose(tenths["observed"][7:], 0.3)
    assert calibration.decile_error() == pytest.approx((1.0 + 0.0 + 1.0) / 6.0, abs=0.01)


def test_the_decile_error_of_a_correct_map_is_that_of_chance(cells):
    assessment = assessed(cells, world(cells, 21), POISSON)
    assert assessment.decile_error == pytest.approx(assessment.error_by_chance, rel=0.5)
    assert assessed(cells, world(cells, 21), POISSON, np.sqrt).decile_error > 4 * assessment.error_by_chance


@settings(max_examples=40, deadline=None)
@given(
    expected=arrays(np.float64, 60, elements=st.floats(1e-6, 5)),
    observed=arrays(np.int64, 60, elements=st.integers(0, 4)),
)
def test_tenths_sum_to_all_incidents(expected, observed):
    calibration = Calibration()
    calibration.add(expected, observed)
    tenths = calibration.tenths()
    assert tenths.height == TENTHS
    assert tenths["expected"].sum() == pytest.approx(expected.sum())
    assert tenths["observed"].sum() == pytest.approx(observed.sum())
    assert tenths["cell_days"].sum() == pytest.approx(60)


def test_resamples_keep_the_number_of_days_and_their_blocks():
    weights = day_weights(30, 7, 500)
    np.testing.assert_array_equal(weights.sum(axis=1), 30)
    assert weights.mean(axis=0) == pytest.approx(np.ones(30), abs=0.2)
    # a day's weight correlates with the next day's, but not with that of a day two weeks away
    near = np.corrcoef(weights[:, 10], weights[:, 11])[0, 1]
    far = np.corrcoef(weights[:, 10], weights[:, 25])[0, 1]
    assert near > 0.6
    assert far < 0.2


def test_the_interval_of_a_mean_agrees_with_the_closed_form():
    random = np.random.default_rng(6)
    values = random.normal(0.3, 1.0, 700)
    lower, upper = ratio_interval(values, np.ones(700))
    half = 1.96 / np.sqrt(700)
    assert lower == pytest.approx(values.mean() - half, abs=0.25 * half)
    assert upper == pytest.approx(values.mean() + half, abs=0.25 * half)


def test_dependence_within_a_week_widens_the_interval():
    random = np.random.default_rng(6)
    weekly = np.repeat(random.normal(0, 1, 100), 7)
    lower, upper = ratio_interval(weekly, np.ones(700))
    assert upper - lower > 1.8 * 2 * 1.96 / np.sqrt(700)


def test_differences_are_those_of_the_pooled_scores():
    random = np.random.default_rng(9)
    ours, theirs = [], []
    for number in range(28):
        day = FIRST_DAY + timedelta(days=number)
        rate = random.pareto(1.5, 400) * 0.05
        observed, flat = random.poisson(rate), np.full(400, rate.mean())
        ours.append(score_day(rate + 1e-3, flat, observed, day))
        theirs.append(score_day(flat, flat, observed, day))
    found = {row.metric: row for row in differences(ours, "flat", theirs)}
    incidents = sum(day.incident_count for day in ours)
    gained = sum(a.log_score - b.log_score for a, b in zip(ours, theirs, strict=True))
    assert found["information_gain"].estimate == pytest.approx(gained / incidents)
    hits = sum(a.hits[5] - b.hits[5] for a, b in zip(ours, theirs, strict=True))
    assert found["pai_5"].estimate == pytest.approx(hits / incidents / (20 / 400))
    assert all(row.lower < row.estimate < row.upper for row in found.values())
    assert found["information_gain"].lower > 0
    assert differences(ours[:10], "flat", theirs[:10])[0].lower is None


def test_districts_are_squares_or_the_citys_own(cells):
    squares = Districts.squares(cells)
    assert np.bincount(squares.of_cell).tolist() == [400] * 4
    frame = pl.DataFrame(
        {
            "cell_id": cells.cell_id[::-1],
            "district_code": ["north" if name > "N20" else None for name in cells.cell_id[::-1]],
        }
    )
    own = Districts.from_codes(cells, frame)
    assert own.names == ("north",)
    np.testing.assert_array_equal(own.of_cell, np.where(cells.row >= 20, 0, -1))
