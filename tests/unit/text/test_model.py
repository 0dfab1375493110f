"""Classifying short texts: recovers what is planted, gives the same scores after saving, and reports unusable input."""

import random

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from observatory.commands.text import app
from observatory.errors import TextModelError
from observatory.text import encoder
from observatory.text.labelled import read_labelled
from observatory.text.measure import held_out, measured
from observatory.text.model import SHIPPED, load, train
from observatory.text.tone import tone

WORDS = {
    "good": "merci bravo super calme",
    "bad": "bruit insupportable poubelles marre",
    "none": "mardi gare réunion ligne",
}


def planted(count=300, seed=1):
    rng = random.Random(seed)
    labels = [rng.choice([*WORDS]) for _ in range(count)]
    filler = ["le", "la", "de", "rue", "place", "quartier", "ce", "soir", "encore"]
    texts = [
        " ".join(rng.choices(filler, k=5) + rng.choices(WORDS[label].split(), k=2)) + f" {number}"
        for number, label in enumerate(labels)
    ]
    return texts, labels


@pytest.fixture(scope="module")
def model():
    return train(*planted(), "planted")


def test_planted_classes_are_recovered(model):
    texts, labels = planted(200, seed=2)
    result = model.classify(pl.Series(texts))["label"].to_list()
    assert measured(labels, result).macro_f1 > 0.95
    assert measured(labels, random.Random(0).sample(labels, len(labels))).macro_f1 < 0.5


def test_scores_have_probabilities_and_the_models_name(model):
    found = model.classify(pl.Series("text", ["merci bravo", None, "quel bruit", "merci bravo"]))
    assert found.columns == [
        *("label", "probability_bad", "probability_good", "probability_none"),
        *("model_name", "model_version"),
    ]
    assert found["label"].to_list() == ["good", None, "bad", "good"]
    sums = found.select(pl.sum_horizontal("^probability_.*$", ignore_nulls=False)).to_series().to_list()
    assert sums == [pytest.approx(1), None, pytest.approx(1), pytest.approx(1)]
    assert set(found.select("model_name", "model_version").rows()) == {("planted", model.version)}
    assert model.classify(pl.Series([], dtype=pl.String)).height == 0
    assert model.classify(pl.Series([None, None], dtype=pl.String))["label"].to_list() == [None, None]


def test_case_and_accents_do_not_matter(model):
    one, two = (model.probabilities([text])[0] for text in ("Réunion à la GARE", "reunion a la gare"))
    assert one == pytest.approx(two)


def test_a_saved_model_gives_identical_scores(model, tmp_path):
    model.save(tmp_path / "m.npz")
    read = load(tmp_path / "m.npz")
    texts, _ = planted(100, seed=3)
    assert np.array_equal(read.probabilities(texts), model.probabilities(texts))
    assert (read.name, read.version, read.labels) == (model.name, model.version, model.labels)


def test_the_same_training_is_the_same_version_and_another_is_another(model):
    assert train(*planted(), "planted").version == model.version
    assert train(*planted(seed=9), "planted").version != model.version


def test_a_model_may_have_two_classes():
    texts, labels = planted()
    two = [(text, label) for text, label in zip(texts, labels, strict=True) if label != "none"]
    found = train(*zip(*two, strict=True), "two").classify(pl.Series(["merci bravo", "quel bruit"]))
    assert found["label"].to_list() == ["good", "bad"]
    assert found["probability_good"].to_list()[0] > 0.6


def test_a_file_that_is_not_a_model_is_reported(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK\x03\x04 no")
    for path in (tmp_path / "m.npz", tmp_path / "absent.npz"):
        with pytest.raises(TextModelError, match="observatory text train"):
            load(path)
    np.savez(tmp_path / "p.npz", name=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TextModelError, match="observatory text train"):
        load(tmp_path / "p.npz")


def test_too_few_texts_are_reported():
    with pytest.raises(TextModelError, match=r"good: 3; expected two classes or more"):
        train(["a", "b", "c"], ["good"] * 3, "m")
    with pytest.raises(TextModelError, match="expected two classes"):
        held_out(pl.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}), "m")


def test_labelled_files_of_both_forms_are_read(tmp_path):
    own = tmp_path / "own.tsv"
    own.write_text(
        "label\ttext\nbad\tTrop de bruit\ngood\tMerci\nbad\tMerci bien\ngood\tMerci bien\n", encoding="utf-8"
    )
    assert read_labelled(own).rows() == [("Merci", "good"), ("Trop de bruit", "bad")]
    xed = tmp_path / "xed.tsv"
    xed.write_text("Va-t'en !\t1, 4\n\"Oh\nen/1.xml.gz\"\t5\nJe t'aime\t5\nMince\t1, 5\nAh ?\t7\n", encoding="utf-8")
    assert read_labelled(xed).rows() == [("Ah ?", "neutral"), ("Je t'aime", "positive"), ("Va-t'en !", "negative")]
    other = tmp_path / "other.tsv"
    other.write_text("a\tb\tc\n1\t2\t3\n", encoding="utf-8")
    for path in (other, tmp_path / "absent.tsv"):
        with pytest.raises(TextModelError, match="expected tab-separated columns"):
            read_labelled(path)


def test_the_command_trains_and_prints_the_quality(tmp_path):
    texts, labels = planted()
    rows = "\n".join(f"{label}\t{text}" for text, label in zip(texts, labels, strict=True))
    (tmp_path / "own.tsv").write_text(f"label\ttext\n{rows}\n", encoding="utf-8")
    out = tmp_path / "city.npz"
    result = CliRunner().invoke(app, ["train", str(tmp_path / "own.tsv"), "--out", str(out), "--name", "themes"])
    assert result.exit_code == 0, result.output
    assert "macro-F1" in result.output
    assert load(out).name == "themes"


def test_the_shipped_model_is_small_and_distinguishes_complaints_from_thanks():
    assert SHIPPED.stat().st_size < 500_000
    found = load().classify(
        pl.Series(["C'est horrible, j'ai peur, je déteste ça", "Je t'aime, c'est magnifique, merci"])
    )
    assert found["label"].to_list() == ["negative", "positive"]


def test_the_shipped_model_is_reproduced_by_the_command(shared_data):
    labelled = read_labelled(shared_data / "text_sentiment" / "xed_fr" / "fr-projections.tsv")
    again = train(labelled["text"].to_list(), labelled["label"].to_list(), "sentiment_fr")
    assert again.labels == load().labels
    texts = labelled["text"].to_list()[:500]
    assert np.allclose(again.probabilities(texts), load().probabilities(texts), atol=0.01)
    assert held_out(labelled, "sentiment_fr").macro_f1 > 0.5


def test_the_tone_is_scored_only_in_its_own_language():
    texts = pl.Series(["merci, c'est merveilleux, quel bonheur", "j'ai peur, c'est horrible", "so happy, thank you"])
    result = tone(texts, pl.Series(["fr", None, "en"], dtype=pl.String))
    good, bad, other = result["tone_score"].to_list()
    assert good > 0 > bad
    assert other is None
    assert result["tone_model"].to_list() == [f"{load().name}@{load().version}"] * 2 + [None]
    assert result["theme_code"].null_count() == 3
    assert tone(texts.head(0), pl.Series([], dtype=pl.String)).height == 0


def test_of_equally_frequent_terms_the_first_of_the_alphabet_are_kept(monkeypatch):
    monkeypatch.setattr(encoder, "MOST_TERMS", 3)
    texts = ["delta bravo alpha charlie", "charlie alpha delta bravo", "delta", "delta"]
    state = encoder.TfidfEncoder().fit(texts).state()
    assert state["words_terms"].tobytes().decode().split("\n") == ["alpha", "bravo", "delta"]
