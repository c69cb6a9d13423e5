# Every target explains itself: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The engine links a libav of our own: built once from the distribution's source package, then cached.
NATIVE := target/native
FFMPEG := FFMPEG_DIR="$$(shared/media/native/build-libav.sh $(NATIVE))"
CARGO  := $(FFMPEG) cargo
PORT   ?= 8080
DATA   ?= data

.PHONY: help demo run test page api-check lint bench big-upload load-test simulate chaos fuzz licences setup build clean-data

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## Send a real video through the platform and keep the MP3: make demo [VIDEO=path]
	@tests/demo target/release/tapedeck $(if $(VIDEO),"$(VIDEO)")

run: build ## Keep the platform up at http://127.0.0.1:8080: make run [PORT=...] [DATA=...]
	target/release/tapedeck serve --port $(PORT) --data $(DATA)

test: setup ## Run all tests; installs and starts what they need
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked
	@tests/servers/install.sh target/servers
	$(CARGO) build --workspace --all-targets
	$(FFMPEG) target/debug/servers run -- tests/run
	$(CARGO) test --workspace --doc --quiet

page: setup ## Test the page in a real Chromium: make page [TEST=word]; pictures in target/page
	$(CARGO) build --package standalone
	tests/page/run target/debug/tapedeck $(TEST)

api-check: setup ## Lint the description of the API, and hold it against the platform: make api-check [EXAMPLES=10] [SEED=1]
	$(CARGO) build --package standalone
	tests/api/run target/debug/tapedeck $(or $(EXAMPLES),10) $(or $(SEED),1)

lint: setup ## Check format, lints, docs and who depends on whom
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	cargo fetch --locked
	cargo deny --offline check bans licenses sources

bench: setup ## Measure engine, stores, starts, requests, transfers and memory beside their peers, in one table (15 minutes)
	@tests/servers/install.sh target/servers
	@/usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target target/bench -r tests/peer/requirements.txt
	$(CARGO) build --release --workspace --bins --examples
	@tests/bench target/bench | tee target/bench/table.md

big-upload: setup ## Send 1 GiB over a line that is cut 5 times, in each world: make big-upload [MIB=1024] [SEED=1]
	@tests/servers/install.sh target/servers
	$(CARGO) build --workspace --all-targets
	for world in embedded real knative; do \
	  TEST_WORLD=$$world BIG_UPLOAD_MIB=$(or $(MIB),1024) SEED=$(or $(SEED),1) $(FFMPEG) target/debug/servers run -- \
	    cargo nextest run --package tapedeck-tests --config-file tests/nextest.toml -E 'test(a_large_upload_that_is_cut)' || exit 1; \
	done

load-test: setup ## Load a platform and write a report: make load-test [URL=...] [VIDEOS=100] [RATE=a second] [RABBITMQ=...] [WITH=...]
	$(CARGO) build --release --package standalone --package load-test
	target/release/load-test --videos $(or $(VIDEOS),100) $(if $(URL),--url "$(URL)") $(if $(RATE),--rate $(RATE)) \
	  $(if $(RABBITMQ),--rabbitmq "$(RABBITMQ)") $(WITH)

simulate: setup ## KEDA and the HPA with other numbers and arrivals: writes the table and the plots of keda/README.md
	$(CARGO) run --release --quiet --package knative-world --bin simulate -- write

chaos: setup ## Kill and stop parts of a platform at random, then at every step: make chaos [JOBS=1000] [SEED=...]
	@tests/servers/install.sh target/servers
	$(CARGO) build --release --workspace --bins
	target/release/chaos $(or $(JOBS),1000) $(SEED)
	$(CARGO) build --workspace --all-targets
	CRASHES=all $(FFMPEG) target/debug/servers run -- cargo nextest run --workspace --config-file tests/nextest.toml -E 'binary(crashes)'

fuzz: setup ## Every parser under libFuzzer, damaged videos through the worker: make fuzz [SECONDS=60] [FILES=20000] [SEED=1]
	@cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
	$(CARGO) run --release --quiet --package fuzz -- run $(or $(SECONDS),60) $(or $(FILES),20000) $(or $(SEED),1)

licences: build ## List every crate's and native part's licence in the images
	@$(FFMPEG) shared/media/native/licences.sh target/release/tapedeck

build: setup ## Build the release binary target/release/tapedeck
	$(CARGO) build --release --package standalone

setup: ## Install the system packages that the build needs, and build libav (once, about 3 minutes)
	@shared/media/native/install-packages.sh
	@shared/media/native/build-libav.sh $(NATIVE) >/dev/null

clean-data: ## Remove the data folder of `make run`: accounts, videos, audio, mails, keys
	rm -rf "$(DATA)"

# --- On Knative: knative/README.md -----------------------------------------------------------------------------------

IMAGE      = $(REGISTRY)/tapedeck:$(TAG)
PROFILE   ?= release
REGISTRY  ?= dev.local/tapedeck
TAG       ?= 0.1.0
OVERLAY   ?= external
# docker, podman or buildah (`buildah bud`).
ENGINE    ?= docker
export REGISTRY TAG OVERLAY WITH PUBLIC_URL HOST

.PHONY: image-root image-check images kind-load push secrets deploy undeploy status wiring-check e2e cluster

# One program is all functions: what `make demo` has built is what the image holds.
image-root: $(if $(filter release,$(PROFILE)),build,setup) ## Build the content of the image into target/images, with no engine and no registry
	$(if $(filter release,$(PROFILE)),,$(CARGO) build --package standalone)
	@functions/image.sh target/$(PROFILE)/tapedeck target/images/tapedeck

image-check: image-root ## Start every container as its manifest says until its probe passes; prints sizes and times (root)
	cargo run --quiet --package manifests --bin image-check -- target/images/tapedeck

images: image-root ## Build the image of all functions: make images [ENGINE=podman] [REGISTRY=...] [TAG=...] [BASE=...]
	$(ENGINE) $(if $(filter buildah,$(ENGINE)),bud,build) --file functions/Dockerfile --target prebuilt \
	  --build-arg VERSION=$(TAG) $(if $(BASE),--build-arg BASE=$(BASE)) --tag $(IMAGE) target/images

push: ## Push the image to REGISTRY
	$(ENGINE) push $(IMAGE)

kind-load: ## Hand the image to the kind cluster of `make cluster`
	kind load docker-image --name tapedeck $(IMAGE)

secrets: ## Make the Secrets; the stores from the environment, or of knative/stores with STORES=yes
	kubectl apply --filename knative/base/namespace.yaml
	kubectl get secret signing-key --namespace tapedeck >/dev/null 2>&1 || knative/secrets.sh keys | kubectl apply --filename -
ifdef STORES
	kubectl get secret rabbitmq --namespace tapedeck >/dev/null 2>&1 || knative/secrets.sh stores | kubectl apply --filename -
else
	knative/secrets.sh external | kubectl apply --filename -
endif

deploy: ## Put Tapedeck on the cluster: make deploy [OVERLAY=stores] [WITH="keda/long-videos ..."] [REGISTRY=...] [TAG=...]
	@knative/check.sh
	@knative/overlay.sh target/deploy
	kubectl delete job migrate --namespace tapedeck --ignore-not-found
	kubectl apply --kustomize target/deploy --selector tapedeck.dev/step=first
	kubectl wait broker/tapedeck --for=condition=Ready --timeout=300s --namespace tapedeck
	kubectl wait sinkbinding --all --for=condition=Ready --timeout=60s --namespace tapedeck
	kubectl wait queues.rabbitmq.com/convert users.rabbitmq.com/keda --for=condition=Ready --timeout=120s --namespace tapedeck
	kubectl wait job/migrate --for=condition=Complete --timeout=300s --namespace tapedeck
	kubectl apply --kustomize target/deploy
	kubectl wait ksvc --all --for=condition=Ready --timeout=300s --namespace tapedeck
	kubectl wait trigger --all --for=condition=Ready --timeout=120s --namespace tapedeck
	kubectl wait pingsource --all --for=condition=Ready --timeout=60s --namespace tapedeck
	@knative/status.sh

undeploy: ## Take Tapedeck off the cluster; stores, queues, volumes and Secrets stay
	@knative/overlay.sh target/deploy
	kubectl delete --kustomize target/deploy --ignore-not-found --selector '!tapedeck.dev/keep'

status: ## Functions, Triggers, workers and the queue at a glance
	@knative/status.sh

wiring-check: ## Check the manifests against code, schemas (CRDS_DIR=...) and each other
	cargo test --package manifests

e2e: ## Send a video through a cluster and take the audio back: make e2e URL=http://gateway... [VIDEO=path]
	@test -n "$(URL)" || { echo "URL is not set"; exit 2; }
	@knative/e2e.sh "$(URL)" $(VIDEO)

cluster: ## Make a kind cluster with Knative, RabbitMQ's operators and KEDA (needs the internet)
	knative/cluster.sh
