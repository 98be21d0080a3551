-- atelier.redrive() of what has rows of its own: photos that could not be imported, objects that could not be moved, analyses that
-- ended in error. Where the row has gone on since, nothing is left to do.
\set QUIET on
begin;
\ir include/studio.psql
\ir include/analysis.psql
select no_plan();
select pg_temp.start_engine() \gset i_
select atelier.create_client('North', 'redrive-north') as north \gset

create function pg_temp.redrive(p_pipeline text) returns table (job_id uuid, new_job_id uuid, problem text) language sql as $$
    select * from atelier.redrive(jsonb_build_object('pipeline', p_pipeline)) $$;
create function pg_temp.row_of(p_image uuid) returns text language sql volatile as $$
    select concat_ws(' ', i.status, i.store, i.moving_to, i.error_message, case when exists (select from atelier_internal.jobs j where j.id = i.job_id) then 'live' end)
      from atelier.images i where i.id = p_image
$$;

-- A photo that could not be looked up
create server unsplash foreign data wrapper atelier_unsplash;
create user mapping for atelier_owner server unsplash options (api_key 'PLANTED');
select atelier.create_collection(:'north', 'Autumn') as autumn \gset
select atelier.import_unsplash(:'autumn', 'aaa') as first, atelier.import_unsplash(:'autumn', 'bbb') as second \gset
select n.image_id as photo from atelier.inspiration_images n where n.id = :'first' \gset
select n.image_id as other from atelier.inspiration_images n where n.id = :'second' \gset
select pg_temp.lease_all(), pg_temp.fail(:'photo', 'invalid_request', 'no such photo'), pg_temp.fail(:'other', 'invalid_request', 'no such photo') \gset i_
select is(pg_temp.row_of(:'photo'), 'failed unsplash no such photo', 'import: it failed');
delete from atelier.inspiration_images where id = :'second';
delete from atelier.images where id = :'other';
create table pg_temp.photos as select r.*, h.subject_id from pg_temp.redrive('import_photo') r join atelier_internal.history_failed h using (job_id);
select set_eq('select subject_id, new_job_id is not null, substring(problem from ''nothing is left'') from pg_temp.photos',
              format('values (%L::uuid, true, null), (%L, false, ''nothing is left'')', :'photo', :'other'), 'import: redriven, but for a photo that was removed');
select is(pg_temp.row_of(:'photo'), 'pending unsplash live', 'import: the photo waits to be looked up again');
select is((select j.pipeline || ' ' || (j.id = i.job_id) from atelier_internal.jobs j join pg_temp.photos p on p.new_job_id = j.id join atelier.images i on i.id = p.subject_id), 'import_photo true', 'import: by a job of the same kind, which the image names');
select is(pg_temp.lease_all(), 1::bigint, 'import: which is leased');
select is(pg_temp.order_of(:'photo') -> 'request', '{"library": "unsplash", "photo": "aaa"}', 'import: for the same photo');
select is((select count(*) from pg_temp.redrive('import_photo')), 0::bigint, 'import: nothing is redriven twice');
select pg_temp.fail(:'photo', 'invalid_request', 'no such photo'), atelier.import_unsplash(:'autumn', 'aaa') \gset i_
select is((select substring(r.problem from 'nothing is left') from pg_temp.redrive('import_photo') r), 'nothing is left', 'import: what was imported anew since needs none');

-- Objects that could not be moved
create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
select count(pg_temp.picture(:'north', 'redrive/' || n)) from unnest(array['a', 'b', 'c']) n \gset i_
select id as a from atelier.images where s3_key = 'redrive/a' \gset
select id as b from atelier.images where s3_key = 'redrive/b' \gset
select id as c from atelier.images where s3_key = 'redrive/c' \gset
select atelier.move_objects('file', 'media'), pg_temp.lease_all() \gset i_
select count(pg_temp.fail(i, 'invalid_request', 'AccessDenied')::text) from unnest(array[:'a', :'b', :'c']::uuid[]) i \gset i_
select is(pg_temp.row_of(:'a'), 'ready file', 'move: what could not be copied stays where it is');
update atelier.images set store = 'media', s3_bucket = 'photos' where id = :'b';
update atelier.images set status = 'deleting' where id = :'c';
create table pg_temp.moves as select r.*, h.subject_id from pg_temp.redrive('move_object') r join atelier_internal.history_failed h using (job_id);
select set_eq('select subject_id, new_job_id is not null, substring(problem from ''nothing is left'') from pg_temp.moves',
              format('values (%L::uuid, true, null), (%L, false, ''nothing is left''), (%L, false, ''nothing is left'')', :'a', :'b', :'c'),
              'move: redriven, but for what is there by now, or is going');
select is(pg_temp.row_of(:'a'), 'ready file media live', 'move: it is moving again');
select is(pg_temp.lease_all(), 1::bigint, 'move: by one job');
select is(pg_temp.order_of(:'a') #> '{request,target}', '{"store": "media", "bucket": "photos", "key": "redrive/a"}', 'move: to the same place');
select pg_temp.succeed(:'a', jsonb_build_object('sha256', repeat('cd', 32), 'object', jsonb_build_object('store', 'media', 'bucket', 'photos', 'key', 'redrive/a'))) \gset i_
select is(pg_temp.row_of(:'a'), 'ready media', 'move: and arrives');
select is((select count(*) from atelier.dead_letters where pipeline = 'move_object'), 0::bigint, 'move: no dead letter is left');

-- Analyses
select pg_temp.product(:'north', 'Chair', '{living_room}') as chair \gset
select pg_temp.picture(:'north', 'scene') as scene_image \gset
select pg_temp.collection(:'north', array[:'chair']::uuid[]) as spring, pg_temp.collection(:'north', array[:'chair']::uuid[], pg_temp.whole() - 'roomType') as summer \gset
select pg_temp.inspire(:'spring', :'scene_image') as scene \gset
select count(*) from atelier.analyze_collection(:'spring', priority => 5) \gset i_
select count(*) from atelier.analyze_collection(:'summer') \gset i_
select pg_temp.lease_all() \gset i_
select pg_temp.batch_job(:'spring') as batch, pg_temp.scene_job(:'scene') as scene_job, pg_temp.batch_job(:'summer') as summer_batch \gset
select pg_temp.fail_job(:'batch', 'content_blocked', 'no'), pg_temp.fail_job(:'summer_batch', 'content_blocked', 'no') \gset i_
select matches((select r.problem from atelier.redrive(jsonb_build_object('job_id', :'batch')) r), 'cannot be analysed while it is analyzing', 'analysis: not while the rest of it is under way');
select pg_temp.fail_job(:'scene_job', 'content_blocked', 'no') \gset i_
select is(left(pg_temp.state_of(:'spring'), 5), 'error', 'analysis: it ended in error');
update atelier.collections set status = 'draft' where id = :'summer';
create table pg_temp.analyses as
    select r.* from atelier.redrive('{"pipeline": ["analyze_products", "analyze_scene"]}') r;
select set_eq('select job_id, new_job_id from pg_temp.analyses where new_job_id is not null',
              format('values (%L::uuid, %L::uuid), (%L, %L)', :'batch', pg_temp.batch_job(:'spring'), :'scene_job', pg_temp.scene_job(:'scene')), 'analysis: products and scene are analysed again, each by the job that its row names');
select is((select substring(problem from 'nothing is left') from pg_temp.analyses where job_id = :'summer_batch'), 'nothing is left', 'analysis: of a collection that is a draft again nothing is left to do');
select is(pg_temp.state_of(:'spring'), 'analyzing', 'analysis: the collection is analyzing');
select is((select array_agg(distinct j.priority) from atelier_internal.jobs j where j.pipeline ~ '^analyze'), array[5]::smallint[], 'analysis: with the priority that it had');
select is(pg_temp.lease_all(), 2::bigint, 'analysis: two jobs');
select pg_temp.answer(pg_temp.scene_job(:'scene'), pg_temp.scene()), pg_temp.answer(pg_temp.batch_job(:'spring'), pg_temp.rooms('{living_room}')) \gset i_
select is(pg_temp.state_of(:'spring'), 'ready', 'analysis: and it is ready');
select is((select array_agg(distinct concat_ws(' ', d.pipeline, r.new_job_id, substring(r.problem from 'nothing is left'))) from atelier.redrive() r join atelier_internal.history_failed d using (job_id)),
          array['tell_of_use nothing is left'], 'uses that were to be told with an import that failed are told with the one that was asked for since');
select is((select count(*) from atelier.redrive()), 0::bigint, 'and nothing is left to redrive');
select is((select string_agg(rule || ' ' || detail, ', ') from atelier.consistency_report where entity_id <> :'c'), null, 'and nothing is inconsistent');
select * from finish();
rollback;
