"""Public transport: every call of a trip as planned and as observed, and the disruptions of lines.

Planned calls are listed a month before. Observed calls are listed from when they happen until some time after the end
of their trip, so none is listed a day later.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtri

from observatory.simulator.world.clock import after, days_of, moments, stamps
from observatory.simulator.world.draws import Floats, Keys, combine, name_key, uniform
from observatory.simulator.world.gatherings import kick_offs_h
from observatory.simulator.world.occurrences import chance
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, UNIX_EPOCH_ORDINAL
from observatory.simulator.world.simulation import Simulation
from observatory.simulator.world.transit import build_network, calls_of, is_rush

_LAG_S, _HOURS_TOO_MUCH_S = 20, 9_000
_LISTED_DAYS_BEFORE = 30
_NOON_MIN, _NOON_S = 12 * 60, 12 * 3600
_OF_BOTH = ("line_code", "trip_code", "stop_code", "stop_sequence", "service_date")


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of what is planned, observed and disrupted on the local days ``[first_day, end_day)``.

    See the package. Some trips have no observation, and some calls have a delay that is hours too long.
    """
    transit = simulation.parameters.mobility.transit
    network = build_network(transit, simulation.population)
    calls = calls_of(network, first_day, end_day).join(network.lines, on="line_code", how="left", maintain_order="left")
    day = calls["day"].to_numpy()
    # a service day starts twelve hours before noon, so that no time occurs twice
    planned_at = after(moments(day, np.full(len(day), _NOON_MIN)), calls["second"].to_numpy() - _NOON_S)
    key = combine(combine(combine(name_key("trip"), simulation.seed), day), calls["trip"].to_numpy())
    call_key = combine(key, calls["stop_sequence"].to_numpy())
    delay = np.round(_delays(simulation, calls, key, call_key))
    is_faulty = chance(call_key, "at fault", transit.faulty_share) & (calls["mode"] == transit.faulty_mode).to_numpy()
    is_observed = ~(_is_disrupted(simulation, calls) | chance(key, "untracked", transit.untracked_share))

    calls = calls.join(network.stops, on="stop_code", how="left", maintain_order="left").select(
        "trip",
        "day",
        "line_code",
        "trip_code",
        "stop_code",
        "stop_sequence",
        "longitude_deg",
        "latitude_deg",
        number=stamps(day) + "-" + pl.col("trip_code") + "-" + pl.col("stop_sequence").cast(pl.String),
        service_date=(pl.col("day") - UNIX_EPOCH_ORDINAL).cast(pl.Int32).cast(pl.Date),
        planned_at=planned_at,
        actual_at=after(planned_at, np.where(is_observed, delay, np.nan)),
        delay_s=pl.Series(np.where(is_faulty, delay + _HOURS_TOO_MUCH_S, delay)).cast(pl.Int32),
        listed_at=moments(day - _LISTED_DAYS_BEFORE, np.zeros(len(day))),
    )
    over = pl.col("actual_at").max().over("day", "trip") + timedelta(minutes=transit.stays_min)
    start, end = moments([first_day.toordinal(), end_day.toordinal()], [0, 0])
    planned = calls.select(
        *_OF_BOTH,
        "longitude_deg",
        "latitude_deg",
        source_record_id="planned-" + pl.col("number"),
        record_type=pl.lit("planned"),
        occurred_from="planned_at",
        shown_from="listed_at",
    )
    observed = calls.select(
        *_OF_BOTH,
        "delay_s",
        source_record_id="observed-" + pl.col("number"),
        record_type=pl.lit("observed"),
        occurred_from="actual_at",
        shown_from=pl.col("actual_at") + timedelta(seconds=_LAG_S),
        shown_until=over,
    )
    disrupted = disruptions(simulation, first_day, end_day)
    called = [
        each.filter(pl.col("occurred_from").is_between(start, end, closed="left")) for each in (planned, observed)
    ]
    return pl.concat([*called, disrupted], how="diagonal").sort("occurred_from", "source_record_id")


def disruptions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """The disruptions among ``versions``, without simulating any calls."""
    transit = simulation.parameters.mobility.transit
    disruption = transit.disruption
    days = days_of(first_day, end_day)
    days = days[np.isin((days - ORIGIN_ORDINAL) % 7, disruption.weekdays)]
    begin, end = (moments(days, np.full(len(days), hour * 60)) for hour in (disruption.from_h, disruption.to_h))
    return pl.DataFrame(
        {
            "source_record_id": "alert-" + stamps(days) + f"-{disruption.line_code}",
            "occurred_from": begin,
            "occurred_to": end,
            "shown_from": after(begin, np.full(len(days), -3600 * transit.announced_h)),
            "shown_until": after(end, np.full(len(days), 3600 * transit.kept_h)),
        }
    ).with_columns(record_type=pl.lit("disrupted"), line_code=pl.lit(disruption.line_code))


def _delays(simulation: Simulation, calls: pl.DataFrame, key: Keys, call_key: Keys) -> Floats:
    """(n,) seconds by which each call is late."""
    transit = simulation.parameters.mobility.transit
    day, departs = calls["day"].to_numpy(), calls["departs"].to_numpy()
    rush = np.where(is_rush(transit, calls["service"].to_numpy(), departs), transit.rush_factor, 1.0)
    drawn = np.exp(transit.trip_spread * ndtri(uniform(key, "delay")) - transit.trip_spread**2 / 2)
    delay = (calls["delay_s"] * calls["growth"]).to_numpy() * rush * drawn
    since = departs - kick_offs_h(simulation, day)
    is_crowded = (since >= -transit.before_h) & (since < transit.after_h)
    is_crowded &= (calls["line_code"] == transit.stadium_line).to_numpy()
    return delay + is_crowded * transit.stadium_delay_s + transit.noise_s * ndtri(uniform(call_key, "noise"))


def _is_disrupted(simulation: Simulation, calls: pl.DataFrame) -> np.ndarray:
    """(n,) whether each call is cancelled because its line is disrupted."""
    disruption = simulation.parameters.mobility.transit.disruption
    weekday, hour = (pl.col("day") - ORIGIN_ORDINAL) % 7, pl.col("second") / 3600
    inside = weekday.is_in(list(disruption.weekdays)) & hour.is_between(
        disruption.from_h, disruption.to_h, closed="left"
    )
    return calls.select(inside & (pl.col("line_code") == disruption.line_code)).to_series().to_numpy()
