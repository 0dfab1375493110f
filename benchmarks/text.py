"""Measure the classifier of texts: macro-F1 on texts held out and on posts about a city, and texts a second.

python -m benchmarks.text ../shared/data/text_sentiment
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import polars as pl

from observatory.text.labelled import read_labelled
from observatory.text.measure import held_out, measured
from observatory.text.model import SHIPPED, load

SIDES = {"0": "negative", "1": "neutral", "2": "positive"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with xed_fr and marseille_made_up_60.tsv")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    labelled = read_labelled(arguments.data / "xed_fr" / "fr-projections.tsv")
    posts = read_labelled(arguments.data / "marseille_made_up_60.tsv")
    model = load()
    truth = [SIDES[label] for label in posts["label"]]
    predicted = model.classify(posts["text"])["label"].to_list()
    texts = pl.concat([labelled["text"] + f" {number}" for number in range(3)])
    started = time.perf_counter()
    model.classify(texts)
    result = {
        "model": f"{model.name} {model.version}",
        "size_kb": SHIPPED.stat().st_size / 1024,
        "texts": labelled.height,
        "texts_per_s": texts.len() / (time.perf_counter() - started),
        "held_out": (found := held_out(labelled, model.name)).f1 | {"macro_f1": found.macro_f1},
        "made_up_posts": (found := measured(truth, predicted)).f1 | {"macro_f1": found.macro_f1},
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['model']}, {result['size_kb']:.0f} KB, {result['texts_per_s']:.0f} texts/s")
    for name in ("held_out", "made_up_posts"):
        print(f"{name:<14}", ", ".join(f"{label} {score:.3f}" for label, score in result[name].items()))


if __name__ == "__main__":
    main()
