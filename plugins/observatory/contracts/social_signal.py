"""Social signals: public messages, without their text and account."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Moment, Record
from observatory.kinds import KINDS

_LONGEST_TEXT = 3_000


class SocialSignal(Record):
    """One message: time, place if stated, length, theme, tone, and position in its thread."""

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

    @pa.check("root_at", error="not after its reply")
    def _answers_what_was_written(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("root_at") <= pl.col("occurred_from"))


CONTRACT = Contract(
    KINDS["social_signal"],
    SocialSignal,
    pseudonymous_key="always",
    measured=("text_length",),
    refused={
        "text": "texts are not kept; map text_length to the column",
        "author": "authors are not recorded",
        "handle": "authors are not recorded",
        "avatar": "images are not recorded",
        "url": "the address identifies the author",
    },
)
