"""Threads of messages: the first message of each, the depth of a reply and the size of the thread."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

THREAD = {
    "root": pl.String,
    "root_status": pl.String,
    "thread_depth": pl.Int32,
    "thread_size_count": pl.Int32,
    "root_at": pl.String,
    "root_theme_code": pl.String,
}

_NUMBER = "number of the message"


def resolve(messages: pl.DataFrame) -> pl.DataFrame:
    """Find the first message of each thread among the messages that are known.

    If the network states another message as the first (``root_hint``), that is used. Otherwise parents are followed,
    for all messages at once, each step twice as far as the one before. If that leads to an unknown message, the last
    known one counts as the first; if it leads into a cycle, the message of the cycle whose identifier sorts first. The
    result does not depend on the order of the messages, so after a late parent has arrived the threads can be resolved
    again.

    Args:
        messages: shape (n, any) with ``id`` (unique), ``parent`` and ``root_hint`` (null if there is none),
            ``created_at`` and ``theme_code``, all text.

    Returns:
        The same rows with ``root``; ``root_status``: ``self`` if the message is the first of its thread, ``found`` if
        the first message is known, ``missing`` if it is deleted, private, outside the messages read, or in a cycle;
        ``thread_depth``: number of replies between it and the first message, null if they are not all known;
        ``thread_size_count``: number of known messages with the same first message; ``root_at`` and
        ``root_theme_code``: of the first message, null if it is missing.
    """
    messages = messages.with_row_index(_NUMBER).sort("id")
    ids = messages["id"]
    parents = _positions(ids, messages["parent"])
    has_parent = messages["parent"].is_not_null().to_numpy()
    ends, depths, is_cycle = _followed(parents)
    # the last known message either has no parent, or its parent is not known
    is_complete = ~is_cycle & ~has_parent[ends]
    hint = messages.select(pl.when(pl.col("root_hint") != pl.col("id")).then("root_hint")).to_series()
    has_hint = hint.is_not_null().to_numpy()
    hinted = _positions(ids, hint)
    roots = np.where(has_hint, hinted, ends)
    is_known = np.where(has_hint, hinted >= 0, is_complete)
    begins = ~has_hint & ~has_parent
    status = np.where(begins, "self", np.where(is_known, "found", "missing"))
    # if the hint names another message than the last one reached, a message between them is not known
    depth_is_known = is_complete & is_known & (roots == ends)
    found = pl.Series(np.where(is_known, roots, -1)).replace(-1, None)
    root = pl.select(pl.coalesce(hint, ids.gather(ends))).to_series()
    resolved = messages.with_columns(
        root.alias("root"),
        pl.Series("root_status", status, dtype=pl.String),
        pl.Series("thread_depth", depths, dtype=pl.Int32).set(pl.Series(~depth_is_known), None),
        messages["created_at"].gather(found).alias("root_at"),
        messages["theme_code"].gather(found).alias("root_theme_code"),
    ).with_columns(pl.len().over("root").cast(pl.Int32).alias("thread_size_count"))
    return resolved.sort(_NUMBER).drop(_NUMBER)


def _positions(ids: pl.Series, named: pl.Series) -> NDArray[np.int64]:
    """Position of each named message among the messages; -1 if it is not there, or none is named."""
    place = pl.DataFrame({"id": ids, "position": np.arange(ids.len())})
    found = named.to_frame("id").join(place, on="id", how="left", maintain_order="left")
    return found["position"].fill_null(-1).to_numpy().astype(np.int64)


def _followed(parents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Follow the parents of each message to the last known one.

    Args:
        parents: position of each message's parent, -1 if it is not known, shape (n,).

    Returns:
        Position of the last message, number of steps to it, and whether it is in a cycle, each of shape (n,). Of a
        cycle, the smallest position.
    """
    here = np.arange(parents.size)
    is_end = parents < 0
    reached = np.where(is_end, here, parents)
    steps = (~is_end).astype(np.int64)
    smallest = np.minimum(here, reached)
    for _ in range(int(parents.size).bit_length()):
        steps = steps + steps[reached]
        smallest = np.minimum(smallest, smallest[reached])
        reached = reached[reached]
    is_cycle = ~is_end[reached] if parents.size else np.zeros(0, dtype=bool)
    # after so many steps, every path that leads into a cycle has passed through all of it
    return np.where(is_cycle, smallest[reached], reached), steps, is_cycle
