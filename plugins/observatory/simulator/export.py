"""Write the simulated city to a folder of Parquet: every version of every record, and a description of the city.

    <out>/city.json                              the city, the meaning of its columns, rows of each kind
    <out>/<kind>/month=2025-03/part.parquet      records that occurred in a month, in local time
    <out>/<kind>/day=2025-03-09/part.parquet     the same of a day, for kinds with very many records
    <out>/<kind>/part.parquet                    all records of a kind without a time

A file gets its name only when it is complete, and its metadata identify the city. So an interrupted export is completed
by writing the same city again, and the bytes are the same.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from importlib.metadata import version
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from observatory.errors import SimulationError
from observatory.files import UNFINISHED, write_whole
from observatory.kinds import KINDS
from observatory.simulator import records
from observatory.simulator.records.ledger import MADE_BY_DAY
from observatory.simulator.world import city
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.window import Window

CITY_FILE = "city.json"
LABEL = "observatory"
"""Key of the city's description in a file's metadata."""
NOTICE = "SIMULATED DATA: made up by a program; no person, address or event behind a row exists."
COLUMNS = (
    "A row is a version of a record as a source lists it from shown_from until shown_until (UTC, half-open; null: for "
    "ever); a record is a source_record_id. Its newest version is that of the latest shown_from, whether or not it is "
    "still listed: a shown_until without a later version means that the source stopped listing it, not that it did not "
    "happen. The other columns are those of the kind's contract, in UTC, degrees and the units of their names, and "
    "what a partner would send. Planted faults, repeated rows and mistaken first versions are among them. month= and "
    "day= are the record's own, on the clock of the city; a mistaken version may say another day. Kinds without a "
    "time hold all that is known by end_day."
)
MAX_FILES_ALONE = 100
"""Kinds with more files than this are written by two processes."""
_ROWS_A_GROUP = 2**18


@dataclass(frozen=True)
class Part:
    """A file: the kind, its name in the folder, and the local days ``[first_day, end_day)`` of its records."""

    kind: str
    name: str
    first_day: date
    end_day: date


@dataclass(frozen=True)
class Written:
    """Result of a part: rows and bytes of its file, and whether it existed before."""

    row_count: int
    byte_count: int
    was_there: bool


@dataclass(frozen=True)
class CityFolder:
    """The simulated city in a folder.

    Attributes:
        folder: where; created when it is written.
        simulation: which city.
        first_day, end_day: local days of its records, the second not included.
        live_days: number of last days of kinds with very many records; None for all days.
    """

    folder: Path
    simulation: Simulation
    first_day: date
    end_day: date
    live_days: int | None = None

    def __post_init__(self) -> None:
        """Refuse days without history.

        Raises:
            SimulationError: there are no days, or they are before the city's history.
        """
        if not self.simulation.first_day <= self.first_day < self.end_day:
            raise SimulationError(
                "days of the simulated city",
                found=f"{self.first_day} to {self.end_day}, the second not included",
                expected=f"a first day from {self.simulation.first_day} on, when its history begins, and a later end",
                action="Ask for fewer --years, a later --since or a later --end.",
            )

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What distinguishes this city from any other, as JSON."""
        return {
            "simulated": True,
            "notice": NOTICE,
            "city": city.NAME,
            "seed": self.simulation.seed,
            "population": self.simulation.population,
            "first_day": str(self.first_day),
            "end_day": str(self.end_day),
            "live_days": self.live_days,
            "timezone": TIMEZONE,
            "version": version("observatory"),
            "program": _program(),
        }

    def parts(self, kind: str) -> list[Part]:
        """The files of a kind, oldest first."""
        if KINDS[kind].time_column is None:
            return [Part(kind, f"{kind}/part.parquet", self.first_day, self.end_day)]
        window = Window(self.first_day, self.end_day, TIMEZONE)
        if kind not in MADE_BY_DAY:
            spans = [(f"month={month.first_day:%Y-%m}", month) for month in window.months()]
        else:
            last = timedelta(days=self.live_days or (self.end_day - self.first_day).days)
            window = Window(max(self.first_day, self.end_day - last), self.end_day, TIMEZONE)
            spans = [(f"day={day.first_day}", day) for day in window.days()]
        return [Part(kind, f"{kind}/{name}/part.parquet", span.first_day, span.end_day) for name, span in spans]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Lock the folder for this city and this process within the block.

        Raises:
            SimulationError: the folder holds something else, or another process is writing to it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            self._lock(descriptor)
            self._require_same(described(self.folder))
            self._describe({})
            yield
        finally:
            os.close(descriptor)

    def write(self, kind: str) -> Iterator[Written]:
        """Write the missing files of a kind; yields the result of every file, oldest first.

        Args:
            kind: one of ``records.NAMES``; the folder must be ``opened``.
        """
        row_count = 0
        parts = self.parts(kind)
        for written in map(self._write_part, parts) if len(parts) <= MAX_FILES_ALONE else self._with_a_second(parts):
            row_count += written.row_count
            yield written
        self._describe({kind: row_count})

    def _with_a_second(self, parts: list[Part]) -> Iterator[Written]:
        """Let a second process write every other part; it is killed if this one ends.

        Raises:
            SimulationError: the second process was killed.
        """
        with ProcessPoolExecutor(1, get_context("spawn"), _end_with, (os.getpid(),)) as second:
            try:
                for mine, theirs in zip_longest(parts[::2], parts[1::2]):
                    # one at a time, so that an interrupted process stops quickly
                    written = second.submit(self._write_part, theirs) if theirs else None
                    yield self._write_part(mine)
                    if written:
                        yield written.result()
            except BrokenProcessPool:
                raise SimulationError(
                    f"{self.folder}, {parts[0].kind}",
                    found="the second of the two processes that write was killed",
                    expected="memory for both, half a gigabyte each",
                    action="Give the same command again: what is written is kept.",
                ) from None

    def _write_part(self, part: Part) -> Written:
        path = self.folder / part.name
        row_count = self._rows_there(path)
        was_there = row_count is not None
        if row_count is None:
            rows = records.versions(part.kind, self.simulation, part.first_day, part.end_day).rechunk()
            row_count = rows.height
            path.parent.mkdir(parents=True, exist_ok=True)
            label = {LABEL: json.dumps(self.identity), "simulated": NOTICE}
            write_whole(
                path,
                lambda file: rows.write_parquet(file, compression="zstd", row_group_size=_ROWS_A_GROUP, metadata=label),
            )
        return Written(row_count, path.stat().st_size, was_there)

    def _rows_there(self, path: Path) -> int | None:
        """Rows of a file of this city; None if it does not exist or belongs to another city."""
        try:
            if pl.read_parquet_metadata(path).get(LABEL) != json.dumps(self.identity):
                return None
            return int(pl.scan_parquet(path).select(pl.len()).collect().item())
        except (OSError, pl.exceptions.PolarsError):
            return None

    def _describe(self, counts: dict[str, int]) -> None:
        """Write the city's description, with the row counts of these kinds and of others already complete."""
        known = (described(self.folder) or {}).get("rows", {}) | counts
        says = self.identity | {"columns": COLUMNS, "rows": dict(sorted(known.items()))}
        text = json.dumps(says, indent=2, ensure_ascii=False) + "\n"
        write_whole(self.folder / CITY_FILE, lambda file: file.write(text.encode()))

    def _require_same(self, found: dict[str, Any] | None) -> None:
        differing = [name for name, value in self.identity.items() if (found or {}).get(name) != value]
        if found is None:
            left_by_a_killed_run = Path(CITY_FILE).with_suffix(UNFINISHED).name
            if all(path.name == left_by_a_killed_run for path in self.folder.iterdir()):
                return
            found_text, expected = f"files, and no {CITY_FILE}", "an empty folder"
        elif not differing:
            return
        else:
            found_text = "another city: " + ", ".join(f"{name} {found.get(name)}" for name in differing)
            expected = "the city that is asked for: " + ", ".join(f"{name} {self.identity[name]}" for name in differing)
        action = "Nothing was written. Choose another --out, or delete this folder."
        raise SimulationError(str(self.folder), found=found_text, expected=expected, action=action)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SimulationError(
                str(self.folder),
                found="another process is writing into it",
                expected="one at a time",
                action="Wait for it, or choose another --out.",
            ) from None


def described(folder: Path) -> dict[str, Any] | None:
    """The content of a folder's ``city.json``; None if it has none.

    Raises:
        SimulationError: the file is not a JSON object.
    """
    path = folder / CITY_FILE
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise SimulationError(
            str(path),
            found=f"not a JSON object ({error})",
            expected="the file that `observatory simulate` writes",
            action="Choose another --out, or delete this folder.",
        ) from None


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; leave interruptions to the parent."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        # the parent ended before prctl was called
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@cache
def _program() -> str:
    """A hash of the simulator's source: another program makes another city."""
    folder, found = Path(__file__).parent, hashlib.blake2b(digest_size=8)
    for path in sorted(folder.rglob("*.py")):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
