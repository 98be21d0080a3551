-- Rules about change. They act on UPDATE and DELETE only: an INSERT of any legal stored row succeeds in any order, or no dump could be restored.

create function atelier_internal.touch_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
comment on function atelier_internal.touch_updated_at() is 'Keeps updated_at.';

create trigger touch_updated_at before update on atelier.clients
    for each row execute function atelier_internal.touch_updated_at();
create trigger touch_updated_at before update on atelier.products
    for each row execute function atelier_internal.touch_updated_at();
create trigger touch_updated_at before update on atelier.collections
    for each row execute function atelier_internal.touch_updated_at();
create trigger touch_updated_at before update on atelier.generated_assets
    for each row execute function atelier_internal.touch_updated_at();

create function atelier_internal.check_status_change(p_entity text, p_id text, p_from text, p_to text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_allowed text;
begin
    if exists (
        select from atelier_internal.status_transitions t
         where t.entity = p_entity and t.from_status = p_from and t.to_status = p_to and atelier_internal.is_present(t.extension))
    then
        return;
    end if;
    select string_agg(distinct t.to_status, ', ' order by t.to_status) into v_allowed
      from atelier_internal.status_transitions t
     where t.entity = p_entity and t.from_status = p_from and atelier_internal.is_present(t.extension);
    raise exception '% cannot change from % to %', replace(p_entity, '_', ' '), p_from, p_to
        using errcode = 'check_violation',
              column = 'status',
              detail = format('The row has the id %s.', p_id),
              hint = case
                  when v_allowed is not null then format('From %s it may change to: %s.', p_from, v_allowed)
                  when p_entity = 'generated_asset' then format('%s is final; atelier.regenerate_asset() makes a new asset.', p_from)
                  else format('%s is final.', p_from) end;
end
$$;
comment on function atelier_internal.check_status_change(text, text, text, text) is
    'Raises 23514, naming both states and the allowed ones, unless status_transitions has the change.';

create function atelier_internal.guard_image_update() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.check_status_change('image', old.id::text, old.status, new.status);
    return new;
end
$$;
comment on function atelier_internal.guard_image_update() is 'Lets an image change its status only as status_transitions says.';

create trigger image_status before update on atelier.images
    for each row when (old.status is distinct from new.status)
    execute function atelier_internal.guard_image_update();

create function atelier_internal.queue_objects_of_removed_images() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of one that is deleting the queue knows already, of a photo elsewhere there is no object. The address of an upload may take
    -- the file for up to a day.
    perform atelier_internal.queue_deletions(
                array_agg(row(g.store, g.s3_bucket, g.s3_key, null)::atelier_internal.deletion_request), 'its image was removed', g.delay)
       from (select r.store, r.s3_bucket, r.s3_key,
                    case when r.s3_key like 'clients/%/uploads/%'
                         then greatest(interval '1 second', r.created_at + interval '1 day 1 minute' - now())
                         else interval '1 second' end as delay
               from removed r
              where r.status <> 'deleting' and not atelier_internal.stays_elsewhere(r.store, r.s3_bucket)) g
      group by g.delay;
    return null;
end
$$;
comment on function atelier_internal.queue_objects_of_removed_images() is
    'Queues the objects of images that are removed for deletion, also by the removal of their client.';

create trigger image_removed after delete on atelier.images
    referencing old table as removed
    for each statement execute function atelier_internal.queue_objects_of_removed_images();

create function atelier_internal.guard_submitted_asset() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column text;
    -- Trying again is a submission of its own.
    v_resubmitted boolean := old.status = 'error' and new.status = 'pending';
begin
    v_column := case
        when new.id <> old.id then 'id'
        when new.client_id <> old.client_id then 'client_id'
        when new.product_id <> old.product_id then 'product_id'
        when new.type <> old.type then 'type'
        when new.settings <> old.settings and not v_resubmitted then 'settings'
        when new.provider is distinct from old.provider and not v_resubmitted then 'provider'
        when new.created_at <> old.created_at then 'created_at'
        when new.regenerated_from is not null and new.regenerated_from is distinct from old.regenerated_from then 'regenerated_from'
        when old.status <> 'completed' then null
        when new.status <> old.status then 'status'
        when new.image_id is distinct from old.image_id then 'image_id'
        when new.completed_at is distinct from old.completed_at then 'completed_at'
        when new.progress <> old.progress then 'progress'
        when new.error_message is distinct from old.error_message then 'error_message'
        when new.job_id is not null and new.job_id is distinct from old.job_id then 'job_id'
        when new.collection_id is not null and new.collection_id is distinct from old.collection_id then 'collection_id'
    end;
    if v_column is not null then
        raise exception '% of a % asset cannot be changed', v_column, old.status
            using errcode = 'check_violation',
                  column = v_column,
                  detail = format('Asset %s was submitted with it.', old.id),
                  hint = case when old.status = 'completed'
                      then 'A completed asset is immutable but for pinned, deleted_at and leaving its collection. atelier.regenerate_asset() makes a new one.'
                      else 'What an asset is made from is frozen when it is submitted. atelier.cancel_generation() and a new request change it.' end;
    end if;
    return new;
end
$$;
comment on function atelier_internal.guard_submitted_asset() is
    'Freezes what an asset was submitted with, until it is submitted again after an error; and all of a completed asset but for pinning, deletion and leaving its collection.';

-- The names order the triggers: what is frozen is judged before what the status change fills in.
create trigger asset_frozen before update on atelier.generated_assets
    for each row when (old.status <> 'draft')
    execute function atelier_internal.guard_submitted_asset();

create function atelier_internal.guard_asset_status() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.completed_at is distinct from old.completed_at then
        raise exception 'completed_at cannot be set by hand'
            using errcode = 'check_violation', column = 'completed_at',
                  detail = format('Asset %s.', old.id),
                  hint = 'It is set when the status becomes completed.';
    end if;
    if new.status is distinct from old.status then
        perform atelier_internal.check_status_change('generated_asset', old.id::text, old.status, new.status);
        if new.status = 'pending' then
            new.progress := 0;
        elsif new.status = 'completed' then
            new.completed_at := now();
        end if;
        if old.status = 'error' then
            new.error_message := null;
        end if;
    end if;
    if new.progress < old.progress and new.status <> 'pending' then
        raise exception 'progress cannot fall from % to %', old.progress, new.progress
            using errcode = 'check_violation', column = 'progress',
                  detail = format('Asset %s is %s.', old.id, new.status),
                  hint = 'Progress begins anew only when the asset is tried again with atelier.retry_asset().';
    end if;
    return new;
end
$$;
comment on function atelier_internal.guard_asset_status() is
    'Judges status changes by status_transitions; keeps completed_at, progress and error_message in step with them.';

create trigger asset_status before update on atelier.generated_assets
    for each row
    when (old.status is distinct from new.status or old.progress is distinct from new.progress
          or old.completed_at is distinct from new.completed_at)
    execute function atelier_internal.guard_asset_status();

create function atelier_internal.cancel_work_of_deleted_assets() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_jobs uuid[];
begin
    select array_agg(d.job_id order by d.job_id) into v_jobs
      from deleted d
     where d.status in ('pending', 'generating') and d.job_id is not null;
    if v_jobs is not null then
        perform atelier_internal.cancel_jobs(v_jobs, 'the asset was removed');
    end if;
    return null;
end
$$;
comment on function atelier_internal.cancel_work_of_deleted_assets() is
    'Cancels the jobs of assets that are removed, also by the removal of their product or client.';

create trigger asset_removed after delete on atelier.generated_assets
    referencing old table as deleted
    for each statement execute function atelier_internal.cancel_work_of_deleted_assets();
