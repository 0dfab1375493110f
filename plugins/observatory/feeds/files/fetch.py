"""Fetch files from a folder, an SFTP server, an S3 store or a web server, and unpack them."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from observatory import settings
from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.files.unpack import TooLarge, unpack
from observatory.feeds.http.client import PATIENT, Patience, download
from observatory.secrets import from_outside

if TYPE_CHECKING:
    from observatory.records.feed_window import FeedWindow
    from observatory.territory.sources.files import FileFetch


def fetched(
    feed_window: FeedWindow,
    folder: Path,
    *,
    patience: Patience = PATIENT,
    is_complete: Callable[[Path], bool] | None = None,
    keeps: bool = False,
) -> Iterator[Path]:
    """Yield the paths of the feed's files on this machine, in the order of their names.

    Args:
        feed_window: the feed and the window.
        folder: folder for copies of files of other machines, which are fetched one at a time.
        patience: how often and how long a web server is asked.
        is_complete: whether a file from a web server is complete; by default its format decides.
        keeps: whether copies stay in the folder, for files that are read together.

    Raises:
        SourceUnavailable: the files cannot be reached, or there are none.
        SourceChanged: an archive cannot be unpacked.
    """
    source = cast("FileFetch", feed_window.feed.source)
    is_web = source.address.startswith(("http://", "https://"))
    if is_web:
        copy = folder / Path(source.path).name
        download(feed_window, source.path, copy, patience=patience, is_complete=is_complete)
    files = [copy] if is_web else _copies(feed_window, folder, keeps=keeps)
    yield from unpacked(feed_window, files, folder, keeps=keeps)


def unpacked(feed_window: FeedWindow, files: Iterable[Path], folder: Path, *, keeps: bool = False) -> Iterator[Path]:
    """Yield files, and in place of an archive the files in it.

    Args:
        feed_window: the feed, whose source says which members of an archive are read, and the window.
        files: archives and other files of this machine.
        folder: folder for the members of archives, which are unpacked one at a time.
        keeps: whether unpacked files stay there.

    Raises:
        SourceChanged: an archive cannot be unpacked, or contains more than ``settings.unpacked_limit_bytes``.
    """
    feed = feed_window.feed
    member = cast("FileFetch", feed.source).member
    for packed in files:
        try:
            yield from _unpacked(packed, member, folder, keeps=keeps)
        except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise SourceChanged(
                f"{feed_window}, {packed.name}",
                found=f"cannot be read ({error})",
                redacted="the archive cannot be unpacked",
                expected="a complete archive",
                action=f"Ask {feed.owner} for the file again.",
            ) from None
        except TooLarge as error:
            raise SourceChanged(
                f"{feed_window}, {packed.name}",
                found=str(error),
                redacted="the archive is too large once unpacked",
                expected="at most that, so that no archive fills the disk",
                action=f"Ask {feed.owner} for smaller files, or raise OBSERVATORY_UNPACKED_LIMIT_BYTES.",
            ) from None


def _copies(feed_window: FeedWindow, folder: Path, *, keeps: bool) -> Iterator[Path]:
    """Paths of the files of a local folder, or of copies of those of a file server."""
    source = cast("FileFetch", feed_window.feed.source)
    address, pattern = source.address, source.path
    options = _credentials(str(feed_window), source)
    try:
        url = address if "://" in address else str(settings.ROOT / address)
        files, root = fsspec.core.url_to_fs(url, **options)
        names = sorted(files.glob(f"{root}/{pattern}"))
        if not names:
            raise FileNotFoundError(f"no file there is called {pattern}")
        for name in names:
            if isinstance(files, LocalFileSystem):
                yield Path(name)
                continue
            files.get_file(name, str(copy := folder / Path(name).name))
            yield copy
            if not keeps:
                copy.unlink()
    except _failures() as error:
        raise SourceUnavailable(
            str(feed_window),
            found=f"nothing can be read at {address} ({_short(error)})",
            expected=f"files {pattern}",
            action=f"Put them there, or correct `address` and `path` in {feed_window.feed.territory_file}, "
            "or name the folder at the start.",
        ) from None


def _credentials(subject: str, source: FileFetch) -> dict[str, Any]:
    """Options of fsspec for the login at a file server and for the check of its key."""
    password = from_outside(subject, source.password) if source.password else None
    if source.address.startswith("s3://"):
        endpoint = {"endpoint_url": source.endpoint} if source.endpoint else {}
        key = {"key": source.user, "secret": password} if source.user else {}
        # a cached listing may lack the newest file
        return {**endpoint, **key, "use_listings_cache": False, "skip_instance_cache": True}
    if source.address.startswith("sftp://"):
        from asyncssh import import_public_key

        login = {name: value for name, value in (("username", source.user), ("password", password)) if value}
        trusted: tuple[list[Any], ...] = ([import_public_key(source.host_key or "")], [], [])
        return {**login, "known_hosts": trusted, "skip_instance_cache": True}
    return {}


def _failures() -> tuple[type[Exception], ...]:
    """Exceptions that the libraries for file servers raise."""
    import asyncssh
    from botocore.exceptions import BotoCoreError

    return (OSError, ImportError, ValueError, asyncssh.Error, BotoCoreError)


def _unpacked(path: Path, member: str, folder: Path, *, keeps: bool) -> Iterator[Path]:
    if path.suffix == ".gz":
        copy = folder / path.stem
        with gzip.open(path) as packed, copy.open("wb") as plain:
            unpack(packed, plain)
        yield copy
        if not keeps:
            copy.unlink()
        return
    if path.suffix != ".zip":
        yield path
        return
    with zipfile.ZipFile(path) as archive:
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
        wanted = [name for name in names if fnmatch(Path(name).name, member)]
        if not wanted:
            raise zipfile.BadZipFile(f"no member is called {member}; it has {names}")
        for name in wanted:
            copy = folder / Path(name).name
            with archive.open(name) as packed, copy.open("wb") as plain:
                unpack(packed, plain)
            yield copy
            if not keeps:
                copy.unlink()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
