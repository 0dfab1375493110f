"""What remains of public messages: when, in which language, how long, about what, in which tone and shape of thread.

Neither a text nor an account goes further than this module: a text is scored here and leaves as so many ``x``, and who
wrote is not even read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.messages.threads import THREAD, resolve
from observatory.window import Window

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings

Scorer = Callable[[pl.Series, pl.Series], pl.DataFrame]
"""From texts and their languages, (n,) each, to ``theme_code``, ``tone_score`` and ``tone_model``, shape (n, 3)."""

SCORES = {"theme_code": pl.String, "tone_score": pl.Float64, "tone_model": pl.String}
COLUMNS = ("id", "created_at", "indexed_at", "language", "text", "is_reply", *SCORES, *(set(THREAD) - {"root"}))
"""What a feed of messages may map; ``text`` has as many characters as the message had, and each is an ``x``."""

# an account's name, with its server or domain: @name, @name.bsky.social, @name@server.social
_HANDLE = r"@[\w](?:[\w.\-]*\w)?(?:@[\w.\-]+\w)?"


@dataclass(frozen=True)
class Post:
    """A message while it is read.

    Attributes:
        id: which one it is; a name that no account is part of.
        parent: the message it answers.
        root_hint: the first message of the thread, where the network says so.
        created_at: when it was written, as its author's program says.
        indexed_at: when the network took it in.
        language: in which it says it is.
        text: what it says; empty where nobody needs to know.
        is_found: whether it was looked for, and is not only of the thread of one that was.
    """

    id: str
    parent: str | None
    root_hint: str | None
    created_at: str | None
    indexed_at: str | None
    language: str | None
    text: str
    is_found: bool


def days(window: Window) -> Iterator[Window]:
    """The window's local days, each a window; so much is in memory at once as a day's threads."""
    day = window.first_day
    while day < window.end_day:
        yield Window.of_day(day, window.timezone)
        day += timedelta(days=1)


def rows_of(
    posts: Iterable[Post], where: str, feed: FeedSettings, window: Window, score: Scorer | None
) -> Iterator[pl.DataFrame]:
    """What remains of the messages of a day that were found.

    Args:
        posts: they, and what is known of their threads; a message may come several times.
        where: feed and window, for messages.
        feed: which of ``COLUMNS`` are read.
        window: the day.
        score: what tells a text's theme and tone; without it both are null.

    Yields:
        Chunks with the feed's ``read_columns``; a message without a word of its own is left out.
    """
    require_columns(where, feed, COLUMNS, are_all=True)
    known: dict[str, Post] = {}
    for post in posts:
        before = known.get(post.id)
        if before is None or (post.is_found and not before.is_found):
            known[post.id] = post
    if not known:
        return
    if all(post.created_at is None for post in known.values()):
        raise SourceChanged(
            where,
            found="messages without the time at which they were written",
            expected=f"messages as {feed.source.protocol} sends them",
            action=f"Ask {feed.owner} whether the server's answers have changed; feeds.{feed.feed_id} reads no others.",
        )
    fields = ("id", "parent", "root_hint", "created_at", "indexed_at", "language", "text")
    named = {name: pl.Series([getattr(post, name) for post in known.values()], dtype=pl.String) for name in fields}
    messages = pl.DataFrame(named).with_columns(
        # first of all, since an answer begins with the names of those it answers
        pl.col("text").str.replace_all(_HANDLE, "").str.strip_chars(),
        pl.Series("is_found", [post.is_found for post in known.values()], dtype=pl.Boolean),
        pl.col("parent").is_not_null().alias("is_reply"),
    )
    messages = messages.with_columns(_scored(messages.select("text", "language"), score)).with_columns(
        pl.col("text").str.replace_all(r"(?s).", "x")
    )
    found = resolve(messages).filter(pl.col("is_found") & (pl.col("text") != "")).select(feed.read_columns)
    yield from within(window, (chunk for chunk in found.iter_slices(CHUNK_ROWS) if chunk.height), feed)


def said(value: object) -> str | None:
    """A text, or none where something else came."""
    return value if isinstance(value, str) else None


def without_markup(content: str) -> str:
    """The text of a fragment of HTML."""
    from html import unescape

    lines = re.sub(r"<br\s*/?>|</p>\s*<p[^>]*>", "\n", content)
    return unescape(re.sub(r"<[^>]*>", "", lines))


def _scored(messages: pl.DataFrame, score: Scorer | None) -> list[pl.Series]:
    """Theme, tone and model of each message whose text is not empty."""
    if score is None:
        return [pl.Series(name, [None] * messages.height, dtype=dtype) for name, dtype in SCORES.items()]
    has_text = messages.with_row_index("position").filter(pl.col("text") != "")
    scores = score(has_text["text"], has_text["language"]).select(*SCORES).with_columns(has_text["position"])
    all_rows = pl.DataFrame({"position": pl.int_range(messages.height, eager=True, dtype=pl.UInt32)})
    placed = all_rows.join(scores, on="position", how="left", maintain_order="left")
    return [placed[name].cast(dtype) for name, dtype in SCORES.items()]
