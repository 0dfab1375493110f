"""DATEX II: measurements of road traffic and situations on roads, from XML that is read element by element."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import islice
from math import isnan, nan
from typing import TYPE_CHECKING, cast

import polars as pl
from lxml import etree

from observatory.feeds.base import require_columns
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.json_source import JsonReader, filled
from observatory.territory.sources import Datex2Source

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    Row = dict[str, str | None]

_EXPECTED = "a publication of DATEX II"
_PUBLISHED = "publicationTime"
_ROW = {"measurements": "siteMeasurements", "situations": "situation"}
_SITE = "site."
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_INPUTS = "numberOfInputValuesUsed"
_MEASURED = {
    "vehicleFlowRate": "vehicleFlow",
    "speed": "averageVehicleSpeed",
    "percentage": "occupancy",
}
"""Element of a measured number to the element around it, which states the number of input values."""

_PRIVATE = ("internalNote", "other")
_GEOMETRY = "geometry"
_LATITUDE, _LONGITUDE = "latitude", "longitude"


class Datex2Reader(JsonReader[Datex2Source]):
    """Rows of a publication; columns are the names of its elements.

    Measurements: one row per site and interval. ``measurementSiteReference`` is the site; ``vehicleFlowRate``,
    ``speed`` and ``percentage`` (of occupancy) are the numbers, ``vehicleFlow.numberOfInputValuesUsed`` and the like
    how many values each is computed from. A speed or an occupancy computed from none is null, and so is a number for
    which the site reports an error; a flow computed from none is 0, because no vehicle passed.
    ``measurementTimeDefault`` is the interval's end. ``publicationTime`` may lie before it, so a feed must not map it
    to ``published_at``: an interval would be known before it is over.

    Situations: one row per record. ``id`` is the record's, ``situation`` its situation's, ``type`` its type; any other
    column is the first element of that name within it, or, written ``a.b``, the first ``b`` within the first ``a``.
    ``geometry`` is its points as GeoJSON. Non-public comments may contain names and are not read.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        content = self.api.fetch(self.source.path, _EXPECTED)
        sites, rows = self._sites(), self._rows(content)
        while batch := list(islice(rows, self.chunk_rows)):
            yield self._frame(batch, sites)

    def _rows(self, content: bytes) -> Iterator[Row]:
        source = self.source
        row_tag, published, is_datex2 = _ROW[source.publication], None, False
        # no entity is resolved and nothing is fetched, which protects against the known attacks on XML parsers
        elements = etree.iterparse(
            io.BytesIO(content),
            events=("end",),
            tag=[f"{{*}}{name}" for name in (row_tag, _PUBLISHED)],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
        )
        try:
            for _, element in elements:
                is_datex2 = True
                if _local(element) == _PUBLISHED:
                    published = _text(element)
                    continue
                if source.publication == "measurements":
                    yield {_PUBLISHED: published, **self._measurements(element, source.index)}
                else:
                    yield from ({_PUBLISHED: published, **row} for row in self._records(element))
                _forget(element)
        except etree.XMLSyntaxError as error:
            if not content.rstrip().endswith(b">") or "Premature end" in str(error):
                raise self.api.truncated(f"the XML is truncated ({error.msg})", _EXPECTED) from None
            raise self.api.changed(f"the XML cannot be read ({error.msg})", _EXPECTED) from None
        if not is_datex2:
            raise self.api.changed(f"XML without a {row_tag} or a {_PUBLISHED}", _EXPECTED)

    def _measurements(self, measured: Element, index: int | None) -> Row:
        reference = _first(measured, "measurementSiteReference")
        row: Row = {
            "measurementSiteReference": None if reference is None else reference.get("id"),
            "measurementTimeDefault": _text(_first(measured, "measurementTimeDefault")),
        }
        for name, of in _MEASURED.items():
            values = [value for value in measured.iter(f"{{*}}{of}") if index is None or _index(value) == index]
            if len(values) > 1:
                raise self.api.changed(
                    f"site {row['measurementSiteReference']} has {len(values)} values of {of}, "
                    f"with the indices {[_index(value) for value in values]}",
                    f"one, or feeds.{self.feed.feed_id}.source.index to select one",
                )
            value = values[0] if values else None
            number = None if value is None else _first(value, name)
            inputs = None if value is None else value.get(_INPUTS)
            row[f"{of}.{_INPUTS}"] = inputs
            row[name] = None if _is_missing(value, _text(number), inputs, name) else _text(number)
        return row

    def _records(self, situation: Element) -> Iterator[Row]:
        if _first(situation, "situationRecord") is None:
            raise self.api.changed(f"situation {situation.get('id')} without a situationRecord", _EXPECTED)
        for comment in [*situation.iter("{*}generalPublicComment", "{*}nonGeneralPublicComment", "{*}comment")]:
            kind = _text(_first(comment, "commentType"))
            is_private = _local(comment) == "nonGeneralPublicComment" or kind in _PRIVATE
            if is_private and (parent := comment.getparent()) is not None:
                parent.remove(comment)
        for record in situation.iter("{*}situationRecord"):
            own: Row = {
                "id": record.get("id"),
                "situation": situation.get("id"),
                "type": (record.get(_TYPE) or "").rpartition(":")[2] or None,
                _GEOMETRY: _geometry(record),
            }
            others = (name for name in self.feed.read_columns if name not in own and name != _PUBLISHED)
            yield own | {name: _found(record, name) for name in others}

    def _frame(self, rows: list[Row], sites: pl.DataFrame | None) -> pl.DataFrame:
        names = [name for name in self.feed.read_columns if not name.startswith(_SITE)]
        frame = pl.DataFrame({name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names})
        if sites is not None:
            reference = pl.Series("site", [row["measurementSiteReference"] for row in rows], dtype=pl.String)
            frame = frame.with_columns(reference.alias(_SITE)).join(sites, on=_SITE, how="left", maintain_order="left")
        known = {*filled(frame), *(() if sites is None else sites.columns), *_known_of(rows)}
        require_columns(self.subject, self.plan, known, are_all=False)
        return frame.select(self.feed.read_columns)

    def _sites(self) -> pl.DataFrame | None:
        """The list of sites, one row per site, its columns named ``site.<column>`` and the key ``site.``."""
        if self.source.sites is None:
            return None
        listed = self.source.sites
        is_complete = Completeness(is_table=True, is_open=listed.csv.is_last_line_open)
        content = self.api.fetch(listed.path, "the list of sites", is_complete=is_complete)
        try:
            text = content.decode(listed.csv.encoding)
            table = pl.read_csv(io.StringIO(text), separator=listed.csv.separator, infer_schema=False)
        except (UnicodeDecodeError, pl.exceptions.PolarsError) as error:
            found = f"{listed.path} cannot be read ({str(error).splitlines()[0]})"
            raise self.api.changed(found, "the list of sites") from None
        if listed.key not in table.columns:
            raise self.api.changed(f"{listed.path} has the columns {table.columns}", f"one called {listed.key}")
        unique = table.unique(listed.key, keep="first", maintain_order=True)
        return unique.select(pl.col(listed.key).alias(_SITE), pl.all().name.prefix(_SITE))


def _known_of(rows: list[Row]) -> set[str]:
    """Columns of measurements, which every row has even if the site did not measure them."""
    return {name for name in rows[0] if name.rpartition(".")[2] == _INPUTS or name in _MEASURED}


def _is_missing(value: Element | None, number: str | None, inputs: str | None, name: str) -> bool:
    """Whether a number means no value: the site reports an error, or nothing was measured."""
    if value is None or number is None or _text(_first(value, "dataError")) == "true":
        return True
    return name != "vehicleFlowRate" and inputs == "0" and not _number(number) > 0


def _geometry(record: Element) -> str | None:
    """The record's points as GeoJSON: a point, or the line through them in order."""
    points = []
    for latitude in record.iter(f"{{*}}{_LATITUDE}"):
        longitude = latitude.getnext()
        if longitude is not None and _local(longitude) == _LONGITUDE:
            points.append([_number(_text(longitude)), _number(_text(latitude))])
    for line in record.iter("{*}posList"):
        numbers = [_number(number) for number in (_text(line) or "").split()]
        points += [[lon, lat] for lat, lon in zip(numbers[::2], numbers[1::2], strict=False)]
    if not points or any(isnan(axis) for point in points for axis in point):
        return None
    points = [point for number, point in enumerate(points) if number == 0 or point != points[number - 1]]
    shape = {"type": "Point", "coordinates": points[0]} if len(points) == 1 else None
    return json.dumps(shape or {"type": "LineString", "coordinates": points})


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return nan


def _found(record: Element, name: str) -> str | None:
    """Text of the first element of a name; ``a.b`` is the first ``b`` within the first ``a``."""
    element: Element | None = record
    for part in name.split("."):
        element = None if element is None else _first(element, part)
    return _text(element)


def _first(element: Element, name: str) -> Element | None:
    return next(element.iter(f"{{*}}{name}"), None)


def _text(element: Element | None) -> str | None:
    """The first text within an element; version 3 wraps times in another element, and texts in their languages."""
    if element is None:
        return None
    texts = (child.text.strip() for child in element.iter() if child.text)
    return next((text for text in texts if text), None)


def _index(value: Element) -> int | None:
    """The index of a value within its site."""
    indices = (parent.get("index") for parent in value.iterancestors())
    return next((int(index) for index in indices if index is not None), None)


def _local(element: Element) -> str:
    return etree.QName(element).localname


def _forget(element: Element) -> None:
    """Free the memory of an element that was read, and of those before it."""
    element.clear()
    while element.getprevious() is not None:
        del cast("Element", element.getparent())[0]
