"""BAAC: France's injury accidents since 2005, four tables a year joined to one row per accident.

The tables changed their shape over the years; a row that leaves here has the shape of today: ``at`` as ``2017-01-03
09:50`` on the local clock, ``dep`` and ``com`` as INSEE codes, ``lat`` and ``long`` in degrees. Of those involved only
the counts leave (``count_involved``), of the vehicles ``vehicle_count``.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import polars as pl

from observatory.contracts.accident import count_involved
from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.file import readable, require_exact, scanned_csv
from observatory.feeds.files.fetch import fetched
from observatory.feeds.http.client import PATIENT, Patience, download
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.http.json_source import JsonClient
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import BaacSource
from observatory.territory.sources.file import Csv
from observatory.window import Window

KEY = "Num_Acc"
_KEYS = ("Accident_Id", "Num_acc", "num_acc")
"""Other names that editions have for the key."""
_TABLES = {"characteristics": r"car\w*?ct", "places": r"lieux", "involved": r"usagers", "vehicles": r"vehicules"}
"""Table to what its file's name has in it, the misspelt ones included."""
_NOT_A_TABLE = re.compile(r"immatricul", re.IGNORECASE)
_LAST_OLD_YEAR = 2018
_OLD_DEGREE = 1e5
_CORSICA = {"201": "2A", "202": "2B"}


@dataclass(frozen=True)
class BaacFeed:
    """Accidents, year by year; the tables of one year are in memory at a time.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        patience: how long a web server is asked before it counts as down.
        chunk_rows: rows of a chunk.
    """

    territory_code: str
    feed: FeedSettings
    patience: Patience = PATIENT
    chunk_rows: int = CHUNK_ROWS

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the accidents of a window; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        yield from within(window, self._accidents(where, window), self.feed)

    def _accidents(self, where: str, window: Window) -> Iterator[pl.DataFrame]:
        years: dict[str, dict[str, partial[Path]]] = {}
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for name, fetch in self._files(where, Path(folder)).items():
                table, year = _table(name), _year(name)
                if table and _may_hold(year, window):
                    years.setdefault(year, {})[table] = fetch
            for year, tables in sorted(years.items()):
                yield from self._joined(where, year, {name: self._read(where, get()) for name, get in tables.items()})

    def _files(self, where: str, folder: Path) -> Mapping[str, partial[Path]]:
        """Name of each file to what fetches it."""
        source = cast("BaacSource", self.feed.source)
        if not source.dataset or not source.address.startswith(("http://", "https://")):
            paths = fetched(where, self.feed, folder, patience=self.patience, keeps=True)
            return {path.name: partial(Path, path) for path in paths}
        api = JsonClient(where, self.feed, self.patience)
        resources = api.objects(api.get(f"api/1/datasets/{source.dataset}/"), "resources")
        urls = sorted({str(resource.get("url")) for resource in resources})
        return {url.rpartition("/")[2]: partial(self._downloaded, where, url, folder) for url in urls}

    def _downloaded(self, where: str, url: str, folder: Path) -> Path:
        copy = folder / url.rpartition("/")[2]
        download(where, self.feed, url, copy, patience=self.patience, is_complete=Completeness(is_table=True))
        return copy

    def _read(self, where: str, path: Path) -> pl.DataFrame:
        where = f"{where}, {path.name}"
        with readable(where, self.feed, "csv"), scanned_csv(path, _shape(path)) as scan:
            table = scan.collect()
        table = table.rename({name: KEY for name in _KEYS if name in table.columns})
        if KEY not in table.columns:
            require_columns(where, self.feed, table.columns, are_all=True)
        table = table.with_columns(pl.all().str.replace_all("\u00a0", "").str.strip_chars())
        return require_exact(where, self.feed, table, [KEY])

    def _joined(self, where: str, year: str, tables: dict[str, pl.DataFrame]) -> Iterator[pl.DataFrame]:
        missing = sorted(set(_TABLES) - set(tables))
        if missing:
            raise SourceChanged(
                f"{where}, {year}",
                found=f"there is no table of {' or of '.join(missing)}",
                expected="caracteristiques, lieux, usagers and vehicules of each year",
                action=f"Put the files of {year} beside one another, each with table and year in its name.",
            )
        accidents = _today(tables["characteristics"])
        places = tables["places"].unique(KEY, keep="first", maintain_order=True)
        involved = count_involved(_involved(tables["involved"], accidents)).rename({"accident": KEY})
        vehicles = tables["vehicles"].group_by(KEY).agg(vehicle_count=pl.len())
        for part in (places.drop(set(accidents.columns) & set(places.columns) - {KEY}), involved, vehicles):
            accidents = accidents.join(part, on=KEY, how="left", maintain_order="left")
        require_columns(f"{where}, {year}", self.feed, accidents.columns, are_all=True)
        yield from accidents.select(self.feed.read_columns).iter_slices(self.chunk_rows)


def _table(name: str) -> str | None:
    if _NOT_A_TABLE.search(name):
        return None
    return next((table for table, said in _TABLES.items() if re.search(said, name, re.IGNORECASE)), None)


def _year(name: str) -> str:
    """The year a file's name tells; where it tells none, what is left of the name without that of the table."""
    year = re.search(r"(?<!\d)(20\d\d)(?!\d)", name)
    return year[1] if year else re.sub(rf"(?:{'|'.join(_TABLES.values())})\w*", "", name, flags=re.IGNORECASE)


def _may_hold(year: str, window: Window) -> bool:
    return not year.isdecimal() or window.first_day.year <= int(year) <= window.end_day.year


def _shape(path: Path) -> Csv:
    """Separator and encoding, which changed in 2019 and in between."""
    with path.open("rb") as file:
        header = file.readline()
        try:
            for line in file:
                line.decode()
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = "latin-1"
    return Csv(separator=max((";", ",", "\t"), key=lambda sign: header.count(sign.encode())), encoding=encoding)


def _today(table: pl.DataFrame) -> pl.DataFrame:
    """The characteristics in the shape of today, whichever year they are of."""
    written_year = pl.col("an").cast(pl.Int32, strict=False)
    year = pl.when(written_year < 100).then(written_year + 2000).otherwise(written_year)
    clock = pl.col("hrmn").str.replace(":", "", literal=True).str.zfill(4)
    day = [pl.col(name).str.zfill(2) for name in ("mois", "jour")]
    at = pl.format("{}-{}-{} {}:{}", year, *day, clock.str.head(2), clock.str.tail(2))
    is_old = (year <= _LAST_OLD_YEAR).fill_null(value=False)
    tenfold = pl.col("dep").str.zfill(3)
    department = (
        pl.when(~is_old)
        .then(pl.col("dep").str.zfill(2))
        .when(tenfold.str.starts_with("97"))
        .then(tenfold)
        .otherwise(tenfold.replace(_CORSICA).str.head(2))
    )
    overseas_or_not = pl.when(department.str.starts_with("97")).then(pl.lit("97")).otherwise(department)
    within_department = pl.col("com").str.zfill(3)
    municipality = (
        pl.when(pl.col("com").str.len_chars() > 3)
        .then(pl.col("com").str.zfill(5))
        .otherwise(pl.concat_str(overseas_or_not, within_department))
    )
    axes = [_degrees(name, is_old) for name in ("lat", "long")]
    # zero degrees both ways is what is written where nothing is known
    is_nowhere = pl.all_horizontal(axis.fill_null(0) == 0 for axis in axes)
    places = [pl.when(~is_nowhere).then(axis).alias(name) for name, axis in zip(("lat", "long"), axes, strict=True)]
    return table.with_columns(at.alias("at"), department.alias("dep"), municipality.alias("com"), *places).drop(
        "an", "mois", "jour", "hrmn"
    )


def _degrees(name: str, is_old: pl.Expr) -> pl.Expr:
    value = pl.col(name).str.replace(",", ".", literal=True).str.replace_all(" ", "").cast(pl.Float64, strict=False)
    return pl.when(is_old).then(value / _OLD_DEGREE).otherwise(value).round(7)


def _involved(table: pl.DataFrame, accidents: pl.DataFrame) -> pl.DataFrame:
    numbers = [
        pl.col(name).str.replace(r"\.0$", "").cast(pl.Int32, strict=False).alias(alias)
        for name, alias in (("grav", "severity"), ("an_nais", "birth_year"))
    ]
    years = accidents.select(KEY, year=pl.col("at").str.head(4).cast(pl.Int32, strict=False))
    known = table.select(KEY, *numbers).join(years, on=KEY, how="left", maintain_order="left")
    return known.rename({KEY: "accident"})
