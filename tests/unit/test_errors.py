"""Errors have four parts in one line, and keep them when passed between processes."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from observatory import errors
from observatory.errors import ObservatoryError, SourceUnavailable

PARTS = {
    "subject": "demo/incidents 2026-01-01..2026-01-31",
    "found": "columns ['category'] are missing",
    "expected": "the columns ['category', 'occurred_at']",
    "action": "Correct feeds.incidents.columns in demo.yml.",
}
KINDS = [ObservatoryError, *ObservatoryError.__subclasses__()]


def made(kind):
    return kind(PARTS["subject"], found=PARTS["found"], expected=PARTS["expected"], action=PARTS["action"])


def parts(error):
    return {name: getattr(error, name) for name in PARTS}


def test_every_error_of_the_module_has_an_action():
    defined = {thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, Exception)}
    assert defined == set(KINDS)
    assert len(defined) > 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_text_has_four_parts_in_order_on_one_line(kind):
    assert str(made(kind)) == (
        "demo/incidents 2026-01-01..2026-01-31: columns ['category'] are missing; "
        "expected the columns ['category', 'occurred_at']. Correct feeds.incidents.columns in demo.yml."
    )


@pytest.mark.parametrize("part", ["found", "expected", "action"])
def test_every_part_of_an_error_is_required(part):
    named = {name: value for name, value in PARTS.items() if name not in ("subject", part)}
    with pytest.raises(TypeError, match=part):
        ObservatoryError(PARTS["subject"], **named)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_pickling_keeps_kind_parts_and_text(kind, protocol):
    error = made(kind)
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is kind
    assert parts(back) == PARTS
    assert str(back) == str(error)


def test_copying_keeps_the_parts():
    assert parts(copy.deepcopy(made(SourceUnavailable))) == PARTS


def fail():
    raise made(SourceUnavailable)


def test_an_error_raised_in_another_process_keeps_its_parts():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        caught = pool.submit(fail).exception(timeout=60)
    assert type(caught) is SourceUnavailable
    assert parts(caught) == PARTS
