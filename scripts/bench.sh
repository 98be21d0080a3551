#!/usr/bin/env bash
# make bench: from the application's COMMIT to the order read by the executor, one job at a time on an idle server, with
# the poll interval at an hour, so that only the wake can be what is measured.
# usage: scripts/bench.sh [ROUNDS]     default 1000
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
rounds=${1:-1000}

# In the stage, beside what is measured: the programs that play the two ends.
compile() {
  local include
  include=$(pg_config --includedir)
  mkdir -p "$STAGE/bench" &&
    g++ -std=c++20 -O2 -Wall -Wextra -Isrc -o "$STAGE/bench/pg_atelier_executor" test/bench/clock_executor.cpp build/libatelier_core.a &&
    g++ -std=c++20 -O2 -Wall -Wextra -isystem "$include" -o "$STAGE/bench/commit_to_order" test/bench/commit_to_order.cpp -lpq &&
    chmod -R a+rX "$STAGE/bench"
}

start_cluster() {
  as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier pg_atelier.poll_interval=1h \
    pg_atelier.program_directory="$STAGE/bench" &&
    as_user PGHOST="$STAGE/c" PGUSER=postgres psql -Xq -d postgres -c 'create database atelier' &&
    as_user PGHOST="$STAGE/c" PGUSER=postgres psql -Xq -d atelier -c 'create extension pg_atelier'
}

scripts/install_packages.sh build
step build make -s -j 2
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
trap remove_stage EXIT
step install scripts/fill_stage.sh "$STAGE"
step compile compile
step cluster start_cluster
if ! as_user "$STAGE/bench/commit_to_order" "host=$STAGE/c user=postgres dbname=atelier" "$rounds"; then
  tail -n 20 "$STAGE/c/server.log"
  exit 1
fi
as_user scripts/cluster.sh stop "$STAGE/c"
