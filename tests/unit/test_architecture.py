"""Rules of the design, checked in the code: imports, SQL, sizes, names, pinned versions, telemetry."""

import ast
import configparser
import importlib
import os
import re
import sys
import textwrap
import tomllib

import pytest
import yaml
from importlinter import cli as import_linter
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from observatory import cli
from observatory.local import environment
from observatory.settings import NO_HIDDEN_CONFIGURATION, ROOT, TELEMETRY_OFF

DAGS = sorted((ROOT / "dags").glob("*.py"))
ML = sorted((ROOT / "ml").rglob("*.py"))
OBSERVATORY = sorted((ROOT / "plugins" / "observatory").rglob("*.py"))
MOST_LINES = 400
SQL = re.compile(
    r"\bselect\b.+\bfrom\b|\binsert\s+into\b|\bdelete\s+from\b|\bupdate\s+[\w.]+\s+set\b|\bselect\s+\w+(\.\w+)?\s*\("
    r"|\b(create|alter|drop|truncate|copy)\s+(temporary\s+|temp\s+)?(table|view|schema|index|role|database|function)\b",
    re.IGNORECASE | re.DOTALL,
)


def imported(source):
    """Names of the modules that a source imports at any level; ``from a import b`` gives a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return names


def packages(source):
    return {name.split(".")[0] for name in imported(source)}


def sql_in(source):
    """String literals of a source that are SQL, docstrings left out; of an f-string its constant parts are read."""
    tree = ast.parse(source)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts[id(node)] = "{}".join(part.value for part in node.values if isinstance(part, ast.Constant))
            prose |= {id(part) for part in node.values}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts[id(node)] = node.value
    return [text for key, text in texts.items() if key not in prose and SQL.search(text)]


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(ROOT)))


def words_of_identifiers(source):
    """Words of every name that a source defines, uses or takes as a keyword, in lower case."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        names |= {
            name for field in ("id", "attr", "arg", "name") if isinstance(name := getattr(node, field, None), str)
        }
    return {word.lower() for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}


def test_the_code_is_in_the_expected_folders():
    assert len(DAGS) >= 5
    assert len(ML) > 10
    assert len(OBSERVATORY) > 30
    for name in ("territories", "sql", "dbt_project", "plugins/.airflowignore", "airflow.cfg", "Makefile", ".ci/run"):
        assert (ROOT / name).exists(), name


def test_imports_are_found_at_every_level_of_a_module():
    source = """
    import a.b
    from c import d
    if TYPE_CHECKING:
        from e.f import g
    def h():
        import i as j
        importlib.import_module("k.l")
    """
    assert packages(textwrap.dedent(source)) == {"a", "c", "e", "i", "k"}
    assert imported("from observatory import grid, window") >= {"observatory.grid", "observatory.window"}


def test_sql_is_distinguished_from_prose():
    source = '''
    """Select the rows of a source."""
    def f(name):
        """Insert into the list; delete from it."""
        read(f"select {name} from core.dim_cell where day = $1")
        run("""
            insert into ml.model
            values ($1)
        """)
        raise Error("expected one row per cell, updated every day")
    '''
    assert len(sql_in(textwrap.dedent(source))) == 2


@each([*DAGS, *sorted((ROOT / "benchmarks").rglob("*.py"))])
def test_imports_inside_functions_name_what_exists(path):
    """Airflow parses a schedule without running the functions in it, and type checks leave these files out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ("observatory", "ml"):
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")


@each(DAGS)
def test_dags_import_only_airflow_the_observatory_and_ml(path):
    assert packages(path.read_text()) <= {"airflow", "observatory", "ml"} | sys.stdlib_module_names


@each(OBSERVATORY)
def test_the_observatory_imports_neither_ml_nor_dags_nor_tests(path):
    assert not packages(path.read_text()) & {"ml", "dags", "tests", "benchmarks"}


@each(ML)
def test_ml_imports_no_airflow_and_only_the_grid_of_the_observatory(path):
    names = imported(path.read_text())
    assert not {name.split(".")[0] for name in names} & {"airflow", "cosmos", "dags", "tests", "benchmarks"}
    known = {name for name in names if name.split(".")[0] == "observatory"}
    assert all(name == "observatory" or name.startswith("observatory.grid") for name in known), known
    assert "observatory" not in known or "observatory.grid" in known


def test_the_grid_imports_nothing_of_the_observatory():
    assert "observatory" not in packages((ROOT / "plugins" / "observatory" / "grid.py").read_text())


@each([*DAGS, *(path for path in ML if path.name != "io.py")])
def test_dags_have_no_sql_and_ml_has_it_only_in_its_io_module(path):
    assert sql_in(path.read_text()) == []


def test_the_io_module_of_ml_has_sql():
    assert len(sql_in((ROOT / "ml" / "io.py").read_text())) > 5


@each([*DAGS, *ML, *OBSERVATORY, *sorted((ROOT / "benchmarks").rglob("*.py"))])
def test_no_module_has_more_than_400_lines(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_packages_import_only_packages_of_lower_layers_and_never_in_a_circle(capsys, monkeypatch):
    """The layers are in ``pyproject.toml``, section ``tool.importlinter``."""
    monkeypatch.chdir(ROOT)
    failed = import_linter.lint_imports(no_cache=True)
    assert not failed, capsys.readouterr().out


def test_only_two_packages_may_import_airflow():
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (airflow_free,) = [rule["source_modules"] for rule in rules if "airflow" in rule.get("forbidden_modules", [])]
    packages = {
        f"observatory.{path.stem}"
        for path in (ROOT / "plugins" / "observatory").glob("[!_]*")
        if path.suffix in ("", ".py")
    }
    assert packages - {*airflow_free} == {"observatory.orchestration", "observatory.web"}


OLD_WORDS = {"tranquillity", "riskmap"}
"""Words that had a meaning of this project's own, and have been replaced by those of ``docs/glossary.md``."""


@each([*DAGS, *ML, *OBSERVATORY])
def test_no_identifier_has_a_word_that_the_glossary_replaced(path):
    assert not OLD_WORDS & {*words_of_identifiers(path.read_text()), *path.stem.split("_")}


def test_the_words_of_identifiers_are_found():
    source = "class FrontDoor:\n    def told_by(self, came):\n        return self.todo(judge=came.blend)"
    assert words_of_identifiers(source) >= {"front", "door", "told", "by", "came", "todo", "judge", "blend"}


def test_every_command_of_the_makefile_is_described():
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    described = {name for names in re.findall(r"^([a-z ]+):.*## \S", text, re.MULTILINE) for name in names.split()}
    assert described == {*phony.split()}
    assert {*re.findall(r"^([a-z]+):", text, re.MULTILINE)} <= described


def test_the_tests_that_are_started_first_exist():
    from tests.conftest import LONGEST_FIRST, TESTS

    assert [name for name in LONGEST_FIRST if not (TESTS / name).exists()] == []


@pytest.fixture(scope="module")
def airflow_cfg():
    parser = configparser.RawConfigParser()
    assert parser.read(ROOT / "airflow.cfg", encoding="utf-8")
    return parser


SECRET_KEYS = re.compile(
    r"secret|password|passwd|token|fernet|jwt|sql_alchemy_conn|private_key|credential", re.IGNORECASE
)


def test_airflow_cfg_has_no_secret(airflow_cfg):
    settings = {
        (section, key): value for section in airflow_cfg.sections() for key, value in airflow_cfg[section].items()
    }
    assert len(settings) > 20
    assert [key for key, value in settings.items() if value and SECRET_KEYS.search(key[1])] == []
    addressed = [key for key, value in settings.items() if re.search(r"://[^/@\s]*:[^/@\s]*@", value)]
    assert addressed == [], "an address with a password in it"
    keys = [key for key, value in settings.items() if re.fullmatch(r"[A-Za-z0-9+/_=-]{24,}", value)]
    assert keys == [], "looks like a key"


REQUIREMENTS = [
    line for line in (ROOT / "requirements.in").read_text().splitlines() if line.strip() and not line.startswith("#")
]


@pytest.fixture(scope="module")
def pinned():
    # a pin is at the start of a line; its hashes and the packages that require it are indented below
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(re.split(r" *[;\\]", line)[0]) for line in lines if line[:1].isalnum()]


@pytest.mark.parametrize("line", REQUIREMENTS, ids=lambda line: line.split("#")[0].strip())
def test_every_dependency_has_a_reason_and_is_pinned(line, pinned):
    wanted, _, reason = line.partition("#")
    assert len(reason.split()) >= 1, "say why beside it"
    requirement = Requirement(wanted.strip())
    found = [pin for pin in pinned if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    assert found, "run: make lock"
    for pin in found:
        (version,) = pin.specifier
        assert requirement.specifier.contains(version.version, prereleases=True), "run: make lock"


def test_every_version_is_pinned_exactly_and_from_no_private_address(pinned):
    assert len(pinned) > 100
    assert [str(pin) for pin in pinned if [each.operator for each in pin.specifier] != ["=="]] == []
    assert [str(pin) for pin in pinned if pin.url] == []
    assert "://" not in (ROOT / "requirements.txt").read_text()


def test_every_pinned_version_has_hashes(pinned):
    text = (ROOT / "requirements.txt").read_text()
    assert len(re.findall(r"^\w.* \\\n    --hash=sha256:", text, re.MULTILINE)) == len(pinned)


def test_telemetry_is_off_in_every_child_process(monkeypatch, tmp_path):
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path))
    monkeypatch.setenv("OBSERVATORY_WAREHOUSE_URL", "postgresql://someone@127.0.0.1:1/warehouse")
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "true")
    child = environment.child_environment()
    assert TELEMETRY_OFF.keys() >= {
        "DO_NOT_TRACK",
        "DBT_SEND_ANONYMOUS_USAGE_STATS",
        "RUNTIME__DLTHUB_TELEMETRY",
        "SCARF_NO_ANALYTICS",
    }
    assert {name: child[name] for name in TELEMETRY_OFF} == TELEMETRY_OFF
    assert (child["DO_NOT_TRACK"], child["DBT_SEND_ANONYMOUS_USAGE_STATS"]) == ("1", "false")


def test_a_command_run_by_hand_has_telemetry_off_and_dlt_starts_no_airflow(monkeypatch):
    off = TELEMETRY_OFF | NO_HIDDEN_CONFIGURATION
    for name in (*off, "NO_PROXY"):
        monkeypatch.setenv(name, "")
    found = {}
    monkeypatch.setattr(cli, "app", lambda: found.update(os.environ))
    cli.main()
    assert {name: found[name] for name in off} == off


def test_dlt_reads_that_telemetry_is_off(monkeypatch):
    from dlt.common.configuration import resolve_configuration
    from dlt.common.configuration.specs import RuntimeConfiguration

    assert resolve_configuration(RuntimeConfiguration()).dlthub_telemetry, "dlt's own default is on"
    for name, value in TELEMETRY_OFF.items():
        monkeypatch.setenv(name, value)
    assert not resolve_configuration(RuntimeConfiguration()).dlthub_telemetry


def test_telemetry_is_off_in_airflow_cosmos_and_dbt(airflow_cfg):
    assert not airflow_cfg.getboolean("usage_data_collection", "enabled")
    assert not airflow_cfg.getboolean("cosmos", "enable_telemetry")
    assert airflow_cfg.getboolean("openlineage", "disabled")
    assert airflow_cfg.get("lineage", "backend") == ""
    flags = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["flags"]
    assert flags["send_anonymous_usage_stats"] is False
