# Everything a user or a developer types. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Flags for the server or the benchmark: make run ARGS='--listen 127.0.0.1:9000'
ARGS ?=
# Where Swift builds.
SCRATCH ?= .build
# The name of the container image.
IMAGE ?= shmgate:latest

export SCRATCH IMAGE

.PHONY: help run build test chaos chaos-mutants check format sanitize bench image clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## install what is missing, build release, serve on http://127.0.0.1:8080 (ARGS= passes flags)
	@exec "$$(swift build -c release --scratch-path "$$SCRATCH" --show-bin-path)/shmgate" serve $(ARGS)

build: ## install what is missing, build release: one program that needs no toolchain to run
	@Scripts/install-dependencies.sh
	swift build -c release --static-swift-stdlib --scratch-path "$$SCRATCH" --product shmgate

test: ## install what is missing, run every check and every test
	@Scripts/install-dependencies.sh test
	@Scripts/test.sh

chaos: ## kill, race and torture, for as long as it takes (ARGS= passes programs)
	@Scripts/install-dependencies.sh test
	@Scripts/chaos.sh $(ARGS)

chaos-mutants: ## take one thing at a time out of the protocol, and show that each is caught
	@Scripts/install-dependencies.sh test
	@Scripts/chaos.sh mutants

check: ## the rules that the build cannot hold: format, imports, system calls
	@Scripts/check.sh

format: ## format the Swift sources in place
	swift format format -i -r --parallel Sources Tests Package.swift

sanitize: ## run the Swift tests under the thread and the address sanitizer
	@Scripts/install-dependencies.sh
	TSAN_OPTIONS=handle_sigbus=0 swift test --sanitize=thread --scratch-path "$$SCRATCH-tsan"
	ASAN_OPTIONS=handle_sigbus=0:detect_leaks=0 swift test --sanitize=address --scratch-path "$$SCRATCH-asan"

bench: ## measure against the fastest that could do the same (ARGS=--quick for a short run)
	@Scripts/install-dependencies.sh bench
	swift build -c release --static-swift-stdlib --scratch-path "$$SCRATCH" --product shmgate
	SHMGATE_BENCH=1 swift build -c release --static-swift-stdlib --scratch-path "$$SCRATCH" --product LocalBenchmark
	@source Scripts/venv.sh; make_venv .venv-bench Benchmarks/requirements.txt
	@binary="$$(swift build -c release --scratch-path "$$SCRATCH" --show-bin-path)/shmgate"; \
	.venv-bench/bin/python Benchmarks/run.py --gateway "$$binary" $(ARGS)

image: ## build the container image and check it from outside
	@Scripts/test-image.sh

clean: ## remove what was built
	rm -rf "$$SCRATCH" "$$SCRATCH"-tsan "$$SCRATCH"-asan "$$SCRATCH"-fuzz .venv-test .venv-pandas2 .venv-bench Benchmarks/results
