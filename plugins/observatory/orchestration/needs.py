"""Which kinds of record the facts are built from, read from the SQL and yml files of the dbt project.

DAG files import this module every minute, so dbt itself is not loaded.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from observatory.settings import DBT_PROJECT

if TYPE_CHECKING:
    from observatory.territory.city import Territory

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REF = re.compile(r"\bref\(\s*'(\w+)'\s*\)")
_SOURCE = re.compile(r"\bsource\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_IS_VIEW = re.compile(r"materialized\s*=\s*'view'")


def feeds_awaited(territory: Territory) -> list[str]:
    """The city's feeds that must have loaded a day before it is transformed."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind in kinds_of_facts()]


@cache
def kinds_of_facts(project: Path = DBT_PROJECT) -> frozenset[str]:
    """Kinds whose records the fact tables in ``core`` are built from: ``meta.kind`` of the dbt sources they read.

    Facts that are views and dimensions do not count: a view always shows what is loaded, and a dimension does not
    depend on the day.
    """
    models = project / "models"
    texts = {path.stem: _COMMENT.sub("", path.read_text(encoding="utf-8")) for path in models.rglob("*.sql")}
    facts = [path.stem for path in (models / "core").rglob("fct_*.sql")]
    waiting, seen, kinds = [name for name in facts if not _IS_VIEW.search(texts[name])], set[str](), set[str]()
    declared = _kinds_of_sources(models)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        kinds |= {declared[source] for source in _SOURCE.findall(texts[name]) if source in declared}
        read = set(_REF.findall(texts[name])) & texts.keys()
        waiting += [each for each in read - seen if not each.startswith("dim_")]
    return frozenset(kinds)


def _kinds_of_sources(models: Path) -> dict[tuple[str, str], str]:
    kinds = {}
    for path in (models / "staging").rglob("_*sources.yml"):
        content = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 (a safe loader, either way)
        for source in content["sources"]:
            for table in source["tables"]:
                kind = table.get("config", {}).get("meta", {}).get("kind")
                if kind:
                    kinds[source["name"], table["name"]] = kind
    return kinds
