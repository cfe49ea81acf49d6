# One command is the truth, for people and CI: every target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?= tests
# A part of the tests says nothing about coverage.
COVERAGE := $(if $(filter tests,$(TESTS)),--cov --cov-report=)

.PHONY: setup check test demo docs torture nights bench build lock clean

setup: $(VENV)/.ready

# What runs the product, and nothing more.
$(VENV)/.runs: requirements-run.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "batchgen needs Python 3.11 or newer; try make PYTHON=python3.12")'
	@echo "Installing batchgen and the libraries that it runs with into $(VENV)."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements-run.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/.ready: $(VENV)/.runs requirements.lock
	@echo "Installing the developers' tools into $(VENV)."
	$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

check: setup
	$(BIN)/ruff format --check batchgen tests benchmarks
	$(BIN)/ruff check batchgen tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/deptry .

# Processes that tests start, a hundred of them, compile nothing again, whatever the shell says of such files.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup
	$(BIN)/pytest -n auto -m "not slow" $(COVERAGE) $(TESTS)

# Shows what it does, and ends with the page's path; opens the page only where somebody sits before a display.
DEMO := output/demo/report/report.html
demo: $(VENV)/.runs
	@echo "1. What is wanted: manifests/catalogue.yaml, 26 products. What it would cost:"
	$(BIN)/batchgen estimate manifests/catalogue.yaml --provider mock --output output/demo
	@echo "2. Draw what is missing, on a sample server of this machine: no key, no network, no cost."
	$(BIN)/batchgen run manifests/catalogue.yaml --provider mock --output output/demo
	@echo "3. Made of the images, for nothing: sizes for the shop, and the sheet that it imports:"
	@ls output/demo/derivatives && head -n 3 output/demo/report/shop.csv
	@echo "4. Look at it. The command itself is $(BIN)/batchgen; 'pipx install .' puts it on your path."
	@if [ -z "$$CI" ] && [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && [ -t 1 ] && command -v xdg-open >/dev/null; \
	  then xdg-open $(DEMO) >/dev/null 2>&1 || true; fi
	@echo "$(CURDIR)/$(DEMO)"

# The documentation as a site, in site/; the tool has an environment of its own.
docs: $(VENV)/.ready
	$(BIN)/python docs/make_reference.py
	$(BIN)/pytest -q -n 0 tests/test_readme.py -k "link or generated"
	test -x .venv-docs/bin/zensical || { $(PYTHON) -m venv .venv-docs && .venv-docs/bin/pip install --quiet "zensical>=0.0.60"; }
	.venv-docs/bin/zensical build --clean

# A gateway of others, in an environment of its own: its libraries are not ours. Without it one test is skipped.
LITELLM := .servers/litellm

torture: setup
	test -x $(LITELLM)/bin/litellm || { $(PYTHON) -m venv $(LITELLM) && $(LITELLM)/bin/pip install --quiet 'litellm[proxy]'; } || true
	$(BIN)/pytest -n 2 -m "slow or hypothesis" --hypothesis-profile thorough --timeout 3600 $(TESTS)

# A month of nightly runs in virtual time, and the figures of what came of it. The seed has two providers, stages,
# derivatives and a store; others begin with an older ledger, or lose theirs: SEED=...
SEED ?= 22
nights: setup
	$(BIN)/python -m tests.nights --nights 30 --rows 2000 --seed $(SEED)

bench: setup
	$(BIN)/python -m benchmarks

build: setup
	$(BIN)/python -m build --no-isolation

# The smaller lock is a part of the larger one: the same versions.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  --no-annotate pyproject.toml

lock:
	$(COMPILE) --all-extras --group dev --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock --output-file requirements-run.lock

clean:
	rm -rf $(VENV) .venv-docs site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
