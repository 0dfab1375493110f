"""Addresses that replace a city's own portal on this machine: a replica, a simulated city."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import requests

from observatory.errors import SourceUnavailable
from observatory.settings import ROOT, state_folder
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import local_midnight


def remember(territory_code: str, address: str | None) -> None:
    """Read this territory's feeds from ``address`` from now on; from its own portal again when None."""
    path = state_folder() / "portals" / territory_code
    if address is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(address, encoding="utf-8")


def territory_in_use(code: str) -> Territory:
    """The territory file, with the address remembered for it, if any."""
    territory = load_territory(code)
    with suppress(FileNotFoundError):
        return territory.with_portal((state_folder() / "portals" / code).read_text(encoding="utf-8"))
    return territory


def remember_today(territory_code: str, today: date | None) -> None:
    """Let it be ``today`` in this city from now on; what the calendar says again when None."""
    path = state_folder() / "portals" / f"{territory_code}.today"
    if today is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(today), encoding="utf-8")


def clock(territory: Territory) -> datetime:
    """The present moment in a city, UTC: where a day was chosen to be today, the moment at which it began."""
    with suppress(FileNotFoundError):
        chosen = (state_folder() / "portals" / f"{territory.code}.today").read_text(encoding="utf-8")
        return local_midnight(date.fromisoformat(chosen), territory.timezone)
    return datetime.now(UTC)


def require_answer(territory: Territory, feed_ids: Iterable[str] | None = None) -> None:
    """Find out in seconds, rather than after the retries of a scheduled run, that a portal cannot be reached.

    Args:
        territory: the city.
        feed_ids: whose addresses to ask; those of all its feeds by default.

    Raises:
        SourceUnavailable: an address does not answer, or a folder is not there.
    """
    asked = territory.feeds if feed_ids is None else feed_ids
    for address in dict.fromkeys(territory.feeds[feed_id].source.address for feed_id in asked):
        if "://" not in address:
            reached = Path(ROOT, address).is_dir()
        elif not address.startswith("http"):
            continue  # a file server or a database says who may not come in when it is read
        else:
            try:
                requests.head(address, timeout=15)
                reached = True
            except requests.RequestException:
                reached = False
        if not reached:
            raise SourceUnavailable(
                f"{territory.code}.yml",
                found=f"no answer from {address}",
                expected="a portal, or a folder of files, that can be reached",
                action="Check the address and the network, or name a replica: make run TERRITORY="
                f"{territory.code} PORTAL=<address or folder>",
            )
