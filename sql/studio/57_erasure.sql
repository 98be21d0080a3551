-- Erasure by right: at once, whatever window is open. What has to stay, such as sums, stays under a tombstone.

create view atelier.erasure_log with (security_invoker, security_barrier) as
select e.tombstone, e.at, e.role, e.what, e.counts,
       (select count(*) from atelier_internal.object_deletions d where d.tombstone = e.tombstone) as objects_left
  from atelier_internal.erasures e;
comment on view atelier.erasure_log is 'The erasures that were carried out. Nothing here tells who was erased.';
comment on column atelier.erasure_log.tombstone is 'Random id that stands in ledger and audit log for who was erased.';
comment on column atelier.erasure_log.at is 'When.';
comment on column atelier.erasure_log.role is 'Database role that asked.';
comment on column atelier.erasure_log.what is 'client or user.';
comment on column atelier.erasure_log.counts is 'Rows that were removed or blanked by table; under objects, the objects that were queued for deletion.';
comment on column atelier.erasure_log.objects_left is 'Of those, objects that are not deleted yet; their keys stand in atelier.deletion_queue until then.';

create function atelier_internal.begin_erasure(p_what text) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_tombstone uuid;
begin
    -- Whoever sees one client only would leave the rest standing.
    perform atelier_internal.refuse_context('an erasure');
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'an erasure needs the isolation level read committed'
            using errcode = 'object_not_in_prerequisite_state',
                  detail = format('In %s it would not see, and so not erase, what was committed since the transaction began.', current_setting('transaction_isolation')),
                  hint = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
    end if;
    insert into atelier_internal.erasures (what) values (p_what) returning tombstone into v_tombstone;
    return v_tombstone;
end
$$;
comment on function atelier_internal.begin_erasure(text) is
    'Draws the tombstone of an erasure; 55000 in a transaction that works for one client, or by one snapshot.';

create function atelier_internal.refuse_referenced(p_what text, p_detail text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% cannot be erased: rows of another table refer to it', p_what
        using errcode = 'foreign_key_violation', detail = p_detail,
              hint = 'That table is none of pg_atelier: remove its rows first, or give its foreign key ON DELETE CASCADE or SET NULL.';
end
$$;
comment on function atelier_internal.refuse_referenced(text, text) is 'Raises 23503: rows of a table that is not ours refer to who is to be erased.';

create function atelier_internal.refuse_legal_hold(p_what text, p_client_id uuid, p_reason text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% cannot be erased: there is a legal hold', p_what
        using errcode = 'object_not_in_prerequisite_state', detail = format('Client %s is held: %s', p_client_id, p_reason),
              hint = format('When it has ended: SELECT atelier.release_legal_hold(%L);', p_client_id);
end
$$;
comment on function atelier_internal.refuse_legal_hold(text, uuid, text) is 'Raises 55000: the legal hold of a client forbids the erasure.';

create function atelier_internal.blank_texts(p_name text, p_tombstone uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table record;
begin
    -- Tables of clients were dealt with row by row; a key in the queue goes with its object.
    for v_table in
        select c.oid::regclass as name,
               string_agg(format('%1$I = replace(%1$I::text, $1, $2)::%2$s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ') as blanked,
               string_agg(format('%I', a.attname), ', ') as texts
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.atttypid in ('text'::regtype, 'jsonb'::regtype)
         where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p') and not c.relispartition
           and c.oid not in ('atelier.clients'::regclass, 'atelier.users'::regclass, 'atelier_internal.object_deletions'::regclass)
           and not exists (select from pg_attribute k where k.attrelid = c.oid and k.attname = 'client_id' and not k.attisdropped)
         group by c.oid
    loop
        execute format('update %s set %s where strpos(concat_ws('' '', %s), $1) > 0', v_table.name, v_table.blanked, v_table.texts)
          using p_name, p_tombstone::text;
    end loop;
    update atelier_internal.audit_log l set details = replace(l.details::text, p_name, p_tombstone::text)::jsonb
     where strpos(l.details::text, p_name) > 0;
end
$$;
comment on function atelier_internal.blank_texts(text, uuid) is
    'Puts the tombstone wherever the name stands in texts of tables that belong to no client, such as alerts, and in the audit log.';

create function atelier_internal.remove_rows_of_client(p_client_id uuid, p_tombstone uuid) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_collections uuid[];
    v_objects atelier_internal.deletion_request[];
    v_held atelier_internal.deletion_request[] := '{}';
    v_counts jsonb := '{}';
    v_table record;
    v_rows bigint;
begin
    -- Without live jobs the worker has no business with the client, and does not wait for it. Then whoever makes rows of the client
    -- has ended, or waits, by a foreign key or hold_client(), and finds none.
    v_rows := atelier_internal.cancel_jobs(array(select j.id from atelier_internal.jobs j where j.client_id = p_client_id), 'the client was erased');
    perform from atelier.clients c where c.id = p_client_id for update;
    -- In the order in which everybody locks them.
    perform from atelier.products p where p.client_id = p_client_id order by p.id for update;
    v_collections := array(select c.id from atelier.collections c where c.client_id = p_client_id order by c.id for update);
    v_rows := v_rows + atelier_internal.cancel_jobs(array(select j.id from atelier_internal.jobs j where j.client_id = p_client_id), 'the client was erased');

    -- From the leaves to the root: each statement's triggers see what is left.
    for v_table in select h.* from atelier_internal.remove_held_rows(p_client_id) as h loop
        v_counts := v_counts || jsonb_build_object(v_table.name, cardinality(v_table.objects));
        v_held := v_held || v_table.objects;
    end loop;
    for v_table in
        select t.name::regclass as name from unnest(array['generated_assets', 'collections', 'products', 'members']) with ordinality as n (name, place)
         cross join lateral (select 'atelier.' || n.name) as t (name) order by n.place
    loop
        v_counts := v_counts || atelier_internal.delete_rows_of_client(v_table.name, p_client_id);
    end loop;
    with gone as (
        delete from atelier.images i where i.client_id = p_client_id returning i.store, i.s3_bucket, i.s3_key
    )
    select coalesce(array_agg(row(g.store, g.s3_bucket, g.s3_key, null)::atelier_internal.deletion_request), '{}') into v_objects from gone g;
    v_counts := v_counts || jsonb_build_object('images', cardinality(v_objects));

    -- A request that was begun before its rows were locked.
    v_rows := v_rows + atelier_internal.cancel_jobs(array(select j.id from atelier_internal.jobs j where j.client_id = p_client_id), 'the client was erased');
    delete from atelier_internal.collection_checks k where k.collection_id = any (v_collections);
    -- What the engine keeps of a tenant; its queue entries went with its jobs.
    for v_table in
        select c.oid::regclass as name
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         where c.relnamespace = 'atelier_internal'::regnamespace and c.relkind = 'r' and c.oid <> 'atelier_internal.queue_entries'::regclass
         order by c.oid desc
    loop
        v_counts := v_counts || atelier_internal.delete_rows_of_client(v_table.name, p_client_id, 'tenant_id');
    end loop;
    update atelier_internal.object_deletions d set tombstone = p_tombstone
     where starts_with(d.key, format('clients/%s/', p_client_id))
        or (d.store, d.bucket, d.key) in (select o.store, coalesce(o.bucket, ''), o.key from unnest(v_objects || v_held) as o);
    v_counts := v_counts || jsonb_build_object('jobs', v_rows,
        'objects', (select count(*) from atelier_internal.object_deletions d where d.tombstone = p_tombstone));

    -- All that is not to be kept for its sums or its order.
    for v_table in
        select c.oid::regclass as name
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attname = 'client_id' and not a.attisdropped
         where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p') and not c.relispartition
           and c.oid not in ('atelier_internal.jobs'::regclass, 'atelier_internal.ledger'::regclass, 'atelier_internal.audit_log'::regclass,
                             'atelier_internal.attempts'::regclass, 'atelier_internal.events'::regclass,
                             'atelier_internal.reserves'::regclass, 'atelier_internal.spend_days'::regclass)
         order by c.oid desc
    loop
        v_counts := atelier_internal.delete_rows_of_client(v_table.name, p_client_id) || v_counts;
    end loop;
    delete from atelier.clients c where c.id = p_client_id;
    return v_counts;
end
$$;
comment on function atelier_internal.remove_rows_of_client(uuid, uuid) is
    'Ends the jobs of a locked client, removes its rows, those of other extensions that hold objects among them, and queues its objects for deletion. Returns how many, by table.';

create function atelier_internal.delete_rows_of_client(p_table regclass, p_client_id uuid, p_column name default 'client_id') returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows bigint;
begin
    execute format('delete from %s t where t.%I = $1', p_table, p_column) using p_client_id;
    get diagnostics v_rows = row_count;
    return case when v_rows = 0 then '{}' else jsonb_build_object((select c.relname from pg_class c where c.oid = p_table), v_rows) end;
end
$$;
comment on function atelier_internal.delete_rows_of_client(regclass, uuid, name) is
    'Deletes the rows of a client, which p_column names, from a table; returns their number under its name, if any.';

create function atelier_internal.blank_rows_of_client(p_client_id uuid, p_tombstone uuid) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ledger bigint;
    v_spend bigint;
    v_attempts bigint;
    v_events bigint;
    v_audit bigint;
begin
    -- An answer that is still to come finds its attempt, so that its cost is entered and its object deleted. One that comes now has
    -- its attempt locked: the ledger is looked at after it.
    update atelier_internal.attempts a set client_id = p_tombstone, error_message = null where a.client_id = p_client_id;
    get diagnostics v_attempts = row_count;
    update atelier_internal.ledger l set client_id = p_tombstone where l.client_id = p_client_id;
    get diagnostics v_ledger = row_count;
    -- After the attempts too: the worker has both only with their attempt.
    update atelier_internal.reserves r set client_id = p_tombstone where r.client_id = p_client_id;
    update atelier_internal.spend_days s set client_id = p_tombstone where s.client_id = p_client_id;
    get diagnostics v_spend = row_count;
    -- A listener may stand at one of them: its place in the order stays.
    update atelier_internal.events e set kind = 'erased', client_id = p_tombstone, subject_id = null, job_id = null, data = '{}'
     where e.client_id = p_client_id;
    get diagnostics v_events = row_count;
    update atelier_internal.audit_log l
       set client_id = p_tombstone, entity_id = case when l.entity_id = p_client_id then p_tombstone end, details = '{}'
     where l.client_id = p_client_id or l.entity_id = p_client_id;
    get diagnostics v_audit = row_count;
    delete from atelier_internal.alerts a where strpos(a.kind, p_client_id::text) > 0;
    perform atelier_internal.blank_texts(p_client_id::text, p_tombstone);
    return jsonb_build_object('ledger', v_ledger, 'spend_days', v_spend, 'attempts', v_attempts, 'events', v_events, 'audit_log', v_audit);
end
$$;
comment on function atelier_internal.blank_rows_of_client(uuid, uuid) is
    'Puts the tombstone where ledger, attempts, events and audit log name a client, and takes out what they say of it. Returns how many rows, by table.';

create function atelier.erase_client(client_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_tombstone uuid := atelier_internal.begin_erasure('client');
    v_client atelier.clients;
    v_counts jsonb;
    v_detail text;
begin
    perform atelier_internal.require('client_id', client_id is not null);
    select c.* into v_client from atelier.clients c where c.id = client_id for no key update;
    if not found then
        perform atelier_internal.refuse_unknown('client', client_id, null, 'SELECT id, name FROM atelier.clients lists them.');
    elsif v_client.legal_hold is not null then
        perform atelier_internal.refuse_legal_hold('client', client_id, v_client.legal_hold);
    end if;
    begin
        v_counts := atelier_internal.remove_rows_of_client(client_id, v_tombstone);
    exception when foreign_key_violation then
        get stacked diagnostics v_detail = pg_exception_detail;
        perform atelier_internal.refuse_referenced('client', v_detail);
    end;
    v_counts := v_counts || atelier_internal.blank_rows_of_client(client_id, v_tombstone);
    update atelier_internal.erasures e set counts = v_counts where e.tombstone = v_tombstone;
    perform atelier_internal.audit('client.erased', 'client', v_tombstone, v_tombstone);
    return v_tombstone;
end
$$;
comment on function atelier.erase_client(uuid) is
    'Erases a client for good and at once, whatever could still be undone: ends its work, removes its rows, queues its objects for deletion, and puts a tombstone, which it returns, where ledger, attempts, events and audit log named it. What an answer that comes later has cost is entered under the tombstone, and what it stored is deleted. Users stay: see erase_user(). Dumps, base backups and server logs are not reached. 22004 NULL, 23503 for an unknown client or while a table of somebody else refers to it, Waits for transactions that make rows of the client, and lets later ones wait and be refused; 40P01 where one of them also waits for it: again then. 55000 under legal hold, in a transaction that works for one client, or above READ COMMITTED.';

create function atelier.erase_user(user_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_tombstone uuid := atelier_internal.begin_erasure('user');
    v_user atelier.users;
    v_held atelier.clients;
    v_members bigint;
    v_audit bigint;
    v_detail text;
begin
    perform atelier_internal.require('user_id', user_id is not null);
    select u.* into v_user from atelier.users u where u.id = user_id for update;
    if not found then
        perform atelier_internal.refuse_unknown('user', user_id, null, 'SELECT id, email FROM atelier.users lists them.');
    end if;
    select c.* into v_held from atelier.clients c
     where c.legal_hold is not null
       and (exists (select from atelier.members m where m.client_id = c.id and m.user_id = v_user.id)
            or exists (select from atelier_internal.audit_log l where l.client_id = c.id and l.user_id = v_user.id))
     order by c.id limit 1;
    if found then
        perform atelier_internal.refuse_legal_hold('user', v_held.id, v_held.legal_hold);
    end if;
    delete from atelier.members m where m.user_id = v_user.id;
    get diagnostics v_members = row_count;
    begin
        delete from atelier.users u where u.id = v_user.id;
    exception when foreign_key_violation then
        get stacked diagnostics v_detail = pg_exception_detail;
        perform atelier_internal.refuse_referenced('user', v_detail);
    end;
    update atelier_internal.audit_log l
       set user_id = case when l.user_id = v_user.id then v_tombstone else l.user_id end,
           entity_id = case when l.entity_id = v_user.id then v_tombstone else l.entity_id end,
           -- As a whole value: an address may be the end of another one.
           details = case when l.entity_id = v_user.id or strpos(lower(l.details::text), to_json(lower(v_user.email))::text) > 0
                          then '{}' else l.details end
     where l.user_id = v_user.id or l.entity_id = v_user.id or strpos(lower(l.details::text), to_json(lower(v_user.email))::text) > 0;
    get diagnostics v_audit = row_count;
    perform atelier_internal.blank_texts(v_user.id::text, v_tombstone);
    update atelier_internal.erasures e set counts = jsonb_build_object('users', 1, 'members', v_members, 'audit_log', v_audit)
     where e.tombstone = v_tombstone;
    perform atelier_internal.audit('user.erased', 'user', v_tombstone, null);
    return v_tombstone;
end
$$;
comment on function atelier.erase_user(uuid) is
    'Erases a user for good, with the memberships, and puts a tombstone, which it returns, where the audit log named the user. What the user made belongs to the clients and stays. 22004 NULL, 23503 for an unknown user or while a table of somebody else refers to it, 55000 while a client that the user belongs to, or acted for, is under legal hold, in a transaction that works for one client, or above READ COMMITTED.';
