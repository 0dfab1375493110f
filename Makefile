# make run     from nothing to today's forecast of the demo city
# make test    every test, on a real PostgreSQL
PYTHON ?= python3
TERRITORY ?= demo
PORTAL ?=
DAY ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -qq
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
# a test file is run whole by one of the processes, in the order that tests/conftest.py gives
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Python keeps what it compiled, also where a container says otherwise: else every process compiles Airflow again
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run up down status test lint unit contract dags dbt integration lock clean

help: ## show every command
	@grep -hE '^[a-z ]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 40
	@echo "More, after make install: $(BIN)/observatory --help, $(BIN)/observatory-ml --help"

install: .venv/installed ## make the environment from the locked requirements

define CHECK_MACHINE
import ctypes.util, importlib.util, sys
wrong = [f"Python {sys.version.split()[0]}; expected 3.11 or newer: make PYTHON=python3.12"] * (sys.version_info < (3, 11))
wrong += ["no module ensurepip; expected Python with venv: apt-get install python3-venv"] * (not importlib.util.find_spec("ensurepip"))
wrong += ["no libgomp; LightGBM needs it: apt-get install libgomp1"] * (not ctypes.util.find_library("gomp"))
sys.exit("\n".join(f"this machine: {line}" for line in wrong) or None)
endef
export CHECK_MACHINE

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c "$$CHECK_MACHINE"
	@echo "Installing $$(grep -c '^[^ #].*==' requirements.txt) packages into .venv, once …"
	@start=$$(date +%s); \
	$(PYTHON) -m venv --clear .venv && \
	awk '/^uv==/ { found = 1 } found; found && !/\\$$/ { exit }' requirements.txt > .venv/uv.txt && \
	if $(PIP) --requirement .venv/uv.txt && $(UV) --no-deps --requirement requirements.txt; \
	then $(UV) --no-deps --editable .; \
	else echo "uv cannot be used here; pip installs the same versions in a few minutes …" && \
	$(PIP) --no-deps --requirement requirements.txt && $(PIP) --no-deps --editable .; \
	fi && \
	echo "Installed in $$(( $$(date +%s) - start )) s." && touch $@

run: install ## load, score and forecast a city: TERRITORY=chicago PORTAL=address DAY=2016-12-31
	@$(BIN)/observatory run $(TERRITORY) $(if $(PORTAL),--portal "$(PORTAL)") $(if $(DAY),--day $(DAY))

up: install ## start PostgreSQL and Airflow
	@$(BIN)/observatory up

down: ## stop everything; no process is left
	@if [ -x $(BIN)/observatory ]; then $(BIN)/observatory down; fi

status: install ## show addresses and the state of each process
	@$(BIN)/observatory status

test: lint ## run every test, on a real PostgreSQL
	$(PYTEST) tests

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit contract dags dbt integration: install ## run one kind of test
	$(PYTEST) tests/$@

lock: install ## resolve requirements.in into requirements.txt
	$(BIN)/python -m uv pip compile requirements.in --universal --python-version 3.11 --quiet \
		--no-emit-index-url --no-emit-find-links --generate-hashes --output-file requirements.txt

clean: down ## stop everything and remove what was made here: environment, warehouse, logs, caches
	rm -rf .venv var build dist *.egg-info logs dbt_project/target dbt_project/logs dbt_project/.user.yml
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
