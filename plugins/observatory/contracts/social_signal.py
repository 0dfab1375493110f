"""Social signals: what remains of a public message once text and account are gone."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Moment, Record
from observatory.kinds import KINDS

_LONGEST_TEXT = 3_000


class SocialSignal(Record):
    """One message: when, where if it says so, how long, about what, in which tone, in which shape of thread."""

    network: str
    language: str = pa.Field(nullable=True)
    text_length: pl.Int32 = pa.Field(in_range={"min_value": 1, "max_value": _LONGEST_TEXT})
    theme_code: str = pa.Field(nullable=True)
    tone_score: float = pa.Field(nullable=True, in_range={"min_value": -1, "max_value": 1})
    tone_model: str = pa.Field(nullable=True)
    is_reply: bool = pa.Field(nullable=True)
    thread_depth: pl.Int32 = pa.Field(nullable=True, ge=0)
    thread_size_count: pl.Int32 = pa.Field(nullable=True, ge=1)
    root_status: str = pa.Field(nullable=True, isin=["self", "found", "missing"])
    root_at: Moment = pa.Field(nullable=True)
    root_theme_code: str = pa.Field(nullable=True)

    @pa.check("reported_at", error="not before it was written")
    def _is_read_after_it_was_written(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("reported_at") >= pl.col("occurred_from"))

    @pa.check("root_at", error="not after its answer")
    def _answers_what_was_written(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("root_at") <= pl.col("occurred_from"))


CONTRACT = Contract(
    KINDS["social_signal"],
    SocialSignal,
    pseudonymous_key="always",
    measured=("text_length",),
    refused={
        "text": "a text is never kept; map text_length to it",
        "author": "who wrote is not asked",
        "handle": "who wrote is not asked",
        "avatar": "no image enters",
        "url": "an address leads to who wrote",
    },
)
