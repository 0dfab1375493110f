"""Check that a partner's records may be loaded: their convention must be in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observatory.errors import ConventionNotLive

if TYPE_CHECKING:
    from datetime import date

    from observatory.territory.feed import FeedSettings


def require_live_terms(feed: FeedSettings, today: date) -> None:
    """Refuse a feed whose convention is not in force; open data needs none.

    Args:
        feed: the feed's settings.
        today: the city's local day.

    Raises:
        ConventionNotLive: today is before the convention's start or after its end.
    """
    convention = feed.convention
    if convention and not convention.is_live(today):
        raise ConventionNotLive(
            f"{feed.territory_file}: `feeds.{feed.feed_id}`",
            found=f"the convention with {convention.partner} ({convention.document}) "
            + (f"begins on {convention.start}" if today < convention.start else f"ended on {convention.end}"),
            expected=f"one that is live on {today}",
            action="Nothing was read. Renew the convention and set its `start` and `end` in "
            f"{feed.territory_file}, or remove the feed from the file.",
        )
