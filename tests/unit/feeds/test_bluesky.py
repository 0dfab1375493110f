"""Bluesky on a server that searches, pages and nests threads as the real one does: no personal data remains."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from observatory.errors import SecretMissing, SourceChanged, SourceUnavailable
from tests.support.city import CONVENTION, city, day, read, records, rows
from tests.support.server import first, hung_up, in_json, page_of_html, serving

DAY = day("2026-06-10")
NOON = datetime(2026, 6, 10, 10, tzinfo=UTC)
COLUMNS = {
    "source_record_id": "id",
    "occurred_from": "created_at",
    "reported_at": "indexed_at",
    "language": "language",
    "text_length": "text",
    "theme_code": "theme_code",
    "tone_score": "tone_score",
    "tone_model": "tone_model",
    "is_reply": "is_reply",
    "thread_depth": "thread_depth",
    "thread_size_count": "thread_size_count",
    "root_status": "root_status",
    "root_at": "root_at",
    "root_theme_code": "root_theme_code",
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "2026")
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_SECRET_2026", "s" * 40)


def written(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def post(name, minute=0, parent=None, root=None, text="bruit sur le cours", **changes):
    at = written(NOON + timedelta(minutes=minute))

    def ref(of):
        return {"cid": f"cid-{of}", "uri": f"at://did:plc:someone/app.bsky.feed.post/{of}"}

    reply = {"reply": {"parent": ref(parent), "root": ref(root or parent)}} if parent else {}
    record = {"$type": "app.bsky.feed.post", "createdAt": at, "langs": ["fr"], "text": text, **reply}
    author = {"did": "did:plc:someone", "handle": "jeanne.martin.fr", "displayName": "Jeanne Martin"}
    view = {**ref(name), "author": author, "record": record, "replyCount": 0, "indexedAt": at}
    return view | changes


def threads_of(posts):
    """Each post's node with its answers below it, for getPostThread."""

    def node(view):
        below = [p for p in posts if p["record"].get("reply", {}).get("parent", {}).get("cid") == view["cid"]]
        return {"$type": "app.bsky.feed.defs#threadViewPost", "post": view, "replies": [node(each) for each in below]}

    return {view["uri"]: node(view) for view in posts}


def network(posts, most=100):
    """A server that finds all posts for ``bruit``, at most ``most`` at a time, and refuses a cursor."""

    def answer(asked):
        if asked.path.endswith("getPostThread"):
            nodes = threads_of(posts)
            if asked["uri"] not in nodes:
                return in_json({"error": "NotFound", "message": "Post not found"}, 400)
            return in_json({"thread": nodes[asked["uri"]]})
        assert asked.path == "/xrpc/app.bsky.feed.searchPosts"
        assert "cursor" not in asked.query
        found = [
            p for p in posts if asked["since"] <= p["record"]["createdAt"] < asked["until"] and p["record"]["text"]
        ]
        found.sort(key=lambda p: p["record"]["createdAt"], reverse=True)
        return in_json({"posts": found[: min(most, int(asked["limit"]))], "cursor": "1"})

    return answer


def signals(address, columns=COLUMNS, **more):
    source = {"protocol": "bluesky", "address": address, "queries": ["bruit"], **more.pop("source", {})}
    more = {"convention": CONVENTION, "clock": "utc", "date_formats": ["%Y-%m-%dT%H:%M:%S%.fZ"], **more}
    constants = {"network": "bluesky"}
    return city("social_signal", source, columns, occurred_precision="second", constants=constants, **more)


def scores(texts, languages):
    """A theme and a tone for each text; it must never see an account's name."""
    assert not texts.str.contains("@").any()
    assert languages.len() == texts.len()
    return pl.DataFrame({
        "theme_code": pl.select(pl.when(texts.str.contains("bruit")).then(pl.lit("noise"))).to_series(),
        "tone_score": [-0.5] * texts.len(),
        "tone_model": ["words-1"] * texts.len(),
    })  # fmt: skip


def test_rows_of_messages_contain_nothing_personal():
    text = "@paul.durand.fr trop de bruit, dit Jeanne Martin"
    with serving(network([post("a"), post("b", 5, "a", text=text)])) as (address, _):
        raw = rows(signals(address), DAY, score=scores)
        checked = records(signals(address), DAY, score=scores)
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    (first_post, answer) = checked.accepted.sort("occurred_from").to_dicts()
    assert (answer["text_length"], answer["theme_code"], answer["tone_score"], answer["language"]) == (
        32,
        "noise",
        -0.5,
        "fr",
    )
    assert (answer["is_reply"], answer["thread_depth"], answer["thread_size_count"], answer["root_status"]) == (
        True, 1, 2, "found",
    )  # fmt: skip
    assert (answer["root_at"], answer["root_theme_code"]) == (first_post["occurred_from"], "noise")
    assert first_post["root_status"] == "self"
    for private in ("Jeanne", "Martin", "durand", "did:plc", "bruit", "at://"):
        assert private not in str(raw), "not even before minimisation"
        assert private not in checked.accepted.write_csv()
    assert "cid-" not in checked.accepted.write_csv()
    assert {row["text"] for row in raw} == {"x" * 18, "x" * 32}


@settings(max_examples=30, deadline=None)
@given(minutes=st.lists(st.integers(-700, 800), max_size=12), most=st.integers(4, 8), page_rows=st.integers(4, 8))
def test_every_message_is_read_once_with_any_page_size(minutes, most, page_rows):
    minutes = [
        m for n, m in enumerate(minutes) if minutes[:n].count(m) < 3
    ]  # fewer messages of one moment than a page holds
    posts = [post(str(n), minute) for n, minute in enumerate(minutes)]
    with serving(network(posts, most)) as (address, _):
        got = [row["id"] for row in rows(signals(address), DAY, page_rows=page_rows)]
    inside = [p["cid"] for p in posts if DAY.start <= datetime.fromisoformat(p["record"]["createdAt"]) < DAY.end]
    assert sorted(got) == sorted(inside)


def test_more_messages_of_one_moment_than_a_page_holds_are_an_error():
    with (
        serving(network([post(str(n)) for n in range(5)])) as (address, _),
        pytest.raises(SourceChanged, match="2 messages of one moment"),
    ):
        rows(signals(address), DAY, page_rows=2)


def test_a_thread_is_read_from_its_first_message_also_if_the_search_did_not_find_it():
    posts = [
        post("root", -3000, text="Attention au bruit"),
        post("a", 1, "root"),
        post("other", 2, "root", text=""),
        post("b", 3, "a", "root"),
    ]
    with serving(network(posts)) as (address, requests):
        got = {row["id"]: row for row in rows(signals(address), DAY, score=scores)}
        assert len([asked for asked in requests if asked.path.endswith("getPostThread")]) == 1
        alone = {row["id"]: row for row in rows(signals(address, source={"reads_threads": False}), DAY)}
    shape = ("thread_depth", "thread_size_count", "root_status", "root_theme_code")
    assert {name: tuple(row[s] for s in shape) for name, row in got.items()} == {
        "cid-a": (1, 4, "found", "noise"),
        "cid-b": (2, 4, "found", "noise"),
    }
    assert {name: tuple(row[s] for s in shape) for name, row in alone.items()} == {
        "cid-a": (None, 2, "missing", None),
        "cid-b": (None, 2, "missing", None),
    }


def test_a_first_message_that_is_deleted_is_missing():
    with serving(network([post("a", 1, "gone")])) as (address, _):
        (row,) = rows(signals(address), DAY)
    assert (row["root_status"], row["root_at"], row["thread_depth"]) == ("missing", None, None)


def test_a_message_without_words_gives_no_row():
    with serving(network([post("a", text="@paul.durand.fr "), post("b", 1)])) as (address, _):
        assert [row["id"] for row in rows(signals(address), DAY)] == ["cid-b"]


def test_a_real_response_gives_rows_without_the_account(shared_data):
    thread = json.loads((shared_data / "social_api" / "bsky_threadview_sample.json").read_text())
    view = thread["thread"]["post"]
    view["record"]["text"] = "a word of ours, since the real message has none"

    def answer(asked):
        if asked.path.endswith("getPostThread"):
            return in_json(thread)
        return in_json({"posts": [view | {"replyCount": 1}]})

    with serving(answer) as (address, _):
        (row,) = rows(signals(address), day("2023-09-28"))
        checked = records(signals(address), day("2023-09-28"))
    assert row["created_at"] == "2023-09-28T12:49:36.735Z"
    assert (row["language"], row["root_status"], row["thread_depth"], row["thread_size_count"]) == ("en", "self", 0, 1)
    author = view["author"]
    for private in (author["did"], author["handle"], author["displayName"], author["avatar"], "ours"):
        assert private not in str(row)
    assert checked.accepted.height == 1


def test_messages_are_read_only_under_a_convention():
    source = {"protocol": "bluesky", "address": "http://127.0.0.1:9", "queries": ["bruit"]}
    with pytest.raises(ValidationError, match="convention"):
        city("social_signal", source, COLUMNS, constants={"network": "bluesky"})


def test_the_login_is_read_from_the_environment(monkeypatch):
    def answer(asked):
        if asked.path.endswith("createSession"):
            assert json.loads(asked.body) == {"identifier": "city.example.org", "password": "app-pass"}
            return in_json({"accessJwt": "token"})
        assert asked.headers["Authorization"] == "Bearer token"
        return network([post("a")])(asked)

    source = {"name_variable": "BLUESKY_NAME", "password_variable": "BLUESKY_PASSWORD"}
    with serving(answer) as (address, requests):
        with pytest.raises(SecretMissing, match="BLUESKY_NAME is not set"):
            rows(signals(address, source=source), DAY)
        assert requests == []
        monkeypatch.setenv("BLUESKY_NAME", "city.example.org")
        monkeypatch.setenv("BLUESKY_PASSWORD", "app-pass")
        assert len(rows(signals(address, source=source), DAY)) == 1
    with pytest.raises(ValidationError, match="an incomplete login"):
        signals(address, source={"name_variable": "BLUESKY_NAME"})


def test_a_column_that_messages_do_not_have_is_refused():
    with serving(network([])) as (address, _), pytest.raises(SourceChanged, match=r"\['uri'\] are missing"):
        rows(signals(address, {**COLUMNS, "language": "uri"}), DAY)


def test_faults_of_the_server_are_reported():
    well = network([post("a")])
    for fault in (in_json({}, 429, Retry_After="0"), in_json({}, 502), hung_up(json.dumps({"posts": []}).encode())):
        with serving(first(fault, then=well)) as (address, _):
            assert len(read(signals(address), DAY)) == 1
    with (
        serving(lambda _: in_json({"posts": [{"uri": "x"}]})) as (address, _),
        pytest.raises(SourceChanged, match="without a list of posts, each with cid"),
    ):
        rows(signals(address), DAY)
    with (
        serving(lambda _: in_json({"message": "Forbidden"}, 403)) as (address, _),
        pytest.raises(SourceChanged, match="403"),
    ):
        rows(signals(address), DAY)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(signals(address), DAY)
    with serving(lambda _: in_json({}, 503)) as (address, _), pytest.raises(SourceUnavailable, match="503"):
        rows(signals(address), DAY)


def test_the_pipeline_scores_what_it_reads():
    from observatory.ingest import extract
    from observatory.records.feed_window import FeedWindow
    from observatory.text.tone import tone

    territory = signals("http://127.0.0.1:1")
    assert extract._reader(FeedWindow.of(territory, next(iter(territory.feeds)), DAY), None).score is tone
