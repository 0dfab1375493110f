"""What several commands ask for alike."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ml.errors import InputError

Url = Annotated[
    str,
    typer.Option("--warehouse-url", envvar="OBSERVATORY_FORECASTER_URL", help="postgresql+psycopg:// address."),
]
Territory = Annotated[str, typer.Option("--territory", help="City: the name of its territory file.")]
Day = Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="Local day.")]
Groups = Annotated[str | None, typer.Option("--groups", help="Category groups, comma-separated; default all.")]


def given(url: str) -> str:
    """The warehouse's address.

    Raises:
        InputError: there is none.
    """
    if not url:
        raise InputError(
            "warehouse",
            found="no address",
            expected="--warehouse-url or OBSERVATORY_FORECASTER_URL",
            action="Give the address, or run through `observatory exec`.",
        )
    return url


def listed(names: str | None) -> list[str] | None:
    """Names of a comma-separated list, each once."""
    return list(dict.fromkeys(name.strip() for name in names.split(","))) if names else None
