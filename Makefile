PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test peers lint clean

help:            ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/:/'

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("icephone needs Python 3.11 or later, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 demo") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)   ## two phones, a firewall that drops UDP, a call that gets through
	$(BIN)/icephone demo

docs/timeline.svg: $(STAMP)
	$(BIN)/python docs/draw_timeline.py

lint: $(STAMP)   ## ruff, mypy --strict, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint       ## lint and all tests; real servers are used where 'make peers' has run
	$(BIN)/pytest

peers:           ## installs the real servers and phones of the interop tests (Debian, root)
	bash tests/interop/install-peers

clean:           ## removes what make built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
