-- :products products of one tenant with one photo, for scripts/bench_paid.sh. Prints the key under which the photo is looked for.
\set ON_ERROR_STOP on
create server studio foreign data wrapper atelier_gemini
    options (base_url :'url', api_version 'v1beta', image_model 'test-image');
create user mapping for atelier_owner server studio options (api_key :'key');
select atelier.set_lane_limit('studio', 'test-image', 100);
select atelier.create_client('Bench', 'bench') as client \gset
select null from atelier.set_client_tier(:'client', 'enterprise');
select 'clients/' || :'client' || '/photos/chair.png' as photo \gset
\setenv PHOTO :photo
\setenv STORE `psql -XAtc 'select atelier.store_path()'`
\! mkdir -p "$STORE/$(dirname "$PHOTO")" && perl -Itest/support -MPhoto -e 'print Photo::png()' > "$STORE/$PHOTO"
select atelier.register_image(:'client', :'photo') as image \gset
select count(atelier.add_product_image(p.id, :'image'))
  from (select atelier.create_product(:'client', 'Chair ' || n, 'P-' || n, 'chair', '{living_room}') as id
          from generate_series(1, :products) n) p;
