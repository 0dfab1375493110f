"""DATEX II: measurements of road traffic and situations on roads, in XML that is read element by element."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, nan
from typing import TYPE_CHECKING, cast

import polars as pl
from lxml import etree

from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.http.json_source import JsonClient, filled, token_header
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import Datex2Source
from observatory.window import Window

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
"""Elements that hold a measured number, and those that say of how many inputs it is made."""

_PRIVATE = ("internalNote", "other")
_GEOMETRY = "geometry"
_LATITUDE, _LONGITUDE = "latitude", "longitude"


@dataclass(frozen=True)
class Datex2Feed:
    """Rows of a publication; columns are the names of its elements.

    Measurements: one row per site and interval. ``measurementSiteReference`` is the site, ``vehicleFlowRate``,
    ``speed`` and ``percentage`` (of occupancy) the numbers, ``vehicleFlow.numberOfInputValuesUsed`` and the like what
    they are made of. A speed or an occupancy made of nothing is null, and so is a number whose site reports an error;
    a flow of nothing is 0, since nobody came. ``measurementTimeDefault`` is the interval's end. ``publicationTime`` may
    lie before it, so a feed that maps it to ``published_at`` claims to know an interval before it is over.

    Situations: one row per record. ``id`` is the record's, ``situation`` its situation's, ``type`` its type; any other
    column is the first element of that name within it, or, written ``a.b``, the first ``b`` within the first ``a``.
    ``geometry`` is its points as GeoJSON. Comments that are not for the public carry names and are not read.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in memory at a time.
        patience: how long a web server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("Datex2Source", self.feed.source)
        api = JsonClient(where, self.feed, self.patience, token_header(where, source.token_variable))
        content = api.fetch(source.path, _EXPECTED)
        sites = _sites(api, source)
        yield from within(window, self._chunks(api, content, sites), self.feed)

    def _chunks(self, api: JsonClient, content: bytes, sites: pl.DataFrame | None) -> Iterator[pl.DataFrame]:
        rows: list[Row] = []
        for row in self._rows(api, content):
            rows.append(row)
            if len(rows) == self.chunk_rows:
                yield self._frame(api, rows, sites)
                rows = []
        if rows:
            yield self._frame(api, rows, sites)

    def _rows(self, api: JsonClient, content: bytes) -> Iterator[Row]:
        source = cast("Datex2Source", self.feed.source)
        row_tag, published, is_datex2 = _ROW[source.publication], None, False
        # entities are never resolved and nothing is fetched: an archive of attacks on XML parsers reads as text
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
                    yield {_PUBLISHED: published, **self._measurements(api, element, source.index)}
                else:
                    yield from ({_PUBLISHED: published, **row} for row in self._records(api, element))
                _forget(element)
        except etree.XMLSyntaxError as error:
            if not content.rstrip().endswith(b">") or "Premature end" in str(error):
                raise api.truncated(f"the XML stops midway ({error.msg})", _EXPECTED) from None
            raise api.changed(f"the XML cannot be read ({error.msg})", _EXPECTED) from None
        if not is_datex2:
            raise api.changed(f"XML without a {row_tag} or a {_PUBLISHED}", _EXPECTED)

    def _measurements(self, api: JsonClient, measured: Element, index: int | None) -> Row:
        reference = _first(measured, "measurementSiteReference")
        row: Row = {
            "measurementSiteReference": None if reference is None else reference.get("id"),
            "measurementTimeDefault": _text(_first(measured, "measurementTimeDefault")),
        }
        for name, of in _MEASURED.items():
            values = [value for value in measured.iter(f"{{*}}{of}") if index is None or _index(value) == index]
            if len(values) > 1:
                raise api.changed(
                    f"site {row['measurementSiteReference']} has {len(values)} values of {of}, "
                    f"with the indices {[_index(value) for value in values]}",
                    f"one, or feeds.{self.feed.feed_id}.source.index to say which",
                )
            value = values[0] if values else None
            number = None if value is None else _first(value, name)
            inputs = None if value is None else value.get(_INPUTS)
            row[f"{of}.{_INPUTS}"] = inputs
            row[name] = None if _is_missing(value, _text(number), inputs, name) else _text(number)
        return row

    def _records(self, api: JsonClient, situation: Element) -> Iterator[Row]:
        if _first(situation, "situationRecord") is None:
            raise api.changed(f"situation {situation.get('id')} without a situationRecord", _EXPECTED)
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

    def _frame(self, api: JsonClient, rows: list[Row], sites: pl.DataFrame | None) -> pl.DataFrame:
        names = [name for name in self.feed.read_columns if not name.startswith(_SITE)]
        frame = pl.DataFrame({name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names})
        if sites is not None:
            reference = pl.Series("site", [row["measurementSiteReference"] for row in rows], dtype=pl.String)
            frame = frame.with_columns(reference.alias(_SITE)).join(sites, on=_SITE, how="left", maintain_order="left")
        known = {*filled(frame), *(() if sites is None else sites.columns), *_known_of(rows)}
        require_columns(api.subject, self.feed, known, are_all=False)
        return frame.select(self.feed.read_columns)


def _known_of(rows: list[Row]) -> set[str]:
    """Columns of measurements, which a row has whether or not the site measured them."""
    return {name for name in rows[0] if name.rpartition(".")[2] == _INPUTS or name in _MEASURED}


def _sites(api: JsonClient, source: Datex2Source) -> pl.DataFrame | None:
    """The list of sites, one row per site, its columns named ``site.<column>`` and the key ``site.``."""
    if source.sites is None:
        return None
    listed = source.sites
    is_complete = Completeness(is_table=True, is_open=listed.csv.is_last_line_open)
    content = api.fetch(listed.path, "the list of sites", is_complete=is_complete)
    try:
        text = content.decode(listed.csv.encoding)
        table = pl.read_csv(io.StringIO(text), separator=listed.csv.separator, infer_schema=False)
    except (UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise api.changed(f"{listed.path} cannot be read ({str(error).splitlines()[0]})", "the list of sites") from None
    if listed.key not in table.columns:
        raise api.changed(f"{listed.path} has the columns {table.columns}", f"one called {listed.key}")
    unique = table.unique(listed.key, keep="first", maintain_order=True)
    return unique.select(pl.col(listed.key).alias(_SITE), pl.all().name.prefix(_SITE))


def _is_missing(value: Element | None, number: str | None, inputs: str | None, name: str) -> bool:
    """Whether a number stands for none: the site reports an error, or nothing was measured."""
    if value is None or number is None or _text(_first(value, "dataError")) == "true":
        return True
    return name != "vehicleFlowRate" and inputs == "0" and not _number(number) > 0


def _geometry(record: Element) -> str | None:
    """The record's points as GeoJSON: a point, or a line through them in their order."""
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
    """Text of the first element of that name; ``a.b`` is the first ``b`` within the first ``a``."""
    element: Element | None = record
    for part in name.split("."):
        element = None if element is None else _first(element, part)
    return _text(element)


def _first(element: Element, name: str) -> Element | None:
    return next(element.iter(f"{{*}}{name}"), None)


def _text(element: Element | None) -> str | None:
    """The text within an element; version 3 wraps a time into another one, and a text into its languages."""
    if element is None:
        return None
    texts = (child.text.strip() for child in element.iter() if child.text)
    return next((text for text in texts if text), None)


def _index(value: Element) -> int | None:
    """The index under which a site gives a value."""
    indices = (parent.get("index") for parent in value.iterancestors())
    return next((int(index) for index in indices if index is not None), None)


def _local(element: Element) -> str:
    return etree.QName(element).localname


def _forget(element: Element) -> None:
    """Free an element that was read, and those before it."""
    element.clear()
    while element.getprevious() is not None:
        del cast("Element", element.getparent())[0]
