"""Damage to the body of a response: a column renamed or removed, or all rows removed, in any format.

Formats are recognised by their first bytes: JSON, lines of JSON, XML, CSV, iCalendar, Parquet, workbooks, archives of
these, gzip; anything else is taken for a GTFS-Realtime message. Its fields have numbers instead of names, so renaming
and removing leave it unchanged.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

Changed = Callable[[bytes, str, str | None], bytes]
"""From a body, a name and a new name (None = remove it) to the changed body."""


@dataclass(frozen=True)
class Format:
    """How a format's columns and rows are changed.

    Attributes:
        change: renames or removes a column.
        empty: removes all rows, leaving what the protocol sends without rows.
    """

    change: Changed
    empty: Callable[[bytes], bytes]


def format_of(body: bytes) -> Format:
    """The format of a body that a portal sends."""
    start = body.lstrip()[:20]
    for beginning, form in _FORMATS.items():
        if start.startswith(beginning):
            return form
    is_text = b"\0" not in body[:200] and all(byte >= 9 for byte in body[:20])
    return _CSV if is_text else _MESSAGE


def _json_change(body: bytes, name: str, new_name: str | None) -> bytes:
    return _as_json(body, lambda content: _renamed(content, name, new_name))


def _json_empty(body: bytes) -> bytes:
    return b"" if _is_lines(body) else _as_json(body, _emptied)


def _as_json(body: bytes, change: Callable[[Any], Any]) -> bytes:
    if _is_lines(body):
        return b"".join(_written(change(json.loads(line))) + b"\n" for line in body.splitlines() if line.strip())
    return _written(change(json.loads(body)))


def _is_lines(body: bytes) -> bool:
    first, _, rest = body.strip().partition(b"\n")
    return first.startswith(b"{") and first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")


def _written(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _renamed(content: Any, name: str, new_name: str | None) -> Any:
    """The content with a key renamed everywhere, also in lists of fields."""
    if isinstance(content, list):
        kept = (item for item in content if new_name is not None or not _names_field(item, name))
        return [_renamed(item, name, new_name) for item in kept]
    if isinstance(content, dict):
        changed = {key: _renamed(value, name, new_name) for key, value in content.items() if key != name}
        if new_name is not None and name in content:
            changed[new_name] = _renamed(content[name], name, new_name)
        for key in ("name", "id") if new_name is not None and _names_field(content, name) else ():
            changed |= {key: new_name} if content.get(key) == name else {}
        return changed
    return content


def _names_field(item: Any, name: str) -> bool:
    """Whether an item describes a column, as lists of fields do."""
    return isinstance(item, dict) and "type" in item and name in (item.get("name"), item.get("id"))


_DESCRIPTIONS = ("fields", "feeds", "hourly_units", "languages")
_COUNTS = ("total", "total_count", "totalHits")


def _emptied(content: Any) -> Any:
    """The content with empty lists of rows; descriptions of columns and the service stay."""
    if isinstance(content, list):
        return []
    if not isinstance(content, dict):
        return content
    emptied = {
        key: value if key in _DESCRIPTIONS else 0 if key in _COUNTS else _emptied(value)
        for key, value in content.items()
    }
    emptied |= {key: False for key in ("exceededTransferLimit",) if key in emptied}
    return emptied | {key: None for key in ("after", "cursor") if key in emptied}


def _xml_change(body: bytes, name: str, new_name: str | None) -> bytes:
    word = name.encode()
    if new_name is None:
        return re.sub(rb"(?s)<((?:[\w.-]+:)?%b)(?:\s[^>]*)?(?:/>|>.*?</\1\s*>)" % word, b"", body)
    return re.sub(rb"(</?(?:[\w.-]+:)?)%b(?=[\s/>])" % word, rb"\g<1>%b" % new_name.encode(), body)


def _xml_empty(body: bytes) -> bytes:
    """DATEX II without measurements and situations."""
    return re.sub(rb"(?s)<((?:[\w.-]+:)?(?:siteMeasurements|situation))(?:\s[^>]*)?>.*?</\1\s*>", b"", body)


def _csv_change(body: bytes, name: str, new_name: str | None) -> bytes:
    encoding = _encoding(body)
    text = body.decode(encoding)
    separator = _separator(text)
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    names = [column.lstrip("\ufeff") for column in lines[0]]
    if name not in names:
        return body
    at = names.index(name)
    changed = [[new_name or "" if column == name else column for column in names], *lines[1:]]
    if new_name is None:
        changed = [line[:at] + line[at + 1 :] for line in changed]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\r\n" if "\r\n" in text else "\n").writerows(changed)
    return out.getvalue().encode(encoding)


def _csv_empty(body: bytes) -> bytes:
    return body.partition(b"\n")[0] + b"\n"


def _encoding(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _separator(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t|", key=header.count)


def _calendar_change(body: bytes, name: str, new_name: str | None) -> bytes:
    new = b"X-LEFT-OUT" if new_name is None else new_name.upper().encode()
    return re.sub(rb"(?m)^%b(?=[;:])" % name.upper().encode(), new, body)


def _calendar_empty(body: bytes) -> bytes:
    return re.sub(rb"(?s)BEGIN:VEVENT.*END:VEVENT\r?\n", b"", body)


def _parquet_change(body: bytes, name: str, new_name: str | None) -> bytes:
    table = pl.read_parquet(io.BytesIO(body))
    if name not in table.columns:
        return body
    return _parquet(table.drop(name) if new_name is None else table.rename({name: new_name}))


def _parquet_empty(body: bytes) -> bytes:
    return _parquet(pl.read_parquet(io.BytesIO(body)).clear())


def _parquet(table: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    table.write_parquet(out)
    return out.getvalue()


def _sheet_change(member: bytes, name: str, new_name: str | None) -> bytes:
    """Rename a cell's text in the sheet or the shared strings; a removed column keeps its cells and loses its name."""
    return re.sub(rb"(<t[^>]*>)%b(?=</t>)" % re.escape(name.encode()), rb"\g<1>%b" % (new_name or "").encode(), member)


def _sheet_empty(member: bytes) -> bytes:
    """The rows up to the first that has as many cells as any: that of the columns' names."""
    rows = re.findall(rb"(?s)<row\b.*?</row>", member)
    widths = [row.count(b"<c ") for row in rows]
    for row in rows[widths.index(max(widths)) + 1 :] if rows else ():
        member = member.replace(row, b"", 1)
    return member


def _archive(body: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as packed, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed:
        for info in packed.infolist():
            changed.writestr(info.filename, change(info.filename, packed.read(info)))
    return out.getvalue()


def _archive_change(body: bytes, name: str, new_name: str | None) -> bytes:
    def change(member: str, content: bytes) -> bytes:
        if member.startswith("xl/"):
            return _sheet_change(content, name, new_name)
        is_part_of_book = member.endswith((".xml", ".rels"))
        return content if is_part_of_book else format_of(content).change(content, name, new_name)

    return _archive(body, change)


def _archive_empty(body: bytes) -> bytes:
    def change(member: str, content: bytes) -> bytes:
        if member.startswith("xl/worksheets/"):
            return _sheet_empty(content)
        is_part_of_book = member.startswith("xl/") or member.endswith((".xml", ".rels"))
        return content if is_part_of_book else format_of(content).empty(content)

    return _archive(body, change)


def _gzip_change(body: bytes, name: str, new_name: str | None) -> bytes:
    content = gzip.decompress(body)
    return gzip.compress(format_of(content).change(content, name, new_name), mtime=0)


def _gzip_empty(body: bytes) -> bytes:
    content = gzip.decompress(body)
    return gzip.compress(format_of(content).empty(content), mtime=0)


def _message_empty(body: bytes) -> bytes:
    from google.transit.gtfs_realtime_pb2 import FeedMessage

    message = FeedMessage.FromString(body)
    del message.entity[:]
    return message.SerializeToString()


_CSV = Format(_csv_change, _csv_empty)
_JSON = Format(_json_change, _json_empty)
_MESSAGE = Format(lambda body, *_: body, _message_empty)
_FORMATS = {
    b"[": _JSON,
    b"{": _JSON,
    b"<": Format(_xml_change, _xml_empty),
    b"BEGIN:VCALENDAR": Format(_calendar_change, _calendar_empty),
    b"PAR1": Format(_parquet_change, _parquet_empty),
    b"PK\x03\x04": Format(_archive_change, _archive_empty),
    b"\x1f\x8b": Format(_gzip_change, _gzip_empty),
}
