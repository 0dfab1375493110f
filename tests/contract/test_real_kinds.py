"""Real rows of other kinds than incidents, from the files as they are served to accepted records."""

import json
from datetime import date, datetime

import polars as pl
import pytest

from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import Window

DEMO = load_territory("demo").model_dump(exclude={"feeds"})
MARSEILLE = {"bounds": {"south": 43.15, "north": 43.40, "west": 5.22, "east": 5.55}}
PARIS = {"bounds": {"south": 48.81, "north": 48.91, "west": 2.22, "east": 2.47}}
ALWAYS = Window(date(2000, 1, 1), date(2030, 1, 1), "Europe/Paris")


def city(folder, feed, **where):
    source = {"protocol": "file", "address": str(folder), **feed.pop("source")}
    declared = {"owner": "Publisher", "licence": "Licence ouverte 2.0", "source": source, **feed}
    return Territory.model_validate({**DEMO, **where, "feeds": {"feed": declared}})


def read(territory, window=ALWAYS):
    ordinals = Ordinals()
    parts = [
        admit(rows, Plan.of(territory, "feed"), ordinals)
        for rows in open_reader(FeedWindow.of(territory, "feed", window)).read()
    ]
    return pl.concat(part.accepted for part in parts), pl.concat(part.rejected for part in parts)


def test_unpublished_counts_of_the_ministry_stay_null(shared_data):
    path = "ssmsi_communes_marseille_2025_sample.csv"
    columns = {
        "zone_code": "CODGEO_2026",
        "reference_year": "annee",
        "indicator_code": "indicateur",
        "unit": "unite_de_compte",
        "is_published": "est_diffuse",
        "recorded_count": "nombre",
        "population_count": "insee_pop",
    }
    feed = {
        "kind": "delinquency_statistic",
        "source": {"path": path, "csv": {"separator": ";"}},
        "columns": columns,
        "constants": {"edition": "2026"},
        "values": {"is_published": {"diff": 1, "ndiff": 0}, "recorded_count": {"NA": None}},
        "decimal_comma": True,
    }
    accepted, rejected = read(city(shared_data / "ssmsi", dict(feed)))
    source = pl.read_csv(shared_data / "ssmsi" / path, separator=";", infer_schema=False)
    assert rejected.is_empty()
    assert accepted["source_record_id"].n_unique() == accepted.height == source.height
    held_back = accepted.filter(~pl.col("is_published"))
    assert held_back.height == source.filter(pl.col("est_diffuse") == "ndiff").height > 0
    assert held_back["recorded_count"].null_count() == held_back.height
    assert accepted.filter("is_published")["recorded_count"].null_count() == 0
    # the file has the commune and its arrondissements: a feed must select one of them
    whole, _ = read(
        city(shared_data / "ssmsi", {**feed, "source": dict(feed["source"]), "where": {"CODGEO_2026": ["13055"]}})
    )
    assert set(whole["zone_code"]) == {"13055"}


def test_accidents_of_marseille_are_converted_from_lambert_93(shared_data):
    columns = {
        "source_record_id": "source_id",
        "occurred_from": "occurred_at",
        "department_code": "departement",
        "municipality_code": "insee",
        "light_code": "lum",
    }
    folder, source = shared_data / "marseille_accidents", {"path": "accidents_2010_2018.parquet"}
    degrees = {"longitude_deg": "lon", "latitude_deg": "lat"}
    metres = {"easting": "x", "northing": "y"}
    feed = {"kind": "accident", "columns": {**columns, **degrees}}
    accepted, rejected = read(city(folder, {**feed, "source": dict(source)}, **MARSEILLE))
    assert accepted.height + rejected.height == 13_660
    assert set(rejected["check_name"]) <= {"in bounds", "readable", "unique", "present"}
    assert rejected.height < 0.02 * 13_660, rejected["reason"].head(5).to_list()
    projected = {**feed, "columns": {**columns, **metres}, "coordinates": {"epsg": 2154}, "source": dict(source)}
    by_metres, _ = read(city(folder, projected, **MARSEILLE))
    both = accepted.join(by_metres, on="source_record_id").select(
        (pl.col("longitude_deg") - pl.col("longitude_deg_right")).abs().max().alias("east"),
        (pl.col("latitude_deg") - pl.col("latitude_deg_right")).abs().max().alias("north"),
        (pl.col("cell_id") == pl.col("cell_id_right")).mean().alias("same_cell"),
    )
    assert both.row(0)[0] < 2e-5
    assert both.row(0)[1] < 2e-5
    assert both["same_cell"][0] > 0.99


@pytest.mark.parametrize("point", ["geo_shape", "geo_point_2d"])
def test_reports_of_paris_lie_in_paris_with_either_order_of_coordinates(shared_data, point):
    feed = {
        "kind": "citizen_report",
        "source": {"path": "dans_ma_rue_sample_9rows.csv", "csv": {"separator": ";"}},
        "columns": {
            "source_record_id": "OBJECTID",
            "service_code": "TYPE",
            "occurred_from": "DATEDECL",
            "point": point,
        },
        "constants": {"status": "closed"},
        "date_formats": ["%Y-%m-%d"],
        "occurred_precision": "day",
        "coordinates": {"point_order": "lat,lon"},
    }
    accepted, rejected = read(city(shared_data / "citizen_reports", feed, **PARIS))
    assert (accepted.height, rejected.height) == (9, 0)
    assert accepted["longitude_deg"].is_between(2.22, 2.47).all()
    assert set(accepted["location_method"]) == {"address"}


def test_an_open311_report_becomes_a_record(shared_data):
    rows = pl.DataFrame(json.loads((shared_data / "citizen_reports" / "open311_georeport_v2_sample.json").read_text()))
    feed = {
        "kind": "citizen_report",
        "source": {"path": "x.csv"},
        "columns": {
            "source_record_id": "service_request_id",
            "service_code": "service_code",
            "status": "status",
            "occurred_from": "requested_datetime",
            "updated_at": "updated_datetime",
            "longitude_deg": "long",
            "latitude_deg": "lat",
        },
        "date_formats": ["%Y-%m-%dT%H:%M:%S%z"],
    }
    bounds = {
        "bounds": {"south": 37.6, "north": 37.9, "west": -122.6, "east": -122.3},
        "grid": {"epsg": 26910, "cell_size_m": 250},
    }
    result = admit(rows, Plan.of(city("x", feed, **bounds), "feed"), Ordinals())
    assert result.accepted["status"].to_list() == ["closed", "open"]
    assert result.accepted["occurred_from"][0] == datetime.fromisoformat("2010-04-14T06:37:38-08:00")


def test_a_school_known_only_to_its_town_has_no_location(shared_data):
    rows = pl.DataFrame(
        json.loads((shared_data / "schools" / "annuaire_education_sample.json").read_text()), infer_schema_length=None
    )
    feed = {
        "kind": "sensitive_place",
        "source": {"path": "x.csv"},
        "columns": {
            "source_record_id": "identifiant_de_l_etablissement",
            "place_type": "type_etablissement",
            "place_name": "nom_etablissement",
            "location_method": "precision_localisation",
            "longitude_deg": "longitude",
            "latitude_deg": "latitude",
        },
        "values": {
            "location_method": {
                **dict.fromkeys(set(rows["precision_localisation"].drop_nulls()), "address"),
                "Ville": "none",
            }
        },
    }
    france = {"bounds": {"south": -25, "north": 52, "west": -65, "east": 60}}
    result = admit(rows, Plan.of(city("x", feed, **france), "feed"), Ordinals())
    assert result.rejected.is_empty(), result.rejected["reason"].to_list()
    joined = result.accepted.join(rows, left_on="source_record_id", right_on="identifiant_de_l_etablissement")
    towns = joined.filter(pl.col("precision_localisation") == "Ville")
    assert towns["longitude_deg"].null_count() == towns.height
    located = joined.filter(pl.col("precision_localisation") != "Ville")
    assert located.height > 0
    assert set(located["location_method"]) <= {"address", "none"}


def test_an_accident_file_damaged_by_a_spreadsheet_is_refused_with_the_reason(shared_data):
    path = shared_data / "accidents_baac" / "excel_corrupted_caract-2023_first199.csv"
    rows = pl.read_csv(path, infer_schema=False)
    feed = {
        "kind": "accident",
        "source": {"path": "x.csv"},
        "columns": {
            "source_record_id": "Num_Acc",
            "occurred_from": ["jour", "mois", "an", "hrmn"],
            "department_code": "dep",
            "municipality_code": "com",
        },
        "date_formats": ["%d %m %Y %H:%M"],
    }
    result = admit(rows, Plan.of(city("x", feed), "feed"), Ordinals())
    reasons = result.rejected.filter(pl.col("column_name") == "source_record_id")
    assert reasons.height == rows.height > 100
    assert set(reasons["check_name"]) == {"an identifier, not a number that a spreadsheet has rounded"}
