"""The taxonomy and its map: every code of the real files has a meaning, and the compared groups are those published."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from observatory.territory import taxonomy

PROJECT = Path(__file__).parents[2] / "dbt_project"
MAP = pl.read_csv(PROJECT / "seeds" / "category_map.csv").join(
    pl.read_csv(PROJECT / "seeds" / "category.csv"), on="category_code", how="left"
)


def codes(territory, **conditions):
    of_city = MAP.filter(pl.col("territory_code") == territory)
    for column, value in conditions.items():
        of_city = of_city.filter(pl.col(column) == value)
    return set(of_city["source_category_code"])


def test_every_mapped_category_is_in_the_taxonomy():
    assert MAP["category_group"].null_count() == 0


@pytest.mark.parametrize(
    ("territory", "files"),
    [("chicago", "chicago/incidents_*.parquet"), ("portland", "portland/burglary_mvt_*.parquet")],
)
def test_every_code_of_the_real_files_is_mapped(shared_data, territory, files):
    found = pl.scan_parquet(shared_data / files).select(pl.col("category").cast(pl.String).unique()).collect()
    assert set(found["category"]) <= codes(territory)


def test_chicago_groups_are_those_used_in_comparisons():
    assert codes("chicago", category_group="violent") - {"CRIMINAL SEXUAL ASSAULT", "DOMESTIC VIOLENCE"} == {
        "ASSAULT", "BATTERY", "ROBBERY", "HOMICIDE", "CRIM SEXUAL ASSAULT",
    }  # fmt: skip
    assert codes("chicago", category_group="property") == {
        "THEFT",
        "BURGLARY",
        "MOTOR VEHICLE THEFT",
        "CRIMINAL DAMAGE",
    }


def test_discovered_categories_are_in_no_forecast_group_of_a_mapped_city():
    forecast = MAP.filter(pl.col("category_group").is_in(["violent", "property"]))
    assert set(forecast["detection_mode"]) == {"reported"}
    assert codes("chicago", detection_mode="discovered") >= {
        "NARCOTICS",
        "PROSTITUTION",
        "GAMBLING",
        "WEAPONS VIOLATION",
    }
    assert codes("demo", detection_mode="discovered") == {"STUPEFIANTS"}


def test_every_forecast_group_of_a_territory_has_categories():
    for path in (PROJECT.parent / "territories").glob("*.yml"):
        territory = yaml.safe_load(path.read_text())
        own = {taxonomy.groups()[meaning["category"]] for meaning in territory.get("categories", {}).values()}
        for group in territory["forecast"]["category_groups"]:
            is_mapped = group in own or codes(territory["code"], category_group=group)
            assert is_mapped, f"{path.name}: no code of {group} is mapped"
