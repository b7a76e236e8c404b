# Every target sets up what it needs: a bare Debian 12 with Python 3.11 and make is enough.
#   make demo    the whole product on this machine, no account anywhere   ERP=sap_s4hana DEMO_ARGS="--orders 20"
#   make test    what CI runs: check, then every test        PYTEST_ARGS="tests/api -x"
#   make thorough    what takes long: pages of the console in all shapes, ninety more virtual days, new examples
#   make check   format, lint, types, layers     make fix   repairs format and what ruff can mend
#   make pictures takes the pictures of the README anew
#   make bench   measures what is promised, rewrites docs/benchmarks.md    BENCH_ARGS="--only startup" or --quick
#   make docs    holds the documents against the code
#   make setup   only the environment            make lock  writes requirements/*.txt anew
#   make clean   removes the environment and caches; the data folder .millstream stays

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := setup
.PHONY: setup demo test thorough browser pictures simulate soak check fix bench docs lock clean

VENV := .venv
BIN := $(VENV)/bin
BENCH_ARGS ?=
DEMO_ARGS ?=
ERP ?= tryton
SEED ?= 1
SEEDS ?= 1000
PYTEST_ARGS ?=
TEST_PROCESSES ?= 3

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13 python3.14; do \
	if "$$name" -c '$(NEW_ENOUGH)' 2>/dev/null; then echo "$$name"; break; fi; done)

setup: $(VENV)/.dev-installed

demo: $(VENV)/.base-installed
	@$(BIN)/millstream demo --erp $(ERP) $(DEMO_ARGS)

test: check browser
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup -m "not thorough" $(PYTEST_ARGS)

thorough: setup browser
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup -m thorough $(PYTEST_ARGS)
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --hypothesis-profile thorough $$(grep -rlE '^from hypothesis' tests/property tests/unit)

pictures: setup browser
	@MILLSTREAM_PICTURES=docs/pictures $(BIN)/python -m pytest -q tests/console/test_pictures.py

# The console is tested in the Chromium of Debian. Where it cannot be installed, those tests skip and say so.
browser:
	@if ! command -v chromium chromium-browser google-chrome >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then \
			echo "Installing chromium, in which the console is tested"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
				chromium >/dev/null 2>&1; } || echo "Chromium could not be installed: the tests of the console skip"; \
		else echo "No Chromium here: the tests of the console skip. On Debian, as root: apt-get install chromium"; fi; fi

simulate: setup
	@cd tests && ../$(BIN)/python -m simulation.run --seed $(SEED)

soak: setup
	@cd tests && ../$(BIN)/python -m simulation.run --seed $(SEED) --seeds $(SEEDS)

check: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: setup
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

bench: setup
	@$(BIN)/python bench/run_all.py $(BENCH_ARGS)

docs: setup
	@$(BIN)/python -m pytest tests/tidy

lock: $(VENV)/bin/python
	@rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install .
	@{ echo "# What the product runs on. Written by 'make lock' from pyproject.toml."; \
		$(VENV)/lock/bin/python -m pip freeze --exclude millstream; } > requirements/base.txt
	@$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install -c requirements/base.txt '.[dev]'
	@{ echo "# What the product is built and tested with, base.txt included. Written by 'make lock'."; \
		$(VENV)/lock/bin/python -m pip freeze --exclude millstream; } > requirements/dev.txt
	@rm -rf $(VENV)/lock

clean:
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Runs pip and says every few seconds what it is at; all that it said is shown if it fails.
define pip
@log=$(VENV)/pip.log; : >"$$log"; \
	( while sleep 5 >/dev/null 2>&1; do \
		echo "  … $$SECONDS s, $$(find $(VENV)/lib -maxdepth 3 -name '*.dist-info' | wc -l) packages in place:" \
			"$$(tail -n 1 "$$log" | cut -c 1-80)"; done ) & \
	trap "kill $$! 2>/dev/null" EXIT; \
	PIP_PROGRESS_BAR=off $(BIN)/python -m pip --disable-pip-version-check $(1) >"$$log" 2>&1 || { cat "$$log" >&2; exit 1; }
endef

# The stamps below make the second run instant; each is older than what it was made from only when that changed.

$(VENV)/.dev-installed: requirements/dev.txt $(VENV)/.base-installed
	@echo "Installing the tools of requirements/dev.txt"
	$(call pip,install -r requirements/dev.txt)
	@touch $@

$(VENV)/.base-installed: requirements/base.txt pyproject.toml $(VENV)/bin/python
	@echo "Installing requirements/base.txt and millstream"
	$(call pip,install -r requirements/base.txt)
	$(call pip,install --no-deps -e .)
	@touch $@

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Millstream needs Python 3.11 or newer, and none was found. On Debian: apt-get install python3" >&2; \
		echo "An installed one elsewhere: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null; then \
		echo "$(PYTHON) is no Python 3.11 or newer. Choose another: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then \
			echo "Installing python3-venv, which makes environments on Debian"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; \
		else \
			echo "$(PYTHON) cannot make an environment. On Debian, as root: apt-get install python3-venv" >&2; exit 1; fi; fi
	@"$(PYTHON)" -m venv $(VENV)
	@touch -d '1 minute ago' $@
