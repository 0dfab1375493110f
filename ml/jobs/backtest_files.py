"""Backtest of a city in files: read and check them, forecast every day, write and assess the forecasts, report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from ml.errors import Drifted
from ml.evaluation.assessment import Assessment, MethodAssessment
from ml.evaluation.backtest import rolling_forecasts
from ml.evaluation.bootstrap import Difference
from ml.files.city import FileCity, check_days, read_city, read_groups
from ml.files.forecasts import ParquetPieces, check_file, check_folder, forecast_rows
from ml.files.settings import read_settings
from ml.jobs.results import Progress
from ml.models.hotspots import Hotspots
from ml.models.registry import DEFAULT, OURS, methods_named
from ml.panel import eligibility
from ml.panel.history import Known
from ml.report.writer import Report


@dataclass(frozen=True, kw_only=True)
class FileBacktest:
    """Input and options of a backtest on files; see :func:`ml.files.city.read_city`.

    Attributes:
        groups: YAML of category groups, or None.
        methods: names, or None for ours and four baselines.
        settings: JSON of our trees' settings, or None for the defaults.
        districts: GeoJSON of districts, or None for squares of about 5 km.
    """

    incidents: Path
    boundary: Path
    epsg: int
    cell_size_m: int
    category: str
    groups: Path | None
    first_day: date
    last_day: date
    horizon_days: int = 1
    refit_days: int = 28
    methods: list[str] | None = None
    settings: Path | None = None
    districts: Path | None = None
    district_key: str | None = None
    country: str | None = None
    context: Path | None = None


@dataclass(frozen=True)
class BacktestResult:
    """Result of a backtest on files.

    Attributes:
        assessments: one per method.
        differences: ours minus each other method.
        notes: what a reader should know about the data.
    """

    assessments: tuple[MethodAssessment, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def backtest_files(
    test: FileBacktest, out: Path | None = None, report: Path | None = None, progress: Progress | None = None
) -> BacktestResult:
    """Run the backtest.

    Args:
        test: what to run.
        out: Parquet to write, see :func:`ml.files.forecasts.forecast_rows`.
        report: folder for the page, tables, curves and a map.
        progress: called with (what, days done, days in total).

    Raises:
        InputError: the input cannot be used.
        Abstention: a forecast of the first day would be withheld.
    """
    methods = methods_named(test.methods or DEFAULT)
    if test.settings:
        settings = read_settings(test.settings)
        methods = [replace(m, settings=settings) if isinstance(m, Hotspots) and m.settings else m for m in methods]
    if out:
        check_file(out, "--out")
    if report:
        check_folder(report, "--report")
    city = read_city(
        test.incidents,
        test.boundary,
        epsg=test.epsg,
        cell_size_m=test.cell_size_m,
        category=test.category,
        groups=read_groups(test.groups),
        districts=test.districts,
        district_key=test.district_key,
        country=test.country,
        context=test.context,
    )
    panel = city.panel
    check_days(city, test.first_day, test.last_day, test.horizon_days, test.incidents.name)
    eligibility.check_located(city.located_share)
    eligibility.check_history(panel.until(test.first_day - timedelta(days=test.horizon_days - 1)))
    notes = (*city.notes, *_drift_notes(test, city))
    known = Known(panel, test.horizon_days)
    total = (test.last_day - test.first_day).days + 1
    assessment = Assessment(city.districts)
    curves = Report(city, panel) if report else None
    with ParquetPieces(out) as written:
        forecasts = rolling_forecasts(
            methods,
            lambda _: known,
            truth=panel,
            first_day=test.first_day,
            last_day=test.last_day,
            refit_days=test.refit_days,
        )
        for made in forecasts:
            observed = panel.counts(made.day)
            assessment.add(made, observed)
            if out:
                written.add(forecast_rows(made, panel.cells.cell_id))
            if curves:
                curves.add(made, observed)
            if progress:
                progress("backtest", (made.day - test.first_day).days + 1, total)
    result = BacktestResult(assessment.by_method(), tuple(assessment.differences(OURS)), notes)
    if curves and report:
        title = f"{test.category}, {test.first_day} to {test.last_day}, {test.horizon_days} day(s) ahead"
        curves.write(report, title, assessment, notes)
    return result


def _drift_notes(test: FileBacktest, city: FileCity) -> list[str]:
    """Notes on the trainings after which forecasts would have been withheld because the record had drifted."""
    notes = []
    day = test.first_day
    while day <= test.last_day:
        try:
            eligibility.check_drift(city.panel.until(day - timedelta(days=test.horizon_days - 1)))
        except Drifted as error:
            notes.append(f"The forecast of {day} would have been withheld. {error}")
        day += timedelta(days=test.refit_days)
    return notes
