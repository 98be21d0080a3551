#!/usr/bin/env bash
# What: the module shows PostgreSQL only its own entry points.
# Why: PostgreSQL loads modules with RTLD_GLOBAL; any other visible symbol, std:: templates included, can be taken for
#      another module's, or another's for ours.
# Fix: build with -fvisibility=hidden; give an entry point a name that begins with atelier_ or _PG_.
set -euo pipefail
cd "$(dirname "$0")/.."
foreign=$(nm -D --defined-only pg_atelier.so | awk '{print $3}' | grep -vE '^(_PG_(init|fini)|Pg_magic_func|(pg_finfo_)?(pg_)?atelier_[a-z0-9_]+)$') || true
if [[ -n $foreign ]]; then
  echo 'pg_atelier.so exports what is not an entry point:'
  c++filt <<<"$foreign"
  exit 1
fi
