"""Secrets made once on this machine, kept in files only their owner can read, never in git."""

from __future__ import annotations

import os
import secrets
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
    """Write the file whole or not at all; where two processes race, the first one's value stays."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
