"""Check that a city's sources can be reached before a run starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import requests

from observatory.errors import SourceUnavailable
from observatory.settings import ROOT
from observatory.territory.city import Territory


def require_answer(territory: Territory, feed_ids: Iterable[str] | None = None) -> None:
    """Check that every address responds and every folder exists, once and without retries.

    Args:
        territory: the city.
        feed_ids: feeds whose addresses are checked; all its feeds by default.

    Raises:
        SourceUnavailable: an address does not respond, or a folder does not exist.
    """
    checked = territory.feeds if feed_ids is None else feed_ids
    for address in dict.fromkeys(territory.feeds[feed_id].source.address for feed_id in checked):
        if "://" not in address:
            reached = Path(ROOT, address).is_dir()
        elif not address.startswith("http"):
            continue  # file servers and databases need a login, and report a failure when they are read
        else:
            try:
                requests.head(address, timeout=15)
                reached = True
            except requests.RequestException:
                reached = False
        if not reached:
            raise SourceUnavailable(
                f"{territory.code}.yml",
                found=f"no response from {address}",
                expected="a portal, or a folder of files, that can be reached",
                action="Check the address and the network, or read from a copy: make run TERRITORY="
                f"{territory.code} PORTAL=<address or folder>",
            )
