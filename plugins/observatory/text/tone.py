"""The tone of a message, by the shipped model; the text of the message is not kept."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from observatory.text.model import TextModel, load

_LANGUAGE = "fr"


def tone(texts: pl.Series, languages: pl.Series) -> pl.DataFrame:
    """Score messages in the model's language; others get no score.

    Args:
        texts: shape (n,), String.
        languages: shape (n,), what each message says it is written in; null is taken for the model's language.

    Returns:
        n rows: ``theme_code`` (null: no theme model is shipped), ``tone_score`` from -1 to 1, the chance of a positive
        less that of a negative message, ``tone_model`` as ``name@version``.
    """
    is_known = (languages.str.to_lowercase().str.starts_with(_LANGUAGE)).fill_null(value=True)
    scored = _model().classify(texts)
    score = (pl.col("probability_positive") - pl.col("probability_negative")).cast(pl.Float64)
    said_by = pl.format("{}@{}", "model_name", "model_version")
    return scored.select(
        theme_code=pl.lit(None, pl.String),
        tone_score=pl.when(is_known).then(score),
        tone_model=pl.when(is_known).then(said_by),
    )


@lru_cache(maxsize=1)
def _model() -> TextModel:
    return load()
