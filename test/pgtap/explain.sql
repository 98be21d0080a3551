-- Every state in which a job can be has an answer of explain_job(): what it is, what holds it, what would release it.
-- Each is really brought about; where the worker would be asked, the test plays its counters.
\set QUIET on
begin;
\ir engine_fixture.psql
select no_plan();
create function pg_temp.said(p_job uuid) returns text language sql as $$
    select format('%s %s | %s | %s', e.state, coalesce(e.reason, '-'), e.explanation, e.released_by) from atelier.explain_job(p_job) e $$;
create table pg_temp.seen (state text, reason text, explanation text, released_by text);
-- One job in one situation: its answer, and that it stays among those that were seen.
create function pg_temp.explains(p_job uuid, p_expected text, p_what text) returns text language plpgsql as $$
begin
    insert into pg_temp.seen select e.state, e.reason, e.explanation, e.released_by from atelier.explain_job(p_job) e;
    return matches(pg_temp.said(p_job), p_expected, 'explain: ' || p_what);
end $$;
create function pg_temp.one(p_pipeline text default 'one_step') returns uuid language sql as $$ select (pg_temp.enqueue(p_pipeline))[1] $$;
-- Settles what is leased; \gset takes one row.
create function pg_temp.end_all(p_class text default null) returns void language plpgsql as $$
begin
    perform pg_temp.settle(array(select pg_temp.answer(l.lease, p_class) from pg_temp.lease() l));
end $$;
select atelier.create_client('North', 'explain-north') as north, atelier.create_client('South', 'explain-south') as south \gset

-- Without a worker
select pg_temp.one() as job \gset
select pg_temp.explains(:'job', '^waiting no_worker \| No worker serves .*self_check', 'no worker');

-- The worker, as its counters show it
create function pg_temp.worker(p_in_flight integer default 0) returns void language plpgsql as $do$
begin
    execute format($$create or replace function atelier_internal.workers_state() returns table (database oid, state text, worker_pid integer, executor_pid integer, epoch bigint,
        started_at timestamptz, turns bigint, last_turn_at timestamptz, in_flight integer, leased bigint, settled bigint, swept bigint, build_matches boolean, last_error text)
        language sql as 'select d.oid, ''running'', 1, 1, 1::bigint, now(), 1::bigint, now(), %s, 0::bigint, 0::bigint, 0::bigint, true, null::text
                           from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()'$$, p_in_flight);
end $do$;
create function pg_temp.lane(p_gate text default 'open', p_in_flight integer default 0, p_allowed integer default 4, p_tenants integer default 1, p_weights float8 default 1, p_starts float8 default 0)
    returns void language plpgsql as $do$
begin
    execute format($$create or replace function atelier_internal.lane_counters() returns table (lane_id integer, in_flight integer, allowed integer, gate text, started bigint, answered bigint,
        refused bigint, failed bigint, tenants integer, weights double precision, starts_per_second double precision) language sql
        as 'select l.id, %s, %s, ''%s''::text, 7::bigint, 5::bigint, 1::bigint, 1::bigint, %s, %s::float8, %s::float8 from atelier_internal.lanes l'$$,
        p_in_flight, p_allowed, p_gate, p_tenants, p_weights, p_starts);
end $do$;
select pg_temp.worker() \gset i_
select pg_temp.lane() \gset i_
select is((select (in_flight, allowed, state, clients_waiting, started, refused)::text from atelier.lanes where model = 'test'), '(0,4,open,1,7,1)', 'the view of lanes shows the counters');

-- In the queue
select pg_temp.explains(:'job', '^waiting queued \| 0 job\(s\) of no client are before it in its lane \(offline test\), which takes 4 at once and has 0\. \| Its turn\. SELECT atelier\.set_priority\(', 'its turn');
select is((select (position, estimated_start = now())::text from atelier.explain_job(:'job')), '(1,t)', 'it is the first, and starts at once');
select pg_temp.enqueue('one_step', 59) as others \gset
select (:'others'::uuid[])[59] as last \gset
select pg_temp.lane('open', 4, 4, 1, 1, 2) \gset i_
select pg_temp.explains(:'last', '^waiting lane_full \| 4 order\(s\) of its lane are under way, and it takes 4 at present, 4 at most\. 59 job\(s\) .* \| The end of one of them; or SELECT atelier\.set_lane_limit\(''offline'', ''test''', 'its lane is full');
select is((select (position, estimated_start - now())::text from atelier.explain_job(:'last')), '(60,00:00:30)', 'with 2 starts a second the sixtieth starts in 30 s');
select pg_temp.lane('open', 4, 4, 3, 4, 2) \gset i_
select is((select (position, estimated_start - now())::text from atelier.explain_job(:'last')), '(60,00:02:00)', 'and in 2 min where the weights of all who wait are four times its own');
select pg_temp.explains(:'last', 'which 3 clients wait for', 'who else waits for its lane');
select pg_temp.lane('open', 1, 1) \gset i_
select pg_temp.explains(:'job', '^waiting lane_full \| 1 order\(s\) .* takes 1 at present, 4 at most', 'its lane is full by what was learned');
select is((select estimated_start from atelier.explain_job(:'last')), null, 'no estimate where no pace is known');
select pg_temp.lane('open', 1, 4, 1, 1, 1) \gset i_
update atelier_internal.lanes set requests_per_minute = 60 where model = 'test';
select pg_temp.explains(:'job', '^waiting rate \| Its lane \(offline test\) begins at most 60 order\(s\) in 00:01:00, and it did\. .* \| The clock; or SELECT atelier\.set_lane_limit\(', 'its rate is used up');
select pg_temp.lane('open', 1, 4, 1, 1, 0) \gset i_
update atelier_internal.lanes set requests_per_minute = null, learned = '{"requests": {"count": 2, "window_ms": 3600000, "told": true}}' where model = 'test';
select pg_temp.explains(:'job', '^waiting queued ', 'a rate of which something is left');
insert into atelier_internal.attempts (ring, id, job_id, instance, pipeline, step, number, lane_id, epoch, token, image_id, leased_at, outcome, finished_at)
select atelier_internal.ring_slot(now()), nextval('atelier_internal.attempt_sequence'), gen_random_uuid(), atelier_internal.instance_id(), 'one_step', 1, 1, l.id, 1, 1, gen_random_uuid(),
       now() - interval '10 minutes', 'completed', now() from atelier_internal.lanes l, generate_series(1, 2) where l.model = 'test';
select pg_temp.explains(:'job', '^waiting rate \| .* at most 2 order\(s\) in 01:00:00, as its service showed, and it did\. .* \| The clock\.$', 'a learned rate is used up, long after the starts');
update atelier_internal.lanes set learned = '{}' where model = 'test';
select pg_temp.worker(1000000) \gset i_
select pg_temp.explains(:'job', '^waiting engine_full \| 1000000 orders of all lanes are under way, and pg_atelier\.max_in_flight is \d+\. .* \| The end of one of them; or a higher pg_atelier', 'the engine is full');
select pg_temp.worker() \gset i_

-- Gates
select pg_temp.lane('resting') \gset i_
update atelier_internal.lanes set gate = 'resting', gate_until = now() + interval '30 s', gate_reason = 'too many requests' where model = 'test';
select pg_temp.explains(:'job', '^waiting resting \| Its lane \(offline test\) rests until .*: too many requests\. \| The clock, in 00:00:30\. SELECT atelier\.resume_lane\(''offline'', ''test''\);', 'its lane rests');
select is((select estimated_start - now() from atelier.explain_job(:'job')), interval '30 s', 'not before the rest is over');
select pg_temp.lane('broken') \gset i_
select pg_temp.explains(:'job', '^waiting broken \| The service of its lane .* failed again and again: .* then one order tries\. \| The clock, in .* and the success', 'its lane is broken');
select pg_temp.lane('trying') \gset i_
select pg_temp.explains(:'job', '^waiting trying \| .* One order sees whether it is well\. \| The answer of that order\. ', 'one order tries its lane');
select pg_temp.lane('opening', 2, 2) \gset i_
select pg_temp.explains(:'job', '^waiting opening \| .* is well again, .* \| Its turn: each success lets in one more\. ', 'its lane opens');
update atelier_internal.lanes set gate = 'open', gate_until = null, gate_reason = null;
select pg_temp.lane() \gset i_

-- Pauses
select atelier.pause_lane('offline', 'test', 'lunch', now() + interval '1 hour') \gset i_
select pg_temp.explains(:'job', '^waiting paused \| Its lane \(offline test\) is paused since .*: lunch\. \| SELECT atelier\.resume_lane\(''offline'', ''test''\); Or the clock, at ', 'its lane is paused');
select is((select estimated_start - now() from atelier.explain_job(:'job')), interval '1 hour', 'until a time');
select atelier.resume_lane('offline', 'test') \gset i_
select atelier.pause_queue('stocktaking') \gset i_
select pg_temp.explains(:'job', '^waiting queue_paused \| Everything is paused since .*: stocktaking\. \| SELECT atelier\.resume_queue\(\);$', 'everything is paused');
select atelier.resume_queue() \gset i_
select pg_temp.one() as own \gset
delete from atelier_internal.queue_entries where job_id = :'own';
update atelier_internal.jobs set client_id = :'north' where id = :'own';
select atelier_internal.make_runnable(array[:'own'::uuid]) \gset i_
select atelier.pause_client(:'north', 'unpaid') \gset i_
select pg_temp.explains(:'own', format('^waiting client_paused \| Client %s is paused since .*: unpaid\. \| SELECT atelier\.resume_client\(''%1$s''\);$', :'north'), 'its client is paused');
select pg_temp.explains(:'job', '^waiting queued ', 'a pause of another client does not hold it');
select atelier.resume_client(:'north') \gset i_
select atelier.set_client_share(:'north', max_in_flight => 1) \gset i_
select pg_temp.explains(:'own', '^waiting queued \| 0 job\(s\) of its client', 'its client may have one');
select pg_temp.one('two_steps') as busy \gset
update atelier_internal.jobs set client_id = :'north', state = 'leased', sequence = null, token = 1, epoch = 1, attempt_id = 1, attempt_ring = 1 where id = :'busy';
select pg_temp.explains(:'own', '^waiting client_full \| 1 order\(s\) of its client are under way, and it may have 1\. .* \| The end of one of them; or SELECT atelier\.set_client_share\(', 'its client is at its maximum');
delete from atelier_internal.jobs where id = :'busy';
delete from atelier_internal.queue_entries where job_id = :'busy';
select atelier.pause_pipeline('one_step', 'a bad release', now() + interval '1 hour') \gset i_
select pg_temp.explains(:'job', '^waiting pipeline_paused \| Pipeline one_step is paused since .*: a bad release\. \| SELECT atelier\.resume_pipeline\(''one_step''\); Or the clock', 'its pipeline is paused');
select count(*) from pg_temp.lease(1) \gset i_
select pg_temp.explains(:'job', '^held paused \| Its turn came while pipeline one_step was paused, since .*: a bad release\. \| SELECT atelier\.resume_pipeline\(', 'its turn came while its pipeline was paused');
select atelier.resume_pipeline('one_step') \gset i_
select pg_temp.explains(:'job', '^held paused \| .* which is over\. \| The worker brings it back', 'the worker has not brought it back yet');
select atelier_internal.promote(1000) \gset i_

-- Under way
delete from atelier_internal.client_shares;
select count(*) from (select atelier_internal.cancel_jobs((select array_agg(j.id) from atelier_internal.jobs j where j.id <> :'job'), 'test')) x \gset i_
select * from pg_temp.lease() \gset a_
select pg_temp.explains(:'job', '^leased - \| Attempt \d+ is under way since .* \| Its answer, its timeout, or SELECT atelier\.cancel_job\(', 'an attempt is under way');
update atelier_internal.jobs set state = 'draining' where id = :'job';
select pg_temp.explains(:'job', '^draining - \| The executor of attempt \d+ went on without its worker', 'an attempt of an executor that was left');
-- Kept until a store takes it
create or replace function atelier_internal.is_paid(p_provider text) returns boolean language sql stable as 'select true';
update atelier_internal.jobs set state = 'held', reason = 'x', token = null, epoch = null, attempt_id = null, attempt_ring = null where id = :'job';
select atelier_internal.make_runnable(array[:'job'::uuid]) \gset i_
select * from pg_temp.lease() \gset a_
update atelier_internal.jobs set input = input || '{"store": "media"}' where id = :'job';
update atelier_internal.attempts set leased_at = now() - interval '1 day' where id = :a_attempt_id;
select pg_temp.explains(:'job', '^leased storage \| The answer of attempt \d+ is on disk, and kept until store media takes its picture', 'its answer waits for a store');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'outcome_unknown')]) \gset i_
select pg_temp.explains(:'job', '^held outcome_unknown \| Provider offline may have done, and billed, attempt \d+: .* \| SELECT atelier\.resolve_unknown\(', 'its outcome is unknown');
update atelier_internal.jobs set reason = 'by hand' where id = :'job';
select pg_temp.explains(:'job', '^held by hand \| It is held: by hand\. \| SELECT atelier\.release_job\(', 'it is held for another reason');
select atelier.release_job(:'job') \gset i_
update atelier_internal.jobs set input = '{}' where id = :'job';

-- Waiting outside of the queue
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'overloaded')]) \gset i_
select pg_temp.explains(:'job', '^waiting retry \| Attempt \d of \d failed; it is tried again after .* \| The clock, in ', 'it will be tried again');
select is((select estimated_start from atelier.explain_job(:'job')), (select run_after from atelier_internal.jobs where id = :'job'), 'when its time has come');
update atelier_internal.jobs set reason = 'locked' where id = :'job';
select pg_temp.explains(:'job', '^waiting locked \| Another session holds the row that it works for locked\. \| The end of that session''s transaction\.', 'its row is locked');
select (pg_temp.enqueue('one_step', 1, 'test', null, 0::smallint, now() + interval '1 day'))[1] as later \gset
select pg_temp.explains(:'later', '^waiting deferred \| It is scheduled for .* \| The clock, in 1 day', 'it is scheduled');
update atelier_internal.jobs set run_after = now() - interval '1 s' where id = :'later';
select pg_temp.explains(:'later', '^waiting deferred \| .* \| The worker, which makes what is due runnable\.', 'it is due');
select (pg_temp.enqueue('one_step', 1, 'test', array[:'job'::uuid]))[1] as after \gset
select pg_temp.explains(:'after', format('^waiting dependency \| It waits for job %s\. \| The completion of those jobs', :'job'), 'it waits for another');
select pg_temp.one() as lost \gset
delete from atelier_internal.queue_entries where job_id = :'lost';
select pg_temp.explains(:'lost', '^waiting not_queued \| .* \| A repair: SELECT \* FROM atelier\.consistency_report', 'its queue entry is lost');
update atelier_internal.jobs set instance = -1 where id = :'lost';
select pg_temp.explains(:'lost', '^held foreign_instance \| .* \| SELECT atelier\.adopt_jobs\(\);', 'it belongs to another database');

-- The order of a key
select array(select unnest(atelier_internal.enqueue_jobs('one_step', array(select row(null, null, 'offline', 'test', '{}', null)::atelier_internal.job_request from generate_series(1, 3)),
    array[row(0, null, null, 'chair 7', null, null)::atelier_internal.job_options]))) as keyed \gset
select pg_temp.explains((:'keyed'::uuid[])[1], '^waiting queued ', 'the first of its key');
select pg_temp.explains((:'keyed'::uuid[])[3], format('^waiting order \| 2 job\(s\) of its order key "chair 7" are before it; the first of them is %s \(waiting\)\. \| The end of that job', (:'keyed'::uuid[])[1]), 'others of its key are before it');
select is((select position from atelier.explain_job((:'keyed'::uuid[])[3])), 3::bigint, 'it is the third');
delete from atelier_internal.ordered_jobs where job_id = any ((:'keyed'::uuid[])[1:2]);
select pg_temp.explains((:'keyed'::uuid[])[3], '^waiting order \| It is the first of its order key "chair 7" now\. \| The worker lets it go\.', 'the others of its key have ended');

-- A time by which it has to begin
select (atelier_internal.enqueue_jobs('one_step', array[row(null, null, 'offline', 'test', '{}', null)::atelier_internal.job_request],
    array[row(0, null, now() + interval '1 minute', null, null, null)::atelier_internal.job_options]))[1] as hurried \gset
select pg_temp.explains(:'hurried', '^waiting queued \| .* It has to begin by .*, else it ends as expired\.', 'it has to begin in time');

-- Ended
select pg_temp.one() as job \gset
select atelier.cancel_job(:'job', 'changed my mind') \gset i_
select pg_temp.explains(:'job', '^cancelled cancelled \| It ended at .* as cancelled: cancelled: changed my mind \| A new job: atelier\.retry_asset', 'it was cancelled');
select atelier.cancel_jobs('{}') \gset i_
select pg_temp.one() as job \gset
select pg_temp.end_all() \gset i_
select pg_temp.explains(:'job', '^completed - \| It ended at .* as completed\. \| Nothing: it is done\.', 'it is completed');
select pg_temp.one() as job \gset
select pg_temp.end_all('content_blocked') \gset i_
select pg_temp.explains(:'job', '^failed content_blocked \| .*: test content_blocked \| A new job: SELECT \* FROM atelier\.redrive\(''\{"job_id": .*refuses this content', 'it failed');
select new_job_id from atelier.redrive(jsonb_build_object('job_id', :'job')) \gset
select pg_temp.explains(:'job', format('^failed content_blocked \| .* Job %s does its work again\. \| Nothing: SELECT', :'new_job_id'), 'its work is done again');
update atelier_internal.jobs set crashes = 2 where id = :'new_job_id';
select pg_temp.end_all('worker_lost') \gset i_
select pg_temp.explains(:'new_job_id', '^quarantined worker_lost \| .* \| A new job: SELECT \* FROM atelier\.redrive\(.*"state": "quarantined"', 'it is quarantined');
update atelier_internal.history_failed set obsolete = true where job_id = :'new_job_id';
select pg_temp.explains(:'new_job_id', '^quarantined worker_lost \| .* \| Nothing: what it worked for is gone', 'nothing is left to do for it');
-- Money
create server charging foreign data wrapper atelier_gemini options (image_model 'm');
select atelier.set_budget(0.5, provider => 'charging', client_id => :'north'), atelier.set_budget(10) \gset i_
create function pg_temp.one_paid() returns uuid language sql as $$
    select (atelier_internal.enqueue_jobs('one_step', array[
        row(gen_random_uuid(), (select c.id from atelier.clients c where c.slug = 'explain-north'), 'charging', 'm', '{}', null)::atelier_internal.job_request]))[1] $$;
select pg_temp.one_paid() as job \gset
select count(*) from pg_temp.lease() \gset i_
select pg_temp.explains(:'job', '^held price_unknown \| .*budget of client .* of provider charging for the day applies.*no price in force for model "m".* \| A price in USD .*INSERT INTO atelier\.prices', 'its price is not known');
insert into atelier.prices (provider, unit, price) values ('charging', 'image', 0.5);
select pg_temp.explains(:'job', '^held price_unknown', 'until the worker has seen that it is');
select atelier_internal.promote(100) \gset i_
select pg_temp.one_paid() as other \gset
select count(*) from pg_temp.lease() \gset i_
select pg_temp.explains(:'other', '^held over_budget \| The budget of client .* had no room for its worst price, 0\.5 USD\. Of 0\.5, 0 are spent and 0\.5 reserved\. \| Room: the next day begins at .*set_budget\(\.\.\., ''USD'', client_id => .*, provider => ''charging'', period => ''day''\)', 'a budget has no room');
select atelier.set_budget(0.1, provider => 'charging', client_id => :'north') \gset i_
select pg_temp.explains(:'other', '^held over_budget \| .* more than the whole budget\. \| A larger budget: SELECT atelier\.set_budget\(0\.5 or more, ', 'nor ever will have');
select atelier.set_budget(null, provider => 'charging', client_id => :'north') \gset i_
select pg_temp.explains(:'other', '^held over_budget \| .* is gone, or another one\. \| The worker brings it back', 'it is gone');
select atelier.cancel_jobs('{"provider": "charging"}') \gset i_
-- The extension of its pipeline is not there.
insert into atelier_internal.pipelines (name, description) values ('absent', 'test');
insert into atelier_internal.steps (pipeline, position, name, action) values ('absent', 1, 'only', 'ai.image');
select pg_temp.one('absent') as job \gset
update atelier_internal.pipelines set extension = 'nowhere' where name = 'absent';
select pg_temp.explains(:'job', '^waiting pipeline_absent \| Its pipeline absent was registered by extension nowhere, which .* \| CREATE EXTENSION nowhere; Then', 'the extension of its pipeline is absent');
select count(*) from pg_temp.lease() \gset i_
select pg_temp.explains(:'job', '^held pipeline_absent \| Its pipeline absent was registered by extension nowhere', 'and its turn came');
update atelier_internal.pipelines set extension = null where name = 'absent';
select pg_temp.explains(:'job', '^held pipeline_absent \| Its turn came while pipeline absent was not there, which is over\. \| The worker brings it back', 'and it is there again');
select throws_ok($$select * from atelier.explain_job(gen_random_uuid())$$, 'P0002', 'job not found', 'explain: an unknown job');
select throws_ok($$select * from atelier.explain_job(null)$$, 'P0002', 'job not found', 'explain: no job');

-- The catalog of states and reasons: each was seen, and none lacks a word.
select set_eq('select distinct state, coalesce(reason, '''') from pg_temp.seen', $$ values
    ('waiting', 'no_worker'), ('waiting', 'queued'), ('waiting', 'lane_full'), ('waiting', 'rate'), ('waiting', 'engine_full'), ('waiting', 'client_full'),
    ('waiting', 'resting'), ('waiting', 'broken'), ('waiting', 'trying'), ('waiting', 'opening'),
    ('waiting', 'paused'), ('waiting', 'queue_paused'), ('waiting', 'client_paused'), ('waiting', 'pipeline_paused'), ('waiting', 'pipeline_absent'),
    ('waiting', 'retry'), ('waiting', 'locked'), ('waiting', 'deferred'), ('waiting', 'dependency'), ('waiting', 'order'), ('waiting', 'not_queued'),
    ('leased', ''), ('leased', 'storage'), ('draining', ''), ('held', 'outcome_unknown'), ('held', 'paused'), ('held', 'pipeline_absent'), ('held', 'over_budget'), ('held', 'price_unknown'), ('held', 'by hand'), ('held', 'foreign_instance'),
    ('completed', ''), ('failed', 'content_blocked'), ('cancelled', 'cancelled'), ('quarantined', 'worker_lost') $$, 'every state and reason was explained');
select is_empty('select * from pg_temp.seen where coalesce(explanation, '''') = '''' or coalesce(released_by, '''') = ''''', 'each with what holds it and what releases it');
select is_empty($$ select g.gate from unnest(array['open', 'resting', 'broken', 'trying', 'opening']) g (gate)
                    where g.gate <> 'open' and not exists (select from pg_temp.seen s where s.reason = g.gate)
                   union all
                   select substring(r.word from '\w+') from regexp_split_to_table((select split_part(col_description('atelier_internal.jobs'::regclass,
                          (select a.attnum from pg_attribute a where a.attrelid = 'atelier_internal.jobs'::regclass and a.attname = 'reason')), ': ', 2)), ', | or ') r (word)
                    where not exists (select from pg_temp.seen s where s.reason = substring(r.word from '\w+'))
                   union all
                   select t.to_state from atelier_internal.job_transitions t where not exists (select from pg_temp.seen s where s.state = t.to_state) $$,
    'every state of a gate, every reason that a job carries, and every state that it goes to is among them');
select * from finish();
rollback;
