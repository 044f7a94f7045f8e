# All that these targets need is installed into .venv, by extras; a stamp there makes the second run instant.
#   make run  ARGS='--port 0'      make test  ARGS='tests/machine -n0'

VENV := .venv
BIN := $(VENV)/bin
# The directories too: they are younger than a file that was in them.
SOURCES := setup.cfg pyproject.toml MANIFEST.in $(wildcard LICENSE README.md) \
	$(shell find interpreterd worker \( -name __pycache__ -o -name _version.py \) -prune -o -print)

# Asked, not looked up: a launcher on PATH may stand for a Python that is not there, and some lack ensurepip.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)

# They would change how tests and workers behave from one shell to the next.
unexport PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test quick newest-sdks all-libraries clients programs cover lint format docs dist clean distclean
.DELETE_ON_ERROR:
.NOTPARALLEL:

# stdout is the daemon's alone, so that its first line can be read through make.
run: $(VENV)/.has-run
	@exec $(BIN)/interpreterd serve $(ARGS)

test: $(VENV)/.has-test programs clients
	$(BIN)/pytest $(ARGS)

# What tests/clients runs: programs of others. Without them, as without a network, these tests fail and say so.
clients: programs
	@$(MAKE) --no-print-directory --keep-going .venv-clients/.has .venv-agents/.has .venv-clients/node/.has || \
		echo 'Not all clients are installed: the tests in tests/clients will fail. See above for the reason' >&2

# Not a part of CI, as it installs some gigabytes: objects of all libraries in archives.
all-libraries: $(VENV)/.has-test .venv-libraries/.has
	INTERPRETERD_TEST_LIBRARIES_PYTHON=$(CURDIR)/.venv-libraries/bin/python \
		$(BIN)/pytest tests/worker/test_archived_libraries.py tests/worker/test_tensors.py $(ARGS)

# Not a part of CI: it fails when somebody else releases something.
newest-sdks: $(VENV)/.has-test programs
	$(BIN)/python tests/clients/newest.py $(ARGS)

# The tests that start no daemon: neither with one, nor of documents, distributions or benchmarks.
quick: $(VENV)/.has-test
	$(BIN)/pytest --quick $(ARGS)

# Debian's, for the tests of examples/browser, of Node's WebSockets (wscat comes with them), of clients in Node and of the
# documented proxies.
# Not a stamp in .venv: it is the machine that has them or not. Without Chromium or node-ws tests fail and say so; without
# a proxy what is documented of it is not tested.
APT_GET := apt-get -qq -y -o DPkg::Lock::Timeout=120
programs: export PATH := $(PATH):/usr/sbin
programs:
	@for program in chromium chromedriver wscat nginx haproxy node npm; do command -v "$$program" >/dev/null || missing=yes; done; \
	test -z "$$missing" || { \
		echo 'Installing chromium, chromium-driver, node-ws, nginx, haproxy, nodejs and npm' >&2; \
		root=$$(test "$$(id -u)" = 0 || echo sudo -n); \
		{ $$root $(APT_GET) update && $$root env DEBIAN_FRONTEND=noninteractive \
			$(APT_GET) install --no-install-recommends chromium chromium-driver node-ws nginx haproxy nodejs npm; } </dev/null >/dev/null 2>&1 || \
		echo 'That did not work: apt-get install chromium chromium-driver node-ws nginx haproxy nodejs npm says why' >&2; }

cover: $(VENV)/.has-test programs clients
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/python tests/support/covering.py

lint: $(VENV)/.has-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.has-lint
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# -E: what is generated has no file of which Sphinx would see that it is newer.
docs: $(VENV)/.has-docs
	$(BIN)/python -m sphinx -E -W --keep-going -n -q docs build/docs

dist: dist/.wheel dist/interpreterd

# Its version is git's, so its name is not known before.
dist/.wheel: $(SOURCES) | $(VENV)/.has-dist
	rm -f dist/*.whl dist/*.tar.gz
	$(BIN)/python -m build --no-isolation --outdir dist
	@touch $@

dist/interpreterd: $(SOURCES) $(wildcard packaging/*) | $(VENV)/.has-dist
	$(BIN)/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build packaging/interpreterd.spec

ifneq ($(wildcard benchmarks/__main__.py),)
.PHONY: bench
bench: $(VENV)/.has-bench
	$(BIN)/python -m benchmarks $(ARGS)
endif

ifneq ($(wildcard soak/__main__.py),)
.PHONY: soak
soak: $(VENV)/.has-run
	$(BIN)/python -m soak $(ARGS)
endif

clean:
	rm -rf build dist *.egg-info .coverage .coverage.* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find interpreterd worker tests docs examples $(wildcard soak) packaging -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) .venv-clients .venv-agents .venv-libraries

# The tests build and start the distributions too.
$(VENV)/.has-run: EXTRAS :=
$(VENV)/.has-test: EXTRAS := [test,dist]
$(VENV)/.has-lint: EXTRAS := [lint]
$(VENV)/.has-dist: EXTRAS := [dist]
$(VENV)/.has-bench: EXTRAS := [bench]
$(VENV)/.has-docs: EXTRAS := [docs]

$(VENV)/.has-%: $(VENV)/pyvenv.cfg setup.cfg pyproject.toml
	@echo "Installing interpreterd$(EXTRAS) into $(VENV)" >&2
	@$(BIN)/python -m pip install -qq --editable '.$(EXTRAS)' >&2
	@touch $@

# An environment beside the tests' own, with the extra of its name.
.venv-%/.has: .venv-%/pyvenv.cfg setup.cfg pyproject.toml
	@echo "Installing interpreterd[$*] into .venv-$*" >&2
	@.venv-$*/bin/python -m pip install -qq --editable '.[$*]' >&2
	@touch $@

.PRECIOUS: .venv-%/pyvenv.cfg
.venv-%/pyvenv.cfg:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer with venv found; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -m venv .venv-$* >&2

# node_modules is not in tests/, whose Python files are ours.
NODE := tests/clients/node
.venv-clients/node/.has: $(NODE)/package.json $(NODE)/package-lock.json $(NODE)/.npmrc
	@echo 'Installing the packages of $(NODE)/package.json into .venv-clients/node' >&2
	@mkdir -p $(@D) && cp $^ $(@D)
	@cd $(@D) && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund --no-update-notifier >&2
	@touch $@

$(VENV)/pyvenv.cfg:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer with venv found; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >&2
