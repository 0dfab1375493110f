"""Inboxes: folders into which partners deliver files. Each file is read completely, oldest first, then deleted.

Each file is a load of its own, so a later file corrects an earlier one even if one run reads both. Its row in
``ops.delivery`` is written by the transaction that writes its records, and the file is deleted after that transaction:
if a run is killed in between, the next one recognises the file and deletes it. A file that is refused stays, and later
files wait, since their records are newer.
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
from observatory.warehouse.deliveries import DeliveredFile, record_delivery, record_refusal
from observatory.warehouse.load_result import LoadResult

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.records.feed_window import FeedWindow
    from observatory.territory.sources import FileSource
    from observatory.warehouse.transaction import Transaction

log = logging.getLogger(__name__)
ABANDONED_AFTER_S = 86_400
"""Seconds without progress after which an upload is considered abandoned."""


class AlreadyLoaded(Exception):
    """An earlier load has committed the content of this file; it only has to be deleted."""


@dataclass(frozen=True)
class Delivery(DeliveredFile):
    """What one load reads from an inbox: a file, or nothing.

    Attributes:
        path: the file.
        identity: inode, time of the last change (ns) and size, which tell it from another file of the same name.
    """

    path: Path | None = None
    identity: tuple[int, int, int] | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files to read."""
        return () if self.path is None else (self.path,)

    def __str__(self) -> str:
        return f", {self.name}" if self.path else ""

    def record(self, load: Transaction) -> None:
        """Write the file's row of ``ops.delivery`` within its load.

        Raises:
            AlreadyLoaded: an earlier load has written it.
        """
        if self.path is not None and not record_delivery(load, self):
            raise AlreadyLoaded

    def require_unchanged(self, subject: str) -> None:
        """Check, after reading, that the file is still the one that was hashed.

        Raises:
            SourceUnavailable: it was changed or removed; the next load reads it as it is then.
        """
        if self.path is not None and _identity(self.path) != self.identity:
            raise SourceUnavailable(
                subject,
                found="the file was changed or removed while it was read",
                expected="files that do not change once they have their name",
                action="Nothing of it was loaded; the next run reads it as it is then. Write files under a name that "
                "begins with a dot or ends in .part, then rename them.",
            )

    def delete(self) -> None:
        """Delete the file, unless another file has replaced it."""
        if self.path is not None and _identity(self.path) == self.identity:
            self.path.unlink(missing_ok=True)


NO_DELIVERY = Delivery()
"""For a load that reads no inbox, or an empty one."""


def load_inbox(url: sa.URL, feed_window: FeedWindow, load: Callable[[Delivery], LoadResult]) -> LoadResult:
    """Load the files that wait in an inbox one by one; an empty inbox is a load without records.

    Args:
        url: the warehouse, as role ``loader``.
        feed_window: the feed, whose source is an inbox.
        load: loads one file.

    Returns:
        The sums of the counts of all loads.

    Raises:
        SourceUnavailable: the folder does not exist.
        SourceChanged: a file cannot be read; it and later files stay.
        ContractBroken: too many records of a file were rejected; it and later files stay.
    """
    folder = made(cast("FileSource", feed_window.feed.source))
    files = waiting(str(feed_window), feed_window.feed)
    _delete_abandoned(folder)
    if not files:
        return load(NO_DELIVERY)
    counts: Counter[str] = Counter()
    for path in files:
        delivery = _identified(path)
        if delivery is None:
            continue
        try:
            counts.update(asdict(load(delivery)))
        except AlreadyLoaded:
            log.info("%s%s: already loaded, deleting it", feed_window, delivery)
        except FileNotFoundError:
            if path.exists():
                raise
            log.info("%s%s: removed before it was read", feed_window, delivery)
            continue
        except (SourceChanged, ContractBroken) as error:
            record_refusal(url, feed_window, delivery, error)
            raise _blocking(error, path) from None
        delivery.delete()
    return LoadResult(**counts)


def _blocking(error: ObservatoryError, path: Path) -> ObservatoryError:
    """The refusal of a file, with its effect on later files added to the action."""
    action = f"{error.action} {path} stays, and later files wait: correct it or remove it."
    return type(error)(
        error.subject, found=error.found, expected=error.expected, action=action, redacted=error.redacted
    )


def _delete_abandoned(folder: Path) -> None:
    """Delete abandoned uploads: they may contain personal data that was not yet removed."""
    for path in folder.glob(f"{INCOMING}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - ABANDONED_AFTER_S:
                path.unlink()


def _identified(path: Path) -> Delivery | None:
    """A waiting file with its hash; None if it no longer exists."""
    try:
        identity = _identity(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            seen = os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    received_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=seen.st_mtime_ns // 1_000)
    return Delivery(path.name, received_at, sha256, seen.st_size, path, identity)


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
