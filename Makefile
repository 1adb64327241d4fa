# Every target sets itself up: scripts/setup.sh makes the environment outside the checkout and prints where it is.
# `make` lists the targets.

CACHE := $(or $(TELTUBBY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/teltubby)
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
export PYTHONPYCACHEPREFIX := $(CACHE)/pycache
SETUP = environment=$$(scripts/setup.sh) && PATH="$$environment/bin:$$PATH" &&
PACKAGES := core/src services/bot/src services/worker/src cli/src simulator/src

.DEFAULT_GOAL := help
.PHONY: help demo run test lint format unit conformance integration bench conformance-list

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## See the main job done, on embedded defaults: nothing to configure
	@$(SETUP) teltubby demo

run: ## Serve your bot from this folder (settings in .env, see README)
	@$(SETUP) exec teltubby run

test: lint unit conformance integration ## Everything: lint, types, layers, tests

lint: ## Style, types and layers
	@$(SETUP) ruff format --check . && ruff check . && mypy $(PACKAGES) tests benchmarks && lint-imports --no-cache

format: ## Put the code into shape
	@$(SETUP) ruff format . && ruff check --fix .

unit: ## Tests without processes or real servers
	@$(SETUP) pytest tests/unit tests/contract

conformance: ## Hold the simulator to Telegram's rules, with unmodified client libraries
	@$(SETUP) pytest tests/conformance

conformance-list: ## Write docs/conformance.md: the rules, their sources, their tests
	@$(SETUP) cd tests && python -m conformance.listing

integration: ## Tests with real processes against the Telegram simulator
	@$(SETUP) pytest tests/integration

bench: ## Measure, against what one would use instead
	@$(SETUP) for bench in benchmarks/*.py; do python "$$bench" || exit 1; done
