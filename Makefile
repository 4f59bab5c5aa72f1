# Every target calls a script or CMake; nothing is said twice. A bare machine has no make: see scripts/demo, scripts/test.
.DEFAULT_GOAL := help
.PHONY: help deps demo test build unit integration faults bench lint format asan tsan fuzz coverage kill-loop bare orchestrator-100k orchestrator-100k-dist up down install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install the packages that building, testing and linting need
	scripts/deps --build --test --lint

demo: ## build, replay the viral burst against an embedded service, prove the counts
	scripts/demo

test: ## build and run every test
	scripts/test

build: ## build/qck and the tests
	scripts/build release

unit: ## the tests that start no server
	scripts/test -L unit

integration: ## the tests that start real servers
	scripts/test -L integration

faults: ## the tests that kill, cut and stall
	scripts/test -L faults

bench: ## measure; figures go to docs/PERFORMANCE.md
	scripts/bench

lint: ## format, clang-tidy, shellcheck and the rules of the house
	scripts/lint

format: ## lay out every C++ file
	scripts/lint --format

asan: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer
	scripts/test --preset asan

tsan: ## every test under ThreadSanitizer
	scripts/test --preset tsan

fuzz: ## fuzz the parsers; SECONDS_EACH=60
	scripts/deps --build --fuzz
	tests/fuzz/run $(or $(SECONDS_EACH),60)

coverage: ## line coverage of the tests
	scripts/coverage

kill-loop: ## kill -9 the service N times under load and check the counts; N=500
	scripts/kill-loop $(or $(N),500)

bare: ## both commands on a minimal system; DIST=bookworm|trixie
	scripts/bare $(or $(DIST),bookworm)

orchestrator-100k: ## 5,000 readers and writers at 100,000 requests/s; levers in docs/LOAD-TESTING.md
	@scripts/orchestrator 100K

orchestrator-100k-dist: ## the same over local agents, or those that dial in
	@scripts/orchestrator DIST

up: ## Redis, PostgreSQL and ClickHouse on free ports in .local, from packages; CLUSTER=1
	CLUSTER=$(CLUSTER) scripts/up

down: ## stop what `make up` started
	scripts/down

install: ## install qck below PREFIX, /usr/local by default
	scripts/build release qck
	cmake --install build --prefix $(or $(PREFIX),/usr/local)

clean: ## remove what was built (not .local)
	rm -rf build build-*
