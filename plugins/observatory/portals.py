"""Addresses that replace a city's own portal on this machine: a replica, a simulated city."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import requests

from observatory.errors import SourceUnavailable
from observatory.settings import ROOT, state_folder
from observatory.territory import Territory, load_territory


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


def require_answer(territory: Territory) -> None:
    """Find out in seconds, rather than after the retries of a scheduled run, that a portal cannot be reached.

    Raises:
        SourceUnavailable: an address does not answer, or a folder is not there.
    """
    for address in dict.fromkeys(s.address for feed in territory.feeds.values() if not (s := feed.source).is_inbox):
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
                came=f"no answer from {address}",
                expected="a portal, or a folder of files, that can be reached",
                todo="Check the address and the network, or name a replica: make run TERRITORY="
                f"{territory.code} PORTAL=<address or folder>",
            )
