"""Encode texts as numbers: the interface of encoders, and the default encoder, TF-IDF of words and of letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

Arrays = dict[str, np.ndarray]
"""An encoder's or a model's state, as written to a file."""

MOST_TERMS = 10_000
"""Terms of each kind that are kept; twice as many gained 0.005 of macro-F1."""


class TextEncoder(Protocol):
    """Encodes texts as rows of numbers; its fitted state can be stored as arrays."""

    name: str

    def fit(self, texts: Sequence[str]) -> TextEncoder:
        """Fit the encoder to texts."""

    def encode(self, texts: Sequence[str]) -> csr_matrix | np.ndarray:
        """Encode n texts; shape (n, features)."""

    def state(self) -> Arrays:
        """The fitted state."""

    def restore(self, arrays: Arrays) -> TextEncoder:
        """Restore a fitted state that ``state`` returned."""


class TfidfEncoder:
    """TF-IDF of words and pairs of words, and of 2 to 5 letters within words; case and accents do not count."""

    name = "tfidf"

    _parts: ClassVar[dict[str, dict[str, Any]]] = {
        "words": {"strip_accents": "unicode", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b|[!?]+"},
        "letters": {"strip_accents": "unicode", "ngram_range": (2, 5), "analyzer": "char_wb"},
    }

    def __init__(self) -> None:
        self._vectorizers: dict[str, TfidfVectorizer] = {}

    def fit(self, texts: Sequence[str]) -> TfidfEncoder:
        """Choose the most frequent terms of at least two texts, and compute their inverse document frequencies."""
        for part, settings in self._parts.items():
            terms = _most_frequent(CountVectorizer(**settings, min_df=2), texts)
            self._vectorizers[part] = _vectorizer(settings, terms).fit(texts)
        return self

    def encode(self, texts: Sequence[str]) -> csr_matrix:
        """Encode n texts; shape (n, terms), sparse, float32."""
        return csr_matrix(hstack([vectorizer.transform(texts) for vectorizer in self._vectorizers.values()]))

    def state(self) -> Arrays:
        """The terms, one per line, and their inverse document frequencies."""
        arrays = {}
        for part, vectorizer in self._vectorizers.items():
            lines = "\n".join(vectorizer.get_feature_names_out())
            arrays[f"{part}_terms"] = np.frombuffer(lines.encode(), dtype=np.uint8)
            arrays[f"{part}_idf"] = vectorizer.idf_.astype(np.float32)
        return arrays

    def restore(self, arrays: Arrays) -> TfidfEncoder:
        """Restore the terms and their inverse document frequencies."""
        for part, settings in self._parts.items():
            terms = arrays[f"{part}_terms"].tobytes().decode().split("\n")
            vectorizer = _vectorizer(settings, terms)
            vectorizer.idf_ = arrays[f"{part}_idf"]
            self._vectorizers[part] = vectorizer
        return self


def _vectorizer(settings: dict[str, Any], terms: list[str]) -> TfidfVectorizer:
    return TfidfVectorizer(**settings, vocabulary=terms, sublinear_tf=True, dtype=np.float32)


def _most_frequent(counter: CountVectorizer, texts: Sequence[str]) -> list[str]:
    """The ``MOST_TERMS`` most frequent terms in alphabetical order; of equally frequent ones the first.

    With scikit-learn's ``max_features`` the choice among equally frequent terms depends on the processor: its sort is
    unstable.
    """
    counts = np.asarray(counter.fit_transform(texts).sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_TERMS])
    return [str(term) for term in counter.get_feature_names_out()[kept]]


ENCODERS: dict[str, type[TextEncoder]] = {TfidfEncoder.name: TfidfEncoder}
"""Encoders by the name that is stored in a model's file."""
