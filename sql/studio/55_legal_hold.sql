-- While a client is under legal hold, nothing of it goes for good.

create function atelier.place_legal_hold(client_id uuid, reason text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_going integer;
begin
    -- A batch of the purge that is under way ends first, and so does an erasure.
    perform atelier_internal.lock_client(client_id);
    perform atelier_internal.require('reason', reason is not null);
    if char_length(btrim(reason)) not between 1 and 1000 then
        raise exception 'reason must have from 1 to 1000 characters'
            using errcode = 'invalid_parameter_value', detail = format('It has %s.', char_length(btrim(reason))),
                  hint = 'Say who asked for the hold, and under which number the matter is known.';
    elsif current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'a legal hold must see what is being deleted at this moment'
            using errcode = 'object_not_in_prerequisite_state', detail = format('This transaction is %s.', current_setting('transaction_isolation')),
                  hint = 'Place it in a transaction of isolation level READ COMMITTED.';
    end if;
    update atelier.clients c set legal_hold = btrim(place_legal_hold.reason) where c.id = client_id;
    perform atelier_internal.audit('hold.placed', 'client', client_id, client_id, jsonb_build_object('reason', btrim(reason)));
    select count(*) into v_going
      from (select from atelier.images i where i.client_id = place_legal_hold.client_id and i.status = 'deleting'
            union all
            select from atelier_internal.object_deletions d
             where d.image_id is null and d.ordered_at is not null and atelier_internal.client_of_key(d.key) = place_legal_hold.client_id) as going;
    return v_going;
end
$$;
comment on function atelier.place_legal_hold(uuid, text) is
    'Keeps everything of a client from the purge, from expiry and from erasure until atelier.release_legal_hold(), and says why; another reason replaces the first. Deleting and restoring go on. Returns how many pictures, and objects of no picture, were being deleted already: those go. 23503 for an unknown client, 22023 for a reason that is empty or has over 1000 characters, 55000 in a transaction that is not READ COMMITTED.';

create function atelier.release_legal_hold(client_id uuid) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client atelier.clients := atelier_internal.lock_client(client_id);
begin
    if v_client.legal_hold is null then
        return false;
    end if;
    update atelier.clients c set legal_hold = null where c.id = client_id;
    delete from atelier_internal.purge_log l where l.action = 'held' and l.entity = 'client' and l.entity_id = client_id;
    perform atelier_internal.audit('hold.released', 'client', client_id, client_id, jsonb_build_object('reason', v_client.legal_hold));
    return true;
end
$$;
comment on function atelier.release_legal_hold(uuid) is
    'Ends the legal hold of a client; false when there was none. What its time has come for goes at the next run of the purge, generated pictures that nothing shows any more within a day. 23503 for an unknown client.';
