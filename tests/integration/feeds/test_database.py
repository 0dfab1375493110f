"""Partner databases: PostgreSQL and SQLite are read only, streamed, and their errors reported."""

import sqlite3
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from observatory.errors import SecretMissing, SourceChanged, SourceUnavailable
from observatory.feeds import open_reader
from observatory.feeds.database import DatabaseReader
from observatory.records.check import check
from observatory.records.conform import conform
from observatory.records.feed_window import FeedWindow
from observatory.records.plan import Plan
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.warehouse.connection import admin_url, plain
from observatory.window import Window

ZONE = "Europe/Paris"
DAY = Window.of_day(date(2026, 3, 29), ZONE)
STORED = {"zoned": "timestamptz", "plain": "timestamp", "dated": "date", "written": "text"}
COLUMNS = {"source_record_id": "numero", "source_category_code": "motif", "occurred_from": "debut",
           "longitude_deg": "lon", "latitude_deg": "lat"}  # fmt: skip


def city(address, table="log", columns=COLUMNS, source=None, **changes):
    demo = load_territory("demo").model_dump(exclude={"feeds"})
    settings = {
        "kind": "incident",
        "source": {"protocol": "database", "address": address, "table": table, **(source or {})},
        "owner": "Police municipale",
        "licence": "made up",
        "constants": {"record_type": "police_log"},
        "columns": columns,
        **changes,
    }
    return Territory.model_validate({**demo, "feeds": {"log": settings}})


def read(territory, window=DAY, **options):
    return list(open_reader(FeedWindow.of(territory, "log", window), **options).read())


def ids(chunks):
    return [int(value) for chunk in chunks for value in chunk["numero"]]


def without_password(url):
    return sa.URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database, url.query
    ).render_as_string()


def half_hours(day=DAY):
    """Moments from an hour before a window to an hour after it."""
    steps = int((day.end - day.start) / timedelta(minutes=30))
    return [day.start + timedelta(minutes=30 * step) for step in range(-2, steps + 2)]


@pytest.fixture(scope="module")
def partner(server):
    """A partner's database with one table per way to store a time, and a user who may only read one of them."""
    plainly = {"autocommit": True}
    with psycopg.connect(plain(admin_url().set(database="postgres")), **plainly) as maintenance:
        maintenance.execute("create database partner")
        maintenance.execute("create role partner_reader login password 'made-up-word'")
        url = admin_url().set(database="partner")
        with psycopg.connect(plain(url), **plainly) as connection:
            connection.execute("create schema partner")
            for table, dtype in STORED.items():
                connection.execute(
                    f"create table partner.{table} (numero bigint, motif text, debut {dtype}, lon numeric,"
                    " lat double precision, agent text)"
                )
            for number, moment in enumerate(half_hours()):
                local = moment.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
                for table, value in zip(STORED, (moment, local, local.date(), str(local)), strict=True):
                    connection.execute(
                        f"insert into partner.{table} values (%s, 'BRUIT', %s, 5.0, 43.3, 'someone')", (number, value)
                    )
            connection.execute("create view partner.shown as select * from partner.zoned")
            connection.execute("grant usage on schema partner to partner_reader")
            connection.execute("grant select on partner.zoned to partner_reader")
        yield url
        maintenance.execute("drop database partner with (force)")
        maintenance.execute("drop role partner_reader")


@pytest.fixture
def postgres(partner, monkeypatch):
    """Territory of a table of the partner's; the password comes from the environment."""
    monkeypatch.setenv("PARTNER_PASSWORD", partner.password or "none")
    address = without_password(partner)

    def territory(table, source=None, **changes):
        return city(
            address, table, source={"schema": "partner", "password": "PARTNER_PASSWORD", **(source or {})}, **changes
        )

    return territory


@pytest.mark.parametrize("table", ["zoned", "plain", "written", "shown"])
def test_a_window_has_the_rows_of_its_local_day_for_every_time_type(postgres, table):
    territory = postgres(table, date_formats=["%Y-%m-%d %H:%M:%S"])
    chunks = read(territory)
    assert ids(chunks) == list(range(2, 48)), "a day of 23 hours"
    assert set(chunks[0].columns) == set(COLUMNS.values())
    (rows,) = chunks
    result = check(rows, conform(rows, Plan.of(territory, "log")), Plan.of(territory, "log"))
    assert result.rejected.is_empty()
    assert result.accepted["occurred_from"].to_list() == half_hours()[2:-2]
    assert result.accepted.select("longitude_deg", "latitude_deg").unique().rows() == [(5.0, 43.3)]


def test_a_date_column_is_filtered_by_dates(postgres):
    assert ids(read(postgres("dated", occurred_precision="day"))) == list(range(2, 48))


def test_the_query_filters_by_the_window_with_bound_values(postgres, partner):
    territory = postgres("zoned", where={"motif": ["BRUIT", "l'été"]})
    reader = DatabaseReader(FeedWindow.of(territory, "log", DAY))
    engine = sa.create_engine("postgresql+psycopg://")
    query = reader._query({"debut": sa.DateTime(timezone=True)}, engine).compile(engine)
    assert "l'été" not in str(query)
    assert {str(DAY.start), str(DAY.end)} <= set(map(str, query.params.values()))
    assert "agent" not in str(query)
    assert "ORDER BY partner.zoned.debut, partner.zoned.numero" in str(query)
    assert ids(read(territory)) == list(range(2, 48))


@pytest.mark.parametrize("chunk_rows", [1, 7, 46, 47])
def test_every_row_is_read_once_with_any_chunk_size(postgres, chunk_rows):
    chunks = read(postgres("zoned"), chunk_rows=chunk_rows)
    assert ids(chunks) == list(range(2, 48))
    assert max(chunk.height for chunk in chunks) <= chunk_rows


def test_a_database_session_is_read_only(postgres):
    territory = postgres("zoned")
    engine = DatabaseReader(FeedWindow.of(territory, "log", DAY))._engine()
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
        connection.execute(sa.text("delete from partner.zoned"))


def test_a_refusal_of_the_database_is_reported(postgres, partner, monkeypatch):
    with pytest.raises(SourceChanged, match=r"demo/log .*there is no table or view nothing; .*`table`.*demo\.yml"):
        read(postgres("nothing"))
    with pytest.raises(SourceChanged, match=r"\['begun'\] are missing, columns \['agent', 'debut'\] are new"):
        read(postgres("zoned", columns={**COLUMNS, "occurred_from": "begun"}))
    reader = {"schema": "partner", "password": "PARTNER_PASSWORD"}
    monkeypatch.setenv("PARTNER_PASSWORD", "made-up-word")
    address = without_password(partner.set(username="partner_reader"))
    assert len(ids(read(city(address, "zoned", source=reader)))) == 46
    with pytest.raises(SourceChanged, match=r"the database refuses \(permission denied for table plain.*right to read"):
        read(city(address, "plain", source=reader))
    monkeypatch.delenv("PARTNER_PASSWORD")
    with pytest.raises(SecretMissing, match="PARTNER_PASSWORD is not set"):
        read(city(address, "zoned", source=reader))


def test_a_database_that_is_down_is_reported_and_passwords_in_files_are_refused():
    with pytest.raises(SourceUnavailable, match=r"the database did not answer \(.*refused"):
        read(city("postgresql+psycopg://reader@127.0.0.1:9/base"))
    with pytest.raises(ValueError, match="password in `address`"):
        city("postgresql+psycopg://reader:word@127.0.0.1/base")
    with pytest.raises(SourceChanged, match="the database refuses"):
        read(city("nothing://reader@127.0.0.1/base"))


@pytest.fixture
def sqlite_file(tmp_path):
    path = tmp_path / "partner.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table log (numero integer, motif text, debut datetime, lon real, lat real)")
        local = [moment.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None) for moment in half_hours()]
        rows = [(number, "BRUIT", f"{moment:%Y-%m-%dT%H:%M:%S}", 5, 43.3) for number, moment in enumerate(local)]
        connection.executemany("insert into log values (?, ?, ?, ?, ?)", rows)
    return f"sqlite:///{path}"


def test_an_sqlite_file_is_opened_read_only(sqlite_file):
    territory = city(sqlite_file)
    assert ids(read(territory, chunk_rows=5)) == list(range(2, 48))
    engine = DatabaseReader(FeedWindow.of(territory, "log", DAY))._engine()
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.execute(sa.text("delete from log"))


def test_columns_of_mixed_types_are_read_as_text(sqlite_file):
    path = sqlite_file.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("insert into log values ('A-7', 3, '2026-03-29T12:00:00', '5,0', null)")
    chunks = read(city(sqlite_file))
    assert "A-7" in pl.concat(chunks)["numero"].to_list()
