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
# SABOTAGE=1 on the command line reaches the programs by itself: make exports such variables.

# --- setting up ------------------------------------------------------------------------------------------

# The stamps lie inside what they vouch for, so that removing a folder removes its stamp.
.PHONY: setup
setup: .venv/.installed node_modules/.installed $(SOLC) ## Install into the checkout; every target does it first

.venv/.made:
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.installed: .venv/.made requirements.lock pyproject.toml
	$(VENV)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.installed: package.json package-lock.json .npmrc
	npm ci --no-progress --loglevel=error
	@touch $@

$(SOLC): node_modules/.installed tools/solc.cjs
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
	$(VENV)/python -m gateway.demo

up: setup ## Start a city: chain, database, gateway
	$(VENV)/camellia up

down: setup ## Stop it
	$(VENV)/camellia down

# --- testing ---------------------------------------------------------------------------------------------

# Folders that have tests of their own kind, and are not run by test-gateway.
APART := tests/contracts tests/chains tests/gas tests/mutants tests/scripts

.PHONY: test test-contracts test-scripts test-gateway test-chains test-deep gas gas-check mutants slither
test: test-contracts test-scripts test-gateway test-chains ## All tests

test-contracts: setup ## Contract tests, in brownie
	$(call when,tests/contracts,$(BROWNIE) test tests/contracts --network camellia-test)

test-scripts: setup ## Admin scripts, in brownie
	$(call when,tests/scripts,$(BROWNIE) test tests/scripts --network camellia-test)

test-gateway: setup compile browser ## Gateway, engines, simulators, end to end
	$(PYTEST) tests $(addprefix --ignore=,$(APART))

test-chains: setup compile ## The same end-to-end path on every chain client
	$(call when,tests/chains,$(PYTEST) tests/chains)

# The stateful tests and the gas measurements have chains of their own: brownie's calls would take hours.
test-deep: compile ## Stateful tests of contracts and of lots (C3), at length
	CAMELLIA_DEEP=1 $(PYTEST) --noconftest tests/contracts/stateful -m stateful
	CAMELLIA_DEEP=1 $(PYTEST) tests/gateway/domain/test_lots.py

.PHONY: test-month
test-month: setup compile ## Settlement day by day over February 2027 (D4); `make test` plays the days around Seollal
	CAMELLIA_MONTH=1 $(PYTEST) tests/gateway/flow/test_month.py

gas: compile ## Measure gas and write docs/gas.md
	CAMELLIA_WRITE=1 $(PYTEST) tests/gas

gas-check: compile ## Fail if docs/gas.md is not what the contracts cost
	$(PYTEST) tests/gas

.PHONY: browser screens
screens: setup compile browser ## Pictures of every page in both languages, in docs/screens
	$(VENV)/python -m tests.pages.screens

browser: # What tests/pages need; CAMELLIA_CHROMIUM names another one
	@[ -n "$${CAMELLIA_CHROMIUM:-}" ] || { command -v chromium >/dev/null && fc-list :lang=ko | grep -q .; } \
		|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq \
		--no-install-recommends chromium fonts-nanum fontconfig >/dev/null; } \
		|| { echo "Chromium is missing: install Debian's chromium and fonts-nanum" >&2; exit 1; }

.PHONY: check-bank-files
check-bank-files: setup ## Bank messages against their schemas, by xmllint (D6)
	@command -v xmllint >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq \
		&& apt-get install --yes -qq libxml2-utils >/dev/null; } \
		|| { echo "xmllint is missing: install Debian's libxml2-utils" >&2; exit 1; }
	$(VENV)/python tools/check_bank_files.py

mutants: compile ## Plant faults in the contracts; every one must be caught
	$(VENV)/python tests/mutants/run.py

.venv-slither/.installed: requirements-slither.lock
	$(PYTHON) -m venv --clear .venv-slither
	.venv-slither/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-slither.lock
	@touch $@

slither: setup .venv-slither/.installed ## Static analysis of the contracts; writes docs/slither.md
	$(VENV)/python tools/slither_check.py

# Runs a command if its folder is there: $(call when,folder,command)
when = @if [ -d $(1) ]; then echo '$(2)'; $(2); else echo 'nothing in $(1) yet'; fi

# --- measuring -------------------------------------------------------------------------------------------

# Options of a benchmark: make bench-qr BENCH="--rounds 1 --seconds 3"
.PHONY: fuzz-cards chaos bench-card bench-qr bench-growth bench-flood bench-memory bench-shares bench-limits bench-simulate bench-relief bench-settle bench-pages bench-docs
bench-qr: setup compile ## QR payments beside a web3.py gateway and raw transfers; BENCH="--rounds 1" for less
	$(VENV)/python -m bench.qr $(BENCH)

bench-card: setup ## Card sales beside asyncio + pyiso8583 + psycopg (D1)
	$(VENV)/python -m bench.card $(BENCH)

fuzz-cards: setup ## 1,000,000 altered card messages through parser and rules (D2); half an hour at most
	$(VENV)/python -m tests.gateway.cards.mutants $(FUZZ)

chaos: setup compile ## 100 kills under load, then an independent checker (B5); CHAOS="--kills 20" for less
	$(VENV)/python -m bench.chaos $(CHAOS)

bench-growth: setup compile ## CPU a payment after 1,000,000 payments and 200,000 citizens (B4); an hour
	$(VENV)/python -m bench.growth $(BENCH)

bench-flood: setup compile ## 10,000 requests at once (B6)
	$(VENV)/python -m bench.flood $(BENCH)

bench-memory: setup compile ## The gateway's memory over 500,000 payments (B7)
	$(VENV)/python -m bench.memory $(BENCH)

bench-shares: setup compile ## One city's p99 while another one is flooded
	$(VENV)/python -m bench.shares $(BENCH)

bench-limits: setup compile ## The limit of each part of a payment, measured alone
	$(VENV)/python -m bench.limits $(BENCH)

bench-simulate: setup compile ## 1,000,000 past payments under other rules, beside web3.py get_logs (C5)
	$(VENV)/python -m bench.simulate $(BENCH)

bench-relief: setup compile ## Relief for 870,000 from list to wallet, beside an ERC-20 batch transfer (C1, C2)
	$(VENV)/python -m bench.relief $(BENCH)

bench-pages: setup compile browser ## The wallet's first visit on a slow phone (E4)
	$(VENV)/python -m bench.pages

bench-settle: setup compile ## 1,000,000 payments at 100,000 shops, from cycle close to bank file (D3); half an hour
	$(VENV)/python -m bench.settle $(BENCH)

bench-docs: setup ## Put the figures of bench/results into docs/performance.md
	$(VENV)/python -m bench.tables

# --- contracts -------------------------------------------------------------------------------------------

.PHONY: compile abi
compile: setup # What changed; silent when nothing did
	@$(BROWNIE) compile

abi: compile ## Write deployments/abi and deployments/storage from the contracts
	$(VENV)/python tools/export_abi.py
	$(VENV)/python tools/storage_layout.py

# --- reading over ----------------------------------------------------------------------------------------

SOURCES := $(wildcard gateway simulators scripts tests tools bench)
FORGE = $(firstword $(wildcard node_modules/@foundry-rs/forge-*/bin/forge) forge)

.PHONY: lint format check-gateway-install
lint: compile ## Style, types, import rules, sizes, stale files
	$(VENV)/ruff check $(SOURCES)
	$(VENV)/ruff format --check $(SOURCES)
	$(VENV)/mypy $(SOURCES)
	$(VENV)/lint-imports --no-cache --no-logo
	$(VENV)/python tools/sizes.py
	$(VENV)/python tools/check_tree.py
	$(FORGE) fmt --check contracts
	$(VENV)/python tools/export_abi.py --check
	$(VENV)/python tools/storage_layout.py --check

format: setup ## Put every source in its shape
	$(VENV)/ruff check --fix --exit-zero $(SOURCES)
	$(VENV)/ruff format $(SOURCES)
	$(FORGE) fmt contracts

check-gateway-install: ## Check that the gateway installs without brownie
	tools/check_gateway_install.sh

# --- the rest --------------------------------------------------------------------------------------------

.PHONY: clean help
clean: ## Remove what can be made again; keeps .camellia, where a city's money may be
	rm -rf .venv .venv-slither node_modules .solcx .home build reports cache out *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 24
