"""Keyed pseudonyms, by which corrections of a record are recognised without its identifier.

HMAC-SHA256 (RFC 2104) of ``kind|network|value`` under the secret of the current epoch, cut to 128 bits. Secrets live
outside the warehouse: in the environment or in the secrets backend of Airflow, one per epoch. Naming another epoch
makes pseudonyms that cannot be linked with those before; destroying an epoch's secret unlinks that epoch for good.

A simulated city without a configured epoch uses a secret generated once on this machine, so that its
demonstration runs at once; a real one never does.
"""

from __future__ import annotations

import hashlib
import hmac
import re

import polars as pl
import polars_hash  # noqa: F401  registers the expressions' namespace ``chash``

from observatory.errors import SecretMissing
from observatory.secrets import secret, variable

EPOCH = "OBSERVATORY_PSEUDONYM_EPOCH"
"""Variable with the name of the current epoch, such as ``2026``."""
SECRET_OF = "OBSERVATORY_PSEUDONYM_SECRET_{epoch}"  # noqa: S105  the name of a variable
"""Variable with an epoch's secret; the epoch's name in capitals."""
SHORTEST_SECRET = 32
"""Characters: as many hexadecimal ones carry the 128 bits that a pseudonym has."""
PSEUDONYM_LENGTH = 32
"""Hexadecimal characters of a pseudonym."""
_OF_SIMULATED = "pseudonyms_of_simulated_cities"


def pseudonym(values: pl.Series, kind: str, network: str, *, is_simulated: bool = False) -> pl.Series:
    """Pseudonyms of natural keys.

    Kind and network come first and have no ``|`` in them, so no two keys are written alike: one value in two kinds or
    two networks has two pseudonyms.

    Args:
        values: natural keys, shape (n,); cast to text.
        kind: kind of record.
        network: who issued the keys, such as ``marseille/citations``.
        is_simulated: whether the keys are those of a simulated city.

    Returns:
        Hexadecimal text of 32 characters (128 bits), shape (n,), the same name; null stays null.

    Raises:
        SecretMissing: the current epoch has no secret.
        ValueError: a ``|`` in kind or network.
    """
    if "|" in kind + network:
        raise ValueError(f"kind {kind!r} and network {network!r} must have no '|' in them")
    message = pl.concat_str(pl.lit(f"{kind}|{network}|"), pl.col("value"))
    digest = message.chash.hmac_sha256(key=_secret(network, is_simulated=is_simulated))  # type: ignore[attr-defined]
    keys = values.cast(pl.String).to_frame("value")
    return keys.select(digest.str.head(PSEUDONYM_LENGTH)).to_series().alias(values.name)


def epoch(*, is_simulated: bool = False) -> str:
    """Eight hexadecimal characters that identify the current epoch's secret without revealing it.

    Args:
        is_simulated: whether it is that of a simulated city.

    Raises:
        SecretMissing: the current epoch has no secret.
    """
    return hmac.new(_secret("pseudonyms", is_simulated=is_simulated).encode(), b"epoch", hashlib.sha256).hexdigest()[:8]


def _secret(where: str, *, is_simulated: bool) -> str:
    name = variable(EPOCH)
    if not name and is_simulated:
        return secret(_OF_SIMULATED)
    if not name or not re.fullmatch(r"\w+", name, re.ASCII):
        raise SecretMissing(
            where,
            found=f"{EPOCH} is {name!r}" if name else f"{EPOCH} is not set",
            expected="the name of the current epoch in letters, digits and underscores, such as 2026",
            action=f"Set {EPOCH} in the environment or in Airflow's secrets backend.",
        )
    secret_name = SECRET_OF.format(epoch=name.upper())
    value = variable(secret_name) or ""
    if len(value) < SHORTEST_SECRET:
        raise SecretMissing(
            where,
            found=f"{secret_name} has {len(value)} characters" if value else f"{secret_name} is not set",
            expected=f"the secret of epoch {name}, {SHORTEST_SECRET} random characters or more",
            action="Make one (python -c 'import secrets; print(secrets.token_hex(32))') and keep it in the environment "
            "or in Airflow's secrets backend, never in the warehouse.",
        )
    return value
