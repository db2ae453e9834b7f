# make help lists the targets. On a fresh Debian machine with Go, apt and make, `make run` and `make test` install what they need.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOFUMPT_VERSION := v0.12.0
LINT_VERSION    := v2.15.0
VULN_VERSION    := v1.1.4

TOOLS   := $(CURDIR)/.tools
GOFUMPT := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)
LINT    := $(TOOLS)/golangci-lint-$(LINT_VERSION)
VULN    := $(TOOLS)/govulncheck-$(VULN_VERSION)

# What the test card needs, and what the tests need besides: a C compiler for the race detector, and the real peers.
RUN_PACKAGES  := ffmpeg
TEST_PACKAGES := $(RUN_PACKAGES) gcc libc6-dev iproute2 nginx libnginx-mod-rtmp libnginx-mod-stream rtmpdump prometheus \
	nodejs gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
	gstreamer1.0-libav gstreamer1.0-nice python3-gi gir1.2-gst-plugins-bad-1.0 \
	obs-studio obs-plugins libgl1-mesa-dri libegl1 xvfb chromium $(if $(shell command -v npm),,npm) mpv vlc-bin vlc-plugin-base

# What the bench needs: the peer, a compiler for the floor in C, and ip for a network namespace.
BENCH_PACKAGES := nginx libnginx-mod-rtmp gcc libc6-dev iproute2

# Platforms that must build without cgo.
PLATFORMS := linux/amd64 linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Coverage that each package of these must reach with its own tests, in percent.
COVERED  := media wire overlay relay
COVERAGE := 90

FUZZTIME := 3s

# The named parts of `make bench-full`, each for at most 15 minutes too, memory aside (31); `make bench` measures the first.
BENCH_PARTS := outputs100 outputs10 outputs50 outputs200 streams20 rtmps ingest isolation growth memory rtsp hls hlsparts whep
BENCH_PART  := $(or $(PART),$(BENCH_PARTS))

# The named parts of `make accept`; each runs for at most 15 minutes.
PARTS := harness demo relay obs publishers players codecs clock longsession reconnect takeover isolation delay retry \
	badinput secrets reload drain metrics skew skewfaults overlaydelay overlayinput spoofedoverlays partners rtsp bridges \
	hls hlsstart hlsrules hlsreconnect hlsskew hlsrendered hlsdelay feeddelay hlsfaults hlsdisk hlssecure readers tokens \
	revoked whep whip whepnarrow whepviewers whiprelay whiptakeover encoderdelay webrtcpeers webrtcpion webrtcloss whipobs whepskew watchpage whipsync whepsync whepjoins webrtcinput
PART  ?= $(PARTS)

# Those whose short form is in `make test`: each kind of real peer is among them. `make others` has the short form of the rest.
PEERS := harness demo relay obs publishers players codecs reconnect takeover retry secrets reload metrics skew partners rtsp \
	tokens bridges hls whep whip webrtcpeers webrtcpion
$(foreach p,$(PART),$(if $(filter $p,$(PARTS) $(BENCH_PARTS)),,$(error no part $p; the parts of accept are: $(PARTS), of bench-full: $(BENCH_PARTS))))

BINARY := $(CURDIR)/simulcart

# The pages that are built by npm, and what npm installs for them, and for the tests that drive Chromium.
PAGES   := web/pages
MODULES := $(PAGES)/node_modules/.package-lock.json
BROWSER := internal/mediatest/browser/node_modules/.package-lock.json

.PHONY: help run build test deps-run deps-test deps-bench format vet tidy lint pages unit fuzz cross peers others smoke accept test-obs bench bench-full \
	bench-doc bench-micro vuln clean

help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16
	@echo "  parts of accept: $(PARTS)"
	@echo "  parts of bench-full: $(BENCH_PARTS)"

run: deps-run build ## installs ffmpeg, builds, and runs the main job with a test card and two sandbox destinations
	exec $(BINARY) demo

build: ## builds ./simulcart
	CGO_ENABLED=0 go build -trimpath -o $(BINARY) ./cmd/simulcart

test: deps-test format vet tidy lint pages unit fuzz cross peers ## all but the longer proofs, in at most 20 minutes on 2 cores
	@echo "test: passed"

# install PACKAGES: by apt, what is missing only. No service is started: RUNLEVEL=1, and a policy that refuses where there is none.
define install
	@missing=(); \
	for p in $(1); do \
		[ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing+=($$p); \
	done; \
	[ $${#missing[@]} -gt 0 ] || exit 0; \
	echo "installing $${missing[*]}"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
		printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null; \
		$$sudo chmod 755 $$policy; \
		trap "$$sudo rm -f $$policy" EXIT; \
	fi; \
	apt="$$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300"; \
	$$apt update; \
	$$apt install -y --no-install-recommends "$${missing[@]}" </dev/null >/dev/null
endef

deps-run: ## installs what the demo needs
	$(call install,$(RUN_PACKAGES))

deps-test: ## installs what the tests need
	$(call install,$(TEST_PACKAGES))

deps-bench: ## installs what the bench needs
	$(call install,$(BENCH_PACKAGES))

# tool FILE MODULE VERSION: builds a pinned tool once.
define tool
	@mkdir -p $(TOOLS)/build
	GOBIN=$(TOOLS)/build CGO_ENABLED=0 go install $(2)@$(3)
	@mv $(TOOLS)/build/$(notdir $(2)) $(1)
endef

$(GOFUMPT):
	$(call tool,$@,mvdan.cc/gofumpt,$(GOFUMPT_VERSION))

$(TOOLS)/golangci-lint-%:
	$(call tool,$@,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$*)

$(VULN):
	$(call tool,$@,golang.org/x/vuln/cmd/govulncheck,$(VULN_VERSION))

format: $(GOFUMPT) ## checks the formatting (gofumpt)
	@unformatted=$$($(GOFUMPT) -l .); \
	[ -z "$$unformatted" ] || { echo "run gofumpt -w on:"; echo "$$unformatted"; exit 1; }

vet: ## go vet
	go vet ./...

tidy: ## checks that go.mod and go.sum are what go mod tidy would write
	go mod tidy -diff

lint: $(LINT) ## golangci-lint with the short list of linters
	$(LINT) run ./...

$(BROWSER): internal/mediatest/browser/package.json internal/mediatest/browser/package-lock.json
	cd internal/mediatest/browser && npm ci --no-audit --no-fund

$(MODULES): $(PAGES)/package.json $(PAGES)/package-lock.json
	cd $(PAGES) && npm ci --no-audit --no-fund

pages: $(MODULES) ## type check and tests of the pages in web/pages, and whether the committed build is theirs
	cd $(PAGES) && npm run --silent check && npm run --silent test && DIST=build/dist KIT=build/kit npm run --silent build
	@for built in dist kit; do \
		diff -r $(PAGES)/build/$$built $(PAGES)/$$built || { echo "$(PAGES)/$$built is not what its sources make; run: npm --prefix $(PAGES) run build"; exit 1; }; \
	done

# The race detector's runtime may break a check of its own ("ThreadSanitizer: CHECK failed") in a test that does nothing wrong: a
# package whose only failure is that is tested once more.
unit: $(MODULES) $(BROWSER) ## unit tests with the race detector in random order, and of what it does not see; coverage of media, wire and relay
	go test -shuffle=on ./wire/socket
	@packages=$$(go list ./... | grep -v /accept); \
	report=$$(mktemp); trap 'rm -f "$$report"' EXIT; \
	if ! go test -race -shuffle=on -cover -timeout 10m $$packages 2>&1 | tee "$$report"; then \
		again=$$(awk '/^ThreadSanitizer: CHECK failed/ { broke = 1 } /^--- FAIL|^panic:|DATA RACE/ { fault = 1 } \
			$$1 == "FAIL" && NF > 1 { if (broke && !fault) print $$2; else other = 1 } \
			($$1 == "FAIL" || $$1 == "ok") && NF > 1 { broke = fault = 0 } END { exit other }' "$$report"); \
		[ -n "$$again" ]; \
		echo "unit: the race detector broke in $$again, which is tested once more"; \
		go test -race -shuffle=on -cover -timeout 10m $$again 2>&1 | tee -a "$$report"; \
	fi; \
	awk -v least=$(COVERAGE) -v names='$(COVERED)' ' \
		BEGIN { n = split(names, name, " ") } \
		{ for (i = 1; i <= NF; i++) if ($$i ~ /^github.com/) { package = $$i; sub("^[^/]*/[^/]*/[^/]*/", "", package) } } \
		match($$0, /coverage: [0-9.]+%/) { \
			covered = substr($$0, RSTART + 10, RLENGTH - 11) + 0; \
			for (i = 1; i <= n; i++) \
				if ((package == name[i] || index(package, name[i] "/") == 1) && covered < least) { \
					print "coverage of " package ": " covered "%, want at least " least "%"; low = 1 \
				} \
		} \
		END { exit low }' "$$report"

# go test may report the end of its own time as "context deadline exceeded", and nothing else: that is no finding.
fuzz: ## each fuzz target for FUZZTIME
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	grep -roE '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' . | sort | while IFS=: read -r file function; do \
		target=$${function#func }; \
		if ! go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x "$$(dirname "$$file")" >"$$log" 2>&1 </dev/null; then \
			if ! grep -q 'context deadline exceeded' "$$log" || grep -qE 'Failing input|panic|build failed' "$$log"; then \
				cat "$$log"; echo "fuzz: $$target in $$file failed"; exit 1; \
			fi; \
		fi; \
		echo "fuzz: $$(dirname "$$file") $$target $$(grep -oE 'execs: [0-9]+' "$$log" | tail -n 1)"; \
	done

cross: ## builds for all platforms without cgo
	@for platform in $(PLATFORMS); do \
		echo "build $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -o /dev/null ./cmd/simulcart; \
	done

# proofs FORM REGEXP: runs acceptance tests, and prints figures and verdicts; everything where one fails.
define proofs
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	if SIMULCART=$(BINARY) ACCEPT=$(1) go test -count=1 -v -timeout 15m -run '$(2)' ./accept >"$$log" 2>&1 </dev/null; then \
		grep -E '^ *(figure:|--- )|no tests to run' "$$log"; \
	else \
		cat "$$log"; exit 1; \
	fi
endef

# short PARTS: their short form.
short = $(call proofs,smoke,(?i)^Test($(subst $(eval) ,|,$(strip $(1))))$$)

peers: deps-test build $(BROWSER) ## the acceptance tests with each kind of real peer, in their short form
	$(call short,$(PEERS))

others: deps-test build $(BROWSER) ## the other acceptance tests, in their short form
	$(call short,$(filter-out $(PEERS),$(PARTS)))

smoke: peers others ## all acceptance tests in their short form

accept: deps-test build $(BROWSER) ## the acceptance tests at full length; PART=name for some of them
	@for part in $(PART); do \
		echo "accept: $$part"; \
		$(MAKE) --no-print-directory accept-$$part; \
	done

accept-%:
	$(call proofs,full,(?i)^Test$*$$)

test-obs: deps-test build ## OBS Studio at full length
	@$(MAKE) --no-print-directory accept-obs

# The bench wants a quiet machine of 2 CPUs, and says when it was none. What it has measured is kept in BENCH_RESULTS.
BENCH         := $(TOOLS)/bench
BENCH_RESULTS := $(CURDIR)/dist/bench.json
BENCH_FLAGS   ?=

.PHONY: $(BENCH)
$(BENCH):
	@mkdir -p $(dir $(BENCH_RESULTS))
	CGO_ENABLED=0 go build -trimpath -o $@ ./internal/bench

bench: deps-bench build $(BENCH) ## simulcart beside nginx-rtmp and the floors, one stream to 100 outputs: CPU, delay, memory
	$(BENCH) -simulcart $(BINARY) -json $(BENCH_RESULTS) $(BENCH_FLAGS) $(firstword $(BENCH_PARTS))

bench-full: deps-bench build $(BENCH) ## the same in all shapes; PART=name for some of them
	$(BENCH) -simulcart $(BINARY) -json $(BENCH_RESULTS) $(BENCH_FLAGS) $(BENCH_PART)

bench-doc: $(BENCH) ## writes what was measured into docs/benchmarks.md
	$(BENCH) -json $(BENCH_RESULTS) -doc docs/benchmarks.md

bench-micro: deps-test ## benchmarks of packages
	go test -run '^$$' -bench . -benchmem ./media ./relay ./wire/... ./outputs/...

vuln: $(VULN) ## known vulnerabilities (needs the database's site)
	$(VULN) ./...

clean: ## removes what was built
	rm -rf $(BINARY) $(TOOLS) dist $(PAGES)/node_modules $(PAGES)/build internal/mediatest/browser/node_modules
