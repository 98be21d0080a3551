-- For whom a session works. users and members hide nothing from the functions that read them, since they are asked before a client
-- is chosen: each of those functions judges what its caller may know.

create function atelier_internal.refuse_membership() returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'the user is no active member of the client'
        using errcode = 'insufficient_privilege',
              detail = 'That is said also of a user or a client that does not exist.',
              hint = 'Somebody who is owner or admin of the client invites with atelier.invite_member(), and atelier.accept_invitation() accepts.';
end
$$;
comment on function atelier_internal.refuse_membership() is 'Raises 42501; the message is the same whether user, client or membership is what there is not.';

create function atelier.set_context(user_id uuid default null, client_id uuid default null) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_current uuid := atelier.current_client_id();
    v_clients uuid[];
    v_roles text[];
begin
    if user_id is null and atelier_internal.is_operator() then
        perform atelier_internal.require('client_id', client_id is not null);
    else
        perform atelier_internal.require('user_id', user_id is not null);
    end if;
    if v_current is not null then
        -- Refused before anything is looked up: whoever is bound to one client learns nothing of the members of another.
        perform atelier_internal.enter_context(coalesce(client_id, v_current), user_id, false);
        return v_current;
    elsif user_id is null then
        perform atelier_internal.require_client(client_id);
        perform atelier_internal.enter_context(client_id, null, false);
        return client_id;
    end if;
    select array_agg(m.client_id), array_agg(m.role) into v_clients, v_roles
      from atelier.members m
     where m.user_id = user_id and m.status = 'active' and (client_id is null or m.client_id = client_id);
    if v_clients is null then
        perform atelier_internal.refuse_membership();
    elsif cardinality(v_clients) > 1 then
        raise exception 'the user belongs to several clients'
            using errcode = 'invalid_parameter_value', detail = format('User %s is an active member of %s.', user_id, cardinality(v_clients)),
                  hint = 'Name one: SELECT atelier.set_context(user_id, client_id => ...). atelier.default_client() tells the oldest membership.';
    end if;
    perform atelier_internal.enter_context(v_clients[1], user_id, v_roles[1] = 'viewer');
    return v_clients[1];
end
$$;
comment on function atelier.set_context(uuid, uuid) is
    'Binds the transaction to a client until it ends, and returns the client''s id. From then on only what belongs to that client is seen and changed. Applications name the user who asks: the one client that they are an active member of, or of several the one that is named (22023 without). A viewer may read only. Operators may name just a client. 22004 when nobody is named, 42501 when the user is no active member (also for a user or client that does not exist), 23503 for an unknown client when an operator names no user, 55000 when the transaction works for another client or user already.';

create function atelier.default_client(user_id uuid) returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
    perform atelier_internal.require('user_id', user_id is not null);
    return (select m.client_id from atelier.members m
             where m.user_id = user_id and m.status = 'active'
               and (atelier.current_client_id() is null or m.client_id = atelier.current_client_id())
             order by m.created_at, m.id limit 1);
end
$$;
comment on function atelier.default_client(uuid) is
    'The client of the oldest active membership of a user; null when there is none, or no such user. In a transaction that works for a client no other is told. 22004 for null.';
