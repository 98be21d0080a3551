-- What goes for good when its time has come. Each function does one batch in one short transaction, waits for nobody, and leaves
-- alone what somebody restores, uses or holds meanwhile: the object goes first, by the pipeline delete_objects, its rows after it.

create function atelier_internal.clients_on_hold() returns uuid[]
language sql stable
set search_path = pg_catalog, pg_temp
return array(select c.id from atelier.clients c where c.legal_hold is not null);
comment on function atelier_internal.clients_on_hold() is 'The clients under legal hold.';

create function atelier_internal.list_holds(p_task text, p_clients uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.note_held(p_task, 'client', c.id, c.id, 'legal hold: ' || c.legal_hold)
       from atelier.clients c
      where c.id = any (p_clients) and c.legal_hold is not null;
end
$$;
comment on function atelier_internal.list_holds(text, uuid[]) is
    'Lists clients as held, of which something would be purged were it not for their legal hold.';

create function atelier_internal.clients_to_purge(p_clients uuid[]) returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever is about to place a legal hold is first, or waits for this batch.
    return array(
        select c.id from atelier.clients c
         where c.id = any (p_clients) and c.legal_hold is null
         order by c.id for share skip locked);
end
$$;
comment on function atelier_internal.clients_to_purge(uuid[]) is
    'Those of these clients that are under no legal hold, locked against one.';

create function atelier_internal.is_purge_behind() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
return (select count(*) >= 20000
          from (select from atelier_internal.object_deletions d
                 where d.image_id is not null and d.run_after < now() + interval '2 hours' limit 20000) as waiting);
comment on function atelier_internal.is_purge_behind() is
    'Whether so many images wait for the deletion of their objects that no others are looked for: each look would read past them. What was put off for longer, such as until the end of a legal hold, does not count.';

create function atelier.purge_deleted_assets(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
#variable_conflict use_variable
declare
    v_before timestamptz := now() - atelier_internal.setting('asset_undo_window')::interval;
    v_on_hold uuid[];
    v_due atelier.generated_assets[];
    v_clients uuid[];
    v_images uuid[];
    v_used uuid[];
    v_alone uuid[];
    v_free record;
    v_entries atelier_internal.purge_log[];
    v_left uuid[] := '{}';
    v_held uuid[] := '{}';
    v_entry record;
    v_handled integer;
begin
    if not atelier_internal.begin_deletion('purge_assets', batch) then
        return 0;
    elsif atelier_internal.is_purge_behind() then
        perform atelier_internal.end_task('purge_assets', 0);
        return 0;
    end if;
    perform atelier_internal.trim_purge_log(batch);
    v_on_hold := atelier_internal.clients_on_hold();
    perform atelier_internal.list_holds('purge_assets', array(
        select v.id from unnest(v_on_hold) as v (id)
         where exists (select from atelier.generated_assets a where a.client_id = v.id and a.deleted_at <= v_before)));

    v_due := array(
        select a from atelier.generated_assets a
         where a.deleted_at <= v_before and a.client_id <> all (v_on_hold)
           and not exists (select from atelier_internal.object_deletions d where d.image_id = a.image_id)
           and not atelier_internal.is_held(a.id, 'asset')
         order by a.deleted_at limit batch
           for update skip locked);
    v_clients := atelier_internal.clients_to_purge(array(select distinct a.client_id from unnest(v_due) as a));
    v_due := array(select a from unnest(v_due) as a where a.client_id = any (v_clients));
    v_images := array(
        select distinct i.id from unnest(v_due) as a
          join atelier.images i on i.id = a.image_id
         where not atelier_internal.stays_elsewhere(i.store, i.s3_bucket));
    v_used := atelier_internal.images_in_use(v_images);
    v_images := array(select v.id from unnest(v_images) as v (id) where v.id <> all (v_used));
    -- A picture that somebody needs stays, without the asset.
    v_alone := array(select a.id from unnest(v_due) as a where (a.image_id = any (v_images)) is not true);

    select l.* into v_free from atelier_internal.lock_for_removal(v_images, v_alone) as l;
    v_entries := array(select e from atelier_internal.purge_entries('{}', v_free.p_assets) as e);
    for v_entry in
        select 'image' as entity, t.id, t.reason from atelier_internal.try_removal('image', v_free.p_images, true) as t
        union all
        select 'asset', t.id, t.reason from atelier_internal.try_removal('asset', v_free.p_assets, false) as t
    loop
        v_left := v_left || v_entry.id;
        if v_entry.reason is not null then
            v_held := v_held || v_entry.id;
            perform atelier_internal.list_as_held(array(
                select e from atelier_internal.purge_entries(
                    case v_entry.entity when 'image' then array[v_entry.id] else '{}' end,
                    case v_entry.entity when 'asset' then array[v_entry.id] else '{}' end) as e), v_entry.reason);
        end if;
    end loop;
    perform atelier_internal.record_purge(array(select e from unnest(v_entries) as e where e.entity_id <> all (v_left)));
    perform atelier_internal.queue_deletions(array(
                select row(i.store, i.s3_bucket, i.s3_key, i.id)::atelier_internal.deletion_request from atelier.images i
                 where i.id = any (v_free.p_images) and i.id <> all (v_left)), 'its assets were deleted');

    v_handled := (
        select count(*) from unnest(v_due) as a
         where a.image_id = any (v_free.p_images) and (a.image_id <> all (v_left) or a.image_id = any (v_held))
            or a.id = any (v_free.p_assets) and (a.id <> all (v_left) or a.id = any (v_held)));
    perform atelier_internal.end_task('purge_assets', v_handled);
    return v_handled;
end
$$;
comment on function atelier.purge_deleted_assets(integer) is
    'Purges at most batch (1 to 10000) assets that were deleted longer than pg_atelier.asset_undo_window ago, and returns of how many it disposed; call it again until it returns 0. Of most the picture is queued for deletion, and the rows go when it is gone; those without a picture, or with one that is used elsewhere, go at once. What a foreign key of another table holds is left alone, listed in atelier.purge_log, and tried again about once a day; so are the clients under legal hold. Nobody is waited for. 0 also while 20,000 pictures wait for their deletion, as when their store is down; and, with a warning, while the clock cannot be trusted: see atelier.confirm_clock().';

create function atelier.expire_failed_assets(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_before timestamptz := now() - atelier_internal.setting('error_asset_ttl')::interval;
    v_on_hold uuid[];
    v_due atelier.generated_assets[];
    v_clients uuid[];
    v_handled integer;
begin
    if not atelier_internal.begin_deletion('expire_failed', batch) then
        return 0;
    end if;
    v_on_hold := atelier_internal.clients_on_hold();
    perform atelier_internal.list_holds('expire_failed', array(
        select v.id from unnest(v_on_hold) as v (id)
         where exists (select from atelier.generated_assets a
                        where a.client_id = v.id and a.status = 'error' and a.deleted_at is null and a.updated_at <= v_before)));
    v_due := array(
        select a from atelier.generated_assets a
         where a.status = 'error' and a.deleted_at is null and a.updated_at <= v_before and a.client_id <> all (v_on_hold)
         order by a.updated_at limit batch
           for update skip locked);
    v_clients := atelier_internal.clients_to_purge(array(select distinct a.client_id from unnest(v_due) as a));
    with expired as (
        update atelier.generated_assets a set deleted_at = now()
         where a.id = any (array(select d.id from unnest(v_due) as d where d.client_id = any (v_clients)))
        returning a.id, a.client_id
    ), told as (
        select atelier_internal.emit_event('asset.deleted', e.client_id, e.id, null, '{"reason": "expired"}') from expired e
    )
    select count(*) into v_handled from told;
    perform atelier_internal.end_task('expire_failed', v_handled);
    return v_handled;
end
$$;
comment on function atelier.expire_failed_assets(integer) is
    'Deletes at most batch (1 to 10000) assets that have been in status error, unchanged, for longer than pg_atelier.error_asset_ttl, as soft_delete_asset() does, and returns how many; call it again until it returns 0. They can be restored for pg_atelier.asset_undo_window. Those of clients under legal hold stay. 0, with a warning, while the clock cannot be trusted.';

create function atelier.purge_uploads(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
#variable_conflict use_variable
declare
    v_before timestamptz := now() - atelier_internal.setting('upload_ttl')::interval;
    v_on_hold uuid[];
    v_images atelier.images[];
    v_clients uuid[];
    v_due uuid[];
    v_used uuid[];
    v_refused record;
    v_handled integer;
begin
    if not atelier_internal.begin_deletion('purge_uploads', batch) then
        return 0;
    elsif atelier_internal.is_purge_behind() then
        perform atelier_internal.end_task('purge_uploads', 0);
        return 0;
    end if;
    v_on_hold := atelier_internal.clients_on_hold();
    perform atelier_internal.list_holds('purge_uploads', array(
        select v.id from unnest(v_on_hold) as v (id)
         where exists (select from atelier.uploads u
                        where u.client_id = v.id and (u.confirmed_at is null or u.rejected_at is not null) and u.requested_at <= v_before)));
    -- Whoever has the address could put the file there again before it expires.
    v_images := array(
        select i from atelier.uploads u
          join atelier.images i on i.id = u.image_id
         where (u.confirmed_at is null or u.rejected_at is not null) and u.requested_at <= v_before
           and coalesce(u.rejected_at, u.requested_at) <= v_before and u.expires_at < now() - interval '1 minute'
           and u.client_id <> all (v_on_hold)
           and not exists (select from atelier_internal.object_deletions d where d.image_id = u.image_id)
           and not exists (select from atelier.product_images p where p.image_id = u.image_id)
           and not exists (select from atelier.inspiration_images n where n.image_id = u.image_id)
           and not atelier_internal.is_held(u.image_id, 'upload')
         order by u.requested_at limit batch
           for update of i skip locked);
    v_clients := atelier_internal.clients_to_purge(array(select distinct i.client_id from unnest(v_images) as i));
    v_due := array(select i.id from unnest(v_images) as i where i.client_id = any (v_clients));
    v_used := atelier_internal.images_in_use(v_due);
    v_due := array(select v.id from unnest(v_due) as v (id) where v.id <> all (v_used));
    select r.* into v_refused from atelier_internal.refuse_removals(v_due) as r;
    perform atelier_internal.queue_deletions(array(
                select row(i.store, i.s3_bucket, i.s3_key, i.id)::atelier_internal.deletion_request from atelier.images i
                 where i.id = any (v_due) and i.id <> all (v_refused.held || v_refused.locked)), 'its upload came to nothing');
    v_handled := cardinality(v_due) - cardinality(v_refused.locked);
    perform atelier_internal.end_task('purge_uploads', v_handled);
    return v_handled;
end
$$;
comment on function atelier.purge_uploads(integer) is
    'Purges at most batch (1 to 10000) uploads that were not confirmed within pg_atelier.upload_ttl, and as long after their refusal those that turned out not to be what was announced, and returns of how many it disposed; call it again until it returns 0. Objects go first, rows after them. What a product or a collection refers to stays, as do uploads of clients under legal hold. 0 also while 20,000 pictures wait for their deletion; and, with a warning, while the clock cannot be trusted.';
