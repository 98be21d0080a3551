-- atelier.fsck(): what is wrong is found, what is merely under way is not, and a repair removes nothing that somebody knows.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
create server twin foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
create server library foreign data wrapper atelier_unsplash;
select atelier.create_client('North', 'fsck-north') as north \gset
select atelier.create_client('South', 'fsck-south') as south \gset
select 'clients/' || :'north' || '/' as place \gset

create function pg_temp.picture(p_key text, p_size bigint default 10, p_status text default 'ready', p_age interval default '2 days', p_store text default 'media',
                                p_bucket text default 'photos') returns uuid language sql as $$
    insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, error_class, error_message, created_at)
    values (atelier_internal.client_of_key(p_key), p_store, p_bucket, p_key, p_status, 1, 1, p_size, 'image/png', repeat('ab', 32),
            case p_status when 'failed' then 'invalid_request' end, case p_status when 'failed' then 'test' end, now() - p_age) returning id
$$;
create function pg_temp.object(p_key text, p_size bigint default 10, p_age interval default '2 days') returns jsonb language sql as $$
    select jsonb_build_object('key', p_key, 'size', p_size, 'modified', floor(extract(epoch from now() - p_age)))
$$;
-- The order to list that is open, once it is leased.
create function pg_temp.page_order() returns jsonb language plpgsql as $$
begin
    perform pg_temp.lease_all();
    return (select o.body from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt where j.pipeline = 'check_store' and j.state = 'leased');
end
$$;
-- Answers it; the order that was.
create function pg_temp.page(p_objects jsonb[], p_next text default null) returns jsonb language plpgsql as $$
declare
    v_order jsonb := pg_temp.page_order();
begin
    perform atelier_internal.settle(4711, jsonb_build_array(jsonb_build_object('lease', v_order -> 'lease', 'outcome', 'completed', 'sent', false, 'duration_ms', 1,
        'result', jsonb_build_object('objects', to_jsonb(p_objects), 'truncated', p_next is not null)
                  || case when p_next is null then '{}' else jsonb_build_object('next', p_next) end)));
    return v_order -> 'request';
end
$$;
-- A check to its end of a store that holds these objects; p_again are those of the second look.
create function pg_temp.check(p_objects jsonb[], p_again jsonb[] default null, p_prefix text default '') returns uuid language plpgsql as $$
declare
    v_run uuid := atelier.fsck('media', p_prefix);
begin
    perform pg_temp.page(p_objects);
    if pg_temp.page_order() is not null then
        perform pg_temp.page(coalesce(p_again, p_objects));
    end if;
    return v_run;
end
$$;
create function pg_temp.found(p_run uuid) returns text[] language sql as $$
    select coalesce(array_agg(concat_ws(' ', f.finding, regexp_replace(f.key, '^clients/[^/]*/', ''), f.expected_size, f.found_size) order by f.key collate "C", f.finding), '{}')
      from atelier.fsck_findings f where f.run_id = p_run
$$;
create function pg_temp.state_of(p_run uuid) returns text language sql as $$
    select concat_ws(' ', r.state, r.pages, r.objects, r.bytes, r.error_class) from atelier.fsck_runs r where r.run_id = p_run
$$;

-- What is as it should be.

select pg_temp.picture(:'place' || 'a.png') as a \gset
select pg_temp.picture(:'place' || 'b.png', 20) as b \gset
select atelier.fsck('media') as run \gset
select is(pg_temp.state_of(:'run'), 'running 0 0 0', 'S3-57: a check begins at once, and by itself');
select is(pg_temp.page(array[pg_temp.object(:'place' || 'a.png'), pg_temp.object(:'place' || 'b.png', 20)]),
          '{"store": "media", "bucket": "photos", "prefix": "", "after": ""}', 'its order names store, bucket, and where to begin');
select is(pg_temp.state_of(:'run'), 'completed 1 2 30', 'where all is well one page is one look');
select is(pg_temp.found(:'run'), '{}', 'and nothing is found');
select ok(not exists (select from atelier.jobs), 'and no job is left');

-- Each kind of finding, and that it takes two looks.

select atelier.fsck('media') as run \gset
select pg_temp.page(array[pg_temp.object(:'place' || 'b.png', 19), pg_temp.object(:'place' || 'c.png', 7)]);
select is(pg_temp.found(:'run'), '{}', 'what was seen once is no finding yet');
select is(pg_temp.page(array[pg_temp.object(:'place' || 'b.png', 19), pg_temp.object(:'place' || 'c.png', 7)]) ->> 'after', '', 'the same page is listed again');
select is(pg_temp.found(:'run'), array['row_without_object a.png 10', 'size_differs b.png 20 19', 'object_without_row c.png 7'],
          'S3-57: rows without object, objects without row, and other sizes are found');
select is(pg_temp.state_of(:'run'), 'completed 1 2 26', 'the page counts once');
select is((select r.rows_without_object || ' ' || r.objects_without_row || ' ' || r.sizes_differ from atelier.fsck_runs r where r.run_id = :'run'), '1 1 1',
          'the run shows how many of each');
select is((select array_agg(distinct f.client_id) from atelier.fsck_findings f where f.run_id = :'run'), array[:'north'::uuid], 'and whose they are');
select is(pg_temp.found(pg_temp.check(array[pg_temp.object(:'place' || 'c.png')],
                                      array[pg_temp.object(:'place' || 'a.png'), pg_temp.object(:'place' || 'b.png', 20), pg_temp.object(:'place' || 'd.png')])),
          '{}', 'what looks wrong only once is none: it was changed while the page was listed');
select ok(not exists (select from atelier_internal.fsck_findings n where not n.confirmed), 'and nothing of it is kept');

-- What is young, under way, or not ours.

select array[pg_temp.object(:'place' || 'a.png'), pg_temp.object(:'place' || 'b.png', 20)] as good \gset
select pg_temp.picture(:'place' || 'young.png', 1, 'ready', '23 hours');
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'new.png', 1, '23 hours'))), '{}',
          'a row, or an object, of the last 24 hours is no finding');
delete from atelier.images where s3_key like '%/young.png';
delete from atelier_internal.object_deletions;
select pg_temp.picture(:'place' || 'pending.png', null, 'pending');
select pg_temp.picture(:'place' || 'failed.png', null, 'failed');
select is(pg_temp.found(pg_temp.check(:'good')), '{}', 'an image that is no picture yet, or none at all, needs no object');
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'failed.png') || pg_temp.object(:'place' || 'pending.png'))), '{}', 'but holds the one it has');
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object('backup/2026.tar') || pg_temp.object('clients/me/a.png') || pg_temp.object('clients/' || :'north'))), '{}',
          'what no client''s key names is nobody''s business');
select 'clients/00000000-6f7a-4d8a-9c57-3b1c8a1e2f00/x.png' as foreign \gset
select pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'foreign') || pg_temp.object(:'place' || 'x.png')) as run \gset
select is(pg_temp.found(:'run'), array['object_of_unknown_client x.png 10', 'object_without_row x.png 10'], 'an object of a client that this database does not have is found as such');
select is((select r.objects_of_unknown_clients || ' ' || r.objects_without_row from atelier.fsck_runs r where r.run_id = :'run'), '1 1', 'and counted so');
select is(atelier.fsck_repair(:'run'), 1, 'a repair takes what is this database''s own');
select is((select array_agg(d.key) from atelier_internal.object_deletions d), array[:'place' || 'x.png'], 'and leaves alone what may be another one''s');
select is(atelier.fsck_repair(:'run'), 0, 'however often it is called');
delete from atelier_internal.object_deletions;
insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, created_at)
values (:'north', 'media', 'photos', :'foreign', 'ready', 1, 1, 10, 'image/png', repeat('ab', 32), now() - interval '2 days');
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'foreign'))), '{}', 'a row holds its object, whomever the key names');
select is(pg_temp.found(pg_temp.check(:'good')), array['row_without_object x.png 10'], 'and misses it');
delete from atelier.images where s3_key = :'foreign';
delete from atelier_internal.object_deletions;
insert into atelier_internal.object_deletions (store, bucket, key, reason) values ('twin', 'photos', :'place' || 'going.png', 'test');
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'going.png'))), '{}', 'what is queued for deletion is known, by whichever name of the bucket');
select pg_temp.picture(:'place' || 'twin.png', 10, 'ready', '2 days', 'twin') as twin \gset
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'twin.png'))), '{}', 'a row of another server of the same bucket holds its object');
select is(pg_temp.found(pg_temp.check(:'good')), array['row_without_object twin.png 10'], 'and misses it');
delete from atelier.images where id = :'twin';
select pg_temp.picture(:'place' || 'coming.png', 10, 'ready', '2 days', 'file', '') as coming \gset
update atelier.images set moving_to = 'media' where id = :'coming';
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'coming.png'))), '{}', 'an image that is moved there is known');
update atelier.images set moving_to = null where id = :'coming';
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'coming.png'))), array['object_without_row coming.png 10'],
          'one of another store is not');
select pg_temp.picture(:'place' || 'refused.png', null, 'failed') as refused \gset
insert into atelier.uploads (image_id, client_id, filename, content_type, size, expires_at, rejected_at)
values (:'refused', :'north', 'refused.png', 'image/png', 1, now(), now());
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'refused.png'))), array['object_without_row refused.png 10'],
          'the object of an upload that was refused is nobody''s, although its row is there');
select pg_temp.picture(:'place' || 'left.png', 10, 'deleting') as left_over \gset
select is(pg_temp.found(pg_temp.check(:'good')), array['row_without_object left.png 10'], 'an image whose deletion nobody carries on is found');
select atelier_internal.queue_deletions(array[row('media', 'photos', :'place' || 'left.png', :'left_over')::atelier_internal.deletion_request], 'test');
select is(pg_temp.found(pg_temp.check(:'good')), '{}', 'one whose deletion is under way is not');
delete from atelier_internal.object_deletions;
delete from atelier.images where id = :'left_over';
delete from atelier_internal.object_deletions;

-- A paid answer may wait in the spool while its picture is stored already.
select atelier_internal.uuid_v7() as attempt_image \gset
select atelier_internal.generated_key(:'north', :'attempt_image') || '.png' as generated \gset
insert into atelier_internal.jobs (id, pipeline, state, reason, lane_id, priority, max_attempts, provider, model, input, image_id)
select atelier_internal.uuid_v7(), 'generate_image', 'held', 'outcome_unknown', atelier_internal.lane_for('offline', 'compose'), 0, 1, 'offline', 'compose', '{}', :'attempt_image';
select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'generated'))), '{}', 'what an attempt of a live job stored is known');
delete from atelier_internal.jobs where image_id = :'attempt_image';
select is(cardinality(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'generated')))), 1, 'after its job it is a stray');

select is(pg_temp.found(pg_temp.check(:'good'::jsonb[] || pg_temp.object(:'place' || 'generated/' || repeat('-', 36) || '.png'))),
          array['object_without_row generated/------------------------------------.png 10'], 'a key of which the name is no id ends no check');

-- Pages follow the bytes of keys, whatever the collation of the database; buckets follow each other.

select pg_temp.picture(:'place' || 'Z.png');
select pg_temp.picture(:'place' || 'ä.png');
select pg_temp.picture(:'place' || 'old.png', 10, 'ready', '2 days', 'media', 'archive');
select atelier.fsck('media') as run \gset
select pg_temp.page(array[pg_temp.object(:'place' || 'Z.png'), pg_temp.object(:'place' || 'a.png')], :'place' || 'a.png');
select is(pg_temp.page(array[pg_temp.object(:'place' || 'b.png', 20), pg_temp.object(:'place' || 'ä.png')]) ->> 'after', :'place' || 'a.png', 'the next page begins where the last one ended');
select is(pg_temp.page(array[pg_temp.object(:'place' || 'old.png')]), '{"store": "media", "bucket": "archive", "prefix": "", "after": ""}',
          'a bucket that the server named before, and rows still name, is listed too');
select is(pg_temp.state_of(:'run'), 'completed 3 5 60', 'and that is all');
select is(pg_temp.found(:'run'), '{}', 'nothing is found, although dictionaries put Z after a, and ä before b');
delete from atelier.images where s3_bucket = 'archive';
delete from atelier_internal.object_deletions;

-- The second look may see more, or less, than the first.
select atelier.fsck('media') as run \gset
select pg_temp.page(array[pg_temp.object(:'place' || 'Z.png'), pg_temp.object(:'place' || 'a.png'), pg_temp.object(:'place' || 'aa.png')], :'place' || 'aa.png');
select pg_temp.page(array[pg_temp.object(:'place' || 'Z.png'), pg_temp.object(:'place' || 'a.png'), pg_temp.object(:'place' || 'aa.png'), pg_temp.object(:'place' || 'bb.png')],
                    :'place' || 'bb.png');
select is(pg_temp.found(:'run'), array['object_without_row aa.png 10'], 'what lies beyond the first look is left to the next page');
select is(pg_temp.page(array[pg_temp.object(:'place' || 'b.png', 20), pg_temp.object(:'place' || 'bb.png'), pg_temp.object(:'place' || 'ä.png')]) ->> 'after', :'place' || 'aa.png',
          'which begins where the first look ended');
select pg_temp.page(array[pg_temp.object(:'place' || 'b.png', 20), pg_temp.object(:'place' || 'bb.png'), pg_temp.object(:'place' || 'ä.png')]);
select is(pg_temp.found(:'run'), array['object_without_row aa.png 10', 'object_without_row bb.png 10'], 'and finds it there');
select is(pg_temp.state_of(:'run'), 'completed 2 6 70', 'no object counts twice');

-- Of one client alone.
select 'clients/' || :'south' || '/' as other \gset
select pg_temp.picture(:'other' || 'a.png');
select atelier.fsck('media', :'other') as run \gset
select is(pg_temp.page(array[pg_temp.object(:'other' || 'a.png')]) ->> 'prefix', :'other', 'a prefix goes into the order');
select is(pg_temp.state_of(:'run') || pg_temp.found(:'run')::text, 'completed 1 1 10{}', 'and rows beside it are not missed');
select is((select r.client_id from atelier_internal.fsck_runs r where r.id = :'run'), :'south'::uuid, 'the run is that client''s');

-- A bucket that was lost: one page stands for all rows, which come in parts.
insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, created_at)
select :'south', 'media', 'photos', :'other' || to_char(n, 'FM00000'), 'ready', 1, 1, 1, 'image/png', repeat('ab', 32), now() - interval '2 days'
  from generate_series(1, 5999) n;
select atelier.fsck('media', :'other') as run \gset
select pg_temp.page('{}');
select pg_temp.page('{}');
select is(pg_temp.page_order() #>> '{request,after}', :'other' || '05000', 'at most 5000 rows are compared in one transaction');
select pg_temp.page('{}');
select pg_temp.page('{}');
select is((select r.state || ' ' || r.rows_without_object from atelier.fsck_runs r where r.run_id = :'run'), 'completed 6000', 'all of them are found in the end');
delete from atelier.images where client_id = :'south';
delete from atelier_internal.object_deletions;

-- Refusals.

select is(pg_temp.error_of('select atelier.fsck(null)'), '22004 | store must not be null | Give a value for store.', 'no store');
select is(pg_temp.error_of('select atelier.fsck(''file'', null)'), '22004 | prefix must not be null | Give a value for prefix.', 'no prefix');
select matches(pg_temp.error_of('select atelier.fsck(''nowhere'')'), '^42704 \| store "nowhere" does not exist \| You may use', 'an unknown store');
select matches(pg_temp.error_of('select atelier.fsck(''library'')'), '^42809 ', 'a library of photos is none');
select matches(pg_temp.error_of('select atelier.fsck(''file'', ''../'')'), '^22023 \| prefix cannot be the beginning of a key \| It is "../": .* \| An empty prefix', 'a prefix of no key');
select atelier.fsck('media') as run \gset
select matches(pg_temp.error_of('select atelier.fsck(''media'')'), '^55006 \| the store is being checked \| The store is media. \| SELECT \* FROM atelier.fsck_runs', 'one check at a time');
select matches(pg_temp.error_of(format('select atelier.fsck_repair(%L)', :'run')), '^55000 \| the check has not ended', 'what runs is not acted on');
select matches(pg_temp.error_of('select atelier.fsck_repair(null)'), '^22004 ', 'no check');
select matches(pg_temp.error_of('select atelier.fsck_repair(''00000000-0000-0000-0000-000000000000'')'), '^P0002 \| check not found \| There is no check 0', 'an unknown check');

-- How it ends otherwise.

select pg_temp.page_order() -> 'lease' as lease \gset
select atelier_internal.settle(4711, jsonb_build_array(jsonb_build_object('lease', :'lease'::jsonb, 'outcome', 'failed', 'sent', false, 'duration_ms', 1,
    'error', '{"class": "auth", "message": "AccessDenied"}'::jsonb)));
select is(pg_temp.state_of(:'run'), 'failed 0 0 0 auth', 'a store that refuses ends it, and is named');
select atelier.resume_lane('media');
select atelier.fsck('media') as run \gset
select atelier.cancel_job((select r.job_id from atelier.fsck_runs r where r.run_id = :'run'));
select is(pg_temp.state_of(:'run'), 'failed 0 0 0 cancelled', 'its job can be cancelled');
select atelier.fsck('media') as run \gset
delete from atelier_internal.queue_entries q using atelier_internal.jobs j where j.id = q.job_id and j.pipeline = 'check_store';
delete from atelier_internal.jobs where pipeline = 'check_store';
select lives_ok('select atelier.fsck(''media'')', 'one whose job somebody deleted is in nobody''s way');
select is(pg_temp.state_of(:'run'), 'failed 0 0 0 worker_lost', 'and has failed');
select pg_temp.page_order() as late \gset
select atelier.cancel_job((select r.job_id from atelier.fsck_runs r where r.store = 'media' and r.state = 'running'));
select lives_ok(format('select atelier_internal.settle(4711, %L)', jsonb_build_array(jsonb_build_object('lease', :'late'::jsonb -> 'lease', 'outcome', 'completed', 'sent', false,
                       'duration_ms', 1, 'result', '{"objects": [], "truncated": false}'::jsonb))), 'a late page is of no use to anybody');
select ok(not exists (select from atelier.fsck_runs r where r.state = 'running') and not exists (select from atelier.jobs), 'and begins nothing');

-- Repair.

select pg_temp.check(:'good'::jsonb[] || array[pg_temp.object(:'place' || 'Z.png'), pg_temp.object(:'place' || 'ä.png'), pg_temp.object(:'place' || 's1.png'),
                     pg_temp.object(:'place' || 's2.png'), pg_temp.object(:'place' || 's3.png'), pg_temp.object(:'other' || 's4.png')]) as run \gset
select is(cardinality(pg_temp.found(:'run')), 4, 'four strays are found');
select ok(not exists (select from atelier_internal.object_deletions), 'and nothing is deleted by that');
select pg_temp.picture(:'place' || 's2.png');
update atelier.clients set legal_hold = 'a lawsuit' where id = :'south';
select is(atelier.fsck_repair(:'run'), 2, 'S3-57: strays are queued for deletion');
select is((select array_agg(d.store || ' ' || d.bucket || ' ' || regexp_replace(d.key, '.*/', '') || ' ' || d.reason order by d.key) from atelier_internal.object_deletions d),
          array['media photos s1.png a check of the store found no row for it', 'media photos s3.png a check of the store found no row for it'],
          'but not what a row holds by now, nor what is under legal hold');
select is((select a.action || ' ' || a.entity_id || ' ' || a.details from atelier_internal.audit_log a where a.action = 'store.repaired' order by a.id desc limit 1),
          format('store.repaired %s {"store": "media", "objects": 2}', :'run'), 'the repair is in the audit log');
select is((select count(*)::integer from atelier_internal.audit_log a where a.action = 'store.checked' and a.entity_id = :'run'), 1, 'as is the check');
select is(atelier.fsck_repair(:'run'), 0, 'nothing is queued twice');
update atelier.clients set legal_hold = null where id = :'south';
select is(atelier.fsck_repair(:'run'), 1, 'when the hold is over the rest follows');
select pg_temp.picture(:'place' || 's1.png');
update atelier_internal.object_deletions set run_after = now();
select atelier_internal.promote(100);
select pg_temp.lease_all();
select is((select array_agg(regexp_replace(e.entry ->> 'key', '.*/', '') order by 1) from pg_temp.orders o, jsonb_array_elements(o.body #> '{request,objects}') e (entry)
            where o.body ->> 'action' = 'storage.delete'), array['s3.png', 's4.png'], 'what a row came to hold after that is not deleted either');

update atelier_internal.fsck_runs set ended_at = now() - interval '7 days 1 minute' where id = :'run';
select matches(pg_temp.error_of(format('select atelier.fsck_repair(%L)', :'run')), '^55000 \| the check is too old \| .* \| SELECT atelier.fsck\(''media'', ''''\) checks', 'an old check is not acted on');
update atelier_internal.fsck_runs set ended_at = now(), instance = instance + 1 where id = :'run';
select matches(pg_temp.error_of(format('select atelier.fsck_repair(%L)', :'run')), '^55000 \| the check belongs to another instance', 'nor that of a database that this is a copy of');
update atelier_internal.fsck_runs set instance = instance - 1 where id = :'run';
insert into atelier_internal.object_owners (instance) values (0);
select matches(pg_temp.error_of(format('select atelier.fsck_repair(%L)', :'run')), '^55000 \| the objects may belong to another database .*adopt_jobs', 'a copy repairs nothing');
delete from atelier_internal.object_owners where instance = 0;

-- Old checks are forgotten, with what they found.
update atelier_internal.fsck_runs set ended_at = now() - interval '366 days' where id = :'run';
select atelier.fsck('file') as other_store \gset
select atelier.cancel_job((select r.job_id from atelier.fsck_runs r where r.run_id = :'other_store'));
select ok(exists (select from atelier_internal.fsck_runs where id = :'run'), 'the check of another store does not touch them');
select pg_temp.check(:'good') as newer \gset
select ok(not exists (select from atelier_internal.fsck_runs where id = :'run') and not exists (select from atelier_internal.fsck_findings where run_id = :'run'),
          'a new one forgets those that pg_atelier.purge_log_ttl is over for');

-- Who may.
select ok(not has_function_privilege('atelier_app', f.name, 'execute') and not has_function_privilege('atelier_observer', f.name, 'execute')
          and has_function_privilege('atelier_admin', f.name, 'execute'), f.name || ' is for DBAs')
  from (values ('atelier.fsck(text, text)'), ('atelier.fsck_repair(uuid)')) as f (name);
select ok(has_table_privilege('atelier_observer', 'atelier.fsck_findings', 'select') and not has_table_privilege('atelier_app', 'atelier.fsck_findings', 'select'),
          'what was found is shown to who only looks, and to no application');
set local role atelier_observer;
select ok((select count(*) from atelier.fsck_runs) > 0, 'an observer sees all checks');
reset role;
select atelier_internal.enter_context(:'north', null, false);
select matches(pg_temp.error_of('select atelier.fsck()'), '^55000 \| a store cannot be checked for one client alone', 'within a tenant context there is no check');
select matches(pg_temp.error_of(format('select atelier.fsck_repair(%L)', :'newer')), '^55000 \| a store cannot be repaired for one client alone', 'and no repair');

select * from finish();
rollback;
