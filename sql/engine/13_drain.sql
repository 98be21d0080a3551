-- Users try their pipelines out: what the worker, a handler process and the services would do is done in the caller's session and
-- transaction, so that a rollback leaves nothing.

create function atelier_internal.next_to_drain(p_pipelines text[]) returns uuid
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_job uuid;
begin
    -- What waits for its turn under a key is let go by the worker; here nobody else is there to look.
    for v_round in 1 .. 2 loop
        select j.id into v_job from atelier_internal.jobs j
         where j.pipeline = any (p_pipelines) and j.instance = atelier_internal.instance_id() and j.state = 'waiting'
           and (j.sequence is not null or j.run_after is not null and j.reason not in ('dependency', 'order'))
         order by j.run_after nulls first, j.priority, j.sequence, j.id limit 1
           for update skip locked;
        exit when v_job is not null;
        perform atelier_internal.resolve_orders();
    end loop;
    return v_job;
end
$$;
comment on function atelier_internal.next_to_drain(text[]) is
    'Locks the next live job of these pipelines that waits for its turn or for a time; of those that wait for a time, the earliest. Null: there is none.';

create function atelier_internal.lease_to_drain(p_epoch bigint, p_job uuid) returns atelier_internal.leased
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_gone integer;
begin
    delete from atelier_internal.deferrals d using atelier_internal.jobs j
     where j.id = p_job and j.run_after is not null and d.instance = j.instance and d.run_after = j.run_after and d.job_id = j.id;
    get diagnostics v_gone = row_count;
    if v_gone > 0 then
        perform atelier_internal.make_runnable(array[p_job]);
    end if;
    return (atelier_internal.take_leases(p_epoch, array(
        select row(q.ctid, q.lane_id, q.tenant_id, q.priority, q.sequence, q.job_id)::atelier_internal.claimed
          from atelier_internal.jobs j
          join atelier_internal.queue_entries q
            on q.instance = j.instance and q.lane_id = j.lane_id and q.tenant_id = atelier_internal.tenant_of(j.client_id)
           and q.priority = j.priority and q.sequence = j.sequence
         where j.id = p_job)))[1];
end
$$;
comment on function atelier_internal.lease_to_drain(bigint, uuid) is 'Leases one locked job, whether or not its time has come. Null where it may not begin.';

create function atelier_internal.drained(p_lease atelier_internal.leased, p_class text, p_message text, p_result jsonb) returns atelier_internal.outcome
    language sql stable set search_path = pg_catalog, pg_temp
    return row(p_lease.job_id, p_lease.attempt_id, atelier_internal.ring_slot(now()), p_lease.token,
               case when p_class is null then 'completed' else 'failed' end, true, 0, p_result, null, p_class, p_message, null)::atelier_internal.outcome;
comment on function atelier_internal.drained(atelier_internal.leased, text, text, jsonb) is 'The outcome of a lease that atelier.drain() took.';

create function atelier_internal.drain_handler(p_epoch bigint, p_lease atelier_internal.leased) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_call record;
begin
    select b.* into v_call from atelier_internal.begin_handler(p_epoch, p_lease.job_id, p_lease.attempt_id, p_lease.token) b;
    perform atelier_internal.finish_handler(
        p_epoch, p_lease.job_id, p_lease.attempt_id, p_lease.token,
        atelier_internal.run_handler(v_call.function_name, v_call.run_as, v_call.client_id, v_call.argument));
exception when others then
    raise notice 'attempt of step "%" of job % failed: %', (
        select s.name from atelier_internal.steps s where s.pipeline = p_lease.pipeline and s.position = p_lease.step), p_lease.job_id, sqlerrm
        using detail = format('SQLSTATE %s.', sqlstate);
    perform atelier_internal.apply_outcomes(p_epoch, array[atelier_internal.drained(p_lease, 'handler_failed', format('%s (%s)', sqlerrm, sqlstate), null)]);
end
$$;
comment on function atelier_internal.drain_handler(bigint, atelier_internal.leased) is
    'What a handler process does: calls the function of a lease and moves its job on, or lets the attempt fail.';

create function atelier_internal.drain_answer(p_step atelier_internal.steps, p_lease atelier_internal.leased, p_request jsonb, p_answers jsonb) returns jsonb
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_answer jsonb := coalesce(p_answers -> (p_step.pipeline || '.' || p_step.label), p_answers -> p_step.label);
    v_run_as text := (select p.run_as from atelier_internal.pipelines p where p.name = p_step.pipeline);
begin
    if v_answer is null then
        raise exception 'answers has none for step "%" of pipeline "%"', p_step.label, p_step.pipeline
            using errcode = 'invalid_parameter_value', detail = format('It asks: %s', left(p_request::text, 1000)),
                  hint = format('Add "%s": the answer as an object, {"error": {"class": ..., "message": ...}}, or the name of a function of the request. Its request is %s.',
                                p_step.label, left(p_request::text, 300));
    elsif jsonb_typeof(v_answer) = 'string' then
        v_answer := atelier_internal.run_handler(atelier_internal.handler_of(v_answer #>> '{}', v_run_as), v_run_as, p_lease.client_id, p_request);
    end if;
    if jsonb_typeof(v_answer) is distinct from 'object' then
        raise exception 'the answer for step "%" is no object', p_step.label
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', coalesce(left(v_answer::text, 200), 'null')),
                  hint = 'Such as {"text": ...} of ai.text, {"json": ...} of ai.json, {"status": 200, "body": ...} of http.request.';
    elsif v_answer ? 'error' and not exists (select from atelier_internal.error_classes c where c.name = v_answer #>> '{error,class}') then
        raise exception 'the error for step "%" has no class that there is', p_step.label
            using errcode = 'invalid_parameter_value', hint = format('Classes are: %s.', (select string_agg(c.name, ', ' order by c.name) from atelier_internal.error_classes c));
    end if;
    return v_answer;
end
$$;
comment on function atelier_internal.drain_answer(atelier_internal.steps, atelier_internal.leased, jsonb, jsonb) is
    'What the service of a step is to have answered. 22023 where answers says nothing of it, or nothing that is an answer.';

create function atelier_internal.drain_action(p_epoch bigint, p_lease atelier_internal.leased, p_step atelier_internal.steps, p_answers jsonb) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_prepared record;
    v_answer jsonb;
begin
    select p.* into v_prepared from atelier_internal.prepare_group(p_step.prepare, array[
        row(p_lease.job_id, p_lease.subject_id, p_lease.client_id, p_lease.input, p_lease.attempt_id, p_lease.image_id, p_lease.provider,
            p_lease.model)::atelier_internal.lease]) p;
    if v_prepared.error_class is not null then
        v_answer := jsonb_build_object('error', jsonb_build_object('class', v_prepared.error_class, 'message', v_prepared.error_message));
    else
        v_answer := atelier_internal.drain_answer(p_step, p_lease, v_prepared.request::jsonb, p_answers);
    end if;
    perform atelier_internal.apply_outcomes(p_epoch, array[atelier_internal.drained(
        p_lease, v_answer #>> '{error,class}', case when v_answer ? 'error' then coalesce(v_answer #>> '{error,message}', 'no message') end,
        case when not v_answer ? 'error' then v_answer end)]);
end
$$;
comment on function atelier_internal.drain_action(bigint, atelier_internal.leased, atelier_internal.steps, jsonb) is
    'What the executor does, with an answer that is given: nothing is sent.';

create function atelier_internal.drainable(p_pipeline text) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_caller text := atelier_internal.caller();
    v_run_as text;
begin
    if p_pipeline is null then
        return array(select p.name from atelier_internal.pipelines p join pg_roles r on r.rolname = p.run_as
                      where pg_has_role(v_caller, r.oid, 'member'));
    end if;
    select p.run_as into v_run_as from atelier_internal.pipelines p where p.name = p_pipeline;
    if v_run_as is null then
        raise exception 'pipeline "%" does not exist', left(p_pipeline, 200)
            using errcode = 'undefined_object', hint = 'SELECT pipeline FROM atelier.pipelines WHERE run_as IS NOT NULL lists those that users defined.';
    elsif not exists (select from pg_roles r where r.rolname = v_run_as and pg_has_role(v_caller, r.oid, 'member')) then
        raise exception 'role "%" is no member of "%"', v_caller, v_run_as
            using errcode = 'insufficient_privilege', detail = format('The functions of pipeline "%s" run as it.', p_pipeline),
                  hint = format('GRANT %I TO %I;', v_run_as, v_caller);
    end if;
    return array[p_pipeline];
end
$$;
comment on function atelier_internal.drainable(text) is
    'The pipelines whose functions the caller may run: all, or the given one; 42704 and 42501 for one that there is not, or that they may not.';

create function atelier.drain(answers jsonb default '{}', max_steps integer default 1000, pipeline text default null) returns integer
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_pipelines text[] := atelier_internal.drainable(drain.pipeline);
    v_epoch bigint := atelier_internal.random_token();
    v_job uuid;
    v_lease atelier_internal.leased;
    v_step atelier_internal.steps;
    v_done integer := 0;
begin
    -- Each job would fail for it.
    if atelier_internal.in_handler() then
        raise exception 'drain() cannot be called by a function of a pipeline'
            using errcode = 'object_not_in_prerequisite_state', hint = 'Call it in the session that tries the pipeline out.';
    elsif jsonb_typeof(drain.answers) is distinct from 'object' then
        raise exception 'answers must be a JSON object'
            using errcode = 'invalid_parameter_value', hint = 'Such as {"translate": {"text": "..."}}, with the answer of each step that asks a service.';
    elsif drain.max_steps is null or drain.max_steps not between 1 and 100000 then
        raise exception 'max_steps must be between 1 and 100000' using errcode = 'invalid_parameter_value', hint = 'Call it again for more.';
    end if;
    for v_round in 1 .. drain.max_steps loop
        v_job := atelier_internal.next_to_drain(v_pipelines);
        exit when v_job is null;
        v_lease := atelier_internal.lease_to_drain(v_epoch, v_job);
        continue when v_lease.job_id is null;
        select s.* into v_step from atelier_internal.steps s where s.pipeline = v_lease.pipeline and s.position = v_lease.step;
        if v_step.handler is not null then
            perform atelier_internal.drain_handler(v_epoch, v_lease);
        else
            perform atelier_internal.drain_action(v_epoch, v_lease, v_step, drain.answers);
        end if;
        v_done := v_done + 1;
    end loop;
    return v_done;
end
$$;
comment on function atelier.drain(jsonb, integer, text) is
    'For tests of one''s own: does in this session and transaction what is to be done for the live jobs of users'' pipelines, also for those that wait for a time or another attempt, until nothing is left or max_steps (1 to 100000) steps were done; returns how many. Functions run as always, as run_as and restricted, but without a time limit; an attempt that fails tells so in a notice. Nothing is sent: answers has what services say, by the name of the step, or pipeline.step: the result; {"error": {"class", "message"}}; or "schema.function", a function (jsonb) returns jsonb of the request, which runs as run_as too. The caller must be a member of run_as; of all pipelines, those are done for which that is so. 55000 within a function of a pipeline, 22023 for a step without an answer, or a bad one, 42704 and 42501 for a pipeline that there is not or that is not theirs.';
