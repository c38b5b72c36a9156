# One place for every task. `make demo` and `make test` need only python3 (3.11 or later), make and
# a package registry; everything else is set up in .venv on the way.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DB ?= sqlite
SECONDS ?= 30
TARGETS ?= $(basename $(notdir $(shell grep -lw '^def check' tests/fuzz/*.py)))
DEMO ?= $(if $(filter sqlite,$(DB)),demo,demo-postgresql)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# Many images set it; then every process of the tests would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo run test test-slow fuzz tls-scan check format bench openapi docs man release requirements screens clean
.DEFAULT_GOAL := help

help: ## Show the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# A stamp for each set of packages, so that a changed list is installed and an unchanged one is not.
# An environment that has its pip is whole: a first run that was interrupted is simply started again.
$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@echo "Setting up $(VENV) (once; about a minute)..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q gateway
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Adding the tools for tests and checks..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# The server that the demonstration starts for itself comes with the tools for tests.
demo: $(VENV)/$(if $(filter postgresql,$(DB)),dev,run).stamp ## A case goes from a hotline to a police office, over real TLS; DB=postgresql
	@$(BIN)/casegate demo --out $(DEMO) --database '$(DB)'

run: $(VENV)/run.stamp ## Keep the demonstration's gateway up, and invite to its console (Ctrl-C stops it)
	@test -f $(DEMO)/handoff.bundle.json || $(BIN)/casegate demo --out $(DEMO)
	@$(BIN)/casegate demo --run --out $(DEMO)

# Three workers on two cores: one of them waits for a process most of the time.
test: $(VENV)/dev.stamp ## All tests of the default run
	@$(BIN)/python -m pytest -n 3 --dist loadgroup

$(VENV)/browser.stamp: requirements/browser.txt $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements/browser.txt
	@touch $@

# Five on two cores: the gateways that are peers wait for each other for minutes.
test-slow: $(VENV)/browser.stamp ## The slow suites: crashes under load, other implementations, more chance
	@$(BIN)/python -m pytest -m "slow or hypothesis" --hypothesis-profile=thorough -n 5 --dist loadgroup

$(VENV)/fuzz.stamp: requirements/fuzz.txt $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements/fuzz.txt
	@touch $@

fuzz: $(VENV)/fuzz.stamp ## Each parser of outside bytes under a fuzzer, SECONDS=30 each (Linux)
	@for target in $(TARGETS); do \
		echo "== $$target"; \
		$(BIN)/python -m tests.fuzz $$target $(SECONDS) >$(VENV)/fuzz-$$target.log 2>&1 \
			|| { tail -n 40 $(VENV)/fuzz-$$target.log; exit 1; }; \
		grep "^Done" $(VENV)/fuzz-$$target.log; \
	done

# sslyze needs an older cryptography than the gateway.
$(VENV)-scan/scan.stamp: requirements/scan.txt
	@test -x $(VENV)-scan/bin/pip || $(PYTHON) -m venv $(VENV)-scan
	@$(VENV)-scan/bin/python -m pip install --quiet --no-compile --require-hashes -r requirements/scan.txt
	@touch $@

tls-scan: $(VENV)/dev.stamp $(VENV)-scan/scan.stamp ## Both listeners under sslyze and testssl.sh (of Debian)
	@$(BIN)/python -m tests.scan $(VENV)-scan/bin/sslyze

check: $(VENV)/dev.stamp ## Lint, types, layers, policies, language, generated documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/casegate policy check
	@$(BIN)/python -m tests.rules.language
	@$(BIN)/python -m gateway.web.openapi --check docs/openapi.json
	@$(BIN)/openapi-spec-validator docs/openapi.json
	@$(BIN)/python -m tests.policies.matrix --check

format: $(VENV)/dev.stamp ## Format the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

openapi: $(VENV)/dev.stamp ## Write docs/openapi.json anew
	@$(BIN)/python -m gateway.web.openapi docs/openapi.json

$(VENV)-docs/docs.stamp: requirements/docs.txt
	@test -x $(VENV)-docs/bin/pip || $(PYTHON) -m venv $(VENV)-docs
	@$(VENV)-docs/bin/python -m pip install --quiet --no-compile --require-hashes -r requirements/docs.txt
	@touch $@

docs: $(VENV)-docs/docs.stamp ## The documents as a site with search, build/site; every link is checked
	@$(VENV)-docs/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env \
		-c deploy/site -d build/doctrees . build/site

screens: $(VENV)/browser.stamp ## The pictures in docs/screens anew, from a tour of the console
	@$(BIN)/python -m tests.journeys.tour docs/screens

man: $(VENV)/run.stamp ## Write the manual page of the command, build/casegate.1
	@$(BIN)/python deploy/man.py build/casegate.1

$(VENV)-release/release.stamp: requirements/release.txt
	@test -x $(VENV)-release/bin/pip || $(PYTHON) -m venv $(VENV)-release
	@$(VENV)-release/bin/python -m pip install --quiet --require-hashes -r requirements/release.txt
	@touch $@

release: $(VENV)/run.stamp $(VENV)-release/release.stamp ## Wheel, source, bill of materials and checksums, dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist
	@$(VENV)-release/bin/cyclonedx-py requirements requirements/run.txt --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-format JSON -o dist/casegate.cdx.json
	@cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS

bench: $(VENV)/dev.stamp ## What a handoff costs in processor time, beside servers that do less
	@$(BIN)/python -m bench

requirements: ## Pin the packages anew, with hashes (needs uv)
	uv pip compile pyproject.toml --extra server --group build --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/run.txt
	uv pip compile pyproject.toml --extra server --group build --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/dev.txt

	uv pip compile --group docs --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/docs.txt
	uv pip compile --group browser --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/browser.txt
	uv pip compile --group fuzz --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/fuzz.txt
	uv pip compile --group release --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/release.txt
	echo 'sslyze>=6.3' | uv pip compile - --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/scan.txt
	for pin in medallion==3.0.0 opentaxii==0.9.3 dot=django-oauth-toolkit==3.4.1; do \
		name=$${pin%%=*}; echo "$${pin#dot=}" | uv pip compile - --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements/peers/$$name.txt; done

clean: ## Remove what was made here: environment, caches, demonstration
	rm -rf $(VENV) $(VENV)-scan $(VENV)-docs $(VENV)-release dist .venv-peers build $(DEMO) demo demo-postgresql .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
