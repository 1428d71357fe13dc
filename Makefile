# Set-up, the main job and the checks. Needs Python 3.11 or newer, make and the network; nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test torture lint types format constraints clean

help:  ## Show these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Sanctuary needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## Sleep a simulated night of four pods and write the report to out/
	$(BIN)/sanctuary demo --out out/demo

# Exit code 5 of pytest: nothing was chosen. One half may be empty, as where PYTEST_ARGS names a file; not both.
test: $(READY)  ## Run the tests: most of them side by side, then those that must be alone
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not alone" $(PYTEST_ARGS); side=$$?; \
	  [ $$side = 0 ] || [ $$side = 5 ] || exit $$side; \
	  $(BIN)/python -m pytest -m alone $(PYTEST_ARGS); alone=$$?; \
	  [ $$alone = 0 ] || { [ $$alone = 5 ] && [ $$side = 0 ]; } || exit $$alone

SEEDS ?= 200
torture: $(READY)  ## Sleep SEEDS nights while everything goes wrong, all invariants watched
	nice -n 10 $(BIN)/sanctuary torture --seeds $(SEEDS) --json out/torture.json

lint: $(READY)  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## Check types
	$(BIN)/mypy

format: $(READY)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints:  ## Renew constraints.txt from the ranges in pyproject.toml
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[dashboard,formats,pi,dev,bench]'
	{ head -n 2 constraints.txt; .venv-constraints/bin/python -m pip freeze --exclude dream-sanctuary; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-constraints

clean:  ## Remove what the other targets made
	rm -rf $(VENV) .venv-constraints out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
