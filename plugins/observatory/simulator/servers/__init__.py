"""Servers that speak a portal's protocol with its limits: for the simulated city, and for tests of the feeds.

An **answer** is a function of path, query and headers to what is sent, JSON or a response; ``app`` makes a server of
it. Where a protocol promises no order unless one is asked for, the order changes from request to request, as it may.
"""

from observatory.simulator.publishers.ledger_rows import occurring, standing
from observatory.simulator.servers.answer import Answer, Row, app
from observatory.simulator.servers.asked import Rows
from observatory.simulator.servers.lists import open311, openagenda
from observatory.simulator.servers.tables import arcgis, ckan, opendatasoft

__all__ = [
    "Answer",
    "Row",
    "Rows",
    "app",
    "arcgis",
    "ckan",
    "occurring",
    "open311",
    "openagenda",
    "opendatasoft",
    "standing",
]
