# What a newcomer types. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.locked

.PHONY: help env lock demo demo-down test test-fast test-long bench lint types format lab-up lab-down lab-status clean docs

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

env: $(STAMP) ## make .venv with everything locked

$(STAMP): requirements-dev.lock pyproject.toml .ci/make-env
	@.ci/make-env $(VENV)
	@touch $@

demo: ## run a whole migration between two real clusters, and leave Airflow's UI running
	@if command -v python3 >/dev/null; then python3 -B -m tests.demo.preflight; fi
	@.ci/make-env --check
	@$(MAKE) --no-print-directory env
	@$(PY) -m tests.demo up

demo-down: ## remove all that the demo started
	@if [ -x $(PY) ]; then $(PY) -m tests.demo down; else echo "demo-down: nothing was set up here (no $(VENV))"; fi

test: env ## run every test: lint, types, unit, integration, e2e in the lab
	@$(PY) -m tests.phases all

test-fast: env ## lint, types and the tests that need no server
	@$(PY) -m tests.phases fast

test-long: env ## all of `test`, with the long fault-injection runs
	@$(PY) -m tests.phases long

bench: env ## benchmarks against restic, borg and kubectl, as tables with ratios (long; starts the lab)
	@$(PY) -m tests.lab up
	@$(PY) -m tests.bench
	@$(PY) -m tests.bench.transform
	@$(PY) -m tests.bench.cluster --kubeconfig "$$($(PY) -c 'from tests.lab import Lab; print(Lab().target.kubeconfig)')"
	@$(PY) -m tests.bench.downtime

lint: env ## ruff, import-linter
	@$(PY) -m tests.phases lint

types: env ## mypy
	@$(PY) -m tests.phases types

format: env ## format the code
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

docs: env ## build the documentation into site/; broken links are errors
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet && echo "site/index.html"

lab-up: env ## start the two lab clusters and the S3 server
	@$(PY) -m tests.lab up

lab-down: env ## stop and unmount all of the lab
	@$(PY) -m tests.lab down

lab-status: env ## what of the lab runs, where its logs and kubeconfigs are
	@$(PY) -m tests.lab status

lock: env ## compile the lock files anew
	@for extra in control airflow dev; do \
	  $(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	    --custom-compile-command "make lock" --extra $$extra pyproject.toml -o requirements-$$extra.lock; done
	@$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	    --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## remove what tools left in the checkout (not .venv, not the cache)
	@rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
