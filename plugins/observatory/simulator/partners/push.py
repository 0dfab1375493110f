"""A partner of the simulated city that sends: its police declare their operations over HTTP, as a real one's would."""

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
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.territory.files import load_territory
from observatory.web.push.app import PREFIX
from observatory.web.push.tokens import token_of
from observatory.window import local_midnight

log = logging.getLogger(__name__)
CITY, FEED = "demo", "operations"
DECLARED_AHEAD = timedelta(days=370)
"""No operation is declared longer before it starts."""
LOOKS_EVERY_S = 60
_WRITTEN = "%Y-%m-%dT%H:%M:%SZ"


def beginning_of(today: date | None) -> datetime:
    """The moment (UTC) at which a local day of the city begins; now where None."""
    return local_midnight(today, TIMEZONE) if today else datetime.now(UTC)


def declared(simulation: Simulation, now: datetime) -> bytes:
    """The operations declared so far, one JSON object a line; nothing where there are none.

    Args:
        simulation: which city.
        now: the moment, UTC.
    """
    made = records.versions("operation", simulation, simulation.first_day, (now + DECLARED_AHEAD).date())
    listed = records.listing(made, now).sort("reported_at", "source_record_id")
    return listed.with_columns(pl.col(pl.Datetime).dt.strftime(_WRITTEN)).write_ndjson().encode()


def send(body: bytes, address: str) -> dict[str, Any]:
    """Send a file into the feed; one that is empty is not sent.

    Args:
        body: its bytes.
        address: of Airflow's API server, ``http://127.0.0.1:8080``.

    Returns:
        The answer: ``delivery``, ``sha256``, ``bytes``, ``state``; nothing where nothing was sent.

    Raises:
        StackError: it was not taken.
    """
    if not body:
        return {}
    territory = load_territory(CITY)
    token = token_of(territory, territory.feeds[FEED])
    url = f"{address}{PREFIX}/{CITY}/{FEED}"
    try:
        answer = requests.post(url, data=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        answer.raise_for_status()
        return answer.json()
    except requests.RequestException as error:
        raise StackError(
            f"{CITY}/{FEED}",
            found=f"what the simulated police sent was not taken ({error})",
            expected="202 Accepted",
            action="See the log of the api-server.",
        ) from None


def keep_sending(address: str, today: date | None) -> None:
    """Send, from a thread that ends with this process, whenever there is another operation to declare.

    Args:
        address: of Airflow's API server, which may come and go.
        today: what is declared is what was as this local day began; None follows the calendar.
    """

    def send_what_is_new() -> None:
        sent = b""
        while True:
            time.sleep(LOOKS_EVERY_S)
            body = declared(Simulation(), beginning_of(today))
            if body == sent:
                continue
            try:
                send(body, address)
                sent = body
            except StackError as error:
                log.debug("%s", error)

    threading.Thread(target=send_what_is_new, name="partner", daemon=True).start()
