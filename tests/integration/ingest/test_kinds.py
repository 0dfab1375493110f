"""Every kind, from a file to its table: loaded once, rejected with its reason, nothing personal."""

import csv
from datetime import date

import psycopg
import pytest
import sqlalchemy as sa

from observatory.contracts import CONTRACTS
from observatory.errors import ContractBroken, SecretMissing
from observatory.ingest import extract
from observatory.kinds import KINDS
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.warehouse.bootstrap import bootstrap
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window
from tests.support.samples import SAMPLES

MARCH = Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
DEMO = load_territory("demo").model_dump(exclude={"feeds"})
CONVENTION = {
    "partner": "Police",
    "purpose": "analysis of public space",
    "legal_basis": "decision 12",
    "document": "C-1",
    "start": "2020-01-01",
    "end": "2099-12-31",
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    epoch(monkeypatch, "a")


def epoch(monkeypatch, name):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", name)
    monkeypatch.setenv(f"OBSERVATORY_PSEUDONYM_SECRET_{name.upper()}", name * 32)


@pytest.fixture
def drop(warehouse, tmp_path):
    """Load rows of a kind from a file; the city's code is the test's own."""

    def load(kind, *rows, code="kinds", is_simulated=True, **declared):
        sample = SAMPLES[kind]
        with (tmp_path / "rows.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, sample.row)
            writer.writeheader()
            writer.writerows({**sample.row, **row} for row in rows)
        feed = {
            "kind": kind,
            "source": {"protocol": "file", "address": str(tmp_path), "path": "rows.csv"},
            "owner": "Partner",
            "convention": CONVENTION,
            "columns": sample.columns,
            "tolerated_reject_share": 0.5,
            "is_complete": not KINDS[kind].is_signal,
            "tolerated_withdrawal_share": 1.0,
            **sample.settings,
            **declared,
        }
        territory = Territory.model_validate(
            {**DEMO, "code": code, "is_simulated": is_simulated, "feeds": {f"feed_{kind}": feed}}
        )
        return extract.extract(sa.make_url(warehouse.url("loader")), territory, f"feed_{kind}", MARCH)

    return load


def table_of(kind):
    return f"{kind}_hour" if KINDS[kind].is_signal else kind


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_kind_is_loaded_once_and_its_rejects_are_kept(drop, warehouse, kind):
    (change, column, check), *_ = SAMPLES[kind].broken
    assert drop(kind, {}, change) == LoadResult(read_count=2, accepted_count=1, rejected_count=1)
    assert drop(kind, {}, change) == LoadResult(read_count=2, unchanged_count=1, rejected_count=1)
    columns = ", ".join(CONTRACTS[kind].hour_schema or CONTRACTS[kind].columns)
    found = warehouse.rows(f"select {columns} from raw.{table_of(kind)}", role="transformer")
    assert len(found) == 1
    rejected = warehouse.rows("select column_name, check_name from raw.rejected where kind = %s", kind)
    assert rejected == [(column, check)]


@pytest.mark.parametrize("kind", SAMPLES)
def test_only_the_loader_can_append_and_readers_cannot_read_raw_tables(warehouse, kind):
    table = f"raw.{table_of(kind)}"
    for role, statement in (
        ("loader", f"update {table} set feed_id = ''"),
        ("loader", f"truncate {table}" if KINDS[kind].is_signal else f"delete from {table}"),
        ("transformer", f"insert into {table} default values"),
        ("reader", f"select from {table}"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            warehouse.rows(statement, role=role)


def test_a_table_gains_the_columns_that_its_contract_gains(warehouse):
    with warehouse.connect() as connection:
        connection.execute("alter table raw.pitch drop column stall_count, drop column area_m2")
    bootstrap(warehouse.admin)
    names = "select column_name from information_schema.columns where table_schema = 'raw' and table_name = 'pitch'"
    assert {"stall_count", "area_m2"} <= {name for (name,) in warehouse.rows(names)}


# --- keys that lead to a person's file

CITATIONS = [{"n": f"PV-{number}", "eur": "35" if number < 3 else "90"} for number in range(5)]


def keys(warehouse, code):
    return warehouse.rows(
        "select source_record_id, version_number from raw.citation where territory_code = %s order by 1, 2",
        code,
    )


def test_a_new_secret_duplicates_nothing(drop, warehouse, monkeypatch):
    assert drop("citation", *CITATIONS, code="epochs").accepted_count == 5
    before = keys(warehouse, "epochs")
    assert drop("citation", *CITATIONS, code="epochs").unchanged_count == 5
    epoch(monkeypatch, "b")
    assert drop("citation", *CITATIONS, code="epochs") == LoadResult(read_count=5, unchanged_count=5)
    assert keys(warehouse, "epochs") == before, "three equal records are still three, under the keys they had"
    new = {"n": "PV-9", "eur": "135"}
    assert drop("citation", *CITATIONS, new, code="epochs") == LoadResult(
        read_count=6, accepted_count=1, unchanged_count=5
    )
    assert len({key.split("-")[0] for key, *_ in keys(warehouse, "epochs")}) == 2
    again = {"n": "PV-9", "eur": "68"}
    assert drop("citation", *CITATIONS, again, code="epochs").corrected_count == 1


def test_under_a_new_secret_an_additional_equal_record_is_added_once(drop, warehouse, monkeypatch):
    drop("citation", *CITATIONS, code="more")
    epoch(monkeypatch, "c")
    result = drop("citation", *CITATIONS, {"n": "PV-7", "eur": "35"}, code="more")
    assert (result.accepted_count, result.unchanged_count, result.withdrawn_count) == (1, 5, 0)


def test_no_file_number_is_in_any_table_or_message(drop, warehouse, caplog):
    secret = "PV-771133"
    drop("citation", {}, {"n": secret}, {"n": secret, "eur": "1"}, {"n": f"{secret}x", "eur": "2"}, code="clean")
    with pytest.raises(ContractBroken) as caught:
        drop("citation", {"n": secret, "eur": "1"}, code="clean")
    tables = [f"raw.{table_of(kind)}" for kind in CONTRACTS] + [
        "raw.rejected",
        "ops.load",
        "ops.load_failure",
        "gov.declaration",
    ]
    stored = "".join(str(warehouse.rows(f"select to_jsonb(t)::text from {table} as t")) for table in tables)
    assert "clean" in stored
    assert "771133" not in stored + caplog.text + str(caught.value)


def test_a_feed_without_its_secret_reports_it_and_loads_nothing(drop, warehouse, monkeypatch):
    monkeypatch.delenv("OBSERVATORY_PSEUDONYM_EPOCH")
    with pytest.raises(SecretMissing, match="OBSERVATORY_PSEUDONYM_EPOCH is not set; expected"):
        drop("citation", *CITATIONS, code="secretless", is_simulated=False)
    assert keys(warehouse, "secretless") == []
    failed = warehouse.rows("select error_type from ops.load_failure where territory_code = 'secretless'")
    assert failed == [("SecretMissing",)]
