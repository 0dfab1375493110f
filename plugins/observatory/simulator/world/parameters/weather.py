"""Planted parameters of the weather. Hours and days are in UTC; a day's draws depend only on the seed and that day.

Temperature is ``mean_c + season_c x cos(2 pi (day - warmest_day) / year) + daily_c x cos(2 pi (hour - 15) / 24)``, plus
``unrest_c`` times a standard normal of the day, plus ``warmer_c`` of the heat waves of that day, less ``wind_cools_c``
on days of the great wind. The great wind blows in blocks of ``wind_block_days`` days, each with the probability
``wind_share``, and then it never rains. Any other day is rainy with the probability
``rain_share + rain_season x cos(2 pi (day - wettest_day) / year)``: one spell of ``rain_hours`` hours at a
uniform time of the day, each hour with ``least_mm`` plus an exponential amount of mean ``rain_mm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from observatory.simulator.world.draws import Floats, Integers
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, UNIX_EPOCH_ORDINAL, YEAR_DAYS


@dataclass(frozen=True)
class HeatWave:
    """Hot days: a first day of the year and a number of days; in one year or, without one, in every year."""

    month: int
    day: int
    days: int
    warmer_c: float
    year: int | None = None

    def is_on(self, days: Integers) -> np.ndarray:
        """Whether each day (proleptic ordinal) is part of it."""
        if not len(days):
            return np.zeros(0, bool)
        first, last = (date.fromordinal(int(edge)).year for edge in (days.min(), days.max()))
        years = [self.year] if self.year else range(first, last + 1)
        begins = [date(year, self.month, self.day) for year in years]
        spans = [(begin.toordinal(), (begin + timedelta(days=self.days)).toordinal()) for begin in begins]
        return np.any([(days >= begin) & (days < end) for begin, end in spans], axis=0)


@dataclass(frozen=True)
class Station:
    """A station: metres from the city's centre, and how much warmer than the city it is.

    Attributes:
        code: the city's; number: that of weather services.
    """

    code: str
    number: str
    east_m: float
    north_m: float
    warmer_c: float


@dataclass(frozen=True)
class Climate:
    """All parameters of the weather; see the module.

    Attributes:
        calm_m_s, wind_m_s: mean speed on ordinary days and on those of the great wind.
        noise_c: standard deviation of a station's reading of an hour.
        lead_error_c: how many days ahead a forecast is made to the standard deviation of its temperature's error, which
            is one of the whole day.
        missed_rain_share: days whose rain a forecast does not foresee.
        issued_h: hour at which a forecast is issued; measured_min: minutes after the hour's end at which it is read.
        missing_share: readings without rain; corrected_share: readings whose temperature was first published
            ``mistake_c`` too high, for at most ``last_change_days`` days.
    """

    stations: tuple[Station, ...]
    heat_waves: tuple[HeatWave, ...]
    mean_c: float = 15.5
    season_c: float = 8.5
    warmest_day: int = 205
    daily_c: float = 4.5
    warmest_hour: int = 15
    unrest_c: float = 1.8
    wind_block_days: int = 3
    wind_share: float = 0.22
    wind_cools_c: float = 2.0
    calm_m_s: float = 3.2
    wind_m_s: float = 12.5
    rain_share: float = 0.2
    rain_season: float = 0.1
    wettest_day: int = 320
    rain_hours: tuple[int, int] = (2, 9)
    least_mm: float = 0.2
    rain_mm: float = 1.6
    noise_c: float = 0.3
    lead_error_c: Mapping[int, float] = field(default_factory=lambda: {3: 2.5, 2: 1.8, 1: 1.2, 0: 0.8})
    missed_rain_share: float = 0.2
    issued_h: int = 2
    measured_min: int = 20
    missing_share: float = 0.01
    corrected_share: float = 0.005
    mistake_c: float = 5.0
    last_change_days: float = 2.0

    def course_c(self, hours: Integers) -> Floats:
        """Expected temperature without daily variation, wind and heat waves, per hour since 1970 (UTC)."""
        season = np.cos(_turn(hours // 24 + UNIX_EPOCH_ORDINAL, self.warmest_day))
        daily = np.cos(2 * np.pi * (hours % 24 - self.warmest_hour) / 24)
        return self.mean_c + self.season_c * season + self.daily_c * daily

    def heat_c(self, days: Integers) -> Floats:
        """Degrees added by the heat waves, per day (proleptic ordinals)."""
        warmer: Floats = np.zeros(len(days))
        for wave in self.heat_waves:
            warmer += wave.warmer_c * wave.is_on(days)
        return warmer

    def rain_chance(self, days: Integers) -> Floats:
        """Probability that a day without the great wind is rainy, per day (proleptic ordinals)."""
        return self.rain_share + self.rain_season * np.cos(_turn(days, self.wettest_day))


def _turn(days: Integers, top: int) -> Floats:
    """Angle of the year since its peak day, per day (proleptic ordinals)."""
    return (days - ORIGIN_ORDINAL - top).astype(np.float64) * (2 * np.pi / YEAR_DAYS)


CLIMATE = Climate(
    stations=(
        Station("vieux-port", "99701", -200, -1000, 0.4),
        Station("les-pins", "99702", -1100, 3600, -0.8),
    ),
    heat_waves=(HeatWave(8, 17, 8, 7.0, year=2023), HeatWave(7, 8, 4, 5.0)),
)
