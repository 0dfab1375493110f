"""Secrets: those made once on this machine, in files only their owner can read, and those handed over from outside."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from observatory.errors import SecretMissing
from observatory.settings import state_folder

OPEN_KEYS = {"DEMO_AGENDA_KEY": "simulated"}
"""What the simulated city's portal asks of its readers, as real ones do. Everyone may know it: nobody is behind it."""


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


def variable(name: str) -> str | None:
    """A variable of the environment, else of the secrets backend Airflow is configured with, there in lower case."""
    if value := os.environ.get(name):
        return value
    # the metadata database, where Airflow would look as well, is on the warehouse's server
    from airflow.configuration import get_custom_secret_backend

    backend = get_custom_secret_backend()
    given = backend.get_variable(name.lower()) if backend else None
    return given or OPEN_KEYS.get(name)


def from_outside(where: str, name: str) -> str:
    """The key or password that whoever runs a source has given, kept as the variable ``name``.

    Args:
        where: feed and window, for the message.
        name: name of the variable, which a territory file may say; its value it may not.

    Raises:
        SecretMissing: there is no such variable.
    """
    if value := variable(name):
        return value
    raise SecretMissing(
        where,
        found=f"{name} is not set",
        expected="the key or password with which the source may be read",
        action=f"Set {name} in the environment or in Airflow's secrets backend, never in a file of the city.",
    )


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
