-- Invitations: somebody asks a person in, who says yes.

create function atelier.invite_member(client_id uuid, email text, name text, role text default 'member') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_manager text := atelier_internal.require_manager(client_id);
    v_user_id uuid;
    v_id uuid;
begin
    perform atelier_internal.require('role', role is not null);
    perform atelier_internal.require_word('role', role, array['owner', 'admin', 'member', 'viewer']);
    perform atelier_internal.require_owner_for(v_manager, role);
    v_user_id := atelier_internal.add_person(email, name, false);
    if v_user_id is null then
        select u.id into v_user_id from atelier.users u where lower(u.email) = lower(invite_member.email);
    end if;
    insert into atelier.members as m (user_id, client_id, role, status, invited_email) values (v_user_id, client_id, role, 'invited', email)
    on conflict on constraint members_user_id_client_id_key do update set role = excluded.role, invited_email = excluded.invited_email
     where m.status = 'invited'
    returning m.id into v_id;
    if v_id is null then
        raise exception 'the user is a member already'
            using errcode = 'unique_violation', constraint = 'members_user_id_client_id_key',
                  detail = format('Client %s has the member %s.', client_id, v_user_id), hint = 'atelier.set_member() changes role and status.';
    end if;
    perform atelier_internal.audit('member.invited', 'user', v_user_id, client_id, jsonb_build_object('role', role));
    -- The id of a user is what set_context() believes: that of somebody whom another client knows is not told.
    return v_id;
end
$$;
comment on function atelier.invite_member(uuid, text, text, text) is
    'Invites a person to a client and returns the id of the invitation. The user is made when nobody has this address: the answer is the same for both. atelier.accept_invitation() accepts, and only then the client sees the user''s id, name and address. Inviting again changes the role. For owners and admins of the client, and operators (42501); role owner takes an owner. 23505 for who is a member already, 23503 for an unknown client, 22023 for bad values.';

create function atelier.accept_invitation(user_id uuid, client_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_status text;
    v_viewer boolean;
begin
    perform atelier_internal.require('user_id', user_id is not null);
    perform atelier_internal.require('client_id', client_id is not null);
    -- Whoever is bound to a client, or to a user, accepts for no other.
    if client_id = coalesce(atelier.current_client_id(), client_id) and user_id = coalesce(atelier.current_user_id(), user_id) then
        perform atelier_internal.hold_user(user_id);
        select m.status into v_status from atelier.members m where m.user_id = user_id and m.client_id = client_id for no key update;
    end if;
    if v_status = 'invited' then
        perform atelier_internal.claim_membership(user_id, client_id);
        update atelier.members m set status = 'active', invited_email = null where m.user_id = user_id and m.client_id = client_id returning m.role = 'viewer' into v_viewer;
        if not atelier_internal.is_operator() then
            perform atelier_internal.enter_context(client_id, user_id, v_viewer);
        end if;
        perform atelier_internal.audit('member.accepted', 'user', user_id, client_id);
    elsif v_status is distinct from 'active' then
        raise exception 'invitation not found'
            using errcode = 'no_data_found', detail = format('User %s has no invitation of client %s.', user_id, client_id),
                  hint = 'Somebody who is owner or admin of the client invites with atelier.invite_member(). It is accepted in a transaction that works for no client.';
    end if;
    return user_id;
end
$$;
comment on function atelier.accept_invitation(uuid, uuid) is
    'The user accepts the invitation of a client and is an active member from then on; again it changes nothing. Returns the id of the user. Of an application the transaction works for that client then, as after set_context(). P0002 when there is no invitation, also for unknown ids; 55000 when they are an active member of another client and pg_atelier.single_client_per_user is on.';

create function atelier.list_invitations(client_id uuid)
returns table (invitation_id uuid, email text, role text, invited_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform atelier_internal.require_manager(list_invitations.client_id);
    return query
        select m.id, m.invited_email, m.role, m.created_at from atelier.members m
         where m.client_id = list_invitations.client_id and m.status = 'invited' order by m.created_at, m.id;
end
$$;
comment on function atelier.list_invitations(uuid) is
    'The invitations of a client that nobody has accepted yet, with the address that each was written to. For owners and admins of the client, and operators (42501). 23503 for an unknown client.';

create function atelier.withdraw_invitation(client_id uuid, invitation_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_manager text := atelier_internal.require_manager(client_id);
    v_member atelier.members;
begin
    perform atelier_internal.require('invitation_id', invitation_id is not null);
    select m.* into v_member from atelier.members m
     where m.client_id = client_id and m.id = invitation_id and m.status = 'invited' for update;
    if not found then
        raise exception 'invitation not found'
            using errcode = 'no_data_found', detail = format('Client %s has no invitation %s.', client_id, invitation_id),
                  hint = 'atelier.list_invitations() lists them. A membership that was accepted ends with atelier.remove_member().';
    end if;
    perform atelier_internal.require_owner_for(v_manager, v_member.role);
    delete from atelier.members m where m.id = v_member.id;
    perform atelier_internal.audit('member.removed', 'user', v_member.user_id, client_id,
        jsonb_build_object('wasRole', v_member.role, 'wasStatus', v_member.status));
    return invitation_id;
end
$$;
comment on function atelier.withdraw_invitation(uuid, uuid) is
    'Takes back an invitation that nobody has accepted yet, and returns its id. For owners and admins of the client, and operators (42501). P0002 for an unknown or accepted one, 23503 for an unknown client.';
