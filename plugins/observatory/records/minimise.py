"""Minimisation: remove personal data from a source's rows before they are conformed, checked, stored or logged."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from observatory.contracts import parse

if TYPE_CHECKING:
    from observatory.privacy.places import Places
    from observatory.records.plan import Plan
    from observatory.territory.city import PlaceNames, Territory

EPOCH_LENGTH = 8
"""Number of leading characters of a pseudonymous key that state its epoch; a hyphen and the pseudonym follow."""


def minimise(rows: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Keep the mapped columns of a source's rows, without personal data.

    Args:
        rows: the chunk as the reader returned it, shape (n, any).
        plan: states which source column is a key, a free text or the size of a group.

    Returns:
        The mapped columns, shape (n, mapped). Identifiers that lead to a person's file are replaced by pseudonyms,
        persons in free texts are masked, texts of which only the length is used are replaced by it, and counts of
        small groups are removed.

    Raises:
        SecretMissing: identifiers must be replaced by pseudonyms, and the secret for them is not set.
    """
    rows = rows.select(*plan.mapped)
    contract, sources = plan.contract, plan.sources
    replaced = []
    if plan.has_pseudonymous_key:
        replaced += [_pseudonyms(rows[source], plan) for source in sources["source_record_id"]]
    for column in contract.texts:
        if column not in plan.feed.coded_texts:
            replaced += [_scrubbed(rows[source], plan.territory) for source in sources.get(column, ())]
    for column in contract.measured:
        lengths = (parse.text(source).str.len_chars() for source in sources.get(column, ()))
        replaced += [rows.select(length).to_series() for length in lengths]
    for column, least in contract.least_count.items():
        threshold = max(least, plan.feed.least_count.get(column, 0))
        replaced += [_large_enough(rows[source], threshold, plan) for source in sources.get(column, ())]
    return rows.with_columns(**{values.name: values for values in replaced})


def _pseudonyms(values: pl.Series, plan: Plan) -> pl.Series:
    from observatory.privacy.pseudonyms import epoch, pseudonym

    is_simulated = plan.territory.is_simulated
    keys = pseudonym(_texts(values), plan.contract.name, str(plan), is_simulated=is_simulated)
    return (epoch(is_simulated=is_simulated) + "-" + keys).alias(values.name)


def _scrubbed(values: pl.Series, territory: Territory) -> pl.Series:
    from observatory.privacy.scrub import scrub

    return scrub(_texts(values), _places(territory.place_names)).alias(values.name)


def _large_enough(values: pl.Series, least: int, plan: Plan) -> pl.Series:
    """The counts, without those of groups so small that they could identify a person."""
    count = parse.number(pl.col(values.name), pl.Float64(), decimal_comma=plan.feed.decimal_comma)
    instead = pl.lit(f"<{least}") if plan.contract.small_counts == "refuse" else pl.lit(None, pl.String)
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
    """Names that scrubbing keeps in a text: those of the city's streets and areas."""
    from observatory.privacy.places import Places

    return Places(streets=names.read("streets"), areas=names.read("areas"))
