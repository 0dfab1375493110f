"""What the dbt tests share: dbt run in this process, and raw rows made by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from dbt.cli.main import dbtRunner

DEFAULT_SOURCE = "dbt_common.behavior_flags.BehaviorFlagRendered._default_source"
"""It searches all imported modules for the caller of each flag, which takes seconds in a process with many of them."""
PROJECT = Path(__file__).parents[2] / "dbt_project"
CITIES = {"demo": ("Europe/Paris", 2154), "chicago": ("America/Chicago", 26916)}


@dataclass
class Dbt:
    """The project, parsed once, run against one warehouse."""

    environment: dict[str, str]
    target: Path
    manifest: Any = None

    def __call__(self, command: str, *arguments: str, **variables: object) -> dict[str, Any]:
        """Run a dbt command and expect it to succeed; returns its results by node name."""
        outcome = self.attempt(command, *arguments, **variables)
        failed = [f"{r.node.name}: {r.message}" for r in outcome.result or [] if r.status in ("error", "fail")]
        assert outcome.success, failed or outcome.exception
        return {r.node.name: r for r in outcome.result or []}

    def attempt(self, command: str, *arguments: str, **variables: object) -> Any:
        with patch.dict(os.environ, self.environment), patch(DEFAULT_SOURCE, return_value="dbt"):
            if self.manifest is None:
                parsed = dbtRunner().invoke(["parse", "--quiet", "--no-partial-parse", *self._folders()])
                assert parsed.success, parsed.exception
                self.manifest = parsed.result
            given = ["--vars", json.dumps(variables)] if variables else []
            command_line = [command, "--quiet", "--no-write-json", *arguments, *given, *self._folders()]
            return dbtRunner(manifest=self.manifest).invoke(command_line)

    def _folders(self) -> list[str]:
        project = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        return [*project, "--target-path", str(self.target), "--log-path", str(self.target)]


@pytest.fixture(scope="module")
def dbt(warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(warehouse.dbt_environment(), tmp_path_factory.mktemp("dbt"))


@dataclass
class Raw:
    """The raw tables, written as the loader writes them: versions appended, never changed."""

    connection: psycopg.Connection
    versions: dict[tuple[str, str], int] = field(default_factory=dict)

    def clear(self) -> None:
        """Empty raw and ml; every city keeps its row and two cells, c1 and c2."""
        self.connection.execute(
            "truncate raw.incident, raw.zone, raw.cell, raw.territory, ml.model, ml.hotspot_forecast"
        )
        self.connection.execute("truncate ml.forecast_score, ml.abstention")
        self.versions.clear()
        for code, (timezone, epsg) in CITIES.items():
            self.connection.execute(
                "insert into raw.territory values (%s, %s, 'FR', %s, %s, %s, 250)",
                (code, code.title(), timezone, code == "demo", epsg),
            )
            for cell in ("c1", "c2"):
                self.connection.execute(
                    "insert into raw.cell (territory_code, feed_id, source_record_id, version_number, content_hash,"
                    " known_at, loaded_at, load_id, occurred_precision, location_method, cell_id, district_code,"
                    " longitude_deg, latitude_deg, easting_m, northing_m, cell_size_m, epsg)"
                    " values (%s, 'grid', %s, 1, '', now(), now(), 1, 'day', 'zone', %s, 'D1', 5, 43, 0, 0, 250, %s)",
                    (code, cell, cell, epsg),
                )

    def incident(
        self,
        territory: str,
        record: str,
        occurred_from: datetime,
        *,
        category: str = "VOL_SIMPLE",
        cell: str | None = "c1",
        is_withdrawn: bool = False,
        known_at: datetime = datetime(2026, 6, 1, tzinfo=UTC),
    ) -> None:
        """Append a version of a record."""
        number = self.versions.get((territory, record), 0) + 1
        self.versions[territory, record] = number
        self.connection.execute(
            """
            insert into raw.incident (
                territory_code, feed_id, source_record_id, version_number, content_hash, is_withdrawn, known_at,
                loaded_at, load_id, record_type, source_category_code, occurred_from, occurred_to, occurred_precision,
                longitude_deg, latitude_deg, location_method, cell_id
            )
            values (%s, 'incidents', %s, %s, '', %s, %s, now(), 1, 'police_log', %s, %s, %s, 'minute', 5, 43, 'gps', %s)
            """,
            (territory, record, number, is_withdrawn, known_at, category, occurred_from, occurred_from, cell),
        )


@pytest.fixture(scope="module")
def _raw_connection(warehouse: Any) -> Iterator[psycopg.Connection]:
    with warehouse.connect() as connection:
        yield connection


@pytest.fixture
def raw(_raw_connection: psycopg.Connection) -> Raw:
    made = Raw(_raw_connection)
    made.clear()
    return made
