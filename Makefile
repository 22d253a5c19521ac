PYTHON ?= .venv/bin/python

.PHONY: check fix test test-slow chaos bench docs

check:  ## everything quick that has to pass
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -n auto --dist loadgroup

fix:  ## repair what can be repaired by itself
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

test:
	$(PYTHON) -m pytest -n auto --dist loadgroup

test-slow:
	$(PYTHON) -m pytest -m slow -n auto --dist loadgroup

chaos:  ## searches killed at random moments, a hundred times and more (about an hour), clusters that do not fit, shared studies, 540 bad inputs
	$(PYTHON) -m tests.chaos.full
	$(PYTHON) -m tests.chaos.misfits
	$(PYTHON) -m tests.chaos.shared
	NAS_BAD_INPUTS=60 $(PYTHON) -m pytest tests/chaos/test_bad_input.py -m "slow or not slow"

bench:
	$(PYTHON) -m benchmarks.cost
	$(PYTHON) -m benchmarks.samplers

docs:
	$(PYTHON) -m tools.write_cli_docs
