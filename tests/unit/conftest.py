"""Territories and servers for tests of the feeds; for the forecasts, a small city in files and their commands."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from observatory.feeds import open_reader
from observatory.records.check import check
from observatory.records.conform import conform
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal, servers
from observatory.territory.city import Territory
from observatory.territory.files import load_territory

FIRST_DAY, DAYS = date(2024, 1, 1), 130
WEST, SOUTH, KILOMETRES = 4.95, 43.25, 3
DEGREES_PER_KM = 1 / 111.2


def square(west, south, wide, high):
    ring = [[west, south], [west + wide, south], [west + wide, south + high], [west, south + high], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


@pytest.fixture(scope="session")
def city_files(tmp_path_factory):
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
def backtest_arguments(city_files):
    """The command's arguments; a change replaces or adds an option, None takes it away."""

    def arguments(**changes):
        options = {
            "incidents": city_files / "incidents.parquet",
            "boundary": city_files / "boundary.geojson",
            "epsg": 2154,
            "category": "property",
            "groups": city_files / "groups.yml",
            "from": FIRST_DAY + timedelta(days=100),
            "to": FIRST_DAY + timedelta(days=105),
            "horizon-days": 1,
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        given = ((f"--{name}", str(value)) for name, value in options.items() if value is not None)
        return ["backtest", *(part for pair in given for part in pair)]

    return arguments


@pytest.fixture
def observatory_ml(monkeypatch, capsys):
    """Run the command; returns exit code, standard output and standard error."""
    from ml.cli import app

    def run(*given):
        monkeypatch.setattr("sys.argv", ["observatory-ml", *map(str, given)])
        try:
            app.main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def city() -> Callable[..., Territory]:
    """The demo city with one feed, called ``feed``, with settings given by the test."""

    def described(source, kind, columns, **changes) -> Territory:
        demo = load_territory("demo").model_dump(exclude={"feeds"})
        feed = {"kind": kind, "source": source, "columns": columns, "owner": "City", "licence": "made up", **changes}
        return Territory.model_validate({**demo, "feeds": {"feed": feed}})

    return described


@pytest.fixture
def read() -> Callable[..., list[pl.DataFrame]]:
    """The chunks that a city's feed ``feed`` yields in a window."""

    def chunks(territory, window, **options) -> list[pl.DataFrame]:
        return list(open_reader(FeedWindow.of(territory, "feed", window), **options).read())

    return chunks


@pytest.fixture
def checked() -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """Accepted and rejected records of chunks of the feed ``feed``."""

    def divided(chunks, territory) -> tuple[pl.DataFrame, pl.DataFrame]:
        ordinals = Ordinals()
        parts = [
            check(rows, conform(rows, Plan.of(territory, "feed"), ordinals), Plan.of(territory, "feed"))
            for rows in chunks
        ]
        return pl.concat(part.accepted for part in parts), pl.concat(part.rejected for part in parts)

    return divided


@pytest.fixture(scope="session")
def _server():
    """One server for all tests, because starting one takes time; the current test defines its responses."""
    current = {}

    def answer(path, query, headers):
        return current["answer"](path, query, headers)

    def fault(request):
        return current["fault"](request)

    with portal.running(servers.app(answer, fault)) as address:
        yield address, current


@pytest.fixture
def serving(_server):
    """A server of an answer, with the faults planted; yields its address and the received queries."""
    address, current = _server

    @contextmanager
    def served(answer, faults=()):
        asked = []

        def noted(path, query, headers):
            asked.append((path, query))
            return answer(path, query, headers)

        current.update({"answer": noted, "fault": portal.fault_of(faults)})
        yield address, asked

    return served
