\set QUIET on
begin;
\ir engine_fixture.psql
select no_plan();

-- Jobs of a client, with options; and all that a job may wait for, moved into the past.
create function pg_temp.enqueue_for(p_client uuid, p_count integer default 1, p_model text default 'test', p_priority smallint default 0,
                                    p_start_by timestamptz default null, p_traceparent text default null, p_pipeline text default 'one_step',
                                    p_run_after timestamptz default null, p_waits_for uuid[] default null)
    returns uuid[] language sql volatile as $$
    select atelier_internal.enqueue_jobs(p_pipeline, array(
        select row(gen_random_uuid(), p_client, 'offline', p_model, jsonb_build_object('n', g), p_waits_for)::atelier_internal.job_request
          from generate_series(1, p_count) g),
        array[row(p_priority, p_run_after, p_start_by, null, null, p_traceparent)::atelier_internal.job_options])
$$;
create function pg_temp.make_late(p_job uuid) returns void language sql as $$
    update atelier_internal.start_deadlines set start_by = now() where job_id = p_job;
    update atelier_internal.jobs set start_by = now() where id = p_job;
$$;
create function pg_temp.left_of(p_job uuid) returns text language sql as $$
    select concat_ws(' ', (select 'queued' from atelier_internal.queue_entries q where q.job_id = p_job),
                     (select 'deferred' from atelier_internal.deferrals d where d.job_id = p_job),
                     (select 'deadline' from atelier_internal.start_deadlines d where d.job_id = p_job),
                     (select 'parked' from atelier_internal.parked_jobs k where k.job_id = p_job))
$$;
create function pg_temp.clear() returns void language sql as $$
    select null from atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test');
    delete from atelier_internal.cancellations;
$$;
create function pg_temp.refusal(p_command text) returns text language plpgsql as $$
declare
    v_hint text;
begin
    execute p_command;
    return 'no error';
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return format('%s | %s | %s', sqlstate, sqlerrm, v_hint);
end
$$;
select atelier.create_client('North', 'flow-north') as north, atelier.create_client('South', 'flow-south') as south \gset

-- the flows, page by page
select pg_temp.enqueue_for(null, 2), pg_temp.enqueue_for(:'north', 2), pg_temp.enqueue_for(:'north', 1, 'test', 5::smallint),
       pg_temp.enqueue_for(:'south', 3), pg_temp.enqueue_for(:'south', 1, 'other'), pg_temp.enqueue_for(:'north', 1, 'other', (-3)::smallint) \gset i_
create temp table flows as select row_number() over () as n, s.* from atelier_internal.sweep() s;
select results_eq($$ select f.lane_id, f.tenant_id, f.priority, f.sequence from flows f order by f.n $$,
    $$ select q.lane_id, q.tenant_id, q.priority, min(q.sequence) from atelier_internal.queue_entries q group by 1, 2, 3 order by 1, 2, 3 $$,
    'a sweep finds the lowest entry of each flow');
create function pg_temp.pages_of(p_limit integer) returns text language plpgsql as $$
declare
    v_after flows;
    v_page text;
    v_pages text := '';
begin
    loop
        select string_agg(f.n::text, '' order by f.n), max(f.n) into v_page, v_after.n
          from atelier_internal.sweep(v_after.lane_id, v_after.tenant_id, v_after.priority, p_limit) s
          join flows f on (f.lane_id, f.tenant_id, f.priority, f.sequence) = (s.lane_id, s.tenant_id, s.priority, s.sequence);
        exit when v_page is null or length(v_pages) > 50;
        v_pages := concat_ws(' ', nullif(v_pages, ''), v_page);
        select * into v_after from flows f where f.n = v_after.n;
    end loop;
    return v_pages;
end
$$;
select is(pg_temp.pages_of(4), '1234 56', 'pages of it follow one another without a gap');
select is(pg_temp.pages_of(1), '1 2 3 4 5 6', 'whatever their size');
select is((select count(*) from pg_temp.lease(1)), 6::bigint, 'of each flow as many as it may take');
select results_eq($$ select j.client_id, count(*) from atelier_internal.jobs j where j.state = 'waiting' group by 1 order by 1 nulls first $$,
    format($$ select c, n from (values (null::uuid, 1::bigint), (%L, 1), (%L, 2)) v (c, n) order by c nulls first $$, :'north', :'south'), 'and no more');
select pg_temp.clear() \gset i_

-- a job that must begin by a time
select (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, now() + interval '1 hour'))[1] as job \gset
select is(pg_temp.left_of(:'job') || ' ' || (atelier_internal.next_due() = now() + interval '1 hour'), 'queued deadline true', 'start_by: the engine knows when');
select * from pg_temp.lease() \gset a_
select is(pg_temp.state_of(:'job'), 'leased', 'start_by: before it a job is leased');
select pg_temp.make_late(:'job') \gset i_
select ok(atelier_internal.promote(100) > 0, 'start_by: what passes while it is under way is seen');
select is(pg_temp.state_of(:'job') || ' ' || pg_temp.left_of(:'job'), 'leased ', 'start_by: and matters no more');
select is(atelier_internal.next_due(), null, 'start_by: so that it is not due again and again');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'overloaded')]) \gset i_
select is(pg_temp.state_of(:'job'), 'waiting:retry', 'start_by: an attempt that began in time may fail');
select is((select min(d.start_by) from atelier_internal.start_deadlines d), now(), 'start_by: but no other one begins');
select atelier_internal.promote(100) \gset i_
select is(pg_temp.state_of(:'job') || ' ' || pg_temp.left_of(:'job'), 'failed:expired ', 'start_by: it ends before its next try');
select is((select error_message from atelier.job_history where job_id = :'job'),
          format('no attempt of it could begin by %s; 1 had failed before', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), 'start_by: and says why');

select (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, now()))[1] as late, (pg_temp.enqueue_for(:'north'))[1] as other \gset
select results_eq('select job_id from pg_temp.lease()', array[:'other'::uuid], 'start_by: what comes too late for its turn is not leased, and keeps nobody up');
select is(pg_temp.state_of(:'late') || ' ' || pg_temp.left_of(:'late') || (select count(*) from atelier.attempts where job_id = :'late'), 'failed:expired 0',
          'start_by: it has ended without an attempt');
select pg_temp.clear() \gset i_

select atelier.pause_lane('offline', 'test') \gset i_
select (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, now() + interval '1 minute'))[1] as queued,
       (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, now() + interval '1 minute', null, 'one_step', now() + interval '1 day'))[1] as deferred \gset
select (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, now() + interval '1 minute', null, 'one_step', null, array[:'queued'::uuid]))[1] as behind,
       (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, null, null, 'one_step', null, array[:'deferred'::uuid]))[1] as dependent \gset
select atelier_internal.promote(100) as done \gset
select is(:done || pg_temp.state_of(:'queued'), '0waiting', 'start_by: nothing ends before its time');
select pg_temp.make_late(:'queued'), pg_temp.make_late(:'deferred') \gset i_
select atelier_internal.promote(100) \gset i_
select is(array[pg_temp.state_of(:'queued'), pg_temp.state_of(:'deferred'), pg_temp.state_of(:'behind'), pg_temp.state_of(:'dependent')],
          array['failed:expired', 'failed:expired', 'failed:expired', 'failed:expired'],
          'start_by: what waits in a paused lane ends, what waits for a later time too, and what waits for them');
select is(concat(pg_temp.left_of(:'queued'), pg_temp.left_of(:'deferred'), pg_temp.left_of(:'behind')), '', 'start_by: and leaves nothing');
select atelier.resume_lane('offline', 'test') \gset i_

select (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, now() + interval '1 minute', null, 'two_steps'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.make_late(:'job') \gset i_
select pg_temp.settle(array[pg_temp.answer(:'a_lease')]), atelier_internal.promote(100) \gset i_
select is((select job_id from pg_temp.lease()), :'job'::uuid, 'start_by: what was begun in time goes through its steps');
select pg_temp.clear() \gset i_
select is((select count(*) from atelier_internal.start_deadlines), 0::bigint, 'start_by: a cancelled job leaves no deadline');

-- a paused pipeline
select is(pg_temp.refusal($$select atelier.pause_pipeline('no_step')$$) ~ '^42704 \| pipeline "no_step" does not exist \| Pipelines are: .*one_step', true, 'pause: an unknown pipeline');
select is(pg_temp.refusal(format('select atelier.pause_pipeline(%L, until => %L)', 'one_step', 'infinity')), '22023 | until must be a time to come, not infinity | Leave it out to pause until somebody resumes it.', 'pause: never is no time');
select is(pg_temp.refusal(format('select atelier.pause_queue(until => %L)', now())) ~ '^22023', true, 'pause: nor is the past');
select is(pg_temp.refusal(format('select atelier.pause_lane(%L, %L, %L, %L)', 'offline', 'test', 'x', now() - interval '1 day')) ~ '^22023', true, 'pause: nor for a lane');
select is(pg_temp.refusal(format('select atelier.pause_queue(reason => %L)', repeat('x', 1001))) ~ '^22023', true, 'pause: a reason is no story');
select atelier.pause_pipeline('one_step', 'a bad prompt') \gset i_
select pg_temp.enqueue_for(:'north', 3) as jobs, (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, null, null, 'two_steps'))[1] as other \gset
select results_eq('select job_id from pg_temp.lease()', array[:'other'::uuid], 'pause: of a paused pipeline nothing is leased, of others in the same lane it is');
select is(pg_temp.state_of((:'jobs'::uuid[])[1]) || ' ' || pg_temp.left_of((:'jobs'::uuid[])[1]), 'held:paused parked', 'pause: its jobs are held and stand in nobody''s way');
select is((select count(*) from atelier.attempts where job_id = any (:'jobs')), 0::bigint, 'pause: without an attempt');
select is((select count(*) from atelier_internal.sweep()), 0::bigint, 'pause: so that no sweep finds them');
select is((select count(*) from atelier.consistency_report), 0::bigint, 'pause: and nothing is inconsistent');
select results_eq('select kind, name, reason from atelier.pauses', $$ values ('pipeline', 'one_step', 'a bad prompt') $$, 'pause: the view says what is paused, and why');
select is(atelier_internal.next_due(), null, 'pause: nothing is due while it lasts');
select is(atelier_internal.unpark(100), 0, 'pause: nothing comes back');
select ok(atelier.resume_pipeline('one_step') and not atelier.resume_pipeline('one_step'), 'resume: it says whether there was a pause');
select is(atelier_internal.next_due(), now(), 'resume: something is due');
select atelier_internal.promote(2) as back \gset
select is(:back || ' ' || (select count(*) from atelier_internal.parked_jobs), '2 1', 'resume: they come back in batches');
select is(atelier_internal.next_due() = now() and atelier_internal.promote(2) = 1, true, 'resume: until all are back');
select is(atelier_internal.next_due(), null, 'resume: then nothing is due');
select is((select array_agg(q.job_id order by q.sequence) from atelier_internal.queue_entries q), :'jobs'::uuid[], 'resume: in the order in which they were made');
select pg_temp.clear() \gset i_

select atelier.pause_pipeline('one_step', 'until noon', now() + interval '1 hour') \gset i_
select pg_temp.enqueue_for(:'north', 3, 'test', 0::smallint, now() + interval '2 hours') as jobs \gset
select count(*) from pg_temp.lease() \gset i_
select is(atelier_internal.next_due(), now() + interval '1 hour', 'pause: its end is due');
select atelier.cancel_job((:'jobs'::uuid[])[1]), pg_temp.make_late((:'jobs'::uuid[])[2]), atelier_internal.promote(100) \gset i_
select is(pg_temp.left_of((:'jobs'::uuid[])[1]), '', 'pause: a held job can be cancelled and leaves nothing');
select is(pg_temp.state_of((:'jobs'::uuid[])[2]) || ' ' || pg_temp.left_of((:'jobs'::uuid[])[2]), 'failed:expired ', 'pause: one that must begin by then ends');
update atelier_internal.pauses set paused_until = now();
select is((select count(*) from atelier.pauses), 0::bigint, 'pause: at its end it is over');
select is(atelier_internal.next_due() <= now(), true, 'pause: and due');
select atelier_internal.promote(100) as back \gset
select is(:back || ' ' || (select count(*) from atelier_internal.pauses), '2 0', 'pause: it is taken away and its jobs are back');
select is((select job_id from pg_temp.lease()), (:'jobs'::uuid[])[3], 'pause: so that they run by themselves');
select pg_temp.clear() \gset i_

-- queue, client and lane
create function pg_temp.paused_lanes() returns text language sql as $$
    select string_agg(l.model, ',' order by l.model) from atelier_internal.lane_limits() i join atelier_internal.lanes l on l.id = i.lane_id
     where i.paused and l.provider = 'offline' and l.model in ('test', 'other')
$$;
select pg_temp.enqueue_for(:'north', 2) as jobs \gset
select atelier.pause_queue('the house is on fire') \gset i_
select is((select count(*) from pg_temp.lease()), 0::bigint, 'queue: nothing is leased');
select is(pg_temp.left_of((:'jobs'::uuid[])[1]) || ' ' || pg_temp.paused_lanes(), 'queued other,test', 'queue: its jobs keep their places, and the worker is told that all lanes are paused');
select ok(atelier.resume_queue(), 'queue: it resumes');
select is(pg_temp.paused_lanes() is null and (select count(*) from pg_temp.lease()) = 2, true, 'queue: and goes on');
select pg_temp.clear() \gset i_
select atelier.pause_client(:'north', 'unpaid', now() + interval '1 day') \gset i_
select results_eq('select * from atelier_internal.tenant_limits()', format('values (%L::uuid, 1::double precision, null::integer, true)', :'north'), 'client: the worker is told of its pause');
select is((select client_id from atelier.pauses where kind = 'client'), :'north'::uuid, 'client: the view names it');
select pg_temp.enqueue_for(:'north', 2), (pg_temp.enqueue_for(:'south'))[1] as other \gset i_
select results_eq('select job_id from pg_temp.lease()', array[:'i_other'::uuid], 'client: a worker that has not heard of its pause begins nothing of it, and what others have in the lane');
select ok(atelier.resume_client(:'north') and not atelier.resume_client(:'south'), 'client: it resumes');
select is((select count(*) from pg_temp.lease()), 2::bigint, 'client: its jobs kept their places');
select pg_temp.clear() \gset i_
select is(pg_temp.refusal(format('select atelier.pause_client(%L)', gen_random_uuid())) ~ '^23503 \| client not found', true, 'client: an unknown one');
select atelier.pause_lane('offline', 'test', ' ', now() + interval '1 minute') \gset i_
select results_eq('select kind, name, reason from atelier.pauses', $$ values ('lane', 'offline test', 'paused by hand') $$, 'lane: the view of pauses shows it too');
select is(pg_temp.paused_lanes() || (atelier_internal.next_due() = now() + interval '1 minute'), 'testtrue', 'lane: the worker is told, and its end is due');
update atelier_internal.lanes set paused_until = now() where paused_at is not null;
select is(atelier_internal.promote(100), 1, 'lane: it resumes by itself');
select is((select (paused_at, pause_reason, paused_until)::text from atelier_internal.lanes where model = 'test'), '(,,)', 'lane: and nothing of the pause is left');

-- rates of lanes
select atelier.set_lane_limit('offline', 'test', 50, 60, 1000, 10) \gset i_
select is((select (max_in_flight, requests_per_minute, tokens_per_minute, images_per_minute)::text from atelier_internal.lane_limits() i where i.lane_id = (select id from atelier_internal.lanes where model = 'test')),
          '(50,60,1000,10)', 'rates: the worker is told what the operator set');
select atelier.set_lane_limit('offline', 'test', requests_per_minute => 90, images_per_minute => 0) \gset i_
select is((select (max_in_flight, requests_per_minute, tokens_per_minute, images_per_minute)::text from atelier_internal.lanes where model = 'test'), '(50,90,1000,)',
          'rates: null leaves a limit as it is, 0 removes it');
select is(pg_temp.refusal($$select atelier.set_lane_limit('offline', 'test')$$), '22004 | no limit was given | Name one of max_in_flight, requests_per_minute, tokens_per_minute and images_per_minute; the others stay as they are.', 'rates: one at least');
select is(pg_temp.refusal($$select atelier.set_lane_limit('offline', 'test', tokens_per_minute => -1)$$) ~ '^22023', true, 'rates: none below 0');
create server metered foreign data wrapper atelier_gemini options (image_model 'm');
select atelier.set_lane_limit('metered', 'm', requests_per_minute => 5) \gset i_
select ok((select not trusted from atelier_internal.lanes where provider = 'metered'), 'rates: a lane whose rate alone is known is approached with care');
select atelier.set_lane_limit('metered', 'm', 1000) \gset i_
select ok((select trusted from atelier_internal.lanes where provider = 'metered'), 'rates: not one whose max_in_flight somebody named');

-- shares of clients
select atelier.set_client_share(:'north', 3), atelier.set_client_share(:'south', max_in_flight => 2), atelier.pause_client(:'south') \gset i_
select set_eq('select * from atelier_internal.tenant_limits()', format('values (%L::uuid, 3::double precision, null::integer, false), (%L, 1, 2, true)', :'north', :'south'),
              'share: the worker is told of weights, maxima and pauses');
select atelier.set_client_share(:'north', max_in_flight => 5), atelier.resume_client(:'south') \gset i_
select results_eq('select client_id, weight, max_in_flight from atelier.client_shares order by weight', format('values (%L::uuid, 1::numeric, 2), (%L, 3, 5)', :'south', :'north'),
                  'share: null leaves a part as it is');
select atelier.set_client_share(:'north', 1, 0), atelier.set_client_share(:'south', max_in_flight => 0) \gset i_
select is((select count(*) from atelier_internal.client_shares), 0::bigint, 'share: who shares as all others do is no exception');
select is(pg_temp.refusal(format('select atelier.set_client_share(%L)', :'north')) ~ '^22004', true, 'share: one part at least');
select is(pg_temp.refusal(format('select atelier.set_client_share(%L, %s)', :'north', w)) ~ '^22023 \| weight must be', true, 'share: no weight ' || w)
  from unnest(array['0', '-1', '1001', '''NaN''', '''Infinity''']) w;
select is(pg_temp.refusal(format('select atelier.set_client_share(%L, 1, -1)', :'north')) ~ '^22023 \| max_in_flight must be', true, 'share: no maximum below 0');
select is(pg_temp.refusal(format('select atelier.set_client_share(%L, 1)', gen_random_uuid())) ~ '^23503', true, 'share: an unknown client');

-- priorities
select pg_temp.enqueue_for(:'north', 3) as jobs \gset
select ok(atelier.set_priority((:'jobs'::uuid[])[3], -5), 'priority: of a live job');
select results_eq(format('select q.priority, q.sequence = j.sequence from atelier_internal.queue_entries q join atelier_internal.jobs j on j.id = q.job_id and j.priority = q.priority where j.id = %L', (:'jobs'::uuid[])[3]),
                  $$ values ((-5)::smallint, true) $$, 'priority: its queue entry moves and keeps its sequence');
select atelier.set_lane_limit('offline', 'test', 1) \gset i_
select * from pg_temp.lease() \gset a_
select is(:'a_job_id'::uuid, (:'jobs'::uuid[])[3], 'priority: so that it goes first');
select ok(atelier.set_priority(:'a_job_id', 7), 'priority: of one that is under way');
select is((select count(*) from atelier_internal.queue_entries where job_id = :'a_job_id'), 0::bigint, 'priority: which is queued for that no more than before');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'not_sent')]) \gset i_
select is((select q.priority from atelier_internal.queue_entries q where q.job_id = :'a_job_id'), 7::smallint, 'priority: should it come back, it does with the new one');
select ok(atelier.set_priority(:'a_job_id', 7) and pg_temp.left_of(:'a_job_id') = 'queued', 'priority: the same again changes nothing');
select ok(not atelier.set_priority(gen_random_uuid(), 0), 'priority: of one that is not live');
select is(pg_temp.refusal(format('select atelier.set_priority(%L, null)', :'a_job_id')) ~ '^22004', true, 'priority: null is none');
select is((select count(*) from atelier.consistency_report), 0::bigint, 'priority: nothing is inconsistent');
select atelier.set_lane_limit('offline', 'test', 100), pg_temp.clear() \gset i_

-- what an order carries
select (pg_temp.enqueue_for(:'north', 1, 'test', 0::smallint, null, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'))[1] as traced, (pg_temp.enqueue_for(:'north'))[1] as plain \gset
create temp table orders as
    with keys as materialized (select s.lane_id, s.tenant_id, s.priority from atelier_internal.sweep() s)
    select l.order_text::jsonb as sent from atelier_internal.lease(1, (select array_agg(lane_id) from keys), (select array_agg(tenant_id) from keys), (select array_agg(priority) from keys),
                                           (select array_agg(0::bigint) from keys), (select array_agg(10) from keys), '{}', '{}') l;
select is((select o.sent ->> 'traceparent' from orders o where o.sent #>> '{lease,job}' = :'traced'), '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'order: the trace that its job belongs to');
select ok((select not o.sent ? 'traceparent' from orders o where o.sent #>> '{lease,job}' = :'plain'), 'order: and none where there is none');
select pg_temp.clear() \gset i_

-- a service that is known to fail costs no attempts
select (pg_temp.enqueue_for(:'north'))[1] as job \gset
update atelier_internal.jobs set max_attempts = 1 where id = :'job';
create function pg_temp.fail(p_excused boolean, p_class text) returns text language plpgsql as $$
declare
    v_lease record;
begin
    select * into v_lease from pg_temp.lease() l;
    perform atelier_internal.settle(1, jsonb_build_array(pg_temp.answer(v_lease.lease, p_class)), case when p_excused then array[v_lease.attempt_id] else '{}' end);
    update atelier_internal.deferrals set run_after = now();
    update atelier_internal.jobs set run_after = now() where run_after is not null;
    perform atelier_internal.promote(100);
    return concat_ws(' ', pg_temp.state_of(v_lease.job_id), (select j.attempts from atelier_internal.jobs j where j.id = v_lease.job_id));
end
$$;
select is(pg_temp.fail(true, 'overloaded'), 'waiting 0', 'excused: a failure that its service explains is no attempt');
select is(pg_temp.fail(true, 'network'), 'waiting 0', 'excused: as often as it happens');
select is((select gate_reason from atelier_internal.lanes where model = 'test'), 'test network', 'excused: the lane keeps what was said last');
select is(pg_temp.fail(false, 'overloaded'), 'failed:overloaded', 'excused: another failure is one');
select (pg_temp.enqueue_for(:'north'))[1] as job \gset
select is(pg_temp.fail(true, 'content_blocked'), 'failed:content_blocked', 'excused: what the service says of the request itself stands');
select (pg_temp.enqueue_for(:'north'))[1] as job \gset
select is(pg_temp.fail(true, 'outcome_unknown'), 'held:outcome_unknown 0', 'excused: and what may have been billed is held');

-- the audit log, and what stays when a client goes
select results_eq($$ select distinct action from atelier.audit_log where action ~ '^(queue|client|pipeline|lane|job)\.(paused|resumed|share_set|limited|priority_set)$' order by 1 $$,
    array['client.paused', 'client.resumed', 'client.share_set', 'job.priority_set', 'lane.limited', 'lane.paused', 'lane.resumed',
          'pipeline.paused', 'pipeline.resumed', 'queue.paused', 'queue.resumed'], 'the audit log tells of all of it');
select pg_temp.clear(), atelier.pause_client(:'north'), atelier.set_client_share(:'north', 2), atelier.erase_client(:'north') \gset i_
select is((select count(*) from atelier_internal.tenant_limits()), 0::bigint, 'an erasure takes pauses and shares of the client');
select ok(not has_function_privilege('atelier_app', 'atelier.' || f, 'execute') and has_function_privilege('atelier_admin', 'atelier.' || f, 'execute'), 'for operators alone: ' || f)
  from unnest(array['pause_queue(text, timestamptz)', 'resume_queue()', 'pause_client(uuid, text, timestamptz)', 'resume_client(uuid)',
                    'pause_pipeline(text, text, timestamptz)', 'resume_pipeline(text)', 'set_client_share(uuid, numeric, integer)', 'set_priority(uuid, integer)',
                    'set_lane_limit(text, text, integer, bigint, bigint, bigint)']) as f;
select * from finish();
rollback;
