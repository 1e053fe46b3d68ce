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
RELEASE := .venv-release
SUITES := .venv-suites
PYTHONS := 3.11 3.12 3.13 3.14 3.15
# Not all pins have wheels for 3.15 yet.
PYTHONS_NEWEST := python3.14 python3.13 python3.12 python3.11 python3.15 python3
REQUIREMENTS := requirements/tests.txt
BUILT_FROM := pyproject.toml hatch_build.py $(wildcard instrumentation/native/*)
PIP_INSTALL := -m pip install --quiet
# Tests of servers wait, the others compute: four of both at a time keep two cores busy.
# Tests that share a server, a browser or a recording are a group, and run in one process.
PARALLEL := -n 4 --dist loadgroup --no-loadscope-reorder
# What old versions of FastAPI and of the libraries that Sidelight watches could break. The servers
# and tools are the same at both ends, so of the live tests three are enough, and what is marked
# `newest` (matrices of faults and of sizes) runs once. `make test-all` runs all on both.
ON_OLDEST := tests/app_metrics tests/asgi tests/doctor tests/examples tests/export tests/otlp \
  tests/runtime tests/testing \
  tests/live/test_live_app_metrics.py tests/live/test_live_ends.py tests/live/test_live_gunicorn.py
# It is not told where the headers of Python are: its own warnings are enough, and the same everywhere.
CPPCHECK := --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
  '-DPy_RETURN_NONE=return Py_None'
CODE := instrumentation tests examples benchmarks dashboards

# $(call new_venv,folder,commands to try): $(PYTHON) if given, else the first that is new enough.
# The newest Python first for which the pins have wheels. Each is run, since a pyenv shim is on PATH even when its version is not switched on.
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
	$(call new_venv,$(NEWEST),$(PYTHONS_NEWEST))
	@touch $@

$(OLDEST)/.python: # the oldest Python first: old libraries have no wheels for the newest
	$(call new_venv,$(OLDEST),python3.11 python3.12 python3.13 python3.14 python3.15 python3)
	@touch $@

$(WHEEL)/.python:
	$(call new_venv,$(WHEEL),$(PYTHONS_NEWEST))
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

$(SUITES)/.python:
	$(call new_venv,$(SUITES),$(PYTHONS_NEWEST))
	@touch $@

$(SUITES)/.requirements: $(SUITES)/.python requirements/suites.txt constraints.txt
	$(SUITES)/bin/python $(PIP_INSTALL) -r requirements/suites.txt -c constraints.txt
	@touch $@

$(RELEASE)/.python:
	$(call new_venv,$(RELEASE),$(PYTHONS_NEWEST))
	@touch $@

$(RELEASE)/.requirements: $(RELEASE)/.python requirements/release.txt constraints.txt
	$(RELEASE)/bin/python $(PIP_INSTALL) -r requirements/release.txt -c constraints.txt
	@touch $@

$(NEWEST)/.package: $(NEWEST)/.requirements $(BUILT_FROM)
	$(NEWEST)/bin/python $(PIP_INSTALL) --no-build-isolation -c constraints.txt -e .
	@touch $@

$(OLDEST)/.package: $(OLDEST)/.requirements $(BUILT_FROM)
	$(OLDEST)/bin/python $(PIP_INSTALL) --no-build-isolation -c constraints-oldest.txt -e .
	@touch $@

$(SUITES)/.package: $(SUITES)/.requirements $(BUILT_FROM)
	$(SUITES)/bin/python $(PIP_INSTALL) --no-build-isolation -c constraints.txt -e .
	@touch $@

$(NEWEST)/.benchmarks: $(NEWEST)/.package benchmarks/requirements.txt
	$(NEWEST)/bin/python $(PIP_INSTALL) -r benchmarks/requirements.txt -c constraints.txt
	@touch $@

.PHONY: system
system:  ## Debian packages that tests use (promtool, PostgreSQL, Chromium and others), when root on Debian
	@.ci/system promtool=prometheus amtool=prometheus-alertmanager systemd-analyze=systemd \
	  redis-server=redis-server pg_ctlcluster=postgresql chromium=chromium protoc=protobuf-compiler
	@.ci/newer prometheus forky
	@.ci/newer promtool forky
	@.ci/newer victoria-metrics forky
	@.ci/newer golang-github-prometheus-client-model-dev forky

# --- checks ---

.PHONY: test
test: system setup setup-oldest  ## all but the slow tests, at both ends of the versions
	$(NEWEST)/bin/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)
	SIDELIGHT_PURE=1 $(OLDEST)/bin/python -m pytest $(PARALLEL) -m "not slow and not newest" $(ARGS) $(ON_OLDEST) || \
	  [ $$? = 5 -a -n '$(ARGS)' ]  # 5: what was asked for is not among these

.PHONY: test-all
test-all: system setup setup-oldest test-wheel coverage  ## every test, slow ones too, the wheel, coverage
	$(NEWEST)/bin/python -m pytest $(PARALLEL) $(ARGS)
	$(OLDEST)/bin/python -m pytest $(PARALLEL) $(ARGS)

.PHONY: test-wheel
test-wheel: wheel $(WHEEL)/.requirements  ## all but the slow tests, on the built wheel
	$(WHEEL)/bin/python $(PIP_INSTALL) -c constraints.txt --force-reinstall --no-deps dist/sidelight-*.whl
	$(WHEEL)/bin/python -m pip check
	$(WHEEL)/bin/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

.PHONY: test-grafana
test-grafana: system setup  ## the dashboards in Grafana's own packages (Node.js 20, npm, Chromium)
	@.ci/grafana
	$(NEWEST)/bin/python -m pytest tests/grafana $(ARGS)

.PHONY: test-pythons
test-pythons:  ## the core's tests on each Python of PYTHONS that is found, each in its own .venv-3.*
	@.ci/pythons $(PYTHONS)

.PHONY: test-freethreaded
test-freethreaded:  ## tests of the request path and the store on a Python without a GIL, which it builds
	@.ci/freethreaded $(ARGS)

.PHONY: test-asan
test-asan: setup  ## the request path's tests on an extension with AddressSanitizer and UBSan
	@.ci/asan $(NEWEST)/bin/python $(PARALLEL) -m "not slow" $(ARGS) tests/asgi tests/store tests/export \
	  tests/live/test_live_gunicorn.py tests/live/test_live_fork.py

.PHONY: test-suites
test-suites: $(SUITES)/.package  ## FastAPI's and Starlette's own test suites, with Sidelight in each application
	$(SUITES)/bin/python -m tests.suites

.PHONY: test-promql
test-promql: setup  ## Prometheus's own scripts of PromQL tests, with a count; says how to get them
	$(NEWEST)/bin/python -m tests.embedded.promql.conformance

.PHONY: coverage
coverage: setup  ## lines and branches of asgi/ and store/ that their tests run, with a least value
	$(NEWEST)/bin/python -m pytest -q -n 2 --cov --cov-report=term-missing:skip-covered \
	  -m "not slow" tests/asgi tests/store

.PHONY: lint
lint: setup  ## ruff, cppcheck, import contracts, workflows, and a strict build of the docs
	@.ci/system cppcheck=cppcheck
	$(NEWEST)/bin/ruff check
	$(NEWEST)/bin/ruff format --check
	! command -v cppcheck >/dev/null || cppcheck $(CPPCHECK) instrumentation/native/fastpath.c
	$(NEWEST)/bin/lint-imports --no-cache
	$(NEWEST)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(NEWEST)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(NEWEST)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms \
	  .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(NEWEST)/bin/zizmor --offline --no-progress .github
	NO_MKDOCS_2_WARNING=1 $(NEWEST)/bin/python -m mkdocs build --quiet --strict

.PHONY: docs
docs: setup  ## the documentation as a site, in .cache/site
	NO_MKDOCS_2_WARNING=1 $(NEWEST)/bin/python -m mkdocs build --strict

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
	$(NEWEST)/bin/sidelight rules build --all-jobs --output deploy/prometheus/rules/sidelight.yml
	$(NEWEST)/bin/sidelight rules build --config deploy/prometheus/tests/shop.toml \
	  --output deploy/prometheus/tests/shop.yml

.PHONY: dashboards
dashboards: setup  ## dashboards/json, from their source
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

.PHONY: dist
dist: wheel $(RELEASE)/.requirements  ## what a release publishes: the wheel, a source archive and an SBOM
	$(RELEASE)/bin/python -m build --no-isolation --sdist .
	rm -rf build/sbom && $(RELEASE)/bin/python -m venv --without-pip build/sbom
	$(RELEASE)/bin/python -m pip --python build/sbom/bin/python install --quiet -c constraints.txt dist/sidelight-*.whl
	$(RELEASE)/bin/cyclonedx-py environment --pyproject pyproject.toml --of JSON \
	  --output-file build/sbom.cdx.json build/sbom/bin/python

.PHONY: clean
clean:  ## removes everything made here, environments too
	rm -rf $(NEWEST) $(OLDEST) $(WHEEL) $(RELEASE) $(SUITES) $(addprefix .venv-,$(PYTHONS) freethreaded) build dist .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
