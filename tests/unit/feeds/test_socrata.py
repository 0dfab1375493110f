"""The Socrata feed against a real HTTP server with the faults of real portals."""

import json
import threading
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds import open_reader
from observatory.feeds.http.client import Patience
from observatory.records.feed_window import FeedWindow
from observatory.territory.files import load_territory
from observatory.window import Window

DAY = Window.of_day(date(2016, 5, 2), "America/Chicago")
IMPATIENT = Patience(attempts=3, backoff_s=0.01, longest_wait_s=0.05, timeout_s=0.5)


def incident(number, **changes):
    row = {
        "id": str(number),
        "primary_type": "THEFT",
        "description": "OVER $500",
        "date": "2016-05-02T10:00:00.000",
        "updated_on": "2016-05-03T00:10:00.000",
        "longitude": "-87.6",
        "latitude": "41.8",
        "district": "001",
        "arrest": False,
        "location": {"latitude": "41.8", "longitude": "-87.6"},
    }
    return {key: value for key, value in {**row, **changes}.items() if value is not None}


def json_answer(content, status=200, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(content).encode()


def pages(rows, most=50_000):
    """A portal that serves rows, at most ``most`` at a time, even if more are requested."""

    def answer(query):
        start = int(query["$offset"])
        return json_answer(rows[start : start + min(int(query["$limit"]), most)])

    return answer


def first(*answers, then):
    """These answers in turn, then those of ``then``."""
    remaining = list(answers)
    return lambda query: remaining.pop(0) if remaining else then(query)


@contextmanager
def portal(answer):
    """Serve ``answer(query) -> (status, headers, body)``; yields the address and the received queries."""
    queries = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            queries.append(query | {"path": urlsplit(self.path).path})
            status, headers, body = answer(query)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", queries
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read(address, window=DAY, patience=IMPATIENT, territory=None, **options):
    city = (territory or load_territory("chicago")).with_portal(address)
    return list(open_reader(FeedWindow.of(city, "incidents", window), patience=patience, **options).read())


def ids(chunks):
    return [value for chunk in chunks for value in chunk["id"]]


@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("most", [1, 2, 50_000])
def test_every_row_is_read_once_with_any_page_size(total, most):
    with portal(pages([incident(number) for number in range(total)], most)) as (address, queries):
        chunks = read(address, page_rows=2)
    assert ids(chunks) == [str(number) for number in range(total)]
    assert all(0 < chunk.height <= 2 for chunk in chunks)
    assert int(queries[-1]["$offset"]) == total, "the last page is the empty one"


def test_an_empty_response_gives_no_rows_and_no_error():
    with portal(pages([])) as (address, queries):
        assert read(address) == []
    assert len(queries) == 1


def test_a_query_has_window_order_and_limit():
    with portal(pages([])) as (address, queries):
        read(address)
    assert queries[0] == {
        "path": "/resource/ijzp-q8t2.json",
        "$where": "date >= '2016-05-02T00:00:00' and date < '2016-05-03T00:00:00'",
        "$order": "date, id",
        "$limit": "20000",
        "$offset": "0",
    }


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2016, 3, 13), 23), (date(2016, 11, 6), 25)], ids=["spring forward", "fall back"]
)
def test_a_window_is_requested_in_the_sources_clock(day, hours):
    window = Window.of_day(day, "America/Chicago")
    assert (window.end - window.start).total_seconds() == hours * 3600
    city = load_territory("chicago")
    utc = city.feeds["incidents"].model_copy(update={"clock": "utc"})
    with portal(pages([])) as (address, queries):
        read(address, window)
        read(address, window, territory=city.model_copy(update={"feeds": {**city.feeds, "incidents": utc}}))
    local, zulu = (query["$where"] for query in queries)
    assert f"'{day}T00:00:00'" in local
    assert f"date >= '{window.start:%Y-%m-%dT%H:%M:%S}' and date < '{window.end:%Y-%m-%dT%H:%M:%S}'" == zulu


def test_rows_have_the_named_columns_as_text_and_empty_values_as_null():
    rows = [incident(1, latitude=41.5, longitude=None), incident(2, district=7)]
    with portal(pages(rows)) as (address, _):
        (chunk,) = read(address)
    assert set(chunk.columns) == set(load_territory("chicago").feeds["incidents"].columns.values())
    assert set(chunk.dtypes) == {pl.String}
    assert chunk["latitude"].to_list() == ["41.5", "41.8"]
    assert chunk["longitude"].to_list() == [None, "-87.6"]
    assert chunk["district"].to_list() == ["001", "7"]


def test_a_column_that_is_empty_all_day_is_not_missing():
    with portal(pages([incident(1, latitude=None, longitude=None, location=None)])) as (address, _):
        (chunk,) = read(address)
    assert chunk["latitude"].to_list() == [None]


def test_a_missing_column_is_named_with_the_file_and_key_to_edit():
    with (
        portal(pages([incident(1, date=None)])) as (address, _),
        pytest.raises(
            SourceChanged, match=r"^chicago/incidents 2016-05-02\.\.2016-05-02: columns \['date'\] are missing"
        ),
    ):
        read(address)


def test_a_renamed_column_is_refused_also_if_it_may_be_empty():
    with (
        portal(pages([incident(1, latitude=None, lat="41.8")])) as (address, _),
        pytest.raises(
            SourceChanged,
            match=r"\['latitude'\] are missing, columns \['lat'\] are new; .*feeds\.incidents\.columns in chicago\.yml",
        ),
    ):
        read(address)


def test_a_new_column_is_ignored():
    with portal(pages([incident(1, shoe_size="42")])) as (address, _):
        assert ids(read(address)) == ["1"]


def test_the_portals_list_of_columns_distinguishes_missing_from_empty():
    fields = sorted(set(incident(1)) - {"latitude"})

    def answer(query):
        rows = [incident(1, latitude=None)] if query["$offset"] == "0" else []
        return json_answer(rows, **{"X-SODA2-Fields": json.dumps(fields)})

    with portal(answer) as (address, _), pytest.raises(SourceChanged, match=r"\['latitude'\] are missing"):
        read(address)


def test_a_mapped_column_with_objects_is_refused():
    with (
        portal(pages([incident(1, district={"number": 1})])) as (address, _),
        pytest.raises(SourceChanged, match=r"not text or a number"),
    ):
        read(address)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_temporary_fault_is_retried(status):
    fault = json_answer({"error": True, "message": "later"}, status)
    with portal(first(fault, fault, then=pages([incident(1)]))) as (address, queries):
        assert ids(read(address)) == ["1"]
    assert len(queries) == 4


@pytest.mark.parametrize(("wish", "wait"), [("7", 7), ("3600", 60), (None, 1)])
def test_retry_after_is_obeyed_up_to_the_longest_wait(monkeypatch, wish, wait):
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    fault = json_answer({}, 429, **({"Retry-After": wish} if wish else {}))
    with portal(first(fault, then=pages([incident(1)]))) as (address, _):
        patience = Patience(attempts=2, backoff_s=1, longest_wait_s=60, timeout_s=1)
        assert ids(read(address, patience=patience)) == ["1"]
    assert waits == [wait]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_lasting_fault_is_reported_as_source_unavailable(status):
    with (
        portal(lambda _: json_answer({}, status)) as (address, queries),
        pytest.raises(
            SourceUnavailable, match=rf"^chicago/incidents .*: the server answered {status} .*; expected .*\. Try"
        ),
    ):
        read(address)
    assert len(queries) == IMPATIENT.attempts


def test_a_portal_that_is_down_is_reported_without_a_traceback():
    with portal(pages([])) as (address, _):
        pass
    with pytest.raises(SourceUnavailable, match=r"did not answer \(.*refused") as caught:
        read(address)
    assert caught.value.__suppress_context__
    assert "\n" not in str(caught.value)


def test_a_portal_that_does_not_respond_times_out():
    done = threading.Event()

    def silent(_):
        done.wait(5)
        return json_answer([])

    with portal(silent) as (address, _):
        try:
            with pytest.raises(SourceUnavailable, match="timed out"):
                read(address, patience=Patience(attempts=1, timeout_s=0.1))
        finally:
            done.set()


WHOLE = json.dumps([incident(1), incident(2)]).encode()
CUT = [
    pytest.param((200, {}, WHOLE[:60]), id="truncated"),
    pytest.param((200, {"Content-Length": str(len(WHOLE))}, WHOLE[:60]), id="hung up"),
]


@pytest.mark.parametrize("half", CUT)
def test_a_truncated_response_is_requested_again(half):
    with portal(first(half, half, then=pages([incident(1), incident(2)]))) as (address, _):
        assert ids(read(address)) == ["1", "2"]


@pytest.mark.parametrize("half", CUT)
def test_a_response_truncated_at_every_attempt_is_unavailable(half):
    with (
        portal(lambda _: half) as (address, queries),
        pytest.raises(SourceUnavailable, match=r"truncated|did not answer"),
    ):
        read(address)
    assert len(queries) == IMPATIENT.attempts


def test_a_fault_on_a_later_page_loses_nothing():
    rows = pages([incident(number) for number in range(5)])
    faults = iter([None, (200, {}, WHOLE[:60]), None, json_answer({}, 503), None, None])
    with portal(lambda query: next(faults, None) or rows(query)) as (address, _):
        assert ids(read(address, page_rows=2)) == ["0", "1", "2", "3", "4"]


def test_a_web_page_with_status_200_is_not_data():
    page = 200, {"Content-Type": "text/html"}, b"<!doctype html>\n<h1>Maintenance</h1>"
    with (
        portal(lambda _: page) as (address, queries),
        pytest.raises(SourceChanged, match=r"a web page: .*Maintenance.*; expected JSON\. .*chicago\.yml"),
    ):
        read(address)
    assert len(queries) == 1, "asking again gives the same page"


@pytest.mark.parametrize("content", [{"error": True}, "text", None, 3])
def test_json_that_is_not_a_list_is_refused(content):
    with (
        portal(lambda _: json_answer(content)) as (address, _),
        pytest.raises(SourceChanged, match=r"not a list of rows"),
    ):
        read(address)


def test_a_refusal_has_the_portals_message():
    refusal = json_answer({"code": "query.soql.no-such-column", "error": True, "message": "No such column: date"}, 400)
    with (
        portal(lambda _: refusal) as (address, queries),
        pytest.raises(SourceChanged, match=r"400 Bad Request: No such column: date; .*correct `columns`.*chicago\.yml"),
    ):
        read(address)
    assert len(queries) == 1


def test_an_invalid_address_is_refused():
    with pytest.raises(SourceChanged, match=r"expected an address that starts with http"):
        read("data.cityofchicago.org")


def test_a_proxy_is_not_used_for_a_portal_on_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with portal(pages([incident(1)])) as (address, _):
        assert ids(read(address)) == ["1"]
