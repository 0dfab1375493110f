"""Ours: the city's level times a kernel blend, corrected by trees where they help. One model per category group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from importlib.metadata import version
from typing import Any, Self

import lightgbm as lgb
import numpy as np

from ml import components, trees
from ml.blend import mixture_weights
from ml.errors import HistoryTooShort, InputError
from ml.examples import Examples, sample, training_days
from ml.level import Level
from ml.panel import Panel
from ml.predictive import POISSON, Spread
from ml.threads import one_thread

FEWEST_DAYS = 60
FEWEST_INCIDENTS = 100
LIBRARIES = ("lightgbm", "numpy", "scipy")


@dataclass(frozen=True)
class Hotspots:
    """The forecast: expected count = level of the day times share of the cell.

    The share is a mixture of recency and distance kernels (:mod:`ml.components`, :mod:`ml.blend`); trees
    (:mod:`ml.trees`) correct it where they win on later days than they learned from, and the corrected shares are
    scaled to the level again. Before ``fit`` it cannot predict.

    Attributes:
        use_trees: False gives the blend alone.
    """

    use_trees: bool = True
    name: str = "lightgbm"
    layers: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    level: Level | None = None
    spread: Spread = POISSON
    validation: trees.Validation | None = None
    tree_text: str | None = None

    @one_thread
    def fit(self, panel: Panel, through: date, horizon_days: int = 1) -> Self:
        """Learn from the days up to and with ``through``.

        Raises:
            HistoryTooShort: fewer than 60 days or 100 located incidents.
        """
        history = panel.until(through + timedelta(days=1))
        check_history(history)
        days = training_days(history, horizon_days)
        examples = sample(history, days, horizon_days)
        level = Level.fit(history.totals, history.first_day, horizon_days)
        daily = level.predict(history.totals, history.first_day, days, horizon_days)
        layers = tuple(sorted(history.layers))
        validation, tree_text = None, None
        if self.use_trees:
            # judged with weights that have not seen the days they are judged on
            early = round(trees.FIRST_JUDGED * len(days))
            weights = _weights(examples.between(0, early))
            validation = trees.validate(examples, *_tree_inputs(examples, weights, daily, layers))
        weights = _weights(examples)
        matrix, log_rate = _tree_inputs(examples, weights, daily, layers)
        if validation is not None and validation.is_won:
            tree_text = trees.grow(examples, matrix, log_rate, validation.rounds)
        mixed = replace(self, layers=layers, weights=tuple(weights.tolist()), level=level)
        fitted = replace(mixed, validation=validation, tree_text=tree_text)
        return fitted._with_spread(examples, matrix, log_rate)

    @one_thread
    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        if self.layers != tuple(sorted(panel.layers)):
            raise InputError(
                "model",
                came=f"layers {sorted(panel.layers)}",
                expected=f"the layers the model was fitted on, {list(self.layers)}",
                todo="Fit the model on a panel of the same layers before predicting.",
            )
        level = self._fitted_level.predict(panel.totals, panel.first_day, days, horizon_days)
        shares = self._shares(panel, days, level, horizon_days)
        return np.stack([today * share for today, share in zip(level, shares, strict=True)])

    def to_text(self) -> str:
        """The fitted model as JSON text, enough to forecast without training again."""
        content = {
            "use_trees": self.use_trees,
            "name": self.name,
            "layers": self.layers,
            "weights": dict(zip(components.names(self.layers), self.weights, strict=True)),
            "level": self._fitted_level.coefficients,
            "spread": asdict(self.spread),
            "validation": asdict(self.validation) if self.validation else None,
            "trees": self.tree_text,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a model back.

        Raises:
            InputError: it was made by a version that mixes other components.
        """
        content = json.loads(text)
        layers = tuple(content["layers"])
        if "spread" not in content or list(content["weights"]) != sorted(components.names(layers)):
            raise InputError(
                "model",
                came="a stored model of other parts than this version has",
                expected=f"a spread and {len(components.names(layers))} components as ml/components.py declares",
                todo="Train again.",
            )
        return cls(
            use_trees=content["use_trees"],
            name=content["name"],
            layers=layers,
            weights=tuple(content["weights"][name] for name in components.names(layers)),
            level=Level(tuple(content["level"])),
            spread=Spread(**content["spread"]),
            validation=trees.Validation(**content["validation"]) if content["validation"] else None,
            tree_text=content["trees"],
        )

    @property
    def uses_trees(self) -> bool:
        """Whether trees correct the blend; False where they did not win."""
        return self.tree_text is not None

    @property
    def parameters(self) -> dict[str, Any]:
        """What a reader of the model's row wants to know: settings, weights, whether trees are used and why."""
        weights = zip(components.names(self.layers), self.weights, strict=True)
        return {
            "uses_trees": self.uses_trees,
            "validation": asdict(self.validation) if self.validation else None,
            "weights": {name: weight for name, weight in weights if weight >= 0.001},
            "level": self._fitted_level.coefficients,
            "spread": asdict(self.spread),
            "trees": trees.SETTINGS,
        }

    @property
    def _fitted_level(self) -> Level:
        if self.level is None:
            raise InputError(
                "model", came="a model that was not fitted", expected="a fitted one", todo="Call fit first."
            )
        return self.level

    @cached_property
    def _booster(self) -> lgb.Booster | None:
        return lgb.Booster(model_str=self.tree_text) if self.tree_text else None

    def _shares(self, panel: Panel, days: Sequence[date], level: np.ndarray, horizon_days: int) -> Iterator[np.ndarray]:
        """Share of each cell in each day's incidents, (cells,) summing to 1."""
        weights = np.array(self.weights)
        features = trees.Features.of(components.names(self.layers))
        for position, density in enumerate(components.densities(panel, days, horizon_days)):
            share = weights @ density
            if self._booster is not None:
                blend = share * share.size
                today = np.full(share.size, position)
                matrix = features.matrix(density.T, blend, level[today], today, days)
                share = share * np.exp(self._booster.predict(matrix, raw_score=True, num_threads=trees.THREADS))
            yield share / share.sum()

    def _with_spread(self, examples: Examples, matrix: np.ndarray, log_rate: np.ndarray) -> Self:
        """The same model with the spread its examples show beyond Poisson (method of moments)."""
        correction = 0.0 if self._booster is None else self._booster.predict(matrix, raw_score=True)
        mean = np.exp(log_rate + correction)
        excess = np.sum(examples.weight * ((examples.count - mean) ** 2 - mean))
        quadratic = max(0.0, float(excess / np.sum(examples.weight * mean**2)))
        return replace(self, spread=Spread(quadratic=quadratic))


def check_history(history: Panel) -> None:
    """Refuse to learn from too little.

    Raises:
        HistoryTooShort: fewer than 60 days or 100 located incidents.
    """
    incidents = int(history.totals.sum())
    if history.days < FEWEST_DAYS or incidents < FEWEST_INCIDENTS:
        raise HistoryTooShort(
            f"history from {history.first_day}",
            came=f"{history.days} days with {incidents} located incidents",
            expected=f"at least {FEWEST_DAYS} days and {FEWEST_INCIDENTS} located incidents",
            todo="Load more history, or forecast a wider category group.",
        )


def library_versions() -> dict[str, str]:
    """Versions of what the model's numbers depend on."""
    return {name: version(name) for name in LIBRARIES}


def model_id(text: str, input_hash: str) -> str:
    """Identity of a trained model: the hash of its text, its settings and what it learned from."""
    settings, versions = (json.dumps(part, sort_keys=True) for part in (trees.SETTINGS, library_versions()))
    return hashlib.sha256("\0".join((text, settings, versions, input_hash)).encode()).hexdigest()


def _weights(examples: Examples) -> np.ndarray:
    happened = examples.count > 0
    return mixture_weights(examples.density[happened], examples.count[happened])


def _tree_inputs(
    examples: Examples, weights: np.ndarray, daily: np.ndarray, layers: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Features and the blend's log expected count of every example."""
    share = examples.density @ weights
    blend = share / examples.density[:, -1]
    level = daily[examples.day]
    features = trees.Features.of(components.names(layers))
    matrix = features.matrix(examples.density, blend, level, examples.day, examples.days)
    return matrix, np.log(level * share)
