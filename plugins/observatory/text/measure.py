"""Measure a classifier of texts: F1 on texts that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from observatory.text.model import train


@dataclass(frozen=True)
class Measured:
    """F1 of each label, and their mean."""

    f1: dict[str, float]

    @property
    def macro_f1(self) -> float:
        """Unweighted mean of the labels' F1."""
        return sum(self.f1.values()) / len(self.f1)


def measured(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Compare predicted labels with the true ones."""
    from sklearn.metrics import f1_score

    labels = sorted(set(truth))
    scores = f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    return Measured(dict(zip(labels, map(float, scores), strict=True)))


def held_out(labelled: pl.DataFrame, name: str, share: float = 0.2) -> Measured:
    """Train on the rest, measure on a share drawn at random, in proportion to the labels, with a fixed seed.

    Args:
        labelled: columns ``text`` and ``label``, each text once.
        name: of the model.
        share: of the texts held out.
    """
    from sklearn.model_selection import train_test_split

    texts, labels = labelled["text"].to_list(), labelled["label"].to_list()
    if min(map(labels.count, set(labels)), default=0) < 2:
        train(texts, labels, name)  # says what is missing
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        texts, labels, test_size=share, stratify=labels, random_state=0
    )
    predicted = train(seen, seen_labels, name).classify(pl.Series(unseen, dtype=pl.String))["label"]
    return measured(unseen_labels, predicted.to_list())
