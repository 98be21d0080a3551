-- What operators do with many jobs: cancel them, and have done again what failed.
\set QUIET on
begin;
\ir engine_fixture.psql
\ir include/studio.psql
select no_plan();

-- Filters
select matches(pg_temp.error_of(f.call), f.expected, 'a filter is refused: ' || f.call)
  from (values
    ($$select atelier.cancel_jobs(null)$$, '^22004 \| filter must not be null \| .*means all'),
    ($$select atelier.cancel_jobs('[]')$$, '^22023 \| filter is not valid: it must be a JSON object \| Keys are'),
    ($$select atelier.cancel_jobs('{"pipelin": "one_step"}')$$, '^22023 \| .*there is no key "pipelin" \| Keys are: job_id, state'),
    ($$select atelier.cancel_jobs('{"pipeline": 5}')$$, '^22023 \| .*pipeline must be a text, or a list'),
    ($$select atelier.cancel_jobs('{"pipeline": []}')$$, '^22023 \| .*pipeline must be a text, or a list'),
    ($$select atelier.cancel_jobs('{"tag": ["a", null]}')$$, '^22023 \| .*tag has something in its list'),
    ($$select atelier.cancel_jobs('{"state": "failed"}')$$, '^22023 \| .*no state "failed" here \| States are: waiting, leased, draining, held'),
    ($$select atelier.cancel_jobs('{"error_class": "tired"}')$$, '^22023 \| .*no error_class "tired" \| Classes are: auth'),
    ($$select atelier.cancel_jobs('{"client_id": "me"}')$$, '^22023 \| .*client_id has "me", which is no uuid'),
    ($$select atelier.cancel_jobs('{"before": "soon"}')$$, '^22023 \| .*before must be a time \| Write it'),
    ($$select atelier.cancel_jobs('{"after": "infinity"}')$$, '^22023 \| .*after must be a time'),
    ($$select atelier.cancel_jobs('{}', max_jobs => 0)$$, '^22023 \| max_jobs must be between 1 and 10000, not 0 \| For more'),
    ($$select * from atelier.redrive('{"state": "waiting"}')$$, '^22023 \| .*no state "waiting" here \| States are: failed, quarantined'),
    ($$select * from atelier.redrive('{}', null)$$, '^22023 \| max_jobs must be')) f (call, expected);

-- Cancelling many
select atelier.create_client('North', 'operate-north') as north, atelier.create_client('South', 'operate-south') as south \gset
select pg_temp.enqueue('one_step', 3) as plain \gset
select pg_temp.enqueue('two_steps', 2, 'other') as other \gset
update atelier_internal.jobs set tags = '{spring,sale}', client_id = :'north' where id = (:'plain'::uuid[])[1];
update atelier_internal.jobs set created_at = now() - interval '2 days' where id = (:'plain'::uuid[])[2];
create function pg_temp.meant(p_filter text) returns uuid[] language sql as $$
    select atelier_internal.live_jobs(atelier_internal.read_job_filter(p_filter::jsonb, '{waiting,leased,draining,held}'), 100) $$;
select is(pg_temp.meant('{}'), :'plain'::uuid[] || :'other'::uuid[], 'an empty filter means all, the oldest first');
select is(pg_temp.meant('{"pipeline": "two_steps"}'), :'other'::uuid[], 'by pipeline');
select is(pg_temp.meant('{"pipeline": ["two_steps", "one_step"], "model": "test"}'), :'plain'::uuid[], 'by a list, and by two keys at once');
select is(pg_temp.meant('{"tag": ["summer", "sale"]}'), (:'plain'::uuid[])[1:1], 'by one of the tags');
select is(pg_temp.meant(format('{"client_id": "%s"}', :'north')), (:'plain'::uuid[])[1:1], 'by client');
select is(pg_temp.meant(format('{"job_id": "%s"}', (:'plain'::uuid[])[3])), (:'plain'::uuid[])[3:3], 'by id');
select is(pg_temp.meant(format('{"before": "%s"}', now() - interval '1 day')), (:'plain'::uuid[])[2:2], 'by an end of time');
select is(cardinality(pg_temp.meant(format('{"after": "%s"}', now() - interval '1 day'))), 4, 'by a beginning of time');
select is(pg_temp.meant('{"provider": "nobody"}'), '{}'::uuid[], 'by provider');
select is(cardinality(pg_temp.meant('{"state": "leased"}')), 0, 'by state: none is under way');

-- A chain, a diamond beside it
select pg_temp.enqueue('one_step') as top \gset
create table pg_temp.chain (place serial, id uuid);
insert into pg_temp.chain (id) select unnest(:'top'::uuid[]);
do $$ begin for i in 1 .. 40 loop insert into pg_temp.chain (id) select unnest(pg_temp.enqueue('one_step', 1, 'test', array[(select c.id from pg_temp.chain c order by c.place desc limit 1)])); end loop; end $$;
select (pg_temp.enqueue('one_step', 1, 'test', :'top'))[1] as left_side, (pg_temp.enqueue('one_step', 1, 'test', :'top'))[1] as right_side \gset
select (pg_temp.enqueue('one_step', 1, 'test', array[:'left_side', :'right_side']::uuid[]))[1] as bottom \gset
select (pg_temp.enqueue('one_step', 1, 'test', array[:'bottom', (:'plain'::uuid[])[3]]::uuid[]))[1] as below \gset
select is(atelier.cancel_jobs(jsonb_build_object('job_id', (:'top'::uuid[])[1])), 1, 'cancel_jobs counts what was meant');
select is((select array_agg(distinct pg_temp.state_of(c.id)) from pg_temp.chain c), array['cancelled:cancelled'], 'a chain of 41 ends with its first');
select is(array(select distinct pg_temp.state_of(d) from unnest(array[:'left_side', :'right_side', :'bottom', :'below']::uuid[]) d), array['cancelled:cancelled'],
    'so does a diamond, and what waited for it and for another');
select is(pg_temp.state_of((:'plain'::uuid[])[3]), 'waiting', 'what is waited for otherwise goes on');
select is((select count(*) from atelier_internal.job_dependencies), 0::bigint, 'and nothing waits for what has ended');
select is((select count(*) from atelier_internal.events where kind = 'job.cancelled' and job_id = :'below'), 1::bigint, 'each end is told once');
select is(atelier.cancel_jobs('{"pipeline": "one_step"}', 'spring is over', 2), 2, 'at most max_jobs are cancelled');
select is(atelier.cancel_jobs('{"pipeline": "one_step"}'), 1, 'the rest with the next call');
select is((select error_message from atelier.job_history where job_id = (:'plain'::uuid[])[1]), 'spring is over', 'with the reason that was given');
select ok((select details @> '{"jobs": 2, "reason": "spring is over", "filter": {"pipeline": "one_step"}}' from atelier_internal.audit_log where action = 'jobs.cancelled' order by id desc offset 1 limit 1),
    'and the audit log tells of it');
select is(atelier.cancel_jobs('{}'), 2, 'all that is left');

-- Dead letters
select pg_temp.enqueue('one_step', 3) as jobs \gset
update atelier_internal.jobs set tags = '{a}', traceparent = '00-' || repeat('a', 32) || '-' || repeat('b', 16) || '-01', priority = 0 where id = any (:'jobs');
create function pg_temp.end_with(p_class text) returns void language plpgsql as $$
declare
    v_order pg_temp.order_row;
begin
    for i in 1 .. 10 loop
        for v_order in select * from pg_temp.lease() loop
            perform pg_temp.settle(array[pg_temp.answer(v_order.lease, p_class)]);
        end loop;
        -- Moves the clock of those that are tried again.
        perform atelier_internal.make_runnable(array(select d.job_id from atelier_internal.deferrals d));
        delete from atelier_internal.deferrals;
    end loop;
end
$$;
update atelier_internal.jobs set crashes = 2 where id = (:'jobs'::uuid[])[3];
select * from pg_temp.lease() where job_id = (:'jobs'::uuid[])[3] \gset q_
select pg_temp.settle(array[pg_temp.answer(:'q_lease', 'worker_lost')]) \gset i_
select is(pg_temp.state_of((:'jobs'::uuid[])[3]), 'quarantined:worker_lost', 'what was lost three times is quarantined');
select pg_temp.settle(array(select pg_temp.answer(jsonb_build_object('job', j.id, 'tid', j.ctid::text, 'attempt', j.attempt_id, 'ring', j.attempt_ring, 'token', j.token, 'lane', j.lane_id), 'invalid_request')
                              from atelier_internal.jobs j where j.id = any (:'jobs'))) \gset i_
select set_eq('select job_id, state, error_class from atelier.dead_letters',
    format('values (%L::uuid, ''failed'', ''invalid_request''), (%L, ''failed'', ''invalid_request''), (%L, ''quarantined'', ''worker_lost'')', (:'jobs'::uuid[])[1], (:'jobs'::uuid[])[2], (:'jobs'::uuid[])[3]),
    'dead letters are what failed and what is quarantined');
select ok((select bool_and(hint <> '' and tags = '{a}' and traceparent is not null and step = 'only' and provider = 'offline') from atelier.dead_letters), 'with their facts, and a hint for each');
create table pg_temp.again as select * from atelier.redrive('{"error_class": "invalid_request"}', 1);
select is((select job_id from pg_temp.again), (select d.id from (values ((:'jobs'::uuid[])[1]), ((:'jobs'::uuid[])[2])) d (id) order by 1 limit 1), 'redrive takes the oldest, and no more than max_jobs');
insert into pg_temp.again select * from atelier.redrive();
select set_eq('select job_id, problem from pg_temp.again', format('values (%L::uuid, null), (%L, null)', (:'jobs'::uuid[])[1], (:'jobs'::uuid[])[2]), 'without a filter it takes what failed, and leaves what is quarantined');
select is((select count(*) from atelier.redrive()), 0::bigint, 'nothing is redriven twice');
select ok((select bool_and(n.state = 'waiting' and n.input = h.input and n.tags = h.tags and n.traceparent = h.traceparent and n.priority = h.priority and n.pipeline = h.pipeline and n.model = 'test' and n.attempts = 0)
             from pg_temp.again a join atelier_internal.jobs n on n.id = a.new_job_id join atelier_internal.history_failed h on h.job_id = a.job_id), 'the new jobs are as the old ones were');
select results_eq('select job_id from atelier.dead_letters', format('values (%L::uuid)', (:'jobs'::uuid[])[3]), 'the dead letters are the fewer');
select set_eq('select job_id, redriven_as from atelier.job_history where redriven_as is not null', 'select job_id, new_job_id from pg_temp.again', 'history says which job does the work now');
select is((select count(*) from atelier_internal.events where kind = 'job.redriven'), 2::bigint, 'so does an event for each');
insert into pg_temp.again select * from atelier.redrive('{"state": "quarantined"}');
select ok((select new_job_id is not null from pg_temp.again where job_id = (:'jobs'::uuid[])[3]), 'what is quarantined is redriven when somebody says so');
select atelier.cancel_jobs('{}') \gset i_
select is((select count(*) from atelier.dead_letters), 0::bigint, 'what was cancelled is no dead letter');

-- A pipeline with rows of its own, without a way to do its work again; and one that is gone
insert into atelier_internal.pipelines (name, description, subject_table) values ('own_rows', 'test', 'atelier.clients'), ('short_lived', 'test', null);
insert into atelier_internal.steps (pipeline, position, name, action) values ('own_rows', 1, 'only', 'ai.image'), ('short_lived', 1, 'only', 'ai.image');
select pg_temp.enqueue('own_rows'), pg_temp.enqueue('short_lived') \gset i_
select pg_temp.end_with('invalid_request') \gset i_
delete from atelier_internal.pipelines where name = 'short_lived';
select set_eq('select new_job_id, substring(problem from ''has no function|does not exist'') from atelier.redrive()', $$values (null::uuid, 'has no function'), (null, 'does not exist')$$, 'what cannot be redriven is refused with the reason');
select is((select count(*) from atelier.dead_letters), 2::bigint, 'and stays a dead letter');
delete from atelier_internal.history_failed;

-- Assets
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset
insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256) values (:'north', 'operate/chair.png', 'ready', 640, 480, 1234, 'image/png', repeat('ab', 32)) returning id as photo \gset
select atelier.add_product_image(:'chair', :'photo') \gset i_
select null from atelier_internal.begin_incarnation(4711, 1);
insert into atelier.collections (client_id, name) values (:'north', 'Spring') returning id as spring \gset
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), :'spring', priority => 7) as first, atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as second,
       atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as gone, atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as retried \gset
select pg_temp.lease_all() \gset i_
select count(pg_temp.fail(a.id, 'invalid_request', 'no')::text) from atelier.generated_assets a where a.client_id = :'north' \gset i_
select atelier.soft_delete_asset(:'gone'), atelier.retry_asset(:'retried') \gset i_
select is((select count(*) from atelier.dead_letters), 3::bigint, 'retry_asset() has the work done again, so that it is no dead letter any more');
update atelier.collections set status = 'analyzing' where id = :'spring';
update atelier.collections set status = 'error', error_message = 'no asset' where id = :'spring';
create table pg_temp.assets as select r.*, h.subject_id from atelier.redrive('{"pipeline": "generate_image"}') r join atelier_internal.history_failed h using (job_id);
select set_eq('select subject_id, new_job_id is not null, substring(problem from ''nothing is left'') from pg_temp.assets',
    format('values (%L::uuid, true, null), (%L, true, null), (%L, false, ''nothing is left'')', :'first', :'second', :'gone'), 'assets in error are tried again; for a deleted one nothing is left to do');
select set_eq(format('select id, status, job_id from atelier.generated_assets where id in (%L, %L)', :'first', :'second'), 'select subject_id, ''pending'', new_job_id from pg_temp.assets where new_job_id is not null', 'they are pending, with their new jobs');
select is((select j.priority from atelier_internal.jobs j join pg_temp.assets a on a.new_job_id = j.id where a.subject_id = :'first'), 7::smallint, 'which have the priority of the old ones');
select is((select status from atelier.collections where id = :'spring'), 'generating', 'and their collection is generating again');
select is((select count(*) from atelier.dead_letters), 0::bigint, 'no dead letter is left, not of the deleted one either');

-- One that is refused does not keep the others
select pg_temp.lease_all() \gset i_
select pg_temp.fail(:'first', 'invalid_request', 'no'), pg_temp.fail(:'second', 'invalid_request', 'no') \gset i_
insert into atelier.products (client_id, name, sku, category) values (:'north', 'Bare', 'B', 'seating') returning id as bare \gset
alter table atelier.generated_assets disable trigger user;
update atelier.generated_assets set product_id = :'bare' where id = :'second';
alter table atelier.generated_assets enable trigger user;
select set_eq('select h.subject_id, r.new_job_id is not null, r.problem from atelier.redrive() r join atelier_internal.history_failed h using (job_id)',
    format('values (%L::uuid, true, null), (%L, false, ''product has no photo. Call atelier.register_image() and atelier.add_product_image() first.'')', :'first', :'second'), 'what is refused is alone in that, with the hint');
select is((select count(*) from atelier.dead_letters), 1::bigint, 'and stays a dead letter');

-- Images
select atelier.register_image(:'south', 'operate/south.jpg') as image \gset
select pg_temp.lease_all() \gset i_
select pg_temp.fail(:'image', 'invalid_output', 'no picture'), pg_temp.lease_all() \gset i_
select atelier_internal.finish_jobs(array(select row(j.id, 'failed', 'invalid_output', 'no picture')::atelier_internal.finished from atelier_internal.jobs j where j.subject_id = :'image')) \gset i_
select is((select status from atelier.images where id = :'image'), 'failed', 'an inspection that failed');
select isnt((select r.new_job_id from atelier.redrive('{"pipeline": "inspect_image"}') r), null, 'is redriven');
select is((select status || (job_id = (select id from atelier_internal.jobs where pipeline = 'inspect_image')) from atelier.images where id = :'image'), 'pendingtrue', 'its image is inspected again');

-- A deletion is never given up, so there is nothing to redrive
select atelier_internal.queue_deletions(array[row('file', '', 'operate/none.png', null)::atelier_internal.deletion_request], 'test', '0'), atelier_internal.promote(10) \gset i_
select atelier_internal.finish_jobs(array(select row(j.id, 'failed', 'storage_failed', 'no')::atelier_internal.finished from atelier_internal.jobs j where j.pipeline = 'delete_objects')) \gset i_
select ok((select run_after > now() from atelier_internal.object_deletions where key = 'operate/none.png'), 'a deletion that failed is queued again, for later');
select matches((select problem from atelier.redrive('{"pipeline": "delete_objects"}')), '^nothing is left to do', 'redriving its job finds nothing to do');
select ok((select run_after <= now() from atelier_internal.object_deletions where key = 'operate/none.png'), 'and has the deletion done at once');
-- Every pipeline of the extension has a way, or no rows of its own.
select is_empty($$ select name from atelier_internal.pipelines where built_in and redrive is null $$, 'every pipeline of the studio says how its work is done again');
select is_empty($$ select p.name from atelier_internal.pipelines p where p.redrive is not null and to_regprocedure(p.redrive || '(uuid[])') is null $$, 'by a function that there is');
select * from finish();
rollback;
