-- What can be done with an asset after it was asked for. Where a job has to be cancelled, that comes before the asset's row is
-- locked, in the order in which the worker locks them.

create function atelier.retry_asset(asset_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset(asset_id);
begin
    if v_asset.status <> 'error' then
        perform atelier_internal.refuse_status(v_asset, 'tried again', case v_asset.status
            when 'completed' then 'atelier.regenerate_asset() makes a new asset from it.'
            when 'draft' then 'atelier.submit_generation() submits it.'
            else format('Failed attempts are repeated by themselves. SELECT * FROM atelier.explain_job(%L); says what it waits for.', v_asset.job_id) end);
    end if;
    update atelier.generated_assets a
       set status = 'pending',
           job_id = atelier_internal.enqueue_generation(a.id, a.client_id, a.product_id, a.type, a.settings, a.provider, 0, null)
     where a.id = v_asset.id;
    return v_asset.id;
end
$$;
comment on function atelier.retry_asset(uuid) is
    'Tries an asset in status error again, with the same id, settings and provider, and returns the id. 55000 in any other status, P0002 for an unknown asset.';

create function atelier.regenerate_asset(asset_id uuid, settings_override jsonb default '{}') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset(asset_id);
    v_settings jsonb;
    v_id uuid := gen_random_uuid();
begin
    perform atelier_internal.require('settings_override', settings_override is not null);
    if v_asset.status not in ('completed', 'error') then
        perform atelier_internal.refuse_status(v_asset, 'made anew',
            'Wait until it is completed, or make a new request with atelier.create_generation_request().');
    elsif jsonb_typeof(settings_override) <> 'object' then
        perform atelier_internal.refuse_shape('setting', array['settings_override', 'a JSON object'], settings_override);
    end if;
    v_settings := atelier_internal.complete_settings(v_asset.client_id, settings_override, v_asset.settings, null, false);
    insert into atelier.generated_assets as a
        (id, client_id, collection_id, product_id, type, status, settings, provider, regenerated_from, job_id)
    values (v_id, v_asset.client_id, v_asset.collection_id, v_asset.product_id, v_asset.type, 'pending', v_settings, v_asset.provider,
            v_asset.id, atelier_internal.enqueue_generation(
                v_id, v_asset.client_id, v_asset.product_id, v_asset.type, v_settings, v_asset.provider, 0, null));
    return v_id;
end
$$;
comment on function atelier.regenerate_asset(uuid, jsonb) is
    'Makes a new asset from the settings of a completed or failed one, changed by settings_override, and returns its id; the original stays as it is. 22023 for bad settings, 55000 in any other status, P0002 for an unknown asset.';

create function atelier_internal.cancel_asset_work(p_asset_id uuid, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.cancel_jobs(array[a.job_id], p_reason)
       from atelier.generated_assets a
      where a.id = p_asset_id and a.job_id is not null and a.status in ('pending', 'generating');
    -- The pipeline was told by now. What is left open has lost its job, and nobody else would close it.
    update atelier.generated_assets a
       set status = 'error', error_message = 'cancelled: ' || p_reason
     where a.id = p_asset_id and a.status in ('pending', 'generating');
end
$$;
comment on function atelier_internal.cancel_asset_work(uuid, text) is 'Ends the work for an asset that is pending or generating, which goes to error.';

create function atelier.cancel_generation(asset_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets;
begin
    perform atelier_internal.require('asset_id', asset_id is not null);
    select a.* into v_asset from atelier.generated_assets a where a.id = asset_id;
    if v_asset.id is null or v_asset.deleted_at is not null then
        perform atelier_internal.refuse_asset(asset_id, v_asset.deleted_at);
    elsif v_asset.status in ('pending', 'generating') then
        perform atelier_internal.cancel_asset_work(asset_id, 'on request');
        -- The worker may have completed it in the meantime.
        select a.* into v_asset from atelier.generated_assets a where a.id = asset_id;
    elsif v_asset.status in ('draft', 'error') then
        perform atelier_internal.refuse_status(v_asset, 'cancelled', 'Nothing is being done for it. atelier.soft_delete_asset() deletes it.');
    end if;
    if v_asset.status = 'completed' then
        perform atelier_internal.refuse_status(v_asset, 'cancelled', 'It is done. atelier.soft_delete_asset() deletes it.');
    end if;
    return asset_id;
end
$$;
comment on function atelier.cancel_generation(uuid) is
    'Cancels an asset that is pending or generating and returns its id; it goes to error, its message begins with "cancelled", and a result that arrives later is dropped. 55000 in any other status, P0002 for an unknown asset.';

create function atelier.pin_asset(asset_id uuid, pinned boolean default true) returns atelier.generated_assets
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset(asset_id);
begin
    perform atelier_internal.require('pinned', pinned is not null);
    if pinned and v_asset.status <> 'completed' then
        perform atelier_internal.refuse_status(v_asset, 'pinned', 'Only completed assets can be pinned.');
    end if;
    update atelier.generated_assets a set pinned = pin_asset.pinned
     where a.id = v_asset.id
    returning a.* into v_asset;
    return v_asset;
end
$$;
comment on function atelier.pin_asset(uuid, boolean) is
    'Pins a completed asset, or unpins one, and returns it. 55000 for pinning in any other status, P0002 for an unknown or deleted asset.';

create function atelier.soft_delete_asset(asset_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets;
begin
    perform atelier_internal.require('asset_id', asset_id is not null);
    select a.* into v_asset from atelier.generated_assets a where a.id = asset_id;
    if not found then
        perform atelier_internal.refuse_asset(asset_id, null);
    end if;
    perform atelier_internal.cancel_asset_work(asset_id, 'the asset was deleted');
    update atelier.generated_assets a set deleted_at = now()
     where a.id = asset_id and a.deleted_at is null;
    if found then
        perform atelier_internal.emit_event('asset.deleted', v_asset.client_id, asset_id, null);
    end if;
    return asset_id;
end
$$;
comment on function atelier.soft_delete_asset(uuid) is
    'Deletes an asset so that it can be restored, and returns its id; work that is under way is cancelled. Deleting it again changes nothing. P0002 for an unknown asset.';

create function atelier.restore_asset(asset_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_image_id uuid;
    v_image_status text;
    v_client_id uuid;
begin
    perform atelier_internal.require('asset_id', asset_id is not null);
    select a.image_id into v_image_id from atelier.generated_assets a where a.id = asset_id;
    if not found then
        perform atelier_internal.refuse_asset(asset_id, null);
    end if;
    -- The lock holds off the deletion of the object, or waits until that is decided.
    select i.status into v_image_status from atelier.images i where i.id = v_image_id for key share;
    if not found and v_image_id is not null then
        perform atelier_internal.refuse_asset(asset_id, null);
    elsif v_image_status = 'deleting' then
        raise exception 'asset cannot be restored: its picture is being deleted'
            using errcode = 'object_not_in_prerequisite_state',
                  detail = format('Image %s of asset %s is deleting.', v_image_id, asset_id),
                  hint = 'A deleted asset can be restored until pg_atelier.asset_undo_window has passed. atelier.create_generation_request() makes a new one.';
    end if;
    update atelier.generated_assets a set deleted_at = null
     where a.id = asset_id and a.deleted_at is not null
    returning a.client_id into v_client_id;
    if found then
        perform atelier_internal.emit_event('asset.restored', v_client_id, asset_id, null);
    end if;
    return asset_id;
end
$$;
comment on function atelier.restore_asset(uuid) is
    'Brings a deleted asset back and returns its id; one that is not deleted stays as it is. Work that the deletion cancelled stays cancelled, atelier.retry_asset() begins it again. P0002 for an unknown asset, 55000 when its picture is being deleted already.';
