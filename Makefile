# Every target sets itself up: scripts/setup.sh makes the environment outside the checkout and prints where it is.
# `make` lists the targets.

CACHE := $(or $(TELTUBBY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/teltubby)
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
export PYTHONPYCACHEPREFIX := $(CACHE)/pycache
SETUP = environment=$$(scripts/setup.sh) && PATH="$$environment/bin:$$PATH" &&
STARTED := $(shell date +%s)
TESTBED = $(SETUP) cd tests && python -m testbed
PACKAGES := core/src services/bot/src services/worker/src operator/src cli/src simulator/src

.DEFAULT_GOAL := help
# Of images and the local cluster; scripts/kind.sh has the cluster's others: KIND, KUBECTL, HELM, KIND_CONFIG, KIND_NODE_IMAGE,
# KIND_LOAD (images to load besides ours), HELM_FLAGS, TELTUBBY_VALUES.
DOCKER ?= docker
DOCKER_FLAGS ?=
BASE_IMAGE ?= python:3.11-slim
REGISTRY ?=
VERSION ?= $(shell awk '/^appVersion:/ {print $$2}' charts/teltubby/Chart.yaml)
image = $(if $(REGISTRY),$(REGISTRY)/)teltubby-$1:$(VERSION)
build = $(DOCKER) build $(DOCKER_FLAGS) --build-arg BASE_IMAGE=$(BASE_IMAGE) -f $2/Dockerfile -t $(call image,$1) .
export DOCKER REGISTRY VERSION

EXPORT = uv export --quiet --frozen --no-dev --all-packages
PIP_AUDIT := pip-audit==2.10.1
SBOM ?= $(CACHE)/sbom/teltubby-$(VERSION).cdx.json

.PHONY: help demo demo-distributed run images kind-up kind-demo kind-down test lint format test-bed unit conformance \
	integration conversations distributed test-sessions test-operator chart images-test cluster-test cluster bench transcript conformance-list values-list audit sbom

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## See the main job done, on embedded defaults: nothing to configure
	@$(SETUP) teltubby demo

demo-distributed: ## The same as bot, two workers, RabbitMQ and MinIO, each a process of its own
	@$(TESTBED) && python -m testbed.run -- teltubby demo --distributed

run: ## Serve your bot from this folder (settings in .env, see README)
	@$(SETUP) exec teltubby run

images: ## Build the four images with Docker: DOCKER, REGISTRY, VERSION, BASE_IMAGE, DOCKER_FLAGS
	$(call build,bot,services/bot)
	$(call build,worker,services/worker)
	$(call build,operator,operator)
	$(call build,tools,cli)

kind-up: images ## Have it in a local Kubernetes cluster: needs Docker, kind, kubectl and helm
	@scripts/kind.sh up

kind-demo: ## Let simulated people send files to the bot in that cluster, and check every stored byte
	@scripts/kind.sh demo

kind-down: ## Delete that cluster
	@scripts/kind.sh down

# Two lanes, as long as each other: most of the time tests wait for servers. What watches the clock of a whole cluster
# comes after them, by itself.
LANES := lint conformance unit integration conversations -- chart test-sessions images-test distributed
ALONE := cluster-test test-operator

test: ## Everything: lint, types, layers, tests; two suites at a time
	@$(SETUP) python scripts/lanes.py $(LANES) && python scripts/lanes.py $(ALONE)
	@echo "make test: all of it passed in $$(($$(date +%s) - $(STARTED))) s"

lint: ## Style, types and layers
	@$(SETUP) ruff format --check . && ruff check . && mypy $(PACKAGES) tests benchmarks scripts && lint-imports --no-cache

format: ## Put the code into shape
	@$(SETUP) ruff format . && ruff check --fix .

test-bed: ## Have the servers that tests run against: RabbitMQ installed, MinIO and Kubernetes built once
	@$(TESTBED)

unit: test-bed ## Tests of single parts; the contracts of ports also on RabbitMQ and MinIO
	@$(SETUP) pytest tests/unit tests/contract

conformance: ## Hold the simulator to Telegram's rules, with unmodified client libraries
	@$(SETUP) pytest tests/conformance

conformance-list: ## Write docs/conformance.md: the rules, their sources, their tests
	@$(SETUP) cd tests && python -m conformance.listing

audit: ## Ask PyPI for known weaknesses of all that is shipped; needs the internet
	@$(SETUP) list=$$(mktemp) && trap 'rm -f "$$list"' EXIT && $(EXPORT) --no-emit-workspace --output-file "$$list" >/dev/null && \
		uv tool run --quiet $(PIP_AUDIT) --strict --progress-spinner off --disable-pip --require-hashes --requirement "$$list"

sbom: ## Write what is shipped, with versions and hashes, as CycloneDX into SBOM
	@mkdir -p "$(dir $(SBOM))"
	@$(SETUP) $(EXPORT) --preview-features sbom-export --format cyclonedx1.5 --output-file "$(SBOM)" >/dev/null && echo "$(SBOM)"

values-list: ## Write docs/values.md: the chart's values, what they take, their defaults
	@$(SETUP) cd tests && python -m chart.listing

integration: test-bed ## Tests with real processes against the Telegram simulator
	@$(SETUP) pytest tests/integration

conversations: test-bed ## Tests of every command in the chat, with the real bot and Telegram's limits on
	@$(SETUP) pytest tests/conversations

distributed: test-bed ## Tests of bot and workers as processes of their own, on RabbitMQ and MinIO that fail
	@$(SETUP) pytest tests/distributed

test-sessions: test-bed ## Tests of logins that workers share, on a real Kubernetes API, with the rights that the chart gives
	@$(SETUP) pytest tests/sessions

test-operator: ## Tests of the operator on a played cluster (real Kubernetes, no pods that run) and a real broker
	@$(TESTBED) programs rabbitmq kwok
	@$(SETUP) pytest tests/scaling

chart: ## Tests of what the chart renders and refuses; needs no cluster
	@$(TESTBED) programs schemas promtool
	@$(SETUP) pytest tests/chart

images-test: ## Build the Dockerfiles, run what they make; root on Linux, elsewhere skipped
	@$(TESTBED) images
	@$(SETUP) pytest tests/images

cluster-test: ## Tests of the chart on a real Kubernetes node of their own; root on Linux, elsewhere skipped
	@$(TESTBED) kubernetes images
	@$(SETUP) pytest tests/cluster

cluster: ## That node to look at, until Ctrl-C
	@$(SETUP) cd tests && python -m testbed.cluster

transcript: ## A day's use as a page and a picture, made from a real run: docs/transcript.html and .png
	@$(SETUP) cd tests && python -m transcript --out ../docs

bench: test-bed ## Measure, against what one would use instead
	@$(SETUP) for bench in benchmarks/*.py; do PYTHONPATH=tests python "$$bench" || exit 1; done
