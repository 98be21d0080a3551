\set QUIET on
begin;
\ir engine_fixture.psql
select plan(40);

-- prerequisites
select (pg_temp.enqueue('one_step'))[1] as first \gset
select (pg_temp.enqueue('one_step', 1, 'test', array[:'first'::uuid]))[1] as second \gset
select (pg_temp.enqueue('one_step', 1, 'test', array[:'first'::uuid, :'second'::uuid]))[1] as third \gset
select * from pg_temp.lease() \gset a_
select is(:'a_job_id'::uuid, :'first'::uuid, 'a job that waits for another is not leased');
select is((select reason from atelier.explain_job(:'second')), 'dependency', 'explain: it waits for another job');
select pg_temp.settle(array[pg_temp.answer(:'a_lease')]) \gset i_
select is(pg_temp.state_of(:'second') || ' ' || pg_temp.state_of(:'third'), 'waiting waiting:dependency', 'completion releases what waited for it alone');
select * from pg_temp.lease() where job_id = :'second' \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'content_blocked')]) \gset i_
select is(pg_temp.state_of(:'third'), 'failed:content_blocked', 'a failed prerequisite fails what waits for it');
select is((select error_message from atelier.job_history where job_id = :'third'), 'a job it needs ended first: test content_blocked', 'with its reason');
select (pg_temp.enqueue('one_step', 1, 'test', array[:'first'::uuid]))[1] as late \gset
select (pg_temp.enqueue('one_step', 1, 'test', array[:'second'::uuid]))[1] as late_failed \gset
select (pg_temp.enqueue('one_step', 1, 'test', array[gen_random_uuid()]))[1] as late_unknown \gset
select atelier_internal.resolve_dependencies() \gset i_
select is(pg_temp.state_of(:'late'), 'waiting', 'a prerequisite that had completed already releases');
select is(pg_temp.state_of(:'late_failed'), 'failed:content_blocked', 'one that had failed already fails');
select is(pg_temp.state_of(:'late_unknown'), 'failed:invalid_request', 'one that never was fails');
select atelier_internal.cancel_jobs(array[:'late'::uuid], 'test') \gset i_

-- cancel
select (pg_temp.enqueue('one_step'))[1] as job \gset
select ok(atelier.cancel_job(:'job', 'changed my mind'), 'a waiting job can be cancelled');
select is(pg_temp.state_of(:'job') || (select count(*) from atelier_internal.queue_entries), 'cancelled:cancelled0', 'and leaves no queue entry');
select ok(not atelier.cancel_job(:'job'), 'a finished one cannot');
select (pg_temp.enqueue('one_step', 1, 'test', null, 0::smallint, now() + interval '1 day'))[1] as job \gset
select is((select reason from atelier.explain_job(:'job')), 'deferred', 'explain: it is scheduled');
select atelier.cancel_job(:'job') \gset i_
select ok(not exists (select from atelier_internal.deferrals), 'a deferred job leaves no deferral');
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select is((select state from atelier.explain_job(:'job')), 'leased', 'explain: it is under way');
select atelier.cancel_job(:'job') \gset i_
select is((select array_agg(attempt_id) from atelier_internal.pending_cancellations()), array[:a_attempt_id::bigint], 'the worker is told to abort a running attempt');
select pg_temp.settle(array[pg_temp.answer(:'a_lease')]) \gset i_
select is(pg_temp.state_of(:'job'), 'cancelled:cancelled', 'an answer after the cancel changes nothing');

-- why is it not running
select (pg_temp.enqueue('one_step'))[1] as job \gset
select is((select reason from atelier.explain_job(:'job')), 'no_worker', 'explain: nobody works');
select atelier.pause_lane('offline', 'test', 'lunch') \gset i_
select is((select (reason, explanation like '%lunch%')::text from atelier.explain_job(:'job')), '(paused,t)', 'explain: its lane is paused, and why');
select is((select state from atelier.lanes where model = 'test'), 'paused', 'the lanes view says so');
select atelier.resume_lane('offline', 'test') \gset i_
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'rate_limited')]) \gset i_
select pg_temp.rest('test', now() + interval '30 seconds') \gset i_
select is((select reason from atelier.explain_job(:'job')), 'resting', 'explain: its lane rests');
select atelier.resume_lane('offline', 'test') \gset i_
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'overloaded')]) \gset i_
select is((select reason from atelier.explain_job(:'job')), 'retry', 'explain: it will be tried again');
select atelier.cancel_job(:'job') \gset i_
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'outcome_unknown')]) \gset i_
select is((select (state, reason)::text from atelier.explain_job(:'job')), '(held,outcome_unknown)', 'explain: its outcome is unknown');
select ok(atelier.release_job(:'job'), 'a held job can be released');
select is(pg_temp.state_of(:'job'), 'waiting', 'and waits again');
select ok(not atelier.release_job(:'job'), 'one that is not held cannot');
select atelier.cancel_job(:'job') \gset i_
select is((select state from atelier.explain_job(:'job')), 'cancelled', 'explain: it has ended');
select throws_ok($$select * from atelier.explain_job(gen_random_uuid())$$, 'P0002', 'job not found', 'explain: an unknown job');

-- instance
select (pg_temp.enqueue('one_step'))[1] as job \gset
update atelier_internal.jobs set instance = -1 where id = :'job';
update atelier_internal.queue_entries set instance = -1;
select is((select count(*) from pg_temp.lease()), 0::bigint, 'instance: a job of another database is not leased');
select is((select reason from atelier.explain_job(:'job')), 'foreign_instance', 'explain: it belongs to another database');
select ok((select not ok from atelier.self_check() where area = 'instance'), 'instance: self_check says so');
select is(atelier.adopt_jobs(), 1, 'instance: adopt_jobs takes it over');
select is((select count(*) from pg_temp.lease()), 1::bigint, 'instance: and it runs');

-- a new incarnation
select null from atelier_internal.begin_incarnation(2, 2);
select is(atelier_internal.reclaim(2), 0, 'nobody holds a lease of the dead one locked');
select is(pg_temp.state_of(:'job'), 'waiting', 'a new incarnation takes back the leases of the dead one');
select is((select j.crashes from atelier_internal.jobs j where j.id = :'job'), 1::smallint, 'and counts the crash');
select atelier_internal.cancel_jobs(array[:'job'::uuid], 'test') \gset i_

-- events
select is((select array_agg(distinct kind order by kind) from atelier_internal.events),
          array['job.cancelled', 'job.completed', 'job.failed', 'job.held', 'job.retrying'], 'events tell what happened');
select is((select count(*) from atelier.events_after(0)), 0::bigint, 'but not before their transaction is over');

-- history
insert into atelier_internal.history_completed (ring, job_id, instance, pipeline, lane_id, attempts, crashes, created_at, finished_at)
select atelier_internal.ring_slot(now() - interval '3 days'), gen_random_uuid(), 1, 'old', 1, 1, 0, now() - interval '3 days', now() - interval '3 days';
select atelier_internal.maintain() \gset i_
select is((select count(*) from atelier.job_history where pipeline = 'old'), 0::bigint, 'S0-72: history older than its time is emptied');
select ok((select count(*) > 0 from atelier.job_history where pipeline = 'one_step'), 'S0-71: younger history stays');
select throws_ok($$select atelier_internal.enqueue_jobs('nothing', array[row(null, null, 'offline', '', null, null)::atelier_internal.job_request])$$,
                 '42704', null, 'an unknown pipeline is refused');
select * from finish();
rollback;
