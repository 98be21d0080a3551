#!/usr/bin/env bash
# make bench: what a long queue costs those who do not stand in it.
# 1. The claim of twenty jobs of ten clients, and the whole lease of them, where a thousand jobs are ready, where ROWS are, and
#    where a thousand are ready and ROWS wait for their time. Interleaved, on a server without a worker, the fastest of
#    twenty in each round, medians of the rounds.
# 2. How long one client's jobs take from COMMIT to their start and to their result, in an empty system and while ROWS jobs of
#    another are ready in the same lane; and what two clients of weights 1 and 3 get of a lane that both wait for. The
#    executor is played (test/bench/paced_executor.cpp): 200 ms a job, a quarter more or less, 20 at once.
# Also in build/bench/flow.json.
# usage: scripts/bench_flow.sh [ROUNDS [ROWS]]     default 9 and 1000000
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
rounds=${1:-9}
rows=${2:-1000000}
latency=200
in_flight=20

sql() {
  local database=$1
  shift
  as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE="$database" PGOPTIONS='-c client_min_messages=error' psql -XAtq -v ON_ERROR_STOP=1 "$@"
}

create() { sql postgres -c "create database $1" && sql "$1" -c 'create extension pg_atelier'; }

# ---- What a claim costs.

start_without_worker() {
  as_user scripts/cluster.sh start "$STAGE/c" fsync=off autovacuum=off max_wal_size=8GB shared_buffers=1GB
}

fill() {
  create few && sql few -v ready=1000 -v deferred=0 -f test/bench/flow_claim_fill.sql &&
    create ready && sql ready -v ready="$rows" -v deferred=0 -f test/bench/flow_claim_fill.sql &&
    create deferred && sql deferred -v ready=1000 -v deferred="$rows" -f test/bench/flow_claim_fill.sql
}

# Round 0 is there to warm up.
measure_claims() {
  local round database
  for ((round = 0; round <= rounds; round++)); do
    for database in few ready deferred; do
      sql "$database" -v round="$round" -f test/bench/flow_claim_round.sql >>"$STAGE/tmp/claims" || return
    done
  done
}

# ---- What others wait.

compile() {
  mkdir -p "$STAGE/bench" &&
    g++ -std=c++20 -O2 -Wall -Wextra -Isrc -o "$STAGE/bench/pg_atelier_executor" test/bench/paced_executor.cpp build/libatelier_core.a &&
    chmod -R a+rX "$STAGE/bench"
}

start_with_worker() {
  as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier pg_atelier.poll_interval=1h pg_atelier.max_in_flight=100 \
    pg_atelier.program_directory="$STAGE/bench" fsync=off max_wal_size=8GB shared_buffers=1GB &&
    create atelier && sql atelier -v in_flight="$in_flight" -f test/bench/flow_share_setup.sql
}

# wait_until DATABASE CONDITION SECONDS
wait_until() {
  local tries
  for ((tries = 0; tries < 5 * $3; tries++)); do
    [[ $(sql "$1" -c "select $2") != t ]] || return 0
    sleep 0.2
  done
  echo "after $3 s still not true: $2"
  return 1
}

# trickle FIGURE: 200 jobs of the other client, one every 60 ms, and how long each took.
trickle() {
  local since
  since=$(sql atelier -c 'select now()') &&
    sql atelier -c "call bench.trickle('other', 200, 60, $latency)" &&
    wait_until atelier "not exists (select from atelier.jobs j join bench.clients c on c.id = j.client_id where c.name = 'other')" 600 &&
    sql atelier -c "insert into bench.samples
                    select '$1 start', 1, percentile_cont(0.95) within group (order by till_start) from bench.ended_after('other', '$since')
                    union all select '$1 end', 1, percentile_cont(0.95) within group (order by till_end) from bench.ended_after('other', '$since')"
}

fill_lane() {
  local part
  sql atelier -c "select atelier.pause_lane('offline', 'paced')" >/dev/null &&
    for ((part = 0; part < rows; part += 50000)); do
      sql atelier -c "select cardinality(bench.enqueue('busy', least(50000, $rows - $part), $latency))" >/dev/null || return
    done &&
    sql atelier -c 'vacuum analyze' &&
    sql atelier -c "select atelier.resume_lane('offline', 'paced')" >/dev/null
}

measure_waits() {
  trickle warmup && trickle empty && fill_lane && trickle loaded &&
    sql atelier -c "insert into bench.samples select 'ready', 1, count(*) from atelier_internal.queue_entries"
}

# Both have more to do than the lane can take: what starts is counted from when the third thousand of the other stands in line.
measure_weights() {
  local since
  sql atelier -c "select atelier.set_client_share(c.id, weight => 3) from bench.clients c where c.name = 'other'" >/dev/null &&
    sql atelier -c "select cardinality(bench.enqueue('other', 3000, $latency))" >/dev/null &&
    since=$(sql atelier -c 'select clock_timestamp()') &&
    wait_until atelier "count(*) >= 1000 from atelier.attempts where leased_at > '$since'" 600 &&
    sql atelier -c "with counted as (
                        select a.client_id from atelier.attempts a where a.leased_at > '$since' order by a.attempt_id limit 1000)
                    insert into bench.samples
                    select 'weights 1:3', 1, count(*) filter (where c.name = 'other')::double precision / count(*) filter (where c.name = 'busy')
                      from counted a join bench.clients c on c.id = a.client_id"
}

# ---- What came of it.

report() { sql atelier -v rows="$rows" -v rounds="$rounds" -v text="$1" -f test/bench/flow_result.sql; }

load_claims() {
  {
    echo 'copy bench.claims from stdin (delimiter $$|$$);'
    cat "$STAGE/tmp/claims"
    echo '\.'
  } | sql atelier -c 'create table bench.claims (database text, round integer, claim double precision, lease double precision)' -f -
}

scripts/install_packages.sh build
step build make -s -j 2
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
trap remove_stage EXIT
step install scripts/fill_stage.sh "$STAGE"
step compile compile
step cluster start_without_worker
step rows fill
step claims measure_claims
as_user scripts/cluster.sh stop "$STAGE/c"
step 'cluster (with a worker)' start_with_worker
step waits measure_waits
step weights measure_weights
step result load_claims
report on
mkdir -p build/bench
report off >build/bench/flow.json
as_user scripts/cluster.sh stop "$STAGE/c"
