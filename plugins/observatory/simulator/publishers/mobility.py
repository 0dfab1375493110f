"""What is published about mobility: the rows that each server of the city's transport sends.

Each function builds the answer of one feed of ``territories/demo.yml`` from the ledger, with the names, clocks and
units of real publishers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from observatory.simulator.publishers.ledger_rows import latest_frames
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Answer, Row
from observatory.simulator.servers.files import csv
from observatory.simulator.servers.gbfs import gbfs
from observatory.simulator.servers.opendatasoft import opendatasoft
from observatory.simulator.world.city import NAME
from observatory.simulator.world.clock import written
from observatory.simulator.world.parking import STATION

_ONE_HOUR = timedelta(hours=1)
_SEGMENTS = {"residents": "RESIDENT", "visitors": "VISITEUR", "tourists": "TOURISTE"}
_HELD_BACK = "NC"
_IS_STATION = pl.col("car_park_code").str.starts_with(STATION)


def parking(ledger: Ledger) -> Answer:
    """Free places of car parks (Opendatasoft); without a start in the query, those of the last day."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        return listed.filter(~_IS_STATION).select(
            identifiant="car_park_code",
            libelle="place_name",
            horodatage="occurred_from",
            places_libres="free_count",
            capacite="capacity_count",
            etat=pl.when("is_open").then(pl.lit("OUVERT")).otherwise(pl.lit("FERME")),
            mis_a_jour="published_at",
            geo_point_2d=pl.struct(lon="longitude_deg", lat="latitude_deg"),
        )

    types = {"identifiant": "text", "libelle": "text", "horodatage": "datetime", "places_libres": "int",
             "capacite": "int", "etat": "text", "mis_a_jour": "datetime", "geo_point_2d": "geo_point_2d"}  # fmt: skip
    return opendatasoft(latest_frames(ledger, "parking_occupancy", made), types)


def bikes(ledger: Ledger) -> Answer:
    """Stations of shared bicycles as they are now (GBFS)."""

    @lru_cache(maxsize=1)
    def stations(now: datetime) -> pl.DataFrame:
        return ledger.listed("parking_occupancy", now - _ONE_HOUR, now).filter(_IS_STATION)

    def information() -> list[Row]:
        return (
            stations(ledger.now)
            .select(
                station_id="car_park_code",
                name="place_name",
                lat="latitude_deg",
                lon="longitude_deg",
                capacity="capacity_count",
            )
            .to_dicts()
        )

    def status() -> list[Row]:
        return (
            stations(ledger.now)
            .select(
                station_id="car_park_code",
                num_bikes_available=pl.col("capacity_count") - pl.col("free_count"),
                num_docks_available="free_count",
                is_installed=pl.lit(value=True),
                is_renting="is_open",
                is_returning="is_open",
                last_reported=pl.col("occurred_from").dt.epoch("s"),
            )
            .to_dicts()
        )

    return gbfs(information, status, lambda: ledger.now, prefix="bikes", name=f"{NAME} (simulated)")


def presence_flows(ledger: Ledger) -> Answer:
    """People present in each district, by the hour (CSV); the file has the last weeks."""
    kept = timedelta(days=ledger.simulation.parameters.mobility.presence.kept_days)

    @lru_cache(maxsize=1)
    def table(now: datetime) -> pl.DataFrame:
        local = "%Y-%m-%dT%H:%M:%S%:z"
        return ledger.listed("population_flow", now - kept, now).select(
            zone="zone_code",
            debut=written("occurred_from", local),
            fin=written("occurred_to", local),
            segment=pl.col("segment").replace_strict(_SEGMENTS),
            volume=pl.col("volume_count").cast(pl.Int64).cast(pl.String).fill_null(_HELD_BACK),
            publie_le=written("published_at", local),
        )

    return csv(lambda path: table(ledger.now) if path == "/flux.csv" else None, ";")
