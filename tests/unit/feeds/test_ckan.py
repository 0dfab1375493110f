"""CKAN: requests to the datastore, and its refusals."""

from datetime import date

import pytest
from starlette.responses import JSONResponse

from observatory.errors import SourceChanged
from observatory.simulator import servers
from observatory.window import Window

DAY = Window.of_day(date(2026, 3, 10), "Europe/Paris")
COLUMNS = {"source_record_id": "n", "source_category_code": "type", "occurred_from": "at"}


@pytest.fixture
def portal(city):
    def territory(address, **changes):
        source = {"protocol": "ckan", "address": address, "resource": "0f1e-2d"}
        return city(source, "incident", COLUMNS, constants={"record_type": "police_log"}, **changes)

    return territory


def rows(n):
    return [{"n": i, "type": "ABC"[i % 3], "at": f"2026-03-{9 + i % 3:02}T12:00:00"} for i in range(n)]


def test_the_query_has_order_limit_and_filters_and_the_reader_applies_the_window(portal, read, serving):
    with serving(servers.ckan(rows(300), {"n": "int", "type": "text", "at": "timestamp"})) as (address, asked):
        chunks = read(portal(address, where={"type": ["B", "C"]}), DAY)
    assert dict(asked[0][1]) == {
        "resource_id": "0f1e-2d",
        "sort": "_id",
        "limit": "10000",
        "filters": '{"type": ["B", "C"]}',
        "offset": "0",
    }
    assert [int(value) for chunk in chunks for value in chunk["n"]] == [i for i in range(300) if i % 3 == 1]


def test_a_refusal_is_reported(portal, read, serving):
    refusal = JSONResponse({"success": False, "error": {"message": "Resource was not found."}}, status_code=404)
    with (
        serving(lambda *_: refusal) as (address, _),
        pytest.raises(SourceChanged, match=r"404.*Resource was not found"),
    ):
        read(portal(address), DAY)
