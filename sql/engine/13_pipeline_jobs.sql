-- Jobs of pipelines of users: who may ask for them, and how.

create function atelier_internal.require_usable_pipeline(p_pipeline text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_pipeline atelier_internal.pipelines;
begin
    select * into v_pipeline from atelier_internal.pipelines p where p.name = p_pipeline;
    if v_pipeline.run_as is null then
        raise exception 'pipeline "%" does not exist', coalesce(left(p_pipeline, 200), 'null')
            using errcode = 'undefined_object',
                  hint = case when v_pipeline.name is null then 'SELECT pipeline FROM atelier.pipelines lists them; atelier.define_pipeline() defines one.'
                              else 'It is one of the engine''s own: other functions enqueue its jobs.' end;
    elsif not atelier_internal.is_operator() and not atelier_internal.may_use_pipeline(atelier_internal.caller(), p_pipeline) then
        raise exception 'permission denied for pipeline "%"', p_pipeline
            using errcode = 'insufficient_privilege',
                  detail = format('Members of %s may use it.', concat_ws(' and ', to_json(v_pipeline.run_as), to_json(v_pipeline.used_by))),
                  hint = format('GRANT %I TO %I;', coalesce(v_pipeline.used_by, v_pipeline.run_as), atelier_internal.caller());
    end if;
end
$$;
comment on function atelier_internal.require_usable_pipeline(text) is
    'Raises 42704 for a pipeline that is none of users, 42501 when the caller may not enqueue its jobs.';

create function atelier_internal.own_pipelines() returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when atelier.current_client_id() is not null then '{}'::text[]
                else array(select p.name from atelier_internal.pipelines p
                            where p.run_as is not null and atelier_internal.may_use_pipeline(atelier_internal.caller(), p.name)) end;
end
$$;
comment on function atelier_internal.own_pipelines() is
    'The pipelines whose jobs the caller may enqueue, and see where they belong to no client; none in a transaction that works for one client.';

create function atelier_internal.begin_enqueue(p_pipeline text, p_client_id uuid, p_order_key text) returns uuid
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_client_id uuid := coalesce(p_client_id, atelier.current_client_id());
begin
    perform atelier_internal.require_usable_pipeline(p_pipeline);
    perform atelier_internal.require_own_providers(p_pipeline);
    if v_client_id is not null then
        perform atelier_internal.hold_client(v_client_id);
        -- Viewers are refused by the triggers of tables of clients.
        delete from atelier.products p where false;
    elsif p_order_key is not null and not atelier_internal.sees_all_clients() then
        raise exception 'an order_key or idempotency_key is one of a client'
            using errcode = 'object_not_in_prerequisite_state', detail = 'The job would belong to none.',
                  hint = 'SELECT atelier.set_context(user_id => ...) first, or leave the key out.';
    end if;
    return v_client_id;
end
$$;
comment on function atelier_internal.begin_enqueue(text, uuid, text) is
    'Whether the caller may enqueue jobs of a pipeline for a client, which is returned: that of the context, unless another is named; null for none. 42704, 42501 and 23503 as the checks; 55000 for a key without a client.';

create function atelier_internal.enqueue_input(
        p_pipeline text, p_input jsonb, p_priority integer, p_run_after timestamptz, p_start_by timestamptz, p_order_key text, p_tags text[])
    returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
    select jsonb_build_object('pipeline', p_pipeline, 'input', p_input, 'priority', p_priority, 'run_after', p_run_after, 'start_by', p_start_by,
                              'order_key', p_order_key, 'tags', to_jsonb(p_tags))
$$;
comment on function atelier_internal.enqueue_input(text, jsonb, integer, timestamptz, timestamptz, text, text[]) is
    'What a call of atelier.enqueue_job() asks for: two with the same are the same call. The trace that it belongs to is not part of it.';

create function atelier.enqueue_job(
        pipeline text, input jsonb default '{}', client_id uuid default null, priority integer default 0, run_after timestamptz default null,
        idempotency_key text default null, start_by timestamptz default null, order_key text default null, tags text[] default null,
        traceparent text default null)
    returns uuid
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client_id uuid := atelier_internal.begin_enqueue(pipeline, client_id, coalesce(order_key, idempotency_key));
    v_tenant uuid := atelier_internal.tenant_of(v_client_id);
    v_options atelier_internal.job_options := atelier_internal.read_options(true, priority, run_after, start_by, order_key, tags, traceparent);
    v_job_id uuid;
begin
    perform atelier_internal.require('input', input is not null);
    perform atelier_internal.require_input(input);
    if atelier_internal.claim_key(v_tenant, idempotency_key, atelier_internal.enqueue_input(
           pipeline, input, priority, run_after, start_by, order_key, tags), gen_random_uuid()) is not null then
        return (select k.job_id from atelier_internal.idempotency_keys k where k.client_id = v_tenant and k.key = idempotency_key);
    end if;
    perform atelier_internal.require_times(run_after, start_by);
    v_job_id := (atelier_internal.enqueue_defined(pipeline, v_client_id, array[input], array[v_options]))[1];
    if idempotency_key is not null then
        perform atelier_internal.note_keyed_jobs(v_tenant, array[idempotency_key], array[v_job_id]);
    end if;
    return v_job_id;
end
$$;
comment on function atelier.enqueue_job(text, jsonb, uuid, integer, timestamptz, text, timestamptz, text, text[], text) is
    'Enqueues a job of a pipeline that users defined, in the caller''s transaction, and returns its id. input: any JSON of at most 100000 bytes, which its functions are given. client_id: the client that it works for, where the context names none; null: none. priority, run_after, start_by, order_key, tags, traceparent and idempotency_key as in atelier.create_generation_request(); with a key that was used for the same, the first job is returned. For members of the roles that the pipeline runs as and is used by, and for operators. 22004 and 22023 for a bad value, 42704 for an unknown pipeline or provider, 42501 where the right to it is missing or the user is a viewer, 23503 for an unknown client, 23505 for an idempotency_key that stands for something else, 55000 for a key without a client, 40001 in a transaction whose snapshot is older than a call with the same key.';

create function atelier_internal.require_input(p_input jsonb) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if octet_length(p_input::text) > 100000 then
        raise exception 'input is longer than 100000 bytes'
            using errcode = 'program_limit_exceeded', hint = 'Keep what is long in a table, and give its key.';
    end if;
end
$$;
comment on function atelier_internal.require_input(jsonb) is 'Raises 54000 for an input of a job that is too long.';

create function atelier.enqueue_jobs(
        pipeline text, inputs jsonb, client_id uuid default null, priority integer default 0, run_after timestamptz default null,
        start_by timestamptz default null, order_key text default null, tags text[] default null, traceparent text default null)
    returns uuid[]
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client_id uuid := atelier_internal.begin_enqueue(pipeline, client_id, order_key);
    v_options atelier_internal.job_options := atelier_internal.request_options(true, priority, run_after, start_by, order_key, tags, traceparent);
    v_inputs jsonb[];
begin
    perform atelier_internal.require('inputs', inputs is not null);
    if jsonb_typeof(inputs) <> 'array' or jsonb_array_length(inputs) > 10000 then
        raise exception 'inputs must be a list of at most 10000'
            using errcode = 'invalid_parameter_value', hint = 'A JSON array with the input of one job in each element. For more, call it again.';
    end if;
    v_inputs := array(select e.input from jsonb_array_elements(inputs) with ordinality as e (input, n) order by e.n);
    perform atelier_internal.require_input(i.input) from unnest(v_inputs) i (input);
    return atelier_internal.enqueue_defined(pipeline, v_client_id, v_inputs, array[v_options]);
end
$$;
comment on function atelier.enqueue_jobs(text, jsonb, uuid, integer, timestamptz, timestamptz, text, text[], text) is
    'As atelier.enqueue_job(), a job for each element of the JSON array inputs, at most 10000; returns their ids in that order. All or none.';
