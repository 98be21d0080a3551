-- Removing rows for good, where a table of somebody's own may refer to them and nobody is to wait for anybody.

create function atelier_internal.lock_for_removal(inout p_images uuid[], inout p_assets uuid[])
language plpgsql
set search_path = pg_catalog, pg_temp set jit = off
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_mine uuid[];
    v_kept uuid[];
begin
    p_images := array(select i.id from atelier.images i where i.id = any (p_images) for update skip locked);
    v_mine := array(
        select a.id from atelier.generated_assets a
         where (a.image_id = any (p_images) or a.id = any (p_assets)) and a.deleted_at is not null for update skip locked);
    -- An asset that was made anew from one of them forgets it: so that row is changed too.
    with mine as (
        select n.id from atelier.generated_assets n where n.regenerated_from = any (v_mine) for no key update skip locked
    )
    select coalesce(array_agg(n.regenerated_from), '{}') into v_kept
      from atelier.generated_assets n
     where n.regenerated_from = any (v_mine) and n.id not in (select m.id from mine m);
    p_assets := array(select v.id from unnest(p_assets) as v (id) where v.id = any (v_mine) and v.id <> all (v_kept));
    p_images := array(
        select v.id from unnest(p_images) as v (id)
         where not exists (select from atelier.generated_assets a where a.image_id = v.id and (a.id <> all (v_mine) or a.id = any (v_kept))));
end
$$;
comment on function atelier_internal.lock_for_removal(uuid[], uuid[]) is
    'Locks images with all their assets, and assets without their images, for removal; returns those of which nobody holds a row locked and which no live asset shows.';

create function atelier_internal.try_removal(p_entity text, p_ids uuid[], p_trial boolean) returns table (id uuid, reason text)
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' set jit = off
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_until timestamptz := clock_timestamp() + interval '1 second';
    v_began timestamptz;
    v_next integer := 1;
    v_size integer := 1;
    v_first integer[] := '{}';
    v_last integer[] := '{}';
    v_from integer;
    v_to integer;
    v_middle integer;
    v_part uuid[];
    v_waits integer := 0;
    v_failed boolean;
    v_reason text;
begin
    -- A deferred constraint would fail at the commit, for all of them; one that the caller has broken fails here, and is not held
    -- against what is to go.
    set constraints all immediate;
    -- Ever larger parts as long as that is quick; where one fails, its halves, down to the rows that it fails for. Without an index
    -- on a foreign key of somebody's own each row costs a look through that table, which is not compiled each time, and which
    -- neither the worker nor the owners of all the other rows wait for until the last of them.
    while v_first <> '{}' or v_next <= cardinality(p_ids) loop
        if v_first = '{}' then
            v_first := array[v_next];
            v_next := least(v_next + v_size, cardinality(p_ids) + 1);
            v_last := array[v_next - 1];
        end if;
        v_from := v_first[cardinality(v_first)];
        v_to := v_last[cardinality(v_last)];
        v_first := trim_array(v_first, 1);
        v_last := trim_array(v_last, 1);
        v_part := p_ids[v_from:v_to];
        v_began := clock_timestamp();
        if v_waits >= 5 or v_began > v_until then
            return query select p.id, null::text from unnest(v_part) as p (id);
            continue;
        end if;
        v_failed := true;
        v_reason := null;
        begin
            if p_entity = 'image' then
                delete from atelier.generated_assets a where a.image_id = any (v_part) and a.deleted_at is not null;
                delete from atelier.images i where i.id = any (v_part);
            else
                delete from atelier.generated_assets a where a.id = any (v_part) and a.deleted_at is not null;
            end if;
            if p_trial then
                raise exception 'it was only tried' using errcode = 'AT001';
            end if;
            v_failed := false;
        exception
        when sqlstate 'AT001' then
            v_failed := false;
        when lock_not_available then
            v_waits := v_waits + 1;
        when transaction_rollback or insufficient_resources or operator_intervention then
            raise;
        when others then
            v_reason := sqlerrm;
        end;
        if not v_failed then
            v_size := case when clock_timestamp() < v_began + interval '100 milliseconds' then 2 * cardinality(v_part)
                           else greatest(cardinality(v_part) / 2, 1) end;
        elsif v_from = v_to then
            return query select v_part[1], v_reason;
        else
            v_middle := (v_from + v_to) / 2;
            v_first := v_first || array[v_middle + 1, v_from];
            v_last := v_last || array[v_to, v_middle];
        end if;
    end loop;
end
$$;
comment on function atelier_internal.try_removal(text, uuid[], boolean) is
    'Removes images with their deleted assets (entity image), or deleted assets alone (entity asset), that are locked; with p_trial only as a trial. Returns those that cannot be removed, with what was said when it was tried; without a reason those that somebody holds locked, and those that it did not come to within a second. Deferred constraints of the transaction are checked at once.';

create function atelier_internal.purge_entries(p_images uuid[], p_assets uuid[]) returns setof atelier_internal.purge_log
language sql stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
begin atomic
    select null::bigint, now(), 'purge_assets', 'purged', 'asset', a.id, a.client_id,
           format('it was deleted at %s, and could be restored for %s', date_trunc('second', a.deleted_at),
                  atelier_internal.setting('asset_undo_window')::interval),
           case when a.image_id = any (p_images) and a.id = (select min(o.id::text)::uuid from atelier.generated_assets o where o.image_id = a.image_id)
                then i.file_size end
      from atelier.generated_assets a
      left join atelier.images i on i.id = a.image_id
     where a.image_id = any (p_images) or a.id = any (p_assets)
    union all
    select null, now(), case when u.image_id is null then 'purge_assets' else 'purge_uploads' end, 'purged',
           case when u.image_id is null then 'image' else 'upload' end, i.id, i.client_id,
           case when u.image_id is null then 'no asset shows it any more, and nobody uses it'
                when u.rejected_at is not null then format('it was refused at %s', date_trunc('second', u.rejected_at))
                else format('it was begun at %s, and never confirmed', date_trunc('second', u.requested_at)) end,
           i.file_size
      from atelier.images i
      left join atelier.uploads u on u.image_id = i.id
     where i.id = any (p_images) and not exists (select from atelier.generated_assets a where a.image_id = i.id);
end;
comment on function atelier_internal.purge_entries(uuid[], uuid[]) is
    'What the purge log will say of images that are removed with all their assets, and of assets that are removed alone.';

create function atelier_internal.record_purge(p_entries atelier_internal.purge_log[]) returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
    delete from atelier_internal.purge_log h
     where h.action = 'held' and h.entity_id = any (array(select e.entity_id from unnest(p_entries) as e));
    insert into atelier_internal.purge_log (task, action, entity, entity_id, client_id, reason, bytes)
    select e.task, e.action, e.entity, e.entity_id, e.client_id, e.reason, e.bytes from unnest(p_entries) as e;
end;
comment on function atelier_internal.record_purge(atelier_internal.purge_log[]) is
    'Enters what was removed for good into the purge log, in place of what it said of them before.';

create function atelier_internal.list_as_held(p_entries atelier_internal.purge_log[], p_reason text) returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
    select null from unnest(p_entries) as e
     cross join lateral atelier_internal.note_held(e.task, e.entity, e.entity_id, e.client_id, p_reason);
end;
comment on function atelier_internal.list_as_held(atelier_internal.purge_log[], text) is
    'Lists as held what could not be removed, though its time has come.';
