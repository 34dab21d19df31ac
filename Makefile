.DEFAULT_GOAL := help
.PHONY: help build test race lint fuzz bench bench-resilience bench-mock sdk-test golden demo check

FUZZTIME ?= 20s

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./chaos
	go build -o chaos ./cmd/chaos

test: ## run every test, the library scenarios included
	go test ./...

race: ## the same under the race detector
	go test -race ./...

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

fuzz: ## run each fuzz target for FUZZTIME (20s)
	@go list ./... | while read -r package; do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done

bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

bench-resilience: ## the cost of a call beside other libraries, in turns
	go test ./resilience -run 'Allocations|Peers' -peers -cpu 1 -test.benchtime 100ms

bench-mock: ## the mock beside a bare handler and aimock from npm, in turns
	go test ./mockllm -run '^TestPeers$$' -peers -v

sdk-test: ## the JavaScript SDKs of npm against the mock
	go test ./mockllm -run '^TestNPM' -count=1 -v

golden: ## rewrite the schema, golden files and scripts from what the code does now
	go test ./scenarios -update
	go run ./cmd/chaos schema > chaos.schema.json.new && mv chaos.schema.json.new chaos.schema.json
	@grep -rl --include='*_test.go' '"update"' . | xargs -n1 dirname | sort -u | while read -r package; do \
		go test "$$package" -update || exit 1; \
	done

demo: ## watch a provider go down
	go run ./cmd/chaos run provider-outage

check: ## everything that CI does
	bash .ci/run
