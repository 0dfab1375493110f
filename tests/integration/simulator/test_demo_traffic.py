"""Traffic of the simulated city in the warehouse: nothing measured is null, and no traffic on a closed road is 0."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from observatory.ingest import extract
from observatory.simulator import portal
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parameters.roads import OUTBOUND, Stretch
from observatory.simulator.world.roads import sites_of
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.territory.files import load_territory
from observatory.window import Window

ROADS = PLANTED.roads
SIMULATION = Simulation(population=100_000)
SITES = sites_of(SIMULATION)
DAY = next(
    day
    for day in (date(2024, 5, 1) + timedelta(days=number) for number in range(30))
    if ROADS.missing.is_on(SITES.number, SITES.is_motorway, day.toordinal())[~SITES.is_motorway].any()
)


@pytest.fixture(scope="module")
def loaded(warehouse):
    """A day of the city's sites, as listed two days later."""
    ledger = Ledger(SIMULATION, lambda: datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=3))
    with portal.running(portal.create_app({}, {}, answers={"traffic": CATALOGUE["traffic"](ledger)})) as address:
        demo = load_territory("demo").with_portal(address)
        url = sa.make_url(warehouse.url("loader"))
        return extract.extract(url, demo, "traffic", Window.of_day(DAY, TIMEZONE))


def test_the_hours_of_a_faulty_sensor_are_null_and_those_of_a_closed_road_are_0(loaded, warehouse):
    city = ~SITES.is_motorway
    assert loaded.read_count == loaded.accepted_count + loaded.rejected_count + loaded.unchanged_count
    assert loaded.accepted_count > 0.98 * 240 * city.sum()
    hours = warehouse.rows(
        "select site_code, flow_veh_h_mean, flow_veh_h_count, speed_kmh_mean, speed_kmh_count"
        " from raw.traffic_measure_hour where feed_id = 'traffic'"
    )
    assert len(hours) == 24 * city.sum()
    is_missing = ROADS.missing.is_on(SITES.number, SITES.is_motorway, DAY.toordinal())
    faulty = set(SITES.code[is_missing & city].tolist())
    closed = set(SITES.code[SITES.on(Stretch("Q2", OUTBOUND), ROADS) & ~is_missing].tolist())
    assert {hour[1:] for hour in hours if hour[0] in faulty} == {(None, 0, None, 0)}
    of_closed = [hour for hour in hours if hour[0] in closed]
    assert {(flow, speed, speeds) for _, flow, _, speed, speeds in of_closed} == {(0.0, None, 0)}
    assert min(flows for _, _, flows, *_ in of_closed) >= 8
    others = [hour for hour in hours if hour[0] not in faulty | closed]
    assert {flows > 0 for _, _, flows, *_ in others} == {True}
    assert sum(flow for _, flow, *_ in others) / len(others) > 100
