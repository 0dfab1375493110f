"""The records of the simulated city: one module per kind, named as its contract.

Each module has a function ``versions(simulation, first_day, end_day)``: all versions ever published of the records that
occur on the local days ``[first_day, end_day)`` (of every record, for kinds without a time), as a frame with

- columns of the kind's contract, in its units, in UTC and degrees (``source_record_id``, ``occurred_from``, …) and of
  its rule's inputs; only columns that a partner would send, no personal identity;
- ``shown_from``, ``shown_until``: interval (UTC, half-open) in which a source lists the row; null = without end.

So a late record is shown late, a corrected one has a wrong version before the right one, one withdrawn at source ends,
and one that is listed twice has two rows. The rows of a day do not depend on the span in which they are requested.
"""

from __future__ import annotations

from datetime import date, datetime
from importlib import import_module
from pkgutil import iter_modules

import polars as pl

from observatory.kinds import KINDS
from observatory.simulator.world.simulation import Simulation

NAMES = tuple(sorted({module.name for module in iter_modules(__path__)} & set(KINDS)))
"""Kinds with simulated records."""


def versions(kind: str, simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the records of a kind; see the package for the columns.

    Args:
        kind: one of ``NAMES``.
        simulation: which city.
        first_day: first local day.
        end_day: first local day after them.
    """
    return import_module(f"{__name__}.{kind}").versions(simulation, first_day, end_day)


def listing(versions: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """What a source lists at a moment (UTC), with the time at which each row was published.

    Returns:
        The versions shown then, without ``shown_until``; ``shown_from`` is called ``published_at``.
    """
    is_shown = (pl.col("shown_from") <= now) & (pl.col("shown_until") > now).fill_null(value=True)
    return versions.filter(is_shown).drop("shown_until").rename({"shown_from": "published_at"})
