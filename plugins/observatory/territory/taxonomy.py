"""The categories that every city's codes are mapped to, read from dbt's seeds.

DAG files import this module, so it imports no heavy library.
"""

from __future__ import annotations

import csv
from functools import cache

from observatory.settings import DBT_PROJECT

_SEEDS = DBT_PROJECT / "seeds"


@cache
def groups() -> dict[str, str]:
    """Category code to category group."""
    return {row["category_code"]: row["category_group"] for row in _rows("category")}


def meanings(territory_code: str) -> dict[str, tuple[str, str]]:
    """Source code of a city to category and detection mode, from the seed ``category_map``."""
    return {
        row["source_category_code"]: (row["category_code"], row["detection_mode"])
        for row in _rows("category_map")
        if row["territory_code"] == territory_code
    }


@cache
def _rows(seed: str) -> tuple[dict[str, str], ...]:
    with (_SEEDS / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
