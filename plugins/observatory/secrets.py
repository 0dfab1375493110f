"""Secrets: those generated on this machine, in files that only their owner can read, and those set from outside."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from observatory.errors import SecretMissing
from observatory.settings import state_folder

OPEN_KEYS = {"DEMO_AGENDA_KEY": "simulated"}
"""Keys of the simulated city's servers, which protect nothing and are therefore public."""


def secret(name: str, make: str | None = None) -> str:
    """The secret called ``name``; generated on first use.

    Args:
        name: file name below ``<state>/secrets``.
        make: value to store if the secret does not exist yet; random by default.
    """
    folder = state_folder() / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        _create_once(path, make or secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8")


def variable(name: str) -> str | None:
    """An environment variable, or else the variable of that name, in lower case, in Airflow's secrets backend."""
    if value := os.environ.get(name):
        return value
    # Airflow's variables in its metadata database are not searched: that database may be on the warehouse's server
    from airflow.configuration import get_custom_secret_backend

    backend = get_custom_secret_backend()
    given = backend.get_variable(name.lower()) if backend else None
    return given or OPEN_KEYS.get(name)


def from_outside(subject: str, name: str) -> str:
    """A key or password that the operator of a source has issued, set as the variable ``name``.

    Args:
        subject: feed and window, for the error.
        name: name of the variable; a territory file contains the name, never the value.

    Raises:
        SecretMissing: the variable is not set.
    """
    if value := variable(name):
        return value
    raise SecretMissing(
        subject,
        found=f"{name} is not set",
        expected="the key or password with which the source may be read",
        action=f"Set {name} in the environment or in Airflow's secrets backend, never in a territory file.",
    )


def _create_once(path: Path, value: str) -> None:
    """Write the file completely or not at all; if several processes race, the first one's value stays."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
