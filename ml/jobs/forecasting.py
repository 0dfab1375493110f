"""Train the model of one category group, and write its forecast or the reason why there is none."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ml.errors import Abstention, InputError
from ml.evaluation.metrics import risk_order
from ml.io import Warehouse
from ml.jobs.results import GroupForecast
from ml.jobs.snapshot import City
from ml.models.distribution import cell_distribution
from ml.models.hotspots import Hotspots, library_versions, model_id
from ml.models.registry import OURS

RETRAIN_AFTER_DAYS = 28


def train_group(warehouse: Warehouse, city: City, group: str) -> tuple[str, Hotspots]:
    """Train on what was known that morning and store the model; returns its id and the model.

    Raises:
        Abstention: too little history, no recent data, or a record that has changed.
    """
    panel = city.panel(group)
    through = panel.end_day - timedelta(days=1)
    model = Hotspots().fit(panel, through, city.horizon_days)
    text = model.to_text()
    input_hash = panel.fingerprint()
    identity = model_id(text, input_hash)
    warehouse.add_model(
        {
            "model_id": identity,
            "territory_code": city.territory.code,
            "category_group": group,
            "method": model.name,
            "trained_from": panel.first_day,
            "trained_through": through,
            "data_as_of": city.data_as_of,
            "training_incident_count": int(panel.totals.sum()),
            "parameters": model.parameters | {"input_hash": input_hash, "horizon_days": city.horizon_days},
            "model_text": text,
            "library_versions": library_versions(),
        }
    )
    return identity, model


def forecast_group(warehouse: Warehouse, city: City, group: str) -> GroupForecast:
    """Write one group's forecast of the city's day, or the reason why there is none."""
    key = {"territory_code": city.territory.code, "category_group": group, "forecast_date": city.day}
    try:
        panel = city.panel(group)
        identity, model = _usable_model(warehouse, city, group)
    except Abstention as error:
        reason = pl.DataFrame([key | {"data_as_of": city.data_as_of, "reason": str(error)}])
        changed = warehouse.replace("abstention", reason, **key)
        return GroupForecast(group, None, False, 0, 0.0, changed, str(error))
    expected = model.predict(panel, [city.day], city.horizon_days)[0]
    order = risk_order(expected, city.day)
    rows = pl.DataFrame(
        {
            "cell_id": city.cells.cell_id[order],
            "expected_count": expected[order],
            **cell_distribution(expected[order], model.spread)._asdict(),
            "risk_rank": range(1, len(order) + 1),
        }
    ).with_columns(
        **{name: pl.lit(value) for name, value in key.items()},
        model_id=pl.lit(identity),
        data_as_of=pl.lit(city.data_as_of),
        horizon_days=pl.lit(city.horizon_days),
    )
    changed = warehouse.replace("hotspot_forecast", rows, **key, horizon_days=city.horizon_days)
    changed += warehouse.clear("abstention", **key)
    return GroupForecast(group, identity, model.uses_trees, len(order), float(expected.sum()), changed, None)


def _usable_model(warehouse: Warehouse, city: City, group: str) -> tuple[str, Hotspots]:
    """The newest stored model that is fresh enough and of this version, else a new one."""
    stored = warehouse.newest_model(city.territory.code, group, OURS, city.data_as_of)
    if stored is None or (city.end_day - stored.trained_through).days > RETRAIN_AFTER_DAYS:
        return train_group(warehouse, city, group)
    try:
        return stored.model_id, Hotspots.from_text(stored.model_text)
    except InputError:
        return train_group(warehouse, city, group)
