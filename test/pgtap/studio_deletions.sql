-- Pipeline delete_objects: never what a row holds, a purge only of what nobody uses, and nothing is forgotten.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
select atelier.create_client('North', 'deletions-north') as north \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset

create function pg_temp.picture(p_client uuid, p_key text, p_status text default 'ready') returns uuid language sql as $$
    insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, error_class, error_message)
    values (p_client, 'media', 'photos', p_key, p_status, 1, 1, 1, 'image/png', repeat('ab', 32),
            case p_status when 'failed' then 'invalid_request' end, case p_status when 'failed' then 'test' end) returning id
$$;
create function pg_temp.asset(p_client uuid, p_product uuid, p_image uuid, p_deleted boolean default true) returns uuid language sql as $$
    insert into atelier.generated_assets (client_id, product_id, image_id, status, settings, progress, completed_at, deleted_at)
    values (p_client, p_product, p_image, 'completed', pg_temp.whole(), 100, now(), case when p_deleted then now() - interval '31 days' end) returning id
$$;
create function pg_temp.queue(p_keys text[]) returns void language sql as $$
    select atelier_internal.queue_deletions(array(select row('media', 'photos', k, null)::atelier_internal.deletion_request from unnest(p_keys) k), 'test')
$$;
create function pg_temp.purge(p_image uuid) returns void language sql as $$
    select atelier_internal.queue_deletions(array(select row(i.store, i.s3_bucket, i.s3_key, i.id)::atelier_internal.deletion_request from atelier.images i where i.id = p_image), 'purge')
$$;
create function pg_temp.due() returns void language sql as $$ update atelier_internal.object_deletions set run_after = now() where job_id is null $$;
-- Plans what is due and leases it; the keys of the new orders.
create function pg_temp.ordered() returns text[] language plpgsql as $$
declare
    v_before bigint := (select coalesce(max(o.attempt), 0) from pg_temp.orders o);
begin
    perform pg_temp.due(), atelier_internal.promote(100), pg_temp.lease_all();
    return (select array_agg(e.entry ->> 'key' order by e.entry ->> 'key') from pg_temp.orders o, jsonb_array_elements(o.body #> '{request,objects}') e (entry)
             where o.attempt > v_before and o.body ->> 'action' = 'storage.delete');
end
$$;
-- Answers the orders that are still open; p_failed are keys that the store does not delete, p_missing such that were not there.
create function pg_temp.answer(p_failed text[] default '{}', p_missing text[] default '{}', p_class text default null) returns void language sql as $$
    select atelier_internal.settle(4711, jsonb_agg(jsonb_build_object('lease', o.body -> 'lease', 'sent', true, 'duration_ms', 1)
               || case when p_class is not null then jsonb_build_object('outcome', 'failed', 'error', jsonb_build_object('class', p_class, 'message', 'test ' || p_class))
                       else jsonb_build_object('outcome', 'completed', 'result', (
                           select jsonb_build_object('deleted', coalesce(jsonb_agg(e.entry -> 'key') filter (where e.entry ->> 'key' <> all (p_failed || p_missing)), '[]'),
                                      'missing', coalesce(jsonb_agg(e.entry -> 'key') filter (where e.entry ->> 'key' = any (p_missing)), '[]'),
                                      'failed', coalesce(jsonb_agg(jsonb_build_object('key', e.entry -> 'key', 'class', 'auth', 'message', 'AccessDenied')) filter (where e.entry ->> 'key' = any (p_failed)), '[]'))
                             from jsonb_array_elements(o.body #> '{request,objects}') e (entry))) end))
      from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt where j.pipeline = 'delete_objects'
$$;
create function pg_temp.left() returns text[] language sql as $$
    select coalesce(array_agg(format('%s %s %s', d.key, d.tries, case when d.job_id is null then 'free' else 'ordered' end) order by d.key), '{}') from atelier_internal.object_deletions d
$$;

-- What a row holds
select pg_temp.picture(:'north', 'held') as held \gset
select pg_temp.picture(:'north', 'failed', 'failed') as failed \gset
insert into atelier.images (client_id, store, s3_key) values (:'north', 'file', 'elsewhere');
insert into atelier.images (client_id, store, s3_bucket, s3_key) values (:'north', 'media', 'other', 'elsewhere');
select pg_temp.queue(array['held', 'failed', 'elsewhere', 'free']);
select is(pg_temp.ordered(), array['elsewhere', 'free'], 'what a row holds, also one that failed, is not deleted; the same key elsewhere is');
select is((select o.body -> 'request' from pg_temp.orders o), '{"objects": [{"store": "media", "bucket": "photos", "key": "elsewhere"}, {"store": "media", "bucket": "photos", "key": "free"}]}'::jsonb, 'the order');
select is(pg_temp.left(), array['elsewhere 0 ordered', 'free 0 ordered'], 'and is out of the queue');
select pg_temp.answer(p_missing => array['free']);
select is(pg_temp.left(), '{}'::text[], 'what was deleted or was not there is out of the queue');
select is((select count(*) from atelier.images where store = 'media' and s3_bucket = 'photos'), 2::bigint, 'no row was touched');
select pg_temp.queue(array['held']);
select is(pg_temp.ordered(), null, 'a job of which nothing is left');
select is((select state || ': ' || error_message from atelier.job_history where pipeline = 'delete_objects' and state <> 'completed'), 'cancelled: none of its objects is to be deleted any more', 'sends no order');

-- Ten thousand, of which rows hold five hundred
delete from pg_temp.orders;
insert into atelier.images (client_id, store, s3_bucket, s3_key) select :'north', 'media', 'photos', 'many/' || g from generate_series(1, 500) g;
select pg_temp.queue(array(select 'many/' || g from generate_series(1, 10000) g order by md5(g::text)));
select pg_temp.due(), atelier_internal.promote(100), atelier_internal.promote(100), pg_temp.lease_all();
select is((select count(*) from pg_temp.orders), 10::bigint, '10,000 objects are 10 orders');
select is((select count(*) || ' ' || count(distinct e.entry ->> 'key') || ' ' || count(*) filter (where substr(e.entry ->> 'key', 6)::integer <= 500)
             from pg_temp.orders o, jsonb_array_elements(o.body #> '{request,objects}') e (entry)), '9500 9500 0', 'with all that nobody holds, and nothing that a row holds');
select pg_temp.answer();
select is((select count(*) from atelier_internal.object_deletions), 0::bigint, 'and then the queue is empty');
select is((select count(*) from atelier.images where s3_key like 'many/%'), 500::bigint, 'rows that hold an object stay');

-- Failures
select pg_temp.queue(array['a', 'b', 'c']);
select pg_temp.ordered();
select pg_temp.answer(p_failed => array['b']);
select is(pg_temp.left(), array['b 1 free'], 'what the store does not delete is tried again');
select is((select d.error_class || ' ' || d.error_message || ' ' || (d.run_after > now()) from atelier.deletion_queue d), 'auth AccessDenied true', 'after a backoff; the view says why');
select matches((select finding from atelier.self_check() where area = 'store' and finding like '%could not%'), '^1 object\(s\) of store media could not be deleted: AccessDenied', 'so does self_check');
select is(pg_temp.ordered(), array['b'], 'again');
select pg_temp.answer(p_class => 'storage_failed');
select is(pg_temp.left(), array['b 1 ordered'], 'a request that failed as a whole is repeated by its job');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs where pipeline = 'delete_objects'), 'test');
select is(pg_temp.left(), array['b 2 free'], 'and by another job, should that end');
select is(pg_temp.ordered(), array['b'], 'again');
select pg_temp.answer(p_class => 'auth');
select is(pg_temp.left(), array['b 3 free'], 'credentials that are refused: the objects are kept in mind');
select is((select state || ' ' || pause_reason from atelier.stores where store = 'media'), 'paused auth: test auth', 'and the lane is paused');
select is(pg_temp.ordered(), null, 'which sends nothing');
select is(pg_temp.left(), array['b 3 ordered'], 'but has it in its queue');
select atelier.resume_lane('media');
select pg_temp.lease_all(), pg_temp.answer();
select is(pg_temp.left(), '{}'::text[], 'and deletes it when it is resumed');
select pg_temp.queue(array['a', 'b']), pg_temp.ordered();
select atelier_internal.settle(4711, jsonb_build_array(jsonb_build_object('lease', o.body -> 'lease', 'outcome', 'completed', 'sent', true, 'duration_ms', 1, 'result', '{"deleted": ["a"]}'::jsonb)))
  from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt;
select is(pg_temp.left(), array['b 1 free'], 'what an answer does not tell of is tried again');
select pg_temp.ordered(), pg_temp.answer();
select pg_temp.queue(array['a']), pg_temp.ordered(), pg_temp.queue(array['a']), pg_temp.answer();
select is(pg_temp.left(), array['a 0 free'], 'what was queued again while it was deleted');
select is(pg_temp.ordered(), array['a'], 'is deleted again');
select pg_temp.answer();

select pg_temp.queue(array(select 'together/' || g from generate_series(1, 50) g)), pg_temp.ordered();
select pg_temp.answer(p_failed => array(select 'together/' || g from generate_series(1, 50) g));
select is((select count(distinct d.run_after) from atelier_internal.object_deletions d where d.key like 'together/%'), 1::bigint, 'what failed together is tried again together');
select pg_temp.ordered();
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs where pipeline = 'delete_objects'), 'test');
select is((select count(distinct d.run_after) || ' ' || min(d.tries) from atelier_internal.object_deletions d where d.key like 'together/%'), '1 2', 'also when all of it did');
delete from atelier_internal.object_deletions where key like 'together/%';

-- Registering what is going
select pg_temp.queue(array['photos/a.jpg', 'photos/b.jpg']);
select atelier.register_image(:'north', 'photos/a.jpg', 'media') as registered \gset
select is(pg_temp.left(), array['photos/b.jpg 0 free'], 'an object that is registered is out of the queue');
select is(pg_temp.ordered(), array['photos/b.jpg'], 'the other one is deleted');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', 'photos/b.jpg', 'media')), '^55006 \| the object is being deleted \| The key is "photos/b.jpg"\. \| Try again', 'and cannot be registered while it is');
select pg_temp.answer();
select lives_ok(format('select atelier.register_image(%L, %L, %L)', :'north', 'photos/b.jpg', 'media'), 'but afterwards');

-- Purging: an image whose assets are deleted
select pg_temp.picture(:'north', 'purge/a') as image_a \gset
select pg_temp.asset(:'north', :'chair', :'image_a') as asset_a, pg_temp.asset(:'north', :'chair', :'image_a') as asset_a2 \gset
select pg_temp.purge(:'image_a');
select is(pg_temp.ordered(), array['purge/a'], 'S0-18: the object of deleted assets is deleted');
select is((select status from atelier.images where id = :'image_a'), 'deleting', 'S0-18: its image says so');
select matches(pg_temp.error_of(format('select atelier.restore_asset(%L)', :'asset_a')), '^55000 \| asset cannot be restored: its picture is being deleted \| Image .* \| A deleted asset can be restored until', 'S0-20: from then on there is no way back');
select is(atelier.image_url(:'image_a'), null, 'S0-81: nor an address');
select matches(pg_temp.error_of(format('select atelier.add_product_image(%L, %L)', :'chair', :'image_a')), '^55000 \| image is being deleted', 'S0-37: nor a product that it shows');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', 'purge/a', 'media')), '^55006 \| the object is being deleted', 'nor a registration');
select pg_temp.answer(p_failed => array['purge/a']);
select is((select status from atelier.images where id = :'image_a'), 'deleting', 'S0-18: also when the store refuses');
select is(pg_temp.ordered(), array['purge/a'], 'S0-18: it is tried again');
select pg_temp.answer();
select is((select count(*) from atelier.images where id = :'image_a') + (select count(*) from atelier.generated_assets where id in (:'asset_a', :'asset_a2')), 0::bigint, 'S0-19: rows of image and assets go with it');
select is(pg_temp.left(), '{}'::text[], 'and the queue is empty');

-- Purging: what is in use stays
select pg_temp.picture(:'north', 'use/live') as live, pg_temp.picture(:'north', 'use/linked') as linked, pg_temp.picture(:'north', 'use/photo') as photo,
       pg_temp.picture(:'north', 'use/scene') as scene, pg_temp.picture(:'north', 'use/moving') as moving, pg_temp.picture(:'north', 'use/none') as unused \gset
select pg_temp.asset(:'north', :'chair', :'live') as live_deleted, pg_temp.asset(:'north', :'chair', :'live', false) as live_asset, pg_temp.asset(:'north', :'chair', :'linked') as linked_asset \gset
select atelier.add_product_image(:'chair', :'photo') as link \gset
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), scene_image_id => :'scene') as generating \gset
delete from atelier.product_images where id = :'link';
select atelier.add_product_image(:'chair', :'linked');
update atelier.images set moving_to = 'file' where id = :'moving';
select pg_temp.purge(i) from unnest(array[:'live', :'linked', :'photo', :'scene', :'moving', :'unused']::uuid[]) i;
select is(pg_temp.ordered(), array['use/none'], 'S0-18: not what a live asset shows, a product is shown by, an open job reads, or is being moved');
select is(pg_temp.left(), array['use/none 0 ordered'], 'S0-18: that is out of the queue');
select is((select count(*) from atelier.images where status = 'deleting'), 1::bigint, 'S0-18: and its images stay as they are');
select lives_ok(format('select atelier.restore_asset(%L)', :'live_deleted'), 'S0-20: their assets can be restored');
select pg_temp.answer();
select pg_temp.picture(:'north', 'use/late') as late \gset
select pg_temp.asset(:'north', :'chair', :'late') as late_asset \gset
select pg_temp.purge(:'late');
select atelier.restore_asset(:'late_asset');
select is(pg_temp.ordered(), null, 'S0-20: an asset that is restored before its turn keeps its picture');
select pg_temp.purge(:'failed');
select is(pg_temp.ordered(), array['failed'], 'a failed image can be purged');
select pg_temp.answer();
select is((select count(*) from atelier.images where id = :'failed'), 0::bigint, 'and goes');
select pg_temp.picture(:'north', 'use/moved') as moved \gset
select pg_temp.purge(:'moved');
update atelier.images set s3_key = 'use/moved-on' where id = :'moved';
select is(pg_temp.ordered(), array['use/moved'], 'the purge of an image that was moved meanwhile deletes what it left');
select is(pg_temp.ordered(), array['use/moved-on'], 'and follows it');
select pg_temp.answer();
select is((select count(*) from atelier.images where id = :'moved'), 0::bigint, 'to its end');
create server media2 foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos2');
select pg_temp.queue(array['shared', 'shared/going']);
insert into atelier.images (client_id, store, s3_bucket, s3_key) values (:'north', 'media2', 'photos', 'shared');
insert into atelier.images (client_id, store, s3_key, moving_to) values (:'north', 'file', 'shared/going', 'media2');
select is(pg_temp.ordered(), null, 'a row of another store with the same endpoint holds the object, or is about to');
update atelier.images set moving_to = null where s3_key = 'shared/going';
select pg_temp.ordered(), pg_temp.answer();
select pg_temp.picture(:'north', 'shared') as shared \gset
select pg_temp.purge(:'shared');
select is(pg_temp.ordered(), null, 'also against a purge');
select pg_temp.queue(array['arriving']);
update atelier.images set moving_to = null where id = :'moving';
insert into atelier.images (client_id, store, s3_key, moving_to) values (:'north', 'file', 'arriving', 'media') returning id as arriving \gset
select is(pg_temp.ordered(), null, 'a key that an image is moving to is not deleted');
select is(pg_temp.left(), array['arriving 0 free'], 'but looked at again');
update atelier.images set moving_to = null where id = :'arriving';
select is(pg_temp.ordered(), array['arriving'], 'when it has not moved after all');
select pg_temp.answer();

-- Rows that are removed
select atelier.create_client('South', 'deletions-south') as south \gset
select pg_temp.picture(:'south', 'south/a'), pg_temp.picture(:'south', 'south/b');
select pg_temp.picture(:'south', format('clients/%s/uploads/c.png', :'south'));
select id as deleting from atelier.images where s3_key = 'south/b' \gset
update atelier.images set status = 'deleting' where id = :'deleting';
delete from atelier.clients where id = :'south';
select is((select array_agg(regexp_replace(d.key, '^.*/', '') || ' ' || (d.run_after - now()) order by d.key desc) from atelier_internal.object_deletions d), array['a 00:00:01', 'c.png 1 day 00:01:00'],
    'S0-19, S0-40: the objects of a client that is removed are deleted, uploads when their addresses have expired; what is deleting is known');
select pg_temp.ordered(), pg_temp.answer();

-- A row that was locked when its job ended
insert into atelier_internal.object_deletions (store, bucket, key, reason, job_id) values ('media', 'photos', 'stray', 'test', gen_random_uuid());
select is(pg_temp.ordered(), null, 'a deletion whose job has gone');
select atelier_internal.maintain();
select is(pg_temp.ordered(), array['stray'], 'is found by the housekeeping');
select pg_temp.answer();

-- The embedded provider composes JPEGs
select pg_temp.picture(:'north', 'clients/photo') as photo2 \gset
select atelier.add_product_image(:'chair', :'photo2', true);
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as asset \gset
select pg_temp.lease_all();
select atelier_internal.release(4711, array[(pg_temp.order_of(:'asset') #>> '{lease,attempt}')::bigint], 'worker_lost', true, 'test');
select is((select array_agg(d.store || ' ' || d.key || ' ' || (d.run_after - now())) from atelier_internal.object_deletions d), array['file ' || (pg_temp.order_of(:'asset') #>> '{request,output,key_prefix}') || '.jpg 00:01:00'],
    'a worker that was lost while a picture was made: it may be in the store');

select * from finish();
rollback;
