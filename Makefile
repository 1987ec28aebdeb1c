# Victus. `make demo` shows the appliance, `make test` checks it; each target installs what it needs (Debian, apt).
# The target directory may be set from outside (CARGO_TARGET_DIR), as CI does.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

JUNIT := target/nextest/default/junit.xml
TOOLS := $(or $(CARGO_TARGET_DIR),target)/tools

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run the whole appliance with simulated hardware and a spoken request
	@packaging/dependencies demo
	@cargo build --quiet --bins
	@cargo run --quiet --bin victus -- demo

.PHONY: test
test: deps-test lint doc deny ## Run every check and test; ends with the count of what was skipped
	cargo build --workspace --bins
	@rm -f "$(JUNIT)"
	cargo nextest run --workspace --no-fail-fast
	@packaging/skipped "$(JUNIT)"

.PHONY: deps-test
deps-test:
	@packaging/dependencies test
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked

.PHONY: lint
lint: deps-test ## Formatting and clippy, warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: doc
doc: deps-test ## API documentation, warnings as errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

.PHONY: deny
deny: ## Bans, licences and sources of every dependency (deny.toml)
	@test -x "$(TOOLS)/bin/cargo-deny" || cargo install cargo-deny --version 0.20.2 --locked --quiet --root "$(TOOLS)"
	"$(TOOLS)/bin/cargo-deny" check bans licenses sources

.PHONY: bench-agent
bench-agent: deps-bench ## Text to plan, store, audit chain, recognisers: figures of the agent
	cargo bench --package victus-agent --bench plan --bench store --bench audit --bench pocketsphinx --bench whisper

.PHONY: bench-intents
bench-intents: deps-bench ## Understanding: time and memory, beside the reference matcher on the same sentences
	@test -x "$(TOOLS)/hassil/bin/python" || python3 -m venv "$(TOOLS)/hassil"
	@"$(TOOLS)/hassil/bin/pip" install --quiet --disable-pip-version-check hassil==3.0.1
	VICTUS_HASSIL="$$(realpath -s "$(TOOLS)")/hassil/bin/python" cargo bench --package victus-agent --bench intents

.PHONY: bench-understanding
bench-understanding: deps-bench ## Spoken orders of a foreign domain, clean and in kitchen noise: all slots right
	cargo bench --package victus-agent --bench understanding

.PHONY: bench-appliance
bench-appliance: deps-bench ## Whole-appliance figures: speech to switched line, start, memory, size
	cargo build --release --bins
	cargo bench --package victus-tests --bench appliance

.PHONY: bench-build
bench-build: deps-bench ## How long the programs take to build from nothing
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; cargo fetch --locked --quiet; \
	  for profile in release dev; do \
	    TIMEFORMAT="figure build.$$profile.clean %R s"; \
	    time CARGO_TARGET_DIR="$$folder/$$profile" cargo build --quiet --locked --offline --profile "$$profile" --bins; \
	  done

.PHONY: deps-bench
deps-bench:
	@packaging/dependencies bench

.PHONY: test-long-agent
test-long-agent: deps-test ## Workflows killed at random: 3,000 times in the process, 60 times with kill -9
	cargo build --workspace --bins
	VICTUS_WORKFLOW_KILLS=3000 cargo nextest run --package victus-agent --no-capture \
	  -E 'test(random_workflows_killed_at_random_moments)'
	VICTUS_WORKFLOW_PROCESS_KILLS=60 cargo nextest run --package victus-tests --no-capture \
	  -E 'test(kill_9_in_the_middle_of_workflows)'

.PHONY: test-long-demo
test-long-demo: ## The demo ten times from nothing: every spoken request has to come out right
	@packaging/dependencies demo
	@cargo build --quiet --bins
	@for run in 1 2 3 4 5 6 7 8 9 10; do \
		cargo run --quiet --bin victus -- demo </dev/null >/dev/null && echo "demo $$run of 10: right" || exit 1; \
	done
