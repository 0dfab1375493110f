"""A classifier of short texts: an encoder and a logistic regression, stored as plain arrays in one file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from observatory.errors import TextModelError
from observatory.text.encoder import ENCODERS, Arrays, TextEncoder, TfidfEncoder

SHIPPED = Path(__file__).with_name("sentiment_fr.npz")
"""Sentiment of short French texts, for cities that have not trained a model of their own."""

_INVERSE_PENALTY = 1.0
_TOLERANCE = 1e-6
"""With the default (1e-4), probabilities still differ by a hundredth between machines."""


@dataclass(frozen=True)
class TextModel:
    """A fitted classifier of texts.

    Attributes:
        name: what it tells, such as ``sentiment_fr``.
        version: twelve hexadecimal characters of a hash of all weights: another training, another version.
        labels: classes, in alphabetical order.
        encoder: fitted.
        weights: shape (labels, features), float32.
        biases: shape (labels,), float32.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    encoder: TextEncoder
    weights: np.ndarray
    biases: np.ndarray

    def classify(self, texts: pl.Series) -> pl.DataFrame:
        """Score texts; equal texts are scored once.

        Args:
            texts: shape (n,), String, as written; scored before they are dropped.

        Returns:
            n rows: ``label``, ``probability_<label>`` of each (Float32, sum 1), ``model_name``, ``model_version``; all
            null but the model's where the text is null.
        """
        distinct = texts.drop_nulls().unique(maintain_order=True)
        columns = [f"probability_{label}" for label in self.labels]
        probabilities = self.probabilities(distinct.to_list())
        scored = pl.DataFrame(probabilities, schema=dict.fromkeys(columns, pl.Float32)).with_columns(
            text=distinct.cast(pl.String),
            label=pl.Series([self.labels[best] for best in probabilities.argmax(axis=1)], dtype=pl.String),
        )
        rows = texts.cast(pl.String).to_frame("text").join(scored, on="text", how="left", maintain_order="left")
        return rows.select("label", *columns, model_name=pl.lit(self.name), model_version=pl.lit(self.version))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probability of each label; shape (n, labels), float32."""
        if not texts:
            return np.empty((0, len(self.labels)), dtype=np.float32)
        scores = np.asarray(self.encoder.encode(texts) @ self.weights.T) + self.biases
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write all arrays to one compressed file, without executable content."""
        np.savez_compressed(
            path, allow_pickle=False, **_arrays(self.name, self.labels, self.encoder, self.weights, self.biases)
        )


def train(texts: Sequence[str], labels: Sequence[str], name: str, encoder: TextEncoder | None = None) -> TextModel:
    """Fit an encoder and a logistic regression with balanced class weights.

    Args:
        texts: n texts.
        labels: n labels.
        name: of the model.
        encoder: not yet fitted; TF-IDF by default.

    Raises:
        TextModelError: fewer than two classes, or a class with fewer than ten texts.
    """
    from sklearn.linear_model import LogisticRegression

    classes, counts = np.unique(np.asarray(labels), return_counts=True)
    if len(classes) < 2 or counts.min() < 10:
        raise TextModelError(
            name,
            found=", ".join(f"{label}: {count}" for label, count in zip(classes, counts, strict=True)) or "no texts",
            expected="two classes or more, each with ten labelled texts or more",
            action="Label more texts; about 1,500 make a usable model.",
        )
    fitted = (encoder or TfidfEncoder()).fit(texts)
    regression = LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", tol=_TOLERANCE, max_iter=1000)
    with threadpool_limits(limits=1):
        regression.fit(fitted.encode(texts), labels)
    weights, biases = regression.coef_, regression.intercept_
    if len(classes) == 2:
        weights, biases = np.vstack([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    # half the digits, half the file; probabilities change in the fourth decimal
    return _model(name, tuple(map(str, classes)), fitted, weights.astype(np.float16), biases.astype(np.float32))


def load(path: Path = SHIPPED) -> TextModel:
    """Read a model that ``save`` wrote.

    Raises:
        TextModelError: there is no such file, or it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: Arrays = dict(file)
        encoder = ENCODERS[str(arrays["encoder"])]().restore(arrays)
        labels = tuple(str(arrays["labels"]).split("\n"))
        return _model(str(arrays["name"]), labels, encoder, arrays["weights"], arrays["biases"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise TextModelError(
            str(path),
            found=f"{type(error).__name__}: {error}",
            expected="a model written by `observatory text train`",
            action="Train it again.",
        ) from error


def _model(
    name: str, labels: tuple[str, ...], encoder: TextEncoder, weights: np.ndarray, biases: np.ndarray
) -> TextModel:
    digest = hashlib.sha256()
    for key, array in sorted(_arrays(name, labels, encoder, weights, biases).items()):
        digest.update(key.encode() + np.ascontiguousarray(array).tobytes())
    return TextModel(name, digest.hexdigest()[:12], labels, encoder, weights, biases)


def _arrays(
    name: str, labels: tuple[str, ...], encoder: TextEncoder, weights: np.ndarray, biases: np.ndarray
) -> Arrays:
    described = {"name": name, "labels": "\n".join(labels), "encoder": encoder.name}
    return (
        {key: np.array(text) for key, text in described.items()}
        | encoder.state()
        | {
            "weights": weights.astype(np.float16),
            "biases": biases.astype(np.float32),
        }
    )
