.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
BENCH_INSTALLED := .venv/.bench-installed
PROTO_BIN := .venv-protos/bin
PROTO_INSTALLED := .venv-protos/.installed
PROTO_OUT ?= client
TESTS ?= tests

.PHONY: help run chat test test-faults check lint types format protos docs release-protos lock setup bench bench-readme bench-nlu clean

help: ## Show what there is
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/; s/%/NAME/' | expand -t 16

run: $(INSTALLED) ## Set up, and serve on the embedded defaults: no key, no other server
	$(BIN)/parley serve

test: $(INSTALLED) $(PROTO_INSTALLED) ## Set up, and run all tests
	$(BIN)/pytest $(TESTS)

test-faults: $(INSTALLED) ## Kill, cut, fill and pause things for half an hour, and count what is lost; ONLY=NAME: some of it
	$(BIN)/pytest tests/faults --faults=full -s $(if $(ONLY),-k "$(ONLY)")

chat: $(INSTALLED) ## Talk to the server in the terminal, starting one if none runs
	$(BIN)/parley chat --start-server

check: lint types test ## All that CI runs; writes nothing

lint: $(INSTALLED) ## Check style, imports and protos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/buf breaking protos --against protos/released.binpb

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write protos

protos: $(PROTO_INSTALLED) ## Generate client/parley/v1 from protos/
	$(PROTO_BIN)/python -m grpc_tools.protoc -I protos --python_out=$(PROTO_OUT) --mypy_out=quiet:$(PROTO_OUT) \
		--plugin=$(PROTO_BIN)/protoc-gen-mypy protos/parley/v1/*.proto
	$(PROTO_BIN)/python -m grpc_tools.protoc -I protos --grpc_python_out=$(PROTO_OUT) \
		--mypy_grpc_out=quiet:$(PROTO_OUT) --plugin=$(PROTO_BIN)/protoc-gen-mypy_grpc \
		protos/parley/v1/conversation.proto

docs: $(INSTALLED) ## Write docs/ from the models of the definition format
	$(BIN)/python -m parley_server.assistants.reference docs

release-protos: $(INSTALLED) ## Make the protos as they are the ones that later changes may not break
	$(BIN)/buf build protos --as-file-descriptor-set --exclude-source-info -o protos/released.binpb

lock: ## Install the newest versions and pin them in constraints.txt
	rm -rf .venv && $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --editable '.[server,redis,graph,openai,bench,dev]'
	sed -i '/^[^#]/d' constraints.txt && $(BIN)/pip freeze --exclude-editable >> constraints.txt

setup: $(INSTALLED) ## Set up .venv with the pinned versions

bench: $(BENCH_INSTALLED) ## Run all benchmarks of speed, in ten minutes
	$(BIN)/python -m benchmarks --json benchmarks/results.json

bench-readme: $(INSTALLED) ## Write the figures of the last `make bench` into the README
	$(BIN)/python -m benchmarks --readme benchmarks/results.json

bench-%: $(BENCH_INSTALLED) ## Run one of them: bench-wire, bench-stores, bench-model …
	$(BIN)/python -m benchmarks $*

bench-nlu: $(INSTALLED) ## Score understanding on the sample data in ../shared/data or PARLEY_DATA
	for part in slots intents yesno dialogs; do $(BIN)/python -m benchmarks.nlu.$$part; done

clean: ## Remove what was set up and generated
	rm -rf .venv .venv-protos .*_cache .hypothesis

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("parley needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[server,redis,graph,openai,dev]' --constraint constraints.txt
	touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]' --constraint constraints.txt
	touch $@

$(PROTO_INSTALLED): protos/toolchain.txt
	test -d .venv-protos || $(PYTHON) -m venv .venv-protos
	$(PROTO_BIN)/pip install --quiet --disable-pip-version-check --requirement protos/toolchain.txt
	touch $@
