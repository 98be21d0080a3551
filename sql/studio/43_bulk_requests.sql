-- Asking for many assets at once: one statement, all or none, and what is refused names its place.

create type atelier_internal.wanted_asset as (
    place integer, id uuid, product_id uuid, settings jsonb, collection_id uuid, type text, scene_image_id uuid, provider text,
    enqueue boolean, options atelier_internal.job_options, idempotency_key text, input_hash bytea);
comment on type atelier_internal.wanted_asset is 'One of many requests, read and found to be well-formed. Place: from 1.';

create function atelier_internal.refuse_request(p_place integer, p_state text, p_message text, p_detail text, p_hint text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'request %: %', p_place, p_message
        using errcode = p_state, detail = coalesce(p_detail, ''),
              hint = coalesce(nullif(p_hint, '') || ' ', '') || 'Nothing was asked for; the first of the requests is request 1.';
end
$$;
comment on function atelier_internal.refuse_request(integer, text, text, text, text) is 'Raises the error of one of many requests, naming its place.';

create function atelier_internal.refuse_ill_formed_request(p_request jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_words constant text[] := array['product_id', 'settings', 'collection_id', 'type', 'scene_image_id', 'provider', 'priority', 'run_after', 'enqueue',
                                     'idempotency_key', 'start_by', 'order_key', 'tags', 'traceparent'];
    v_unknown text;
begin
    if jsonb_typeof(p_request) <> 'object' then
        raise exception 'it is no JSON object'
            using errcode = 'invalid_parameter_value', detail = format('It is of type %s.', jsonb_typeof(p_request)),
                  hint = 'Give {"product_id": ..., "settings": {...}}.';
    end if;
    select k.word into v_unknown from jsonb_object_keys(p_request) as k (word) where k.word <> all (v_words) limit 1;
    if found then
        raise exception '"%" is not known', left(v_unknown, 200)
            using errcode = 'invalid_parameter_value', hint = format('A request may have: %s.', array_to_string(v_words, ', '));
    elsif jsonb_typeof(p_request -> 'tags') not in ('array', 'null') then
        raise exception 'tags are not valid' using errcode = 'invalid_parameter_value', hint = 'Give a list of texts.';
    end if;
end
$$;
comment on function atelier_internal.refuse_ill_formed_request(jsonb) is 'Raises 22023 for what is no object, or has a word that no request has.';

create function atelier_internal.wanted_asset(p_place integer, p_request jsonb) returns atelier_internal.wanted_asset
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted atelier_internal.wanted_asset;
    v_given record;
    v_state text; v_message text; v_detail text; v_hint text;
begin
    perform atelier_internal.refuse_ill_formed_request(p_request);
    select r.* into v_given
      from jsonb_to_record(p_request) as r (
               product_id uuid, settings jsonb, collection_id uuid, type text, scene_image_id uuid, provider text, priority integer, run_after timestamptz,
               enqueue boolean, idempotency_key text, start_by timestamptz, order_key text, tags text[], traceparent text);
    perform atelier_internal.require('product_id', v_given.product_id is not null);
    perform atelier_internal.require('settings', v_given.settings is not null);
    perform atelier_internal.require_idempotency_key(v_given.idempotency_key);
    v_given.type := coalesce(v_given.type, 'image');
    v_given.priority := coalesce(v_given.priority, 0);
    v_given.enqueue := coalesce(v_given.enqueue, true);
    v_wanted.place := p_place;
    v_wanted.id := gen_random_uuid();
    v_wanted.product_id := v_given.product_id;
    v_wanted.settings := v_given.settings;
    v_wanted.collection_id := v_given.collection_id;
    v_wanted.type := v_given.type;
    v_wanted.scene_image_id := v_given.scene_image_id;
    v_wanted.provider := v_given.provider;
    v_wanted.enqueue := v_given.enqueue;
    v_wanted.options := atelier_internal.read_options(
        v_given.enqueue, v_given.priority, v_given.run_after, v_given.start_by, v_given.order_key, v_given.tags, v_given.traceparent);
    v_wanted.idempotency_key := v_given.idempotency_key;
    if v_given.idempotency_key is not null then
        v_wanted.input_hash := atelier_internal.input_hash(atelier_internal.request_input(
            v_given.product_id, v_given.settings, v_given.collection_id, v_given.type, v_given.scene_image_id, v_given.provider, v_given.priority,
            v_given.run_after, v_given.enqueue, v_given.start_by, v_given.order_key, v_given.tags));
    end if;
    return v_wanted;
exception when data_exception then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    perform atelier_internal.refuse_request(p_place, v_state, v_message, v_detail, v_hint);
end
$$;
comment on function atelier_internal.wanted_asset(integer, jsonb) is
    'Reads one of many requests; a JSON null is as if the word were not there. 22004 or another error of class 22, with the place, for a bad one.';

create function atelier_internal.wanted_assets(p_requests jsonb) returns atelier_internal.wanted_asset[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('requests', p_requests is not null);
    if jsonb_typeof(p_requests) <> 'array' then
        raise exception 'requests must be a JSON array'
            using errcode = 'invalid_parameter_value', detail = format('It is of type %s.', jsonb_typeof(p_requests)),
                  hint = 'Give a list of objects: [{"product_id": ..., "settings": {...}}, ...].';
    elsif jsonb_array_length(p_requests) not between 1 and 10000 then
        raise exception 'requests must have 1 to 10000 elements'
            using errcode = 'invalid_parameter_value', detail = format('It has %s.', jsonb_array_length(p_requests)),
                  hint = 'Call it again for the next 10000.';
    end if;
    return array(
        select atelier_internal.wanted_asset(r.place::integer, r.request)
          from jsonb_array_elements(p_requests) with ordinality as r (request, place) order by r.place);
end
$$;
comment on function atelier_internal.wanted_assets(jsonb) is 'Reads many requests. 22023 unless they are a list of 1 to 10000; else as wanted_asset().';

create function atelier_internal.require_wanted_times(p_wanted atelier_internal.wanted_asset[]) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted atelier_internal.wanted_asset;
    v_detail text; v_hint text;
begin
    foreach v_wanted in array p_wanted loop
        perform atelier_internal.require_times((v_wanted.options).run_after, (v_wanted.options).start_by);
    end loop;
exception when invalid_parameter_value then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    perform atelier_internal.refuse_request(v_wanted.place, sqlstate, sqlerrm, v_detail, v_hint);
end
$$;
comment on function atelier_internal.require_wanted_times(atelier_internal.wanted_asset[]) is 'As require_times(), with the place of the first request whose times are bad.';

create function atelier_internal.lock_for_assets(p_client_id uuid, p_wanted atelier_internal.wanted_asset[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_missing record;
begin
    -- Whoever removes a product locks it first and then the collections that select it.
    perform from atelier.products p
      where p.client_id = p_client_id and p.id = any (array(select distinct w.product_id from unnest(p_wanted) as w)) order by p.id for key share;
    perform from atelier.collections c
      where c.client_id = p_client_id and c.id = any (array(select distinct w.collection_id from unnest(p_wanted) as w)) order by c.id for no key update;
    select w.place, k.what, k.id into v_missing
      from unnest(p_wanted) as w
     cross join lateral (values ('product', w.product_id), ('collection', w.collection_id)) as k (what, id)
     where k.id is not null
       and not exists (select from atelier.products p where k.what = 'product' and p.client_id = p_client_id and p.id = k.id)
       and not exists (select from atelier.collections c where k.what = 'collection' and c.client_id = p_client_id and c.id = k.id)
     order by w.place, k.what desc limit 1;
    if found then
        perform atelier_internal.refuse_request(v_missing.place, '23503', v_missing.what || ' not found',
            format('Client %s has no %s %s.', p_client_id, v_missing.what, v_missing.id),
            case v_missing.what when 'product' then 'atelier.create_product() makes one and returns its id.'
                 else 'Leave collection_id out for an asset that stands alone.' end);
    end if;
end
$$;
comment on function atelier_internal.lock_for_assets(uuid, atelier_internal.wanted_asset[]) is
    'Locks products and collections in which assets are to be made; 23503, with the place, for one that the client has not.';

create function atelier_internal.make_wanted(p_client atelier.clients, p_wanted atelier_internal.wanted_asset[]) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
    v_providers text[] := array(
        select case when w.enqueue then t.provider else w.provider end
          from unnest(p_wanted) as w
          join (select d.type, d.asked, r.provider
                  from (select distinct w.type, w.provider as asked from unnest(p_wanted) as w) as d
                 cross join lateral atelier_internal.generation_route(d.type, d.asked) as r) as t
            on t.type = w.type and t.asked is not distinct from w.provider
         order by w.place);
    v_settings jsonb[] := array(
        with whole as materialized (
            select d.settings, d.scene_image_id, d.enqueue,
                   atelier_internal.complete_settings(p_client.id, d.settings, case when d.enqueue then p_client.settings -> 'generationDefaults' end,
                                                      d.scene_image_id, not d.enqueue) as completed
              from (select distinct w.settings, w.scene_image_id, w.enqueue from unnest(p_wanted) as w) as d
        )
        select h.completed
          from unnest(p_wanted) as w
          join whole h on h.settings = w.settings and h.scene_image_id is not distinct from w.scene_image_id and h.enqueue = w.enqueue
         order by w.place);
    v_jobs uuid[];
    v_all uuid[];
begin
    if p_wanted[1].enqueue then
        v_jobs := atelier_internal.enqueue_generations(
            p_client.id,
            array(select row(w.id, w.product_id, v_settings[w.n])::atelier_internal.generation_request
                    from unnest(p_wanted) with ordinality
                         as w (place, id, product_id, settings, collection_id, type, scene_image_id, provider, enqueue, options, idempotency_key, input_hash, n)
                   order by w.n),
            p_wanted[1].type, v_providers, array(select w.options from unnest(p_wanted) as w order by w.place));
    end if;
    insert into atelier.generated_assets (id, client_id, collection_id, product_id, type, status, settings, provider, job_id)
    select w.id, p_client.id, w.collection_id, w.product_id, w.type, case when w.enqueue then 'pending' else 'draft' end, v_settings[w.n], v_providers[w.n], v_jobs[w.n]
      from unnest(p_wanted) with ordinality
           as w (place, id, product_id, settings, collection_id, type, scene_image_id, provider, enqueue, options, idempotency_key, input_hash, n);
    return coalesce(v_jobs, array_fill(null::uuid, array[cardinality(p_wanted)]));
end
$$;
comment on function atelier_internal.make_wanted(atelier.clients, atelier_internal.wanted_asset[]) is
    'Makes assets that are all of one type and all drafts or none, and returns their jobs in their order.';

create function atelier_internal.make_wanted_or_say(p_client atelier.clients, p_wanted atelier_internal.wanted_asset[]) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted atelier_internal.wanted_asset;
    v_state text; v_message text; v_detail text; v_hint text;
begin
    return atelier_internal.make_wanted(p_client, p_wanted);
exception
when transaction_rollback or lock_not_available or operator_intervention or out_of_memory or disk_full then
    -- It says nothing about the requests.
    raise;
when others then
    -- Together they tell no place: one after the other, the first that is refused is the one.
    foreach v_wanted in array p_wanted loop
        begin
            perform atelier_internal.make_wanted(p_client, array[v_wanted]);
        exception
        when transaction_rollback or lock_not_available or operator_intervention or out_of_memory or disk_full then
            raise;
        when others then
            get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
            perform atelier_internal.refuse_request(v_wanted.place, v_state, v_message, v_detail, v_hint);
        end;
    end loop;
    raise;
end
$$;
comment on function atelier_internal.make_wanted_or_say(atelier.clients, atelier_internal.wanted_asset[]) is 'As make_wanted(); an error names the place of the request that it is about.';

create function atelier.create_generation_requests(client_id uuid, requests jsonb)
returns table (place integer, asset_id uuid, job_id uuid, repeated boolean)
language plpgsql security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    v_client atelier.clients := atelier_internal.hold_client(create_generation_requests.client_id);
    v_wanted atelier_internal.wanted_asset[] := atelier_internal.wanted_assets(create_generation_requests.requests);
    v_calls atelier_internal.keyed_call[] := atelier_internal.claim_keys(v_client.id, array(
        select row(w.place, w.idempotency_key, w.input_hash, w.id, false)::atelier_internal.keyed_call from unnest(v_wanted) as w order by w.place));
    -- Drafts first: they have no order.
    v_new atelier_internal.wanted_asset[] := array(
        select w from unnest(v_wanted) as w join unnest(v_calls) as c on c.place = w.place where not c.repeated order by w.enqueue, w.place);
    v_run record;
    v_jobs uuid[] := '{}';
    -- The way from settings to job holds them several times.
    v_most bigint := greatest(100, least(1000, 20000000 / greatest(1, pg_column_size(requests) / cardinality(v_wanted))));
begin
    -- What an earlier call made is given back whatever its times are by now.
    perform atelier_internal.require_wanted_times(v_new);
    perform atelier_internal.lock_for_assets(v_client.id, v_new);
    perform atelier_internal.hold_order_keys(v_client.id, array(select (w.options).order_key from unnest(v_new) as w));
    -- What is made by one pipeline is enqueued together; in its order, where several are asked for in turn.
    for v_run in
        select min(r.n)::integer as first, max(r.n)::integer as last
          from (select b.n, count(*) filter (where b.begins) over (order by b.n) as run
                  from (select w.n, (w.type, w.enqueue) is distinct from lag((w.type, w.enqueue)) over (order by w.n) as begins
                          from unnest(v_new) with ordinality
                               as w (place, id, product_id, settings, collection_id, type, scene_image_id, provider, enqueue, options, idempotency_key, input_hash, n)) b) r
         group by r.run, r.n / v_most
         order by 1
    loop
        v_jobs := v_jobs || atelier_internal.make_wanted_or_say(v_client, v_new[v_run.first : v_run.last]);
    end loop;
    perform atelier_internal.resume_collection(c.id)
       from (select distinct w.collection_id as id from unnest(v_new) as w where w.enqueue and w.collection_id is not null order by 1) as c;
    perform atelier_internal.note_keyed_jobs(v_client.id, array_agg(n.key), array_agg(n.job_id))
       from (select w.idempotency_key as key, w.job_id
               from rows from (unnest(v_new), unnest(v_jobs))
                    as w (place, id, product_id, settings, collection_id, type, scene_image_id, provider, enqueue, options, idempotency_key, input_hash, job_id)
              where w.idempotency_key is not null and w.job_id is not null) as n
     having count(*) > 0;
    return query
        select c.place, c.asset_id, coalesce(w.job_id, k.job_id), c.repeated
          from unnest(v_calls) as c
          left join rows from (unnest(v_new), unnest(v_jobs))
                    as w (place, id, product_id, settings, collection_id, type, scene_image_id, provider, enqueue, options, idempotency_key, input_hash, job_id)
                 on w.place = c.place
          left join (select i.key, i.job_id from atelier_internal.idempotency_keys i
                      where i.client_id = v_client.id and i.key = any (array(select r.key from unnest(v_calls) as r where r.repeated))) as k
                 on k.key = c.key and c.repeated
         order by c.place;
end
$$;
comment on function atelier.create_generation_requests(uuid, jsonb) is
    'Asks for 1 to 10000 assets of a client at once, all or none. requests is a list of objects with the parameters of create_generation_request as their words: product_id and settings, and what else matters; a JSON null is as if the word were not there. Returns a row for each, in their order (place, from 1): the asset, its job (null for a draft), and whether an earlier call, or an earlier request of this one, with the same idempotency_key made it. An error names the place of the request that it is about, and nothing is made then. 22023 for another number of requests or an unknown word; else as create_generation_request.';
