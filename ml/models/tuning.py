"""Search the trees' settings within a budget, validated on later days than they learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date

import optuna

from ml.features.densities import Recipe
from ml.models.determinism import one_thread
from ml.models.settings import DEFAULT_SETTINGS, Settings
from ml.models.trees import TreeValidation, validate
from ml.models.validation import TrainingCache, hold_out
from ml.panel.eligibility import check_history
from ml.panel.panel import Panel

_SEED = 20_120_301


@dataclass(frozen=True)
class Tuned:
    """Result of a search.

    Attributes:
        settings: the best ones.
        validation: of the best ones; log-score gained over the mixture on the days held out.
        before: validation of the defaults, which are tried first.
        tried: how many settings were tried.
    """

    settings: Settings
    validation: TreeValidation
    before: TreeValidation
    tried: int


@one_thread
def tune(
    panel: Panel,
    end_day: date,
    *,
    trials: int,
    seconds: float,
    horizon_days: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Tuned:
    """Search settings on the history before ``end_day`` (Optuna's tree-structured Parzen estimator, seeded).

    The same number of trials gives the same settings; the defaults are tried first.

    Args:
        panel: the history; days from ``end_day`` on are ignored.
        end_day: first day that must not be seen.
        trials: how many settings to try at most.
        seconds: after how long no further settings are tried.
        horizon_days: how far ahead is forecast.
        progress: called with (what, done, total).

    Raises:
        HistoryTooShort: too little to learn from.
    """
    check_history(panel.until(end_day))
    recipe = Recipe.of(panel.until(end_day))
    seen = hold_out(recipe, panel, end_day, horizon_days, TrainingCache())
    found: dict[int, tuple[Settings, TreeValidation]] = {}

    def gain(trial: optuna.Trial) -> float:
        settings = Settings(
            learning_rate=trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            num_leaves=trial.suggest_int("num_leaves", 4, 63, log=True),
            min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 20, 500, log=True),
            lambda_l2=trial.suggest_float("lambda_l2", 0.1, 300.0, log=True),
            feature_fraction=trial.suggest_float("feature_fraction", 0.1, 0.9),
            bagging_fraction=trial.suggest_float("bagging_fraction", 0.4, 1.0),
        )
        found[trial.number] = settings, validate(recipe, seen.examples, seen.matrix, seen.log_rate, settings)[0]
        if progress:
            progress("settings", len(found), trials)
        return found[trial.number][1].gain

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=_SEED))
    study.enqueue_trial(asdict(DEFAULT_SETTINGS))
    study.optimize(gain, n_trials=trials, timeout=seconds)
    best, validation = found[study.best_trial.number]
    return Tuned(best, validation, found[0][1], len(found))
