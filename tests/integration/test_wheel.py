"""The wheel that is built from this checkout, installed where there is no checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from observatory.settings import ROOT

PACKAGES = {"observatory": ROOT / "plugins" / "observatory", "ml": ROOT / "ml"}


def run(*command: object, folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OBSERVATORY_")}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "requirements.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for folder in PACKAGES.values():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, source / folder.relative_to(ROOT), ignore=ignored)
    run(sys.executable, "-m", "uv", "build", "--wheel", "--no-build-isolation", "--python", sys.executable,
        "--offline", "--out-dir", built, source, folder=source)  # fmt: skip
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A new environment that holds the wheel alone, and finds what it depends on in the environment of the tests."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, environment, folder=wheel.parent)
    run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python",
        environment / "bin" / "python", wheel, folder=wheel.parent)  # fmt: skip
    return environment / "bin"


@pytest.fixture(scope="module")
def dependencies() -> dict[str, str]:
    # .pth files in a folder of PYTHONPATH are not read, so that the editable installation of the tests stays unseen
    return {"PYTHONPATH": sysconfig.get_path("purelib")}


def test_wheel_holds_every_file_of_the_packages(wheel):
    files = {
        f"{name}/{path.relative_to(folder)}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_commands_run_without_a_checkout(installed, dependencies, tmp_path):
    found = run(installed / "python", "-c", "import observatory; print(observatory.__file__)", folder=tmp_path,
                **dependencies)  # fmt: skip
    assert Path(found.strip()).is_relative_to(installed.parent), "the wheel is imported, not the checkout"
    assert "doctor" in run(installed / "observatory", "--help", folder=tmp_path, **dependencies)
    assert "backtest" in run(installed / "observatory-ml", "--help", folder=tmp_path, **dependencies)


def test_installed_package_reads_the_project_folder_that_a_setting_names(installed, dependencies, tmp_path):
    cities = "from observatory.territory.files import load_territories; print(*load_territories())"
    home = {"OBSERVATORY_HOME": str(ROOT)}
    assert "demo" in run(installed / "python", "-c", cities, folder=tmp_path, **dependencies, **home).split()
    assert "demo" in run(installed / "python", "-c", cities, folder=ROOT, **dependencies).split(), "working directory"
