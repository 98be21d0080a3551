-- Putting a collection together. Who changes one locks it first, then jobs, then assets; products are locked before it.

create function atelier_internal.lock_collection(p_collection_id uuid) returns atelier.collections
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_collection atelier.collections;
begin
    perform atelier_internal.require('collection_id', p_collection_id is not null);
    -- Updated, not only locked: in REPEATABLE READ whoever comes later fails instead of going by what it saw before.
    update atelier.collections c set updated_at = now() where c.id = p_collection_id returning c.* into v_collection;
    if not found then
        perform atelier_internal.refuse_collection(p_collection_id);
    end if;
    return v_collection;
end
$$;
comment on function atelier_internal.lock_collection(uuid) is
    'The collection, locked to be changed; 22004 for NULL, P0002 for an unknown one, 40001 where the caller''s snapshot is older than its last change.';

create function atelier_internal.forget_lost_products(p_collection atelier.collections) returns atelier.collections
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_left uuid[] := array(select p.id from atelier.products p where p.client_id = p_collection.client_id and p.id = any (p_collection.selected_product_ids));
begin
    if cardinality(v_left) < cardinality(p_collection.selected_product_ids) then
        update atelier.collections c
           set selected_product_ids = array(
                   select s.id from unnest(c.selected_product_ids) with ordinality as s (id, place)
                    where s.id = any (v_left) order by s.place)
         where c.id = p_collection.id
        returning c.* into p_collection;
    end if;
    return p_collection;
end
$$;
comment on function atelier_internal.forget_lost_products(atelier.collections) is
    'A locked collection without products that are not there any more: who removed one in REPEATABLE READ may not have seen that it was selected.';

create function atelier_internal.refuse_collection(p_collection_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'collection not found'
        using errcode = 'no_data_found', detail = format('There is no collection %s.', p_collection_id),
              hint = atelier_internal.way_out('atelier.list_collections() lists the collections of a client.');
end
$$;
comment on function atelier_internal.refuse_collection(uuid) is 'Raises P0002 for an unknown collection.';

create function atelier_internal.refuse_collection_status(p_collection atelier.collections, p_act text, p_hint text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'collection cannot be % while it is %', p_act, p_collection.status
        using errcode = 'object_not_in_prerequisite_state',
              detail = format('Collection %s is %s%s.', p_collection.id, p_collection.status, coalesce(': ' || p_collection.error_message, '')),
              hint = p_hint;
end
$$;
comment on function atelier_internal.refuse_collection_status(atelier.collections, text, text) is
    'Raises 55000: the status of the collection does not allow the act.';

create function atelier_internal.refuse_busy_collection(p_collection atelier.collections, p_act text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_collection.status in ('analyzing', 'generating') then
        perform atelier_internal.refuse_collection_status(p_collection, p_act,
            format('Wait until it has ended (atelier.collection_status()), or end it: SELECT atelier.cancel_collection(%L);', p_collection.id));
    end if;
end
$$;
comment on function atelier_internal.refuse_busy_collection(atelier.collections, text) is
    'Raises 55000 while the collection is analyzing or generating.';

create function atelier_internal.require_collection_name(p_name text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('name', p_name is not null);
    -- Spaces of any width, also those of none, are no name.
    if char_length(btrim(p_name)) > 500 or p_name !~ '[^\s\u0085\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]' then
        raise exception 'name must have 1 to 500 characters, not only spaces'
            using errcode = 'invalid_parameter_value', hint = 'Give the collection a name.';
    end if;
end
$$;
comment on function atelier_internal.require_collection_name(text) is 'Raises 22004 or 22023 for what is no name of a collection.';

create function atelier.create_collection(client_id uuid, name text, product_ids uuid[] default '{}', settings jsonb default '{}') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_id uuid;
begin
    perform atelier_internal.hold_client(client_id);
    perform atelier_internal.require_collection_name(name);
    perform atelier_internal.require('product_ids', product_ids is not null);
    perform atelier_internal.require_selection(client_id, product_ids);
    insert into atelier.collections as c (client_id, name, selected_product_ids, own_settings)
    values (client_id, name, product_ids, atelier_internal.complete_settings(
        client_id, atelier_internal.changed_settings('{}', settings), null, null, true))
    returning c.id into v_id;
    return v_id;
end
$$;
comment on function atelier.create_collection(uuid, text, uuid[], jsonb) is
    'Makes a collection of products of a client, a draft, and returns its id. settings are partial generation settings that win over what the analyses will derive. 22004 NULL, 22023 bad value, 23503 unknown or foreign id.';

create function atelier.rename_collection(collection_id uuid, name text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
    perform atelier_internal.lock_collection(collection_id);
    perform atelier_internal.require_collection_name(name);
    update atelier.collections c set name = rename_collection.name where c.id = collection_id;
    return collection_id;
end
$$;
comment on function atelier.rename_collection(uuid, text) is
    'Gives a collection another name, in any status, and returns its id. P0002 for an unknown collection, 22023 for a bad name.';

create function atelier.set_collection_products(collection_id uuid, product_ids uuid[]) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client_id uuid;
    v_collection atelier.collections;
    v_assigned jsonb;
begin
    perform atelier_internal.require('collection_id', collection_id is not null);
    perform atelier_internal.require('product_ids', product_ids is not null);
    -- Whoever removes a product locks it first and then the collections that select it.
    select c.client_id into v_client_id from atelier.collections c where c.id = collection_id;
    if found then
        perform atelier_internal.require_selection(v_client_id, product_ids);
    end if;
    v_collection := atelier_internal.lock_collection(collection_id);
    perform atelier_internal.refuse_busy_collection(v_collection, 'given other products');
    v_assigned := coalesce(v_collection.product_analysis -> 'productRoomAssignments', '{}');
    update atelier.collections c
       set selected_product_ids = product_ids,
           status = case when c.status <> 'draft' and (product_ids = '{}' or exists (
                                  select from unnest(product_ids) as s (id) where not v_assigned ? s.id::text))
                         then 'draft' else c.status end
     where c.id = collection_id and c.selected_product_ids <> product_ids;
    if found and v_collection.status = 'error' then
        perform atelier_internal.refresh_base_settings(collection_id);
    end if;
    return collection_id;
end
$$;
comment on function atelier.set_collection_products(uuid, uuid[]) is
    'Selects the products of a collection anew, in this order, and returns its id. It becomes a draft, to be analysed, unless each product has been analysed for it already; one in error is then ready where nothing else is missing. Assets of products that are selected no more stay. 55000 while it is analyzing or generating, 22023 for a product named twice, 23503 for unknown or foreign products, P0002 for an unknown collection.';

create function atelier.delete_collection(collection_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection(collection_id);
begin
    -- Unlike an asset it cannot be restored.
    if (select c.legal_hold is not null from atelier.clients c where c.id = v_collection.client_id for share) then
        raise exception 'collection cannot be deleted: there is a legal hold'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Client %s is held.', v_collection.client_id),
                  hint = 'A DBA ends the hold with atelier.release_legal_hold(). Assets can be deleted meanwhile, since that can be undone.';
    end if;
    if v_collection.status = 'analyzing' then
        perform atelier_internal.stop_analysis(collection_id, 'the collection was deleted');
    end if;
    delete from atelier.collections c where c.id = collection_id;
    perform atelier_internal.emit_event('collection.deleted', v_collection.client_id, collection_id, null);
    perform atelier_internal.audit('collection.deleted', 'collection', collection_id, v_collection.client_id);
    return collection_id;
end
$$;
comment on function atelier.delete_collection(uuid) is
    'Deletes a collection for good, with its inspirations, and returns its id; an analysis that is under way is cancelled. Its assets stay and stand alone from then on, also those that are being made. P0002 for an unknown collection, 55000 while the client is under legal hold.';

create function atelier_internal.stop_analysis(p_collection_id uuid, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- First the status: the end of its last job would conclude the analysis.
    update atelier.collections c set status = 'draft' where c.id = p_collection_id and c.status = 'analyzing';
    perform atelier_internal.cancel_analysis(p_collection_id, p_reason);
end
$$;
comment on function atelier_internal.stop_analysis(uuid, text) is 'Makes a locked collection that is analyzing a draft and cancels its jobs.';

create function atelier.cancel_collection(collection_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection(collection_id);
begin
    if v_collection.status = 'analyzing' then
        perform atelier_internal.stop_analysis(collection_id, 'the collection was cancelled');
    elsif v_collection.status = 'generating' then
        perform atelier_internal.cancel_work_of_assets(array(
            select a.id from atelier.generated_assets a
             where a.collection_id = v_collection.id and a.status in ('pending', 'generating')), 'the collection was cancelled');
        perform from atelier.collections c where c.id = v_collection.id and c.status = 'generating';
        if found then
            perform atelier_internal.conclude_generation(collection_id);
        end if;
    else
        perform atelier_internal.refuse_collection_status(v_collection, 'cancelled',
            'Nothing is being done for it. atelier.delete_collection() deletes it.');
    end if;
    return collection_id;
end
$$;
comment on function atelier.cancel_collection(uuid) is
    'Ends what is being done for a collection and returns its id. One that is analyzing becomes a draft. Of one that is generating, the assets that are not done go to error, their message begins with "cancelled", and it ends with what it has; atelier.generate_collection() makes the missing ones. 55000 in any other status, P0002 for an unknown collection.';
