"""The simulated police log as the city's portal lists it on a day."""

from datetime import timedelta
from functools import lru_cache

from observatory.simulator import records
from observatory.simulator.publishers import police
from observatory.simulator.records import incident
from observatory.simulator.world.simulation import TIMEZONE
from observatory.window import local_midnight

versions_of = lru_cache(maxsize=2)(incident.versions_of)


def listing(log, day):
    """The rows that the portal lists as a local day begins."""
    just_before = local_midnight(day, TIMEZONE) - timedelta(microseconds=1)
    return police.incident_rows(records.listing(versions_of(log), just_before))
