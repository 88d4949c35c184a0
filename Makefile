# Every target sets up what it needs and does nothing twice. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv/bin
SOLC := .solcx/solc-v0.8.30
BROWNIE := tools/brownie
PYTEST := $(VENV)/python -m pytest -p no:pytest-brownie

export SOLCX_BINARY_PATH := $(CURDIR)/.solcx
export SABOTAGE

# --- setting up ------------------------------------------------------------------------------------------

.PHONY: setup
setup: .make/python .make/node $(SOLC) ## Install everything into the checkout (every target does this first)

.make/venv:
	$(PYTHON) -m venv --clear .venv
	@mkdir -p .make && touch $@

.make/python: .make/venv requirements.lock pyproject.toml
	$(VENV)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.make/node: package.json package-lock.json .npmrc
	npm ci --no-progress --loglevel=error
	@mkdir -p .make && touch $@

$(SOLC): .make/node tools/solc.cjs
	node tools/solc.cjs --install $@
	@touch $@

.PHONY: lock
lock: ## Resolve the lock files anew (needs uv)
	uv pip compile pyproject.toml --extra contracts --extra dev $(LOCK_FLAGS) -o requirements.lock
	uv pip compile pyproject.toml --constraint requirements.lock $(LOCK_FLAGS) -o requirements-gateway.lock
	npm install --package-lock-only
LOCK_FLAGS := --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

# --- running ---------------------------------------------------------------------------------------------

.PHONY: demo up down
demo: setup ## One day in a demo city; SABOTAGE=1 alters one database balance and must fail
	$(VENV)/python -m gateway.engine.demo

up: setup ## Start a city: chain, database, gateway
	$(VENV)/camellia up

down: setup ## Stop it
	$(VENV)/camellia down

# --- testing ---------------------------------------------------------------------------------------------

.PHONY: test test-contracts test-gateway test-chains test-deep gas mutants
test: test-contracts test-gateway test-chains ## All tests

test-contracts: setup ## Contract tests, in brownie
	$(BROWNIE) test tests/contracts --network camellia-test

test-gateway: setup ## Gateway, engines, simulators
	$(PYTEST) tests --ignore tests/contracts --ignore tests/chains --ignore tests/gas --ignore tests/mutants

test-chains: setup ## The same end-to-end path on every chain client
	$(PYTEST) tests/chains

test-deep: setup ## Stateful contract tests, at length
	CAMELLIA_DEEP=1 $(BROWNIE) test tests/contracts --network camellia-test -m stateful

gas: setup ## Measure gas and write docs/gas.md
	$(BROWNIE) test tests/gas --network camellia-test

mutants: setup ## Plant faults in the contracts; every one must be caught
	$(VENV)/python tests/mutants/run.py

# --- the rest --------------------------------------------------------------------------------------------

.PHONY: clean help
clean: ## Remove what can be made again; keeps .camellia, where a city's money may be
	rm -rf .venv node_modules .make .solcx .home build reports *.egg-info .pytest_cache .mypy_cache .ruff_cache

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16
