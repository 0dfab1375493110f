"""Match records whose keys were made with different pseudonym secrets."""

from __future__ import annotations

import polars as pl

from observatory.records.identity import Ordinals
from observatory.records.minimise import EPOCH_LENGTH

_EPOCH = pl.col("source_record_id").str.head(EPOCH_LENGTH)


class OlderKeys:
    """Keeps the key of an older epoch for a record that already has one, so that a new secret duplicates no record.

    Equal content under a key of another epoch is the same record; several equal records are matched one to one. A
    record cannot be matched if it changes, or moves to another window, at the same time as the secret.
    """

    def __init__(self) -> None:
        self._ordinals = Ordinals()
        self._kept = pl.DataFrame(schema={"source_record_id": pl.String, "older": pl.String})

    def kept(self, hashed: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
        """Replace the keys of records whose content the warehouse has under a key of another epoch.

        Args:
            hashed: records with ``content_hash``, all keyed in the current epoch, shape (n, any).
            known: the newest versions in the window; columns of ``STATE``.

        Returns:
            The same records, with the older key where there is one.
        """
        if hashed.is_empty():
            return hashed
        epoch = hashed["source_record_id"][0][:EPOCH_LENGTH]
        older = known.filter(~pl.col("is_withdrawn") & (epoch != _EPOCH)).sort("source_record_id")
        if older.is_empty():
            return hashed
        number = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("content_hash").alias("number")
        older = older.select("content_hash", number, older="source_record_id")
        keyed = pl.concat([known["source_record_id"], self._kept["source_record_id"]])
        new = hashed.select("source_record_id", "content_hash").unique("source_record_id", maintain_order=True)
        new = new.filter(~pl.col("source_record_id").is_in(keyed.implode()))
        new = new.with_columns(self._ordinals.number(new["content_hash"]).alias("number"))
        found = new.join(older, on=["content_hash", "number"]).select("source_record_id", "older")
        self._kept = pl.concat([self._kept, found])
        known = hashed.join(self._kept, on="source_record_id", how="left", maintain_order="left")
        return known.with_columns(source_record_id=pl.coalesce("older", "source_record_id")).drop("older")
