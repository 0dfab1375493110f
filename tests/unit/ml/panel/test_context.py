"""Holidays, weather, events and places: read, learned from, without look-ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from ml.errors import InputError
from ml.files.context import read_context
from ml.models.hotspots import Hotspots
from ml.models.level import Level
from ml.panel.context import Context, public_holidays
from ml.panel.panel import TARGET, Cells, Panel
from observatory.grid import reproject

FIRST_DAY, DAYS, SIDE, EPSG = date(2021, 1, 1), 700, 12, 26916


@pytest.fixture(scope="module")
def cells():
    place = [(row, col) for row in range(SIDE) for col in range(SIDE)]
    north, east = 4_600_000, 440_000
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"CRS{EPSG}RES250mN{north + 250 * row}E{east + 250 * col}" for row, col in place],
                "easting_m": [east + 250 * col + 125.0 for _, col in place],
                "northing_m": [north + 250 * row + 125.0 for row, _ in place],
                "cell_size_m": [250] * len(place),
            }
        )
    )


def test_holidays_are_the_calendars():
    known = public_holidays("FR", date(2024, 1, 1), date(2025, 1, 1))
    assert [known.on(date(2024, month, day))[0] for month, day in ((7, 14), (7, 15), (12, 25))] == [1, 0, 1]
    assert known.on(date(2026, 5, 1))[0] == 1
    assert np.isnan(known.on(date(2030, 1, 1))[0])
    with pytest.raises(InputError, match="country: 'XX'; expected the ISO 3166 code"):
        public_holidays("XX", date(2024, 1, 1), date(2025, 1, 1))


def test_the_level_learns_the_effect_of_rain_and_keeps_it_when_stored(cells):
    random = np.random.default_rng(1)
    rain = random.random(DAYS + 1) < 0.3
    totals = random.poisson(60 * np.exp(-0.4 * rain[:DAYS]))
    counts = csr_matrix(np.pad(totals[:, None], ((0, 0), (0, len(cells) - 1))).astype(float))
    weather = Context("rain", "1", "a forecast", FIRST_DAY, rain[:, None].astype(float))
    tomorrow = [FIRST_DAY + timedelta(days=DAYS)]
    ahead = []
    for is_rainy in (0.0, 1.0):
        values = weather.values.copy()
        values[-1] = is_rainy
        panel = Panel(cells, FIRST_DAY, {TARGET: counts}, context=(replace(weather, values=values),))
        ahead.append(float(Level.fit(panel).predict(panel, tomorrow)[0]))
    assert ahead[1] / ahead[0] == pytest.approx(np.exp(-0.4), rel=0.08)


def test_trees_learn_the_effect_of_an_event_on_its_cells(cells):
    random = np.random.default_rng(2)
    event = np.zeros((DAYS + 1, len(cells)))
    event[(random.random(DAYS + 1) < 0.2)[:, None] & np.isin(np.arange(len(cells)), range(30))] = 1.0
    event[-1] = 0.0
    rate = 0.05 * (1 + 9 * event[:DAYS])
    counts = csr_matrix(random.poisson(rate).astype(float))
    tomorrow = FIRST_DAY + timedelta(days=DAYS)
    context = Context("match", "1", "the club", FIRST_DAY, event)
    panel = Panel(cells, FIRST_DAY, {TARGET: counts}, context=(context,))
    model = Hotspots().fit(panel, tomorrow - timedelta(days=1))
    assert model.uses_trees
    stored = Hotspots.from_text(model.to_text())
    assert stored.recipe == model.recipe
    assert stored.level == model.level
    with_match = event.copy()
    with_match[-1, :30] = 1.0
    played = replace(panel, context=(replace(context, values=with_match),))
    quiet, busy = (stored.predict(known, [tomorrow])[0][:30].sum() for known in (panel, played))
    assert busy > 2 * quiet
    more = replace(played, context=(replace(context, name="a fair", values=0 * with_match), *played.context))
    assert stored.predict(more, [tomorrow])[0][:30].sum() == busy
    with pytest.raises(InputError, match="a panel without match"):
        stored.predict(replace(panel, context=()), [tomorrow])


def written(path, rows):
    schema = {"name": pl.String, "unit": pl.String, "source": pl.String, "value": pl.Float64, "date": pl.Date}
    schema |= {"longitude_deg": pl.Float64, "latitude_deg": pl.Float64}
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
    return path


def test_a_file_may_have_context_of_days_places_and_both(cells, tmp_path):
    place = reproject(pl.Series([440_130.0]), pl.Series([4_600_380.0]), EPSG, 4326)
    where = (float(place.east[0]), float(place.north[0]))
    day = date(2021, 3, 1)
    rows = [
        ("rain", "mm", "met office", 4.0, day, None, None),
        ("rain", "mm", "met office", 1.0, day + timedelta(days=2), None, None),
        ("schools", "1", "directory", 1.0, None, *where),
        ("schools", "1", "directory", 1.0, None, *where),
        ("match", "spectators", "club", 60_000.0, day, *where),
        ("match", "spectators", "club", 10.0, day + timedelta(days=4), 0.0, 0.0),
    ]
    match, rain, schools = read_context(written(tmp_path / "c.parquet", rows), cells, EPSG)
    at = int(np.flatnonzero(cells.cell_id == f"CRS{EPSG}RES250mN4600250E440000")[0])
    assert rain.is_of_the_day
    assert rain.on(day)[0] == 4.0
    assert np.isnan(rain.on(day + timedelta(days=1))[0])
    assert schools.on(date(1999, 1, 1))[at] == schools.on(day).sum() == 2.0
    assert match.on(day)[at] == match.on(day).sum() == 60_000.0
    assert match.on(day + timedelta(days=4)).sum() == 0.0
    assert (rain.unit, schools.source) == ("mm", "directory")


@pytest.mark.parametrize(
    "rows",
    [
        [("rain", "mm", "a", 1.0, None, None, None)],
        [
            ("rain", "mm", "a", 1.0, date(2021, 1, 1), None, None),
            ("rain", "in", "a", 1.0, date(2021, 1, 2), None, None),
        ],
        [("x", "1", "a", 1.0, date(2021, 1, 1), None, None), ("x", "1", "a", 1.0, None, 1.0, 1.0)],
    ],
)
def test_a_context_with_inconsistent_rows_is_refused(cells, tmp_path, rows):
    with pytest.raises(InputError, match=r"differ in unit, source, or in having a date and a place; expected columns"):
        read_context(written(tmp_path / "c.parquet", rows), cells, EPSG)


def test_a_file_of_other_columns_is_refused(cells, tmp_path):
    pl.DataFrame({"name": ["x"]}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(InputError, match=r"expected columns \['name', 'unit'"):
        read_context(tmp_path / "c.parquet", cells, EPSG)
