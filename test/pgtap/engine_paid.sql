\set QUIET on
begin;
\ir engine_fixture.psql
select plan(92);

-- A paid provider for each policy. Nothing is called here.
create server careful foreign data wrapper atelier_gemini options (image_model 'm');
create server eager foreign data wrapper atelier_openai options (image_model 'm', outcome_unknown 'retry');
insert into atelier.prices (provider, unit, price) values ('careful', 'image', 0.04);
create function pg_temp.enqueue_paid(p_provider text, p_count integer default 1) returns uuid[] language sql volatile as $$
    select atelier_internal.enqueue_jobs('one_step', array(
        select row(gen_random_uuid(), null, p_provider, 'm', jsonb_build_object('n', g), null)::atelier_internal.job_request
          from generate_series(1, p_count) g))
$$;
create function pg_temp.make_due() returns void language sql as $$
    update atelier_internal.deferrals set run_after = now();
    update atelier_internal.jobs set run_after = now() where run_after is not null;
    select null from atelier_internal.promote(100);
    update atelier_internal.lanes set gate = 'open', gate_until = null, gate_reason = null;
$$;
create function pg_temp.attempt(p_attempt bigint) returns text language sql as $$
    select concat_ws(' ', a.outcome, a.error_class, a.sent::text) from atelier.attempts a where a.attempt_id = p_attempt
$$;
create function pg_temp.used(p_job uuid) returns bigint language sql as $$
    select count(*) from atelier.usage_ledger l where l.job_id = p_job
$$;
create function pg_temp.deletions() returns text[] language sql as $$
    select coalesce(array_agg(d.key order by d.key), '{}') from atelier_internal.object_deletions d
$$;
\set picture '{"object":{"store":"file","key":"late"}}'
\set one_image '[{"unit":"image","quantity":1}]'

-- who pays
select pg_temp.enqueue('one_step') as ignored, pg_temp.enqueue_paid('careful') as ignored_too \gset
create temp table leased as
    with keys as materialized (select s.lane_id, s.tenant_id, s.priority from atelier_internal.sweep() s)
    select l.* from atelier_internal.lease(1, (select array_agg(lane_id) from keys), (select array_agg(tenant_id) from keys), (select array_agg(priority) from keys),
                                           (select array_agg(0::bigint) from keys), (select array_agg(10) from keys), '{}', '{}') l;
select is((select array_agg((l.order_text::jsonb ->> 'provider') || ' ' || l.paid order by 1) from leased l), array['careful true', 'offline false'],
          'a lease says whether a provider bills it');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.cancellations;

-- the executor is gone
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select is(atelier_internal.drain(1, array[:a_attempt_id]), null, 'nobody holds the job locked');
select is(pg_temp.state_of(:'job'), 'draining', 'drain: a paid lease without its executor drains');
select is((select (j.token, j.attempt_id)::text from atelier_internal.jobs j where j.id = :'job'),
          format('(%s,%s)', :'a_lease'::jsonb ->> 'token', :a_attempt_id), 'drain: token and attempt stay');
select is(pg_temp.attempt(:a_attempt_id), '', 'drain: its attempt is open');
select is((select count(*) from pg_temp.lease()), 0::bigint, 'drain: it is not leased again');
select throws_ok(format('select atelier_internal.drain(2, array[%s::bigint])', :a_attempt_id), '57P01', null, 'drain: not for an incarnation that was replaced');
select is((select (state, released_by like '%cancel_job(''' || :'job' || ''')%')::text from atelier.explain_job(:'job')), '(draining,t)',
          'explain: it waits for a receipt, and what else would release it');
select is((select under_way from atelier.queue where provider = 'careful'), 1::bigint, 'the queue counts it as under way');

-- its receipt
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, '{}', :'one_image')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'completed', 'receipt: the answer of a draining attempt completes it');
select is(pg_temp.attempt(:a_attempt_id), 'completed true', 'receipt: and closes its attempt');
select is(pg_temp.used(:'job'), 1::bigint, 'receipt: what it used stands in the ledger');
select is((select (l.cost, l.currency)::text from atelier.usage_ledger l where l.job_id = :'job'), '(0.04,USD)', 'receipt: with its price');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, :'picture', :'one_image')]) as ignored \gset
select is(pg_temp.attempt(:a_attempt_id) || ' ' || pg_temp.used(:'job'), 'completed true 1', 'receipt: the same answer again changes nothing');
select is(pg_temp.deletions(), '{}', 'receipt: and deletes nothing');

-- it was never sent
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.drain(1, array[:a_attempt_id]) as ignored \gset
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'not_sent')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'waiting', 'not_sent gives a draining job back');
select is((select (j.attempts, j.crashes)::text from atelier_internal.jobs j where j.id = :'job'), '(0,0)', 'and counts nothing');
select is(pg_temp.attempt(:a_attempt_id), 'given_back false', 'its attempt was given back');

-- neither receipt nor mark: the policy hold
select * from pg_temp.lease() \gset a_
select atelier_internal.drain(1, array[:a_attempt_id]) as ignored \gset
select throws_ok('select atelier_internal.resolve_draining(2)', '57P01', null, 'unknown: not for an incarnation that was replaced');
select is(atelier_internal.resolve_draining(1, array[:a_attempt_id]::bigint[]) || pg_temp.state_of(:'job'), '0draining', 'unknown: not what was answered and could not be recorded');
select is(atelier_internal.resolve_draining(1), 0, 'unknown: nobody holds the job locked');
select is(pg_temp.state_of(:'job'), 'held:outcome_unknown', 'unknown: what left no receipt is held');
select is((select (j.attempts, j.crashes)::text from atelier_internal.jobs j where j.id = :'job'), '(0,1)', 'unknown: it counts as a crash, not as an attempt');
select is(pg_temp.attempt(:a_attempt_id), 'failed outcome_unknown', 'unknown: its attempt says so, and not that it was sent');
select is((select e.data ->> 'error_class' from atelier_internal.events e where e.job_id = :'job' and e.kind = 'job.held'), 'outcome_unknown', 'unknown: an event tells of it');
select is((select count(*) from pg_temp.lease()), 0::bigint, 'unknown: it is not bought again');
select is((select (explanation like '%attempt ' || :a_attempt_id || ': the executor ended without a receipt%')::text from atelier.explain_job(:'job')), 'true',
          'explain: what happened');
select is((select released_by from atelier.explain_job(:'job')),
          format('SELECT atelier.resolve_unknown(%1$L::uuid, ''retry''); runs it again and may be billed a second time. SELECT atelier.resolve_unknown(%1$L::uuid, ''fail''); ends it.', :'job'),
          'explain: the statements that release it');

-- a decision
select throws_ok(format('select atelier.resolve_unknown(%L::uuid, %L)', :'job', 'buy'), '22023', 'decision "buy" is not known', 'decide: an unknown decision is refused');
select throws_ok(format('select atelier.resolve_unknown(%L::uuid, null)', :'job'), '22023', null, 'decide: none at all too');
select throws_ok(format('select atelier.resolve_unknown(%L::uuid, %L)', gen_random_uuid(), 'retry'), 'P0002', 'job not found', 'decide: an unknown job');
select throws_ok(format('select atelier.resolve_unknown(%L, %L)', :'job', 'retry'), 'P0002', null, 'decide: an id that is taken for a provider resolves nothing in silence');
select lives_ok(format('select atelier.resolve_unknown(job_id => %L, decision => %L)', :'job', 'retry'), 'decide: retry');
select is(pg_temp.state_of(:'job'), 'waiting', 'decide: it waits again');
select throws_ok(format('select atelier.resolve_unknown(%L::uuid, %L)', :'job', 'retry'), '55000', 'job is not held for an unknown outcome', 'decide: only what is held');
select * from pg_temp.lease() \gset b_
-- the receipt comes after all
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, :'picture', :'one_image')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'leased', 'late: an answer given up as unknown does not touch the new attempt');
select is(pg_temp.attempt(:a_attempt_id), 'stale true', 'late: its attempt tells of it');
select is(pg_temp.used(:'job'), 1::bigint, 'late: what it used stands in the ledger');
select is(pg_temp.deletions(), array['late'], 'late: what it stored is queued for deletion');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, :'picture', :'one_image')]) as ignored \gset
select is(pg_temp.used(:'job') || ' ' || array_to_string(pg_temp.deletions(), ','), '1 late', 'late: all of it once');
delete from atelier_internal.object_deletions;
select pg_temp.settle(array[pg_temp.answer(:'b_lease', 'outcome_unknown')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'held:outcome_unknown', 'an answer of that class holds as well');
select atelier.resolve_unknown(:'job'::uuid, 'fail') as ignored \gset
select is(pg_temp.state_of(:'job'), 'failed:outcome_unknown', 'decide: fail ends it');
select is((select h.error_message from atelier.job_history h where h.job_id = :'job'), 'test outcome_unknown', 'decide: with the message of its attempt');

-- three times
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
create function pg_temp.lose() returns void language sql as $$
    select null from pg_temp.lease() l, atelier_internal.drain(1, array[l.attempt_id]);
    select null from atelier_internal.resolve_draining(1);
$$;
select pg_temp.lose(), atelier.resolve_unknown(:'job'::uuid, 'retry'), pg_temp.lose(), atelier.release_job(:'job'), pg_temp.lose() \gset i_
select is(pg_temp.state_of(:'job'), 'quarantined:outcome_unknown', 'the third unknown outcome quarantines');

-- the policy retry
select (pg_temp.enqueue_paid('eager'))[1] as job \gset
update atelier_internal.jobs set max_attempts = 1 where id = :'job';
select pg_temp.lose() \gset i_
select is(pg_temp.state_of(:'job'), 'waiting:retry', 'policy retry: an unknown outcome runs again after a backoff, whatever attempts are left');
select is((select (j.attempts, j.crashes)::text from atelier_internal.jobs j where j.id = :'job'), '(0,1)', 'policy retry: and counts as a crash');
select is((select count(*) from atelier.attempts where job_id = :'job' and error_class = 'outcome_unknown'), 1::bigint, 'policy retry: not in silence');
select pg_temp.make_due(), pg_temp.lose(), pg_temp.make_due(), pg_temp.lose() \gset i_
select is(pg_temp.state_of(:'job'), 'quarantined:outcome_unknown', 'policy retry: three times at most');

-- many at once
select pg_temp.enqueue_paid('careful', 3) as jobs \gset
select pg_temp.lose() \gset i_
select is(atelier.resolve_unknown('eager', 'retry'), 0, 'decide for a provider: those of others stay');
select throws_ok($$select atelier.resolve_unknown('careful', 'maybe')$$, '22023', null, 'decide for a provider: an unknown decision is refused');
select throws_ok($$select atelier.resolve_unknown('nobody', 'retry')$$, 'P0002', 'provider "nobody" has no lane', 'decide for a provider: an unknown one');
select is(atelier.resolve_unknown('careful', 'fail'), 3, 'decide for a provider: all that are held');
select is((select count(*) from atelier.job_history where job_id = any (:'jobs') and state = 'failed'), 3::bigint, 'and they have ended');

-- cancelled
select pg_temp.enqueue_paid('careful', 2) as jobs \gset
select pg_temp.lose() \gset i_
select ok(atelier.cancel_job((:'jobs'::uuid[])[1]) and atelier.cancel_job((:'jobs'::uuid[])[2]), 'held jobs can be cancelled');
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.drain(1, array[:a_attempt_id]) as ignored \gset
select ok(atelier.cancel_job(:'job'), 'a draining job can be cancelled');
select is(atelier_internal.resolve_draining(1), 0, 'and is no unknown outcome then');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, :'picture', :'one_image')]) as ignored \gset
select is(pg_temp.state_of(:'job') || ' ' || pg_temp.attempt(:a_attempt_id) || ' ' || pg_temp.used(:'job'), 'cancelled:cancelled stale true 1',
          'its receipt changes no job but is on record');
select is(pg_temp.deletions(), array['late'], 'and its object is queued for deletion');
delete from atelier_internal.object_deletions;

-- a call whose answer nobody waits for any more is aborted
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'outcome_unknown')]) as ignored \gset
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'cancelled')]) as ignored \gset
select is(pg_temp.attempt(:a_attempt_id), 'failed outcome_unknown true', 'that it was aborted hides no unknown outcome');
select is((select explanation like '%attempt ' || :a_attempt_id || ': test outcome_unknown%' from atelier.explain_job(:'job')), true, 'explain: the attempt is still named');
select is((select (ok, finding)::text from atelier.self_check() where area = 'job'),
          '(f,"1 job(s) of provider careful are held: their last call may have been done, and billed")', 'self_check tells of what waits for a decision');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'cancelled', :'picture', :'one_image')]) as ignored \gset
select is(pg_temp.used(:'job') || ' ' || array_to_string(pg_temp.deletions(), ','), '1 late', 'but what it used until then is paid for, and what it left deleted');
select is((select explanation like '%held%' or reason = 'outcome_unknown' from atelier.explain_job(:'job')), true, 'explain: it still waits for a decision');
delete from atelier_internal.object_deletions;
select matches((select advice from atelier.self_check() where area = 'job'), 'atelier.resolve_unknown\(''careful'', ''retry''\)', 'and of how to decide');
select atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') as ignored \gset
select is((select count(*) from atelier.self_check() where area = 'job'), 0::bigint, 'self_check says nothing of it when nothing waits');

-- answers twice
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'no_output', '{}', :'one_image'), pg_temp.answer(:'a_lease', 'no_output', '{}', :'one_image')]) as ignored \gset
select is(pg_temp.used(:'job') || ' ' || (select j.attempts from atelier_internal.jobs j where j.id = :'job'), '1 1', 'an answer and its double in one batch count once');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'no_output', '{}', :'one_image')]) as ignored \gset
select is(pg_temp.attempt(:a_attempt_id) || ' ' || pg_temp.used(:'job'), 'failed no_output true 1', 'a failure told twice stays as it was');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, :'picture', :'one_image')]) as ignored \gset
select is(pg_temp.attempt(:a_attempt_id) || ' ' || pg_temp.used(:'job'), 'stale true 1', 'another answer to it is recorded, what it used only once');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.cancellations;

-- the executor takes nothing at present
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[jsonb_build_object('lease', :'a_lease'::jsonb, 'outcome', 'not_sent', 'sent', false, 'duration_ms', 0,
                                               'error', jsonb_build_object('message', 'the spool is full', 'retry_after_ms', 60000))]) as ignored \gset
select pg_temp.rest('m', now() + interval '1 minute') \gset i_
select is((select (gate_until = now() + interval '1 minute', gate_reason)::text from atelier_internal.lanes where provider = 'careful'),
          '(t,"the spool is full")', 'not_sent with a time: the lane rests for that reason');
select is((select reason from atelier.explain_job(:'job')), 'resting', 'explain: its lane rests');
select matches((select released_by from atelier.explain_job(:'job')), 'SELECT atelier.resume_lane\(''careful'', ''m''\);', 'explain: how not to wait for the clock');
select lives_ok($$select atelier.resume_lane('careful', 'm')$$, 'a rest can be ended by hand');
select is((select reason from atelier.explain_job(:'job')) , 'no_worker', 'and the lane is open');
select pg_temp.make_due() \gset i_
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'rate_limited', '{}', null, 7200000)]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'waiting', 'rate_limited: how long the lane rests is for its gate to say, the job waits for it in the queue');
select is((select gate_reason from atelier_internal.lanes where provider = 'careful'), 'test rate_limited', 'rate_limited: its lane keeps what the service said');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
select pg_temp.make_due() \gset i_

-- a service that refuses again and again
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
create function pg_temp.refused() returns void language sql as $$
    select null from pg_temp.lease() l, pg_temp.settle(array[pg_temp.answer(l.lease, 'rate_limited')])
$$;
select pg_temp.refused(), pg_temp.refused(), pg_temp.refused(), pg_temp.refused(), pg_temp.refused() \gset i_
select is((select j.attempts from atelier_internal.jobs j where j.id = :'job'), 0::smallint, 'rate_limited: refusals count no attempts');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
select pg_temp.make_due() \gset i_

-- an answer that cannot be recorded
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.settle_rejected(1, :a_attempt_id, (:'a_lease'::jsonb ->> 'token')::bigint, pg_temp.answer(:'a_lease', null, '{}', :'one_image')::text, '23505', 'no room') as ignored \gset
select is(pg_temp.attempt(:a_attempt_id) || ' ' || pg_temp.used(:'job'), 'failed invalid_output true 1', 'rejected: what it used stands in the ledger');
select atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') as ignored \gset
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.settle_rejected(1, :a_attempt_id, (:'a_lease'::jsonb ->> 'token')::bigint, pg_temp.answer(:'a_lease', null, '{}', '[{"unit":"image","quantity":-1}]')::text, '23514', 'bad') as ignored \gset
select is(pg_temp.attempt(:a_attempt_id) || ' ' || pg_temp.used(:'job'), 'failed invalid_output 0', 'rejected: also where just that cannot be recorded');
select atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') as ignored \gset
select (pg_temp.enqueue_paid('careful'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.settle_rejected(1, :a_attempt_id, (:'a_lease'::jsonb ->> 'token')::bigint, 'no JSON', '22P02', 'bad') as ignored \gset
select is(pg_temp.attempt(:a_attempt_id), 'failed invalid_output', 'rejected: also what is no JSON');
select pg_temp.make_due() \gset i_
select * from pg_temp.lease() \gset a_
select atelier_internal.settle_rejected(1, :a_attempt_id, 1, pg_temp.answer(:'a_lease')::text, '23505', 'no room') as done \gset
select is(:'done' || pg_temp.attempt(:a_attempt_id), 't', 'rejected: another lease of the same number is left alone');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test') as ignored \gset
delete from atelier_internal.object_deletions;
select pg_temp.make_due() \gset i_

-- another incarnation
select (pg_temp.enqueue('one_step'))[1] as free_job, (pg_temp.enqueue_paid('careful'))[1] as job, (pg_temp.enqueue_paid('careful'))[1] as draining \gset
create temp table orders as select * from pg_temp.lease();
select o.attempt_id, o.lease from orders o where o.job_id = :'job' \gset a_
select atelier_internal.drain(1, array[o.attempt_id]) as ignored from orders o where o.job_id = :'draining' \gset
select null from atelier_internal.begin_incarnation(2, 2);
select is(pg_temp.settle(array[pg_temp.answer(:'a_lease', null, :'picture')], 2), array[:a_attempt_id::bigint],
          'reclaim: an answer to a lease that is not taken over yet waits');
select is(pg_temp.state_of(:'job') || pg_temp.attempt(:a_attempt_id) || array_to_string(pg_temp.deletions(), ','), 'leased', 'reclaim: and is not dropped');
select is(atelier_internal.reclaim(2), 0, 'reclaim: nobody holds a job locked');
select is(array[pg_temp.state_of(:'free_job'), pg_temp.state_of(:'job'), pg_temp.state_of(:'draining')], array['waiting', 'draining', 'draining'],
          'reclaim: paid leases drain, others are given back');
select is((select array_agg(distinct j.epoch) from atelier_internal.jobs j where j.epoch is not null), array[2::bigint], 'reclaim: the new incarnation holds them');
select pg_temp.settle(array[pg_temp.answer(:'a_lease')], 2) as ignored \gset
select is(pg_temp.state_of(:'job'), 'completed', 'reclaim: the receipt of the dead incarnation settles the job');
select is(atelier_internal.resolve_draining(2), 0, 'reclaim: what left no receipt');
select is(pg_temp.state_of(:'draining'), 'held:outcome_unknown', 'reclaim: has an unknown outcome');

-- another database
select (pg_temp.enqueue('one_step'))[1] as free_job, (pg_temp.enqueue_paid('careful'))[1] as job \gset
create temp table copied as select * from pg_temp.lease(100, 2);
update atelier_internal.jobs set instance = -1 where id in (:'free_job', :'job');
select is(atelier.adopt_jobs(), 2, 'adopt: the jobs of a restored database');
select is(array[pg_temp.state_of(:'free_job'), pg_temp.state_of(:'job')], array['waiting', 'held:outcome_unknown'], 'adopt: what was bought there is not bought again in silence');
select is((select array_agg(pg_temp.attempt(c.attempt_id) order by c.model) from copied c where c.job_id in (:'free_job', :'job')), array['failed outcome_unknown', 'failed worker_lost'], 'adopt: as the attempts say');
select ok(not has_function_privilege('atelier_app', 'atelier.resolve_unknown(uuid, text)', 'execute')
          and not has_function_privilege('atelier_app', 'atelier.resolve_unknown(text, text)', 'execute')
          and has_function_privilege('atelier_admin', 'atelier.resolve_unknown(text, text)', 'execute'), 'applications do not decide what is bought again');
select * from finish();
rollback;
