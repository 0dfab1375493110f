"""What the police, the pound and the office of events publish: read over HTTP by the demo's feeds, nothing is lost."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from observatory.errors import ObservatoryError
from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal, records
from observatory.simulator.world.simulation import FIRST_DAY, TIMEZONE, Simulation
from observatory.territory.files import load_territory
from observatory.window import Window

POPULATION = 50_000
NOW = datetime(2021, 4, 20, 12, 30, tzinfo=UTC)
WINDOW = Window(date(2021, 4, 17), date(2021, 4, 20), TIMEZONE)
TIMED = {"patrols": "presence", "citations": "citation", "impounds": "impound", "video_alerts": "video_alert"}
WHOLE = {"cameras": "camera", "agenda": "city_event", "matches": "city_event", "event_measures": "event_measure"}


@pytest.fixture(scope="module")
def address():
    with portal.running(portal.demo_app(population=POPULATION, now=lambda: NOW)) as address:
        yield address


@pytest.fixture
def delivered(address):
    """The rows of a feed of the demo city, and its records after minimisation and the contract."""
    territory, ordinals = load_territory("demo").with_portal(address), Ordinals()

    def read(feed_id):
        chunks = list(open_reader(FeedWindow.of(territory, feed_id, WINDOW)).read())
        parts = [admit(chunk, Plan.of(territory, feed_id), ordinals) for chunk in chunks]
        return pl.concat(part.accepted for part in parts), pl.concat(part.rejected for part in parts)

    return read


def listed(kind, first_day, end_day):
    return records.listing(records.versions(kind, Simulation(population=POPULATION), first_day, end_day), NOW)


@pytest.mark.parametrize(("feed_id", "kind"), TIMED.items())
def test_a_window_has_every_record_that_is_listed(delivered, feed_id, kind):
    accepted, rejected = delivered(feed_id)
    expected = listed(kind, WINDOW.first_day, WINDOW.end_day)
    # a broker holds one entity of an identifier
    count = expected["source_record_id"].n_unique() if kind == "video_alert" else expected.height
    assert accepted.height + rejected.height == count > 0
    assert rejected.height <= 0.02 * count + 1
    assert set(accepted["occurred_from"]) <= set(expected["occurred_from"])
    assert accepted["published_at"].null_count() == 0
    if kind != "presence":
        assert accepted["longitude_deg"].is_between(4.9, 5.1).all()


@pytest.mark.parametrize(("feed_id", "kind"), WHOLE.items())
def test_records_without_a_time_are_all_read(delivered, feed_id, kind):
    accepted, rejected = delivered(feed_id)
    assert rejected.is_empty()
    expected = listed(kind, FIRST_DAY, NOW.date() + timedelta(days=60))
    if kind == "city_event":
        is_match = pl.col("category_code") == "match"
        expected = expected.filter(is_match if feed_id == "matches" else ~is_match)
    assert accepted.height == pytest.approx(expected.height, rel=0.02), "but for the last day announced"
    assert accepted.height > 8
    if kind != "event_measure":
        assert set(accepted["source_record_id"]) <= {*expected["source_record_id"]} | {*_tomorrow(kind)}


def _tomorrow(kind):
    last = NOW.date() + timedelta(days=60)
    return listed(kind, last, last + timedelta(days=3))["source_record_id"]


def test_events_have_their_planned_and_final_state(delivered):
    matches, _ = delivered("matches")
    expected = listed("city_event", FIRST_DAY, date(2021, 6, 1)).filter(pl.col("category_code") == "match")
    columns = ["source_record_id", "title", "occurred_from", "occurred_to", "is_cancelled", "place_name"]
    both = matches.select(columns).join(expected.select(columns), on="source_record_id", suffix="_listed")
    assert both.height == expected.height
    for column in columns[1:]:
        assert both[column].equals(both[f"{column}_listed"]), column


def test_measures_refer_to_events_of_the_calendars(delivered):
    events = {*delivered("agenda")[0]["source_record_id"], *delivered("matches")[0]["source_record_id"]}
    assert set(delivered("event_measures")[0]["event_code"]) <= events


def test_a_reader_without_the_key_sees_no_agenda(delivered, monkeypatch):
    monkeypatch.setenv("DEMO_AGENDA_KEY", "another")
    with pytest.raises(ObservatoryError, match="demo/agenda"):
        delivered("agenda")
