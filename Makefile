# Everything builds in the release profile, so that the demo and the tests share one build of the
# dependencies. `make help` lists the targets.

CARGO ?= cargo
PYTHON ?= python3
# Where the Python package is built and tested, from scratch each time.
PYTHON_ENV = target/python-env
# Checks that found no published data, a line each.
SKIPPED = target/skipped

.DEFAULT_GOAL := help
.PHONY: help demo test test-python fmt fmt-check lint docs bench bench-quality null

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## run the main job on an embedded default
	$(CARGO) run --release -- demo

# The tests come last, so that their summary closes the log.
test: fmt-check lint docs test-python ## check the formatting, lints and documentation, then run all tests
	@rm -f $(SKIPPED)
	FOKKER_SKIPPED=$(CURDIR)/$(SKIPPED) $(CARGO) test --release --workspace
	@if [ -s $(SKIPPED) ]; then echo "make: $$(wc -l < $(SKIPPED)) checks on published data were skipped:" \
		"FOKKER_DATA names no folder that holds it" >&2; fi

# The wheel shares the release build of the workspace. POT is compared with where it installs.
test-python: ## build the wheel in a fresh virtual environment and run the tests of the Python package
	@$(PYTHON) -m venv --help >/dev/null 2>&1 || { echo "make: $(PYTHON) with venv and pip is needed" \
		"(on Debian: apt install python3-venv); or name another one: make PYTHON=..." >&2; exit 1; }
	$(CARGO) build --release --workspace
	rm -rf $(PYTHON_ENV) target/wheels
	$(PYTHON) -m venv $(PYTHON_ENV)
	$(PYTHON_ENV)/bin/pip install --quiet "maturin>=1.7,<2"
	PATH="$(CURDIR)/$(PYTHON_ENV)/bin:$$PATH" CARGO_TARGET_DIR=$(CURDIR)/target \
		$(PYTHON_ENV)/bin/pip wheel --quiet --no-deps --no-build-isolation \
		--wheel-dir target/wheels .
	$(PYTHON_ENV)/bin/pip install --quiet "$$(echo target/wheels/fokker-*.whl)[test]"
	$(PYTHON_ENV)/bin/pip install --quiet POT || echo "make: POT does not install here: its comparisons are skipped"
	$(PYTHON_ENV)/bin/python -m pytest --quiet -p no:cacheprovider -rs python/tests

fmt: ## format the sources
	$(CARGO) fmt --all

fmt-check: ## fail when `make fmt` would change something
	@$(call needs,fmt,rustfmt)
	$(CARGO) fmt --all --check

lint: ## clippy on everything, warnings denied
	@$(call needs,clippy,clippy)
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

docs: ## build the documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps

bench: ## run the benchmarks
	$(CARGO) bench --workspace

bench-quality: ## measure the quality of spectral fits on problems with known answers
	$(CARGO) test --release --workspace --test spectral_quality -- --nocapture --test-threads 1

null: ## count claims of improvement on noise (EMT with FOKKER_DATA): the figures in docs/design.md
	$(CARGO) test --release --workspace --test population_null -- --ignored --nocapture

# $(call needs,SUBCOMMAND,COMPONENT): says what is missing and how to get it.
needs = $(CARGO) $(1) --version >/dev/null 2>&1 || { \
	echo "make: cargo $(1) is not installed. Get it with: rustup component add $(2)" >&2; \
	echo "make: (or with the package of your system that holds $(2))" >&2; exit 1; }
