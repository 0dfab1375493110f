"""The portal answers as Socrata does: paging, filters, types, errors; and shows the requested faults."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import polars as pl
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from observatory.errors import StackError
from observatory.simulator.portal import create_app, running, serve
from observatory.simulator.servers.faults import catalogue
from observatory.simulator.servers.socrata import Dataset
from observatory.simulator.servers.soql import SoqlError

FIRST = datetime(2026, 1, 1)
ROWS = pl.DataFrame(
    {
        "id": range(200),
        "at": [FIRST + timedelta(hours=3 * (n // 4)) for n in range(200)],
        "kind": ["THEFT", 'say "hé"', "NOISE", None] * 50,
        "arrest": [True, False] * 100,
        "longitude": [None if n % 10 == 0 else n / 7 for n in range(200)],
    }
).sample(fraction=1, shuffle=True, seed=1)
DATASET = Dataset(ROWS, order=("at", "id"), name="events")


def ask(**parameters):
    return json.loads(DATASET.answer({f"${name}": str(value) for name, value in parameters.items()}))


def ids(rows):
    return [int(row["id"]) for row in rows]


def test_a_row_is_sent_as_socrata_sends_it():
    rows = ask(order="at,id", limit=2)
    assert rows[0] == {"id": "0", "at": "2026-01-01T00:00:00.000", "kind": "THEFT", "arrest": True}, "nulls left out"
    assert rows[1]["kind"] == 'say "hé"'
    assert rows[1]["longitude"] == str(1 / 7)


def test_pages_together_have_every_row_and_the_page_after_the_last_is_empty():
    pages = [ask(order="at,id", limit=30, offset=offset) for offset in range(0, 240, 30)]
    assert [len(page) for page in pages] == [30] * 6 + [20, 0]
    assert ids(row for page in pages for row in page) == list(range(200))


def test_the_default_page_is_a_thousand_rows():
    big = Dataset(pl.DataFrame({"id": range(2500)}), order=("id",))
    assert len(json.loads(big.answer({}))) == 1000


@pytest.fixture(scope="module")
def oracle():
    """The same rows in SQLite, whose conditions read alike."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table event (id integer, at text, kind text, arrest integer, longitude real)")
        rows = ROWS.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S")).rows()
        connection.executemany("insert into event values (?, ?, ?, ?, ?)", rows)
        yield connection


@pytest.mark.parametrize(
    "clause",
    [
        "at >= '2026-01-02T00:00:00' and at < '2026-01-03T00:00:00'",
        "at between '2026-01-02T00:00:00' and '2026-01-02T06:00:00'",
        "at = '2026-01-01T03:00:00' or at > '2026-01-07T00:00:00'",
        "not at < '2026-01-07T00:00:00'",
        "at <= '2026-01-02T00:00:00' and (kind = 'NOISE' or arrest = true)",
        "kind = 'NOISE' or arrest = true and at <= '2026-01-02T00:00:00'",
        "at not between '2026-01-02T00:00:00' and '2026-01-06T00:00:00'",
        "kind is null AND longitude IS NOT NULL",
        "kind in ('THEFT', 'NOISE') and id <> 4",
        "kind not in ('THEFT')",
        "`id` != 5 and id <= 9.5",
        "longitude > 20 and not (kind = 'THEFT' and arrest = true)",
        "at > '2030-01-01T00:00:00'",
        "at > '2026-01-03T00:00:00' and at < '2026-01-02T00:00:00'",
    ],
)
def test_where_selects_the_same_rows_as_sql(clause, oracle):
    kept = [number for (number,) in oracle.execute(f"select id from event where {clause} order by id")]
    assert ids(ask(where=clause, order="at,id")) == kept
    assert ask(where=clause, select="count(*)") == [{"count": str(len(kept))}]


HOURS = st.integers(-5, 160).map(lambda hour: FIRST + timedelta(hours=hour))


@settings(max_examples=60, deadline=None)
@given(a=HOURS, b=HOURS, first=st.sampled_from(["<", "<=", "=", ">", ">=", "!="]), glue=st.sampled_from(["and", "or"]))
def test_searching_the_sorted_column_selects_the_same_rows_as_a_scan(a, b, first, glue):
    clause = f"at {first} '{a.isoformat()}' {glue} at <= '{b.isoformat()}'"
    scanned = Dataset(ROWS, order=("id", "at")).answer({"$where": clause, "$limit": "50000"})
    assert ids(ask(where=clause, limit=50000)) == sorted(ids(json.loads(scanned)))


def test_order_descending_and_by_another_column():
    assert ids(ask(order="at desc, id desc", limit=3)) == [199, 198, 197]
    assert ids(ask(order=":id", limit=3)) == [0, 1, 2], "the order the rows are kept in"
    longitudes = [row.get("longitude") for row in ask(order="longitude", limit=200)]
    assert longitudes[-20:] == [None] * 20, "nulls last going up"
    assert "longitude" not in ask(order="longitude DESC", limit=1)[0], "nulls first going down"


def test_select_and_plain_filters():
    assert ask(select="id, kind", limit=1) == [{"id": "0", "kind": "THEFT"}]
    assert {row["kind"] for row in json.loads(DATASET.answer({"kind": 'say "hé"'}))} == {'say "hé"'}


@pytest.mark.parametrize(
    ("parameters", "code", "says"),
    [
        ({"$where": "at > '2026-01-01' and beat = '1'"}, "query.soql.no-such-column", "No such column: beat"),
        ({"$where": "at >"}, "query.compiler.malformed", "expected a value"),
        ({"$where": "at > '2026-01-01' or"}, "query.compiler.malformed", "expected a column"),
        ({"$where": "(at > '2026-01-01'"}, "query.compiler.malformed", "expected )"),
        ({"$where": "at > '2026-01-01')"}, "query.compiler.malformed", "character 18"),
        ({"$where": "at ~ 3"}, "query.compiler.malformed", "character 3"),
        ({"$where": ""}, "query.compiler.malformed", "the end"),
        ({"$where": "at > 'yesterday'"}, "query.soql.type-mismatch", "column at"),
        ({"$where": "at > '2026-01-01T00:00:00Z'"}, "query.soql.type-mismatch", "column at"),
        ({"$where": "kind = 3"}, "query.soql.type-mismatch", "column kind"),
        ({"$where": "id = 'x'"}, "query.soql.type-mismatch", "column id"),
        ({"$order": "when"}, "query.soql.no-such-column", "when"),
        ({"$order": "at upwards"}, "query.compiler.malformed", "at upwards"),
        ({"$select": "id, beat"}, "query.soql.no-such-column", "beat"),
        ({"$limit": "50001"}, "query.execution.limit", "50000"),
        ({"$limit": "ten"}, "query.compiler.malformed", "$limit=ten"),
        ({"$offset": "-1"}, "query.compiler.malformed", "$offset=-1"),
        ({"$q": "noise"}, "query.compiler.malformed", "$where"),
        ({"beat": "1"}, "query.soql.no-such-column", "beat"),
    ],
)
def test_an_invalid_query_gets_socratas_400(parameters, code, says):
    answer = TestClient(create_app({"abcd-1234": DATASET})).get("/resource/abcd-1234.json", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["error"] is True
    assert says in answer.json()["message"]


def test_unknown_resources_are_404_and_areas_are_geojson():
    client = TestClient(
        create_app({"abcd-1234": DATASET}, {"area-0001": {"type": "FeatureCollection", "features": []}})
    )
    assert client.get("/resource/none-0000.json").json()["code"] == "dataset.missing"
    assert client.get("/resource/abcd-1234.csv").status_code == 404
    assert client.get("/resource/area-0001.geojson").json()["type"] == "FeatureCollection"


def test_the_root_page_describes_the_portal():
    app = create_app({"abcd-1234": DATASET}, title="Port <1>", notice="SIMULATED rows")
    page = TestClient(app).get("/").text
    assert "Port &lt;1&gt;" in page
    assert "SIMULATED rows" in page
    assert re.search(r"abcd-1234\.json.*events, 2026-01-01 to 2026-01-07.*200", page)


def test_an_empty_dataset_responds_and_is_listed():
    client = TestClient(create_app({"abcd-1234": Dataset(ROWS.clear(), order=("at", "id"), name="events")}))
    assert client.get("/resource/abcd-1234.json", params={"$where": "at > '2026-01-01'"}).json() == []
    assert "nothing yet" in client.get("/").text


def test_text_columns_may_hold_invalid_times():
    rows = pl.DataFrame({"id": ["a", "b", "c"], "at": ["2026-01-01T00:00:00", "soon", None]})
    dirty = Dataset(rows, order=("at", "id"))
    found = json.loads(dirty.answer({"$where": "at >= '2026-01-01' or at is null"}))
    assert [row["id"] for row in found] == ["a", "b", "c"]


FAULTS = [
    catalogue.too_many_requests(7),
    catalogue.server_error(503),
    catalogue.truncated(),
    catalogue.html(),
    catalogue.renamed("kind", "sort"),
    catalogue.without("at"),
    catalogue.empty(),
    None,
]


def fields(answer):
    return json.loads(answer.headers["X-SODA2-Fields"])


def test_a_header_names_the_columns_also_of_a_page_without_values():
    client = TestClient(create_app({"abcd-1234": DATASET}))
    answer = client.get("/resource/abcd-1234.json", params={"$where": "kind is null", "$limit": 5})
    assert all("kind" not in row for row in answer.json())
    assert fields(answer) == ["id", "at", "kind", "arrest", "longitude"]
    assert fields(client.get("/resource/abcd-1234.json", params={"$select": "at,id"})) == ["at", "id"]


def test_faults_are_shown_in_turn_and_then_end():
    client = TestClient(create_app({"abcd-1234": DATASET}, faults=FAULTS))
    throttled, down, cut, page, renamed, without, empty, well, still_well = (
        client.get("/resource/abcd-1234.json", params={"$limit": 3}) for _ in range(9)
    )
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
    assert down.status_code == 503
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert sorted(renamed.json()[1]) == ["arrest", "at", "id", "longitude", "sort"]
    assert fields(renamed) == ["id", "at", "sort", "arrest", "longitude"]
    assert sorted(without.json()[1]) == ["arrest", "id", "kind", "longitude"]
    assert fields(without) == ["id", "kind", "arrest", "longitude"]
    assert empty.json() == []
    assert len(well.json()) == len(still_well.json()) == 3


def test_a_fault_can_depend_on_the_request():
    broken = create_app(
        {"abcd-1234": DATASET},
        faults=lambda request: catalogue.server_error() if request.query_params.get("$offset") == "100" else None,
    )
    client = TestClient(broken)
    statuses = [client.get("/resource/abcd-1234.json", params={"$offset": at}).status_code for at in (0, 100)]
    assert statuses == [200, 500]


def test_over_http_slow_responses_arrive_and_closed_connections_are_errors():
    app = create_app({"abcd-1234": DATASET}, faults=[catalogue.slow(0.05), catalogue.hung_up()])
    with running(app) as address:
        assert len(requests.get(f"{address}/resource/abcd-1234.json", timeout=5).json()) == 200
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
            requests.get(f"{address}/resource/abcd-1234.json", timeout=5)
        with pytest.raises(StackError, match=r"address cannot be used.*--port"):
            serve(app, int(address.rsplit(":", 1)[1]))
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(address, timeout=5)


def test_a_source_that_is_a_function_is_called_at_every_request():
    versions = iter([DATASET, Dataset(ROWS.head(5), order=("at", "id"))])
    client = TestClient(create_app({"abcd-1234": lambda: next(versions)}))
    assert [len(client.get("/resource/abcd-1234.json").json()) for _ in range(2)] == [200, 5]


def test_soql_errors_carry_their_code():
    with pytest.raises(SoqlError) as error:
        DATASET.answer({"$where": "beat = 1"})
    assert error.value.code == "query.soql.no-such-column"
