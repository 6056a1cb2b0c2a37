# One entry for people and for CI. `make install` is the whole set-up; every other target calls first what it needs.
.DEFAULT_GOAL := help
.PHONY: help install demo processes secrets test drills check bench clean

VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
INSTALLED := $(VENV)/.installed
CODE := domain projections adapters api deploy tests
# The first of these that is Python 3.11 or newer makes the environment; `make install PYTHON=...` overrides.
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python

# One more than there are cores, since tests wait for processes that they started; four at most.
WORKERS = $$($(BIN)/python -c 'import os; print(min(4, os.cpu_count() + 1))')

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

install: $(INSTALLED) ## set up .venv from the pinned requirements (once, and again when they change)

$(INSTALLED): $(RUNS) requirements-dev.txt
	@export PIP_DISABLE_PIP_VERSION_CHECK=1; \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# What runs, without what it takes to develop it: less than half of that.
$(RUNS): requirements.txt pyproject.toml
	@set -eu; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$new_enough" 2>/dev/null; then \
	  python=; \
	  for candidate in $(PYTHONS); do \
	    if $$candidate -c "$$new_enough" 2>/dev/null; then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "Chatledger needs Python 3.11 or newer, and none was found (looked for: $(PYTHONS))." >&2; \
	    echo "Install one, or name it: make install PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$($$python --version)"; \
	  $$python -m venv --clear $(VENV) || { \
	    echo "$$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	fi; \
	export PIP_DISABLE_PIP_VERSION_CHECK=1; \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt; \
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .; \
	touch $@

demo: $(RUNS) ## play the house story over HTTP, then let real conversations stream in
	$(BIN)/chatledger demo

processes: install ## run what docker-compose.yml says as processes of this machine, until Ctrl-C
	$(BIN)/python -m deploy.processes

secrets: install ## write what docker-compose.yml needs to be set into .env, unless it is there
	$(BIN)/python -m deploy.secrets .env

test: install ## run the tests on a PostgreSQL of their own
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

drills: install ## do harm to real processes and servers under load, and tell how long all took to be well
	$(BIN)/pytest tests -m drill

check: install ## lint, formatting, types and import contracts
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install ## measure this machine
	$(BIN)/pytest tests/benchmarks -m bench
	$(BIN)/chatledger bench all

clean: ## remove the environment and all caches (data stays)
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis *.egg-info build
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
