"""Files with one JSON object per line (NDJSON), read some lines at a time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns
from observatory.feeds.json_source import tabulate

if TYPE_CHECKING:
    from observatory.records.plan import Plan


def json_lines(subject: str, plan: Plan, path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Yield the objects of a file as rows of text; blank lines are skipped.

    Args:
        subject: feed, window and file, for errors.
        plan: the feed's plan, whose ``read_columns`` are read; ``a.b`` is ``b`` within ``a``.
        path: the file, UTF-8 with or without a byte order mark.
        chunk_rows: lines in memory at a time.

    Yields:
        The feed's ``read_columns``, shape (n, columns).

    Raises:
        SourceChanged: a line, named by its number, is not one JSON object; or a column is missing.
    """
    first_line = 1
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        while lines := list(islice(file, chunk_rows)):
            objects = _objects(subject, plan, lines, first_line)
            first_line += len(lines)
            if objects:
                rows, delivered = tabulate(objects, plan.feed.read_columns)
                # a line may omit empty values
                require_columns(subject, plan, delivered, are_all=False)
                yield rows


def _objects(subject: str, plan: Plan, lines: list[bytes], first_line: int) -> list[dict[str, Any]]:
    """The objects of some lines, decoded together; line by line only to find an invalid one."""
    filled = [line for line in lines if not line.isspace()]
    try:
        objects = _decoded(b"[" + b",".join(filled) + b"]")
    except ValueError:
        objects = []
    if len(objects) == len(filled) and all(isinstance(each, dict) for each in objects):
        return objects
    for number, line in enumerate(lines, first_line):
        if not line.isspace():
            _require_object(subject, plan, number, line.strip())
    raise AssertionError("lines that are valid objects one by one must be a valid list together")


def _require_object(subject: str, plan: Plan, number: int, line: bytes) -> None:
    try:
        found = _decoded(line)
    except json.JSONDecodeError as error:
        _refuse(subject, plan, f"line {number} is not JSON ({error.msg}, character {error.colno})")
    except ValueError:
        _refuse(subject, plan, f"line {number} is not JSON in UTF-8")
    if not isinstance(found, dict):
        _refuse(subject, plan, f"line {number} is not a JSON object")


def _refuse(subject: str, plan: Plan, found: str) -> NoReturn:
    raise SourceChanged(
        subject,
        found=found,
        redacted=found,
        expected="one JSON object per line, in UTF-8",
        action=f"Nothing of the file was loaded. Ask {plan.feed.owner} for a correct file.",
    )


def _decoded(content: bytes) -> Any:
    return json.loads(content.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
