-- People, and who of them belongs to which client.

create function atelier_internal.require_word(p_parameter text, p_value text, p_words text[]) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_value <> all (p_words) then
        raise exception '% "%" is not known', p_parameter, left(p_value, 200)
            using errcode = 'invalid_parameter_value', hint = format('Give one of: %s.', array_to_string(p_words, ', '));
    end if;
end
$$;
comment on function atelier_internal.require_word(text, text, text[]) is 'Raises 22023 for a value that is none of the words; null passes.';

create function atelier_internal.require_manager(p_client_id uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_role text;
begin
    perform atelier_internal.require_client(p_client_id);
    if atelier_internal.is_operator() then
        return 'owner';
    end if;
    select m.role into v_role from atelier.members m
     where m.client_id = p_client_id and m.user_id = atelier.current_user_id() and m.status = 'active' and m.role in ('owner', 'admin');
    if not found then
        raise exception 'only an owner or admin of the client may do that'
            using errcode = 'insufficient_privilege', detail = format('The transaction works for user %s.', atelier.current_user_id()),
                  hint = 'Ask an owner of the client: atelier.members lists them.';
    end if;
    return v_role;
end
$$;
comment on function atelier_internal.require_manager(uuid) is
    'Whether who asks may manage the people and settings of a client, and as what: owner or admin; operators count as owners. 22004, 23503 as require_client, 42501 for any other member.';

create function atelier_internal.require_owner_for(p_manager text, p_role text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_role = 'owner' and p_manager <> 'owner' then
        raise exception 'only an owner of the client may make, change or remove an owner'
            using errcode = 'insufficient_privilege', hint = 'Ask an owner of the client: atelier.members lists them.';
    end if;
end
$$;
comment on function atelier_internal.require_owner_for(text, text) is 'Raises 42501 when an admin of a client touches the role owner.';

create function atelier_internal.claim_membership(p_user_id uuid, p_client_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Updated, not only locked: in REPEATABLE READ whoever comes later fails instead of going by what it saw before.
    update atelier.users u set name = u.name where u.id = p_user_id;
    if not found then
        perform atelier_internal.refuse_unknown('user', p_user_id, null, 'atelier.create_user() makes one and returns its id.');
    elsif atelier_internal.setting('single_client_per_user') = 'on' and exists (
        select from atelier.members m where m.user_id = p_user_id and m.client_id <> p_client_id and m.status = 'active')
    then
        raise exception 'the user is an active member of another client'
            using errcode = 'object_not_in_prerequisite_state', detail = format('User %s can be an active member of one client only.', p_user_id),
                  hint = 'End that membership with atelier.remove_member() or atelier.set_member(), or turn pg_atelier.single_client_per_user off.';
    end if;
end
$$;
comment on function atelier_internal.claim_membership(uuid, uuid) is
    'Locks a user who is to become an active member of a client. 23503 for an unknown user; 55000 when they are one of another client already and pg_atelier.single_client_per_user is on.';

create function atelier_internal.add_person(p_email text, p_name text, p_verified boolean) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_client_id uuid;
    v_id uuid;
begin
    perform atelier_internal.require('email', p_email is not null);
    perform atelier_internal.require('name', p_name is not null);
    if p_email !~ '^[^@[:space:]]+@[^@[:space:]]+$' or char_length(p_email) > 320 then
        raise exception 'email "%" is not valid', left(p_email, 200)
            using errcode = 'invalid_parameter_value', hint = 'Give an address such as anna@example.com, without spaces.';
    elsif char_length(btrim(p_name)) not between 1 and 500 then
        raise exception 'name must have 1 to 500 characters' using errcode = 'invalid_parameter_value', hint = 'Give the user a name.';
    end if;
    insert into atelier.users as u (email, name, email_verified) values (p_email, p_name, p_verified)
    on conflict (lower(email)) do nothing
    returning u.id into v_id;
    if v_id is not null then
        select c.id into v_client_id from atelier.clients c where c.id = atelier.current_client_id() for key share;
        perform atelier_internal.audit('user.created', 'user', v_id, v_client_id);
    end if;
    return v_id;
end
$$;
comment on function atelier_internal.add_person(text, text, boolean) is
    'A new user, or null when the address is taken. 22004 or 22023 for what is no address or no name.';

create function atelier.create_user(email text, name text, email_verified boolean default false) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_id uuid;
begin
    perform atelier_internal.require('email_verified', email_verified is not null);
    v_id := atelier_internal.add_person(email, name, email_verified);
    if v_id is null then
        raise exception 'email "%" is taken', email
            using errcode = 'unique_violation', constraint = 'users_email_key', hint = 'Use that user, or another address.';
    end if;
    return v_id;
end
$$;
comment on function atelier.create_user(text, text, boolean) is
    'Makes a user and returns its id. The address must be free, without regard to case (23505); 22023 for what is no address or no name.';

create function atelier.add_member(client_id uuid, user_id uuid, role text default 'member', status text default 'active') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_id uuid;
begin
    perform atelier_internal.require_client(client_id);
    perform atelier_internal.require('user_id', user_id is not null);
    perform atelier_internal.require('role', role is not null);
    perform atelier_internal.require('status', status is not null);
    perform atelier_internal.require_word('role', role, array['owner', 'admin', 'member', 'viewer']);
    perform atelier_internal.require_word('status', status, array['invited', 'active', 'suspended']);
    if status = 'active' then
        perform atelier_internal.claim_membership(user_id, client_id);
    elsif not exists (select from atelier.users u where u.id = user_id) then
        perform atelier_internal.refuse_unknown('user', user_id, null, 'atelier.create_user() makes one and returns its id.');
    end if;
    insert into atelier.members as m (user_id, client_id, role, status) values (user_id, client_id, role, status)
    on conflict on constraint members_user_id_client_id_key do nothing
    returning m.id into v_id;
    if v_id is null then
        raise exception 'the user is a member already'
            using errcode = 'unique_violation', constraint = 'members_user_id_client_id_key',
                  detail = format('Client %s has the member %s.', client_id, user_id), hint = 'atelier.set_member() changes role and status.';
    end if;
    perform atelier_internal.audit('member.added', 'user', user_id, client_id, jsonb_build_object('role', role, 'status', status));
    return v_id;
end
$$;
comment on function atelier.add_member(uuid, uuid, text, text) is
    'Makes a user a member of a client, without invitation, and returns the id of the membership. role: owner, admin, member or viewer; status: invited, active or suspended. 23505 when they are one already, 55000 when they are an active member of another client and pg_atelier.single_client_per_user is on, 23503 for unknown ids, 22023 for unknown words.';

create function atelier_internal.hold_user(p_user_id uuid) returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
    -- Before the membership, in the order in which an erasure takes them.
    select from atelier.users u where u.id = p_user_id for key share;
end;
comment on function atelier_internal.hold_user(uuid) is 'Lets the erasure of a user, if there is one, wait until this transaction has ended.';

create function atelier_internal.lock_member(p_client_id uuid, p_user_id uuid) returns atelier.members
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_member atelier.members;
begin
    perform atelier_internal.require('user_id', p_user_id is not null);
    perform atelier_internal.hold_user(p_user_id);
    select m.* into v_member from atelier.members m where m.client_id = p_client_id and m.user_id = p_user_id for update;
    if not found then
        raise exception 'member not found'
            using errcode = 'no_data_found', detail = format('Client %s has no member %s.', p_client_id, p_user_id),
                  hint = 'SELECT * FROM atelier.members lists those of the client.';
    end if;
    return v_member;
end
$$;
comment on function atelier_internal.lock_member(uuid, uuid) is 'A membership, locked; 22004 for null, P0002 for an unknown one.';

create function atelier.set_member(client_id uuid, user_id uuid, role text default null, status text default null) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_manager text := atelier_internal.require_manager(client_id);
    v_member atelier.members := atelier_internal.lock_member(client_id, user_id);
begin
    perform atelier_internal.require_word('role', role, array['owner', 'admin', 'member', 'viewer']);
    perform atelier_internal.require_word('status', status, array['invited', 'active', 'suspended']);
    perform atelier_internal.require_owner_for(v_manager, v_member.role);
    perform atelier_internal.require_owner_for(v_manager, role);
    if v_member.status = 'invited' and status = 'suspended' then
        raise exception 'an invitation cannot be suspended'
            using errcode = 'object_not_in_prerequisite_state', detail = format('User %s has not accepted it yet.', user_id),
                  hint = 'atelier.withdraw_invitation() takes it back.';
    elsif v_member.status <> 'active' and status = 'active' and not atelier_internal.is_operator() then
        -- Whether somebody may become active can depend on other clients, of which this one learns nothing.
        raise exception 'only the user makes a membership active'
            using errcode = 'insufficient_privilege', detail = format('User %s is %s.', user_id, v_member.status),
                  hint = 'Set the status invited; atelier.accept_invitation() makes it active.';
    elsif v_member.status <> 'active' and status = 'active' then
        perform atelier_internal.claim_membership(user_id, client_id);
    end if;
    update atelier.members m
       set role = coalesce(set_member.role, m.role), status = coalesce(set_member.status, m.status),
           invited_email = case when coalesce(set_member.status, m.status) <> 'invited' then null
                                else coalesce(m.invited_email, (select u.email from atelier.users u where u.id = m.user_id)) end
     where m.id = v_member.id;
    perform atelier_internal.audit('member.changed', 'user', user_id, client_id,
        jsonb_strip_nulls(jsonb_build_object('role', role, 'status', status, 'wasRole', v_member.role, 'wasStatus', v_member.status)));
    return user_id;
end
$$;
comment on function atelier.set_member(uuid, uuid, text, text) is
    'Changes role or status of a member, null leaves it, and returns the id of the user. For owners and admins of the client, and operators (42501); what concerns an owner takes an owner, and only operators make a membership active without the user. P0002 for who is no member, 55000 for an invitation that is to be suspended and for a second active membership under pg_atelier.single_client_per_user, 23503 for an unknown client, 22023 for unknown words.';

create function atelier.remove_member(client_id uuid, user_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_manager text := case when user_id = atelier.current_user_id() then 'owner' else atelier_internal.require_manager(client_id) end;
    v_member atelier.members;
begin
    perform atelier_internal.require_client(client_id);
    v_member := atelier_internal.lock_member(client_id, user_id);
    perform atelier_internal.require_owner_for(v_manager, v_member.role);
    delete from atelier.members m where m.id = v_member.id;
    perform atelier_internal.audit('member.removed', 'user', user_id, client_id,
        jsonb_build_object('wasRole', v_member.role, 'wasStatus', v_member.status));
    return user_id;
end
$$;
comment on function atelier.remove_member(uuid, uuid) is
    'Ends a membership, also one that is only an invitation, and returns the id of the user, who stays. For owners and admins of the client, operators, and the user, who may leave, but for a viewer, whom somebody else removes; an owner is removed by an owner (42501). P0002 for who is no member, 23503 for an unknown client.';

create function atelier.update_client_settings(client_id uuid, settings jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client atelier.clients;
    v_settings jsonb;
begin
    perform atelier_internal.require_manager(client_id);
    perform atelier_internal.require('settings', settings is not null);
    if settings ? 'monthlyGenerationLimit' and not atelier_internal.is_operator() then
        raise exception 'only operators change monthlyGenerationLimit'
            using errcode = 'insufficient_privilege', hint = 'Leave it out, or ask a DBA.';
    end if;
    v_client := atelier_internal.lock_client(client_id);
    v_settings := atelier_internal.changed_settings(v_client.settings, settings);
    perform atelier.validate_client_settings(v_settings);
    update atelier.clients c set settings = v_settings where c.id = client_id;
    perform atelier_internal.audit('client.settings_changed', 'client', client_id, client_id,
        jsonb_build_object('keys', (select coalesce(jsonb_agg(k.key order by k.key), '[]') from jsonb_object_keys(settings) as k (key))));
    return v_settings;
end
$$;
comment on function atelier.update_client_settings(uuid, jsonb) is
    'Changes the settings of a client and returns them: what is given replaces what stands there, a JSON null takes a key away. For owners and admins of the client, and operators, who alone change monthlyGenerationLimit (42501). 22023 for settings that are not valid (clients.settings), 23503 for an unknown client.';
