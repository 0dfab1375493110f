"""Patrols by cell and shift: planned minutes the evening before, spent minutes the morning after."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.records.version_spans import spans
from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import combine, name_key
from observatory.simulator.world.occurrences import chance
from observatory.simulator.world.patrols import SHIFT_MIN, build_cells, visits
from observatory.simulator.world.simulation import Simulation

_PLANNED_MIN, _KNOWN_MIN = 18 * 60, 6 * 60


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Both versions of the patrols of the local days ``[first_day, end_day)``; see the package.

    The share ``faulty_share`` of the cells and shifts is listed with negative minutes once they are known.
    """
    made = visits(simulation, first_day, end_day)
    cells, shifts = build_cells(), list(simulation.parameters.patrols.shifts)
    patrols = (
        pl.DataFrame(
            {"day": made.day, "shift": made.shift, "cell": made.cell}
            | {"planned_min": made.planned_min, "actual_min": made.actual_min}
        )
        .group_by("day", "shift", "cell")
        .agg(pl.col("planned_min", "actual_min").sum())
        .sort("day", "shift", "cell")
    )
    day, shift, cell = (patrols[name].to_numpy() for name in ("day", "shift", "cell"))
    cell_id, shift_code = cells.cell_id.gather(cell), pl.Series(shifts, dtype=pl.String).gather(shift)
    begin = moments(day, shift * SHIFT_MIN)
    key = combine(combine(combine(name_key("presence"), simulation.seed), day * len(shifts) + shift), cell)
    is_wrong = pl.Series(chance(key, "at fault", simulation.parameters.faulty_share))
    planned = pl.DataFrame(
        {
            "source_record_id": begin.dt.strftime("%Y%m%dT%HZ-") + shift_code + "-" + cell_id,
            "cell_id": cell_id,
            "shift_code": shift_code,
            "occurred_from": begin,
            "occurred_to": moments(day, (shift + 1) * SHIFT_MIN),
            "planned_min": patrols["planned_min"],
            "actual_min": pl.Series(np.full(len(day), np.nan)).fill_nan(None),
        }
    )
    spent = pl.when(is_wrong).then(-1 - patrols["actual_min"]).otherwise(patrols["actual_min"])
    return spans(
        (planned, moments(day - 1, _PLANNED_MIN)),
        (planned.with_columns(actual_min=spent), moments(day + 1, _KNOWN_MIN)),
    )
