"""The geography of the simulated port city: boundary, districts and addresses, in metres and degrees.

Only the addresses are drawn at random. On a real map the place is open sea.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from observatory.simulator.world.draws import Floats, Integers, combine, name_key, uniform
from observatory.simulator.world.parameters import Category, Parameters

NAME = "Port-Simulé"
EPSG = 2154
AREA_KM2 = 100
ADDRESS_SPACING_M = 70
CENTRE_DEG = (5.0, 43.275)

# Name and centre in metres east and north of the city's centre; districts are the Voronoi cells of their centres.
_DISTRICTS = (
    ("Vieux-Port", -200, -1300), ("Centre", 400, 300), ("Les Docks", 2300, -1700), ("La Dune", 4400, -200),
    ("Les Salins", 3300, 2000), ("Le Phare", 1400, 3900), ("Les Pins", -1100, 3600), ("Les Amers", -3200, 2500),
    ("Le Chantier", -4000, -300), ("L'Estacade", -2600, -2300),
)  # fmt: skip
# Where people live: centre in metres, Gaussian radius in metres, weight.
_QUARTERS = (
    (0, 0, 1500, 1.0), (-3000, 2400, 1100, 0.6), (3400, 1800, 1300, 0.6), (-600, 3800, 1400, 0.5),
    (4200, -400, 1000, 0.35), (-3600, -900, 1000, 0.3),
)  # fmt: skip
_EVEN_WEIGHT = 0.06
_DOWNTOWN = (200, -500, 900)


@dataclass(frozen=True)
class City:
    """Geography, the same for every seed.

    Attributes:
        boundary: polygon, metres in EPSG 2154.
        districts: one polygon per district, metres; together they are the boundary.
        addresses: (n, 2) easting and northing of every place where an incident can be, metres.
        lonlat: (n, 2) the same in degrees, six decimals, as published.
        address_district: (n,) index of each address's district.
        centre: (2,) the city's centre, metres.
    """

    boundary: shapely.Polygon
    districts: npt.NDArray[np.object_]
    addresses: Floats
    lonlat: Floats
    address_district: Integers
    centre: Floats

    @property
    def district_codes(self) -> list[str]:
        """``D01``, ``D02``, … in order."""
        return [f"D{number:02d}" for number in range(1, len(_DISTRICTS) + 1)]

    def background(self, category: Category) -> Floats:
        """(addresses,) weights, sum 1: spatial distribution of a category's background incidents, without hotspots."""
        homes = np.full(len(self.addresses), _EVEN_WEIGHT)
        for east, north, spread, weight in _QUARTERS:
            homes += weight * _bump(self._local(), east, north, spread)
        downtown = _bump(self._local(), *_DOWNTOWN)
        centrality = category.centrality
        return (1 - centrality) * homes / homes.sum() + centrality * downtown / downtown.sum()

    def weights(self, parameters: Parameters) -> Floats:
        """(categories, addresses): spatial distribution of each category's recorded background, with hotspots."""
        spots = np.array(
            [_bump(self._local(), spot.east_m, spot.north_m, spot.spread_m) for spot in parameters.hotspots]
        )
        spots /= spots.sum(axis=1, keepdims=True)
        shares = np.array([[spot.shares.get(code, 0.0) for spot in parameters.hotspots] for code in parameters.codes])
        background = np.array([self.background(category) for category in parameters.categories])
        return (1 - shares.sum(axis=1, keepdims=True)) * background + shares @ spots

    def around(self, east_m: float, north_m: float, spread_m: float) -> Floats:
        """(addresses,) weights, sum 1: Gaussian around a place, metres from the centre."""
        bump = _bump(self._local(), east_m, north_m, spread_m)
        return bump / bump.sum()

    @property
    def downtown(self) -> Floats:
        """(addresses,) weights, sum 1, concentrated on the centre."""
        return self.around(*_DOWNTOWN)

    def distance(self, east_m: float, north_m: float) -> Floats:
        """(addresses,) distance in metres from a place given in metres from the centre."""
        return np.hypot(*(self._local() - [east_m, north_m]).T)

    def reporting(self, parameters: Parameters) -> Floats:
        """(addresses,) share of the incidents at each address that is reported."""
        return np.array([parameters.reporting[code] for code in self.district_codes])[self.address_district]

    def degrees(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Longitude and latitude, six decimals, of a place in metres from the centre."""
        easting, northing = self.centre + np.array([east_m, north_m])
        longitude, latitude = _transformer("to_degrees").transform(easting, northing)
        return round(longitude, 6), round(latitude, 6)

    def circle_wkt(self, east_m: float, north_m: float, radius_m: float) -> str:
        """A circle around a place as well-known text in degrees."""
        circle = shapely.Point(*(self.centre + np.array([east_m, north_m]))).buffer(radius_m, quad_segs=8)
        return shapely.to_wkt(_in_degrees(circle), rounding_precision=6)

    def boundary_geojson(self) -> dict[str, Any]:
        """The city's outline, WGS 84."""
        return _collection([self.boundary], ["demo"], [NAME])

    def districts_geojson(self) -> dict[str, Any]:
        """The districts, WGS 84, with properties code and name."""
        return _collection(list(self.districts), self.district_codes, [name for name, _, _ in _DISTRICTS])

    def _local(self) -> Floats:
        return self.addresses - self.centre


@cache
def build_city() -> City:
    """Build the city's geography."""
    centre = np.array(_transformer("to_metres").transform(*CENTRE_DEG))
    boundary = _outline(centre)
    seeds = centre + np.array([[east, north] for _, east, north in _DISTRICTS])
    cells = shapely.voronoi_polygons(shapely.multipoints(seeds), extend_to=boundary, ordered=True)
    districts = shapely.intersection(shapely.get_parts(cells), boundary)
    addresses = _addresses(boundary)
    nearest = np.argmin(((addresses[:, None, :] - seeds[None, :, :]) ** 2).sum(axis=2), axis=1)
    longitude, latitude = _transformer("to_degrees").transform(addresses[:, 0], addresses[:, 1])
    lonlat = np.column_stack([longitude, latitude]).round(6)
    return City(boundary, districts, addresses, lonlat, nearest.astype(np.int64), centre)


def _outline(centre: Floats) -> shapely.Polygon:
    """A lobed disc with a harbour cut into its southern shore, scaled to the city's area."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radius = 1 + 0.06 * np.cos(3 * angle + 0.5) + 0.03 * np.sin(7 * angle)
    radius -= 0.55 * np.exp(-(((angle - 1.47 * np.pi) / 0.16) ** 2))
    shape = shapely.Polygon(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))
    scale = np.sqrt(AREA_KM2 * 1e6 / shape.area)
    return shapely.transform(shape, lambda points: points * scale + centre)


def _addresses(boundary: shapely.Polygon) -> Floats:
    """Points of a lattice with random shifts, inside the boundary."""
    west, south, east, north = boundary.bounds
    lattice = np.stack(
        np.meshgrid(np.arange(west, east, ADDRESS_SPACING_M), np.arange(south, north, ADDRESS_SPACING_M)), axis=-1
    ).reshape(-1, 2)
    keys = combine(name_key("address"), np.arange(len(lattice)))
    shift = np.column_stack([uniform(keys, "east"), uniform(keys, "north")]) - 0.5
    points = lattice + shift * 0.6 * ADDRESS_SPACING_M
    return points[shapely.contains_xy(boundary.buffer(-20), points)]


def _bump(points: Floats, east: float, north: float, spread: float) -> Floats:
    return np.exp(-((points - [east, north]) ** 2).sum(axis=1) / (2 * spread**2))


@cache
def _transformer(direction: str) -> pyproj.Transformer:
    ends = ("EPSG:4326", f"EPSG:{EPSG}")
    return pyproj.Transformer.from_crs(*(ends if direction == "to_metres" else ends[::-1]), always_xy=True)


def _collection(shapes: list[shapely.Geometry], codes: list[str], names: list[str]) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": name, "is_simulated": True},
            "geometry": shapely.geometry.mapping(_in_degrees(shapely.segmentize(shape, 500))),
        }
        for shape, code, name in zip(shapes, codes, names, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def _in_degrees(shape: shapely.Geometry) -> shapely.Geometry:
    to_degrees = _transformer("to_degrees")
    return shapely.transform(
        shape, lambda points: np.column_stack(to_degrees.transform(points[:, 0], points[:, 1])).round(6)
    )
