"""The door: what is personal in a source's rows is gone before they are conformed, checked, kept or logged."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from observatory.contracts import parse

if TYPE_CHECKING:
    from observatory.contracts.base import Kind
    from observatory.privacy.places import Places
    from observatory.territory.city import PlaceNames, Territory
    from observatory.territory.feed import FeedSettings

EPOCH_LENGTH = 8
"""Characters of a pseudonymous key that tell its epoch; a hyphen and the pseudonym follow."""


def has_pseudonymous_key(kind: Kind, feed: FeedSettings) -> bool:
    """Whether the source's identifiers lead to a person's file, so that only their pseudonyms are kept."""
    is_secret = kind.pseudonymous_key == "always" or (kind.pseudonymous_key == "convention" and feed.convention)
    return bool(is_secret and feed.sources_of("source_record_id"))


def at_the_door(kind: Kind, rows: pl.DataFrame, territory: Territory, feed: FeedSettings) -> pl.DataFrame:
    """Take from a source's rows what may not come in.

    Args:
        kind: the contract, which says what is a key, a text or a count of a group.
        rows: the chunk as the feed delivered it, shape (n, any).
        territory: the city.
        feed: which source column is which.

    Returns:
        The mapped columns, shape (n, mapped): identifiers that lead to a person's file are pseudonyms, free texts have
        no person in them, texts that are only measured are their length, and the sizes of small groups are gone.

    Raises:
        SecretMissing: there are identifiers to hide and no secret to do it with.
    """
    mapped = dict.fromkeys(source for column in feed.columns for source in feed.sources_of(column))
    rows = rows.select(*mapped)
    hidden = []
    if has_pseudonymous_key(kind, feed):
        hidden += [_hidden(rows[source], kind, territory, feed) for source in feed.sources_of("source_record_id")]
    for column in kind.texts:
        if column not in feed.coded_texts:
            hidden += [_scrubbed(rows[source], territory) for source in feed.sources_of(column)]
    for column in kind.measured:
        lengths = (parse.text(source).str.len_chars() for source in feed.sources_of(column))
        hidden += [rows.select(length).to_series() for length in lengths]
    for column, least in kind.least_count.items():
        least_here = max(least, feed.least_count.get(column, 0))
        hidden += [_large_enough(rows[source], least_here, kind, feed) for source in feed.sources_of(column)]
    return rows.with_columns(**{values.name: values for values in hidden})


def _hidden(values: pl.Series, kind: Kind, territory: Territory, feed: FeedSettings) -> pl.Series:
    from observatory.privacy.pseudonyms import epoch, pseudonym

    is_simulated = territory.is_simulated
    keys = pseudonym(_texts(values), kind.name, f"{territory.code}/{feed.feed_id}", is_simulated=is_simulated)
    return (epoch(is_simulated=is_simulated) + "-" + keys).alias(values.name)


def _scrubbed(values: pl.Series, territory: Territory) -> pl.Series:
    from observatory.privacy.scrub import scrub

    return scrub(_texts(values), _places(territory.place_names)).alias(values.name)


def _large_enough(values: pl.Series, least: int, kind: Kind, feed: FeedSettings) -> pl.Series:
    """The counts, less those of groups so small that they may tell of a person."""
    count = parse.number(pl.col(values.name), pl.Float64(), decimal_comma=feed.decimal_comma)
    instead = pl.lit(f"<{least}") if kind.small_counts == "refuse" else pl.lit(None, pl.String)
    written = parse.text(values.name)
    return (
        values.to_frame()
        .select(pl.when(count.is_between(0, least, closed="left")).then(instead).otherwise(written).alias(values.name))
        .to_series()
    )


def _texts(values: pl.Series) -> pl.Series:
    return values.to_frame().select(parse.text(values.name)).to_series()


@lru_cache(maxsize=8)
def _places(names: PlaceNames) -> Places:
    """The names that stay in a text: those of the city's streets and areas."""
    from observatory.privacy.places import Places

    return Places(streets=names.read("streets"), areas=names.read("areas"))
