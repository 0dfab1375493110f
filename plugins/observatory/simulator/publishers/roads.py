"""What the operators of the city's roads publish: counts of its own sites, measurements of the motorways, accidents.

Each function makes the answer of one feed of ``territories/demo.yml`` from the ledger, with the names, clocks and units
of real publishers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator import records
from observatory.simulator.publishers.ledger_rows import latest_frames
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.baac import baac
from observatory.simulator.servers.measurements import measurements
from observatory.simulator.servers.opendatasoft import opendatasoft
from observatory.simulator.world.city import build_city
from observatory.simulator.world.roads import sites_of
from observatory.simulator.world.simulation import TIMEZONE, Simulation

MOTORWAYS_KEPT = timedelta(hours=24)
"""How far back the motorways' publication reaches."""
_STATES, _STATE_ENDS = ("Fluide", "Pré-saturé", "Saturé", "Bloqué"), (15, 30, 50)
_KIND = "traffic_measure"


def traffic(ledger: Ledger) -> Answer:
    """Traffic at the city's sites, every six minutes (Opendatasoft)."""
    sites = sites_of(ledger.simulation)
    names = [ledger.simulation.parameters.roads.axes[axis].name for axis in sites.axis]
    name_of = dict(zip(sites.code.tolist(), names, strict=True))

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        state = pl.col("occupancy_pct").cut(_STATE_ENDS, labels=_STATES, left_closed=True).cast(pl.String)
        return listed.filter(~_is_motorway()).select(
            iu_ac="site_code",
            libelle=pl.col("site_code").replace_strict(name_of, return_dtype=pl.String),
            t_6min="occurred_from",
            q="flow_veh_h",
            k="occupancy_pct",
            v="speed_kmh",
            n="input_count",
            nb_voies="lane_count",
            etat_trafic=state.fill_null("Inconnu"),
            maj="published_at",
            geo_point_2d=pl.struct(lon="longitude_deg", lat="latitude_deg"),
        )

    types = {"iu_ac": "text", "libelle": "text", "t_6min": "datetime", "q": "double", "k": "double", "v": "double",
             "n": "int", "nb_voies": "int", "etat_trafic": "text", "maj": "datetime",
             "geo_point_2d": "geo_point_2d"}  # fmt: skip
    return opendatasoft(latest_frames(ledger, _KIND, made), types)


def motorways(ledger: Ledger) -> Answer:
    """Traffic on the motorways of the last 24 hours (DATEX II measurements), and their list of sites (CSV)."""

    @lru_cache(maxsize=1)
    def publication(now: datetime) -> bytes:
        listed = ledger.listed(_KIND, now - MOTORWAYS_KEPT, now).filter(_is_motorway())
        local = listed.with_columns(pl.col("occurred_to").dt.convert_time_zone(TIMEZONE))
        # like the real publication, it is dated at the beginning of its newest interval
        newest = listed.select(pl.col("occurred_from").max()).item()
        published = (newest or now).astimezone(ZoneInfo(TIMEZONE))
        return measurements(local, published).encode()

    def answer(path: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        if path == "/qtvDir.xml":
            return Response(publication(ledger.now), media_type="application/xml")
        if path == "/refDir.csv":
            listed = motorway_sites(ledger.simulation).write_csv(separator=";")
            return Response(listed.encode(), media_type="text/csv; charset=utf-8")
        return JSONResponse({"message": "Not found"}, status_code=404)

    return answer


def accidents(ledger: Ledger) -> Answer:
    """Road accidents with injury, in yearly tables of the year before and earlier (BAAC)."""
    planted = ledger.simulation.parameters.accidents

    @lru_cache(maxsize=8)
    def of_year(year: int) -> pl.DataFrame:
        # from before the history of the other kinds, which are served by the day
        made = records.versions("accident", ledger.simulation, date(year, 1, 1), date(year + 1, 1, 1))
        return made.with_columns(at=pl.col("occurred_from").dt.convert_time_zone(TIMEZONE))

    def published() -> dict[int, pl.DataFrame]:
        years = range(planted.first_year, ledger.today.year)
        return {year: of_year(year) for year in years if planted.published_on(year) <= ledger.today}

    return baac(published, "accidents")


def motorway_sites(simulation: Simulation) -> pl.DataFrame:
    """The list of the motorways' sites as their service publishes it, in Lambert-93."""
    sites, axes = sites_of(simulation), simulation.parameters.roads.axes
    metres = (sites.local_m + build_city().centre)[sites.is_motorway].round(2)
    return pl.DataFrame(
        {
            "code_pme": sites.code[sites.is_motorway],
            "source": "SIMULATED",
            "axe": [axes[axis].code for axis in sites.axis[sites.is_motorway]],
            "sens_gestionnaire": sites.direction[sites.is_motorway] + 1,
            "nb_voies": sites.lanes[sites.is_motorway],
            "x_deb": metres[:, 0],
            "y_deb": metres[:, 1],
            "code_traficolor": "PS99",
        }
    )


def _is_motorway() -> pl.Expr:
    return pl.col("site_code").str.starts_with("#")
