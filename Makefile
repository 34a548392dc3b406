# Creates its own .venv. README.md lists the equivalent pip and python commands.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
SCREENSHOTS := .screenshots
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check

.PHONY: train eval tensorboard report test lint docs chaos bench screenshots

train: $(VENV)/installed
	$(RUN) MNIST_train.py

eval: $(VENV)/installed
	$(RUN) MNIST_eval.py

tensorboard: $(VENV)/installed
	$(RUN) tensorboard_run.py

report: $(VENV)/installed
	$(RUN) for_report/make_report.py

test: $(VENV)/installed-dev
	$(RUN) -m pytest

chaos: $(VENV)/installed-dev
	$(RUN) -m tests.sweep.chaos --kills 20

screenshots: $(VENV)/installed-dev
	$(RUN) MNIST_train.py --presets 1,19,32 --epochs 20 --skip-done --runs-dir $(SCREENSHOTS)/runs --info-dir $(SCREENSHOTS)/INFOS
	$(RUN) MNIST_eval.py --runs-dir $(SCREENSHOTS)/runs --info-dir $(SCREENSHOTS)/INFOS
	$(RUN) -m pytest tests/console/test_tensorboard_page.py --shown $(SCREENSHOTS) --screenshots docs/images/tensorboard

bench: $(VENV)/installed-bench
	$(RUN) -m benchmarks.speed

docs: $(VENV)/installed
	$(RUN) -m docs.generate

lint: $(VENV)/installed-dev
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is required, for example: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing TensorFlow and other packages into $(VENV) (once, takes about a minute)"
	$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements-ray.txt $(VENV)/installed
	$(INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/installed-bench: requirements-bench.txt $(VENV)/installed
	$(INSTALL) -r requirements-bench.txt
	@touch $@
