"""One dbt run at a time per warehouse, across machines: two would replace each other's tables."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from observatory.warehouse.connection import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)

_LOCK = "hashtextextended('observatory dbt', 0)"
_HOLDER = f"""
    select a.application_name, to_char(a.backend_start, 'HH24:MI')
    from pg_locks as l inner join pg_stat_activity as a on l.pid = a.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and (l.classid::bigint << 32 | l.objid::bigint) = {_LOCK}
        and l.database = (select oid from pg_database where datname = current_database())
"""  # noqa: S608
_NAME_LENGTH = 63


@contextmanager
def dbt_turn(url: sa.URL, purpose: str, say: Callable[[str], object] = log.info) -> Iterator[None]:
    """Wait for the warehouse's dbt lock, and hold it until the block or the process ends.

    Args:
        url: the warehouse, as role ``transformer``.
        purpose: what is built, e.g. the city; shown to those who wait.
        say: called with a message if another run holds the lock.
    """
    name = f"dbt {purpose} on {socket.gethostname()}, process {os.getpid()}"[:_NAME_LENGTH]
    with psycopg.connect(plain(url), autocommit=True, application_name=name) as connection:
        if not connection.execute(f"select pg_try_advisory_lock({_LOCK})".encode()).fetchall()[0][0]:
            holder = connection.execute(_HOLDER.encode()).fetchone()
            running = f"{holder[0]}, since {holder[1]}" if holder else "another dbt run"
            say(f"Waiting for {running}: one dbt run at a time")
            connection.execute(f"select pg_advisory_lock({_LOCK})".encode())
        yield
