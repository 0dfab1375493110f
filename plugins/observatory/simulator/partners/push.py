"""A partner of the simulated city that sends its records over HTTP: the police declare their operations."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import requests

from observatory.errors import StackError
from observatory.simulator import records
from observatory.simulator.world.simulation import POPULATION, TIMEZONE, Simulation
from observatory.territory.files import load_territory
from observatory.web.push.app import PREFIX
from observatory.web.push.tokens import token_of
from observatory.window import local_midnight

log = logging.getLogger(__name__)
CITY, FEED = "demo", "operations"
DECLARED_AHEAD = timedelta(days=370)
"""No operation is declared earlier than this before it starts."""
CHECK_EVERY_S = 60
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def beginning_of(today: date | None) -> datetime:
    """The moment (UTC) at which a local day of the city begins; the current moment for None."""
    return local_midnight(today, TIMEZONE) if today else datetime.now(UTC)


def declared(simulation: Simulation, now: datetime) -> bytes:
    """The operations declared so far, one JSON object per line; empty if there are none.

    Args:
        simulation: which city.
        now: the moment, UTC.
    """
    versions = records.versions("operation", simulation, simulation.first_day, (now + DECLARED_AHEAD).date())
    listed = records.listing(versions, now).sort("reported_at", "source_record_id")
    return listed.with_columns(pl.col(pl.Datetime).dt.strftime(_ISO)).write_ndjson().encode()


def send(body: bytes, address: str) -> dict[str, Any]:
    """Send a file to the feed; an empty file is not sent.

    Args:
        body: content of the file.
        address: Airflow's API server, as ``http://127.0.0.1:8080``.

    Returns:
        The response: ``delivery``, ``sha256``, ``bytes``, ``state``; empty if nothing was sent.

    Raises:
        StackError: the file was not accepted.
    """
    if not body:
        return {}
    territory = load_territory(CITY)
    token = token_of(territory, territory.feeds[FEED])
    url = f"{address}{PREFIX}/{CITY}/{FEED}"
    try:
        response = requests.post(url, data=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        response.raise_for_status()
        return response.json()
    except requests.RequestException as error:
        raise StackError(
            f"{CITY}/{FEED}",
            found=f"the file of the simulated police was not accepted ({error})",
            expected="202 Accepted",
            action="See the log of the api-server.",
        ) from None


def keep_sending(address: str, today: date | None, population: int = POPULATION) -> None:
    """Send, from a thread that ends with this process, whenever another operation is declared.

    Args:
        address: Airflow's API server; it may be stopped and started meanwhile.
        today: operations declared by the beginning of this local day; None follows the calendar.
        population: people in the city.
    """

    def send_changes() -> None:
        sent = b""
        while True:
            time.sleep(CHECK_EVERY_S)
            body = declared(Simulation(population=population), beginning_of(today))
            if body == sent:
                continue
            try:
                send(body, address)
                sent = body
            except StackError as error:
                log.debug("%s", error)

    threading.Thread(target=send_changes, name="partner", daemon=True).start()
