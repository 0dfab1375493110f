"""Yearly statistics of the city and its neighbours: complete editions, each with all earlier years."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import combine, name_key, poisson
from observatory.simulator.world.simulation import Simulation

_PUBLISHED_MONTH, _PUBLISHED_DAY, _PUBLISHED_MIN = 7, 10, 11 * 60


def versions(simulation: Simulation, _: date, end_day: date) -> pl.DataFrame:
    """Every edition published by ``end_day``; see ``observatory.simulator.records``.

    An edition's rows are shown until the next one replaces the file; the edition is part of a row's identity.
    """
    statistics = simulation.parameters.services.statistics
    editions = np.arange(simulation.first_day.year - 1, end_day.year + 1)
    years = np.arange(statistics.first_year, end_day.year)
    zones, indicators = [*statistics.zones], statistics.indicators
    edition, year, zone, indicator = (
        axis.ravel() for axis in np.indices((len(editions), len(years), len(zones), len(indicators)))
    )
    is_in = years[year] < editions[edition]
    edition, year, zone, indicator = (axis[is_in] for axis in (edition, year, zone, indicator))
    zone_keys = np.array([name_key(code) for code in zones])
    indicator_keys = np.array([name_key(each.code) for each in indicators])
    seeded = combine(name_key("delinquency_statistic"), simulation.seed)
    key = combine(combine(combine(seeded, zone_keys[zone]), indicator_keys[indicator]), years[year])
    grown = (1 + statistics.growth) ** (years[year] - statistics.first_year)
    people = simulation.population * np.array([*statistics.zones.values()])[zone]
    rate = np.array([each.rate_per_1000 for each in indicators])[indicator]
    counts = poisson(key, "count", rate * people / 1000 * grown)
    is_first = years[year] == editions[edition] - 1
    counts = np.where(is_first, np.floor(counts * statistics.first_edition_share), counts).astype(np.int64)
    out = [date(each, _PUBLISHED_MONTH, _PUBLISHED_DAY).toordinal() for each in (*editions, editions[-1] + 1)]
    published = moments(np.array(out), np.full(len(out), _PUBLISHED_MIN))
    first = np.array([date(each, 1, 1).toordinal() for each in (*years, years[-1] + 1)])
    beginnings = moments(first, np.zeros(len(first)))
    is_published = pl.Series(counts >= statistics.least_published)
    frame = pl.DataFrame(
        {
            "zone_code": np.array(zones)[zone],
            "reference_year": years[year],
            "edition": editions[edition].astype(str),
            "indicator_code": np.array([each.code for each in indicators])[indicator],
            "unit": np.array([each.unit for each in indicators])[indicator],
            "is_published": is_published,
            "recorded_count": pl.Series(counts).set(~is_published, None),
            "population_count": people.round().astype(np.int64),
            "occurred_from": beginnings.gather(year),
            "occurred_to": beginnings.gather(year + 1),
            "occurred_precision": "year",
            "shown_from": published.gather(edition),
            "shown_until": published.gather(edition + 1),
        }
    )
    named = pl.format("{}-{}-{}-{}", "zone_code", "reference_year", "indicator_code", "edition")
    return frame.select(named.alias("source_record_id"), pl.all()).sort("occurred_from", "source_record_id")
