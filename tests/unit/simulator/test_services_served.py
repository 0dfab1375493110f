"""The simulated city's services, read back over HTTP by the feeds of its own territory file: the counts balance."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import requests

from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.check import Checked
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal
from observatory.simulator.partners.database import STREET_LIGHTS, write_street_lights
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers import app
from observatory.simulator.world.parameters.messages import FIRST_NAMES, PERSONAL_SPANS
from observatory.simulator.world.simulation import Simulation
from observatory.territory.files import load_territory
from observatory.text.tone import tone
from observatory.window import Window
from tests.support.server import IMPATIENT

DAY = Window.of_day(date(2021, 3, 10), "Europe/Paris")
NOW = datetime(2021, 3, 20, 9, tzinfo=UTC)
OF_A_DAY = {
    "reports": "citizen_report",
    "fire_operations": "fire_operation",
    "hospital_visits": "hospital_activity",
    "street_vending": "street_vending",
}
SCHOOLS = ("school", "college", "lycee")
OF_ALL_TIMES = {
    "statistics": ("delinquency_statistic", pl.col("zone_code") == "99001"),
    "schools": ("sensitive_place", pl.col("place_type").is_in(SCHOOLS)),
    "places_of_worship": ("sensitive_place", ~pl.col("place_type").is_in(SCHOOLS)),
    "works": ("public_work", pl.lit(True)),
    "pitches": ("pitch", pl.lit(True)),
}
MESSAGES = {
    "messages_noise": ("mastodon", "#Bruit"),
    "messages_safety": ("mastodon", "#Securite"),
    "posts_old_port": ("bluesky", "Quartier Vieux-Port"),
    "posts_amers": ("bluesky", "Quartier Les Amers"),
}
# names and numbers of the personal spans
PERSONAL = ("Dupuis", "Belaïd", "Lenormand", "06 12 34 56 78", "jeanne.dupuis", "AB-123-CD")


@pytest.fixture(scope="module")
def ledger():
    return Ledger(Simulation(population=400_000), lambda: NOW)


@pytest.fixture(scope="module")
def address(ledger):
    answers = {prefix: made(ledger) for prefix, made in CATALOGUE.items()}
    with portal.running(portal.create_app({}, {}, answers=answers)) as served:
        yield served


@pytest.fixture(scope="module")
def records(address):
    """The records of a feed of the demo city after minimisation and checks."""
    territory = load_territory("demo").with_portal(address)

    def read(name, window=DAY, of=territory):
        ordinals = Ordinals()
        score = {"score": tone} if of.feeds[name].source.has_messages else {}
        patience = {"patience": IMPATIENT} if of.feeds[name].source.protocol != "database" else {}
        chunks = list(open_reader(FeedWindow.of(of, name, window), **patience, **score).read())
        checked = [admit(chunk, Plan.of(of, name), ordinals) for chunk in chunks]
        return Checked(pl.concat([each.accepted for each in checked]), pl.concat([each.rejected for each in checked]))

    return read


def in_day(ledger, kind):
    listed = ledger.listed(kind, DAY.start, DAY.end)
    return listed.filter(pl.col("published_at") <= NOW)


@pytest.mark.parametrize("name", OF_A_DAY)
def test_a_day_of_records_is_complete(ledger, records, name):
    kind = OF_A_DAY[name]
    listed = in_day(ledger, kind)
    checked = records(name)
    # Open311 lists a request once; the other sources list some records twice
    expected = listed["source_record_id"].n_unique() if kind == "citizen_report" else listed.height
    assert checked.accepted.height + checked.rejected.height == expected > 5
    assert checked.accepted.height > 0.5 * expected
    assert set(checked.accepted["occurred_from"]) <= set(listed["occurred_from"])


@pytest.mark.parametrize("name", OF_ALL_TIMES)
def test_records_without_a_time_are_complete(ledger, records, name):
    kind, wanted = OF_ALL_TIMES[name]
    expected = ledger.standing(kind).filter(wanted)
    checked = records(name)
    assert checked.rejected.is_empty(), checked.rejected["reason"].unique().to_list()
    assert checked.accepted.height == expected.height > 10


def test_a_school_with_only_a_town_has_no_point(ledger, records):
    towns = ledger.standing("sensitive_place").filter(location_method="none")["source_record_id"]
    schools = records("schools").accepted
    nowhere = schools.filter(pl.col("longitude_deg").is_null())
    assert set(nowhere["source_record_id"]) == set(towns) != set()
    assert schools.filter(pl.col("longitude_deg").is_not_null())["cell_id"].null_count() == 0


def test_times_and_places_of_fire_operations_are_read_from_cp1252_and_lambert_93(ledger, records):
    planted_rows = in_day(ledger, "fire_operation").unique("source_record_id", keep="first")
    both = records("fire_operations").accepted.join(planted_rows, on="source_record_id", suffix="_listed")
    assert both.height > 10
    for name in ("occurred_from", "departed_at", "arrived_at", "cleared_at", "nature_code"):
        assert both[name].to_list() == both[f"{name}_listed"].to_list()
    assert (both["longitude_deg"] - both["longitude_deg_listed"]).abs().max() < 0.001


def test_a_finished_work_has_an_end_and_an_open_work_does_not(ledger, records):
    planted_rows = ledger.standing("public_work")
    works = records("works").accepted.join(planted_rows, on="source_record_id", suffix="_listed")
    assert set(works.filter("is_over")["state"]) == {"ended"}
    assert set(works.filter(~pl.col("is_over"))["state"]) == {"active"}
    is_open = works.filter(~pl.col("is_over"), pl.col("planned_to_listed").is_null())
    assert is_open["occurred_to"].null_count() == is_open.height > 0


def test_a_statistic_that_is_not_published_has_no_count(ledger, records):
    found = records("statistics").accepted
    assert set(found["zone_code"]) == {"demo"}
    assert set(found["edition"]) == {"2020"}
    assert found["recorded_count"].null_count() == (~found["is_published"]).sum()


def test_street_lights_are_read_from_a_database_written_by_the_city(ledger, records, tmp_path):
    write_street_lights(ledger, tmp_path)
    demo = load_territory("demo")
    feed = demo.feeds["street_lights"]
    there = feed.source.model_copy(update={"address": f"sqlite:///{tmp_path / STREET_LIGHTS}"})
    territory = demo.model_copy(update={"feeds": {"street_lights": feed.model_copy(update={"source": there})}})
    checked = records("street_lights", of=territory)
    listed = ledger.standing("street_light")
    assert checked.accepted.height == listed.height > 100
    assert (checked.accepted["state"] == "repaired").sum() == (listed["state"] == "repaired").sum()


# --- messages


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_of_a_search_is_found_with_its_thread(ledger, records, name):
    network, said = MESSAGES[name]
    says_it = pl.col("text").str.contains(said, literal=True)
    listed = in_day(ledger, "social_signal").filter(pl.col("network") == network, says_it)
    checked = records(name)
    assert checked.rejected.is_empty()
    found = checked.accepted
    assert found["occurred_from"].sort().equals(listed["occurred_from"].sort())
    assert found["is_reply"].sum() == listed["is_reply"].sum()
    assert (found["root_status"] == "self").sum() == (listed["root_status"] == "self").sum() > 10
    assert (found["root_status"] == "found").sum() > 5
    assert found["tone_score"].null_count() == (listed["language"] != "fr").sum()
    own = found.filter(~pl.col("is_reply")).sort("occurred_from")
    planted = listed.filter(~pl.col("is_reply"), ~pl.col("text").str.contains("courriel")).sort("occurred_from")
    both = own.join(planted, on="occurred_from", suffix="_planted").unique("occurred_from", keep="none")
    assert both.height > 10
    assert (both["text_length"] == both["text_length_planted"]).all()


def test_the_tone_of_read_messages_is_the_models_and_follows_the_planted_tone(ledger, records):
    planted = in_day(ledger, "social_signal").filter(pl.col("network") == "bluesky")
    found = pl.concat([records(name).accepted for name in ("posts_old_port", "posts_amers")])
    both = found.join(planted, on=["occurred_from", "district_code"], suffix="_planted")
    both = both.unique("occurred_from", keep="none")
    means = dict(both.group_by("tone_score_planted").agg(pl.col("tone_score").mean()).iter_rows())
    assert means[-1.0] < means[1.0] - 0.7
    assert set(both["tone_model"].drop_nulls()) != {"planted@1"}


def test_neither_a_personal_span_nor_a_handle_nor_an_identifier_is_in_any_record(ledger, records):
    window = Window(date(2021, 3, 10), date(2021, 3, 12), "Europe/Paris")
    posts = ledger.listed("social_signal", window.start, window.end)
    assert posts["text"].str.contains_any(list(PERSONAL_SPANS)).any()
    kept = []
    for name in (*MESSAGES, "reports"):
        checked = records(name, window if name in MESSAGES else DAY)
        kept += [checked.accepted.write_ndjson(), checked.rejected.write_ndjson()]
    stored = "".join(kept)
    assert "vacarme" not in stored
    assert not [span for span in PERSONAL if span in stored]
    assert not [name for name in FIRST_NAMES if f"{name}_" in stored]
    assert not set(posts["source_record_id"]) & set(stored.replace('"', " ").replace("-", " ").split())


def test_a_deleted_message_is_neither_found_nor_in_its_thread(ledger, address):
    versions = ledger.simulation
    later = Ledger(versions, lambda: NOW + timedelta(days=6))
    then, now = (
        each.listed("social_signal", DAY.start, DAY.end).filter(pl.col("network") == "mastodon")["source_record_id"]
        for each in (Ledger(versions, lambda: DAY.end), later)
    )
    gone = sorted(set(then) - set(now))
    assert gone
    for number, status in ((gone[0], 404), (now[0], 200)):
        assert requests.get(f"{address}/messages/api/v1/statuses/{number}/context", timeout=5).status_code == status


def test_one_networks_search_requires_a_token_and_the_others_cursor_a_login(address):
    asked = requests.get(f"{address}/messages/api/v2/search", {"q": "bruit", "type": "statuses"}, timeout=5)
    assert asked.status_code == 401
    known = {"Authorization": "Bearer made-up"}
    query = {"q": "bruit", "type": "statuses", "limit": "5"}
    pages = [
        requests.get(f"{address}/messages/api/v2/search", query | {"offset": offset}, headers=known, timeout=5).json()
        for offset in (0, 5)
    ]
    numbers = [int(status["id"]) for page in pages for status in page["statuses"]]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 10
    query = {"q": "x", "since": "2021-03-10T00:00:00Z", "until": "2021-03-11T00:00:00Z", "cursor": "1"}
    assert requests.get(f"{address}/posts/xrpc/app.bsky.feed.searchPosts", query, timeout=5).status_code == 403


def test_every_feed_states_that_it_is_simulated(ledger):
    demo = load_territory("demo")
    assert demo.is_simulated
    for name in (*OF_A_DAY, *OF_ALL_TIMES, *MESSAGES, "street_lights"):
        feed = demo.feeds[name]
        assert "simulat" in feed.owner.lower()
        assert feed.licence or "simulated" in feed.convention.partner
    with portal.running(app(CATALOGUE["works"](ledger))) as served:
        assert "simulated" in requests.get(f"{served}/content.xml", timeout=5).text[:300]
