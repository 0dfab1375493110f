"""Recognisers of personal data with a fixed pattern: numbers, addresses, plates, dates of birth; French and English.

Patterns are read on normalised text. A checksum that holds makes a recogniser sure; one that fails does not let the
number through, because a mistyped number is still somebody's.
"""

from __future__ import annotations

import re

from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

LANGUAGE = "fr"
_FLAGS = re.IGNORECASE
_SURE, _LIKELY, _MAYBE = 0.9, 0.7, 0.5

# --- numbers, with what people write between their digits
_GAP = r"[ .\-/_,]{0,3}"
_CODE_GAP = r"[ .\-]{0,2}"
_DAY_MONTH_YEAR = r"\d\d([/.\-])\d\d\1(?:19|20)\d\d\b"
_START, _END = r"(?<![\d+])(?<!\d[.,])", r"(?!\d)"

# --- addresses
_STREET = (
    r"(?:rue|avenue|av|boulevard|boul|bd|bld|blvd|place|pl|cours|quai|chemin|che|impasse|imp|all[ée]es?|traverse|mont[ée]e|"
    r"square|rond[- ]point|esplanade|passage|corniche|route|rte|promenade|sentier|lotissement|r[ée]sidence|hameau|"
    r"cit[ée]|faubourg|villa|voie|escaliers?|parvis|domaine)\b"
)
_STREET_AFTER_NAME = (
    r"(?:street|st|avenue|ave|boulevard|blvd|road|rd|drive|dr|lane|ln|court|ct|place|pl|parkway|pkwy|highway|hwy|"
    r"terrace|ter|way)\b"
)
_HOUSE = r"\d{1,4}(?:\s?(?:bis|ter|quater|[a-d]\b))?"
_DWELLING = (
    r"(?:b[âa]t(?:iment)?|bt|esc(?:alier)?|app(?:t|artement)|apt|suite|unit|porte|[ée]tage|digicode)\b"
    r"\.?\s?(?:n\s?°\s?)?"
)

# --- dates
_MONTH = (
    r"(?:janv(?:ier)?|f[ée]vr?(?:ier)?|mars|avr(?:il)?|mai|juin|juil(?:let)?|ao[uû]t|sept(?:embre)?|oct(?:obre)?|"
    r"nov(?:embre)?|d[ée]c(?:embre)?|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sep(?:tember)?|october|november|december)\.?"
)
_DAY = r"(?:1er|\d{1,2}(?:st|nd|rd|th)?)"
_DATE = (
    r"(?:\d{1,4}\s?[./\- ]\s?\d{1,2}\s?[./\- ]\s?\d{2,4}|"
    rf"{_DAY}\s{_MONTH},?\s\d{{2,4}}|{_MONTH}\s{_DAY},?\s\d{{4}}|\d{{8}}\b)"
)
_BIRTH = r"\b(?:n[ée]{1,2}(?:\(e\)|e)?s?|naissance|ddn|dob|born|birth)\b"

# --- plates
_LETTERS = "[A-HJ-NP-TV-Z]"
_DEPARTMENT = r"(?:0[1-9]|[1-8]\d|9[0-5]|2[AB]|97[1-6])"
# what stands around three digits in plain writing: "de 300 km", "en 205 de"
_SHORT_WORDS = r"(?:a[nst]|ce|c[lm]|de|e[nst]|f[gt]|h[am]|j[ae]|k[gm]|la|le|m[aelmn]|ne|s[aert]|t[ae]|va|vs)"
_WORDS_BETWEEN_NUMBERS = (
    r"(?:au|et|ou|de|du|des|les|la|le|en|eur|euros?|rue|mai|ans|min|par|sur|est|pas|km|kg|cm|and|for|the|to|am|pm|st)"
)

_SPELT_DIGITS = (
    r"(?:z[ée]ro|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingts?|trente|"
    r"quarante|cinquante|soixante|cents?|et)"
)

_PATTERNS: dict[str, tuple[tuple[float, str], ...]] = {
    "EMAIL": (
        (_SURE, r"[\w.+%'!#$&*/=?^`{|}~-]+\s?@\s?[\w-]+(?:\s?\.\s?[\w-]+)*\.\s?[a-z]{2,24}\b"),
        (
            _SURE,
            r"[\w.+%-]+\s*(?:[(\[{<]\s*(?:at|arobase|@|chez)\s*[)\]}>]|\s(?:arobase|at sign)\s)\s*[\w-]+"
            r"(?:\s*(?:\.|[(\[{]?\s*\b(?:dot|point)\b\s*[)\]}]?)\s*[\w-]+)+",
        ),
    ),
    "URL": (
        (_SURE, r"\b(?:(?:https?|ftp)\s?:\s?//|www\.)[^\s<>\"]*[^\s<>\".,;:!?)]"),
        (
            _LIKELY,
            r"(?<![\w@.])(?:[\w-]+\.)+(?:com|fr|net|org|info|io|me|eu|be|ch|de|uk|us|tv|ly|gl|app|gg|social|ma|dz|tn)"
            r"(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?(?![\w@])",
        ),
    ),
    "HANDLE": (
        (_LIKELY, r"(?<![\w@.])@\s?[\w.\-]*\w(?:@[\w.\-]+\w)?"),
        (
            _LIKELY,
            r"(?<=\b(?:insta(?:gram)?|snap(?:chat)?|twitter|tik\s?tok|facebook|fb|telegram|whatsapp|pseudo|mastodon|bluesky)"
            r"\s?[:=]\s?)[\w.\-@/]+",
        ),
    ),
    "PHONE": (
        (_LIKELY, rf"{_START}(?!{_DAY_MONTH_YEAR})0{_GAP}[1-9](?:{_GAP}\d){{8}}{_END}"),
        (_SURE, rf"(?<!\d)(?:\+|00)\s?\d(?:{_GAP}\(?\d\)?){{7,14}}{_END}"),
        (_LIKELY, rf"{_START}33{_GAP}(?:\(0\))?{_GAP}[1-9](?:{_GAP}\d){{8}}{_END}"),
        (_MAYBE, rf"{_START}(?:1{_GAP})?\(?[2-9]\d\d\)?{_GAP}[2-9]\d\d{_GAP}\d{{4}}{_END}"),
        (
            _MAYBE,
            r"(?<=\b(?:t[ée]l\w*|portable|mobile|phone|call|appele[rz]|joindre|num[ée]ro)\b[^\d<]{0,20})"
            r"\+?\d(?:[ .\-/]?\d){5,}",
        ),
        (_SURE, rf"\bz[ée]ro(?:[\s,\-]+{_SPELT_DIGITS}\b){{5,}}"),
    ),
    "PLATE": (
        (
            _LIKELY,
            rf"(?<![\w-])(?!(?-i:{_SHORT_WORDS} \d{{3}} {_SHORT_WORDS}\b))"
            rf"{_LETTERS}{{2}}[ .\-_·]{{0,3}}\d{{3}}[ .\-_·]{{0,3}}{_LETTERS}{{2}}(?!\w)",
        ),
        (
            _MAYBE,
            rf"(?<![\w-])(?!\d+\s?{_WORDS_BETWEEN_NUMBERS}\s?\d)"
            rf"\d{{2,4}}[ .\-_]{{0,3}}{_LETTERS}{{2,3}}[ .\-_]{{0,3}}{_DEPARTMENT}(?!\w)",
        ),
        (
            _MAYBE,
            r"(?<=\b(?:plaques?|immat\w*|plates?|lic|tag)\b[^\d<.;]{0,15})(?<![\w-])"
            r"(?-i:(?=[A-Z \-.]{0,6}\d[A-Z \-.]{0,6}\d)(?:[A-Z\d]{1,4}[ \-.]?){1,2}[A-Z\d]{1,4})(?!\w)",
        ),
        (_MAYBE, rf"(?<=\b(?:plaques?|immat\w*)\b[^\d<.;]{{0,15}}){_LETTERS}{{2}} ?\d{{3}} ?{_LETTERS}{{2}}(?!\w)"),
    ),
    "DOB": (
        (_SURE, rf"(?<={_BIRTH}[^\d<]{{0,15}}){_DATE}"),
        (_LIKELY, rf"(?<={_BIRTH}\s(?:en|in)\s)(?:19|20)\d\d\b"),
    ),
    "BADGE": (
        (
            _LIKELY,
            r"(?<=\b(?:matricule|badge|mle|star|rio|indicatif|officer|ofc|agent)\s?(?:n[°o]\.?|num[ée]ro|number|no|#|:)?\s?[:#]?\s?)"
            r"(?<!\w)(?=[A-Z]{0,3}\d)[A-Z\d](?:[A-Z\d\-/.]*[A-Z\d])?\b",
        ),
    ),
    "HOUSE": (
        (
            _MAYBE,
            rf"(?<![\w:/.,]|\d )(?<!\b(?:ligne|bus|tram|m[ée]tro)\s)(?:n\s?°\s?)?{_HOUSE}(?:\s?[-/&,à]\s?{_HOUSE})*"
            rf"(?=\s?,?\s(?:de la |de l'|du |des |d')?{_STREET})",
        ),
        (_MAYBE, rf"(?<=\b{_STREET}[^,.;\d<]{{2,40}},?\s?)(?:n\s?°|num[ée]ro|au num[ée]ro)\s?{_HOUSE}(?!\w)"),
        (
            _MAYBE,
            r"(?<![\w:/.,])\d{1,5}(?!\s+block)"
            rf"(?=\s+(?:[NSEW]{{1,2}}\.?\s+)?(?:[A-Z\d][\w.']*\s+){{1,3}}{_STREET_AFTER_NAME})",
        ),
        (_MAYBE, rf"(?<=\b{_DWELLING})(?<!\w)(?:\d{{1,5}}[A-Z]?|(?-i:[A-Z])\d*)\b(?!')"),
    ),
    "NUMBER": (
        (_MAYBE, r"(?<!\w)\d(?:[ .\-]?\d){12,18}(?!\w)"),
        (_MAYBE, r"\d{9,}"),
    ),
}


class NirRecogniser(PatternRecognizer):
    """Social-security number: 13 characters, and a key of two digits that is 97 less their remainder by 97."""

    def __init__(self) -> None:
        gap = _CODE_GAP
        shape = (
            rf"(?<!\w)[1-478](?:{gap}\d){{4}}{gap}(?:\d{gap}\d|2{gap}[AB])(?:{gap}\d){{6}}"
            rf"(?:{gap}(?:cl[ée]\s?:?\s?)?\d{gap}\d)?(?!\w)"
        )
        super().__init__("NIR", "nir", LANGUAGE, [Pattern("nir", shape, _LIKELY)], global_regex_flags=_FLAGS)

    def validate_result(self, pattern_text: str) -> bool | None:
        """True if the key is valid; otherwise only the pattern decides."""
        number = re.sub(r"CL[ÉE]|[^0-9AB]", "", pattern_text.upper()).replace("2A", "19").replace("2B", "18")
        return (len(number) == 15 and number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])) or None


class IbanRecogniser(PatternRecognizer):
    """Account number: country, two check digits, 11 to 30 characters; ISO 7064, the remainder by 97 is 1."""

    def __init__(self) -> None:
        gap = _CODE_GAP
        shapes = {
            "french": (_SURE, rf"(?<!\w)FR(?:{gap}\d){{2}}(?:{gap}[A-Z\d]){{23}}(?!\w)"),
            "other": (
                _LIKELY,
                rf"(?<!\w)[A-Z]{{2}}(?:{gap}\d){{2}}(?:{gap}[A-Z\d]{{4}}){{2,7}}(?:{gap}[A-Z\d]{{1,3}})?(?!\w)",
            ),
            "announced": (
                _LIKELY,
                rf"(?<=\b(?:iban|rib|compte)\b[^\d<]{{0,20}})(?<!\w)(?:[A-Z]{{2}})?\d(?:{gap}[A-Z]?\d){{9,30}}(?!\w)",
            ),
        }
        patterns = [Pattern(name, shape, score) for name, (score, shape) in shapes.items()]
        super().__init__("IBAN", "iban", LANGUAGE, patterns, global_regex_flags=_FLAGS)

    def validate_result(self, pattern_text: str) -> bool | None:
        """True if the check digits are valid; false if they are not and the text could be words."""
        number = re.sub(r"[^0-9A-Z]", "", pattern_text.upper())
        if number[:2].isalpha() and int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1:
            return True
        return None if number.startswith("FR") or sum(map(str.isdigit, number)) >= 10 else False


def pattern_recognisers() -> list[EntityRecognizer]:
    """One recogniser per pattern."""
    by_shape = [
        PatternRecognizer(
            entity,
            entity.lower(),
            LANGUAGE,
            [
                Pattern(f"{entity.lower()} {number}", shape, score)
                for number, (score, shape) in enumerate(shapes, start=1)
            ],
            global_regex_flags=_FLAGS,
        )
        for entity, shapes in _PATTERNS.items()
    ]
    return [NirRecogniser(), IbanRecogniser(), *by_shape]
