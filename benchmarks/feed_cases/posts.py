"""Networks of public messages, each answered for by a server in another process.

Messages come in threads of three. All are found by the search, so no thread is asked for, and none is scored.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams

from benchmarks.feed_cases.case import Case, moments

SECRETS = {"OBSERVATORY_PSEUDONYM_EPOCH": "2026", "OBSERVATORY_PSEUDONYM_SECRET_2026": "made-up-" * 5}
"""What pseudonyms are made with, from the environment."""

THREAD = 3
COLUMNS = {
    "source_record_id": "id", "occurred_from": "created_at", "language": "language", "text_length": "text",
    "is_reply": "is_reply", "thread_depth": "thread_depth", "thread_size_count": "thread_size_count",
    "root_status": "root_status", "root_at": "root_at",
}  # fmt: skip
SETTINGS = {
    "clock": "utc", "date_formats": ["%Y-%m-%dT%H:%M:%S%.fZ"], "occurred_precision": "second",
    "constants": {"network": "made up"}, "licence": None,
    "convention": {"partner": "A partner", "purpose": "a benchmark", "legal_basis": "a decision", "document": "C-1",
                   "start": "2020-01-01", "end": "2099-12-31"},
}  # fmt: skip


def bluesky(_: Path, rows: int) -> Any:
    times = [_written(at) for at in moments(rows)]
    views = [
        {**_reference(n), "indexedAt": time, "replyCount": 0,
         "author": {"did": "did:plc:someone", "handle": "someone.example"},
         "record": {"createdAt": time, "langs": ["fr"], "text": "Trop de bruit sur le cours",
                    **({"reply": {"parent": _reference(n - 1), "root": _reference(n - n % THREAD)}}
                       if n % THREAD else {})}}
        for n, time in enumerate(times)
    ]  # fmt: skip

    def answer(_: str, query: QueryParams, __: Mapping[str, str]) -> Any:
        start, end = bisect_left(times, query["since"]), bisect_left(times, query["until"])
        return {"posts": views[max(start, end - int(query["limit"])) : end][::-1]}

    return answer


def mastodon(_: Path, rows: int) -> Any:
    numbers = [int(at.timestamp() * 1000) << 16 for at in moments(rows)]
    statuses = [
        {"id": f"{numbers[n]}", "created_at": _written(at), "visibility": "public", "language": "fr", "reblog": None,
         "in_reply_to_id": f"{numbers[n - 1]}" if n % THREAD else None, "replies_count": 0,
         "account": {"id": "42", "acct": "someone@social.example"},
         "content": "<p>Trop de bruit &amp; de poussi&egrave;re</p>"}
        for n, at in enumerate(moments(rows))
    ]  # fmt: skip

    def answer(_: str, query: QueryParams, __: Mapping[str, str]) -> Any:
        end = bisect_left(numbers, int(query["max_id"]))
        return statuses[max(0, end - int(query["limit"])) : end][::-1]

    return answer


def _reference(number: int) -> dict[str, str]:
    return {"cid": f"cid-{number}", "uri": f"at://did:plc:someone/app.bsky.feed.post/{number}"}


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


POSTS = {
    "bluesky": Case(
        {"protocol": "bluesky", "queries": ["bruit"], "reads_threads": False},
        {**COLUMNS, "reported_at": "indexed_at"},
        bluesky, None, SETTINGS, "social_signal",
    ),
    "mastodon": Case(
        {"protocol": "mastodon", "hashtags": ["bruit"], "reads_threads": False},
        COLUMNS, mastodon, None, SETTINGS, "social_signal",
    ),
}  # fmt: skip
