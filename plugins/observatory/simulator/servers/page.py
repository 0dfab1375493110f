"""The page at a portal's root: what the portal is, what it serves, how to query it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jinja2 import Environment

from observatory.simulator.servers.socrata import Dataset

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1b2733 }
.notice { border-left: 4px solid #b45309; background: #fff7ed; padding: .75rem 1rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding: .5rem 0 }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #d5dce3; vertical-align: top }
code { background: #f1f4f7; padding: .1rem .3rem; overflow-wrap: anywhere }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="notice">{{ notice }}</p>
<table>
<caption>What it serves</caption>
<thead><tr><th scope="col">Resource</th><th scope="col">Holds</th><th scope="col">Rows</th></tr></thead>
<tbody>
{% for name, holds, count in resources %}
<tr><td><a href="/resource/{{ name }}">/resource/{{ name }}</a></td><td>{{ holds }}</td><td>{{ count }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if served %}
<table>
<caption>Feeds that read it</caption>
<thead><tr><th scope="col">Feed</th><th scope="col">Protocol</th><th scope="col">Address</th><th scope="col">Holds</th>
</tr></thead>
<tbody>
{% for each in served %}
<tr><td>{{ each.feed }}</td><td>{{ each.protocol }}</td><td><code>{{ each.address }}</code></td>\
<td>{{ each.holds }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
<p>Datasets answer as Socrata does: <code>$where</code>, <code>$order</code>, <code>$limit</code> (1,000 by default,
50,000 at most), <code>$offset</code>, <code>$select</code>.</p>
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Served:
    """A feed that can be read from a portal.

    Attributes:
        feed: its name in the city's file.
        protocol: protocol of the feed.
        address: path below the portal's address, or a folder.
        holds: what its rows are.
    """

    feed: str
    protocol: str
    address: str
    holds: str


def root_page(
    title: str, notice: str, datasets: Mapping[str, Dataset], geojson: Iterable[str], served: Iterable[Served] = ()
) -> str:
    """The root page as HTML; every text is escaped."""
    resources = [(f"{key}.json", _holds(dataset), f"{dataset.frame.height:,}") for key, dataset in datasets.items()]
    resources += [(f"{key}.geojson", "areas (GeoJSON)", "") for key in geojson]
    return _PAGE.render(title=title, notice=notice, resources=resources, served=list(served))


def _holds(dataset: Dataset) -> str:
    if dataset.frame.is_empty():
        return f"{dataset.name}: nothing yet"
    times = dataset.frame[dataset.order[0]]
    return f"{dataset.name}, {str(times[0])[:10]} to {str(times[-1])[:10]}; columns {', '.join(dataset.columns)}"
