"""Threads: which message began the one that a message belongs to, how deep in it it is, how many belong to it."""

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

    A network's word for the first message is taken where it names another message; else parents are climbed, all at
    once, each step twice as far as the one before. Where that leads out of what is known, the last one known stands
    for the first; where it leads round, the one of the round whose identifier sorts first. What is found depends on
    the messages alone, not on their order, so that a parent that came late is taken into account by resolving again.

    Args:
        messages: shape (n, any) with ``id`` (unique), ``parent`` and ``root_hint`` (null where there is none),
            ``created_at`` and ``theme_code``, all text.

    Returns:
        The same rows with ``root``; ``root_status``: ``self`` where a message begins its thread, ``found`` where the
        first message is known, ``missing`` where it is deleted, private, outside what was read, or goes round;
        ``thread_depth``: answers between it and the first message, null where those are not all known;
        ``thread_size_count``: how many known messages have the same first message; ``root_at`` and ``root_theme_code``
        of the first message, null where it is missing.
    """
    messages = messages.with_row_index(_NUMBER).sort("id")
    ids = messages["id"]
    parents = _positions(ids, messages["parent"])
    has_parent = messages["parent"].is_not_null().to_numpy()
    ends, depths, is_round = _climbed(parents)
    # the climb ends at a message without a parent, or at one whose parent is not known
    is_whole = ~is_round & ~has_parent[ends]
    hint = messages.select(pl.when(pl.col("root_hint") != pl.col("id")).then("root_hint")).to_series()
    has_hint = hint.is_not_null().to_numpy()
    hinted = _positions(ids, hint)
    roots = np.where(has_hint, hinted, ends)
    is_known = np.where(has_hint, hinted >= 0, is_whole)
    begins = ~has_hint & ~has_parent
    status = np.where(begins, "self", np.where(is_known, "found", "missing"))
    # a hint to another message than the climb ends at tells that the climb stopped on the way
    depth_is_known = is_whole & is_known & (roots == ends)
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
    """Where each named message is among the messages; -1 where it is not, or none is named."""
    place = pl.DataFrame({"id": ids, "position": np.arange(ids.len())})
    found = named.to_frame("id").join(place, on="id", how="left", maintain_order="left")
    return found["position"].fill_null(-1).to_numpy().astype(np.int64)


def _climbed(parents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Where the climb from each message ends, after how many steps, and whether it goes round.

    Args:
        parents: position of each message's parent, -1 where it is not known, shape (n,).

    Returns:
        Positions, steps and truths, each of shape (n,). Of a round, the position is that of its smallest.
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
    is_round = ~is_end[reached] if parents.size else np.zeros(0, dtype=bool)
    # after so many steps a climb that goes round is in the round, and what it met there is all of it
    return np.where(is_round, smallest[reached], reached), steps, is_round
