#!/usr/bin/env bash
# make demo: from nothing to a finished collection. Installs missing packages, builds, starts a throw-away cluster as an
# ordinary user, loads the catalogue of test/demo, has a collection of it with two inspirations analysed and then its
# pictures made, one of each product. The cluster stays up until `make demo-stop`. Ends with 0 only if every picture was
# made and no two are the same.
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
  if is_paid; then settings=(pg_atelier.max_attempts="$TRIES"); fi
  as_user scripts/cluster.sh start "$STAGE/c" shared_preload_libraries=pg_atelier "${settings[@]}" &&
    as_user PGHOST="$STAGE/c" PGUSER=postgres psql -XqAt -d postgres -c 'create database atelier' &&
    ask -c 'create extension pg_atelier'
}

load_catalogue() {
  local client
  client=$(ask -c "select atelier.create_client('Demo', 'demo')") &&
    ask -c "select atelier.set_client_tier('$client', 'enterprise')" >/dev/null &&
    cp test/demo/catalogue.json "$STAGE/tmp" &&
    bring_in_photos "$client" >"$STAGE/tmp/photos.json" &&
    chown -R "$(ordinary_user):" "$STAGE/tmp" &&
    ask -v client="$client" -v catalogue="$STAGE/tmp/catalogue.json" -v photos="$STAGE/tmp/photos.json" -v pictures="$LIMIT" \
      -f test/demo/load.sql >"$STAGE/tmp/collection" &&
    collection=$(<"$STAGE/tmp/collection") && [[ -n $collection ]]
}

about_collection() { ask -v collection="$collection" -v names="$STAGE/tmp/photos.json" "$@"; }

# How far the analysis is: how much there is, is done, failed, and how much stands still because only a person can say how
# it goes on.
analysis_state() {
  about_collection <<'SQL'
select total, done, failed, case when status = 'analyzing' then still else total end
  from (select s ->> 'status' as status,
               (s #>> '{analysis,products,total}')::integer + (s #>> '{analysis,inspirations,total}')::integer as total,
               (s #>> '{analysis,products,assigned}')::integer + (s #>> '{analysis,inspirations,analyzed}')::integer as done,
               (s #>> '{analysis,inspirations,failed}')::integer as failed
          from atelier.collection_status(:'collection') as s) as seen
 cross join (select case when count(*) filter (where j.state in ('held', 'waiting')) = count(*)
                          and bool_and(j.state = 'held' or l.state = 'paused') then 1000000 else 0 end as still
               from atelier.jobs j
               left join atelier.lanes l on l.provider = j.provider and l.model = j.model) as jobs
SQL
}

# The same of the pictures.
generation_state() {
  about_collection <<'SQL'
select (s ->> 'total')::integer, (s #>> '{counts,completed}')::integer, (s #>> '{counts,error}')::integer,
       (select count(*) from atelier.generated_assets a
          join atelier.jobs j on j.subject_id = a.id
          left join atelier.lanes l on l.provider = j.provider and l.model = j.model
         where a.collection_id = :'collection' and (j.state = 'held' or j.state = 'waiting' and l.state = 'paused'))
  from atelier.collection_status(:'collection') as s
SQL
}

# show_progress NAME STATE: what the function STATE tells, until all of it has ended.
show_progress() {
  local name=$1 state=$2 started=$SECONDS last='' total made bad still now bar
  while :; do
    IFS='|' read -r total made bad still < <("$state")
    [[ -n ${made:-} ]] || return 1
    now=$((SECONDS - started))
    if [[ -t 1 ]]; then
      bar=$(printf '%*s' $(((made + bad) * 40 / total)) '' | tr ' ' '#')
      printf '\r%-8s [%-40s] %d of %d, %d failed, %d s ' "$name" "$bar" "$made" "$total" "$bad" "$now"
    elif [[ "$made $bad" != "$last" ]]; then
      printf '%s: %d of %d, %d failed, %d s\n' "$name" "$made" "$total" "$bad" "$now"
    fi
    last="$made $bad"
    if ((made + bad + still >= total)); then break; fi
    if ((now > PATIENCE)); then break; fi
    sleep 0.3
  done
  if [[ -t 1 ]]; then echo; fi
}

collection_column() { about_collection <<<"select $1 from atelier.collections where id = :'collection'"; }

analyze() {
  about_collection -v provider="$ANALYST" <<<"select count(*) as jobs from atelier.analyze_collection(:'collection', :'provider')" >/dev/null
}

generate() {
  about_collection -v provider="$PROVIDER" <<<"select count(*) as pictures from atelier.generate_collection(:'collection', provider => :'provider')" >/dev/null
}

closing_table() {
  about_collection -P format=aligned -P tuples_only=off -P footer=off -P border=1 <<'SQL'
select p.name as product, a.settings ->> 'roomType' as room, i.place as follows, a.status,
       round(extract(epoch from a.completed_at - a.created_at)::numeric, 2) as seconds, made.file_size as bytes,
       coalesce(a.error_message, 'held: ' || case j.state when 'held' then j.reason end, 'paused: ' || l.pause_reason) as error
  from atelier.generated_assets a
  join atelier.products p on p.id = a.product_id
  left join (select image_id, row_number() over (order by display_order, created_at, id) as place
               from atelier.inspiration_images where collection_id = :'collection') as i
    on a.settings ->> 'sceneImageUrl' = 'atelier://images/' || i.image_id
  left join atelier.images made on made.id = a.image_id
  left join atelier.jobs j on j.subject_id = a.id
  left join atelier.lanes l on l.provider = j.provider and l.model = j.model and l.state = 'paused'
 where a.collection_id = :'collection'
 order by a.completed_at, a.id
SQL
}

make_sheet() {
  rm -rf build/demo/pictures && fetch_pictures build/demo/pictures &&
    about_collection -v photos="$PWD/build/demo/photos" -v pictures="$PWD/build/demo/pictures" -f test/demo/families.sql \
      >build/demo/collection.json &&
    test/demo/contact_sheet.sh build/demo/collection.json "$SHEET"
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


step analysis analyze || failed 'The analysis could not be asked for.'
show_progress analysis analysis_state || failed 'The progress could not be read.'
[[ $(collection_column status) == ready ]] ||
  failed "The collection is $(collection_column status) instead of ready. $(collection_column error_message)"
about_collection -f test/demo/found.sql

step generation generate || failed 'The pictures could not be asked for.'
show_progress pictures generation_state || failed 'The progress could not be read.'
closing_table
if is_paid; then
  show_ledger
  step 'keep (the bought pictures)' keep_pictures || failed 'The pictures could not be copied.'
fi

IFS='|' read -r total completed different < <(about_collection <<<"
  select count(*), count(i.id), count(distinct i.sha256) from atelier.generated_assets a
    left join atelier.images i on i.id = a.image_id and a.status = 'completed' where a.collection_id = :'collection'")
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
