#!/usr/bin/env bash
# make bench: what asking for a whole collection costs against a plain INSERT of its assets (test/bench/collections_round.sql
# says exactly), and what collection_status() costs against a query of the columns that it tells. Interleaved, on a server
# without a worker; medians of the rounds, also in build/bench/collections.json.
# usage: scripts/bench_collections.sh [ROUNDS [PRODUCTS]]     default 9 and 500
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
rounds=${1:-9}
products=${2:-500}

sql() { as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE=atelier PGOPTIONS='-c client_min_messages=error' psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

start_cluster() {
  as_user scripts/cluster.sh start "$STAGE/c" \
    && as_user PGHOST="$STAGE/c" PGUSER=postgres psql -Xq -d postgres -c 'create database atelier' \
    && sql -c 'create extension pg_atelier' \
    && sql -v products="$products" -f test/bench/collections_setup.sql
}

# Milliseconds that a client waits for the whole answer of a prepared statement, on an average of 100.
latency() {
  as_user PGHOST="$STAGE/c" PGUSER=postgres pgbench -n -M prepared -t 100 -f "$1" atelier 2>/dev/null | sed -n 's/^latency average = \([0-9.]*\) ms$/\1/p'
}

# collection_status(), and the columns that it tells of each asset, read as rows in the same order.
measure_status() {
  local round=$1 seen ours bare
  seen=$(sql -c 'select id from bench.seen') &&
    echo "select atelier.collection_status('$seen');" >"$STAGE/tmp/ours.sql" &&
    echo "select id, product_id, status, progress, image_id, error_message from atelier.generated_assets
           where collection_id = '$seen' and deleted_at is null order by created_at, id;" | tr '\n' ' ' >"$STAGE/tmp/bare.sql" &&
    chmod a+r "$STAGE"/tmp/{ours,bare}.sql &&
    ours=$(latency "$STAGE/tmp/ours.sql") && bare=$(latency "$STAGE/tmp/bare.sql") &&
    sql -c "insert into bench.samples values ('collection_status', $round, $ours, $bare)"
}

# generate_collection() in one session, so that plans and caches are those of an application that is at work.
measure() {
  local together=() round
  for ((round = 0; round <= rounds; round++)); do together+=(-c "\\set round $round" -f test/bench/collections_round.sql); done
  sql "${together[@]}" || return
  for ((round = 0; round <= rounds; round++)); do measure_status "$round" || return; done
}

scripts/install_packages.sh build
step build make -s -j 2
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
trap remove_stage EXIT
step install scripts/fill_stage.sh "$STAGE"
step cluster start_cluster
step rounds measure
sql -v text=on -f test/bench/collections_result.sql
mkdir -p build/bench
sql -v text=off -f test/bench/collections_result.sql >build/bench/collections.json
as_user scripts/cluster.sh stop "$STAGE/c"
