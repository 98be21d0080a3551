-- Who may define a pipeline, ask for its jobs and see them, and what is refused.
\set QUIET on
begin;
\ir engine_fixture.psql
\ir pipelines_fixture.psql
select no_plan();
create role flow_definer in role flow_runner;
create role flow_stranger in role atelier_app;
create role flow_user in role atelier_app;
create role flow_admin in role atelier_admin;
create role flow_boss superuser;
grant flow_runner to flow_admin;
grant usage on schema atelier to flow_definer;
grant execute on function atelier.define_pipeline to flow_definer;
grant execute on function atelier.drop_pipeline to flow_definer;
create function flows.number(job jsonb) returns integer language sql as $$ select 1 $$;
create function flows.several(job jsonb) returns setof jsonb language sql as $$ select job $$;
create procedure flows.procedure(job jsonb) language sql as $$ select 1 $$;
create function flows.secret(job jsonb) returns jsonb language sql as $$ select job $$;
revoke execute on function flows.secret from public;
create function pg_temp.define(p_steps text, p_run_as text default 'flow_runner', p_name text default 'trial', p_used_by text default null) returns text language plpgsql as $$
declare
    v_hint text;
begin
    perform atelier.define_pipeline(p_name, p_steps::jsonb, '', p_run_as, p_used_by);
    raise exception 'defined' using errcode = 'ZZ000';
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return sqlstate || ' ' || case when sqlstate = 'ZZ000' then 'defined' else sqlerrm || case coalesce(v_hint, '') when '' then ' without a hint' else '' end end;
end $$;
create function pg_temp.sql_step(p_more text default '') returns text language sql as $$
    select format('[{"name": "a", "action": "sql", "handler": "flows.pick"%s}, {"name": "b", "action": "sql", "handler": "flows.pick"}]', p_more) $$;

-- definitions
select is(pg_temp.define(d.steps), d.said, format('%s: %s', d.n, d.steps)) from (values
    (1, pg_temp.sql_step(), 'ZZ000 defined'),
    (2, pg_temp.sql_step(', "timeout": "3 s", "max_attempts": 7'), 'ZZ000 defined'),
    (3, '[{"name": "a", "action": "ai.json", "request": {"prompt": "x"}, "model": "m"}]', 'ZZ000 defined'),
    (4, '{}', '22023 steps must be a list of 1 to 100 steps'),
    (5, '[]', '22023 steps must be a list of 1 to 100 steps'),
    (6, '[1]', '22023 step 1 is not valid: it is no object'),
    (7, '[{"name": "A b", "action": "sql"}]', '22023 step 1 is not valid: its name must have 1 to 50 of a to z, 0 to 9 and _, and not begin with a digit'),
    (8, '[{"name": "a", "action": "storage.put"}]', '22023 step 1 is not valid: there is no action "storage.put"'),
    (9, '[{"name": "a", "action": "sql"}]', '22023 step 1 is not valid: it names no handler'),
    (10, pg_temp.sql_step(', "prepare": "flows.ask"'), '22023 step 1 is not valid: a step with action sql has no "prepare"'),
    (11, '[{"name": "a", "action": "http.request", "provider": "writer"}]', '22023 step 1 is not valid: a step with action http.request has no "provider"'),
    (12, '[{"name": "a", "action": "ai.text", "provider": "sql"}]', '22023 step 1 is not valid: "sql" is no provider'),
    (13, '[{"name": "a", "action": "ai.text", "provider": "nobody"}]', '42704 provider "nobody" does not exist'),
    (14, '[{"name": "a", "action": "ai.text", "request": [1]}]', '22023 step 1 is not valid: its request is no object, or stands beside a prepare function'),
    (15, '[{"name": "a", "action": "ai.text", "request": {}, "prepare": "flows.ask"}]', '22023 step 1 is not valid: its request is no object, or stands beside a prepare function'),
    (16, pg_temp.sql_step(', "timeout": "soon"'), '22023 step 1 is not valid: timeout must be more than 0 and at most 1 day'),
    (17, pg_temp.sql_step(', "timeout": "25 hours"'), '22023 step 1 is not valid: timeout must be more than 0 and at most 1 day'),
    (18, pg_temp.sql_step(', "timeout": 5'), '22023 step 1 is not valid: timeout must be more than 0 and at most 1 day'),
    (19, pg_temp.sql_step(', "max_attempts": 0'), '22023 step 1 is not valid: max_attempts must be a whole number from 1 to 100'),
    (20, pg_temp.sql_step(', "max_attempts": "3"'), '22023 step 1 is not valid: max_attempts must be a whole number from 1 to 100'),
    (21, '[{"name": "a", "action": "sql", "handler": "flows.pick"}, {"name": "a", "action": "sql", "handler": "flows.pick"}]', '22023 step 2 is not valid: there is another step a'),
    (22, pg_temp.sql_step(', "fan_out": "nowhere"'), '42704 pipeline "nowhere" does not exist'),
    (23, pg_temp.sql_step(', "fan_out": "generate_image"'), '42704 pipeline "generate_image" does not exist'),
    (24, pg_temp.sql_step(', "fan_out": "trial"'), '22023 pipeline "trial" would make jobs of itself'),
    (25, pg_temp.sql_step(', "on_child_failure": "collect"'), '22023 step 1 is not valid: on_child_failure must be fail or collect, and stand beside fan_out'),
    (26, '[{"name": "a", "action": "sql", "handler": "flows.pick", "fan_out": "trial"}]', '22023 step 1 is not valid: a step with fan_out cannot be the last'),
    (27, '[{"name": "a", "action": "sql", "handler": "pick"}]', '22023 "pick" is no name of a function with its schema'),
    (28, '[{"name": "a", "action": "sql", "handler": "pg_temp.refusal"}]', '22023 "pg_temp.refusal" is no name of a function with its schema'),
    (29, '[{"name": "a", "action": "sql", "handler": "flows.pick(null); drop table x"}]', '22023 "flows.pick(null); drop table x" is no name of a function with its schema'),
    (30, '[{"name": "a", "action": "sql", "handler": "flows.gone"}]', '42704 function flows.gone(jsonb) does not exist'),
    (31, '[{"name": "a", "action": "sql", "handler": "flows.number"}]', '42809 function flows.number(jsonb) cannot be a step'),
    (32, '[{"name": "a", "action": "sql", "handler": "flows.several"}]', '42809 function flows.several(jsonb) cannot be a step'),
    (33, '[{"name": "a", "action": "sql", "handler": "flows.procedure"}]', '42809 function flows.procedure(jsonb) cannot be a step'),
    (34, '[{"name": "a", "action": "sql", "handler": "flows.secret"}]', '42501 role "flow_runner" may not call function flows.secret(jsonb)')) d (n, steps, said) order by d.n;
select is(pg_temp.define(pg_temp.sql_step(), 'nobody_at_all'), '42704 role "nobody_at_all" does not exist', 'run_as must exist');
select is(pg_temp.define(pg_temp.sql_step(), 'flow_boss'), '42501 functions of a pipeline do not run as "flow_boss"', 'and be no superuser');
select is(pg_temp.define(pg_temp.sql_step(), 'atelier_owner'), '42501 functions of a pipeline do not run as "atelier_owner"', 'nor the owner of the engine');
select is(pg_temp.define(pg_temp.sql_step(), null), format('42501 functions of a pipeline do not run as "%s"', session_user), 'which the superuser who names none would be');
select is(pg_temp.define(pg_temp.sql_step(), 'flow_runner', 'generate_image'), '42809 pipeline "generate_image" is one of the engine''s own', 'the names of the engine are taken');
select is(pg_temp.define(pg_temp.sql_step(), 'flow_runner', 'No Name'), '22023 name of the pipeline is not valid', 'a name is a plain word');
select is(pg_temp.define(pg_temp.sql_step(), 'flow_runner', 'trial', 'nobody_at_all'), '42704 role "nobody_at_all" does not exist', 'used_by must exist');
select is((select d.definition from (
    select pg_temp.define((select jsonb_agg(jsonb_build_object('name', 's' || g, 'action', 'sql', 'handler', 'flows.pick')) from generate_series(1, 101) g)::text)) d (definition)),
    '22023 steps must be a list of 1 to 100 steps', 'there are at most 100 steps');

-- whose pipeline it is
set role flow_definer;
select is(pg_temp.define(pg_temp.sql_step(), 'flow_runner'), 'ZZ000 defined', 'who was granted define_pipeline may define for a role of which they are a member');
select is(pg_temp.define(pg_temp.sql_step(), 'flow_user'), '42501 role "flow_definer" is no member of "flow_user"', 'and for no other');
reset role;
grant usage on schema flows to flow_user;
select atelier.define_pipeline('others', pg_temp.sql_step()::jsonb, run_as => 'flow_user') \gset i_
set role flow_definer;
select is(pg_temp.define(pg_temp.sql_step(), 'flow_runner', 'others'), '42501 pipeline "others" is of role "flow_user"', 'nobody takes over the pipeline of another role');
select throws_ok($$ select atelier.drop_pipeline('others') $$, '42501', null, 'or drops it');
reset role;
set role flow_stranger;
select throws_ok($$ select atelier.define_pipeline('mine', '[]') $$, '42501', null, 'applications define nothing unless they were granted that');
reset role;
set role flow_admin;
select is(pg_temp.define(pg_temp.sql_step(), 'flow_runner', 'others'), 'ZZ000 defined', 'operators may change every pipeline');
reset role;

-- changes
select atelier.define_pipeline('leaf', '[{"name": "do", "action": "sql", "handler": "flows.leaf"}]', 'One leaf.', 'flow_runner', 'flow_user'),
       atelier.define_pipeline('tree', '[{"name": "grow", "action": "sql", "handler": "flows.grow", "fan_out": "leaf"}, {"name": "reap", "action": "sql", "handler": "flows.reap"}]', run_as => 'flow_runner') \gset i_
select is(pg_temp.define('[{"name": "do", "action": "sql", "handler": "flows.leaf", "fan_out": "tree"}, {"name": "more", "action": "sql", "handler": "flows.leaf"}]', 'flow_runner', 'leaf'),
    '22023 pipeline "leaf" would make jobs of itself', 'not by way of another one either');
select atelier.enqueue_job('leaf', '1') as job \gset
select is(pg_temp.define('[{"name": "do", "action": "sql", "handler": "flows.pick", "max_attempts": 9}]', 'flow_runner', 'leaf'), 'ZZ000 defined', 'what a step calls may change while jobs are live');
select is(pg_temp.define('[{"name": "done", "action": "sql", "handler": "flows.pick"}]', 'flow_runner', 'leaf'), '55006 pipeline "leaf" has live jobs, and its steps would be others', 'the steps may not');
select throws_ok($$ select atelier.drop_pipeline('leaf') $$, '55006', 'pipeline "leaf" has live jobs', 'nor may it go');
select atelier.cancel_job(:'job') \gset i_
select is(pg_temp.define('[{"name": "done", "action": "sql", "handler": "flows.pick"}]', 'flow_runner', 'leaf'), 'ZZ000 defined', 'when none is live they may');
select throws_ok($$ select atelier.drop_pipeline('leaf') $$, '55006', 'pipeline "tree" makes jobs of pipeline "leaf"', 'what another pipeline needs stays');
select results_eq($$ select p.pipeline, p.description, p.run_as, p.used_by, p.defined_by, p.built_in from atelier.pipelines p where p.pipeline in ('leaf', 'generate_image') order by 1 $$,
    format($$ values ('generate_image', 'Makes the picture of a generated asset.', null, null, null, true), ('leaf', 'One leaf.', 'flow_runner', 'flow_user', %L, false) $$, session_user), 'the view tells whose it is');
select results_eq($$ select s.position::integer, s.step, s.phase, s.action, s.handler, s.fan_out, s.on_child_failure from atelier.pipeline_steps s where s.pipeline = 'tree' $$,
    $$ values (1, 'grow', 'action', 'sql', 'flows.grow', 'leaf', 'fail'), (2, 'reap', 'action', 'sql', 'flows.reap', null, null) $$, 'and what it does');
select throws_ok($$ select atelier.drop_pipeline('no_such') $$, '42704', null, 'a pipeline that there is not cannot be dropped');
select throws_ok($$ select atelier.drop_pipeline('generate_image') $$, '42809', null, 'nor one of the engine');
select atelier.drop_pipeline('tree'), atelier.drop_pipeline('others') \gset i_
select is_empty($$ select from atelier_internal.steps s where s.pipeline = 'tree' $$, 'dropped, it is gone');

-- who may ask for jobs, and sees them
set role flow_stranger;
select throws_ok($$ select atelier.enqueue_job('leaf', '1') $$, '42501', 'permission denied for pipeline "leaf"', 'who is member of neither role may not enqueue');
select throws_ok(format($$ select atelier.job_result(%L) $$, :'job'), 'P0002', 'job not found', 'nor see that there are jobs');
reset role;
set role flow_user;
select atelier.enqueue_job('leaf', '1') as mine \gset
select is(atelier.job_state(:'mine'), 'waiting', 'a member of used_by enqueues, and sees jobs that belong to no client');
select is((select e.state from atelier.explain_job(:'mine') e), 'waiting', 'with their reasons');
select throws_ok($$ select atelier.enqueue_job('leaf', '1', order_key => 'k') $$, '55000', null, 'a key is one of a client');
select throws_ok($$ select atelier.enqueue_job('leaf', '1', idempotency_key => 'k') $$, '55000', null, 'of either kind');
select throws_ok($$ select atelier.enqueue_job('generate_image', '{}') $$, '42704', 'pipeline "generate_image" does not exist', 'pipelines of the engine are none of users');
select throws_ok($$ select atelier.enqueue_job(null) $$, '42704', null, 'null is no pipeline');
select throws_ok($$ select atelier.enqueue_job('leaf', null) $$, '22004', null, 'nor an input');
select throws_ok($$ select atelier.enqueue_job('leaf', to_jsonb(repeat('x', 100000))) $$, '54000', null, 'inputs are at most 100000 bytes long');
reset role;
select throws_ok($$ select atelier.enqueue_job('leaf', '1', gen_random_uuid()) $$, '23503', null, 'there must be such a client');

-- many at once
select atelier.enqueue_jobs('leaf', '[1, null, {"a": 1}]', priority => 4, tags => '{bulk}') as jobs \gset
select results_eq(format($$ select j.input, j.priority::integer, j.tags from unnest(%L::uuid[]) with ordinality u (id, n) join atelier_internal.jobs j on j.id = u.id order by u.n $$, :'jobs'),
    $$ values ('{"input": 1}'::jsonb, 4, '{bulk}'::text[]), ('{"input": null}', 4, '{bulk}'), ('{"input": {"a": 1}}', 4, '{bulk}') $$, 'a job for each input');
select is(atelier.enqueue_jobs('leaf', '[]'), '{}', 'or none');
select throws_ok($$ select atelier.enqueue_jobs('leaf', '{}') $$, '22023', null, 'inputs must be a list');
select throws_ok($$ select atelier.enqueue_jobs('leaf', (select jsonb_agg(g) from generate_series(1, 10001) g)) $$, '22023', null, 'of at most 10000');

-- the same call again
select atelier.enqueue_job('leaf', '1', idempotency_key => 'k', start_by => '2999-01-01') as first \gset
select is(atelier.enqueue_job('leaf', '1', idempotency_key => 'k', start_by => '2999-01-01'), :'first'::uuid, 'with its key a call is answered once');
select throws_ok($$ select atelier.enqueue_job('leaf', '2', idempotency_key => 'k', start_by => '2999-01-01') $$, '23505', null, 'a key stands for one input');

-- a client's
select atelier.create_client('North', 'flow-north') as north, atelier.create_client('South', 'flow-south') as south \gset
select atelier.create_user('n@flow.test', 'N') as owner, atelier.create_user('v@flow.test', 'V') as viewer \gset
select atelier.add_member(:'north', :'owner', 'owner'), atelier.add_member(:'north', :'viewer', 'viewer') \gset i_
select atelier.enqueue_job('leaf', '1', :'south') as of_south \gset
savepoint chosen;
select atelier.set_context(:'owner') \gset i_
set role flow_user;
select atelier.enqueue_job('leaf', '1', order_key => 'k', idempotency_key => 'k') as of_north \gset
select is(atelier.job_state(:'of_north'), 'waiting', 'in a transaction that works for a client a job is that client''s');
select throws_ok(format($$ select atelier.job_state(%L) $$, :'mine'), 'P0002', null, 'and those of nobody are not seen');
select throws_ok(format($$ select atelier.job_result(%L) $$, :'of_south'), 'P0002', null, 'nor those of another client');
select throws_ok(format($$ select atelier.child_results(%L) $$, :'of_south'), 'P0002', null, 'nor what they made');
select throws_ok(format($$ select atelier.enqueue_job('leaf', '1', %L) $$, :'south'), '23503', null, 'nothing can be asked for on behalf of another client');
reset role;
select is((select j.client_id from atelier_internal.jobs j where j.id = :'of_north'), :'north'::uuid, 'the client stands on the job');
select throws_ok($$ select atelier.define_pipeline('leaf', '[]') $$, '55000', null, 'a pipeline is nothing of one client');
rollback to chosen;
select atelier.set_context(:'viewer') \gset i_
set role flow_user;
select throws_ok($$ select atelier.enqueue_job('leaf', '1') $$, '42501', null, 'a viewer asks for nothing');
reset role;
rollback to chosen;

-- providers
create role flow_payer in role atelier_app;
select atelier.define_pipeline('paid', '[{"name": "pick", "action": "sql", "handler": "flows.pick"}, {"name": "write", "action": "ai.text", "provider": "writer"}]', run_as => 'flow_runner', used_by => 'flow_payer') \gset i_
set role flow_payer;
select throws_ok($$ select atelier.enqueue_job('paid', '{"prompt": "x"}') $$, '42501', 'permission denied for provider "writer"', 'who asks needs USAGE on the providers of all steps');
reset role;
grant usage on foreign server writer to flow_payer;
set role flow_payer;
select atelier.enqueue_job('paid', '{"prompt": "x"}') as job \gset
reset role;
revoke usage on foreign server writer from flow_payer;
select pg_temp.run(:'job') \gset i_
select is_empty(format($$ select from pg_temp.lease() where job_id = %L $$, :'job'), 'and still has to have it then');
select is(pg_temp.place_of(:'job'), 'failed:invalid_request', 'else the step is refused');

select is_empty($$ select * from atelier.consistency_report $$, 'no rule is broken');
select * from finish();
rollback;
