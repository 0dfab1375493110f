"""``observatory simulate``: every version of every record, in complete files, with the same bytes in every run."""

import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from observatory import cli
from observatory.errors import SimulationError
from observatory.kinds import KINDS
from observatory.simulator import export, records
from observatory.simulator.export import CityFolder
from observatory.simulator.world.simulation import Simulation

SIMULATION = Simulation(seed=7, population=20_000)
START, END, LIVE_DAYS = date(2024, 3, 1), date(2024, 5, 1), 2
QUIET_DAY = date(2024, 3, 3)
CITY = ("--population", "20000", "--seed", "7", "--since", str(START), "--end", str(END), "--live-days", str(LIVE_DAYS))


def simulate(out, *changes):
    """Run the command; a later option replaces an earlier one."""
    done = CliRunner().invoke(cli.app, ["simulate", "--out", str(out), *CITY, *changes])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "city"
    simulate(folder)
    return folder


@cache
def made(kind):
    """The simulated records of the folder's days."""
    first_day = END - timedelta(days=LIVE_DAYS) if kind in export.MADE_BY_DAY else START
    return records.versions(kind, SIMULATION, first_day, END)


def read(folder, kind):
    return pl.read_parquet(sorted(folder.glob(f"{kind}/**/*.parquet")), hive_partitioning=False)


def in_order(rows):
    return rows.sort(rows.columns)


def newest(rows):
    """The latest version of each record, whether or not it is still listed."""
    is_newest = pl.col("shown_from") == pl.col("shown_from").max().over("source_record_id")
    return in_order(rows.filter(is_newest))


@pytest.mark.parametrize("kind", records.NAMES)
def test_every_version_of_every_kind_is_written(kind, city):
    rows = read(city, kind)
    assert rows.height == json.loads((city / "city.json").read_text())["rows"][kind] > 0
    assert in_order(rows).equals(in_order(made(kind)))


@pytest.mark.parametrize("kind", records.NAMES)
def test_the_newest_version_of_each_record_is_written_even_if_it_is_no_longer_listed(kind, city):
    rows = newest(read(city, kind))
    assert rows.equals(newest(made(kind)))
    assert rows["source_record_id"].n_unique() == made(kind)["source_record_id"].n_unique()


def test_records_that_are_no_longer_listed_are_written():
    """A closed work leaves its list, and an edition is replaced: both have happened."""
    end = pl.lit(END).cast(pl.Datetime("us", "UTC"))
    for kind in ("public_work", "delinquency_statistic"):
        assert newest(made(kind)).filter(pl.col("shown_until") <= end).height > 100, kind


@pytest.mark.parametrize("kind", records.NAMES)
def test_a_day_almost_without_records_has_the_usual_columns(kind):
    """In a city of 5,000 no resident reports anything that day."""
    quiet = records.versions(kind, Simulation(seed=7, population=5_000), QUIET_DAY, QUIET_DAY + timedelta(days=1))
    assert quiet.schema == made(kind).schema
    assert quiet.is_empty() or kind != "citizen_report"


def test_files_are_split_by_month_except_for_kinds_without_a_time(city):
    for kind in records.NAMES:
        names = {path.parent.relative_to(city / kind).as_posix() for path in city.glob(f"{kind}/**/*.parquet")}
        if KINDS[kind].time_column is None:
            assert names == {"."}, kind
        elif kind not in export.MADE_BY_DAY:
            assert names == {"month=2024-03", "month=2024-04"}, kind
        else:
            assert names == {"day=2024-04-29", "day=2024-04-30"}, kind


def test_kinds_with_very_many_rows_are_split_by_day_for_the_requested_last_days(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MADE_BY_DAY", {"presence"})
    simulate(tmp_path / "some", "--kinds", "presence", "--live-days", "3")
    days = {path.parent.name for path in (tmp_path / "some").glob("presence/*/part.parquet")}
    assert days == {"day=2024-04-28", "day=2024-04-29", "day=2024-04-30"}
    whole = CityFolder(tmp_path / "all", SIMULATION, START, END)
    with whole.opened():
        assert len(list(whole.write("presence"))) == 61
    everything = records.versions("presence", SIMULATION, START, END)
    assert in_order(read(tmp_path / "all", "presence")).equals(in_order(everything))


def test_every_file_states_that_it_is_simulated_and_of_which_city(city):
    description = json.loads((city / "city.json").read_text())
    assert description["simulated"] is True
    assert (description["seed"], description["population"], description["first_day"], description["end_day"]) == (
        7,
        20_000,
        str(START),
        str(END),
    )
    for path in city.rglob("*.parquet"):
        metadata = pl.read_parquet_metadata(path)
        assert "SIMULATED" in metadata["simulated"]
        assert json.loads(metadata["observatory"]).items() <= description.items()


DIES = """
import os, signal, stat, sys
from observatory import cli
from observatory.simulator import export

export.MAX_FILES_ALONE = int(sys.argv.pop(1))
files_left = int(sys.argv.pop(1))

def fsync(descriptor):
    global files_left
    files_left -= stat.S_ISREG(os.fstat(descriptor).st_mode)
    if files_left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = fsync
cli.main()
"""
"""The command, killed when some files are complete and the next is written but not yet renamed."""


def test_an_export_killed_and_restarted_gives_the_same_bytes(city, tmp_path):
    out = tmp_path / "city"
    for files in (0, 9):
        command = [sys.executable, "-c", DIES, "100", str(files), "simulate", "--out", str(out), *CITY]
        assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
        assert list(out.rglob("*.unfinished"))
        whole = list(out.rglob("*.parquet"))
        assert len(whole) < len(list(city.rglob("*.parquet")))
        assert all(path.read_bytes() == (city / path.relative_to(out)).read_bytes() for path in whole)
    assert whole
    assert "files existed before" in simulate(out)
    assert contents(out) == contents(city)


def test_a_second_process_ends_with_the_first_and_changes_no_byte(city, tmp_path, monkeypatch):
    command = [sys.executable, "-c", DIES, "1", "1", "simulate", "--out", str(tmp_path), *CITY, "--kinds", "citation"]
    # the pipes are closed when both have ended
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == -signal.SIGKILL
    monkeypatch.setattr(export, "MAX_FILES_ALONE", 1)
    simulate(tmp_path, "--kinds", "citation")
    for name in ("month=2024-03", "month=2024-04"):
        path = Path("citation", name, "part.parquet")
        assert (tmp_path / path).read_bytes() == (city / path).read_bytes()


def test_if_the_second_process_is_killed_the_first_stops_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_FILES_ALONE", 1)
    with monkeypatch.context() as broken:
        broken.setattr(export, "_end_with", os._exit)
        with pytest.raises(SimulationError, match="was killed"):
            simulate(tmp_path, "--kinds", "citation")
    assert "1 of 2 files existed before" in simulate(tmp_path, "--kinds", "citation")


def test_kind_by_kind_in_any_order_the_bytes_are_the_same(tmp_path):
    names = ("video_alert", "camera", "citation")
    simulate(tmp_path / "at once", "--kinds", ",".join(names))
    for name in reversed(names):
        simulate(tmp_path / "in turn", "--kinds", name)
    assert contents(tmp_path / "in turn") == contents(tmp_path / "at once")


def test_a_file_that_was_damaged_is_written_again(tmp_path):
    simulate(tmp_path, "--kinds", "citation")
    before = contents(tmp_path)
    path = tmp_path / "citation" / "month=2024-03" / "part.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    assert "1 of 2 files existed before" in simulate(tmp_path, "--kinds", "citation")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [("--seed", "8", "seed 7"), ("--population", "20001", "population 20000"), ("--end", "2024-05-02", str(END))],
)
def test_the_folder_of_another_city_is_refused_and_left_alone(option, value, named, city):
    before = contents(city)
    with pytest.raises(SimulationError) as refused:
        simulate(city, option, value)
    assert named in refused.value.found
    assert value in refused.value.expected
    assert refused.value.action
    assert contents(city) == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(SimulationError, match=r"no city\.json"):
        simulate(tmp_path)
    with pytest.raises(SimulationError, match="writable folder"):
        simulate(tmp_path / "thesis.odt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


def test_an_export_begun_on_an_earlier_day_is_completed_by_default(tmp_path):
    begun = ["simulate", "--out", str(tmp_path), "--population", "20000", "--years", "1", "--kinds", "impound"]
    assert CliRunner().invoke(cli.app, [*begun, "--end", "2024-05-01"]).exit_code == 0
    before = contents(tmp_path)
    again = CliRunner().invoke(cli.app, begun)
    assert "12 of 12 files existed before" in again.output
    assert contents(tmp_path) == before


def test_one_process_at_a_time_writes_into_a_folder(tmp_path):
    folder = CityFolder(tmp_path, SIMULATION, START, END, LIVE_DAYS)
    with folder.opened(), pytest.raises(SimulationError, match="another process"):
        simulate(tmp_path, "--kinds", "camera")
    simulate(tmp_path, "--kinds", "camera")


def test_days_before_the_history_and_unknown_kinds_are_refused(tmp_path):
    with pytest.raises(SimulationError, match="2021-01-01"):
        simulate(tmp_path, "--since", "2020-12-31")
    with pytest.raises(SimulationError, match="weathr"):
        simulate(tmp_path, "--kinds", "camera,weathr")
    assert list(tmp_path.iterdir()) == []
