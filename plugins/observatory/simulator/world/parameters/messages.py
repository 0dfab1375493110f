"""Planted parameters of public messages: themes, tone by district and day, bursts and threads.

A message is a phrase of known tone, the district it is about, sometimes an invented personal detail, and the theme's
hashtag. Tones are counted as -1, 0 and 1; ``mean_tone`` is their exact expectation. The shipped tone model scores the
three classes of phrases -0.5, 0.1 and 0.8 on average, so a difference of 1 in tone is one of about 0.65 in its score.
The names of districts and themes move its score as well, by 0.06 and 0.10 (standard deviations): it recovers
the change over time of one district or theme exactly, and the order of districts roughly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from observatory.simulator.world.draws import Floats, Integers


@dataclass(frozen=True)
class Theme:
    """A theme of messages.

    Attributes:
        code: the name in the parameters.
        hashtag: without its ``#``.
        share: part of the messages that begin a thread.
        tone: mean tone over the city, before districts and shifts.
    """

    code: str
    hashtag: str
    share: float
    tone: float


@dataclass(frozen=True)
class ToneShift:
    """A lasting change in tone: from a day on, ``change`` is added to the mean of a district."""

    day: date
    district_code: str
    change: float


@dataclass(frozen=True)
class Burst:
    """Every year on one day and hour, many messages about one theme and district.

    Attributes:
        month, day: of each year.
        hour: local, when it begins; messages then come with a mean wait of ``mean_wait_min``.
        theme_code, district_code: what and where.
        posts_per_100k: expected messages per 100,000 people beside the usual ones; answers come on top.
        mean_tone: of its messages and their answers.
    """

    month: int
    day: int
    hour: int
    theme_code: str
    district_code: str
    posts_per_100k: float
    mean_tone: float
    mean_wait_min: float = 40


THEMES = (
    Theme("noise", "Bruit", 0.22, -0.35),
    Theme("cleanliness", "Proprete", 0.22, -0.25),
    Theme("safety", "Securite", 0.20, -0.20),
    Theme("traffic", "Circulation", 0.16, -0.15),
    Theme("lighting", "Eclairage", 0.06, -0.10),
    Theme("street_life", "VieDeQuartier", 0.14, 0.45),
)
PHRASES: Mapping[int, tuple[str, ...]] = {
    -1: (
        "Arrêtez ce vacarme, merde", "Trop de violence, ça fait peur", "J'ai peur de sortir le soir",
        "Quelle merde, rien ne marche", "Ça me fait peur", "Quelle tristesse, tout est détruit",
        "Encore des menaces, j'ai peur", "C'est dangereux, quelqu'un va mourir", "J'ai peur pour mes enfants",
        "On ne peut plus dormir, c'est l'enfer", "Je n'en peux plus, c'est l'enfer", "C'est n'importe quoi",
    ),
    0: (
        "Le conseil a lieu jeudi", "Il est dix heures", "Ils sont devant la gare", "La réunion commence à six heures",
        "Il y a une réunion ce soir", "Les travaux sont rue du port", "On attend la réponse de la mairie",
        "C'est à côté du port", "Le train part du quai deux",
    ),
    1: (
        "Merci, c'est magnifique, j'adore", "Quelle belle soirée, tout le monde est heureux",
        "Bravo, un vrai plaisir, c'est superbe", "Formidable, je suis très content du résultat",
        "Enfin une bonne nouvelle, c'est merveilleux", "J'aime beaucoup, c'est très agréable",
        "C'est parfait, merci beaucoup à tous",
    ),
}  # fmt: skip
"""Tone to the phrases that have it."""
FOREIGN_PHRASES = ("The meeting is on Thursday", "Where is the town hall", "The street is closed today")
PERSONAL_SPANS = (
    "Appelez Mme Jeanne Dupuis au 06 12 34 56 78", "M. Karim Belaïd habite au 12 rue des Voiliers",
    "Écrivez à jeanne.dupuis@courriel.example", "La voiture AB-123-CD est à M. Paul Lenormand",
)  # fmt: skip
"""Invented personal details; none may remain after minimisation."""
FIRST_NAMES = ("lea", "karim", "jeanne", "paul", "ines", "hugo", "fatou", "louis", "manon", "tarik")
"""First names in the handles of invented accounts."""


@dataclass(frozen=True)
class Messages:
    """Number, themes, tone and threads of messages.

    Attributes:
        roots_per_100k: messages a day that begin a thread, per 100,000 people.
        themes, bursts, tone_shifts: see their classes.
        district_tones: what each district adds to a theme's mean tone.
        neutral_share: share of messages without a tone; the others make ``mean_tone``.
        weekday: seven factors, Monday first, mean 1.
        answers: mean number of answers to a message, down to ``most_depth``.
        mean_wait_min, most_wait_min: from a message to an answer.
        mastodon_share: share of threads on the one network; the others are on the other.
        hidden_root_share: threads whose first message only followers see; its answers are public.
        deleted_share: messages deleted within ``last_change_days``; late_share: those that come to the server hours
            after they were written; edited_share: those of the one network whose text is changed.
        personal_share: messages with a personal span; foreign_share: messages in English.
        tagged_answer_share: answers that repeat the hashtag; the others are found only through their thread.
    """

    roots_per_100k: float
    themes: tuple[Theme, ...]
    district_tones: Mapping[str, float]
    tone_shifts: tuple[ToneShift, ...]
    bursts: tuple[Burst, ...]
    neutral_share: float = 0.3
    weekday: tuple[float, ...] = (0.95, 0.95, 0.95, 1.0, 1.1, 1.1, 0.95)
    answers: float = 0.4
    most_depth: int = 6
    mean_wait_min: float = 40
    most_wait_min: float = 600
    mastodon_share: float = 0.4
    hidden_root_share: float = 0.02
    deleted_share: float = 0.03
    late_share: float = 0.04
    edited_share: float = 0.02
    last_change_days: int = 5
    personal_share: float = 0.03
    foreign_share: float = 0.04
    tagged_answer_share: float = 0.6

    def mean_tone(self, theme: Integers, district: Integers, day: Integers) -> Floats:
        """Expected tone of messages that are part of no burst.

        Args:
            theme: (n,) positions in ``themes``.
            district: (n,) positions in ``district_tones``.
            day: (n,) proleptic ordinals.

        Returns:
            (n,) expectations of -1, 0 and 1; English messages have no tone and are not counted.
        """
        codes = list(self.district_tones)
        tone = (
            np.array([each.tone for each in self.themes])[theme] + np.array([*self.district_tones.values()])[district]
        )
        for shift in self.tone_shifts:
            here = (district == codes.index(shift.district_code)) & (day >= shift.day.toordinal())
            tone = tone + np.where(here, shift.change, 0.0)
        most = 1 - self.neutral_share
        return np.clip(tone, -most, most)


MESSAGES = Messages(
    roots_per_100k=138,
    themes=THEMES,
    district_tones={
        "D01": -0.30, "D02": -0.15, "D03": 0.0, "D04": 0.30, "D05": 0.15,
        "D06": 0.20, "D07": 0.30, "D08": -0.35, "D09": -0.15, "D10": 0.0,
    },
    tone_shifts=(ToneShift(date(2025, 3, 1), "D08", 0.30), ToneShift(date(2025, 9, 1), "D03", -0.30)),
    bursts=(
        Burst(1, 17, 19, "safety", "D02", 60, -0.6), Burst(2, 14, 8, "traffic", "D03", 40, -0.5),
        Burst(3, 12, 18, "lighting", "D08", 40, -0.5), Burst(4, 21, 10, "cleanliness", "D01", 45, -0.5),
        Burst(5, 9, 22, "noise", "D10", 40, -0.6), Burst(6, 21, 22, "noise", "D01", 90, -0.4),
        Burst(7, 14, 23, "street_life", "D04", 120, 0.6), Burst(8, 15, 21, "street_life", "D06", 50, 0.6),
        Burst(9, 5, 8, "traffic", "D02", 40, -0.4), Burst(10, 18, 20, "safety", "D09", 50, -0.6),
        Burst(11, 24, 9, "cleanliness", "D05", 40, -0.5), Burst(12, 31, 23, "street_life", "D01", 90, 0.3),
    ),
)  # fmt: skip
"""The messages of the simulated city."""
