"""Store files that are sent: complete and on the disk before they get their name, and the same bytes only once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from observatory.feeds.files.inbox import INCOMING
from observatory.files import sync_folder

DELIVERY = re.compile(r"\d{8}T\d{12}Z-([0-9a-f]{64})")
"""Name of a delivery: the time of its receipt, UTC to the microsecond, and the SHA-256 of its bytes."""
_GZIP = b"\x1f\x8b"


class Incoming:
    """A file that is being received; hidden until ``keep`` is called, and deleted by ``close`` otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        descriptor, name = tempfile.mkstemp(prefix=INCOMING, dir=folder)
        self._file, self._draft = os.fdopen(descriptor, "wb"), Path(name)
        self._hash = hashlib.sha256()
        self._head = b""
        self.byte_count = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self._head = self._head or chunk[: len(_GZIP)]
        self.byte_count += len(chunk)

    @property
    def sha256(self) -> str:
        """Hash of the bytes so far, hexadecimal."""
        return self._hash.hexdigest()

    def keep(self, ending: str, known: Callable[[str], str | None]) -> str:
        """Give the file its name, unless the same bytes were delivered before.

        Args:
            ending: of the feed's files; ``.gz`` is added if the bytes are compressed.
            known: returns the loaded delivery with a hash, if any; called if none is waiting.

        Returns:
            The name of this delivery, or of the earlier one with the same bytes.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        with _alone(self._folder):
            # the folder before the warehouse: a file is deleted from the folder only after it is in the warehouse
            before = waiting_with(self._folder, self.sha256) or known(self.sha256)
            if before:
                return before
            now = datetime.now(UTC)
            delivery = f"{now:%Y%m%dT%H%M%S%f}Z-{self.sha256}"
            packed = ".gz" if self._head == _GZIP and not ending.endswith(".gz") else ""
            nanoseconds = int(now.timestamp()) * 1_000_000_000 + now.microsecond * 1_000
            os.utime(self._draft, ns=(nanoseconds, nanoseconds))
            self._draft.rename(self._folder / f"{delivery}{ending}{packed}")
            sync_folder(self._folder)
        return delivery

    def close(self) -> None:
        """Close the file, and delete it unless it was kept."""
        self._file.close()
        self._draft.unlink(missing_ok=True)


def waiting_with(folder: Path, sha256: str) -> str | None:
    """The delivery with this hash that is waiting in an inbox, if any."""
    return next((path.name.partition(".")[0] for path in folder.glob(f"*Z-{sha256}*") if _is_delivery(path)), None)


def waiting_bytes(folder: Path, delivery: str) -> int | None:
    """Size of a delivery that is waiting in an inbox; None if it is not."""
    with suppress(FileNotFoundError):
        return next((path.stat().st_size for path in folder.glob(f"{delivery}*")), None)
    return None


def _is_delivery(path: Path) -> bool:
    return bool(DELIVERY.fullmatch(path.name.partition(".")[0]))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder against all other processes."""
    with (folder / ".lock").open("ab") as lock:
        os.fchmod(lock.fileno(), 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
