-- Asking for an asset: the row and its job come to be in the caller's transaction, or neither does.

create type atelier_internal.generation_request as (asset_id uuid, product_id uuid, settings jsonb);
comment on type atelier_internal.generation_request is 'An asset that is to be made, with its whole settings.';

create type atelier_internal.product_photo as (product_id uuid, image_id uuid, status text, job_id uuid, usable boolean);
comment on type atelier_internal.product_photo is
    'The photo that stands for a product in a request, and the state of that image; image_id is null when the product has none. Usable: ready, or being inspected by job_id.';

create function atelier_internal.product_photos(p_client_id uuid, p_product_ids uuid[]) returns atelier_internal.product_photo[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Each is looked up by its own key: joins, and indexes of the client, are chosen by statistics, and those of a client that
    -- has just been imported say that it has nothing.
    v_chosen atelier_internal.product_photo[] := array(
        select row(w.id, photo.image_id, null, null, false)::atelier_internal.product_photo
          from unnest(p_product_ids) with ordinality as w (id, place)
          left join lateral (
                select c.image_id from atelier.product_images c
                 where c.product_id = w.id
                 order by c.is_primary desc, c.display_order, c.id limit 1) as photo on true
         order by w.place);
begin
    -- The lock holds off a purge until the caller's transaction has said what it needs the images for.
    perform from atelier.images i
      where i.client_id = p_client_id and i.id = any (array(select c.image_id from unnest(v_chosen) as c))
      order by i.id for key share;
    return array(
        select row(c.product_id, i.id, i.status, i.job_id,
                   coalesce(i.status = 'ready' or i.status = 'pending' and i.job_id is not null, false))::atelier_internal.product_photo
          from unnest(v_chosen) with ordinality as c (product_id, image_id, status, job_id, usable, place)
          left join lateral (select l.* from atelier.images l where l.id = c.image_id limit 1) as i on true
         order by c.place);
end
$$;
comment on function atelier_internal.product_photos(uuid, uuid[]) is
    'The photo of each product, in their order, locked against removal: the primary one, else the first.';

create function atelier_internal.enqueue_generations(
    p_client_id uuid, p_requests atelier_internal.generation_request[], p_type text, p_providers text[],
    p_options atelier_internal.job_options[] default null)
returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_pipeline text;
    v_asked text[];
    v_providers text[];
    v_models text[];
    v_store text := atelier_internal.output_store();
    v_bucket text := atelier_internal.store_bucket(v_store);
    v_photos atelier_internal.product_photo[];
    v_photo atelier_internal.product_photo;
    v_urls text[];
    v_scenes atelier.images[];
    v_prompts text[] := atelier_internal.prompts(
        array(select r.product_id from unnest(p_requests) as r), array(select r.settings from unnest(p_requests) as r));
    v_counted jsonb;
begin
    select min(t.pipeline), array_agg(d.provider), array_agg(t.provider), array_agg(t.model)
      into v_pipeline, v_asked, v_providers, v_models
      from (select distinct p.provider from unnest(p_providers) as p (provider)) as d
     cross join lateral atelier_internal.generation_route(p_type, d.provider) as t;
    v_photos := atelier_internal.product_photos(p_client_id, array(select r.product_id from unnest(p_requests) as r));
    select p.* into v_photo from unnest(v_photos) as p where not p.usable limit 1;
    if v_photo.image_id is not null then
        perform atelier_internal.require_image(p_client_id, v_photo.image_id, 'product photo');
    elsif v_photo.product_id is not null then
        raise exception 'product has no photo'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Product %s has no image.', v_photo.product_id),
                  hint = 'Call atelier.register_image() and atelier.add_product_image() first.';
    end if;
    v_urls := array(select distinct r.settings ->> 'sceneImageUrl' from unnest(p_requests) as r where r.settings ->> 'sceneImageUrl' is not null);
    v_scenes := array(
        select atelier_internal.require_image(p_client_id, atelier_internal.scene_image_id(p_client_id, u.url), 'scene image')
          from unnest(v_urls) with ordinality as u (url, place) order by u.place);
    -- Who asks for many at once holds its keys before it counts the first.
    perform atelier_internal.hold_order_keys(p_client_id, array(select o.order_key from unnest(p_options) as o));
    v_counted := atelier_internal.count_generations(p_client_id, cardinality(p_requests));
    return atelier_internal.enqueue_jobs(
        v_pipeline,
        array(
            select row(
                       r.asset_id, p_client_id, t.provider, t.model,
                       jsonb_build_object(
                           'assetId', r.asset_id, 'clientId', p_client_id, 'productId', r.product_id,
                           'productImageId', r.photo_id, 'sceneImageId', s.id, 'store', v_store, 'bucket', v_bucket,
                           'settings', r.settings, 'prompt', r.prompt, 'counted', v_counted),
                       case when r.photo_status = 'pending' and s.status = 'pending' and s.job_id <> r.photo_job_id then array[r.photo_job_id, s.job_id]
                            when r.photo_status = 'pending' then array[r.photo_job_id]
                            when s.status = 'pending' then array[s.job_id]
                            else '{}' end)::atelier_internal.job_request
              from rows from (unnest(p_requests), unnest(v_photos), unnest(v_prompts), unnest(p_providers)) with ordinality
                   as r (asset_id, product_id, settings, photo_product_id, photo_id, photo_status, photo_job_id, photo_usable, prompt, provider, place)
              join unnest(v_asked, v_providers, v_models) as t (asked, provider, model) on t.asked is not distinct from coalesce(r.provider, p_providers[1])
              left join (select u.url, i.id, i.status, i.job_id
                           from unnest(v_urls) with ordinality as u (url, place)
                          cross join lateral (select (v_scenes[u.place]).*) as i) as s on s.url = r.settings ->> 'sceneImageUrl'
             order by r.place),
        p_options);
end
$$;
comment on function atelier_internal.enqueue_generations(uuid, atelier_internal.generation_request[], text, text[], atelier_internal.job_options[]) is
    'Enqueues the making of assets of a client and returns the job ids in their order. Providers: one for all or one each; options as for enqueue_jobs. The jobs hold ids, settings, prompt and store as they are now, where they were counted, and wait for photos that are still being inspected. 53400 when a limit of the client is reached.';

create function atelier_internal.require_product(p_client_id uuid, p_product_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('product_id', p_product_id is not null);
    if not exists (select from atelier.products p where p.client_id = p_client_id and p.id = p_product_id) then
        perform atelier_internal.refuse_unknown('product', p_product_id, p_client_id, 'atelier.create_product() makes one and returns its id.');
    end if;
end
$$;
comment on function atelier_internal.require_product(uuid, uuid) is 'Raises 22004 for NULL, 23503 unless the client has the product.';

create function atelier.create_generation_request(
    client_id uuid, product_id uuid, settings jsonb, collection_id uuid default null, type text default 'image',
    scene_image_id uuid default null, provider text default null, priority integer default 0,
    run_after timestamptz default null, enqueue boolean default true, idempotency_key text default null,
    start_by timestamptz default null, order_key text default null, tags text[] default null, traceparent text default null)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client atelier.clients := atelier_internal.hold_client(client_id);
    v_route record;
    v_options atelier_internal.job_options;
    v_settings jsonb;
    v_id uuid := gen_random_uuid();
    v_made_before uuid;
    v_job_id uuid;
begin
    v_made_before := atelier_internal.claim_key(client_id, idempotency_key, atelier_internal.request_input(
        product_id, settings, collection_id, type, scene_image_id, provider, priority, run_after, enqueue, start_by, order_key, tags), v_id);
    if v_made_before is not null then
        return v_made_before;
    end if;
    v_route := atelier_internal.generation_route(type, provider);
    perform atelier_internal.require_product(client_id, product_id);
    perform atelier_internal.require('settings', settings is not null);
    v_options := atelier_internal.request_options(enqueue, priority, run_after, start_by, order_key, tags, traceparent);
    if collection_id is not null and not atelier_internal.lock_collection_for(client_id, product_id, collection_id) then
        perform atelier_internal.refuse_unknown('collection', collection_id, client_id, 'Leave collection_id out for an asset that stands alone.');
    end if;
    v_settings := atelier_internal.complete_settings(
        client_id, settings, case when enqueue then v_client.settings -> 'generationDefaults' end, scene_image_id, not enqueue);
    if enqueue then
        v_job_id := (atelier_internal.enqueue_generations(
            client_id, array[row(v_id, product_id, v_settings)::atelier_internal.generation_request], type, array[v_route.provider], array[v_options]))[1];
        perform atelier_internal.resume_collection(collection_id);
        if idempotency_key is not null then
            perform atelier_internal.note_keyed_jobs(client_id, array[idempotency_key], array[v_job_id]);
        end if;
    end if;
    insert into atelier.generated_assets (id, client_id, collection_id, product_id, type, status, settings, provider, job_id)
    values (v_id, client_id, collection_id, product_id, type, case when enqueue then 'pending' else 'draft' end, v_settings,
            case when enqueue then v_route.provider else provider end, v_job_id);
    return v_id;
end
$$;
comment on function atelier.create_generation_request(uuid, uuid, jsonb, uuid, text, uuid, text, integer, timestamptz, boolean, text, timestamptz, text, text[], text) is
    'Asks for an asset of a product and returns its id. The generationDefaults of the client are merged under settings; scene_image_id becomes sceneImageUrl. priority -100 (first) to 100 (last); run_after: not before; start_by: it fails as expired when it could not begin by then. order_key: requests of the client with the same key are made one after the other, in the order in which they were committed. tags (at most 20) and traceparent (W3C Trace Context) go with the job. With enqueue false the asset is a draft, whose settings may be partial, until submit_generation. idempotency_key (1 to 200 characters): who asks again with the same key and input within pg_atelier.idempotency_ttl is given the same asset, whatever became of it, and nothing else happens; traceparent is no input. 22004 NULL, 22023 bad value, 23503 unknown or foreign id, 23505 an idempotency_key that was used with other input, 55000 no usable photo, 0A000 type that cannot be made, 42704 unknown provider or default store, 42501 no USAGE on its foreign server, 53400 limit of the day or month reached, 40001 in a transaction whose snapshot is older than a call with the same key: begin again.';

create function atelier_internal.lock_asset(p_asset_id uuid) returns atelier.generated_assets
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_asset atelier.generated_assets;
begin
    perform atelier_internal.require('asset_id', p_asset_id is not null);
    select a.* into v_asset from atelier.generated_assets a where a.id = p_asset_id for no key update;
    if v_asset.id is null or v_asset.deleted_at is not null then
        perform atelier_internal.refuse_asset(p_asset_id, v_asset.deleted_at);
    end if;
    return v_asset;
end
$$;
comment on function atelier_internal.lock_asset(uuid) is 'The asset, locked; 22004 for NULL, P0002 for one that is unknown or deleted.';

create function atelier_internal.lock_collection_of_asset(p_asset_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever removes a product locks it first and then the collections that select it.
    perform from atelier.products p
      where p.id = (select a.product_id from atelier.generated_assets a where a.id = p_asset_id) for key share;
    perform from atelier.collections c
      where c.id = (select a.collection_id from atelier.generated_assets a where a.id = p_asset_id) for no key update;
end
$$;
comment on function atelier_internal.lock_collection_of_asset(uuid) is
    'Locks the product of an asset against removal, and then its collection, if there are any.';

create function atelier_internal.lock_asset_to_make(p_asset_id uuid) returns atelier.generated_assets
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.lock_collection_of_asset(p_asset_id);
    return atelier_internal.lock_asset(p_asset_id);
end
$$;
comment on function atelier_internal.lock_asset_to_make(uuid) is
    'The asset, locked as by lock_asset, for work that its collection has to know of: product and collection are locked before.';

create function atelier_internal.resume_collection(p_collection_id uuid, p_also_ready boolean default false) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Its row changes in any status: who goes by a snapshot without the asset fails instead of asking for the product again.
    update atelier.collections c set status = case when c.status in ('completed', 'error') or p_also_ready and c.status = 'ready' then 'generating' else c.status end
     where c.id = p_collection_id;
end
$$;
comment on function atelier_internal.resume_collection(uuid, boolean) is
    'A collection that was given work: one that had ended is generating again. One that is ready stays so, unless the work belongs to what it made before.';

create function atelier_internal.lock_collection_for(p_client_id uuid, p_product_id uuid, p_collection_id uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever removes a product locks it first and then the collections that select it.
    perform from atelier.products p where p.client_id = p_client_id and p.id = p_product_id for key share;
    perform from atelier.collections c where c.client_id = p_client_id and c.id = p_collection_id for no key update;
    return found;
end
$$;
comment on function atelier_internal.lock_collection_for(uuid, uuid, uuid) is
    'Locks a collection in which an asset of the product is to be made; false when the client has no such collection.';

create function atelier_internal.refuse_asset(p_asset_id uuid, p_deleted_at timestamptz) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'asset not found'
        using errcode = 'no_data_found',
              detail = case when p_deleted_at is null then format('There is no asset %s.', p_asset_id)
                            else format('Asset %s was deleted.', p_asset_id) end,
              hint = case when p_deleted_at is null then atelier_internal.way_out('atelier.list_assets() lists the assets of a client.')
                          else 'atelier.restore_asset() brings it back.' end;
end
$$;
comment on function atelier_internal.refuse_asset(uuid, timestamptz) is 'Raises P0002 for an asset that is unknown or deleted.';

create function atelier_internal.refuse_status(p_asset atelier.generated_assets, p_act text, p_hint text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'asset cannot be % while it is %', p_act, p_asset.status
        using errcode = 'object_not_in_prerequisite_state', detail = format('Asset %s is %s.', p_asset.id, p_asset.status), hint = p_hint;
end
$$;
comment on function atelier_internal.refuse_status(atelier.generated_assets, text, text) is 'Raises 55000: the status of the asset does not allow the act.';

create function atelier.submit_generation(
    asset_id uuid, priority integer default 0, run_after timestamptz default null, start_by timestamptz default null,
    order_key text default null, tags text[] default null, traceparent text default null)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset_to_make(asset_id);
    v_options atelier_internal.job_options := atelier_internal.request_options(true, priority, run_after, start_by, order_key, tags, traceparent);
    v_route record;
    v_settings jsonb;
begin
    if v_asset.status <> 'draft' then
        perform atelier_internal.refuse_status(v_asset, 'submitted',
            case when v_asset.status = 'error' then 'atelier.retry_asset() tries it again.' else 'It has been submitted already.' end);
    end if;
    v_route := atelier_internal.generation_route(v_asset.type, v_asset.provider);
    v_settings := atelier_internal.complete_settings(
        v_asset.client_id, v_asset.settings,
        (select c.settings -> 'generationDefaults' from atelier.clients c where c.id = v_asset.client_id), null, false);
    update atelier.generated_assets a
       set status = 'pending', settings = v_settings, provider = v_route.provider,
           job_id = (atelier_internal.enqueue_generations(
               a.client_id, array[row(a.id, a.product_id, v_settings)::atelier_internal.generation_request], a.type, array[v_route.provider],
               array[v_options]))[1]
     where a.id = v_asset.id;
    perform atelier_internal.resume_collection(v_asset.collection_id);
    return v_asset.id;
end
$$;
comment on function atelier.submit_generation(uuid, integer, timestamptz, timestamptz, text, text[], text) is
    'Submits a draft and returns its id. Its settings are completed with the defaults of the client and must be whole now; from then on they are frozen. Submitted twice, the second call is refused with 55000, as for any asset that is no draft. P0002 for an unknown one, else as create_generation_request.';
