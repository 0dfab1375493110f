"""Generalising: the street without the house, the node without the point, the class without the age."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.privacy.generalise import age_class, rounded_point, street, suppress_small


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("14 rue Paradis, 13006 Marseille", "rue Paradis, 13006 Marseille"),
        ("14 bis, rue Paradis", "rue Paradis"),
        ("3ter impasse des Lilas 13014", "impasse des Lilas 13014"),
        ("12-14 boulevard Baille", "boulevard Baille"),
        ("n° 8 place aux Huiles", "place aux Huiles"),
        ("118 avenue de la Rose, bât C, 13013 Marseille", "avenue de la Rose, 13013 Marseille"),
        ("118 avenue de la Rose Appt 12", "avenue de la Rose"),
        ("Rue Paradis, n°14", "Rue Paradis"),
        ("rue Paradis 14", "rue Paradis"),
        ("rue Paradis 14, 13006 Marseille", "rue Paradis, 13006 Marseille"),
        ("2334 N LAKE SHORE DR", "N LAKE SHORE DR"),
        ("1120 SW 5th Ave, Suite 400", "SW 5th Ave"),
        ("1200 BLOCK OF N STATE ST", "1200 BLOCK OF N STATE ST"),
        ("012XX N STATE ST", "012XX N STATE ST"),
        ("rue d'Aubagne / rue Moustier", "rue d'Aubagne / rue Moustier"),
        ("Place du 4 Septembre", "Place du 4 Septembre"),
        ("Rue du 141 RIA", "Rue du 141 RIA"),
        ("Boulevard du 8 mai 1945", "Boulevard du 8 mai 1945"),
        ("Cours Lieutaud", "Cours Lieutaud"),
        (None, None),
    ],
)
def test_an_address_keeps_its_street(address, kept):
    frame = pl.DataFrame({"address": [address]}, schema={"address": pl.String})
    assert frame.select(street("address")).item() == kept


STREETS = st.sampled_from(["rue Paradis", "cours Lieutaud", "avenue du Prado", "boulevard Baille", "place aux Huiles"])


@given(house=st.integers(1, 9999), suffix=st.sampled_from(["", " bis", "bis", " ter", "B", " a"]), name=STREETS)
def test_no_house_number_comes_through(house, suffix, name):
    frame = pl.DataFrame(
        {"address": [f"{house}{suffix} {name}", f"{house}{suffix}, {name}", f"{name} {house}{suffix}"]}
    )
    assert frame.select(street("address")).to_series().to_list() == [name] * 3


def metres_between(a, b):
    mean = math.radians((a[1] + b[1]) / 2)
    return math.hypot((a[0] - b[0]) * math.cos(mean), a[1] - b[1]) * 111_195


@given(longitude=st.floats(-120, 120), latitude=st.floats(-60, 60))
def test_a_point_moves_to_a_node_nearby_and_stays_there(longitude, latitude):
    points = pl.DataFrame({"longitude_deg": [longitude], "latitude_deg": [latitude]})
    node = points.select(rounded_point())
    assert metres_between(points.row(0), node.row(0)) <= 100 / math.sqrt(2) + 0.1
    assert node.select(rounded_point()).row(0) == pytest.approx(node.row(0), abs=2e-7)


def test_nodes_are_a_hundred_metres_apart():
    spread = [index * 1e-5 for index in range(1000)]
    points = pl.DataFrame({"longitude_deg": [5.37] * 1000, "latitude_deg": [43.29 + step for step in spread]})
    north = points.select(rounded_point()[1]).to_series().unique().sort()
    assert (north.diff().drop_nulls() * 111_195).to_list() == pytest.approx([100.0] * (north.len() - 1), abs=0.1)
    points = pl.DataFrame({"longitude_deg": [5.37 + step for step in spread], "latitude_deg": [43.29] * 1000})
    east = points.select(rounded_point()[0]).to_series().unique().sort()
    metres = east.diff().drop_nulls() * 111_195 * math.cos(math.radians(43.29))
    assert metres.to_list() == pytest.approx([100.0] * (east.len() - 1), abs=0.2)


def test_ages_become_classes():
    ages = pl.DataFrame({"age": [0, 17, 18, 24, 25, 44, 45, 64, 65, 120, 121, -1, None]})
    assert ages.select(age_class("age")).to_series().to_list() == [
        *("0-17", "0-17", "18-24", "18-24", "25-44", "25-44", "45-64", "45-64", "65+", "65+"),
        *(None, None, None),
    ]
    births = pl.DataFrame({"year": [2018], "an_nais": [1987]})
    assert births.select(age_class(pl.col("year") - pl.col("an_nais"))).item() == "25-44"


def test_small_counts_are_not_told():
    counts = pl.DataFrame({"n": [0, 1, 4, 5, 20, None]})
    assert counts.select(suppress_small("n")).to_series().to_list() == [None, None, None, 5, 20, None]
    assert counts.select(suppress_small("n", minimum=20)).to_series().to_list() == [None] * 4 + [20, None]
