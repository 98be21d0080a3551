-- Which jobs an operator means: what cancel_jobs() and redrive() take as their filter.

create type atelier_internal.job_filter as (
    jobs uuid[], states text[], pipelines text[], providers text[], models text[], clients uuid[], tags text[], error_classes text[],
    earlier_than timestamptz, later_than timestamptz);
comment on type atelier_internal.job_filter is 'A filter of jobs, read. Null: any.';

create function atelier_internal.refuse_filter(p_problem text, p_hint text default null) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'filter is not valid: %', p_problem
        using errcode = 'invalid_parameter_value',
              hint = coalesce(p_hint, 'Keys are: job_id, state, pipeline, provider, model, client_id, tag and error_class, each with a text or a list of texts, and before and after, with a time. For example {"pipeline": "generate_image", "before": "2026-01-31 12:00"}.');
end
$$;
comment on function atelier_internal.refuse_filter(text, text) is 'Raises 22023 for a filter of jobs.';

create function atelier_internal.filter_words(p_key text, p_value jsonb) returns text[]
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_list jsonb := case jsonb_typeof(p_value) when 'string' then jsonb_build_array(p_value)
                                                 when 'array' then p_value else '[]' end;
begin
    if jsonb_array_length(v_list) not between 1 and 1000 then
        perform atelier_internal.refuse_filter(format('%s must be a text, or a list of 1 to 1000 texts', p_key));
    elsif exists (select from jsonb_array_elements(v_list) e where jsonb_typeof(e) <> 'string' or char_length(e #>> '{}') > 200) then
        perform atelier_internal.refuse_filter(format('%s has something in its list that is no text of at most 200 characters', p_key));
    end if;
    return array(select e.word from jsonb_array_elements_text(v_list) e (word));
end
$$;
comment on function atelier_internal.filter_words(text, jsonb) is 'The words of one key of a filter of jobs; 22023 where it has none.';

create function atelier_internal.filter_ids(p_key text, p_value jsonb) returns uuid[]
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_words text[] := atelier_internal.filter_words(p_key, p_value);
    v_odd text := (select w.word from unnest(v_words) w (word) where w.word !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' limit 1);
begin
    if v_odd is not null then
        perform atelier_internal.refuse_filter(format('%s has %s, which is no uuid', p_key, to_json(left(v_odd, 100))));
    end if;
    return v_words::uuid[];
end
$$;
comment on function atelier_internal.filter_ids(text, jsonb) is 'The ids of one key of a filter of jobs; 22023 where it has none.';

create function atelier_internal.filter_time(p_key text, p_value jsonb) returns timestamptz
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_at timestamptz;
begin
    if jsonb_typeof(p_value) = 'string' then
        begin
            v_at := (p_value #>> '{}')::timestamptz;
        exception when data_exception then
            v_at := null;
        end;
    end if;
    if v_at is null or not isfinite(v_at) then
        perform atelier_internal.refuse_filter(format('%s must be a time', p_key), 'Write it as a text such as "2026-01-31 12:00+01".');
    end if;
    return v_at;
end
$$;
comment on function atelier_internal.filter_time(text, jsonb) is 'The time of one key of a filter of jobs; 22023 where it is none.';

create function atelier_internal.read_job_filter(p_filter jsonb, p_states text[]) returns atelier_internal.job_filter
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_read atelier_internal.job_filter;
    v_odd text;
begin
    if p_filter is null then
        raise exception 'filter must not be null'
            using errcode = 'null_value_not_allowed', hint = 'An empty one, ''{}'', means all.';
    elsif jsonb_typeof(p_filter) <> 'object' then
        perform atelier_internal.refuse_filter('it must be a JSON object');
    end if;
    select k.key into v_odd from jsonb_object_keys(p_filter) k (key)
     where k.key not in ('job_id', 'state', 'pipeline', 'provider', 'model', 'client_id', 'tag', 'error_class', 'before', 'after') limit 1;
    if v_odd is not null then
        perform atelier_internal.refuse_filter(format('there is no key %s', to_json(left(v_odd, 100))));
    end if;
    v_read := row(
        case when p_filter ? 'job_id' then atelier_internal.filter_ids('job_id', p_filter -> 'job_id') end,
        case when p_filter ? 'state' then atelier_internal.filter_words('state', p_filter -> 'state') end,
        case when p_filter ? 'pipeline' then atelier_internal.filter_words('pipeline', p_filter -> 'pipeline') end,
        case when p_filter ? 'provider' then atelier_internal.filter_words('provider', p_filter -> 'provider') end,
        case when p_filter ? 'model' then atelier_internal.filter_words('model', p_filter -> 'model') end,
        case when p_filter ? 'client_id' then atelier_internal.filter_ids('client_id', p_filter -> 'client_id') end,
        case when p_filter ? 'tag' then atelier_internal.filter_words('tag', p_filter -> 'tag') end,
        case when p_filter ? 'error_class' then atelier_internal.filter_words('error_class', p_filter -> 'error_class') end,
        case when p_filter ? 'before' then atelier_internal.filter_time('before', p_filter -> 'before') end,
        case when p_filter ? 'after' then atelier_internal.filter_time('after', p_filter -> 'after') end);
    -- A word that nothing can have would match nothing, and look as if there were nothing.
    select w.word into v_odd from unnest(v_read.states) w (word) where w.word <> all (p_states) limit 1;
    if v_odd is not null then
        perform atelier_internal.refuse_filter(format('there is no state %s here', to_json(left(v_odd, 100))),
                                               format('States are: %s.', array_to_string(p_states, ', ')));
    end if;
    select w.word into v_odd from unnest(v_read.error_classes) w (word)
     where not exists (select from atelier_internal.error_classes c where c.name = w.word) limit 1;
    if v_odd is not null then
        perform atelier_internal.refuse_filter(format('there is no error_class %s', to_json(left(v_odd, 100))), format('Classes are: %s.',
            (select string_agg(c.name, ', ' order by c.name) from atelier_internal.error_classes c)));
    end if;
    return v_read;
end
$$;
comment on function atelier_internal.read_job_filter(jsonb, text[]) is
    'Reads a filter of jobs that may be in one of these states. 22004 for null, 22023 for one that is not well formed, names a key that there is not, another state, or an unknown class.';

create function atelier_internal.require_max_jobs(p_max_jobs integer) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_max_jobs is null or p_max_jobs not between 1 and 10000 then
        raise exception 'max_jobs must be between 1 and 10000, not %', coalesce(p_max_jobs::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'For more, call it again until nothing is left.';
    end if;
end
$$;
comment on function atelier_internal.require_max_jobs(integer) is 'Raises 22023 unless it is 1 to 10000.';
