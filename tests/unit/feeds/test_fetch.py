"""Files from partners: SFTP and S3 servers, archives, workbooks, damaged and renamed files."""

import gzip
import threading
import zipfile
from contextlib import contextmanager
from datetime import date, datetime

import asyncssh
import boto3
import polars as pl
import pytest
import xlsxwriter

from observatory.errors import SecretMissing, SourceChanged, SourceUnavailable
from observatory.feeds.http.client import Patience
from observatory.simulator.servers.faults import catalogue
from observatory.territory.city import Territory
from observatory.territory.reachability import require_answer
from observatory.window import Window

MARCH = Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
IMPATIENT = Patience(attempts=2, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)
ROWS = "numero,motif,debut\n1,BRUIT,10/03/2026 10:00\n2,VOL,11/03/2026 10:00\n3,VOL,01/04/2026 10:00\n"
COLUMNS = {"source_record_id": "numero", "source_category_code": "motif", "occurred_from": "debut"}
PASSWORD = "made-up-password"


@pytest.fixture
def drop(city):
    """The demo city with logs at an address."""

    def territory(address, path="*.csv", *, columns=COLUMNS, **changes) -> Territory:
        source = {"protocol": "file", "address": str(address), "path": path, **changes.pop("source", {})}
        settings = {"constants": {"record_type": "police_log"}, "date_formats": ["%d/%m/%Y %H:%M"], **changes}
        return city(source, "incident", columns, **settings)

    return territory


def ids(chunks):
    return [value for chunk in chunks for value in chunk["numero"]]


# --- SFTP


class Doorman(asyncssh.SSHServer):
    def begin_auth(self, username):  # noqa: ARG002
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return (username, password) == ("ville", PASSWORD)


@contextmanager
def sftp_server(folder):
    """A server with one user; yields its address and its public key."""
    import asyncio

    key = asyncssh.generate_private_key("ssh-ed25519")
    loop, started = asyncio.new_event_loop(), threading.Event()
    port = []

    async def listen():
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            server_factory=Doorman,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder)),
        )
        port.append(server.sockets[0].getsockname()[1])
        started.set()
        return server

    def serve():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(listen())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield f"sftp://127.0.0.1:{port[0]}/drop", key.export_public_key().decode().strip()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@pytest.fixture
def sftp(tmp_path, monkeypatch):
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "log.csv").write_text(ROWS)
    monkeypatch.setenv("LOG_PASSWORD", PASSWORD)
    with sftp_server(tmp_path) as (address, key):
        yield address, {"user": "ville", "password": "LOG_PASSWORD", "host_key": key}


def test_files_of_an_sftp_server_are_read(sftp, drop, read):
    address, login = sftp
    assert ids(read(drop(address, source=login), MARCH)) == ["1", "2"]


def test_an_sftp_server_with_another_key_is_refused(sftp, drop, read):
    address, login = sftp
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with pytest.raises(SourceUnavailable, match=r"nothing can be read at sftp://.*[Hh]ost key"):
        read(drop(address, source={**login, "host_key": other}), MARCH)


def test_a_wrong_or_missing_password_is_reported_without_it(sftp, drop, read, monkeypatch):
    address, login = sftp
    monkeypatch.setenv("LOG_PASSWORD", "wrong-password")
    with pytest.raises(SourceUnavailable, match=r"ermission denied") as caught:
        read(drop(address, source=login), MARCH)
    assert "wrong-password" not in str(caught.value)
    monkeypatch.delenv("LOG_PASSWORD")
    with pytest.raises(SecretMissing, match=r"^demo/feed .*LOG_PASSWORD is not set"):
        read(drop(address, source=login), MARCH)


def test_an_sftp_servers_key_must_be_declared_and_no_login_be_in_the_address(drop):
    with pytest.raises(ValueError, match="host_key"):
        drop("sftp://127.0.0.1/drop")
    with pytest.raises(ValueError, match="user in `address`"):
        drop("s3://someone:word@bucket")


def test_a_file_server_is_not_probed_over_http_before_a_run(drop):
    require_answer(drop("s3://drop/logs"))
    with pytest.raises(SourceUnavailable, match=r"no response from http://127\.0\.0\.1:9"):
        require_answer(drop("http://127.0.0.1:9", "log.csv"))


# --- S3


@pytest.fixture(scope="module")
def s3():
    """A store that speaks S3, with one bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key=PASSWORD
    )
    client.create_bucket(Bucket="drop")
    yield client, {"endpoint": endpoint, "user": "id", "password": "LOG_PASSWORD"}
    server.stop()


def test_files_of_an_s3_store_are_read_including_new_ones(s3, drop, read, monkeypatch):
    client, source = s3
    monkeypatch.setenv("LOG_PASSWORD", PASSWORD)
    client.put_object(Bucket="drop", Key="logs/a.csv", Body=ROWS.encode())
    territory = drop("s3://drop/logs", source=source)
    assert ids(read(territory, MARCH)) == ["1", "2"]
    client.put_object(Bucket="drop", Key="logs/b.csv", Body=ROWS.replace("\n1,", "\n9,").encode())
    assert ids(read(territory, MARCH)) == ["1", "2", "9", "2"]


def test_an_s3_store_that_is_down_or_lacks_the_bucket_is_reported(s3, drop, read, monkeypatch):
    _, source = s3
    monkeypatch.setenv("LOG_PASSWORD", PASSWORD)
    with pytest.raises(SourceUnavailable, match=r"nothing can be read at s3://nowhere"):
        read(drop("s3://nowhere", source=source), MARCH)
    with pytest.raises(SourceUnavailable, match=r"nothing can be read at s3://drop"):
        read(drop("s3://drop", source={**source, "endpoint": "http://127.0.0.1:9"}), MARCH)


# --- archives


def test_compressed_files_are_unpacked(tmp_path, drop, read):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    assert ids(read(drop(tmp_path, "log.csv.gz"), MARCH)) == ["1", "2"]
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        archive.writestr("inner/b.csv", ROWS)
        archive.writestr("inner/a.csv", ROWS.replace("\n1,", "\n9,"))
        archive.writestr("read me.txt", "nothing")
    assert ids(read(drop(tmp_path, "log.zip", source={"member": "*.csv"}), MARCH)) == ["9", "2", "1", "2"]


@pytest.mark.parametrize("name", ["log.csv.gz", "log.zip"])
def test_an_archive_that_grows_beyond_the_limit_is_refused(drop, tmp_path, monkeypatch, read, name):
    swollen = ROWS.encode() + b"4,VOL,11/03/2026 10:00\n" * 50_000
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(swollen))
    else:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("log.csv", swollen)
    territory = drop(tmp_path, name, source={"format": "csv", **({"member": "*.csv"} if name.endswith("zip") else {})})
    assert len(ids(read(territory, MARCH))) > 50_000
    monkeypatch.setenv("OBSERVATORY_UNPACKED_LIMIT_BYTES", "1000000")
    with pytest.raises(SourceChanged, match=r"more than 1,000,000 bytes once unpacked.*OBSERVATORY_UNPACKED_LIMIT"):
        read(territory, MARCH)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.csv.gz", b"PK half"),
        ("log.csv.gz", gzip.compress(ROWS.encode())[:40]),
        ("log.zip", b""),
        ("log.zip", b"PK half"),
    ],
    ids=["gzip of other bytes", "gzip cut short", "empty zip", "zip cut short"],
)
def test_a_truncated_archive_is_refused(tmp_path, drop, read, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceChanged, match=rf"demo/feed .*, {name}: cannot be read"):
        read(drop(tmp_path, name, source={"member": "*.csv"}), MARCH)


def test_a_download_is_streamed_and_repeated_if_truncated(drop, read, serving):
    from starlette.responses import Response

    with serving(lambda *_: Response(ROWS), [catalogue.server_error(503), catalogue.hung_up(), None]) as (
        address,
        asked,
    ):
        assert ids(read(drop(address, "log.csv"), MARCH, patience=IMPATIENT)) == ["1", "2"]
    assert len(asked) == 3
    with (
        serving(lambda *_: Response(ROWS), [catalogue.hung_up()] * 9) as (address, _),
        pytest.raises(SourceUnavailable, match="did not answer"),
    ):
        read(drop(address, "log.csv"), MARCH, patience=IMPATIENT)
    with (
        serving(lambda *_: Response(ROWS), [catalogue.html()]) as (address, _),
        pytest.raises(SourceChanged, match=r"a web page: .*We will be back soon"),
    ):
        read(drop(address, "log.csv"), MARCH, patience=IMPATIENT)


# --- workbooks


def workbook(path, rows, sheet="Feuil1", above=0):
    with xlsxwriter.Workbook(path) as book:
        page, day = book.add_worksheet(sheet), book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        for number, row in enumerate(rows, above):
            for column, value in enumerate(row):
                if isinstance(value, datetime):
                    page.write_datetime(number, column, value, day)
                else:
                    page.write(number, column, value)


def test_a_workbook_is_read(tmp_path, drop, read, checked):
    rows = [["numero", "motif", "debut"], [17, "BRUIT", datetime(2026, 3, 10, 10)], ["18", None, None]]
    rows += [[19, "VOL", datetime(2026, 3, 29, 2, 30)]]
    workbook(tmp_path / "log.xlsx", rows, "Mars", above=2)
    sheet = {"sheet": {"name": "Mars", "header_row": 3}}
    territory = drop(tmp_path, "log.xlsx", source=sheet, date_formats=["%Y-%m-%d %H:%M:%S"])
    accepted, rejected = checked(read(territory, MARCH), territory)
    assert accepted["source_record_id"].to_list() == ["17"]
    assert accepted["occurred_from"].dt.strftime("%H:%M").to_list() == ["09:00"]
    assert rejected.select("source_record_id", "column_name").rows() == [
        ("18", "occurred_from"),
        ("19", "occurred_from"),
    ]


def test_a_missing_sheet_and_an_invalid_workbook_are_reported(tmp_path, drop, read):
    workbook(tmp_path / "log.xlsx", [["numero", "motif", "debut"]])
    with pytest.raises(SourceChanged, match=r"log\.xlsx: cannot be read \(.*Mars"):
        read(drop(tmp_path, "log.xlsx", source={"sheet": {"name": "Mars"}}), MARCH)
    (tmp_path / "log.xlsx").write_text(ROWS)
    with pytest.raises(SourceChanged, match=r"log\.xlsx: cannot be read"):
        read(drop(tmp_path, "log.xlsx"), MARCH)


# --- files changed by their editors


def test_no_break_spaces_between_thousands_are_read(tmp_path, city, read, checked):
    lines = ["numero;motif;debut;x;y", "1;dépôt;10/03/2026 10:00;862\u00a0365,48;6\u202f246 593,48"]
    (tmp_path / "log.csv").write_text("\n".join(lines).replace("\u202f", "\u00a0"), encoding="cp1252")
    source = {"protocol": "file", "address": str(tmp_path), "path": "log.csv"}
    source["csv"] = {"separator": ";", "encoding": "cp1252"}
    territory = city(
        source, "incident", {**COLUMNS, "easting": "x", "northing": "y"}, constants={"record_type": "police_log"},
        date_formats=["%d/%m/%Y %H:%M"], decimal_comma=True, coordinates={"epsg": 2154},
    )  # fmt: skip
    accepted, rejected = checked(read(territory, MARCH), territory)
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted.select(pl.col("longitude_deg", "latitude_deg").round(3)).row(0) == (5.0, 43.3)


def test_a_file_damaged_by_a_spreadsheet_is_refused(shared_data, city, read):
    source = {
        "protocol": "file",
        "address": str(shared_data / "accidents_baac"),
        "path": "excel_corrupted_caract-2023_first199.csv",
    }
    columns = {
        "source_record_id": "Num_Acc",
        "occurred_from": ["jour", "mois", "an", "hrmn"],
        "department_code": "dep",
        "municipality_code": "com",
    }
    territory = city(source, "accident", columns, date_formats=["%d %m %Y %H:%M"])
    with pytest.raises(
        SourceChanged, match=r"saved by a spreadsheet, which rounded 199 identifiers in Num_Acc \(2\.023E\+11\).*Excel"
    ):
        read(territory, Window(date(2023, 1, 1), date(2024, 1, 1), "Europe/Paris"))


def test_a_column_renamed_by_each_edition_is_found_by_its_alias(tmp_path, drop, read):
    for year in (2025, 2026):
        (tmp_path / f"log_{year}.csv").write_text(ROWS.replace("numero", f"NUM_{year}"))
    columns = {**COLUMNS, "description": "numero.*"}
    territory = drop(tmp_path, columns=columns, source={"aliases": {"numero": ["NUM_*"], "motif": ["motif", "type"]}})
    chunks = read(territory, MARCH)
    assert ids(chunks) == ["1", "2", "1", "2"]
    assert [value for chunk in chunks for value in chunk["numero.*"]] == ["2025", "2025", "2026", "2026"]
    (tmp_path / "log_2027.csv").write_text(ROWS.replace("numero", "identifiant"))
    with pytest.raises(
        SourceChanged, match=r"\['numero', 'numero\.\*'\] are missing, columns \['identifiant'\] are new"
    ):
        read(territory, MARCH)
