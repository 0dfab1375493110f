"""Distinguish names of columns about a person from names of columns about a place or a count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from observatory.privacy.words import word_lists

_WORDS = word_lists()["columns"]


def personal_columns(names: Iterable[str], allowed: Collection[str] = ()) -> list[str]:
    """The column names that are about a person and may not be mapped.

    A name alone (``nom``, ``name``) is taken for a person's unless the kind allows it, as it does where the record is a
    place. A name of something (``nom_station``), a count or a class of persons (``victim_count``) is not personal.

    Args:
        names: columns of a source, written in any style: ``dateNaissance``, ``date_naissance``, ``Date de naissance``.
        allowed: columns that the kind knows to be a place's, or makes coarse itself.

    Returns:
        The personal ones, as they were written, in their order.
    """
    return [name for name in names if name not in allowed and _is_personal(_words(name))]


def refused_at_the_door(names: Iterable[str]) -> list[str]:
    """The column names of images, tracks, faces, plates or other biometric traits, for video analytics.

    Such a field is not dropped but refuses the whole delivery: who sends it has to stop sending it. A count of such
    things (``frame_count``) is none.

    Args:
        names: fields of an alert or a measure, nested ones too, each by its own name or its dotted path.

    Returns:
        The refused ones, as they were written, in their order.
    """
    return [name for name in names if _is_traced(_words(name))]


def _is_personal(words: list[str]) -> bool:
    found = {*words}
    if found & _WORDS["aggregate"]:
        return False
    written = f"_{'_'.join(words)}_"
    if found & _WORDS["always"] or "".join(words) in _WORDS["always"]:
        return True
    if any(f"_{compound}_" in written for compound in _WORDS["compounds"]):
        return True
    if found & _WORDS["names"]:
        return found <= _WORDS["names"] | _WORDS["of_a_name"] | _WORDS["persons"]
    return bool(found & _WORDS["persons"]) and found <= _WORDS["persons"] | _WORDS["identity"]


def _is_traced(words: list[str]) -> bool:
    found = {*words, "".join(words)}
    return bool(found & _WORDS["at_the_door"]) and not found & _WORDS["aggregate"]


def _words(name: str) -> list[str]:
    """A column's name as lower-case words without accents: camelCase, snake_case, dots and spaces alike."""
    split = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Ý])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    plain = "".join(c for c in unicodedata.normalize("NFKD", split.lower()) if not unicodedata.combining(c))
    return [word for word in re.findall(r"base64|[a-z]+", plain) if word not in _WORDS["fillers"]]
