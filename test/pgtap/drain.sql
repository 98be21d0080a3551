-- atelier.drain(): users try their pipelines out in their own transaction.
\set QUIET on
begin;
\ir engine_fixture.psql
\ir pipelines_fixture.psql
select no_plan();
select atelier.define_pipeline('tale', '[
    {"name": "pick", "action": "sql", "handler": "flows.pick"},
    {"name": "write", "action": "ai.text", "prepare": "flows.ask", "settle": "flows.keep", "provider": "writer", "max_attempts": 2},
    {"name": "end", "action": "sql", "handler": "flows.sum"}]', run_as => 'flow_runner'),
       atelier.define_pipeline('leaf', '[{"name": "do", "action": "sql", "handler": "flows.leaf", "max_attempts": 2}]', run_as => 'flow_runner'),
       atelier.define_pipeline('tree', '[{"name": "grow", "action": "sql", "handler": "flows.grow", "fan_out": "leaf", "on_child_failure": "collect"},
           {"name": "reap", "action": "sql", "handler": "flows.reap"}]', run_as => 'flow_runner') \gset i_
grant atelier_app to flow_runner;

select atelier.enqueue_job('tale', '{"word": "sun"}') as job \gset
select is(atelier.drain('{"write": {"text": "bright"}}'), 5, 'every phase is a step');
select is(pg_temp.results(:'job'), '{"pick": {"picked": "sun"}, "write": {"text": "BRIGHT"}, "end": {"steps": 2}}', 'done as the engine does it');
select is(atelier.drain(), 0, 'and nothing is left');

-- answers
select atelier.enqueue_job('tale', '{"word": "ice"}') as job \gset
select throws_like($$ select atelier.drain() $$, 'answers has none for step "write" of pipeline "tale"', 'a step without an answer is refused');
select is((pg_temp.refusal($$ select atelier.drain('{}') $$)), '22023 | Add "write": the answer as an object, {"error": {"class": ..., "message": ...}}, or the name of a function of the request. Its request is {"prompt": "a tale of ice"}.', 'with a hint that shows its request');
select is(pg_temp.place_of(:'job'), 'pick', 'and nothing of it remains');
select is(atelier.drain('{"write": "flows.answer"}'), 5, 'a function may answer');
select is(pg_temp.results(:'job') #>> '{write,text}', 'A TALE OF ICE, FLOW_RUNNER SAYS', 'it is given the request, and runs as the functions of the pipeline do');
select atelier.enqueue_job('tale', '{"word": "rain"}') as job \gset
select is(atelier.drain('{"write": {"error": {"class": "overloaded", "message": "too much"}}}'), 4, 'an answer may be a failure, which is tried again at once');
select is((select d.error_class || ': ' || d.error_message || ' ' || d.attempts from atelier.dead_letters d where d.job_id = :'job'), 'overloaded: too much 2', 'at most as often as the step allows');
select atelier.enqueue_job('tale', '{"word": "hail"}') as job \gset
select is(atelier.drain('{"tale.write": {"error": {"class": "content_blocked", "message": "no"}}, "write": {"text": "never"}}'), 3, 'the answer for one pipeline goes before that for all');
select is(pg_temp.place_of(:'job'), 'failed:content_blocked', 'a final failure is final');
select atelier.enqueue_job('tale', '{"word": "fog"}') as job \gset
select throws_ok($$ select atelier.drain('{"write": [1]}') $$, '22023', null, 'an answer that is no object is refused');
select throws_ok($$ select atelier.drain('{"write": {"error": {"class": "sad"}}}') $$, '22023', null, 'and a class that there is not');
select throws_ok($$ select atelier.drain('{"write": "flows.no_such"}') $$, '42704', null, 'and a function');
select throws_ok($$ select atelier.drain('[]') $$, '22023', null, 'answers must be an object');
select throws_ok($$ select atelier.drain('{}', 0) $$, '22023', null, 'max_steps must be positive');
select throws_ok($$ select atelier.drain('{}', 1, 'generate_image') $$, '42704', null, 'only pipelines of users are done');
select is(atelier.drain('{}', 2), 2, 'at most max_steps');
select is(pg_temp.place_of(:'job'), 'write', 'are done');
select is(atelier.drain('{"write": {"text": "x"}}'), 3, 'then the rest');

-- children, times, order, pauses
select atelier.enqueue_job('tree', '{"leaves": [1, {"bad": true}]}', run_after => now() + interval '1 day') as job \gset
set local client_min_messages = warning;
select is(atelier.drain(), 5, 'what waits for a time is done at once, children and their other attempts too');
reset client_min_messages;
select is(atelier.job_result(:'job'), '{"bad": ["handler_failed: not this one (P0001)"], "good": [2]}', 'and then who waited for them');
select atelier.enqueue_job('leaf', '"a"', order_key => 'k') as first, atelier.enqueue_job('leaf', '"b"', order_key => 'k') as second \gset
select is(atelier.drain() || ' ' || atelier.job_result(:'second'), '2 "b!"', 'those of one key follow one another');
select atelier.pause_pipeline('leaf'), atelier.enqueue_job('leaf', '"a"') as job \gset
select is(atelier.drain() || ' ' || pg_temp.place_of(:'job'), '0 do:paused', 'what is paused is not done');
select atelier.resume_pipeline('leaf'), atelier_internal.promote(100) \gset i_
select is(atelier.drain('{}', 10, 'tree') || ' ' || pg_temp.place_of(:'job'), '0 do', 'nor what is of another pipeline than the named one');
select is(atelier.drain('{}', 10, 'leaf'), 1, 'then it is');

-- from within
create function flows.drains(job jsonb) returns jsonb language plpgsql as $$ begin return to_jsonb(atelier.drain()); end $$;
grant execute on function flows.drains(jsonb) to flow_runner;
select atelier.define_pipeline('nested', '[{"name": "drain", "action": "sql", "handler": "flows.drains", "max_attempts": 1}]', run_as => 'flow_runner') \gset i_
select atelier.enqueue_job('nested') as job, atelier.enqueue_job('leaf', '"c"') as leaf \gset
set local client_min_messages = warning;
select is(atelier.drain() || ' ' || pg_temp.place_of(:'job'), '2 failed:handler_failed', 'a function of a pipeline cannot do the others');
reset client_min_messages;
select is(atelier.job_result(:'leaf'), '"c!"', 'which do not fail for it');

-- who may
create role flow_stranger in role atelier_app;
create role flow_member in role atelier_app, flow_runner;
select atelier.define_pipeline('leaf', '[{"name": "do", "action": "sql", "handler": "flows.leaf", "max_attempts": 2}]', run_as => 'flow_runner', used_by => 'flow_stranger') \gset i_
select atelier.enqueue_job('leaf', '"a"') as job \gset
set role flow_stranger;
select is(atelier.job_state(:'job'), 'waiting', 'who may only use a pipeline sees its jobs');
select is(atelier.drain(), 0, 'but is no member of the role that the functions run as, and does nothing');
select throws_ok($$ select atelier.drain('{}', 10, 'leaf') $$, '42501', null, 'and is told so when they name the pipeline');
set role flow_member;
select is(atelier.drain('{}', 10, 'leaf') || ' ' || atelier.job_result(:'job'), '1 "a!"', 'a member may, of jobs that belong to no client');
select atelier.enqueue_job('leaf', '"mine"') as job \gset
select is(atelier.drain() || ' ' || atelier.job_result(:'job'), '1 "mine!"', 'and may enqueue them');
reset role;

-- nothing stays leased, and the books are in order
select is((select count(*) from atelier_internal.jobs j where j.state = 'leased'), 0::bigint, 'nothing stays leased');
select is_empty($$ select * from atelier.consistency_report $$, 'and no rule is broken');

select * from finish();
rollback;
