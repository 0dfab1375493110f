"""Which kinds of record the facts are built from, read from the text of the dbt project.

The schedules are parsed every minute, so dbt itself is not started here.
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
    """The city's feeds of which a day must be loaded before it is transformed."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind in kinds_of_facts()]


@cache
def kinds_of_facts(project: Path = DBT_PROJECT) -> frozenset[str]:
    """Kinds whose records the tables of facts in ``core`` are built from: ``meta.kind`` of the sources they read.

    A fact that is a view shows what is loaded at any moment, and a dimension is what the facts refer to, of whatever
    day: neither is waited for.
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
