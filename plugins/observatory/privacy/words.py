"""The word lists of the recognisers, read from ``words.toml``, without case and accents."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def word_lists() -> dict[str, dict[str, frozenset[str]]]:
    """Section to list to words."""
    tables = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
    return {
        section: {name: frozenset(words.split()) for name, words in lists.items()} for section, lists in tables.items()
    }
