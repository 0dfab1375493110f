"""The file of a model's settings."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pydantic

from ml.errors import InputError
from ml.files.places import existing
from ml.models.settings import Settings


def write_settings(settings: Settings, path: Path) -> None:
    """Write settings as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")


def read_settings(path: Path) -> Settings:
    """Read settings that ``tune`` wrote.

    Raises:
        InputError: the file holds something else.
    """
    try:
        return pydantic.TypeAdapter(Settings).validate_json(existing(path).read_bytes())
    except pydantic.ValidationError as error:
        raise InputError(
            str(path),
            found=str(error).splitlines()[0],
            expected=f"JSON with {', '.join(field.name for field in fields(Settings))}",
            action="Make it with observatory-ml tune.",
        ) from error
