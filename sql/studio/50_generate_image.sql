-- Pipeline generate_image: one picture of a product, made by a provider.

insert into atelier_internal.pipelines (name, description, subject_table, on_failure, built_in) values
    ('generate_image', 'Makes the picture of a generated asset.', 'atelier.generated_assets', 'atelier_internal.fail_generate_image', true),
    ('inspect_image', 'Measures and hashes an object that was registered as an image.', 'atelier.images', 'atelier_internal.fail_inspect_image', true),
    ('delete_objects', 'Removes stored objects that nobody holds any more.', null, 'atelier_internal.fail_delete_objects', true),
    ('move_object', 'Moves the object of an image to another store.', 'atelier.images', 'atelier_internal.fail_move_object', true)
on conflict (name) do update
    set description = excluded.description, subject_table = excluded.subject_table, on_failure = excluded.on_failure, built_in = true;

insert into atelier_internal.steps (pipeline, position, name, action, prepare, settle, discard, built_in) values
    ('generate_image', 1, 'generate', 'ai.image', 'atelier_internal.prepare_generate_image', 'atelier_internal.settle_generate_image',
        'atelier_internal.discard_generate_image', true),
    ('inspect_image', 1, 'inspect', 'storage.head', 'atelier_internal.prepare_inspect_image', 'atelier_internal.settle_inspect_image', null, true),
    ('delete_objects', 1, 'delete', 'storage.delete', 'atelier_internal.prepare_delete_objects', 'atelier_internal.settle_delete_objects', null, true),
    ('move_object', 1, 'move', 'storage.put', 'atelier_internal.prepare_move_object', 'atelier_internal.settle_move_object',
        'atelier_internal.discard_move_object', true)
on conflict (pipeline, position) do update
    set name = excluded.name, action = excluded.action, prepare = excluded.prepare, settle = excluded.settle, discard = excluded.discard,
        built_in = true;

insert into atelier_internal.asset_pipelines (asset_type, pipeline, built_in) values ('image', 'generate_image', true)
on conflict on constraint asset_pipelines_pkey do update set pipeline = excluded.pipeline, built_in = true;

insert into atelier_internal.pipeline_models (pipeline, provider, model, built_in) values ('generate_image', 'offline', 'compose', true)
on conflict on constraint pipeline_models_pkey do update set model = excluded.model, built_in = true;

-- The worker calls the functions of a pipeline with any number of rows, when the tables may have grown a thousandfold since they
-- were last analyzed. So rows are looked up one by one, by id alone: a condition on the status would invite the planner to read
-- all assets of that status instead.

create function atelier_internal.image_parameters(p_settings jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when p_settings ->> 'aspectRatio' ~ '^[1-9][0-9]{0,2}:[1-9][0-9]{0,2}$'
            then jsonb_build_object('aspect_ratio', p_settings -> 'aspectRatio') else '{}' end;
comment on function atelier_internal.image_parameters(jsonb) is
    'What the settings say in the words that every provider''s image call knows: aspect_ratio. The prompt says the rest.';

create function atelier_internal.picture_input(p_role text, p_image atelier.images) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return jsonb_build_object('role', p_role, 'sha256', p_image.sha256)
       || atelier_internal.object_reference(p_image.store, p_image.s3_bucket, p_image.s3_key)
       || case when not atelier_internal.stays_elsewhere(p_image.store, p_image.s3_bucket) then '{}' else jsonb_build_object('url', p_image.url) end;
comment on function atelier_internal.picture_input(text, atelier.images) is 'A picture as the input of an order; with its url where it stays elsewhere and is read from there.';

create function atelier_internal.generated_key(p_client_id uuid, p_image_id uuid) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return format('clients/%s/generated/%s', p_client_id, p_image_id);
comment on function atelier_internal.generated_key(uuid, uuid) is
    'Key of the picture of an attempt, without the extension that its type gives it. The engine alone writes there.';

create function atelier_internal.prepare_generate_image(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    with found as materialized (
        select l.job_id, l.client_id, l.input, l.image_id, l.provider, a.id as asset_id, a.status, a.deleted_at
          from unnest(p_leases) as l
          left join lateral (
                select g.id, g.status, g.deleted_at from atelier.generated_assets g
                 where g.id = l.subject_id and g.job_id = l.job_id
                   for no key update) as a on true
    ), started as (
        update atelier.generated_assets a set status = 'generating'
         where a.id = any (array(select f.asset_id from found f where f.status = 'pending' and f.deleted_at is null))
    )
    select f.job_id,
           case when refusal.class is null then jsonb_build_object(
               'prompt', f.input -> 'prompt',
               'inputs', jsonb_build_array(atelier_internal.picture_input('product', photo))
                   || case when scene.id is null then '[]' else jsonb_build_array(atelier_internal.picture_input('scene', scene)) end,
               'output', jsonb_build_object('store', f.input -> 'store', 'key_prefix', atelier_internal.generated_key(f.client_id, f.image_id))
                   || case coalesce(f.input ->> 'bucket', '') when '' then '{}' else jsonb_build_object('bucket', f.input -> 'bucket') end)
               || case when atelier_internal.is_embedded(f.provider) then jsonb_build_object('settings', f.input -> 'settings')
                       else jsonb_build_object('parameters', atelier_internal.image_parameters(f.input -> 'settings')) end end,
           refusal.class,
           refusal.message
      from found f
      left join atelier.images photo on photo.id = (f.input ->> 'productImageId')::uuid
      left join atelier.images scene on scene.id = (f.input ->> 'sceneImageId')::uuid
     cross join lateral (
        select case when f.asset_id is null or f.deleted_at is not null or f.status not in ('pending', 'generating') then 'cancelled'
                    when photo.status is distinct from 'ready' then 'invalid_request'
                    when f.input ->> 'sceneImageId' is not null and scene.status is distinct from 'ready' then 'invalid_request' end,
               case when f.asset_id is null then 'the asset was removed'
                    when f.deleted_at is not null then 'the asset was deleted'
                    when f.status not in ('pending', 'generating') then format('the asset is %s', f.status)
                    when photo.id is null then 'the product photo was removed'
                    when photo.status <> 'ready' then 'the product photo is not ready: ' || coalesce(photo.error_message, case photo.status when 'deleting' then 'it is being deleted' else 'it is being inspected' end)
                    when f.input ->> 'sceneImageId' is not null and scene.id is null then 'the scene image was removed'
                    when scene.status <> 'ready' then 'the scene image is not ready: ' || coalesce(scene.error_message, case scene.status when 'deleting' then 'it is being deleted' else 'it is being inspected' end) end
     ) as refusal (class, message);
end
$$;
comment on function atelier_internal.prepare_generate_image(atelier_internal.lease[]) is
    'Sets the assets to generating and builds the orders; an asset that is gone or a photo that is not usable fails its job unsent.';

create function atelier_internal.settle_generate_image(p_settlements atelier_internal.settlement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_completed uuid[];
begin
    with found as materialized (
        -- The lock holds off a deletion until the image has its asset.
        select s.*, a.status, a.deleted_at
          from unnest(p_settlements) as s
         cross join lateral (
                select g.status, g.deleted_at from atelier.generated_assets g
                 where g.id = s.subject_id and g.job_id = s.job_id
                   for no key update) as a
    ), wanted as materialized (
        select f.* from found f where f.status = 'generating' and f.deleted_at is null
    ), stored as (
        insert into atelier.images
            (id, client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, metadata, job_id)
        select w.image_id, w.client_id, w.result #>> '{object,store}', coalesce(w.result #>> '{object,bucket}', ''), w.result #>> '{object,key}', 'ready',
               (w.result ->> 'width')::integer, (w.result ->> 'height')::integer, (w.result ->> 'size')::bigint,
               w.result ->> 'mime', w.result ->> 'sha256',
               coalesce(w.result -> 'metadata', '{}')
                   || jsonb_build_object('source', 'generated', 'provider', w.provider,
                                      'model', coalesce(nullif(w.result ->> 'model', ''), w.model), 'prompt', w.input -> 'prompt'),
               w.job_id
          from wanted w
    ), completed as (
        update atelier.generated_assets a
           set status = 'completed', image_id = w.image_id, progress = 100
          from wanted w
         where a.id = w.subject_id
        returning a.job_id
    )
    select coalesce(array_agg(c.job_id), '{}') into v_completed from completed c;

    update atelier.generated_assets a set status = 'error', error_message = 'cancelled: the asset was deleted'
      from unnest(p_settlements) as s
     where a.id = s.subject_id and a.job_id = s.job_id and a.status = 'generating' and a.deleted_at is not null;

    -- Nobody wants the other pictures any more.
    perform atelier_internal.give_back_generations(array_agg(s.client_id), array_agg(s.input -> 'counted'))
       from unnest(p_settlements) as s
      where s.job_id <> all (v_completed)
     having count(*) > 0;
    perform atelier_internal.queue_deletions(
                array_agg(row(s.result #>> '{object,store}', s.result #>> '{object,bucket}', s.result #>> '{object,key}', null)::atelier_internal.deletion_request),
                'nobody wants the picture any more')
       from unnest(p_settlements) as s
      where s.job_id <> all (v_completed)
     having count(*) > 0;
end
$$;
comment on function atelier_internal.settle_generate_image(atelier_internal.settlement[]) is
    'Records the pictures and completes their assets. Assets deleted meanwhile go to error; pictures that nobody wants any more are deleted from the store and do not count against the quota.';

create function atelier_internal.discard_generate_image(p_leases atelier_internal.lease[]) returns setof atelier_internal.deletion_request
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select l.input ->> 'store', l.input ->> 'bucket', atelier_internal.generated_key(l.client_id, l.image_id) || '.jpg', null::uuid
      from unnest(p_leases) as l
     where atelier_internal.is_embedded(l.provider)
$$;
comment on function atelier_internal.discard_generate_image(atelier_internal.lease[]) is
    'What attempts of the embedded provider may have left, which composes JPEGs. One that is paid for left a receipt, if anything.';

create function atelier_internal.failure_words(p_state text, p_class text, p_message text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case p_state
    when 'cancelled' then 'cancelled' || coalesce(': ' || nullif(p_message, 'cancelled'), '')
    when 'quarantined' then 'given up after repeated crashes' || coalesce(': ' || p_message, '')
    else coalesce(p_message, p_class, 'no reason is known') end;
comment on function atelier_internal.failure_words(text, text, text) is 'How a job ended without success, for the row that it worked for.';

create function atelier_internal.fail_generate_image(p_failures atelier_internal.failure[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    with found as materialized (
        select f.subject_id, f.state, f.error_class, f.error_message, a.status
          from unnest(p_failures) as f
         cross join lateral (
                select g.status from atelier.generated_assets g
                 where g.id = f.subject_id and g.job_id = f.job_id
                   for no key update) as a
    )
    update atelier.generated_assets a
       set status = 'error',
           error_message = atelier_internal.failure_words(f.state, f.error_class, f.error_message)
      from found f
     where a.id = f.subject_id and f.status in ('pending', 'generating');

    perform atelier_internal.give_back_generations(array_agg(h.client_id), array_agg(h.input -> 'counted'))
       from unnest(p_failures) as f
      cross join lateral (
            select e.client_id, e.input from atelier_internal.history_failed e
             where e.ring = atelier_internal.ring_slot(now()) and e.job_id = f.job_id limit 1) as h
     having count(*) > 0;
end
$$;
comment on function atelier_internal.fail_generate_image(atelier_internal.failure[]) is
    'Puts the assets of failed and cancelled jobs to error, with the reason, and gives what was counted for them back.';
