"""The report of a backtest as one HTML file: text, tables and pictures, without anything to download."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ml.evaluation.assessment import LEAST_MEAN, Coverage, MethodAssessment
from ml.evaluation.bootstrap import BLOCK_DAYS, Difference
from ml.evaluation.metrics import AREA_PERCENTS
from ml.models.registry import OURS
from ml.panel.districts import SQUARE_M

_CAPTIONS = {
    "differences": "Ours minus each other method, with 95 % intervals. Right of the line, ours is better.",
    "hit_rate": "Share of the incidents in the cells of highest risk.",
    "calibration": "Observed over expected incidents, by tenths of the incidents expected. 1 is correct.",
    "pit": "Where the distribution is right every bar is near zero. High bars at both ends: too narrow.",
    "map": "The last day forecast.",
}


class Table(NamedTuple):
    """A table of the page; the first cell of a row names its method."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def page(
    title: str,
    assessments: Sequence[MethodAssessment],
    differences: Sequence[Difference],
    notes: Sequence[str],
    pictures: Sequence[Path],
    *,
    districts_are_squares: bool,
) -> str:
    """The page as HTML.

    Args:
        title: what was tested.
        assessments: one per method.
        differences: ours minus each other method.
        notes: what a reader should know about the data.
        pictures: PNG files to show, in order.
        districts_are_squares: whether squares stand in for the city's own districts.
    """
    tables = [_skill(assessments), _calibration(assessments), *([_differences(differences)] if differences else [])]
    loader = PackageLoader("ml.report")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        summary=summary(assessments, differences),
        notes=notes,
        tables=tables,
        ours=OURS,
        pictures=[
            {"caption": _CAPTIONS[path.stem], "data": b64encode(path.read_bytes()).decode()} for path in pictures
        ],
        block_days=BLOCK_DAYS,
        least_mean=f"{LEAST_MEAN:g}",
        square_km=SQUARE_M // 1000,
        districts_are_squares=districts_are_squares,
    )


def summary(assessments: Sequence[MethodAssessment], differences: Sequence[Difference]) -> str:
    """The outcome in two sentences."""
    first = assessments[0].metrics
    text = f"{first.incident_count} incidents on {first.days} days, forecast by {len(assessments)} methods."
    gains = [row for row in differences if row.metric == "information_gain"]
    if not gains:
        return text
    closest = min(gains, key=lambda row: row.estimate)
    interval = "" if closest.lower is None else f" (95 % interval {closest.lower:+.3f} to {closest.upper:+.3f})"
    return (
        f"{text} The method closest to ours in information gain is {closest.method}: ours gains"
        f" {closest.estimate:+.3f} nats per incident over it{interval}."
    )


def _skill(assessments: Sequence[MethodAssessment]) -> Table:
    head = ["method", "information gain", "deviance"]
    head += [f"{name} {percent} %" for name in ("hit rate", "PAI", "PEI") for percent in AREA_PERCENTS]
    rows = []
    for assessment in assessments:
        metrics = assessment.metrics
        row = [assessment.method, _number(metrics.information_gain, 3), f"{metrics.poisson_deviance:,.0f}"]
        row += [_percent(metrics.hit_rate[percent]) for percent in AREA_PERCENTS]
        row += [_number(metrics.pai[percent], 1) for percent in AREA_PERCENTS]
        row += [_number(metrics.pei[percent], 2) for percent in AREA_PERCENTS]
        rows.append(row)
    return Table("Skill", head, rows)


def _calibration(assessments: Sequence[MethodAssessment]) -> Table:
    head = ["method", "expected / observed", "decile error (by chance)", "PIT p, by volume", "PIT p, by district"]
    head += ["80 % interval of district-days holds", "… of city-days"]
    return Table(
        "Is it right?",
        head,
        [
            [
                assessment.method,
                _number(assessment.total_ratio, 3),
                f"{_number(assessment.decile_error, 3)} ({_number(assessment.error_by_chance, 3)})",
                str(assessment.volume_p),
                str(assessment.district_p),
                _coverage(assessment.district_coverage),
                _coverage(assessment.city_coverage),
            ]
            for assessment in assessments
        ],
    )


def _differences(differences: Sequence[Difference]) -> Table:
    metrics = list(dict.fromkeys(row.metric for row in differences))
    rows = []
    for method in dict.fromkeys(row.method for row in differences):
        own = {row.metric: row for row in differences if row.method == method}
        rows.append([method, *(str(own[metric]) for metric in metrics)])
    head = ["method", *(metric.replace("_", " ") for metric in metrics)]
    return Table("Ours minus each other method", head, rows)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _coverage(coverage: Coverage) -> str:
    if coverage.covered is None or coverage.promised is None:
        return "-"
    return f"{coverage.covered:.0%} of {coverage.count} ({coverage.promised:.0%})"
