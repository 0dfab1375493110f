"""Our method: the level of the city times a kernel mixture, corrected by trees if they help; one model per group."""

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

from ml.errors import InputError
from ml.features import densities
from ml.features.densities import Recipe
from ml.features.sampling import sample, training_days
from ml.models import trees
from ml.models.determinism import one_thread
from ml.models.distribution import POISSON, Spread
from ml.models.level import Level
from ml.models.mixture import fit_mixture
from ml.models.settings import DEFAULT_SETTINGS, THREADS, Settings
from ml.models.validation import ModelValidation, TrainingCache, rates, validate
from ml.panel.eligibility import check_history
from ml.panel.panel import OTHER, Panel

LIBRARIES = ("lightgbm", "numpy", "scipy")


@dataclass(frozen=True)
class Hotspots:
    """The forecast: expected count = level of the day times share of the cell.

    The share is a mixture of recency and distance kernels (:mod:`ml.features.densities`, :mod:`ml.models.mixture`);
    trees (:mod:`ml.models.trees`) correct it where they do better on later days than they learned from, and the
    corrected shares are scaled to the level again. It must be fitted before it can predict.

    Attributes:
        settings: of the trees; None uses the mixture alone.
        sharpness: exponent of the shares, see :class:`ml.models.validation.ModelValidation`.
        spread: of the counts around their expectation, see :class:`ml.models.distribution.Spread`.
    """

    settings: Settings | None = DEFAULT_SETTINGS
    name: str = "lightgbm"
    recipe: Recipe | None = None
    weights: tuple[float, ...] = ()
    level: Level | None = None
    sharpness: float = 1.0
    spread: Spread = POISSON
    validation: trees.TreeValidation | None = None
    tree_text: str | None = None

    @one_thread
    def fit(self, panel: Panel, through: date, horizon_days: int = 1, cache: TrainingCache | None = None) -> Self:
        """Learn from the days up to and including ``through``; see :meth:`ml.models.base.Method.fit`.

        Raises:
            HistoryTooShort: fewer than 60 days or 100 located incidents.
        """
        cache = cache or TrainingCache()
        history = panel.until(through + timedelta(days=1))
        check_history(history)
        recipe = Recipe.of(history)
        days = training_days(history, horizon_days)
        examples = sample(recipe, panel, days, horizon_days, cache.samples(panel, recipe, horizon_days))
        level = Level.fit(history, horizon_days)
        weights = fit_mixture(examples, recipe)
        validation = validate(recipe, panel, history.end_day, horizon_days, self.settings, cache=cache)
        tree_text = None
        if self.settings and validation.trees and validation.trees.is_won:
            daily = level.predict(history, examples.days, horizon_days)
            matrix, log_rate = rates(recipe, examples, weights, daily)
            tree_text = trees.grow(recipe, examples, matrix, log_rate, self.settings, rounds=validation.trees.rounds)
        return replace(
            self,
            recipe=recipe,
            weights=tuple(weights.tolist()),
            level=level,
            sharpness=validation.sharpness,
            spread=_spread(validation, level, history, horizon_days),
            validation=validation.trees,
            tree_text=tree_text,
        )

    @one_thread
    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        recipe, level = self._fitted
        seen = {known.name for known in panel.context} | set(panel.layers)
        missing = ({*recipe.context} | ({OTHER} if recipe.has_others else set())) - seen
        if missing:
            raise InputError(
                "model",
                found=f"a panel without {', '.join(sorted(missing))}",
                expected="the other categories and contexts that the model was fitted on",
                action="Add them to the panel, or fit the model without them.",
            )
        daily = level.predict(panel, days, horizon_days)
        shares = self._shares(recipe, panel, days, daily, horizon_days)
        return np.stack([today * share for today, share in zip(daily, shares, strict=True)])

    def to_text(self) -> str:
        """The fitted model as JSON text, enough to forecast without training again."""
        recipe, level = self._fitted
        content = {
            "settings": asdict(self.settings) if self.settings else None,
            "name": self.name,
            "recipe": asdict(recipe),
            "weights": dict(zip(recipe.mixed_names, self.weights, strict=True)),
            "level": asdict(level),
            "sharpness": self.sharpness,
            "spread": asdict(self.spread),
            "validation": asdict(self.validation) if self.validation else None,
            "trees": self.tree_text,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a model back.

        Raises:
            InputError: it was made by a version with other densities.
        """
        content = json.loads(text)
        stored = content.get("recipe")
        recipe = Recipe.from_stored(stored) if stored else None
        if recipe is None or list(content["weights"]) != sorted(recipe.mixed_names):
            raise InputError(
                "model",
                found="a stored model with other densities than this version",
                expected="the densities that ml/features/densities.py declares",
                action="Train again.",
            )
        return cls(
            settings=Settings(**content["settings"]) if content["settings"] else None,
            name=content["name"],
            recipe=recipe,
            weights=tuple(content["weights"][name] for name in recipe.mixed_names),
            level=Level(
                tuple(content["level"]["coefficients"]), tuple((n, m, s) for n, m, s in content["level"]["scales"])
            ),
            sharpness=content["sharpness"],
            spread=Spread(**content["spread"]),
            validation=trees.TreeValidation(**content["validation"]) if content["validation"] else None,
            tree_text=content["trees"],
        )

    @property
    def uses_trees(self) -> bool:
        """Whether trees correct the mixture; False where they did not help."""
        return self.tree_text is not None

    @property
    def parameters(self) -> dict[str, Any]:
        """Summary for the model's row: settings, weights, whether trees are used and why."""
        recipe, level = self._fitted
        weights = zip(recipe.mixed_names, self.weights, strict=True)
        return {
            "uses_trees": self.uses_trees,
            "validation": asdict(self.validation) if self.validation else None,
            "weights": {name: weight for name, weight in weights if weight >= 0.001},
            "clues": recipe.clues,
            "level": level.coefficients,
            "sharpness": self.sharpness,
            "spread": asdict(self.spread),
            "trees": self.settings.parameters() if self.settings else None,
        }

    @property
    def _fitted(self) -> tuple[Recipe, Level]:
        if self.recipe is None or self.level is None:
            raise InputError(
                "model", found="a model that was not fitted", expected="a fitted one", action="Fit the model first."
            )
        return self.recipe, self.level

    @cached_property
    def _booster(self) -> lgb.Booster | None:
        return lgb.Booster(model_str=self.tree_text) if self.tree_text else None

    def _shares(
        self, recipe: Recipe, panel: Panel, days: Sequence[date], daily: np.ndarray, horizon_days: int
    ) -> Iterator[np.ndarray]:
        """Share of each cell in each day's incidents, (cells,) summing to 1."""
        weights = np.array(self.weights, dtype=np.float32)
        features = trees.Features(recipe)
        for position, density in enumerate(densities.densities(recipe, panel, days, horizon_days)):
            share = (weights @ density[: len(weights)]).astype(np.float64)
            if self._booster is not None:
                today = np.full(share.size, position)
                matrix = features.matrix(density.T, share * share.size, daily[today], today, days)
                share = share * np.exp(self._booster.predict(matrix, raw_score=True, num_threads=THREADS))
            share = (share / share.max()) ** self.sharpness
            yield share / share.sum()


def library_versions() -> dict[str, str]:
    """Versions of the libraries the model's numbers depend on."""
    return {name: version(name) for name in LIBRARIES}


def model_id(text: str, input_hash: str) -> str:
    """Identity of a trained model: the hash of its text, which holds its settings, and of its input."""
    fixed, versions = (json.dumps(part, sort_keys=True) for part in (DEFAULT_SETTINGS.parameters(), library_versions()))
    return hashlib.sha256("\0".join((text, fixed, versions, input_hash)).encode()).hexdigest()


def _spread(validation: ModelValidation, level: Level, history: Panel, horizon_days: int) -> Spread:
    """The spread of the validation's days, with the level's variance over the last two years."""
    rows = range(max(Level.first_row(horizon_days), history.days - 2 * 365), history.days)
    days = [history.first_day + timedelta(days=row) for row in rows]
    expected = level.predict(history, days, horizon_days)
    return validation.spread.with_level(expected, history.totals[rows.start :])
