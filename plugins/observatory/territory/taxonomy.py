"""The conformed categories that every city's codes are mapped to, as the warehouse's seed lists them.

Light: the schedules read it with the territory files.
"""

from __future__ import annotations

import csv
from functools import cache

from observatory.settings import DBT_PROJECT

_SEEDS = DBT_PROJECT / "seeds"


@cache
def groups() -> dict[str, str]:
    """Code of each category to its group."""
    return {row["category_code"]: row["category_group"] for row in _rows("category")}


def meanings(territory_code: str) -> dict[str, tuple[str, str]]:
    """Code of a city's source to category and detection mode, as the seed ``category_map`` has them."""
    return {
        row["source_category_code"]: (row["category_code"], row["detection_mode"])
        for row in _rows("category_map")
        if row["territory_code"] == territory_code
    }


@cache
def _rows(seed: str) -> tuple[dict[str, str], ...]:
    with (_SEEDS / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
