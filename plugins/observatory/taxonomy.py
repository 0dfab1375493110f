"""The conformed categories that every city's codes are mapped to, as the warehouse's seed lists them.

Light: the schedules read it with the territory files.
"""

from __future__ import annotations

import csv
from functools import cache

from observatory.settings import DBT_PROJECT

CATEGORIES = DBT_PROJECT / "seeds" / "category.csv"


@cache
def groups() -> dict[str, str]:
    """Code of each category to its group."""
    with CATEGORIES.open(encoding="utf-8", newline="") as file:
        return {row["category_code"]: row["category_group"] for row in csv.DictReader(file)}
