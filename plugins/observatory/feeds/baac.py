"""BAAC: France's injury accidents since 2005, four tables a year joined to one row per accident.

The tables' layout changed over the years; every row is converted to today's: ``at`` as ``2017-01-03 09:50`` in local
time, ``dep`` and ``com`` as INSEE codes, ``lat`` and ``long`` in degrees. Persons and vehicles are only counted
(``count_involved``, ``vehicle_count``).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from observatory.contracts.accident import count_involved
from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns
from observatory.feeds.file import readable, require_exact, scanned_csv
from observatory.feeds.files.fetch import fetched
from observatory.feeds.http.client import download
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.json_source import JsonReader
from observatory.territory.sources import BaacSource
from observatory.territory.sources.file import Csv
from observatory.window import Window

KEY = "Num_Acc"
_KEYS = ("Accident_Id", "Num_acc", "num_acc")
"""Names of the key in other years."""
_TABLES = {"characteristics": r"car\w*?ct", "places": r"lieux", "involved": r"usagers", "vehicles": r"vehicules"}
"""Table to the pattern in its file's name, which is misspelt in some years."""
_NOT_A_TABLE = re.compile(r"immatricul", re.IGNORECASE)
_LAST_OLD_YEAR = 2018
_OLD_DEGREE = 1e5
_CORSICA = {"201": "2A", "202": "2B"}


class BaacReader(JsonReader[BaacSource]):
    """Accidents, year by year; the tables of one year are in memory at a time."""

    def _frames(self) -> Iterator[pl.DataFrame]:
        years: dict[str, dict[str, partial[Path]]] = {}
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for name, fetch in self._files(Path(folder)).items():
                table, year = _table(name), _year(name)
                if table and _may_hold(year, self.window):
                    years.setdefault(year, {})[table] = fetch
            for year, tables in sorted(years.items()):
                yield self._joined(year, {name: self._read(fetch()) for name, fetch in tables.items()})

    def _files(self, folder: Path) -> Mapping[str, partial[Path]]:
        """Name of each file to the function that fetches it."""
        source = self.source
        if not source.dataset or not source.address.startswith(("http://", "https://")):
            paths = fetched(self.feed_window, folder, patience=self.patience, keeps=True)
            return {path.name: partial(Path, path) for path in paths}
        resources = self.api.objects(self.api.get(f"api/1/datasets/{source.dataset}/"), "resources")
        urls = sorted({str(resource.get("url")) for resource in resources})
        return {url.rpartition("/")[2]: partial(self._downloaded, url, folder) for url in urls}

    def _downloaded(self, url: str, folder: Path) -> Path:
        copy = folder / url.rpartition("/")[2]
        download(self.feed_window, url, copy, patience=self.patience, is_complete=Completeness(is_table=True))
        return copy

    def _read(self, path: Path) -> pl.DataFrame:
        subject = f"{self.subject}, {path.name}"
        with readable(subject, self.feed, "csv"), scanned_csv(path, _shape(path)) as scan:
            table = scan.collect()
        table = table.rename({name: KEY for name in _KEYS if name in table.columns})
        if KEY not in table.columns:
            require_columns(subject, self.plan, table.columns, are_all=True)
        table = table.with_columns(pl.all().str.replace_all("\u00a0", "").str.strip_chars())
        return require_exact(subject, self.feed, table, [KEY])

    def _joined(self, year: str, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
        subject = f"{self.subject}, {year}"
        missing = sorted(set(_TABLES) - set(tables))
        if missing:
            raise SourceChanged(
                subject,
                found=f"there is no table of {' or of '.join(missing)}",
                expected="caracteristiques, lieux, usagers and vehicules of each year",
                action=f"Put the four files of {year} into one folder, each with table and year in its name.",
            )
        accidents = _today(tables["characteristics"])
        places = tables["places"].unique(KEY, keep="first", maintain_order=True)
        involved = count_involved(_involved(tables["involved"], accidents)).rename({"accident": KEY})
        vehicles = tables["vehicles"].group_by(KEY).agg(vehicle_count=pl.len())
        for part in (places.drop(set(accidents.columns) & set(places.columns) - {KEY}), involved, vehicles):
            accidents = accidents.join(part, on=KEY, how="left", maintain_order="left")
        require_columns(subject, self.plan, accidents.columns, are_all=True)
        return accidents.select(self.feed.read_columns)


def _table(name: str) -> str | None:
    if _NOT_A_TABLE.search(name):
        return None
    return next((table for table, pattern in _TABLES.items() if re.search(pattern, name, re.IGNORECASE)), None)


def _year(name: str) -> str:
    """The year in a file's name; if there is none, the name without the table's."""
    year = re.search(r"(?<!\d)(20\d\d)(?!\d)", name)
    return year[1] if year else re.sub(rf"(?:{'|'.join(_TABLES.values())})\w*", "", name, flags=re.IGNORECASE)


def _may_hold(year: str, window: Window) -> bool:
    return not year.isdecimal() or window.first_day.year <= int(year) <= window.end_day.year


def _shape(path: Path) -> Csv:
    """Separator and encoding, which differ between years."""
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
    """The characteristics of any year in today's layout."""
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
    # an unknown place is written as zero degrees in both columns
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
