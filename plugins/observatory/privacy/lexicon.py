"""Names of persons in French and English, and French words that are not names."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observatory.privacy.places import fold, words_of
from observatory.privacy.words import word_lists

if TYPE_CHECKING:
    from spacy.language import Language

_WORDS = word_lists()["names"]


@dataclass(frozen=True)
class Lexicon:
    """Words without case and accents.

    Attributes:
        first_names: given names.
        last_names: family names.
        words: words that are not names by themselves; some are both.
    """

    first_names: frozenset[str]
    last_names: frozenset[str]
    words: frozenset[str]

    def is_word(self, word: str) -> bool:
        """Whether the dictionary has the word or its singular."""
        return word in self.words or (word[-1:] in ("s", "x") and word[:-1] in self.words)

    def is_first_name(self, word: str) -> bool:
        """Whether the word is only a given name."""
        return word in self.first_names and not self.is_word(word)

    def may_be_name(self, word: str) -> bool:
        """Whether the word could be a person's name: it is in a list of names, or in no dictionary."""
        return len(word) > 2 and (word in self.last_names or not self.is_word(word))


def read_lexicon(nlp: Language) -> Lexicon:
    """The lexicon: Faker's name lists and the forms in the model's own French dictionary.

    Args:
        nlp: French pipeline with its lemmatizer.
    """
    first: set[str] = set(_WORDS["first_names"])
    last: set[str] = set()
    for locale in _WORDS["faker_locales"]:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            names = getattr(provider, attribute)
            if attribute.startswith(("first_name", "last_name", "prefix_first")) and not callable(names):
                (last if attribute.startswith("last") else first).update(names)
    tables = nlp.get_pipe("lemmatizer").lookups
    forms = {
        form for name in ("lemma_exc", "lemma_index") for entry in tables.get_table(name).values() for form in entry
    }
    words = (
        {form for form in forms if form.islower()} | _WORDS["words"] | _WORDS["no_persons"] | nlp.Defaults.stop_words
    )
    return Lexicon(
        frozenset(_parts(first) - _WORDS["no_persons"]),
        frozenset(_parts(last) - _WORDS["no_persons"] - {*map(fold, nlp.Defaults.stop_words)}),
        frozenset(fold(part) for word in words for part in word.split("-")),
    )


def _parts(names: set[str]) -> set[str]:
    """The single words of the names, without particles and initials."""
    return {word.folded for name in names for word in words_of(name) if len(word.folded) > 2}
