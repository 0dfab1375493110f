"""The documentation is short, its links and commands exist, and it uses the words of the glossary."""

import re

import pytest

from observatory.settings import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_README_LINES = 200
RETIRED = re.compile(r"\b(door|riskmap|legitimacy|unlisted|todo|kernel_blend)\b|made up for", re.IGNORECASE)


def each(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_README_LINES


@each(PAGES)
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@each(PAGES)
def test_named_files_exist(page):
    named = re.findall(r"`((?:plugins|ml|tests|dbt_project|docs|dags|sql|territories)/[\w./]*)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


@each(PAGES)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z ]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {name for target in targets for name in target.split()}
    assert {*re.findall(r"`make ([a-z]+)", page.read_text())} <= known


@each(PAGES)
def test_retired_words_do_not_return(page):
    assert RETIRED.findall(page.read_text()) == []
