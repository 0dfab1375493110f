"""The page at a portal's root: what it is, what it serves, how to ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from observatory.simulator.servers.socrata import Dataset

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1b2733 }}
.notice {{ border-left: 4px solid #b45309; background: #fff7ed; padding: .75rem 1rem }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }}
caption {{ text-align: left; font-weight: 600; padding: .5rem 0 }}
th, td {{ text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #d5dce3; vertical-align: top }}
code {{ background: #f1f4f7; padding: .1rem .3rem; overflow-wrap: anywhere }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="notice">{notice}</p>
<table>
<caption>What it serves</caption>
<thead><tr><th scope="col">Resource</th><th scope="col">Holds</th><th scope="col">Rows</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
{feeds}
<p>Datasets answer as Socrata does: <code>$where</code>, <code>$order</code>, <code>$limit</code> (1,000 unless
told, 50,000 at most), <code>$offset</code>, <code>$select</code>.</p>
</main>
</body>
</html>
"""


_FEEDS = """<table>
<caption>Feeds that read it</caption>
<thead><tr><th scope="col">Feed</th><th scope="col">Protocol</th><th scope="col">Address</th><th scope="col">Holds</th>
</tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


@dataclass(frozen=True)
class Served:
    """A feed that can be read of a portal.

    Attributes:
        feed: its name in the city's file.
        protocol: which it is read over.
        address: the path below the portal, or the folder, that it is read from.
        holds: what its rows are.
    """

    feed: str
    protocol: str
    address: str
    holds: str


def root_page(
    title: str, notice: str, datasets: Mapping[str, Dataset], geojson: Iterable[str], served: Iterable[Served] = ()
) -> str:
    """The root page as HTML; every text given is escaped."""
    rows = [_row(f"{key}.json", _holds(dataset), f"{dataset.frame.height:,}") for key, dataset in datasets.items()]
    rows += [_row(f"{key}.geojson", "areas (GeoJSON)", "") for key in geojson]
    lines = "\n".join(map(_line, served))
    feeds = _FEEDS.format(rows=lines) if lines else ""
    return _PAGE.format(title=escape(title), notice=escape(notice), rows="\n".join(rows), feeds=feeds)


def _line(each: Served) -> str:
    cells = (escape(each.feed), escape(each.protocol), f"<code>{escape(each.address)}</code>", escape(each.holds))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _holds(dataset: Dataset) -> str:
    if dataset.frame.is_empty():
        return f"{dataset.name}: nothing yet"
    times = dataset.frame[dataset.order[0]]
    return f"{dataset.name}, {str(times[0])[:10]} to {str(times[-1])[:10]}; columns {', '.join(dataset.columns)}"


def _row(resource: str, holds: str, count: str) -> str:
    link = f'<a href="/resource/{escape(resource)}">/resource/{escape(resource)}</a>'
    return f"<tr><td>{link}</td><td>{escape(holds)}</td><td>{count}</td></tr>"
