"""Inboxes: deliveries of partners are loaded once, complete and in order, also after interruptions."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from observatory.errors import ContractBroken, SourceChanged, SourceUnavailable
from observatory.ingest import deliveries as inbox
from observatory.ingest import extract
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.territory.reachability import require_answer
from observatory.window import Window

DAY = Window(date(2026, 3, 10), date(2026, 3, 11), "Europe/Paris")
FEED = {
    "kind": "incident",
    "owner": "Police municipale",
    "licence": "made up",
    "constants": {"record_type": "police_log"},
    "date_formats": ["%Y-%m-%dT%H:%M"],
    "columns": {"source_record_id": "id", "source_category_code": "type", "occurred_from": "at"},
}


def line(number, category="noise", at="2026-03-10T10:00"):
    return json.dumps({"id": f"N{number}", "type": category, "at": at}) + "\n"


class Partner:
    """A city of one test, whose only feed is an inbox."""

    def __init__(self, code, warehouse, folder):
        demo = load_territory("demo").model_dump(exclude={"feeds"})
        source = {"protocol": "file", "address": str(folder), "path": "*.jsonl", "inbox": True}
        self.territory = Territory.model_validate({**demo, "code": code, "feeds": {"log": {**FEED, "source": source}}})
        self.folder, self.warehouse, self.sent = folder, warehouse, 0
        folder.mkdir(exist_ok=True)

    def send(self, name, content):
        """Deliver a file, one second after the previous one."""
        self.sent += 1
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(self.folder / name, (self.sent, self.sent))

    def take(self, window=DAY):
        return extract.extract(sa.make_url(self.warehouse.url("loader")), self.territory, "log", window)

    def rows(self, query):
        return self.warehouse.rows(query, self.territory.code)

    def versions(self):
        return self.rows(
            "select source_record_id, version_number, source_category_code from raw.incident "
            "where territory_code = %s order by 1, 2"
        )

    def deliveries(self):
        return self.rows(
            "select file_name, read_count, accepted_count, rejected_count, unchanged_count from ops.delivery "
            "join ops.load using (load_id) where delivery.territory_code = %s order by load_id"
        )

    def left(self):
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def partner(warehouse, tmp_path, request):
    code = "".join(c for c in request.node.name if c.isalpha()).lower()[:30]
    return Partner(code, warehouse, tmp_path / "inbox")


def test_files_are_loaded_oldest_first_and_then_deleted(partner):
    partner.send("z.jsonl", line(1) + line(2, at="2019-01-01T00:00"))
    partner.send("a.jsonl", line(1, "theft"))
    partner.send("m.jsonl.gz", gzip.compress(line(3).encode()))
    result = partner.take()
    assert (result.read_count, result.accepted_count, result.corrected_count) == (4, 4, 1)
    assert partner.versions() == [("N1", 1, "noise"), ("N1", 2, "theft"), ("N2", 1, "noise"), ("N3", 1, "noise")]
    assert partner.deliveries() == [("z.jsonl", 2, 2, 0, 0), ("a.jsonl", 1, 1, 0, 0), ("m.jsonl.gz", 1, 1, 0, 0)]
    assert partner.left() == []


def test_an_empty_inbox_gives_a_load_without_rows(partner):
    assert partner.take().read_count == 0
    assert partner.rows("select read_count from ops.load where territory_code = %s") == [(0,)]
    assert partner.rows("select count(*) from ops.load_failure where territory_code = %s") == [(0,)]
    require_answer(partner.territory)


def test_a_file_that_is_being_written_is_not_loaded(partner):
    for name in (".a.jsonl", "a.jsonl.part", ".incoming-x"):
        partner.send(name, line(1)[:20])
    os.utime(partner.folder / ".incoming-x")
    assert partner.take().read_count == 0
    assert partner.left() == [".a.jsonl", ".incoming-x", "a.jsonl.part"]
    (partner.folder / "a.jsonl.part").write_text(line(1))
    (partner.folder / "a.jsonl.part").rename(partner.folder / "a.jsonl")
    assert partner.take().accepted_count == 1


def test_an_incomplete_upload_is_deleted_after_a_day(partner):
    partner.send(".incoming-x", line(1)[:20])
    partner.take()
    assert partner.left() == []


def test_directories_and_files_of_other_names_are_left(partner, tmp_path, caplog):
    (tmp_path / "elsewhere").write_text(line(1))
    (partner.folder / "link.jsonl").symlink_to(tmp_path / "elsewhere")
    (partner.folder / "folder.jsonl").mkdir()
    partner.send("note.txt", "hello")
    assert partner.take().read_count == 0
    assert partner.left() == ["folder.jsonl", "link.jsonl", "note.txt"]
    assert "1 files in" in caplog.text


def test_a_file_whose_name_has_unprintable_characters_is_left(partner):
    partner.send(os.fsdecode(b"caf\xe9.jsonl"), line(1))
    partner.send("two\nlines.jsonl", line(1))
    assert partner.take().read_count == 0
    assert len(partner.left()) == 2


def test_files_may_appear_and_disappear_while_the_folder_is_listed(partner):
    ended = threading.Event()

    def come_and_go():
        while not ended.is_set():
            (partner.folder / ".incoming-1").write_text(line(1))
            (partner.folder / ".incoming-1").rename(partner.folder / "1.jsonl")
            (partner.folder / "1.jsonl").unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(2_000):
            found = inbox.waiting("here", partner.territory.feeds["log"])
            assert [path.name for path in found] in ([], ["1.jsonl"])
    finally:
        ended.set()
        thread.join()


def test_a_removed_file_is_skipped_and_an_unreadable_one_is_not_deleted(partner, monkeypatch):
    recorded = inbox.Delivery.record

    def taken_away(taken, load):
        recorded(taken, load)
        taken.path.unlink()

    def fail(taken, load):
        raise FileNotFoundError("no such folder: /tmp")

    partner.send("1.jsonl", line(1))
    with monkeypatch.context() as patched:
        patched.setattr(inbox.Delivery, "record", taken_away)
        assert partner.take().read_count == 0
    assert (partner.versions(), partner.deliveries()) == ([], [])
    partner.send("2.jsonl", line(2))
    with monkeypatch.context() as patched:
        patched.setattr(inbox.Delivery, "record", fail)
        with pytest.raises(FileNotFoundError):
            partner.take()
    assert partner.left() == ["2.jsonl"]
    assert partner.take().accepted_count == 1


def test_two_concurrent_runs_load_each_file_once(partner):
    for number in range(6):
        partner.send(f"{number}.jsonl", line(number, "noise") + line(99, f"type {number}"))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: partner.take(), range(2)))
    assert sum(result.read_count for result in results) == 12
    assert [name for name, *_ in partner.deliveries()] == [f"{number}.jsonl" for number in range(6)]
    assert [category for key, _, category in partner.versions() if key == "N99"] == [f"type {n}" for n in range(6)]


def test_a_refused_file_is_kept_and_named_and_blocks_later_files(partner):
    partner.send("1.jsonl", line(1))
    partner.send("2.jsonl", line(1, "theft") + '{"id": "Martin",\n' + line(2))
    partner.send("3.jsonl", line(1, "fire"))
    with pytest.raises(SourceChanged, match=r"log 2026-03-10\.\.2026-03-10, 2\.jsonl: line 2 is not JSON \(") as caught:
        partner.take()
    assert "Martin" not in str(caught.value)
    assert f"{partner.folder}/2.jsonl stays, and later files wait" in caught.value.action
    assert partner.left() == ["2.jsonl", "3.jsonl"]
    assert partner.versions() == [("N1", 1, "noise")]
    (found,) = partner.rows("select found from ops.delivery_refusal where territory_code = %s")[0]
    assert found.startswith("line 2 is not JSON")
    partner.send("2.jsonl", line(1, "theft") + line(2))
    partner.take()
    assert [category for _, _, category in partner.versions()] == ["noise", "fire", "theft", "noise"]
    assert partner.left() == []


def test_a_file_with_too_many_invalid_records_is_refused_without_showing_them_to_the_sender(partner):
    partner.send("1.jsonl", line(1, at="Dupont") + line(2))
    with pytest.raises(ContractBroken, match=r"1\.jsonl: 1 of 2 records broke the contract .*Dupont"):
        partner.take()
    (found,) = partner.rows("select found from ops.delivery_refusal where territory_code = %s")[0]
    assert found == "1 of 2 records broke the contract (occurred_from: readable (1 of 2 rows))"
    assert partner.left() == ["1.jsonl"]
    assert partner.versions() == []


def test_a_file_loaded_by_a_killed_run_is_not_loaded_again_but_a_new_one_of_its_name_is(partner, monkeypatch):
    partner.send("a.jsonl", line(1))
    with monkeypatch.context() as patched:
        patched.setattr(inbox.Delivery, "delete", lambda _: None)
        partner.take()
    assert partner.left() == ["a.jsonl"]
    assert partner.take().read_count == 0
    assert partner.left() == []
    partner.send("a.jsonl", line(1, "theft"))
    partner.send("b.jsonl", line(1))
    partner.take()
    partner.send("a.jsonl", line(1))
    partner.take()
    assert [row[0] for row in partner.deliveries()] == ["a.jsonl", "a.jsonl", "b.jsonl", "a.jsonl"]
    assert [category for *_, category in partner.versions()] == ["noise", "theft", "noise"]


def test_a_file_replaced_while_it_is_read_is_loaded_later(partner, monkeypatch):
    partner.send("a.jsonl", line(1))
    recorded = inbox.Delivery.record

    def replace(taken, load):
        recorded(taken, load)
        partner.send("a.jsonl", line(2))

    with monkeypatch.context() as patched:
        patched.setattr(inbox.Delivery, "record", replace)
        with pytest.raises(SourceUnavailable, match=r"a\.jsonl: the file was changed"):
            partner.take()
    assert partner.versions() == []
    partner.take()
    assert partner.versions() == [("N2", 1, "noise")]


def test_a_partners_folder_must_exist_and_our_own_is_created_private(warehouse, tmp_path, state):
    nowhere = Partner("nowhere", warehouse, tmp_path / "drop")
    (tmp_path / "drop").rmdir()
    with pytest.raises(SourceUnavailable, match=r"the inbox .*drop cannot be read"):
        nowhere.take()
    own = Partner("own", warehouse, tmp_path / "drop")
    source = own.territory.feeds["log"].source.model_copy(update={"address": "inbox/own/log"})
    feed = own.territory.feeds["log"].model_copy(update={"source": source})
    own.territory = own.territory.model_copy(update={"feeds": {"log": feed}})
    own.take()
    for folder in ("inbox", "inbox/own", "inbox/own/log"):
        assert (state / folder).stat().st_mode & 0o777 == 0o700


TAKE = """
import sys, sqlalchemy as sa
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_deliveries import Partner
from types import SimpleNamespace
partner = Partner({code!r}, SimpleNamespace(url=lambda _: {url!r}), Path({folder!r}))
print("ready", flush=True)
partner.take()
"""
FILES = [
    "".join(line(number, category) for number in range(first, first + 40))
    for first, category in [(0, "noise"), (20, "theft"), (40, "fire"), (0, "theft"), (20, "noise"), (60, "fire")]
]


def test_kills_at_any_instant_neither_lose_nor_duplicate_rows(warehouse, tmp_path):
    undisturbed = Partner("undisturbed", warehouse, tmp_path / "undisturbed")
    killed = Partner("killed", warehouse, tmp_path / "killed")
    for partner in (undisturbed, killed):
        for number, content in enumerate(FILES):
            partner.send(f"{number}.jsonl", content)
    started = time.monotonic()
    undisturbed.take()
    lasts_s = time.monotonic() - started
    values = {"tests": str(Path(__file__).parent), "url": warehouse.url("loader"), "folder": str(killed.folder)}
    script, draws, kills = TAKE.format(code="killed", **values), random.Random(6), 0
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(draws.uniform(0, lasts_s))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills, "no run was ended early"
    killed.take()
    assert killed.left() == []
    assert killed.versions() == undisturbed.versions()
    assert killed.deliveries() == undisturbed.deliveries()
