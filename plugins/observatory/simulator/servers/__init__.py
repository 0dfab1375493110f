"""Servers that speak a portal's protocol with its limits: for the simulated city, and for tests of the feeds.

An ``Answer`` is a function of path, query and headers that returns JSON or a response; ``app`` makes a server of it.
Where a protocol promises no order unless one is requested, the order changes from request to request.
"""

from observatory.simulator.servers.answer import Answer, Row, app
from observatory.simulator.servers.asked import Rows
from observatory.simulator.servers.lists import open311, openagenda
from observatory.simulator.servers.opendatasoft import opendatasoft
from observatory.simulator.servers.tables import arcgis, ckan

__all__ = [
    "Answer",
    "Row",
    "Rows",
    "app",
    "arcgis",
    "ckan",
    "open311",
    "openagenda",
    "opendatasoft",
]
