"""Conversions between days, local times and UTC in the simulated city."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from observatory.simulator.world.draws import Integers
from observatory.simulator.world.parameters.incidents import UNIX_EPOCH_ORDINAL
from observatory.simulator.world.simulation import TIMEZONE


def days_of(first_day: date, end_day: date) -> Integers:
    """The local days ``[first_day, end_day)``, as proleptic ordinals."""
    return np.arange(first_day.toordinal(), end_day.toordinal())


def stamps(day: Integers, form: str = "%Y%m%d") -> pl.Series:
    """Proleptic ordinals as text; (n,)."""
    return pl.Series(day - UNIX_EPOCH_ORDINAL).cast(pl.Int32).cast(pl.Date).dt.strftime(form)


def on_local_clock(moment: pl.Expr) -> pl.Expr:
    """Local times, one hour later if they do not exist because the clocks go forward."""
    exists = moment.dt.replace_time_zone(TIMEZONE, ambiguous="earliest", non_existent="null").is_not_null()
    return pl.when(exists | moment.is_null()).then(moment).otherwise(moment + pl.duration(hours=1))


def to_utc(moment: pl.Expr) -> pl.Expr:
    """Local times in UTC; a time that exists twice is taken as the first."""
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


def written(moment: str, form: str) -> pl.Expr:
    """The column's moments in UTC as text in the city's local time."""
    return pl.col(moment).dt.convert_time_zone(TIMEZONE).dt.strftime(form)
