"""What the police, the pound and the events office publish: the rows that each of their servers sends.

Each function builds the answer of one feed of ``territories/demo.yml`` from the ledger, with the names, clocks and
units of real publishers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from observatory.grid import WGS84, reproject
from observatory.simulator.publishers.ledger_rows import occurring, occurring_frames, standing
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.files import csv, xlsx
from observatory.simulator.servers.icalendar import icalendar
from observatory.simulator.servers.lists import openagenda
from observatory.simulator.servers.ngsi_ld import ngsi_ld
from observatory.simulator.servers.opendatasoft import opendatasoft
from observatory.simulator.servers.socrata import Dataset
from observatory.simulator.servers.tables import arcgis, ckan
from observatory.simulator.world.city import EPSG, NAME
from observatory.simulator.world.clock import written
from observatory.simulator.world.simulation import TIMEZONE

ALERTS_KEPT = timedelta(days=7)
"""How long the broker lists an alert."""
AGENDA_KEY = "simulated"
"""The key that readers of the agenda must send, as at a real one. It is public."""

_ANNOUNCED = timedelta(days=60)
_SCHEDULED, _CANCELLED = 1, 6


def incidents(ledger: Ledger) -> Callable[[], Dataset]:
    """The police log (Socrata): records entered before the current minute."""

    @lru_cache(maxsize=1)
    def dataset(now: datetime) -> Dataset:
        rows = incident_rows(ledger.everything("incident", as_of=now - timedelta(microseconds=1)))
        return Dataset(rows, order=("occurred_at", "incident_id"), name="simulated incidents")

    return lambda: dataset(ledger.now)


def incident_rows(listed: pl.DataFrame) -> pl.DataFrame:
    """Listed incidents with the names of the police log's columns and times on the local clock, in order of time."""
    rows = listed.with_columns(pl.col(pl.Datetime).dt.convert_time_zone(TIMEZONE).dt.replace_time_zone(None)).select(
        incident_id="source_record_id",
        occurred_at="occurred_from",
        ended_at="occurred_to",
        category="source_category_code",
        description="description",
        reported_at="reported_at",
        updated_at="published_at",
        district="district_code",
        longitude="longitude_deg",
        latitude="latitude_deg",
    )
    return rows.sort("occurred_at", "incident_id")


def cameras(ledger: Ledger) -> Answer:
    """The registry of cameras (ArcGIS)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        return listed.with_row_index("OBJECTID", offset=1).select(
            "OBJECTID",
            NUMERO="source_record_id",
            TYPE="camera_type",
            AZIMUT="azimuth_deg",
            MISE_EN_SERVICE=pl.col("occurred_from").dt.timestamp("ms"),
            DEPOSE=pl.col("occurred_to").dt.timestamp("ms"),
            geometry=pl.struct(x="longitude_deg", y="latitude_deg"),
        )

    types = {"OBJECTID": "esriFieldTypeOID", "NUMERO": "esriFieldTypeString", "TYPE": "esriFieldTypeString",
             "AZIMUT": "esriFieldTypeDouble", "MISE_EN_SERVICE": "esriFieldTypeDate",
             "DEPOSE": "esriFieldTypeDate"}  # fmt: skip
    return arcgis(standing(ledger, "camera", made), types)


def patrols(ledger: Ledger) -> Answer:
    """Minutes of patrol by cell and shift (CSV)."""

    @lru_cache(maxsize=1)
    def table(_hour: datetime) -> pl.DataFrame:
        return ledger.everything("presence").select(
            maille="cell_id",
            vacation="shift_code",
            debut=written("occurred_from", "%Y-%m-%d %H:%M"),
            fin=written("occurred_to", "%Y-%m-%d %H:%M"),
            prevu_min=_with_comma("planned_min"),
            realise_min=_with_comma("actual_min"),
            publie_le=written("published_at", "%Y-%m-%d %H:%M"),
        )

    # the listing changes only at full hours
    return csv(lambda path: table(ledger.now.replace(minute=0)) if path == "/patrouilles.csv" else None, ";")


def citations(ledger: Ledger) -> Answer:
    """Citations (Opendatasoft)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        return listed.select(
            numero="source_record_id",
            infraction="offence_code",
            montant="amount_eur",
            categorie_vehicule="vehicle_class",
            constate_le="occurred_from",
            publie_le="published_at",
            geo_point_2d=pl.struct(lon="longitude_deg", lat="latitude_deg"),
        )

    types = {"numero": "text", "infraction": "text", "montant": "double", "categorie_vehicule": "text",
             "constate_le": "datetime", "publie_le": "datetime", "geo_point_2d": "geo_point_2d"}  # fmt: skip
    return opendatasoft(occurring_frames(ledger, "citation", made), types)


def impounds(ledger: Ledger) -> Answer:
    """Tows to the pound (CKAN)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        return _in_metres(listed).select(
            numero_fiche="source_record_id",
            motif="motive_code",
            genre="vehicle_class",
            enlevement=written("occurred_from", "%d/%m/%Y %H:%M"),
            saisie=written("published_at", "%d/%m/%Y %H:%M"),
            x="easting",
            y="northing",
        )

    types = {"numero_fiche": "text", "motif": "text", "genre": "text", "enlevement": "text", "saisie": "text",
             "x": "float8", "y": "float8"}  # fmt: skip
    return ckan(occurring(ledger, "impound", made), types)


def agenda(ledger: Ledger) -> Answer:
    """Markets and events of the venues (OpenAgenda)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        timing = pl.struct(begin=_zoned("occurred_from"), end=_zoned("occurred_to"))
        status = pl.when("is_cancelled").then(_CANCELLED).otherwise(_SCHEDULED)
        events = listed.filter(pl.col("category_code") != "match").sort("published_at", "source_record_id")
        return events.select(
            uid="source_record_id",
            title="title",
            category="category_code",
            status=status,
            attendance="expected_count",
            timings=pl.concat_list(timing),
            location=pl.struct(name="place_name", longitude="longitude_deg", latitude="latitude_deg"),
            updatedAt=pl.col("published_at").dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        )

    return openagenda(occurring(ledger, "city_event", made, ahead=_ANNOUNCED), AGENDA_KEY)


def matches(ledger: Ledger) -> Answer:
    """Home matches (iCalendar)."""

    @lru_cache(maxsize=1)
    def events(_now: datetime) -> list[dict[str, object]]:
        listed = ledger.everything("city_event", _ANNOUNCED).filter(pl.col("category_code") == "match")
        return listed.select(
            UID="source_record_id",
            DTSTAMP="published_at",
            DTSTART="occurred_from",
            DTEND="occurred_to",
            SUMMARY="title",
            LOCATION="place_name",
            STATUS=pl.when("is_cancelled").then(pl.lit("CANCELLED")).otherwise(pl.lit("CONFIRMED")),
            **{"LAST-MODIFIED": "published_at"},
        ).to_dicts()

    return icalendar(lambda: events(ledger.now), f"{NAME}, simulated matches")


def event_measures(ledger: Ledger) -> Answer:
    """Barriers and staff planned for events (XLSX)."""

    @lru_cache(maxsize=1)
    def table(_now: datetime) -> pl.DataFrame:
        return _in_metres(ledger.everything("event_measure", _ANNOUNCED)).select(
            evenement="event_code",
            mesure="measure_type",
            debut=written("occurred_from", "%d/%m/%Y %H:%M"),
            fin=written("occurred_to", "%d/%m/%Y %H:%M"),
            barrieres="barrier_count",
            agents="staff_count",
            publie_le=written("published_at", "%d/%m/%Y %H:%M"),
            x=_with_comma("easting"),
            y=_with_comma("northing"),
        )

    above = ("Dispositifs des événements (données simulées)", "")
    return xlsx(lambda path: table(ledger.now) if path == "/dispositifs.xlsx" else None, above=above)


def video_alerts(ledger: Ledger) -> Answer:
    """Alerts of video analytics (NGSI-LD)."""

    @lru_cache(maxsize=1)
    def entities(now: datetime) -> list[dict[str, object]]:
        alerts = ledger.listed("video_alert", now - ALERTS_KEPT, now + timedelta(minutes=1))
        place = pl.struct(
            type=pl.lit("Point"), coordinates=pl.concat_list(pl.col("longitude_deg"), pl.col("latitude_deg"))
        )
        # a broker has one entity per identifier, even if it was sent twice
        return (
            alerts.unique("source_record_id", maintain_order=True)
            .select(
                id="source_record_id",
                alertSource="camera_code",
                subCategory="category",
                severity="severity",
                confidence="confidence",
                dateIssued=_instant("reported_at"),
                validFrom=_instant("occurred_from"),
                validTo=_instant("occurred_to"),
                dateModified=_instant("published_at"),
                location=place,
            )
            .to_dicts()
        )

    return ngsi_ld(lambda _start, _end: entities(ledger.now), "Alert")


def _zoned(name: str) -> pl.Expr:
    return written(name, "%Y-%m-%dT%H:%M:%S%z")


def _instant(name: str) -> pl.Expr:
    return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_comma(name: str) -> pl.Expr:
    return pl.col(name).round(2).cast(pl.String).str.replace(".", ",", literal=True)


def _in_metres(listed: pl.DataFrame) -> pl.DataFrame:
    points = reproject(listed["longitude_deg"], listed["latitude_deg"], WGS84, EPSG)
    return listed.with_columns(easting=pl.Series(points.east.round(2)), northing=pl.Series(points.north.round(2)))
