"""SSMSI: recorded crime as the ministry publishes it anew each year, by what a territory file declares alone."""

import gzip
from datetime import date

import polars as pl
import pytest

from observatory.window import Window

ANY_DAY = Window.of_day(date(2026, 7, 1), "Europe/Paris")
DISTRICTS = [f"{code}" for code in range(13201, 13217)]
ALIASES = {
    "zone": ["CODGEO_*"],
    "indicator": ["indicateur", "classe"],
    "unit": ["unite_de_compte", "unité.de.compte"],
    "count": ["nombre", "faits"],
    "shown": ["est_diffuse", "valeur.publiée"],
    "people": ["insee_pop", "POP"],
}
COLUMNS = {
    "zone_code": "zone",
    "edition": "zone.*",
    "reference_year": "annee",
    "indicator_code": "indicator",
    "unit": "unit",
    "recorded_count": "count",
    "is_published": "shown",
    "population_count": "people",
}
VALUES = {"is_published": {"diff": "true", "ndiff": "false"}, "recorded_count": {"NA": None}}


@pytest.fixture
def statistics(city):
    def territory(address, path="*.csv.gz", **changes):
        source = {
            "protocol": "file",
            "address": str(address),
            "path": path,
            "csv": {"separator": ";"},
            "aliases": ALIASES,
        }
        settings = {"values": VALUES, "decimal_comma": True, "date_formats": ["%Y"], **changes}
        return city(source, "delinquency_statistic", COLUMNS, **settings)

    return territory


OLD = '"CODGEO_2022";"annee";"classe";"unité.de.compte";"valeur.publiée";"faits";"tauxpourmille";"POP"'


def test_editions_of_every_layout_are_read(tmp_path, statistics, read, checked):
    lines = [
        OLD,
        '"13201";"16";"Vols";"Victime";"diff";"1\u00a0045";"4,31";"40000"',
        '"13202";"16";"Vols";"Victime";"ndiff";"NA";"NA";"24000"',
    ]
    (tmp_path / "donnee-comm-2022.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    territory = statistics(tmp_path)
    accepted, rejected = checked(read(territory, ANY_DAY), territory)
    assert rejected.is_empty(), rejected["reason"].to_list()
    assert accepted.select("zone_code", "edition", "reference_year", "recorded_count", "is_published").rows() == [
        ("13201", "2022", 2016, 1045, True),
        ("13202", "2022", 2016, None, False),
    ]
    assert accepted["occurred_precision"].to_list() == ["year"] * 2


def test_an_unpublished_count_is_null_also_if_the_file_has_a_number(tmp_path, statistics, read, checked):
    lines = [OLD, '"13201";"16";"Vols";"Victime";"ndiff";"0";"0";"40000"']
    (tmp_path / "donnee-comm-2022.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    territory = statistics(tmp_path)
    accepted, _ = checked(read(territory, ANY_DAY), territory)
    assert accepted["recorded_count"].to_list() == [None]


def test_real_rows_of_a_commune_and_its_districts_are_counted_once(shared_data, statistics, read, checked):
    folder = shared_data / "ssmsi"
    whole = statistics(folder, "ssmsi_*.csv")
    accepted, rejected = checked(read(whole, ANY_DAY), whole)
    assert (accepted.height, rejected.height) == (60, 0)
    assert accepted["edition"].unique().to_list() == ["2026"]
    kept = statistics(folder, "ssmsi_*.csv", where={"zone": DISTRICTS})
    districts, _ = checked(read(kept, ANY_DAY), kept)
    assert (districts.height, districts["zone_code"].n_unique()) == (45, 3)
    commune = accepted.filter(pl.col("zone_code") == "13055")
    assert districts["recorded_count"].sum() + commune["recorded_count"].sum() == accepted["recorded_count"].sum()
    assert commune.filter(pl.col("indicator_code") == "Vols avec armes")["recorded_count"].to_list() == [391]
