"""Context beside incidents, of a day, a place or both: holidays, weather forecasts, planned events, places, flows.

A context is declared once, with its unit and source. Values for a day must be known on the morning of that day: a
planned event or a weather forecast is, a measurement of that day is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import holidays
import numpy as np

from ml.errors import InputError


@dataclass(frozen=True, eq=False)
class Context:
    """One quantity.

    Attributes:
        name: in lower case, as it appears among the model's features.
        unit: of the values; 1 for a count or a flag.
        source: where the values come from.
        first_day: local day of the first row; None where the values hold for every day.
        values: (days, 1) of a day, (1, cells) of a place, (days, cells) of both; NaN is unknown.
    """

    name: str
    unit: str
    source: str
    first_day: date | None
    values: np.ndarray

    @property
    def is_of_the_day(self) -> bool:
        """Whether it is the same in the whole city: then it may move the day's level."""
        return self.values.shape[1] == 1

    def on(self, day: date) -> np.ndarray:
        """Values of a day, (1,) or (cells,); NaN outside the days that are known."""
        if self.first_day is None:
            return self.values[0]
        row = (day - self.first_day).days
        if not 0 <= row < len(self.values):
            return np.full(self.values.shape[1], np.nan)
        return self.values[row]


def has_holidays(country_code: str) -> bool:
    """Whether a country's public holidays are known."""
    return country_code in holidays.list_supported_countries()


def public_holidays(country_code: str, first_day: date, end_day: date) -> Context:
    """Whether a day is a public holiday of a country, for ``[first_day, end_day)`` and two years beyond.

    Args:
        country_code: ISO 3166 code of two letters, in capitals.
        first_day: first local day.
        end_day: first local day after the history.

    Raises:
        InputError: no holidays of this country are known.
    """
    if not has_holidays(country_code):
        raise InputError(
            "country",
            found=f"{country_code!r}",
            expected="the ISO 3166 code of a country, for example FR or US",
            action="Correct the code, or leave it out.",
        )
    last_day = end_day + timedelta(days=2 * 365)
    known = holidays.country_holidays(country_code, years=range(first_day.year, last_day.year + 1))
    days = (first_day + timedelta(days=ahead) for ahead in range((last_day - first_day).days))
    flags = np.array([[float(day in known)] for day in days])
    source = f"the holidays package's calendar of {country_code}"
    return Context("public holiday", "1", source, first_day, flags)
