-- Steps of pipelines that users define, as they write them: each becomes one to three rows of steps, its phases, each of which is a
-- step of the engine like any other: leased, tried again, remembered by itself.

create function atelier_internal.refuse_step(p_place integer, p_problem text, p_hint text) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'step % is not valid: %', p_place, p_problem using errcode = 'invalid_parameter_value', hint = p_hint;
end
$$;
comment on function atelier_internal.refuse_step(integer, text, text) is 'Raises 22023 for a step of a pipeline.';

create function atelier_internal.handler_of(p_word text, p_run_as text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[];
    v_function record;
begin
    begin
        v_parts := parse_ident(p_word);
    exception when invalid_parameter_value then
        v_parts := null;
    end;
    if cardinality(v_parts) is distinct from 2 or v_parts[1] like 'pg\_temp%' then
        raise exception '% is no name of a function with its schema', coalesce(to_json(left(p_word, 200))::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'Write it as schema.function, without arguments: it takes one, of type jsonb.';
    end if;
    select p.oid, p.prorettype, p.prokind, p.proretset, n.oid as schema into v_function
      from pg_namespace n join pg_proc p on p.pronamespace = n.oid
     where n.nspname = v_parts[1] and p.proname = v_parts[2] and p.proargtypes = array['jsonb'::regtype]::oidvector;
    if not found then
        raise exception 'function %(jsonb) does not exist', left(p_word, 200)
            using errcode = 'undefined_object', hint = format('CREATE FUNCTION %I.%I(job jsonb) RETURNS jsonb ...', v_parts[1], v_parts[2]);
    elsif v_function.prokind <> 'f' or v_function.proretset or v_function.prorettype not in ('jsonb'::regtype, 'void'::regtype) then
        raise exception 'function %(jsonb) cannot be a step', left(p_word, 200)
            using errcode = 'wrong_object_type', detail = format('It is a %s.', case when v_function.prokind <> 'f' then 'procedure, an aggregate or a window function'
                                                                                  when v_function.proretset then 'function that returns a set'
                                                                                  else format('function that returns %s', format_type(v_function.prorettype, null)) end),
                  hint = 'A plain function is needed that returns jsonb, or void.';
    elsif not has_schema_privilege(p_run_as, v_function.schema, 'usage') or not has_function_privilege(p_run_as, v_function.oid, 'execute') then
        raise exception 'role "%" may not call function %(jsonb)', p_run_as, left(p_word, 200)
            using errcode = 'insufficient_privilege',
                  hint = format('GRANT USAGE ON SCHEMA %1$I TO %3$I; GRANT EXECUTE ON FUNCTION %1$I.%2$I(jsonb) TO %3$I;', v_parts[1], v_parts[2], p_run_as);
    end if;
    return format('%I.%I', v_parts[1], v_parts[2]);
end
$$;
comment on function atelier_internal.handler_of(text, text) is
    'The name of a function of users as it is called; 22023 for one without a schema, 42704 for one that there is not, 42809 for another kind of function, 42501 where the role may not call it.';

create function atelier_internal.step_text(p_place integer, p_step jsonb, p_key text) returns text
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(p_step -> p_key) not in ('string', 'null') or char_length(p_step ->> p_key) not between 1 and 200 then
        perform atelier_internal.refuse_step(p_place, format('%s must be a text of 1 to 200 characters', p_key), 'Leave it out where it does not matter.');
    end if;
    return p_step ->> p_key;
end
$$;
comment on function atelier_internal.step_text(integer, jsonb, text) is 'A text of a step of a pipeline; null: there is none. 22023 for anything else.';

create function atelier_internal.step_time(p_place integer, p_step jsonb, p_key text) returns interval
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_time interval;
begin
    begin
        v_time := atelier_internal.step_text(p_place, p_step, p_key)::interval;
    exception when data_exception then
        v_time := interval '-1 day';
    end;
    if v_time <= interval '0' or v_time > interval '1 day' then
        perform atelier_internal.refuse_step(p_place, format('%s must be more than 0 and at most 1 day', p_key), 'Write it as a text such as "30 s".');
    end if;
    return v_time;
end
$$;
comment on function atelier_internal.step_time(integer, jsonb, text) is 'A length of time of a step of a pipeline; null: there is none. 22023 for one that is not in range.';

create function atelier_internal.check_step_keys(p_place integer, p_step jsonb) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_action text := p_step ->> 'action';
    v_known text[] := array['name', 'action', 'timeout', 'max_attempts'];
    v_odd text;
begin
    if jsonb_typeof(p_step) is distinct from 'object' then
        perform atelier_internal.refuse_step(p_place, 'it is no object', 'For example {"name": "write", "action": "ai.text", "prepare": "shop.prompt", "settle": "shop.keep"}.');
    elsif coalesce(p_step ->> 'name', '') !~ '^[a-z_][a-z0-9_]{0,49}$' then
        perform atelier_internal.refuse_step(p_place, 'its name must have 1 to 50 of a to z, 0 to 9 and _, and not begin with a digit', 'The results of the step are found under its name.');
    elsif v_action is null or v_action not in ('sql', 'ai.text', 'ai.json', 'ai.image', 'http.request') then
        perform atelier_internal.refuse_step(p_place, format('there is no action %s', coalesce(to_json(left(v_action, 100))::text, 'null')),
                                             'Actions are: sql, ai.text, ai.json, ai.image, http.request.');
    end if;
    v_known := v_known || case v_action when 'sql' then array['handler', 'fan_out', 'on_child_failure']
                                       when 'http.request' then array['prepare', 'settle', 'request']
                                       else array['prepare', 'settle', 'request', 'provider', 'model'] end;
    select k.key into v_odd from jsonb_object_keys(p_step) k (key) where k.key <> all (v_known) limit 1;
    if v_odd is not null then
        perform atelier_internal.refuse_step(p_place, format('a step with action %s has no %s', v_action, to_json(left(v_odd, 100))),
                                             format('It has: %s.', array_to_string(v_known, ', ')));
    elsif v_action = 'sql' and p_step ->> 'handler' is null then
        perform atelier_internal.refuse_step(p_place, 'it names no handler', 'Write {"name": ..., "action": "sql", "handler": "schema.function"}.');
    elsif p_step ? 'max_attempts' and (jsonb_typeof(p_step -> 'max_attempts') <> 'number' or p_step ->> 'max_attempts' !~ '^([1-9][0-9]?|100)$') then
        perform atelier_internal.refuse_step(p_place, 'max_attempts must be a whole number from 1 to 100', 'Leave it out for pg_atelier.max_attempts.');
    elsif p_step ->> 'request' is not null and (jsonb_typeof(p_step -> 'request') <> 'object' or p_step ->> 'prepare' is not null) then
        perform atelier_internal.refuse_step(p_place, 'its request is no object, or stands beside a prepare function', 'Give either: the request that is the same for every job, or the function that makes it.');
    elsif coalesce(p_step ->> 'on_child_failure', 'fail') not in ('fail', 'collect') or p_step ->> 'on_child_failure' is not null and p_step ->> 'fan_out' is null then
        perform atelier_internal.refuse_step(p_place, 'on_child_failure must be fail or collect, and stand beside fan_out',
                                             'fail ends the job with the first of its jobs that ends without success; collect lets the next step see what became of each.');
    elsif atelier_internal.is_action_lane(p_step ->> 'provider') then
        perform atelier_internal.refuse_step(p_place, format('"%s" is no provider', p_step ->> 'provider'), 'SELECT provider FROM atelier.providers lists them.');
    elsif octet_length(p_step::text) > 100000 then
        perform atelier_internal.refuse_step(p_place, 'it is longer than 100000 bytes', 'Let a prepare function make the request.');
    end if;
end
$$;
comment on function atelier_internal.check_step_keys(integer, jsonb) is 'Raises 22023 for a step of a pipeline that is not well formed.';

create function atelier_internal.compile_steps(p_pipeline text, p_steps jsonb, p_run_as text) returns atelier_internal.steps[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_step jsonb;
    v_place integer;
    v_rows atelier_internal.steps[] := '{}';
    v_row atelier_internal.steps;
    v_phase text;
begin
    if jsonb_typeof(p_steps) is distinct from 'array' or jsonb_array_length(p_steps) not between 1 and 100 then
        raise exception 'steps must be a list of 1 to 100 steps'
            using errcode = 'invalid_parameter_value', hint = 'For example [{"name": "clean", "action": "sql", "handler": "shop.clean"}].';
    end if;
    for v_step, v_place in select e.step, e.place from jsonb_array_elements(p_steps) with ordinality as e (step, place) loop
        perform atelier_internal.check_step_keys(v_place, v_step);
        if exists (select from unnest(v_rows) r where r.label = v_step ->> 'name') then
            perform atelier_internal.refuse_step(v_place, format('there is another step %s', v_step ->> 'name'), 'Give each a name of its own.');
        elsif v_step ->> 'fan_out' is not null and v_place = jsonb_array_length(p_steps) then
            perform atelier_internal.refuse_step(v_place, 'a step with fan_out cannot be the last', 'Add one that reads atelier.child_results(job_id).');
        end if;
        foreach v_phase in array array['prepare', 'action', 'settle'] loop
            continue when v_phase <> 'action' and v_step ->> v_phase is null;
            v_row := null;
            v_row.pipeline := p_pipeline;
            v_row.position := cardinality(v_rows) + 1;
            v_row.label := v_step ->> 'name';
            v_row.phase := v_phase;
            v_row.name := v_row.label || case when v_phase = 'action' then '' else '.' || v_phase end;
            v_row.action := case when v_phase = 'action' then v_step ->> 'action' else 'sql' end;
            v_row.max_attempts := (v_step ->> 'max_attempts')::smallint;
            v_row.built_in := false;
            v_row.timeout := atelier_internal.step_time(v_place, v_step, 'timeout');
            if v_row.action = 'sql' then
                v_row.handler := atelier_internal.handler_of(
                    atelier_internal.step_text(v_place, v_step, case when v_phase = 'action' then 'handler' else v_phase end), p_run_as);
                v_row.prepare := 'atelier_internal.prepare_handler';
                v_row.provider := 'sql';
                v_row.model := p_run_as;
                v_row.fan_out := atelier_internal.step_text(v_place, v_step, 'fan_out');
                v_row.on_child_failure := case when v_row.fan_out is not null then coalesce(v_step ->> 'on_child_failure', 'fail') end;
            else
                v_row.prepare := 'atelier_internal.prepare_defined';
                v_row.provider := case v_row.action when 'http.request' then 'http' else atelier_internal.step_text(v_place, v_step, 'provider') end;
                v_row.model := case v_row.action when 'http.request' then p_pipeline else atelier_internal.step_text(v_place, v_step, 'model') end;
                v_row.request := nullif(v_step -> 'request', 'null');
                v_row.discard := case when v_row.action = 'ai.image' then 'atelier_internal.discard_defined' end;
            end if;
            v_rows := v_rows || v_row;
        end loop;
    end loop;
    return v_rows;
end
$$;
comment on function atelier_internal.compile_steps(text, jsonb, text) is
    'The rows of steps that a pipeline of users is made of: a step with action sql is one, any other is up to three, for its prepare function, its action and its settle function. 22023, 42704, 42809 and 42501 as handler_of() and check_step_keys().';
