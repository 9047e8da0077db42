# Slipstream: `make demo` shows it at work, `make test` proves it. Both install what they need into .venv first.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
LOCK = $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A Python of one's own: make demo PYTHON=python3.12
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

ifdef UV
INSTALL := VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet
else
INSTALL := $(BIN)/python -m pip install --quiet
endif

.PHONY: help demo demo-services test check fix lock docs spark clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/runtime.stamp ## Replay sessions, learn from them, answer a guided question
	@$(BIN)/slipstream demo

demo-services: $(VENV)/runtime.stamp ## The same on DynamoDB, S3, EventBridge and Valkey: starts them, compares, stops them
	@tests/services/with.sh $(BIN)/python -m tests.services.demo

test: check ## Run all checks, tests and the notebook; adapters on real services where these can be had
	@echo "tests: embedded"
	@$(BIN)/python -m pytest -m "not services" -n auto --dist loadfile
	@echo "tests: notebooks"
	@$(BIN)/python -m pytest --nbmake notebooks
	@echo "tests: services"
	@SERVICES_OPTIONAL=1 tests/services/with.sh $(BIN)/python -m pytest -m services -n auto --dist loadfile -rs

check: $(VENV)/dev.stamp ## Lint, check types and the direction of imports
	@echo "check: ruff, mypy --strict, imports"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: $(VENV)/dev.stamp ## Format, and repair what can be repaired
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

docs: $(VENV)/dev.stamp ## Write the generated pages again
	@$(BIN)/python -m agent.docs

lock: ## Resolve the dependencies again (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv"; exit 2; }
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt
	$(LOCK) --group spark -c requirements/dev.txt -o requirements/spark.txt

spark: $(VENV)/spark.stamp ## Install Spark (500 MB), so that tests compare with it too

clean: ## Remove what was installed and the caches of tools; what was learned stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on: a stamp says which lock was installed ---------------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 2; }
	@echo "install: a virtual environment in $(VENV) ($(PYTHON), $(if $(UV),uv,pip))"
ifdef UV
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -m venv $(VENV)
endif

$(VENV)/runtime.stamp: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "install: what it needs to run (locked by hash; a minute or two the first time)"
	@$(INSTALL) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/runtime.stamp
	@echo "install: what it needs to be checked and tested (locked by hash)"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/spark.stamp: requirements/spark.txt | $(VENV)/dev.stamp
	@echo "install: Spark (locked by hash)"
	@$(INSTALL) --require-hashes -r requirements/spark.txt
	@touch $@
