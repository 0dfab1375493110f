"""Check that a feed maps the columns of its kind's contract, and none that identifies a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observatory.contracts.base import DERIVED, PLACE
from observatory.errors import TerritoryError
from observatory.privacy.columns import personal_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observatory.records.plan import Plan

_OF_PLACES = {"zone_name", "place_name", "title"}
"""Contract columns with names of places and events; their source columns may be called e.g. ``nom``."""

_COMPLETED = {"occurred_to", "occurred_precision", "location_method"}
"""Required columns that ``conform`` fills in where they are not mapped."""


def require_mapping(plan: Plan) -> None:
    """Refuse a feed whose columns, constants or values are not those of its kind's contract.

    Raises:
        TerritoryError: it maps a personal or an unknown column, or lacks one that the contract needs.
    """
    feed = plan.feed
    for found, expected in _mistakes(plan):
        raise TerritoryError(
            f"{feed.territory_file}: `feeds.{feed.feed_id}`",
            found=found,
            expected=expected,
            action=f"Correct {feed.territory_file}.",
        )


def _mistakes(plan: Plan) -> Iterator[tuple[str, str]]:
    """What was found and what was expected, for each mistake; the most serious first."""
    contract, feed = plan.contract, plan.feed
    if contract.kind.is_derived:
        yield f"has `kind` {contract.name}", "a kind that feeds deliver; the observatory derives this one itself"
    if contract.kind.is_signal and feed.is_complete:
        yield (
            "has `is_complete`",
            f"no such key in a feed of {contract.name}: records of a signal are never withdrawn",
        )
    yield from _personal(plan)
    yield from _not_of_the_contract(plan)
    for setting, given, known in (
        ("coded_texts", set(feed.coded_texts), set(contract.texts)),
        ("least_count", set(feed.least_count), set(contract.least_count)),
    ):
        if unknown := sorted(given - known):
            yield f"has `{setting}` {unknown}", f"any of {sorted(known)}, the columns of kind {contract.name}"


def _personal(plan: Plan) -> Iterator[tuple[str, str]]:
    contract, feed = plan.contract, plan.feed
    for column in sorted({*feed.columns, *feed.constants, *feed.values} & set(contract.refused)):
        yield f"maps `{column}`", f"no such column in kind {contract.name}: {contract.refused[column]}"
    key = set(plan.sources["source_record_id"]) if plan.has_pseudonymous_key else set()
    of_places = {source for name in feed.columns if name in _OF_PLACES for source in feed.sources_of(name)}
    if personal := personal_columns(feed.read_columns, allowed=key | of_places):
        yield f"reads {personal}", "no column with data about a person"
    for column in feed.columns:
        if column != "source_record_id" and (shared := key & set(feed.sources_of(column))):
            yield f"maps {sorted(shared)} to `{column}` too", "the identifier of a person's file in no other column"


def _not_of_the_contract(plan: Plan) -> Iterator[tuple[str, str]]:
    contract, feed = plan.contract, plan.feed
    place = {"longitude_deg", "latitude_deg"} if feed.coordinates.epsg == 4326 else {"easting", "northing"}
    derived = DERIVED - set(contract.natural_key)
    possible = (
        (set(contract.columns) | set(contract.inputs) | {"point"} | place) - derived - (set(PLACE) - place - {"point"})
    )
    required = set(contract.required) - derived - _COMPLETED - contract.completes
    if feed.missing_ids or contract.natural_key != ("source_record_id",):
        required -= {"source_record_id"}
    given = {*feed.columns, *feed.constants}
    missing, unknown = sorted(required - given), sorted({*given, *feed.values} - possible)
    if missing or unknown:
        yield (
            f"has `columns` without {missing} and with the unknown {unknown}",
            f"the columns {sorted(required)} and any of {sorted(possible - required)}",
        )
    if contract.any_of and not given & set(contract.any_of):
        yield f"has `columns` with none of {list(contract.any_of)}", "at least one of them"
    if len(place & set(feed.columns)) == 1:
        yield "has only one coordinate in `columns`", f"{' and '.join(sorted(place))}, or neither"
    if twice := sorted(set(feed.columns) & set(feed.constants)):
        yield f"has {twice} both in `columns` and in `constants`", "each column once"
