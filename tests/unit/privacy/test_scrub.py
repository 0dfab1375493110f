"""Scrubbing removes planted personal spans in any notation, keeps places, and is idempotent."""

import random
import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.privacy.normalise import normalise
from observatory.privacy.places import Places
from observatory.privacy.scrub import scrub

PLACES = Places(
    streets=[
        "Rue de Rome",
        "Cours Lieutaud",
        "Rue Paradis",
        "Place Jean Jaurès",
        "Rue Félix Pyat",
        "Rue Colbert",
        "Rue Yanis",
    ],
    areas=["Noailles", "La Castellane", "Endoume", "Marseille", "Le Vieux-Port"],
)
SETTINGS = settings(max_examples=60, deadline=None)


def scrubbed(*texts, places=PLACES):
    return scrub(pl.Series(texts, dtype=pl.String), places).to_list()


def plain(text):
    """A text's letters and digits alone, in ASCII where there is one, so that no way of writing hides a leak."""
    return "".join(c for c in unicodedata.normalize("NFKD", normalise(text)).lower() if c.isalnum())


SENTENCES = [
    "Appel de {} pour tapage nocturne",
    "{}",
    "rappeler au {}, merci",
    "VOLÉ : {} (CONSTATÉ À 23H40)",
    "le numéro ({}) relevé rue de Rome",
    "Contact:{}.",
]
DIGITS = st.text("0123456789", min_size=1)
GAPS = ["", " ", ".", "-", " - ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", "\N{NON-BREAKING HYPHEN}", "/"]
SCRIPTS = [0x30, 0xFF10, 0x0660, 0x06F0, 0x0966, 0x1D7CE]  # ASCII, full width, Arabic, Persian, Devanagari, bold


@st.composite
def written(draw, digits, groups):
    """A number in groups, one way to part them, one script of digits, perhaps something invisible in it."""
    parts, rest = [], digits
    for size in groups:
        parts.append(rest[:size])
        rest = rest[size:]
    text = draw(st.sampled_from(GAPS)).join(part for part in (*parts, rest) if part)
    zero = draw(st.sampled_from(SCRIPTS))
    text = "".join(chr(zero + int(c)) if c.isascii() and c.isdigit() else c for c in text)
    if draw(st.booleans()):
        place = draw(st.integers(1, len(text) - 1))
        text = text[:place] + draw(st.sampled_from("\u200b\u00ad\u2060")) + text[place:]
    return text


def fixed(length):
    return st.text("0123456789", min_size=length, max_size=length)


@SETTINGS
@given(data=st.data(), national=fixed(8), second=st.integers(1, 9), sentence=st.sampled_from(SENTENCES))
def test_french_phone_numbers_are_removed(*, data, national, second, sentence):
    number = f"0{second}{national}"
    groups = data.draw(st.sampled_from([(2, 2, 2, 2), (10,), (4, 3), (4, 2, 2), (1, 1, 2, 2, 2)]))
    text = data.draw(written(number, groups))
    assert number[-8:] not in plain(scrubbed(sentence.format(text))[0])
    text = data.draw(st.sampled_from(["+33", "0033", "+33 (0)", "+33 ", "0033 "])) + data.draw(
        written(number[1:], data.draw(st.sampled_from([(1, 2, 2, 2), (9,), (3, 3)])))
    )
    assert number[-8:] not in plain(scrubbed(sentence.format(text))[0])


@SETTINGS
@given(
    data=st.data(),
    area=st.integers(200, 999),
    exchange=st.integers(200, 999),
    line=fixed(4),
    sentence=st.sampled_from(SENTENCES),
)
def test_american_phone_numbers_are_removed(*, data, area, exchange, line, sentence):
    text = data.draw(st.sampled_from(["({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1 {} {} {}", "1-{}-{}-{}", "{}{}{}"]))
    out = plain(scrubbed(sentence.format(text.format(area, exchange, line)))[0])
    assert f"{area}{exchange}{line}" not in out


PLATE_LETTERS = st.text("ABCDEFGHJKLMNPQRSTVWXYZ", min_size=2, max_size=2)


@SETTINGS
@given(
    first=PLATE_LETTERS,
    number=st.integers(1, 999),
    last=PLATE_LETTERS,
    gap=st.sampled_from(["-", " ", "", ".", "\N{NO-BREAK SPACE}", " - ", "\N{EN DASH}", "\N{NON-BREAKING HYPHEN}"]),
    lower=st.booleans(),
    sentence=st.sampled_from(SENTENCES),
)
def test_plates_of_the_current_format_are_removed(*, first, number, last, gap, lower, sentence):
    plate = f"{first}{gap}{number:03d}{gap}{last}"
    # lower-case letters separated by a space may be words ("de 300 km"): distinguished only after a word such as plaque
    text = f"plaque {plate.lower()}" if lower else plate
    assert plain(plate) not in plain(scrubbed(sentence.format(text))[0])


@SETTINGS
@given(
    number=st.integers(100, 9999),
    letters=st.text("ABCDEFGHJKLMNPQRSTVWXYZ", min_size=2, max_size=2),
    department=st.sampled_from(["01", "13", "2A", "2B", "75", "83", "95", "974"]),
    gap=st.sampled_from(["-", " ", "", "\N{NO-BREAK SPACE}"]),
    sentence=st.sampled_from(SENTENCES),
)
def test_plates_of_the_old_format_are_removed(*, number, letters, department, gap, sentence):
    if letters in ("DE", "DU", "ET", "LE", "LA", "EN", "AM", "PM", "ST", "KM", "KG", "CM"):
        sentence = "plaque {}"
    plate = f"{number}{gap}{letters}{gap}{department}"
    assert plain(plate) not in plain(scrubbed(sentence.format(plate))[0])


@SETTINGS
@given(
    local=st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,15}[a-z0-9]", fullmatch=True),
    host=st.from_regex(r"[a-z][a-z0-9-]{1,10}[a-z]", fullmatch=True),
    top=st.sampled_from(["fr", "com", "asso.fr", "museum"]),
    at=st.sampled_from(["@", "\N{FULLWIDTH COMMERCIAL AT}", " @ ", " (at) ", "[arobase]", " arobase "]),
    sentence=st.sampled_from(SENTENCES),
)
def test_email_addresses_are_removed(*, local, host, top, at, sentence):
    out = scrubbed(sentence.format(f"{local}{at}{host}.{top}"))[0]
    assert "<EMAIL>" in out
    assert f"{host}.{top}" not in out
    assert "@" not in out


def iban(country, account):
    digits = "".join(str(int(c, 36)) for c in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


@SETTINGS
@given(
    country=st.sampled_from(["FR", "BE", "DE", "ES", "IT", "MC"]),
    account=fixed(23),
    size=st.sampled_from([4, 30]),
    gap=st.sampled_from([" ", "-", "", "\N{NO-BREAK SPACE}"]),
    lower=st.booleans(),
    sentence=st.sampled_from(SENTENCES),
)
def test_account_numbers_are_removed(*, country, account, size, gap, lower, sentence):
    lengths = {"FR": 23, "BE": 12, "DE": 18, "ES": 20, "IT": 23, "MC": 23}
    number = iban(country, account[: lengths[country]])
    text = gap.join(re.findall(f".{{1,{size}}}", number))
    out = plain(scrubbed(sentence.format(text.lower() if lower else text))[0])
    assert number[4:].lower() not in out
    assert number[-12:].lower() not in out


@SETTINGS
@given(
    sex=st.sampled_from("12"),
    year=st.integers(0, 99),
    month=st.integers(1, 12),
    department=st.sampled_from(["13", "75", "2A", "2B", "99"]),
    rest=fixed(6),
    keyed=st.booleans(),
    gap=st.sampled_from([" ", ".", "-", "", "\N{NO-BREAK SPACE}"]),
    sentence=st.sampled_from(SENTENCES),
)
def test_social_security_numbers_are_removed(*, sex, year, month, department, rest, keyed, gap, sentence):
    digits = f"{sex}{year:02d}{month:02d}{department.replace('2A', '19').replace('2B', '18')}{rest}"
    key = [f"{97 - int(digits) % 97:02d}"] if keyed else []
    text = gap.join([sex, f"{year:02d}", f"{month:02d}", department, rest[:3], rest[3:], *key])
    out = plain(scrubbed(sentence.format(text))[0])
    assert rest not in out
    assert plain(text) not in out


PIECES = """
Mme Karima Benali au 06 12 34 56 78 , . rue de Rome kevin lopez AB-123-CD né le 12/03/1994 à Marseille <PERSON>
@marie_13005 LEROY Sandrine épouse Morel 14 Paradis place Jean Jaurès brigadier Garcia matricule 4521 https://x.fr/a
Dupont M. 'l' - plaque
"""


@SETTINGS
@given(st.lists(st.sampled_from(PIECES.split()), max_size=25).map(" ".join))
def test_scrubbing_twice_changes_nothing(text):
    once = scrubbed(text)
    assert scrubbed(*once) == once


@SETTINGS
@given(st.text(max_size=60))
def test_scrubbing_any_text_succeeds_and_is_idempotent(text):
    once = scrubbed(text)
    assert scrubbed(*once) == once
    assert normalise(once[0]) == once[0]


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Appel de Mme Karima Benali pour tapage rue de Rome.", "Appel de Mme <PERSON> pour tapage rue de Rome."),
        ("appel de mme karima benali, tapage rue de rome", "appel de mme <PERSON>, tapage rue de rome"),
        ("APPEL DE MME KARIMA BENALI, TAPAGE RUE DE ROME", "APPEL DE MME <PERSON>, TAPAGE RUE DE ROME"),
        ("mon voisin kevin lopez cours lieutaud", "mon voisin <PERSON> cours lieutaud"),
        ("LEROY Sandrine épouse MOREL", "<PERSON> épouse <PERSON>"),
        ("brigadier Garcia, matricule 4521", "brigadier <PERSON>, matricule <BADGE>"),
        ("Reported by Officer Smith, badge #1234", "Reported by Officer <PERSON>, badge #<BADGE>"),
        ("demeurant 14 bis rue Paradis", "demeurant <HOUSE> rue Paradis"),
        ("fight at 1120 SW Morrison St", "fight at <HOUSE> SW Morrison St"),
        ("né le 12/03/1994 à Marseille", "né le <DOB> à Marseille"),
        ("Merci @ville_marseille !", "Merci <HANDLE> !"),
        ("voir https://x.fr/jean/1, vite", "voir <URL>, vite"),
        ("Rixe place Jean-Jaurès", "Rixe place Jean-Jaurès"),
        ("Poste Colbert et cité Félix-Pyat", "Poste Colbert et cité Félix-Pyat"),
        ("intervention rapide à Endoume", "intervention rapide à Endoume"),
        ("On a vu Yanis rue Yanis", "On a vu <PERSON> rue Yanis"),
        ("ligne 21 boulevard Baille, vers 18h30 rue de Rome", "ligne 21 boulevard Baille, vers 18h30 rue de Rome"),
        ("le 12/03/2024 à 14h, 3 individus, 150 euros", "le 12/03/2024 à 14h, 3 individus, 150 euros"),
        ("le 01/02/2024 12:34:56 rue de Rome", "le 01/02/2024 12:34:56 rue de Rome"),
        ("2024-01-02 12:34, 02.03.2024 11h", "2024-01-02 12:34, 02.03.2024 11h"),
        ("plus de 300 km en 205 de la ville", "plus de 300 km en 205 de la ville"),
        ("entre 100 et 200 personnes, 1200 à 1300 euros", "entre 100 et 200 personnes, 1200 à 1300 euros"),
        ("madame la maire et monsieur le préfet", "madame la maire et monsieur le préfet"),
        ("Agent verbalisateur au Vieux-Port", "Agent verbalisateur au Vieux-Port"),
        ("", ""),
    ],
)  # fmt: skip
def test_persons_are_removed_and_places_kept(text, expected):
    assert scrubbed(text) == [expected]


def test_a_column_keeps_its_length_its_nulls_and_its_name():
    texts = pl.Series("text", ["rue de Rome", None, "appeler Sylvie Arnaud", None, "rue de Rome"])
    found = scrub(texts, PLACES)
    assert found.name == "text"
    assert found.to_list() == ["rue de Rome", None, "appeler <PERSON>", None, "rue de Rome"]
    assert scrub(pl.Series("t", [None, None], dtype=pl.String), PLACES).to_list() == [None, None]
    assert scrub(pl.Series("t", [], dtype=pl.String), PLACES).to_list() == []


def test_other_texts_in_the_column_do_not_matter():
    texts = ["Appel de Mme Karima Benali", "mon voisin kevin lopez", "rue de Rome", "Sylvie Arnaud 06 12 34 56 78"] * 5
    alone = [scrubbed(text)[0] for text in texts]
    random.Random(1).shuffle(texts)
    assert sorted(scrubbed(*texts)) == sorted(alone)


def test_every_planted_span_of_invented_sentences_is_removed(shared_data):
    from benchmarks.scrub import gold, leaked, marseille

    sentences = gold(shared_data / "pii_fr" / "sentences.txt")
    assert sum(len(spans) for _, spans in sentences) == 54
    found = scrubbed(*(text for text, _ in sentences), places=marseille(shared_data / "geo_marseille"))
    assert [leak for (_, spans), out in zip(sentences, found, strict=True) for leak in leaked(spans, out)] == []
