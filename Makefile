# `make help` lists what can be made. ARGS goes to pytest, the demo and the benchmarks:
#   make test ARGS="-k streams"
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
SHELL := /bin/bash
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start hundreds of processes, each of which would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

NEWEST := .venv
OLDEST := .venv-oldest
WHEEL := .venv-wheel
REQUIREMENTS := requirements/tests.txt
PIP_INSTALL := -m pip install --quiet
# Tests mostly wait for servers: two at a time leave half of two cores idle.
PARALLEL := -n 3 --dist worksteal
# What an old FastAPI could break: with it `make test` runs these, and `make test-all` every test.
ON_FASTAPI := tests/asgi tests/doctor tests/examples tests/export tests/runtime tests/testing \
  tests/live/test_live_ends.py tests/live/test_live_faults.py tests/live/test_live_gunicorn.py \
  tests/live/test_live_killed.py tests/live/test_live_people.py
CODE := instrumentation tests examples benchmarks dashboards

# $(call new_venv,folder,commands to try): $(PYTHON) if given, else the first that is new enough.
# Each is run, since a pyenv shim is on PATH even when its version is not switched on.
define new_venv
	@rm -rf $(1); \
	for python in $(if $(PYTHON),'$(PYTHON)',$(2)); do \
	  if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo "$(1): $$("$$python" --version)" && exec "$$python" -m venv $(1); fi; \
	done; \
	echo "Sidelight needs Python 3.11 or later with venv (Debian: python3-venv);" \
	  "name one with make PYTHON=/path/to/python" >&2; exit 1
endef

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environments: a stamp file for each step, so that only what changed is done again ---

.PHONY: setup
setup: $(NEWEST)/.package  ## the newest supported versions, in .venv

.PHONY: setup-oldest
setup-oldest: $(OLDEST)/.package  ## the oldest supported versions, in .venv-oldest

$(NEWEST)/.python:
	$(call new_venv,$(NEWEST),python3.13 python3.12 python3.11 python3)
	@touch $@

$(OLDEST)/.python: # the oldest Python first: old libraries have no wheels for the newest
	$(call new_venv,$(OLDEST),python3.11 python3.12 python3.13 python3)
	@touch $@

$(WHEEL)/.python:
	$(call new_venv,$(WHEEL),python3.13 python3.12 python3.11 python3)
	@touch $@

$(NEWEST)/.requirements: $(NEWEST)/.python $(REQUIREMENTS) requirements/dev.txt constraints.txt
	$(NEWEST)/bin/python $(PIP_INSTALL) -r requirements/dev.txt -c constraints.txt
	@touch $@

$(OLDEST)/.requirements: $(OLDEST)/.python $(REQUIREMENTS) requirements/oldest.txt constraints-oldest.txt
	$(OLDEST)/bin/python $(PIP_INSTALL) -r requirements/oldest.txt -c constraints-oldest.txt
	@touch $@

$(WHEEL)/.requirements: $(WHEEL)/.python $(REQUIREMENTS) requirements/dev.txt constraints.txt
	$(WHEEL)/bin/python $(PIP_INSTALL) -r requirements/dev.txt -c constraints.txt
	@touch $@

$(NEWEST)/.package: $(NEWEST)/.requirements pyproject.toml
	$(NEWEST)/bin/python $(PIP_INSTALL) --no-build-isolation -c constraints.txt -e .
	@touch $@

$(OLDEST)/.package: $(OLDEST)/.requirements pyproject.toml
	$(OLDEST)/bin/python $(PIP_INSTALL) --no-build-isolation -c constraints-oldest.txt -e .
	@touch $@

$(NEWEST)/.benchmarks: $(NEWEST)/.package benchmarks/requirements.txt
	$(NEWEST)/bin/python $(PIP_INSTALL) -r benchmarks/requirements.txt -c constraints.txt
	@touch $@

.PHONY: system
system:  ## Debian packages that tests use (promtool, PostgreSQL, Chromium and others), when root on Debian
	@.ci/system promtool=prometheus amtool=prometheus-alertmanager systemd-analyze=systemd \
	  redis-server=redis-server pg_ctlcluster=postgresql chromium=chromium
	@.ci/newer prometheus forky

# --- checks ---

.PHONY: test
test: system setup setup-oldest  ## all but the slow tests, at both ends of the versions
	$(NEWEST)/bin/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)
	$(OLDEST)/bin/python -m pytest $(PARALLEL) -m "not slow" $(ARGS) $(ON_FASTAPI) || \
	  [ $$? = 5 -a -n '$(ARGS)' ]  # 5: what was asked for is not among these

.PHONY: test-all
test-all: system setup setup-oldest test-wheel  ## every test, slow ones too, and the wheel
	$(NEWEST)/bin/python -m pytest $(PARALLEL) $(ARGS)
	$(OLDEST)/bin/python -m pytest $(PARALLEL) $(ARGS)

.PHONY: test-wheel
test-wheel: wheel $(WHEEL)/.requirements  ## all but the slow tests, on the built wheel
	$(WHEEL)/bin/python $(PIP_INSTALL) -c constraints.txt --force-reinstall --no-deps dist/sidelight-*.whl
	$(WHEEL)/bin/python -m pip check
	$(WHEEL)/bin/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

.PHONY: lint
lint: setup  ## ruff: rules and format
	$(NEWEST)/bin/ruff check
	$(NEWEST)/bin/ruff format --check

.PHONY: types
types: $(NEWEST)/.benchmarks  ## mypy, strict
	$(NEWEST)/bin/mypy

# --- things to run, things to ship ---

.PHONY: demo
demo: setup  ## a shop that something happens to, and its dashboards in the browser
	$(NEWEST)/bin/sidelight demo $(ARGS)

.PHONY: bench
bench: $(NEWEST)/.benchmarks  ## ours beside the peers; on a quiet machine
	@.ci/system wrk=wrk
	$(NEWEST)/bin/python -m benchmarks $(ARGS)

.PHONY: rules
rules: setup  ## rules of services without objectives, and those that promtool tests
	$(NEWEST)/bin/sidelight rules build --output deploy/prometheus/rules/sidelight.yml
	$(NEWEST)/bin/sidelight rules build --config deploy/prometheus/tests/shop.toml \
	  --output deploy/prometheus/tests/shop.yml

.PHONY: dashboards
dashboards: setup  ## dashboards/json and the ConfigMaps, from their source
	$(NEWEST)/bin/python -m dashboards

.PHONY: wheel
wheel: setup  ## dist/*.whl, checked
	rm -rf dist
	$(NEWEST)/bin/python -m build --no-isolation --wheel .
	@$(NEWEST)/bin/python -m zipfile -l dist/sidelight-*.whl | grep -q '^sidelight/py\.typed ' \
	  || { echo "the wheel lacks sidelight/py.typed" >&2; exit 1; }
	@for file in data/dashboards/sidelight-fleet.json data/runbooks/EventLoopBlocked.md embedded/viewer/static/panel.js; do \
	  $(NEWEST)/bin/python -m zipfile -l dist/sidelight-*.whl | grep -q "^sidelight/$$file " \
	    || { echo "the wheel lacks $$file" >&2; exit 1; }; done

.PHONY: clean
clean:  ## removes everything made here, environments too
	rm -rf $(NEWEST) $(OLDEST) $(WHEEL) build dist .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
