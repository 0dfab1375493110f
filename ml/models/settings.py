"""Settings of our trees."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

import pydantic

THREADS = 2


@dataclass(frozen=True)
class Settings:
    """How trees are grown; part of a model's identity. The defaults were chosen on Chicago up to October 2015."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    learning_rate: float = 0.045
    num_leaves: int = 15
    min_data_in_leaf: int = 100
    lambda_l2: float = 10.0
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.7

    def parameters(self) -> dict[str, str | int | float | bool]:
        """LightGBM's parameters; deterministic row-wise histograms give the same bits with any number of threads."""
        return {
            **asdict(self),
            "objective": "poisson",
            "metric": "poisson",
            "bagging_freq": 1,
            "max_bin": 63,
            "bin_construct_sample_cnt": 50_000,
            "seed": 1,
            "num_threads": THREADS,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }


DEFAULT_SETTINGS = Settings()
