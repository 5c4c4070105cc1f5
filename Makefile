# Every target does its own set-up on a fresh Debian 12 with Go. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# nolibopusfile: we encode and decode frames; the Ogg reader of hraban/opus is not linked.
TAGS     := nolibopusfile
BUILD    := -buildvcs=false
LDFLAGS  := -X main.version=$(VERSION)
GO       := go
BIN      := bin/conclave
DATA     ?= $(HOME)/.conclave-dev
FUZZTIME ?= 5m
GOLANGCI := v2.15.0

.PHONY: help deps build static run demo test lint bench fuzz guards interop console docker clean

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what the build needs (libopus headers, a C compiler), where it is missing
	@bash .ci/deps

build: deps ## build bin/conclave
	@$(GO) build $(BUILD) -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN) .

static: deps ## build bin/conclave as one static file (what the Dockerfile ships)
	@CGO_ENABLED=1 $(GO) build $(BUILD) -trimpath -tags '$(TAGS) netgo osusergo' \
	  -ldflags '$(LDFLAGS) -s -w -linkmode external -extldflags "-static -lm"' -o $(BIN) .
	@echo "built $(BIN) ($$(du -h $(BIN) | cut -f1), static)"

run: build ## serve on loopback with demo accounts, and say what to type next
	@exec ./$(BIN) serve --dev --data $(DATA)

demo: build ## ten callers with recorded speech in two rooms: who heard whom, keys, set-up times, recordings
	@exec ./$(BIN) demo --out demo-out

test: deps ## vet and all tests (with the race detector)
	@bash .ci/test

lint: deps ## golangci-lint with the configuration of this repository
	@test -x bin/golangci-lint-$(GOLANGCI) || { echo "building golangci-lint $(GOLANGCI) once"; \
	  GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI) && \
	  mv bin/golangci-lint bin/golangci-lint-$(GOLANGCI); }
	@bin/golangci-lint-$(GOLANGCI) run --build-tags $(TAGS)

bench: build ## every stage and keying method, and the server next to the floor of this machine (SHORT=1: five minutes)
	@bash .ci/bench $(BIN) $(if $(SHORT),--short)

fuzz: deps ## every fuzz target for FUZZTIME each (default 5m)
	@bash .ci/fuzz $(FUZZTIME)

guards: deps ## turn every guard off in a copy: a test must fail (GUARD=pattern for some)
	@bash .ci/guards "$(GUARD)"

interop: build ## calls judged by tshark, GStreamer (MIKEY and libsrtp), baresip and SIPp (installs them)
	@bash .ci/interop $(BIN)

console: deps ## the web console in a headless Chromium (installs it), by keyboard, with 50 people in it; takes its pictures for docs/console
	@command -v chromium >/dev/null || bash .ci/deps chromium || echo "there is no Chromium, and none could be installed: the test is skipped" >&2
	@set -o pipefail; $(GO) test -tags $(TAGS) -count=1 -timeout 300s -v -run 'TestConsole$$' ./loadtest -pictures | grep -v '^time='

docker: ## container image: FROM scratch, the static binary, not root
	docker build --build-arg VERSION=$(VERSION) -t conclave:$(VERSION) .

clean: ## remove what was built
	@rm -rf bin demo-out
