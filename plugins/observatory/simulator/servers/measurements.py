"""DATEX II, version 2: a publication of measurements of road traffic, as Bison Futé writes it."""

from __future__ import annotations

from datetime import datetime

import polars as pl

_HEAD = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0" modelBaseVersion="2"><!-- simulated --><exchange>\
<supplierIdentification><country>fr</country><nationalIdentifier>FR-SIMULATED</nationalIdentifier>\
</supplierIdentification></exchange><payloadPublication xsi:type="MeasuredDataPublication" lang="fre" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><publicationTime>{published}</publicationTime>
"""
_TAIL = "\n</payloadPublication></d2LogicalModel>\n"
_VALUE = (
    '<measuredValue index="0"><measuredValue><basicData xsi:type="{type}"><{of} numberOfInputValuesUsed="{{}}">'
    "{{}}<{name}>{{}}</{name}></{of}></basicData></measuredValue></measuredValue>"
)
_FLOW = _VALUE.format(type="TrafficFlow", of="vehicleFlow", name="vehicleFlowRate")
_SPEED = _VALUE.format(type="TrafficSpeed", of="averageVehicleSpeed", name="speed")
_SITE = (
    '<siteMeasurements><measurementSiteReference targetClass="MeasurementSiteRecord" id="{}" version="1.0"/>'
    f"<measurementTimeDefault>{{}}</measurementTimeDefault>{_FLOW}{_SPEED}</siteMeasurements>"
)
_ERROR = "<dataError>true</dataError>"
_ISO = "%Y-%m-%dT%H:%M:%S.000%:z"


def measurements(rows: pl.DataFrame, published: datetime) -> str:
    """A publication, one site and interval an element.

    Args:
        rows: ``site_code``, ``occurred_to`` (in the publisher's local time), ``flow_veh_h`` (null: an error,
            written as 0), ``speed_kmh``, ``input_count``.
        published: publication time, with a time zone.
    """
    inputs = pl.col("input_count")
    has_error = pl.col("flow_veh_h").is_null()
    flow = pl.col("flow_veh_h").fill_null(0).round().cast(pl.Int64)
    elements = rows.select(
        pl.format(
            _SITE,
            "site_code",
            pl.col("occurred_to").dt.strftime(_ISO),
            inputs,
            pl.when(has_error).then(pl.lit(_ERROR)).otherwise(pl.lit("")),
            flow,
            inputs,
            pl.lit(""),
            "speed_kmh",
        )
    ).to_series()
    head = _HEAD.format(published=published.isoformat(timespec="milliseconds"))
    return head + "\n".join(elements) + _TAIL
