"""Faults on demand: planted in a running portal over HTTP, or in a share of its answers."""

import json

import polars as pl
import pytest
import requests
from starlette.testclient import TestClient

from observatory.simulator.portal import create_app, running
from observatory.simulator.servers import files
from observatory.simulator.servers.faults.desk import sometimes
from observatory.simulator.servers.socrata import Dataset

ROWS = pl.DataFrame({"number": range(20), "kind": "NOISE"})


def portal(**options):
    table = files.csv(lambda _: ROWS)
    return create_app(
        {"abcd-1234": Dataset(ROWS, order=("number",))}, answers={"log": table, "other": table}, **options
    )


@pytest.fixture
def client():
    return TestClient(portal(), client=("127.0.0.1", 1))


def statuses(client, path, times):
    return [client.get(path).status_code for _ in range(times)]


def test_a_fault_starts_after_some_requests_and_ends_after_others_below_its_prefix(client):
    listed = client.put("/_faults", json={"fault": "500", "prefix": "log", "after": 1, "times": 2, "status": 503})
    assert listed.json() == [
        {"fault": "500", "prefix": "log", "after": 1, "times": 2, "status": 503, "requests": 0, "is_over": False}
    ]
    assert statuses(client, "/other/x.csv", 2) == [200, 200]
    assert statuses(client, "/log/x.csv", 5) == [200, 503, 503, 200, 200]
    assert client.get("/_faults").json()[0]["is_over"]


def test_a_fault_of_a_path_lasts_until_it_is_removed(client):
    client.put("/_faults", json={"fault": "renamed", "path": "/log/a.csv", "column": "kind", "new_name": "sort"})
    assert client.get("/log/a.csv").text.startswith("number,sort\n")
    assert client.get("/log/b.csv").text.startswith("number,kind\n")
    client.put("/_faults", json={"fault": "empty"})
    assert client.get("/log/b.csv").text == "number,kind\n"
    assert client.get("/resource/abcd-1234.json").json() == []
    assert client.delete("/_faults").json() == []
    assert len(client.get("/resource/abcd-1234.json").json()) == 20


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (b"nonsense", "no JSON"),
        (b"[]", "dictionary"),
        (json.dumps({"fault": "explode"}), "'429'"),
        (json.dumps({"fault": "renamed"}), "needs a `column`"),
        (json.dumps({"fault": "500", "times": 0}), "times: "),
        (json.dumps({"fault": "500", "prefix": "log", "path": "/log"}), "either `prefix` or `path`"),
        (json.dumps({"fault": "500", "probability": 1}), "probability: "),
    ],
)
def test_invalid_faults_are_refused_with_a_complete_error(client, sent, found):
    answer = client.put("/_faults", content=sent)
    assert answer.status_code == 400
    assert found in answer.json()["found"]
    assert all(answer.json()[part] for part in ("subject", "expected", "action"))
    assert client.get("/_faults").json() == []


def test_only_this_machine_plants_faults():
    elsewhere = TestClient(portal(), client=("192.0.2.7", 1))
    assert elsewhere.put("/_faults", json={"fault": "500"}).status_code == 403
    assert elsewhere.get("/log/x.csv").status_code == 200
    with running(portal()) as address:
        assert requests.put(f"{address}/_faults", json={"fault": "500"}, timeout=5).ok


def test_random_faults_have_their_share_and_repeat_with_the_seed():
    drawn = [sometimes(0.1), sometimes(0.1), sometimes(0.1, seed=2)]
    first, again, other = ([fault_for(None) for _ in range(5_000)] for fault_for in drawn)
    assert first == again
    assert first != other
    wrong = [fault for fault in first if fault]
    assert 400 < len(wrong) < 600
    assert len(set(wrong)) == 6, "each of the faults comes"
    assert not any(map(sometimes(0), range(100)))
