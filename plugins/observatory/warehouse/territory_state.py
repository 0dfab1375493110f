"""Settings of cities that the machines of an installation share: which are in use, overrides of today and of portals.

They are stored in ``ops.territory_state``.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg

from observatory.errors import WarehouseError
from observatory.settings import state_folder
from observatory.territory.city import Territory
from observatory.territory.files import load_readable_territories, load_territory
from observatory.warehouse.connection import Role, plain, role_url
from observatory.window import local_midnight

CONNECT_TIMEOUT_S = 3
_SET = """
    insert into ops.territory_state (territory_code, {column}) values (%(code)s, %(value)s)
    on conflict (territory_code) do update set {column} = %(value)s, updated_at = now()
"""


def override_portal(territory_code: str, address: str | None) -> None:
    """Read this city's feeds from another address or folder; None removes the override."""
    _execute("loader", _SET.format(column="portal"), code=territory_code, value=address)


def override_today(territory_code: str, today: date | None) -> None:
    """Override today's date for this city; None removes the override."""
    _execute("loader", _SET.format(column="today"), code=territory_code, value=today)


def effective_territory(code: str) -> Territory:
    """The territory as its file declares it, with the override of its portal applied.

    Raises:
        TerritoryError: the file is invalid.
        WarehouseError: the warehouse cannot be reached.
    """
    territory = load_territory(code)
    portal = _value("portal", code)
    return territory if portal is None else territory.with_portal(portal)


def clock(territory: Territory) -> datetime:
    """The present moment, UTC; if today's date is overridden for the city, the start of that day.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    today = _value("today", territory.code)
    return datetime.now(UTC) if today is None else local_midnight(today, territory.timezone)


def use(territory_codes: list[str]) -> None:
    """Add cities to those in use; once any is in use, only those have DAGs.

    Raises:
        TerritoryError: a city does not exist or its file is invalid; none is added.
        WarehouseError: the warehouse cannot be reached.
    """
    for code in territory_codes:
        load_territory(code)
    for code in territory_codes:
        _execute("loader", _SET.format(column="is_in_use"), code=code, value=True)
    codes_in_use()


def codes_in_use() -> list[str]:
    """Codes of the cities in use; empty if none was chosen.

    ``OBSERVATORY_TERRITORIES_IN_USE`` (comma-separated codes) takes precedence over the warehouse. While the warehouse
    cannot be reached, the last result on this machine is returned.
    """
    given = os.environ.get("OBSERVATORY_TERRITORIES_IN_USE")
    if given is not None:
        return sorted(filter(None, (code.strip() for code in given.split(","))))
    last = state_folder() / "territories_in_use.json"
    known = None
    with suppress(OSError, ValueError):
        known = json.loads(last.read_text(encoding="utf-8"))
    query = "select territory_code from ops.territory_state where is_in_use order by territory_code"
    try:
        found = [code for (code,) in _execute("reader", query)]
    except WarehouseError:
        return known or []
    if found != known:
        _replace(last, json.dumps(found))
    return found


def territories_in_use() -> dict[str, Territory]:
    """The cities in use whose files are valid, ordered by code; every city if none was chosen.

    DAG files call it at every parse: it runs one short query.
    """
    chosen = codes_in_use()
    return {code: city for code, city in load_readable_territories().items() if not chosen or code in chosen}


def _value(column: str, code: str) -> Any:
    query = f"select {column} from ops.territory_state where territory_code = %(code)s"  # noqa: S608
    rows = _execute("reader", query, code=code)
    return rows[0][0] if rows else None


def _execute(role: Role, statement: str, **values: Any) -> list[tuple]:
    try:
        with psycopg.connect(plain(role_url(role)), connect_timeout=CONNECT_TIMEOUT_S) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        raise WarehouseError(
            "warehouse",
            found=" ".join(str(error).split())[:200],
            expected="a running PostgreSQL with the table ops.territory_state",
            action="Run: make up",
        ) from None


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically: a concurrent reader sees the old or the new text, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
