"""Every protocol over HTTP with every fault: all rows or a complete error, never fewer rows."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, get_args

import polars as pl
import pytest
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.errors import ObservatoryError, SourceChanged, SourceUnavailable
from observatory.feeds import open_reader
from observatory.feeds.http.client import Patience
from observatory.records.feed_window import FeedWindow
from observatory.simulator.servers import files
from observatory.simulator.servers.faults import catalogue
from observatory.simulator.servers.socrata import Dataset
from observatory.territory.city import Territory
from observatory.territory.sources import AnySource
from observatory.window import Window
from tests.support.city import city, day
from tests.support.server import ReceivedRequest, in_bytes, in_json, serving
from tests.unit.feeds import test_baac as baac
from tests.unit.feeds import test_bluesky as bluesky
from tests.unit.feeds import test_datex2 as datex2
from tests.unit.feeds import test_gbfs as gbfs
from tests.unit.feeds import test_gtfs as gtfs
from tests.unit.feeds import test_gtfs_realtime as gtfs_realtime
from tests.unit.feeds import test_icalendar as icalendar
from tests.unit.feeds import test_mastodon as mastodon
from tests.unit.feeds import test_ngsi_ld as ngsi_ld
from tests.unit.feeds import test_open_meteo as open_meteo
from tests.unit.feeds import test_overpass as overpass
from tests.unit.feeds import test_protocols as tables
from tests.unit.feeds import test_synop as synop

NOT_OVER_HTTP = {"database"}
PATIENT = Patience(attempts=3, backoff_s=0.001, longest_wait_s=0.01, timeout_s=2)
HASTY = Patience(attempts=1, backoff_s=0.001, longest_wait_s=0.01, timeout_s=0.1)
JUNE, MARCH = day("2026-06-10"), day("2026-03-10")
EVERYWHERE = {"south": -85.0, "north": 85.0, "west": -180.0, "east": 180.0}


@dataclass(frozen=True)
class Case:
    """A feed of a protocol, and a server without faults.

    Attributes:
        territory: from the server's address to a city whose feed ``sample`` reads it.
        answer: what the server sends.
        needed: a column that the feed cannot do without, as the server writes it; None where columns have no names.
        window: days that have rows.
        options: of the reader, so that it takes several requests where the protocol has pages.
    """

    territory: Callable[[str], Territory]
    answer: Callable[[ReceivedRequest], Any]
    needed: str | None
    window: Window = JUNE
    options: dict[str, Any] = field(default_factory=dict)


def table_case(protocol: str, needed: str) -> Case:
    """A protocol of tables, with five rows in several pages."""
    spoken = tables.PROTOCOLS[protocol]
    answer = spoken.server([spoken.row(i, tables.moments(i)) for i in range(5)], 10_000)

    def territory(address: str) -> Territory:
        source = {**spoken.source, "address": address}
        return city(spoken.kind, source, spoken.columns, bounds=EVERYWHERE, **spoken.settings)

    def respond(asked: ReceivedRequest) -> Any:
        sent = answer(asked.path, QueryParams(asked.params), asked.headers)
        return sent if isinstance(sent, Response) else JSONResponse(sent)

    return Case(territory, respond, needed, MARCH, spoken.small_pages)


LOG = pl.DataFrame(
    {
        "numero": [f"{number:06}" for number in range(40)],
        "debut": [f"2026-03-10 {number % 24:02}:00" for number in range(40)],
        "motif": "BRUIT",
        "lon": 5.0,
        "lat": 43.3,
        "quartier": "Le Vieux Port",
        "remarque": [
            f"rien{'!' * (number**2 % 11)}" for number in range(40)
        ],  # so that no truncation is at the end of a row
    }
)
LOG_COLUMNS = {
    "source_record_id": "numero",
    "source_category_code": "motif",
    "occurred_from": "debut",
    "longitude_deg": "lon",
    "latitude_deg": "lat",
}
LOG_SETTINGS = {"constants": {"record_type": "police_log"}, "date_formats": ["%Y-%m-%d %H:%M"], "bounds": EVERYWHERE}


def file_case(name: str, answer: Any, columns: dict[str, str] = LOG_COLUMNS) -> Case:
    source, body = {"protocol": "file", "path": name}, answer("", QueryParams(), {}).body
    return Case(
        lambda address: city("incident", {**source, "address": address}, columns, **LOG_SETTINGS),
        lambda _: in_bytes(gzip.compress(body) if name.endswith(".gz") else body),
        "debut",
        MARCH,
    )


def socrata_case() -> Case:
    rows = LOG.with_columns(pl.col("debut").str.to_datetime())
    dataset = Dataset(rows, order=("debut", "numero"))

    def answer(asked: ReceivedRequest) -> Response:
        named = {catalogue.FIELDS_HEADER: '["numero","debut","motif","lon","lat","quartier","remarque"]'}
        return Response(dataset.answer(asked.query), headers=named, media_type="application/json")

    settings = {**LOG_SETTINGS, "date_formats": ["%Y-%m-%dT%H:%M:%S%.f"]}
    source = {"protocol": "socrata", "resource": "abcd-1234"}
    return Case(
        lambda address: city("incident", {**source, "address": address}, LOG_COLUMNS, **settings),
        answer,
        "debut",
        MARCH,
        {"page_rows": 15},
    )


def baac_case() -> Case:
    line = '"{0}";"4";"3";"2022";"07:45";"1";"13";"13208";"2";"1";"1";"3";"Prado";"43,2700000";" 5,3900000"'
    made = baac.tables_of([baac.NEW, *(line.format(202200000000 + number) for number in range(20))], ";")
    names = baac.names(2022, "carcteristiques")
    published = {names[table]: "".join(f"{row}\n" for row in rows).encode() for table, rows in made.items()}

    def answer(asked: ReceivedRequest) -> Any:
        name = asked.path.rpartition("/")[2]
        if name in published:
            return in_bytes(published[name])
        host = f"http://{asked.headers['Host']}"
        return in_json({"resources": [{"url": f"{host}/files/{each}"} for each in sorted(published)]})

    source = {"protocol": "baac", "dataset": "accidents"}
    return Case(
        lambda address: city("accident", {**source, "address": address}, baac.COLUMNS, date_formats=["%Y-%m-%d %H:%M"]),
        answer,
        "Num_Acc",
        Window(date(2022, 1, 1), date(2023, 1, 1), "Europe/Paris"),
    )


def datex2_case() -> Case:
    sites = "code_pme;route;x_deb;y_deb\n" + "".join(f"{site};A50;9000{site};624500{site}\n" for site in range(9))
    measured = datex2.publication(
        *(datex2.xml_of((*datex2.SPEED, "50", "3", 0, False), site=site, time="2026-06-10T10:00:00+02:00")
          for site in range(9))
    )  # fmt: skip
    return Case(
        lambda address: datex2.measuring(
            address, {**datex2.PLACED, "easting": "site.x_deb"}, sites=True, coordinates={"epsg": 2154}
        ),
        lambda asked: in_bytes(sites.encode() if asked.path.endswith(".csv") else measured),
        "measurementTimeDefault",
    )


def gtfs_realtime_case() -> Case:
    made = gtfs_realtime.message()
    for number in range(9):
        gtfs_realtime.vehicle(made, number, bearing=90.0)
    body = made.SerializeToString()
    return Case(lambda address: gtfs_realtime.agency(address, gtfs_realtime.VEHICLES), lambda _: in_bytes(body), None)


def ics_case() -> Case:
    settings = {
        "date_formats": ["%Y-%m-%dT%H:%M:%S%z"],
        "values": {"is_cancelled": {"CANCELLED": "true", "CONFIRMED": "false", "TENTATIVE": "false"}},
        "coordinates": {"point_order": "lat,lon", "method": "place"},
        "bounds": EVERYWHERE,
    }
    source = {"protocol": "icalendar", "path": "agenda.ics"}
    return Case(
        lambda address: city("city_event", {**source, "address": address}, icalendar.COLUMNS, **settings),
        lambda _: in_bytes(icalendar.calendar(icalendar.MARKET, icalendar.FAIR)),
        "UID",
        Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris"),
    )


def works_case() -> Case:
    works = datex2.situations(*(datex2.RECORD.format(id=number, end="", over="") for number in range(9)))
    return Case(datex2.road_works, lambda _: in_bytes(works), "situationRecord")


@cache
def cases() -> dict[str, Case]:
    """Name of each case, which begins with its protocol."""
    posts = [bluesky.post("a"), bluesky.post("b", 5, "a"), bluesky.post("c", 9)]
    statuses = [mastodon.status(0), mastodon.status(5, parent=mastodon.status(0)["id"]), mastodon.status(9)]
    hours = [f"2026061{day}{hour:02}0000" for day in (0, 1) for hour in range(0, 24, 3)]
    places = [{**overpass.NODE, "id": number} for number in range(9)]
    return {
        "arcgis": table_case("arcgis", "at"),
        "baac": baac_case(),
        "bluesky": Case(bluesky.signals, bluesky.network(posts), "createdAt"),
        "ckan": table_case("ckan", "at"),
        "datex2": datex2_case(),
        "datex2, situations": works_case(),
        "file, csv": file_case("log.csv", files.csv(lambda _: LOG)),
        "file, csv.gz": file_case("log.csv.gz", files.csv(lambda _: LOG)),
        "file, jsonl": file_case("log.jsonl", files.jsonl(lambda _: LOG)),
        "file, xlsx": file_case("log.xlsx", files.xlsx(lambda _: LOG)),
        "file, parquet": file_case("log.parquet", files.parquet(lambda _: LOG)),
        "file, geojson": file_case(
            "log.geojson",
            files.geojson(lambda _: LOG, "lon", "lat"),
            {name: of for name, of in LOG_COLUMNS.items() if of not in ("lon", "lat")} | {"point": "geometry"},
        ),
        "gbfs": Case(
            gbfs.stations,
            gbfs.system(None, [gbfs.about(n) for n in range(9)], [gbfs.now(n) for n in range(9)]),
            "num_docks_available",
        ),
        "gtfs": Case(gtfs.network, lambda _: in_bytes(gtfs.archive()), "trip_id"),
        "gtfs_realtime": gtfs_realtime_case(),
        "icalendar": ics_case(),
        "mastodon": Case(mastodon.signals, mastodon.instance(statuses), "created_at"),
        "ngsi_ld": Case(
            ngsi_ld.broker,
            ngsi_ld.entities([ngsi_ld.alert(number) for number in range(9)]),
            "validFrom",
            day("2017-01-02"),
            {"page_rows": 4},
        ),
        "open311": table_case("open311", "requested_datetime"),
        "open_meteo": Case(open_meteo.weather, open_meteo.hours, "temperature_2m"),
        "openagenda": table_case("openagenda", "begin"),
        "opendatasoft": table_case("opendatasoft", "at"),
        "overpass": Case(overpass.places, lambda _: overpass.found(*places), "lat"),
        "socrata": socrata_case(),
        "synop": Case(synop.station, lambda _: in_bytes(synop.month(*map(synop.observed, hours))), "date"),
    }


NAMES = [
    "arcgis", "baac", "bluesky", "ckan", "datex2", "datex2, situations", "file, csv", "file, csv.gz", "file, jsonl",
    "file, xlsx", "file, parquet", "file, geojson", "gbfs", "gtfs", "gtfs_realtime", "icalendar", "mastodon", "ngsi_ld",
    "open311", "open_meteo", "openagenda", "opendatasoft", "overpass", "socrata", "synop",
]  # fmt: skip
PASSING = {
    "429": catalogue.too_many_requests(0),
    "500": catalogue.server_error(500),
    "503": catalogue.server_error(503),
    "slow": catalogue.slow(0.02),
    "truncated": catalogue.truncated(),
    "truncated early": catalogue.truncated(0.1),
    "truncated late": catalogue.truncated(0.95),
    "hung up": catalogue.hung_up(),
}
LASTING = {name: fault for name, fault in PASSING.items() if name != "slow"} | {"html": catalogue.html()}


@pytest.fixture(params=NAMES)
def case(request, monkeypatch):
    monkeypatch.setenv("OPENAGENDA_KEY", tables.KEY)
    monkeypatch.setenv("OBSERVATORY_SECRET", "made-up")
    return cases()[request.param]


def rows_of(case, planted=(), patience=PATIENT):
    """The rows, and the number of requests."""
    with serving(case.answer, planted) as (address, received):
        feed_window = FeedWindow.of(case.territory(address), "sample", case.window)
        chunks = list(open_reader(feed_window, patience=patience, **case.options).read())
        return [row for chunk in chunks for row in chunk.rows()], len(received)


@cache
def well(name):
    return rows_of(cases()[name])


def refused(case, planted, patience=PATIENT):
    """The error of a feed that cannot be read."""
    with pytest.raises((SourceUnavailable, SourceChanged)) as raised:
        rows_of(case, planted, patience)
    error = raised.value
    assert isinstance(error, ObservatoryError)
    assert error.subject.startswith("demo/sample ")
    assert all(len(part.split()) >= 1 for part in (error.found, error.expected, error.action))
    return error


def test_every_protocol_over_http_has_a_case():
    union = get_args(AnySource)[0]
    protocols = {get_args(source.model_fields["protocol"].annotation)[0] for source in get_args(union)}
    assert {name.partition(",")[0] for name in NAMES} == protocols - NOT_OVER_HTTP
    assert set(cases()) == set(NAMES)


@pytest.mark.parametrize("fault", PASSING)
def test_a_temporary_fault_loses_no_row_with_any_protocol(request, case, fault):
    rows, requests = well(request.node.callspec.params["case"])
    assert rows
    for at in {0, 1, requests - 1} & set(range(requests)):
        assert rows_of(case, [None] * at + [PASSING[fault]])[0] == rows, f"at request {at}"


@pytest.mark.parametrize("fault", LASTING)
def test_a_lasting_fault_is_reported(request, case, fault):
    _, requests = well(request.node.callspec.params["case"])
    for at in {0, requests - 1}:
        refused(case, [None] * at + [LASTING[fault]] * 99)


def test_a_server_slower_than_the_timeout_is_reported(case):
    assert isinstance(refused(case, [catalogue.slow(0.3)] * 9, HASTY), SourceUnavailable)


@pytest.mark.parametrize("change", ["renamed", "without"])
def test_a_renamed_or_removed_column_is_reported(request, case, change):
    fault = (
        catalogue.renamed(case.needed or "x", "moved") if change == "renamed" else catalogue.without(case.needed or "x")
    )
    if case.needed is None:
        assert rows_of(case, [fault] * 99)[0] == well(request.node.callspec.params["case"])[0], "there are no names"
    else:
        assert isinstance(refused(case, [fault] * 99), SourceChanged)


def test_an_empty_response_gives_no_row_or_an_error(case):
    try:
        rows, _ = rows_of(case, [catalogue.empty()] * 99)
    except (SourceUnavailable, SourceChanged):
        return
    assert rows == []
