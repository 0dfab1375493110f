"""Recorded rows, replayed with the portal's column names."""

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from observatory.errors import StackError
from observatory.simulator.portal import replay_app
from observatory.simulator.publishers import replay

CHICAGO = Path(__file__).resolve().parents[4] / "shared" / "data" / "chicago"


@pytest.fixture
def folder(tmp_path):
    """Two files laid out as the real ones."""
    rows = pl.DataFrame(
        {
            "source_id": ["12", "9", "100"],
            "occurred_at": ["2016-03-12T22:15:00", "2016-03-12T22:15:00", "2016-04-01T00:00:00"],
            "category": ["THEFT", "BATTERY", "THEFT"],
            "description": ["$500 AND UNDER", "SIMPLE", ""],
            "location_type": ["STREET", "STREET", "ALLEY"],
            "arrest": ["true", "false", "false"],
            "domestic": ["false", "true", "false"],
            "beat": ["0123", "0123", "0124"],
            "district": ["001", "", "001"],
            "lat": [41.9, None, 41.95],
            "lon": [-87.6, None, -87.65],
        },
        schema_overrides={"category": pl.Categorical, "arrest": pl.Categorical},
    ).with_columns(pl.col("occurred_at").str.to_datetime())
    rows.head(2).write_parquet(tmp_path / "incidents_2015.parquet")
    rows.tail(1).write_parquet(tmp_path / "incidents_2016.parquet")
    (tmp_path / "boundary.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    return tmp_path


def test_rows_have_the_portals_names_types_and_order(folder):
    client = TestClient(replay_app(folder))
    rows = client.get("/resource/ijzp-q8t2.json", params={"$order": "date,id"}).json()
    assert [row["id"] for row in rows] == ["9", "12", "100"], "ids are numbers: 9 comes before 12"
    assert rows[1].pop("updated_on").startswith("2016-03-13T0")
    assert rows[1] == {
        "id": "12",
        "date": "2016-03-12T22:15:00.000",
        "primary_type": "THEFT",
        "description": "$500 AND UNDER",
        "location_description": "STREET",
        "arrest": True,
        "domestic": False,
        "beat": "0123",
        "district": "001",
        "year": "2016",
        "latitude": "41.9",
        "longitude": "-87.6",
        "location": {
            "latitude": "41.9",
            "longitude": "-87.6",
            "human_address": '{"address": "", "city": "", "state": "", "zip": ""}',
        },
    }
    assert not {"latitude", "longitude", "location", "district"} & set(rows[0]), "nothing is sent of what is unknown"
    assert client.get("/resource/qqq8-j68g.geojson").json()["type"] == "FeatureCollection"


def test_a_folder_without_such_files_is_refused(tmp_path):
    with pytest.raises(StackError, match=r"replay of .*expected files incidents_\*\.parquet.*--replay"):
        replay_app(tmp_path)


def test_a_file_without_a_column_names_it(folder):
    pl.read_parquet(folder / "incidents_2015.parquet").drop("beat").write_parquet(folder / "incidents_2015.parquet")
    (folder / "incidents_2016.parquet").unlink()
    with pytest.raises(StackError, match="beat"):
        replay_app(folder)


@pytest.mark.skipif(not CHICAGO.is_dir(), reason="the real rows are not at ../shared/data/chicago")
def test_a_real_month_is_complete_and_published_the_night_after():
    dataset = replay.datasets(CHICAGO)[replay.INCIDENTS_ID]
    where = "date >= '2016-02-01T00:00:00' and date < '2016-03-01T00:00:00'"
    pages = [
        json.loads(dataset.answer({"$where": where, "$order": "date,id", "$limit": "15000", "$offset": str(offset)}))
        for offset in (0, 15000, 30000)
    ]
    assert (len(pages[0]), len(pages[2])) == (15000, 0)
    rows = pl.DataFrame(pages[0] + pages[1], infer_schema_length=None).with_columns(
        pl.col("date", "updated_on").str.to_datetime()
    )
    [count] = json.loads(dataset.answer({"$where": where, "$select": "count(*)"}))
    assert rows["id"].n_unique() == rows.height == int(count["count"])
    delay = rows["updated_on"] - rows["date"].dt.truncate("1d")
    assert delay.min() >= timedelta(days=1, minutes=10)
    assert delay.max() <= timedelta(days=1, hours=3, minutes=50)
