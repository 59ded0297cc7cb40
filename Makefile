# `make` shows what there is.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo results up test bench faults coverage check format
help:
	@echo "make demo    install, then draw, serve, scrape and colorize a small webtoon: minutes on two cores"
	@echo "make results train and evaluate eight colorizers on Pepper&Carrot (fetched) and the drawn webtoon: about an hour"
	@echo "make up      the Dagster UI and the MLflow UI over the same store; Ctrl-C ends both"
	@echo "make test    install, then every test"
	@echo "make bench   speed, as ratios against peers and limits: under fifteen minutes on two cores"
	@echo "make faults  hostile inputs, kills and full disks in the long form; SEED=1 repeats a run"
	@echo "make coverage the tests, and the statements that they reach, by package"
	@echo "make check   format, lint, types, definitions"
	@echo "make format  put the code into shape"

install: $(STAMP)
$(STAMP): pyproject.toml constraints.txt
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: install
	$(RUN)/tintoon demo

results: install
	$(RUN)/tintoon demo --title pepper-carrot --config docs/results/settings.yaml

up: install
	@exec $(RUN)/tintoon up

# A file a core: fixtures of a file are made once.
TEST := $(RUN)/python -m pytest -n auto --dist loadfile
test: install check
	$(TEST)

bench: install
	$(RUN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(RUN)/python -m benchmarks --keep

# Seconds, as long as nobody names one: make prints the command, so that the run can be repeated.
SEED ?= $(shell date +%s)
faults: install
	TINTOON_FAULTS=long $(TEST) tests/faults --hypothesis-seed=$(SEED)

coverage: install
	$(TEST) --cov --cov-report=json:.coverage.json
	$(RUN)/python tests/coverage_by_package.py .coverage.json

check: install
	$(RUN)/ruff format --check
	$(RUN)/ruff check
	$(RUN)/pyright
	$(RUN)/dagster definitions validate -w workspace.yaml --log-level warning

format: install
	$(RUN)/ruff format
	$(RUN)/ruff check --fix
