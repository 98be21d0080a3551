-- Pictures in pipelines of users: what their requests may name, and what becomes of those that are made.

create function atelier_internal.vet_inputs(p_client_id uuid, p_inputs jsonb, out inputs jsonb, out problem text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_input jsonb;
    v_word text;
    v_image atelier.images;
begin
    inputs := '[]';
    if jsonb_typeof(p_inputs) <> 'array' or jsonb_array_length(p_inputs) > 16 then
        problem := 'has inputs that are no list of at most 16';
        return;
    end if;
    for v_input in select e.input from jsonb_array_elements(p_inputs) with ordinality as e (input, n) order by e.n loop
        v_word := v_input ->> 'image_id';
        -- Whatever store and key it may name, it gets the pictures of its client only.
        select i.* into v_image from atelier.images i
         where v_word ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' and i.id = case when v_word ~ '^[0-9a-fA-F-]{36}$' then v_word::uuid end
           and i.client_id = p_client_id;
        if v_image.id is null or v_image.status <> 'ready' then
            problem := format('names input %s, which is no picture of its client that is ready', left(coalesce(v_word, v_input::text), 100));
            return;
        end if;
        inputs := inputs || atelier_internal.picture_input(left(coalesce(v_input ->> 'role', 'product'), 100), v_image);
    end loop;
end
$$;
comment on function atelier_internal.vet_inputs(uuid, jsonb) is
    'The pictures that a request of users names, as {"image_id", "role"}, as orders name them; or what is the matter with them.';

create function atelier_internal.vet_request(p_lease atelier_internal.lease, p_action text, p_request jsonb, out request jsonb, out problem text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_inputs jsonb;
    v_store text := atelier_internal.setting('default_store');
    v_bucket text;
begin
    if jsonb_typeof(p_request) is distinct from 'object' then
        problem := 'is no object';
    elsif p_action = 'ai.image' and p_lease.client_id is null then
        problem := 'is for a picture, which belongs to a client, and its job to none';
    elsif p_action = 'ai.image' and not atelier_internal.is_store(v_store) then
        problem := format('is for a picture, and store "%s", which pg_atelier.default_store names, does not exist', left(v_store, 100));
    elsif p_action not in ('ai.text', 'ai.json', 'ai.image') then
        request := p_request;
    else
        -- Where objects are, and where they go, is for the engine to say.
        request := p_request - 'output' - 'inputs';
        if p_request ? 'inputs' then
            select v.inputs, v.problem into v_inputs, problem from atelier_internal.vet_inputs(p_lease.client_id, p_request -> 'inputs') v;
            request := request || jsonb_build_object('inputs', v_inputs);
        end if;
        if p_action = 'ai.image' then
            v_bucket := atelier_internal.store_bucket(v_store);
            request := request || jsonb_build_object('output', jsonb_build_object(
                'store', v_store, 'key_prefix', atelier_internal.generated_key(p_lease.client_id, p_lease.image_id))
                || case v_bucket when '' then '{}' else jsonb_build_object('bucket', v_bucket) end);
        end if;
    end if;
    if problem is not null then
        request := null;
    end if;
end
$$;
comment on function atelier_internal.vet_request(atelier_internal.lease, text, jsonb) is
    'The order that a request of users makes, or what is the matter with it. Pictures are named by their ids, and are those of the job''s client; where a new one goes is not theirs to say.';

create function atelier_internal.discard_defined(p_leases atelier_internal.lease[]) returns setof atelier_internal.deletion_request
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select atelier_internal.setting('default_store'), atelier_internal.store_bucket(atelier_internal.setting('default_store')),
           atelier_internal.generated_key(l.client_id, l.image_id) || '.jpg', null::uuid
      from unnest(p_leases) as l
     where atelier_internal.is_embedded(l.provider) and l.client_id is not null
$$;
comment on function atelier_internal.discard_defined(atelier_internal.lease[]) is 'As discard_generate_image(), for steps of users.';

create function atelier_internal.keep_pictures(p_results atelier_internal.outcome[]) returns atelier_internal.outcome[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_made uuid[];
begin
    with stored as (
        insert into atelier.images
            (id, client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, metadata, job_id)
        select j.image_id, j.client_id, r.result #>> '{object,store}', coalesce(r.result #>> '{object,bucket}', ''), r.result #>> '{object,key}', 'ready',
               (r.result ->> 'width')::integer, (r.result ->> 'height')::integer, (r.result ->> 'size')::bigint, r.result ->> 'mime', r.result ->> 'sha256',
               coalesce(r.result -> 'metadata', '{}') || jsonb_build_object(
                   'source', 'generated', 'provider', j.provider, 'model', coalesce(nullif(r.result ->> 'model', ''), j.model), 'pipeline', j.pipeline),
               j.id
          from unnest(p_results) as r
          join atelier_internal.jobs j on j.id = r.job_id
          join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step and s.action = 'ai.image'
         where j.id = any (array(select x.job_id from unnest(p_results) as x)) and r.result ? 'object'
        returning job_id
    )
    select array_agg(s.job_id) into v_made from stored s;
    if v_made is null then
        return p_results;
    end if;
    return array(
        select row(r.job_id, r.attempt_id, r.ring, r.token, r.outcome, r.sent, r.duration_ms,
                   case when r.job_id = any (v_made) then r.result || jsonb_build_object('image_id', j.image_id) else r.result end,
                   r.usage, r.error_class, r.error_message, r.retry_after_ms)::atelier_internal.outcome
          from unnest(p_results) as r join atelier_internal.jobs j on j.id = r.job_id);
end
$$;
comment on function atelier_internal.keep_pictures(atelier_internal.outcome[]) is
    'Records the pictures that steps of users made; the results, with their image_id in those.';
