# One target per habit. `make test` is what CI runs.
.PHONY: test check unit e2e storm bench tools audit release demo
.DEFAULT_GOAL := help

CARGO ?= cargo
TOOLS := target/tools/bin

help: ## What there is.
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

test: tools unit e2e ## Every test; installs what they need.

unit: ## Laws, unit tests, connectors against their sandboxes, the simulated flow.
	$(CARGO) test --workspace --locked

e2e: tools ## The built program against servers and SDKs that we did not write, kill -9, and the demo.
	$(CARGO) build --locked --workspace
	$(CARGO) test --locked --workspace --features e2e --test e2e

tools: ## Python and JavaScript tools of the tests, pinned, in folders of the project's own.
	tests/tryton/prepare
	tests/hubspot-sdk/prepare
	tests/standardwebhooks-sdk/prepare

check: $(TOOLS)/cargo-deny $(TOOLS)/cargo-machete ## Format, lints, dependency bans and licences, unused dependencies.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	PATH="$(TOOLS):$$PATH" $(CARGO) deny --locked check bans licenses sources
	PATH="$(TOOLS):$$PATH" cargo-machete

$(TOOLS)/cargo-deny:
	$(CARGO) install --locked --root target/tools --version 0.19.0 cargo-deny
$(TOOLS)/cargo-machete:
	$(CARGO) install --locked --root target/tools --version 0.9.1 cargo-machete

audit: $(TOOLS)/cargo-deny ## Known vulnerabilities; needs the advisory database, so it is no part of `check`.
	PATH="$(TOOLS):$$PATH" $(CARGO) deny --locked check advisories

storm: ## 100,000 signals on 1,000 records, over simulated ports: reads and writes are counted.
	$(CARGO) test --locked --release -p concord-tests --test flow storm -- --ignored --nocapture

bench: ## What the core path and the store take.
	$(CARGO) bench --locked -p concord-tests --bench core
	$(CARGO) run --locked --release -p concord-hub --features embedded --example store_speed

demo: ## The whole program with sandbox vendors.
	$(CARGO) run --locked --release -p concord -- demo
