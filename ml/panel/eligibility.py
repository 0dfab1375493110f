"""Whether a forecast may be made: enough history, enough of it located, and a record that has not changed.

A forecast that is withheld says why. The limits are conventions, stated here once.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from scipy.sparse import csr_matrix

from ml.errors import Drifted, HistoryTooShort, TooFewLocated
from ml.panel.districts import Districts
from ml.panel.panel import Panel

LEAST_LOCATED = 0.5
"""Below this share of located incidents the map shows who records places rather than where incidents happen."""
WANTED_LOCATED = 0.85
"""Share from which a map does not differ from that of all incidents (Ratcliffe, Geocoding crime and a first estimate of
a minimum acceptable hit rate, 2004); below it, a note."""
MOST_LEVEL_CHANGE = 3.0
"""The level of the last 28 days may be at most this many times that of the year before, or at least one such part."""
MOST_MOVED = 0.3
"""Share of the last 28 days' incidents that may lie elsewhere than in the year before, beyond what chance explains."""
RECENT_DAYS, BEFORE_DAYS, LEAST_BEFORE_DAYS = 28, 365, 56
_SQUARE_M = 2500
_DRAWS, _SEED = 400, 20_040_101
_FEWEST_RECENT = 30


def check(history: Panel, located_share: float | None = None) -> None:
    """Check that a forecast can be trusted.

    Args:
        history: what is known, up to its last day.
        located_share: located incidents of the category over all of them; None where that is not known.

    Raises:
        HistoryTooShort: fewer than 60 days or 100 located incidents.
        TooFewLocated: fewer than half of the incidents are located.
        Drifted: the last 28 days differ from the year before.
    """
    check_located(located_share)
    check_history(history)
    check_drift(history)


def check_located(located_share: float | None) -> None:
    """Check that enough incidents have a place.

    Raises:
        TooFewLocated: fewer than half of the incidents are located.
    """
    if located_share is not None and located_share < LEAST_LOCATED:
        raise TooFewLocated(
            "incidents of the category",
            found=f"{located_share:.0%} of them located",
            expected=f"at least {LEAST_LOCATED:.0%}",
            action="Geocode more of them, or forecast a category whose places are recorded.",
        )


def check_drift(history: Panel) -> None:
    """Check that the record has not changed.

    The level has drifted where the last 28 days brought more than three times, or less than a third, of what as many
    days of the year before did, and chance cannot be the reason (six standard errors, overdispersed as the weekly sums
    are). The map has drifted where more than 30 % of the recent incidents lie in other squares of 2.5 km than before
    (total variation), beyond the 99 % quantile of what so few incidents show by chance.

    Raises:
        Drifted: one of the two.
    """
    recent, before = history.target[-RECENT_DAYS:], history.target[:-RECENT_DAYS][-BEFORE_DAYS:]
    if before.shape[0] < LEAST_BEFORE_DAYS or before.sum() == 0:
        return
    expected = float(before.sum()) * RECENT_DAYS / before.shape[0]
    observed = float(recent.sum())
    weeks = np.asarray(before.sum(axis=1)).ravel()[-(before.shape[0] // 7) * 7 :].reshape(-1, 7).sum(axis=1)
    overdispersion = max(1.0, float(weeks.var() / max(weeks.mean(), 1e-9)))
    is_other_level = max(observed, expected) > MOST_LEVEL_CHANGE * min(observed, expected)
    if is_other_level and abs(observed - expected) > 6 * np.sqrt(overdispersion * max(observed, expected)):
        raise _drifted(
            history,
            f"{observed:.0f} incidents in the last {RECENT_DAYS} days against {expected:.0f} in as many of the "
            "year before",
            f"a level within {MOST_LEVEL_CHANGE:g} times of it",
        )
    if observed >= _FEWEST_RECENT:
        moved, by_chance = _moved(history, recent, before)
        if moved - by_chance > MOST_MOVED:
            raise _drifted(
                history,
                f"{moved:.0%} of the last {RECENT_DAYS} days' incidents elsewhere than in the year before",
                f"at most {MOST_MOVED + by_chance:.0%}, {by_chance:.0%} of it chance",
            )


def _moved(history: Panel, recent: csr_matrix, before: csr_matrix) -> tuple[float, float]:
    """Total variation between the maps of two spans over squares, and the amount that chance alone explains."""
    squares = Districts.squares(history.cells, _SQUARE_M)
    number = len(squares.names)
    counts = [np.bincount(squares.of_cell, np.asarray(part.sum(axis=0)).ravel(), number) for part in (recent, before)]
    now, then = (count / count.sum() for count in counts)
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(int(counts[0].sum()), then, _DRAWS) / counts[0].sum()
    again = random.multinomial(int(counts[1].sum()), then, _DRAWS) / counts[1].sum()
    chance = np.abs(drawn - again).sum(axis=1) / 2
    return float(np.abs(now - then).sum() / 2), float(np.quantile(chance, 0.99))


def _drifted(history: Panel, found: str, expected: str) -> Drifted:
    day = history.end_day - timedelta(days=1)
    action = (
        "Check the feed: was a source added, a category renamed, a district lost? Then train on the new record alone."
    )
    return Drifted(f"record up to {day}", found=found, expected=expected, action=action)


FEWEST_DAYS = 60


FEWEST_INCIDENTS = 100


def check_history(history: Panel) -> None:
    """Check that there is enough history to learn from.

    Raises:
        HistoryTooShort: fewer than 60 days or 100 located incidents.
    """
    incidents = int(history.totals.sum())
    if history.days < FEWEST_DAYS or incidents < FEWEST_INCIDENTS:
        raise HistoryTooShort(
            f"history from {history.first_day}",
            found=f"{history.days} days with {incidents} located incidents",
            expected=f"at least {FEWEST_DAYS} days and {FEWEST_INCIDENTS} located incidents",
            action="Load more history, or forecast a wider category group.",
        )
