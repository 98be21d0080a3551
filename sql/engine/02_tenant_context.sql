-- For whom a transaction works. A variable of the module: a setting could be SET by anybody.

create function atelier_internal.enter_context(p_client_id uuid, p_user_id uuid, p_viewer boolean) returns void
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_enter_context';
comment on function atelier_internal.enter_context(uuid, uuid, boolean) is
    'Binds the transaction to a client, and to the user who asks, until it ends; whoever calls this has checked that they may. 55000 when it is bound to another one.';

create function atelier.current_client_id() returns uuid
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_current_client_id';
comment on function atelier.current_client_id() is 'The client that this transaction works for; null before atelier.set_context().';

create function atelier.current_user_id() returns uuid
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_current_user_id';
comment on function atelier.current_user_id() is 'The user that this transaction works for; null before atelier.set_context(), or when that named none.';

create function atelier_internal.refuse_context(p_act text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if atelier.current_client_id() is not null then
        raise exception '% concerns all clients', p_act
            using errcode = 'object_not_in_prerequisite_state', detail = 'This transaction works for one client.',
                  hint = 'Do it in a transaction without atelier.set_context().';
    end if;
end
$$;
comment on function atelier_internal.refuse_context(text) is 'Raises 55000 in a transaction that works for one client.';

create function atelier_internal.is_operator() returns boolean
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_is_operator';
comment on function atelier_internal.is_operator() is
    'Whether the role outside of all SECURITY DEFINER functions has the privileges of atelier_admin, as superusers do. False in REINDEX, ANALYZE and REFRESH, where that role is not who asks.';

create function atelier_internal.sees_all_clients() returns boolean
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_sees_all_clients';
comment on function atelier_internal.sees_all_clients() is
    'Whether the rows of every client are shown: to operators and members of atelier_observer, until the transaction works for one client.';

create function atelier_internal.way_out(p_hint text) returns text
language sql stable parallel restricted
set search_path = pg_catalog, pg_temp
begin atomic
    select case when atelier.current_client_id() is null and not atelier_internal.sees_all_clients()
                then 'No client is chosen in this transaction, so nothing is found: SELECT atelier.set_context(user_id => ...) comes first.'
                else p_hint end;
end;
comment on function atelier_internal.way_out(text) is
    'The hint of a refusal of something that was not found; where no client is chosen that alone is the reason.';

create function atelier_internal.refuse_viewer() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_refuse_viewer';
comment on function atelier_internal.refuse_viewer() is 'Raises 42501 when the transaction works for a user who is only a viewer of the client.';

create function atelier_internal.boot_clock(out boot_id text, out seconds double precision)
    language c volatile parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_boot_clock';
comment on function atelier_internal.boot_clock() is
    'Which boot of the machine this is, and the seconds since it by a clock that nobody sets.';
