"""Random numbers that depend only on a key and a purpose, not on the order in which they are drawn.

A number is a hash of a key (which day, which incident) and of a purpose (its hour, its place), after the counter-based
generators of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), with the finaliser of SplitMix64
(Steele, Lea and Flood, 2014). So a longer simulation repeats a shorter one exactly, and every draw is vectorised.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr, pdtrik

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def name_key(name: str) -> np.uint64:
    """The 64-bit key of a word."""
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big"))


def combine(keys: npt.ArrayLike, more: npt.ArrayLike) -> Keys:
    """One pseudo-random key for each pair of keys (broadcast); deterministic."""
    with np.errstate(over="ignore"):
        mixed = np.asarray(keys).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.asarray(more).astype(np.uint64)
        mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def uniform(keys: Keys, purpose: str) -> Floats:
    """Numbers strictly between 0 and 1, one per key."""
    bits = combine(keys, name_key(purpose)) >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) / 2.0**52


def poisson(keys: Keys, purpose: str, mean: Floats) -> Integers:
    """Poisson counts, one per key, by inverting the distribution function; ``mean`` has the shape of the keys."""
    drawn = uniform(keys, purpose)
    counts = np.zeros(drawn.shape, np.int64)
    # with a small mean most counts are 0 and need no inverse
    some = drawn > np.exp(-mean)
    drawn, mean = drawn[some], np.broadcast_to(mean, counts.shape)[some]
    count = np.ceil(np.nan_to_num(pdtrik(drawn, mean)))
    # the continuous inverse may be one too high at a whole number
    lower = np.maximum(count - 1, 0)
    counts[some] = np.where(pdtr(lower, mean) >= drawn, lower, count)
    return counts


def ordinals(counts: Integers) -> Integers:
    """0, 1, … within each group of the given sizes, end to end."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def choose(keys: Keys, purpose: str, group: Integers, weights: Floats) -> Integers:
    """Pick one option per key, with the weights of the key's group.

    Args:
        keys: (n,) keys.
        purpose: what is chosen.
        group: (n,) row of ``weights`` that each key follows.
        weights: (groups, options) non-negative; a row need not sum to one.
    """
    cumulative = np.cumsum(weights, axis=1)
    # the distribution functions of all groups are concatenated, so that one search serves them all
    steps = cumulative / cumulative[:, -1:] + np.arange(len(weights))[:, None]
    found = np.searchsorted(steps.ravel(), uniform(keys, purpose) + group, side="right")
    return np.clip(found - group * weights.shape[1], 0, weights.shape[1] - 1)
