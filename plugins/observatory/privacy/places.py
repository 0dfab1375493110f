"""Names of a city's places, so that persons are masked but streets named after persons are not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from observatory.privacy.words import word_lists

_WORDS = word_lists()["places"]
STREET_TYPES = _WORDS["street_types"]
VENUE_TYPES = _WORDS["venue_types"]
LOCATIVES = _WORDS["locatives"]
ARTICLES = _WORDS["articles"]
SAINTS = _WORDS["saints"]
_ENGLISH_SUFFIXES = _WORDS["english_suffixes"]
_WORD = re.compile(r"<[A-Z]+>|[^\W\d_]+")
_LONGEST = 8


@dataclass(frozen=True)
class Word:
    """A word of a text: its position, its spelling, and its form without case and accents."""

    start: int
    end: int
    text: str
    folded: str

    @property
    def is_capitalised(self) -> bool:
        """Whether its first letter is a capital."""
        return self.text[0].isupper()


def words_of(text: str) -> list[Word]:
    """The words of a text, split at hyphens and apostrophes; a placeholder is a word without letters of its own."""
    return [
        Word(match.start(), match.end(), match[0], "" if match[0][0] == "<" else fold(match[0]))
        for match in _WORD.finditer(text)
    ]


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """The word in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", word.lower().replace("œ", "oe").replace("æ", "ae"))
    return "".join(c for c in plain if not unicodedata.combining(c))


@dataclass(frozen=True)
class Places:
    """An allow-list of place names.

    A street's full name is kept wherever it stands. The name without its type (``Lieutaud``) is kept behind a type of
    street or venue, or a word of place; standing alone it might be somebody's surname. Names of areas are kept
    everywhere.

    Attributes:
        streets: full names, such as ``Cours Lieutaud``.
        areas: names of quarters, districts, landmarks and the city itself.
    """

    streets: Sequence[str] = ()
    areas: Sequence[str] = ()
    _always: frozenset[tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _cores: frozenset[tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        streets, areas = set(_folded(self.streets)), set(_folded(self.areas))
        cores = {_without_type(name) for name in streets | areas} - {()}
        always = areas | {_without_articles(name) for name in areas} | {name for name in streets if len(name) > 1}
        object.__setattr__(self, "streets", tuple(self.streets))
        object.__setattr__(self, "areas", tuple(self.areas))
        object.__setattr__(self, "_always", frozenset(always - {()}))
        object.__setattr__(self, "_cores", frozenset(cores))

    def protected(self, words: Sequence[Word], first_names: frozenset[str] = frozenset()) -> list[bool]:
        """Mark the words that are part of a place's name.

        Args:
            words: of one text.
            first_names: folded; a place's name that begins with one needs its type before it.

        Returns:
            One flag per word.
        """
        folded = [word.folded for word in words]
        flags = [False] * len(words)
        for index, word in enumerate(folded):
            reach = 0
            if word in SAINTS:
                reach = min(2, len(words) - index)
            if word in STREET_TYPES or word in VENUE_TYPES:
                reach = max(reach, self._after_type(words, folded, index, first_names))
            full = _longest(self._always, folded, index)
            if full > 1 or (full and word not in first_names):
                reach = max(reach, full)
            core = _longest(self._cores, folded, index)
            before = next((w for w in reversed(folded[max(0, index - 2) : index]) if w not in ARTICLES - LOCATIVES), "")
            if core and word not in first_names and (core > 1 or before in LOCATIVES or before in VENUE_TYPES):
                reach = max(reach, core)
            for position in range(index, index + reach):
                flags[position] = True
            if word in _ENGLISH_SUFFIXES and index and words[index - 1].is_capitalised:
                flags[index - 1] = flags[index] = True
        return flags

    def _after_type(self, words: Sequence[Word], folded: list[str], index: int, first_names: frozenset[str]) -> int:
        """How many words from the type on are the place's name; an unlisted street keeps its first name-like words."""
        start = index + 1
        while start < len(words) and folded[start] in ARTICLES:
            start += 1
        if start == len(words) or not folded[start]:
            return 0
        core = max(_longest(self._cores, folded, begin) + begin - start for begin in range(index + 1, start + 1))
        if core > 0:
            return start + core - index
        if folded[index] not in STREET_TYPES:
            return 0
        return min(start + 1 + (folded[start] in first_names), len(words)) - index


def _longest(names: frozenset[tuple[str, ...]], folded: list[str], index: int) -> int:
    """Number of words of the longest name that begins at the word; 0 if none does."""
    return next(
        (n for n in range(min(_LONGEST, len(folded) - index), 0, -1) if tuple(folded[index : index + n]) in names), 0
    )


def _folded(names: Iterable[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(word.folded for word in words_of(name)) for name in names)


def _without_articles(name: tuple[str, ...]) -> tuple[str, ...]:
    start = next((i for i, word in enumerate(name) if word not in ARTICLES), len(name))
    return name[start:]


def _without_type(name: tuple[str, ...]) -> tuple[str, ...]:
    typed = name[1:] if name and (name[0] in STREET_TYPES or name[0] in VENUE_TYPES) else name
    core = _without_articles(typed)
    return core if len("".join(core)) > 2 else ()
