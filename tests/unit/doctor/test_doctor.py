"""The doctor's report on feeds that are healthy, down, changed, refused, empty or late, and on an invalid file."""

import json
import os
import socket
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from ml.panel import eligibility as forecast_limits
from observatory.cli import app
from observatory.doctor import eligibility
from observatory.doctor import report as reports
from observatory.doctor.examine import examine
from observatory.settings import ROOT
from observatory.simulator import portal as portals
from observatory.simulator.partners import push
from observatory.simulator.portal import INCIDENTS_ID
from observatory.simulator.servers.socrata import Dataset
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import Simulation
from observatory.territory import taxonomy
from observatory.territory.files import load_territory

TODAY = date(2026, 6, 10)
KEYS = {"territory", "today", "problem", "feeds", "assessed_by", "forecast", "exit_code"}
FEED_KEYS = {
    "feed", "kind", "protocol", "owner", "terms", "is_live", "status", "problem", "first_day", "last_day",
    "is_partial", "read_count", "accepted_count", "rejected_count", "outside_count", "located_share", "history_start",
    "oldest_day", "newest_day", "late_days", "columns", "rejections",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_warehouse(monkeypatch, tmp_path):
    monkeypatch.setenv("OBSERVATORY_READER_URL", "postgresql://reader@127.0.0.1:1/none")


def asked(*arguments):
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)])


def document(*arguments):
    done = asked(*arguments, "--json")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    found = json.loads(done.stdout)
    assert set(found) == KEYS
    assert found["exit_code"] == done.exit_code
    assert all(set(feed) == FEED_KEYS for feed in found["feeds"])
    return found


def of(found, feed_id):
    return next(feed for feed in found["feeds"] if feed["feed"] == feed_id)


@pytest.fixture(scope="module")
def demo():
    with portals.running(portals.demo_app(TODAY)) as address:
        yield address


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# --- the simulated city over HTTP


def test_a_city_without_problems_is_reported_as_such_and_may_be_forecast(demo):
    found = document("demo", "--portal", demo, "--day", TODAY)
    # files in a local folder are delivered by a partner, or written by the portal when it starts
    served = [
        feed for feed in found["feeds"] if "://127.0.0.1" in load_territory("demo").feeds[feed["feed"]].source.address
    ]
    assert len(served) > 20
    assert {feed["status"] for feed in served} == {"ok"}, [feed["problem"] for feed in served]
    incidents = of(found, "incidents")
    assert incidents["newest_day"] in {str(TODAY - timedelta(days=back)) for back in (0, 1)}
    assert (incidents["history_start"], incidents["late_days"]) == ("2021-01-01", 0)
    assert incidents["located_share"] > 0.8
    assert {column["column"]: column["filled_share"] for column in incidents["columns"]}["source_record_id"] == 1
    assert of(found, "districts")["located_share"] == 1
    assert found["assessed_by"] == "sample"
    assert {group["category_group"]: group["is_eligible"] for group in found["forecast"]} == dict.fromkeys(
        ("violent", "property", "disorder"), True
    )
    assert all(group["history_days"] >= eligibility.FEWEST_DAYS for group in found["forecast"])


def test_the_report_fits_eighty_columns(demo, monkeypatch):
    from rich.console import Console

    from observatory.commands import options

    monkeypatch.setattr(options, "console", lambda: Console(width=80))
    done = asked("demo", "--portal", demo, "--day", TODAY)
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    for said in (
        "incidents",
        "ok",
        "since 2021-01-01",
        "property",
        "yes",
        f"of {len(load_territory('demo').feeds)} feeds",
    ):
        assert said in done.stdout


def incidents(days, *, placed=True, code="CAMBRIOLAGE", until=TODAY):
    moments = [
        datetime(until.year, until.month, until.day, 8) - timedelta(days=1 + back, hours=hour)
        for back in range(days)
        for hour in range(3)
    ]
    return pl.DataFrame(
        {
            "incident_id": [f"I-{number}" for number in range(len(moments))],
            "occurred_at": [f"{moment:%Y-%m-%dT%H:%M:%S.000}" for moment in moments],
            **{name: [None] * len(moments) for name in ("ended_at", "reported_at", "updated_at", "district")},
            "category": [code] * len(moments),
            "description": ["text"] * len(moments),
            "longitude": ["4.95" if placed else None] * len(moments),
            "latitude": ["43.27" if placed else None] * len(moments),
        },
        schema_overrides=dict.fromkeys(
            ("ended_at", "reported_at", "updated_at", "district", "longitude", "latitude"), pl.String
        ),
    )


def report_of(rows, **changes):
    """The report of the demo city whose portal lists these incidents alone."""
    territory = load_territory("demo")
    feed = territory.feeds["incidents"].model_copy(update=changes)
    with portals.running(
        portals.create_app({INCIDENTS_ID: Dataset(rows, order=("occurred_at", "incident_id"))})
    ) as address:
        city = territory.model_copy(update={"feeds": {"incidents": feed}}).with_portal(address)
        return examine(city, TODAY)


def verdict(found, group="property"):
    return next(each for each in found.forecast if each.category_group == group)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (incidents(80), None),
        (incidents(59), "59 days of history; expected at least 60"),
        (incidents(80, placed=False), "0% of its incidents located; expected at least 50%"),
        (incidents(80, code="STUPEFIANTS"), "no reported or sensor incident is known"),
        (incidents(80, code="NOUVEAU"), "no reported or sensor incident is known"),
        (incidents(80).filter(pl.int_range(pl.len()) % 3 == 0).tail(70), "70 located incidents; expected at least 100"),
    ],
)
def test_a_group_may_be_forecast_when_it_has_days_places_and_reports(rows, reason):
    found = verdict(report_of(rows))
    assert (found.is_eligible, found.reason) == (reason is None, reason)


def test_limits_are_those_at_which_the_forecasts_abstain():

    assert (eligibility.FEWEST_DAYS, eligibility.FEWEST_LOCATED) == (
        forecast_limits.FEWEST_DAYS,
        forecast_limits.FEWEST_INCIDENTS,
    )


def test_the_seed_explains_the_simulated_citys_codes():
    assert set(taxonomy.meanings("demo")) == set(PLANTED.codes)
    assert taxonomy.groups()["burglary"] == "property"


# --- faults


def test_a_source_that_is_down_is_reported_and_the_others_are_examined():
    found = document("demo", "--portal", f"http://127.0.0.1:{closed_port()}", "--day", TODAY)
    assert [feed["status"] for feed in found["feeds"][:3]] == ["unreachable"] * 3
    assert found["exit_code"] == 1
    over_http = [
        feed for feed in found["feeds"] if "://127.0.0.1" in load_territory("demo").feeds[feed["feed"]].source.address
    ]
    assert len(over_http) > 20
    assert all("did not answer" in feed["problem"] for feed in over_http)
    assert (found["assessed_by"], found["forecast"][0]["is_eligible"]) == ("nothing", False)


def test_a_renamed_column_a_late_source_and_an_empty_one_are_distinguished():
    renamed = report_of(incidents(3).rename({"category": "kind"})).feeds[0]
    assert (renamed.status, "'category'" in renamed.problem) == (reports.CHANGED, True)
    late = report_of(incidents(3, until=TODAY - timedelta(days=20))).feeds[0]
    assert (late.status, late.late_days) == (reports.LATE, 19)
    assert "publication_lag_hours" in late.problem
    empty = report_of(incidents(3, until=date(2001, 1, 1))).feeds[0]
    assert (empty.status, empty.read_count) == (reports.EMPTY, 0)


def test_rejects_are_counted_with_a_complete_reason():
    found = report_of(incidents(3).with_columns(latitude=pl.lit("48.85"))).feeds[0]
    assert (found.status, found.accepted_count, found.rejected_count > 0) == (reports.REJECTED, 0, True)
    (rejection,) = found.rejections
    assert (rejection.column, rejection.check, rejection.count) == ("latitude_deg", "in bounds", found.rejected_count)
    assert "expected latitude_deg between 43.2 and 43.34. Correct bounds in demo.yml" in rejection.reason


def test_an_officer_named_in_a_text_is_in_no_report():
    rows = incidents(3).with_columns(
        description=pl.lit("Appel de Mme Jeanne Martin, 06 12 34 56 78"), latitude=pl.lit("48.85")
    )
    found = json.dumps(report_of(rows, coded_texts=()).as_document())
    assert "Martin" not in found
    assert "06 12 34 56 78" not in found


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write the demo city's file, changed."""

    def write(change):
        content = yaml.safe_load((load_folder() / "demo.yml").read_text())
        change(content)
        folder = tmp_path / "territories"
        folder.mkdir()
        (folder / "demo.yml").write_text(yaml.safe_dump(content, sort_keys=False))
        monkeypatch.setenv("OBSERVATORY_TERRITORIES", str(folder))

    return write


def load_folder():
    return Path(os.environ.get("OBSERVATORY_TERRITORIES", ROOT / "territories"))


def test_a_feed_with_an_expired_convention_is_not_read(file, demo):
    def sign(content):
        feed = content["feeds"]["incidents"]
        feed["convention"] = {
            "partner": "Police", "purpose": "p", "legal_basis": "b", "document": "C-1",
            "start": "2020-01-01", "end": "2026-06-09",
        }  # fmt: skip

    file(sign)
    found = document("demo", "--portal", demo, "--day", TODAY)
    assert [feed["status"] for feed in found["feeds"][:3]] == ["refused", "ok", "ok"]
    incidents_ = of(found, "incidents")
    assert (incidents_["is_live"], incidents_["read_count"], found["exit_code"]) == (False, 0, 1)
    assert "ended on 2026-06-09; expected one that is live on 2026-06-10. Nothing was read." in incidents_["problem"]


def test_a_wrong_mapping_is_reported_for_the_file_and_other_feeds_are_examined(file, demo):
    file(lambda content: content["feeds"]["city"]["columns"].update({"colour": "colour"}))
    found = document("demo", "--portal", demo, "--day", TODAY)
    assert [feed["status"] for feed in found["feeds"][:3]] == ["ok", "mapping", "ok"]
    assert found["exit_code"] == 2


def test_an_unreadable_file_gives_one_message_without_a_traceback(file):
    file(lambda content: content.update({"timezne": content.pop("timezone")}))
    found = document("demo")
    assert (found["exit_code"], found["feeds"]) == (2, [])
    assert "`timezne` is not a known key" in found["problem"]


def test_a_code_is_explained_once_and_by_the_taxonomy(file):
    file(
        lambda content: content.update({"categories": {"x": {"category": "witchcraft", "detection_mode": "reported"}}})
    )
    assert "`categories.x.category` is 'witchcraft'; expected one of theft, burglary" in document("demo")[
        "problem"
    ].replace("categories.X", "categories.x")


def test_marseille_offline_reports_for_each_feed_why_it_cannot_be_read():
    marseille = load_territory("marseille").with_portal(f"http://127.0.0.1:{closed_port()}")
    found = examine(marseille, date(2026, 11, 25))
    statuses = {feed.feed: feed.status for feed in found.feeds}
    assert set(statuses) == set(marseille.feeds)
    partners = {key for key, feed in marseille.feeds.items() if feed.convention}
    assert {key for key, status in statuses.items() if status == "refused"} == partners
    assert {status for key, status in statuses.items() if key not in partners} == {"unreachable", "secret missing"}
    assert (found.exit_code, all(feed.problem for feed in found.feeds)) == (1, True)


def test_all_refused_feeds_are_reported_together_without_a_traceback():
    done = asked("marseille", "--portal", f"http://127.0.0.1:{closed_port()}", "--day", "2026-11-25")
    assert (done.exit_code, "Traceback" in done.output) == (1, False)
    assert "were not read, since their conventions are not in force" in " ".join(done.stdout.split())
    assert "0 of 34 feeds" in done.stdout


def test_the_command_can_examine_recorded_rows(tmp_path):
    rows = incidents(2).with_columns(updated_at=pl.lit("2026-06-09T12:00:00.000"))
    rows.write_parquet(tmp_path / "incidents.parquet")
    found = document("demo", "--sample", tmp_path, "--day", TODAY)
    assert [feed["status"] for feed in found["feeds"][:3]] == ["ok", "no sample", "no sample"]
    assert (found["exit_code"], of(found, "incidents")["accepted_count"]) == (0, 6)


def test_invalid_or_missing_recorded_rows_are_reported(tmp_path):
    (tmp_path / "incidents.json").write_text("{")
    found = examine(load_territory("demo"), TODAY, tmp_path)
    assert [feed.status for feed in found.feeds[:3]] == ["changed", "no sample", "no sample"]
    assert "expected a JSON list of objects" in found.feeds[0].problem


def test_the_warehouse_takes_precedence_over_the_sample(monkeypatch):
    held = {"property": (date(2024, 1, 1), date(2026, 6, 9), 5_000, 4_800)}
    monkeypatch.setattr(eligibility, "_in_the_warehouse", lambda _: held)
    found = report_of(incidents(3))
    assert (found.assessed_by, verdict(found).is_eligible, verdict(found).history_days) == ("warehouse", True, 891)
    assert verdict(found, "violent").reason == "no reported or sensor incident is known"


def test_an_empty_inbox_is_no_problem_and_waiting_files_are_examined_in_place(monkeypatch, tmp_path):
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path))
    city = load_territory("demo")
    city = city.model_copy(update={"feeds": {"operations": city.feeds["operations"]}})
    (nothing,) = examine(city, TODAY).feeds
    assert (nothing.status, nothing.read_count) == (reports.WELL, 0)
    assert not (tmp_path / "inbox").exists(), "nothing is written"
    folder = tmp_path / "inbox" / "demo" / "operations"
    folder.mkdir(parents=True)
    (folder / "1.jsonl").write_bytes(push.declared(Simulation(), push.beginning_of(TODAY)))
    (waits,) = examine(city, TODAY).feeds
    assert (waits.status, waits.rejected_count) == (reports.WELL, 0)
    assert waits.read_count > 10
    assert [path.name for path in folder.iterdir()] == ["1.jsonl"]
