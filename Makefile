# The commands a person needs. Everything they install goes to .venv and the system's packages.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # the lab's tests start deployer hundreds of times: compile it once
LAB_PACKAGES := mmdebstrap systemd-container nftables iproute2 openssh-client openssh-server shellcheck
PAGE_PACKAGES := chromium-headless-shell  # tests of the pages in a browser; where it cannot be, those are skipped
# Rules of accessibility, tried in that browser; where npm cannot bring them, those of structure.js are alone.
AXE := axe-core@4.14.1
# The unit and contract tests in three parts that take about equally long, side by side: processes that know nothing of
# each other, where pytest-xdist collects all tests twice and carries each outcome, which was a sixth of the time. Three
# on two cores, since some wait.
HOSTS := $(addprefix tests/unit/,modules cli audit)
WALKS := $(addprefix tests/unit/,engine load beam saved resolve window transport)
# None takes old directories away: two that take the same one away end with an error.
PARTED = $(BIN)/pytest -q -o tmp_path_retention_count=1000
WINDOW_PACKAGES := erlang-observer erlang-ssl xvfb x11-utils  # tests of observe; where they cannot be, those are skipped

.PHONY: help setup packages demo demo-down check lint types rest hosts walks test lab-test bench docs pictures mutants fuzz clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

setup: .venv/ready  ## a virtual environment with everything

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "deployer wants Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tools/packages python3-venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'  # the first that knows groups
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . --group dev
	touch $@

packages:  ## what the lab needs of Debian
	@tools/packages $(LAB_PACKAGES)

demo: setup packages  ## a real release onto three real hosts, made on this machine
	@tools/demo

demo-down:  ## take the demo's hosts down
	$(BIN)/deployer lab down

check: setup  ## the quick part: lint, types, import rules, unit and contract tests that are not marked as slow
	@tools/packages shellcheck
	@$(MAKE) --no-print-directory -j3 -k -Otarget MARKED="not slow" lint types rest hosts walks

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types:
	$(BIN)/mypy

hosts:
	$(PARTED) -m "$(MARKED)" $(HOSTS)

walks:
	$(PARTED) -m "$(MARKED)" $(WALKS)

rest:
	$(PARTED) -m "$(MARKED)" tests/unit tests/contract $(patsubst %,--ignore=%,$(HOSTS) $(WALKS))

test: check packages  ## everything: the quick part, what is slow, the transports, and the lab's real hosts
	-@command -v chromium >/dev/null || tools/packages $(PAGE_PACKAGES)
	-@[ -e .venv/axe/node_modules ] || ! command -v npm >/dev/null || timeout -k 5 60 npm install --silent --prefix .venv/axe \
		--ignore-scripts --no-audit --no-fund --no-save --fetch-retries=0 $(AXE) || rm -rf .venv/axe
	-@tools/packages $(WINDOW_PACKAGES)
	@$(MAKE) --no-print-directory -j2 -k -Otarget MARKED=slow rest hosts walks
	$(BIN)/pytest -q tests/transport
	tools/lab-tests

lab-test: setup packages  ## only the lab's real hosts
	-@tools/packages $(WINDOW_PACKAGES)
	tools/lab-tests

bench: setup packages  ## speed as ratios to the floor, on 20 lab hosts; how long a person waits at a window
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/window.py

docs: setup  ## write the reference pages again
	$(BIN)/python tools/reference.py

pictures: setup  ## draw the pictures of docs/window.md again, on the fleet of make demo
	@tools/packages tmux
	$(BIN)/python tools/screens.py docs -i /var/lib/deployer-lab/labs/lab/inventory.yml -i tests/apps/shop/fleet.yml

mutants: setup  ## break the program in places: each break has to be noticed by the test that is named beside it
	$(BIN)/python tools/mutants.py

fuzz: setup  ## garbage for every parser, and hostile text in every place of every module
	DEPLOYER_CONTRACT_ALL=1 $(BIN)/pytest -q -n 2 tests/contract/test_modules.py -k executed
	DEPLOYER_CONTRACT_ALL=1 $(BIN)/pytest -q -n 2 -m hypothesis tests/unit
	$(BIN)/python -m tests.fuzz.fuzz --seconds 600

clean: ## what the build left
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
