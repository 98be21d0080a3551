-- What goes for good: deleted assets after their undo window, failed ones into deletion, uploads that came to nothing; what holds
-- them; a legal hold; a clock that moved.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
select atelier.create_client('North', 'purge-north') as north \gset
select atelier.create_client('South', 'purge-south') as south \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset
select atelier.create_product(:'south', 'Stool', 'S', 'seating') as stool \gset

create function pg_temp.picture(p_client uuid, p_key text, p_metadata jsonb default null) returns uuid language sql as $$
    insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, metadata)
    values (p_client, 'media', 'photos', p_key, 'ready', 1, 1, 7, 'image/png', repeat('ab', 32), p_metadata) returning id
$$;
create function pg_temp.asset(p_product uuid, p_image uuid, p_deleted interval default '31 days', p_status text default 'completed') returns uuid language sql as $$
    insert into atelier.generated_assets (client_id, product_id, image_id, status, settings, progress, completed_at, deleted_at, error_message)
    select p.client_id, p.id, p_image, p_status, pg_temp.whole(), case p_status when 'completed' then 100 else 0 end,
           case p_status when 'completed' then now() end, now() - p_deleted, case p_status when 'error' then 'test' end
      from atelier.products p where p.id = p_product returning id
$$;
create function pg_temp.queued() returns text[] language sql as $$
    select coalesce(array_agg(d.key || ' ' || d.reason order by d.key), '{}') from atelier_internal.object_deletions d
$$;
create function pg_temp.ordered() returns text[] language plpgsql as $$
declare
    v_before bigint := (select coalesce(max(o.attempt), 0) from pg_temp.orders o);
begin
    update atelier_internal.object_deletions set run_after = now() where job_id is null;
    perform atelier_internal.promote(100), pg_temp.lease_all();
    return (select array_agg(e.entry ->> 'key' order by e.entry ->> 'key') from pg_temp.orders o, jsonb_array_elements(o.body #> '{request,objects}') e (entry)
             where o.attempt > v_before and o.body ->> 'action' = 'storage.delete');
end
$$;
create function pg_temp.answer() returns void language sql as $$
    select atelier_internal.settle(4711, jsonb_agg(jsonb_build_object('lease', o.body -> 'lease', 'sent', true, 'duration_ms', 1, 'outcome', 'completed',
               'result', (select jsonb_build_object('deleted', jsonb_agg(e.entry -> 'key')) from jsonb_array_elements(o.body #> '{request,objects}') e (entry)))))
      from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt where j.pipeline = 'delete_objects'
$$;
create function pg_temp.log_of(p_id uuid) returns text[] language sql as $$
    select coalesce(array_agg(concat_ws(' | ', l.task, l.action, l.entity, regexp_replace(l.reason, '\d{4}-\d\d-\d\d [0-9:+]+', 'T', 'g'), l.bytes) order by l.at, l.action), '{}')
      from atelier.purge_log l where l.entity_id = p_id
$$;
create function pg_temp.is_there(p_asset uuid) returns boolean language sql as $$ select exists (select from atelier.generated_assets where id = p_asset) $$;

-- The window
select pg_temp.picture(:'north', 'old') as old_image, pg_temp.picture(:'north', 'young') as young_image \gset
select pg_temp.asset(:'chair', :'old_image') as old, pg_temp.asset(:'chair', :'young_image', '29 days') as young, pg_temp.asset(:'chair', null, '31 days', 'error') as bare \gset
select is(atelier.purge_deleted_assets(), 2, 'S0-19: assets that were deleted 31 days ago are due');
select is(pg_temp.queued(), array['old its assets were deleted'], 'S0-18: the picture of one is queued for deletion');
select ok(pg_temp.is_there(:'old') and not pg_temp.is_there(:'bare'), 'S0-19: its row waits for that; the one without a picture is gone');
select is(pg_temp.log_of(:'bare'), array['purge_assets | purged | asset | it was deleted at T, and could be restored for 30 days'], 'the log says so');
select is(atelier.purge_deleted_assets(), 0, 'the next run finds nothing new');
select is(atelier.restore_asset(:'young'), :'young', 'S0-20: what was deleted 29 days ago comes back');
select is(pg_temp.ordered(), array['old'], 'S0-18: the object is deleted');
select is(pg_temp.log_of(:'old'), '{}'::text[], 'nothing is said of a purge before it is done');
select pg_temp.answer();
select ok(not pg_temp.is_there(:'old') and not exists (select from atelier.images where id = :'old_image'), 'S0-19: and then asset and image');
select is(pg_temp.log_of(:'old'), array['purge_assets | purged | asset | it was deleted at T, and could be restored for 30 days | 7'], 'the log has it, with the size of its object');
select matches(pg_temp.error_of(format('select atelier.restore_asset(%L)', :'old')),
    '^P0002 \| asset cannot be restored: it was purged \| Asset .* was purged at .*: it was deleted at .*, and could be restored for 30 days\. \| Its row and its picture are gone', 'S0-20: undo says since when and why');
select is(pg_temp.error_of(format('select atelier.restore_asset(%L)', :'bare')) ~ 'it was purged', true, 'S0-20: also of one without a picture');
select matches(pg_temp.error_of(format('select atelier.restore_asset(%L)', gen_random_uuid())), '^P0002 \| asset not found \| There is no asset', 'S0-20: but not of one that never was');
select set_config('pg_atelier.asset_undo_window', '28d', true);
select atelier.soft_delete_asset(:'young');
update atelier.generated_assets set deleted_at = now() - interval '29 days' where id = :'young';
select is(atelier.purge_deleted_assets(), 1, 'S0-18: the window is a setting');
select is(pg_temp.queued(), array['young its assets were deleted'], 'S0-18: by which the picture is queued');
set local pg_atelier.asset_undo_window = '30d';
select is(pg_temp.ordered(), null, 'S0-18: that was changed meanwhile is asked again');
select is(pg_temp.queued(), '{}'::text[], 'and the picture is left alone');
select is(atelier.purge_deleted_assets(), 0, 'as by the purge');

-- Undo against the purge
update atelier.generated_assets set deleted_at = now() - interval '40 days' where id = :'young';
select atelier.purge_deleted_assets(), atelier.restore_asset(:'young');
select is(pg_temp.ordered(), null, 'S0-20: an asset that is restored before its turn keeps its picture');
update atelier.generated_assets set deleted_at = now() - interval '40 days' where id = :'young';
select atelier.purge_deleted_assets(), atelier.restore_asset(:'young'), atelier.soft_delete_asset(:'young');
select is(pg_temp.ordered(), null, 'S0-20: and one that is deleted again can be restored again');
select atelier.restore_asset(:'young');

-- Pictures that are needed elsewhere
select pg_temp.picture(:'north', 'shown', '{"source": "generated"}') as shown, pg_temp.picture(:'north', 'both') as both_image, pg_temp.picture(:'north', 'mixed') as mixed_image \gset
select pg_temp.asset(:'chair', :'shown') as inspiring, pg_temp.asset(:'chair', :'both_image') as both_a, pg_temp.asset(:'chair', :'both_image') as both_b,
       pg_temp.asset(:'chair', :'mixed_image') as mixed_old, pg_temp.asset(:'chair', :'mixed_image', '3 days') as mixed_young \gset
select atelier.create_collection(:'north', 'Spring') as collection \gset
insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values (:'north', :'collection', :'shown', 'library') returning id as inspiration \gset
select is(atelier.purge_deleted_assets(), 4, 'all that are due');
select ok(not pg_temp.is_there(:'inspiring') and not pg_temp.is_there(:'mixed_old'), 'those whose picture is needed go without it');
select is(pg_temp.log_of(:'inspiring'), array['purge_assets | purged | asset | it was deleted at T, and could be restored for 30 days'], 'the log names no bytes then');
select is(pg_temp.ordered(), array['both'], 'a picture that all its assets have left is deleted');
select pg_temp.answer();
select ok(not pg_temp.is_there(:'both_a') and not pg_temp.is_there(:'both_b'), 'with all of them');
select is((select array_agg(bytes order by bytes) from atelier.purge_log where entity_id in (:'both_a', :'both_b')), array[7, null]::bigint[], 'its bytes are counted once');
select ok(exists (select from atelier.images where id = :'shown') and pg_temp.is_there(:'mixed_young'), 'what a collection follows, or can be restored with, stays');
select is(atelier.restore_asset(:'mixed_young'), :'mixed_young', 'S0-20: as long as that can be restored');
delete from atelier.inspiration_images where id = :'inspiration';
select is(pg_temp.ordered(), array['shown'], 'a generated picture that nothing shows or follows any more is deleted');
select pg_temp.answer();
select is(pg_temp.log_of(:'shown'), array['purge_assets | purged | image | no asset shows it any more, and nobody uses it | 7'], 'and its row, as the log says');
select pg_temp.picture(:'north', 'own', '{"source": "upload"}') as own, pg_temp.picture(:'north', 'made', '{"source": "generated"}') as made \gset
select atelier.create_product(:'north', 'Bench', 'B', 'seating') as bench \gset
select pg_temp.asset(:'bench', :'own'), pg_temp.asset(:'bench', :'made', null);
delete from atelier.products where id = :'bench';
select is(pg_temp.ordered(), array['made'], 'as is one whose assets went with their product; not what somebody uploaded');
select pg_temp.answer();

-- What somebody's own table refers to
create table pg_temp.favourites (asset_id uuid);
create schema purge_test;
create table purge_test.favourites (asset_id uuid references atelier.generated_assets (id));
create table purge_test.later (asset_id uuid, constraint later_asset foreign key (asset_id) references atelier.generated_assets (id) deferrable initially deferred);
create table purge_test.prints (image_id uuid references atelier.images (id));
create table purge_test.notes (asset_id uuid references atelier.generated_assets (id) on delete cascade);
create table purge_test.case_of as
select n, pg_temp.picture(:'north', 'held/' || n) as image_id, null::uuid as asset_id from generate_series(1, 20) n;
update purge_test.case_of set asset_id = pg_temp.asset(:'chair', image_id);
insert into purge_test.case_of select 21, null, pg_temp.asset(:'chair', null, '31 days', 'error');
insert into purge_test.favourites select asset_id from purge_test.case_of where n in (3, 21);
insert into purge_test.later select asset_id from purge_test.case_of where n = 7;
insert into purge_test.prints select image_id from purge_test.case_of where n = 11;
insert into purge_test.notes select asset_id from purge_test.case_of where n = 12;
set constraints all deferred;
select is(atelier.purge_deleted_assets(), 21, 'what a foreign key of somebody else holds');
select is((select array_agg(c.n order by c.n) from purge_test.case_of c where not exists (select from atelier_internal.object_deletions d where d.image_id = c.image_id)),
    array[3, 7, 11, 21], 'is left alone, and keeps no other from its turn');
select is((select array_agg(c.n || ' ' || l.task || ' ' || l.reason order by c.n) from atelier.purge_log l join purge_test.case_of c on c.asset_id = l.entity_id where l.action = 'held' and l.entity = 'asset'), array[
    '3 purge_assets update or delete on table "generated_assets" violates foreign key constraint "favourites_asset_id_fkey" on table "favourites"',
    '7 purge_assets update or delete on table "generated_assets" violates foreign key constraint "later_asset" on table "later"',
    '11 purge_assets update or delete on table "images" violates foreign key constraint "prints_image_id_fkey" on table "prints"',
    '21 purge_assets update or delete on table "generated_assets" violates foreign key constraint "favourites_asset_id_fkey" on table "favourites"'], 'and listed, with what holds it');
select is(atelier.purge_deleted_assets(), 0, 'and not tried again in this run');
select is(cardinality(pg_temp.ordered()), 17, 'the objects of the others go');
insert into purge_test.favourites select asset_id from purge_test.case_of where n = 5;
select pg_temp.answer();
select is((select array_agg(n order by n) from purge_test.case_of where pg_temp.is_there(asset_id)), array[3, 5, 7, 11, 21], 'and their rows; but not one that came to be held meanwhile');
select is((select array_agg(d.key || ' ' || d.error_message || ' ' || (d.run_after - now())) from atelier_internal.object_deletions d),
    array['held/5 its object is gone, but: update or delete on table "generated_assets" violates foreign key constraint "favourites_asset_id_fkey" on table "favourites" 01:00:00'], 'which is not lost sight of, nor tried again at once');
select is((select count(*) from purge_test.notes), 0::bigint, 'a row that goes along is no hindrance');
delete from purge_test.favourites where asset_id = (select asset_id from purge_test.case_of where n = 5);
select is(pg_temp.ordered(), array['held/5'], 'in its turn');
select pg_temp.answer();
select is((select array_agg(n order by n) from purge_test.case_of where pg_temp.is_there(asset_id)), array[3, 7, 11, 21], 'it goes when nothing holds it any more');
select is(pg_temp.queued(), '{}'::text[], 'and the queue is empty');
select is((select array_agg(l.action || ' ' || l.entity) from atelier.purge_log l join purge_test.case_of c on l.entity_id in (c.asset_id, c.image_id) where c.n = 5 and l.entity = 'asset'), array['purged asset'], 'the log has it once');
delete from purge_test.favourites; delete from purge_test.later; delete from purge_test.prints;
select is(atelier.purge_deleted_assets(), 0, 'what was let go of waits for the next day');
update atelier_internal.purge_log set at = now() - interval '21 hours' where action = 'held' and entity = 'asset';
select is(atelier.purge_deleted_assets(), 4, 'and is purged then');
select pg_temp.ordered(), pg_temp.answer();
select is((select count(*) from atelier.purge_log l join purge_test.case_of c on c.asset_id = l.entity_id where l.action = 'held'), 0::bigint, 'which takes it out of what is held');
select pg_temp.picture(:'north', 'between') as between_image \gset
select pg_temp.asset(:'chair', :'between_image') as between_asset \gset
select atelier.purge_deleted_assets();
insert into purge_test.favourites values (:'between_asset');
select is(pg_temp.ordered(), null, 'what comes to be held between purge and deletion keeps its object');
select is(pg_temp.log_of(:'between_asset'), array['purge_assets | held | asset | update or delete on table "generated_assets" violates foreign key constraint "favourites_asset_id_fkey" on table "favourites"'], 'and is listed');
select is((select status from atelier.images where id = :'between_image'), 'ready', 'its picture is as it was');

-- What takes its time, what somebody else broke, and what is missing
select is((select array_agg(area || ' ' || finding || ' ' || advice order by finding) from atelier.self_check() where area = 'foreign key' and finding ~ 'favourites'), array[
    'foreign key foreign key favourites_asset_id_fkey of table purge_test.favourites has no index: for each row of atelier.generated_assets that is purged the whole table is read CREATE INDEX ON purge_test.favourites (asset_id);'], 'self_check names a foreign key without an index');
create index on purge_test.favourites (asset_id);
select is((select count(*) from atelier.self_check() where area = 'foreign key' and finding ~ 'favourites'), 0::bigint, 'until it has one');
create function purge_test.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return old; end $$;
create trigger dawdle before delete on purge_test.notes for each row execute function purge_test.dawdle();
create table purge_test.slow as select pg_temp.asset(:'chair', null, '31 days', 'error') as asset_id from generate_series(1, 40);
insert into purge_test.notes select asset_id from purge_test.slow;
select atelier.purge_deleted_assets() as handled \gset
select ok(:handled between 1 and 30, 'a run ends after about a second, however long each row takes');
select is((select count(*) from purge_test.slow where pg_temp.is_there(asset_id)), 40 - :handled::bigint, 'with what it got to');
drop trigger dawdle on purge_test.notes;
select is(atelier.purge_deleted_assets(), 40 - :handled, 'and the rest is not held, but next');
select pg_temp.asset(:'chair', null, '31 days', 'error') as innocent \gset
create table purge_test.broken (id integer primary key, other integer references purge_test.broken deferrable initially deferred);
set constraints all deferred;
savepoint broken;
insert into purge_test.broken values (1, 2);
select matches(pg_temp.error_of('select atelier.purge_deleted_assets()'), '^23503 .*broken_other_fkey', 'a deferred constraint that the caller has broken fails the call');
rollback to broken;
select is(pg_temp.log_of(:'innocent'), '{}'::text[], 'and is not held against what is to go');
select is(atelier.purge_deleted_assets(), 1, 'which goes in its turn');
drop schema purge_test cascade;

-- Many at once
create table pg_temp.bulk as select pg_temp.asset(:'chair', pg_temp.picture(:'north', 'bulk/' || n)) as asset_id from generate_series(1, 300) n;
select is(atelier.purge_deleted_assets(), 300, 'many that are due');
select cardinality(pg_temp.ordered()) as ordered, idx_scan as looks from pg_stat_xact_user_tables where relid = 'atelier.images'::regclass \gset
select pg_temp.answer();
select is((select count(*) from pg_temp.bulk where pg_temp.is_there(asset_id)), 0::bigint, 'are gone');
select cmp_ok((select idx_scan - :looks from pg_stat_xact_user_tables where relid = 'atelier.images'::regclass), '<', 300 * 30::bigint, 'after some looks for each of them, not for each beside each');

-- A store that is down
select pg_temp.asset(:'chair', pg_temp.picture(:'north', 'behind')) as behind \gset
savepoint behind;
insert into atelier_internal.object_deletions (store, bucket, key, image_id, reason, run_after)
select 'media', 'photos', 'down/' || n, gen_random_uuid(), 'test', now() + interval '1 hour' from generate_series(1, 19999) n;
insert into atelier_internal.object_deletions (store, bucket, key, image_id, reason, run_after)
select 'media', 'photos', 'kept/' || n, gen_random_uuid(), 'test', now() + interval '20 hours' from generate_series(1, 10) n;
select is(atelier_internal.is_purge_behind(), false, 'what was put off for long is not in the way');
insert into atelier_internal.object_deletions (store, bucket, key, image_id, reason) values ('media', 'photos', 'last', gen_random_uuid(), 'test');
select is(array[atelier.purge_deleted_assets(), atelier.purge_uploads()], array[0, 0], 'with 20,000 pictures in the queue no more are looked for');
select is((select array_agg(last_handled order by task) from atelier_internal.maintenance_runs where task in ('purge_assets', 'purge_uploads') and last_run_at = now()), array[0, 0], 'which are runs like others');
rollback to behind;
select is(atelier.purge_deleted_assets(), 1, 'and goes on when they are gone');
select pg_temp.ordered(), pg_temp.answer();

-- Failed assets
select pg_temp.asset(:'chair', null, null, 'error') as failed, pg_temp.asset(:'chair', null, null, 'error') as failed_lately, pg_temp.asset(:'chair', pg_temp.picture(:'north', 'fine'), null) as fine \gset
alter table atelier.generated_assets disable trigger touch_updated_at;
update atelier.generated_assets set updated_at = now() - case id when :'failed_lately' then interval '6 days' else interval '400 days' end where id in (:'failed', :'failed_lately', :'fine');
alter table atelier.generated_assets enable trigger touch_updated_at;
select is(atelier.expire_failed_assets(), 1, 'S0-99: what has been in error for more than 7 days');
select is((select array_agg(id) from atelier.generated_assets where deleted_at = now() and id in (:'failed', :'failed_lately', :'fine')), array[:'failed']::uuid[], 'S0-99: is deleted; what failed lately is not, and a completed asset never');
select is((select data from atelier_internal.events where subject_id = :'failed' and kind = 'asset.deleted'), '{"reason": "expired"}'::jsonb, 'S0-99: with its event');
select is(atelier.expire_failed_assets(), 0, 'once');
select is(atelier.restore_asset(:'failed'), :'failed', 'X-21: it can be restored');

-- Uploads
create function pg_temp.upload(p_client uuid, p_age interval) returns uuid language plpgsql as $$
declare
    v_id uuid := gen_random_uuid();
begin
    insert into atelier.images (id, client_id, store, s3_bucket, s3_key) values (v_id, p_client, 'media', 'photos', format('clients/%s/uploads/%s.png', p_client, v_id));
    insert into atelier.uploads (image_id, client_id, filename, content_type, size, requested_at, expires_at)
    values (v_id, p_client, 'a.png', 'image/png', 5, now() - p_age, now() - p_age + interval '15 minutes');
    return v_id;
end
$$;
select pg_temp.upload(:'north', '25 hours') as abandoned, pg_temp.upload(:'north', '23 hours') as fresh, pg_temp.upload(:'north', '25 hours') as confirmed, pg_temp.upload(:'north', '25 hours') as refused, pg_temp.upload(:'north', '25 hours') as long_address \gset
update atelier.uploads set expires_at = now() + interval '5 minutes' where image_id = :'long_address';
update atelier.uploads set confirmed_at = requested_at where image_id in (:'confirmed', :'refused');
update atelier.uploads set rejected_at = now() where image_id = :'refused';
update atelier.images set status = 'failed', error_class = 'invalid_request', error_message = 'test' where id = :'refused';
update atelier.images set status = 'ready', width = 1, height = 1, file_size = 5, mime_type = 'image/png', sha256 = repeat('ab', 32) where id = :'confirmed';
select is(atelier.purge_uploads(), 1, 'X-26: an upload that nobody confirmed within 24 hours');
select is(pg_temp.ordered(), array[format('clients/%s/uploads/%s.png', :'north', :'abandoned')], 'X-26, S3-47: its object goes; not that of a fresh, a confirmed or a refused one, or while its address holds');
select pg_temp.answer();
select ok(not exists (select from atelier.uploads where image_id = :'abandoned') and not exists (select from atelier.images where id = :'abandoned'), 'S3-47: then its rows');
select matches(array_to_string(pg_temp.log_of(:'abandoned'), ','), '^purge_uploads \| purged \| upload \| it was begun at T, and never confirmed$', 'as the log says');
update atelier.uploads set rejected_at = now() - interval '25 hours' where image_id = :'refused';
select is(atelier.purge_uploads(), 1, 'X-26: one that was refused goes as long after that');
select pg_temp.ordered(), pg_temp.answer();
select ok(not exists (select from atelier.images where id = :'refused'), 'with its row');
update atelier.uploads set requested_at = requested_at - interval '1 day', expires_at = expires_at - interval '1 day' where image_id = :'fresh';
select is(atelier.purge_uploads(), 1, 'one whose time has come');
select atelier.confirm_upload(:'fresh');
select is(pg_temp.ordered(), null, 'that is confirmed before its turn');
update atelier.images set status = 'ready', width = 1, height = 1, file_size = 5, mime_type = 'image/png', sha256 = repeat('ab', 32), job_id = null where id = :'fresh';
select atelier_internal.queue_deletions(array[row('media', 'photos', format('clients/%s/uploads/%s.png', :'north', :'fresh'), :'fresh')::atelier_internal.deletion_request], 'test');
select is(pg_temp.ordered(), null, 'stays, also when its inspection has ended by then');

-- Legal hold
select is(atelier.place_legal_hold(:'south', ' case 7 '), 0, 'S3-57: a legal hold');
select pg_temp.picture(:'south', 'south') as south_image, pg_temp.upload(:'south', '25 hours') as south_upload \gset
select pg_temp.asset(:'stool', :'south_image') as south_asset, pg_temp.asset(:'stool', null, '31 days', 'error') as south_bare, pg_temp.asset(:'stool', null, null, 'error') as south_failed,
       pg_temp.asset(:'chair', null, '31 days', 'error') as north_bare \gset
alter table atelier.generated_assets disable trigger touch_updated_at;
update atelier.generated_assets set updated_at = now() - interval '8 days' where id = :'south_failed';
alter table atelier.generated_assets enable trigger touch_updated_at;
select is(array[atelier.purge_deleted_assets(), atelier.expire_failed_assets(), atelier.purge_uploads()], array[1, 0, 0], 'S3-57: keeps all of a client from the purge, and nothing of others');
select ok(not pg_temp.is_there(:'north_bare'), 'as can be seen');
select is((select array_agg(concat_ws(' | ', action, entity, client_id = :'south', reason)) from atelier.purge_log where entity_id = :'south'), array_fill('held | client | t | legal hold: case 7'::text, array[3]), 'and is listed, once by each of the three');
select is((select details from atelier_internal.audit_log where action = 'hold.placed' and entity_id = :'south'), '{"reason": "case 7"}'::jsonb, 'and audited');
select is((select legal_hold from atelier.clients where id = :'south'), 'case 7', 'the client says why');
select atelier_internal.queue_deletions(array[row('media', 'photos', 'south', :'south_image')::atelier_internal.deletion_request], 'test');
select is(pg_temp.ordered(), null, 'S3-57: what was queued before it stays too');
select atelier.create_collection(:'south', 'Held') as held \gset
select matches(pg_temp.error_of(format('select atelier.delete_collection(%L)', :'held')), '^55000 \| collection cannot be deleted: there is a legal hold \| ', 'S3-57: so does a collection, whose deletion cannot be undone');
select is(atelier.release_legal_hold(:'south'), true, 'S3-57: until it is released');
select is(atelier.delete_collection(:'held'), :'held', 'then it can be deleted');
select is(atelier.release_legal_hold(:'south'), false, 'once');
select is((select count(*) from atelier.purge_log where entity_id = :'south'), 0::bigint, 'then the client is not listed any more');
select is((select count(*) from atelier_internal.audit_log where action = 'hold.released' and entity_id = :'south'), 1::bigint, 'that is audited too');
select is(array[atelier.purge_deleted_assets(), atelier.expire_failed_assets(), atelier.purge_uploads()], array[2, 1, 1], 'and all goes its way');
select pg_temp.ordered();
select is(atelier.place_legal_hold(:'south', 'case 8'), 2, 'a hold says for how many pictures it comes too late');
select pg_temp.answer(), atelier.release_legal_hold(:'south');
select matches(pg_temp.error_of(format('select atelier.place_legal_hold(%L, %L)', :'south', '  ')), '^22023 \| reason must have from 1 to 1000 characters', 'a hold has a reason');
select matches(pg_temp.error_of(format('select atelier.place_legal_hold(%L, %L)', gen_random_uuid(), 'x')), '^23503 \| client not found', 'and a client');
select matches(pg_temp.error_of('select atelier.release_legal_hold(null)'), '^22004 \| client_id must not be null', 'so has its release');

select pg_temp.picture(:'south', 'unused', '{"source": "generated"}') as unused \gset
insert into atelier.product_images (client_id, product_id, image_id) values (:'south', :'stool', :'unused');
select atelier.place_legal_hold(:'south', 'case 9');
delete from atelier.product_images where image_id = :'unused';
select atelier_internal.queue_deletions(array[row('media', 'photos', format('clients/%s/stray', :'south'), null)::atelier_internal.deletion_request], 'test');
select is(pg_temp.ordered(), null, 'S3-57: a hold keeps a generated picture that nothing shows any more, and an object that no row has');
select is((select array_agg(d.run_after - now() order by d.key) from atelier_internal.object_deletions d where d.job_id is null and (d.key = 'unused' or d.key like '%/stray')), array_fill(interval '1 day', array[2]), 'which are looked at again the next day');
select atelier.release_legal_hold(:'south');
select is(pg_temp.ordered(), array[format('clients/%s/stray', :'south'), 'unused'], 'and go after it');
select is(atelier.place_legal_hold(:'south', 'case 10'), 2, 'for both it comes too late then');
select pg_temp.answer(), atelier.release_legal_hold(:'south');

-- Batches, and who asks
select pg_temp.asset(:'chair', null, '31 days', 'error') from generate_series(1, 5);
select is(array[atelier.purge_deleted_assets(2), atelier.purge_deleted_assets(2), atelier.purge_deleted_assets(2), atelier.purge_deleted_assets(2)], array[2, 2, 1, 0], 'batch by batch');
select is((select array_agg(r.task || ' ' || r.last_handled order by r.task) from atelier_internal.maintenance_runs r), array['expire_failed 1', 'purge_assets 0', 'purge_uploads 1'], 'S0-19: each run is recorded');
set local track_functions = 'all';
select pg_temp.asset(:'chair', pg_temp.picture(:'north', 'batch/' || n)) from generate_series(1, 20) n;
select is(atelier.purge_deleted_assets(), 20, 'a batch with pictures');
select is((select calls from pg_stat_xact_user_functions where funcname = 'images_in_use'), 1::bigint, 'asks for all of them at once whether they are in use');
set local track_functions = 'none';
select matches(pg_temp.error_of('select atelier.purge_deleted_assets(0)'), '^22023 \| batch must be from 1 to 10000', 'a batch has its limits');
select matches(pg_temp.error_of('select atelier.expire_failed_assets(null)'), '^22023 \| batch must be from 1 to 10000', 'and is given');
savepoint in_context;
select atelier_internal.enter_context(:'north', null, false);
select matches(pg_temp.error_of('select atelier.purge_uploads()'), '^55000 \| the purge concerns all clients', 'not in a transaction that works for one client');
select matches(pg_temp.error_of('select atelier.confirm_clock()'), '^55000 \| the clock concerns all clients', 'nor is the clock confirmed there');
select matches(pg_temp.error_of(format('select atelier.restore_asset(%L)', :'south_bare')), '^P0002 \| asset not found \| There is no asset', 'S0-20: what was purged of another client is as if it had never been');
select matches(pg_temp.error_of(format('select atelier.restore_asset(%L)', :'bare')), '^P0002 \| asset cannot be restored: it was purged', 'S0-20: but not what was of one''s own');
rollback to in_context;

-- The log forgets
insert into atelier_internal.purge_log (at, task, action, entity, entity_id, reason)
values (now() - interval '364 days', 'purge_assets', 'purged', 'asset', :'north', 'test'), (now() - interval '366 days', 'purge_assets', 'purged', 'asset', :'north', 'test'), (now() - interval '4 days', 'purge_assets', 'held', 'asset', :'north', 'test');
select atelier.purge_deleted_assets();
select is((select array_agg(action || ' ' || (now() - at)) from atelier.purge_log where entity_id = :'north'), array['purged 364 days'], 'the log keeps a year, and for three days what nobody found held again');

-- A copy
select pg_temp.asset(:'chair', null, '31 days', 'error') as copied \gset
savepoint copy;
update atelier_internal.object_owners set instance = instance + 1;
select is(array[atelier.purge_deleted_assets(), atelier.expire_failed_assets(), atelier.purge_uploads()], array[0, 0, 0], 'a copy of a database purges nothing');
select ok(pg_temp.is_there(:'copied'), 'so that what was deleted long ago can be looked for there');
rollback to copy;
select is(atelier.purge_deleted_assets(), 1, 'the original does');

-- The clock
select pg_temp.asset(:'chair', null, '31 days', 'error') as waiting \gset
update atelier_internal.clock_readings set at = at - interval '59 minutes';
select is(atelier_internal.clock_problem(), null, 'less than an hour is no matter');
update atelier_internal.clock_readings set at = at - interval '8 days';
select is(array[atelier.purge_deleted_assets(), atelier.expire_failed_assets(), atelier.purge_uploads()], array[0, 0, 0], 'a clock that went ahead by 8 days: nothing is deleted');
-- The minutes and seconds are as the machine is fast.
create function pg_temp.timeless(p_text text) returns text language sql as $$
    select regexp_replace(regexp_replace(p_text, '\d{4}-\d\d-\d\d [0-9:+]+', 'T'), '\d\d:\d\d:\d\d', 'H', 'g')
$$;
select is((select array_agg(task || ': ' || pg_temp.timeless(reason) order by task) from atelier.purge_log where action = 'refused'), array[
    'expire_failed: the clock went forward by 8 days H since T, beside the H that passed', 'purge_assets: the clock went forward by 8 days H since T, beside the H that passed',
    'purge_uploads: the clock went forward by 8 days H since T, beside the H that passed'], 'the log says so');
select is((select array_agg(area || ' ' || pg_temp.timeless(finding) || ' ' || advice) from atelier.self_check() where finding like 'nothing is purged%'), array[
    'alert nothing is purged: the clock went forward by 8 days H since T, beside the H that passed Put the clock right; or, where it is right, SELECT atelier.confirm_clock();'], 'so does self_check, with the way out');
select atelier.purge_uploads();
select is((select count(*) from atelier.purge_log where action = 'refused'), 3::bigint, 'once for each task, however often it came by');
select ok(pg_temp.is_there(:'waiting'), 'the asset is there');
select ok((select c.at between now() and clock_timestamp() from atelier.confirm_clock() as c (at)), 'a clock that is right is confirmed');
select is((select array_agg(details ->> 'was' ~ '^the clock went forward') from atelier_internal.audit_log where action = 'clock.confirmed'), array[true], 'which is audited');
select is((select count(*) from atelier.alerts where kind = 'clock_moved' and resolved_at is null), 0::bigint, 'and ends the alert');
select is(atelier.purge_deleted_assets(), 1, 'then the purge goes on');
update atelier_internal.clock_readings set at = at + interval '2 hours';
select is(atelier.purge_deleted_assets(), 0, 'a clock that went back');
select matches((select reason from atelier.purge_log where action = 'refused' order by at desc, reason limit 1), '^the clock went back by ', 'is not trusted either');
update atelier_internal.clock_readings set at = at - interval '2 hours';
select pg_temp.asset(:'chair', null, '31 days', 'error') as waiting \gset
select is(atelier.purge_deleted_assets(), 1, 'one that was put right is trusted again');
select is((select count(*) from atelier.alerts where kind = 'clock_moved' and resolved_at is null), 0::bigint, 'without a word of anybody');
update atelier_internal.clock_readings set boot_id = 'another', seconds = 1e9;
select is(atelier_internal.clock_problem(), null, 'after a reboot there is nothing to compare with');
update atelier_internal.clock_readings set at = at + interval '1 minute';
select matches(atelier_internal.clock_problem(), '^the clock says .*, but it was .* before the machine was started again', 'but it is not earlier than before');
update atelier_internal.clock_readings set at = 'infinity';
select isnt(atelier_internal.clock_problem(), null, 'whatever was read');

select * from finish();
rollback;
