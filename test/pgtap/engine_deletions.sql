-- The queue of deletions: what gets into it, when it becomes jobs, what happens to it in a copy of the database.
\set QUIET on
begin;
\ir engine_fixture.psql
select no_plan();

create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
create server careful foreign data wrapper atelier_gemini options (image_model 'm');
create function pg_temp.queue(p_store text, p_bucket text, p_keys text[], p_delay interval default '1 second') returns void language sql as $$
    select atelier_internal.queue_deletions(array(select row(p_store, p_bucket, k, null)::atelier_internal.deletion_request from unnest(p_keys) k), 'test', p_delay)
$$;
create function pg_temp.all_due() returns void language sql as $$ update atelier_internal.object_deletions set run_after = now() where job_id is null $$;
create function pg_temp.batches() returns text[] language sql as $$
    select array_agg(format('%s/%s %s', b.store, b.bucket, b.n) order by b.store, b.bucket, b.n desc)
      from (select d.store, d.bucket, count(*) as n from atelier_internal.object_deletions d where d.job_id is not null group by d.store, d.bucket, d.job_id) b
$$;

-- queueing
select pg_temp.queue('media', 'photos', array['b', 'a', 'a']);
select is((select array_agg(d.key || ' ' || d.run_after - now() order by d.key) from atelier_internal.object_deletions d), array['a 00:00:01', 'b 00:00:01'], 'queue: one row for each object, due in a second');
select pg_temp.queue('media', 'photos', array['a'], '1 minute');
select is((select d.run_after - now() from atelier_internal.object_deletions d where d.key = 'a'), interval '1 minute', 'queue: queued again, the later time counts');
select pg_temp.queue('media', 'other', array['a']), pg_temp.queue('file', null, array['a']);
select is((select count(*) from atelier_internal.object_deletions), 4::bigint, 'queue: the same key in another bucket or store is another object');
select lives_ok($$select atelier_internal.queue_deletions(null, 'test'), atelier_internal.queue_deletions('{}', 'test'),
    atelier_internal.queue_deletions(array[row(null, null, 'a', null), row('file', '', null, null)]::atelier_internal.deletion_request[], 'test')$$, 'queue: nothing, and what names no object');
select is((select count(*) from atelier_internal.object_deletions), 4::bigint, 'queue: that is no row');
select throws_ok($$select pg_temp.queue('file', '', array[''])$$, '23514', null, 'queue: an empty key is no object');
select is((select array_agg(d.key || ' ' || d.reason || ' ' || d.foreign_instance order by d.key) from atelier.deletion_queue d),
    array['a test false', 'a test false', 'a test false', 'b test false'], 'view: what is queued');

-- becoming jobs
select is(atelier_internal.next_due(), now() + interval '1 second', 'due: the worker knows when');
select is(atelier_internal.promote(10), 0, 'due: not before');
select pg_temp.all_due();
select is(atelier_internal.plan_deletions(100), 4, 'plan: all that is due');
select is(pg_temp.batches(), array['file/ 1', 'media/other 1', 'media/photos 2'], 'plan: a job for each bucket');
select is((select array_agg(j.pipeline || ' ' || j.provider || ' ' || j.input::text order by j.provider, j.input ->> 'bucket') from atelier_internal.jobs j),
    array['delete_objects file {"store": "file", "bucket": ""}', 'delete_objects media {"store": "media", "bucket": "other"}', 'delete_objects media {"store": "media", "bucket": "photos"}'], 'plan: in the lane of its store');
select is(atelier_internal.plan_deletions(100), 0, 'plan: once');
select is(atelier_internal.next_due(), null, 'due: nothing more');
select pg_temp.queue('media', 'photos', array['a']);
select is((select (d.requeued, d.job_id is not null)::text from atelier_internal.object_deletions d where d.store = 'media' and d.bucket = 'photos' and d.key = 'a'), '(t,t)', 'queue: what a job is deleting is to be deleted again after it');
select is(atelier_internal.plan_deletions(100), 0, 'plan: not by two jobs at once');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
select is((select array_agg(distinct (d.tries, d.job_id, d.error_class, d.error_message, d.requeued)::text) from atelier_internal.object_deletions d), array['(1,,cancelled,test,f)'], 'a job that is cancelled gives back what it was to delete');
select cmp_ok((select min(d.run_after) from atelier_internal.object_deletions d), '>', now(), 'after a backoff');
select cmp_ok(atelier_internal.deletion_backoff(30), '>=', interval '30 minutes', 'backoff: half an hour to an hour for what never works');
select cmp_ok(atelier_internal.deletion_backoff(12), '<=', interval '5 minutes', 'backoff: at first as for any job');
delete from atelier_internal.object_deletions;

-- sizes of batches
select pg_temp.queue('media', 'photos', array(select 'k' || g from generate_series(1, 2500) g)), pg_temp.queue('file', '', array(select 'k' || g from generate_series(1, 100) g)), pg_temp.all_due();
select is(atelier_internal.promote(10), 2600, 'promote: deletions that are due count');
select is(pg_temp.batches(), array['file/ 100', 'media/photos 1000', 'media/photos 1000', 'media/photos 500'], 'plan: a thousand objects at most');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.object_deletions;
select pg_temp.queue('media', 'photos', array(select repeat('x', 1000) || g from generate_series(1, 1000) g)), pg_temp.all_due();
select is(atelier_internal.plan_deletions(5000), 1000, 'plan: long keys');
select ok((select max(b.bytes) <= 260000 and count(*) = 5 from (select sum(octet_length(d.key)) as bytes from atelier_internal.object_deletions d group by d.job_id) b), 'plan: are spread over orders that can be sent');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.object_deletions;
select pg_temp.queue('media', 'photos', array(select 'k' || g from generate_series(1, 10) g)), pg_temp.all_due();
update atelier_internal.object_deletions set error_class = 'invalid_request', error_message = 'bad key' where key in ('k3', 'k4');
update atelier_internal.object_deletions set error_class = 'storage_failed', error_message = 'later' where key = 'k5';
select is(atelier_internal.plan_deletions(5000), 10, 'plan: what made an order fail');
select is(pg_temp.batches(), array['media/photos 8', 'media/photos 1', 'media/photos 1'], 'plan: goes alone, so that it holds up nobody');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.object_deletions;

-- a store that is gone
select pg_temp.queue('gone', 'b', array['a']), pg_temp.queue('careful', '', array['a']), pg_temp.queue('offline', '', array['a']), pg_temp.queue('file', '', array['a']), pg_temp.all_due();
select is(atelier_internal.plan_deletions(5000), 4, 'plan: of stores that do not exist');
select is((select array_agg(d.store || ' ' || (d.run_after - now()) || coalesce(' ' || d.error_message, '') order by d.store) from atelier_internal.object_deletions d where d.job_id is null),
    array['careful 01:00:00 store "careful" does not exist any more', 'gone 01:00:00 store "gone" does not exist any more', 'offline 01:00:00 store "offline" does not exist any more'], 'plan: come again in an hour, and stop nothing');
select is(pg_temp.batches(), array['file/ 1'], 'plan: the others go on');
delete from atelier_internal.object_deletions;
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset

-- a copy of the database
select pg_temp.queue('media', 'photos', array['a', 'b']), pg_temp.all_due();
update atelier_internal.object_deletions set instance = instance + 1;
insert into atelier_internal.object_owners (instance) select o.instance + 1 from atelier_internal.object_owners o;
select is(atelier_internal.next_due(), null, 'copy: nothing is due');
select is(atelier_internal.promote(10), 0, 'copy: nothing is deleted');
select is((select array_agg(distinct d.foreign_instance) from atelier.deletion_queue d), array[true], 'copy: the view says so');
select is((select finding || ' ' || advice from atelier.self_check() where finding like '%deletion(s)%'), 'this database is a copy of another one, which may still need the objects: nothing is deleted here, 2 deletion(s) wait Where the original runs no more, or its stores are not those of this one: SELECT atelier.adopt_jobs();', 'copy: self_check says so');
select pg_temp.queue('media', 'photos', array['b']), pg_temp.all_due();
select is(atelier_internal.promote(10) || coalesce(atelier_internal.next_due()::text, ' none'), '0 none', 'copy: nor what is queued here, which the original may hold');
select is(atelier.adopt_jobs(), 0, 'copy: adopted');
select is((select array_agg(o.instance) from atelier_internal.object_owners o), array[atelier_internal.instance_id()], 'copy: with the objects');
select is(atelier_internal.promote(10), 2, 'copy: and the deletions');
select is((select count(*) from atelier.self_check() where finding like '%a copy of%'), 0::bigint, 'copy: self_check is content');
delete from atelier_internal.object_owners;
select atelier.adopt_jobs() as ignored \gset
select is((select count(*) from atelier_internal.object_owners), 1::bigint, 'copy: one that lost its own row has it again');
delete from atelier_internal.object_deletions;
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset

-- the same bucket under another name
create server twin foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'other');
select is(atelier_internal.stores_at(p), e, 'twin: of ' || p) from (values ('media', array['media', 'twin']), ('file', array['file']), ('careful', array['careful']), ('gone', array['gone'])) v (p, e);
select pg_temp.queue('twin', 'photos', array['a', 'b']);
update atelier_internal.object_deletions set ordered_at = now() where key = 'b';
select is(atelier_internal.claim_keys('media', 'photos', array['a', 'b']), array['b'], 'twin: its queue is looked at as well');
delete from atelier_internal.object_deletions;

-- keys that come to be held
select pg_temp.queue('media', 'photos', array['a', 'b']);
update atelier_internal.object_deletions set ordered_at = now() where key = 'b';
select is(atelier_internal.claim_keys('media', 'photos', array['a', 'b', 'c', 'c']), array['b'], 'claim: only what is being deleted cannot be taken out');
select is((select array_agg(d.key) from atelier_internal.object_deletions d), array['b'], 'claim: the rest is out');
select is(atelier_internal.claim_keys('media', 'photos', '{}'), '{}'::text[], 'claim: none');
delete from atelier_internal.object_deletions;

-- what attempts leave
create function pg_temp.left_behind(p_leases atelier_internal.lease[]) returns setof atelier_internal.deletion_request language sql as $$
    select 'file', null, 'left/' || l.image_id, null::uuid from unnest(p_leases) l where atelier_internal.is_embedded(l.provider)
$$;
update atelier_internal.steps set discard = 'pg_temp.left_behind' where pipeline = 'one_step';
create function pg_temp.deletions(p_attempt bigint) returns text[] language sql as $$
    select array_agg(replace(d.key, (select a.image_id from atelier_internal.attempts a where a.id = p_attempt)::text, 'own') || ' ' || (d.run_after - now()) order by d.key) from atelier_internal.object_deletions d
$$;
\set object '{"object": {"store": "media", "bucket": "photos", "key": "half"}}'
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'storage_failed', :'object')]) as ignored \gset
select is(pg_temp.deletions(:a_attempt_id), array['half 00:01:00'], 'a failed answer that names an object: it is deleted, when it can have arrived');
select is((select d.store || '/' || d.bucket from atelier_internal.object_deletions d), 'media/photos', 'where it says');
select is(pg_temp.state_of(:'job'), 'waiting:retry', 'the job goes on as ever');
delete from atelier_internal.object_deletions;
select atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') as ignored \gset
select is((select count(*) from atelier_internal.object_deletions), 0::bigint, 'a job without an attempt left nothing');
select (pg_temp.enqueue('one_step', 6))[1] as ignored \gset
update atelier_internal.lanes set max_in_flight = 100;
create temp table leased as select l.*, row_number() over () as n from pg_temp.lease() l;
select pg_temp.settle(array[pg_temp.answer(l.lease, 'network')]) is null as ignored from leased l where n = 1 \gset
select is((select count(*) from atelier_internal.object_deletions), 0::bigint, 'a failed answer that names none: nothing');
select pg_temp.settle(array[pg_temp.answer(l.lease, 'timeout')]) is null as ignored, l.attempt_id from leased l where n = 2 \gset
select is(pg_temp.deletions(:attempt_id), array['left/own 00:01:00'], 'an executor that is not waited for: what it may leave is deleted, when it can have arrived');
delete from atelier_internal.object_deletions;
select atelier_internal.release(1, array[l.attempt_id], 'not_sent', false, 'test') is null as ignored from leased l where n = 3 \gset
select is((select count(*) from atelier_internal.object_deletions), 0::bigint, 'an order that did not leave the worker: nothing');
select atelier_internal.release(1, array[l.attempt_id], 'worker_lost', true, 'test') is null as ignored, l.attempt_id from leased l where n = 4 \gset
select is(pg_temp.deletions(:attempt_id), array['left/own 00:01:00'], 'an executor that died');
delete from atelier_internal.object_deletions;
select atelier_internal.release(1, array[l.attempt_id], 'worker_lost', false, 'test') is null as ignored, l.attempt_id from leased l where n = 5 \gset
select is(pg_temp.deletions(:attempt_id), array['left/own 00:01:00'], 'an executor that was ended');
delete from atelier_internal.object_deletions;
select atelier_internal.cancel_jobs(array[l.job_id], 'test') as ignored, l.attempt_id from leased l where n = 6 \gset
select is(pg_temp.deletions(:attempt_id), array['left/own 00:01:00'], 'an attempt that is cancelled');
select pg_temp.settle(array[pg_temp.answer(l.lease, null, :'object')]) is null as ignored from leased l where n = 6 \gset
select is(pg_temp.deletions(:attempt_id), array['half 00:01:00', 'left/own 00:01:00'], 'and what it had stored all the same');
delete from atelier_internal.object_deletions;
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.object_deletions;
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.settle_rejected(1, :a_attempt_id, (:'a_lease'::jsonb ->> 'token')::bigint, pg_temp.answer(:'a_lease', null, :'object')::text, '23505', 'test') as ignored \gset
select is(pg_temp.deletions(:a_attempt_id), array['half 00:01:00'], 'an answer that cannot be recorded: what it stored is deleted');
delete from atelier_internal.object_deletions;
select atelier_internal.make_runnable(array[:'job'::uuid]) as ignored, atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') as ignored_too \gset
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select null from atelier_internal.begin_incarnation(2, 2);
select atelier_internal.reclaim(2) as ignored \gset
select is(pg_temp.deletions(:a_attempt_id), array['left/own 00:01:00'], 'a worker that died');
delete from atelier_internal.object_deletions;
update atelier_internal.jobs set state = 'leased', sequence = null, token = 1, epoch = 2, attempt_id = :a_attempt_id, instance = instance + 1 where id = :'job';
select atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') as ignored \gset
select is((select count(*) from atelier_internal.object_deletions), 0::bigint, 'a copy of the database does not speak for the attempts of the original');

-- jobs of stores are no paid ones
select is(array(select atelier_internal.is_paid(p) from unnest(array['offline', 'file', 'media', 'careful', 'nobody']) p), array[false, false, false, true, true], 'paid: what is not embedded and no store');
select is(array(select atelier_internal.is_store(p) from unnest(array['offline', 'file', 'media', 'careful', 'nobody']) p), array[false, true, true, false, false], 'store: file, and servers of atelier_s3');
insert into atelier_internal.pipelines (name, description) values ('look', 'test');
insert into atelier_internal.steps (pipeline, position, name, action) values ('look', 1, 'look', 'storage.head');
select (atelier_internal.enqueue_jobs('look', array[row(null, null, 'media', null, '{}', null)::atelier_internal.job_request]))[1] as job \gset
create function pg_temp.lease_raw(p_epoch bigint) returns table (order_text text, paid boolean) language sql as $$
    with keys as materialized (select s.lane_id, s.tenant_id, s.priority from atelier_internal.sweep() s)
    select l.order_text, l.paid from atelier_internal.lease(p_epoch, (select array_agg(lane_id) from keys), (select array_agg(tenant_id) from keys), (select array_agg(priority) from keys), (select array_agg(0::bigint) from keys), (select array_agg(10) from keys), '{}', '{}') l
$$;
select is((select array_agg(l.paid) from pg_temp.lease_raw(2) l where l.order_text is not null), array[false], 'an order to a store is not paid');
select null from atelier_internal.begin_incarnation(3, 3);
select is(atelier_internal.reclaim(3) || pg_temp.state_of(:'job'), '0waiting', 'and is given back when its worker died');

-- who may
create role deletions_user;
grant usage on schema atelier_internal to deletions_user;
set local role deletions_user;
select throws_ok($$select atelier_internal.queue_deletions(null, 'test')$$, '42501', null, 'nobody but the engine queues');
select throws_ok($$select * from atelier_internal.object_deletions$$, '42501', null, 'or reads the table');
select throws_ok($$select * from atelier.deletion_queue$$, '42501', null, 'the view is for observers');
reset role;

select * from finish();
rollback;
