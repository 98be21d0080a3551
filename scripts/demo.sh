#!/usr/bin/env bash
# make demo: from nothing to pictures. Installs missing packages, builds, starts a throw-away cluster as an ordinary
# user, loads the catalogue of test/demo, asks for one picture of every entry and waits for all of them. The cluster
# stays up until `make demo-stop`. Ends with 0 only if every picture was made and no two are the same.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/demo_lib.sh
. scripts/demo_lib.sh

LEAST=24
PATIENCE=${ATELIER_DEMO_PATIENCE:-600}
SHEET=$PWD/build/demo/contact_sheet.png

# Everything of one run goes through psql as the cluster's superuser.
ask() { as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE=atelier psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

failed() {
  printf '\n%s\n' "$*"
  if [[ -e $STAGE/c/server.log ]]; then
    echo "The end of the server log ($STAGE/c/server.log):"
    tail -n 25 "$STAGE/c/server.log" | sed 's/^/  | /'
    echo 'atelier.self_check() says:'
    ask -F ' | ' -c 'select * from atelier.self_check()' 2>&1 | sed 's/^/  | /' || true
    echo 'The cluster stays up for a look around: make demo-stop ends it.'
  fi
  exit 1
}

start_cluster() {
  as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier fsync=off &&
    as_user PGHOST="$STAGE/c" PGUSER=postgres psql -XqAt -d postgres -c 'create database atelier' &&
    ask -c 'create extension pg_atelier'
}

# The photos go into the store as the server's user, below the folder of the client that they belong to.
load_catalogue() {
  local client photos
  client=$(ask -c "select atelier.create_client('Demo', 'demo')") &&
    photos=$(ask -c 'select atelier.store_path()')/clients/$client/photos &&
    as_user mkdir -p "$photos" &&
    cp build/demo/photos/* "$photos" &&
    cp test/demo/catalogue.json "$STAGE/tmp" &&
    chown -R "$(ordinary_user):" "$photos" "$STAGE/tmp" &&
    ask -v client="$client" -v catalogue="$STAGE/tmp/catalogue.json" -f test/demo/load.sql
}

show_progress() {
  local total=$1 started=$SECONDS last='' made bad now bar
  while :; do
    IFS='|' read -r made bad < <(ask -c "select count(*) filter (where status = 'completed'), count(*) filter (where status = 'error') from atelier.generated_assets")
    [[ -n ${made:-} ]] || return 1
    now=$((SECONDS - started))
    if [[ -t 1 ]]; then
      bar=$(printf '%*s' $(((made + bad) * 40 / total)) '' | tr ' ' '#')
      printf '\rpictures [%-40s] %d of %d, %d failed, %d s ' "$bar" "$made" "$total" "$bad" "$now"
    elif [[ "$made $bad" != "$last" ]]; then
      printf 'pictures: %d of %d, %d failed, %d s\n' "$made" "$total" "$bad" "$now"
    fi
    last="$made $bad"
    if ((made + bad >= total)); then break; fi
    if ((now > PATIENCE)); then break; fi
    sleep 0.3
  done
  if [[ -t 1 ]]; then echo; fi
}

closing_table() {
  ask -P format=aligned -P tuples_only=off -P footer=off -P border=1 -c "
    select p.name as product, a.settings ->> 'roomType' as room, a.settings ->> 'style' as style, a.status,
           round(extract(epoch from a.completed_at - a.created_at)::numeric, 2) as seconds, i.file_size as bytes, a.error_message as error
      from atelier.generated_assets a
      join atelier.products p on p.id = a.product_id
      left join atelier.images i on i.id = a.image_id
     order by a.completed_at, a.id"
}

make_sheet() {
  rm -rf build/demo/pictures && mkdir -p build/demo/pictures &&
    ask -c "
      select coalesce(json_agg(json_build_object(
               'file', atelier.store_path() || '/' || i.s3_key, 'product', p.name, 'settings', a.settings,
               'provider', a.provider) order by a.created_at, a.id), '[]')
        from atelier.generated_assets a
        join atelier.products p on p.id = a.product_id
        join atelier.images i on i.id = a.image_id
       where a.status = 'completed'" >build/demo/pictures.json &&
    test/demo/contact_sheet.sh build/demo/pictures.json "$SHEET"
}

scripts/install_packages.sh build demo
step 'demo-stop (a former demo, if any)' scripts/demo_stop.sh
step photos test/demo/fetch_photos.sh build/demo
step build make -s -j 2 CMAKE_FLAGS=-DATELIER_TESTS=OFF

use_stage "$(demo_directory)"
claim_demo_directory
step install scripts/fill_stage.sh "$STAGE"
step 'cluster (socket only)' start_cluster || failed 'The cluster did not start.'
step catalogue load_catalogue || failed 'The catalogue could not be loaded.'

total=$(ask -c 'select count(*) from atelier.generated_assets')
show_progress "$total" || failed 'The progress could not be read.'
closing_table

IFS='|' read -r completed different < <(ask -c "
  select count(*), count(distinct i.sha256) from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.status = 'completed'")
step sheet make_sheet || failed 'The contact sheet could not be made.'

cat <<TXT

$completed of $total pictures made, $different of them different.
Contact sheet:  $SHEET
Look around:    psql -h $STAGE/c -U postgres atelier
When done:      make demo-stop
TXT
((completed == total && different == total && total >= LEAST)) || failed "Expected at least $LEAST pictures, all made and all different."
