"""Faults of a running portal: planted over HTTP from the same machine, or in a share of all responses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from observatory.errors import ObservatoryError, StackError
from observatory.simulator.servers.faults import catalogue
from observatory.simulator.servers.faults.catalogue import Fault
from observatory.territory.base import Strict

ADDRESS = "/_faults"
_HERE = ("127.0.0.1", "::1")
_RANDOM: tuple[Fault, ...] = (
    catalogue.too_many_requests(1),
    catalogue.server_error(500),
    catalogue.server_error(503),
    catalogue.slow(1.0),
    catalogue.truncated(),
    catalogue.hung_up(),
)
"""Faults that a retry overcomes: a patient client loses nothing."""


class Planted(Strict):
    """A requested fault.

    Attributes:
        fault: its kind.
        prefix: only below this first part of the path, e.g. ``traffic``; everywhere by default.
        path: only at exactly this path, e.g. ``/traffic/sites.csv``.
        after: number of matching requests that succeed first, e.g. to fail between two pages.
        times: number of matching requests that then fail; by default all, until the fault is removed.
        status: status of the fault ``500``.
        retry_after_s: delay of the fault ``429``.
        seconds: delay of the fault ``slow``.
        share: share of the body that is sent, for ``truncated`` and ``hung_up``.
        column: name of the column of ``renamed`` and ``without``, as the server writes it.
        new_name: the name after ``renamed``.
    """

    fault: Literal["429", "500", "slow", "truncated", "html", "renamed", "without", "empty", "hung_up"]
    prefix: str | None = Field(default=None, pattern=r"^[\w-]+$")
    path: str | None = Field(default=None, pattern=r"^/")
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=1)
    status: int = Field(default=500, ge=500, le=599)
    retry_after_s: int = Field(default=1, ge=0)
    seconds: float = Field(default=1.0, gt=0, le=600)
    share: float = Field(default=0.5, gt=0, lt=1)
    column: str | None = Field(default=None, min_length=1)
    new_name: str = Field(default="renamed", min_length=1)

    @model_validator(mode="after")
    def _names_what_it_changes(self) -> Planted:
        if self.fault in ("renamed", "without") and self.column is None:
            raise ValueError(f"the fault {self.fault!r} needs a `column`")
        if self.prefix and self.path:
            raise ValueError("either `prefix` or `path`")
        return self

    def concerns(self, path: str) -> bool:
        """Whether the fault applies to this path."""
        if self.path is not None:
            return path == self.path
        return self.prefix is None or path.split("/")[1] == self.prefix

    @property
    def made(self) -> Fault:
        """The fault itself."""
        made: dict[str, Callable[[], Fault]] = {
            "429": lambda: catalogue.too_many_requests(self.retry_after_s),
            "500": lambda: catalogue.server_error(self.status),
            "slow": lambda: catalogue.slow(self.seconds),
            "truncated": lambda: catalogue.truncated(self.share),
            "html": catalogue.html,
            "renamed": lambda: catalogue.renamed(self.column or "", self.new_name),
            "without": lambda: catalogue.without(self.column or ""),
            "empty": catalogue.empty,
            "hung_up": lambda: catalogue.hung_up(self.share),
        }
        return made[self.fault]()


class FaultDesk:
    """The faults planted in a running portal; the first that applies to a request is shown."""

    def __init__(self) -> None:
        """Start without faults."""
        self._planted: list[tuple[Planted, int]] = []
        self._changing = Lock()

    @property
    def route(self) -> Route:
        """``PUT`` plants a fault, ``GET`` lists the planted ones, ``DELETE`` removes all; only from this machine."""
        return Route(ADDRESS, self._respond, methods=["GET", "PUT", "DELETE"])

    def plant(self, planted: Planted) -> None:
        """Show the fault from now on."""
        with self._changing:
            self._planted.append((planted, 0))

    def __call__(self, request: Request) -> Fault | None:
        """The fault of a request; counts the request."""
        with self._changing:
            for index, (planted, count_before) in enumerate(self._planted):
                if not planted.concerns(request.url.path) or _is_over(planted, count_before):
                    continue
                self._planted[index] = planted, count_before + 1
                if count_before >= planted.after:
                    return planted.made
        return None

    async def _respond(self, request: Request) -> Response:
        if request.client is None or request.client.host not in _HERE:
            return _refusal(403, StackError(
                "faults of the portal", found="a request from another machine", expected="one from this machine",
                action="Plant faults where the portal runs.",
            ))  # fmt: skip
        if request.method == "PUT":
            try:
                self.plant(_read(await request.body()))
            except StackError as error:
                return _refusal(400, error)
        elif request.method == "DELETE":
            with self._changing:
                self._planted.clear()
        with self._changing:
            listed = [
                {**planted.model_dump(exclude_none=True, exclude_defaults=True), "requests": requests,
                 "is_over": _is_over(planted, requests)}
                for planted, requests in self._planted
            ]  # fmt: skip
        return JSONResponse(listed)


def sometimes(share: float, seed: int = 1) -> Callable[[Request], Fault | None]:
    """Faults in a share of all responses, each of which a retry overcomes.

    Which request fails, and how, depends only on its number and the seed, so that runs can be repeated.

    Args:
        share: of all requests, from 0 to 1.
        seed: another seed is another order of faults.
    """
    numbers = count()

    def fault_for(_: Request) -> Fault | None:
        drawn = hashlib.blake2b(f"{seed}/{next(numbers)}".encode(), digest_size=16).digest()
        is_wrong = int.from_bytes(drawn[:8], "big") < share * 2**64
        return _RANDOM[int.from_bytes(drawn[8:], "big") % len(_RANDOM)] if is_wrong else None

    return fault_for


def _is_over(planted: Planted, requests: int) -> bool:
    return planted.times is not None and requests >= planted.after + planted.times


def _read(body: bytes) -> Planted:
    try:
        return Planted.model_validate(json.loads(body))
    except ValidationError as error:
        found = "; ".join(
            ": ".join(filter(None, [".".join(map(str, each["loc"])), each["msg"]]))
            for each in error.errors(include_url=False)
        )
    except ValueError as error:
        found = f"no JSON ({error})"
    raise StackError(
        "faults of the portal",
        found=found,
        expected=f"a JSON object with `fault` and any of {', '.join(list(Planted.model_fields)[1:])}",
        action=f'Send for example {{"fault": "500", "prefix": "traffic", "times": 2}} with PUT to {ADDRESS}.',
    )


def _refusal(status: int, error: ObservatoryError) -> Response:
    parts = {name: getattr(error, name) for name in ("subject", "found", "expected", "action")}
    return JSONResponse({"message": str(error), **parts}, status_code=status)
