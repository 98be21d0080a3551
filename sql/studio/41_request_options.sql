-- What a request says of its job beside what is to be made, and how requests are told apart.

create function atelier_internal.require_times(p_run_after timestamptz, p_start_by timestamptz) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not isfinite(p_run_after) then
        raise exception 'run_after must be a finite time'
            using errcode = 'invalid_parameter_value', hint = 'Leave it out to start at once; a draft (enqueue => false) waits without a time.';
    elsif not isfinite(p_start_by) then
        raise exception 'start_by must be a finite time'
            using errcode = 'invalid_parameter_value', hint = 'Leave it out where there is no hurry.';
    elsif p_start_by <= greatest(clock_timestamp(), p_run_after) then
        raise exception 'start_by leaves no time to begin'
            using errcode = 'invalid_parameter_value',
                  detail = format('It is %s, and the request runs not before %s.', p_start_by, greatest(clock_timestamp(), p_run_after)),
                  hint = 'Give a time that is still to come, and later than run_after.';
    end if;
end
$$;
comment on function atelier_internal.require_times(timestamptz, timestamptz) is 'Raises 22023 for times between which nothing can begin.';

create function atelier_internal.require_tags(p_tags text[]) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(p_tags) > 20 or array_position(p_tags, null) is not null
       or exists (select from unnest(p_tags) as t (tag) where char_length(t.tag) not between 1 and 100) then
        raise exception 'tags are not valid'
            using errcode = 'invalid_parameter_value', hint = 'Give at most 20 tags of 1 to 100 characters each, none of them NULL.';
    end if;
    return nullif(array(select t.tag from unnest(p_tags) with ordinality as t (tag, place) group by t.tag order by min(t.place)), '{}');
exception when feature_not_supported then
    -- array_position() does not search arrays of several dimensions
    raise exception 'tags are not valid'
        using errcode = 'invalid_parameter_value', hint = 'Give them as a list of one dimension.';
end
$$;
comment on function atelier_internal.require_tags(text[]) is 'The tags as jobs hold them, each once; null for none. 22023 for tags that are not valid.';

create function atelier_internal.require_traceparent(p_traceparent text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if octet_length(p_traceparent) <> 55 or p_traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
       or p_traceparent ~ '^ff|^..-0{32}|^.{35}-0{16}' then
        raise exception 'traceparent is not valid'
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', to_json(left(p_traceparent, 100))),
                  hint = 'Give it as W3C Trace Context has it, in lower case: 00-<32 digits of the trace>-<16 digits of the parent>-<flags>.';
    end if;
end
$$;
comment on function atelier_internal.require_traceparent(text) is 'Raises 22023 for what is no traceparent of W3C Trace Context.';

create function atelier_internal.read_options(
    p_enqueue boolean, p_priority integer, p_run_after timestamptz, p_start_by timestamptz, p_order_key text, p_tags text[], p_traceparent text)
returns atelier_internal.job_options
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('enqueue', p_enqueue is not null);
    if not p_enqueue and (p_priority is distinct from 0 or num_nonnulls(p_run_after, p_start_by, p_order_key, p_tags, p_traceparent) > 0) then
        raise exception 'a draft has neither priority nor times, order_key, tags or traceparent'
            using errcode = 'invalid_parameter_value', hint = 'Give them to atelier.submit_generation().';
    end if;
    perform atelier_internal.require_key('order_key', p_order_key, 'Use the id of what must keep its order, or leave it out.');
    perform atelier_internal.require_traceparent(p_traceparent);
    return row(atelier_internal.require_priority(p_priority), p_run_after, p_start_by, p_order_key, atelier_internal.require_tags(p_tags), p_traceparent);
end
$$;
comment on function atelier_internal.read_options(boolean, integer, timestamptz, timestamptz, text, text[], text) is
    'The options of a request''s job, as they were given. 22004 or 22023 for a bad one, or one that a draft cannot have. The times are for require_times() to judge: a repeated call has those of the first, which may be over.';

create function atelier_internal.request_options(
    p_enqueue boolean, p_priority integer, p_run_after timestamptz, p_start_by timestamptz, p_order_key text, p_tags text[], p_traceparent text)
returns atelier_internal.job_options
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_options atelier_internal.job_options := atelier_internal.read_options(
        p_enqueue, p_priority, p_run_after, p_start_by, p_order_key, p_tags, p_traceparent);
begin
    perform atelier_internal.require_times(p_run_after, p_start_by);
    return v_options;
end
$$;
comment on function atelier_internal.request_options(boolean, integer, timestamptz, timestamptz, text, text[], text) is
    'The options of a new request''s job: as read_options(), and 22023 for times between which nothing can begin.';

create function atelier_internal.request_input(
    p_product_id uuid, p_settings jsonb, p_collection_id uuid, p_type text, p_scene_image_id uuid, p_provider text, p_priority integer,
    p_run_after timestamptz, p_enqueue boolean, p_start_by timestamptz, p_order_key text, p_tags text[])
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO'
as $$
    select jsonb_build_object(
        'product_id', p_product_id, 'settings', p_settings, 'collection_id', p_collection_id, 'type', p_type, 'scene_image_id', p_scene_image_id,
        'provider', p_provider, 'priority', p_priority, 'run_after', p_run_after, 'enqueue', p_enqueue, 'start_by', p_start_by,
        'order_key', p_order_key, 'tags', to_jsonb(p_tags))
$$;
comment on function atelier_internal.request_input(uuid, jsonb, uuid, text, uuid, text, integer, timestamptz, boolean, timestamptz, text, text[]) is
    'What a request asks for: two with the same input are the same request. The trace that it belongs to is not part of it.';
