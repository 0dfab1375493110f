"""Portals, each answered for by a server in another process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.feed_cases.case import INCIDENT, ISO, POLICE, TABLE, Case, moments, table
from observatory.simulator import servers

FRAME = {"number": "int", "type": "text", "at": "datetime", "lon": "double", "lat": "double"}
KEY = "made-up-key"
"""What OpenAgenda is asked with, from the environment variable BENCHMARK_KEY."""


def opendatasoft(_: Path, rows: int) -> Any:
    return servers.opendatasoft(table(rows), FRAME)


def ckan(_: Path, rows: int) -> Any:
    return servers.ckan(table(rows), FRAME)


def arcgis(_: Path, rows: int) -> Any:
    features = [
        {"OBJECTID": n, "type": "BRUIT", "at": int(at.timestamp()) * 1000, "geometry": {"x": 5.0, "y": 43.3}}
        for n, at in enumerate(moments(rows))
    ]
    types = {"OBJECTID": "esriFieldTypeOID", "type": "esriFieldTypeString", "at": "esriFieldTypeDate"}
    return servers.arcgis(features, types)


def open311(_: Path, rows: int) -> Any:
    return servers.open311(
        [
            {"service_request_id": n, "service_code": "006", "status": "open", "address": "1 rue X", "lat": 43.3,
             "requested_datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "long": 5.0}
            for n, at in enumerate(moments(rows))
        ]
    )  # fmt: skip


def openagenda(_: Path, rows: int) -> Any:
    events = [
        {"uid": n, "title": "Concert", "location": {"longitude": 5.0, "latitude": 43.3},
         "timings": [{"begin": f"{at:%Y-%m-%dT%H:%M:%S+00:00}", "end": f"{at + timedelta(1):%Y-%m-%dT%H:%M:%S+00:00}"}]}
        for n, at in enumerate(moments(rows))
    ]  # fmt: skip
    return servers.openagenda(events, KEY)


ODS = {"protocol": "opendatasoft", "dataset": "log"}
EVENT = {"title": "title", "occurred_from": "timing.begin", "occurred_to": "timing.end"}
PORTALS = {
    "opendatasoft_pages": Case(ODS, TABLE, opendatasoft, None, {**POLICE, **ISO}, most_rows=10_000),
    "opendatasoft_export": Case(ODS, TABLE, opendatasoft, None, {**POLICE, **ISO}),
    "arcgis": Case(
        {"protocol": "arcgis", "layer": 0},
        {**INCIDENT, "source_record_id": "OBJECTID", "point": "geometry"},
        arcgis, None, {**POLICE, "date_formats": ["%s%3f"]},
    ),
    "ckan": Case({"protocol": "ckan", "resource": "log"}, TABLE, ckan, None, {**POLICE, **ISO}),
    "open311": Case(
        {"protocol": "open311"},
        {"source_record_id": "service_request_id", "service_code": "service_code", "status": "status",
         "occurred_from": "requested_datetime", "longitude_deg": "long", "latitude_deg": "lat"},
        open311, None, {"date_formats": ["%Y-%m-%dT%H:%M:%S%#z"]}, "citizen_report",
    ),
    "openagenda": Case(
        {"protocol": "openagenda", "agenda": 1, "key": "BENCHMARK_KEY"},
        {**EVENT, "source_record_id": "timing_id", "longitude_deg": "location.longitude",
         "latitude_deg": "location.latitude"},
        openagenda, None, ISO, "city_event",
    ),
}  # fmt: skip
