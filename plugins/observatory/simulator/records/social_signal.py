"""Public messages in threads, with texts of phrases whose tone is known.

Beside the contract's columns a version has what the simulated networks show in public:
``text``, ``author_handle`` (invented), ``parent_id`` and ``root_id``, which minimisation removes.
``tone_score`` is the phrase's planted tone (``tone_model`` is ``planted@1``); networks publish no tone, so the
warehouse gets that of the tone model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import UNIX_EPOCH_ORDINAL, days_of, moments
from observatory.simulator.world.draws import Integers, Keys, choose, combine, name_key, ordinals, poisson, uniform
from observatory.simulator.world.occurrences import (
    by_weekday,
    chance,
    days_later,
    district_shares,
    exponential,
    hexadecimal,
    history,
    later,
    minute_of_day,
    occur,
)
from observatory.simulator.world.parameters.messages import (
    FIRST_NAMES,
    FOREIGN_PHRASES,
    PERSONAL_SPANS,
    PHRASES,
    Messages,
)
from observatory.simulator.world.simulation import TIMEZONE, Simulation

PLANTED_TONE = "planted@1"
NETWORKS = ("mastodon", "bluesky")
# longest chain of answers in days: a span includes answers to messages of earlier days
_BEFORE_DAYS = 3
_CENTRALITY = 0.3
_LATEST_MIN = 20 * 60


@dataclass(frozen=True)
class _Posts:
    """Messages as arrays of one length; ``parent`` and ``root`` are indices, ``at`` seconds since 1970 in UTC."""

    key: Keys
    at: Integers
    theme: Integers
    district: Integers
    burst: Integers
    parent: Integers
    root: Integers
    depth: Integers


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Messages written on the days; see ``observatory.simulator.records`` and the module."""
    messages = simulation.parameters.services.messages
    posts = _threads(simulation, first_day - timedelta(days=_BEFORE_DAYS), end_day)
    key, root = posts.key, posts.root
    at = pl.from_epoch(pl.Series("at", posts.at)).dt.replace_time_zone("UTC").dt.cast_time_unit("us")
    network = (uniform(key[root], "network") >= messages.mastodon_share).astype(np.int64)
    late = np.where(chance(key, "late", messages.late_share), _LATEST_MIN * uniform(key, "late by"), 0.0)
    arrived_at = later(at, late)
    is_root = posts.depth == 0
    is_hidden = is_root & chance(key, "hidden", messages.hidden_root_share)
    deleted_at = later(arrived_at, days_later(key, "deleted", messages.deleted_share, messages.last_change_days))
    edited = np.where(network == 0, days_later(key, "edited", messages.edited_share, 2), np.nan)
    identifier = _identifiers(key, network, arrived_at)
    tone, is_foreign = _tones(messages, posts)
    handle = pl.Series(_handles(key, simulation.population))
    root_is_known = pl.Series(~is_hidden[root])
    themes = np.array([theme.code for theme in messages.themes])[posts.theme]
    size = np.bincount(root, ~is_hidden, minlength=len(key)).astype(np.int64)[root]
    frame = pl.DataFrame(
        {
            "source_record_id": identifier,
            "occurred_from": at,
            "occurred_to": at,
            "reported_at": arrived_at,
            "network": np.array(NETWORKS)[network],
            "language": np.where(is_foreign, "en", "fr"),
            "theme_code": themes,
            "district_code": np.array(build_city().district_codes)[posts.district],
            "tone_score": pl.Series(tone.astype(np.float64)).set(pl.Series(is_foreign), None),
            "tone_model": pl.Series([PLANTED_TONE]).new_from_index(0, len(key)).set(pl.Series(is_foreign), None),
            "is_reply": ~is_root,
            "thread_depth": pl.Series(posts.depth).set(~root_is_known, None),
            "thread_size_count": size,
            "root_status": np.where(is_root, "self", np.where(is_hidden[root], "missing", "found")),
            "author_handle": handle,
            "parent_id": identifier.gather(posts.parent).set(pl.Series(is_root), None),
            "root_id": identifier.gather(root).set(pl.Series(is_root), None),
            "withdrawn_at": deleted_at,
            "shown_from": arrived_at,
        }
    ).with_columns(
        root_at=pl.when(root_is_known).then(at.gather(root)),
        root_theme_code=pl.when(root_is_known).then(pl.Series(themes).gather(root)),
    )
    parent_handle = handle.gather(posts.parent).set(pl.Series(is_root), None)
    local_day = at.dt.convert_time_zone(TIMEZONE).dt.date()
    is_kept = (local_day >= first_day) & (local_day < end_day) & ~pl.Series(is_hidden)
    wording = np.where(is_foreign, 3, tone + 1)
    first = frame.with_columns(text=_texts(messages, posts, wording, parent_handle, "phrase"))
    second = frame.with_columns(
        text=_texts(messages, posts, wording, parent_handle, "other phrase"),
        shown_from=later(arrived_at, edited),
    )
    # an answer begins with the name of the author it answers, which minimisation removes before measuring
    name_length = pl.when(pl.Series(is_root)).then(0).otherwise(parent_handle.str.len_chars() + 2)
    stages = (
        part.with_columns(text_length=(pl.col("text").str.len_chars() - name_length).cast(pl.Int64)).filter(is_kept)
        for part in (first, second)
    )
    return history(*stages)


def _threads(simulation: Simulation, first_day: date, end_day: date) -> _Posts:
    """Messages that begin a thread on the days, and all answers to them, generation by generation."""
    messages = simulation.parameters.services.messages
    roots = _roots(simulation, first_day, end_day)
    generations, generation, start = [roots], roots, 0
    for depth in range(1, messages.most_depth + 1):
        counts = poisson(generation.key, "answers", np.full(len(generation.key), messages.answers))
        parent = np.repeat(np.arange(len(counts)), counts)
        nth = ordinals(counts)
        key = combine(combine(generation.key[parent], name_key("answer")), nth)
        wait = np.minimum(0.5 + exponential(key, "wait", messages.mean_wait_min), messages.most_wait_min)
        generation = _Posts(
            key, generation.at[parent] + np.round(wait * 60).astype(np.int64), generation.theme[parent],
            generation.district[parent], generation.burst[parent], start + parent, generation.root[parent],
            np.full(len(key), depth),
        )  # fmt: skip
        start += len(counts)
        generations.append(generation)
    return _Posts(
        *(np.concatenate([getattr(part, name) for part in generations]) for name in _Posts.__dataclass_fields__)
    )


def _roots(simulation: Simulation, first_day: date, end_day: date) -> _Posts:
    messages, city = simulation.parameters.services.messages, build_city()
    days, districts = days_of(first_day, end_day), len(city.districts)
    scale = simulation.population / 100_000
    share = np.array([theme.share for theme in messages.themes])[:, None] * district_shares(_CENTRALITY)[None, :]
    rates = messages.roots_per_100k * scale * share.reshape(-1, 1) * by_weekday(days, messages.weekday)
    groups = [f"{theme.code} {code}" for theme in messages.themes for code in city.district_codes]
    usual = occur(simulation, "social_signal", groups, days, rates)
    minute = minute_of_day(usual.key, 19, 1.0)
    dates = [date.fromordinal(int(day)) for day in days]
    on_day = np.array([[(each.month, each.day) == (day.month, day.day) for day in dates] for each in messages.bursts])
    rates = np.array([each.posts_per_100k for each in messages.bursts])[:, None] * on_day * scale
    names = [f"{each.theme_code} {each.district_code} {each.month}-{each.day}" for each in messages.bursts]
    sudden = occur(simulation, "burst of messages", names, days, rates)
    begins = np.array([each.hour for each in messages.bursts])[sudden.group] * 60
    wait = exponential(sudden.key, "wait", np.array([each.mean_wait_min for each in messages.bursts])[sudden.group])
    codes = [theme.code for theme in messages.themes]
    burst_theme = np.array([codes.index(each.theme_code) for each in messages.bursts])[sudden.group]
    burst_district = np.array([city.district_codes.index(each.district_code) for each in messages.bursts])[sudden.group]
    day = np.concatenate([usual.day, sudden.day])
    minute = np.concatenate([minute, begins + np.minimum(wait, 5 * messages.mean_wait_min)])
    at = moments(day, minute).dt.epoch("s").to_numpy()
    count = len(day)
    return _Posts(
        key=np.concatenate([usual.key, sudden.key]),
        at=at,
        theme=np.concatenate([usual.group // districts, burst_theme]),
        district=np.concatenate([usual.group % districts, burst_district]),
        burst=np.concatenate([np.full(len(usual.key), -1), sudden.group]),
        parent=np.arange(count),
        root=np.arange(count),
        depth=np.zeros(count, np.int64),
    )


def _tones(messages: Messages, posts: _Posts) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Tone of each message (-1, 0 or 1), and whether it is in English and has no tone."""
    day = posts.at // 86_400 + UNIX_EPOCH_ORDINAL
    mean = messages.mean_tone(posts.theme, posts.district, day)
    of_burst = np.array([each.mean_tone for each in messages.bursts])[posts.burst]
    mean = np.where(posts.burst >= 0, of_burst, mean)
    toned = 1 - messages.neutral_share
    drawn = uniform(posts.key, "tone")
    negative = (toned - mean) / 2
    tone = np.where(drawn < negative, -1, np.where(drawn < negative + messages.neutral_share, 0, 1))
    is_foreign = chance(posts.key, "foreign", messages.foreign_share)
    return np.where(is_foreign, 0, tone), is_foreign


def _texts(messages: Messages, posts: _Posts, wording: Integers, parent_handle: pl.Series, purpose: str) -> pl.Series:
    """Text of each message: addressee, phrase, district, personal span, hashtag.

    ``wording`` is 0, 1 and 2 for the phrases of a negative, no and a positive tone, 3 for those in English.
    """
    phrases = [*PHRASES[-1], *PHRASES[0], *PHRASES[1], *FOREIGN_PHRASES]
    sizes = [len(PHRASES[-1]), len(PHRASES[0]), len(PHRASES[1]), len(FOREIGN_PHRASES)]
    weights = np.repeat(np.eye(4), sizes, axis=1)
    phrase = pl.Series(phrases).gather(choose(posts.key, purpose, wording, weights))
    names = [str(each["properties"]["name"]) for each in build_city().districts_geojson()["features"]]
    where = pl.Series(names).gather(posts.district)
    tag = pl.Series([theme.hashtag for theme in messages.themes]).gather(posts.theme)
    is_tagged = (posts.depth == 0) | chance(posts.key, "tagged", messages.tagged_answer_share)
    span = pl.Series(PERSONAL_SPANS).gather((uniform(posts.key, "span") * len(PERSONAL_SPANS)).astype(np.int64))
    is_personal = pl.Series(chance(posts.key, "personal", messages.personal_share))
    return pl.select(
        pl.concat_str(
            pl.when(parent_handle.is_not_null()).then(pl.format("@{} ", parent_handle)).otherwise(pl.lit("")),
            phrase,
            pl.format(". Quartier {}.", where),
            pl.when(is_personal).then(pl.format(" {}.", span)).otherwise(pl.lit("")),
            pl.when(pl.Series(is_tagged)).then(pl.format(" #{}", tag)).otherwise(pl.lit("")),
        )
    ).to_series()


def _identifiers(key: Keys, network: Integers, arrived_at: pl.Series) -> pl.Series:
    """Mastodon: milliseconds since 1970, then 16 bits; Bluesky: an invented hash, after the second of arrival."""
    milliseconds = arrived_at.dt.epoch("ms").to_numpy() + (uniform(key, "millisecond") * 1000).astype(np.int64)
    numbers = (milliseconds << 16) | (key & np.uint64(0xFFFF)).astype(np.int64)
    again = combine(key, name_key("content"))
    second = np.char.add("bafyrei", hexadecimal((milliseconds // 1000).astype(np.uint64)))
    hashes = np.char.add(np.char.add(second, hexadecimal(key)), hexadecimal(again))
    return pl.Series(np.where(network == 0, numbers.astype("U20"), hashes))


def _handles(key: Keys, population: int) -> npt.NDArray[np.str_]:
    account = (uniform(key, "account") * population / 40).astype(np.int64)
    return np.char.add(np.array(FIRST_NAMES)[account % len(FIRST_NAMES)], np.char.add("_", account.astype("U9")))
