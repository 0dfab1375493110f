"""The DAGs as the scheduler sees them: parsed in a process of their own, with the project's airflow.cfg."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from observatory.kinds import KINDS
from observatory.orchestration.feed_docs import cadence
from observatory.orchestration.needs import feeds_awaited, kinds_of_facts
from observatory.settings import ROOT, TELEMETRY_OFF
from observatory.territory.city import corrected_for
from observatory.territory.files import load_territories

DAGS = sorted((ROOT / "dags").glob("*.py"))
MOST_LINES = 80
HEAVY = ["polars", "pandera", "dlt", "lightgbm", "scipy", "adbc_driver_postgresql", "sqlalchemy_utils", "dbt"]
STEPS = ("transform", "forecast", "score", "backfill", "now")

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow import plugins_manager
from cosmos import settings as cosmos

root, heavy, answer = sys.argv[1], sys.argv[2].split(","), sys.argv[3]
bag = DagBag(dag_folder=f"{root}/dags", bundle_name="dags")

def outlets(task):
    return [asset.name for asset in (task.partial_kwargs.get("outlets") if task.is_mapped else task.outlets) or []]

def facts(dag):
    serialized = DagSerialization.to_dict(dag)["dag"]
    return {
        "file": dag.fileloc, "catchup": dag.catchup, "tags": sorted(dag.tags), "doc_md": dag.doc_md,
        "start_date": str(dag.start_date), "max_active_runs": dag.max_active_runs,
        "schedule": serialized["timetable"]["__type"].rpartition(".")[2], "timetable": serialized["timetable"]["__var"],
        "params": sorted(dag.params), "description": dag.description, "owner": dag.owner,
        "tasks": {
            task.task_id: {
                "is_mapped": task.is_mapped, "outlets": outlets(task), "retries": task.retries, "pool": task.pool,
                "priority_weight": task.priority_weight,
                "has_policy": getattr(task, "retry_policy", None) is not None, "after": sorted(task.upstream_task_ids),
                "vars": getattr(task, "vars", None), "env": getattr(task, "env", None),
                "takes_turn": getattr(task, "_pre_execute_hook", None) is not None,
            }
            for task in dag.tasks
        },
    }

plugins_manager.ensure_plugins_loaded()
package = f"{root}/plugins/observatory/"
found = {
    "dags": {dag_id: facts(dag) for dag_id, dag in bag.dags.items()},
    "import_errors": bag.import_errors,
    "heavy": [name for name in heavy if name in sys.modules],
    "stray_modules": [
        name for name, module in sys.modules.items()
        if (getattr(module, "__file__", None) or "").startswith(package) and not name.startswith("observatory")
    ],
    "plugin_errors": plugins_manager.get_import_errors(),
    "cosmos_telemetry": cosmos.enable_telemetry,
}
open(answer, "w").write(json.dumps(found, default=str))
"""


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Environment variables of the DAG processor, with a state folder that has dbt's manifest."""
    state = tmp_path_factory.mktemp("state")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OBSERVATORY_", "AIRFLOW_"))
    }
    environment |= TELEMETRY_OFF | {
        "OBSERVATORY_STATE": str(state),
        "AIRFLOW_HOME": str(ROOT),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{state}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(state / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(state / "logs"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    folder = str(ROOT / "dbt_project")
    command = ["dbt", "--quiet", "--log-path", str(state / "logs"), "parse", "--project-dir", folder]
    parsed = [*command, "--profiles-dir", folder, "--target-path", str(state / "dbt")]
    subprocess.run(parsed, env=environment, check=True)
    return environment


def parse(environment, folder, answer):
    command = [sys.executable, "-c", PARSE, str(ROOT), ",".join(HEAVY), str(answer)]
    around = environment | {"OBSERVATORY_TERRITORIES": str(folder)}
    process = subprocess.run(command, env=around, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(answer.read_text())


@pytest.fixture(scope="session")
def parsed(environment, tmp_path_factory):
    return parse(environment, ROOT / "territories", tmp_path_factory.mktemp("bag") / "bag.json")


@pytest.fixture(scope="session")
def dags(parsed):
    assert parsed["dags"], "no DAG found: is the folder right?"
    return parsed["dags"]


TERRITORIES = load_territories()
FEEDS = [(code, feed_id) for code, territory in TERRITORIES.items() for feed_id in territory.feeds]
DAILY = [(code, feed_id) for code, feed_id in FEEDS if TERRITORIES[code].feeds[feed_id].cadence_min is None]


def expected_ids(territories):
    steps = {f"{code}.{step}" for code in territories for step in STEPS}
    extracts = {f"{code}.extract.{feed_id}" for code, feed_id in FEEDS if code in territories}
    return steps | extracts | {"observatory.maintenance"}


def outlets(dag):
    return {name for task in dag["tasks"].values() for name in task["outlets"]}


def consumed(dag):
    """Names of the assets a DAG waits for, all of them."""
    condition = dag["timetable"]["asset_condition"]
    assert condition["__type"] in ("asset_all", "asset")
    return {each["name"] for each in condition.get("objects", [condition])}


def test_every_file_imports(parsed):
    assert parsed["import_errors"] == {}


def test_every_city_has_exactly_its_own_dags(dags):
    assert set(dags) == expected_ids(TERRITORIES)
    assert len(dags) >= 3 * (len(STEPS) + 2)


def test_every_file_creates_dags_except_the_one_that_checks_territories(dags):
    files = {Path(dag["file"]).name for dag in dags.values()}
    assert {path.name for path in DAGS} - files == {"territory_files.py"}


def test_dags_follow_the_conventions(dags):
    for dag_id, dag in dags.items():
        code, step, *_ = dag_id.split(".")
        assert dag["catchup"] is False, dag_id
        assert dag["max_active_runs"] == 1, dag_id
        assert {code, step} <= set(dag["tags"]), dag_id
        assert len(dag["doc_md"] or "") > 30, dag_id
        assert len(dag["description"] or "") > 15, dag_id
        assert dag["owner"] not in ("", "airflow"), dag_id
        if step not in ("extract", "now", "maintenance"):
            assert datetime.fromisoformat(dag["start_date"]) < datetime.now(UTC), dag_id


@pytest.mark.parametrize(("code", "feed_id"), DAILY, ids=[".".join(pair) for pair in DAILY])
def test_a_daily_feed_reads_the_previous_local_day(dags, code, feed_id):
    dag, territory = dags[f"{code}.extract.{feed_id}"], TERRITORIES[code]
    assert dag["schedule"] == "CronPartitionTimetable"
    serialized = {
        name: dag["timetable"][name]
        for name in ("expression", "timezone", "run_offset", "key_format", "run_immediately")
    }
    assert serialized == {
        "expression": territory.schedule,
        "timezone": territory.timezone,
        "run_offset": -1,
        "key_format": "%Y-%m-%d",
        "run_immediately": 0,
    }, "with a start date, or within hours of the schedule, unpausing would run yesterday before any history is there"
    assert dag["start_date"] == "None"
    assert outlets(dag) == {f"{code}.raw.{feed_id}"}
    assert all(task["retries"] > 0 and task["has_policy"] for task in dag["tasks"].values())
    feed = territory.feeds[feed_id]
    assert feed.owner in dag["doc_md"]
    assert feed.terms in dag["doc_md"]


@pytest.fixture(scope="session")
def with_live_feeds(environment, tmp_path_factory):
    """The bag of one city of which two feeds are live."""
    folder = tmp_path_factory.mktemp("territories")
    content = yaml.safe_load((ROOT / "territories" / "demo.yml").read_text())
    content["feeds"]["incidents"] |= {"cadence_min": 5}
    content["feeds"]["districts"] |= {"cadence_min": 120}
    (folder / "demo.yml").write_text(yaml.safe_dump(content))
    return parse(environment, folder, tmp_path_factory.mktemp("bag") / "bag.json")["dags"]


@pytest.mark.parametrize(("feed_id", "minutes", "cron"), [("incidents", 5, "*/5"), ("districts", 120, "0 */2")])
def test_a_live_feed_runs_every_few_minutes_without_overlapping_runs(with_live_feeds, feed_id, minutes, cron):
    dag = with_live_feeds[f"demo.extract.{feed_id}"]
    assert dag["timetable"]["expression"].startswith(cron)
    assert dag["timetable"]["run_offset"] == 0
    assert dag["schedule"] == "CronPartitionTimetable", "so that a run may be asked for a day"
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
    assert f"every {minutes} min" in dag["tags"]
    assert f"every {minutes} min" in dag["doc_md"]
    assert dag["tasks"]["load"]["retries"] == 0, "the next run is the retry, and none waits behind one"
    assert set(dag["tasks"]) == {"load"}, "the task itself decides whether to announce a day, so that none is skipped"
    assert dag["tasks"]["load"]["outlets"] == [f"demo.raw.{feed_id}"]


@pytest.mark.parametrize("path", DAGS, ids=lambda path: path.name)
def test_no_task_raises_a_skip(path):
    """A skipped task looks like a problem in Airflow, so a task that has nothing to do succeeds and logs why."""
    assert not re.search(r"AirflowSkipException|short_circuit|ShortCircuit", path.read_text())


@pytest.mark.parametrize(("code", "feed_id"), FEEDS, ids=[".".join(pair) for pair in FEEDS])
def test_a_feeds_docs_have_what_an_operator_needs(dags, code, feed_id):
    feed, dag = TERRITORIES[code].feeds[feed_id], dags[f"{code}.extract.{feed_id}"]
    assert dag["owner"] == feed.owner
    assert cadence(feed) in dag["description"]
    assert {cadence(feed), feed.kind} <= set(dag["tags"])
    for serialized in (feed.kind, KINDS[feed.kind].row, feed.owner, feed.source.address, feed.terms, cadence(feed)):
        assert serialized in dag["doc_md"]
    back = corrected_for(TERRITORIES[code], feed_id).days
    assert f"up to {back} days back" in dag["doc_md"]
    kept = KINDS[feed.kind].retention_days
    assert (f"{kept} days" if kept else "no limit") in dag["doc_md"]
    assert all(f"`{column}`" in dag["doc_md"] for column in feed.read_columns)


@pytest.mark.parametrize("code", TERRITORIES)
def test_live_marts_are_rebuilt_every_15_minutes_by_one_dbt_at_a_time(dags, code):
    dag = dags[f"{code}.now"]
    assert (dag["schedule"], dag["timetable"]["expression"]) == ("CronTriggerTimetable", "2-59/15 * * * *")
    assert [task["pool"] for task in dag["tasks"].values()] == ["dbt"]
    assert all(task["takes_turn"] for task in dag["tasks"].values())


@pytest.mark.parametrize("code", TERRITORIES)
def test_each_dag_waits_for_the_previous_one_and_passes_the_day_on(dags, code):
    assert kinds_of_facts() == {"incident"}
    incidents = {
        f"{code}.raw.{feed_id}" for feed_id, feed in TERRITORIES[code].feeds.items() if feed.kind == "incident"
    }
    transform, forecast, score = (dags[f"{code}.{step}"] for step in ("transform", "forecast", "score"))
    for dag in (transform, forecast, score):
        assert dag["schedule"] == "PartitionedAssetTimetable"
        assert dag["timetable"]["default_partition_mapper"]["__type"].endswith("IdentityMapper")
        assert dag["timetable"]["partition_mapper_config"] == []
    assert (consumed(transform), outlets(transform)) == (incidents, {f"{code}.core"})
    assert (consumed(forecast), outlets(forecast)) == ({f"{code}.core"}, {f"{code}.forecast"})
    assert (consumed(score), outlets(score)) == ({f"{code}.core"}, set())


def test_the_transform_waits_for_the_feeds_of_every_fact(tmp_path):
    project = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project" / "models", project / "models")
    core = next((project / "models" / "core").rglob("fct_incident.sql")).parent
    (core / "fct_alert.sql").write_text("select * from {{ ref('stg_video_alert') }}")
    (core / "fct_view.sql").write_text(
        "{{ config(materialized='view') }} select * from {{ ref('stg_traffic_measure_hour') }}"
    )
    assert kinds_of_facts(project) == {"incident", "video_alert"}
    awaited = feeds_awaited(TERRITORIES["demo"])
    assert {TERRITORIES["demo"].feeds[feed_id].kind for feed_id in awaited} == {"incident"}


def test_every_consumed_asset_is_produced_by_exactly_one_dag(dags):
    made = [name for dag in dags.values() for name in outlets(dag)]
    assert len(made) == len(set(made))
    for dag_id, dag in dags.items():
        if dag["schedule"] == "PartitionedAssetTimetable":
            assert consumed(dag) <= set(made), dag_id


@pytest.mark.parametrize("code", TERRITORIES)
def test_a_backfill_runs_on_demand_and_announces_no_day(dags, code):
    dag = dags[f"{code}.backfill"]
    assert dag["schedule"] == "NullTimetable"
    assert outlets(dag) == set()
    assert {"first_day", "end_day"} <= set(dag["params"])
    assert {"first_day", "end_day"} <= set(dags[f"{code}.transform"]["params"])
    mapped = [name for name, task in dag["tasks"].items() if task["is_mapped"]]
    assert mapped, "a backfill maps over its months"
    assert set(mapped) <= set(dag["tasks"]["close"]["after"]), "what is no longer listed is known after every month"
    assert dag["tasks"]["transform"]["after"] == ["close"], "one transform, after every month"
    assert {"feeds", "again"} <= set(dag["params"])


def test_no_mapped_task_has_an_outlet(dags):
    mapped = [task for dag in dags.values() for task in dag["tasks"].values() if task["is_mapped"]]
    assert mapped
    assert [task for task in mapped if task["outlets"]] == []


@pytest.mark.parametrize("code", TERRITORIES)
def test_dbt_runs_once_at_a_time_for_one_city_with_a_task_for_each_model(dags, code):
    tasks = dags[f"{code}.transform"]["tasks"]
    models = {path.stem for path in (ROOT / "dbt_project" / "models").rglob("*.sql")}
    seen = {name.split(".")[1].removesuffix("_run") for name in tasks if name.endswith("_run")}
    assert models <= seen
    (producer,) = (task for name, task in tasks.items() if name.endswith("dbt_producer_watcher"))
    assert producer["takes_turn"]
    assert producer["env"]["OBSERVATORY_BUILD_SINCE_LAST_BUILD"] == "true"
    assert producer["env"]["OBSERVATORY_BUILD_TERRITORY_CODE"] == code
    assert {"OBSERVATORY_BUILD_WINDOW_START", "OBSERVATORY_BUILD_WINDOW_END"} <= set(producer["env"])
    assert not producer["vars"], "dbt parses the whole project again when variables differ from the last run's"
    assert "window" in producer["after"]


@pytest.mark.parametrize("code", TERRITORIES)
def test_tasks_that_wait_cannot_occupy_every_worker_while_the_task_they_wait_for_is_queued(dags, code):
    """The models' tasks poll for the dbt process of their transform, a backfill for the transform it has started."""
    tasks = dags[f"{code}.transform"]["tasks"]
    (producer,) = (task for name, task in tasks.items() if name.endswith("dbt_producer_watcher"))
    assert producer["pool"] == "default_pool"
    weights = {name: task["priority_weight"] for name, task in tasks.items() if name.startswith("dbt.")}
    assert weights.pop("dbt.dbt_producer_watcher") > max(weights.values())
    assert dags[f"{code}.backfill"]["tasks"]["transform"]["pool"] == "dbt"


@pytest.mark.parametrize("path", DAGS, ids=lambda path: path.name)
def test_dag_files_are_short(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_parsing_imports_no_heavy_library(parsed):
    """The files are parsed again every minute."""
    assert parsed["heavy"] == []


def test_modules_imported_by_dag_files_import_no_heavy_library(environment):
    code = (
        "import sys, observatory.territory.city, observatory.ingest.windows, observatory.orchestration.assets;"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert process.stdout.split() == []


def test_airflows_plugin_loader_does_not_import_the_package(parsed):
    """A module loaded by its file name would replace the standard library's ``secrets``."""
    assert (parsed["stray_modules"], parsed["plugin_errors"]) == ([], {})


def test_cosmos_sends_no_telemetry(parsed):
    assert parsed["cosmos_telemetry"] is False


@pytest.fixture(scope="session")
def with_a_typo(environment, tmp_path_factory):
    """The bag where one more city's file has a misspelt key."""
    folder = tmp_path_factory.mktemp("territories")
    for path in (ROOT / "territories").glob("*.yml"):
        shutil.copy(path, folder)
    content = yaml.safe_load((ROOT / "territories" / "chicago.yml").read_text()) | {"code": "springfield"}
    content["timezne"] = content.pop("timezone")
    (folder / "springfield.yml").write_text(yaml.safe_dump(content))
    return parse(environment, folder, tmp_path_factory.mktemp("bag") / "bag.json")


def test_a_broken_territory_file_is_one_import_error_in_four_parts(with_a_typo):
    ((file, trace),) = with_a_typo["import_errors"].items()
    assert Path(file).name == "territory_files.py"
    said = trace.strip().splitlines()[-1]
    assert said.endswith(
        "springfield.yml: `timezone` is missing; `timezne` is not a known key; expected a value for `timezone`; "
        "only known keys (a typo?). Correct springfield.yml, then run: observatory doctor springfield."
    )


def test_a_broken_territory_file_does_not_affect_other_cities(with_a_typo):
    assert set(with_a_typo["dags"]) == expected_ids(TERRITORIES)
