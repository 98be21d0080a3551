\set QUIET on
begin;
\ir engine_fixture.psql
select plan(38);

create function pg_temp.fail_once(p_class text, p_retry_after_ms bigint default null) returns uuid language plpgsql as $$
declare
    v_job uuid;
    v_lease jsonb;
begin
    select l.job_id, l.lease into v_job, v_lease from pg_temp.lease() l;
    perform pg_temp.settle(array[pg_temp.answer(v_lease, p_class, '{}', null, p_retry_after_ms)]);
    return v_job;
end
$$;
create function pg_temp.make_due() returns void language sql as $$
    update atelier_internal.deferrals set run_after = now();
    update atelier_internal.jobs set run_after = now() where run_after is not null;
    select null from atelier_internal.promote(100);
    update atelier_internal.lanes set gate = 'open', gate_until = null, gate_reason = null, paused_at = null, pause_reason = null;
$$;

-- what each class leads to, and what it is counted as
create temp table expected (class text, after_one text, attempts integer, crashes integer);
insert into expected values
    ('overloaded', 'waiting:retry', 1, 0), ('network', 'waiting:retry', 1, 0), ('timeout', 'waiting:retry', 1, 0),
    ('storage_failed', 'waiting:retry', 1, 0), ('no_output', 'waiting:retry', 1, 0), ('invalid_output', 'waiting:retry', 1, 0),
    ('rate_limited', 'waiting', 0, 0), ('not_sent', 'waiting', 0, 0), ('worker_lost', 'waiting', 0, 1),
    ('outcome_unknown', 'held:outcome_unknown', 0, 1), ('content_blocked', 'failed:content_blocked', 1, 0),
    ('invalid_request', 'failed:invalid_request', 1, 0), ('auth', 'failed:auth', 1, 0), ('no_credit', 'failed:no_credit', 1, 0),
    ('cancelled', 'cancelled:cancelled', 0, 0);
create function pg_temp.try_class(p_expected expected) returns text language plpgsql as $$
declare
    v_job uuid := (pg_temp.enqueue('one_step'))[1];
    v_result text;
begin
    perform pg_temp.fail_once(p_expected.class);
    select format('%s attempts=%s crashes=%s', pg_temp.state_of(v_job), x.attempts, x.crashes) into v_result
      from (select j.attempts, j.crashes from atelier_internal.jobs j where j.id = v_job
            union all select h.attempts, h.crashes from atelier.job_history h where h.job_id = v_job) x;
    perform atelier_internal.cancel_jobs(array[v_job], 'test');
    perform pg_temp.make_due();
    return v_result;
end
$$;
select is(pg_temp.try_class(e), format('%s attempts=%s crashes=%s', e.after_one, e.attempts, e.crashes), 'class ' || e.class)
  from expected e;

-- retries end
select (pg_temp.enqueue('one_step'))[1] as job \gset
select pg_temp.fail_once('overloaded'), pg_temp.make_due() \gset i_
select pg_temp.fail_once('overloaded'), pg_temp.make_due() \gset i_
select is(pg_temp.state_of(:'job'), 'waiting', 'two failures of three attempts leave one');
select pg_temp.fail_once('overloaded') \gset i_
select is(pg_temp.state_of(:'job'), 'failed:overloaded', 'the third counted failure is final');
select (pg_temp.enqueue('one_step'))[1] as job \gset
select pg_temp.fail_once('no_output'), pg_temp.make_due() \gset i_
select pg_temp.fail_once('no_output') \gset i_
select is(pg_temp.state_of(:'job'), 'failed:no_output', 'no output is tried once more, then it is final');
select (pg_temp.enqueue('one_step'))[1] as job \gset
select pg_temp.fail_once('worker_lost') \gset i_
select pg_temp.fail_once('worker_lost') \gset i_
select is(pg_temp.state_of(:'job'), 'waiting:retry', 'after a second crash it waits a while');
select pg_temp.make_due() \gset i_
select pg_temp.fail_once('worker_lost') \gset i_
select is(pg_temp.state_of(:'job'), 'quarantined:worker_lost', 'the third crash quarantines it');
select ok((select min(atelier_internal.backoff(n)) >= interval '1 second' and max(atelier_internal.backoff(n)) <= interval '5 minutes'
             from generate_series(1, 100) n), 'a backoff is between half its base and 5 minutes');
select ok((select count(distinct atelier_internal.backoff(3)) > 1 from generate_series(1, 20)), 'and is spread');

-- lanes
select (pg_temp.enqueue('one_step'))[1] as job \gset
select pg_temp.fail_once('rate_limited', 30000) \gset i_
select is((select gate_reason from atelier_internal.lanes where model = 'test'), 'test rate_limited', 'a lane keeps what its service said when it refused');
select pg_temp.rest('test', now() + interval '30 seconds') \gset i_
select is((select (state, gate_until, gate_reason)::text from atelier.lanes where model = 'test'),
          (row('resting', now() + interval '30 seconds', 'test rate_limited'))::text, 'beside the rest that the worker records');
select atelier_internal.record_lanes(array[l.id], array['open'], array[null::timestamptz], array['{"in_flight": 3}'], array[l.resumes]) from atelier_internal.lanes l where l.model = 'test' \gset i_
select is((select (gate, gate_until, gate_reason, learned)::text from atelier_internal.lanes where model = 'test'), '(open,,,"{""in_flight"": 3}")',
          'and forgets it when it is open again, but not what was learned');
select pg_temp.make_due() \gset i_
select pg_temp.fail_once('auth') \gset i_
select ok((select pause_reason like 'auth:%' from atelier_internal.lanes where model = 'test'), 'refused credentials pause the lane');
select atelier.resume_lane('offline', 'test') \gset i_
select is(atelier_internal.record_lanes(array[l.id], array['resting'], array['2100-01-01'::timestamptz], array['{}'], array[l.resumes - 1]), '{}', 'what the worker learned before it heard of the resumption is not recorded')
  from atelier_internal.lanes l where l.model = 'test';
select is((select gate from atelier_internal.lanes where model = 'test'), 'open', 'so that the lane stays open');
select throws_ok($$select atelier.pause_lane('nobody')$$, 'P0002', null, 'an unknown lane cannot be paused');

select pg_temp.enqueue('one_step', 6) as jobs \gset
select atelier.set_lane_limit('offline', 'test', 2) \gset i_
select is((select count(*) from pg_temp.lease()), 2::bigint, 'a lane takes no more than its limit');
select is((select count(*) from pg_temp.lease(100, 1, array[(select id from atelier_internal.lanes where model = 'test')], array[2])), 0::bigint,
          'what is in flight counts');
select pg_temp.enqueue('one_step', 3, 'other') \gset i_
select is((select array_agg(l.model order by l.model) from pg_temp.lease(1) l), array['other', 'test'], 'of each flow no more than it may take');

-- priority
select pg_temp.enqueue('one_step', 2, 'urgent') \gset i_
select (pg_temp.enqueue('one_step', 1, 'urgent', null, (-5)::smallint))[1] as urgent \gset
select atelier.pause_lane('offline', 'test'), atelier.pause_lane('offline', 'other') \gset i_
select atelier.set_lane_limit('offline', 'urgent', 1) \gset i_
select is((select job_id from pg_temp.lease()), :'urgent'::uuid, 'what is named first goes first when its lane has little room: a lower priority number');
select atelier.set_lane_limit('offline', 'urgent', 10) \gset i_
select pg_temp.enqueue('one_step', 1, 'later', null, 0::smallint, now() + interval '1 hour') as later \gset
select is((select count(*) from pg_temp.lease() l where l.model = 'later'), 0::bigint, 'a deferred job is not leased');
select pg_temp.make_due() \gset i_
select is((select count(*) from pg_temp.lease() l where l.model = 'later'), 1::bigint, 'until its time has come');

-- a pipeline that cannot be told
create function atelier_internal.test_hook(p_failures atelier_internal.failure[]) returns void language plpgsql as $$
begin
    if exists (select from unnest(p_failures) f join atelier_internal.history_failed h on h.job_id = f.job_id where h.input ->> 'n' = '2') then
        raise 'not the second';
    end if;
    insert into pg_temp.told select f.job_id from unnest(p_failures) f;
end
$$;
create table pg_temp.told (job_id uuid);
update atelier_internal.pipelines set on_failure = 'atelier_internal.test_hook' where name = 'one_step';
select pg_temp.enqueue('one_step', 3, 'untold') as jobs \gset
select atelier_internal.cancel_jobs(:'jobs', 'test') \gset i_
select is((select count(*) from atelier.job_history h where h.job_id = any (:'jobs')), 3::bigint, 'jobs end although one of them cannot be told');
select is((select array_agg(t.job_id order by t.job_id) from pg_temp.told t), array[(:'jobs'::uuid[])[1], (:'jobs'::uuid[])[3]], 'the others are told');
select ok((select a.message like '%not the second%' from atelier.alerts a where a.kind = 'failure_not_told'), 'and an alert says which was not');
select * from finish();
rollback;
