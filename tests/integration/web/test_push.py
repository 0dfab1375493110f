"""Deliveries over HTTP: who may send, what is stored, and what the responses reveal."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import random
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
import requests
import sqlalchemy as sa
import yaml
from starlette.applications import Starlette
from starlette.routing import Mount
from typer.testing import CliRunner

from observatory import cli
from observatory.errors import ObservatoryError, StackError
from observatory.ingest import extract
from observatory.settings import ROOT
from observatory.simulator.partners import push as partner
from observatory.simulator.portal import running
from observatory.simulator.world.simulation import Simulation
from observatory.territory.files import load_territory
from observatory.web.push.app import PREFIX, app
from observatory.window import Window

DAY = Window(date(2026, 3, 10), date(2026, 3, 11), "Europe/Paris")
TOKEN = "a token that is made up for this test"
FEED = {
    "kind": "incident",
    "source": {"protocol": "file", "path": "*.jsonl", "inbox": True, "push_token": "LOG_TOKEN"},
    "owner": "Police municipale",
    "licence": "made up",
    "constants": {"record_type": "police_log"},
    "date_formats": ["%Y-%m-%dT%H:%M"],
    "columns": {"source_record_id": "id", "source_category_code": "type", "occurred_from": "at"},
}


def body(*numbers, category="noise", at="2026-03-10T10:00"):
    rows = ({"id": f"N{number}", "type": category, "at": at} for number in numbers)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class Endpoint:
    """A real city (``harbour``) and a simulated one (``model``) that are sent logs."""

    def __init__(self, address, warehouse, state):
        self.address, self.warehouse, self.state = f"{address}{PREFIX}", warehouse, state

    def push(self, content, feed="harbour/log", token=TOKEN, **options):
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return requests.post(f"{self.address}/{feed}", data=content, headers=headers, timeout=10, **options)

    def tell(self, delivery, feed="harbour/log", token=TOKEN):
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{self.address}/{feed}/{delivery}", headers=headers, timeout=10)

    def take(self, feed_id="log", code="harbour"):
        return extract.extract(sa.make_url(self.warehouse.url("loader")), load_territory(code), feed_id, DAY)

    def inbox(self, feed="harbour/log"):
        folder = self.state / "inbox" / feed
        return sorted(path for path in folder.glob("*") if path.name != ".lock") if folder.exists() else []


@pytest.fixture
def endpoint(warehouse, state, tmp_path, monkeypatch):
    """The application mounted as Airflow mounts it, in a server, with a state folder of the test's own."""
    demo = yaml.safe_load((ROOT / "territories" / "demo.yml").read_text())
    over = {"partner": "P", "purpose": "p", "legal_basis": "l", "document": "C-1", "start": "2020-01-01"}
    yesterday = str(date.today() - timedelta(days=2))
    feeds = {
        "log": FEED,
        "over": {**FEED, "licence": None, "convention": {**over, "end": yesterday}},
        "asked": {**FEED, "source": {**FEED["source"], "push_token": None}},
        "weak": {**FEED, "source": {**FEED["source"], "push_token": "WEAK_TOKEN"}},
        "unset": {**FEED, "source": {**FEED["source"], "push_token": "UNSET_TOKEN"}},
    }
    for code, is_simulated in (("harbour", False), ("model", True)):
        for feed_id, feed in feeds.items():
            feeds[feed_id] = {**feed, "source": {**feed["source"], "address": f"inbox/{code}/{feed_id}"}}
        city = {**demo, "code": code, "is_simulated": is_simulated, "feeds": feeds}
        (tmp_path / f"{code}.yml").write_text(yaml.safe_dump(city))
    for role in ("reader", "loader"):
        monkeypatch.setenv(f"OBSERVATORY_{role.upper()}_URL", warehouse.url(role))
    monkeypatch.setenv("OBSERVATORY_TERRITORIES", str(tmp_path))
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LOG_TOKEN", TOKEN)
    monkeypatch.setenv("WEAK_TOKEN", "short")
    with running(Starlette(routes=[Mount(PREFIX, app())])) as address:
        yield Endpoint(address, warehouse, tmp_path / "state")


def test_a_delivery_waits_then_is_loaded_and_its_state_can_be_queried(endpoint):
    sent = body(1, 2)
    answer = endpoint.push(sent)
    reply = answer.json()
    assert answer.status_code == 202
    assert reply == {**reply, "sha256": hashlib.sha256(sent).hexdigest(), "bytes": len(sent), "state": "waiting"}
    (path,) = endpoint.inbox()
    assert path.name == f"{reply['delivery']}.jsonl"
    assert path.read_bytes() == sent
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert endpoint.tell(reply["delivery"]).json()["state"] == "waiting"
    assert endpoint.take().accepted_count == 2
    assert endpoint.inbox() == []
    loaded = endpoint.tell(reply["delivery"]).json()
    counts = {"read_count": 2, "accepted_count": 2, "rejected_count": 0, "unchanged_count": 0, "corrected_count": 0}
    counts["outside_count"] = 0
    assert loaded == {**reply, **counts, "state": "loaded", "loaded_at": loaded["loaded_at"]}


def test_the_same_body_is_one_delivery_before_and_after_it_is_loaded(endpoint):
    first = endpoint.push(body(11)).json()
    assert endpoint.push(body(11)).json() == first
    assert len(endpoint.inbox()) == 1
    endpoint.take()
    again = endpoint.push(body(11))
    assert (again.status_code, again.json()) == (202, {**first, "state": "loaded"})
    assert endpoint.inbox() == []


def test_the_same_body_at_the_same_moment_is_one_delivery(endpoint):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: endpoint.push(body(*range(20, 400))), range(16)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["delivery"] for answer in answers}) == 1
    assert len(endpoint.inbox()) == 1


def test_concurrent_deliveries_are_each_stored_complete(endpoint):
    bodies = [body(*range(1_000 * number, 1_000 * number + 300)) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(endpoint.push, bodies))
    assert sorted(path.read_bytes() for path in endpoint.inbox()) == sorted(bodies)


def test_a_compressed_body_is_recognised_and_a_streamed_one_needs_no_length(endpoint):
    sent = gzip.compress(body(31), mtime=0)
    reply = endpoint.push(iter([sent[:5], sent[5:]])).json()
    assert [path.name for path in endpoint.inbox()] == [f"{reply['delivery']}.jsonl.gz"]
    assert endpoint.take().read_count == 1
    assert endpoint.tell(reply["delivery"]).json()["state"] == "loaded"


REFUSED = {
    "wrong token": ("harbour/log", "another token of this very length!!!"),
    "no token": ("harbour/log", None),
    "empty token": ("harbour/log", ""),
    "token of another alphabet": ("harbour/log", "jeton \u00e9trange"),
    "unknown city": ("nowhere/log", TOKEN),
    "unknown feed": ("harbour/nothing", TOKEN),
    "feed that is not sent": ("harbour/asked", TOKEN),
    "feed whose token is not set": ("harbour/unset", TOKEN),
    "feed whose token is too short": ("harbour/weak", "short"),
    "feed whose token is not set, without any": ("harbour/unset", ""),
    "name of a file": ("harbour/log.jsonl", TOKEN),
    "dots": ("%2e%2e/log", TOKEN),
    "NUL": ("harbour/log%00", TOKEN),
}


@pytest.mark.parametrize(("feed", "token"), REFUSED.values(), ids=REFUSED)
def test_unauthorised_senders_get_the_same_response_for_every_feed(endpoint, feed, token):
    expected = endpoint.push(body(1), "harbour/log", "wrong")
    answer = endpoint.push(body(1), feed, token)
    assert answer.status_code == 401
    assert answer.content == expected.content
    answer.headers.pop("date")
    expected.headers.pop("date")
    assert answer.headers == expected.headers
    assert set(answer.json()) == {"subject", "found", "expected", "action"}
    assert not any(endpoint.state.glob("inbox/**/*"))


def test_a_deliverys_state_requires_the_token_of_its_feed(endpoint):
    delivery = endpoint.push(body(41)).json()["delivery"]
    assert endpoint.tell(delivery, token="wrong").status_code == 401
    assert endpoint.tell(delivery, "model/log", TOKEN).status_code == 404


TRAVERSING = ["..%2flog", "%2e%2e%2f%2e%2e%2fsecrets", "*", "..", "x%00", f"20260101T000000000000Z-{'0' * 64}", ".lock"]


@pytest.mark.parametrize("delivery", TRAVERSING)
def test_no_name_escapes_from_the_inbox(endpoint, delivery):
    endpoint.push(body(42))
    head = ["Host: x", f"Authorization: Bearer {TOKEN}", "Connection: close"]
    raw = "\r\n".join([f"GET {PREFIX}/harbour/log/{delivery} HTTP/1.1", *head, "", ""])
    host, port = endpoint.address.removesuffix(PREFIX).removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(raw.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"subject", "found", "expected", "action"}


@pytest.mark.parametrize("path", ["", "/", "/harbour", "/harbour/log/", "/harbour//log", "/docs", "/openapi.json"])
def test_no_other_path_is_served(endpoint, path):
    for ask in (requests.get, requests.post, requests.delete):
        answer = ask(f"{endpoint.address}{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert answer.status_code in (401, 404)
    assert requests.get(f"{endpoint.address}/harbour/log", timeout=10).status_code == 404


@pytest.mark.parametrize("is_streamed", [False, True], ids=["announced", "streamed"])
def test_a_body_that_is_too_large_is_not_stored(endpoint, monkeypatch, is_streamed):
    monkeypatch.setenv("OBSERVATORY_PUSH_LIMIT_BYTES", "1000")
    most, more = b" " * 999 + b"\n", b" " * 1000 + b"\n"
    answer = endpoint.push(iter([more[:600], more[600:]]) if is_streamed else more)
    assert answer.status_code == 413
    assert "at most 1000 bytes" in answer.json()["expected"]
    assert endpoint.inbox() == []
    assert endpoint.push(most).status_code == 202


def test_empty_and_truncated_bodies_are_not_stored(endpoint):
    assert endpoint.push(b"").status_code == 400
    host, port = endpoint.address.removesuffix(PREFIX).removeprefix("http://").split(":")
    head = (
        f"POST {PREFIX}/harbour/log HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 900\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body(1))
    endpoint.push(body(51))
    assert [path.read_bytes() for path in endpoint.inbox()] == [body(51)]


def test_without_a_valid_convention_nothing_is_stored(endpoint):
    answer = endpoint.push(body(1), "harbour/over")
    assert answer.status_code == 403
    assert "the convention with P (C-1) ended on" in answer.json()["found"]
    assert endpoint.inbox("harbour/over") == []


def test_a_refused_delivery_is_reported_without_its_content_and_kept(endpoint, caplog):
    caplog.set_level(logging.INFO)
    for content, found in (
        (body(1) + b'{"id": "Durand", oops\n', "line 2 is not JSON"),
        (body(61, at="Durand"), "1 of 1 records broke the contract (occurred_from: readable (1 of 1 rows))"),
        (b'{"Durand": 1, "id": "1"}\n', "columns ['at', 'type'] are missing"),
        (b"\x1f\x8bDurand", "the archive cannot be unpacked"),
    ):
        delivery = endpoint.push(content).json()["delivery"]
        with pytest.raises(ObservatoryError, match=delivery):
            endpoint.take()
        answer = endpoint.tell(delivery)
        assert answer.json()["state"] == "refused"
        assert answer.json()["reason"]["found"].startswith(found)
        assert set(answer.json()["reason"]) == {"subject", "found", "expected", "action"}
        assert "Durand" not in answer.text + caplog.text
        (path,) = endpoint.inbox()
        assert endpoint.push(content).json()["state"] == "refused"
        path.unlink()


def test_only_a_simulated_city_generates_its_own_token(endpoint, monkeypatch):
    from observatory.web.push.tokens import token_of

    monkeypatch.delenv("LOG_TOKEN")
    model, harbour = load_territory("model"), load_territory("harbour")
    token = token_of(model, model.feeds["log"])
    assert endpoint.push(body(71), "model/log", token).status_code == 202
    assert endpoint.push(body(71), "model/log", "").status_code == 401
    assert token_of(harbour, harbour.feeds["log"]) is None
    assert endpoint.push(body(71), "harbour/log", token).status_code == 401
    assert not any("harbour" in path.name for path in (endpoint.state / "secrets").iterdir())


def test_without_a_warehouse_no_delivery_is_accepted(endpoint, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_READER_URL", "postgresql://reader:x@127.0.0.1:9/warehouse")
    answer = endpoint.push(body(81))
    assert answer.status_code == 503
    assert endpoint.inbox() == []


SERVE = """
import sys
from starlette.applications import Starlette
from starlette.routing import Mount
from observatory.simulator.portal import serve
from observatory.web.push.app import PREFIX, app
serve(Starlette(routes=[Mount(PREFIX, app())]), int(sys.argv[1]))
"""


def test_a_server_killed_at_any_instant_neither_loses_nor_duplicates_deliveries(endpoint):
    """A sender that repeats until it receives 202 has delivered once, at any time of the server's death."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    draws = random.Random(3)
    bodies = [body(*range(1_000 * number, 1_000 * number + 20_000)) for number in range(8)]
    killed = Endpoint(f"http://127.0.0.1:{port}", endpoint.warehouse, endpoint.state)

    def send_until_heard(content):
        while True:
            with suppress(requests.ConnectionError):
                if (answer := killed.push(content)).status_code == 202:
                    return answer.json()["delivery"]
            time.sleep(0.05)

    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(send_until_heard, bodies)
        for is_last in (False, False, True):
            before = len(killed.inbox())
            server = subprocess.Popen([sys.executable, "-c", SERVE, str(port)])
            try:
                if is_last:
                    reply = list(answers)
                else:
                    while len(killed.inbox()) == before:
                        time.sleep(0.02)
                    time.sleep(draws.uniform(0, 0.05))
            finally:
                server.kill()
                server.wait()
    whole = [path for path in killed.inbox() if not path.name.startswith(".")]
    assert sorted(path.name.partition(".")[0] for path in whole) == sorted(reply)
    assert sorted(path.read_bytes() for path in whole) == sorted(bodies)


# --- the simulated police


NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def test_operations_are_declared_before_they_start_and_never_withdrawn():
    before, after = (partner.declared(Simulation(), NOON + timedelta(days=days)).splitlines() for days in (0, 100))
    assert before == partner.declared(Simulation(), NOON).splitlines()
    assert len(before) < len(after)
    assert after[: len(before)] == before
    for line in before:
        declared = json.loads(line)
        assert declared["reported_at"] < declared["occurred_from"]
        assert declared["reported_at"] <= "2026-06-10T12:00:00Z"
    assert partner.declared(Simulation(), datetime(2021, 1, 1, tzinfo=UTC)) == b""


@pytest.fixture
def police(endpoint, monkeypatch):
    """The demo city behind the endpoint; its operations are declared by the simulated police."""
    monkeypatch.setenv("OBSERVATORY_TERRITORIES", str(ROOT / "territories"))
    return endpoint.address.removesuffix(PREFIX)


def test_operations_sent_by_the_simulated_police_are_loaded_once(endpoint, police):
    body = partner.declared(Simulation(), NOON)
    answers = [partner.send(body, police) for _ in range(2)]
    assert answers[0] == answers[1]
    assert endpoint.take("operations", "demo").accepted_count == len(body.splitlines())
    assert partner.send(body, police)["state"] == "loaded"
    later = partner.declared(Simulation(), NOON + timedelta(days=100))
    partner.send(later, police)
    result = endpoint.take("operations", "demo")
    assert result.unchanged_count == len(body.splitlines())
    assert result.accepted_count == len(later.splitlines()) - len(body.splitlines())
    assert result.rejected_count == 0
    assert partner.send(b"", police) == {}


def test_a_delivery_of_the_police_that_is_not_accepted_is_reported(police, monkeypatch):
    monkeypatch.setenv("DEMO_OPERATIONS_TOKEN", "short")
    with pytest.raises(StackError, match=r"demo/operations: the file of the simulated police was not accepted .*401"):
        partner.send(b"{}", police)


def test_the_police_send_automatically_once_the_server_responds(endpoint, police, monkeypatch):
    monkeypatch.setattr(partner, "CHECK_EVERY_S", 0.05)
    partner.keep_sending(police, date(2025, 6, 10))
    deadline = time.monotonic() + 10
    while not endpoint.inbox("demo/operations") and time.monotonic() < deadline:
        time.sleep(0.05)
    (path,) = endpoint.inbox("demo/operations")
    assert path.read_bytes() == partner.declared(Simulation(), partner.beginning_of(date(2025, 6, 10)))


def test_the_command_prints_only_the_token_of_a_simulated_city(endpoint):
    reply = CliRunner().invoke(cli.app, ["push-token", "model", "log"])
    assert reply.stdout.strip() == TOKEN
    refused = CliRunner().invoke(cli.app, ["push-token", "harbour", "log"])
    assert "set as LOG_TOKEN; expected a feed of a simulated city" in str(refused.exception)
