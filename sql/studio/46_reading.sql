-- Looking at assets.

create view atelier.live_assets with (security_invoker, security_barrier) as
select a.id, a.client_id, a.collection_id, a.product_id, a.image_id, a.type, a.status, a.progress, a.settings, a.provider,
       a.error_message, a.job_id, a.pinned, a.regenerated_from, a.created_at, a.updated_at, a.completed_at
  from atelier.generated_assets a
 where a.deleted_at is null;
comment on view atelier.live_assets is 'Assets that are not deleted.';

create view atelier.deleted_assets with (security_invoker, security_barrier) as
select a.id, a.client_id, a.collection_id, a.product_id, a.image_id, a.type, a.status, a.progress, a.settings, a.provider,
       a.error_message, a.job_id, a.pinned, a.regenerated_from, a.created_at, a.updated_at, a.completed_at, a.deleted_at
  from atelier.generated_assets a
 where a.deleted_at is not null;
comment on view atelier.deleted_assets is 'The recycle bin: assets that atelier.restore_asset() can bring back.';

create view atelier.asset_history with (security_invoker, security_barrier) as
select a.client_id, a.product_id,
       row_number() over (partition by a.client_id, a.product_id order by a.created_at, a.id) as generation,
       a.id as asset_id, a.regenerated_from, a.type, a.status, a.image_id, a.settings, a.provider, a.created_at, a.completed_at
  from atelier.generated_assets a
 where a.deleted_at is null
 order by a.client_id, a.product_id, a.created_at desc, a.id desc;
comment on view atelier.asset_history is
    'The assets of each product that are not deleted, newest first; generation counts them from the oldest, 1.';

create view atelier.generation_queue with (security_invoker, security_barrier) as
select j.job_id, a.id as asset_id, a.client_id, a.product_id, a.collection_id, a.type, a.status as asset_status,
       j.state, j.reason, j.attempts, j.run_after, j.created_at
  from atelier.generated_assets a
  join atelier.jobs j on j.job_id = a.job_id
 where a.status in ('pending', 'generating');
comment on view atelier.generation_queue is 'Assets that are waiting to be made or being made, each with its job.';

do $$
declare
    v_column record;
begin
    -- A view's column means what the column of that name in generated_assets means.
    for v_column in
        select view.relname as view, seen.attname as name, col_description('atelier.generated_assets'::regclass, own.attnum) as description
          from pg_class view
          join pg_attribute seen on seen.attrelid = view.oid and seen.attnum > 0
          join pg_attribute own on own.attrelid = 'atelier.generated_assets'::regclass and own.attname = seen.attname
         where view.relnamespace = 'atelier'::regnamespace
           and view.relname in ('live_assets', 'deleted_assets', 'asset_history', 'generation_queue')
    loop
        execute format('comment on column atelier.%I.%I is %L', v_column.view, v_column.name, v_column.description);
    end loop;
end
$$;
comment on column atelier.asset_history.generation is 'Number of the asset among those of its product, from 1, the oldest.';
comment on column atelier.asset_history.asset_id is 'Identity of the asset.';
comment on column atelier.generation_queue.asset_id is 'Identity of the asset.';
comment on column atelier.generation_queue.asset_status is 'pending or generating.';
comment on column atelier.generation_queue.state is 'State of the job.';
comment on column atelier.generation_queue.reason is 'What the job waits for.';
comment on column atelier.generation_queue.attempts is 'Attempts that were made.';
comment on column atelier.generation_queue.run_after is 'Not before this time.';
comment on column atelier.generation_queue.created_at is 'When the job was made.';

create function atelier.asset_status(asset_id uuid) returns jsonb
language plpgsql stable security definer
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
    end if;
    return jsonb_build_object(
        'id', v_asset.id, 'productId', v_asset.product_id, 'status', v_asset.status, 'progress', v_asset.progress,
        'imageUrl', atelier.image_url(v_asset.image_id), 'error', v_asset.error_message);
end
$$;
comment on function atelier.asset_status(uuid) is
    'Where an asset stands: {id, productId, status, progress, imageUrl, error}; imageUrl and error are null when there is none. P0002 for an unknown or deleted asset.';

create function atelier.list_assets(
    client_id uuid, product_id uuid default null, collection_id uuid default null, status text default null, type text default null,
    pinned boolean default null, max_rows integer default 100, before uuid default null)
returns setof atelier.generated_assets
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_before atelier.generated_assets;
begin
    perform atelier_internal.require_client(client_id);
    if product_id is not null then
        perform atelier_internal.require_product(client_id, product_id);
    end if;
    if collection_id is not null and not exists (
        select from atelier.collections c where c.client_id = list_assets.client_id and c.id = list_assets.collection_id)
    then
        perform atelier_internal.refuse_unknown('collection', collection_id, client_id, 'Leave collection_id out to list all assets.');
    elsif status not in ('draft', 'pending', 'generating', 'completed', 'error') then
        raise exception 'status "%" is not known', left(status, 200)
            using errcode = 'invalid_parameter_value', hint = 'Statuses are: draft, pending, generating, completed, error.';
    elsif type not in ('image', 'video', '3d_render') then
        raise exception 'type "%" is not known', left(type, 200)
            using errcode = 'invalid_parameter_value', hint = 'Types are: image, video, 3d_render.';
    elsif max_rows is null or max_rows not between 1 and 1000 then
        raise exception 'max_rows must be from 1 to 1000'
            using errcode = 'invalid_parameter_value', hint = 'Read on with before => the id of the last row.';
    end if;
    if before is not null then
        select a.* into v_before from atelier.generated_assets a where a.client_id = list_assets.client_id and a.id = before;
        if not found then
            raise exception 'asset not found'
                using errcode = 'no_data_found', detail = format('Client %s has no asset %s.', client_id, before),
                      hint = 'before takes the id of the last row of the page before; leave it out for the first page.';
        end if;
    end if;
    return query
        select a.* from atelier.generated_assets a
         where a.client_id = list_assets.client_id and a.deleted_at is null
           and (list_assets.product_id is null or a.product_id = list_assets.product_id)
           and (list_assets.collection_id is null or a.collection_id = list_assets.collection_id)
           and (list_assets.status is null or a.status = list_assets.status)
           and (list_assets.type is null or a.type = list_assets.type)
           and (list_assets.pinned is null or a.pinned = list_assets.pinned)
           and (list_assets.before is null or (a.created_at, a.id) < (v_before.created_at, v_before.id))
         order by a.created_at desc, a.id desc
         limit max_rows;
end
$$;
comment on function atelier.list_assets(uuid, uuid, uuid, text, text, boolean, integer, uuid) is
    'The assets of a client that are not deleted, newest first, narrowed by what is given. At most max_rows (1 to 1000); the next page begins with before => the id of the last row. 23503 for unknown or foreign ids, 22023 for unknown words.';
