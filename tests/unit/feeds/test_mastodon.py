"""Mastodon on a server that pages by number and returns threads as contexts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from observatory.errors import SourceChanged, SourceUnavailable
from tests.support.city import CONVENTION, city, day, records, rows
from tests.support.server import first, hung_up, in_json, page_of_html, serving

DAY = day("2026-06-10")
NOON = datetime(2026, 6, 10, 10, tzinfo=UTC)
COLUMNS = {
    "source_record_id": "id",
    "occurred_from": "created_at",
    "language": "language",
    "text_length": "text",
    "is_reply": "is_reply",
    "thread_depth": "thread_depth",
    "thread_size_count": "thread_size_count",
    "root_status": "root_status",
    "root_at": "root_at",
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "2026")
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_SECRET_2026", "s" * 40)


def number(minute, sequence=0):
    return (int((NOON + timedelta(minutes=minute)).timestamp() * 1000) << 16) + sequence


def status(minute, sequence=0, parent=None, content="<p>Trop de bruit &amp; de poussi&egrave;re</p>", **changes):
    at = NOON + timedelta(minutes=minute)
    return {
        "id": str(number(minute, sequence)),
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        "in_reply_to_id": parent,
        "in_reply_to_account_id": "42" if parent else None,
        "visibility": "public",
        "language": "fr",
        "uri": "https://mastodon.example/users/jeanne/statuses/1",
        "account": {"id": "42", "username": "jeanne", "acct": "jeanne@mastodon.example"},
        "content": content,
        "reblog": None,
        "replies_count": 0,
    } | changes


def instance(statuses, tagged=None, most=40):
    tagged = statuses if tagged is None else tagged
    of = {each["id"]: each for each in statuses}

    def above(each):
        parent = of.get(each["in_reply_to_id"])
        return [*above(parent), parent] if parent else []

    def below(each):
        own = [s for s in statuses if s["in_reply_to_id"] == each["id"]]
        return [d for child in own for d in (child, *below(child))]

    def answer(asked):
        parts = asked.path.strip("/").split("/")
        if parts[-1] == "context":
            each = of.get(parts[-2])
            if each is None:
                return in_json({"error": "Record not found"}, 404)
            return in_json({"ancestors": above(each), "descendants": below(each)})
        listed = sorted(tagged, key=lambda s: int(s["id"]), reverse=True)
        listed = [s for s in listed if int(s["id"]) < int(asked["max_id"])]
        limit = min(most, int(asked["limit"]))
        if parts[-1] == "search":
            listed = [s for s in listed if int(s["id"]) > int(asked["min_id"])]
            start = int(asked["offset"])
            return in_json({"accounts": [], "statuses": listed[start : start + limit]})
        assert parts[:4] == ["api", "v1", "timelines", "tag"]
        return in_json(listed[:limit])

    return answer


def signals(address, columns=COLUMNS, **more):
    source = {"protocol": "mastodon", "address": address, "hashtags": ["marseille"], **more.pop("source", {})}
    more = {"convention": CONVENTION, "clock": "utc", "date_formats": ["%Y-%m-%dT%H:%M:%S%.fZ"], **more}
    constants = {"network": "mastodon.example"}
    return city("social_signal", source, columns, occurred_precision="second", constants=constants, **more)


def test_rows_of_messages_contain_nothing_personal():
    paul = '<a href="https://m.example/@paul" class="u-url mention">@<span>paul</span></a>'
    mention = f'<p><span class="h-card">{paul}</span> oui</p>'
    posts = [status(0), status(5, parent=status(0)["id"], content=mention)]
    with serving(instance(posts)) as (address, _):
        raw = rows(signals(address), DAY)
        checked = records(signals(address), DAY)
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    one, other = checked.accepted.sort("occurred_from").to_dicts()
    assert (one["text_length"], one["root_status"]) == (len("Trop de bruit & de poussière"), "self")
    assert (other["text_length"], other["root_status"], other["thread_depth"], other["thread_size_count"]) == (
        3,
        "found",
        1,
        2,
    )
    assert other["root_at"] == one["occurred_from"]
    for private in ("jeanne", "paul", "bruit", "https", "'42'"):
        assert private not in str(raw), "not even before minimisation"
    assert one["source_record_id"] != posts[0]["id"]


@settings(max_examples=30, deadline=None)
@given(
    minutes=st.lists(st.integers(-1500, 1500), max_size=14),
    most=st.integers(1, 5),
    page_rows=st.integers(1, 5),
    source=st.sampled_from([{}, {"hashtags": [], "queries": ["bruit"]}, {"queries": ["bruit"]}]),
)
def test_every_message_is_read_once_with_any_page_size(minutes, most, page_rows, source):
    posts = [status(minute, n) for n, minute in enumerate(minutes)]
    with serving(instance(posts, most=most)) as (address, _):
        got = [row["id"] for row in rows(signals(address, source=source), DAY, page_rows=page_rows)]
    inside = [p["id"] for p in posts if DAY.start <= datetime.fromisoformat(p["created_at"]) < DAY.end]
    assert sorted(got) == sorted(inside)


def test_a_message_received_late_by_the_server_is_in_the_window_of_its_creation():
    late = status(0, id=str(number(800)))  # past midnight
    with serving(instance([late])) as (address, _):
        assert [row["id"] for row in rows(signals(address), DAY)] == [late["id"]]
        assert rows(signals(address), day("2026-06-11")) == []


def test_a_threads_ancestors_and_descendants_are_read_once():
    root = status(-3000)
    first_answer = status(1, parent=root["id"])
    aside = status(2, parent=root["id"])
    second = status(3, parent=first_answer["id"])
    with serving(instance([root, first_answer, aside, second], tagged=[first_answer, second])) as (address, requests):
        got = {row["id"]: row for row in rows(signals(address), DAY)}
        contexts = [asked.path for asked in requests if asked.path.endswith("context")]
        alone = {row["id"]: row for row in rows(signals(address, source={"reads_threads": False}), DAY)}
    shape = ("thread_depth", "thread_size_count", "root_status")
    assert {i: tuple(row[s] for s in shape) for i, row in got.items()} == {
        first_answer["id"]: (1, 4, "found"),
        second["id"]: (2, 4, "found"),
    }
    assert len(contexts) == 2, "of a message and of the first of its thread"
    assert {i: tuple(row[s] for s in shape) for i, row in alone.items()} == {
        first_answer["id"]: (None, 2, "missing"),
        second["id"]: (None, 2, "missing"),
    }


def test_the_root_of_a_thread_whose_first_message_is_deleted_is_missing():
    orphan = status(1, parent="7")
    with serving(instance([orphan])) as (address, _):
        (row,) = rows(signals(address), DAY)
    assert (row["root_status"], row["root_at"], row["thread_depth"]) == ("missing", None, None)
    with serving(instance([], tagged=[orphan])) as (address, _):
        assert len(rows(signals(address), DAY)) == 1, "deleted between the two questions"


@pytest.mark.parametrize("source", [{}, {"hashtags": [], "queries": ["bruit"]}])
def test_a_server_that_repeats_a_page_is_not_requested_endlessly(source):
    def answer(asked):
        return in_json({"statuses": [status(0)]} if asked.path.endswith("search") else [status(0)])

    with serving(answer) as (address, _), pytest.raises(SourceChanged, match="the same page"):
        rows(signals(address, source=source), DAY)


def test_messages_that_are_not_public_or_repeated_are_skipped():
    posts = [status(0, visibility="private"), status(1, visibility="direct"), status(2, reblog={"id": "1"}), status(3)]
    with serving(instance(posts)) as (address, _):
        assert [row["id"] for row in rows(signals(address), DAY)] == [posts[3]["id"]]


def test_messages_are_read_only_under_a_convention():
    source = {"protocol": "mastodon", "address": "http://127.0.0.1:9", "hashtags": ["marseille"]}
    with pytest.raises(ValidationError, match="convention"):
        city("social_signal", source, COLUMNS, constants={"network": "m"})
    with pytest.raises(ValidationError, match="neither `hashtags` nor `queries`"):
        signals("http://127.0.0.1:9", source={"hashtags": []})


def test_faults_of_the_server_are_reported():
    well = instance([status(0)])
    for fault in (in_json({}, 429, Retry_After="0"), in_json({}, 503), hung_up(b'[{"id": "1", "x": 2}]')):
        with serving(first(fault, then=well)) as (address, _):
            assert len(rows(signals(address), DAY)) == 1
    for wrong in ({"error": "x"}, [{"number": "1"}]):
        with (
            serving(lambda _, wrong=wrong: in_json(wrong)) as (address, _),
            pytest.raises(SourceChanged, match="no list of statuses"),
        ):
            rows(signals(address), DAY)
    with (
        serving(lambda _: in_json({"error": "This method requires an authenticated user"}, 422)) as (address, _),
        pytest.raises(SourceChanged, match="422"),
    ):
        rows(signals(address), DAY)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(signals(address), DAY)
    with serving(lambda _: in_json({}, 500)) as (address, _), pytest.raises(SourceUnavailable, match="500"):
        rows(signals(address), DAY)
