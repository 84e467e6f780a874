# The two commands of the README, and what developers need. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check fix full clean lock

demo: $(READY)  ## simulate a shop, find its segments, and at a terminal serve it, with pages to click around in
	@echo "The shoal command is in $(BIN): to use it in a shell, say first  . $(BIN)/activate"
	@echo
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/shoal demo; else $(BIN)/shoal demo --no-serve && echo && \
		echo "This is no terminal, so nothing is served. To click around in the demo shop:  $(BIN)/shoal demo"; fi

test: $(READY)  ## every test, in its quick form
	$(BIN)/python -m pytest -n auto

full: $(READY)  ## every test, in its long form: thousands of generated cases, dozens of crashes
	SHOAL_FULL=1 $(BIN)/python -m pytest -n auto

check: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(READY)  ## what can be put right by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Shoal needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), once. This downloads what Shoal and its tests need, and takes a few minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

lock: $(READY)  ## new pins with hashes, after a change of the dependencies in pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --generate-hashes --extra dev --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" --quiet --output-file requirements.lock pyproject.toml
