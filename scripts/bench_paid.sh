#!/usr/bin/env bash
# The paid path at full width: PRODUCTS pictures of 1.5 MB from a provider that takes 200 ms a call, 100 calls in flight,
# against a script that does the same work by the plainest means (test/bench/paid_floor.sh). Interleaved, medians.
# usage: scripts/bench_paid.sh [PRODUCTS [ROUNDS]]     default 500 and 3
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
products=${1:-500}
rounds=${2:-3}
key=bench-key

start_provider() {
  # shellcheck disable=SC2016 # the inner shell expands it
  as_user bash -c 'echo $$ >"$1"; exec test/support/provider_server.py' _ "$STAGE/tmp/provider.pid" \
    >"$STAGE/provider.port" 2>"$STAGE/provider.err" &
  for _ in {1..100}; do
    [[ ! -s $STAGE/provider.port ]] || break
    sleep 0.05
  done
  provider=$(<"$STAGE/tmp/provider.pid")
  url=http://127.0.0.1:$(<"$STAGE/provider.port")
  control behaviour "{\"key\":\"$key\",\"latency_ms\":200,\"picture_bytes\":1500000}"
}

control() { curl -sS --fail -X POST -d "${2:-}" "$url/control/$1" >/dev/null; }
billed() { curl -sS --fail "$url/control/counts" | sed 's/.*"billed": \([0-9]*\).*/\1/'; }
sql() { as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE=atelier psql -XAtq "$@"; }

start_cluster() {
  as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier pg_atelier.poll_interval=1h \
    && as_user PGHOST="$STAGE/c" PGUSER=postgres psql -Xq -d postgres -c 'create database atelier' \
    && sql -c 'create extension pg_atelier' \
    && sql -v url="$url" -v key="$key" -v products="$products" -f test/bench/paid_setup.sql
}

# Seconds that a command takes.
seconds() {
  local started=$EPOCHREALTIME
  "$@" >/dev/null
  awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}

engine() {
  sql -f - <<SQL
select count(atelier.create_generation_request(p.client_id, p.id,
           '$(tr '\n' ' ' <test/support/settings.json)'::jsonb || jsonb_build_object('promptText', 'product-' || lpad(ltrim(p.sku, 'P-'), 4, '0')),
           provider => 'studio'))
  from atelier.products p;
SQL
  # One session asks, so that the asking costs next to nothing.
  sql -f - <<'SQL'
do $$
begin
    while exists (select from atelier_internal.jobs) loop
        perform pg_sleep(0.02);
        commit;
    end loop;
end
$$;
SQL
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

scripts/install_packages.sh build test
step build make -s -j 2
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
provider=
trap '[[ -z $provider ]] || kill "$provider"; remove_stage' EXIT
step install scripts/fill_stage.sh "$STAGE"
start_provider
step cluster start_cluster

engines=()
floors=()
for ((round = 1; round <= rounds; round++)); do
  before=$(billed)
  engines+=("$(seconds engine)")
  made=$(sql -c "select count(*) from atelier.generated_assets where status = 'completed'")
  bought=$(($(billed) - before))
  ((made == round * products && bought == products)) \
    || die "round $round: $made completed, $bought billed; the server's log: $STAGE/c/server.log"
  floors+=("$(seconds as_user test/bench/paid_floor.sh "$url" "$key" "$products" "$STAGE/tmp/floor")")
  printf 'round %d: engine %s s, floor %s s\n' "$round" "${engines[-1]}" "${floors[-1]}"
done
engine_median=$(printf '%s\n' "${engines[@]}" | median)
floor_median=$(printf '%s\n' "${floors[@]}" | median)
awk -v n="$products" -v e="$engine_median" -v f="$floor_median" \
  'BEGIN { printf "%d products: engine %.2f s, floor %.2f s, ratio %.2f (medians)\n", n, e, f, e / f }'
as_user scripts/cluster.sh stop "$STAGE/c"
