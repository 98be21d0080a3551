#!/usr/bin/env bash
# The shortest proof that a build works on its PostgreSQL: a throw-away cluster, CREATE EXTENSION, one picture made by
# the worker. Run from the root of a built tree; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
trap remove_stage EXIT
ask() { as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE="${database:-atelier}" psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

scripts/fill_stage.sh "$STAGE"
as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier
database=postgres ask -c 'select version()' -c 'create database atelier'
ask -c 'create extension pg_atelier'

client=$(ask -c "select atelier.create_client('Smoke', 'smoke')")
product=$(ask -c "select atelier.create_product('$client', 'Chair', 'CHAIR-1', 'chair', '{living_room}')")
key=clients/$client/photos/chair.png
file=$(ask -c 'select atelier.store_path()')/$key
as_user mkdir -p "$(dirname "$file")"
as_user sh -c "perl -Itest/support -MPhoto -e 'print Photo::png()' >'$file'"
asset=$(ask -c "
  with photo as (select atelier.register_image('$client', '$key') as id)
  select atelier.add_product_image('$product', photo.id) from photo" -c "
  select atelier.create_generation_request('$client', '$product', '$(<test/support/settings.json)')" | tail -n 1)

for ((try = 0; try < 300; try++)); do
  status=$(ask -c "select status from atelier.generated_assets where id = '$asset'")
  [[ $status == pending || $status == generating ]] || break
  sleep 0.1
done
if [[ $status != completed ]]; then
  ask -c "select status, error_message from atelier.generated_assets" -c 'select * from atelier.self_check()' || true
  tail -n 30 "$STAGE/c/server.log"
  die "the picture is '$status'"
fi
ask -c "select i.file_size || ' bytes, ' || i.width || ' x ' || i.height from atelier.generated_assets a join atelier.images i on i.id = a.image_id"
as_user scripts/cluster.sh stop "$STAGE/c"
mapfile -t left < <(stage_processes)
((${#left[@]} == 0)) || die "still running: ${left[*]}"
