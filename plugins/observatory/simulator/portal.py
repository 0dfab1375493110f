"""A portal that serves Socrata datasets and other protocols: recorded rows, or the simulated city."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from observatory.errors import StackError
from observatory.simulator.publishers import police, replay
from observatory.simulator.publishers.catalogue import CATALOGUE, feeds_served
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers import Answer
from observatory.simulator.servers.faults.catalogue import FIELDS_HEADER, Faults, fault_of
from observatory.simulator.servers.faults.desk import FaultDesk
from observatory.simulator.servers.page import Served, root_page
from observatory.simulator.servers.serving import DEFAULT_PORT, running, serve
from observatory.simulator.servers.socrata import Dataset
from observatory.simulator.servers.soql import SoqlError
from observatory.simulator.world import city, simulation
from observatory.window import local_midnight

__all__ = ["DEFAULT_PORT", "create_app", "demo_app", "ledger_of", "replay_app", "running", "serve"]

INCIDENTS_ID, CITY_ID, DISTRICTS_ID = "demo-inci", "demo-city", "demo-dist"

Source = Dataset | Callable[[], Dataset]


def create_app(
    datasets: Mapping[str, Source],
    geojson: Mapping[str, dict[str, Any] | bytes] | None = None,
    *,
    answers: Mapping[str, Answer] | None = None,
    faults: Faults = (),
    title: str = "City data portal",
    notice: str = "A local replica of a city's open data portal.",
    served: Iterable[Served] = (),
) -> Starlette:
    """Build the portal.

    Args:
        datasets: rows of ``/resource/<id>.json``; a function is called at every request, for rows that change while
            the portal runs.
        geojson: content of ``/resource/<id>.geojson``.
        answers: handles the paths below ``/<key>/``, without that prefix.
        faults: faults of responses (except the root page), beside those planted while the portal runs (see
            ``servers.faults.desk``): one entry per request in order (None = no fault, also once they are used up), or a
            function of the request.
        title: heading of the page at ``/``.
        notice: what a reader must know about the rows, shown there.
        served: the feeds that can be read from it, shown there.
    """
    areas = {key: _encoded(body) for key, body in (geojson or {}).items()}
    desk, initial_fault = FaultDesk(), fault_of(faults)

    async def resource(request: Request) -> Response:
        key, _, form = request.path_params["resource"].rpartition(".")
        if form == "geojson" and key in areas:
            return Response(areas[key], media_type="application/vnd.geo+json")
        if form == "json" and key in datasets:
            return await run_in_threadpool(_rows, datasets[key], request.query_params)
        return _refusal(404, "dataset.missing", "Not found")

    async def answered(request: Request) -> Response:
        answer = (answers or {}).get(request.path_params["prefix"])
        if answer is None:
            return _refusal(404, "dataset.missing", "Not found")
        path = f"/{request.path_params.get('path', '')}"
        return await run_in_threadpool(_sent, answer, path, request)

    def with_faults(respond: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def maybe_faulty(request: Request) -> Response:
            fault = desk(request) or initial_fault(request)
            good = await respond(request)
            return await run_in_threadpool(fault, good) if fault else good

        return maybe_faulty

    def root(_: Request) -> Response:
        current = {key: _current(source) for key, source in datasets.items()}
        return HTMLResponse(root_page(title, notice, current, areas, served))

    return Starlette(
        routes=[
            Route("/", root),
            desk.route,
            Route("/resource/{resource}", with_faults(resource)),
            Route("/{prefix}", with_faults(answered)),
            Route("/{prefix}/{path:path}", with_faults(answered)),
        ]
    )


def replay_app(folder: Path, *, faults: Faults = ()) -> Starlette:
    """The portal of a folder of recorded rows (see ``publishers.replay``)."""
    return create_app(
        replay.datasets(folder),
        replay.boundary(folder),
        faults=faults,
        title="Replay of a city data portal",
        notice=f"Real rows, replayed from the folder {folder.resolve().name}; update times are invented.",
    )


def demo_app(
    today: date | None = None,
    seed: int = 1,
    population: int = simulation.POPULATION,
    *,
    now: Callable[[], datetime] | None = None,
    faults: Faults = (),
) -> Starlette:
    """The portal of the simulated city: incidents over Socrata, and all feeds of ``publishers.catalogue``.

    Args:
        today: list what was known at the beginning of this local day; None follows the calendar while it runs.
        now: returns the moment of the listing (with a time zone), at every request; instead of ``today``.
        seed: another seed is another history of the same city.
        population: people in the city.
        faults: see ``create_app``.

    Raises:
        StackError: the city has no history before ``today``.
    """
    ledger = ledger_of(today, seed, population, now=now)
    incidents = police.incidents(ledger)
    incidents()  # the first request should not wait for the simulation
    geography = city.build_city()
    return create_app(
        {INCIDENTS_ID: incidents},
        {CITY_ID: geography.boundary_geojson(), DISTRICTS_ID: geography.districts_geojson()},
        answers={prefix: made(ledger) for prefix, made in CATALOGUE.items()},
        faults=faults,
        title=f"{city.NAME}: open data of a simulated city",
        notice="SIMULATED DATA. The city, its places and every incident are invented by a program; "
        "no row describes a real person, address or event.",
        served=feeds_served(),
    )


def ledger_of(
    today: date | None = None,
    seed: int = 1,
    population: int = simulation.POPULATION,
    *,
    now: Callable[[], datetime] | None = None,
) -> Ledger:
    """The ledger of the simulated city; arguments and errors as for ``demo_app``."""
    if today is not None and today <= simulation.FIRST_DAY:
        raise StackError(
            "portal of the simulated city",
            found=f"today = {today}",
            expected=f"a day after {simulation.FIRST_DAY}, when its history begins",
            action="Choose a later --today.",
        )
    beginning = local_midnight(today, simulation.TIMEZONE) if today else None
    clock = now or (lambda: beginning or datetime.now(UTC))
    return Ledger(simulation.Simulation(seed, population), clock)


def _sent(answer: Answer, path: str, request: Request) -> Response:
    sent = answer(path, request.query_params, request.headers)
    return sent if isinstance(sent, Response) else JSONResponse(sent)


def _rows(source: Source, parameters: Mapping[str, str]) -> Response:
    dataset = _current(source)
    try:
        text = dataset.answer(parameters)
    except SoqlError as error:
        return _refusal(400, error.code, error.message)
    fields = json.dumps(dataset.fields(parameters))
    return Response(text.encode(), media_type="application/json", headers={FIELDS_HEADER: fields})


def _refusal(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "error": True, "message": message}, status_code=status)


def _current(source: Source) -> Dataset:
    return source if isinstance(source, Dataset) else source()


def _encoded(body: dict[str, Any] | bytes) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
