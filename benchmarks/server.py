"""A PostgreSQL of the benchmarks' own, bootstrapped as in production, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from observatory.warehouse.bootstrap import bootstrap
from observatory.warehouse.connection import admin_url, embedded_server


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
