-- Pipelines that users define: who may define, use and drop them.

create function atelier_internal.check_run_as(p_run_as text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from pg_roles r where r.rolname = p_run_as) then
        raise exception 'role "%" does not exist', left(p_run_as, 200)
            using errcode = 'undefined_object', hint = 'run_as names the role as which the functions of the pipeline run.';
    elsif p_run_as = 'atelier_owner' or (select r.rolsuper from pg_roles r where r.rolname = p_run_as) then
        raise exception 'functions of a pipeline do not run as "%"', p_run_as
            using errcode = 'insufficient_privilege', detail = 'It may do everything here, and whoever can change one of the functions could too.',
                  hint = 'CREATE ROLE one with the rights that the functions need, and name it: run_as => ''...''.';
    end if;
end
$$;
comment on function atelier_internal.check_run_as(text) is 'Raises 42704 for a role that there is not, 42501 for one as which functions of users may not run.';

create function atelier_internal.write_pipeline(p_name text, p_steps jsonb, p_description text, p_run_as text, p_used_by text, p_extension text)
    returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_before atelier_internal.pipelines;
    v_rows atelier_internal.steps[];
begin
    if coalesce(p_name, '') !~ '^[a-z_][a-z0-9_]{0,62}$' then
        raise exception 'name of the pipeline is not valid'
            using errcode = 'invalid_parameter_value', hint = 'Use 1 to 63 of a to z, 0 to 9 and _, and no digit first.';
    end if;
    perform atelier_internal.check_run_as(p_run_as);
    if p_used_by is not null and not exists (select from pg_roles r where r.rolname = p_used_by) then
        raise exception 'role "%" does not exist', left(p_used_by, 200)
            using errcode = 'undefined_object', hint = 'used_by names a role whose members may enqueue jobs of the pipeline.';
    end if;
    v_rows := atelier_internal.compile_steps(p_name, p_steps, p_run_as);

    insert into atelier_internal.pipelines (name, description, run_as, extension, redrive)
    values (p_name, '', p_run_as, p_extension, 'atelier_internal.redrive_defined') on conflict do nothing;
    -- Who enqueues holds the row: no job begins by the old steps and goes on by the new ones.
    select * into v_before from atelier_internal.pipelines p where p.name = p_name for update;
    if v_before.run_as is null then
        raise exception 'pipeline "%" is one of the engine''s own', p_name
            using errcode = 'wrong_object_type', hint = 'Choose another name.';
    elsif v_before.extension is distinct from p_extension then
        raise exception 'pipeline "%" belongs to %', p_name, coalesce('extension "' || v_before.extension || '"', 'no extension')
            using errcode = 'object_not_in_prerequisite_state', hint = 'Choose another name.';
    elsif exists (select from atelier_internal.jobs j where j.pipeline = p_name)
          -- Those of a dump that was restored without its extension stand where they stood.
          and exists (select from atelier_internal.steps s where s.pipeline = p_name)
          and (select array_agg(row(s.label, s.phase, s.action)::text order by s.position) from atelier_internal.steps s where s.pipeline = p_name)
              is distinct from (select array_agg(row(r.label, r.phase, r.action)::text order by r.position) from unnest(v_rows) r) then
        raise exception 'pipeline "%" has live jobs, and its steps would be others', p_name
            using errcode = 'object_in_use', detail = 'A job stands at a place among the steps, which would mean something else.',
                  hint = format('Wait for them, or SELECT atelier.cancel_jobs(''{"pipeline": "%s"}''); what a step calls and asks for may change at any time.', p_name);
    end if;
    update atelier_internal.pipelines p
       set description = left(coalesce(p_description, ''), 1000), run_as = p_run_as, used_by = p_used_by, defined_by = atelier_internal.caller(), defined_at = now()
     where p.name = p_name;
    delete from atelier_internal.steps s where s.pipeline = p_name;
    insert into atelier_internal.steps select r.* from unnest(v_rows) r;
    perform atelier_internal.check_fan_out(p_name);
end
$$;
comment on function atelier_internal.write_pipeline(text, jsonb, text, text, text, text) is
    'Writes a pipeline of users, or writes it anew. Whoever calls this has checked that they may. 22023 for what is not well formed, 42704 for a role, function or pipeline that there is not, 42501 for a role as which nothing may run or that may not call a function, 55006 for other steps while jobs are live, 42809 and 55000 for a name that is taken.';

create function atelier_internal.check_fan_out(p_pipeline text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown text;
begin
    select s.fan_out into v_unknown
      from atelier_internal.steps s
     where s.pipeline = p_pipeline and s.fan_out is not null
       and not exists (select from atelier_internal.pipelines p where p.name = s.fan_out and p.run_as is not null) limit 1;
    if v_unknown is not null then
        raise exception 'pipeline "%" does not exist', v_unknown
            using errcode = 'undefined_object', hint = 'Define the pipeline of the jobs that fan_out makes first.';
    elsif exists (
        with recursive made as (
            select s.fan_out as name from atelier_internal.steps s where s.pipeline = p_pipeline and s.fan_out is not null
            union
            select s.fan_out from made m join atelier_internal.steps s on s.pipeline = m.name and s.fan_out is not null)
        select from made m where m.name = p_pipeline) then
        raise exception 'pipeline "%" would make jobs of itself', p_pipeline
            using errcode = 'invalid_parameter_value', hint = 'There would be no end of it. Let fan_out name a pipeline that does not lead back.';
    end if;
end
$$;
comment on function atelier_internal.check_fan_out(text) is
    'Raises 42704 for a pipeline that fans out into one that there is not, 22023 for one that leads back to itself.';

create function atelier_internal.may_use_pipeline(p_role text, p_pipeline text) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from atelier_internal.pipelines p join pg_roles r on r.rolname in (p.run_as, p.used_by)
         where p.name = p_pipeline and p.run_as is not null and pg_has_role(p_role, r.oid, 'member'));
end;
comment on function atelier_internal.may_use_pipeline(text, text) is
    'Whether a role may enqueue jobs of a pipeline of users: members of the roles it runs as and is used by may.';

create function atelier_internal.step_route(p_step atelier_internal.steps, out provider text, out model text)
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select r.provider, coalesce(p_step.model, atelier_internal.provider_option(r.provider, replace(p_step.action, 'ai.', '') || '_model'), '')
      from (select coalesce(p_step.provider, atelier_internal.setting('default_provider')) as provider) r;
end;
comment on function atelier_internal.step_route(atelier_internal.steps) is
    'Provider and model of a step of users: those it names, else pg_atelier.default_provider and the model that its server names for the action; an empty one where there is none.';

create function atelier_internal.enqueue_defined(
        p_pipeline text, p_client_id uuid, p_inputs jsonb[], p_options atelier_internal.job_options[], p_step integer default 1,
        p_waits_for uuid[] default null)
    returns uuid[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_route record;
    v_jobs uuid[];
begin
    perform from atelier_internal.pipelines p where p.name = p_pipeline and p.run_as is not null for key share;
    -- The worker makes no lane then, for which it might have to wait for somebody.
    perform atelier_internal.lane_for(r.provider, r.model)
       from atelier_internal.steps s cross join lateral atelier_internal.step_route(s) r
      where s.pipeline = p_pipeline;
    select r.provider, r.model, s.max_attempts into v_route
      from atelier_internal.steps s cross join lateral atelier_internal.step_route(s) r
     where s.pipeline = p_pipeline and s.position = p_step;
    v_jobs := atelier_internal.enqueue_jobs(p_pipeline, array(
        select row(null, p_client_id, v_route.provider, v_route.model, jsonb_build_object('input', i.input), p_waits_for)::atelier_internal.job_request
          from unnest(p_inputs) with ordinality as i (input, n) order by i.n), p_options);
    if p_step > 1 then
        update atelier_internal.jobs j
           set step = p_step, max_attempts = coalesce(v_route.max_attempts, atelier_internal.setting('max_attempts')::smallint)
         where j.id = any (v_jobs);
    end if;
    return v_jobs;
end
$$;
comment on function atelier_internal.enqueue_defined(text, uuid, jsonb[], atelier_internal.job_options[], integer, uuid[]) is
    'Enqueues jobs of a pipeline of users, one for each input, and returns their ids in that order. p_options: none, one for all jobs, or one for each; they begin with the given step, and wait for the given jobs. Their input column is an object with the one key input, so that no word of it is taken for one of the engine. As enqueue_jobs().';

create function atelier_internal.require_own_providers(p_pipeline text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require_provider(d.provider)
       from (select distinct r.provider from atelier_internal.steps s cross join lateral atelier_internal.step_route(s) r
              where s.pipeline = p_pipeline and s.action like 'ai.%') d;
end
$$;
comment on function atelier_internal.require_own_providers(text) is
    'Raises 42704 where a provider of the steps of a pipeline of users does not exist, 42501 when the caller has no USAGE on it: what its last step will be refused, its first one need not be paid for.';

create function atelier.define_pipeline(name text, steps jsonb, description text default '', run_as text default null, used_by text default null)
    returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_caller text := atelier_internal.caller();
    v_run_as text := coalesce(run_as, v_caller);
    v_before text := (select p.run_as from atelier_internal.pipelines p where p.name = define_pipeline.name);
    v_step record;
begin
    perform atelier_internal.refuse_context('a pipeline');
    perform atelier_internal.check_run_as(v_run_as);
    if not pg_has_role(v_caller, v_run_as, 'member') then
        raise exception 'role "%" is no member of "%"', v_caller, v_run_as
            using errcode = 'insufficient_privilege', hint = format('GRANT %I TO %I;', v_run_as, v_caller);
    elsif v_before is not null and not atelier_internal.is_operator()
          and not exists (select from pg_roles r where r.rolname = v_before and pg_has_role(v_caller, r.oid, 'member')) then
        raise exception 'pipeline "%" is of role "%"', name, v_before
            using errcode = 'insufficient_privilege', hint = format('Choose another name, or GRANT %I TO %I;', v_before, v_caller);
    end if;
    perform atelier_internal.write_pipeline(name, steps, description, v_run_as, used_by, null);
    for v_step in select s.* from atelier_internal.steps s where s.pipeline = define_pipeline.name order by s.position loop
        if v_step.provider is not null and v_step.action like 'ai.%' then
            perform atelier_internal.require_provider(v_step.provider);
        elsif v_step.fan_out is not null and not atelier_internal.may_use_pipeline(v_run_as, v_step.fan_out) then
            raise exception 'role "%" may not enqueue jobs of pipeline "%"', v_run_as, v_step.fan_out
                using errcode = 'insufficient_privilege', hint = 'Define that pipeline with used_by => ''...'', a role of which this one is a member.';
        end if;
    end loop;
    perform atelier_internal.audit('pipeline.defined', 'pipeline', null, null, jsonb_build_object(
        'pipeline', name, 'run_as', v_run_as, 'used_by', used_by));
end
$$;
comment on function atelier.define_pipeline(text, jsonb, text, text, text) is
    'Defines a pipeline, or defines it anew. steps: a list of 1 to 100 objects. {"name", "action": "sql", "handler": "schema.function"} calls a function; with "fan_out": pipeline, and "on_child_failure": fail or collect, the function returns a list of at most 10000 inputs, each becomes a job of that pipeline, and the next step, which reads atelier.child_results(), begins when all have ended. {"name", "action": "ai.text", "ai.json", "ai.image" or "http.request", "prepare", "settle", "request", "provider", "model"} has something done outside: prepare returns the request (null: the step is skipped), or request is the same for every job, or the input is the request; settle makes the result of the answer. Any step may have "timeout" (of each attempt of each function and call) and "max_attempts". Every function is f(job jsonb) returns jsonb or void, and runs as the role run_as (the caller, unless named) in a process of its own, in one transaction with the end of its step, which never runs again then. Members of run_as and used_by may enqueue jobs. 22023 for steps that are not well formed, 42704 for a function, role, provider or pipeline that there is not, 42809 for a function of another kind or a name of the engine, 42501 where a right is missing or run_as is a superuser, 55006 for other steps while jobs are live, 55000 for a pipeline of an extension or in a transaction that works for one client.';

create function atelier.drop_pipeline(name text) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_pipeline atelier_internal.pipelines;
    v_made_by text;
begin
    perform atelier_internal.refuse_context('a pipeline');
    -- Who enqueues holds the row.
    select * into v_pipeline from atelier_internal.pipelines p where p.name = drop_pipeline.name for update;
    v_made_by := (select s.pipeline from atelier_internal.steps s where s.fan_out = drop_pipeline.name limit 1);
    if v_pipeline.name is null then
        raise exception 'pipeline "%" does not exist', coalesce(left(name, 200), 'null')
            using errcode = 'undefined_object', hint = 'SELECT pipeline FROM atelier.pipelines lists them.';
    elsif v_pipeline.run_as is null then
        raise exception 'pipeline "%" is one of the engine''s own', name
            using errcode = 'wrong_object_type', hint = 'It goes with the extension: DROP EXTENSION pg_atelier;';
    elsif v_pipeline.extension is not null and atelier_internal.is_present(v_pipeline.extension) then
        raise exception 'pipeline "%" belongs to extension "%"', name, v_pipeline.extension
            using errcode = 'object_not_in_prerequisite_state', hint = format('DROP EXTENSION %I; lets its jobs wait until it is back.', v_pipeline.extension);
    elsif not atelier_internal.is_operator()
          and not exists (select from pg_roles r where r.rolname = v_pipeline.run_as and pg_has_role(atelier_internal.caller(), r.oid, 'member')) then
        raise exception 'pipeline "%" is of role "%"', name, v_pipeline.run_as
            using errcode = 'insufficient_privilege', hint = format('GRANT %I TO %I;', v_pipeline.run_as, atelier_internal.caller());
    elsif exists (select from atelier_internal.jobs j where j.pipeline = drop_pipeline.name) then
        raise exception 'pipeline "%" has live jobs', name
            using errcode = 'object_in_use', hint = format('Wait for them, or SELECT atelier.cancel_jobs(''{"pipeline": "%s"}'');', name);
    elsif v_made_by is not null then
        raise exception 'pipeline "%" makes jobs of pipeline "%"', v_made_by, name
            using errcode = 'object_in_use', hint = 'Drop that one first, or define it anew.';
    end if;
    delete from atelier_internal.pipelines p where p.name = drop_pipeline.name;
    perform atelier_internal.audit('pipeline.dropped', 'pipeline', null, null, jsonb_build_object('pipeline', name));
end
$$;
comment on function atelier.drop_pipeline(text) is
    'Forgets a pipeline that users defined; its functions stay. 42704 for an unknown one, 55006 while it has live jobs or another one makes jobs of it, 42809 for one of the engine, 55000 for one of an extension that is installed, 42501 for who is neither an operator nor a member of the role that it runs as.';
