"""Pseudonyms: the standard library's HMAC bit for bit, no collisions, nothing linkable across epochs, nothing shown."""

import hashlib
import hmac

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.errors import SecretMissing
from observatory.privacy import pseudonyms
from observatory.privacy.pseudonyms import epoch, pseudonym

SECRET = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
NAMES = st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"]), max_size=12)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@pytest.fixture(scope="module", autouse=True)
def _epoch():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "e1")
        patch.setenv("OBSERVATORY_PSEUDONYM_SECRET_E1", SECRET)
        patch.setenv("OBSERVATORY_PSEUDONYM_SECRET_E2", OTHER)
        yield


def by_hand(value, kind, network, secret=SECRET):
    return hmac.new(secret.encode(), f"{kind}|{network}|{value}".encode(), hashlib.sha256).hexdigest()[:32]


@given(values=st.lists(st.none() | VALUES, max_size=20), kind=NAMES, network=NAMES)
def test_pseudonyms_are_the_standard_librarys_hmac(values, kind, network):
    found = pseudonym(pl.Series("number", values, dtype=pl.String), kind, network)
    assert found.to_list() == [None if value is None else by_hand(value, kind, network) for value in values]
    assert (found.name, found.dtype) == ("number", pl.String)


@given(secret=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=32, max_size=200))
def test_any_secret_gives_the_standard_librarys_hmac(secret):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBSERVATORY_PSEUDONYM_SECRET_E1", secret)
        assert pseudonym(pl.Series(["PV 12"]), "citation", "a/b").to_list() == [
            by_hand("PV 12", "citation", "a/b", secret)
        ]


def test_a_number_has_the_pseudonym_of_its_text():
    assert pseudonym(pl.Series([42]), "k", "n").to_list() == pseudonym(pl.Series(["42"]), "k", "n").to_list()


@given(
    one=st.tuples(NAMES, NAMES, VALUES),
    two=st.tuples(NAMES, NAMES, VALUES),
)
def test_two_keys_never_share_a_pseudonym(one, two):
    first, second = (pseudonym(pl.Series([value]), kind, network)[0] for kind, network, value in (one, two))
    assert (first == second) == (one == two)


def test_the_boundaries_between_parts_change_the_pseudonym():
    cuts = [("a", "b", "c|d"), ("a", "bc", "|d"), ("ab", "", "c|d"), ("", "ab", "c|d"), ("a", "b", "c||d")]
    assert len({pseudonym(pl.Series([value]), kind, network)[0] for kind, network, value in cuts}) == len(cuts)
    with pytest.raises(ValueError, match="must have no"):
        pseudonym(pl.Series(["c"]), "a|b", "n")


def test_epochs_cannot_be_linked(monkeypatch):
    values = pl.Series([f"PV{number}" for number in range(1000)])
    before, name = pseudonym(values, "k", "n"), epoch()
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "e2")
    after = pseudonym(values, "k", "n")
    assert not {*before} & {*after}
    assert epoch() != name
    assert len(name) == 8
    assert name not in SECRET


def test_a_destroyed_secret_makes_no_more_pseudonyms(monkeypatch):
    monkeypatch.delenv("OBSERVATORY_PSEUDONYM_SECRET_E1")
    with pytest.raises(SecretMissing) as raised:
        pseudonym(pl.Series(["PV1"]), "citation", "marseille/citations")
    error = raised.value
    assert error.subject == "marseille/citations"
    assert error.found == "OBSERVATORY_PSEUDONYM_SECRET_E1 is not set"
    assert error.expected.startswith("the secret of epoch e1")
    assert "token_hex" in error.action


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("OBSERVATORY_PSEUDONYM_SECRET_E1", "short", "has 5 characters"),
        ("OBSERVATORY_PSEUDONYM_EPOCH", "", "is not set"),
        ("OBSERVATORY_PSEUDONYM_EPOCH", "no good", "is 'no good'"),
    ],
)
def test_invalid_secrets_are_refused(monkeypatch, variable, value, found):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SecretMissing, match=found) as raised:
        epoch()
    assert "short" not in str(raised.value)


def test_a_secret_is_generated_only_for_a_simulated_city(monkeypatch, tmp_path):
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path))
    monkeypatch.delenv("OBSERVATORY_PSEUDONYM_EPOCH")
    key = pl.Series(["PV 12"])
    made = pseudonym(key, "citation", "demo/citations", is_simulated=True)
    assert made.equals(pseudonym(key, "citation", "demo/citations", is_simulated=True))
    with pytest.raises(SecretMissing, match="OBSERVATORY_PSEUDONYM_EPOCH is not set"):
        pseudonym(key, "citation", "marseille/citations")
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path / "another machine"))
    assert not made.equals(pseudonym(key, "citation", "demo/citations", is_simulated=True))
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "e1")
    named = pseudonym(key, "citation", "demo/citations", is_simulated=True)
    assert named.to_list() == [by_hand("PV 12", "citation", "demo/citations")]


def test_the_secret_is_found_in_airflows_backend(monkeypatch):
    class Backend:
        def get_variable(self, key):
            return {"observatory_pseudonym_epoch": "e9", "observatory_pseudonym_secret_e9": OTHER}.get(key)

    for variable in ("OBSERVATORY_PSEUDONYM_EPOCH", "OBSERVATORY_PSEUDONYM_SECRET_E1"):
        monkeypatch.delenv(variable)
    monkeypatch.setattr("airflow.configuration.get_custom_secret_backend", Backend)
    assert pseudonym(pl.Series(["x"]), "k", "n").to_list() == [by_hand("x", "k", "n", OTHER)]


def test_the_secret_is_in_no_plan(monkeypatch):
    shown = []
    select = pl.DataFrame.select
    monkeypatch.setattr(
        pl.DataFrame, "select", lambda self, *e: (shown.append(self.lazy().select(*e).explain()), select(self, *e))[1]
    )
    pseudonym(pl.Series(["x"]), "k", "n")
    assert shown
    assert SECRET not in "".join(shown)
    assert pseudonyms.SECRET_OF.format(epoch="E1") == "OBSERVATORY_PSEUDONYM_SECRET_E1"
