#!/usr/bin/env bash
# make demo: from nothing to pictures. Installs missing packages, builds, starts a throw-away cluster as an ordinary
# user, loads the catalogue of test/demo, asks for one picture of every entry and waits for all of them. The cluster
# stays up until `make demo-stop`. Ends with 0 only if every picture was made and no two are the same.
# With PROVIDER=gemini or openai on make's command line a provider that charges makes them: scripts/demo_paid.sh. With
# STORE=s3 photos and pictures lie in an S3 store: scripts/demo_store.sh.
# usage: scripts/demo.sh [NAME]...     names of variables that count: those of make's command line
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/demo_lib.sh
. scripts/demo_lib.sh
# shellcheck source=scripts/demo_paid.sh
. scripts/demo_paid.sh
# shellcheck source=scripts/demo_store.sh
. scripts/demo_store.sh

PATIENCE=${ATELIER_DEMO_PATIENCE:-600}
SHEET=$PWD/build/demo/contact_sheet.png

# Everything of one run goes through psql as the cluster's superuser.
ask() { as_user PGHOST="$STAGE/c" PGUSER=postgres PGDATABASE=atelier psql -XAtq -P pager=off -v ON_ERROR_STOP=1 "$@"; }

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
  local settings=(fsync=off)
  # What is paid for is written to disk.
  if is_paid; then settings=(pg_atelier.max_attempts="$CALLS_OF_A_PICTURE"); fi
  as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier "${settings[@]}" &&
    as_user PGHOST="$STAGE/c" PGUSER=postgres psql -XqAt -d postgres -c 'create database atelier' &&
    ask -c 'create extension pg_atelier'
}

load_catalogue() {
  local client
  client=$(ask -c "select atelier.create_client('Demo', 'demo')") &&
    cp test/demo/catalogue.json "$STAGE/tmp" &&
    bring_in_photos "$client" >"$STAGE/tmp/photos.json" &&
    chown -R "$(ordinary_user):" "$STAGE/tmp" &&
    ask -v client="$client" -v catalogue="$STAGE/tmp/catalogue.json" -v photos="$STAGE/tmp/photos.json" -v provider="$PROVIDER" \
      -v pictures="$LIMIT" -f test/demo/load.sql
}

# A picture stands still when only a person can say how it goes on.
show_progress() {
  local total=$1 started=$SECONDS last='' made bad still now bar
  while :; do
    IFS='|' read -r made bad still < <(ask -c "
      select count(*) filter (where a.status = 'completed'), count(*) filter (where a.status = 'error'),
             count(*) filter (where j.state = 'held' or j.state = 'waiting' and l.state = 'paused')
        from atelier.generated_assets a
        left join atelier.jobs j on j.subject_id = a.id
        left join atelier.lanes l on l.provider = j.provider and l.model = j.model")
    [[ -n ${made:-} ]] || return 1
    now=$((SECONDS - started))
    if [[ -t 1 ]]; then
      bar=$(printf '%*s' $(((made + bad) * 40 / total)) '' | tr ' ' '#')
      printf '\rpictures [%-40s] %d of %d, %d failed, %d s ' "$bar" "$made" "$total" "$bad" "$now"
    elif [[ "$made $bad" != "$last" ]]; then
      printf 'pictures: %d of %d, %d failed, %d s\n' "$made" "$total" "$bad" "$now"
    fi
    last="$made $bad"
    if ((made + bad + still >= total)); then break; fi
    if ((now > PATIENCE)); then break; fi
    sleep 0.3
  done
  if [[ -t 1 ]]; then echo; fi
}

closing_table() {
  ask -P format=aligned -P tuples_only=off -P footer=off -P border=1 -c "
    select p.name as product, a.settings ->> 'roomType' as room, a.settings ->> 'style' as style, a.status,
           round(extract(epoch from a.completed_at - a.created_at)::numeric, 2) as seconds, i.file_size as bytes,
           coalesce(a.error_message, 'held: ' || case j.state when 'held' then j.reason end, 'paused: ' || l.pause_reason) as error
      from atelier.generated_assets a
      join atelier.products p on p.id = a.product_id
      left join atelier.images i on i.id = a.image_id
      left join atelier.jobs j on j.subject_id = a.id
      left join atelier.lanes l on l.provider = j.provider and l.model = j.model and l.state = 'paused'
     order by a.completed_at, a.id"
}

make_sheet() {
  rm -rf build/demo/pictures && fetch_pictures build/demo/pictures &&
    ask -v directory="$PWD/build/demo/pictures" >build/demo/pictures.json <<'SQL' &&
select coalesce(json_agg(json_build_object(
         'file', :'directory' || '/' || regexp_replace(i.s3_key, '.*/', ''), 'product', p.name, 'settings', a.settings,
         'provider', a.provider) order by a.created_at, a.id), '[]')
  from atelier.generated_assets a
  join atelier.products p on p.id = a.product_id
  join atelier.images i on i.id = a.image_id
 where a.status = 'completed'
SQL
    test/demo/contact_sheet.sh build/demo/pictures.json "$SHEET"
}

choose_store "$@"
choose_provider "$@"
if is_paid; then
  find_highest_price
  show_plan
  ask_for_yes
fi

packages=(build demo)
if is_s3; then packages+=(store); fi
scripts/install_packages.sh "${packages[@]}"
step 'demo-stop (a former demo, if any)' scripts/demo_stop.sh
step photos test/demo/fetch_photos.sh build/demo
step build make -s -j 2 CMAKE_FLAGS=-DATELIER_TESTS=OFF

use_stage "$(demo_directory)"
claim_demo_directory
step install scripts/fill_stage.sh "$STAGE"
step 'cluster (socket only)' start_cluster || failed 'The cluster did not start.'
if is_s3; then
  step 'store (radosgw)' start_store || failed 'The store did not start.'
fi
if is_paid; then
  step "provider ($PROVIDER)" introduce_provider || failed 'The provider could not be made known.'
fi
step catalogue load_catalogue || failed 'The catalogue could not be loaded.'

total=$(ask -c 'select count(*) from atelier.generated_assets')
show_progress "$total" || failed 'The progress could not be read.'
closing_table
if is_paid; then
  show_ledger
  step 'keep (the bought pictures)' keep_pictures || failed 'The pictures could not be copied.'
fi

IFS='|' read -r completed different < <(ask -c "
  select count(*), count(distinct i.sha256) from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.status = 'completed'")
((completed > 0)) || failed 'No picture was made.'
step sheet make_sheet || failed 'The contact sheet could not be made.'

echo
echo "$completed of $total pictures made, $different of them different."
echo "Contact sheet:  $SHEET"
if is_paid; then echo "Pictures:       $PWD/build/demo/bought"; fi
echo "Look around:    psql -h $STAGE/c -U postgres atelier"
if is_s3; then show_store; fi
echo "When done:      make demo-stop$(is_paid && echo ', which also removes the copy of the key')"
((completed == total && different == total && total >= LIMIT)) || failed "Expected $LIMIT pictures, all made and all different."
