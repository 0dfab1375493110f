"""Read labelled texts: a city's own, or XED's file of subtitles with emotions."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from observatory.errors import TextModelError

_NEGATIVE, _NEUTRAL, _POSITIVE = "negative", "neutral", "positive"
# Öhman et al. (2020), XED: Plutchik's emotions by number; anticipation and surprise take no side
_XED_SENTIMENTS = {
    1: _NEGATIVE,
    2: _NEUTRAL,
    3: _NEGATIVE,
    4: _NEGATIVE,
    5: _POSITIVE,
    6: _NEGATIVE,
    7: _NEUTRAL,
    8: _POSITIVE,
}
_XED_LABELS = r"^[1-8](, ?[1-8])*$"


def read_labelled(path: Path) -> pl.DataFrame:
    """Read texts with labels: a tab-separated file with the columns ``label`` and ``text``, or one of XED's.

    A text that stands there with two labels is left out; so is one of XED's with emotions of both sides.

    Returns:
        Columns ``text`` and ``label``, each text once, sorted.

    Raises:
        TextModelError: no such file, or neither of the two forms.
    """
    try:
        table = pl.read_csv(path, separator="\t", has_header=False, infer_schema=False, truncate_ragged_lines=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, str(error).splitlines()[0]) from error
    table.columns = [f"column_{number}" for number in range(1, table.width + 1)]
    header = table.row(0)
    if {"label", "text"} <= set(header):
        labelled = table[1:].select(
            text=pl.col(table.columns[header.index("text")]), label=pl.col(table.columns[header.index("label")])
        )
    elif table.width == 2 and table["column_2"].str.contains(_XED_LABELS).sum() > 0.9 * table.height:
        labelled = _sentiments(table)
    else:
        raise _unreadable(path, f"the first line is {' | '.join(map(str, header))[:80]!r}")
    sides = labelled.drop_nulls().group_by("text").agg(pl.col("label").unique())
    return sides.filter(pl.col("label").list.len() == 1).select("text", pl.col("label").list.first()).sort("text")


def _sentiments(xed: pl.DataFrame) -> pl.DataFrame:
    """XED's emotions as sentiments; null if a text has both. Broken lines, which contain file names, are omitted."""
    emotions = (
        xed["column_2"]
        .str.extract_all("[1-8]")
        .list.eval(pl.element().cast(pl.Int8).replace_strict(_XED_SENTIMENTS, return_dtype=pl.String))
    )
    both = emotions.list.contains(_NEGATIVE) & emotions.list.contains(_POSITIVE)
    table = pl.DataFrame({"text": xed["column_1"], "emotions": emotions, "both": both})
    side = (
        pl.when(pl.col("emotions").list.contains(_NEGATIVE))
        .then(pl.lit(_NEGATIVE))
        .when(pl.col("emotions").list.contains(_POSITIVE))
        .then(pl.lit(_POSITIVE))
        .otherwise(pl.lit(_NEUTRAL))
    )
    whole = ~pl.col("both") & ~pl.col("text").str.contains(r"\n|\.xml")
    return table.filter(whole).select("text", label=side)


def _unreadable(path: Path, found: str) -> TextModelError:
    return TextModelError(
        str(path),
        found=found,
        expected="tab-separated columns label and text with these names on the first line, or a file of XED",
        action="Write the file so, one text a line.",
    )
