# Every target explains itself: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The engine links a libav of our own: built once from the distribution's source package, then cached.
NATIVE := target/native
CARGO  := FFMPEG_DIR="$$(shared/media/native/build-libav.sh $(NATIVE))" cargo
PORT   ?= 8080
DATA   ?= data

.PHONY: help demo run test lint bench setup build clean-data

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## Send a real video through the platform and keep the MP3: make demo [VIDEO=path]
	$(CARGO) run --release --quiet --package tapedeck-tests --bin demo -- $(if $(VIDEO),"$(VIDEO)")

run: build ## Keep the platform up at http://127.0.0.1:8080: make run [PORT=...] [DATA=...]
	target/release/tapedeck serve --port $(PORT) --data $(DATA)

test: setup ## Run all tests; installs and starts what they need
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked
	$(CARGO) nextest run --workspace --config-file tests/nextest.toml
	$(CARGO) test --workspace --doc --quiet

lint: setup ## Check format, lints and who depends on whom
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cargo deny --offline check bans licenses sources

bench: build ## Measure start, memory, a 2 GiB upload and a small clip; prints the figures
	$(CARGO) run --release --quiet --package tapedeck-tests --bin measure

build: setup ## Build the release binary target/release/tapedeck
	$(CARGO) build --release --package standalone

setup: ## Install the system packages that the build needs, and build libav (once, about 3 minutes)
	@shared/media/native/install-packages.sh
	@shared/media/native/build-libav.sh $(NATIVE) >/dev/null

clean-data: ## Remove the data folder of `make run`: accounts, videos, audio, mails, keys
	rm -rf "$(DATA)"
