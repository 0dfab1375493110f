"""A protocol as it is measured, and the rows that every protocol is measured with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import Window

MONTH = Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
INCIDENT = {"source_record_id": "number", "source_category_code": "type", "occurred_from": "at"}
DEGREES = {"longitude_deg": "lon", "latitude_deg": "lat"}
TABLE = {**INCIDENT, **DEGREES}
POLICE = {"constants": {"record_type": "police_log"}, "clock": "utc"}
ISO = {"date_formats": ["%Y-%m-%dT%H:%M:%S%z"]}


@dataclass(frozen=True)
class Case:
    """A protocol as it is measured.

    Attributes:
        source: what a territory file says of it, less the address.
        columns: which are read.
        prepare: makes the rows in a folder; gives the address, or what answers requests.
        bare: parses the bytes at an address; by default as JSON.
        settings: further parts of the feed.
        kind: of record.
        most_rows: where the protocol has an end.
    """

    source: dict[str, Any]
    columns: dict[str, Any]
    prepare: Callable[[Path, int], Any]
    bare: Callable[[str], object] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    kind: str = "incident"
    most_rows: int | None = None

    def territory(self, address: str) -> Territory:
        """The demo city with this feed, called ``feed``."""
        demo = load_territory("demo").model_dump(exclude={"feeds"})
        feed = {
            "kind": self.kind, "source": {**self.source, "address": address}, "columns": self.columns,
            "owner": "City", "licence": "made up", **self.settings,
        }  # fmt: skip
        return Territory.model_validate({**demo, "feeds": {"feed": feed}})


def moments(rows: int) -> list[datetime]:
    """Moments of the month, in order."""
    step = timedelta(days=30) / rows
    return [datetime(2026, 3, 1, 1, tzinfo=UTC) + number * step for number in range(rows)]


def table(rows: int) -> list[dict[str, Any]]:
    return [
        {"number": n, "type": "BRUIT", "at": f"{at:%Y-%m-%dT%H:%M:%S+00:00}", "lon": 5.0 + n % 100 / 2e3, "lat": 43.3}
        for n, at in enumerate(moments(rows))
    ]
