"""France's tables of road accidents: four files a year in the shape of recent years, as data.gouv.fr lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer

Years = Callable[[], Mapping[int, pl.DataFrame]]
"""The published years, each with its accidents: columns of the contract, and ``at`` in local time."""

_NO_BREAK = "\u00a0"
_SEVERITIES = {1: "unhurt_count", 2: "killed_count", 3: "hospitalised_count", 4: "slightly_hurt_count"}
_AGES = {"aged_0_14_count": 6, "aged_15_24_count": 18, "aged_25_64_count": 40, "aged_65_plus_count": 70}
"""Class of age to an age in it; up to four years are added."""
_FILE = re.compile(r"/files/(caract|lieux|usagers|vehicules)-(\d{4})\.csv")


def baac(years: Years, prefix: str) -> Answer:
    """A dataset with its files; an accident has a row per vehicle, and one per person with an invented year of birth.

    Args:
        years: the published years.
        prefix: of the portal's paths to this answer.
    """

    def answer(path: str, _query: QueryParams, headers: Mapping[str, str]) -> Any:
        known = years()
        if path.startswith("/api/1/datasets/"):
            below = f"http://{headers['host']}/{prefix}/files"
            names = [f"{table}-{year}.csv" for year in known for table in _TABLES]
            listed = [{"title": name, "url": f"{below}/{name}", "format": "csv"} for name in names]
            return {"title": "Accidents corporels (simulated)", "resources": listed}
        asked = _FILE.fullmatch(path)
        if asked is None or int(asked[2]) not in known:
            return JSONResponse({"message": "Not found"}, status_code=404)
        table = _TABLES[asked[1]](known[int(asked[2])])
        text = table.write_csv(separator=";", quote_style="always")
        return Response(text.encode(), media_type="text/csv; charset=utf-8")

    return answer


def _characteristics(accidents: pl.DataFrame) -> pl.DataFrame:
    at = pl.col("at")
    degrees = [
        pl.col(name).round(7).cast(pl.String).str.replace(".", ",", literal=True).alias(alias)
        for name, alias in (("latitude_deg", "lat"), ("longitude_deg", "long"))
    ]
    return accidents.select(
        pl.col("source_record_id").alias("Num_Acc"),
        at.dt.strftime("%-d").alias("jour"),
        at.dt.strftime("%-m").alias("mois"),
        at.dt.strftime("%Y").alias("an"),
        at.dt.strftime("%H:%M").alias("hrmn"),
        pl.col("light_code").alias("lum"),
        pl.col("department_code").alias("dep"),
        pl.col("municipality_code").alias("com"),
        pl.lit("2").alias("agg"),
        pl.lit("1").alias("int"),
        pl.col("weather_code").alias("atm"),
        pl.col("collision_code").alias("col"),
        pl.lit("Rue de la Simulation").alias("adr"),
        *degrees,
    )


def _places(accidents: pl.DataFrame) -> pl.DataFrame:
    return accidents.select(
        Num_Acc="source_record_id", catr=pl.lit("4"), voie=pl.lit("Rue de la Simulation"), vma=pl.lit("50")
    )


def _vehicles(accidents: pl.DataFrame) -> pl.DataFrame:
    vehicles = accidents.select("source_record_id", number=pl.int_ranges(1, pl.col("vehicle_count") + 1))
    return vehicles.explode("number").select(
        Num_Acc="source_record_id",
        id_vehicule=_vehicle("number"),
        num_veh=pl.format("{}01", pl.col("number").replace_strict({1: "A", 2: "B", 3: "C"}, default="D")),
        catv=pl.lit("7"),
    )


def _involved(accidents: pl.DataFrame) -> pl.DataFrame:
    """One row per person, rebuilt from the counts."""
    severities = [pl.lit(code).repeat_by(name) for code, name in _SEVERITIES.items()]
    ages = [pl.lit(age).repeat_by(name) for name, age in _AGES.items()]
    unknown = pl.lit(None, pl.Int32).repeat_by(pl.col("involved_count") - pl.sum_horizontal(*_AGES))
    people = accidents.select(
        "source_record_id",
        pl.min_horizontal("vehicle_count", "involved_count").alias("vehicle_count"),
        pl.col("at").dt.year().alias("year"),
        pl.concat_list(severities).alias("grav"),
        pl.concat_list(*ages, unknown).alias("age"),
    ).explode("grav", "age")
    number = pl.int_range(pl.len()).over("source_record_id")
    return people.with_columns(number=number).select(
        Num_Acc="source_record_id",
        id_vehicule=_vehicle(pl.col("number") % pl.col("vehicle_count") + 1),
        place=pl.lit("1"),
        catu=pl.lit("1"),
        grav="grav",
        sexe=pl.col("number") % 2 + 1,
        an_nais=pl.col("year") - pl.col("age") - pl.int_range(pl.len()) % 5,
    )


def _vehicle(number: str | pl.Expr) -> pl.Expr:
    """``138 305 095`` with no-break spaces, as the tables write it."""
    number = pl.col(number) if isinstance(number, str) else number
    digits = pl.col("source_record_id").str.tail(8)
    return pl.format(f"{{}}{_NO_BREAK}{{}}{_NO_BREAK}0{{}}", digits.str.head(4), digits.str.tail(4), number)


_TABLES: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "caract": _characteristics,
    "lieux": _places,
    "usagers": _involved,
    "vehicules": _vehicles,
}
"""First part of a file's name to the function of its content."""
