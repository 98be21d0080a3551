-- What can be done with an asset after it was asked for. Where a job has to be cancelled, that comes before the asset's row is
-- locked, in the order in which the worker locks them.

create function atelier_internal.lock_failed_job_of(p_asset_id uuid) returns atelier_internal.history_failed
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id uuid;
    v_ended atelier_internal.history_failed;
begin
    loop
        select a.job_id into v_job_id from atelier.generated_assets a where a.id = p_asset_id;
        select h.* into v_ended from atelier_internal.history_failed h where h.job_id = v_job_id for no key update;
        -- Whoever held it may have begun another one.
        exit when v_job_id is not distinct from (select a.job_id from atelier.generated_assets a where a.id = p_asset_id);
    end loop;
    return v_ended;
end
$$;
comment on function atelier_internal.lock_failed_job_of(uuid) is
    'The dead letter of an asset''s job, locked; null in all its columns where there is none. atelier.redrive() locks dead letters before products, collections and assets.';

create function atelier.retry_asset(asset_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_ended atelier_internal.history_failed := atelier_internal.lock_failed_job_of(asset_id);
    v_asset atelier.generated_assets := atelier_internal.lock_asset_to_make(asset_id);
begin
    if v_asset.status <> 'error' then
        perform atelier_internal.refuse_status(v_asset, 'tried again', case v_asset.status
            when 'completed' then 'atelier.regenerate_asset() makes a new asset from it.'
            when 'draft' then 'atelier.submit_generation() submits it.'
            else format('Failed attempts are repeated by themselves. SELECT * FROM atelier.explain_job(%L); says what it waits for.', v_asset.job_id) end);
    end if;
    update atelier.generated_assets a
       set status = 'pending',
           job_id = (atelier_internal.enqueue_generations(
               a.client_id, array[row(a.id, a.product_id, a.settings)::atelier_internal.generation_request], a.type, array[a.provider],
               array[atelier_internal.options_again(v_ended)]))[1]
     where a.id = v_asset.id;
    perform atelier_internal.note_redriven(v_asset.job_id, (select a.job_id from atelier.generated_assets a where a.id = v_asset.id));
    perform atelier_internal.resume_collection(v_asset.collection_id, true);
    return v_asset.id;
end
$$;
comment on function atelier.retry_asset(uuid) is
    'Tries an asset in status error again, with the same id, settings and provider, and returns the id. Its job has priority, order_key, tags and traceparent of the one before, as long as history knows that (pg_atelier.job_ttl_failed), and takes the last place of its key. 55000 in any other status, P0002 for an unknown asset.';

create function atelier.regenerate_asset(asset_id uuid, settings_override jsonb default '{}') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset_to_make(asset_id);
    v_settings jsonb;
    v_id uuid := gen_random_uuid();
begin
    perform atelier_internal.require_override(settings_override);
    if v_asset.status not in ('completed', 'error') then
        perform atelier_internal.refuse_status(v_asset, 'made anew',
            'Wait until it is completed, or make a new request with atelier.create_generation_request().');
    end if;
    v_settings := atelier_internal.complete_settings(v_asset.client_id, settings_override, v_asset.settings, null, false);
    insert into atelier.generated_assets as a
        (id, client_id, collection_id, product_id, type, status, settings, provider, regenerated_from, job_id)
    values (v_id, v_asset.client_id, v_asset.collection_id, v_asset.product_id, v_asset.type, 'pending', v_settings, v_asset.provider,
            v_asset.id, (atelier_internal.enqueue_generations(
                v_asset.client_id, array[row(v_id, v_asset.product_id, v_settings)::atelier_internal.generation_request], v_asset.type,
                array[v_asset.provider]))[1]);
    perform atelier_internal.resume_collection(v_asset.collection_id, true);
    return v_id;
end
$$;
comment on function atelier.regenerate_asset(uuid, jsonb) is
    'Makes a new asset from the settings of a completed or failed one, changed by settings_override, and returns its id; the original stays as it is. 22023 for bad settings, 55000 in any other status, P0002 for an unknown asset.';

create function atelier_internal.cancel_work_of_assets(p_assets uuid[], p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.cancel_jobs(array_agg(a.job_id), p_reason)
       from atelier.generated_assets a
      where a.id = any (p_assets) and a.job_id is not null and a.status in ('pending', 'generating')
     having count(*) > 0;
    -- The pipeline was told by now. What is left open has lost its job, and nobody else would close it.
    update atelier.generated_assets a
       set status = 'error', error_message = 'cancelled: ' || p_reason
     where a.id = any (p_assets) and a.status in ('pending', 'generating');
end
$$;
comment on function atelier_internal.cancel_work_of_assets(uuid[], text) is 'Ends the work for assets that are pending or generating, which go to error.';

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
        perform atelier_internal.cancel_work_of_assets(array[asset_id], 'on request');
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

create function atelier.update_draft_asset(asset_id uuid, settings jsonb) returns atelier.generated_assets
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_asset atelier.generated_assets := atelier_internal.lock_asset(asset_id);
begin
    if v_asset.status <> 'draft' then
        perform atelier_internal.refuse_status(v_asset, 'changed', case v_asset.status
            when 'completed' then 'atelier.regenerate_asset() makes a new asset with other settings.'
            else 'What an asset is made from is frozen when it is submitted. atelier.create_generation_request() makes a new one.' end);
    end if;
    update atelier.generated_assets a
       set settings = atelier_internal.complete_settings(
               a.client_id, atelier_internal.changed_settings(a.settings, update_draft_asset.settings), null, null, true)
     where a.id = v_asset.id
    returning a.* into v_asset;
    return v_asset;
end
$$;
comment on function atelier.update_draft_asset(uuid, jsonb) is
    'Changes the settings of a draft and returns it: what is given replaces what stands there, a JSON null takes a key away. 22023 for bad settings, 55000 for an asset that was submitted, P0002 for an unknown or deleted one.';

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
    -- Whoever begins work for it holds the collection.
    perform atelier_internal.lock_collection_of_asset(asset_id);
    select a.* into v_asset from atelier.generated_assets a where a.id = asset_id;
    if not found then
        perform atelier_internal.refuse_asset(asset_id, null);
    end if;
    perform atelier_internal.cancel_work_of_assets(array[asset_id], 'the asset was deleted');
    update atelier.generated_assets a set deleted_at = now()
     where a.id = asset_id and a.deleted_at is null;
    if found then
        perform atelier_internal.emit_event('asset.deleted', v_asset.client_id, asset_id, null);
        perform atelier_internal.audit('asset.deleted', 'asset', asset_id, v_asset.client_id);
    end if;
    return asset_id;
end
$$;
comment on function atelier.soft_delete_asset(uuid) is
    'Deletes an asset so that it can be restored, and returns its id; work that is under way is cancelled. Deleting it again changes nothing. P0002 for an unknown asset.';

create function atelier_internal.judge_collection_again(p_collection_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_collection atelier.collections;
begin
    select c.* into v_collection from atelier.collections c where c.id = p_collection_id;
    if v_collection.status = 'error' and atelier_internal.analysis_lack(v_collection, v_collection.base_settings) is null then
        perform atelier_internal.resume_collection(p_collection_id);
        perform atelier_internal.check_collections(array[p_collection_id]);
    else
        -- Who goes by a snapshot without the asset fails instead of making the product again.
        update atelier.collections c set updated_at = now() where c.id = p_collection_id;
    end if;
end
$$;
comment on function atelier_internal.judge_collection_again(uuid) is
    'An asset came back into a locked collection: one in error for its assets ends anew, as what is there now says.';

create function atelier_internal.refuse_purged(p_asset_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_entry atelier_internal.purge_log;
begin
    select l.* into v_entry from atelier_internal.purge_log l
     where l.entity_id = p_asset_id and l.action = 'purged' and l.entity = 'asset'
     order by l.id desc limit 1;
    if not found then
        perform atelier_internal.refuse_asset(p_asset_id, null);
    end if;
    raise exception 'asset cannot be restored: it was purged'
        using errcode = 'no_data_found',
              detail = format('Asset %s was purged at %s: %s.', p_asset_id, date_trunc('second', v_entry.at), v_entry.reason),
              hint = 'Its row and its picture are gone for good. atelier.create_generation_request() makes a new one.';
end
$$;
comment on function atelier_internal.refuse_purged(uuid) is
    'Raises P0002 for an asset that is not there: since when and why, where the purge log knows, else as of one that never was.';

create function atelier.restore_asset(asset_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_image_id uuid;
    v_image_status text;
    v_client_id uuid;
    v_collection_id uuid;
begin
    perform atelier_internal.require('asset_id', asset_id is not null);
    perform atelier_internal.lock_collection_of_asset(asset_id);
    select a.image_id into v_image_id from atelier.generated_assets a where a.id = asset_id;
    if not found then
        perform atelier_internal.refuse_purged(asset_id);
    end if;
    -- The lock holds off the deletion of the object, or waits until that is decided.
    select i.status into v_image_status from atelier.images i where i.id = v_image_id for key share;
    if not found and v_image_id is not null then
        perform atelier_internal.refuse_purged(asset_id);
    elsif v_image_status = 'deleting' then
        raise exception 'asset cannot be restored: its picture is being deleted'
            using errcode = 'object_not_in_prerequisite_state',
                  detail = format('Image %s of asset %s is deleting.', v_image_id, asset_id),
                  hint = 'A deleted asset can be restored until pg_atelier.asset_undo_window has passed. atelier.create_generation_request() makes a new one.';
    end if;
    update atelier.generated_assets a set deleted_at = null
     where a.id = asset_id and a.deleted_at is not null
    returning a.client_id, a.collection_id into v_client_id, v_collection_id;
    if found then
        perform atelier_internal.emit_event('asset.restored', v_client_id, asset_id, null);
        perform atelier_internal.audit('asset.restored', 'asset', asset_id, v_client_id);
        perform atelier_internal.judge_collection_again(v_collection_id);
    elsif not exists (select from atelier.generated_assets a where a.id = asset_id) then
        -- The purge held it when this came.
        perform atelier_internal.refuse_purged(asset_id);
    end if;
    return asset_id;
end
$$;
comment on function atelier.restore_asset(uuid) is
    'Brings a deleted asset back and returns its id; one that is not deleted stays as it is. Work that the deletion cancelled stays cancelled, atelier.retry_asset() begins it again. A collection of which nothing could be made is completed by a completed asset that comes back. P0002 for an unknown asset, and, with time and reason, for one that was purged; 55000 when its picture is being deleted already.';
