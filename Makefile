# make run    build the default experiment (creates .venv first)
# make test   what CI runs: unit and property tests, the smoke experiment, quick workflow tests
# make test-all   everything, the slow tests and planted bugs too
# make check  formatting, types, workflow lint
# make docs   regenerate the config reference and the JSON schema
# make site   build the documentation into site/
# make pins   write the versions that are installed now to envs/
SHELL := bash
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
ENV ?= cpu
TARGETS ?=

.PHONY: run test test-all check docs site pins clean-venv

# Bars on a terminal, Snakemake's plain lines in a pipe or file. `--logger` takes several values, so it stands last.
run: $(VENV)/installed-$(ENV)
	@$(BIN)/snakemake $(TARGETS) $$([ -t 2 ] && echo --logger rich)

test: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not gpu" -n 2 --dist loadgroup

test-all: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/installed-dev
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/pyright
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

docs: $(VENV)/installed-dev
	$(BIN)/lineage config schema > workflow/schemas/config.schema.json
	$(BIN)/lineage config docs > docs/config.md

site: $(VENV)/installed-dev
	$(BIN)/python -m mkdocs build --strict

pins: $(VENV)/installed-dev
	$(BIN)/python envs/pin.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-cpu $(VENV)/installed-gpu: $(VENV)/installed-%: envs/%.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/installed-dev: envs/dev.txt $(VENV)/installed-$(ENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean-venv:
	rm -rf $(VENV)
