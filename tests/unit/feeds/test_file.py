"""The file reader: windows, encodings, formats, and files that are absent, damaged or in another layout."""

import gzip
import json
from datetime import date, datetime, timedelta

import fsspec
import polars as pl
import pytest

from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds import open_reader
from observatory.feeds.http.client import Patience
from observatory.records.check import check
from observatory.records.conform import conform
from observatory.records.feed_window import FeedWindow
from observatory.records.plan import Plan
from observatory.simulator.portal import create_app, running
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import Window

ZONE = "Europe/Paris"
MARCH = Window(date(2026, 3, 1), date(2026, 4, 1), ZONE)
APRIL = Window(date(2026, 4, 1), date(2026, 5, 1), ZONE)

LOG = {
    "kind": "incident",
    "owner": "Police municipale",
    "licence": "made up",
    "constants": {"record_type": "police_log"},
    "date_formats": ["%d/%m/%Y %H:%M"],
    "columns": {
        "source_record_id": "numero",
        "source_category_code": "motif",
        "occurred_from": "debut",
        "longitude_deg": "lon",
        "latitude_deg": "lat",
    },
}


def city(folder, path="main_courante_*.csv", csv=None, **changes):
    """The demo city with one more feed: logs in CSV files of ``folder``."""
    demo = load_territory("demo").model_dump(exclude={"feeds"})
    source = {"protocol": "file", "address": str(folder), "path": path, "csv": csv or {}}
    return Territory.model_validate({**demo, "feeds": {"log": {**LOG, "source": source, **changes}}})


def write(folder, *lines, name="main_courante_1.csv", encoding="utf-8", header="numero,motif,debut,lon,lat"):
    (folder / name).write_bytes("\n".join([header, *lines, ""]).encode(encoding))


def read(territory, window=MARCH, feed_id="log", **options):
    return list(open_reader(FeedWindow.of(territory, feed_id, window), **options).read())


def ids(chunks):
    return ids_of(chunks, "numero")


def ids_of(chunks, column):
    return [value for chunk in chunks for value in chunk[column]]


def test_a_window_reads_the_rows_of_its_local_days(tmp_path):
    write(
        tmp_path,
        "1,BRUIT,28/02/2026 23:59,5.0,43.3",
        "2,BRUIT,01/03/2026 00:00,5.0,43.3",
        "3,BRUIT,31/03/2026 23:59,5.0,43.3",
        "4,BRUIT,01/04/2026 00:00,5.0,43.3",
    )
    assert ids(read(city(tmp_path))) == ["2", "3"]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2025, 10, 26), 25)])
def test_a_day_on_which_the_clocks_change_has_all_its_rows_once(tmp_path, day, hours):
    start, end = (datetime.combine(edge, datetime.min.time()) for edge in (day, day + timedelta(days=1)))
    clock = [start + timedelta(minutes=30 * step) for step in range(-1, int((end - start) / timedelta(minutes=30)) + 1)]
    write(tmp_path, *(f"{number},BRUIT,{moment:%d/%m/%Y %H:%M},5,43.3" for number, moment in enumerate(clock)))
    window = Window.of_day(day, ZONE)
    assert (window.end - window.start).total_seconds() == hours * 3600
    assert ids(read(city(tmp_path), window)) == [str(number) for number in range(1, 49)]


def test_every_row_is_in_exactly_one_window_also_with_an_unreadable_date(tmp_path):
    rows = ["0,BRUIT,demain,5,43", "1,BRUIT,10/03/2026 10:00,5,43", "2,BRUIT,31/13/2026 10:00,5,43"]
    rows += ["3,BRUIT,,5,43", "4,BRUIT,02/04/2026 10:00,5,43", "5,BRUIT,jamais,5,43"]
    write(tmp_path, *rows)
    for chunk_rows in (2, 3, 50_000):
        assert ids(read(city(tmp_path), MARCH, chunk_rows=chunk_rows)) == ["0", "1", "2", "3"]
        assert ids(read(city(tmp_path), Window(date(2026, 4, 1), date(2026, 5, 1), ZONE), chunk_rows=chunk_rows)) == [
            "4",
            "5",
        ]


def test_dates_in_a_changed_format_fail_every_window(tmp_path):
    write(tmp_path, "1,BRUIT,2026-03-10,5,43", "2,BRUIT,2026-03-11,5,43")
    territory = city(tmp_path)
    for window in MARCH, Window.of_day(date(2020, 1, 1), ZONE):
        (rows,) = read(territory, window)
        checked = check(rows, conform(rows, Plan.of(territory, "log")), Plan.of(territory, "log"))
        assert checked.rejected.select("column_name", "check_name", "value").rows() == [
            ("occurred_from", "readable", "2026-03-10"),
            ("occurred_from", "readable", "2026-03-11"),
        ]


def test_rows_are_read_in_chunks_file_by_file(tmp_path):
    write(tmp_path, *(f"{n},BRUIT,10/03/2026 10:00,5,43" for n in range(5)), name="main_courante_b.csv")
    write(tmp_path, "9,BRUIT,10/03/2026 10:00,5,43", name="main_courante_a.csv")
    write(tmp_path, "x,BRUIT,10/03/2026 10:00,5,43", name="autre.csv")
    chunks = read(city(tmp_path), chunk_rows=2)
    assert [chunk.height for chunk in chunks] == [1, 2, 2, 1]
    assert ids(chunks) == ["9", "0", "1", "2", "3", "4"]


def test_a_window_without_rows_is_no_error(tmp_path):
    write(tmp_path)
    assert read(city(tmp_path)) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_a_declared_encoding_is_read(tmp_path, encoding):
    write(tmp_path, "1,dépôt sauvage,10/03/2026 10:00,5,43", encoding=encoding)
    (chunk,) = read(city(tmp_path, csv={"encoding": encoding}))
    assert chunk["motif"].to_list() == ["dépôt sauvage"]


def test_an_encoding_other_than_declared_is_reported(tmp_path):
    write(tmp_path, "1,dépôt sauvage,10/03/2026 10:00,5,43", encoding="latin-1")
    with pytest.raises(
        SourceChanged, match=r"demo/log .*main_courante_1\.csv: cannot be read \(.*utf-8.*feeds\.log in demo\.yml"
    ):
        read(city(tmp_path))


def test_french_numbers_and_dates_are_read_as_declared(tmp_path):
    header = "numero;motif;debut;lon;lat"
    write(tmp_path, "1;BRUIT;29/03/2026 03:00; 5,0 ;43,3", "2;BRUIT;29/03/2026 02:30;5,0;43,3", header=header)
    territory = city(tmp_path, csv={"separator": ";"}, decimal_comma=True)
    (rows,) = read(territory)
    checked = check(rows, conform(rows, Plan.of(territory, "log")), Plan.of(territory, "log"))
    assert checked.accepted.select("longitude_deg", "latitude_deg").row(0) == (5.0, 43.3)
    assert checked.accepted["occurred_from"].dt.strftime("%H:%M").to_list() == ["01:00"]
    # the clocks went forward from two to three: half past two did not exist
    assert checked.rejected.select("column_name", "value").rows() == [("occurred_from", "29/03/2026 02:30")]


def test_the_first_matching_date_format_is_used(tmp_path):
    write(tmp_path, "1,BRUIT,10/03/2026 10:00,5,43", "2,BRUIT,2026-03-11,5,43")
    assert ids(read(city(tmp_path, date_formats=["%d/%m/%Y %H:%M", "%Y-%m-%d"]))) == ["1", "2"]


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame(
        {"numero": [7], "motif": ["BRUIT"], "debut": [datetime(2026, 3, 10)], "lon": [5.0], "lat": [43.3]}
    )
    frame.write_parquet(tmp_path / "m.parquet")
    (chunk,) = read(city(tmp_path, path="m.parquet"))
    assert chunk.equals(frame)


def test_a_missing_and_a_renamed_column_are_named(tmp_path):
    write(tmp_path, "1,BRUIT,10/03/2026 10:00,5,43", header="numero,motif,debut,long,lat")
    with pytest.raises(
        SourceChanged, match=r"\['lon'\] are missing, columns \['long'\] are new.*feeds\.log\.columns in demo\.yml"
    ):
        read(city(tmp_path))


@pytest.mark.parametrize("name", ["main_courante_1.csv", "main_courante_1.parquet"])
def test_a_damaged_file_is_reported(tmp_path, name):
    (tmp_path / name).write_bytes(b"" if name.endswith("csv") else b"PAR1 half a file")
    with pytest.raises(SourceChanged, match=r"cannot be read \(.+\); expected .*\. Correct its `source`") as caught:
        read(city(tmp_path, path=name))
    assert "\n" not in str(caught.value)


def test_a_row_with_too_many_fields_is_reported(tmp_path):
    write(tmp_path, "1,BRUIT,10/03/2026 10:00,5,43,et plus", "2,BRUIT,10/03/2026 10:00,5,43")
    with pytest.raises(SourceChanged, match=r"cannot be read \(found more fields"):
        read(city(tmp_path))


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_missing_file_is_a_temporary_error(tmp_path, folder):
    with pytest.raises(SourceUnavailable, match=r"no file there is called main_courante_\*\.csv.*Put them there"):
        read(city(tmp_path / folder))


def test_an_address_with_an_unknown_protocol_is_reported():
    with pytest.raises(SourceUnavailable, match=r"nothing can be read at gopher://x"):
        read(city("gopher://x"))


def test_remote_files_are_copied_and_read():
    memory = fsspec.filesystem("memory")
    memory.pipe("/drop/main_courante_1.csv", b"numero,motif,debut,lon,lat\n1,BRUIT,10/03/2026 10:00,5,43\n")
    assert ids(read(city("memory://drop"))) == ["1"]


ALERTS = {
    "kind": "video_alert",
    "columns": {"source_record_id": "n", "camera_code": "cam", "occurred_from": "t", "category": "cat"},
    "constants": {},
}


@pytest.mark.parametrize("field", ["snapshot_image", "trackId", "plate", "face.embedding"])
def test_a_delivery_with_images_tracks_faces_or_plates_is_refused(tmp_path, field):
    write(tmp_path, "1,C1,10/03/2026 10:00,density,x", header=f"n,cam,t,cat,{field}")
    with pytest.raises(
        SourceChanged, match=rf"columns that may contain images.*: \['{field}'\]; expected only the metadata of a"
    ):
        read(city(tmp_path, **ALERTS))
    write(tmp_path, "1,C1,10/03/2026 10:00,density,x", header="n,cam,t,cat,note")
    assert ids_of(read(city(tmp_path, **ALERTS)), "n") == ["1"]


def test_rows_that_do_not_match_where_are_not_read(tmp_path):
    write(tmp_path, "1,BRUIT,10/03/2026 10:00,5,43", "2,RIXE,10/03/2026 10:00,5,43", "3,,10/03/2026 10:00,5,43")
    assert ids(read(city(tmp_path, where={"motif": ["BRUIT", "TAPAGE"]}))) == ["1"]


def test_a_window_can_be_filtered_by_another_column_or_several_joined(tmp_path):
    header = "numero,motif,debut,lon,lat,jour,heure"
    write(tmp_path, "1,BRUIT,10/05/2026 10:00,5,43,10/03/2026,10:00", header=header)
    assert ids(read(city(tmp_path))) == []
    columns = {**LOG["columns"], "occurred_from": ["jour", "heure"]}
    assert ids(read(city(tmp_path, columns=columns))) == ["1"]
    assert ids(read(city(tmp_path, window_column="jour", date_formats=["%d/%m/%Y"]))) == ["1"]


def test_records_without_a_time_are_all_read_in_any_window(tmp_path):
    write(tmp_path, "1,dome,10/05/2020 10:00,5,43")
    columns = {"source_record_id": "numero", "camera_type": "motif", "occurred_from": "debut"}
    camera = {"kind": "camera", "columns": columns, "constants": {"operator_code": "city"}}
    assert ids(read(city(tmp_path, **camera))) == ["1"]


# --- zones

SQUARE = {"type": "Polygon", "coordinates": [[[4.95, 43.25], [5.0, 43.25], [5.0, 43.3], [4.95, 43.3], [4.95, 43.25]]]}


def collection(*properties, geometry=SQUARE):
    features = [{"type": "Feature", "properties": found, "geometry": geometry} for found in properties]
    return {"type": "FeatureCollection", "features": features}


def zones(address, feed_id="districts", **options):
    return read(load_territory("demo").with_portal(str(address)), feed_id=feed_id, **options)


@pytest.fixture
def districts(tmp_path):
    def written(content):
        (tmp_path / "resource").mkdir()
        (tmp_path / "resource" / "demo-dist.geojson").write_text(content)
        return tmp_path

    return written


def test_zones_are_all_read_in_any_window(districts):
    folder = districts(json.dumps(collection({"code": 1, "name": "Le Port"}, {"code": "2", "name": None, "x": 1})))
    (chunk,) = zones(folder)
    assert chunk.select("code", "name").rows() == [("1", "Le Port"), ("2", None)]
    assert json.loads(chunk["geometry"][0]) == SQUARE


@pytest.mark.parametrize(
    "content",
    ['{"type": "FeatureCollection", "features": []}', '{"features": [1]}', "[]", '{"features": [', "<html>", ""],
)
def test_a_file_without_areas_is_refused(districts, content):
    with pytest.raises(SourceChanged, match=r"demo-dist\.geojson: cannot be read"):
        zones(districts(content))


def test_a_zone_file_without_a_named_property_is_refused(districts):
    with pytest.raises(SourceChanged, match=r"columns \['name'\] are missing, columns \['nom'\] are new"):
        zones(districts(json.dumps(collection({"code": "1", "nom": "Le Port"}))))


def test_zones_of_a_portal_are_read_despite_a_temporary_fault_and_a_lasting_one_is_reported():
    from observatory.simulator.servers.faults import catalogue

    body = collection({"code": "1", "name": "Le Port"})
    patience = Patience(attempts=2, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)
    planted = [
        catalogue.server_error(),
        None,
        catalogue.truncated(),
        None,
        *[catalogue.truncated()] * 2,
        catalogue.html(),
    ]
    with running(create_app({}, {"demo-dist": body}, faults=planted)) as address:
        for _ in range(2):
            (chunk,) = zones(address, patience=patience)
            assert chunk["code"].to_list() == ["1"]
        with pytest.raises(SourceUnavailable, match="truncated"):
            zones(address, patience=patience)
        with pytest.raises(SourceChanged, match="a web page"):
            zones(address, patience=patience)
        with pytest.raises(SourceChanged, match="404"):
            zones(address, feed_id="city", patience=patience)
    with pytest.raises(SourceUnavailable, match="did not answer"):
        zones(address, patience=patience)


# --- one object a line


def lined(folder, content, name="log.jsonl", **changes):
    (folder / name).write_bytes(content)
    return city(folder, path=name, **changes)


ROW = b'{"numero": 1, "motif": "BRUIT", "debut": "10/03/2026 10:00", "lon": 5.0, "lat": 43.3}\n'


def test_objects_are_read_line_by_line_and_filtered_by_the_window(tmp_path):
    content = b"\xef\xbb\xbf" + ROW + b"\n" + ROW.replace(b"1,", b'"2",', 1).replace(b"/03/", b"/04/") + b"  \n"
    content += ROW.replace(b"1,", b"3,", 1).rstrip()
    assert ids(read(lined(tmp_path, content))) == ["1", "3"]
    (chunk, *_) = read(lined(tmp_path, content), chunk_rows=1)
    assert chunk.row(0, named=True) == {
        "numero": "1", "motif": "BRUIT", "debut": "10/03/2026 10:00", "lon": "5.0", "lat": "43.3",
    }  # fmt: skip


def test_lines_may_be_compressed_omit_empty_values_and_have_nested_values(tmp_path):
    row = b'{"numero": "1", "motif": "BRUIT", "debut": "10/03/2026 10:00", "where": {"lon": 5.0, "lat": 43.3}}\n'
    columns = {**LOG["columns"], "longitude_deg": "where.lon", "latitude_deg": "where.lat"}
    without = b'{"numero": "2", "motif": "BRUIT", "debut": "10/03/2026 10:00", "where": null}\n'
    territory = lined(tmp_path, gzip.compress(row + without), "log.jsonl.gz", columns=columns)
    (chunk,) = read(territory)
    assert chunk.select("numero", "where.lon").rows() == [("1", "5.0"), ("2", None)]


BROKEN_LINES = {
    "half a line": (ROW[:40] + b"\n", "line 3 is not JSON (Expecting value, character 41)"),
    "two objects": (ROW.strip() + b"," + ROW, "line 3 is not JSON (Extra data"),
    "an object on two lines": (b'{"numero": 1\n}\n', "line 3 is not JSON (Expecting ',' delimiter"),
    "a list": (b"[1]\n", "line 3 is not a JSON object"),
    "a number": (b"7\n", "line 3 is not a JSON object"),
    "a number that is none": (ROW.replace(b"5.0", b"NaN"), "line 3 is not JSON in UTF-8"),
    "another encoding": (ROW.replace(b"BRUIT", "BLESSÉ".encode("latin-1")), "line 3 is not JSON in UTF-8"),
    "a web page": (b"<html>\n", "line 3 is not JSON (Expecting value"),
}


@pytest.mark.parametrize("chunk_rows", [1, 2, 1_000])
@pytest.mark.parametrize(("line", "found"), BROKEN_LINES.values(), ids=BROKEN_LINES)
def test_an_invalid_line_refuses_the_file_with_its_number_but_not_its_content(tmp_path, line, found, chunk_rows):
    with pytest.raises(SourceChanged) as caught:
        read(lined(tmp_path, ROW + b"\n" + line + ROW), chunk_rows=chunk_rows)
    assert f"demo/log 2026-03-01..2026-03-31, log.jsonl: {found}" in str(caught.value)
    assert "BRUIT" not in str(caught.value)


def test_lines_without_a_named_column_are_refused(tmp_path):
    with pytest.raises(SourceChanged, match=r"columns \['motif'\] are missing, columns \['type'\] are new"):
        read(lined(tmp_path, ROW.replace(b"motif", b"type")))


# --- inboxes


def sent(**source):
    demo = load_territory("demo").model_dump(exclude={"feeds"})
    source = {"protocol": "file", "address": "inbox/log", "path": "*.jsonl", "inbox": True, **source}
    changes = {key: source.pop(key) for key in ("is_complete", "history_start") if key in source}
    return Territory.model_validate({**demo, "feeds": {"log": {**LOG, "source": source, **changes}}})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"address": "sftp://h/out", "host_key": "ssh-ed25519 A"}, "a folder of this machine"),
        ({"address": "https://h"}, "a folder of this machine"),
        ({"address": "inbox/../secrets"}, r"without `\.\.`"),
        ({"inbox": False, "push_token": "LOG_TOKEN"}, "`inbox: true`"),
        ({"path": "log_*.jsonl", "push_token": "LOG_TOKEN"}, r"`\*` and an ending, such as \*\.jsonl"),
        ({"push_token": "the token itself"}, "push_token"),
        ({"is_complete": True}, "a delivery lists new records only"),
        ({"history_start": "2024-01-01"}, "deliveries cannot be read by days"),
    ],
)
def test_settings_that_an_inbox_cannot_have_are_reported(source, expected):
    with pytest.raises(ValueError, match=expected):
        sent(**source)


def test_an_inbox_is_kept_if_the_city_is_read_from_a_replica():
    assert sent().with_portal("http://127.0.0.1:1").feeds["log"].source.address == "inbox/log"
