"""The counts of a load; light to import, for the web application and the DAG files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass
class LoadResult:
    """Counts of a load; ``read_count`` is the sum of accepted, rejected, unchanged and outside records.

    Outside are records beyond the bounds of the city, of a feed that drops them.
    """

    read_count: int = 0
    accepted_count: int = 0
    rejected_count: int = 0
    unchanged_count: int = 0
    outside_count: int = 0
    corrected_count: int = 0
    withdrawn_count: int = 0

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def __add__(self, other: LoadResult) -> LoadResult:
        mine, theirs = asdict(self), asdict(other)
        return LoadResult(**{name: mine[name] + theirs[name] for name in mine})
