"""The documentation of a feed in Airflow: kind, owner, source, terms, schedule, columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings


def cadence(feed: FeedSettings) -> str:
    """How often a feed is read, as text."""
    return "daily" if feed.cadence_min is None else f"every {feed.cadence_min} min"


def summary(territory: Territory, feed_id: str) -> str:
    """The description of a feed's DAG: kind, city, owner, cadence."""
    feed = territory.feeds[feed_id]
    return f"{feed.kind} of {territory.name}, from {feed.owner}, {cadence(feed)}"


def page(territory: Territory, feed_id: str) -> str:
    """The documentation of a feed's DAG, Markdown."""
    feed, kind = territory.feeds[feed_id], KINDS[territory.feeds[feed_id].kind]
    back = kind.correction_days if feed.correction_days is None else feed.correction_days
    kept = kind.retention_days
    simulated = "The city is fictitious and its records are simulated.\n\n" if territory.is_simulated else ""
    when = f"at {territory.schedule} ({territory.timezone})" if feed.cadence_min is None else "up to the present"
    columns = "\n".join(f"- `{name}`" for name in feed.read_columns) or "- those that the protocol defines"
    return f"""{simulated}**{feed.kind}**: one row is {kind.row}.

| | |
|---|---|
| Owner | {feed.owner} |
| Source | {feed.source.protocol}, {feed.source.address} |
| Terms | {feed.terms} |
| Read | {cadence(feed)}, {when} |
| Corrected by the source | up to {back} days back, read again every day |
| Retention | {f"{kept} days" if kept else "no limit"} |

Columns read (others are ignored):

{columns}
"""
