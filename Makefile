# sparseloom: every task a developer has, by name. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup zoo-data build demo install install-test test bench bench-compare lint tidy layers tidy-changed asan tsan neon fuzz zoo zoo-seed clean

JOBS ?= $(shell nproc)
# ON compiles several sources at once: everything in half the time, one change in twice as much.
UNITY ?= OFF
# The parts of `make bench`, small enough for minutes.
BENCHES := "engine --repetitions 100" "planners --seeds 20" estimator \
  "residency --requests 2000 --changes 40 --switches 200"
BASE ?= HEAD~1
ROUNDS ?= 3
BIN := build/release/bin/sparseloom
# What `make demo` and `make install` build: optimised, without debug information, tests and their packages.
PRODUCT := build/product
PREFIX ?= /usr/local
STAMP := .venv/.setup
PRODUCT_STAMP := .venv/.setup-product
CTEST := ctest --output-on-failure --no-tests=error

help: ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) zoo-data ## install Debian packages and Python wheels, unpack the demo zoo and fetch its review sentences (what is there already is left alone)

$(PRODUCT_STAMP): packages.apt requirements.txt tools/install.sh
	tools/install.sh --product
	@touch $@

$(STAMP): $(PRODUCT_STAMP) tools/software_gpu.sh
	tools/install.sh
	@touch $@

zoo-data: $(PRODUCT_STAMP) ## unpack the demo zoo's models and data, fetch its review sentences
	@.venv/bin/python tools/zoo_pack.py unpack
	@.venv/bin/python tools/fetch_reviews.py

build: $(STAMP) ## build the release binaries into build/release
	@test -f build/release/build.ninja || cmake --preset release -DCMAKE_UNITY_BUILD=$(UNITY)
	cmake --build --preset release -j $(JOBS)

$(PRODUCT)/build.ninja: | $(PRODUCT_STAMP)
	cmake --preset product

demo: zoo-data $(PRODUCT)/build.ninja ## install what it takes, build the program alone, and watch four DNNs served within their bounds
	cmake --build --preset product -j $(JOBS) --target sparseloom
	$(PRODUCT)/bin/sparseloom demo

install: zoo-data $(PRODUCT)/build.ninja ## build, and install programs, library and demo zoo below PREFIX (default /usr/local)
	cmake --build --preset product -j $(JOBS)
	cmake --install $(PRODUCT) --prefix $(PREFIX) >/dev/null
	@echo "Installed below $(PREFIX)"

install-test: setup $(PRODUCT)/build.ninja ## build, install into a temporary folder, and build examples/embed against that
	cmake --build $(PRODUCT) -j $(JOBS)
	tests/install_test.sh $(PRODUCT)

test: setup build ## install, build, and run every test
	cd build/release && $(CTEST)

bench: setup build ## what engine, planners, estimator and residency cost (minutes)
	@for part in $(BENCHES); do echo; echo "== bench $$part"; $(BIN) bench $$part || exit; done

bench-compare: setup build ## each cost of `make bench` over what it was in revision BASE (default HEAD~1), taking turns
	tools/bench_compare.py --base $(BASE) --rounds $(ROUNDS) --jobs $(JOBS) $(BENCHES)

lint: $(STAMP) ## clang-format and the layer check
	tools/lint.sh

tidy: $(STAMP) ## lint, and clang-tidy over every source (minutes)
	tools/lint.sh --tidy

tidy-changed: $(STAMP) ## lint, and clang-tidy over what differs from the main branch, else from the commit before
	tools/lint.sh --tidy-changed

layers: ## check that layers include only layers to their left
	python3 tools/check_layers.py

asan: $(STAMP) ## unit tests under the address and undefined-behaviour sanitizers
	cmake --preset asan-ubsan && cmake --build --preset asan-ubsan -j $(JOBS) --target unit_tests
	cd build/asan-ubsan && $(CTEST) -L unit -j $(JOBS)

tsan: $(STAMP) ## unit tests of what starts threads under the thread sanitizer
	cmake --preset tsan && cmake --build --preset tsan -j $(JOBS) --target thread_tests
	cd build/tsan && $(CTEST) -R '^unit_(base|backend|sparse|profile|engine|serve|eval|parity)\.' -j $(JOBS)

neon: ## cross-compile the sparse kernels for ARM and run their unit tests on NEON under emulation
	tools/neon_test.sh $(JOBS)

fuzz: $(STAMP) ## run every fuzzer for FUZZ_SECONDS (default 60)
	cmake --preset fuzz && cmake --build --preset fuzz -j $(JOBS)
	tools/fuzz.sh build/fuzz/bin $${FUZZ_SECONDS:-60}

zoo: build ## retrain and recompress the demo zoo from its data, then run every stitched variant (hours on two cores)
	tools/zoo/rebuild.sh
	$(BIN) profile --accuracy --split both
	$(BIN) profile --export-accuracy

zoo-seed: ## build ResNet-101, BERT-Base, ViT-S and wav2vec2-Base, ten variants each, in a cache or in SEED_ZOO=DIR (one to two hours, 13 GB of disk)
	tools/zoo/rebuild_seed.sh $(if $(SEED_ZOO),--out "$(SEED_ZOO)") $(ARGS)

clean: ## remove everything that was built (installed packages stay)
	rm -rf build
