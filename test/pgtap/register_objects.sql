-- Rows of another extension that hold objects: what they name is not deleted, is no stray, and goes when its row does.
\set QUIET on
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine() \gset i_
create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
create server twin foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
select atelier.create_client('North', 'objects-north') as north \gset
select atelier.create_client('South', 'objects-south') as south \gset
select 'clients/' || :'north' || '/cards/' as place \gset
create extension atelier_postcards;

create function pg_temp.card(p_client uuid, p_key text, p_store text default 'media', p_bytes bigint default 10, p_age interval default '2 days') returns uuid language sql as $$
    insert into postcards.cards (client_id, words, store, bucket, object_key, bytes, created_at)
    values (p_client, p_key, p_store, case p_store when 'file' then '' else 'photos' end, p_key, p_bytes, now() - p_age) returning id
$$;
create function pg_temp.queue(p_keys text[], p_store text default 'media') returns void language sql as $$
    select atelier_internal.queue_deletions(array(select row(p_store, 'photos', k, null)::atelier_internal.deletion_request from unnest(p_keys) k), 'test')
$$;
create function pg_temp.queued() returns text[] language sql as $$
    select coalesce(array_agg(d.key || case when d.ordered_at is not null then ' ordered' else '' end order by d.key), '{}') from atelier_internal.object_deletions d
$$;
-- Plans what is due and leases it; the keys of the new orders.
create function pg_temp.ordered() returns text[] language plpgsql as $$
declare
    v_before bigint := (select coalesce(max(o.attempt), 0) from pg_temp.orders o);
begin
    update atelier_internal.object_deletions set run_after = now() where job_id is null;
    perform atelier_internal.promote(100), pg_temp.lease_all();
    return (select coalesce(array_agg(e.entry ->> 'key' order by e.entry ->> 'key'), '{}') from pg_temp.orders o, jsonb_array_elements(o.body #> '{request,objects}') e (entry)
             where o.attempt > v_before and o.body ->> 'action' = 'storage.delete');
end
$$;
create function pg_temp.picture(p_client uuid, p_key text, p_store text default 'media') returns uuid language sql as $$
    insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, metadata)
    values (p_client, p_store, case p_store when 'file' then '' else 'photos' end, p_key, 'ready', 1, 1, 10, 'image/png', repeat('ab', 32), '{"source": "generated"}') returning id
$$;

-- Deletions
select pg_temp.card(:'north', 'held') \gset i_
select pg_temp.queue(array['held', 'free']) \gset i_
select is(pg_temp.ordered(), array['free'], 'what a row holds is not deleted');
select is(pg_temp.queued(), array['free ordered'], 'and is in the queue no more');
select pg_temp.queue(array['held'], 'twin') \gset i_
select is(pg_temp.ordered(), '{}', 'by whichever name of the bucket');
select pg_temp.queue(array['wanted']) \gset i_
select pg_temp.card(:'north', 'wanted') \gset i_
select is(pg_temp.queued(), array['free ordered'], 'what a row comes to hold is taken out of the queue');
select matches(pg_temp.error_of(format('select pg_temp.card(%L, ''free'')', :'north')), '^55006 \| the object is being deleted', 'for what is just being deleted it is too late');
select matches(pg_temp.error_of(format('select pg_temp.card(%L, ''/odd//key'')', :'north')), '^22023 \| key is not valid', 'nor can everything be a key');
set local row_security = off;
select is(pg_temp.error_of('insert into postcards.cards (store, bucket, object_key) values (''media'', ''photos'', ''restored'')'), 'no error', 'a restore, which turns row security off, fills the table');
delete from postcards.cards where object_key = 'restored';
reset row_security;
delete from atelier_internal.object_deletions where key = 'restored';
update postcards.cards set words = 'the same' where object_key = 'held';
select is(pg_temp.queued(), array['free ordered'], 'an UPDATE of something else queues nothing');
update postcards.cards set object_key = 'other' where object_key = 'held';
select is(pg_temp.queued(), array['free ordered', 'held'], 'what no row names any more is queued');
select pg_temp.card(:'north', 'other') \gset i_
delete from postcards.cards where object_key = 'other' and words = 'the same';
select is(pg_temp.queued(), array['free ordered', 'held', 'other'], 'so is what a deleted row named');
select is(pg_temp.ordered(), array['held'], 'but not deleted while another row holds it');
delete from postcards.cards;
select is(pg_temp.queued(), array['free ordered', 'held ordered', 'other', 'wanted'], 'the rows of one statement together');
update postcards.cards set object_key = null;
insert into postcards.cards (words) values ('without a picture');
select is(pg_temp.ordered(), array['other', 'wanted'], 'a row without an object holds none');
delete from atelier_internal.object_deletions;

-- Images: a purge, a move, a row that is going
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset
select pg_temp.picture(:'north', 'shared') as shared \gset
insert into atelier.generated_assets (client_id, product_id, image_id, status, settings, progress, completed_at, deleted_at)
values (:'north', :'chair', :'shared', 'completed', pg_temp.whole(), 100, now(), now() - interval '60 days');
select pg_temp.card(:'north', 'shared') \gset i_
select is(atelier_internal.images_in_use(array[:'shared'::uuid]), array[:'shared'::uuid], 'an image whose object a row holds is in use');
select is(atelier.purge_deleted_assets(), 1, 'a purge takes the asset');
select is(pg_temp.ordered(), '{}', 'without the object');
select is((select i.status from atelier.images i where i.id = :'shared'), 'ready', 'and the image stays with it');
select is((select d.run_after > now() + interval '23 hours' from atelier_internal.object_deletions d where d.key = 'shared'), true, 'until nothing holds it: looked at again in a day');
delete from postcards.cards;
select is(pg_temp.ordered(), array['shared'], 'then it goes');
select pg_temp.picture(:'north', 'going') as going \gset
update atelier.images set status = 'deleting' where id = :'going';
select matches(pg_temp.error_of(format('select pg_temp.card(%L, ''going'')', :'north')), '^55006 \| the object is being deleted', 'an image that is going is not held any more');
select pg_temp.picture(:'north', 'here', 'file') as here \gset
select pg_temp.picture(:'north', 'there', 'file') as there \gset
select pg_temp.card(:'north', 'here') \gset i_
select is(atelier.move_objects('file', 'media'), 1, 'an image is not moved onto the object of a row');
select is((select array_agg(i.s3_key) from atelier.images i where i.moving_to is not null), array['there'], 'others are');
select matches(pg_temp.error_of(format('select pg_temp.card(%L, ''there'')', :'north')), '^55006 \| an image is being moved to this key', 'nor does a row come to hold what an image is being moved to');
delete from atelier_internal.object_deletions;
delete from postcards.cards;
delete from atelier_internal.object_deletions;

-- Where nobody can say what the rows hold, nothing is deleted.
select pg_temp.card(:'north', 'unclear') \gset i_
select pg_temp.queue(array['unclear', 'other']) \gset i_
alter table postcards.cards rename column object_key to elsewhere;
select is(pg_temp.ordered(), '{}', 'a table that is not as it was registered: nothing is deleted');
select is(pg_temp.queued(), array['other', 'unclear'], 'nor forgotten');
select matches((select a.message from atelier.alerts a where a.kind = 'stored_objects_unreadable'), '^objects are not deleted: postcards\.cards of extension atelier_postcards: column .*object_key does not exist', 'an alert says why');
select is(atelier_internal.images_held(array[:'there'::uuid]), array[:'there'::uuid], 'and no image is given up');
select is(atelier_internal.strays_among('media', 'photos', array[:'place' || 'x']), '{}', 'nor called a stray');
alter table postcards.cards rename column elsewhere to object_key;
alter table postcards.cards enable row level security;
set local role atelier_owner;
select problem from atelier_internal.keys_held(array['media'], 'photos', array['unclear']) \gset
reset role;
alter table postcards.cards disable row level security;
select matches(:'problem'::text, 'row-level security', 'where a policy could hide a row, nobody can say either');
select is(pg_temp.ordered(), array['other'], 'when it can be said again, the rest is deleted');
delete from postcards.cards;
delete from atelier_internal.object_deletions;

-- fsck()
create function pg_temp.object(p_key text, p_size bigint default 10) returns jsonb language sql as $$
    select jsonb_build_object('key', p_key, 'size', p_size, 'modified', floor(extract(epoch from now() - interval '2 days')))
$$;
create function pg_temp.page(p_objects jsonb[], p_next text) returns void language plpgsql as $$
begin
    perform pg_temp.lease_all();
    perform atelier_internal.settle(4711, jsonb_build_array(jsonb_build_object('lease', o.body -> 'lease', 'outcome', 'completed', 'sent', false, 'duration_ms', 1,
        'result', jsonb_build_object('objects', to_jsonb(p_objects), 'truncated', p_next is not null) || case when p_next is null then '{}' else jsonb_build_object('next', p_next) end)))
       from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt where j.pipeline = 'check_store' and j.state = 'leased';
end
$$;
create function pg_temp.found(p_objects jsonb[]) returns text[] language plpgsql as $$
declare
    v_run uuid := atelier.fsck('media');
begin
    perform pg_temp.page(p_objects, null);
    if exists (select from atelier.fsck_runs r where r.run_id = v_run and r.state = 'running') then
        perform pg_temp.page(p_objects, null);
    end if;
    return (select coalesce(array_agg(concat_ws(' ', f.finding, regexp_replace(f.key, '^.*/', ''), f.client_id = (select c.id from atelier.clients c where c.slug = 'objects-north'), f.expected_size, f.found_size) order by f.key), '{}')
              from atelier.fsck_findings f where f.run_id = v_run);
end
$$;
delete from atelier.images;
delete from atelier_internal.object_deletions;
select pg_temp.card(:'north', :'place' || 'a'), pg_temp.card(:'north', :'place' || 'b', p_bytes => null), pg_temp.card(:'north', :'place' || 'young', p_age => '1 hour') \gset i_
select is(pg_temp.found(array[pg_temp.object(:'place' || 'a'), pg_temp.object(:'place' || 'b', 99)]), '{}', 'fsck: the objects of rows are no strays, and rows of the last day are not missed');
select is(pg_temp.found(array[pg_temp.object(:'place' || 'a', 11)]), array['size_differs a t 10 11', 'row_without_object b t'], 'fsck: it finds rows without object, and other sizes');
select is(pg_temp.found(array[pg_temp.object(:'place' || 'a'), pg_temp.object(:'place' || 'b'), pg_temp.object(:'place' || 'c')]), array['object_without_row c t 10'], 'fsck: and strays beside them');
select pg_temp.card(:'north', :'place' || 'b') \gset i_
select is(pg_temp.found(array[pg_temp.object(:'place' || 'a')]), array['row_without_object b t'], 'fsck: an object that two rows hold is missed once');
create function pg_temp.limit_of(p_most integer) returns text[] language sql as $$
    select array_agg(h.key order by h.key) from atelier_internal.rows_held(array['media', 'twin'], 'photos', '', '', null, now(), p_most) h
$$;
select is(cardinality(pg_temp.limit_of(2)), 2, 'fsck: so many rows at once');

-- What operators see, each client its own
select pg_temp.card(:'south', 'clients/' || :'south' || '/x', 'media', 5), pg_temp.card(null, 'nobody', 'media', 7) \gset i_
select results_eq('select store, bucket, client_id, objects, bytes, deleted_objects, unmeasured from atelier.storage_usage order by objects, bytes',
    format($$ values ('media', 'photos', %L::uuid, 1::bigint, 5::bigint, 0::bigint, 0::bigint), ('media', 'photos', null, 1, 7, 0, 0), ('media', 'photos', %L, 4, 30, 0, 1) $$, :'south', :'north'),
    'storage_usage: the objects of rows count');
savepoint context;
select atelier.set_context(client_id => :'south', user_id => pg_temp.member_of(:'south')) \gset i_
select results_eq('select client_id, bytes from atelier.storage_usage', format($$ values (%L::uuid, 5::bigint) $$, :'south'), 'storage_usage: who works for a client sees what is that one''s');
rollback to context;

-- An erasure
delete from atelier_internal.object_deletions;
insert into postcards.cards (client_id, store, bucket, object_key) values (:'south', 'media', 'photos', 'outside the folder');
select atelier.erase_client(:'south') as tombstone \gset
select is((select count(*) from postcards.cards c where c.client_id = :'south'), 0::bigint, 'an erasure takes the rows of the client');
select is((select array_agg(d.key order by d.key) from atelier_internal.object_deletions d where d.tombstone = :'tombstone'), array['clients/' || :'south' || '/x', 'outside the folder'], 'and their objects, wherever they lie');
select is((select e.counts ->> 'cards' from atelier.erasure_log e where e.tombstone = :'tombstone'), '2', 'and counts them');
select is((select count(*) from postcards.cards c where c.client_id = :'north'), 4::bigint, 'of nobody else');

-- Without the extension
delete from atelier_internal.object_deletions;
select array_agg(object_key) as keys from postcards.cards where client_id = :'north' \gset
select pg_temp.queue(:'keys'::text[]) \gset i_
select is(pg_temp.ordered(), '{}', 'while it is installed its objects stay');
select pg_temp.queue(:'keys'::text[]) \gset i_
drop extension atelier_postcards cascade;
select is((select array_agg(distinct k order by k) from unnest(pg_temp.ordered()) k), (select array_agg(distinct k order by k) from unnest(:'keys'::text[]) k), 'when it is gone with its rows they are nobody''s');
select is((select count(*) from atelier.storage_usage u where u.objects > 0), 0::bigint, 'and count no more');
create extension atelier_postcards;
select is((select count(*) from atelier_internal.stored_objects), 1::bigint, 'what the one before it registered is forgotten when it comes back');

-- What can hold objects
create function pg_temp.in_script(p_command text) returns text language plpgsql as $$
begin
    execute format('create or replace function atelier_internal.current_extension() returns text language sql stable set search_path = pg_catalog, pg_temp return %L', 'atelier_postcards');
    return pg_temp.error_of(p_command);
end
$$;
create table public.mine (key text collate "C", store text not null, words text, wide text[]);
create index on public.mine (store, key);
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine')$$), '^55000 \| table public\.mine is none of extension "atelier_postcards" \| When a dump is restored', 'a table of its own');
alter extension atelier_postcards add table public.mine;
select is(pg_temp.in_script($$select atelier.register_stored_objects('public.mine')$$), 'no error', 'any table of it that has key and store');
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine', key => 'nothing')$$), '^42703 \| table public\.mine has no column "nothing"', 'columns that are there');
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine', key => 'words')$$), '^22023 \| column "words" of table public\.mine is not fit for key .* COLLATE "C"', 'a key that is ordered by its bytes');
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine', key => 'wide')$$), '^22023 \| column "wide" of table public\.mine is not fit for key', 'of the right type');
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine', store => 'words')$$), '^22023 \| column "words" of table public\.mine is not fit for store \| It has to be text NOT NULL', 'a store that each row has');
drop index public.mine_store_key_idx;
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine')$$), '^55000 \| table public\.mine has no index by which its objects are found .* CREATE INDEX ON public\.mine \(store, key\);', 'an index');
create index on public.mine (store, key) where words is null;
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine')$$), '^55000 \| table public\.mine has no index', 'of all rows');
create index on public.mine (store, key);
alter table public.mine enable row level security;
select matches(pg_temp.in_script($$select atelier.register_stored_objects('public.mine')$$), '^42809 \| public\.mine is not an ordinary table', 'without policies');
alter table public.mine disable row level security;
create view postcards.seen as select * from public.mine;
alter extension atelier_postcards add view postcards.seen;
select matches(pg_temp.in_script($$select atelier.register_stored_objects('postcards.seen')$$), '^(22023|42809)', 'no view');
select is(pg_temp.in_script($$select atelier.unregister_stored_objects('public.mine')$$), 'no error', 'and it can be taken back');
select is_empty($$select from atelier.registrations r where r.name like '%mine%'$$, 'and is known no more');
select * from finish();
rollback;
