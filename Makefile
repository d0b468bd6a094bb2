# Every target makes the virtual environment itself. PYTHON chooses the interpreter: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
SECONDS_PER_CELL := 600

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lab notebooks lint bench docs clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(READY)

demo: $(READY)  ## the whole way on simulated clinics, into demo/ (under 3 minutes)
	$(BIN)/dropout demo

test: $(READY)  ## the tests, without the slow ones (under 10 minutes); SLOW=1 adds those
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(if $(SLOW),,-m "not slow")

test-all:  ## all tests
	$(MAKE) test SLOW=1

lab: $(READY)  ## JupyterLab on the notebooks
	$(BIN)/python -m jupyter lab --notebook-dir=notebooks

notebooks: $(READY)  ## execute all notebooks in place and export them to reports/
	@mkdir -p reports
	@test -n "$(NOTEBOOKS)" || echo "notebooks/ holds no notebook"
	@set -e; for notebook in $(NOTEBOOKS); do \
		$(BIN)/python -m jupyter nbconvert --to notebook --execute --inplace \
			--ExecutePreprocessor.timeout=$(SECONDS_PER_CELL) --ExecutePreprocessor.record_timing=False "$$notebook"; \
		$(BIN)/python -m jupyter nbconvert --to html --output-dir reports \
			--HTMLExporter.mathjax_url= --HTMLExporter.require_js_url= "$$notebook"; \
	done
	@$(BIN)/python docs/take_picture.py

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)  ## time reading, fitting and scoring on 4,000 simulated clients
	$(BIN)/python tests/bench/run.py

docs: $(READY)  ## write docs/tables.md and docs/features.md again from the code
	$(BIN)/python docs/write.py

clean:  ## take away caches and the demo; the virtual environment stays
	rm -rf demo build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print | xargs rm -rf
