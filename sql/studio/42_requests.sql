-- Asking for an asset: the row and its job come to be in the caller's transaction, or neither does.

create function atelier_internal.generation_route(p_type text, p_provider text, out pipeline text, out provider text, out model text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_option text;
begin
    perform atelier_internal.require('type', p_type is not null);
    if p_type not in ('image', 'video', '3d_render') then
        raise exception 'type "%" is not known', left(p_type, 200)
            using errcode = 'invalid_parameter_value', hint = 'Types are: image, video, 3d_render.';
    end if;
    select a.pipeline into generation_route.pipeline from atelier_internal.asset_pipelines a where a.asset_type = p_type;
    if not found then
        raise exception 'assets of type % cannot be made', p_type
            using errcode = 'feature_not_supported', detail = 'No pipeline is configured for this type.',
                  hint = (select 'Types that can be made: ' || string_agg(a.asset_type, ', ' order by a.asset_type) || '.'
                            from atelier_internal.asset_pipelines a);
    end if;
    generation_route.provider := coalesce(p_provider, atelier_internal.setting('default_provider'));
    perform atelier_internal.require_provider(generation_route.provider);
    select replace(s.action, 'ai.', '') || '_model' into v_option
      from atelier_internal.steps s where s.pipeline = generation_route.pipeline and s.position = 1;
    select m.model into generation_route.model from atelier_internal.pipeline_models m
     where m.pipeline = generation_route.pipeline and m.provider = generation_route.provider;
    if not found then
        generation_route.model := atelier_internal.provider_option(generation_route.provider, v_option);
    end if;
    if generation_route.model is null then
        raise exception 'provider "%" has no model for assets of type %', left(generation_route.provider, 200), p_type
            using errcode = 'invalid_parameter_value',
                  detail = case when p_provider is null then 'It is the value of pg_atelier.default_provider.' else 'It was asked for.' end,
                  hint = case when atelier_internal.is_embedded(generation_route.provider) then 'The embedded provider is named "offline".'
                              when atelier_internal.is_store(generation_route.provider) then 'It is a store. SELECT provider FROM atelier.providers lists the providers.'
                              else format('ALTER SERVER %I OPTIONS (ADD %s ''...'');', generation_route.provider, v_option) end;
    end if;
end
$$;
comment on function atelier_internal.generation_route(text, text) is
    'Pipeline, provider and model for an asset. The model is that of pipeline_models, else the one that the provider''s server names for the action. 22023 for an unknown type or a provider without a model, 42704 for an unknown provider, 42501 without USAGE on it, 0A000 for a type that no pipeline makes.';

create function atelier_internal.output_store() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_store text := atelier_internal.setting('default_store');
begin
    if not atelier_internal.is_store(v_store) then
        raise exception 'store "%" does not exist', left(v_store, 200)
            using errcode = 'undefined_object', detail = 'It is the value of pg_atelier.default_store.',
                  hint = 'SELECT store FROM atelier.stores lists the stores.';
    end if;
    perform atelier_internal.require_store(v_store);
    return v_store;
end
$$;
comment on function atelier_internal.output_store() is
    'The store for new pictures, pg_atelier.default_store; 42704 when it is none, 42501 when the caller has no USAGE on its foreign server.';

create function atelier_internal.enqueue_generation(
    p_asset_id uuid, p_client_id uuid, p_product_id uuid, p_type text, p_settings jsonb, p_provider text, p_priority integer, p_run_after timestamptz)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_route record := atelier_internal.generation_route(p_type, p_provider);
    v_store text := atelier_internal.output_store();
    v_photo atelier.images;
    v_scene atelier.images;
    v_photo_id uuid;
    v_waits_for uuid[];
begin
    perform atelier_internal.require('priority', p_priority is not null);
    if p_priority not between -100 and 100 then
        raise exception 'priority % is out of range', p_priority
            using errcode = 'invalid_parameter_value', hint = 'Use -100 (first) to 100 (last); 0 is usual.';
    elsif not isfinite(p_run_after) then
        raise exception 'run_after must be a finite time'
            using errcode = 'invalid_parameter_value', hint = 'Leave it out to start at once; a draft (enqueue => false) waits without a time.';
    end if;
    select pi.image_id into v_photo_id from atelier.product_images pi
     where pi.client_id = p_client_id and pi.product_id = p_product_id
     order by pi.is_primary desc, pi.display_order, pi.id
     limit 1;
    if not found then
        raise exception 'product has no photo'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Product %s has no image.', p_product_id),
                  hint = 'Call atelier.register_image() and atelier.add_product_image() first.';
    end if;
    v_photo := atelier_internal.require_image(p_client_id, v_photo_id, 'product photo');
    if p_settings ->> 'sceneImageUrl' is not null then
        v_scene := atelier_internal.require_image(
            p_client_id, atelier_internal.scene_image_id(p_client_id, p_settings ->> 'sceneImageUrl'), 'scene image');
    end if;
    select coalesce(array_agg(distinct waiting.job_id), '{}') into v_waits_for
      from (values (v_photo.status, v_photo.job_id), (v_scene.status, v_scene.job_id)) as waiting (status, job_id)
     where waiting.status = 'pending';
    return (atelier_internal.enqueue_jobs(
        v_route.pipeline,
        array[row(
            p_asset_id, p_client_id, v_route.provider, v_route.model,
            jsonb_build_object(
                'assetId', p_asset_id, 'clientId', p_client_id, 'productId', p_product_id,
                'productImageId', v_photo.id, 'sceneImageId', v_scene.id,
                'store', v_store, 'bucket', atelier_internal.store_bucket(v_store),
                'settings', p_settings, 'prompt', atelier.build_prompt(p_settings, p_product_id)),
            v_waits_for)::atelier_internal.job_request],
        p_priority::smallint,
        p_run_after))[1];
end
$$;
comment on function atelier_internal.enqueue_generation(uuid, uuid, uuid, text, jsonb, text, integer, timestamptz) is
    'Enqueues the making of an asset and returns the job id. The job holds ids, settings, prompt and store as they are now, and waits for photos that are still being inspected.';

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
    run_after timestamptz default null, enqueue boolean default true)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client atelier.clients := atelier_internal.require_client(client_id);
    v_route record := atelier_internal.generation_route(type, provider);
    v_settings jsonb;
    v_id uuid := gen_random_uuid();
    v_job_id uuid;
begin
    perform atelier_internal.require_product(client_id, product_id);
    perform atelier_internal.require('settings', settings is not null);
    perform atelier_internal.require('enqueue', enqueue is not null);
    if collection_id is not null and not exists (
        select from atelier.collections c where c.client_id = v_client.id and c.id = create_generation_request.collection_id)
    then
        perform atelier_internal.refuse_unknown('collection', collection_id, client_id, 'Leave collection_id out for an asset that stands alone.');
    end if;
    v_settings := atelier_internal.complete_settings(
        client_id, settings, case when enqueue then v_client.settings -> 'generationDefaults' end, scene_image_id, not enqueue);
    if enqueue then
        v_job_id := atelier_internal.enqueue_generation(v_id, client_id, product_id, type, v_settings, v_route.provider, priority, run_after);
    elsif priority is distinct from 0 or run_after is not null then
        raise exception 'a draft has neither priority nor run_after'
            using errcode = 'invalid_parameter_value', hint = 'Give them to atelier.submit_generation().';
    end if;
    insert into atelier.generated_assets (id, client_id, collection_id, product_id, type, status, settings, provider, job_id)
    values (v_id, client_id, collection_id, product_id, type, case when enqueue then 'pending' else 'draft' end, v_settings,
            case when enqueue then v_route.provider else provider end, v_job_id);
    return v_id;
end
$$;
comment on function atelier.create_generation_request(uuid, uuid, jsonb, uuid, text, uuid, text, integer, timestamptz, boolean) is
    'Asks for an asset of a product and returns its id. The generationDefaults of the client are merged under settings; scene_image_id becomes sceneImageUrl. priority -100 (first) to 100 (last); run_after: not before. With enqueue false the asset is a draft, whose settings may be partial, until submit_generation. 22004 NULL, 22023 bad value, 23503 unknown or foreign id, 55000 no usable photo, 0A000 type that cannot be made, 42704 unknown provider or default store, 42501 no USAGE on its foreign server.';

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

create function atelier_internal.refuse_asset(p_asset_id uuid, p_deleted_at timestamptz) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'asset not found'
        using errcode = 'no_data_found',
              detail = case when p_deleted_at is null then format('There is no asset %s.', p_asset_id)
                            else format('Asset %s was deleted.', p_asset_id) end,
              hint = case when p_deleted_at is null then 'atelier.list_assets() lists the assets of a client.'
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

create function atelier.submit_generation(asset_id uuid, priority integer default 0, run_after timestamptz default null) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset(asset_id);
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
           job_id = atelier_internal.enqueue_generation(
               a.id, a.client_id, a.product_id, a.type, v_settings, v_route.provider, priority, run_after)
     where a.id = v_asset.id;
    return v_asset.id;
end
$$;
comment on function atelier.submit_generation(uuid, integer, timestamptz) is
    'Submits a draft and returns its id. Its settings are completed with the defaults of the client and must be whole now; from then on they are frozen. 55000 for an asset that is no draft, P0002 for an unknown one, else as create_generation_request.';
