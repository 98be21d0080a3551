-- Pipeline delete_objects: what nobody holds any more is removed from its store, an image that is purged together with its rows.

create function atelier_internal.images_in_use(p_images uuid[]) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return array(
        select i.id from atelier.images i
         where i.id = any (p_images)
           and (i.moving_to is not null
                or exists (select from atelier.clients c where c.id = i.client_id and c.legal_hold is not null)
                -- Restored and deleted again, an asset can be restored again.
                or exists (select from atelier.generated_assets a
                            where a.image_id = i.id
                              and (a.deleted_at is null or a.deleted_at > now() - atelier_internal.setting('asset_undo_window')::interval))
                or exists (select from atelier.uploads u where u.image_id = i.id and u.confirmed_at is not null and u.rejected_at is null)
                or exists (select from atelier.product_images p where p.image_id = i.id)
                or exists (select from atelier.inspiration_images n where n.image_id = i.id)
                or exists (select from atelier_internal.jobs j where j.id = i.job_id))
        union
        select u.id
          from atelier.generated_assets a
          join atelier_internal.jobs j on j.id = a.job_id
         cross join lateral (values ((j.input ->> 'productImageId')::uuid), ((j.input ->> 'sceneImageId')::uuid)) as u (id)
         where a.client_id = any (array(select i.client_id from atelier.images i where i.id = any (p_images)))
           and a.status in ('pending', 'generating') and u.id = any (p_images)
        union
        select k.id from unnest(atelier_internal.images_held(p_images)) as k (id));
end
$$;
comment on function atelier_internal.images_in_use(uuid[]) is
    'Those images that may not be purged: that an asset shows or can be restored with, a product is shown by, a collection follows, a live job works with, that somebody uploaded and confirmed, whose object a row of another extension holds, or whose client is under legal hold.';

create function atelier_internal.is_left_over(p_image uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
return exists (select from atelier.images i where i.id = p_image and i.metadata ->> 'source' = 'generated')
   and not exists (select from atelier.generated_assets a where a.image_id = p_image)
   and not exists (select from atelier.product_images p where p.image_id = p_image)
   and not exists (select from atelier.inspiration_images n where n.image_id = p_image);
comment on function atelier_internal.is_left_over(uuid) is
    'Whether an image is a generated one that nothing shows any more. What keeps it, such as a legal hold, a job, a move or a row of somebody''s own, does not queue it for deletion once more when it ends.';

create function atelier_internal.refuse_removals(p_images uuid[], out held uuid[], out locked uuid[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_free uuid[] := (select l.p_images from atelier_internal.lock_for_removal(p_images, '{}') as l);
    v_entry record;
begin
    held := '{}';
    locked := array(select v.id from unnest(p_images) as v (id) where v.id <> all (v_free));
    for v_entry in select t.id, t.reason from atelier_internal.try_removal('image', v_free, true) as t loop
        if v_entry.reason is null then
            locked := locked || v_entry.id;
        else
            held := held || v_entry.id;
            perform atelier_internal.list_as_held(array(select e from atelier_internal.purge_entries(array[v_entry.id], '{}') as e), v_entry.reason);
        end if;
    end loop;
end
$$;
comment on function atelier_internal.refuse_removals(uuid[]) is
    'Tries out whether the rows of images, and of their deleted assets, could be removed: before their objects are. Returns those that something else refers to, which are listed as held, and those that somebody holds locked.';

create function atelier_internal.held_elsewhere(p_rows atelier_internal.object_deletions[], out held bigint[], out unknown bigint[], out problem text)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
begin atomic
    with judged as materialized (
        select p.ids, p.keys, h.held, h.problem
          from (select r.store, r.bucket, array_agg(r.id) as ids, array_agg(r.key) as keys from unnest(p_rows) as r
                 where r.ordered_at is null and exists (select from atelier_internal.stored_objects)
                 group by r.store, r.bucket) as p
         cross join lateral atelier_internal.keys_held(atelier_internal.stores_at(p.store), p.bucket, p.keys) as h
    )
    select array(select k.id from judged j cross join lateral unnest(j.ids, j.keys) as k (id, key) where k.key = any (j.held)),
           array(select k.id from judged j cross join lateral unnest(j.ids) as k (id) where j.problem is not null),
           (select max(j.problem) from judged j);
end;
comment on function atelier_internal.held_elsewhere(atelier_internal.object_deletions[]) is
    'Of deletions that were not ordered yet: those whose objects rows of other extensions hold, and those of which that cannot be said at present, because of a problem.';

create function atelier_internal.prepare_delete_objects(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_jobs uuid[] := array(select l.job_id from unnest(p_leases) as l);
    v_rows atelier_internal.object_deletions[] := array(
        select d from atelier_internal.object_deletions d where d.job_id = any (v_jobs) for update skip locked);
    v_doomed atelier_internal.object_deletions[];
    v_held bigint[];
    v_waiting bigint[];
    v_locked bigint[];
    v_arriving bigint[];
    v_used uuid[];
    v_refused record;
    v_clients uuid[];
    v_elsewhere record;
begin
    -- Whoever is about to use an image holds a lock on it, so that whoever comes after this look finds it deleting. So does
    -- whoever is about to place a legal hold, on the client.
    select coalesce(array_agg(r) filter (where i.id is null or mine.id is not null), '{}'),
           coalesce(array_agg(r.id) filter (where i.id is not null and mine.id is null), '{}')
      into v_rows, v_locked
      from unnest(v_rows) as r
      left join atelier.images i on i.id = r.image_id
      left join lateral (select own.id from atelier.images own join atelier.clients c on c.id = own.client_id
                          where own.id = i.id for update of own skip locked for share of c skip locked) as mine on true;
    v_used := atelier_internal.images_in_use(array(select r.image_id from unnest(v_rows) as r where r.image_id is not null));
    select r.* into v_refused
      from atelier_internal.refuse_removals(array(
               select i.id from unnest(v_rows) as d
                 join atelier.images i on i.id = d.image_id
                where i.status <> 'deleting' and i.id <> all (v_used)
                  and i.store = d.store and i.s3_bucket = d.bucket and i.s3_key = d.key)) as r;
    v_used := v_used || v_refused.held;
    select coalesce(array_agg(r) filter (where (r.image_id = any (v_refused.locked)) is not true), '{}'),
           v_locked || coalesce(array_agg(r.id) filter (where r.image_id = any (v_refused.locked)), '{}')
      into v_rows, v_locked
      from unnest(v_rows) as r;

    v_clients := atelier_internal.clients_to_purge(array(
        select distinct atelier_internal.client_of_key(r.key) from unnest(v_rows) as r where r.image_id is null and r.ordered_at is null));
    select e.* into v_elsewhere from atelier_internal.held_elsewhere(v_rows) as e;
    if v_elsewhere.problem <> '' then
        perform atelier_internal.raise_alert('stored_objects_unreadable', format('objects are not deleted: %s', v_elsewhere.problem),
            'Bring the table back to what atelier.register_stored_objects() was told of it, or update the extension.');
    end if;
    if v_elsewhere.problem is not null then
        v_locked := v_locked || v_elsewhere.unknown;
        v_rows := array(select r from unnest(v_rows) as r where r.id <> all (v_elsewhere.unknown));
    end if;
    with places as materialized (
        select n.store, atelier_internal.stores_at(n.store) as stores from (select distinct r.store from unnest(v_rows) as r) as n
    ), judged as materialized (
        select r,
               case when i.id is null and r.id = any (v_elsewhere.held) then 'held'
                    when i.id is null and r.ordered_at is null and exists (
                        select from atelier.images m where m.moving_to = any (p.stores) and m.s3_key = r.key) then 'arriving'
                    when i.id is null and r.image_id is null and r.ordered_at is null and c.id is not null and c.id <> all (v_clients)
                    then case when c.legal_hold is null then 'arriving' else 'waiting' end
                    when i.id is null then 'doomed'
                    when i.id is distinct from r.image_id then 'held'
                    when i.status = 'deleting' or i.id <> all (v_used) then 'doomed'
                    when atelier_internal.is_left_over(i.id) then 'waiting'
                    else 'held' end as verdict
          from unnest(v_rows) as r
          join places p on p.store = r.store
          left join lateral (
                select h.id, h.status from atelier.images h
                 where h.store = any (p.stores) and h.s3_bucket = r.bucket and h.s3_key = r.key
                   -- An upload that was refused keeps its row, to say why, but not its object.
                   and (h.id = r.image_id or not exists (select from atelier.uploads u where u.image_id = h.id and u.rejected_at is not null))
                 order by h.id is not distinct from r.image_id limit 1) as i on true
          left join atelier.clients c on c.id = atelier_internal.client_of_key(r.key)
    )
    select coalesce(array_agg(j.r) filter (where j.verdict = 'doomed'), '{}'),
           coalesce(array_agg((j.r).id) filter (where j.verdict = 'held'), '{}'),
           coalesce(array_agg((j.r).id) filter (where j.verdict = 'waiting'), '{}'),
           coalesce(array_agg((j.r).id) filter (where j.verdict = 'arriving'), '{}')
      into v_doomed, v_held, v_waiting, v_arriving
      from judged j;

    delete from atelier_internal.object_deletions d where d.id = any (v_held);
    update atelier_internal.object_deletions d
       set job_id = null, run_after = now() + least(interval '1 minute', greatest(interval '1 second', now() - d.queued_at))
     where d.id = any (v_locked || v_arriving);
    update atelier_internal.object_deletions d set job_id = null, run_after = now() + interval '1 day' where d.id = any (v_waiting);
    update atelier_internal.object_deletions d set ordered_at = now()
     where d.id = any (array(select r.id from unnest(v_doomed) as r where r.ordered_at is null));
    update atelier.images i set status = 'deleting', error_class = null, error_message = null
      from unnest(v_doomed) as r
     where i.id = r.image_id and i.status <> 'deleting' and i.store = r.store and i.s3_bucket = r.bucket and i.s3_key = r.key;
    -- A purge follows an image that was moved since it was queued.
    perform atelier_internal.queue_deletions(
                array_agg(row(i.store, i.s3_bucket, i.s3_key, i.id)::atelier_internal.deletion_request), max(r.reason))
       from unnest(v_doomed) as r
       join atelier.images i on i.id = r.image_id and i.status <> 'deleting'
     having count(*) > 0;

    return query
    with ordered as materialized (
        select r.job_id, jsonb_agg(atelier_internal.object_reference(r.store, r.bucket, r.key) order by r.id) as objects
          from unnest(v_doomed) as r group by r.job_id
    )
    select v.id,
           case when o.job_id is not null then jsonb_build_object('objects', o.objects) end,
           case when o.job_id is null then 'cancelled' end,
           case when o.job_id is null then 'none of its objects is to be deleted any more' end
      from unnest(v_jobs) as v (id)
      left join ordered o on o.job_id = v.id;
end
$$;
comment on function atelier_internal.prepare_delete_objects(atelier_internal.lease[]) is
    'Builds the orders to delete objects. What a row holds is taken out of the queue and left alone, what somebody holds locked comes later, and a day later what a legal hold keeps and an image that cannot go yet, where nobody would queue it again; an image that is purged becomes deleting.';

create function atelier_internal.purge_images(p_images uuid[]) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_images uuid[] := (
        select l.p_images from atelier_internal.lock_for_removal(
                   array(select i.id from atelier.images i where i.id = any (p_images) and i.status = 'deleting'), '{}') as l);
    v_entries atelier_internal.purge_log[] := array(select e from atelier_internal.purge_entries(v_images, '{}') as e);
begin
    -- What came to refer to one of them since its deletion was decided keeps the row, without its object, until it is gone.
    perform atelier_internal.note_held('purge_assets', 'image', t.id,
                                       (select i.client_id from atelier.images i where i.id = t.id), 'its object is gone, but: ' || t.reason)
       from atelier_internal.try_removal('image', v_images, false) as t
      where t.reason is not null;
    perform atelier_internal.record_purge(array(
        select e from unnest(v_entries) as e
         where not exists (select from atelier.images i where i.id = e.entity_id)
           and not exists (select from atelier.generated_assets a where a.id = e.entity_id)));
    return array(select i.id from atelier.images i where i.id = any (p_images) and i.status = 'deleting');
end
$$;
comment on function atelier_internal.purge_images(uuid[]) is
    'Removes the rows of images whose objects are gone, and the deleted assets that they belonged to. Returns those left because somebody holds one of the rows locked, or because something else refers to them, which is listed as held.';

create function atelier_internal.settle_delete_objects(p_settlements atelier_internal.settlement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_rows atelier_internal.object_deletions[] := array(
        select d from atelier_internal.object_deletions d
         where d.job_id = any (array(select s.job_id from unnest(p_settlements) as s)) for update skip locked);
    v_gone bigint[];
    v_images uuid[];
    v_left bigint[];
    v_failures jsonb;
begin
    -- jsonb finds a key among a thousand without reading all of them.
    with told as materialized (
        select s.job_id,
               (select coalesce(jsonb_object_agg(k.key, true), '{}')
                  from jsonb_array_elements_text(coalesce(s.result -> 'deleted', '[]') || coalesce(s.result -> 'missing', '[]')) as k (key)) as gone,
               (select coalesce(jsonb_object_agg(f.entry ->> 'key', f.entry), '{}')
                  from jsonb_array_elements(coalesce(s.result -> 'failed', '[]')) as f (entry)) as failed
          from unnest(p_settlements) as s
    ), judged as materialized (
        select r.id, r.image_id, t.gone ? r.key and r.ordered_at is not null as is_gone, t.failed -> r.key as failure
          from unnest(v_rows) as r
          join told t on t.job_id = r.job_id
    )
    select coalesce(array_agg(j.id) filter (where j.is_gone), '{}'),
           array_agg(j.image_id) filter (where j.is_gone and j.image_id is not null),
           coalesce(array_agg(j.id) filter (where not j.is_gone), '{}'),
           jsonb_object_agg(j.id, j.failure) filter (where j.failure is not null)
      into v_gone, v_images, v_left, v_failures
      from judged j;
    v_images := atelier_internal.purge_images(v_images);

    delete from atelier_internal.object_deletions d
     where d.id = any (v_gone) and not d.requeued and (d.image_id is null or d.image_id <> all (v_images));
    update atelier_internal.object_deletions d
       set job_id = null, requeued = false, ordered_at = case when d.image_id is not null then d.ordered_at end,
           run_after = greatest(d.run_after, now() + case when h.reason is null then interval '1 second' else interval '1 hour' end),
           error_class = case when h.reason is not null then 'storage_failed' end, error_message = h.reason
      from atelier_internal.object_deletions o
      left join atelier_internal.purge_log h on h.action = 'held' and h.entity = 'image' and h.entity_id = o.image_id and h.at = now()
     where d.id = any (v_gone) and o.id = d.id;
    with waits as materialized (
        select t.tries, atelier_internal.deletion_backoff(t.tries + 1) as wait
          from (select distinct r.tries from unnest(v_rows) as r) as t
    )
    update atelier_internal.object_deletions d
       set job_id = null, requeued = false, tries = least(d.tries + 1, 30000), run_after = greatest(d.run_after, now() + w.wait),
           error_class = coalesce(v_failures #>> array[d.id::text, 'class'], 'storage_failed'),
           error_message = coalesce(v_failures #>> array[d.id::text, 'message'], 'the store said nothing of it')
      from waits w
     where d.id = any (v_left) and w.tries = d.tries;
end
$$;
comment on function atelier_internal.settle_delete_objects(atelier_internal.settlement[]) is
    'Forgets what was deleted or was not there, with the rows of purged images; the rest is tried again after a backoff.';

create function atelier_internal.fail_delete_objects(p_failures atelier_internal.failure[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    -- What failed together goes together: at times of their own a thousand objects would be a thousand requests.
    with waits as materialized (
        select t.tries, atelier_internal.deletion_backoff(t.tries + 1) as wait
          from (select distinct o.tries from atelier_internal.object_deletions o
                 where o.job_id = any (array(select x.job_id from unnest(p_failures) as x))) as t
    )
    update atelier_internal.object_deletions d
       set job_id = null, requeued = false, tries = least(d.tries + 1, 30000), run_after = greatest(d.run_after, now() + w.wait),
           error_class = coalesce(f.error_class, 'worker_lost'), error_message = coalesce(f.error_message, 'its job ended as ' || f.state)
      from unnest(p_failures) as f, waits w
     where d.job_id = f.job_id and w.tries = d.tries
       and d.id = any (array(
             select o.id from atelier_internal.object_deletions o
              where o.job_id = any (array(select x.job_id from unnest(p_failures) as x)) for update skip locked));
end
$$;
comment on function atelier_internal.fail_delete_objects(atelier_internal.failure[]) is
    'Lets the objects of a job that ended otherwise be deleted by another one, after a backoff.';

-- What nobody shows and nobody uses any more, and nobody but the engine made, goes by itself.
create function atelier_internal.queue_unused_images() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.queue_deletions(
                array_agg(row(i.store, i.s3_bucket, i.s3_key, i.id)::atelier_internal.deletion_request), 'nobody uses it any more')
       from (select distinct r.image_id from removed r) as r
       join atelier.images i on i.id = r.image_id
      where i.status <> 'deleting' and i.metadata ->> 'source' = 'generated'
     having count(*) > 0;
    return null;
end
$$;
comment on function atelier_internal.queue_unused_images() is
    'Queues the generated pictures that removed rows referred to for their purge, which leaves alone what is in use.';

create trigger image_unused after delete on atelier.generated_assets
    referencing old table as removed
    for each statement execute function atelier_internal.queue_unused_images();
create trigger image_unused after delete on atelier.product_images
    referencing old table as removed
    for each statement execute function atelier_internal.queue_unused_images();
create trigger image_unused after delete on atelier.inspiration_images
    referencing old table as removed
    for each statement execute function atelier_internal.queue_unused_images();
