"""Read territory files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from observatory import settings
from observatory.errors import TerritoryError
from observatory.territory.city import Territory

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's safe loader in C, if available: DAG files read all territory files at each parse, and it is faster."""


def load_territory(code: str) -> Territory:
    """Read one territory file.

    Raises:
        TerritoryError: the file is missing or invalid.
    """
    folder = settings.territories_folder()
    path = folder / f"{code}.yml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yml"))) or "none"
        raise TerritoryError(
            f"territory {code!r}",
            found=f"there is no file {path.name} in {folder}",
            expected=f"a city that has a file there ({known})",
            action=f"Correct the name, or write {path.name}.",
        )
    return _read(path)


def load_territories() -> dict[str, Territory]:
    """Read every territory file, ordered by code.

    Raises:
        TerritoryError: a file is invalid.
    """
    return {path.stem: _read(path) for path in sorted(settings.territories_folder().glob("*.yml"))}


def load_readable_territories() -> dict[str, Territory]:
    """Read the valid territory files, ordered by code; an invalid file does not affect the other cities."""
    readable = {}
    for path in sorted(settings.territories_folder().glob("*.yml")):
        with suppress(TerritoryError):
            readable[path.stem] = _read(path)
    return readable


def _read(path: Path) -> Territory:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 (a safe loader, either way)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TerritoryError(
            path.name,
            found=" ".join(str(error).split()),
            expected="a YAML file in UTF-8",
            action=f"Correct {path.name}, then run: observatory doctor {path.stem}.",
        ) from None
    try:
        territory = Territory.model_validate(content)
    except ValidationError as error:
        raise _explained(path, error) from None
    if territory.code != path.stem:
        raise TerritoryError(
            path.name,
            found=f"code is {territory.code!r}",
            expected=f"the file's name, {path.stem!r}",
            action="Rename the file or correct its `code:`.",
        )
    return territory


def _explained(path: Path, error: ValidationError) -> TerritoryError:
    """One error for all invalid keys: for each, what was found and what was expected."""
    problems = [_found_and_expected(problem) for problem in error.errors(include_url=False)]
    return TerritoryError(
        path.name,
        found="; ".join(found for found, _ in problems),
        expected="; ".join(dict.fromkeys(expected for _, expected in problems)),
        action=f"Correct {path.name}, then run: observatory doctor {path.stem}.",
    )


def _found_and_expected(problem: ErrorDetails) -> tuple[str, str]:
    # pydantic's location of a key of feeds.<id>.source contains the protocol, which is no key of the file
    location = problem["loc"][:3] + problem["loc"][4:] if problem["loc"][2:3] == ("source",) else problem["loc"]
    parts = [str(part) for part in location]
    key, value, context = ".".join(parts) or "the file", repr(problem["input"]), problem.get("ctx", {})
    match problem["type"], getattr(context.get("error"), "args", ()):
        case "extra_forbidden", _:
            return f"`{key}` is not a known key", "only known keys (a typo?)"
        case "missing", _:
            return f"`{key}` is missing", f"a value for `{key}`"
        case "union_tag_not_found", _:
            return f"`{key}.protocol` is missing", f"a value for `{key}.protocol`"
        case "union_tag_invalid", _:
            return f"`{key}.protocol` is {context['tag']!r}", f"one of {context['expected_tags']}"
        case _, (found, expected):
            return f"`{key}` {found}", expected
    return f"`{key}` is {value if len(value) <= 60 else value[:57] + '...'}", f"`{key}`: {problem['msg']}"
