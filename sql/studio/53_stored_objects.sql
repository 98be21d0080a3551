-- Objects that rows of other extensions hold. What such a row names is not deleted, is no stray of fsck(), and goes when its row does.

create table atelier_internal.stored_objects (
    holder regclass primary key,
    extension text not null,
    key_column name not null,
    store_column name not null,
    bucket_column name,
    size_column name,
    client_column name,
    created_column name
);
comment on table atelier_internal.stored_objects is
    'Tables of other extensions whose rows hold objects. Registered anew by their scripts at a restore, so that a dump leaves them out.';
comment on column atelier_internal.stored_objects.holder is 'The table.';
comment on column atelier_internal.stored_objects.extension is 'Extension that registered it; its rows count while the table is a member of that.';
comment on column atelier_internal.stored_objects.key_column is 'Column with the key of the object; where it is null the row holds none.';
comment on column atelier_internal.stored_objects.store_column is 'Column with the store.';
comment on column atelier_internal.stored_objects.bucket_column is 'Column with the bucket, empty where the store has none; null: none of its stores has.';
comment on column atelier_internal.stored_objects.size_column is 'Column with the bytes of the object; null: nobody knows.';
comment on column atelier_internal.stored_objects.client_column is 'Column with the client; null: the rows are nobody''s.';
comment on column atelier_internal.stored_objects.created_column is 'Column with the time since when the object is there; null: a check of a store does not look for the objects of its rows.';

create function atelier_internal.holders() returns setof atelier_internal.stored_objects
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select s.* from atelier_internal.stored_objects s where atelier_internal.belongs_to_extension('pg_class', s.holder, s.extension);
end;
comment on function atelier_internal.holders() is 'The tables of other extensions whose rows hold objects at present.';

create function atelier_internal.place_of(p_holder atelier_internal.stored_objects, p_row text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return format('%1$I.%2$I as store, %3$s as bucket, %1$I.%4$I as key', p_row, p_holder.store_column,
              coalesce(format('%I.%I', p_row, p_holder.bucket_column), ''''''), p_holder.key_column);
comment on function atelier_internal.place_of(atelier_internal.stored_objects, text) is 'The columns store, bucket and key of a row of such a table, as SQL.';

create function atelier_internal.keys_held(p_stores text[], p_bucket text, p_keys text[], out held text[], out problem text)
language plpgsql volatile
-- No policy may hide a row.
set search_path = pg_catalog, pg_temp set row_security = off set jit = off set enable_seqscan = off
as $$
declare
    v_holder atelier_internal.stored_objects;
    v_found text[];
begin
    held := '{}';
    if not exists (select from atelier_internal.stored_objects) then
        return;
    end if;
    for v_holder in select h.* from atelier_internal.holders() as h loop
        -- The worker waits for nobody.
        execute format('lock table %s in access share mode nowait', v_holder.holder);
        execute format('select array(select k.key from unnest($3) as k (key)
                                      where exists (select from %s t where t.%I = any ($1) and %s = $2 and t.%I = k.key))',
                       v_holder.holder, v_holder.store_column, coalesce(format('t.%I', v_holder.bucket_column), ''''''), v_holder.key_column)
           into v_found using p_stores, p_bucket, p_keys;
        held := held || v_found;
    end loop;
exception
when transaction_rollback or insufficient_resources or operator_intervention then
    raise;
when lock_not_available then
    held := '{}';
    problem := '';
when others then
    held := '{}';
    problem := format('%s of extension %s: %s', v_holder.holder, v_holder.extension, sqlerrm);
end
$$;
comment on function atelier_internal.keys_held(text[], text, text[]) is
    'Those keys, in one bucket of stores that are the same place, that rows of other extensions hold. With a problem nobody can say at present: one of their tables is locked (an empty problem), or is not as it was registered.';

create function atelier_internal.images_held(p_images uuid[]) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    if not exists (select from atelier_internal.stored_objects) then
        return '{}';
    end if;
    return array(
        with places as materialized (
            select i.store, i.s3_bucket, array_agg(i.s3_key) as keys, array_agg(i.id) as ids
              from atelier.images i where i.id = any (p_images) group by i.store, i.s3_bucket
        )
        select k.id
          from places p
         cross join lateral atelier_internal.keys_held(atelier_internal.stores_at(p.store), p.s3_bucket, p.keys) as h
         cross join lateral unnest(p.keys, p.ids) as k (key, id)
         where h.problem is not null or k.key = any (h.held));
end
$$;
comment on function atelier_internal.images_held(uuid[]) is 'Those images whose objects rows of other extensions hold too, or of which that cannot be said at present.';

create function atelier_internal.claim_objects(p_store text, p_bucket text, p_keys text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_stores text[] := atelier_internal.stores_at(p_store);
    v_key text;
    v_problem text;
begin
    foreach v_key in array p_keys loop
        v_problem := case when p_store = 'file' then atelier_internal.file_key_problem(v_key) else atelier_internal.object_key_problem(v_key) end;
        if v_problem is not null then
            raise exception 'key is not valid: %', v_problem
                using errcode = 'invalid_parameter_value', detail = format('The key is %s.', to_json(left(v_key, 200))),
                      hint = 'Give the path of the object inside the store, such as "cards/1.pdf".';
        end if;
    end loop;
    v_key := (atelier_internal.claim_keys(p_store, p_bucket, p_keys))[1];
    v_key := coalesce(v_key, (select i.s3_key from atelier.images i
                               where i.store = any (v_stores) and i.s3_bucket = p_bucket and i.s3_key = any (p_keys) and i.status = 'deleting' limit 1));
    if v_key is not null then
        perform atelier_internal.refuse_deleting(v_key);
    end if;
    select m.s3_key into v_key from atelier.images m where m.moving_to = any (v_stores) and m.s3_key = any (p_keys) limit 1;
    if found then
        raise exception 'an image is being moved to this key'
            using errcode = 'object_in_use', detail = format('The key is %s.', to_json(left(v_key, 200))),
                  hint = 'Try again when it has moved, or use another key.';
    end if;
end
$$;
comment on function atelier_internal.claim_objects(text, text, text[]) is
    'Rows of another extension come to hold these objects: they are taken out of the deletion queue. 55006 for one that is being deleted, or to whose key an image is being moved; 22023 for what can be no key.';

create function atelier_internal.follow_stored_objects() returns trigger
language plpgsql security definer
-- A restore, which fills these tables too, turns it off.
set search_path = pg_catalog, pg_temp set row_security = on
as $$
declare
    v_holder atelier_internal.stored_objects;
    v_come text;
    v_gone text;
    v_place record;
    v_requests atelier_internal.deletion_request[];
begin
    select h.* into v_holder from atelier_internal.stored_objects h where h.holder = tg_relid;
    if not found then
        return null;
    end if;
    v_come := format('select %s from added', atelier_internal.place_of(v_holder, 'added'));
    v_gone := format('select %s from removed', atelier_internal.place_of(v_holder, 'removed'));
    if tg_op = 'UPDATE' then
        v_come := format('%s except %s', v_come, v_gone);
        v_gone := format('%s except select %s from added', v_gone, atelier_internal.place_of(v_holder, 'added'));
    end if;
    if tg_op <> 'DELETE' then
        for v_place in
            execute format('select p.store, p.bucket, array_agg(distinct p.key) as keys from (%s) p where p.key is not null group by 1, 2 order by 1, 2', v_come)
        loop
            perform atelier_internal.claim_objects(v_place.store, v_place.bucket, v_place.keys);
        end loop;
    end if;
    if tg_op <> 'INSERT' then
        execute format('select array_agg(row(p.store, p.bucket, p.key, null)::atelier_internal.deletion_request) from (%s) p where p.key is not null', v_gone)
           into v_requests;
        if v_requests is not null then
            perform atelier_internal.queue_deletions(v_requests, 'its row was removed');
        end if;
    end if;
    return null;
end
$$;
comment on function atelier_internal.follow_stored_objects() is
    'Trigger of tables whose rows hold objects: takes what a row comes to hold out of the deletion queue, and queues what none of the changed rows holds any more. An INSERT leaves nothing behind.';

create function atelier_internal.rows_held(p_stores text[], p_bucket text, p_prefix text, p_after text, p_to text, p_before timestamptz, p_most integer)
returns table (key text, client_id uuid, size bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp set row_security = off set jit = off set enable_seqscan = off
as $$
declare
    v_holder atelier_internal.stored_objects;
begin
    for v_holder in select h.* from atelier_internal.holders() as h where h.created_column is not null loop
        begin
            execute format('lock table %s in access share mode nowait', v_holder.holder);
            return query execute format(
                'select o.key, o.client_id, o.size
                   from unnest($1) as s (name)
                  cross join lateral (
                        select t.%1$I as key, %2$s as client_id, %3$s as size from %4$s t
                         where t.%5$I = s.name and %6$s = $2 and t.%1$I > $4
                           and t.%1$I <= coalesce($5, $3 || repeat(chr(1114111), 8)) and starts_with(t.%1$I, $3) and t.%7$I < $6
                         order by t.%1$I limit $7) as o
                  order by o.key limit $7',
                v_holder.key_column, coalesce(format('t.%I', v_holder.client_column), 'null::uuid'), coalesce(format('t.%I::bigint', v_holder.size_column), 'null::bigint'),
                v_holder.holder, v_holder.store_column, coalesce(format('t.%I', v_holder.bucket_column), ''''''), v_holder.created_column)
                using p_stores, p_bucket, p_prefix, p_after, p_to, p_before, p_most;
        exception
        when transaction_rollback or insufficient_resources or operator_intervention then
            raise;
        when others then
            -- Of a table that cannot be read just now nothing is missed.
            null;
        end;
    end loop;
end
$$;
comment on function atelier_internal.rows_held(text[], text, text, text, text, timestamptz, integer) is
    'Rows of other extensions from before a time whose objects are in a range of keys, of each table at most p_most (null: all); p_to null: to the end.';

create function atelier_internal.stored_usage() returns table (store text, bucket text, client_id uuid, objects bigint, bytes bigint, unmeasured bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set row_security = off
as $$
declare
    v_holder atelier_internal.stored_objects;
begin
    for v_holder in select h.* from atelier_internal.holders() as h loop
        begin
            return query execute format(
                'select p.store, p.bucket, p.client_id, count(*), coalesce(sum(p.size), 0)::bigint, count(*) - count(p.size)
                   from (select %s, %s as client_id, %s as size from %s t) p
                  where p.key is not null and ($1 or p.client_id = $2)
                  group by 1, 2, 3',
                atelier_internal.place_of(v_holder, 't'), coalesce(format('t.%I', v_holder.client_column), 'null::uuid'),
                coalesce(format('t.%I::bigint', v_holder.size_column), 'null::bigint'), v_holder.holder)
                using atelier_internal.sees_all_clients(), atelier.current_client_id();
        exception
        when transaction_rollback or insufficient_resources or operator_intervention then
            raise;
        when others then
            raise warning 'table % of extension "%" is not counted: %', v_holder.holder, v_holder.extension, sqlerrm;
        end;
    end loop;
end
$$;
comment on function atelier_internal.stored_usage() is
    'Objects that rows of other extensions hold, by store, bucket and client; of those that the caller may see. Reads their tables.';

create function atelier_internal.remove_held_rows(p_client_id uuid) returns table (name text, objects atelier_internal.deletion_request[])
language plpgsql
set search_path = pg_catalog, pg_temp set row_security = off
as $$
declare
    v_holder atelier_internal.stored_objects;
begin
    for v_holder in select h.* from atelier_internal.holders() as h where h.client_column is not null loop
        return query execute format(
            'with gone as (delete from %s t where t.%I = $1 returning %s)
             select $2, coalesce(array_agg(row(g.store, g.bucket, g.key, null)::atelier_internal.deletion_request), ''{}'') from gone g having count(*) > 0',
            v_holder.holder, v_holder.client_column, atelier_internal.place_of(v_holder, 't'))
            using p_client_id, (select c.relname::text from pg_class c where c.oid = v_holder.holder);
    end loop;
end
$$;
comment on function atelier_internal.remove_held_rows(uuid) is
    'Deletes the rows of other extensions that hold objects and are a client''s; returns the objects by table, which the table''s trigger has queued for deletion.';
