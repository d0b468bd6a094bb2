# Every target makes the virtual environment itself. PYTHON chooses the interpreter: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Other libraries to compare with are installed beside the project's own, never among them.
PEERS := .venv-benchmark
PEERS_READY := $(PEERS)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lab notebooks benchmark lint bench docs fixtures clean

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

notebooks: $(READY)  ## execute the notebooks in place and export them to reports/
	$(BIN)/python docs/execute_notebooks.py
	@$(BIN)/python docs/take_picture.py

$(PEERS_READY): requirements.txt requirements-benchmark.txt pyproject.toml | $(READY)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-benchmark.txt
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(PEERS_READY)

benchmark: $(PEERS_READY)  ## execute notebook 08, with the libraries that it compares with
	$(PEERS)/bin/python docs/execute_notebooks.py 08-against-others

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)  ## time reading, fitting and scoring on 4,000 simulated clients
	$(BIN)/python tests/bench/run.py

docs: $(READY)  ## write docs/tables.md and docs/features.md again from the code
	$(BIN)/python docs/write.py

fixtures: $(READY)  ## ask R again for what the survival tests compare with (needs R; the tests do not)
	@command -v Rscript >/dev/null || { \
		echo "R is needed, with survival, cmprsk, lme4 and riskRegression. On Debian: apt-get install r-base-core \
r-cran-survival r-cran-cmprsk r-cran-lme4 r-cran-riskregression" >&2; exit 1; }
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
		$(BIN)/python tests/survival/fixtures/inputs.py "$$folder"; \
		Rscript tests/survival/fixtures/make.R tests/survival/fixtures "$$folder" tests/evaluation/fixtures; \
		Rscript tests/evaluation/fixtures/make.R tests/evaluation/fixtures

clean:  ## take away caches and the demo; the virtual environments stay
	rm -rf demo build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -path './.venv*' -prune -o -name __pycache__ -type d -print | xargs rm -rf
