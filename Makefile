# Two commands matter: `make demo` runs the main job, `make test` tests it. CI adds
# `make faults`, `make chaos` and `make scenarios`.
# `make check` is the quick loop of whoever works on sluice.

SHELL := /bin/sh
BIN := $(CURDIR)/bin
export GOFLAGS ?= -buildvcs=false
# What a test needs and finds missing is an error here, and a skip elsewhere.
REQUIRE := SLUICE_REQUIRE_DEVSERVER=1 SLUICE_REQUIRE_S3=1 SLUICE_REQUIRE_PYTHON=1

VERSITYGW := v1.8.0
GOLANGCI := v2.15.0
GOFUMPT := v0.9.2
WORKFLOWCHECK := v0.6.0

.PHONY: build programs for-demo demo demo-crash test check deps devserver bench bench-memory bench-peers hostile faults chaos fuzz membound fanout scenarios replay record clock fmt clean

build: programs
	@$(MAKE) --no-print-directory $(BIN)/devserver

programs: deps
	go build -o $(BIN)/ ./worker ./starter

deps:
	@scripts/deps

# The server is built once and kept: cold, it takes some six minutes.
devserver: $(BIN)/devserver
$(BIN)/devserver: $(wildcard devserver/*.go) devserver/go.mod devserver/go.sum
	@echo "building the Temporal dev server, once: some 6 minutes on two cores" >&2
	cd devserver && go build -ldflags="-s -w" -o $@ .

$(BIN)/demo: FORCE
	@go build -o $@ ./internal/demo
FORCE:

# Where there is a Temporal to go to, none has to be built.
for-demo: $(if $(TEMPORAL_ADDRESS),programs,build) $(BIN)/demo

# IMAGES=folder runs over a folder of your own, KEEP=1 leaves everything running.
demo: for-demo
	@$(BIN)/demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(KEEP),--keep)

demo-crash: for-demo
	@$(BIN)/demo --crash $(if $(IMAGES),--images "$(IMAGES)") $(if $(KEEP),--keep)

$(BIN)/versitygw:
	GOBIN=$(BIN) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW)

# Other readers of Parquet, which manifests are held against.
PYTHON := $(CURDIR)/tmp/python
$(PYTHON)/installed: Makefile
	python3 -m venv $(PYTHON) && $(PYTHON)/bin/pip install -q pyarrow==26.0.1 duckdb==2.0.1
	touch $@

# What runs the programs, which are built without the race detector, runs without it,
# too, and several tests at a time: they wait for timeouts. What computes takes ten
# times as long with it, and measures memory, of which the detector takes its own:
# make scenarios runs that with it.
COMPUTING := ./pipeline/imaging ./pipeline/tables
test: build $(BIN)/versitygw $(BIN)/demo $(PYTHON)/installed
	go vet ./...
	$(REQUIRE) VERSITYGW=$(BIN)/versitygw go test -race -p 3 -timeout 45m $$(go list ./... | grep -vE '/internal/e2e$$|/pipeline/(imaging|tables)$$')
	$(REQUIRE) SLUICE_PYTHON=$(PYTHON)/bin/python go test $(COMPUTING)
	$(REQUIRE) VERSITYGW=$(BIN)/versitygw go test -parallel 4 -timeout 45m ./internal/e2e
	cd devserver && go test -vet=off -timeout 10m ./... # vet looks at all 1,500 packages: make check does it

# Against the least that the job takes, in turns: photographs from memory, over
# HTTP, through Temporal; what a slow origin and isolation cost; and how like a
# full decode the images are. What is promised of these is held to. More ROUNDS make the medians firmer.
ROUNDS ?= 3
bench: build $(BIN)/demo
	go test -run '^$$' -bench 'Mem$$|HTTP|Temporal|Delay' -benchtime $(ROUNDS)x -timeout 3h ./internal/bench
	go test -run '^$$' -bench Isolation -benchtime $$((2 * $(ROUNDS)))x -timeout 1h ./internal/bench
	go test -run '^$$' -bench Quality -benchtime 1x -timeout 1h ./internal/bench # the same each time
bench-memory: build $(BIN)/demo
	go test -run '^$$' -bench Memory -benchtime 1x -timeout 3h ./internal/bench

# 512 MiB, and images that are large: within the budget, and decoders kept busy.
membound: build $(BIN)/demo
	go test -run '^$$' -v -bench Membound -benchtime 1x -timeout 1h ./internal/bench

# Side by side with what people use today, 6,000 rows each: some 20 minutes.
PEERS := tmp/peers
$(PEERS)/installed: Makefile
	mkdir -p $(PEERS) && echo '{"private": true}' > $(PEERS)/package.json
	python3 -m venv $(PEERS)/venv && $(PEERS)/venv/bin/pip install -q daft==0.7.26 img2dataset==1.47.0 pillow==13.0.0
	cd $(PEERS) && npm install --silent --no-fund --no-audit sharp@0.35.5
	touch $@
bench-peers: build $(BIN)/demo $(PEERS)/installed
	go test -run '^$$' -bench Peers -benchtime 1x -timeout 3h ./internal/bench

# A hostile origin and hostile images, through a whole run: a table of what each
# came to, and what it should have.
hostile: build
	SLUICE_HOSTILE=1 go test -count=1 -v -timeout 15m -run TestHostile ./internal/hostile

# Exactly once, whatever dies: every operation on the stores and every request to
# S3 fails once, in several ways, and a worker process is killed, frozen and failed
# at each step that commits something (docs/faults.md).
faults: build $(BIN)/versitygw
	go test -tags failpoints ./internal/failpoint
	$(REQUIRE) SLUICE_FAULTS=1 VERSITYGW=$(BIN)/versitygw go test -count=1 -timeout 20m -run 'TestFault' ./pipeline ./internal/faults

# Everything is killed, cut off and frozen, as the seed says, while a reader holds
# the output against what is promised; docs/chaos.md.
SEED ?= 1
MINUTES ?= 3
chaos: build $(BIN)/versitygw
	$(REQUIRE) VERSITYGW=$(BIN)/versitygw SLUICE_CHAOS_SEED=$(SEED) SLUICE_CHAOS_MINUTES=$(MINUTES) \
		go test -count=1 -v -timeout 0 -run 'TestChaos$$' ./internal/chaos

# Every fuzz target, for FUZZTIME each. Without the bound on minimizing, one input
# whose coverage is not always the same takes all of that time.
FUZZTIME ?= 60s
fuzz:
	@set -e; for p in $$(go list ./pipeline/...); do for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p; done; done

# 2,000 partitions through a dev server, first by stubs for activities, which
# measures the fan-out alone, then by a real worker; `make test` does 400 and 330.
fanout: build
	$(REQUIRE) SLUICE_FANOUT=2000 go test -count=1 -v -timeout 30m -run 'TestManyPartitions' ./workflows
	$(REQUIRE) SLUICE_FANOUT=2000 go test -count=1 -v -timeout 30m -run 'TestManySmallPartitions' ./internal/e2e

# Whole runs that are attacked, steered and mended while they go on, which takes
# longer than `make test` may: stores that fail, disks that are full, workers that are
# killed, datasets that change, what operators do in the UI.
scenarios: build $(BIN)/versitygw $(PYTHON)/installed
	$(REQUIRE) SLUICE_PYTHON=$(PYTHON)/bin/python go test -race $(COMPUTING)
	$(REQUIRE) SLUICE_SCENARIOS=1 VERSITYGW=$(BIN)/versitygw go test -count=1 -v -parallel 4 -timeout 45m ./internal/e2e

# Recorded histories on today's code; recording adds those that are missing.
replay:
	go test -count=1 -v -run Replay ./workflows
record: build
	$(REQUIRE) go test -count=1 -v -run TestRecord ./workflows -args -record

# A worker whose clock is an hour off. The standard library is compiled anew for
# it: some minutes.
clock: build $(BIN)/versitygw
	$(REQUIRE) SLUICE_CLOCK=1 VERSITYGW=$(BIN)/versitygw go test -count=1 -v -timeout 30m -run TestAClock ./internal/e2e

$(BIN)/golangci-lint:
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
$(BIN)/gofumpt:
	GOBIN=$(BIN) go install mvdan.cc/gofumpt@$(GOFUMPT)
$(BIN)/workflowcheck:
	GOBIN=$(BIN) go install go.temporal.io/sdk/contrib/tools/workflowcheck@$(WORKFLOWCHECK)

check: deps $(BIN)/golangci-lint $(BIN)/gofumpt $(BIN)/workflowcheck
	@out=$$($(BIN)/gofumpt -l .); [ -z "$$out" ] || { echo "not formatted (make fmt): $$out"; exit 1; }
	$(BIN)/workflowcheck ./workflows/...
	$(BIN)/golangci-lint run ./...
	go test -short ./...
	cd devserver && go vet ./...

fmt: $(BIN)/gofumpt
	$(BIN)/gofumpt -w .

clean:
	rm -rf $(BIN) tmp
