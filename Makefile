# make demo: from a fresh machine to a table of three decoding patterns. make test: the tests.
# Both install into .venv what they need; PYTHON names the interpreter (3.11 or 3.12).

PYTHON ?= python3
VENV ?= .venv
MINOR := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
BIN = $(VENV)/bin
DEMO = out/demo
LIMIT ?= 60

.PHONY: demo test test-fast lint install data tiny clean

install: $(VENV)/.installed-$(MINOR)

$(VENV)/.installed-$(MINOR): pyproject.toml constraints-$(MINOR).txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints-$(MINOR).txt -e '.[test]'
	touch $@

constraints-%.txt:
	@echo "Python $* is not supported; name another: make PYTHON=python3.12"; exit 1

demo: install  ## asks held-out questions under every pattern, on the shipped weights
	$(BIN)/python -m launch.curate --config=configs/data.py:demo --splits=test --limit=$(LIMIT) --data_dir=$(DEMO)/data
	$(BIN)/python -m launch.compare --data_dir=$(DEMO)/data --out=$(DEMO)

test: install  ## everything
	$(BIN)/python -m pytest

test-fast: install  ## what takes seconds
	$(BIN)/python -m pytest -m 'not slow'

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

data: install  ## the data set that the shipped weights were trained on; two voices need flite
	$(BIN)/python -m launch.curate --config=configs/data.py --data_dir=out/data
	$(BIN)/python -m launch.tokenize --data_dir=out/data --text_vocab=1200

tiny: data  ## the three shipped speech LMs again
	for arm in esi interleaved parallel; do \
	  $(BIN)/python -m launch.train --config=configs/tiny.py:$$arm --workdir=out/$$arm || exit 1; done

clean:
	rm -rf out .venv*
