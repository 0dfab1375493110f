"""One Socrata dataset: typed, sorted rows, and responses as the JSON text that Socrata sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from observatory.simulator.servers.soql import Condition, SoqlError, known, malformed, order, where

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 50_000


class Dataset:
    """Rows of a dataset, and Socrata's answer to a query about them.

    Args:
        frame: one row per record. Times of day are naive (Socrata's floating timestamps); numbers and times are
            sent as text, booleans and structs as they are, nulls are left out of their row: so does Socrata.
        order: the columns the rows are kept sorted by, the time column first; queries that follow it are fast.
        computed: further columns, computed only for the rows that are sent; they cannot be filtered.
        name: title of the dataset.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        *,
        order: Sequence[str],
        computed: Mapping[str, pl.Expr] | None = None,
        name: str = "",
    ) -> None:
        """Sort the rows, once."""
        self.frame = frame.sort(order, nulls_last=True)
        self.order = list(order)
        self.computed = dict(computed or {})
        self.name = name
        self._searchable = order[0] if self.frame[order[0]].null_count() == 0 else None

    @property
    def columns(self) -> list[str]:
        """Names of the columns of an answer."""
        return [*self.frame.columns, *self.computed]

    def answer(self, parameters: Mapping[str, str]) -> str:
        """The JSON text for one query.

        Args:
            parameters: ``$where``, ``$order``, ``$limit``, ``$offset``, ``$select`` (columns or ``count(*)``), and
                ``column=value`` filters.

        Raises:
            SoqlError: Socrata would respond with 400.
        """
        condition, selected = self._condition(parameters), self._selected(parameters.get("$select", "*"))
        rows = self.frame.slice(condition.start, max(condition.stop - condition.start, 0)).filter(condition.expr)
        if selected is None:
            return f'[{{"count":"{rows.height}"}}]'
        rows = self._ordered(rows, parameters.get("$order"))
        return self._json(rows.slice(_number(parameters, "$offset", 0), _limit(parameters)), selected)

    def fields(self, parameters: Mapping[str, str]) -> list[str]:
        """The columns of the response to a query, which Socrata lists in a header."""
        return self._selected(parameters.get("$select", "*")) or ["count"]

    def _condition(self, parameters: Mapping[str, str]) -> Condition:
        condition = Condition(pl.lit(True), 0, self.frame.height)
        for name, value in parameters.items():
            if name == "$where":
                clause = value
            elif not name.startswith("$"):
                clause = "{} = '{}'".format(known(name, self.frame.columns), value.replace("'", "''"))
            elif name in ("$order", "$limit", "$offset", "$select"):
                continue
            else:
                raise malformed(name, "this portal knows $select, $where, $order, $limit and $offset")
            condition = condition.both(where(clause, self.frame, self._searchable))
        return condition

    def _selected(self, select: str) -> list[str] | None:
        """Columns to send; None stands for ``count(*)``."""
        if select.replace(" ", "").lower() == "count(*)":
            return None
        if select.strip() == "*":
            return self.columns
        return [known(name.strip(), self.columns) for name in select.split(",")]

    def _ordered(self, rows: pl.DataFrame, clause: str | None) -> pl.DataFrame:
        terms = order(clause, self.frame.columns) if clause else []
        if terms == [(name, False) for name in self.order[: len(terms)]]:
            return rows
        descending = [is_descending for _, is_descending in terms]
        return rows.sort(
            [name for name, _ in terms],
            descending=descending,
            nulls_last=[not is_descending for is_descending in descending],
            maintain_order=True,
        )

    def _json(self, rows: pl.DataFrame, selected: Sequence[str]) -> str:
        """Rows as JSON, encoded by column; nulls are left out of their row."""
        made = rows.with_columns(**self.computed).select(selected)
        parts = made.select(_as_sent(name, dtype) for name, dtype in made.schema.items())
        pairs = [
            pl.when(pl.col(name).is_not_null()).then(pl.struct(name).struct.json_encode().str.slice(1).str.head(-1))
            for name in parts.columns
        ]
        lines = parts.select("{" + pl.concat_str(pairs, separator=",", ignore_nulls=True) + "}").to_series()
        return "[" + lines.str.join("\n,").item() + "]"


def _as_sent(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_temporal():
        return pl.col(name).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3f")
    if dtype == pl.Boolean or dtype.is_nested():
        return pl.col(name)
    return pl.col(name).cast(pl.String)


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise malformed(f"{name}={text}", "expected a whole number, zero or more")
    return int(text)


def _limit(parameters: Mapping[str, str]) -> int:
    limit = _number(parameters, "$limit", DEFAULT_LIMIT)
    if limit > MAX_LIMIT:
        raise SoqlError("query.execution.limit", f"Invalid $limit {limit}: at most {MAX_LIMIT} rows a page")
    return limit
