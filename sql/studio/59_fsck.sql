-- What operators ask for: a check of a store, and what is to become of the strays that it found.

create function atelier.fsck(store text default 'file', prefix text default '') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_key text := prefix || case when prefix = '' or prefix like '%/' then 'x' else '' end;
    v_problem text := case when store = 'file' then atelier_internal.file_key_problem(v_key) else atelier_internal.object_key_problem(v_key) end;
    v_bucket text := atelier_internal.store_bucket(store);
    v_run uuid;
begin
    perform atelier_internal.require('store', store is not null);
    perform atelier_internal.require('prefix', prefix is not null);
    perform atelier_internal.require_store(store);
    if v_problem is not null then
        raise exception 'prefix cannot be the beginning of a key'
            using errcode = 'invalid_parameter_value', detail = format('It is %s: %s.', to_json(left(prefix, 200)), v_problem),
                  hint = 'An empty prefix looks at the whole store, ''clients/<id>/'' at the objects of one client.';
    elsif atelier.current_client_id() is not null then
        raise exception 'a store cannot be checked for one client alone'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Call it in a transaction without atelier.set_context(); the prefix ''clients/<id>/'' keeps it to the objects of one client.';
    end if;
    -- The prefix may name a client.
    perform from atelier.clients c where c.id = atelier_internal.client_of_key(v_key) for key share;
    delete from atelier_internal.fsck_runs r where r.store = store and r.ended_at < now() - atelier_internal.setting('purge_log_ttl')::interval;
    update atelier_internal.fsck_runs r
       set state = 'failed', ended_at = now(), job_id = null, reached = '', error_class = 'worker_lost', error_message = 'its job is gone'
     where r.store = store and r.state = 'running'
       and not exists (select from atelier_internal.jobs j where j.id = r.job_id and j.instance = atelier_internal.instance_id());

    insert into atelier_internal.fsck_runs (store, prefix, client_id, state, buckets)
    select store, prefix, atelier_internal.client_of_key(v_key), 'running',
           v_bucket || array(select i.s3_bucket from atelier.images i
                              where i.store = store and i.s3_bucket <> v_bucket and not atelier_internal.stays_elsewhere(i.store, i.s3_bucket)
                              union
                             select u.bucket from atelier_internal.stored_usage() as u where u.store = store and u.bucket <> v_bucket
                              order by 1)
    on conflict do nothing
    returning id into v_run;
    if v_run is null then
        raise exception 'the store is being checked'
            using errcode = 'object_in_use', detail = format('The store is %s.', store),
                  hint = 'SELECT * FROM atelier.fsck_runs WHERE state = ''running'' shows how far that is; atelier.cancel_job() with its job_id ends it.';
    end if;
    perform atelier_internal.list_next_page(v_run);
    perform atelier_internal.audit('store.checked', 'store', v_run, atelier_internal.client_of_key(v_key), jsonb_build_object('store', store));
    return v_run;
end
$$;
comment on function atelier.fsck(text, text) is
    'Begins to compare a store with the rows that name its objects, those whose keys begin with prefix, and returns the id of the check; nothing is changed. atelier.fsck_runs shows how far it is, atelier.fsck_findings what it found: rows without object, objects of clients without row, objects below clients/<id>/ of clients that this database does not have, sizes that differ; what is younger than 24 hours is left out. A store, its bucket or directory, belongs to one database. 42704 for an unknown store, 42501 without USAGE on its server, 22023 for a prefix of no key, 55006 while the store is being checked, 55000 within a tenant context.';

create function atelier.fsck_repair(run_id uuid) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_run atelier_internal.fsck_runs;
    v_batch atelier_internal.fsck_findings[];
    v_queued atelier_internal.deletion_request[];
begin
    perform atelier_internal.require('run_id', run_id is not null);
    if atelier.current_client_id() is not null then
        raise exception 'a store cannot be repaired for one client alone'
            using errcode = 'object_not_in_prerequisite_state', hint = 'Call it in a transaction without atelier.set_context().';
    end if;
    select r.* into v_run from atelier_internal.fsck_runs r where r.id = run_id for update;
    if not found then
        raise exception 'check not found'
            using errcode = 'no_data_found', detail = format('There is no check %s.', run_id),
                  hint = 'SELECT * FROM atelier.fsck_runs lists them; atelier.fsck() begins one.';
    elsif v_run.state = 'running' then
        raise exception 'the check has not ended'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Check %s has reached %s.', run_id, to_json(left(v_run.reached, 200))),
                  hint = 'SELECT state FROM atelier.fsck_runs says when it has.';
    elsif v_run.instance <> atelier_internal.instance_id() then
        raise exception 'the check belongs to another instance'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Check %s was made by the database that this one is a copy of.', run_id),
                  hint = 'SELECT atelier.fsck() makes one of this database.';
    elsif atelier_internal.is_copy() then
        raise exception 'the objects may belong to another database'
            using errcode = 'object_not_in_prerequisite_state', detail = 'This database was restored or copied from one that may still need them.',
                  hint = 'Where the original runs no more, SELECT atelier.adopt_jobs(); then check and repair.';
    elsif v_run.ended_at < now() - interval '7 days' then
        raise exception 'the check is too old'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Check %s ended at %s; it may be acted on for 7 days.', run_id, v_run.ended_at),
                  hint = format('SELECT atelier.fsck(%L, %L) checks the store again.', v_run.store, v_run.prefix);
    end if;
    loop
        v_batch := array(
            select n from atelier_internal.fsck_findings n
             where n.run_id = run_id and n.confirmed and n.finding = 'object_without_row' and n.repaired_at is null
               and not exists (select from atelier.clients c where c.id = n.client_id and c.legal_hold is not null)
             order by n.id limit 10000);
        -- Whoever registers one of them later takes it out of the queue again, and what a row holds by then is left alone.
        v_queued := array(
            select row(v_run.store, b.bucket, k.key, null)::atelier_internal.deletion_request
              from (select f.bucket, array_agg(f.key) as keys from unnest(v_batch) as f group by f.bucket) as b
             cross join lateral unnest(atelier_internal.strays_among(v_run.store, b.bucket, b.keys)) as k (key));
        update atelier_internal.fsck_findings n set repaired_at = now()
         where n.id = any (array(select f.id from unnest(v_batch) as f));
        perform atelier_internal.queue_deletions(v_queued, 'a check of the store found no row for it');
        exit when v_queued <> '{}' or v_batch = '{}';
    end loop;
    if v_queued <> '{}' then
        perform atelier_internal.audit('store.repaired', 'store', run_id, v_run.client_id,
                                       jsonb_build_object('store', v_run.store, 'objects', cardinality(v_queued)));
    end if;
    return cardinality(v_queued);
end
$$;
comment on function atelier.fsck_repair(uuid) is
    'Queues objects without row that a check found for deletion, up to 10000, and returns how many; call it again until it returns 0. Those that something knows by now, or whose client is under legal hold, are left alone, and so are objects of unknown clients, which may be another database''s; rows without object are for people to decide. P0002 for an unknown check; 55000 for one that runs, ended more than 7 days ago or was made by another database, in a copy of a database before atelier.adopt_jobs(), and within a tenant context.';
