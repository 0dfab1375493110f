"""Normalise digits, spaces and dashes, so that personal numbers are found however they are typed."""

from __future__ import annotations

import unicodedata

_APOSTROPHES = frozenset("\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}")
_MINUS = "\N{MINUS SIGN}"


def normalise(text: str) -> str:
    """Text in compatibility composition (NFKC), with ASCII digits, spaces, dashes and apostrophes.

    Characters that show nothing (zero-width, direction marks, soft hyphens) go. Doing it again changes nothing.
    """
    if text.isascii():
        return text
    shown = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", "".join(map(_plain, unicodedata.normalize("NFKC", shown))))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.digit(character))
        case "Zs":
            return " "
        case "Pd":
            return "-"
        case _:
            return "'" if character in _APOSTROPHES else "-" if character == _MINUS else character
