# The same commands here and in CI. `make` alone lists them.
SHELL := /bin/bash
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup check test test-faults test-slow demo demo-molecules clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## .venv with everything, for the GPU if there is one; returns at once when up to date
	@scripts/setup.sh

check: setup ## lint, format, types, import rules
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -q tests/test_imports.py

test: setup ## the tests, without those that take minutes (ARGS="-k name" to choose)
	$(PY) -m pytest -m "not slow" --ignore=tests/faults $(ARGS)

test-faults: setup ## what a run sees when engine, server, database, disk or network fail
	$(PY) -m pytest -m "not slow" tests/faults $(ARGS)

test-slow: setup ## the tests that take minutes
	$(PY) -m pytest -m slow $(ARGS) || { code=$$?; [ $$code -eq 5 ] && echo "no slow tests"; }

demo: setup ## the whole pipeline on the embedded judge (ARGS="--help" for its options)
	.venv/bin/flex-rl demo $(ARGS)

demo-molecules: setup ## the same for molecules (ARGS="--seed 1 --output_dir runs/molecules-1")
	.venv/bin/flex-rl grpo molecules-grpo-nano --output_dir runs/demo-molecules --max_steps 300 $(ARGS)

clean: ## caches and builds; keeps .venv and runs/
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find judge reward rl_recipes tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
