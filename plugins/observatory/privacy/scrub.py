"""Mask persons in free text, and keep the names of places.

Presidio is the shell: it runs the recognisers, settles overlaps and writes the placeholders. The recognisers are ours,
French first; the names are read by spaCy's French model, which comes as a package: nothing is fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from observatory.privacy.normalise import normalise
from observatory.privacy.places import Places

if TYPE_CHECKING:
    from presidio_analyzer import BatchAnalyzerEngine, RecognizerResult

__all__ = ["Places", "Scrubber", "scrub"]

_BATCH = 256


def scrub(texts: pl.Series, places: Places) -> pl.Series:
    """Mask every person in a column of texts.

    Each value is read once, however often it stands. What comes out is normalised (plain spaces, dashes and digits) and
    has ``<PERSON>``, ``<PHONE>``, ``<PLATE>`` and the like where something personal stood; of a postal address only the
    house and the flat are masked. Scrubbing it again changes nothing.

    Args:
        texts: shape (n,), String.
        places: the city's streets and areas, which are never taken for a person's name.

    Returns:
        Shape (n,), String, the same name; null stays null.
    """
    distinct = texts.drop_nulls().unique(maintain_order=True)
    scrubbed = pl.Series([*scrubber(places).clean(distinct)], dtype=pl.String)
    return texts.replace_strict(distinct, scrubbed, default=None, return_dtype=pl.String)


@lru_cache(maxsize=8)
def scrubber(places: Places) -> Scrubber:
    """The scrubber of a city; made once in a process (some seconds, and half a gigabyte for the model)."""
    return Scrubber(places)


class Scrubber:
    """Masks persons in texts and keeps the places of one city.

    Args:
        places: the city's allow-list.
    """

    def __init__(self, places: Places) -> None:
        from presidio_anonymizer import AnonymizerEngine

        self._analyzer = _analyzer(places)
        self._anonymizer = AnonymizerEngine()

    def clean(self, texts: Sequence[str] | pl.Series) -> Iterator[str]:
        """The texts without persons, in their order."""
        for start in range(0, len(texts), _BATCH):
            batch = [normalise(text) for text in texts[start : start + _BATCH]]
            changed = [*range(len(batch))]
            # a mask changes what stands around it: read again until nothing more is found, which makes it idempotent
            while changed:
                masked = self._mask([batch[index] for index in changed])
                changed_now = [index for index, text in zip(changed, masked, strict=True) if text != batch[index]]
                for index, text in zip(changed, masked, strict=True):
                    batch[index] = text
                changed = changed_now
            yield from batch

    def _mask(self, texts: list[str]) -> list[str]:
        found = self._analyzer.analyze_iterator(texts, language="fr", batch_size=_BATCH)
        return [self._write(text, results) for text, results in zip(texts, found, strict=True)]

    def _write(self, text: str, results: list[RecognizerResult]) -> str:
        spans = [result for result in results if result.end > result.start]
        if not spans:
            return text
        return str(self._anonymizer.anonymize(text, spans).text)


def _analyzer(places: Places) -> BatchAnalyzerEngine:
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry

    from observatory.privacy.names import NameModel, NameRecogniser
    from observatory.privacy.recognisers import LANGUAGE, pattern_recognisers

    # of its own logs, one is a warning for each text without entities, another could quote a text
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    model = NameModel(places)
    recognisers = [*pattern_recognisers(), NameRecogniser(model.lexicon, places)]
    registry = RecognizerRegistry(recognisers, supported_languages=[LANGUAGE])
    return BatchAnalyzerEngine(AnalyzerEngine(registry, model, supported_languages=[LANGUAGE]))
