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
"""What the name of a file that is being sent over HTTP begins with."""


def folder_of(source: FileSource) -> Path:
    """The folder of an inbox, whether or not it is there yet."""
    return state_folder() / source.address


def made(source: FileSource) -> Path:
    """The folder of an inbox; one that is the observatory's own is made, for its eyes alone."""
    folder = folder_of(source)
    if not Path(source.address).is_absolute():
        for part in [*reversed(Path(source.address).parents), Path(source.address)]:
            (state_folder() / part).mkdir(mode=0o700, exist_ok=True)
    return folder


def waiting(where: str, feed: FeedSettings) -> list[Path]:
    """The files that may be taken, oldest first: those called as ``path`` says, packed or not.

    One that is being written is not among them: its name begins with a dot or ends in ``.part`` until it is whole.

    Raises:
        SourceUnavailable: the folder is not there.
    """
    source = cast("FileSource", feed.source)
    folder = folder_of(source)
    if not folder.exists() and not Path(source.address).is_absolute():
        return []  # it is made when it is first needed
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise SourceUnavailable(
            where,
            found=f"the inbox {folder} cannot be read ({error.strerror})",
            expected="a folder in which partners leave files",
            action=f"Make it, or correct `address` in {feed.territory_file}.",
        ) from None
    whole = [name for name in names if not name.startswith(".") and not name.endswith(".part")]
    called = [name for name in whole if _is_called(name, source.path)]
    if odd := len(whole) - len(called):
        log.warning("%s: %d files in %s are not called %s; they stay", where, odd, folder, source.path)
    ages = {path: _age(path) for path in (folder / name for name in called)}
    return sorted((path for path, age in ages.items() if age is not None), key=lambda path: (ages[path], path.name))


def _is_called(name: str, pattern: str) -> bool:
    """Whether a file is called as ``path`` says, packed or not, and in a way that can be written down."""
    is_named = fnmatchcase(name, pattern) or fnmatchcase(name.removesuffix(".gz"), pattern)
    return is_named and name.isprintable()


def _age(path: Path) -> int | None:
    """When a file was last written, nanoseconds since 1970; None for what is no file, or is there no longer."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_mtime_ns if stat.S_ISREG(seen.st_mode) else None
