-- Pipelines that users define: what becomes of a definition, and the way of a job from step to step. The functions are called here as
-- a handler process calls them.
\set QUIET on
begin;
\ir engine_fixture.psql
\ir pipelines_fixture.psql
select no_plan();

-- from step to step
select atelier.define_pipeline('tale', '[
    {"name": "pick", "action": "sql", "handler": "flows.pick"},
    {"name": "write", "action": "ai.text", "prepare": "flows.ask", "settle": "flows.keep", "provider": "writer"},
    {"name": "note", "action": "http.request", "request": {"method": "GET", "url": "https://example.com/"}, "timeout": "1 s"},
    {"name": "end", "action": "sql", "handler": "flows.sum"}]', 'Tells a tale.', run_as => 'flow_runner') \gset i_
select results_eq($$ select s.position::integer, s.name, s.phase, s.action, s.handler, s.provider, s.model from atelier_internal.steps s where s.pipeline = 'tale' order by 1 $$,
    $$ values (1, 'pick', 'action', 'sql', 'flows.pick', 'sql', 'flow_runner'), (2, 'write.prepare', 'prepare', 'sql', 'flows.ask', 'sql', 'flow_runner'),
              (3, 'write', 'action', 'ai.text', null, 'writer', null), (4, 'write.settle', 'settle', 'sql', 'flows.keep', 'sql', 'flow_runner'),
              (5, 'note', 'action', 'http.request', null, 'http', 'tale'), (6, 'end', 'action', 'sql', 'flows.sum', 'sql', 'flow_runner') $$,
    'a step is one phase, or one for each of prepare, action and settle');
select atelier.enqueue_job('tale', '{"word": "sun"}', tags => '{a}') as job \gset
select is(pg_temp.run(:'job'), 'write.prepare', 'a function is called, and the job goes to its next step');
select is(pg_temp.run(:'job'), 'write', 'prepare is a step of its own');
select is((select l.provider || ' ' || l.model from atelier.jobs l where l.job_id = :'job'), 'writer story-1', 'the job has moved to the lane of the service, and the model that its server names');
select request as ask, lease as lease from pg_temp.lease() \gset
select is(:'ask'::jsonb, '{"prompt": "a tale of sun"}', 'what prepare returned is what the executor is told');
select pg_temp.settle(array[pg_temp.answer(:'lease', null, '{"text": "Once."}')]) \gset i_
select is(pg_temp.argument(:'job') - 'job_id' - 'created_at', '{"step": "write", "tags": ["a"], "input": {"word": "sun"}, "attempt": 1, "pipeline": "tale", "client_id": null,
    "request": {"prompt": "a tale of sun"}, "result": {"text": "Once."}, "results": {"pick": {"picked": "sun"}}}', 'settle is given the request, the answer and the results before');
select is(pg_temp.finish(:'job'), 'note', 'and its function ran');
select request as ask, lease as lease from pg_temp.lease() \gset
select is(:'ask'::jsonb, '{"method": "GET", "url": "https://example.com/"}', 'a request that is the same for every job');
select pg_temp.settle(array[pg_temp.answer(:'lease', null, '{"status": 200}')]) \gset i_
select is(pg_temp.run(:'job'), 'completed', 'the last step ends the job');
select is(pg_temp.results(:'job'), '{"pick": {"picked": "sun"}, "write": {"text": "ONCE."}, "note": {"status": 200}, "end": {"steps": 3}}', 'what is remembered');

-- a step that is skipped, and a request that is the input
select atelier.define_pipeline('maybe', '[{"name": "write", "action": "ai.text", "prepare": "flows.ask", "settle": "flows.keep", "provider": "writer"},
    {"name": "end", "action": "sql", "handler": "flows.sum"}]', run_as => 'flow_runner') \gset i_
select atelier.enqueue_job('maybe', '{}') as job \gset
select is(pg_temp.run(:'job'), 'end', 'where prepare asks for nothing, neither call nor settle take place');
select is(pg_temp.run(:'job'), 'completed', 'and the next step follows');
select is(pg_temp.results(:'job'), '{"end": {"steps": 0}}', 'a skipped step has no result');
select is(atelier.job_result(:'job'), '{"steps": 0}', 'the result of the last step is that of the job');
select atelier.define_pipeline('skip_last', '[{"name": "pick", "action": "sql", "handler": "flows.pick"},
    {"name": "write", "action": "ai.text", "prepare": "flows.ask", "provider": "writer"}]', run_as => 'flow_runner') \gset i_
select atelier.enqueue_job('skip_last', '{}') as job \gset
select is(array[pg_temp.run(:'job'), pg_temp.run(:'job')], array['write.prepare', 'completed'], 'a last step may be skipped too');
select is(atelier.job_result(:'job'), null, 'then there is no result');
select atelier.define_pipeline('plain', '[{"name": "ask", "action": "ai.json", "provider": "writer"}, {"name": "void", "action": "sql", "handler": "flows.nothing"}]', run_as => 'flow_runner') \gset i_
select atelier.enqueue_job('plain', '{"prompt": "a list", "store": "nowhere", "output": {"store": "file", "key_prefix": "stolen"}}') as job \gset
select request as ask, lease as lease from pg_temp.lease() \gset
select is(:'ask'::jsonb, '{"prompt": "a list", "store": "nowhere"}', 'without prepare and request the input is the request; where objects are to go is not for it to say');
select pg_temp.settle(array[pg_temp.answer(:'lease', null, '{"json": [1]}')]) \gset i_
select is(atelier.job_result(:'job'), null, 'before its end a job has no result');
select is(pg_temp.run(:'job'), 'completed', 'a function may return void');
select is(pg_temp.results(:'job'), '{"ask": {"json": [1]}}', 'and an answer that no settle function was given is the result as it is');

-- failures: tried again, then a dead letter; redriven from where it ended
select atelier.define_pipeline('fragile', '[{"name": "pick", "action": "sql", "handler": "flows.pick"},
    {"name": "write", "action": "ai.text", "prepare": "flows.ask", "settle": "flows.brittle", "provider": "writer", "max_attempts": 2}]', run_as => 'flow_runner') \gset i_
select atelier.enqueue_job('fragile', '{"word": "ice"}', priority => 3, tags => '{cold}') as job \gset
select pg_temp.run(:'job'), pg_temp.run(:'job') \gset i_
select lease as lease from pg_temp.lease() \gset
select pg_temp.settle(array[pg_temp.answer(:'lease', null, '{"text": "cold"}')]) \gset i_
select throws_ok(format('select pg_temp.run(%L)', :'job'), '22012', null, 'a function that raises');
select pg_temp.fail(:'job') as first, pg_temp.due(:'job'), pg_temp.argument(:'job') ->> 'attempt' as attempt, pg_temp.fail(:'job') as second \gset
select is(array[:'first', :'attempt', :'second'], array['write.settle:retry', '2', 'failed:handler_failed'], 'is called again after a while, and at most max_attempts times');
select is((select d.step || ': ' || d.error_message from atelier.dead_letters d where d.job_id = :'job'), 'write.settle: division by zero', 'a dead letter tells the step and the error');
create or replace function flows.brittle(job jsonb) returns jsonb language sql as $$ select job -> 'result' $$;
select new_job_id as again from atelier.redrive(jsonb_build_object('job_id', :'job')) \gset
select is(pg_temp.place_of(:'again'), 'write.settle', 'redriven, it goes on with the step at which it ended');
select is(pg_temp.run(:'again') || ' ' || atelier.job_result(:'again'), 'completed {"text": "cold"}', 'with the answer that was there: nothing is bought again');
select results_eq(format('select l.phase, r.phase from atelier_internal.steps l left join atelier.step_results r on r.job_id = %L and r.position = l.position where l.pipeline = %L order by l.position', :'again', 'fragile'),
    $$ values ('action', 'action'), ('prepare', 'prepare'), ('action', 'action'), ('settle', 'settle') $$, 'what it had done stands under the new job too');

-- fan-out and fan-in
select atelier.define_pipeline('leaf', '[{"name": "do", "action": "sql", "handler": "flows.leaf", "max_attempts": 1}]', run_as => 'flow_runner'),
       atelier.define_pipeline('tree', '[{"name": "grow", "action": "sql", "handler": "flows.grow", "fan_out": "leaf", "on_child_failure": "collect"},
           {"name": "reap", "action": "sql", "handler": "flows.reap"}]', run_as => 'flow_runner'),
       atelier.define_pipeline('strict_tree', '[{"name": "grow", "action": "sql", "handler": "flows.grow", "fan_out": "leaf"},
           {"name": "reap", "action": "sql", "handler": "flows.reap"}]', run_as => 'flow_runner') \gset i_
select atelier.enqueue_job('tree', '{"leaves": [1, "two", null, {"bad": true}]}', priority => 5, tags => '{wood}') as job \gset
select is(pg_temp.run(:'job'), 'reap:dependency', 'a job that made others waits at its next step');
select results_eq(format($$ select c.place, c.state, c.input from atelier.child_results(%L) c $$, :'job'),
    $$ values (1, 'waiting', '1'::jsonb), (2, 'waiting', '"two"'), (3, 'waiting', 'null'), (4, 'waiting', '{"bad": true}') $$, 'each input is a job, whatever JSON it is');
select results_eq(format($$ select distinct j.priority::integer, j.tags, j.parent_id from atelier.jobs j where j.pipeline = 'leaf' $$),
    format($$ values (5, '{wood}'::text[], %L::uuid) $$, :'job'), 'with priority and tags of the one that made it');
select is((select e.reason || ' | ' || e.explanation from atelier.explain_job(:'job') e), 'dependency | Of 4 job(s) of pipeline leaf that its step "grow" made, 4 have not ended.', 'explain_job() says what it waits for');
select array_agg(c.job_id order by c.place) as leaves from atelier.child_results(:'job') c \gset
select pg_temp.run((:'leaves'::uuid[])[1]), pg_temp.run((:'leaves'::uuid[])[2]), pg_temp.run((:'leaves'::uuid[])[3]) \gset i_
select is(pg_temp.place_of(:'job'), 'reap:dependency', 'as long as one is live');
select pg_temp.fail((:'leaves'::uuid[])[4]) \gset i_
select is(pg_temp.place_of(:'job'), 'reap', 'and goes on when the last has ended, however');
select is(pg_temp.run(:'job') || ' ' || atelier.job_result(:'job'), 'completed {"bad": ["handler_failed: not this one"], "good": [2, "two!", null]}', 'the next step sees what became of each');

select atelier.enqueue_job('strict_tree', '{"leaves": [1, {"bad": true}, 3]}') as job \gset
select pg_temp.run(:'job') \gset i_
select array_agg(c.job_id order by c.place) as leaves from atelier.child_results(:'job') c \gset
select pg_temp.run((:'leaves'::uuid[])[1]), pg_temp.fail((:'leaves'::uuid[])[2]) \gset i_
select is(pg_temp.place_of(:'job'), 'failed:handler_failed', 'without collect the first that ends without success ends the job');
select is(array(select pg_temp.place_of(l) from unnest(:'leaves'::uuid[]) l), '{completed,failed:handler_failed,cancelled:cancelled}', 'and nobody waits for the others any more');
create or replace function flows.leaf(job jsonb) returns jsonb language sql as $$ select to_jsonb('again ' || (job ->> 'input')) $$;
select jsonb_object_agg(r.job_id, r.new_job_id) as news from atelier.redrive('{"pipeline": ["strict_tree", "leaf"], "state": ["failed"]}') r
 where r.job_id in (:'job', (:'leaves'::uuid[])[2]) \gset
select :'news'::jsonb ->> :'job' as again \gset
select is(pg_temp.place_of(:'again'), 'reap:dependency', 'redriven, it waits for the work of those that did not complete');
select results_eq(format($$ select c.place, c.state, c.result from atelier.child_results(%L) c $$, :'again'),
    $$ values (1, 'completed', '2'::jsonb), (2, 'waiting', null), (3, 'waiting', null) $$, 'what completed is not done again');
select is((select c.job_id from atelier.child_results(:'again') c where c.place = 2)::text, :'news'::jsonb ->> ((:'leaves'::uuid[])[2])::text,
    'and is done again once, though it was a dead letter too');
select array(select pg_temp.run(c.job_id) from atelier.child_results(:'again') c where c.state = 'waiting') \gset i_
select is(pg_temp.run(:'again') || ' ' || atelier.job_result(:'again'), 'completed {"bad": [], "good": [2, "again {\"bad\": true}", "again 3"]}', 'then it collects all');

select atelier.enqueue_job('strict_tree', '{"leaves": []}') as none, atelier.enqueue_job('strict_tree', '{"leaves": [7, 8]}') as some \gset
select is(pg_temp.run(:'none'), 'reap', 'no inputs: the job goes on');
select pg_temp.run(:'some') \gset i_
select is((select count(*) from atelier.child_results(:'none')), 0::bigint, 'and has no children');
select array_agg(c.job_id order by c.place) as leaves from atelier.child_results(:'some') c \gset
select ok(atelier.cancel_job(:'some'), 'who cancels the job');
select is(array(select pg_temp.place_of(l) from unnest(:'leaves'::uuid[]) l), '{cancelled:cancelled,cancelled:cancelled}', 'cancels its children');

-- the lease decides
select atelier.enqueue_job('tale', '{"word": "sun"}') as job \gset
select pg_temp.argument(:'job') \gset i_
select j.attempt_id as attempt, j.token from atelier_internal.jobs j where j.id = :'job' \gset
select is((select e.state || ' ' || e.reason || ': ' || e.explanation from atelier.explain_job(:'job') e),
    'leased handlers_busy: Its function waits for a process to run in: 0 of at most 2 are at work, and the functions of one role never take all of several.', 'explain_job() says when it has no process yet');
select is_empty(format('select * from atelier_internal.begin_handler(2, %L, %s, %s)', :'job', :attempt, :token), 'a function is called for the lease of this incarnation only');
select is_empty(format('select * from atelier_internal.begin_handler(1, %L, %s, %s)', :'job', :attempt, :token + 1), 'with its token');
select throws_ok(format($$ select atelier_internal.finish_handler(1, %L, %s, %s, '{}') $$, :'job', :attempt, :token + 1), '40001', null, 'and so is its end');
select throws_ok(format($$ select atelier_internal.finish_handler(2, %L, %s, %s, '{}') $$, :'job', :attempt, :token), '40001', null, 'whatever is wrong with it');
select atelier.cancel_job(:'job') \gset i_
select throws_ok(format($$ select atelier_internal.finish_handler(1, %L, %s, %s, '{}') $$, :'job', :attempt, :token), '40001', null, 'a function whose job was cancelled leaves nothing');
select ok(exists (select from atelier_internal.cancellations c where c.attempt_id = :attempt), 'and is told to stop');
select is_empty(format('select from atelier.step_results r where r.job_id = %L', :'job'), 'it has done no step');
select atelier.enqueue_job('tale', '{"word": "sun"}') as job \gset
select pg_temp.argument(:'job') \gset i_
select j.attempt_id as attempt, j.token from atelier_internal.jobs j where j.id = :'job' \gset
select atelier_internal.finish_handler(1, :'job', :attempt, :token, '{"picked": "sun"}') \gset i_
select throws_ok(format($$ select atelier_internal.finish_handler(1, %L, %s, %s, '{}') $$, :'job', :attempt, :token), '40001', null, 'a step ends once');
select is((select a.outcome || ' ' || (a.duration_ms >= 0) from atelier.attempts a where a.attempt_id = :attempt), 'completed true', 'its attempt is closed');
select atelier.cancel_job(:'job') \gset i_

-- what functions may return
create function pg_temp.said(p_pipeline text, p_step integer, p_answer jsonb) returns text language plpgsql as $$
begin
    perform atelier_internal.check_handler_answer(s, p_answer) from atelier_internal.steps s where s.pipeline = p_pipeline and s.position = p_step;
    return 'good';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end $$;
select is(pg_temp.said(a.pipeline, a.step, a.answer), a.said, a.said || coalesce(' for ' || left(a.answer::text, 50), '')) from (values
    ('tale', 1, to_jsonb(repeat('x', 999998)), 'good'), ('tale', 1, to_jsonb(repeat('x', 999999)), '22000 function flows.pick of step "pick" returned more than 1000000 bytes'),
    ('tale', 1, null, 'good'), ('tale', 1, '[1]', 'good'), ('tale', 2, '[1]', '22000 function flows.ask of step "write" returned a request that is no object'),
    ('tale', 2, 'null', 'good'), ('tale', 2, null, 'good'), ('tree', 1, '{}', '22000 function flows.grow of step "grow" returned no list of at most 10000 inputs'),
    ('tree', 1, null, 'good'), ('tree', 1, '[]', 'good'), ('tree', 1, (select jsonb_agg(g) from generate_series(1, 10000) g), 'good'),
    ('tree', 1, (select jsonb_agg(g) from generate_series(1, 10001) g), '22000 function flows.grow of step "grow" returned no list of at most 10000 inputs'),
    ('tree', 1, jsonb_build_array(repeat('x', 100000)), '22000 function flows.grow of step "grow" returned an input of more than 100000 bytes, or 16000000 bytes together'),
    ('tree', 1, (select jsonb_agg(repeat('x', 99000)) from generate_series(1, 162) g), '22000 function flows.grow of step "grow" returned an input of more than 100000 bytes, or 16000000 bytes together'))
  a (pipeline, step, answer, said);

-- a fan-out is that of the role that the functions run as
create role flow_other;
grant usage on schema flows to flow_other;
select atelier.define_pipeline('theirs', '[{"name": "do", "action": "sql", "handler": "flows.leaf"}]', run_as => 'flow_other') \gset i_
select throws_ok($$ select atelier.define_pipeline('greedy', '[{"name": "grow", "action": "sql", "handler": "flows.grow", "fan_out": "theirs"}, {"name": "reap", "action": "sql", "handler": "flows.reap"}]', run_as => 'flow_runner') $$,
    '42501', 'role "flow_runner" may not enqueue jobs of pipeline "theirs"', 'a pipeline makes jobs of those only that its role may use');
select atelier.define_pipeline('theirs', '[{"name": "do", "action": "sql", "handler": "flows.leaf"}]', run_as => 'flow_other', used_by => 'flow_runner'),
       atelier.define_pipeline('greedy', '[{"name": "grow", "action": "sql", "handler": "flows.grow", "fan_out": "theirs"}, {"name": "reap", "action": "sql", "handler": "flows.reap"}]', run_as => 'flow_runner'),
       atelier.define_pipeline('theirs', '[{"name": "do", "action": "sql", "handler": "flows.leaf"}]', run_as => 'flow_other') \gset i_
select atelier.enqueue_job('greedy', '{"leaves": [1]}') as job \gset
select throws_ok(format('select pg_temp.run(%L)', :'job'), '42501', 'role "flow_runner" may not enqueue jobs of pipeline "theirs"', 'as they are then');
select atelier.cancel_job(:'job') \gset i_

-- pictures
select atelier.create_client('North', 'flow-north') as north, atelier.create_client('South', 'flow-south') as south \gset
insert into atelier.images (client_id, store, s3_key, status, width, height, file_size, mime_type, sha256)
select c.id, 'file', format('clients/%s/photos/chair.png', c.id), 'ready', 10, 10, 100, 'image/png', repeat('ab', 32) from atelier.clients c where c.slug in ('flow-north', 'flow-south');
select n.id as chair, s.id as foreign_chair from atelier.images n, atelier.images s where n.client_id = :'north' and s.client_id = :'south' \gset
select atelier.define_pipeline('paint', '[{"name": "paint", "action": "ai.image", "provider": "writer", "model": "brush-1"}]', run_as => 'flow_runner') \gset i_
create function pg_temp.ask(p_input jsonb, p_client uuid, out state text, out request jsonb, out lease jsonb, out job uuid) language plpgsql as $$
begin
    job := atelier.enqueue_job('paint', p_input, p_client);
    select l.request, l.lease into request, lease from pg_temp.lease() l where l.job_id = job;
    state := coalesce((select h.error_message from atelier.job_history h where h.job_id = job), pg_temp.place_of(job));
end $$;
select * from pg_temp.ask(jsonb_build_object('prompt', 'a chair by the sea', 'inputs', jsonb_build_array(jsonb_build_object('image_id', :'chair', 'role', 'product', 'store', 'elsewhere')),
    'output', '{"store": "file", "key_prefix": "stolen"}'::jsonb), :'north') \gset p_
select j.image_id as picture from atelier_internal.jobs j where j.id = :'p_job' \gset
select is(:'p_request'::jsonb, jsonb_build_object('prompt', 'a chair by the sea',
    'inputs', jsonb_build_array(jsonb_build_object('role', 'product', 'sha256', repeat('ab', 32), 'store', 'file', 'key', format('clients/%s/photos/chair.png', :'north'))),
    'output', jsonb_build_object('store', 'file', 'key_prefix', format('clients/%s/generated/%s', :'north', :'picture'))), 'pictures are named by their ids, and where a new one goes is said by the engine');
select pg_temp.settle(array[pg_temp.answer(:'p_lease', null, jsonb_build_object('object', jsonb_build_object('store', 'file', 'key', format('clients/%s/generated/%s.png', :'north', :'picture')),
    'width', 4, 'height', 3, 'size', 99, 'mime', 'image/png', 'sha256', repeat('cd', 32)))]) \gset i_
select is(atelier.job_result(:'p_job') ->> 'image_id', :'picture', 'the result names the picture');
select is((select concat_ws(' ', i.status, i.width, i.client_id, i.metadata ->> 'pipeline') from atelier.images i where i.id = :'picture'), format('ready 4 %s paint', :'north'), 'which is one of the client');
select is((pg_temp.ask(jsonb_build_object('prompt', 'x', 'inputs', jsonb_build_array(jsonb_build_object('image_id', i.input))), :'north')).state,
    format('the request of step "paint" names input %s, which is no picture of its client that is ready', i.input), 'not named: ' || i.name)
  from (values ('one of another client', :'foreign_chair'), ('one that there is not', 'deadbeef-dead-4ead-8ead-deadbeefdead'), ('what is no id', 'x'), ('dashes', repeat('-', 36))) i (name, input);
select is((pg_temp.ask('{"prompt": "x", "inputs": [{"store": "file", "key": "clients/x"}]}', :'north')).state,
    'the request of step "paint" names input {"key": "clients/x", "store": "file"}, which is no picture of its client that is ready', 'nor one by its place');
select is((pg_temp.ask('{"prompt": "x"}', null)).state, 'the request of step "paint" is for a picture, which belongs to a client, and its job to none', 'a picture belongs to somebody');
select is((pg_temp.ask('[1]', :'north')).state, 'the request of step "paint" is no object', 'a request is an object');

-- results live as long as their jobs are known
select pg_temp.clear() \gset i_
select atelier.enqueue_job('tree', '{"leaves": [1]}') as job \gset
select pg_temp.run(:'job') \gset i_
select c.job_id as leaf from atelier.child_results(:'job') c \gset
select pg_temp.run(:'leaf') \gset i_
delete from atelier_internal.history_completed h where h.job_id = :'leaf';
select atelier_internal.forget_results() \gset i_
select is((select c.state || ' ' || c.result from atelier.child_results(:'job') c), 'completed "again 1"', 'what a child came to is known as long as its parent is');
select pg_temp.run(:'job') \gset i_
select atelier_internal.forget_results() \gset i_
select is((select count(*) from atelier.step_results r where r.job_id in (:'job', :'leaf')), 3::bigint, 'and that is as long as history knows it');
delete from atelier_internal.history_completed h where h.job_id = :'job';
select atelier_internal.forget_results() \gset i_
select is((select count(*) from atelier.step_results r where r.job_id in (:'job', :'leaf')) + (select count(*) from atelier_internal.job_children c where c.parent_id = :'job'), 0::bigint, 'then all is forgotten');
select throws_ok(format('select atelier.job_result(%L)', :'job'), 'P0002', null, 'the job too');
select is_empty($$ select * from atelier.consistency_report $$, 'and no rule is broken');

-- a client that is erased
select atelier.enqueue_job('tree', '{"leaves": [1, 2]}', :'south') as job \gset
select pg_temp.run(:'job') \gset i_
select atelier.erase_client(:'south') \gset i_
select is((select count(*) from atelier_internal.step_results r where r.job_id = :'job') + (select count(*) from atelier_internal.job_children c where c.parent_id = :'job')
          + (select count(*) from atelier_internal.jobs j where j.parent_id = :'job'), 0::bigint, 'takes all of that along');

-- orphans that somebody held locked when their parent ended
select atelier.enqueue_job('tree', '{"leaves": [1]}') as job \gset
select pg_temp.run(:'job') \gset i_
select c.job_id as leaf from atelier.child_results(:'job') c \gset
delete from atelier_internal.job_dependencies d where d.job_id = :'job';
select results_eq($$ select c.rule, c.entity_id from atelier.consistency_report c order by 1 $$, format($$ values ('child_not_waited_for', %L::uuid), ('job_never_runs', %L) $$, :'leaf', :'job'), 'a child that nobody waits for is a broken rule');
delete from atelier_internal.jobs j where j.id = :'job';
select ok(atelier_internal.resolve_dependencies() = 0, 'the worker looks for those again');
select is(pg_temp.place_of(:'leaf'), 'cancelled:cancelled', 'and ends them');

select * from finish();
rollback;
