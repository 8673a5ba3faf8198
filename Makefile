# A short front for Meson: `make help` lists what there is. Programs come out in build/bin.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
export LC_ALL = C

.PHONY: all help deps demo check check-unit check-e2e check-vm check-fuzz check-runtime-tools check-valgrind bench lint format asan fuzz install clean

all: $(BUILD)/build.ninja ## build the programs into build/bin
	@ninja -C $(BUILD)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

$(BUILD)/build.ninja:
	@scripts/deps build test
	@meson setup $(BUILD) --prefix $(PREFIX) >/dev/null || { meson setup $(BUILD) --prefix $(PREFIX); exit 1; }

deps: ## install what building, testing, linting and measuring need (apt-get)
	@scripts/deps build test vm lint bench

demo: all ## from nothing to a running container, on an image made from busybox
	@scripts/demo $(BUILD)

check: all ## every test; in a virtual machine what this one cannot run
	@scripts/deps test vm
	@tests/run $(BUILD) unit e2e fuzz vm-rest

check-unit: all ## unit tests
	@scripts/deps test
	@tests/run $(BUILD) unit

check-e2e: all ## end-to-end tests (root)
	@scripts/deps test
	@tests/run $(BUILD) e2e

check-vm: all ## end-to-end tests in virtual machines with systemd and cgroup v2
	@scripts/deps test vm
	@tests/run $(BUILD) vm

check-fuzz: all ## each fuzz target for some seconds
	@scripts/deps test
	@tests/run $(BUILD) fuzz

check-runtime-tools: all ## the OCI project's validation suite (RUNTIME_TOOLS=its checked-out tree; Go)
	@KIST_BUILD=$(BUILD) tests/conformance/runtime-tools

bench: all ## kist against dockerd, crun, runc and the bare kernel (root)
	@scripts/deps bench
	@bench/run $(BUILD)

lint: all ## clang-format, clang-tidy, cppcheck, mandoc
	@scripts/deps lint
	@scripts/lint $(BUILD)

format: ## let clang-format write
	@scripts/deps lint
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.c' | xargs clang-format -i

asan: ## unit and end-to-end tests under AddressSanitizer and UBSan
	@scripts/deps build test
	@test -e $(BUILD)-asan/build.ninja || meson setup $(BUILD)-asan -Db_sanitize=address,undefined \
		-Db_lundef=false -Dbuildtype=debug >/dev/null
	@ninja -C $(BUILD)-asan
	@KIST_ASAN=1 tests/run $(BUILD)-asan unit e2e

check-valgrind: all ## kist-oci under valgrind (root)
	@scripts/deps test
	@test -e $(BUILD)-valgrind/build.ninja || meson setup $(BUILD)-valgrind -Dstatic=false >/dev/null
	@ninja -C $(BUILD)-valgrind bin/kist-oci
	@KIST_BUILD=$(abspath $(BUILD)) KIST_VALGRIND=$(abspath $(BUILD))-valgrind/bin/kist-oci \
		bats tests/e2e/oci-valgrind.bats

fuzz: ## build the libFuzzer targets into build-fuzz
	@scripts/deps build test
	@test -e $(BUILD)-fuzz/build.ninja || CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C $(BUILD)-fuzz

install: all ## programs, units, man pages, completions (DESTDIR=, PREFIX=)
	@meson configure $(BUILD) --prefix $(PREFIX) >/dev/null
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --strip --quiet

clean: ## remove the build folders
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz
