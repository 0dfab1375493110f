"""Transport, traffic, weather and a context broker."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from lxml import etree
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from benchmarks.feed_cases.case import ISO, Case, moments

CALENDAR = (
    "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "day,1,1,1,1,1,1,1,20260310,20260310\n"
)


def gtfs(folder: Path, rows: int) -> str:
    number = pl.int_range(rows)
    trip, hour = pl.format("T{}", number // 30).alias("trip_id"), pl.format("{}:30:00", 10 + number % 14)
    times = pl.select(
        trip, hour.alias("arrival_time"), hour.alias("departure_time"), stop_id=pl.lit("S"), stop_sequence=number % 30
    )
    tables = {
        "agency": "agency_id,agency_name,agency_url,agency_timezone\n1,A,https://a.example,Europe/Paris\n",
        "routes": "route_id,route_short_name,route_type\nR,B1,3\n",
        "stops": "stop_id,stop_name,stop_lat,stop_lon\nS,Centre,43.3,5.0\n",
        "trips": times.select("trip_id")
        .unique()
        .with_columns(route_id=pl.lit("R"), service_id=pl.lit("day"))
        .write_csv(),
        "stop_times": times.write_csv(),
        "calendar": CALENDAR,
    }
    with zipfile.ZipFile(folder / "gtfs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in tables.items():
            archive.writestr(f"{name}.txt", text)
    return str(folder)


def gtfs_realtime(folder: Path, rows: int) -> str:
    from google.transit.gtfs_realtime_pb2 import FeedMessage

    message = FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    for number, moment in enumerate(moments(rows)):
        vehicle = message.entity.add(id=f"{number}").vehicle
        vehicle.timestamp = int(moment.timestamp())
        vehicle.trip.trip_id, vehicle.trip.route_id = f"T{number}", "B1"
        vehicle.position.latitude, vehicle.position.longitude = 43.3, 5.0
    (folder / "realtime.pb").write_bytes(message.SerializeToString())
    return str(folder)


def datex2(folder: Path, rows: int) -> str:
    sites = "".join(
        f'<siteMeasurements><measurementSiteReference id="S{number}"/>'
        f"<measurementTimeDefault>{moment:%Y-%m-%dT%H:%M:%S+00:00}</measurementTimeDefault>"
        '<measuredValue index="0"><measuredValue><basicData><vehicleFlow><vehicleFlowRate>100</vehicleFlowRate>'
        "</vehicleFlow></basicData></measuredValue></measuredValue></siteMeasurements>"
        for number, moment in enumerate(moments(rows))
    )
    (folder / "flows.xml").write_text(
        '<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0"><payloadPublication>'
        f"{sites}</payloadPublication></d2LogicalModel>"
    )
    return str(folder)


def synop(folder: Path, rows: int) -> str:
    header = "numer_sta;date;ff;t;u;pres;rr1;\n"
    lines = (f"{n:05};{at:%Y%m%d%H%M%S};5.4;293.15;48;101320;0.0;\n" for n, at in enumerate(moments(rows)))
    for year, text in {2025: header, 2026: header + "".join(lines)}.items():
        (folder / f"synop_{year}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return str(folder)


def ngsi_ld(_: Path, rows: int) -> Any:
    entities = [
        {"id": f"urn:ngsi-ld:Work:{n}", "type": "Work", "workNature": "road", "startDate": f"{at:%Y-%m-%dT%H:%M:%SZ}",
         "location": {"type": "Point", "coordinates": [5.0, 43.3]}}
        for n, at in enumerate(moments(rows))
    ]  # fmt: skip

    def answer(_: str, query: QueryParams, __: Mapping[str, str]) -> JSONResponse:
        start = int(query.get("offset", 0))
        page = entities[start : start + int(query.get("limit", 20))]
        return JSONResponse(page, headers={"NGSILD-Results-Count": str(rows)})

    return answer


def bare_gtfs(address: str) -> object:
    with zipfile.ZipFile(f"{address}/gtfs.zip") as archive:
        return pl.read_csv(io.BytesIO(archive.read("stop_times.txt")), infer_schema=False)


def bare_gtfs_realtime(address: str) -> object:
    from google.transit.gtfs_realtime_pb2 import FeedMessage

    return FeedMessage.FromString(Path(address, "realtime.pb").read_bytes())


def bare_datex2(address: str) -> object:
    return etree.parse(f"{address}/flows.xml")


def bare_synop(address: str) -> object:
    content = gzip.decompress(Path(address, "synop_2026.csv.gz").read_bytes())
    return pl.read_csv(content, separator=";", infer_schema=False)


MOBILITY = {
    "gtfs": Case(
        {"protocol": "gtfs", "path": "gtfs.zip"},
        {"service_date": "date", "service_time": "departure_time", "trip_code": "trip_id", "stop_code": "stop_id",
         "line_code": "route_short_name", "stop_sequence": "stop_sequence", "longitude_deg": "stop_lon",
         "latitude_deg": "stop_lat"},
        gtfs, bare_gtfs, {"constants": {"record_type": "planned"}, "date_formats": ["%Y%m%d"]}, "transit_service",
    ),
    "gtfs_realtime": Case(
        {"protocol": "gtfs_realtime", "path": "realtime.pb", "entity": "vehicle"},
        {"occurred_from": "timestamp", "trip_code": "trip.trip_id", "line_code": "trip.route_id",
         "longitude_deg": "position.longitude", "latitude_deg": "position.latitude"},
        gtfs_realtime, bare_gtfs_realtime,
        {"constants": {"record_type": "observed"}, "date_formats": ["%s"], "occurred_precision": "second"},
        "transit_service",
    ),
    "datex2": Case(
        {"protocol": "datex2", "path": "flows.xml", "publication": "measurements"},
        {"site_code": "measurementSiteReference", "occurred_to": "measurementTimeDefault",
         "flow_veh_h": "vehicleFlowRate"},
        datex2, bare_datex2, {"window_column": "measurementTimeDefault", "constants": {"period_min": 6}, **ISO},
        "traffic_measure",
    ),
    "synop": Case(
        {"protocol": "synop", "path": "synop_%Y.csv.gz"},
        {"station_code": "numer_sta", "occurred_from": "date", "temperature_k": "t", "pressure_pa": "pres",
         "wind_m_s": "ff", "humidity_pct": "u", "rain_mm": "rr1"},
        synop, bare_synop, {"clock": "utc", "date_formats": ["%Y%m%d%H%M%S"], "occurred_precision": "hour"}, "weather",
    ),
    "ngsi_ld": Case(
        {"protocol": "ngsi_ld", "type": "Work"},
        {"source_record_id": "id", "nature_code": "workNature", "planned_from": "startDate",
         "geometry_wkt": "location"},
        ngsi_ld, None, {"constants": {"state": "planned"}, "clock": "utc", "date_formats": ["%Y-%m-%dT%H:%M:%S%#z"]},
        "public_work",
    ),
}  # fmt: skip
