"""JsonClient a server patiently, and telling a passing fault from an answer that has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client import RESTClient
from requests import exceptions

from observatory.errors import ObservatoryError, SourceChanged, SourceUnavailable
from observatory.feeds.http.completeness import Completeness
from observatory.feeds.http.rate_limit import PoliteAdapter

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings
    from observatory.territory.sources import Source

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PASSING = (408, 425, 429)


@dataclass(frozen=True)
class Patience:
    """How long a server is asked before it counts as down.

    Attributes:
        attempts: how often a request is made.
        backoff_s: wait after the first failure, doubled after each further one; ``Retry-After`` wins over it.
        longest_wait_s: most that any wait may last.
        timeout_s: how long the server may be silent.
    """

    attempts: int = 6
    backoff_s: float = 1.0
    longest_wait_s: float = 120.0
    timeout_s: float = 60.0


PATIENT = Patience()


def client(source: Source, patience: Patience = PATIENT, *, is_kept: bool = True) -> RESTClient:
    """A client of one server that repeats a request after 429, 5xx, silence, a broken connection or half an answer.

    Args:
        source: names the server, and how often it may be asked.
        patience: how long it is asked.
        is_kept: whether answers are held in memory, so that a truncated response is detected; else they are streamed.
    """
    session = Client(
        request_timeout=patience.timeout_s,
        request_max_attempts=patience.attempts,
        request_backoff_factor=patience.backoff_s,
        request_max_retry_delay=patience.longest_wait_s,
        raise_for_status=False,
        retry_condition=_stops_midway if is_kept else None,
        # a proxy set for the outside world cannot reach a server of this machine
        session_attrs={"trust_env": urlsplit(source.address).hostname not in _LOOPBACK},
    ).session
    for scheme in ("http://", "https://"):
        session.mount(scheme, PoliteAdapter(source.requests_per_minute, patience.longest_wait_s))
    return RESTClient(source.address, session=session, config=RuntimeConfiguration(dlthub_telemetry=False))


def download(
    where: str,
    feed: FeedSettings,
    path: str,
    target: Path,
    *,
    patience: Patience = PATIENT,
    query: Mapping[str, Any] | None = None,
    is_complete: Callable[[Path], bool] | None = None,
) -> None:
    """Write a server's answer to a file, piece by piece; asked for again where it is broken off.

    Args:
        where: feed and window, for messages.
        feed: names the server.
        path: what to ask for, below its address or an address of its own.
        target: the file.
        patience: how long to ask.
        query: parameters.
        is_complete: whether the file is complete; by default what its format tells, see ``Completeness``.

    Raises:
        SourceUnavailable: the server is down, or breaks off every time.
        SourceChanged: it refuses, or sends a web page.
    """
    server, is_complete = client(feed.source, patience, is_kept=False), is_complete or Completeness()
    with explained(where, feed.territory_file):
        for attempt in range(patience.attempts):
            is_last = attempt + 1 == patience.attempts
            try:
                with server.get(path, params=dict(query or {}), stream=True) as response, target.open("wb") as file:
                    response.raise_for_status()
                    for piece in response.iter_content(1 << 20):
                        file.write(piece)
                _require_data(where, feed, target)
                if is_complete(target):
                    return
            except (exceptions.ChunkedEncodingError, exceptions.ConnectionError):
                if is_last:
                    raise
            if not is_last:
                time.sleep(min(patience.backoff_s * 2**attempt, patience.longest_wait_s))
    advice = is_complete.advice if isinstance(is_complete, Completeness) else ""
    raise truncated(where, f"{target.stat().st_size} bytes", advice)


@contextmanager
def explained(where: str, territory_file: str) -> Iterator[None]:
    """Turn what goes wrong while asking a server into errors that say what to do.

    Args:
        where: feed and window, for the message.
        territory_file: the file that names the server.

    Raises:
        SourceUnavailable: it is down, or hangs up, or its answer stops midway.
        SourceChanged: it answers, but refuses, or not with JSON.
    """
    try:
        yield
    except requests.HTTPError as error:
        # only a request never sent lacks an answer, and none such is an HTTPError
        raise _refused(where, territory_file, cast("requests.Response", error.response)) from None
    except exceptions.JSONDecodeError as error:
        raise _not_json(where, territory_file, error.doc) from None
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
    ) as error:
        raise SourceChanged(
            where, found=str(error), expected="an address that starts with http:// or https://",
            action=f"Correct `address` in {territory_file}, or the address given at the start.",
        ) from None  # fmt: skip
    except requests.RequestException as error:
        raise SourceUnavailable(
            where,
            found=f"the server did not answer ({_root_cause(error)})",
            expected="an answer",
            action=f"Try again later; if it goes on, check `address` in {territory_file} and the network.",
        ) from None


def is_html(body: str | bytes) -> bool:
    """Whether an answer is a web page: an error or maintenance page sent as if all were well."""
    start = body[:200].encode() if isinstance(body, str) else body[:200]
    return start.lstrip().startswith(b"<")


def _stops_midway(response: requests.Response | None, _: BaseException | None) -> bool:
    if response is None or not response.ok:
        return False
    return not (response.content and Completeness()(response.content))


def _refused(where: str, territory_file: str, response: requests.Response) -> ObservatoryError:
    status = f"{response.status_code} {response.reason}".strip()
    if response.status_code >= 500 or response.status_code in _PASSING:
        return SourceUnavailable(
            where,
            found=f"the server answered {status} every time it was asked",
            expected="an answer",
            action="Try again later; if it goes on, ask whoever runs the server.",
        )
    return SourceChanged(
        where,
        found=f"the server answered {status}: {_said(response)}",
        expected="the rows asked for",
        action=f"If it renamed or moved the data, correct `columns`, `resource` or `path` in {territory_file}.",
    )


def _not_json(where: str, territory_file: str, body: str) -> ObservatoryError:
    if is_html(body):
        return SourceChanged(
            where,
            found=f"a web page: {' '.join(body.split())[:120]}",
            expected="JSON",
            action=f"Open the address in a browser; if the data moved, correct `address` in {territory_file}.",
        )
    return truncated(where, f"{len(body)} characters")


def truncated(where: str, after: str, advice: str = "") -> SourceUnavailable:
    """The error of an answer that stops midway every time it is asked for."""
    return SourceUnavailable(
        where,
        found=f"the answer stops midway, after {after}, every time it was asked",
        expected="a complete answer",
        action=f"Try again later; if it goes on, ask whoever runs the server.{advice}",
    )


def _require_data(where: str, feed: FeedSettings, file: Path) -> None:
    with file.open("rb") as start:
        head = start.read(400)
    if is_html(head):
        raise SourceChanged(
            where,
            found=f"cannot be read (a web page came: {' '.join(head.decode(errors='replace').split())[:120]})",
            expected=f"the data that feeds.{feed.feed_id} in {feed.territory_file} names",
            action=f"Open the address in a browser; if the data moved, correct `address` in {feed.territory_file}.",
        )


def _said(response: requests.Response) -> str:
    """The server's own words, as short as they can be."""
    try:
        answer = response.json()
        words = str(answer["message"])
    except (ValueError, KeyError, TypeError):
        words = "a web page" if is_html(response.content) else response.text
    return " ".join(words.split())[:200] or "without a word"


def _root_cause(error: BaseException) -> str:
    """Name of the failure beneath the layers that carried it, without their addresses and object names."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    cause = reason or error
    return f"{type(cause).__name__}: {str(cause).rpartition('>: ')[2]}"[:200]
