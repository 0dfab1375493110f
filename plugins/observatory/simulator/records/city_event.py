"""Events of the city: matches, markets, events of the venues; some are moved or cancelled late."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.records.version_spans import spans
from observatory.simulator.world.city import NAME, City, build_city
from observatory.simulator.world.clock import days_of, moments, stamps
from observatory.simulator.world.draws import Integers, uniform
from observatory.simulator.world.gatherings import fixtures, venue_events
from observatory.simulator.world.simulation import Simulation

_GUESTS = ("Rivelongue", "Les Abers", "Montclair", "Saint-Elme", "Valserre", "Cap-Nord", "Fontanelle")
_MATCH_MIN, _VENUE_MIN, _VISITORS_A_STALL = 115, 120, 40
_NOON, _EVENING = 12 * 60, 18 * 60
_MATCH_KNOWN_DAYS, _MOVE_KNOWN_DAYS, _MARKET_KNOWN_DAYS = 30, 5, 60


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the events of the local days ``[first_day, end_day)``; see the package."""
    city = build_city()
    made = [_matches, _markets, _at_venues]
    rows = pl.concat([part(simulation, first_day, end_day, city) for part in made], how="diagonal")
    return rows.sort("source_record_id", "shown_from")


def event_codes(prefix: str, day: Integers) -> pl.Series:
    """``match-20240106``."""
    return f"{prefix}-" + stamps(day)


def _matches(simulation: Simulation, first_day: date, end_day: date, city: City) -> pl.DataFrame:
    played, matches = fixtures(simulation, first_day, end_day), simulation.parameters.gatherings.matches
    guests = pl.Series(_GUESTS).gather((uniform(played.key, "guest") * len(_GUESTS)).astype(np.int64))
    longitude, latitude = city.degrees(matches.east_m, matches.north_m)
    is_moved = played.planned_minute != played.minute

    def announced(minute: np.ndarray, *, is_cancelled: bool) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "source_record_id": event_codes("match", played.day),
                "title": f"{NAME} - " + guests,
                "expected_count": pl.Series(played.attendance, dtype=pl.Int32),
                "occurred_from": moments(played.day, minute),
                "occurred_to": moments(played.day, minute + _MATCH_MIN),
            }
        ).with_columns(
            category_code=pl.lit("match"),
            place_name=pl.lit(matches.place_name),
            is_cancelled=pl.lit(value=is_cancelled),
            longitude_deg=pl.lit(longitude),
            latitude_deg=pl.lit(latitude),
        )

    return spans(
        (announced(played.planned_minute, is_cancelled=False), moments(played.day - _MATCH_KNOWN_DAYS, _NOON)),
        (
            announced(played.minute, is_cancelled=False),
            moments(played.day - _MOVE_KNOWN_DAYS, np.where(is_moved, _NOON, np.nan)),
        ),
        (
            announced(played.minute, is_cancelled=True),
            moments(played.day - 1, np.where(played.is_cancelled, _EVENING, np.nan)),
        ),
    )


def _markets(simulation: Simulation, first_day: date, end_day: date, city: City) -> pl.DataFrame:
    markets = simulation.parameters.gatherings.markets
    days = days_of(first_day, end_day)
    number, position = np.nonzero(np.array([market.is_held(days) for market in markets]))
    day, held = days[position], pl.Series(number)
    places = np.array([city.degrees(market.east_m, market.north_m) for market in markets])[number]
    rows = pl.DataFrame(
        {
            "source_record_id": event_codes("market", day) + "-" + _each([m.code for m in markets], held),
            "title": _each([market.name for market in markets], held),
            "place_name": _each([market.name for market in markets], held),
            "expected_count": _each([market.stalls * _VISITORS_A_STALL for market in markets], held).cast(pl.Int32),
            "occurred_from": moments(day, 60 * _each([market.opens_h for market in markets], held).to_numpy()),
            "occurred_to": moments(day, 60 * _each([market.closes_h for market in markets], held).to_numpy()),
            "longitude_deg": places[:, 0],
            "latitude_deg": places[:, 1],
        }
    ).with_columns(category_code=pl.lit("market"), is_cancelled=pl.lit(value=False))
    return spans((rows, moments(day - _MARKET_KNOWN_DAYS, _NOON)))


def _at_venues(simulation: Simulation, first_day: date, end_day: date, city: City) -> pl.DataFrame:
    planned, venues = venue_events(simulation, first_day, end_day), simulation.parameters.gatherings.venues
    place = pl.Series(planned.venue)
    places = np.array([city.degrees(venue.east_m, venue.north_m) for venue in venues])[planned.venue]
    category = _each([venue.category for venue in venues], place)
    name = _each([venue.name for venue in venues], place)
    rows = pl.DataFrame(
        {
            "source_record_id": event_codes("event", planned.day)
            + "-"
            + pl.Series(planned.ordinal).cast(pl.String).str.zfill(3),
            "title": category.str.to_titlecase() + ", " + name,
            "category_code": category,
            "place_name": name,
            "expected_count": pl.Series(planned.expected, dtype=pl.Int32),
            "occurred_from": moments(planned.day, planned.minute),
            "occurred_to": moments(planned.day, planned.minute + _VENUE_MIN),
            "longitude_deg": places[:, 0],
            "latitude_deg": places[:, 1],
        }
    ).with_columns(is_cancelled=pl.lit(value=False))
    ahead = 10 + (35 * uniform(planned.key, "announced")).astype(np.int64)
    called_off = moments(planned.day - 2, np.where(planned.is_cancelled, _EVENING, np.nan))
    return spans(
        (rows, moments(planned.day - ahead, _NOON)),
        (rows.with_columns(is_cancelled=pl.lit(value=True)), called_off),
    )


def _each(values: list[str] | list[int], index: pl.Series) -> pl.Series:
    return pl.Series(values).gather(index)
