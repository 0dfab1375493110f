"""Draws that several kinds share: counts by group and day, places, waits, and when versions of a record are listed."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from observatory.simulator.world.city import City, build_city
from observatory.simulator.world.clock import after, stamps
from observatory.simulator.world.draws import (
    Floats,
    Integers,
    Keys,
    choose,
    combine,
    name_key,
    ordinals,
    poisson,
    uniform,
)
from observatory.simulator.world.parameters import CATEGORIES
from observatory.simulator.world.parameters.services import Changes
from observatory.simulator.world.simulation import Simulation

DAY_MIN = 24 * 60


@dataclass(frozen=True)
class Occurrences:
    """Occurrences as arrays of one length: a key for further draws, the day (ordinal) and the index of the group."""

    key: Keys
    day: Integers
    group: Integers


def occur(simulation: Simulation, kind: str, groups: Sequence[str], days: Integers, rates: Floats) -> Occurrences:
    """Poisson counts of each group and day, sorted by day; those of a day are the same in every span.

    Args:
        simulation: which city.
        kind: name on which the draws depend.
        groups: g names.
        days: (d,) ordinals.
        rates: (g, d) expected counts.
    """
    names = np.array([name_key(group) for group in groups])
    keys = combine(combine(combine(name_key(kind), simulation.seed), names)[:, None], days[None, :])
    counts = poisson(keys, "count", np.broadcast_to(rates, keys.shape)).ravel()
    found = Occurrences(
        key=combine(np.repeat(keys.ravel(), counts), ordinals(counts)),
        day=np.repeat(np.tile(days, len(groups)), counts),
        group=np.repeat(np.repeat(np.arange(len(groups)), len(days)), counts),
    )
    order = np.lexsort((found.key, found.day))
    return Occurrences(found.key[order], found.day[order], found.group[order])


def by_weekday(days: Integers, factors: Sequence[float]) -> Floats:
    """(d,) the factor of each day's weekday; ``factors`` start with Monday."""
    return np.array(factors)[(days - 1) % 7]


def later(moment: pl.Series, minutes: Floats) -> pl.Series:
    """Moments some minutes later, whole seconds; null where the minutes are not a number."""
    return after(moment, minutes * 60)


def exponential(key: Keys, purpose: str, mean: npt.ArrayLike) -> Floats:
    """Exponential waits."""
    return -np.log(uniform(key, purpose)) * np.asarray(mean, np.float64)


def lognormal(key: Keys, purpose: str, median: npt.ArrayLike, spread: float) -> Floats:
    """Lognormal waits; ``spread`` is the standard deviation of the logarithm."""
    return np.asarray(median) * np.exp(spread * ndtri(uniform(key, purpose)))


def minute_of_day(key: Keys, peak_hour: float, rhythm: float) -> Floats:
    """Minutes of the local day: von Mises-like around a peak hour, uniform within the hour."""
    hours = np.arange(24) + 0.5
    weights = np.exp(rhythm * np.cos(2 * np.pi * (hours - peak_hour) / 24))[None, :]
    return (choose(key, "hour", np.zeros(len(key), np.int64), weights) + uniform(key, "minute")) * 60


def homes(centrality: float = 0.0) -> tuple[City, Floats]:
    """The city, and (addresses,) weights, sum 1, of where people live, shifted to the centre by ``centrality``."""
    city = build_city()
    return city, city.background(replace(CATEGORIES[0], centrality=centrality))


def district_shares(centrality: float = 0.0) -> Floats:
    """(districts,) how the weights of ``homes`` fall on the districts."""
    city, weights = homes(centrality)
    return np.bincount(city.address_district, weights, minlength=len(city.districts)).astype(np.float64)


def addresses(key: Keys, district: Integers, centrality: float = 0.0) -> Integers:
    """An address in each one's district."""
    city, weights = homes(centrality)
    inside = city.address_district[None, :] == np.arange(len(city.districts))[:, None]
    return choose(key, "address", district, np.where(inside, weights[None, :], 0.0))


def place(address: Integers) -> dict[str, pl.Series]:
    """Columns of a place: degrees and district."""
    city = build_city()
    return {
        "longitude_deg": pl.Series(city.lonlat[address, 0]),
        "latitude_deg": pl.Series(city.lonlat[address, 1]),
        "district_code": pl.Series(np.array(city.district_codes)[city.address_district[address]]),
    }


def numbered(prefix: str, day: Integers) -> pl.Series:
    """``CR-20260131-0007`` for the seventh of its day; ``day`` is sorted."""
    ordinal = pl.Series(np.arange(len(day)) - np.searchsorted(day, day, side="left") + 1)
    number = ordinal.cast(pl.String).str.zfill(4)
    return pl.select(pl.format(prefix + "-{}-{}", stamps(day), number)).to_series()


def hexadecimal(key: Keys) -> npt.NDArray[np.str_]:
    """Each key in 16 hexadecimal digits."""
    return np.frombuffer(hexlify(key.astype(">u8").tobytes()), "S16").astype("U16")


def chance(key: Keys, purpose: str, share: float) -> npt.NDArray[np.bool_]:
    """Whether each key is drawn, with the probability ``share``."""
    return uniform(key, purpose) < share


def days_later(key: Keys, purpose: str, share: float, most_days: float) -> Floats:
    """Minutes, from a quarter of a day to ``most_days``, for the drawn ``share`` of the keys; NaN for the others."""
    days = 0.25 + (most_days - 0.25) * uniform(key, f"{purpose} delay")
    return np.where(chance(key, purpose, share), days * DAY_MIN, np.nan)


def history(*versions: pl.DataFrame) -> pl.DataFrame:
    """Combine versions of records into rows with the interval in which each is shown.

    Args:
        versions: frames with ``source_record_id``, ``occurred_from``, ``shown_from`` (null: no such version)
            and, if they are withdrawn or listed twice, ``withdrawn_at`` and ``is_twice``.

    Returns:
        Their rows with ``shown_until``: the next version's ``shown_from``, or when the record is withdrawn; sorted by
        ``occurred_from``, ``source_record_id`` and ``shown_from``.
    """
    listed = pl.concat(versions, how="diagonal").filter(pl.col("shown_from").is_not_null())
    if "withdrawn_at" not in listed.columns:
        listed = listed.with_columns(withdrawn_at=pl.lit(None, pl.Datetime("us", "UTC")))
    listed = listed.sort("source_record_id", "shown_from", maintain_order=True)
    following = pl.col("shown_from").shift(-1).over("source_record_id")
    listed = listed.with_columns(shown_until=pl.min_horizontal(following, "withdrawn_at")).drop("withdrawn_at")
    listed = listed.filter(pl.col("shown_until").is_null() | (pl.col("shown_until") > pl.col("shown_from")))
    if "is_twice" in listed.columns:
        listed = pl.concat([listed, listed.filter("is_twice")]).drop("is_twice")
    return listed.sort("occurred_from", "source_record_id", "shown_from", nulls_last=True, maintain_order=True)


def entered(
    frame: pl.DataFrame, key: Keys, at: pl.Series, changes: Changes, wrong: Mapping[str, pl.Series]
) -> list[pl.DataFrame]:
    """The first version of each record and, where it was wrong, the corrected one; for ``history``.

    Args:
        frame: (n,) correct records.
        key: (n,) keys.
        at: (n,) when each is entered unless it is late.
        changes: shares.
        wrong: values of columns in a mistaken version.
    """
    late = np.nan_to_num(days_later(key, "late", changes.late_share, changes.last_change_days))
    first_at = later(at, late)
    corrected_at = later(first_at, days_later(key, "corrected", changes.corrected_share, changes.last_change_days))
    withdrawn = days_later(key, "withdrawn", changes.withdrawn_share, changes.last_change_days)
    right = frame.with_columns(
        withdrawn_at=later(first_at, withdrawn), is_twice=pl.Series(chance(key, "twice", changes.twice_share))
    )
    is_wrong = corrected_at.is_not_null()
    mistaken = [pl.when(is_wrong).then(values).otherwise(pl.col(name)).alias(name) for name, values in wrong.items()]
    return [
        right.with_columns(*mistaken, shown_from=first_at),
        right.with_columns(shown_from=corrected_at),
    ]
