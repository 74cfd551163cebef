# Chancery. `make help` lists the verbs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
PYTEST := $(VENV)/bin/pytest
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help run demo test test-fast lint bench chaos ledger shell clean lock

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/ready-to-run: requirements.txt requirements-sandbox.txt bin/setup
	@bin/setup run

$(VENV)/ready-to-test: requirements.txt requirements-sandbox.txt requirements-dev.txt bin/setup
	@bin/setup test

run: $(VENV)/ready-to-run ## set up if needed, then portal, worker and sandbox until Ctrl-C
	@$(PY) -m runner.run

demo: $(VENV)/ready-to-run ## a customer's whole walk without a browser; leaves the files under ./demo/
	@$(PY) -m runner.demo

test: $(VENV)/ready-to-test lint ## set up if needed, then everything: lint, SQLite, PostgreSQL, browser, real servers
	@bin/test

test-fast: $(VENV)/ready-to-test ## the tests that start no program
	@$(PYTEST) -q -n 2 -m "not town and not browser and not server"

lint: $(VENV)/ready-to-test ## ruff, mypy, import contract, Django's checks, missing migrations
	@bin/lint

bench: $(VENV)/ready-to-test ## the eight benchmarks, as ratios against a peer or a limit in the same run (about 20 minutes)
	@bin/setup bench
	@$(PY) -m benchmarks

chaos: $(VENV)/ready-to-test ## kill, stop and cut off every step of an issuance on both databases, then a storm of 1,000 orders
	@$(PY) -m tests.chaos

ledger: $(VENV)/ready-to-test ## every case of the attacks on "only who has shown a name gets a certificate for it" (ten minutes)
	@LEDGER_EVERY_CASE=1 $(PYTEST) -q -n 2 --dist worksteal tests/certificates/issuance/ledger_attacks

shell: $(VENV)/ready-to-run ## Django's shell on the sandbox's data
	@$(PY) manage.py shell

lock: $(VENV)/ready-to-test ## compile requirements*.txt from requirements*.in
	@for name in requirements requirements-sandbox requirements-dev; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command 'make lock' $$name.in -o $$name.txt || exit 1; done

clean: ## forget the sandbox's data, the demo's files and caches (keeps the virtual environment)
	@rm -rf var demo artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
