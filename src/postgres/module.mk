# The PostgreSQL module, built by PGXS. Included by the top Makefile before $(PGXS), which expects the static libraries of
# build/.

MODULE_big := pg_atelier
OBJS := $(patsubst %.cpp,%.o,$(sort $(wildcard src/postgres/*.cpp)))
# libcrypto: docs/decisions/0006-what-a-backend-signs.md.
SHLIB_LINK += $(MODULE_LIBRARIES) -lcrypto -lstdc++ -Wl,-z,relro,-z,now -Wl,--version-script=src/postgres/exports.map

# PostgreSQL's headers as system headers: their own warnings are not ours, nor those of their macros. They come before
# PGXS's -I of the same path.
PG_CPPFLAGS += -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -MMD -MP
PG_CXXFLAGS += -std=c++20 -fvisibility=hidden -fvisibility-inlines-hidden -Wall -Wextra -Wshadow -Werror -Wno-register -Wno-deprecated-volatile -g1

# clang would build bitcode of C++20 for inlining into queries: there is nothing to inline, and no need for clang.
override with_llvm := no

EXTRA_CLEAN += $(OBJS:.o=.d)
-include $(OBJS:.o=.d)

# For a second compiler, in scripts/check_clang.sh.
.PHONY: print-module-flags
print-module-flags:
	@echo $(PG_CPPFLAGS) $(PG_CXXFLAGS) -D_GNU_SOURCE
