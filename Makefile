# Every target sets up what it needs in .venv, from the versions in constraints.txt;
# a second run finds it there and starts at once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
WORKERS ?= 2
XDIST := -n $(WORKERS) --dist worksteal

.PHONY: demo test slow generated kernels lowest dist lint types spelling docstrings prose docs site look clean

demo: .venv/plot
	$(BIN)/python -m stable_embedding

# All but what takes long.
test: .venv/test
	$(BIN)/python -m pytest $(XDIST) -m "not slow"

# What takes long, and scikit-learn's checks of arrays that are not NumPy's.
slow: .venv/test
	$(BIN)/python -m pytest $(XDIST) -m slow
	SCIPY_ARRAY_API=1 $(BIN)/python -m pytest $(XDIST) -k array_api tests/test_common.py

# Ten times as many inputs that are generated.
generated: .venv/test
	$(BIN)/python -m pytest $(XDIST) -m hypothesis --hypothesis-profile=thorough

# What compares numbers, by other kernels than this processor's choice.
KERNELS ?= oldest avx2
kernels: .venv/test
	tests/kernels.sh $(BIN)/python $(KERNELS)

# The fast tests, with the lowest versions that are promised to work. torch may be a later
# one than its bound, since only some versions have a CPU build at hand; EXTRAS may be
# empty.
LOWEST_TORCH ?= 2.13.0
EXTRAS ?= distributed,interactive,neighbors,onnx,plot
lowest: lowest-versions
	.venv-lowest/bin/python -m pytest $(XDIST) -m "not slow"

lowest-versions:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet \
		--constraint lowest-constraints.txt --editable '.[lowest,$(EXTRAS)]' \
		torch==$(LOWEST_TORCH)

# The source distribution and the wheel: what they hold, and that the wheel works where
# nothing else is installed.
dist: .venv/dist
	rm -rf build dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/python -m pytest tests/check_dist.py

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/test
	$(BIN)/mypy

spelling: .venv/test
	$(BIN)/codespell

docstrings: .venv/test
	$(BIN)/numpydoc lint $$(find stable_embedding -name '*.py')

# The English of the pages.
prose: .venv/prose
	$(BIN)/python -m pytest --quiet docs/check_prose.py

docs: .venv/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

# The pages in a headless Chromium, which must be installed. `look` takes those that are
# built.
site: docs look

look: .venv/docs
	$(BIN)/python -m pytest docs/check_site.py

clean:
	rm -rf .venv .venv-lowest build dist docs/_build docs/auto_examples docs/generated \
		docs/_static/demonstration_data.js

.venv/%: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$*]'
	touch $@
