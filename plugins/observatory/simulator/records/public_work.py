"""Public works: announced, moved, cancelled, begun, finished; some have no end until they are finished."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from observatory.simulator.world.clock import days_of, moments
from observatory.simulator.world.draws import choose, uniform
from observatory.simulator.world.occurrences import (
    DAY_MIN,
    by_weekday,
    chance,
    history,
    homes,
    later,
    lognormal,
    numbered,
    occur,
    place,
)
from observatory.simulator.world.simulation import Simulation

_BEFORE, _AFTER = timedelta(days=150), timedelta(days=60)
_WEEKDAY = (2.0, 1.4, 1.2, 1.2, 1.0, 0.1, 0.1)
_WORDS = {
    "roadworks": "Réfection de la chaussée", "waterMainWork": "Remplacement d'une conduite d'eau",
    "gasMainWork": "Travaux sur le réseau de gaz", "telecom": "Pose de fibre",
    "constructionWork": "Chantier d'immeuble",
}  # fmt: skip


def versions(simulation: Simulation, _: date, end_day: date) -> pl.DataFrame:
    """Every work announced by ``end_day``; see ``observatory.simulator.records``.

    ``is_over`` is true in the version that reports a work as finished. A cancelled one is withdrawn.
    """
    works = simulation.parameters.services.works
    natures = [*works.natures]
    days = days_of(simulation.first_day - _BEFORE, end_day + _AFTER)
    rates = np.array([share for share, _ in works.natures.values()]) * works.rate * simulation.population / 100_000
    found = occur(simulation, "public_work", natures, days, rates[:, None] * by_weekday(days, _WEEKDAY))
    key = found.key
    weights = homes(0.2)[1]
    address = choose(key, "address", np.zeros(len(key), np.int64), weights[None, :])
    begins_at = moments(found.day, np.full(len(key), 8 * 60))
    median_days = np.array([days for _, days in works.natures.values()])[found.group]
    lasts = 1 + lognormal(key, "lasts", median_days, 0.6)
    planned_to = later(begins_at, np.ceil(lasts) * DAY_MIN + 9 * 60)
    is_extended = chance(key, "extended", works.extended_share)
    moved_to = later(planned_to, np.where(is_extended, np.ceil(0.5 * lasts) * DAY_MIN, 0))
    over_at = later(moved_to, np.round(-120 + 240 * uniform(key, "over")))
    is_open = pl.Series(chance(key, "open-ended", works.open_ended_share))
    announced_at = later(begins_at, -DAY_MIN * (1 + 29 * uniform(key, "announced")))
    called_off = np.where(chance(key, "cancelled", works.cancelled_share), -720.0, np.nan)
    no_moment = pl.Series([None] * len(key), dtype=pl.Datetime("us", "UTC"))
    frame = pl.DataFrame(
        {
            "source_record_id": numbered("TRX", found.day),
            "occurred_from": begins_at,
            "occurred_to": no_moment,
            "planned_from": begins_at,
            "planned_to": planned_to.set(is_open, None),
            "nature_code": np.array(natures)[found.group],
            "is_road_closed": chance(key, "closed road", works.closed_road_share),
            "is_over": False,
            "description": np.array([_WORDS[each] for each in natures])[found.group],
            **place(address),
            "shown_from": announced_at,
            "withdrawn_at": later(begins_at, called_off),
        }
    )
    told_at = later(planned_to, np.full(len(key), -60.0)).set(pl.Series(~is_extended) | is_open, None)
    moved = frame.with_columns(planned_to=moved_to.set(is_open, None), shown_from=told_at)
    gone_at = later(over_at, np.full(len(key), float(works.shown_after_days * DAY_MIN)))
    over = moved.with_columns(
        occurred_to=over_at,
        is_over=pl.lit(True),
        shown_from=later(over_at, np.full(len(key), 30.0)),
        withdrawn_at=pl.coalesce("withdrawn_at", gone_at),
    )
    # a cancelled work has no later version
    return history(frame, *(part.filter(frame["withdrawn_at"].is_null()) for part in (moved, over)))
