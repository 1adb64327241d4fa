# Every target sets itself up: scripts/setup.sh makes the environment outside the checkout and prints where it is.
# `make` lists the targets.

CACHE := $(or $(TELTUBBY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/teltubby)
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
export PYTHONPYCACHEPREFIX := $(CACHE)/pycache
SETUP = environment=$$(scripts/setup.sh) && PATH="$$environment/bin:$$PATH" &&
PACKAGES := core/src services/bot/src services/worker/src cli/src simulator/src

.DEFAULT_GOAL := help
.PHONY: help demo demo-distributed run test lint format test-bed unit conformance integration distributed bench \
	conformance-list

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## See the main job done, on embedded defaults: nothing to configure
	@$(SETUP) teltubby demo

demo-distributed: ## The same as bot, two workers, RabbitMQ and MinIO, each a process of its own
	@$(SETUP) cd tests && python -m testbed && python -m testbed.run -- teltubby demo --distributed

run: ## Serve your bot from this folder (settings in .env, see README)
	@$(SETUP) exec teltubby run

test: lint unit conformance integration distributed ## Everything: lint, types, layers, tests

lint: ## Style, types and layers
	@$(SETUP) ruff format --check . && ruff check . && mypy $(PACKAGES) tests benchmarks && lint-imports --no-cache

format: ## Put the code into shape
	@$(SETUP) ruff format . && ruff check --fix .

test-bed: ## Have the servers that tests run against: RabbitMQ installed, MinIO built once
	@$(SETUP) cd tests && python -m testbed

unit: test-bed ## Tests of single parts; the contracts of ports also on RabbitMQ and MinIO
	@$(SETUP) pytest tests/unit tests/contract

conformance: ## Hold the simulator to Telegram's rules, with unmodified client libraries
	@$(SETUP) pytest tests/conformance

conformance-list: ## Write docs/conformance.md: the rules, their sources, their tests
	@$(SETUP) cd tests && python -m conformance.listing

integration: test-bed ## Tests with real processes against the Telegram simulator
	@$(SETUP) pytest tests/integration

distributed: test-bed ## Tests of bot and workers as processes of their own, on RabbitMQ and MinIO that fail
	@$(SETUP) pytest tests/distributed

bench: test-bed ## Measure, against what one would use instead
	@$(SETUP) for bench in benchmarks/*.py; do PYTHONPATH=tests python "$$bench" || exit 1; done
