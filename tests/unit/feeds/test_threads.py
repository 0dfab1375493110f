"""Threads resolved at once agree with a resolution message by message."""

import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.feeds.messages.threads import THREAD, resolve

TEXT = dict.fromkeys(("id", "parent", "root_hint", "created_at", "theme_code"), pl.String)


def messages(*rows):
    """Rows of (id, parent, root_hint)."""
    return pl.DataFrame(
        [(i, parent, hint, f"at {i}", f"about {i}") for i, parent, hint in rows], schema=TEXT, orient="row"
    )


def climbed(rows):
    """The result of following parents one by one: rows of (id, root, status, depth)."""
    parent_of = {i: parent for i, parent, _ in rows}
    found = {}
    for i, parent, hint in rows:
        path = [i]
        while parent_of[path[-1]] in parent_of and parent_of[path[-1]] not in path:
            path.append(parent_of[path[-1]])
        last = path[-1]
        goes_round = parent_of[last] in path
        end = min(path[path.index(parent_of[last]) :]) if goes_round else last
        is_whole = not goes_round and parent_of[last] is None
        depth = len(path) - 1
        if hint is not None and hint != i:
            is_known = hint in parent_of
            found[i] = (
                hint,
                "found" if is_known else "missing",
                depth if is_known and is_whole and hint == last else None,
            )
        elif parent is None:
            found[i] = (i, "self", 0)
        else:
            found[i] = (end, "found" if is_whole else "missing", depth if is_whole else None)
    return found


NAMES = [f"m{n:02}" for n in range(12)]


@st.composite
def forests(draw):
    """Messages whose parents and hints are any known or unknown message, including cycles and replies to themselves."""
    ids = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=12))
    other = st.one_of(st.none(), st.sampled_from([*NAMES, "unknown"]))
    return [(i, draw(other), draw(st.one_of(st.none(), other))) for i in ids]


@settings(max_examples=400, deadline=None)
@given(forests())
def test_threads_agree_with_a_message_by_message_resolution(rows):
    got = resolve(messages(*rows))
    expected = climbed(rows)
    assert {r["id"]: (r["root"], r["root_status"], r["thread_depth"]) for r in got.to_dicts()} == expected
    sizes = [root for root, _, _ in expected.values()]
    for row in got.to_dicts():
        assert row["thread_size_count"] == sizes.count(row["root"])
        is_known = row["root_status"] != "missing"
        assert row["root_at"] == (f"at {row['root']}" if is_known else None)
        assert row["root_theme_code"] == (f"about {row['root']}" if is_known else None)


@settings(max_examples=100, deadline=None)
@given(forests(), st.randoms())
def test_the_order_of_messages_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, other = (resolve(messages(*each)).sort("id") for each in (rows, shuffled))
    assert one.equals(other)


def test_a_parent_that_arrives_late_is_used():
    early = messages(("b", "a", None), ("c", "b", None))
    assert resolve(early)["root_status"].to_list() == ["missing", "missing"]
    assert resolve(early)["root"].to_list() == ["b", "b"]
    late = resolve(pl.concat([early, messages(("a", None, None))]))
    assert late["root"].to_list() == ["a", "a", "a"]
    assert late["root_status"].to_list() == ["found", "found", "self"]
    assert late["thread_depth"].to_list() == [1, 2, 0]
    assert late["thread_size_count"].to_list() == [3, 3, 3]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_cycle_is_named_after_its_message_that_sorts_first(order):
    rows = [("b", "c", None), ("c", "b", None), ("a", "c", None)]
    got = resolve(messages(*(rows[n] for n in order)))
    assert set(got["root"]) == {"b"}, "a only leads into the cycle"
    assert set(got["root_status"]) == {"missing"}
    assert got["thread_depth"].null_count() == 3


def test_a_hint_to_the_message_itself_is_ignored():
    got = resolve(messages(("a", None, "a"), ("b", "a", "b")))
    assert got["root"].to_list() == ["a", "a"]
    assert got["root_status"].to_list() == ["self", "found"]


def test_no_messages_give_no_threads():
    got = resolve(messages())
    assert got.is_empty()
    assert {name: got.schema[name] for name in THREAD} == THREAD


@pytest.mark.parametrize("shape", ["chain", "star"])
def test_a_day_of_messages_is_resolved_quickly(shape):
    count = 20_000
    parents = [None] + [f"m{n - 1 if shape == 'chain' else 0}" for n in range(1, count)]
    rows = messages(*((f"m{n}", parent, None) for n, parent in enumerate(parents)))
    start = time.perf_counter()
    got = resolve(rows)
    assert time.perf_counter() - start < 5
    assert got["root"].unique().to_list() == ["m0"]
    assert got["thread_depth"].max() == (count - 1 if shape == "chain" else 1)
