-- What another extension registers: it comes with CREATE EXTENSION, is ignored while that is not installed, and loses no job.
-- The functions of its pipeline are called here as a handler process calls them.
\set QUIET on
begin;
\ir engine_fixture.psql
select no_plan();

create function pg_temp.refusal(p_command text) returns text language plpgsql as $$
declare
    v_hint text;
begin
    execute p_command;
    return 'no error';
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return concat_ws(' | ', sqlstate, sqlerrm, nullif(v_hint, ''));
end
$$;
-- The lease of a function: taken, called, and ended.
create function pg_temp.take(p_job uuid) returns boolean language plpgsql as $$
begin
    perform pg_temp.lease();
    return exists (select from atelier_internal.jobs j where j.id = p_job and j.state = 'leased');
end
$$;
create function pg_temp.run(p_job uuid) returns text language plpgsql as $$
declare
    v_lease record;
    v_call record;
begin
    perform pg_temp.lease();
    select j.attempt_id, j.token into v_lease from atelier_internal.jobs j where j.id = p_job and j.state = 'leased';
    select * into v_call from atelier_internal.begin_handler(1, p_job, v_lease.attempt_id, v_lease.token);
    perform atelier_internal.finish_handler(1, p_job, v_lease.attempt_id, v_lease.token,
        atelier_internal.run_handler(v_call.function_name, v_call.run_as, v_call.client_id, v_call.argument));
    return pg_temp.state_of(p_job);
end
$$;
create function pg_temp.place_of(p_job uuid) returns text language sql as $$
    select concat_ws(' ', pg_temp.state_of(p_job), (select 'queued' from atelier_internal.queue_entries q where q.job_id = p_job),
                     (select 'parked' from atelier_internal.parked_jobs k where k.job_id = p_job))
$$;
create function pg_temp.dumped(p_table regclass) returns bigint language plpgsql as $$
declare
    v_rows bigint;
begin
    execute format('select count(*) from %s %s', p_table, (
        select e.extcondition[array_position(e.extconfig, p_table::oid)] from pg_extension e where e.extname = 'pg_atelier')) into v_rows;
    return v_rows;
end
$$;

-- Only the script of an extension registers anything, and only one that requires this one.
select matches(pg_temp.refusal(c), '^55000 \| only the script of an extension can register something \| .*install script', 'outside a script it is refused: ' || c)
  from unnest(array[$$select atelier.register_pipeline('p', '[]', '', 'postgres')$$, $$select atelier.unregister_pipeline('p')$$,
                    $$select atelier.register_transition('collection', 'ready', 'completed')$$, $$select atelier.unregister_transition('a', 'b', 'c')$$,
                    $$select atelier.register_stored_objects('pg_class')$$, $$select atelier.unregister_stored_objects('pg_class')$$]) as c;
select matches(pg_temp.refusal('create extension atelier_stray'), '^55000 \| extension "atelier_stray" does not require pg_atelier \| Write requires = ''pg_atelier''', 'without requires a restore would fail, so the script does');
select pg_temp.dumped('atelier_internal.pipelines') as pipelines, pg_temp.dumped('atelier_internal.steps') as steps, pg_temp.dumped('atelier_internal.status_transitions') as transitions \gset before_

create extension atelier_postcards;
select results_eq('select extension, kind, name, is_installed from atelier.registrations order by kind, name', $$ values
    ('atelier_postcards', 'pipeline', 'write_postcard', true), ('atelier_postcards', 'stored_objects', 'postcards.cards', true),
    ('atelier_postcards', 'transition', 'collection: ready to completed', true), ('atelier_postcards', 'transition', 'postcard: blank to written', true),
    ('atelier_postcards', 'transition', 'postcard: written to sent', true) $$, 'the view shows what it brought');
select results_eq($$ select p.run_as, p.extension, p.built_in from atelier_internal.pipelines p where p.name = 'write_postcard' $$,
    $$ values ('postcard_writer', 'atelier_postcards', false) $$, 'the pipeline carries its name');
select is(pg_temp.dumped('atelier_internal.pipelines') || ' ' || pg_temp.dumped('atelier_internal.steps') || ' ' || pg_temp.dumped('atelier_internal.status_transitions'),
          concat_ws(' ', :before_pipelines, :before_steps, :before_transitions), 'a dump leaves its rows out: the script writes them again');

-- A pipeline of it
select atelier.create_client('North', 'register-north') as north \gset
select atelier.enqueue_job('write_postcard', '{"name": "Ann"}', :'north') as job \gset
select is(pg_temp.run(:'job'), 'waiting', 'its functions are called: one step');
select is(pg_temp.run(:'job'), 'completed', 'and the next');
select results_eq('select client_id, words from postcards.cards', format($$ values (%L::uuid, 'Dear Ann') $$, :'north'), 'and do what they are for');

-- The extension goes while its jobs are in every place.
select atelier.enqueue_job('write_postcard', '{"name": "Leased"}') as leased \gset
select ok(pg_temp.take(:'leased'), 'one is under way');
select atelier.enqueue_job('write_postcard', '{"name": "Queued"}') as queued \gset
select atelier.enqueue_job('write_postcard', '{"name": "Late"}', start_by => now() + interval '1 hour') as late \gset
select atelier.enqueue_job('write_postcard', '{"name": "Deferred"}', run_after => now() + interval '1 hour') as deferred \gset
select atelier.enqueue_job('write_postcard', '{"name": "Cancelled"}') as cancelled \gset
select (pg_temp.enqueue('one_step'))[1] as other \gset
drop extension atelier_postcards cascade;
select is(atelier_internal.is_pipeline_present('write_postcard'), false, 'it is ignored while its extension is not installed');
select is((select bool_or(is_installed) from atelier.registrations), false, 'the view says so');
select matches((select concat_ws(' | ', e.state, e.reason, e.explanation, e.released_by) from atelier.explain_job(:'queued') e),
    '^waiting \| pipeline_absent \| Its pipeline write_postcard was registered by extension atelier_postcards, which is not installed in this database\. \| CREATE EXTENSION atelier_postcards;',
    'explain: what a queued job will wait for');
select results_eq('select job_id from pg_temp.lease()', array[:'other'::uuid], 'of it nothing is leased, of others in turn it is');
select is(pg_temp.place_of(:'queued') || ', ' || pg_temp.place_of(:'late') || ', ' || pg_temp.place_of(:'deferred'),
          'held:pipeline_absent parked, held:pipeline_absent parked, waiting:deferred', 'whose turn came is set aside, for a reason of its own, and stands in nobody''s way');
select is((select count(*) from atelier.attempts where job_id in (:'queued', :'late')), 0::bigint, 'without an attempt');
select matches((select concat_ws(' | ', e.state, e.reason, e.explanation, e.released_by) from atelier.explain_job(:'queued') e),
    '^held \| pipeline_absent \| Its pipeline write_postcard was registered by extension atelier_postcards, which is not installed.* \| CREATE EXTENSION atelier_postcards; Then it goes on by itself\.',
    'explain: why it is held, and what brings it back');
select matches((select e.explanation from atelier.explain_job(:'late') e), 'It has to begin by ', 'explain: and that its time runs on');
select is((select count(*) from atelier.consistency_report), 0::bigint, 'nothing is inconsistent');
select is(atelier_internal.next_due(), now() + interval '1 hour', 'nothing is due before the times of others');
select is(atelier_internal.unpark(100), 0, 'nothing comes back');
select pg_temp.settle(array[(select pg_temp.answer(jsonb_build_object('job', j.id, 'attempt', j.attempt_id, 'ring', j.attempt_ring, 'token', j.token, 'lane', j.lane_id), 'handler_failed')
                               from atelier_internal.jobs j where j.id = :'leased')]) \gset i_
select is((select concat_ws(' ', j.state, j.attempts) from atelier_internal.jobs j where j.id = :'leased'), 'waiting 0', 'an attempt whose function went away meanwhile is none');
select count(*) from pg_temp.lease() \gset i_
select is(pg_temp.place_of(:'leased'), 'held:pipeline_absent parked', 'and its job waits with the others');
select ok(atelier.cancel_job(:'cancelled'), 'a held one can be cancelled');
select is(pg_temp.place_of(:'cancelled'), 'cancelled:cancelled', 'and leaves nothing');
select matches(pg_temp.refusal($$select atelier.enqueue_job('write_postcard', '{}')$$), '^42704 \| pipeline "write_postcard" does not exist', 'nothing new can be asked for');
select is(pg_temp.dumped('atelier_internal.pipelines') || ' ' || pg_temp.dumped('atelier_internal.steps') || ' ' || pg_temp.dumped('atelier_internal.status_transitions'),
          concat_ws(' ', :before_pipelines + 1, :before_steps + 2, :before_transitions), 'of an absent one a dump keeps the pipeline, for the jobs that wait');
select matches(pg_temp.refusal($$select atelier.define_pipeline('write_postcard', '[{"name": "a", "action": "ai.text"}]', run_as => 'postcard_writer')$$), '^55000 \| pipeline "write_postcard" belongs to extension "atelier_postcards"', 'nobody else takes its name');

-- A redrive has to wait too.
insert into atelier_internal.history_failed (ring, job_id, instance, pipeline, lane_id, attempts, crashes, created_at, state, step, error_class, error_message, input)
select atelier_internal.ring_slot(now()), '00000000-0000-4000-8000-00000000000d', j.instance, j.pipeline, j.lane_id, 3, 0, now(), 'failed', 1, 'handler_failed', 'test', j.input
  from atelier_internal.jobs j where j.id = :'queued';
select matches((select r.problem from atelier.redrive('{"job_id": "00000000-0000-4000-8000-00000000000d"}') r), 'or its extension is not installed', 'a redrive is refused, and stays possible');

-- It comes back.
create extension atelier_postcards;
select is(atelier_internal.next_due(), now(), 'the worker has something to do as soon as it is there again');
select is(atelier_internal.promote(2), 2, 'held jobs come back, a batch at a time');
select is(atelier_internal.next_due() = now() and atelier_internal.promote(100) = 1, true, 'until all are back');
select is((select count(*) from atelier_internal.parked_jobs), 0::bigint, 'and nobody waits');
select is(pg_temp.run(:'queued') || ' ' || pg_temp.run(:'queued'), 'waiting completed', 'and they run as if nothing had been');
select is(pg_temp.run(:'leased') || ' ' || pg_temp.run(:'leased'), 'waiting completed', 'so does the one that was under way');
select is((select h.attempts from atelier_internal.history_completed h where h.job_id = :'leased'), 1::smallint, 'with one attempt at the step that counts');
select is((select string_agg(words, ', ' order by words) from postcards.cards), 'Dear Leased, Dear Queued', 'each of them once');
select is((select count(r.new_job_id) from atelier.redrive('{"job_id": "00000000-0000-4000-8000-00000000000d"}') r), 1::bigint, 'what was refused can be redriven now');

-- Paused and absent at once, and what runs out meanwhile
select pg_temp.settle(array(select pg_temp.answer(jsonb_build_object('job', j.id, 'attempt', j.attempt_id, 'ring', j.attempt_ring, 'token', j.token, 'lane', j.lane_id), 'not_sent')
                              from atelier_internal.jobs j where j.pipeline = 'write_postcard' and j.state = 'leased')) \gset i_
select atelier.pause_pipeline('write_postcard', 'a misprint') \gset i_
drop extension atelier_postcards cascade;
select count(*) from pg_temp.lease() \gset i_
select is(pg_temp.place_of(:'late'), 'held:pipeline_absent parked', 'of a paused one it is the absence that is told');
create extension atelier_postcards;
select is(atelier_internal.unpark(100), 0, 'it is still paused when it comes back');
select matches((select e.explanation from atelier.explain_job(:'late') e), '^Its turn came while pipeline write_postcard was paused', 'explain: which is told then');
drop extension atelier_postcards cascade;
select atelier.resume_pipeline('write_postcard') \gset i_
select is(atelier_internal.unpark(100), 0, 'and still absent when it is resumed');
update atelier_internal.jobs set start_by = now() where id = :'late';
update atelier_internal.start_deadlines set start_by = now() where job_id = :'late';
select atelier_internal.promote(100) \gset i_
select is(pg_temp.place_of(:'late'), 'failed:expired', 'what had to begin by a time ends then');
create extension atelier_postcards;
select atelier_internal.promote(100) \gset i_
select is((select count(*) from atelier_internal.parked_jobs), 0::bigint, 'then the rest comes back');

-- A dump that was restored where its extension could not be created: nothing at all is known of the pipeline.
drop extension atelier_postcards cascade;
delete from atelier_internal.pipelines where name = 'write_postcard';
update atelier_internal.deferrals set run_after = now() where job_id = :'deferred';
update atelier_internal.jobs set run_after = now() where id = :'deferred';
select atelier_internal.promote(100) \gset i_
select count(*) from pg_temp.lease() \gset i_
select is(pg_temp.place_of(:'deferred'), 'held:pipeline_absent parked', 'jobs of a pipeline that nobody knows are held, not failed');
select matches((select e.explanation || e.released_by from atelier.explain_job(:'deferred') e), '^Its pipeline write_postcard is not defined in this database\..*by the extension that brings it', 'explain: and that says so');
create extension atelier_postcards;
select ok(atelier_internal.promote(100) > 0, 'when it is known they come back');
select is(pg_temp.run(:'deferred') || ' ' || pg_temp.run(:'deferred'), 'waiting completed', 'and run');

-- Status changes
create function pg_temp.step(p_from text, p_to text) returns text language sql as
    $$ select pg_temp.refusal(format('select atelier_internal.check_status_change(''collection'', ''1'', %L, %L)', p_from, p_to)) $$;
select is(pg_temp.step('ready', 'completed'), 'no error', 'a status change that it registered is allowed');
select ok((select next_states @> '{completed}' from atelier.lifecycle_map where entity = 'collection' and state = 'ready'), 'and shown');
insert into postcards.cards (words) values ('Hello');
select is(pg_temp.refusal($$update postcards.cards set status = 'written' where words = 'Hello'$$), 'no error', 'a table of its own: what it registered is allowed');
select matches(pg_temp.refusal($$update postcards.cards set status = 'blank' where words = 'Hello'$$), '^23514 \| postcard cannot change from written to blank \| From written it may change to: sent\.', 'and nothing else');
select is(pg_temp.refusal($$update postcards.cards set words = words, status = status$$), 'no error', 'an UPDATE without a change is none');
create function pg_temp.in_script(p_command text) returns text language plpgsql as $$
begin
    execute format('create or replace function atelier_internal.current_extension() returns text language sql stable set search_path = pg_catalog, pg_temp return %L', 'atelier_postcards');
    return pg_temp.refusal(p_command);
end
$$;
savepoint script;
select matches(pg_temp.in_script($$select atelier.register_transition('generated_asset', 'completed', 'pending')$$), '^55000 \| status completed of generated_asset is final', 'what is final stays final');
select matches(pg_temp.in_script($$select atelier.register_transition('image', 'deleting', 'ready')$$), '^55000 \| status deleting of image is final', 'so does what is being deleted');
select matches(pg_temp.in_script($$select atelier.register_transition('image', 'ready', 'sold')$$), '^22023 \| entity image has no such status \| It can be: deleting, failed, pending, ready\.', 'no status is new to what the engine knows');
select matches(pg_temp.in_script($$select atelier.register_transition('postcard', 'sent', 'sent')$$), '^22023', 'a change changes something');
select matches(pg_temp.in_script($$select atelier.register_transition('Post card', 'a', 'b')$$), '^22023 \| entity is not valid', 'names are words');
select matches(pg_temp.in_script($$select atelier.register_pipeline('write_postcard', '[{"name": "a", "action": "ai.text"}]', '', null)$$), '^22004 \| run_as must not be null', 'whoever registers says as whom it runs');
create function public.not_of_it(job jsonb) returns jsonb language sql return job;
grant execute on function public.not_of_it(jsonb) to postcard_writer;
select matches(pg_temp.in_script($$select atelier.register_pipeline('another', '[{"name": "a", "action": "sql", "handler": "public.not_of_it"}]', '', 'postcard_writer')$$),
    '^55000 \| function public\.not_of_it\(jsonb\) is none of extension "atelier_postcards"', 'a function of somebody else would not be there at a restore');
select matches(pg_temp.in_script($$select atelier.register_pipeline('generate_image', '[{"name": "a", "action": "ai.text"}]', '', 'postcard_writer')$$), '^42809', 'a pipeline of the engine is not replaced');
rollback to script;
drop extension atelier_postcards cascade;
select matches(pg_temp.step('ready', 'completed'), '^23514 .* From ready it may change to: analyzing, draft, generating\.', 'without the extension it is not allowed, nor named');
select ok((select not next_states @> '{completed}' from atelier.lifecycle_map where entity = 'collection' and state = 'ready'), 'nor shown');

-- A restore turns row security off, and must not be refused for it.
set local row_security = off;
select is(pg_temp.refusal('create extension atelier_postcards'), 'no error', 'a restore creates it');
reset row_security;

-- Another version that does with less
select atelier.enqueue_job('write_postcard', '{"name": "Ben"}') as job \gset
select matches(pg_temp.refusal($$alter extension atelier_postcards update to '2.0'$$), '^55006 \| pipeline "write_postcard" has \d+ live job\(s\)', 'no pipeline is taken back under its jobs');
select count(atelier.cancel_job(j.id)) from atelier_internal.jobs j where j.pipeline = 'write_postcard' \gset i_
alter extension atelier_postcards update to '2.0';
select results_eq('select kind, name from atelier.registrations order by kind, name', $$ values ('transition', 'collection: ready to completed'), ('transition', 'postcard: blank to written') $$, 'an update script takes back what it does without');
select matches(pg_temp.refusal($$update postcards.cards set status = 'sent'$$) || pg_temp.refusal($$insert into postcards.cards (status) values ('written'); update postcards.cards set status = 'sent'$$), '23514', 'and that counts');

-- A name that is taken
drop extension atelier_postcards cascade;
delete from atelier_internal.pipelines where name = 'write_postcard';
select atelier.define_pipeline('write_postcard', '[{"name": "a", "action": "ai.text"}]', run_as => 'postcard_writer') \gset i_
select matches(pg_temp.refusal('create extension atelier_postcards'), '^55000 \| pipeline "write_postcard" belongs to no extension', 'a pipeline of somebody else is not replaced');
select ok(not has_function_privilege('atelier_app', f.name, 'execute') and has_function_privilege('atelier_admin', f.name, 'execute'), 'not for applications: ' || f.name)
  from (values ('atelier.register_pipeline(text, jsonb, text, text, text)'), ('atelier.unregister_pipeline(text)'),
               ('atelier.register_transition(text, text, text)'), ('atelier.unregister_transition(text, text, text)'),
               ('atelier.register_stored_objects(regclass, text, text, text, text, text, text)'),
               ('atelier.unregister_stored_objects(regclass)')) as f (name);
select * from finish();
rollback;
