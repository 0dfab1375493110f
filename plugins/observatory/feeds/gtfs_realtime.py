"""GTFS-Realtime: vehicles, foreseen times and alerts of public transport, in one message of protocol buffers.

Columns are the fields' names with dots, from the entity down: ``trip.route_id``, ``stop_time_update.arrival.delay``.
Nothing of a vehicle but its position is read: neither its number, nor its plate, nor the entity's own name, which is
the vehicle's in most messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedMessage

from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, token_header
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import GtfsRealtimeSource
from observatory.window import Window

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

_EXPECTED = "a message of GTFS-Realtime"
_NAME_OF_ALERT = "id"
_REFUSED = ("vehicle", "driver")
_PARTS = {"vehicle": (), "trip_update": ("stop_time_update",), "alert": ("informed_entity", "active_period")}
"""Repeated fields of an entity: each of their values is a row of its own, beside the entity's."""


@dataclass(frozen=True)
class GtfsRealtimeFeed:
    """What the message says now, as far as its times lie in the window.

    A field that is not set is null, not its type's zero. ``timestamp`` is the entity's own, else the message's.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in a chunk.
        patience: how long the server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of the message that lie in the window; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("GtfsRealtimeSource", self.feed.source)
        api = JsonClient(where, self.feed, self.patience, token_header(where, source.token_variable))
        self._require_known(where, source.entity)
        message = FeedMessage()
        try:
            message.ParseFromString(api.fetch(source.path, _EXPECTED, is_complete=_is_complete))
        except DecodeError as error:
            raise api.truncated(f"the message cannot be read ({error})", _EXPECTED) from None
        if not message.header.HasField("gtfs_realtime_version"):
            raise api.changed("an answer that is no such message", _EXPECTED)
        rows = self._rows(message, source.entity)
        yield from within(window, (chunk for chunk in rows.iter_slices(self.chunk_rows) if chunk.height), self.feed)

    def _rows(self, message: FeedMessage, entity: str) -> pl.DataFrame:
        whole = [
            (each.id, getattr(each, entity), parts)
            for each in message.entity
            if each.HasField(cast("Any", entity)) and not each.is_deleted
            for parts in _parts(getattr(each, entity), _PARTS[entity])
        ]
        made_at = message.header.timestamp or None
        columns = {}
        for name in self.feed.read_columns:
            head, _, rest = name.partition(".")
            values: list[Any]
            if name == _NAME_OF_ALERT:
                values = [alert_id for alert_id, _, _ in whole]
            elif head in _PARTS[entity]:
                position = _PARTS[entity].index(head)
                values = [_value(parts[position], rest) for _, _, parts in whole]
            else:
                values = [_value(of, name) for _, of, _ in whole]
            if name == "timestamp":
                values = [value or made_at for value in values]
            column = pl.Series(name, values, strict=False)
            columns[name] = column.cast(pl.String) if column.dtype == pl.Null else column
        return pl.DataFrame(columns)

    def _require_known(self, where: str, entity: str) -> None:
        """Refuse columns of a vehicle, and such that the entity does not have."""
        refused = [name for name in self.feed.read_columns if name.partition(".")[0] in _REFUSED]
        if refused:
            raise SourceChanged(
                where,
                found=f"the columns {refused} are of a vehicle",
                expected="none that leads to who drives it",
                action=f"Take them out of feeds.{self.feed.feed_id} in {self.feed.territory_file}.",
            )
        described = FeedEntity.DESCRIPTOR.fields_by_name[entity].message_type
        own = {_NAME_OF_ALERT} if entity == "alert" else set()
        own |= {"timestamp", *(name for name in self.feed.read_columns if _is_known(described, name))}
        require_columns(where, self.feed, own, are_all=True)


def _is_complete(content: bytes) -> bool:
    """Whether a message can be read; one cut between two entities can be too, and is not found out."""
    try:
        FeedMessage.FromString(content)
    except DecodeError:
        return False
    return True


def _parts(entity: Message, names: tuple[str, ...]) -> list[tuple[Message | None, ...]]:
    """Every combination of an entity's repeated fields; a field that is empty stands once, as None."""
    combined: list[tuple[Message | None, ...]] = [()]
    for name in names:
        values = list(getattr(entity, name)) or [None]
        combined = [(*before, value) for before in combined for value in values]
    return combined


def _value(message: Message | None, name: str) -> Any:
    """The value of a field by its dotted name; None where it, or a field it is in, is not set or is not known."""
    while message is not None:
        head, _, name = name.partition(".")
        field = message.DESCRIPTOR.fields_by_name.get(head)
        if field is None or field.is_repeated or not message.HasField(head):
            return None
        value = getattr(message, head)
        if not name:
            return field.enum_type.values_by_number[value].name if field.type == FieldDescriptor.TYPE_ENUM else value
        message = value if field.message_type else None
    return None


def _is_known(described: Descriptor, name: str) -> bool:
    head, _, rest = name.partition(".")
    field = described.fields_by_name.get(head)
    return field is not None and (not rest or (field.message_type is not None and _is_known(field.message_type, rest)))
