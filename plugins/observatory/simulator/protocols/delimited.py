"""Delimited files, written whole at every request, in the encoding and with the numbers of the office they are from."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import Response

from observatory.simulator.ledger import Ledger
from observatory.simulator.protocols.answer import Answer

NO_BREAK = "\u00a0"


def delimited(
    ledger: Ledger, made: Callable[[], pl.DataFrame], *, separator: str = ",", encoding: str = "utf-8"
) -> Answer:
    """A file of all rows there are, packed where the path asked for ends in ``.gz``.

    Args:
        ledger: tells the minute for which a file once written stays as it is.
        made: its columns, as text or numbers, under the names that the file has.
        separator: between two fields.
        encoding: of the text.
    """

    @lru_cache(maxsize=1)
    def written(_minute: object) -> bytes:
        return made().write_csv(separator=separator).encode(encoding)

    def answer(path: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        body = written(ledger.now)
        return Response(gzip.compress(body, mtime=0) if path.endswith(".gz") else body, media_type="text/csv")

    return answer


def with_decimal_comma(number: pl.Expr, decimals: int = 1) -> pl.Expr:
    """Positive numbers as ``6 245 012,5``, thousands apart by no-break spaces."""
    scaled = (number * 10**decimals).round(0).cast(pl.Int64)
    backwards = (scaled // 10**decimals).cast(pl.String).str.reverse()
    grouped = backwards.str.replace_all(r"(\d{3})", rf"${{1}}{NO_BREAK}").str.strip_chars_end(NO_BREAK)
    part = (scaled % 10**decimals).cast(pl.String).str.zfill(decimals)
    return pl.format("{},{}", grouped.str.reverse(), part)
