"""Minimise, conform and check a chunk of a feed's rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from observatory.records.check import Checked, check
from observatory.records.conform import conform
from observatory.records.minimise import minimise

if TYPE_CHECKING:
    import polars as pl

    from observatory.records.identity import Ordinals
    from observatory.records.plan import Plan


def admit(rows: pl.DataFrame, plan: Plan, ordinals: Ordinals) -> Checked:
    """Turn a chunk of a feed's rows into accepted and rejected records; every load calls it.

    Args:
        rows: the chunk as the reader returned it, shape (n, any).
        plan: how the feed's rows become records.
        ordinals: the same object for all chunks of one window.
    """
    rows = minimise(rows, plan)
    return check(rows, conform(rows, plan, ordinals, datetime.now(UTC)), plan)
