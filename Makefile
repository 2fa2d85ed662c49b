# Everything runs in .venv, made by tools/setup-venv from the locks below requirements/.
# Another interpreter: make PYTHON=python3.12 <target>

BIN := .venv/bin
export PYTHON
JOBS ?= 2

# Tests of the real parts that tools/setup-parts installs.
PARTS := tests/e2e tests/pcsc tests/keys/pkcs11 tests/keys/suites tests/keys/test_keys_refusals.py \
	tests/keys/test_keys_refusals_cli.py tests/keys/test_keys_settings.py \
	tests/cli/test_doctor_keys.py tests/cli/test_key_service_cli.py tests/cli/test_keys_token_ceremony.py

.DEFAULT_GOAL := help
.PHONY: help demo pcsc hsm remote test test-core lint docs bench lock clean parts run-venv dev-venv pcsc-venv

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/' | expand -t 14

demo: run-venv ## issue two sample batches on virtual cards and activate one
	$(BIN)/sscard demo

pcsc: ## add PC/SC readers to .venv (needs a compiler and libpcsclite-dev)
	@tools/setup-venv pcsc

hsm: ## add HSMs (PKCS#11, remote over TLS) to .venv
	@tools/setup-venv hsm
	@tools/setup-venv remote

remote: ## add the client and server of remote HSMs and certificate authorities to .venv
	@tools/setup-venv remote

test: parts pcsc-venv lint docs ## every quality gate: lint, docs, all tests with coverage
	$(BIN)/pytest -n $(JOBS) --cov --cov-report=term

test-core: dev-venv ## the tests that need no real parts, without coverage
	$(BIN)/pytest -n $(JOBS) $(PARTS:%=--ignore=%)

lint: dev-venv ## style, types, and the arrows between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: dev-venv ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: pcsc-venv ## run the benchmarks
	@set -e; for script in tools/bench/*.py; do echo "$(BIN)/python $$script"; $(BIN)/python "$$script"; done

lock: ## resolve requirements/*.txt anew (UPGRADE=1: to the newest versions)
	$(or $(PYTHON),python3) tools/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove everything that was made
	rm -rf .venv site build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

parts:
	@tools/setup-parts

run-venv:
	@tools/setup-venv run

dev-venv:
	@tools/setup-venv dev

pcsc-venv: parts dev-venv
	@tools/setup-venv pcsc
