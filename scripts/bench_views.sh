#!/usr/bin/env bash
# make bench: what each view for operators costs where a million rows stand behind it (test/bench/views_setup.sql says which),
# read as a member of atelier_admin, so that row-level security is judged: what sums up whole, of what lists a thousand rows
# (test/bench/views_round.sql). Milliseconds, medians of the rounds, also in build/bench/views.json.
# usage: scripts/bench_views.sh [ROUNDS [ROWS]]     default 5 and 1000000
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
rounds=${1:-5}
rows=${2:-1000000}

sql() { as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE=atelier PGOPTIONS='-c client_min_messages=error' psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

start_cluster() {
  as_user scripts/cluster.sh start "$STAGE/c" fsync=off max_wal_size=8GB \
    && as_user PGHOST="$STAGE/c" PGUSER=postgres psql -Xq -d postgres -c 'create database atelier' \
    && sql -c 'create extension pg_atelier'
}

fill() { sql -v rows="$rows" -f test/bench/views_setup.sql; }

measure() {
  local round
  for ((round = 0; round <= rounds; round++)); do sql -v round="$round" -f test/bench/views_round.sql || return; done
}

scripts/install_packages.sh build
step build make -s -j 2
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
trap remove_stage EXIT
step install scripts/fill_stage.sh "$STAGE"
step cluster start_cluster
step rows fill
step rounds measure
sql -v text=on -f test/bench/views_result.sql
mkdir -p build/bench
sql -v text=off -f test/bench/views_result.sql >build/bench/views.json
as_user scripts/cluster.sh stop "$STAGE/c"
