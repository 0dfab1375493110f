"""The grid: names of cells as INSPIRE gives them, projection both ways, the cells of a city."""

import ast
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from observatory import grid

SQUARE = "POLYGON ((-122.70 45.50, -122.60 45.50, -122.60 45.56, -122.70 45.56, -122.70 45.50))"


def test_a_real_census_cell_of_insee_has_its_published_name():
    # the centre of a 200 m cell of INSEE's Filosofi grid, CRS3035RES200mN2029800E4252400
    assert grid.cell_ids([4252500.0], [2029900.0], 3035, 200).to_list() == ["CRS3035RES200mN2029800E4252400"]


@pytest.mark.parametrize(
    ("easting", "northing", "corner"),
    [(0.0, 0.0, "N0E0"), (249.99, 249.99, "N0E0"), (250.0, 0.0, "N0E250"), (-0.01, -250.01, "N-500E-250")],
)
def test_an_edge_belongs_to_the_cell_east_and_north_of_it(easting, northing, corner):
    assert grid.cell_ids([easting], [northing], 2154, 250)[0] == f"CRS2154RES250m{corner}"


def test_a_missing_point_has_no_cell():
    east, north = grid.project([np.nan, -87.6], [41.8, np.nan], 26916)
    assert np.isnan(east).all()
    assert np.isnan(north).all()
    assert grid.cell_ids(east, north, 26916, 250).to_list() == [None, None]


def test_projecting_does_not_change_the_callers_arrays():
    longitude, latitude = np.array([-87.6]), np.array([41.8])
    grid.project(longitude, latitude, 26916)
    assert (longitude[0], latitude[0]) == (-87.6, 41.8)


def test_feet_are_read_as_feet():
    # first row of the Portland calls: x_ft, y_ft and the lon, lat published beside them
    longitude, latitude = grid.reproject([7661410], [682295], 2913, grid.WGS84)
    assert (longitude[0], latitude[0]) == pytest.approx((-122.60971483, 45.51878787), abs=1e-6)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e7)), min_size=1, max_size=20),
    st.sampled_from([100, 200, 250, 1000]),
)
def test_a_cell_named_after_a_point_contains_it(points, size):
    easting, northing = map(np.array, zip(*points, strict=True))
    corner = grid.parse_cell_ids(grid.cell_ids(easting, northing, 2154, size))
    assert (corner["cell_size_m"] == size).all()
    assert (corner["epsg"] == 2154).all()
    for value, low in ((easting, corner["easting_m"]), (northing, corner["northing_m"])):
        # the quotient of a point very near an edge may be rounded to the edge
        assert (low.to_numpy() <= value + 1e-6).all()
        assert (value < low.to_numpy() + size + 1e-6).all()


@pytest.mark.parametrize("text", ["", "CRS3035RES200m", "N1E1", None, "xCRS3035RES200mN1E1"])
def test_a_text_that_is_not_a_cell_is_read_as_none(text):
    assert grid.parse_cell_ids(pl.Series([text], dtype=pl.String)).row(0) == (None, None, None, None)


def test_cells_of_a_city_are_those_whose_centre_lies_in_it():
    cells = grid.cells_in(SQUARE, 32610, 250)
    assert cells["cell_id"].n_unique() == cells.height
    area = shapely.from_wkt(SQUARE)
    assert shapely.contains_xy(area, *cells.select("longitude_deg", "latitude_deg").to_numpy().T).all()
    corners = grid.parse_cell_ids(cells["cell_id"])
    assert (corners["easting_m"] + 125 == cells["easting_m"]).all()
    # every point far enough from the border lies in one of the cells
    rng = np.random.default_rng(1)
    east, north = grid.project(rng.uniform(-122.69, -122.61, 500), rng.uniform(45.51, 45.55, 500), 32610)
    assert grid.cell_ids(east, north, 32610, 250).is_in(cells["cell_id"].implode()).all()
    # as many cells as fit, except for a row at the border
    assert cells.height * 250**2 == pytest.approx(7.81e3 * 6.67e3, rel=0.02)


def test_cells_are_in_a_fixed_order_and_have_the_tables_types():
    cells = grid.cells_in(shapely.from_wkt(SQUARE), 32610, 250)
    assert cells.equals(cells.sort("northing_m", "easting_m"))
    assert cells.equals(grid.cells_in(SQUARE, 32610, 250))
    assert cells.schema["cell_size_m"] == pl.Int32
    assert (cells["source_record_id"] == cells["cell_id"]).all()
    assert cells["district_code"].null_count() == cells.height


def test_a_cell_has_the_district_of_its_centre_and_the_first_where_they_overlap():
    west = "POLYGON ((-122.70 45.50, -122.65 45.50, -122.65 45.56, -122.70 45.56, -122.70 45.50))"
    middle = "POLYGON ((-122.67 45.50, -122.63 45.50, -122.63 45.56, -122.67 45.56, -122.67 45.50))"
    cells = grid.cells_in(SQUARE, 32610, 250, {"w": west, "m": middle})
    expected = (
        pl.when(pl.col("longitude_deg") < -122.65)
        .then(pl.lit("w"))
        .when(pl.col("longitude_deg") < -122.63)
        .then(pl.lit("m"))
    )
    assert cells["district_code"].equals(cells.select(expected.alias("district_code")).to_series())


def test_a_city_smaller_than_a_cell_has_at_most_one():
    dot = shapely.from_wkt("POLYGON ((-122.7 45.5, -122.6999 45.5, -122.6999 45.5001, -122.7 45.5))")
    assert grid.cells_in(dot, 32610, 5000).height <= 1


def test_the_grid_imports_nothing_of_the_observatory():
    tree = ast.parse(Path(grid.__file__).read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in modules if name.startswith("observatory")]
