# `make demo` and `make test` need nothing done before: each makes the environment if it is not there.
# With uv the environment is made by uv, without it by venv and pip; both from the same lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format docs bench lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment in .venv (the others do it by themselves)

$(READY): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		echo "making $(VENV) with uv"; \
		{ test -x $(BIN)/python || uv venv --quiet --python '>=3.11' $(VENV); } && \
		uv pip sync --quiet --python $(BIN)/python requirements.lock && \
		uv pip install --quiet --python $(BIN)/python --no-deps --editable . ; \
	else \
		echo "making $(VENV) with pip (uv would be faster)"; \
		$(PYTHON) -c 'import sys; sys.exit("ferda needs Python 3.11 or newer; name one: make setup PYTHON=python3.12") if sys.version_info < (3, 11) else None' && \
		{ test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV); } && \
		$(BIN)/python -m pip install --quiet --requirement requirements.lock && \
		$(BIN)/python -m pip install --quiet --no-deps --editable . ; \
	fi
	@touch $@

demo: $(READY) ## train on the embedded faces of one world, adapt to another, write runs/demo/report.html
	@# every core may train: nothing else runs beside a demo
	env -u OMP_NUM_THREADS $(BIN)/ferda demo

# the tests start Python a dozen times: without stored bytecode each start would compile torch again
test: export PYTHONDONTWRITEBYTECODE :=
test: $(READY) ## run every test, slow ones too (WORKERS=1 for one process)
	@# a worker keeps to neighbouring tests, which share fixtures, until it has to steal
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(READY) ## style, format and types
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## let ruff mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## build the documentation into site/, and the README's table of methods
	$(BIN)/python docs/_hooks/methods_page.py
	$(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

bench: $(READY) ## run the benchmarks and write benchmarks/RESULTS.md (FERDA_DATA=folder adds the real faces)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/demo_table.py
	$(BIN)/python benchmarks/serve.py
	@if [ -n "$$FERDA_DATA" ]; then $(BIN)/python benchmarks/predict.py starter; \
	$(BIN)/python benchmarks/video.py; \
	$(BIN)/python benchmarks/real_pairs.py && $(BIN)/python benchmarks/adapt.py; \
	else echo "predict, video, real_pairs and adapt: left out, FERDA_DATA names no folder"; fi
	$(BIN)/python benchmarks/write_results.py

lock: ## solve the versions again (needs uv)
	uv pip compile pyproject.toml --quiet --group dev --universal --python-version 3.11 \
		--no-header --no-emit-index-url --no-annotate --output-file requirements.lock
