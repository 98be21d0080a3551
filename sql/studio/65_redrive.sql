-- How the work of jobs that ended without success is done again: see atelier.redrive(). Of a job whose row has gone on since,
-- nothing is left to do.

create function atelier_internal.redrive_generate_image(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_assets uuid[] := array(
        select a.id from atelier_internal.history_failed h join atelier.generated_assets a on a.id = h.subject_id and a.job_id = h.job_id
         where h.job_id = any (p_jobs) and a.status = 'error' and a.deleted_at is null);
    v_group record;
begin
    -- In the order of everybody who begins work for an asset: products, collections, assets.
    perform from atelier.products p
      where p.id = any (array(select a.product_id from atelier.generated_assets a where a.id = any (v_assets))) order by p.id for key share;
    perform from atelier.collections c
      where c.id = any (array(select a.collection_id from atelier.generated_assets a where a.id = any (v_assets))) order by c.id for no key update;
    perform from atelier.generated_assets a where a.id = any (v_assets) order by a.id for no key update;
    perform atelier_internal.hold_keys_of(p_jobs);
    for v_group in
        select a.client_id, a.type, a.provider, array_agg(a.job_id order by h.created_at, h.job_id) as jobs,
               array_agg(row(a.id, a.product_id, a.settings)::atelier_internal.generation_request order by h.created_at, h.job_id) as requests,
               array_agg(atelier_internal.options_again(h) order by h.created_at, h.job_id) as options
          from atelier.generated_assets a
          join atelier_internal.history_failed h on h.job_id = a.job_id
         where a.id = any (v_assets) and h.job_id = any (p_jobs) and a.status = 'error' and a.deleted_at is null
         group by a.client_id, a.type, a.provider
    loop
        return query
        with enqueued as (
            select n.asset_id, n.old_job, n.new_job
              from rows from (unnest(v_group.requests),
                              unnest(v_group.jobs),
                              unnest(atelier_internal.enqueue_generations(v_group.client_id, v_group.requests, v_group.type, array[v_group.provider], v_group.options)))
                   as n (asset_id, product_id, settings, old_job, new_job)
        )
        update atelier.generated_assets a set status = 'pending', job_id = e.new_job
          from enqueued e
         where a.id = e.asset_id
        returning e.old_job, e.new_job;
    end loop;
    perform atelier_internal.resume_collection(c.collection_id, true)
       from (select distinct a.collection_id from atelier.generated_assets a
              where a.id = any (v_assets) and a.status = 'pending' and a.collection_id is not null) as c;
end
$$;
comment on function atelier_internal.redrive_generate_image(uuid[]) is
    'Tries assets in error again, with their settings and provider, as atelier.retry_asset() does. 53400 when a limit of the client is reached, 55000 without a usable photo.';

create function atelier_internal.redrive_inspection(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_images uuid[] := array(
        select i.id from atelier.images i
         where i.id = any (array(select h.subject_id from atelier_internal.history_failed h where h.job_id = any (p_jobs)))
           and i.job_id = any (p_jobs) and i.status = 'failed'
         order by i.id for no key update);
begin
    return query
    with again as (
        -- The object of a refused upload is deleted.
        select r.job_id, r.new_job_id
          from atelier_internal.redrive_as_it_was(array(
                   select i.job_id from atelier.images i
                    where i.id = any (v_images) and not exists (select from atelier.uploads u where u.image_id = i.id and u.rejected_at is not null))) as r
    )
    update atelier.images i set status = 'pending', error_class = null, error_message = null, job_id = a.new_job_id
      from again a
     where i.id = any (v_images) and i.job_id = a.job_id
    returning a.job_id, a.new_job_id;
end
$$;
comment on function atelier_internal.redrive_inspection(uuid[]) is 'Inspects failed images again, or looks their photos up again.';

create function atelier_internal.redrive_tell_of_use(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform from atelier_internal.photo_uses u where u.job_id = any (p_jobs) and u.told_at is null order by u.inspiration_id for no key update;
    return query
    with again as (
        select r.job_id, r.new_job_id
          from atelier_internal.redrive_as_it_was(array(
                   select u.job_id from atelier_internal.photo_uses u where u.job_id = any (p_jobs) and u.told_at is null)) as r
    )
    update atelier_internal.photo_uses u set job_id = a.new_job_id
      from again a
     where u.job_id = a.job_id
    returning a.job_id, a.new_job_id;
end
$$;
comment on function atelier_internal.redrive_tell_of_use(uuid[]) is 'Tells again of uses of photos that were not told.';

create function atelier_internal.redrive_move_object(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_group record;
begin
    for v_group in
        select h.input ->> 'store' as target, array_agg(h.job_id order by h.job_id) as jobs
          from atelier_internal.history_failed h
         where h.job_id = any (p_jobs)
         group by 1 order by 1
    loop
        return query
        select h.job_id, m.job_id
          from atelier_internal.begin_moves(array(
                   select i from atelier.images i
                     join atelier_internal.history_failed h on h.subject_id = i.id and h.job_id = i.job_id
                    where h.job_id = any (v_group.jobs) and i.status = 'ready' and i.moving_to is null and i.store <> v_group.target
                    order by i.s3_bucket, i.s3_key
                      for no key update of i), v_group.target) as m
          join atelier_internal.history_failed h on h.subject_id = m.image_id and h.job_id = any (v_group.jobs);
    end loop;
end
$$;
comment on function atelier_internal.redrive_move_object(uuid[]) is 'Moves the objects of images again that stayed where they were.';

create function atelier_internal.redrive_delete_objects(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The objects were queued again when the job ended, and are never given up.
    update atelier_internal.object_deletions d set run_after = now()
     where d.job_id is null and d.error_class is not null and d.run_after > now() and d.instance = atelier_internal.instance_id()
       and (d.store, d.bucket) in (select h.input ->> 'store', coalesce(h.input ->> 'bucket', '')
                                     from atelier_internal.history_failed h where h.job_id = any (p_jobs));
end
$$;
comment on function atelier_internal.redrive_delete_objects(uuid[]) is
    'Nothing is left to do for the jobs: what could not be deleted stands in atelier.deletion_queue, and that of the same store and bucket is tried at once.';

create function atelier_internal.redrive_analysis(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_collection atelier.collections;
    v_work record;
begin
    for v_work in
        select w.collection_id, min(w.provider) as provider, min(w.priority) as priority,
               array_agg(w.job_id) as jobs, bool_or(w.is_open) as is_open
          from (select (h.input ->> 'collectionId')::uuid as collection_id, l.provider, h.priority, h.job_id,
                       h.pipeline = 'analyze_products' or i.error_message is not null and i.job_id is null as is_open
                  from atelier_internal.history_failed h
                  join atelier_internal.lanes l on l.id = h.lane_id
                  left join atelier.inspiration_images i on i.id = h.subject_id
                 where h.job_id = any (p_jobs)) as w
         group by w.collection_id order by w.collection_id
    loop
        perform from atelier.collections c where c.id = v_work.collection_id for no key update;
        select c.* into v_collection from atelier.collections c where c.id = v_work.collection_id;
        continue when not found or not v_work.is_open or v_collection.status not in ('error', 'analyzing');
        -- Refuses one that is analysed at this moment: its end says what is left to do.
        perform from atelier.analyze_collection(v_collection.id, v_work.provider, false, v_work.priority);
        return query
        select h.job_id, coalesce(i.job_id, b.job_id)
          from atelier_internal.history_failed h
          left join atelier.inspiration_images i on h.pipeline = 'analyze_scene' and i.id = h.subject_id
          left join lateral (
                select x.job_id from atelier_internal.product_batches x
                 where h.pipeline = 'analyze_products' and x.collection_id = v_collection.id and x.job_id is not null
                 order by x.number limit 1) as b on true
         where h.job_id = any (v_work.jobs);
    end loop;
end
$$;
comment on function atelier_internal.redrive_analysis(uuid[]) is
    'Analyses the collections again that ended in error, as far as they lack it. 55000 for one that is being analysed.';

create function atelier_internal.redrive_check_store(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'a check of a store that failed is not taken up again'
        using errcode = 'object_not_in_prerequisite_state', hint = 'atelier.fsck() begins another one.';
end
$$;
comment on function atelier_internal.redrive_check_store(uuid[]) is 'Raises 55000: it would compare with what is long past.';

update atelier_internal.pipelines p set redrive = 'atelier_internal.' || r.hook
  from (values ('generate_image', 'redrive_generate_image'), ('inspect_image', 'redrive_inspection'), ('import_photo', 'redrive_inspection'),
               ('tell_of_use', 'redrive_tell_of_use'), ('move_object', 'redrive_move_object'), ('delete_objects', 'redrive_delete_objects'),
               ('analyze_products', 'redrive_analysis'), ('analyze_scene', 'redrive_analysis'), ('check_store', 'redrive_check_store'))
       as r (pipeline, hook)
 where p.name = r.pipeline;
