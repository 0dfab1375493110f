"""The feeds of the simulated city's police and events, from the portal to their tables, day by day."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from observatory.ingest import extract
from observatory.simulator import portal
from observatory.territory.files import load_territory
from observatory.window import Window

EVENING = datetime(2021, 3, 20, 18, 50, tzinfo=UTC)
"""A moment at which alerts are open."""
WINDOW = Window(date(2021, 3, 17), date(2021, 3, 21), "Europe/Paris")
FEEDS = {
    "cameras": "camera",
    "patrols": "presence",
    "citations": "citation",
    "impounds": "impound",
    "agenda": "city_event",
    "matches": "city_event",
    "event_measures": "event_measure",
    "video_alerts": "video_alert",
}


class Portal:
    """The portal of a city of 100,000 and its clock."""

    now = EVENING

    def __init__(self, url):
        self.url = url
        self.address = ""

    def load(self, feed_id):
        return extract.extract(self.url, load_territory("demo").with_portal(self.address), feed_id, WINDOW)


@pytest.fixture
def town(warehouse):
    town = Portal(sa.make_url(warehouse.url("loader")))
    with portal.running(portal.demo_app(population=100_000, now=lambda: town.now)) as town.address:
        yield town


def test_feeds_load_rows_once_and_their_later_changes(town):
    first = {feed_id: town.load(feed_id) for feed_id in FEEDS}
    assert all(result.accepted_count > 0 for result in first.values())
    assert all(result.rejected_count <= 0.02 * result.read_count + 1 for result in first.values())

    again = {feed_id: town.load(feed_id) for feed_id in FEEDS}
    assert {result.accepted_count for result in again.values()} == {0}
    assert all(again[feed_id].read_count == first[feed_id].read_count for feed_id in FEEDS)

    town.now = EVENING + timedelta(days=2)
    later = {feed_id: town.load(feed_id) for feed_id in FEEDS}
    assert later["patrols"].corrected_count > 100, "the minutes spent are known two mornings later"
    assert later["video_alerts"].corrected_count > 0, "open alerts were cleared"
    assert later["citations"].accepted_count > 0, "some were sent late"
    assert later["cameras"].accepted_count == 0
