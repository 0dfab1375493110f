"""Options that several commands share."""

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


def require_url(url: str) -> str:
    """Check that the warehouse's address was given.

    Raises:
        InputError: it is empty.
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
    """Split a comma-separated list; a repeated name is kept once."""
    return list(dict.fromkeys(name.strip() for name in names.split(","))) if names else None
