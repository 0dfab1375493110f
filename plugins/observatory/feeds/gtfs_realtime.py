"""GTFS-Realtime: vehicle positions, predicted times and alerts of public transport, as a protocol buffers message.

Columns are field names with dots, starting below the entity: ``trip.route_id``, ``stop_time_update.arrival.delay``.
Of a vehicle only the position is read: neither its number, nor its plate, nor the entity's identifier, which in most
messages is the vehicle's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedMessage

from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader
from observatory.territory.sources import GtfsRealtimeSource

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

_EXPECTED = "a message of GTFS-Realtime"
_NAME_OF_ALERT = "id"
_REFUSED = ("vehicle", "driver")
_PARTS = {"vehicle": (), "trip_update": ("stop_time_update",), "alert": ("informed_entity", "active_period")}
"""Repeated fields of an entity: each of their values makes a row, with the entity's other fields."""


class GtfsRealtimeReader(JsonReader[GtfsRealtimeSource]):
    """Rows of the current message.

    A field that is not set is null, not its type's zero. ``timestamp`` is the entity's own, else the message's.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        entity = self.source.entity
        self._require_known(entity)
        message = FeedMessage()
        try:
            message.ParseFromString(self.api.fetch(self.source.path, _EXPECTED, is_complete=_is_complete))
        except DecodeError as error:
            raise self.api.truncated(f"the message cannot be read ({error})", _EXPECTED) from None
        if not message.header.HasField("gtfs_realtime_version"):
            raise self.api.changed("a response that is no such message", _EXPECTED)
        yield self._rows(message, entity)

    def _rows(self, message: FeedMessage, entity: str) -> pl.DataFrame:
        combined = [
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
                values = [alert_id for alert_id, _, _ in combined]
            elif head in _PARTS[entity]:
                position = _PARTS[entity].index(head)
                values = [_value(parts[position], rest) for _, _, parts in combined]
            else:
                values = [_value(of, name) for _, of, _ in combined]
            if name == "timestamp":
                values = [value or made_at for value in values]
            column = pl.Series(name, values, strict=False)
            columns[name] = column.cast(pl.String) if column.dtype == pl.Null else column
        return pl.DataFrame(columns)

    def _require_known(self, entity: str) -> None:
        """Refuse columns that identify a vehicle, and those that the entity does not have."""
        refused = [name for name in self.feed.read_columns if name.partition(".")[0] in _REFUSED]
        if refused:
            raise SourceChanged(
                self.subject,
                found=f"the columns {refused} identify a vehicle",
                expected="no column that could lead to the driver",
                action=f"Remove them from feeds.{self.feed.feed_id} in {self.feed.territory_file}.",
            )
        described = FeedEntity.DESCRIPTOR.fields_by_name[entity].message_type
        own = {_NAME_OF_ALERT} if entity == "alert" else set()
        own |= {"timestamp", *(name for name in self.feed.read_columns if _is_known(described, name))}
        require_columns(self.subject, self.plan, own, are_all=True)


def _is_complete(content: bytes) -> bool:
    """Whether a message can be parsed; a truncation between two entities is not detected."""
    try:
        FeedMessage.FromString(content)
    except DecodeError:
        return False
    return True


def _parts(entity: Message, names: tuple[str, ...]) -> list[tuple[Message | None, ...]]:
    """Every combination of the values of an entity's repeated fields; an empty field counts as one None."""
    combined: list[tuple[Message | None, ...]] = [()]
    for name in names:
        values = list(getattr(entity, name)) or [None]
        combined = [(*before, value) for before in combined for value in values]
    return combined


def _value(message: Message | None, name: str) -> Any:
    """The value of a field by its dotted name; None if it, or a field around it, is not set or does not exist."""
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
