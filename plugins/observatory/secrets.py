"""Secrets made once on this machine, kept in files only their owner can read, never in git."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from observatory.settings import state_folder


def secret(name: str, make: str | None = None) -> str:
    """The secret called ``name``; made on first use.

    Args:
        name: file name below ``<state>/secrets``.
        make: value to store when the secret does not exist yet; random by default.
    """
    folder = state_folder() / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        _create_once(path, make or secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8")


def _create_once(path: Path, value: str) -> None:
    """Write the file whole or not at all; where processes or threads race, the first one's value stays."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
