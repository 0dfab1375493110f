"""The database of the partner that runs the street lights, as an SQLite file."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.clock import written

STREET_LIGHTS = "street_lights.sqlite"
"""Name of the file."""
_CHECK_EVERY_S = 60
_FORM = "%Y-%m-%d %H:%M:%S"


def write_street_lights(ledger: Ledger, folder: Path) -> Path:
    """Write the outages of street lights into the partner's database, replacing the file in one step.

    Returns:
        The file, ``STREET_LIGHTS`` in the folder: the table ``outages``, with times on the local clock.
    """
    listed = ledger.standing("street_light")
    rows = listed.select(
        "light_code", written("occurred_from", _FORM), written("occurred_to", _FORM), "state",
        "longitude_deg", "latitude_deg", written("published_at", _FORM),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=f".{STREET_LIGHTS}.")
    os.close(descriptor)
    connection = sqlite3.connect(draft)
    with connection:
        connection.execute(
            "create table outages "
            "(light text, seen_at text, repaired_at text, state text, lon real, lat real, noted_at text)"
        )
        connection.executemany("insert into outages values (?, ?, ?, ?, ?, ?, ?)", rows.iter_rows())
    connection.close()
    Path(draft).chmod(0o644)
    return Path(draft).replace(folder / STREET_LIGHTS)


def keep_written(ledger: Ledger, folder: Path) -> None:
    """Write the database now and at the start of every hour, from a thread that ends with this process."""

    def write_again() -> None:
        hour = ledger.now.replace(minute=0)
        while True:
            time.sleep(_CHECK_EVERY_S)
            if (now := ledger.now.replace(minute=0)) != hour:
                hour = now
                write_street_lights(ledger, folder)

    write_street_lights(ledger, folder)
    threading.Thread(target=write_again, name="partner's database", daemon=True).start()
