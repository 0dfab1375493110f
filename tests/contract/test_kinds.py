"""Each kind is its module and its raw table; hashes are the same for ever."""

import re
from datetime import UTC, datetime

import polars as pl
import pytest

from observatory.contracts import CONTRACTS
from observatory.contracts.base import Record
from observatory.kinds import KINDS
from observatory.records.identity import Ordinals, row_hash
from observatory.warehouse import raw_schema


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_kind_has_a_module_and_a_table(name):
    kind = CONTRACTS[name]
    assert kind.name == name
    made, *_ = raw_schema.table_statements(kind)
    columns = dict(re.findall(r"^    (\w+) (\w+(?: precision)?)", made, re.MULTILINE))
    assert list(columns) == [
        *raw_schema.VERSION_COLUMNS,
        *(c for c in kind.columns if c not in columns or c not in raw_schema.VERSION_COLUMNS),
        "primary",
    ]
    assert set(kind.columns) <= columns.keys()


@pytest.mark.parametrize("name", CONTRACTS)
def test_nullable_columns_of_the_contract_are_nullable_in_the_table(name):
    made, *_ = raw_schema.table_statements(CONTRACTS[name])
    required = set(re.findall(r"^    (\w+) .*not null", made, re.MULTILINE))
    assert required - raw_schema.VERSION_COLUMNS.keys() == CONTRACTS[name].required - raw_schema.VERSION_COLUMNS.keys()


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_kind_has_the_common_columns(name):
    assert set(Record.to_schema().columns) <= set(CONTRACTS[name].columns)


def test_a_new_publication_of_the_same_content_is_no_new_version():
    assert set(CONTRACTS["incident"].columns) - set(CONTRACTS["incident"].content_columns) == {
        "source_record_id",
        "published_at",
        "known_at",
    }
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


def test_hashes_do_not_change_between_releases():
    assert [digest.hex() for digest in row_hash(MIXED, MIXED.columns)] == FROZEN


def test_a_hash_has_16_bytes_and_distinguishes_null_from_empty_and_columns_from_each_other():
    frame = pl.DataFrame({"a": ["x", "x", None, "", "xy", "x"], "b": ["y", None, "x", "x", "", "y"]})
    digests = row_hash(frame, ["a", "b"])
    assert digests.dtype == pl.Binary
    assert {len(digest) for digest in digests} == {16}
    assert digests.n_unique() == 5
    assert digests[0] == digests[5]
    assert digests[0] != row_hash(frame, ["b", "a"])[0]


def test_a_hash_depends_on_the_value_and_not_on_its_type():
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
