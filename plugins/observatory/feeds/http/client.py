"""HTTP requests with retries, and errors that tell a temporary failure from a source that has changed."""

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
    from observatory.records.feed_window import FeedWindow
    from observatory.territory.sources import Source

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TEMPORARY = (408, 425, 429)


@dataclass(frozen=True)
class Patience:
    """How often and how long a server is asked before it counts as down.

    Attributes:
        attempts: maximum number of times a request is sent.
        backoff_s: wait after the first failure, doubled after each further one; ``Retry-After`` takes precedence.
        longest_wait_s: maximum duration of any wait.
        timeout_s: how long the server may send nothing.
    """

    attempts: int = 6
    backoff_s: float = 1.0
    longest_wait_s: float = 120.0
    timeout_s: float = 60.0


PATIENT = Patience()


def client(source: Source, patience: Patience = PATIENT, *, is_kept: bool = True) -> RESTClient:
    """A client that repeats a request after 429, 5xx, a timeout, a broken connection or a truncated response.

    Args:
        source: states the server's address and rate limit.
        patience: how often and how long a request is repeated.
        is_kept: whether responses are held in memory, so that a truncated one is detected; else they are streamed.
    """
    session = Client(
        request_timeout=patience.timeout_s,
        request_max_attempts=patience.attempts,
        request_backoff_factor=patience.backoff_s,
        request_max_retry_delay=patience.longest_wait_s,
        raise_for_status=False,
        retry_condition=_is_truncated if is_kept else None,
        # the proxy for the internet cannot reach a server of this machine
        session_attrs={"trust_env": urlsplit(source.address).hostname not in _LOOPBACK},
    ).session
    for scheme in ("http://", "https://"):
        session.mount(scheme, PoliteAdapter(source.requests_per_minute, patience.longest_wait_s))
    return RESTClient(source.address, session=session, config=RuntimeConfiguration(dlthub_telemetry=False))


def download(
    feed_window: FeedWindow,
    path: str,
    target: Path,
    *,
    patience: Patience = PATIENT,
    query: Mapping[str, Any] | None = None,
    is_complete: Callable[[Path], bool] | None = None,
) -> None:
    """Stream a response to a file; the request is repeated if the response is truncated.

    Args:
        feed_window: the feed whose server is asked.
        path: relative to the source's address, or an absolute URL.
        target: the file to write.
        patience: how often and how long the request is repeated.
        query: query parameters.
        is_complete: whether the file is complete; by default its format decides, see ``Completeness``.

    Raises:
        SourceUnavailable: the server is down, or every response was truncated.
        SourceChanged: it refuses the request, or sends a web page.
    """
    server, is_complete = client(feed_window.feed.source, patience, is_kept=False), is_complete or Completeness()
    with explained(feed_window):
        for attempt in range(patience.attempts):
            is_last = attempt + 1 == patience.attempts
            try:
                with server.get(path, params=dict(query or {}), stream=True) as response, target.open("wb") as file:
                    response.raise_for_status()
                    for piece in response.iter_content(1 << 20):
                        file.write(piece)
                _require_data(feed_window, target)
                if is_complete(target):
                    return
            except (exceptions.ChunkedEncodingError, exceptions.ConnectionError):
                if is_last:
                    raise
            if not is_last:
                time.sleep(min(patience.backoff_s * 2**attempt, patience.longest_wait_s))
    advice = is_complete.advice if isinstance(is_complete, Completeness) else ""
    raise truncated(str(feed_window), f"{target.stat().st_size} bytes", advice)


@contextmanager
def explained(feed_window: FeedWindow) -> Iterator[None]:
    """Translate the failures of a request into errors that say what to do.

    Args:
        feed_window: the feed whose server is asked.

    Raises:
        SourceUnavailable: the server is down or closes the connection, or the response is truncated.
        SourceChanged: it refuses the request, or does not respond with JSON.
    """
    subject, territory_file = str(feed_window), feed_window.feed.territory_file
    try:
        yield
    except requests.HTTPError as error:
        # every HTTPError has a response: it is raised for the status of one
        raise _refused(subject, territory_file, cast("requests.Response", error.response)) from None
    except exceptions.JSONDecodeError as error:
        raise _not_json(subject, territory_file, error.doc) from None
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
    ) as error:
        raise SourceChanged(
            subject,
            found=str(error),
            expected="an address that starts with http:// or https://",
            action=f"Correct `address` in {territory_file}, or the address given at the start.",
        ) from None
    except requests.RequestException as error:
        raise SourceUnavailable(
            subject,
            found=f"the server did not answer ({_root_cause(error)})",
            expected="a response",
            action=f"Try again later; if it goes on, check `address` in {territory_file} and the network.",
        ) from None


def is_html(body: str | bytes) -> bool:
    """Whether a response is a web page, such as an error or maintenance page sent with status 200."""
    start = body[:200].encode() if isinstance(body, str) else body[:200]
    return start.lstrip().startswith(b"<")


def _is_truncated(response: requests.Response | None, _: BaseException | None) -> bool:
    if response is None or not response.ok:
        return False
    return not (response.content and Completeness()(response.content))


def _refused(subject: str, territory_file: str, response: requests.Response) -> ObservatoryError:
    status = f"{response.status_code} {response.reason}".strip()
    if response.status_code >= 500 or response.status_code in _TEMPORARY:
        return SourceUnavailable(
            subject,
            found=f"the server answered {status} every time it was asked",
            expected="a response",
            action="Try again later; if it goes on, ask the operator of the server.",
        )
    return SourceChanged(
        subject,
        found=f"the server answered {status}: {_message(response)}",
        expected="the requested rows",
        action=f"If it renamed or moved the data, correct `columns`, `resource` or `path` in {territory_file}.",
    )


def _not_json(subject: str, territory_file: str, body: str) -> ObservatoryError:
    if is_html(body):
        return SourceChanged(
            subject,
            found=f"a web page: {' '.join(body.split())[:120]}",
            expected="JSON",
            action=f"Open the address in a browser; if the data moved, correct `address` in {territory_file}.",
        )
    return truncated(subject, f"{len(body)} characters")


def truncated(subject: str, after: str, advice: str = "") -> SourceUnavailable:
    """The error for a response that was truncated at every attempt."""
    return SourceUnavailable(
        subject,
        found=f"the response was truncated after {after} every time it was asked for",
        expected="a complete response",
        action=f"Try again later; if it goes on, ask the operator of the server.{advice}",
    )


def _require_data(feed_window: FeedWindow, file: Path) -> None:
    feed = feed_window.feed
    with file.open("rb") as start:
        head = start.read(400)
    if is_html(head):
        raise SourceChanged(
            str(feed_window),
            found=f"a web page: {' '.join(head.decode(errors='replace').split())[:120]}",
            expected=f"the data that feeds.{feed.feed_id} in {feed.territory_file} names",
            action=f"Open the address in a browser; if the data moved, correct `address` in {feed.territory_file}.",
        )


def _message(response: requests.Response) -> str:
    """The server's own error message, shortened."""
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = "a web page" if is_html(response.content) else response.text
    return " ".join(message.split())[:200] or "no message"


def _root_cause(error: BaseException) -> str:
    """The failure that the libraries wrapped, without addresses and object names."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    cause = reason or error
    return f"{type(cause).__name__}: {str(cause).rpartition('>: ')[2]}"[:200]
