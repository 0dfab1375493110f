"""Contracts: one module per kind of record. Each is imported on first use, since pandera is slow to import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.contracts.base import Contract


class _Contracts(Mapping[str, "Contract"]):
    def __getitem__(self, kind: str) -> Contract:
        if kind not in KINDS:
            raise KeyError(kind)
        return import_module(f"{__name__}.{kind}").CONTRACT

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


CONTRACTS: Mapping[str, Contract] = _Contracts()
"""The contract of each kind, by its name."""
