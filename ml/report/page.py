"""The report of a backtest as one page a person can read: text, tables and pictures in one file, nothing fetched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ml.evaluation.assessment import LEAST_MEAN, Coverage, Verdict
from ml.evaluation.bootstrap import BLOCK_DAYS, Difference
from ml.evaluation.metrics import AREA_PERCENTS
from ml.models.registry import OURS
from ml.panel.districts import SQUARE_M

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
tr.ours{font-weight:600;background:#f2f6fa}
img{max-width:100%}
figure{margin:1rem 0 2rem}
figcaption,.small{color:#555;font-size:13px}
"""
_CAPTIONS = {
    "differences": "Ours minus each other method, with 95 % intervals. Right of the line, ours is better.",
    "hit_rate": "How many of the incidents lay in the cells of highest risk.",
    "calibration": "Observed over expected, by tenths of the incidents expected. At 1 they can be taken as they are.",
    "pit": "Where the distribution is right every bar is nil but for chance. A heap at both ends: too narrow.",
    "map": "The last day forecast.",
}


def page(
    title: str,
    verdicts: Sequence[Verdict],
    differences: Sequence[Difference],
    notes: Sequence[str],
    pictures: Sequence[Path],
    *,
    districts_are_squares: bool,
) -> str:
    """The page as HTML.

    Args:
        title: what was tested.
        verdicts: one per method.
        differences: ours minus each other method.
        notes: what a reader should know of the data.
        pictures: PNG files to show, in order.
        districts_are_squares: whether districts were drawn for want of the city's own.
    """
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(summary(verdicts, differences))}</p>"]
    if notes:
        parts.append("<h2>About the data</h2><ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>")
    parts += ["<h2>Skill</h2>", _skill(verdicts), "<h2>Is it right?</h2>", _rightness(verdicts)]
    if differences:
        parts += ["<h2>Ours minus each other method</h2>", _differences(differences)]
    parts += ["<h2>Pictures</h2>", *(_picture(path) for path in pictures)]
    parts += ["<h2>How it was measured</h2>", _method(districts_are_squares=districts_are_squares)]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def summary(verdicts: Sequence[Verdict], differences: Sequence[Difference]) -> str:
    """The outcome in two sentences."""
    first = verdicts[0].measures
    text = f"{first.incident_count} incidents on {first.days} days, forecast by {len(verdicts)} methods."
    gains = [row for row in differences if row.measure == "information_gain"]
    if not gains:
        return text
    closest = min(gains, key=lambda row: row.estimate)
    interval = "" if closest.lower is None else f" (95 % interval {closest.lower:+.3f} to {closest.upper:+.3f})"
    return (
        f"{text} The method closest to ours in information gain is {closest.method}: ours gains"
        f" {closest.estimate:+.3f} nats per incident over it{interval}."
    )


def _skill(verdicts: Sequence[Verdict]) -> str:
    head = ["method", "information gain", "deviance"]
    head += [f"{name} {percent} %" for name in ("hit rate", "PAI", "PEI") for percent in AREA_PERCENTS]
    rows = []
    for verdict in verdicts:
        measures = verdict.measures
        row = [verdict.method, _number(measures.information_gain, 3), f"{measures.poisson_deviance:,.0f}"]
        row += [_percent(measures.hit_rate[percent]) for percent in AREA_PERCENTS]
        row += [_number(measures.pai[percent], 1) for percent in AREA_PERCENTS]
        row += [_number(measures.pei[percent], 2) for percent in AREA_PERCENTS]
        rows.append(row)
    return _table(head, rows)


def _rightness(verdicts: Sequence[Verdict]) -> str:
    head = ["method", "expected / observed", "decile error (by chance)", "PIT p, by volume", "PIT p, by district"]
    head += ["80 % interval of district-days holds", "… of city-days"]
    return _table(
        head,
        [
            [
                verdict.method,
                _number(verdict.total_ratio, 3),
                f"{_number(verdict.decile_error, 3)} ({_number(verdict.error_by_chance, 3)})",
                str(verdict.volume_p),
                str(verdict.district_p),
                _coverage(verdict.district_coverage),
                _coverage(verdict.city_coverage),
            ]
            for verdict in verdicts
        ],
    )


def _differences(differences: Sequence[Difference]) -> str:
    measures = list(dict.fromkeys(row.measure for row in differences))
    rows = []
    for method in dict.fromkeys(row.method for row in differences):
        own = {row.measure: row for row in differences if row.method == method}
        rows.append([method, *(str(own[measure]) for measure in measures)])
    return _table(["method", *(measure.replace("_", " ") for measure in measures)], rows)


def _method(*, districts_are_squares: bool) -> str:
    districts = (
        f"squares of about {SQUARE_M // 1000} km, because no districts were given"
        if districts_are_squares
        else "the city's own"
    )
    lines = [
        "Rolling origin: each day is forecast by every method from what was known before it.",
        "Information gain: log-likelihood gained per incident over a flat map at the mean of the last 28 days, nats.",
        "PAI: share of the incidents in the flagged cells over their share of the area. PEI: PAI over the best one.",
        "Cells with the same risk are ordered at random, not by file order.",
        "Decile error: mean of |expected / observed - 1| over tenths of the incidents expected, weighted by incidents;"
        " in brackets, what Poisson chance alone brings to a map that is right.",
        f"PIT p: the smallest p-value over the strata, adjusted for their number; blocks of {BLOCK_DAYS} days are"
        " resampled, because cells of a day depend on each other. Below 0.05 a stratum's distribution is not right."
        " In brackets, the PIT averaged over its randomisation, which finds smaller faults.",
        f"Coverage: among sums with a mean of {LEAST_MEAN:g} or more; in brackets, the share that the distribution"
        " itself puts inside, above 80 % because counts are whole numbers.",
        f"Intervals: 95 %, from resampled blocks of {BLOCK_DAYS} days.",
        f"Districts are {districts}.",
    ]
    return '<ul class="small">' + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _picture(path: Path) -> str:
    data = b64encode(path.read_bytes()).decode()
    caption = escape(_CAPTIONS[path.stem])
    image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f'<tr class="{"ours" if row[0] == OURS else "other"}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _coverage(coverage: Coverage) -> str:
    if coverage.covered is None or coverage.promised is None:
        return "-"
    return f"{coverage.covered:.0%} of {coverage.count} ({coverage.promised:.0%})"
