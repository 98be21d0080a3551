-- When has a collection ended? Whatever ends a piece of its work asks here, so that no job waits for the others. Who looks holds
-- the collection locked; of two that end the last pieces at once, the later one sees both, or leaves the question to the worker.

create function atelier_internal.check_collections(p_collections uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
    v_status text;
begin
    for v_id in
        select c.id from atelier.collections c
         where c.id = any (p_collections)
           and exists (select from atelier.clients k where k.id = c.client_id)
         order by c.id
    loop
        -- Whatever its status is: who holds it may be about to generate. In another isolation level the next statement would
        -- not see what others committed meanwhile.
        select c.status into v_status from atelier.collections c
         where c.id = v_id and current_setting('transaction_isolation') = 'read committed'
           for no key update skip locked;
        if v_status in ('analyzing', 'generating') then
            perform atelier_internal.conclude_collection(v_id, v_status);
        elsif not found then
            insert into atelier_internal.collection_checks (collection_id) values (v_id);
            perform atelier_internal.note_unresolved();
        end if;
    end loop;
end
$$;
comment on function atelier_internal.check_collections(uuid[]) is
    'Concludes those of the collections whose work has ended. One that somebody holds locked is left to the worker, which looks again; nobody waits.';

create function atelier_internal.conclude_collection(p_collection_id uuid, p_status text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_status = 'analyzing' then
        perform atelier_internal.conclude_analysis(p_collection_id);
    else
        perform atelier_internal.conclude_generation(p_collection_id);
    end if;
exception
when lock_not_available or transaction_rollback or insufficient_resources or operator_intervention then
    raise;
when others then
    -- What was made is not to be lost because its collection cannot be judged.
    perform atelier_internal.raise_alert('collection_not_concluded',
        format('collection %s is %s, and looking whether it has ended raised %s: %s', p_collection_id, p_status, sqlstate, sqlerrm),
        format('Correct the row or the function, then SELECT atelier.cancel_collection(%L);', p_collection_id));
end
$$;
comment on function atelier_internal.conclude_collection(uuid, text) is
    'Concludes a locked collection if its work has ended; when that raises, an alert tells of it.';

create function atelier_internal.recheck_collections() returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_checks bigint[];
    v_free uuid[];
begin
    select array_agg(k.id) into v_checks from (select k.id from atelier_internal.collection_checks k
                                              where k.instance = atelier_internal.instance_id() order by k.id limit 10000) k;
    if v_checks is null then
        return 0;
    end if;
    v_free := array(
        select c.id from atelier.collections c
         where c.id = any (array(select k.collection_id from atelier_internal.collection_checks k where k.id = any (v_checks)))
           for no key update skip locked);
    delete from atelier_internal.collection_checks k
     where k.id = any (v_checks)
       and (k.collection_id = any (v_free) or not exists (select from atelier.collections c where c.id = k.collection_id));
    perform atelier_internal.check_collections(v_free);
    return (select count(*) from atelier_internal.collection_checks k where k.id = any (v_checks));
end
$$;
comment on function atelier_internal.recheck_collections() is
    'Looks again at collections that somebody held locked when a piece of their work ended; in a copy not before atelier.adopt_jobs(). Returns how many such looks are left, since somebody holds them still.';

create function atelier_internal.conclude_generation(p_collection_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_completed integer;
    v_failed integer;
    v_reason text;
begin
    if exists (
        select from atelier.generated_assets a
         where a.collection_id = p_collection_id and a.deleted_at is null and a.status in ('pending', 'generating'))
    then
        return;
    end if;
    select count(*) filter (where a.status = 'completed'), count(*) filter (where a.status = 'error'),
           mode() within group (order by a.error_message) filter (where a.status = 'error')
      into v_completed, v_failed, v_reason
      from atelier.generated_assets a
     where a.collection_id = p_collection_id and a.deleted_at is null and a.status <> 'draft';
    update atelier.collections c
       set status = case when v_completed > 0 then 'completed' else 'error' end,
           error_message = case when v_completed > 0 then null
                                when v_failed = 0 then 'none of its assets is left: all were removed before they were made'
                                when v_failed = 1 then 'its only asset could not be made: ' || v_reason
                                else format('none of its %s assets could be made; most often: %s', v_failed, v_reason) end
     where c.id = p_collection_id;
end
$$;
comment on function atelier_internal.conclude_generation(uuid) is
    'Ends a locked collection that is generating when none of its live assets is under way: completed with at least one completed asset, else error with the most frequent reason.';
