"""Tokens of partners that send: one per feed, given from outside; made here only for a simulated city."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

from observatory.errors import TerritoryError
from observatory.secrets import secret, variable
from observatory.settings import territories_folder
from observatory.territory.city import Territory
from observatory.territory.files import load_readable_territories

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings

log = logging.getLogger(__name__)
SHORTEST_TOKEN = 20
"""Characters; a shorter token opens nothing."""
_NO_FEED = "OBSERVATORY_PUSH_TOKEN_OF_NO_FEED"


def opened_feed(code: str, feed_id: str, token: str) -> tuple[Territory, FeedSettings] | None:
    """The feed into which a token lets its bearer send; None whatever it is that is not right.

    An answer takes the same steps whether or not there is such a city, such a feed and such a token, so that its time
    does not tell.

    Args:
        code: what the request says is the city.
        feed_id: what it says is the feed.
        token: what it shows.
    """
    city = _cities(_state_of_files()).get(code)
    feed = city.feeds.get(feed_id) if city else None
    expected = token_of(city, feed) if city and feed else _token(_NO_FEED, None)
    digests = [hashlib.sha256(each.encode()).digest() for each in (token, expected or secrets.token_urlsafe())]
    is_right = hmac.compare_digest(*digests)
    return (city, feed) if city and feed and expected and is_right else None


def token_of(territory: Territory, feed: FeedSettings) -> str | None:
    """The token of a feed; None where there is none, or one so short that it could be guessed."""
    name = vars(feed.source).get("push_token")
    made = f"push_{territory.code}_{feed.feed_id}" if name and territory.is_simulated else None
    token = _token(name or _NO_FEED, made)
    if name and token and len(token) < SHORTEST_TOKEN:
        log.warning("%s has %d characters; expected %d or more, so it opens nothing", name, len(token), SHORTEST_TOKEN)
        return None
    return token if name else None


def printable_token(territory: Territory, feed_id: str) -> str:
    """The token of a feed of a simulated city, made on this machine.

    Raises:
        TerritoryError: the city is real, or the feed is none that is sent.
    """
    feed = territory.feeds.get(feed_id)
    token = token_of(territory, feed) if feed and territory.is_simulated else None
    if token:
        return token
    name = vars(feed.source).get("push_token") if feed else None
    raise TerritoryError(
        f"{territory.code}.yml: `feeds.{feed_id}`",
        found=f"a feed whose token is kept as {name}" if name else "no feed with a `push_token`",
        expected="a feed of a simulated city that has a `push_token`",
        action="The token of a real partner is made by whoever runs the observatory (openssl rand -hex 32) and set in "
        "the environment or in Airflow's secrets backend.",
    )


def _token(name: str, made: str | None) -> str | None:
    """The variable's value, else a secret that is made on this machine, where one may be."""
    given, kept = variable(name), secret(made or "push_no_feed")
    return given or (kept if made else None)


def _state_of_files() -> tuple[tuple[str, int, int], ...]:
    files = ((path.name, path.stat()) for path in sorted(territories_folder().glob("*.yml")))
    return tuple((name, seen.st_mtime_ns, seen.st_size) for name, seen in files)


@lru_cache(maxsize=1)
def _cities(_: tuple[tuple[str, int, int], ...]) -> dict[str, Territory]:
    """Every city, read again when a file of theirs is another."""
    return load_readable_territories()
