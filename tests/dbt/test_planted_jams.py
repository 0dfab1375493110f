"""The jams that are planted in the simulated city are those that ``today.traffic`` shows."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from observatory.ingest import extract
from observatory.orchestration.dbt import LIVE
from observatory.simulator import portal
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parameters.roads import OUTBOUND, Stretch
from observatory.simulator.world.roads import sites_of
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.territory.files import load_territory
from observatory.window import Window

EVENING = datetime(2024, 5, 22, 16, 0, tzinfo=UTC)
"""Six o'clock of a Wednesday: the ring road is jammed."""
ROADS = PLANTED.roads
SIMULATION = Simulation(population=100_000)


@pytest.fixture(scope="module")
def measured(warehouse):
    """Two days until that evening."""
    answers = {"traffic": CATALOGUE["traffic"](Ledger(SIMULATION, lambda: EVENING))}
    with portal.running(portal.create_app({}, {}, answers=answers)) as address:
        demo = load_territory("demo").with_portal(address)
        with warehouse.connect() as connection:
            connection.execute(
                "insert into raw.territory values ('demo', 'demo', 'FR', 'Europe/Paris', true, 2154, 250)"
            )
        window = Window.between(EVENING - timedelta(days=2), EVENING, TIMEZONE)
        extract.extract(sa.make_url(warehouse.url("loader")), demo, "traffic", window)


def test_the_mart_shows_exactly_the_planted_jams(dbt, warehouse, measured):
    dbt("build", *LIVE, territory_code="demo", as_of=EVENING.isoformat())
    measures = warehouse.rows("select site_code, is_jammed, congestion_index from today.traffic", role="reader")
    sites = sites_of(SIMULATION)
    jam = next(each for each in ROADS.jams if each.name == "Rocade")
    jammed, closed, faulty = (
        set(sites.code[chosen].tolist())
        for chosen in (
            sites.on(jam.where, ROADS),
            sites.on(Stretch("Q2", OUTBOUND), ROADS),
            ROADS.missing.is_on(sites.number, sites.is_motorway, EVENING.date().toordinal()),
        )
    )
    assert {site for site, is_jammed, _ in measures if is_jammed} == jammed - faulty != set()
    assert {site for site, is_jammed, _ in measures if is_jammed is None} >= closed
    shares = [share for site, _, share in measures if site in jammed - faulty]
    assert sum(shares) / len(shares) == pytest.approx(jam.slowed_share, abs=0.08)
