-- Rules about the change of collections, and what changes elsewhere mean for them. As in 28_triggers nothing acts on INSERT.

create function atelier_internal.guard_collection() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.completed_at is distinct from old.completed_at then
        raise exception 'completed_at cannot be set by hand'
            using errcode = 'check_violation', column = 'completed_at',
                  detail = format('Collection %s.', old.id),
                  hint = 'It is set when the status becomes completed.';
    end if;
    if new.status is distinct from old.status then
        perform atelier_internal.check_status_change('collection', old.id::text, old.status, new.status);
        new.completed_at := case when new.status = 'completed' then now() end;
        if old.status = 'error' then
            new.error_message := null;
        end if;
    end if;
    return new;
end
$$;
comment on function atelier_internal.guard_collection() is
    'Judges status changes of collections by status_transitions; keeps completed_at and error_message in step with them.';

create trigger collection_status before update on atelier.collections
    for each row when (old.status is distinct from new.status or old.completed_at is distinct from new.completed_at)
    execute function atelier_internal.guard_collection();

create function atelier_internal.tell_of_collection() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.emit_event('collection.' || new.status, new.client_id, new.id, null,
        jsonb_strip_nulls(jsonb_build_object('from', old.status, 'error_message', new.error_message)));
    return null;
end
$$;
comment on function atelier_internal.tell_of_collection() is 'Writes the event collection.<status> when the status of a collection has changed.';

create trigger collection_told after update on atelier.collections
    for each row when (old.status is distinct from new.status)
    execute function atelier_internal.tell_of_collection();

create function atelier_internal.require_selection(p_client_id uuid, p_product_ids uuid[], p_known uuid[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_new uuid[];
    v_found uuid[];
    v_product uuid;
begin
    if coalesce(array_ndims(p_product_ids), 1) <> 1 then
        raise exception 'product_ids must be a plain list'
            using errcode = 'invalid_parameter_value', hint = 'Give an array of one dimension.';
    elsif array_position(p_product_ids, null) is not null then
        raise exception 'product_ids must not hold NULL'
            using errcode = 'null_value_not_allowed', hint = 'Give the ids of products of the client.';
    elsif cardinality(p_product_ids) > 10000 then
        raise exception 'a collection has at most 10000 products'
            using errcode = 'invalid_parameter_value', detail = format('%s were given.', cardinality(p_product_ids)),
                  hint = 'Make several collections of them.';
    end if;
    select s.id into v_product from unnest(p_product_ids) as s (id) group by s.id having count(*) > 1 limit 1;
    if found then
        raise exception 'product_ids names a product twice'
            using errcode = 'invalid_parameter_value', detail = format('The product is %s.', v_product), hint = 'Name each product once.';
    end if;
    v_new := array(select s.id from unnest(p_product_ids) as s (id) except select k.id from unnest(p_known) as k (id));
    -- The lock holds off the removal of a product until it can be seen which collections select it.
    v_found := array(select p.id from atelier.products p where p.client_id = p_client_id and p.id = any (v_new) order by p.id for key share);
    if cardinality(v_found) < cardinality(v_new) then
        select s.id into v_product from unnest(v_new) as s (id) where s.id not in (select f.id from unnest(v_found) as f (id)) order by s.id limit 1;
        perform atelier_internal.refuse_unknown('product', v_product, p_client_id, 'atelier.list_products() lists the products of a client.');
    end if;
end
$$;
comment on function atelier_internal.require_selection(uuid, uuid[], uuid[]) is
    '22004 for a NULL among the ids, 22023 for one that stands there twice or for more than 10000, 23503 for one, not known already, that the client does not have. Locks the new ones against removal.';

create function atelier_internal.guard_selection() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require_selection(new.client_id, new.selected_product_ids, old.selected_product_ids);
    return new;
end
$$;
comment on function atelier_internal.guard_selection() is 'Lets a collection select existing products of its client only, each once.';

create trigger collection_selection before update on atelier.collections
    for each row when (old.selected_product_ids is distinct from new.selected_product_ids)
    execute function atelier_internal.guard_selection();

-- Whoever works on a collection locks it before the assets, which are gone when the removal is told of.
create function atelier_internal.lock_selections_of_removed_product() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from atelier.collections c
      where c.client_id = old.client_id and c.selected_product_ids @> array[old.id]
        and exists (select from atelier.clients k where k.id = old.client_id)
      order by c.id for no key update of c;
    return old;
end
$$;
comment on function atelier_internal.lock_selections_of_removed_product() is 'Locks the collections that select a product that is removed.';

create trigger product_selections_locked before delete on atelier.products
    for each row execute function atelier_internal.lock_selections_of_removed_product();

create function atelier_internal.deselect_removed_products() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_removed uuid[] := array(select r.id from removed r);
    -- One by one is faster for a few, of which the client's other collections hold none.
    v_few boolean := cardinality(v_removed) <= 10;
begin
    -- NOT IN looks each product up in a table; the plan, made for the first removal of a session, serves for thousands.
    with left_over as materialized (
        select c.id, array(select s.id from unnest(c.selected_product_ids) with ordinality as s (id, place)
                            where s.id not in (select r.id from removed r) order by s.place) as product_ids
          from atelier.collections c
         where c.client_id = any (array(select distinct r.client_id from removed r))
           and (not v_few or c.selected_product_ids && v_removed)
           and exists (select from atelier.clients k where k.id = c.client_id)
    )
    update atelier.collections c set selected_product_ids = l.product_ids
      from left_over l
     where c.id = l.id and c.selected_product_ids <> l.product_ids;
    return null;
end
$$;
comment on function atelier_internal.deselect_removed_products() is
    'Takes products that are removed out of the collections that select them, all at once.';

create trigger products_deselected after delete on atelier.products
    referencing old table as removed
    for each statement execute function atelier_internal.deselect_removed_products();

-- No join: the plan is made when a session changes its first asset, and then serves for thousands.
create function atelier_internal.check_collections_of_changed_assets() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.check_collections(array_agg(distinct e.collection_id))
       from (select f.id, f.collection_id from former f
              where f.collection_id is not null and f.status in ('pending', 'generating') and f.deleted_at is null
             except
             select n.id, n.collection_id from changed n
              where n.collection_id is not null and n.status in ('pending', 'generating') and n.deleted_at is null) as e
     having count(*) > 0;
    return null;
end
$$;
comment on function atelier_internal.check_collections_of_changed_assets() is
    'Looks whether collections have ended, of whose assets some are not under way any more.';

create trigger asset_ended after update on atelier.generated_assets
    referencing old table as former new table as changed
    for each statement execute function atelier_internal.check_collections_of_changed_assets();

create function atelier_internal.check_collections_of_removed_assets() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.check_collections(array_agg(distinct f.collection_id))
       from former f
      where f.collection_id is not null and f.status in ('pending', 'generating') and f.deleted_at is null
     having count(*) > 0;
    return null;
end
$$;
comment on function atelier_internal.check_collections_of_removed_assets() is
    'Looks whether collections have ended, of whose assets some that were under way were removed.';

-- The names order the triggers: the work of removed assets is cancelled before.
create trigger asset_removed_from_collection after delete on atelier.generated_assets
    referencing old table as former
    for each statement execute function atelier_internal.check_collections_of_removed_assets();

create function atelier_internal.cancel_work_of_removed_inspirations() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.cancel_jobs(array_agg(d.job_id order by d.job_id), 'the inspiration was removed')
       from deleted d where d.job_id is not null
     having count(*) > 0;
    perform atelier_internal.check_collections(array_agg(distinct d.collection_id))
       from deleted d where d.job_id is not null
     having count(*) > 0;
    return null;
end
$$;
comment on function atelier_internal.cancel_work_of_removed_inspirations() is
    'Cancels the analysis of inspirations that are removed, also by the removal of their image, and looks whether that was the last one.';

create trigger inspiration_removed after delete on atelier.inspiration_images
    referencing old table as deleted
    for each statement execute function atelier_internal.cancel_work_of_removed_inspirations();

create function atelier_internal.cancel_work_of_removed_batches() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.cancel_jobs(array_agg(d.job_id order by d.job_id), 'the collection was removed')
       from deleted d where d.job_id is not null
     having count(*) > 0;
    return null;
end
$$;
comment on function atelier_internal.cancel_work_of_removed_batches() is 'Cancels the analysis of the products of collections that are removed.';

create trigger batch_removed after delete on atelier_internal.product_batches
    referencing old table as deleted
    for each statement execute function atelier_internal.cancel_work_of_removed_batches();
