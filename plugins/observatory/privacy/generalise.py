"""Making a fact coarse enough that it is about a place, a class or a group, no longer about someone."""

from __future__ import annotations

import math

import polars as pl

METRES_PER_DEGREE = 111_195.0
"""Metres in a degree of latitude on the mean sphere (radius 6,371,009 m)."""
AGE_BREAKS = (18, 25, 45, 65)
AGE_CLASSES = ("0-17", "18-24", "25-44", "45-64", "65+")

_STREET = (
    r"(?:rue|r|avenue|av|ave|boulevard|bd|bld|blvd|place|pl|cours|quai|chemin|che?|impasse|imp|all[ée]es?|traverse|tra|"
    r"mont[ée]e|square|sq|rond[- ]point|esplanade|passage|pas|corniche|route|rte|promenade|sentier|lotissement|lot|"
    r"r[ée]sidence|res|hameau|cit[ée]|mail|parvis|faubourg|fg|villa|voie|escaliers?)"
)
_HOUSE = r"\d{1,5}\s?(?:bis|ter|quater|[a-f])?"
_HOUSE_BEHIND = r"\d{1,4}\s?(?:bis|ter|quater|[a-f])?"  # five digits behind a street are a postcode
_BEFORE_STREET = rf"(?i)^\s*(?:n[°o]\.?\s*|num[ée]ro\s+)?{_HOUSE}(?:\s*[-/&,]\s*{_HOUSE})*\s*,?\s+(?P<rest>[^\d\s].*)$"
_AFTER_STREET = (
    rf"(?i)\b(?P<street>{_STREET}\.?\s[^,;\d]+?),?\s+(?:n[°o]\.?\s*|num[ée]ro\s+)?{_HOUSE_BEHIND}(?P<rest>\s*(?:,.*)?)$"
)
_DWELLING = (
    r"(?i),?\s*\b(?:b[âa]t(?:iment)?|bt|esc(?:alier)?|app(?:t|artement)?|apt|porte|[ée]tage|unit|suite|ste|lot)\b\.?\s*"
    r"(?:n[°o]\.?\s*)?(?:\d+\s?[a-z]?|[a-z]\d*)\b|,?\s*#\s*\w+|,?\s*\b\d+\s?(?:e|er|[èe]me|nd|rd|th)\s+([ée]tage|floor)\b"
)


def street(address: str | pl.Expr) -> pl.Expr:
    """Expression that keeps the street of an address and drops the house, the building and the flat.

    ``14 bis, rue Paradis, bât C, 13006 Marseille`` becomes ``rue Paradis, 13006 Marseille``; an address that is a block
    or a crossing stays as it is.

    Args:
        address: column of postal addresses, French or English.

    Returns:
        String, one per row; null stays null.
    """
    column = pl.col(address) if isinstance(address, str) else address
    dwelling_dropped = column.str.replace_all(_DWELLING, "")
    return (
        pl.when(column.str.contains(r"(?i)^\s*\w+\s+block\b"))
        .then(column)
        .otherwise(dwelling_dropped.str.replace(_AFTER_STREET, "$street$rest").str.replace(_BEFORE_STREET, "$rest"))
        .str.strip_chars(" ,")
    )


def rounded_point(
    longitude: str = "longitude_deg", latitude: str = "latitude_deg", *, metres: float = 100.0
) -> tuple[pl.Expr, pl.Expr]:
    """Expressions that move a point to the nearest node of a lattice; the position of a person is told no finer.

    Args:
        longitude: column, degrees.
        latitude: column, degrees.
        metres: distance between nodes.

    Returns:
        Longitude and latitude of the node, degrees, under the columns' own names; at most ``metres / √2`` away.
    """
    step = metres / METRES_PER_DEGREE
    rounded_latitude = (pl.col(latitude) / step).round() * step
    # metres shrink with the latitude: of the node, not of the point, so that a row of nodes shares one step
    longitude_step = step / (rounded_latitude * (math.pi / 180)).cos()
    rounded_longitude = (pl.col(longitude) / longitude_step).round() * longitude_step
    return rounded_longitude.round(7).alias(longitude), rounded_latitude.round(7).alias(latitude)


def age_class(age_years: str | pl.Expr) -> pl.Expr:
    """Expression that puts an age into one of five classes; null where it is missing, negative or above 120.

    Args:
        age_years: column of ages, whole years. From a birth year: year of the fact less the birth year.
    """
    column = pl.col(age_years) if isinstance(age_years, str) else age_years
    possible = pl.when(column.is_between(0, 120)).then(column)
    return possible.cut(AGE_BREAKS, labels=AGE_CLASSES, left_closed=True).cast(pl.String)


def suppress_small(count: str | pl.Expr, *, minimum: int = 5) -> pl.Expr:
    """Expression that makes a count below the threshold null, zero included: not published, which is not nothing.

    Args:
        count: column of counts of persons.
        minimum: smallest count that is told; 5 by default, an operator's own (20 for telecom flows) where it is higher.
    """
    column = pl.col(count) if isinstance(count, str) else count
    return pl.when(column >= minimum).then(column)
