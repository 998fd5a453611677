# `make demo` and `make test` do their own set-up on a fresh clone.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
RUN ?= runs/demo

.PHONY: setup demo test test-rest test-all check clean

setup: $(BIN)/.ready

# torch alone and first: a range, or another package's need of it, may take a CUDA build of several GB.
$(BIN)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo,dev]' -c constraints.txt
	touch $@

demo: setup
	$(BIN)/elegan train mnist-5k --out $(RUN) --minutes 5
	$(BIN)/elegan generate $(RUN) -n 100 --out $(RUN)/digits.png
	@echo "Open $(RUN)/report.html and $(RUN)/digits.png"

test: setup
	$(BIN)/python -m pytest -m "not slow" -n auto

# What `test` leaves out: the slow tests, and those on the real data that ELEGAN_DATA names.
test-rest: setup
	$(BIN)/python -m pytest -m "slow or data" -n auto

test-all: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist src/*.egg-info
