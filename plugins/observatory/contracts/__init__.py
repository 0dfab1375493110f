"""Contracts: one module per record kind. A module here is a kind; adding one adds it everywhere.

Light: the schedules know the names; a contract is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observatory.contracts.base import Kind

NAMES = tuple(sorted({module.name for module in iter_modules(__path__)} - {"base", "parse"}))
"""Names of the kinds."""


class _Kinds(Mapping[str, "Kind"]):
    """Name of a kind to the kind."""

    def __getitem__(self, name: str) -> Kind:
        if name not in NAMES:
            raise KeyError(name)
        return import_module(f"{__name__}.{name}").KIND

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


KINDS: Mapping[str, Kind] = _Kinds()
