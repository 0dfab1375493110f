"""Each kind is its raw table: the schema is written twice, here it is held equal."""

import re
from datetime import UTC, datetime

import polars as pl
import pytest

from observatory.contracts import KINDS, Ordinals, row_hash
from observatory.settings import ROOT

LOADED = {"territory_code", "feed_id", "version_number", "content_hash", "is_withdrawn", "loaded_at", "load_id"}
TYPES = {
    "text": pl.String(),
    "timestamptz": pl.Datetime("us", "UTC"),
    "double precision": pl.Float64(),
    "integer": pl.Int32(),
}


def table(name):
    """Column to (type, whether it may be null) of a table in sql/03_raw.sql."""
    ddl = (ROOT / "sql" / "03_raw.sql").read_text()
    body = re.search(rf"create table if not exists raw\.{name} \((.*?)\n\);", ddl, re.DOTALL)[1]
    lines = [line.strip().rstrip(",") for line in body.splitlines() if line.strip() and "primary key" not in line]
    columns = {}
    for line in lines:
        column, declared = line.split(" ", 1)
        kept = re.sub(r"( not null| default \w+)", "", declared)
        columns[column] = kept, "not null" not in declared
    return columns


@pytest.mark.parametrize("name", KINDS)
def test_columns_types_and_order_are_the_tables(name):
    expected = {column: TYPES[kind] for column, (kind, _) in table(name).items() if column not in LOADED}
    kind = KINDS[name]
    assert kind.schema == expected
    assert kind.columns == tuple(expected)


@pytest.mark.parametrize("name", KINDS)
def test_what_may_be_null_is_what_the_table_allows(name):
    expected = {column: nullable for column, (_, nullable) in table(name).items() if column not in LOADED}
    columns = KINDS[name].model.to_schema().columns
    assert {column: columns[column].nullable for column in columns} == expected


def test_a_new_publication_of_the_same_content_is_no_new_version():
    assert set(KINDS["incident"].columns) - set(KINDS["incident"].content_columns) == {"published_at", "known_at"}
    assert KINDS["incident"].time_column == "occurred_from"


# --- hashes

MIXED = pl.DataFrame(
    {
        "text": ["a", "", None, "é"],
        "real": [1.5, -0.0, None, 1e300],
        "whole": [1, 0, None, -1],
        "moment": [datetime(2016, 1, 1, tzinfo=UTC), None, None, datetime(1969, 12, 31, tzinfo=UTC)],
    },
    schema_overrides={"moment": pl.Datetime("us", "UTC")},
)


# frozen: a change here would give every record of every warehouse a new version
FROZEN = [
    "1cccd6390df01b28e4e5692219d2dae9",
    "8fe57b3f453b21138ed2a402dd5b3185",
    "df2d884e56d74244137f37318f1447bb",
    "30fadcdb7252f2f68eb79113f425b180",
]


def test_a_hash_is_the_same_for_ever():
    assert [digest.hex() for digest in row_hash(MIXED, MIXED.columns)] == FROZEN


def test_a_hash_has_16_bytes_and_knows_null_from_empty_and_one_column_from_the_next():
    frame = pl.DataFrame({"a": ["x", "x", None, "", "xy", "x"], "b": ["y", None, "x", "x", "", "y"]})
    digests = row_hash(frame, ["a", "b"])
    assert digests.dtype == pl.Binary
    assert {len(digest) for digest in digests} == {16}
    assert digests.n_unique() == 5
    assert digests[0] == digests[5]
    assert digests[0] != row_hash(frame, ["b", "a"])[0]


def test_a_hash_is_of_the_value_not_of_its_storage():
    moment = pl.Series("m", [datetime(2020, 1, 1)])
    same = [
        (pl.Series("a", [0.0]), pl.Series("a", [-0.0])),
        (pl.Series("a", [1], dtype=pl.Int32), pl.Series("a", [1], dtype=pl.Int64)),
        (moment.cast(pl.Datetime("ms")), moment.cast(pl.Datetime("us"))),
        (pl.Series("a", ["x"], dtype=pl.Categorical), pl.Series("a", ["x"])),
    ]
    for one, other in same:
        assert row_hash(one.to_frame(), [one.name])[0] == row_hash(other.to_frame(), [other.name])[0]


def test_no_rows_have_no_hashes():
    assert row_hash(MIXED.clear(), MIXED.columns).to_list() == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_equal_rows_are_numbered_across_chunks(size):
    hashes = pl.Series([bytes([value]) for value in [1, 2, 1, 1, 3, 2, 1]])
    ordinals = Ordinals()
    numbers = [ordinals.number(hashes[start : start + size]).to_list() for start in range(0, 7, size)]
    assert [number for chunk in numbers for number in chunk] == [1, 1, 2, 3, 1, 2, 4]
