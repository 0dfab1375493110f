"""Citations: issued by officers on patrol, in proportion to the minutes they spend in a place."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.records.version_spans import twice
from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import after, moments, stamps
from observatory.simulator.world.draws import choose, uniform
from observatory.simulator.world.occurrences import chance
from observatory.simulator.world.patrols import findings, visits
from observatory.simulator.world.simulation import Simulation

_VEHICLES = {"VP": 0.72, "2RM": 0.15, "VU": 0.11, "PL": 0.02}
_ON_FOOT = frozenset({"DEPOT_ORDURES", "TAPAGE", "CHIEN_NON_TENU"})
_LONGEST_TRANSFER_S = 12 * 3600


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """The citations of the local days ``[first_day, end_day)``; see the package.

    Sent within half a day. The share ``faulty_share`` has an amount of 0; ``duplicated_share`` is listed twice.
    """
    parameters, city = simulation.parameters, build_city()
    patrols = parameters.patrols
    found = findings(visits(simulation, first_day, end_day), "citation", patrols.citations_per_minute)
    one_group = np.zeros(len(found.key), np.int64)
    offence = choose(found.key, "offence", one_group, np.array([[each.weight for each in patrols.offences]]))
    amounts = sorted({amount for each in patrols.offences for amount in each.amounts_eur})
    weights = np.array([[each.amounts_eur.get(amount, 0.0) for amount in amounts] for each in patrols.offences])
    amount = np.array(amounts, float)[choose(found.key, "amount", offence, weights)]
    codes = np.array([each.code for each in patrols.offences])[offence]
    vehicle = np.array(list(_VEHICLES))[choose(found.key, "vehicle", one_group, np.array([list(_VEHICLES.values())]))]
    issued = moments(found.day, found.minute + np.floor(60 * uniform(found.key, "second")) / 60)
    rows = pl.DataFrame(
        {
            "source_record_id": _numbers(found.day, found.key),
            "offence_code": codes,
            "amount_eur": np.where(chance(found.key, "at fault", parameters.faulty_share), 0.0, amount),
            "vehicle_class": pl.Series(vehicle).set(pl.Series(np.isin(codes, list(_ON_FOOT))), None),
            "occurred_from": issued,
            "longitude_deg": city.lonlat[found.address, 0],
            "latitude_deg": city.lonlat[found.address, 1],
            "shown_from": after(issued, 60 + _LONGEST_TRANSFER_S * uniform(found.key, "transfer")),
        }
    ).with_columns(shown_until=pl.lit(None, issued.dtype))
    return twice(rows, found.key, parameters.duplicated_share).sort("occurred_from", "source_record_id")


def _numbers(day: np.ndarray, key: np.ndarray) -> pl.Series:
    """``240131-0123456789012``: the day and a number without meaning."""
    return stamps(day, "%y%m%d-") + pl.Series(key & np.uint64(0xFFFFFFFFFF)).cast(pl.String).str.zfill(13)
