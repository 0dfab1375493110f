"""Citizen reports: filed, sometimes under the wrong service, and closed days later, or never."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import days_of, moments
from observatory.simulator.world.draws import Floats, choose, uniform
from observatory.simulator.world.occurrences import (
    addresses,
    by_weekday,
    chance,
    district_shares,
    entered,
    history,
    later,
    lognormal,
    minute_of_day,
    numbered,
    occur,
    place,
)
from observatory.simulator.world.parameters import Parameters
from observatory.simulator.world.parameters.messages import PERSONAL_SPANS
from observatory.simulator.world.simulation import Simulation

_WEEKDAY = (1.15, 1.1, 1.05, 1.05, 1.05, 0.85, 0.75)
_WORDS = {
    "TAG": ("Tag sur une façade", "Graffiti sur un rideau de fer"),
    "DEPOT": ("Matelas et cartons sur le trottoir", "Gravats déposés au coin de la rue"),
    "ECLAIRAGE": ("Lampadaire éteint", "Rue dans le noir depuis hier"),
    "VOIRIE": ("Trou dans la chaussée", "Pavés descellés"),
    "BRUIT": ("Musique forte la nuit", "Moto bruyante chaque soir"),
    "EPAVE": ("Voiture sans roues", "Scooter brûlé"),
}


def expected(parameters: Parameters, population: int) -> Floats:
    """(services, districts) expected reports on an average day."""
    reports = parameters.services.reports
    shares = np.array([share for share, _ in reports.services.values()])
    by_district = district_shares() * np.array([*parameters.reporting.values()])
    return reports.rate * population / 100_000 * shares[:, None] * by_district[None, :]


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Reports filed on the days; see ``observatory.simulator.records``."""
    reports = simulation.parameters.services.reports
    services, districts = np.array([*reports.services]), np.array([*simulation.parameters.reporting])
    days = days_of(first_day, end_day)
    rates = expected(simulation.parameters, simulation.population).reshape(-1, 1) * by_weekday(days, _WEEKDAY)
    groups = [f"{service} {district}" for service in services for district in districts]
    found = occur(simulation, "citizen_report", groups, days, rates)
    service, district = np.divmod(found.group, len(districts))
    key = found.key
    at = moments(found.day, minute_of_day(key, 13, 1.2))
    factors = np.array([*reports.closing_factors.values()])[district]
    wait = lognormal(key, "closing", np.array([days for _, days in reports.services.values()])[service] * factors, 0.8)
    wait = np.where(chance(key, "never closed", reports.never_closed_share), np.nan, wait * 24 * 60)
    words = [text for texts in _WORDS.values() for text in texts]
    weights = np.array([[float(text in _WORDS[code]) for text in words] for code in services])
    text = np.array(words)[choose(key, "words", service, weights)]
    span = np.array(PERSONAL_SPANS)[(uniform(key, "span") * len(PERSONAL_SPANS)).astype(int)]
    with_span = np.char.add(np.char.add(text, ". "), span)
    description = np.where(chance(key, "personal", reports.personal_share), with_span, text)
    is_faulty = chance(key, "faulty", reports.changes.faulty_share)
    frame = pl.DataFrame(
        {
            "source_record_id": numbered("SR", found.day),
            "occurred_from": at,
            "service_code": services[service],
            "status": pl.repeat("open", len(key), eager=True),
            "updated_at": later(at, np.where(is_faulty, -90.0, 0.0)),
            "description": description,
            **place(addresses(key, district)),
        }
    )
    other = services[(service + 1 + (uniform(key, "other") * (len(services) - 1)).astype(int)) % len(services)]
    first, right = entered(
        frame, key, later(at, 1 + 29 * uniform(key, "entry")), reports.changes, {"service_code": pl.Series(other)}
    )
    closed_at = later(at, wait)
    closed = right.with_columns(
        closed_at=closed_at,
        updated_at=pl.when(pl.Series(is_faulty)).then("updated_at").otherwise(closed_at),
        status=pl.lit("closed"),
        shown_from=pl.max_horizontal(
            later(closed_at, np.full(len(key), 10.0)), first["shown_from"] + pl.duration(minutes=5)
        ),
    ).filter(closed_at.is_not_null())
    is_first = (closed_at > right["shown_from"]).fill_null(value=True)
    return history(first.with_columns(closed_at=pl.lit(None, pl.Datetime("us", "UTC"))), right.filter(is_first), closed)
