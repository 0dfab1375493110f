"""Files of one JSON object a line (NDJSON), read some lines at a time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns
from observatory.feeds.http.json_source import tabulate
from observatory.territory.feed import FeedSettings


def json_lines(where: str, feed: FeedSettings, path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Yield the objects of a file as rows of text; blank lines are passed over.

    Args:
        where: feed, window and file, for messages.
        feed: which columns are read; ``a.b`` is ``b`` within ``a``.
        path: the file, UTF-8 with or without a byte order mark.
        chunk_rows: lines in memory at a time.

    Yields:
        The feed's ``read_columns``, shape (n, columns).

    Raises:
        SourceChanged: a line is not one JSON object, which the message names by its number; or a column is missing.
    """
    first_line = 1
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        while lines := list(islice(file, chunk_rows)):
            objects = _objects(where, feed, lines, first_line)
            first_line += len(lines)
            if objects:
                rows, delivered = tabulate(objects, feed.read_columns)
                # a line may leave out what is empty
                require_columns(where, feed, delivered, are_all=False)
                yield rows


def _objects(where: str, feed: FeedSettings, lines: list[bytes], first_line: int) -> list[dict[str, Any]]:
    """The objects of some lines, decoded at once; line by line only to find the one that is broken."""
    filled = [line for line in lines if not line.isspace()]
    try:
        objects = _decoded(b"[" + b",".join(filled) + b"]")
    except ValueError:
        objects = []
    if len(objects) == len(filled) and all(isinstance(each, dict) for each in objects):
        return objects
    for number, line in enumerate(lines, first_line):
        if not line.isspace():
            _require_object(where, feed, number, line.strip())
    raise AssertionError("lines that are each an object are a list of objects together")


def _require_object(where: str, feed: FeedSettings, number: int, line: bytes) -> None:
    try:
        found = _decoded(line)
    except json.JSONDecodeError as error:
        _refuse(where, feed, f"line {number} is not JSON ({error.msg}, character {error.colno})")
    except ValueError:
        _refuse(where, feed, f"line {number} is not JSON in UTF-8")
    if not isinstance(found, dict):
        _refuse(where, feed, f"line {number} is not a JSON object")


def _refuse(where: str, feed: FeedSettings, found: str) -> NoReturn:
    raise SourceChanged(
        where,
        found=found,
        redacted=found,
        expected="one JSON object a line, in UTF-8",
        action=f"Nothing of the file was loaded. Ask {feed.owner} for it again, whole.",
    )


def _decoded(content: bytes) -> Any:
    return json.loads(content.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
