# spanload - make help lists what can be made.
#
# CC=gcc or clang. SAN=address,undefined builds the command and the unit tests with sanitizers.
# WERROR=1 makes warnings errors. CROSS=aarch64-linux-gnu- builds for another machine into build/aarch64-linux-gnu-.

# V=1 shows the commands.

Q := $(if $(V),,@)
VERSION := 0.1.0
PREFIX ?= /usr/local
CROSS ?=
CC = $(CROSS)gcc
BUILD ?= build$(if $(CROSS),/$(CROSS:-=))$(if $(SAN),/san)
MACHINE := $(shell $(CC) -dumpmachine | cut -d- -f1)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-declarations $(if $(WERROR),-Werror)
IS_CLANG := $(findstring clang,$(shell $(CC) --version))
ifneq ($(IS_CLANG),)
WARNINGS := $(filter-out,$(WARNINGS)) -Wno-gnu-folding-constant
endif
COMMON := -std=gnu17 -D_GNU_SOURCE -ffile-prefix-map=$(CURDIR)=. -DSPANLOAD_VERSION='"$(VERSION)"' -O2 -g -MMD -MP $(WARNINGS)

# The library: no libc behind it, no symbols before it. A frame on the application's stack is small (pitfalls: small
# stacks); unwind tables let thread cancellation pass through our hooks; marks for shadow stacks and branch targets.
MACHINE_FLAGS_x86_64 := -fcf-protection=full
MACHINE_FLAGS_aarch64 := -mbranch-protection=standard -mno-outline-atomics
MACHINE_LINK_x86_64 := -Wl,-z,ibt -Wl,-z,shstk
LIBRARY := $(COMMON) $(MACHINE_FLAGS_$(MACHINE)) -fPIC -fvisibility=hidden -ftls-model=initial-exec -U_FORTIFY_SOURCE \
	-fno-stack-protector -fasynchronous-unwind-tables -fno-strict-aliasing -fno-builtin-bcmp
LIBRARY_LINK := -shared -nostdlib -Wl,-soname,libspanload.so -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack \
	-Wl,--hash-style=both -Wl,--build-id $(MACHINE_LINK_$(MACHINE))

# A directory is a thread: what a room can include is what the compiler is told of.
ROOM_preload := -Iinclude -Ipreload -Wframe-larger-than=1024
ROOM_exporter := -Iinclude -Iexporter -Wframe-larger-than=2048
ROOM_cli := -Icli -Icli/compare

# What runs for each request stands together in the library, on few pages: between two system calls there is little time.
HOT := $(patsubst %,preload/%.c,hooks sending receiving call conversation unit announced connection protocols protocols/http1 tracer thread queue waiting pool mem)
PRELOAD := $(HOT) $(filter-out $(HOT),$(wildcard preload/*.c preload/protocols/*.c preload/*.S))
EXPORTER := $(wildcard exporter/*.c)
LIBRARY_OBJECTS := $(patsubst %,$(BUILD)/obj/%.o,$(PRELOAD) $(EXPORTER))
CLI := $(wildcard cli/*.c cli/compare/*.c)
CLI_OBJECTS := $(patsubst %,$(BUILD)/obj/%.o,$(CLI))

.PHONY: all
all: $(BUILD)/libspanload.so $(if $(CROSS),,$(BUILD)/spanload) ## the library and the command (the default)

# Moved into its place whole: programs that run from it, or start meanwhile, never see half of one.
$(BUILD)/libspanload.so: $(LIBRARY_OBJECTS)
	$(Q)$(CC) $(LIBRARY_LINK) -o $@.new $^ && mv -f $@.new $@

$(BUILD)/obj/preload/mem.c.o: ROOM_preload += -fno-builtin $(if $(IS_CLANG),,-fno-tree-loop-distribute-patterns)
$(BUILD)/obj/preload/%.c.o: preload/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIBRARY) $(ROOM_preload) -c -o $@ $<
$(BUILD)/obj/preload/%.S.o: preload/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIBRARY) -c -o $@ $<
$(BUILD)/obj/exporter/%.c.o: exporter/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIBRARY) $(ROOM_exporter) -c -o $@ $<

SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
$(BUILD)/spanload: $(CLI_OBJECTS)
	$(Q)$(CC) $(SANITIZE) -o $@ $^ $(shell pkg-config --libs libcjson) -lm
$(BUILD)/obj/cli/%.c.o: cli/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(SANITIZE) $(shell pkg-config --cflags libcjson) $(ROOM_cli) -c -o $@ $<

# The names of this machine's system calls, from the kernel's headers.
$(BUILD)/obj/cli/compare/system_calls.inc:
	@mkdir -p $(@D)
	$(Q)echo '#include <sys/syscall.h>' | $(CC) -E -dM - | sed -n '/_syscalls\? /d; s/^#define __NR_\([a-z0-9_]*\) .*/[__NR_\1] = "\1",/p' | sort >$@.new && mv $@.new $@
$(BUILD)/obj/cli/compare/system_calls.c.o: $(BUILD)/obj/cli/compare/system_calls.inc
$(BUILD)/obj/cli/compare/system_calls.c.o: ROOM_cli += -I$(BUILD)/obj/cli/compare

# --- tests ---------------------------------------------------------------------------------------------------------
# Unit tests see the sources compiled against libc, in an archive; a test's own stand-ins come before it.
UNIT_FLAGS := $(COMMON) $(SANITIZE) -fno-strict-aliasing -Iinclude -Ipreload -Iexporter -Itests/unit
NOT_IN_UNITS := preload/hooks.c preload/calls_descriptors.c preload/calls_process.c preload/next.c preload/process.c preload/mem.c
PURE_CLI := cli/buffer.c cli/text.c cli/otlp.c cli/span_store.c $(patsubst %,cli/compare/%.c,statistics content diff difference tallies load_figures \
	load_named load_report load_tools load_words axis comparison report_table units verdict)
UNIT_OBJECTS := $(patsubst %,$(BUILD)/unit/%.o,$(filter-out $(NOT_IN_UNITS),$(filter %.c,$(PRELOAD) $(EXPORTER))) $(PURE_CLI))
UNIT_SUPPORT := $(patsubst %.c,$(BUILD)/unit/%.c.o,$(wildcard tests/unit/support_*.c))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/unit/%,$(notdir $(wildcard tests/unit/test_*.c tests/unit/cli/test_*.c)))
RACE_TESTS := $(patsubst tests/race/%.c,$(BUILD)/race/%,$(filter-out tests/race/support.c,$(wildcard tests/race/*.c)))

$(BUILD)/unit/cli/%.c.o: cli/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(SANITIZE) $(ROOM_cli) -c -o $@ $<
$(BUILD)/unit/tests/unit/cli/%.c.o: tests/unit/cli/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(SANITIZE) $(ROOM_cli) -c -o $@ $<
$(BUILD)/unit/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_FLAGS) -c -o $@ $<
$(BUILD)/unit/units.a: $(UNIT_OBJECTS)
	rm -f $@ && $(CROSS)ar rcs $@ $^
$(BUILD)/unit/test_%: $(BUILD)/unit/tests/unit/test_%.c.o $(UNIT_SUPPORT) $(BUILD)/unit/units.a
	$(Q)$(CC) $(SANITIZE) -o $@ $^ -lcriterion $(shell pkg-config --libs libcjson) -lm -lpthread
$(BUILD)/unit/test_%: $(BUILD)/unit/tests/unit/cli/test_%.c.o $(BUILD)/unit/units.a
	$(Q)$(CC) $(SANITIZE) -o $@ $^ -lcriterion $(shell pkg-config --libs libcjson) -lm

# Races: plain programs, every source of both rooms under ThreadSanitizer. (gcc 12 then sees
# bounds that are not there; and it cannot follow fences, which here order atomic words only.)
RACE_FLAGS := $(COMMON) -fsanitize=thread -Wno-tsan -Wno-array-bounds -Wno-stringop-overread -fno-strict-aliasing \
	-Dexporter_clone=race_clone -Iinclude -Ipreload -Iexporter -Itests/race
RACE_OBJECTS := $(patsubst %,$(BUILD)/race/obj/%.o,$(filter-out $(NOT_IN_UNITS),$(filter %.c,$(PRELOAD) $(EXPORTER))) tests/race/support.c)
$(BUILD)/race/obj/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(RACE_FLAGS) -c -o $@ $<
$(RACE_TESTS): $(BUILD)/race/%: $(BUILD)/race/obj/tests/race/%.c.o $(RACE_OBJECTS)
	$(Q)$(CC) -fsanitize=thread -o $@ $^ -lpthread

.PHONY: units races
units: $(UNIT_TESTS)
races: $(RACE_TESTS)

.PHONY: test
test: ## everything: installs what is missing, builds, runs all tests
	@tests/install.sh test
	@SAN="$(SAN)" python3 -u tests/run.py

.PHONY: demo
demo: ## nginx, curl and python3 under the library, their spans as trees; nothing stays running
	@tests/install.sh demo
	@$(MAKE) --no-print-directory all
	@tests/demo.sh

.PHONY: bench
bench: ## what the library costs, as one table; PEERS=1: beside OpenTelemetry's own instrumentation (PyPI, npm)
	@tests/install.sh $(if $(filter 1,$(PEERS)),peers,bench)
	@$(MAKE) --no-print-directory all
	@PEERS=$(PEERS) /usr/bin/python3 tests/bench/bench.py

.PHONY: accuracy
accuracy: ## how often the links between spans are right, for each model of a service; a table, a picture, README's table
	@tests/install.sh test
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 tests/accuracy/accuracy.py

SECONDS ?= 60
.PHONY: fuzz
fuzz: ## the fuzzers of the framing, for SECONDS=60 in all; what fails is kept in build/fuzz
	@tests/install.sh test
	@/usr/bin/python3 -u tests/fuzz/run.py $(SECONDS)

MINUTES ?= 10
.PHONY: soak
soak: ## nginx and others under load for MINUTES=10 while everything around them goes wrong
	@tests/install.sh test
	@$(MAKE) --no-print-directory all
	@MINUTES=$(MINUTES) /usr/bin/python3 tests/soak/soak.py

.PHONY: docs
docs: all ## the generated parts of README: settings and programs
	/usr/bin/python3 tests/support/readme.py --write
	/usr/bin/python3 tests/programs/table.py --write
	/usr/bin/python3 tests/bench/table.py --write
	/usr/bin/python3 tests/bench/picture.py --write
	/usr/bin/python3 tests/accuracy/table.py --write

.PHONY: install
install: all ## into PREFIX (/usr/local); DESTDIR is honoured
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/spanload $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 755 build/spanload $(DESTDIR)$(PREFIX)/bin/
	install -m 755 build/libspanload.so $(DESTDIR)$(PREFIX)/lib/spanload/
	cd runtime && find . -type f ! -path '*/__pycache__/*' -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/lib/spanload/runtime/{} ';'
	install -m 644 docs/spanload.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 docs/completion/spanload.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/spanload
	install -m 644 docs/completion/spanload.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_spanload

.PHONY: format
format: ## clang-format over all sources
	clang-format -i $(wildcard include/*.h preload/*.[ch] preload/protocols/*.c exporter/*.[ch] cli/*.[ch] cli/compare/*.[ch])

.PHONY: clean
clean: ## removes what was built, except the Collector and the trees of other distributions
	rm -rf build/obj build/peers build/fuzz build/unit build/race build/san build/aarch64-linux-gnu build/libspanload.so build/spanload

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(RACE_OBJECTS:.o=.d) $(wildcard $(BUILD)/race/obj/tests/race/*.d) $(LIBRARY_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(UNIT_OBJECTS:.o=.d) $(wildcard $(BUILD)/unit/tests/unit/*.d $(BUILD)/unit/tests/unit/cli/*.d)
