# One target per habit. `make test` is what CI runs.
.PHONY: test check unit template adapters e2e storm bench tools audit release demo fuzz forge histories sim mutants
.DEFAULT_GOAL := help

CARGO ?= cargo
TOOLS := target/tools/bin

help: ## What there is.
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

test: tools unit template adapters histories e2e ## Every test; installs what they need.

unit: ## Laws, unit tests, connectors against their sandboxes, the simulated flow.
	$(CARGO) test --workspace --locked

e2e: tools ## The built program against servers and SDKs that we did not write, kill -9, and the demo.
	$(CARGO) build --locked --workspace --features concord/aws
	$(CARGO) test --locked --workspace --features e2e,concord/aws --test e2e
	$(CARGO) build --locked --profile ci-lambda $(addprefix -p concord-function-,ingest connector reconcile fanout scheduler)
	$(CARGO) test --locked --workspace --features e2e,concord/aws --test deploy
	tests/aws/arm64

template: tools ## The template of the stack, as CloudFormation's and SAM's own linters see it.
	.venv/aws/bin/cfn-lint template.yaml infra/*.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv/aws/bin/sam validate

adapters: tools ## The laws of ports on AWS's own DynamoDB Local and on an emulator of all services; needs Java 17.
	CARGO="$(CARGO)" tests/aws/adapters

tools: ## Python and JavaScript tools of the tests, pinned, in folders of the project's own.
	tests/aws/prepare
	tests/aws/dynamodb-local/prepare
	tests/botocore/prepare
	tests/google-models/prepare
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

histories: ## The first 200 simulated histories.
	$(CARGO) run --locked --profile sim -p concord-sim -- --seeds 200

SEEDS ?= 1000
SEED ?= 1
sim: ## Simulated histories: SEEDS=n, from SEED=first; a history that fails is told.
	$(CARGO) run --locked --profile sim -p concord-sim -- --seeds $(SEEDS) --first $(SEED)

mutants: ## Leaves rules out of the hub, one by one; the simulation has to notice within 1,000 histories.
	$(CARGO) run --locked --profile sim -p concord-sim --features mutations --target-dir target/mutants -- --seeds 1000 --mutation all

audit: $(TOOLS)/cargo-deny ## Known vulnerabilities; needs the advisory database, so it is no part of `check`.
	PATH="$(TOOLS):$$PATH" $(CARGO) deny --locked check advisories

# The laws are in tests/src/fuzz; what libFuzzer keeps is in fuzz/corpus, what is committed in fuzz/seeds.
TARGET ?= webhook
SECONDS ?= 3600
NIGHTLY ?= nightly
fuzz: $(TOOLS)/cargo-fuzz ## Fuzzes TARGET for SECONDS; needs a nightly compiler and a C++ one.
	mkdir -p fuzz/corpus/$(TARGET)
	PATH="$(CURDIR)/$(TOOLS):$$PATH" RUSTUP_TOOLCHAIN=$(NIGHTLY) $(CARGO) fuzz run -s none $(TARGET) fuzz/corpus/$(TARGET) fuzz/seeds/$(TARGET) -- -max_total_time=$(SECONDS) -max_len=16384 -timeout=25 -print_final_stats=1

$(TOOLS)/cargo-fuzz:
	$(CARGO) install --locked --root target/tools --version 0.13.2 cargo-fuzz

forge: ## A million forged and malformed webhooks against ingest; none enters.
	$(CARGO) run --locked --release -p concord-tests --example forge -- 1000000
storm: ## 100,000 signals on 1,000 records, over simulated ports: reads and writes are counted.
	$(CARGO) test --locked --release -p concord-tests --test flow storm -- --ignored --nocapture

FUNCTIONS := $(patsubst %,-p concord-function-%,ingest connector reconcile fanout scheduler)
bench: ## What the core path, the store and the whole program take. The budgets stand in BENCHMARKS.md.
	$(CARGO) bench --locked -p concord-tests --bench core
	$(CARGO) run --locked --release -p concord-hub --features embedded --example store_speed
	$(CARGO) build --locked --release -p concord
	tests/bench
	$(CARGO) test --locked --workspace --test adapters -- a_change_costs --nocapture
	$(CARGO) build --locked --profile lambda $(FUNCTIONS)
	CONCORD_FUNCTIONS="$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/lambda" $(CARGO) test --locked --workspace --test runtime -- --ignored --nocapture

demo: ## The whole program with sandbox vendors.
	$(CARGO) run --locked --release -p concord -- demo
