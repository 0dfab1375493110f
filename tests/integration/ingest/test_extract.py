"""Extract, end to end: a portal over HTTP, the contract, PostgreSQL; and which data are kept if a source fails."""

import json
import random
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from zlib import crc32

import polars as pl
import pytest
import shapely
import sqlalchemy as sa
import yaml

from observatory.errors import ContractBroken, SourceChanged, SourceUnavailable, TerritoryError
from observatory.feeds import open_reader
from observatory.feeds.http.client import Patience
from observatory.ingest import extract as extraction
from observatory.settings import ROOT
from observatory.simulator.portal import CITY_ID, DISTRICTS_ID, INCIDENTS_ID, create_app, running
from observatory.simulator.records.incident import police_log
from observatory.simulator.servers.faults import catalogue
from observatory.simulator.servers.socrata import Dataset
from observatory.simulator.world.city import build_city
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import Simulation
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.warehouse import territory_state
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window
from tests.support import police_log as portal_log

JANUARY = Window(date(2026, 1, 1), date(2026, 2, 1), "Europe/Paris")
IMPATIENT = Patience(attempts=2, backoff_s=0.01, longest_wait_s=0.02, timeout_s=5)
PAGE_ROWS = 40
BAD = 10
RAW = ("incident", "zone", "cell", "territory", "rejected")
NOT_CONTENT = ["load_id", "loaded_at", "rejected_at", "territory_code"]


def incidents(count=100) -> pl.DataFrame:
    """What a city lists of January 2026; times as text, so that a test can damage them."""
    moments = [datetime(2026, 1, 1, 12) + timedelta(hours=7 * number) for number in range(count)]
    later = [f"{moment + timedelta(hours=2):%Y-%m-%dT%H:%M:%S.000}" for moment in moments]
    return pl.DataFrame(
        {
            "incident_id": [f"I-{number:03}" for number in range(count)],
            "occurred_at": [f"{moment:%Y-%m-%dT%H:%M:%S.000}" for moment in moments],
            "ended_at": later,
            "category": ["CAMBRIOLAGE", "VOL_SIMPLE"] * (count // 2),
            "description": ["text"] * count,
            "reported_at": later,
            "updated_at": later,
            "district": ["D01"] * count,
            "longitude": [f"{4.95 + number / 1000:.4f}" for number in range(count)],
            "latitude": ["43.27"] * count,
        }
    )


def works(_request):
    """No fault."""


@dataclass
class Town:
    """A city of one test: its file, the rows of its portal, and the faults of the portal."""

    territory: Territory
    warehouse: object
    rows: pl.DataFrame = field(default_factory=incidents)
    faults: list = field(default_factory=list)
    fault_for: Callable = works

    @property
    def code(self) -> str:
        return self.territory.code

    def extract(self, feed_id="incidents", window=JANUARY) -> LoadResult:
        return extraction.extract(sa.make_url(self.warehouse.url("loader")), self.territory, feed_id, window)

    def configure(self, **changes) -> None:
        """Change what the territory file says of the incidents."""
        feed = self.territory.feeds["incidents"].model_copy(update=changes)
        self.territory = self.territory.model_copy(update={"feeds": {**self.territory.feeds, "incidents": feed}})

    def spoil(self, column: str, value: str, every: int = BAD) -> None:
        """Write ``value`` into one of ``every`` rows."""
        chosen = pl.int_range(pl.len()) % every == 0
        self.rows = self.rows.with_columns(pl.when(chosen).then(pl.lit(value)).otherwise(column).alias(column))

    def raw(self, without=()) -> dict[str, list]:
        """Every row of every raw table of the city, as JSON less some columns."""
        return {
            table: self.warehouse.rows(
                f"select (to_jsonb(t) - %s::text[])::text from raw.{table} as t where territory_code = %s order by 1",
                list(without),
                self.code,
            )
            for table in RAW
        }

    def loads(self) -> list[tuple]:
        return self.warehouse.rows(
            "select feed_id, read_count, accepted_count, rejected_count, unchanged_count, corrected_count, "
            "withdrawn_count from ops.load where territory_code = %s order by load_id",
            self.code,
        )

    def failures(self) -> list[tuple]:
        return self.warehouse.rows(
            "select feed_id, kind, error_type, message, window_start, window_end from ops.load_failure "
            "where territory_code = %s order by failure_id",
            self.code,
        )

    def is_failing(self) -> bool:
        ((failing,),) = self.warehouse.rows(
            "select is_failing from ops.feed_health where territory_code = %s and feed_id = 'incidents'",
            self.code,
            role="reader",
        )
        return failing


@contextmanager
def serving(town: Town, geojson=None):
    """Serve what the town lists, until the block ends; its territory file names the address."""

    def fault(request):
        return town.faults.pop(0) if town.faults else town.fault_for(request)

    def dataset():
        return Dataset(town.rows, order=("occurred_at", "incident_id"))

    with running(create_app({INCIDENTS_ID: dataset}, geojson, faults=fault)) as address:
        town.territory = town.territory.with_portal(address)
        yield town


@pytest.fixture(scope="module")
def geography():
    city = build_city()
    return {CITY_ID: city.boundary_geojson(), DISTRICTS_ID: city.districts_geojson()}


@pytest.fixture(autouse=True)
def _impatience(monkeypatch):
    options = {"incidents": {"patience": IMPATIENT, "page_rows": PAGE_ROWS}}
    monkeypatch.setattr(
        extraction,
        "open_reader",
        lambda feed_window: open_reader(feed_window, **options.get(feed_window.feed_id, {})),
    )


@pytest.fixture
def town(warehouse, request, geography):
    """A city of this test's own, laid out and mapped like the demo city."""
    code = f"t{crc32(request.node.nodeid.encode())}"
    with serving(Town(load_territory("demo").model_copy(update={"code": code}), warehouse), geography) as served:
        yield served


def balances(warehouse) -> bool:
    return not warehouse.rows(
        "select from ops.load where read_count != accepted_count + rejected_count + unchanged_count + outside_count"
    ) and bool(warehouse.rows("select from ops.load limit 1"))


# --- a source without faults


def test_a_first_extract_loads_every_row_over_many_pages(town, warehouse):
    assert town.extract() == LoadResult(read_count=100, accepted_count=100)
    assert town.loads() == [("incidents", 100, 100, 0, 0, 0, 0)]
    assert town.failures() == []
    found = warehouse.rows(
        "select count(*), count(distinct source_record_id), min(version_number), max(version_number), "
        "min(occurred_from)::text, count(cell_id) from raw.incident where territory_code = %s",
        town.code,
    )
    assert found == [(100, 100, 1, 1, "2026-01-01 11:00:00+00", 100)]
    assert warehouse.rows("select is_simulated from raw.territory where territory_code = %s", town.code) == [(True,)]
    assert not town.is_failing()


def test_a_second_extract_changes_nothing_in_raw(town):
    for feed_id in ("city", "districts", "incidents"):
        town.extract(feed_id)
    before = town.raw()
    assert {table: len(rows) > 0 for table, rows in before.items()} == dict.fromkeys(RAW, True) | {"rejected": False}
    again = [town.extract(feed_id) for feed_id in ("incidents", "city", "districts")]
    assert [result.unchanged_count for result in again] == [result.read_count for result in again] == [100, 1, 10]
    assert town.raw() == before


def test_a_correction_is_a_second_version(town, warehouse):
    town.extract()
    town.spoil("category", "DEGRADATION")
    assert town.extract() == LoadResult(read_count=100, accepted_count=BAD, unchanged_count=90, corrected_count=BAD)
    found = warehouse.rows(
        "select version_number, source_category_code, count(*) from raw.incident where territory_code = %s "
        "group by 1, 2 order by 1, 2",
        town.code,
    )
    assert found == [(1, "CAMBRIOLAGE", 50), (1, "VOL_SIMPLE", 50), (2, "DEGRADATION", BAD)]


def test_two_concurrent_extracts_load_each_row_once(town):
    results = []
    threads = [threading.Thread(target=lambda: results.append(town.extract())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.accepted_count for result in results) == [0, 0, 100]
    assert sorted(result.unchanged_count for result in results) == [0, 100, 100]
    assert len(town.raw()["incident"]) == 100


# --- a source with faults: nothing of the window is loaded, earlier data is kept


def breaks(fault, *, after=0):
    """Every request from the ``after``-th row on gets this answer."""

    def damage(town):
        town.fault_for = lambda request: fault if int(request.query_params.get("$offset", 0)) >= after else None

    return damage


def spoils(column, value):
    return lambda town: town.spoil(column, value)


def goes_down(town):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        town.territory = town.territory.with_portal(f"http://127.0.0.1:{listener.getsockname()[1]}")


def repeats_ids(town):
    town.rows = pl.concat([town.rows, town.rows.head(BAD).with_columns(description=pl.lit("another"))])


def mistypes_a_column(town):
    columns = {**town.territory.feeds["incidents"].columns, "source_category_code": "categry"}
    town.configure(columns=columns)


REFUSED = {
    "missing column": (
        breaks(catalogue.without("category")),
        SourceChanged,
        r"columns \['category'\] are missing, columns \[\] are new; expected the columns \[.*'category'.*\]\. "
        r"If the source renamed a column, correct feeds\.incidents\.columns in demo\.yml; else ask Observatory",
    ),
    "renamed column": (
        breaks(catalogue.renamed("longitude", "lng")),
        SourceChanged,
        r"columns \['longitude'\] are missing, columns \['lng'\] are new; expected the columns .*demo\.yml",
    ),
    "unparsable dates": (
        spoils("occurred_at", "2026-01-15 half past ten"),
        ContractBroken,
        r"10 of 100 records broke the contract \(occurred_from: readable "
        r"\(10 of 100 rows, e\.g\. 2026-01-15 half past ten\)\); "
        r"expected at most 2% \(tolerated_reject_share\)\. Nothing was loaded, earlier data is kept\. .*\.yml\.",
    ),
    "points outside the city": (
        spoils("longitude", "2.3522"),
        ContractBroken,
        r"10 of 100 records .*\(longitude_deg: in bounds \(10 of 100 rows, e\.g\. 2\.3522\)\); "
        r"expected at most 2% .* Ask the source",
    ),
    "duplicate ids": (
        repeats_ids,
        ContractBroken,
        r"10 of 110 records .*\(source_record_id: unique \(10 of 110 rows, e\.g\. I-\d+\)\); "
        r"expected at most 2% .* Ask the source",
    ),
    "portal down": (
        goes_down,
        SourceUnavailable,
        r"the server did not answer \(.*refused.*\); expected a response\. Try again later; .*`address` in demo\.yml",
    ),
    "500 for ever": (
        breaks(catalogue.server_error()),
        SourceUnavailable,
        r"the server answered 500 .* every time it was asked; expected a response\. Try again later",
    ),
    "429 for ever": (
        breaks(catalogue.too_many_requests()),
        SourceUnavailable,
        r"the server answered 429 .* every time it was asked; expected a response\. Try again later",
    ),
    "a web page": (
        breaks(catalogue.html()),
        SourceChanged,
        r"a web page: .*Maintenance.*; expected JSON\. Open the address in a browser; .*`address` in demo\.yml",
    ),
    "truncated": (
        breaks(catalogue.truncated()),
        SourceUnavailable,
        r"the response was truncated after \d+ characters every time it was asked for; expected a complete response\. "
        r"Try",
    ),
    "hung up": (
        breaks(catalogue.hung_up()),
        SourceUnavailable,
        r"the server did not answer .*; expected a response\. Try",
    ),
    "500 on a later page": (
        breaks(catalogue.server_error(503), after=2 * PAGE_ROWS),
        SourceUnavailable,
        r"the server answered 503 .*; expected a response\. Try again later",
    ),
    "a mistyped column in the territory file": (
        mistypes_a_column,
        SourceChanged,
        r"columns \['categry'\] are missing, columns \['category'\] are new; "
        r"expected .* correct feeds\.incidents\.columns in demo",
    ),
}


@pytest.mark.parametrize(("damage", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refused_window_changes_nothing_and_reports_why(town, warehouse, damage, error, message):
    town.extract()
    good, raw, loads = (town.territory, town.rows), town.raw(), town.loads()
    # a new record is listed too, so that a load that is not rolled back would be detected
    town.spoil("description", "corrected meanwhile", every=3)
    corrected = town.rows
    damage(town)
    with pytest.raises(error, match=rf"^{town.code}/incidents 2026-01-01\.\.2026-01-31: {message}") as caught:
        town.extract()
    assert "\n" not in str(caught.value)
    assert all([caught.value.subject, caught.value.found, caught.value.expected, caught.value.action])
    assert town.raw() == raw
    assert town.loads() == loads
    assert town.failures() == [("incidents", "incident", error.__name__, str(caught.value), JANUARY.start, JANUARY.end)]
    assert town.is_failing()
    assert balances(warehouse)

    town.territory, _ = good
    town.rows, town.fault_for = corrected, works
    assert town.extract() == LoadResult(read_count=100, accepted_count=34, unchanged_count=66, corrected_count=34)
    assert not town.is_failing()


PASSING = {
    "429 then well": [catalogue.too_many_requests()],
    "500 then well": [catalogue.server_error()],
    "half a second page": [None, catalogue.truncated(0.37)],
    "hung up on the third": [None, None, catalogue.hung_up()],
    "half a second page, cut between two rows": [None, catalogue.truncated(0.5)],
}


@pytest.mark.parametrize("passing", [pytest.param(each, id=name) for name, each in PASSING.items()])
def test_a_temporary_fault_loses_no_row(town, passing):
    town.faults = list(passing)
    assert town.extract() == LoadResult(read_count=100, accepted_count=100)
    assert town.faults == []
    assert town.failures() == []


def test_an_empty_response_is_a_load_without_rows_and_closes_no_record(town):
    assert town.territory.feeds["incidents"].is_complete
    town.extract()
    raw = town.raw()
    town.rows = town.rows.clear()
    assert town.extract() == LoadResult()
    assert town.loads()[-1] == ("incidents", 0, 0, 0, 0, 0, 0)
    assert town.failures() == []
    assert town.raw() == raw


def test_a_few_invalid_rows_are_rejected_with_their_reason_and_the_others_loaded(town, warehouse):
    town.configure(tolerated_reject_share=0.05)
    rows = town.rows.rows(named=True)
    rows[3]["occurred_at"] = "2026-01-02 half past ten"
    rows[5]["latitude"] = "48.8566"
    rows[7]["incident_id"] = None
    rows.append({**rows[9], "category": "NUISANCE_SONORE"})
    town.rows = pl.DataFrame(rows)
    assert town.extract() == LoadResult(read_count=101, accepted_count=97, rejected_count=4)
    found = warehouse.rows(
        "select source_record_id, column_name, check_name, value, row_data->>'description' from raw.rejected "
        "where territory_code = %s order by column_name, check_name",
        town.code,
    )
    assert found == [
        ("I-005", "latitude_deg", "in bounds", "48.8566", "text"),
        ("I-003", "occurred_from", "readable", "2026-01-02 half past ten", "text"),
        (None, "source_record_id", "present", None, "text"),
        ("I-009", "source_record_id", "unique", "I-009", "text"),
    ]
    reasons = warehouse.rows("select reason from raw.rejected where territory_code = %s", town.code)
    assert all("; expected " in reason and "\n" not in reason for (reason,) in reasons)
    before = town.raw()
    assert town.extract() == LoadResult(read_count=101, rejected_count=4, unchanged_count=97)
    assert town.raw() == before, "a reject is kept once"
    assert balances(warehouse)


@pytest.mark.parametrize("is_complete", [True, False])
def test_records_outside_the_city_are_dropped_and_counted_apart(town, warehouse, is_complete):
    town.configure(outside_bounds="drop", is_complete=is_complete)
    outside = {"latitude": "48.8566", "longitude": "2.3522"}
    rows = [row | outside if number < 60 else row for number, row in enumerate(town.rows.rows(named=True))]
    town.rows = pl.DataFrame(rows)
    assert town.extract() == LoadResult(read_count=100, accepted_count=40, outside_count=60)
    assert town.extract() == LoadResult(read_count=100, unchanged_count=40, outside_count=60)
    rows[70] |= outside
    rows[80] |= {"latitude": "0", "longitude": "0"}
    rows[5] |= {name: rows[90][name] for name in outside}
    town.rows = pl.DataFrame(rows)
    expected = LoadResult(
        read_count=100, accepted_count=1, rejected_count=1, unchanged_count=38, outside_count=60, withdrawn_count=1
    )
    town.configure(outside_bounds="drop", is_complete=is_complete, tolerated_reject_share=0.1)
    assert town.extract() == expected
    newest = warehouse.rows(
        "select version_number, is_withdrawn from raw.incident where territory_code = %s and source_record_id = %s "
        "order by version_number",
        town.code,
        rows[70]["incident_id"],
    )
    assert newest == [(1, False), (2, True)]
    assert town.extract().withdrawn_count == 0
    assert balances(warehouse)


def test_equal_rows_with_one_id_are_one_record(town):
    town.rows = pl.concat([town.rows, town.rows.head(BAD)])
    assert town.extract() == LoadResult(read_count=110, accepted_count=100, unchanged_count=BAD)


def test_a_territory_file_with_a_typo_is_named_and_loaded_data_is_kept(town, tmp_path, monkeypatch):
    """As an Airflow task meets it: the file is read anew at every run."""
    monkeypatch.setenv("OBSERVATORY_TERRITORIES", str(tmp_path))
    for role in ("loader", "reader"):
        monkeypatch.setenv(f"OBSERVATORY_{role.upper()}_URL", town.warehouse.url(role))
    address = town.territory.feeds["incidents"].source.address
    content = yaml.safe_load((ROOT / "territories" / "demo.yml").read_text()) | {"code": town.code}
    path = tmp_path / f"{town.code}.yml"
    path.write_text(yaml.safe_dump(content))
    territory_state.override_portal(town.code, address)
    try:
        town.territory = territory_state.effective_territory(town.code)
        town.extract()
        raw, loads = town.raw(), town.loads()
        owner = content["defaults"].pop("owner")
        for feed_id, feed in content["feeds"].items():
            feed["tolerated_rejekt_share" if feed_id == "incidents" else "owner"] = owner
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(TerritoryError) as caught:
            territory_state.effective_territory(town.code)
    finally:
        territory_state.override_portal(town.code, None)
    assert str(caught.value) == (
        f"{path.name}: `feeds.incidents.owner` is missing; "
        "`feeds.incidents.tolerated_rejekt_share` is not a known key; "
        "expected a value for `feeds.incidents.owner`; only known keys (a typo?). "
        f"Correct {path.name}, then run: observatory doctor {path.stem}."
    )
    assert len(raw["incident"]) == 100
    assert (town.raw(), town.loads(), town.failures()) == (raw, loads, [])


def test_unmapped_columns_are_never_stored(town, warehouse):
    """No value of such a column is stored, not even of a record that is rejected."""
    town.rows = town.rows.with_columns(officer_name=pl.lit("Marlowe-7731"), phone=pl.lit("+33 6 99 99 99 99"))
    town.spoil("latitude", "0", every=60)
    town.extract()
    stored = json.dumps(town.raw())
    assert len(town.raw()["rejected"]) == 2
    assert "I-000" in stored
    assert "Marlowe" not in stored
    assert "99 99" not in stored


# --- zones and the grid


def test_zones_give_cells_and_districts_give_them_their_code(town, warehouse):
    town.extract("city")
    cells = "select count(*), count(district_code), max(version_number) from raw.cell where territory_code = %s"
    ((count, coded, version),) = warehouse.rows(cells, town.code)
    ((area_km2,),) = warehouse.rows("select area_km2 from raw.zone where territory_code = %s", town.code)
    assert count * 0.25**2 == pytest.approx(area_km2, rel=0.02)
    assert (coded, version) == (0, 1)

    town.extract("districts")
    newest = warehouse.rows(
        "select distinct on (source_record_id) district_code, version_number, is_withdrawn from raw.cell "
        "where territory_code = %s order by source_record_id, version_number desc",
        town.code,
    )
    assert len(newest) == count
    assert {district for district, _, _ in newest} == {f"D{number:02}" for number in range(1, 11)}
    assert {(version, withdrawn) for _, version, withdrawn in newest} == {(2, False)}
    assert [row for row in town.loads() if row[0] == "grid"] == [
        ("grid", count, count, 0, 0, 0, 0),
        ("grid", count, count, 0, 0, count, 0),
    ]


def test_districts_without_a_boundary_give_no_cells(town):
    town.extract("districts")
    assert (len(town.raw()["zone"]), town.raw()["cell"]) == (10, [])


def test_a_smaller_boundary_withdraws_the_cells_outside_it(town, warehouse, geography):
    town.extract("city")
    outline = shapely.geometry.shape(geography[CITY_ID]["features"][0]["geometry"])
    half = outline.intersection(shapely.box(-180, -90, outline.centroid.x, 90))
    feature = geography[CITY_ID]["features"][0] | {"geometry": shapely.geometry.mapping(half)}
    with serving(town, {CITY_ID: {"type": "FeatureCollection", "features": [feature]}}):
        assert town.extract("city").corrected_count == 1
    newest = warehouse.rows(
        "select distinct on (source_record_id) is_withdrawn, longitude_deg > %s from raw.cell "
        "where territory_code = %s order by source_record_id, version_number desc",
        outline.centroid.x,
        town.code,
    )
    assert all(withdrawn == is_east for withdrawn, is_east in newest)
    assert {withdrawn for withdrawn, _ in newest} == {True, False}


def test_a_broken_boundary_leaves_zones_and_cells_as_they_were(town):
    town.extract("city")
    raw = town.raw()
    town.fault_for = lambda _: catalogue.html()
    with pytest.raises(SourceChanged, match=rf"^{town.code}/city .*a web page"):
        town.extract("city")
    assert town.raw() == raw
    assert [row[:3] for row in town.failures()] == [("city", "zone", "SourceChanged")]


# --- the demo city over time

CHANGEABLE = replace(PLANTED, corrected_share=0.05, withdrawn_share=0.04)
WINTER = Window(date(2024, 1, 1), date(2024, 3, 1), "Europe/Paris")
CONTENT = ("occurred_at", "ended_at", "category", "description", "reported_at", "district", "longitude", "latitude")


@pytest.fixture(scope="module")
def simulated():
    """Two months of a small city whose records change more often than usual."""
    simulation = Simulation(population=33_000, parameters=CHANGEABLE)
    return police_log(simulation, WINTER.first_day, date(2024, 4, 1))


@pytest.fixture
def listing(simulated):
    """What the portal lists of the winter on a day."""
    inside = pl.col("occurred_at").is_between(datetime(2024, 1, 1), datetime(2024, 3, 1), closed="left")
    return lambda today: portal_log.listing(simulated, today).filter(inside)


def test_corrections_and_withdrawals_of_the_demo_city_are_versions(town, warehouse, listing, monkeypatch):
    monkeypatch.setattr(extraction, "open_reader", partial(open_reader, patience=IMPATIENT))
    earlier, later = listing(date(2024, 2, 20)), listing(date(2024, 3, 25))
    town.rows = earlier
    assert town.extract(window=WINTER) == LoadResult(read_count=earlier.height, accepted_count=earlier.height)
    town.rows = later
    result = town.extract(window=WINTER)

    both = earlier.join(later, on="incident_id", suffix="_later")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_later")) for name in CONTENT)
    corrected = set(both.filter(differs)["incident_id"])
    withdrawn = set(earlier["incident_id"]) - set(later["incident_id"])
    new = set(later["incident_id"]) - set(earlier["incident_id"])
    assert min(len(corrected), len(withdrawn), len(new)) > 3, "or this test says nothing"
    assert result == LoadResult(
        read_count=later.height,
        accepted_count=len(new) + len(corrected),
        unchanged_count=later.height - len(new) - len(corrected),
        corrected_count=len(corrected),
        withdrawn_count=len(withdrawn),
    )
    versions = warehouse.rows(
        "select source_record_id, version_number, is_withdrawn from raw.incident where territory_code = %s", town.code
    )
    firsts = {key for key, version, is_withdrawn in versions if version == 1 and not is_withdrawn}
    assert firsts == set(earlier["incident_id"]) | new
    assert {key for key, version, is_withdrawn in versions if version == 2 and not is_withdrawn} == corrected
    assert {key for key, version, is_withdrawn in versions if version == 2 and is_withdrawn} == withdrawn
    assert len(versions) == len(firsts) + len(corrected) + len(withdrawn)

    known = warehouse.rows(
        "select bool_and(known_at = published_at) from raw.incident where territory_code = %s and not is_withdrawn",
        town.code,
    )
    assert known == [(True,)], "a version is known from when it was published, not from when it was loaded"
    before = town.raw()
    assert town.extract(window=WINTER).withdrawn_count == 0
    assert town.raw() == before


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_monthly_windows_changes_nothing(town, listing, monkeypatch, seed):
    monkeypatch.setattr(extraction, "open_reader", partial(open_reader, patience=IMPATIENT))
    town.rows = listing(date(2024, 3, 25))
    window = Window(date(2023, 12, 15), date(2024, 3, 10), "Europe/Paris")
    months = list(window.months())
    assert len(months) == 4
    for month in months:
        town.extract(window=month)
    in_order = town.raw(without=NOT_CONTENT)["incident"]
    assert len(in_order) == town.rows.height

    shuffled = random.Random(seed).sample(months, len(months))
    assert shuffled != months
    town.territory = town.territory.model_copy(update={"code": f"{town.code}x"})
    for month in shuffled:
        town.extract(window=month)
    assert town.raw(without=NOT_CONTENT)["incident"] == in_order
    assert town.extract(window=window).unchanged_count == town.rows.height, "one wide window finds nothing new"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "backwards"])
def test_a_record_that_moves_to_another_month_is_one_record_in_any_order_of_reading(town, warehouse, order):
    """Its earlier month no longer lists it, its later month does: the newest version is the one that is listed."""
    months = [JANUARY, Window(date(2026, 2, 1), date(2026, 3, 1), "Europe/Paris")]
    for month in months:
        town.extract(window=month)
    moved = pl.col("incident_id") == "I-042"
    moment = pl.when(moved).then(pl.lit("2026-02-14T09:00:00.000"))
    town.rows = town.rows.with_columns(
        occurred_at=moment.otherwise("occurred_at"), ended_at=moment.otherwise("ended_at")
    )
    for place in order:
        town.extract(window=months[place])
    newest = warehouse.rows(
        "select distinct on (source_record_id) source_record_id, occurred_from::date::text, is_withdrawn "
        "from raw.incident where territory_code = %s order by source_record_id, version_number desc",
        town.code,
    )
    assert len(newest) == 100
    assert ("I-042", "2026-02-14", False) in newest
    assert not any(withdrawn for *_, withdrawn in newest)


# --- real files


@pytest.fixture
def portland(warehouse, shared_data, request):
    code = f"p{crc32(request.node.nodeid.encode())}"
    territory = load_territory("portland").model_copy(update={"code": code})
    return Town(territory.with_portal(str(shared_data / "portland")), warehouse)


@pytest.fixture
def calls(shared_data):
    return pl.read_parquet(shared_data / "portland" / "burglary_mvt_2012_2017-02.parquet")


YEARS = Window(date(2012, 3, 1), date(2017, 3, 1), "America/Los_Angeles")


def test_portlands_exact_duplicates_are_all_loaded_and_keep_their_ids(portland, warehouse, calls, monkeypatch):
    monkeypatch.setattr(extraction, "open_reader", open_reader)
    result = portland.extract("calls", YEARS)
    assert (result.read_count, result.unchanged_count) == (calls.height, 0)
    assert result.accepted_count + result.rejected_count == calls.height
    assert result.rejected_count < 0.02 * calls.height
    stored = warehouse.rows(
        "select source_category_code, occurred_from, longitude_deg, latitude_deg, count(*) from raw.incident "
        "where territory_code = %s group by 1, 2, 3, 4 having count(*) > 1",
        portland.code,
    )
    delivered = calls.group_by("category", "occurred_at", "x_ft", "y_ft").len().filter(pl.col("len") > 1)
    assert sum(count for *_, count in stored) == delivered["len"].sum() > 100
    before = portland.raw()
    assert portland.extract("calls", YEARS).unchanged_count == result.accepted_count
    assert portland.raw() == before


def test_portlands_zones_give_its_grid(portland, warehouse, monkeypatch):
    monkeypatch.setattr(extraction, "open_reader", open_reader)
    assert portland.extract("city", YEARS).accepted_count == 1
    assert portland.extract("districts", YEARS).accepted_count == 60
    ((cells,),) = warehouse.rows(
        "select count(distinct source_record_id) from raw.cell where territory_code = %s", portland.code
    )
    assert cells * 0.0625 / 2.589988 == pytest.approx(147.7, rel=0.01), "square miles"


def test_portlands_months_give_the_same_records_in_any_order(portland, calls, monkeypatch):
    monkeypatch.setattr(extraction, "open_reader", open_reader)
    window = Window(date(2013, 1, 1), date(2013, 7, 1), "America/Los_Angeles")
    months = list(window.months())
    portland.extract("calls", window)
    whole = portland.raw(without=NOT_CONTENT)["incident"]
    assert len(whole) > 500
    portland.territory = portland.territory.model_copy(update={"code": f"{portland.code}x"})
    for month in random.Random(3).sample(months, len(months)):
        portland.extract("calls", month)
    assert portland.raw(without=NOT_CONTENT)["incident"] == whole
