"""Inboxes: folders in which partners leave files. Each is taken whole, oldest first, and deleted once it is loaded.

A file is loaded by itself, so that a later one corrects an earlier one whenever both are taken. Its row in
``ops.delivery`` is written by the transaction that writes its records, and it is deleted after that transaction: a run
that is killed in between leaves a file that the next one knows, and deletes. A file that is refused stays, and those
that came after it wait behind it, since what they say is newer.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from observatory.errors import ContractBroken, ObservatoryError, SourceChanged, SourceUnavailable
from observatory.feeds.files.inbox import INCOMING, made, waiting

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.records.feed_window import FeedWindow
    from observatory.territory.sources import FileSource
    from observatory.warehouse.transaction import LoadResult, Transaction

log = logging.getLogger(__name__)
ABANDONED_AFTER_S = 86_400
"""A file that is being sent and to which nothing was added for so long will not be completed, seconds."""


class AlreadyTaken(Exception):
    """A load has committed what is in this file; only its deletion is left to do."""


@dataclass(frozen=True)
class Taken:
    """What one load takes from an inbox: a file, or nothing.

    Attributes:
        path: the file.
        received_at: when it was last written, UTC.
        sha256: hash of its bytes, hexadecimal.
        byte_count: its size.
        identity: what tells it from another file of the same name.
    """

    path: Path | None = None
    received_at: datetime = datetime.min
    sha256: str = ""
    byte_count: int = 0
    identity: tuple[int, int, int] | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name if self.path else ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files to read."""
        return () if self.path is None else (self.path,)

    def __str__(self) -> str:
        return f", {self.name}" if self.path else ""

    def record(self, load: Transaction) -> None:
        """Write the file's row of ``ops.delivery`` within its load.

        Raises:
            AlreadyTaken: an earlier load has.
        """
        if self.path is None:
            return
        from observatory.warehouse.deliveries import record_taken

        if not record_taken(load, self.name, self.received_at, self.sha256, self.byte_count):
            raise AlreadyTaken

    def require_unchanged(self, subject: str) -> None:
        """Make sure, once the file is read, that it still is the one whose hash was taken.

        Raises:
            SourceUnavailable: it is not; the next load takes it as it is now.
        """
        if self.path is not None and _identity(self.path) != self.identity:
            raise SourceUnavailable(
                subject,
                found="the file was changed or taken away while it was read",
                expected="files that stay as they are once they have their name",
                action="Nothing of it was loaded; the next run takes it as it is then. Write files under a name that "
                "begins with a dot or ends in .part, then rename them.",
            )

    def delete(self) -> None:
        """Delete the file, unless another has come in its place."""
        if self.path is not None and _identity(self.path) == self.identity:
            self.path.unlink(missing_ok=True)


NOTHING = Taken()
"""What a load takes that reads no inbox, or one that is empty."""


def take(url: sa.URL, feed_window: FeedWindow, load: Callable[[Taken], LoadResult]) -> LoadResult:
    """Load what waits in an inbox, file by file; an empty one is an ordinary load of nothing.

    Args:
        url: the warehouse, as role ``loader``.
        feed_window: the feed, whose source is an inbox.
        load: loads one file.

    Returns:
        The counts of all loads together.

    Raises:
        SourceUnavailable: the folder is not there.
        SourceChanged, ContractBroken: a file was refused; it and those after it stay.
    """
    from observatory.warehouse.deliveries import record_refusal
    from observatory.warehouse.transaction import LoadResult

    folder = made(cast("FileSource", feed_window.feed.source))
    files = waiting(str(feed_window), feed_window.feed)
    _delete_abandoned(folder)
    if not files:
        return load(NOTHING)
    counts: Counter[str] = Counter()
    for path in files:
        taken = _identified(path)
        if taken is None:
            continue
        try:
            counts.update(asdict(load(taken)))
        except AlreadyTaken:
            log.info("%s%s: was loaded before, and is deleted now", feed_window, taken)
        except FileNotFoundError:
            if path.exists():
                raise
            log.info("%s%s: was taken away before it was read", feed_window, taken)
            continue
        except (SourceChanged, ContractBroken) as error:
            record_refusal(url, feed_window, taken, error)
            raise _blocking(error, path) from None
        taken.delete()
    return LoadResult(**counts)


def _blocking(error: ObservatoryError, path: Path) -> ObservatoryError:
    """The refusal of a file, with what it means for those after it."""
    action = f"{error.action} {path} stays, and files that came after it wait: correct it, or take it away."
    return type(error)(
        error.subject, found=error.found, expected=error.expected, action=action, redacted=error.redacted
    )


def _delete_abandoned(folder: Path) -> None:
    """Delete partial uploads that were abandoned: they may contain personal data that was not yet removed."""
    for path in folder.glob(f"{INCOMING}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - ABANDONED_AFTER_S:
                path.unlink()


def _identified(path: Path) -> Taken | None:
    """A file that waits; None where it is there no longer."""
    try:
        identity = _identity(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            seen = os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    received_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=seen.st_mtime_ns // 1_000)
    return Taken(path, received_at, sha256, seen.st_size, identity)


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
