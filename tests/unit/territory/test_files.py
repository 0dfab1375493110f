"""Territory files: the shipped ones are right, and every mistake is named with its file and key."""

import subprocess
import sys
from datetime import date
from zoneinfo import ZoneInfo

import pytest
import yaml
from pyproj import CRS

from observatory.errors import TerritoryError
from observatory.feeds import open_reader
from observatory.records.feed_window import FeedWindow
from observatory.settings import ROOT
from observatory.territory.files import load_readable_territories, load_territories, load_territory
from observatory.window import Window
from tests.support.city import require_mapped

FILES = sorted((ROOT / "territories").glob("*.yml"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write chicago.yml, changed, into a folder of its own."""
    monkeypatch.setenv("OBSERVATORY_TERRITORIES", str(tmp_path))

    def changed(change, name="chicago"):
        content = yaml.safe_load((ROOT / "territories" / "chicago.yml").read_text())
        change(content)
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))

    return changed


def test_territory_files_exist():
    assert {path.stem for path in FILES} >= {"chicago", "portland", "demo"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_files_describe_a_city_that_can_be_mapped(path):
    territory = load_territory(path.stem)
    ZoneInfo(territory.timezone)
    axes = CRS.from_epsg(territory.grid.epsg).axis_info
    assert {axis.unit_name for axis in axes} == {"metre"}
    assert "city" in {feed.constants.get("zone_type") for feed in territory.feeds.values() if feed.kind == "zone"}
    require_mapped(territory)
    for feed_id, feed in territory.feeds.items():
        assert (feed.feed_id, feed.territory_file) == (feed_id, path.name)


def test_only_the_demo_city_is_simulated_and_declares_it():
    simulated = {code: territory for code, territory in load_territories().items() if territory.is_simulated}
    assert list(simulated) == ["demo"]
    assert "simulated" in simulated["demo"].name


def test_a_portal_replaces_every_address():
    territory = load_territory("chicago").with_portal("http://127.0.0.1:1")
    assert {feed.source.address for feed in territory.feeds.values()} == {"http://127.0.0.1:1"}
    assert load_territory("chicago").feeds["incidents"].source.address == "https://data.cityofchicago.org"


def test_overriding_a_portal_keeps_paths_and_does_not_change_folders_and_databases():
    own = {key: feed.source.address for key, feed in load_territory("marseille").feeds.items()}
    moved = {
        key: feed.source.address
        for key, feed in load_territory("marseille").with_portal("http://127.0.0.1:1/").feeds.items()
    }
    for key, address in own.items():
        scheme, _, rest = address.partition("://")
        _, slash, path = rest.rstrip("/").partition("/")
        is_web = scheme in ("http", "https")
        assert moved[key] == (f"http://127.0.0.1:1{slash}{path}" if is_web else address)
    assert any(address.endswith("/gbfs.json") for address in moved.values())


def test_a_folder_replaces_all_addresses():
    feeds = load_territory("marseille").with_portal("some/folder").feeds
    assert {feed.source.address for feed in feeds.values()} == {"some/folder"}


def test_the_schedules_can_read_territories_without_waiting_for_polars():
    code = "import sys, observatory.territory.city; sys.exit(bool({'polars', 'pandera', 'dlt'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_code_lists_the_known_ones():
    with pytest.raises(TerritoryError, match=r"territory 'chicgo': there is no file chicgo\.yml .*chicago, demo.*\."):
        load_territory("chicgo")


CONVENTION = {
    "partner": "Police",
    "purpose": "analysis",
    "legal_basis": "law",
    "document": "C-1",
    "start": date(2026, 1, 1),
    "end": date(2026, 12, 31),
}

MISTAKES = {
    "a default that feeds do not share": (
        lambda c: c.update(defaults={"ownr": "Everybody"}),
        r"^chicago\.yml: `defaults` has ownr; expected any of owner, licence, .*\. Correct chicago\.yml",
    ),
    "misspelt key": (
        lambda c: c.update(timezne=c.pop("timezone")),
        r"^chicago\.yml: `timezone` is missing; `timezne` is not a known key; expected .*\. Correct chicago\.yml",
    ),
    "misspelt key of a feed": (
        lambda c: c["feeds"]["incidents"].update(corection_days=3),
        r"`feeds\.incidents\.corection_days` is not a known key",
    ),
    "unknown time zone": (
        lambda c: c.update(timezone="America/Chcago"),
        r"`timezone` is 'America/Chcago'; expected the name of an IANA time zone",
    ),
    "number out of range": (lambda c: c["grid"].update(cell_size_m=0), r"`grid\.cell_size_m` is 0; expected .*greater"),
    "bounds turned round": (
        lambda c: c["bounds"].update(south=43.0),
        r"`bounds` has its sides in the wrong order; expected south below north",
    ),
    "unknown kind": (
        lambda c: c["feeds"]["city"].update(kind="zoone"),
        r"`feeds\.city\.kind` is 'zoone'; expected one of .*incident, .*zone",
    ),
    "no kind": (lambda c: c["feeds"]["city"].pop("kind"), r"`feeds\.city\.kind` is missing"),
    "file instead of resource": (
        lambda c: c["feeds"]["incidents"]["source"].update(protocol="file"),
        r"`feeds\.incidents\.source\.path` is missing; `feeds\.incidents\.source\.resource` is not a known key",
    ),
    "unknown protocol": (
        lambda c: c["feeds"]["city"]["source"].update(protocol="gopher"),
        r"`feeds\.city\.source\.protocol` is 'gopher'; expected one of .*'file'.*'socrata'",
    ),
    "no protocol": (
        lambda c: c["feeds"]["city"]["source"].pop("protocol"),
        r"`feeds\.city\.source\.protocol` is missing",
    ),
    "neither licence nor convention": (
        lambda c: c["feeds"]["city"].pop("licence"),
        r"`feeds\.city` has neither of `licence` and `convention`; expected the `licence` of open data, or",
    ),
    "both licence and convention": (
        lambda c: c["feeds"]["city"].update(convention=CONVENTION),
        r"`feeds\.city` has both of `licence` and `convention`; expected",
    ),
    "a convention that ends before it begins": (
        lambda c: c["feeds"]["city"].update(convention={**CONVENTION, "end": date(2025, 1, 1)}),
        r"`feeds\.city\.convention` ends on 2025-01-01, before its start 2026-01-01; expected an `end` on or after",
    ),
    "a convention without a purpose": (
        lambda c: c["feeds"]["city"].update(convention={**CONVENTION, "purpose": ""}),
        r"`feeds\.city\.convention\.purpose` is ''",
    ),
    "unknown encoding": (
        lambda c: c["feeds"]["city"]["source"].update(csv={"encoding": "latin-99"}),
        r"`feeds\.city\.source\.csv\.encoding` is 'latin-99'; expected an encoding",
    ),
    "unknown format": (
        lambda c: c["feeds"]["city"]["source"].update(path="city.kml"),
        r"expected a name ending in csv or jsonl or parquet or geojson",
    ),
    "feed that is not a mapping": (lambda c: c["feeds"].update(city="x"), r"`feeds\.city` is 'x'"),
    "no feeds": (lambda c: c.update(feeds={}), r"`feeds` is \{\}"),
}


def test_feeds_inherit_the_defaults_of_their_file_unless_they_override_them(write):
    def share(content):
        content["defaults"] = {"owner": "Everybody", "licence": "CC0-1.0", "clock": "utc"}
        del content["feeds"]["incidents"]["owner"]
        del content["feeds"]["incidents"]["licence"]

    write(lambda _: None)
    own = load_territory("chicago").feeds
    write(share)
    feeds = load_territory("chicago").feeds
    incidents, others = feeds["incidents"], [feed_id for feed_id in feeds if feed_id != "incidents"]
    assert (incidents.owner, incidents.licence, incidents.clock) == ("Everybody", "CC0-1.0", "local")
    assert others
    for feed_id in others:
        assert (feeds[feed_id].owner, feeds[feed_id].licence) == (own[feed_id].owner, own[feed_id].licence)
        assert feeds[feed_id].clock == "utc"


def test_a_feed_under_a_convention_inherits_no_licence(write):
    convention = {"partner": "P", "purpose": "p", "legal_basis": "l", "document": "d", "start": "2026-01-01"}

    def share(content):
        content["defaults"] = {"licence": "CC0-1.0"}
        del content["feeds"]["incidents"]["licence"]
        content["feeds"]["incidents"]["convention"] = convention | {"end": "2026-12-31"}

    write(share)
    incidents = load_territory("chicago").feeds["incidents"]
    assert (incidents.licence, incidents.convention.partner) == (None, "P")


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_file_key_and_what_was_expected(write, change, message):
    write(change)
    with pytest.raises(TerritoryError, match=message) as caught:
        load_territory("chicago")
    assert "\n" not in str(caught.value)


MISMAPPED = {
    "misspelt contract column": (
        lambda feeds: feeds["incidents"]["columns"].update(occured_from="date"),
        r"`feeds\.incidents`: has `columns` without \[\] and with the unknown \['occured_from'\]; expected",
    ),
    "a required column left out": (
        lambda feeds: feeds["incidents"]["columns"].pop("source_category_code"),
        r"`feeds\.incidents`: has `columns` without \['source_category_code'\] and with the unknown \[\]; expected",
    ),
    "half of a place": (
        lambda feeds: feeds["incidents"]["columns"].pop("latitude_deg"),
        r"`feeds\.incidents`: has only one coordinate in `columns`; expected latitude_deg and longitude_deg, or n",
    ),
    "a personal column": (
        lambda feeds: feeds["incidents"]["columns"].update(officer="star_no"),
        r"`feeds\.incidents`: maps `officer`; expected no such column in kind incident: officers are not recorded",
    ),
    "a source column that names a person": (
        lambda feeds: feeds["incidents"]["columns"].update(description="victim_name"),
        r"`feeds\.incidents`: reads \['victim_name'\]; expected no column with data about a person",
    ),
    "a filter on a person": (
        lambda feeds: feeds["incidents"].update(where={"birth_date": ["1980"]}),
        r"`feeds\.incidents`: reads \['birth_date'\]; expected no column with data about a person",
    ),
    "a secret key kept as an attribute too": (
        lambda feeds: (
            feeds["incidents"].pop("licence"),
            feeds["incidents"].update(convention=CONVENTION),
            feeds["incidents"]["columns"].update(description="id"),
        ),
        r"`feeds\.incidents`: maps \['id'\] to `description` too; expected the identifier of a person's file in no",
    ),
    "a text that the kind does not have": (
        lambda feeds: feeds["incidents"].update(coded_texts=["story"]),
        r"`feeds\.incidents`: has `coded_texts` \['story'\]; expected any of \['description'\], the columns of kind",
    ),
    "a column twice": (
        lambda feeds: feeds["incidents"]["constants"].update(description="x"),
        r"`feeds\.incidents`: has \['description'\] both in `columns` and in `constants`; expected each column once",
    ),
    "a kind that is derived": (lambda feeds: feeds["city"].update(kind="cell"), r"`feeds\.city`: has `kind` cell"),
}


@pytest.mark.parametrize(("change", "message"), MISMAPPED.values(), ids=MISMAPPED)
def test_a_mapping_that_is_not_the_contracts_is_refused_before_anything_is_read(write, change, message):
    write(lambda content: change(content["feeds"]))
    territory = load_territory("chicago")
    with pytest.raises(TerritoryError, match=rf"^chicago\.yml: {message}") as caught:
        require_mapped(territory)
    assert "\n" not in str(caught.value)
    window = Window.of_day(date(2026, 1, 1), territory.timezone)
    with pytest.raises(TerritoryError):
        [open_reader(FeedWindow.of(territory, feed_id, window)) for feed_id in territory.feeds]


def test_the_code_is_the_name_of_the_file(write):
    write(lambda _: None, name="chicago2")
    with pytest.raises(TerritoryError, match=r"^chicago2\.yml: code is 'chicago'; expected .*'chicago2'"):
        load_territory("chicago2")


@pytest.mark.parametrize("text", ["a: [1", "", "- a\n- b\n", "just text"])
def test_a_file_that_is_no_mapping_is_refused_in_one_line(tmp_path, monkeypatch, text):
    monkeypatch.setenv("OBSERVATORY_TERRITORIES", str(tmp_path))
    (tmp_path / "x1.yml").write_text(text)
    with pytest.raises(TerritoryError, match=r"^x1\.yml: ") as caught:
        load_territory("x1")
    assert "\n" not in str(caught.value)


def test_one_city_with_a_mistake_does_not_hold_up_the_others(write):
    write(lambda _: None)
    write(lambda c: c.pop("timezone"), name="broken")
    assert list(load_readable_territories()) == ["chicago"]
    with pytest.raises(TerritoryError, match=r"broken\.yml"):
        load_territories()
