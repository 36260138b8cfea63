# keyward. `make help` lists the targets. CMake does the building; this file installs, drives and tests.

BUILD       ?= build
JOBS        ?= $(shell nproc)
PYTEST_JOBS ?= 6
PYTHON      ?= /usr/bin/python3
PREFIX      ?= /usr/local
TIDY_FILES  ?= $(shell find src -name '*.cpp')
FUZZ_SECONDS ?= 60
FUZZ_MAX_LEN ?= 9000
export PATH := $(PATH):/usr/sbin

# NGINX_SRC is another configured and built nginx tree; without it: the nginx of this machine, from its packages.
NGINX       ?= $(if $(NGINX_SRC),$(abspath $(NGINX_SRC))/objs/nginx,nginx)
MODULES_DIR ?= $(or $(shell $(NGINX) -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'),/usr/lib/nginx/modules)
SO          := ngx_http_keyward_module.so

# What the module and the command are built with, and run on; what the demo needs besides; what the tests need besides.
BUILD_DEPS := g++ make cmake ninja-build ccache liblmdb-dev libyajl-dev libsodium-dev libssl-dev libcrypt-dev \
              libcurl4-openssl-dev libcli11-dev $(if $(NGINX_SRC),,nginx nginx-dev)
DEMO_DEPS  := python3 curl
DEPS       := $(BUILD_DEPS) $(DEMO_DEPS) libgtest-dev libgmock-dev python3-pytest python3-pytest-xdist python3-h2 python3-grpcio python3-bcrypt \
              python3-lmdb python3-cryptography python3-jwt
ifeq ($(strip $(DEPS)),)  # whoever says DEPS= has all of it
BUILD_DEPS :=
DEMO_DEPS  :=
endif
CHECK_DEPS := clang-format clang-tidy black isort flake8
# The rivals that `make bench` measures beside, too. What of them brings its own server doesn't start it (see APT_INSTALL).
BENCH_DEPS := wrk libbenchmark-dev valgrind haproxy libnginx-mod-http-lua libnginx-mod-http-js lua-resty-core \
              lua-cjson
# A hundred megabytes, for one test, which is skipped without it: `make check` has it.
BROWSER_DEPS := chromium-headless-shell
FUZZ_DEPS  := clang libclang-rt-14-dev
# What `make deb` needs besides what it builds with.
DEB_DEPS   := dpkg-dev debhelper fakeroot lintian

VERSION    := $(shell sed -n 's/.*"keyward \(.*\)".*/\1/p' src/base/version.hpp)
# Installed files are stripped; STRIP= leaves the symbols in.
STRIP      ?= -s

.PHONY: all deps check-deps bench-deps browser-deps fuzz-deps asan demo run test test-asan fuzz format check-format tidy check bench install clean help

all:  ## build build/ngx_http_keyward_module.so and build/keyward
	$(call install_packages,$(BUILD_DEPS))
	$(call build,$(BUILD))

# What the tests run, with GoogleTest.
.PHONY: all-tests demo-deps
all-tests: deps
	$(call build,$(BUILD),,all unit_tests)

demo-deps:
	$(call install_packages,$(BUILD_DEPS) $(DEMO_DEPS))

deps:  ## install the Debian packages that building, running and testing need
	$(call install_packages,$(DEPS))

check-deps: deps
	$(call install_packages,$(CHECK_DEPS))

bench-deps: deps
	$(call install_packages,$(BENCH_DEPS))

browser-deps: deps
	$(call install_packages,$(BROWSER_DEPS))

fuzz-deps: deps
	$(call install_packages,$(FUZZ_DEPS))

asan: deps  ## the same with AddressSanitizer and UndefinedBehaviorSanitizer, into build/asan
	$(call build,$(BUILD)/asan,$(asan_options),all unit_tests)

demo: demo-deps all  ## a backend and nginx with keyward in front: shows allowed and refused requests, and stops them
	KEYWARD_BUILD=$(abspath $(BUILD)) NGINX=$(NGINX) t/demo/demo.sh

run: demo-deps all  ## the same, left running
	KEYWARD_BUILD=$(abspath $(BUILD)) NGINX=$(NGINX) t/demo/demo.sh --stay

test: all-tests  ## every test; ONE=unit:Base62* or ONE=t/e2e/test_build.py::test_loads for one
	$(call test,$(BUILD))

test-asan: asan  ## the same in build/asan; takes ONE= too
	$(call test,$(BUILD)/asan)

fuzz: fuzz-deps  ## each fuzz target for FUZZ_SECONDS with sanitizers; ONE=token for one. What it finds stays in build/fuzz
	$(call build,$(BUILD)/fuzz,-DKEYWARD_SANITIZE=ON -DKEYWARD_FUZZ=ON -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)
	@for target in $(or $(ONE),$(patsubst t/fuzz/%_fuzz.cpp,%,$(wildcard t/fuzz/*_fuzz.cpp))); do \
	    log=$(BUILD)/fuzz/$$target.log; mkdir -p $(BUILD)/fuzz/corpus/$$target; \
	    $(BUILD)/fuzz/$${target}_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=$(FUZZ_MAX_LEN) -timeout=10 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/fuzz/$$target- $(BUILD)/fuzz/corpus/$$target t/fuzz/corpus/$$target >$$log 2>&1 || { tail -50 $$log; exit 1; }; \
	    echo "$$target: $$(sed -n 's/^stat::number_of_executed_units: //p' $$log) executions"; \
	done

.PHONY: oauth-server
oauth-server: $(BUILD)/oauth/installed  ## OAuth servers, MCP's official clients, servers and conformance suite, and Node for these, from npm, into build/oauth: `make test` does it where there is npm

$(BUILD)/oauth/installed: t/e2e/oauth/package.json
	@mkdir -p $(@D) && cp $< $(@D)/
	@echo "Installing packages from npm"
	@rm -f $@; cd $(@D) && npm install --ignore-scripts --omit=dev --no-audit --no-fund --no-package-lock --loglevel=error --fetch-retries=0
	@touch $@

format: check-deps  ## lay out the C++ and Python sources
	clang-format -i $(cpp_files)
	isort -q $(isort_options) t
	black -q $(black_options) t

check-format: check-deps  ## whether they are laid out so, and what flake8 says of Python
	clang-format --dry-run -Werror $(cpp_files)
	isort -q --check $(isort_options) t
	black -q --check $(black_options) t
	flake8 t

# clang doesn't read GCC's precompiled headers, so it has the sources as they are, and finds an #include that one of them forgot.
tidy: check-deps  ## clang-tidy over src; TIDY_FILES= for some of it
	@cmake -S . -B $(BUILD)/tidy -G Ninja --log-level=WARNING -DNGINX_SRC=$(abspath $(NGINX_SRC)) -DKEYWARD_PCH=OFF >/dev/null
	@printf '%s\n' $(TIDY_FILES) | xargs -P $(JOBS) -n 1 clang-tidy -quiet -p $(BUILD)/tidy \
	    -extra-arg=-Wno-unknown-warning-option -extra-arg=-Wno-ignored-optimization-argument

.PHONY: asan-unit test-asan-unit tsan-unit tsan
asan-unit: deps  # only builds what test-asan-unit runs
	$(call build,$(BUILD)/asan,$(asan_options),unit_tests)

test-asan-unit: asan-unit  ## the unit tests alone with these sanitizers
	@$(call unit_tests,$(BUILD)/asan)

tsan-unit: deps  # only builds what tsan runs
	$(call build,$(BUILD)/tsan,-DKEYWARD_TSAN=ON,unit_tests)

tsan: tsan-unit  ## what threads share (the pool, limits, proofs, the gate) under ThreadSanitizer, in build/tsan
	TSAN_OPTIONS=$(tsan_options) $(BUILD)/tsan/unit_tests --gtest_brief=1 --gtest_filter='$(tsan_tests)'

check: check-deps browser-deps all-tests  ## formatting, static analysis, every test, the long ones, a million decisions against the model, every test with sanitizers
	$(MAKE) check-format
	$(MAKE) tidy
	$(call test,$(BUILD))
	KEYWARD_THOROUGH=1 $(BUILD)/unit_tests --gtest_brief=1 --gtest_filter='StoreDamage.*' 2>/dev/null
	$(PYTHON) t/e2e/model/run.py --build-dir=$(BUILD) --nginx=$(NGINX) --decisions 1000000
	KEYWARD_THOROUGH=1 $(call pytest,$(BUILD)) -q -m thorough t/e2e
	$(MAKE) tsan
	$(MAKE) test-asan

bench: bench-deps all  ## the benchmarks, into build/bench; ONE=SECTION for one, BENCH_OPTIONS=--quick to try it
	@cmake --build $(BUILD) -j $(JOBS) --target bench_programs
	KEYWARD_BUILD=$(abspath $(BUILD)) NGINX=$(NGINX) $(PYTHON) t/bench/bench.py $(BENCH_OPTIONS) $(if $(ONE),--only $(ONE))

install:  ## what `make` has built: the module into nginx's modules path, the command, its manual page and completions into PREFIX; DESTDIR= goes before both
	@[ -s $(BUILD)/$(SO) ] && [ -x $(BUILD)/keyward ] && [ -s $(BUILD)/pages/keyward.1 ] || { echo "There is nothing to install in $(BUILD): run make first, as yourself"; exit 1; }
	install -D $(STRIP) -m 644 $(BUILD)/$(SO) $(installed_module)
	install -D $(STRIP) -m 755 $(BUILD)/keyward $(installed_command)
	install -D -m 644 $(BUILD)/pages/keyward.1 $(installed_man)
	install -D -m 644 $(BUILD)/pages/keyward.bash $(installed_bash)
	install -D -m 644 $(BUILD)/pages/keyward.zsh $(installed_zsh)
	install -D -m 644 $(BUILD)/pages/keyward.fish $(installed_fish)

.PHONY: uninstall
uninstall:  ## remove what install put there, with the same DESTDIR=, PREFIX= and MODULES_DIR=; stores and nginx.conf stay
	rm -f $(installed_module) $(installed_command) $(installed_man) $(installed_bash) $(installed_zsh) $(installed_fish)

.PHONY: dist deb
dist:  ## build/keyward-VERSION.tar.gz, an archive of the sources as they were committed: the same bytes each time
	@git rev-parse HEAD >/dev/null 2>&1 || { echo "This is no clone of the repository: an archive is made of what was committed"; exit 1; }
	@[ -z "$$(git status --porcelain --untracked-files=no)" ] || { echo "Commit first: an archive is made of what was committed, and there are changes"; exit 1; }
	@mkdir -p $(BUILD)
	git archive --format=tar --prefix=keyward-$(VERSION)/ HEAD | gzip -9n >$(BUILD)/keyward-$(VERSION).tar.gz

# The tree is laid out as dpkg-buildpackage wants it: debian at the top, and nothing that was built.
deb:  ## the Debian packages of the module and of the command, into build/deb
	$(call install_packages,$(BUILD_DEPS) $(DEB_DEPS))
	@rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/keyward-$(VERSION)
	@tar -c --exclude-vcs --exclude='./build*' --exclude='*/__pycache__' . | tar -x -C $(BUILD)/deb/keyward-$(VERSION)
	@mv $(BUILD)/deb/keyward-$(VERSION)/packaging/debian $(BUILD)/deb/keyward-$(VERSION)/debian
	cd $(BUILD)/deb/keyward-$(VERSION) && dpkg-buildpackage -b -us -uc -j$(JOBS)
	lintian --fail-on error,warning $(BUILD)/deb/*.changes
	@rm -rf $(BUILD)/deb/keyward-$(VERSION)
	@ls $(BUILD)/deb/*.deb

clean:  ## remove everything that was built
	rm -rf $(BUILD)

help:
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12
	@echo "Variables: NGINX_SRC, NGINX, BUILD, JOBS, PYTEST_JOBS, ONE, CMAKE_OPTIONS, FUZZ_SECONDS, BENCH_OPTIONS, TIDY_FILES, PREFIX, MODULES_DIR, DESTDIR, STRIP. DEPS= installs nothing."

cpp_files = $(shell find src t -name '*.[ch]pp')
black_options = --line-length 120 --target-version py311
# Without --src, isort takes the package jwt for src/jwt.
isort_options = --profile black --line-length 120 --src t

# Without precompiled headers: what a source forgot to include is found here.
asan_options = -DKEYWARD_SANITIZE=ON -DKEYWARD_PCH=OFF

# The tests with threads: ThreadSanitizer sees those of one process, and what forks, kills or single-steps hangs under it. It takes a mutex
# that is locked in memory mapped anew for one that was never unlocked.
tsan_options := detect_deadlocks=0:report_mutex_bugs=0:halt_on_error=1
tsan_tests   := ThreadPool.*:*Threads*:*UnderLoad*:*OthersCharge*:*ProofsStayTrue*:GateTest.NoMore*:GateTest.TheSame*:GateTest.Waiting*

installed_module  = $(DESTDIR)$(MODULES_DIR)/$(SO)
installed_command = $(DESTDIR)$(PREFIX)/bin/keyward
installed_man     = $(DESTDIR)$(PREFIX)/share/man/man1/keyward.1
installed_bash    = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/keyward
installed_zsh     = $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_keyward
installed_fish    = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/keyward.fish

define build
@cmake -S . -B $(1) -G Ninja --log-level=WARNING -DNGINX_SRC=$(abspath $(NGINX_SRC)) $(2) $(CMAKE_OPTIONS) >/dev/null
@cmake --build $(1) -j $(JOBS) --target $(or $(3),all)
endef

pytest = $(PYTHON) -m pytest --rootdir=. -o cache_dir=$(abspath $(BUILD))/.pytest_cache --build-dir=$(1) --nginx=$(NGINX)

# Many unit tests wait for other processes, so several shares of them run side by side.
unit_tests = seq 0 3 | xargs -P 4 -I {} env GTEST_TOTAL_SHARDS=4 GTEST_SHARD_INDEX={} $(1)/unit_tests --gtest_brief=1

# Tests against other people's JavaScript get it where there is npm; where that reaches no registry they are skipped, and say so.
npm_packages = $(if $(DEPS),! command -v npm >/dev/null || $(MAKE) -s oauth-server || echo "Nothing came from npm: tests that want it are skipped",:)

ifeq ($(ONE),)
define test
@$(npm_packages) & $(call unit_tests,$(1)); status=$$?; wait; exit $$status
$(call pytest,$(1)) -q -n $(PYTEST_JOBS) --dist=loadgroup t/e2e
endef
else ifneq ($(filter unit:%,$(ONE)),)
test = $(1)/unit_tests --gtest_filter='$(ONE:unit:%=%)'
else
define test
@$(npm_packages)
$(call pytest,$(1)) -v '$(ONE)'
endef
endif

# Costs one dpkg-query when nothing is missing.
define install_packages
@installed=" $$(dpkg-query -W -f='$${Package} $${db:Status-Status} ' $(1) 2>/dev/null)"; missing=; \
for package in $(1); do \
    case "$$installed" in *" $$package installed "*) ;; *) missing="$$missing $$package" ;; esac; \
done; \
[ -z "$$missing" ] || { echo "Installing$$missing"; $(if $(filter 0,$(shell id -u)),,sudo) sh -c "$$APT_INSTALL" apt $$missing; }
endef

# Debian starts nginx on port 80 as soon as it is installed, which nobody asked for: policy-rc.d says no.
define APT_INSTALL
set -e
command -v apt-get >/dev/null || { echo "No apt-get here: install what matches these, then make DEPS="; exit 1; }
policy=/usr/sbin/policy-rc.d
if [ ! -e $$policy ]; then
    trap "rm -f $$policy" EXIT
    printf '#!/bin/sh\nexit 101\n' > $$policy
    chmod 755 $$policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -s "$$@" >/dev/null 2>&1 || apt-get update -qq
apt-get install -y -qq --no-install-recommends "$$@"
endef
export APT_INSTALL
