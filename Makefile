# Two commands do everything, set-up included:   make demo   make test
#
# PYTHON=...  the interpreter for .venv (3.11 to 3.13); found by itself if not given
# JOBS=...    how many test processes run side by side
# HOURS=...   how long `make soak` runs

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?=
JOBS ?= 2
HOURS ?= 1
BIN := .venv/bin
CODE := kernel eventstore components brokers strategies replay ops tests
LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

# Tests and examples start hundreds of processes: where bytecode may be kept, each module is compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all slow coverage check lint format-check types imports fmt bench bench-peers engines \
	validation events soak clean

help:
	@echo "make demo      the main job: import the bundled data, replay it, print the result and write a report"
	@echo "make test      lint, format, types, import contracts, and the quick tests"
	@echo "make test-all  the same with the slow tests"
	@echo "make coverage  the quick tests again, with the lines and branches that they reach"
	@echo "make check     lint, format, types and import contracts alone"
	@echo "make slow      the slow tests alone, and the properties with many examples"
	@echo "make soak HOURS=N  a daemon under load for so long, in real processes"
	@echo "make fmt       format the code and sort its imports"
	@echo "make bench     measure, and write docs/benchmarks.md"
	@echo "make bench-peers  install the engines that make bench compares with, each in its own environment"
	@echo "make engines   install the engines that slow tests are judged by, in an environment of their own"
	@echo "make validation  compare reference strategies with other engines, and write docs/validation.md"
	@echo "make events    pin new events in docs/events.md"
	@echo "make clean     remove the environment and all caches"

# --- what the project does ----------------------------------------------------------------------

demo: .venv/installed
	$(BIN)/onetape demo

bench: .venv/installed
	$(BIN)/python -m ops.bench

bench-peers: .venv/installed
	$(BIN)/python -m ops.bench.peers

engines: .engines/installed

validation: .venv/installed .engines/installed
	$(BIN)/python -m ops.validation

events: .venv/installed
	$(BIN)/python -m tests.house.event_docs

# --- what holds it together ---------------------------------------------------------------------

test: check
	$(BIN)/pytest -n $(JOBS) -m "not slow"

# apart from `make test`, which it makes half as long again
coverage: .venv/installed-dev
	$(BIN)/pytest -n $(JOBS) -m "not slow" --cov --cov-report=term:skip-covered

test-all: check .engines/installed
	$(BIN)/pytest -n $(JOBS) --cov --cov-report=term:skip-covered

# the properties too, with many examples: the quick suite tries few
slow: .venv/installed-dev .engines/installed
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -n $(JOBS) -m "slow or hypothesis"

soak: .venv/installed-dev
	$(BIN)/python -m tests.ops.daemon.soak $(HOURS)

check: lint format-check types imports

lint: .venv/installed-dev
	$(BIN)/ruff check .

format-check: .venv/installed-dev
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy
	$(BIN)/basedpyright --project pyproject.toml --pythonpath $(BIN)/python

imports: .venv/installed-dev
	$(BIN)/lint-imports --no-logo

fmt: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .engines .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment: made once, renewed when pyproject.toml or the lock changes ----------------

# The first interpreter of the right age that can make environments.
FIND_PYTHON = for candidate in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
	if "$$candidate" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		2>/dev/null; then found="$$candidate"; break; fi; \
	done

.venv/bin/python:
	@found=; $(FIND_PYTHON); \
	if [ -z "$$found" ]; then \
		echo "onetape needs Python 3.11, 3.12 or 3.13 with the venv module, and found none as:" \
			"$(or $(PYTHON),python3.11 python3.12 python3.13 python3)." >&2; \
		echo "Install one, or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	echo "making .venv with $$("$$found" --version)"; \
	"$$found" -m venv --clear .venv || { rm -rf .venv; exit 1; }

.venv/installed: pyproject.toml requirements.lock | .venv/bin/python
	@echo "installing onetape into .venv"
	@$(LOCKED) --editable '.[test]'
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what the tests need into .venv (a minute or two, the first time)"
	@$(LOCKED) --editable '.[dev]'
	@touch $@

# The other engines that slow tests compare with; their requirements are not ours.
.engines/installed: Makefile | .venv/bin/python
	@echo "installing backtrader, backtesting and zipline into .engines (about a minute and 650 MB)"
	@$(BIN)/python -m venv --clear .engines
	@.engines/bin/python -m pip install --quiet --disable-pip-version-check \
		backtrader==1.9.78.123 backtesting==0.6.6 zipline-reloaded==3.2.1
	@touch $@
