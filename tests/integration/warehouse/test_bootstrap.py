"""Bootstrap: ``sql/`` is applied once, roles have exactly their privileges, passwords are always required."""

import re
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from observatory.errors import WarehouseError
from observatory.kinds import KINDS
from observatory.secrets import secret
from observatory.warehouse.bootstrap import bootstrap
from observatory.warehouse.connection import ROLES, admin_url, airflow_url, plain, role_url
from observatory.warehouse.embedded import EmbeddedServer

SCHEMAS = ("raw", "ops", "gov", "ml", "staging", "core", "today", "tomorrow")

OURS = "nspname in ('raw', 'ops', 'gov', 'ml', 'staging', 'core', 'today', 'tomorrow')"

# everything the catalogs know of the database that a second bootstrap could change, object ids included
CATALOG = {
    "schemas": "select oid, nspname, nspowner::regrole, nspacl from pg_namespace where nspname !~ '^pg_'",
    "relations": f"""
        select c.oid, c.oid::regclass, relkind, relowner::regrole, relacl, relispartition, reloptions,
            pg_get_viewdef(c.oid)
        from pg_class c join pg_namespace n on n.oid = relnamespace where {OURS}
    """,
    "columns": f"""
        select attrelid::regclass, attnum, attname, atttypid::regtype, attnotnull, attidentity, attacl,
            pg_get_expr(adbin, adrelid)
        from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
        left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where {OURS} and attnum > 0
    """,
    "constraints": "select oid, conname, conrelid::regclass, pg_get_constraintdef(oid) from pg_constraint",
    "indexes": "select indexrelid, pg_get_indexdef(indexrelid) from pg_index where indexrelid > 16384",
    "functions": "select oid, pg_get_functiondef(oid), proowner::regrole, proacl from pg_proc where oid > 16384",
    "comments": "select classoid, objoid, objsubid, description from pg_description where objoid > 16384",
    "default rights": "select oid, defaclrole::regrole, defaclnamespace::regnamespace, defaclacl from pg_default_acl",
    "roles": """
        select oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls, rolconfig
        from pg_roles
    """,
    "memberships": "select oid, roleid::regrole, member::regrole, admin_option from pg_auth_members",
    "databases": """
        select oid, datname, datdba::regrole, datacl from pg_database where datname in ('airflow', current_database())
    """,
}


def dump(warehouse):
    return {name: sorted(map(str, warehouse.rows(query))) for name, query in CATALOG.items()}


def test_applying_it_again_changes_nothing(warehouse):
    warehouse.rows("insert into raw.territory values ('t', 'T', 'FR', 'Europe/Paris', false, 2154, 250) returning 1")
    warehouse.rows("select ml.ensure_forecast_partition('2026-01-15')::text")
    before = dump(warehouse)
    for _ in range(2):
        bootstrap(warehouse.admin)
    assert dump(warehouse) == before
    assert warehouse.rows("select territory_code from raw.territory") == [("t",)]
    assert all(before.values()), "each query finds something"


def test_forecasts_from_before_intervals_are_kept_and_new_ones_have_intervals(warehouse):
    insert = "insert into ml.hotspot_forecast values ('old', 'violent', %s, 'c', 1, 'm', now(), 0.1, 0.1, 1{})"
    with warehouse.connect() as connection:
        connection.execute("alter table ml.hotspot_forecast drop column lower_80, drop column upper_80")
        connection.execute("select ml.ensure_forecast_partition('2026-01-15')")
        connection.execute(insert.format(""), ["2026-01-15"])
    for _ in range(2):
        bootstrap(warehouse.admin)
    with warehouse.connect("forecaster") as connection:
        connection.execute(insert.format(", 0, 2"), ["2026-01-16"])
        for wrong in (", 2, 1", ", -1, 1"):
            with pytest.raises(psycopg.errors.CheckViolation, match="interval_is_ordered"):
                connection.execute(insert.format(wrong), ["2026-01-17"])
    found = warehouse.rows("select lower_80, upper_80 from ml.hotspot_forecast order by forecast_date", role="reader")
    assert found == [(None, None), (0, 2)]
    warehouse.rows("delete from ml.hotspot_forecast returning 1")


def test_a_running_forecast_does_not_block_the_bootstrap(warehouse):
    with psycopg.connect(warehouse.plain_url("forecaster")) as connection:
        connection.execute("delete from ml.hotspot_forecast")
        bootstrap(warehouse.admin.update_query_dict({"options": "-clock_timeout=2s"}))


TABLES = """
    select c.oid::regclass::text, relacl::text from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname in ('raw', 'ops', 'ml') and relkind in ('r', 'v', 'p') and not relispartition order by 1
"""


def test_two_concurrent_bootstraps_of_an_empty_database_succeed(warehouse):
    url = warehouse.admin.set(database="test_bootstrap_race")
    failures = []

    def run():
        try:
            bootstrap(url)
        except WarehouseError as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert failures == []
        with psycopg.connect(plain(url)) as connection:
            tables = connection.execute(TABLES).fetchall()
        assert tables == warehouse.rows(TABLES)
    finally:
        with warehouse.connect() as connection:
            connection.execute("drop database test_bootstrap_race with (force)")


# --- rights

SUMS = {f"raw.{name}_hour" for name, kind in KINDS.items() if kind.is_signal}
RAW = {f"raw.{name}" for name, kind in KINDS.items() if not kind.is_signal} | SUMS | {"raw.rejected"}
MUTABLE = {"raw.territory", "raw.category_map"}
"""What the territory file says, as it stands."""

FORECASTS = {"ml.hotspot_forecast", "ml.forecast_score", "ml.abstention"}
DELIVERIES = {"ops.delivery", "ops.delivery_refusal"}
GOV = {"gov.declaration", "gov.convention"}
ALLOWED = {
    "loader": {
        "SELECT": RAW
        | MUTABLE
        | DELIVERIES
        | {"ops.load", "ops.load_failure", "ops.feed_health", "ops.signal_partition", "ops.feed", *GOV}
        | {"ops.withdrawn_at_source", "ops.territory_state"},
        "INSERT": RAW
        | MUTABLE
        | DELIVERIES
        | {"ops.load", "ops.load_failure", "ops.signal_partition", "ops.feed", "gov.declaration"}
        | {"ops.withdrawn_at_source", "ops.territory_state"},
        "UPDATE": MUTABLE | {"ops.signal_partition", "ops.feed", "ops.territory_state", "ops.withdrawn_at_source"},
        "DELETE": {"raw.category_map", "ops.feed", "ops.withdrawn_at_source"} | SUMS,
    },
    "transformer": {
        "SELECT": RAW
        | FORECASTS
        | MUTABLE
        | {"ops.load", "ops.signal_partition", "ops.feed", "ops.model_watermark", "ml.model"},
        "INSERT": {"ops.model_watermark"},
        "UPDATE": {"ops.model_watermark"},
    },
    "forecaster": {
        "SELECT": FORECASTS | {"ml.model", "core.fact"},
        "INSERT": FORECASTS | {"ml.model"},
        "DELETE": FORECASTS,
    },
    "reader": {
        "SELECT": FORECASTS
        | DELIVERIES
        | {
            "ml.model",
            "ops.load",
            "ops.feed",
            "ops.feed_health",
            "ops.territory_state",
            "gov.convention",
            "core.fact",
            "tomorrow.mart",
            "today.mart",
        },
    },
}
BUILT = {"staging.model", "core.fact", "tomorrow.mart", "today.mart"}
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture(scope="module")
def built(warehouse):
    """The warehouse with one relation of each layer, as dbt makes them: by the transformer."""
    with warehouse.connect("transformer") as connection:
        connection.execute("create table core.fact (n int)")
        connection.execute("create view tomorrow.mart as select * from core.fact")
        connection.execute("create view today.mart as select * from core.fact")
        connection.execute("create view staging.model as select * from raw.incident")
    return warehouse


def relations(warehouse):
    rows = warehouse.rows(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace "
        "where nspname = any(%s) and relkind in ('r', 'v', 'p') and not relispartition",
        list(SCHEMAS),
    )
    return {name for (name,) in rows}


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_has_exactly_the_privileges_it_needs(built, role):
    """Every table and view, every privilege: the schema must be open too for a right to count."""
    everything = relations(built)
    assert everything >= RAW | FORECASTS | BUILT
    own = BUILT if role == "transformer" else set()
    for privilege in PRIVILEGES:
        rows = built.rows(
            "select name from unnest(%s::text[]) as name where has_table_privilege(%s, name, %s) "
            "and has_schema_privilege(%s, split_part(name, '.', 1), 'USAGE')",
            list(everything), role, privilege, role,
        )  # fmt: skip
        assert {name for (name,) in rows} == ALLOWED[role].get(privilege, set()) | own, privilege


@pytest.mark.parametrize("role", [role for role in ROLES if role != "owner"])
def test_no_role_can_create_objects_outside_its_schemas(built, role):
    rows = built.rows(
        "select nspname from pg_namespace where nspname !~ '^pg_' and has_schema_privilege(%s, oid, 'CREATE')", role
    )
    assert {name for (name,) in rows} == ({"staging", "core", "today", "tomorrow"} if role == "transformer" else set())
    rights = built.rows(
        "select has_database_privilege(%s, current_database(), 'CONNECT'), "
        "has_database_privilege(%s, current_database(), 'TEMPORARY'), "
        "has_database_privilege(%s, current_database(), 'CREATE')",
        role, role, role,
    )  # fmt: skip
    assert rights == [(True, role != "reader", role == "transformer")]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_can_become_another(built, role):
    rows = built.rows(
        "select rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolreplication, rolbypassrls from pg_roles "
        "where rolname = %s",
        role,
    )
    assert rows == [(False,) * 6]
    others = built.rows(
        "select rolname from pg_roles where rolname != %s and pg_has_role(%s, oid, 'MEMBER')", role, role
    )
    assert others == []


REFUSED = [
    ("reader", "select * from raw.incident"),
    ("reader", "select * from staging.model"),
    ("reader", "select * from ops.load_failure"),
    ("reader", "insert into ml.abstention values ('t', 'g', '2026-01-01', now(), 'x')"),
    ("reader", "create temporary table t (n int)"),
    ("reader", "create table public.t (n int)"),
    ("reader", "select ml.ensure_forecast_partition('2026-01-01')"),
    ("reader", "select rolpassword from pg_authid"),
    ("reader", "set role owner"),
    ("loader", "delete from raw.incident"),
    ("loader", "update raw.incident set description = null"),
    ("loader", "truncate raw.rejected"),
    ("loader", "update ops.load set read_count = 0"),
    ("loader", "select * from core.fact"),
    ("loader", "select * from ml.model"),
    ("loader", "drop table raw.zone"),
    ("transformer", "insert into raw.territory select * from raw.territory"),
    ("transformer", "delete from ml.forecast_score"),
    ("transformer", "select ml.ensure_forecast_partition('2026-01-01')"),
    ("forecaster", "select * from raw.incident"),
    ("forecaster", "select * from staging.model"),
    ("forecaster", "update ml.model set model_text = ''"),
    ("forecaster", "delete from ml.model"),
    ("forecaster", "create table ml.t (n int)"),
    ("forecaster", "delete from core.fact"),
]


@pytest.mark.parametrize(("role", "statement"), REFUSED, ids=[f"{role}: {text}" for role, text in REFUSED])
def test_statements_beyond_a_roles_privileges_are_refused(built, role, statement):
    with built.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


PERMITTED = [
    ("reader", "select * from tomorrow.mart"),
    ("reader", "select * from ops.feed_health"),
    ("reader", "select * from ml.hotspot_forecast"),
    ("loader", "insert into raw.territory values ('u', 'U', 'FR', 'UTC', true, 1, 1)"),
    ("loader", "create temporary table t (n int)"),
    ("transformer", "create or replace view staging.model as select * from raw.incident"),
    ("transformer", "create schema if not exists core"),
    ("forecaster", "select * from core.fact"),
    ("forecaster", "select ml.ensure_forecast_partition('2026-01-01')"),
]


@pytest.mark.parametrize(("role", "statement"), PERMITTED, ids=[f"{role}: {text}" for role, text in PERMITTED])
def test_statements_that_a_role_needs_are_permitted(built, role, statement):
    with built.connect(role) as connection:
        connection.execute(statement)


def test_a_forecast_is_stored_in_the_partition_of_its_month_and_readable(built):
    with built.connect("forecaster") as connection:
        for day in ("2026-01-31", "2026-02-01", "2026-01-15"):
            connection.execute("select ml.ensure_forecast_partition(%s)", [day])
        connection.execute(
            "insert into ml.hotspot_forecast values ('t', 'violent', '2026-02-01', 'c', 1, 'm', now(), 0.1, 0.1, 1)"
        )
    found = built.rows("select tableoid::regclass::text, territory_code from ml.hotspot_forecast", role="reader")
    assert found == [("ml.hotspot_forecast_2026_02", "t")]
    with built.connect("forecaster") as connection:
        assert connection.execute("delete from ml.hotspot_forecast where territory_code = 't'").rowcount == 1


def test_rebuilt_tables_are_still_readable(built):
    with built.connect("transformer") as connection:
        connection.execute("drop table if exists core.rebuilt")
        connection.execute("create table core.rebuilt as select 1 as n")
    assert built.rows("select n from core.rebuilt", role="reader") == [(1,)]
    with built.connect("transformer") as connection:
        connection.execute("drop table core.rebuilt")


# --- passwords


def test_passwords_differ_and_are_long(warehouse):
    users = [*ROLES, "airflow", "postgres"]
    assert len({secret(user) for user in users}) == len(users)
    assert min(len(secret(user)) for user in users) >= 24


def test_only_scram_verifiers_are_stored(warehouse):
    verifiers = warehouse.rows("select rolname, rolpassword from pg_authid where rolcanlogin")
    assert {name for name, _ in verifiers} >= {*ROLES, "airflow", "postgres"}
    assert all(verifier.startswith("SCRAM-SHA-256$") for _, verifier in verifiers)


def test_no_log_shows_a_password_even_where_every_statement_is_logged(warehouse, state):
    with warehouse.connect() as connection:
        connection.execute("alter role postgres set log_statement = 'all'")
        try:
            bootstrap(warehouse.admin)
        finally:
            connection.execute("alter role postgres reset log_statement")
    log = "".join(path.read_text(errors="replace") for path in state.rglob("postgres.log"))
    assert "create schema if not exists raw" in log
    assert [user for user in (*ROLES, "airflow", "postgres") if secret(user) in log] == []


@pytest.mark.parametrize("role", [*ROLES, "airflow", "postgres"])
def test_connections_require_the_right_password(warehouse, monkeypatch, role):
    for name in ("PGPASSWORD", "PGPASSFILE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    address = {"host": "127.0.0.1", "port": warehouse.admin.port, "dbname": warehouse.admin.database, "user": role}
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(**address)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**address, password=secret("owner" if role != "owner" else "reader"))


def test_airflow_and_the_roles_can_use_only_their_own_databases(warehouse):
    with psycopg.connect(plain(airflow_url())) as connection:
        assert connection.execute("select current_user").fetchone() == ("airflow",)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(plain(airflow_url().set(database=warehouse.admin.database)))
    for role in ROLES:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(plain(role_url(role).set(database="airflow")))


# --- other servers


def test_a_server_that_is_down_is_reported_without_the_password():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = sa.make_url(f"postgresql+psycopg://boss:hush-hush@127.0.0.1:{listener.getsockname()[1]}/warehouse")
        with pytest.raises(WarehouseError) as caught:
            bootstrap(url)
    assert re.fullmatch(
        r"warehouse postgresql\+psycopg://boss:\*\*\*@127\.0\.0\.1:\d+/warehouse: connection .*refused.*; "
        r"expected a PostgreSQL server that this user may bootstrap\. "
        r"Check the address and that the user may create roles and databases\.",
        str(caught.value),
    )
    assert "hush-hush" not in str(caught.value)


def test_a_server_that_is_too_old_is_refused(warehouse, monkeypatch):
    monkeypatch.setattr("observatory.warehouse.bootstrap.MINIMUM_VERSION", 990000)
    with pytest.raises(WarehouseError, match=r"PostgreSQL \d+; expected PostgreSQL 15 or newer\. Upgrade the server"):
        bootstrap(warehouse.admin)


def test_a_failing_sql_file_changes_nothing(warehouse, tmp_path):
    (tmp_path / "01_good.sql").write_text("create table public.half (n int);")
    (tmp_path / "02_bad.sql").write_text("create tabel x;")
    with pytest.raises(WarehouseError, match="syntax error"):
        bootstrap(warehouse.admin, scripts=tmp_path)
    assert warehouse.rows("select to_regclass('public.half')") == [(None,)]


@pytest.mark.parametrize("address", ["mysql://u:p@h/d", "postgresql://u:p@h"], ids=["another kind", "no database"])
def test_an_address_that_cannot_be_used_is_named(monkeypatch, address):
    monkeypatch.setenv("OBSERVATORY_WAREHOUSE_URL", address)
    with pytest.raises(
        WarehouseError, match=r"^OBSERVATORY_WAREHOUSE_URL: .*; expected postgresql://user:password@host"
    ):
        admin_url()


def test_bootstrap_needs_no_superuser(monkeypatch):
    """A server of a hosting company gives no superuser."""
    folder = Path(tempfile.mkdtemp(prefix="observatory-hosted-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder, "super")
    try:
        server.start()
        monkeypatch.setenv("OBSERVATORY_STATE", str(folder / "state"))
        superuser = f"postgresql://postgres:super@127.0.0.1:{server.running_port()}/postgres"
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("create role hosted login createrole createdb password 'given'")
        address = f"postgresql+psycopg://hosted:given@127.0.0.1:{server.running_port()}/observatory"
        for _ in range(2):
            bootstrap(sa.make_url(address))
        monkeypatch.setenv("OBSERVATORY_WAREHOUSE_URL", address)
        for role in ROLES:
            with psycopg.connect(plain(role_url(role))) as connection:
                assert connection.execute("select current_user").fetchone() == (role,)
        with psycopg.connect(plain(role_url("reader"))) as connection:
            assert connection.execute("select count(*) from ops.load").fetchone() == (0,)
    finally:
        server.stop()
        shutil.rmtree(folder)
