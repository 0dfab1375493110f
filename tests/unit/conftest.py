"""A small city in files, and the command line as a user meets it."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

FIRST_DAY, DAYS = date(2024, 1, 1), 130
WEST, SOUTH, KILOMETRES = 4.95, 43.25, 3
DEGREES_PER_KM = 1 / 111.2


def square(west, south, wide, high):
    ring = [[west, south], [west + wide, south], [west + wide, south + high], [west, south + high], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


@pytest.fixture(scope="session")
def city(tmp_path_factory):
    """A square of 3 km with one hotspot and two districts, in files as the backtest expects them."""
    folder = tmp_path_factory.mktemp("city")
    high = KILOMETRES * DEGREES_PER_KM
    wide = high / math.cos(math.radians(SOUTH))
    areas = {"boundary": [square(WEST, SOUTH, wide, high)]}
    areas["districts"] = [square(WEST, SOUTH, wide / 2, high), square(WEST + wide / 2, SOUTH, wide / 2, high)]
    for name, geometries in areas.items():
        features = [
            {"type": "Feature", "properties": {"number": number, "label": side}, "geometry": geometry}
            for number, (geometry, side) in enumerate(zip(geometries, ("west", "east"), strict=False))
        ]
        text = json.dumps({"type": "FeatureCollection", "features": features})
        (folder / f"{name}.geojson").write_text(text)
    random = np.random.default_rng(8)
    count = DAYS * 8
    x, y = random.random(count), random.random(count)
    hot = random.random(count) < 0.4
    x[hot], y[hot] = 0.55, 0.5
    frame = pl.DataFrame(
        {
            "occurred_local": [
                datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(days=number // 8, hours=number % 24)
                for number in range(count)
            ],
            "longitude_deg": WEST + x * wide,
            "latitude_deg": SOUTH + y * high,
            "category_code": random.choice(["THEFT", "NOISE", "ARSON"], count, p=[0.6, 0.39, 0.01]),
            "detection_mode": random.choice(["reported", "discovered"], count, p=[0.9, 0.1]),
        }
    )
    frame.write_parquet(folder / "incidents.parquet")
    (folder / "groups.yml").write_text("property: [THEFT, ARSON]\n")
    return folder


@pytest.fixture(scope="session")
def backtest_arguments(city):
    """The command's arguments; a change replaces or adds an option, None takes it away."""

    def arguments(**changes):
        options = {
            "incidents": city / "incidents.parquet",
            "boundary": city / "boundary.geojson",
            "epsg": 2154,
            "category": "property",
            "groups": city / "groups.yml",
            "from": FIRST_DAY + timedelta(days=100),
            "to": FIRST_DAY + timedelta(days=105),
            "horizon-days": 1,
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        given = ((f"--{name}", str(value)) for name, value in options.items() if value is not None)
        return ["backtest", *(part for pair in given for part in pair)]

    return arguments


@pytest.fixture
def observatory_ml(monkeypatch, capsys):
    """Run the command line; returns exit code, standard output and standard error."""
    from ml import cli

    def run(*given):
        monkeypatch.setattr("sys.argv", ["observatory-ml", *map(str, given)])
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
