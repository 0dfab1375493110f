"""The part of Socrata's query language (SoQL) that feeds use: ``$where`` and ``$order`` as polars expressions.

A condition has an expression and a range of rows outside which it is false. The range comes from a binary search in the
sorted column, so that a query for one month does not scan years.
Source of the grammar and error codes: https://dev.socrata.com/docs/queries/ and the answers of the live portals.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

import polars as pl

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<column>`[^`]+`|[A-Za-z_]\w*)
    | (?P<operator><=|>=|<>|!=|[=<>(),])
    )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"and", "or", "not", "between", "is", "null", "in", "true", "false"})
_COMPARE: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<>": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


class SoqlError(Exception):
    """A query Socrata answers with 400; ``code`` and ``message`` are the fields of its JSON."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the fields of the response."""
        self.code, self.message = code, message
        super().__init__(message)


class Condition(NamedTuple):
    """Rows for which ``expr`` is true; none of them lies outside ``[start, stop)`` of the sorted frame."""

    expr: pl.Expr
    start: int
    stop: int

    def both(self, other: Condition) -> Condition:
        """Rows that meet this condition and the other."""
        return Condition(self.expr & other.expr, max(self.start, other.start), min(self.stop, other.stop))

    def either(self, other: Condition) -> Condition:
        """Rows that meet this condition or the other: within the hull of their ranges."""
        return Condition(self.expr | other.expr, min(self.start, other.start), max(self.stop, other.stop))


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def where(query: str, frame: pl.DataFrame, sorted_by: str | None = None) -> Condition:
    """Read a ``$where`` clause against the columns of ``frame``.

    Args:
        query: comparisons (``= != <> < <= > >=``), ``between``, ``in``, ``is null``, joined by and, or, not, brackets.
        frame: the rows asked; a column's type decides how its literals are read.
        sorted_by: a column without nulls by which the frame ascends, if any.

    Raises:
        SoqlError: a column that does not exist, a literal of the wrong type, or text that is not a condition.
    """
    parser = _Parser(query, frame, sorted_by)
    condition = parser.disjunction()
    parser.end()
    return condition


def order(query: str, columns: list[str]) -> list[tuple[str, bool]]:
    """Read an ``$order`` clause: (column, is descending) pairs; ``:id``, the row's position, ends it."""
    terms = []
    for term in query.split(","):
        words = term.split()
        if len(words) not in (1, 2) or words[1:] not in ([], ["asc"], ["ASC"], ["desc"], ["DESC"]):
            raise malformed(query, f"{term.strip()!r} is not a column, optionally followed by ASC or DESC")
        if words[0] == ":id":
            break
        terms.append((known(words[0].strip("`"), columns), words[-1].lower() == "desc" and len(words) == 2))
    return terms


def known(column: str, columns: list[str]) -> str:
    """The column itself, if the dataset has it."""
    if column not in columns:
        raise SoqlError(
            "query.soql.no-such-column",
            f"Query coordinator error: query.soql.no-such-column; No such column: {column}; "
            f"this dataset has {', '.join(columns)}",
        )
    return column


def malformed(query: str, why: str) -> SoqlError:
    """Socrata's error for text it cannot parse."""
    return SoqlError("query.compiler.malformed", f"Could not parse SoQL query {query!r}: {why}")


class _Parser:
    """Recursive descent over one clause; loosest binding first."""

    def __init__(self, query: str, frame: pl.DataFrame, sorted_by: str | None) -> None:
        self.query, self.frame, self.sorted_by = query, frame, sorted_by
        self.tokens = self._tokens()
        self.position = 0

    def _tokens(self) -> list[_Token]:
        found, position, text = [], 0, self.query.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise malformed(self.query, f"nothing known starts at character {position + 1}")
            kind, word = match.lastgroup, match[match.lastgroup]
            if kind == "column" and word.lower() in _KEYWORDS:
                kind, word = "keyword", word.lower()
            found.append(_Token(kind, word, match.start(match.lastgroup) + 1))
            position = match.end()
        return [*found, _Token("end", "the end", len(text) + 1)]

    def _take(self, *words: str) -> str | None:
        token = self.tokens[self.position]
        if token.kind in ("keyword", "operator") and token.text in words:
            self.position += 1
            return token.text
        return None

    def _expect(self, *words: str) -> str:
        return self._take(*words) or self._fail(" or ".join(words))

    def _fail(self, expected: str) -> Any:
        token = self.tokens[self.position]
        raise malformed(self.query, f"expected {expected} but got {token.text!r} at character {token.position}")

    def end(self) -> None:
        """Nothing may follow."""
        if self.tokens[self.position].kind != "end":
            self._fail("and, or, or the end")

    def disjunction(self) -> Condition:
        """Read terms joined by or."""
        left = self._conjunction()
        while self._take("or"):
            left = left.either(self._conjunction())
        return left

    def _conjunction(self) -> Condition:
        left = self._negation()
        while self._take("and"):
            left = left.both(self._negation())
        return left

    def _negation(self) -> Condition:
        if self._take("not"):
            return self._anywhere(~self._negation().expr)
        if self._take("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        token = self.tokens[self.position]
        if token.kind != "column":
            self._fail("a column")
        self.position += 1
        name = known(token.text.strip("`"), self.frame.columns)
        if operator := self._take(*_COMPARE):
            return self._compare(name, operator, self._literal(name))
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return self._anywhere(pl.col(name).is_not_null() if negated else pl.col(name).is_null())
        negated = self._take("not")
        if self._expect("between", "in") == "between":
            low = self._compare(name, ">=", self._literal(name))
            self._expect("and")
            high = self._compare(name, "<=", self._literal(name))
            inside = low.both(high)
        else:
            self._expect("(")
            choices = [self._literal(name)]
            while self._take(","):
                choices.append(self._literal(name))
            self._expect(")")
            inside = self._anywhere(pl.col(name).is_in(choices))
        return self._anywhere(~inside.expr) if negated else inside

    def _anywhere(self, expr: pl.Expr) -> Condition:
        return Condition(expr, 0, self.frame.height)

    def _compare(self, name: str, operator: str, value: Any) -> Condition:
        start, stop = 0, self.frame.height
        if name == self.sorted_by:
            column = self.frame[name]
            if operator in (">", ">=", "="):
                start = int(column.search_sorted(value, side="right" if operator == ">" else "left"))
            if operator in ("<", "<=", "="):
                stop = int(column.search_sorted(value, side="left" if operator == "<" else "right"))
        return Condition(_COMPARE[operator](pl.col(name), pl.lit(value)), start, stop)

    def _literal(self, column: str) -> Any:
        token = self.tokens[self.position]
        if token.kind not in ("text", "number") and token.text not in ("true", "false"):
            self._fail("a value")
        self.position += 1
        text = token.text[1:-1].replace("''", "'") if token.kind == "text" else token.text
        try:
            return _read(text, token.kind, self.frame.schema[column])
        except ValueError:
            raise SoqlError(
                "query.soql.type-mismatch",
                f"Type mismatch: column {column} cannot be compared with {token.text} at character {token.position}",
            ) from None


def _read(text: str, kind: str, dtype: pl.DataType) -> str | bool | int | float | datetime | date:
    """A literal as the column's type; ValueError if it does not fit."""
    if dtype.is_temporal() and kind == "text":
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            raise ValueError(text)
        return moment.date() if dtype == pl.Date else moment
    if dtype.is_numeric() and kind in ("text", "number"):
        return float(text) if "." in text or dtype.is_float() else int(text)
    if dtype == pl.Boolean and text in ("true", "false"):
        return text == "true"
    if kind == "text" and dtype in (pl.String, pl.Categorical, pl.Enum):
        return text
    raise ValueError(text)
