# The PostgreSQL side (module, SQL script, install) and the front door of the house; `make help` lists it.
# The C++ side is CMakeLists.txt. Version: control/pg_atelier.control. Packages: scripts/install_packages.sh.

FRONT_DOOR := help packages check static-checks demo demo-stop bench bench-paid mutants check-versions
goals := $(or $(MAKECMDGOALS),all)
front_goals := $(filter $(FRONT_DOOR),$(goals))
build_goals := $(filter-out $(FRONT_DOOR),$(goals))

.PHONY: $(FRONT_DOOR)

ifneq ($(and $(front_goals),$(build_goals)),)

# PGXS has targets of the same names, so the two kinds run one after the other, each in a make of its own.
.PHONY: $(goals)
.NOTPARALLEL:
$(goals):
	@$(MAKE) --no-print-directory $@

else ifneq ($(front_goals),)

# ---- The front door: works on a machine where nothing is installed yet, PGXS included.

help:
	@echo 'make                 build the module, the executor and the SQL script'
	@echo 'make install         install into the PostgreSQL of PG_CONFIG (default: pg_config); takes DESTDIR'
	@echo 'make demo            install packages, build, start a throw-away cluster and make a collection'
	@echo 'make demo PROVIDER=gemini MODEL=...    the same with a provider that charges (or openai): names the highest price first'
	@echo 'make demo STORE=s3   the same into an S3 store: a throw-away radosgw that it starts itself'
	@echo 'make demo-stop       stop what the demo started and remove it'
	@echo 'make check           prove everything: packages, build, all tests, all static checks, counts'
	@echo 'make static-checks   only the checks that read the source'
	@echo 'make bench           latency from COMMIT to the order read by the executor; collections against plain statements; views at a million rows; claims and waits beside a million jobs'
	@echo 'make bench-paid      500 paid pictures of 1.5 MB, against a script that does the same by the plainest means'
	@echo 'make mutants         take each mechanism out and see its test fail'
	@echo 'make check-versions  build and try out on PostgreSQL 17 and 18, in chroots under /var/tmp'
	@echo 'make packages        install what building and testing need (apt)'
	@echo 'make clean           remove what was built'

packages:
	@scripts/install_packages.sh build test demo

check:
	@scripts/check.sh

static-checks:
	@scripts/static_checks.sh

# Only what stands on make's own command line can make the demo call a provider that charges. It reaches the script in the
# environment, where others may stand too: so the names are said.
demo_variables := PROVIDER MODEL JSON_MODEL KEY_FILE BASE_URL PRICE JSON_PRICE LIMIT YES GEMINI_API_KEY OPENAI_API_KEY STORE
demo:
	@scripts/demo.sh $(foreach name,$(demo_variables),$(if $(filter command,$(origin $(name))),$(name)))

demo-stop:
	@scripts/demo_stop.sh

bench:
	@scripts/bench.sh
	@scripts/bench_collections.sh
	@scripts/bench_views.sh
	@scripts/bench_flow.sh

bench-paid:
	@scripts/bench_paid.sh

mutants:
	@scripts/run_mutants.sh

check-versions:
	@scripts/check_versions.sh

else

# ---- The PostgreSQL side.

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) finds no PostgreSQL server headers; `make packages` installs them (Debian), or set PG_CONFIG)
endif

BUILD := build
JOBS ?= 2
CMAKE_FLAGS ?=

EXTENSION := control/pg_atelier
EXTENSION_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)
SQL_SCRIPT := $(BUILD)/extension/pg_atelier--$(EXTENSION_VERSION).sql
PROGRAMS := $(BUILD)/pg_atelier_executor $(BUILD)/pg_atelier_media
MODULE_LIBRARIES := $(BUILD)/libatelier_signing.a $(BUILD)/libatelier_core.a

# Makefile.global has names of its own (VERSION, INSTALL_SCRIPT): ours must differ.
DATA := $(wildcard extension/*.sql)
DATA_built := $(SQL_SCRIPT)
EXTRA_CLEAN := $(BUILD)

.DEFAULT_GOAL := all

# Sets MODULE_big, OBJS, flags and SHLIB_LINK.
include src/postgres/module.mk
include $(PGXS)

.PHONY: native force installprograms uninstallprograms

all: $(PROGRAMS)

# CMake decides what is out of date; its make must not see ours.
native:
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=RelWithDebInfo $(CMAKE_FLAGS) >/dev/null
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL cmake --build $(BUILD) --parallel $(JOBS)

# The recipe changes nothing, so that only a changed file links the module again.
$(MODULE_LIBRARIES) $(PROGRAMS): native
	@test -e $@

$(shlib): $(MODULE_LIBRARIES) src/postgres/exports.map

$(SQL_SCRIPT): force
	@scripts/install_script.sh $@

install: installprograms
installprograms: $(PROGRAMS) installdirs
	$(INSTALL_PROGRAM) $(PROGRAMS) '$(DESTDIR)$(pkglibdir)/'

uninstall: uninstallprograms
uninstallprograms:
	rm -f $(addprefix '$(DESTDIR)$(pkglibdir)'/,$(notdir $(PROGRAMS)))

endif
