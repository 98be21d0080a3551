-- Stores: where new pictures go, addresses, moving, what the views tell.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', region 'default', bucket 'photos', url_expires '2h');
create server shop foreign data wrapper atelier_s3 options (bucket 'shop', public_base_url 'https://img.example.com/p');
create user mapping for atelier_owner server media options (access_key_id 'id', secret_access_key 'secret');
create user mapping for public server shop options (credentials_file '/nowhere/s3');
create server painter foreign data wrapper atelier_gemini options (image_model 'm');
select atelier.create_client('North', 'stores-north') as north \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset
select atelier.register_image(:'north', 'photos/chair 1.jpg', 'media') as photo, atelier.register_image(:'north', 'photos/scene.jpg') as scene \gset
select is(store || '/' || s3_bucket || '/' || s3_key, 'media/photos/photos/chair 1.jpg', 'an object of an S3 store is registered') from atelier.images where id = :'photo';
select pg_temp.lease_all();
select is(pg_temp.order_of(:'photo') #> '{request,object}', '{"store": "media", "bucket": "photos", "key": "photos/chair 1.jpg"}', 'and inspected there');
select is((pg_temp.order_of(:'photo') ->> 'timeout_ms')::integer, 300000, 'with the timeout of its server');
select pg_temp.succeed(:'photo'), pg_temp.succeed(:'scene');
select lives_ok(format('select atelier.register_image(%L, %L, %L)', :'north', repeat('x', 300), 'media'), 'a part of a key may be longer than the name of a file');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', '/a', 'media')), '^22023 \| key is not valid: it begins with a slash', 'but not everything may be a key');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', 'a.jpg', 'painter')), '^42704 \| store "painter" does not exist \| You may use: file, media, shop\.', 'a provider is no store');

-- New pictures
select atelier.add_product_image(:'chair', :'photo');
set local pg_atelier.default_store = 'media';
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), scene_image_id => :'scene') as asset \gset
set local pg_atelier.default_store = 'file';
alter server media options (set bucket 'photos2');
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset') #> '{request,inputs}', jsonb_build_array(
    jsonb_build_object('role', 'product', 'store', 'media', 'bucket', 'photos', 'key', 'photos/chair 1.jpg', 'sha256', repeat('ab', 32)),
    jsonb_build_object('role', 'scene', 'store', 'file', 'key', 'photos/scene.jpg', 'sha256', repeat('ab', 32))), 'inputs come from where they are');
select is((pg_temp.order_of(:'asset') #> '{request,output}') - 'key_prefix', '{"store": "media", "bucket": "photos"}', 'the picture goes where the default store and its bucket were at the request');
select pg_temp.succeed(:'asset', jsonb_build_object('object', jsonb_build_object('store', 'media', 'bucket', 'photos', 'key', (pg_temp.order_of(:'asset') #>> '{request,output,key_prefix}') || '.png')));
select row_eq(format('select i.store, i.s3_bucket, i.status from atelier.images i join atelier.generated_assets a on a.image_id = i.id where a.id = %L', :'asset'), row('media'::text, 'photos'::text, 'ready'::text), 'its row says so');
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as asset \gset
select pg_temp.lease_all();
select is((pg_temp.order_of(:'asset') #> '{request,output}') - 'key_prefix', '{"store": "file"}', 'the store file has no bucket');
select pg_temp.succeed(:'asset');
set local pg_atelier.default_store = 'nobody';
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, pg_temp.whole())', :'north', :'chair')), '^42704 \| store "nobody" does not exist \| It is the value of pg_atelier.default_store\. \| SELECT store FROM atelier.stores', 'a default store that does not exist');
select is((select (ok, finding, advice)::text from atelier.self_check() where area = 'store' limit 1), '(f,"new pictures would go to store nobody, which does not exist","Set pg_atelier.default_store to one of: file, media, shop.")', 'self_check tells of it');
set local pg_atelier.default_store = 'media';
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, pg_temp.whole(), provider => %L)', :'north', :'chair', 'media')), '^22023 \| provider "media" has no model .* \| It is a store\.', 'a store makes no pictures');
create role stores_user;
grant atelier_app to stores_user;
select pg_temp.member_of(:'north') as member \gset
set local role stores_user;
select atelier.set_context(:'member');
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, pg_temp.whole())', :'north', :'chair')), '^42501 \| permission denied for store "media" \| GRANT USAGE ON FOREIGN SERVER media TO stores_user;', 'who asks needs USAGE on the store');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', 'b.jpg', 'media')), '^42501 \| permission denied for store "media"', 'who registers too');
reset role;
grant usage on foreign server media to stores_user;
set local role stores_user;
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as asset \gset
reset role;
revoke usage on foreign server media from stores_user;
select pg_temp.lease_all();
select is(error_message, 'role "stores_user", which created the job, has no USAGE on foreign server "media" any more', 'USAGE is looked at again at the lease') from atelier.generated_assets where id = :'asset';
set local pg_atelier.default_store = 'file';

-- Addresses
select matches(atelier.image_url(:'photo'), '^http://localhost:1/photos/photos/chair%201\.jpg\?X-Amz-Algorithm=AWS4-HMAC-SHA256&.*X-Amz-Expires=7200&', 'S0-81: the address of an object is signed, for the time that its store says');
select matches(atelier.image_url(:'photo', '1 minute'), 'X-Amz-Expires=60&', 'S0-81: or for the time that is asked for');
select ok(atelier.image_url(:'photo') !~ 'response-content' and atelier.image_url(:'photo', download => true) ~ 'response-content-disposition=attachment', 'S0-81: as a download');
select matches(pg_temp.error_of(format('select atelier.image_url(%L, %L)', :'photo', bad.expires)), '^22023 \| expires must be from 1 second to 7 days', 'S0-81: not for ' || bad.expires) from (values ('0'), ('7 days 1 second'), ('-1 day')) as bad (expires);
insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256)
values (:'north', 'shop', 'shop', 'a b/ü.png', 'ready', 1, 1, 1, 'image/png', repeat('ab', 32)) returning id as public \gset
select is(atelier.image_url(:'public'), 'https://img.example.com/p/a%20b/%C3%BC.png', 'S0-81: in a public store it is an address for ever');
select matches(pg_temp.error_of(format('select atelier.image_url(%L, %L)', :'public', '1 hour')), '^[^2].*', 'S0-81: signed when a time is asked for, which needs its credentials');

-- Moving
select matches(pg_temp.error_of(format('select atelier.move_objects(%s)', bad.arguments)), bad.expected, 'move_objects refuses ' || bad.arguments)
  from (values ($$null, 'media'$$, '^22004 \| from'), ($$'file', null$$, '^22004 \| to'), ($$'file', 'nobody'$$, '^42704 \| store "nobody"'), ($$'painter', 'file'$$, '^42704 \| store "painter"'), ($$'file', 'file'$$, '^22023 \| from and to are the same'),
               ($$'file', 'media', 0$$, '^22023 \| batch'), ($$'file', 'media', 10001$$, '^22023 \| batch'), ($$'file', 'media', null$$, '^22023 \| batch')) as bad (arguments, expected);
delete from atelier.images where store = 'file' and s3_key not like 'clients/%';
update atelier.images set moving_to = 'elsewhere' where store = 'file';
delete from atelier_internal.object_deletions;
insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256)
select :'north', 'move/' || g, 'ready', 1, 1, g, 'image/png', repeat('ab', 32) from generate_series(1, 6) g;
insert into atelier.images (client_id, s3_key) values (:'north', 'move/pending');
create function pg_temp.image(p_n integer) returns uuid language sql as $$ select id from atelier.images where s3_key = 'move/' || p_n and store <> 'shop' $$;
create function pg_temp.where_is(p_n integer) returns text language sql as $$ select store || '/' || s3_bucket || coalesce(' to ' || moving_to, '') from atelier.images where id = pg_temp.image(p_n) $$;
create function pg_temp.queue() returns text[] language sql as $$
    select coalesce(array_agg(concat_ws(' ', store || '/' || bucket || '/' || key, run_after - now(), reason) order by store, key), '{}') from atelier.deletion_queue
$$;
insert into atelier.images (client_id, store, s3_bucket, s3_key) values (:'north', 'media', 'photos2', 'move/6');
insert into atelier_internal.object_deletions (store, bucket, key, reason, ordered_at) values ('media', 'photos2', 'move/5', 'test', now());
insert into atelier_internal.object_deletions (store, bucket, key, reason) values ('media', 'photos2', 'move/4', 'test');
select is(atelier.move_objects('file', 'media', 3), 3, 'move: a batch');
select is(atelier.move_objects('file', 'media'), 1, 'move: the next one; not what is pending, what is being deleted there, or whose key is taken');
select is(atelier.move_objects('file', 'media'), 0, 'move: until nothing is left');
select is(pg_temp.queue(), array['media/photos2/move/5 00:00:01 test'], 'move: what an object moves to is not deleted any more');
delete from atelier_internal.object_deletions;
select is(pg_temp.where_is(1) || ', ' || pg_temp.where_is(5), 'file/ to media, file/', 'move: the rows say so');
select is(atelier.image_url(pg_temp.image(1)) like 'file://%', true, 'move: and the object is still where it was');
select pg_temp.lease_all();
select is(pg_temp.order_of(pg_temp.image(1)) -> 'request', jsonb_build_object('source', jsonb_build_object('store', 'file', 'key', 'move/1', 'sha256', repeat('ab', 32), 'size', 1), 'mime', 'image/png', 'target', '{"store": "media", "bucket": "photos2", "key": "move/1"}'::jsonb), 'move: the order');
select is(pg_temp.order_of(pg_temp.image(1)) ->> 'action' || ' ' || (pg_temp.order_of(pg_temp.image(1)) ->> 'provider'), 'storage.put media', 'move: in the lane of the store that takes it');
create function pg_temp.moved(p_n integer) returns void language sql as $$
    select pg_temp.succeed(pg_temp.image(p_n), jsonb_build_object('object', jsonb_build_object('store', 'media', 'bucket', 'photos2', 'key', 'move/' || p_n)))
$$;
select pg_temp.moved(1);
select is(pg_temp.where_is(1), 'media/photos2', 'move: the row points to the copy');
select is(pg_temp.queue(), array['file//move/1 00:02:00 it was moved'], 'move: the old object is deleted when no order reads it any more');
select pg_temp.fail(pg_temp.image(2), 'invalid_request', 'it has another hash');
select is(pg_temp.where_is(2), 'file/', 'move: what fails stays where it was');
select is(pg_temp.queue(), array['file//move/1 00:02:00 it was moved'], 'move: what lies there is not its copy, unless the answer says so');
delete from atelier_internal.object_deletions;
update atelier.images set sha256 = repeat('cd', 32) where id = pg_temp.image(3);
select pg_temp.moved(3);
select is(pg_temp.where_is(3), 'file/', 'move: an image that changed meanwhile');
select is(pg_temp.queue(), array['media/photos2/move/3 00:00:01 its image changed while it was copied'], 'move: keeps what it has, and the copy is deleted');
delete from atelier_internal.object_deletions;
select atelier_internal.cancel_jobs(array[job_id], 'test') from atelier.images where id = pg_temp.image(4);
select is(pg_temp.where_is(4) || array_to_string(pg_temp.queue(), ','), 'file/media/photos2/move/4 00:01:00 its attempt ended without an answer', 'move: so does one whose job is cancelled');
delete from atelier_internal.object_deletions;
select is(atelier.move_objects('file', 'media', 1), 1, 'move: one that is not under way yet');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs where pipeline = 'move_object' and state = 'waiting'), 'test');
select is(pg_temp.queue(), '{}'::text[], 'move: leaves nothing when it is cancelled');
delete from atelier_internal.object_deletions;
update atelier.images set s3_key = 'move/1/x' where id = pg_temp.image(1);
delete from atelier.images where store = 'media' and s3_key = 'move/6';
select is(atelier.move_objects('file', 'media'), 5, 'move: what failed can be moved again');
select job_id as gone_job from atelier.images where id = pg_temp.image(6) \gset
delete from atelier.images where id = pg_temp.image(6);
insert into atelier.images (client_id, store, s3_bucket, s3_key) values (:'north', 'media', 'photos2', 'move/5') returning id as rival \gset
select pg_temp.lease_all();
select is((select error_message from atelier.job_history where job_id = :'gone_job'), 'the image was removed or changed', 'move: an image that was removed is not copied');
select id as five from atelier.images where store = 'file' and s3_key = 'move/5' \gset
select pg_temp.succeed(:'five', '{"object": {"store": "media", "bucket": "photos2", "key": "move/5"}}');
select is(store || coalesce(moving_to, ''), 'file', 'move: a key that somebody took meanwhile is left to them') from atelier.images where id = :'five';
update atelier_internal.object_deletions set run_after = now();
select atelier_internal.promote(10), pg_temp.lease_all();
select ok(not exists (select from pg_temp.orders o where o.body ->> 'action' = 'storage.delete' and o.body::text like '%move/5%'), 'move: with its object');
update atelier.images set s3_key = repeat('y', 300), moving_to = null where id = pg_temp.image(2);
update atelier.images set store = 'media', s3_bucket = 'photos' where s3_key = repeat('y', 300);
select is(atelier.move_objects('media', 'file'), 3, 'move: back');
select is(array_agg(char_length(s3_key)), array[300], 'move: but no key that cannot be a file') from atelier.images where store = 'media' and status = 'ready' and moving_to is null;

create server media2 foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos2');
select matches(pg_temp.error_of($$select atelier.move_objects('media', 'media2')$$), '^22023 \| from and to are the same bucket \| Both stores have endpoint http://localhost:1 and bucket photos2\. \| There is nothing to move', 'move: not onto itself');
alter server media2 options (set bucket 'photos3');
create server old foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos2');
update atelier.images set moving_to = 'elsewhere' where store = 'file';
insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256)
select :'north', o.store, o.bucket, o.key, 'ready', 1, 1, 1, 'image/png', repeat('ab', 32) from (values ('old', 'photos3', 'same'), ('old', 'photos', 'twice'), ('old', 'photos2', 'twice'), ('file', '', 'twice')) as o (store, bucket, key);
select is(atelier.move_objects('old', 'media2'), 1, 'move: of two with one key, one');
select is(array_agg(s3_key), array['twice'], 'move: and not what lies there already') from atelier.images where moving_to = 'media2';
select is(atelier.move_objects('file', 'media2'), 0, 'move: nor from a third store');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', 'twice', 'media2')), '^55006 \| an image is being moved to this key \| The key is "twice"\. \| Try again', 'move: nor is it registered meanwhile');
insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256)
select :'north', 'next/' || g, 'ready', 1, 1, 1, 'image/png', repeat('ab', 32) from generate_series(1, 2) g;
insert into atelier_internal.object_deletions (store, bucket, key, reason, ordered_at) values ('media2', 'photos3', 'next/1', 'test', now());
select is(atelier.move_objects('file', 'media2', 1), 1, 'move: what is being deleted there does not stop the others');
insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256)
values (:'north', 'nowhere', 'b', 'a', 'ready', 1, 1, 1, 'image/png', repeat('ab', 32)) returning id as stranded \gset
select matches(pg_temp.error_of(format('select atelier.image_url(%L)', :'stranded')), '^42704 \| store "nowhere" does not exist any more', 'S0-81: no address in a store that is gone');
drop server media2;
drop server old;

-- What is told
select is((select array_agg(format('%s %s %s %s %s %s %s %s %s %s', store, is_default, endpoint, region, bucket, public_base_url, key_source, key_mapping, key_ready, state) order by store) from atelier.stores), array[
    'file t       t open', 'media f http://localhost:1 default photos2  mapping atelier_owner t open',
    'shop f https://s3.us-east-1.amazonaws.com us-east-1 shop https://img.example.com/p file public t open'], 'view: the stores');
select is((select array_agg(provider::text) from atelier.providers), array['painter'], 'view: a store is no provider');
select is(array(select ok || ' ' || finding || coalesce(' ' || advice, '') from atelier.self_check() where area in ('store', 'user mapping')), array[
    'true new pictures go to store file', 'true store media (bucket photos2): its credentials stand in the mapping for atelier_owner Dumps and base backups contain them; with credentials_file they do not.',
    'true store shop (bucket shop): its credentials come from the file that the mapping for public names'], 'self_check: the stores');
alter user mapping for atelier_owner server media options (set secret_access_key 'canary');
create role stores_leak login;
grant atelier_owner to stores_leak;
drop user mapping for public server shop;
select is(array(select finding || ' ' || advice from atelier.self_check() where not ok and area in ('store', 'user mapping')), array[
    'store shop (bucket shop): it has no credentials CREATE USER MAPPING FOR atelier_owner SERVER shop OPTIONS (credentials_file ''/path/of/the/credentials'');',
    'the key in the mapping for atelier_owner of store media could be read by stores_leak ALTER USER MAPPING FOR atelier_owner SERVER media OPTIONS (DROP access_key_id, DROP secret_access_key, ADD credentials_file ''/path/of/the/credentials''); Or REVOKE atelier_owner from them.'],
    'self_check: what is wrong');
select is((select count(*) from atelier.stores s where s::text like '%canary%') + (select count(*) from atelier.self_check() c where c::text like '%canary%'), 0::bigint, 'nothing shows a secret');

-- A paid answer whose store does not take it
set local pg_atelier.default_store = 'media';
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), provider => 'painter') as asset \gset
select pg_temp.lease_all();
select job_id as job from atelier.generated_assets where id = :'asset' \gset
select matches(explanation, '^Attempt \d+ is under way since', 'explain: a call that is under way') from atelier.explain_job(:'job');
update atelier_internal.attempts set leased_at = leased_at - interval '1 hour' where job_id = :'job';
select matches(e::text, '^\(leased,storage,"The answer of attempt \d+ is on disk, and kept until store media takes its picture: it is tried again and again\.","Nothing is bought again', 'explain: one that took longer than it may waits for its store') from atelier.explain_job(:'job') e;
select atelier_internal.raise_alert('store_unavailable', 'store media does not answer', 'Start it.');
select matches(e::text, 'takes its picture: store media does not answer","Start it\. Nothing is bought again', 'explain: with what is known of that') from atelier.explain_job(:'job') e;
set local role stores_user;
select matches(e::text, 'takes its picture: it is tried again and again\.","Nothing is bought again', 'S2-67: applications are told no alerts, which are about all clients') from atelier.explain_job(:'job') e;
reset role;

select * from finish();
rollback;
