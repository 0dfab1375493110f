"""What weather services publish about the city: hourly weather as Open-Meteo, observations as SYNOP.

Each function builds the answer of a feed of ``territories/demo.yml`` from the ledger, with the names, clocks and units
of real publishers.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.open_meteo import open_meteo
from observatory.simulator.world.city import build_city

ARCHIVE_LAG = timedelta(hours=48)
"""Time until an hour is in the archive."""
_ZERO_CELSIUS_K = 273.15
_SEA_LEVEL_PA = 120
_MISSING = "mq"


def weather(ledger: Ledger) -> Answer:
    """The weather of places, measured and forecast (Open-Meteo)."""
    stations = ledger.simulation.parameters.climate.stations
    where = {station.code: build_city().degrees(station.east_m, station.north_m) for station in stations}

    def hourly(dataset: str, latitude: float, longitude: float, start: datetime, end: datetime) -> pl.DataFrame:
        nearest = min(where, key=lambda code: (where[code][0] - longitude) ** 2 + (where[code][1] - latitude) ** 2)
        is_forecast = dataset == "forecast"
        known = pl.lit(value=True) if is_forecast else pl.col("occurred_from") < ledger.now - ARCHIVE_LAG
        listed = ledger.listed("weather", start, end)
        return listed.filter(pl.col("station_code") == nearest, pl.col("is_forecast") == is_forecast, known).select(
            hour="occurred_from",
            temperature_2m="temperature_c",
            precipitation="rain_mm",
            wind_speed_10m="wind_m_s",
            relative_humidity_2m="humidity_pct",
            surface_pressure="pressure_hpa",
        )

    return open_meteo(hourly)


def synop(ledger: Ledger) -> Answer:
    """Observations every three hours in monthly files (SYNOP of Météo-France)."""
    number_of = {station.code: station.number for station in ledger.simulation.parameters.climate.stations}

    @lru_cache(maxsize=2)
    def month(start: datetime, end: datetime, _now: datetime) -> bytes:
        listed = ledger.listed("weather", start, end)
        observed = listed.filter(~pl.col("is_forecast"), pl.col("occurred_from").dt.hour() % 3 == 0)
        pascal = (pl.col("pressure_hpa") * 100).round().cast(pl.Int64)
        table = observed.select(
            numer_sta=pl.col("station_code").replace_strict(number_of, return_dtype=pl.String),
            date=pl.col("occurred_from").dt.strftime("%Y%m%d%H%M%S"),
            pmer=pascal + _SEA_LEVEL_PA,
            ff="wind_m_s",
            t=(pl.col("temperature_c") + _ZERO_CELSIUS_K).round(2),
            u=pl.col("humidity_pct").cast(pl.Int64),
            pres=pascal,
            rr1="rain_mm",
        )
        return gzip.compress(table.write_csv(separator=";", null_value=_MISSING).encode(), mtime=0)

    def answer(path: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        asked = re.fullmatch(r"/synop\.(\d{4})(0[1-9]|1[0-2])\.csv\.gz", path)
        start = datetime(int(asked[1]), int(asked[2]), 1, tzinfo=UTC) if asked else ledger.now
        if asked is None or start > ledger.now:
            return JSONResponse({"message": "Not found"}, status_code=404)
        end = (start + timedelta(days=31)).replace(day=1)
        return Response(month(start, end, ledger.now), media_type="application/gzip")

    return answer
