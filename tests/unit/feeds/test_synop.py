"""SYNOP in Météo-France's monthly files: kelvin, pascal, ``mq`` for missing, months in UTC."""

import gzip

import pytest

from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds import synop
from tests.support.city import city, day, read, records, rows
from tests.support.server import at, first, hung_up, in_bytes, in_json, page_of_html, serving

COLUMNS = {
    "station_code": "numer_sta",
    "occurred_from": "date",
    "temperature_k": "t",
    "pressure_pa": "pres",
    "wind_m_s": "ff",
    "humidity_pct": "u",
    "rain_mm": "rr1",
}
HEADER = "numer_sta;date;pmer;tend;ff;t;u;pres;rr1;"


def month(*lines):
    return gzip.compress("\n".join((HEADER, *lines, "")).encode())


def observed(moment, station="07650", kelvin="293.15", pascal="101320", rain="0.000000"):
    return f"{station};{moment};101400;-10;5.4;{kelvin};48;{pascal};{rain};"


def station(address, path="synop.%Y%m.csv.gz", **more):
    source = {"protocol": "synop", "address": address, "path": path}
    more = {"where": {"numer_sta": ["07650"]}, "clock": "utc", "date_formats": ["%Y%m%d%H%M%S"], **more}
    return city("weather", source, COLUMNS, occurred_precision="hour", **more)


def test_kelvin_and_pascal_become_degrees_and_hectopascal_and_mq_is_missing():
    lines = (
        observed("20260610090000"),
        observed("20260610120000", kelvin="mq", pascal="mq", rain="mq"),
        observed("20260610120000", station="07015"),
    )
    with serving(lambda _: in_bytes(month(*lines))) as (address, _):
        checked = records(station(address), day("2026-06-10"))
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    assert checked.accepted.select("station_code", "temperature_c", "pressure_hpa", "rain_mm", "wind_m_s").rows() == [
        ("07650", 20.0, 1013.2, 0.0, 5.4),
        ("07650", None, None, None, 5.4),
    ]


def test_the_first_local_hours_of_a_month_are_in_the_file_of_the_month_before():
    def answer(asked):
        lines = {
            "/synop.202605.csv.gz": [observed("20260531210000"), observed("20260531220000")],
            "/synop.202606.csv.gz": [observed("20260601030000"), observed("20260601220000")],
        }
        return in_bytes(month(*lines[asked.path]))

    with serving(answer) as (address, requests):
        got = [row["date"] for row in rows(station(address), day("2026-06-01"))]
        assert got == ["20260531220000", "20260601030000"]
        assert [row["date"] for row in rows(station(address), day("2026-05-31"))] == ["20260531210000"]
    assert [asked.path for asked in requests] == [
        "/synop.202605.csv.gz",
        "/synop.202606.csv.gz",
        "/synop.202605.csv.gz",
    ]


def test_a_file_of_a_year_is_read_once():
    with serving(lambda _: in_bytes(month(observed("20260601030000")))) as (address, requests):
        assert len(rows(station(address, "synop_%Y.csv.gz"), day("2026-06-01"))) == 1
    assert [asked.path for asked in requests] == ["/synop_2026.csv.gz"]


def test_chunks_do_not_lose_rows():
    lines = [observed(f"202606100{hour}0000") for hour in range(5)]
    with serving(lambda _: in_bytes(month(*lines))) as (address, _):
        assert [chunk.height for chunk in read(station(address), day("2026-06-10"), chunk_rows=2)] == [2, 2, 1]


def test_a_file_that_grows_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(synop, "_MOST_BYTES", 50)
    with (
        serving(lambda _: in_bytes(month(observed("20260610090000")))) as (address, _),
        pytest.raises(SourceChanged, match="more than 50 bytes once unpacked"),
    ):
        rows(station(address), day("2026-06-10"))


def test_faults_of_files_are_reported():
    whole, today = month(observed("20260610090000")), day("2026-06-10")
    for fault in (in_json({}, 503), in_json({}, 429, Retry_After="0"), hung_up(whole)):
        with serving(first(fault, then=lambda _: in_bytes(whole))) as (address, _):
            assert len(rows(station(address), today)) == 1
    with (
        serving(lambda _: in_bytes(whole[:40])) as (address, _),
        pytest.raises(SourceUnavailable, match="truncated"),
    ):
        rows(station(address), today)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(station(address), today)
    with serving(at()) as (address, _), pytest.raises(SourceChanged, match="404"):
        rows(station(address), today)
    renamed = gzip.compress(gzip.decompress(whole).replace(b";t;", b";temp;"))
    with (
        serving(lambda _: in_bytes(renamed)) as (address, _),
        pytest.raises(SourceChanged, match=r"synop\.202606\.csv\.gz: columns \['t'\] are missing"),
    ):
        rows(station(address), today)
