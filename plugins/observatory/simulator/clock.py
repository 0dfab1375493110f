"""Local clock times of the city as moments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from observatory.simulator.simulation import TIMEZONE

UNIX_EPOCH_ORDINAL = 719_163


def on_local_clock(moment: pl.Expr) -> pl.Expr:
    """Local clock times; those of the hour that spring leaves out are an hour later."""
    exists = moment.dt.replace_time_zone(TIMEZONE, ambiguous="earliest", non_existent="null").is_not_null()
    return pl.when(exists | moment.is_null()).then(moment).otherwise(moment + pl.duration(hours=1))


def to_utc(moment: pl.Expr) -> pl.Expr:
    """Local clock times as moments in UTC; an hour that comes twice is its first."""
    return on_local_clock(moment).dt.replace_time_zone(TIMEZONE, ambiguous="earliest").dt.convert_time_zone("UTC")


def moments(day: npt.ArrayLike, minute: npt.ArrayLike) -> pl.Series:
    """Moments in UTC (microseconds) from proleptic ordinals and minutes of the local day; (n,), null where NaN."""
    seconds = (np.asarray(day) - UNIX_EPOCH_ORDINAL) * 86_400.0 + np.round(np.asarray(minute, float) * 60)
    local = pl.Series("moment", seconds).fill_nan(None).cast(pl.Int64) * 1_000_000
    return pl.DataFrame([local.cast(pl.Datetime("us"))]).select(to_utc(pl.col("moment"))).to_series()


def after(moment: pl.Series, seconds: npt.ArrayLike) -> pl.Series:
    """Moments so many seconds later; null where NaN."""
    wait = pl.Series(np.round(np.asarray(seconds, float))).fill_nan(None).cast(pl.Int64) * 1_000_000
    return moment + wait.cast(pl.Duration("us"))
