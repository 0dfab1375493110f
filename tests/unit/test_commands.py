"""The commands of ``observatory``: their names, and that help needs no heavy library."""

import subprocess
import sys

import pytest

COMMANDS = [
    "run",
    "use",
    "up",
    "down",
    "status",
    "doctor",
    "extract",
    "backfill",
    "portal",
    "push-token",
    "simulate",
    "exec",
    "text",
]
HEAVY = {"airflow", "dlt", "numpy", "pandera", "polars", "psycopg", "pydantic", "requests", "rich", "sqlalchemy"}
SCRIPT = """
import sys
from observatory import cli
sys.argv = ["observatory", *sys.argv[1:], "--help"]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_printed_without_importing_a_heavy_library(command):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *filter(None, [command])], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(done.stderr.split()) == set()
    assert "Usage: " in done.stdout
    if not command:
        listed = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines() if line.strip()]
        assert listed == COMMANDS
