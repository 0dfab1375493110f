"""Folders into which partners deliver files."""

from __future__ import annotations

import logging
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, cast

from observatory.errors import SourceUnavailable
from observatory.settings import state_folder

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings
    from observatory.territory.sources import FileSource

log = logging.getLogger(__name__)
INCOMING = ".incoming-"
"""Prefix of the name of a file that is being received over HTTP."""


def folder_of(source: FileSource) -> Path:
    """The folder of an inbox, which may not exist yet."""
    return state_folder() / source.address


def made(source: FileSource) -> Path:
    """The folder of an inbox; one in the state folder is created, readable only by its owner."""
    folder = folder_of(source)
    if not Path(source.address).is_absolute():
        for part in [*reversed(Path(source.address).parents), Path(source.address)]:
            (state_folder() / part).mkdir(mode=0o700, exist_ok=True)
    return folder


def waiting(subject: str, feed: FeedSettings) -> list[Path]:
    """The files that may be loaded, oldest first: those whose name matches ``path``, compressed or not.

    A file that is being written is not among them: until it is complete its name begins with a dot or ends in
    ``.part``.

    Raises:
        SourceUnavailable: the folder does not exist or cannot be read.
    """
    source = cast("FileSource", feed.source)
    folder = folder_of(source)
    if not folder.exists() and not Path(source.address).is_absolute():
        return []  # created when it is first needed
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise SourceUnavailable(
            subject,
            found=f"the inbox {folder} cannot be read ({error.strerror})",
            expected="a folder in which partners leave files",
            action=f"Create it, or correct `address` in {feed.territory_file}.",
        ) from None
    complete = [name for name in names if not name.startswith(".") and not name.endswith(".part")]
    matching = [name for name in complete if _matches(name, source.path)]
    if other := len(complete) - len(matching):
        log.warning(
            "%s: the names of %d files in %s do not match %s; they are left", subject, other, folder, source.path
        )
    written_at = {path: _written_at(path) for path in (folder / name for name in matching)}
    existing = (path for path, at in written_at.items() if at is not None)
    return sorted(existing, key=lambda path: (written_at[path], path.name))


def _matches(name: str, pattern: str) -> bool:
    """Whether a file's name matches, compressed or not, and has only printable characters."""
    is_named = fnmatchcase(name, pattern) or fnmatchcase(name.removesuffix(".gz"), pattern)
    return is_named and name.isprintable()


def _written_at(path: Path) -> int | None:
    """When a file was last written, nanoseconds since 1970; None if it is no regular file or no longer exists."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns if stat.S_ISREG(status.st_mode) else None
