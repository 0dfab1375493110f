"""Public messages without their texts and authors: time, language, length, theme, tone and place in the thread.

No text and no account leaves this module: each text is scored here and replaced by as many ``x`` as it has characters,
and the author is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import SourceT, require_columns, resized, within
from observatory.feeds.json_source import JsonReader
from observatory.feeds.messages.threads import THREAD, resolve
from observatory.window import Window

Scorer = Callable[[pl.Series, pl.Series], pl.DataFrame]
"""Texts and their languages, shape (n,) each, to ``theme_code``, ``tone_score`` and ``tone_model``, shape (n, 3)."""

SCORES = {"theme_code": pl.String, "tone_score": pl.Float64, "tone_model": pl.String}
COLUMNS = ("id", "created_at", "indexed_at", "language", "text", "is_reply", *SCORES, *(set(THREAD) - {"root"}))
"""Columns that a feed of messages may map; ``text`` is an ``x`` for each character of the message."""

# the name of an account, with its server or domain: @name, @name.bsky.social, @name@server.social
_HANDLE = r"@[\w](?:[\w.\-]*\w)?(?:@[\w.\-]+\w)?"


@dataclass(frozen=True)
class Post:
    """A message while it is read.

    Attributes:
        id: its identifier, which does not contain the account.
        parent: identifier of the message it replies to.
        root_hint: identifier of the thread's first message, if the network states it.
        created_at: when it was written, as the author's app states it.
        indexed_at: when the network received it.
        language: the language that it declares.
        text: its text; empty if the text is not needed.
        is_found: whether the search found it; else it only belongs to the thread of a message that was found.
    """

    id: str
    parent: str | None
    root_hint: str | None
    created_at: str | None
    indexed_at: str | None
    language: str | None
    text: str
    is_found: bool


@dataclass(frozen=True)
class MessageReader(JsonReader[SourceT]):
    """Reads the messages of a window day by day; the threads of one day are in memory at a time.

    Attributes:
        score: determines the theme and tone of texts; without it both are null.
    """

    score: Scorer | None = None

    def read(self) -> Iterator[pl.DataFrame]:
        """Yield the messages that the search found in the window; see ``Reader.read``."""
        for day in self.window.days():
            chunks = resized(self._anonymous(self._posts(day)), self.chunk_rows)
            yield from within(replace(self.feed_window, window=day), chunks)

    def _posts(self, day: Window) -> Iterator[Post]:
        """The messages that the search finds, then those of their threads; a message may be repeated."""
        raise NotImplementedError

    def _anonymous(self, posts: Iterable[Post]) -> Iterator[pl.DataFrame]:
        """The messages that were found, without texts; those without a word of their own are left out."""
        require_columns(self.subject, self.plan, COLUMNS, are_all=True)
        known: dict[str, Post] = {}
        for post in posts:
            before = known.get(post.id)
            if before is None or (post.is_found and not before.is_found):
                known[post.id] = post
        if not known:
            return
        if all(post.created_at is None for post in known.values()):
            raise SourceChanged(
                self.subject,
                found="messages without the time at which they were written",
                expected=f"messages as {self.source.protocol} sends them",
                action=f"Ask {self.feed.owner} whether the server's responses have changed.",
            )
        fields = ("id", "parent", "root_hint", "created_at", "indexed_at", "language", "text")
        named = {name: pl.Series([getattr(post, name) for post in known.values()], dtype=pl.String) for name in fields}
        messages = pl.DataFrame(named).with_columns(
            # names are removed before scoring and counting, because a reply begins with those it replies to
            pl.col("text").str.replace_all(_HANDLE, "").str.strip_chars(),
            pl.Series("is_found", [post.is_found for post in known.values()], dtype=pl.Boolean),
            pl.col("parent").is_not_null().alias("is_reply"),
        )
        messages = messages.with_columns(_scored(messages.select("text", "language"), self.score)).with_columns(
            pl.col("text").str.replace_all(r"(?s).", "x")
        )
        yield resolve(messages).filter(pl.col("is_found") & (pl.col("text") != "")).select(self.feed.read_columns)


def text_or_none(value: object) -> str | None:
    """The value if it is a text, else None."""
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
