-- Row-level security on every table that names a client. What sessions ask through functions is filtered too: their functions run
-- as atelier_owner, to which the same policy applies. The worker alone is exempt (src/postgres/transaction.cpp).

do $$
declare
    v_table record;
    -- The sub-selects are asked once a statement, not once a row.
    v_own constant text := '%I = (select atelier.current_client_id())';
    v_all constant text := '(select atelier_internal.sees_all_clients()) or %I = (select atelier.current_client_id())';
begin
    for v_table in
        select c.oid::regclass as name, c.relispartition, n.nspname, a.attname as client
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = c.oid and a.attname = case c.oid when 'atelier.clients'::regclass then 'id' else 'client_id' end
         where n.nspname in ('atelier', 'atelier_internal') and c.relkind in ('r', 'p') and c.oid <> 'atelier.members'::regclass
         order by c.oid
    loop
        execute format('alter table %s enable row level security', v_table.name);
        execute format('alter table %s force row level security', v_table.name);
        -- A partition is reached through its table; by itself it shows nothing to anybody.
        continue when v_table.relispartition;
        execute format('create policy own_client on %s to atelier_app using (' || v_own || ')', v_table.name, v_table.client);
        execute format('create policy chosen_client on %s to atelier_owner, atelier_admin, atelier_observer using (' || v_all || ')',
                       v_table.name, v_table.client);
        if v_table.nspname = 'atelier' then
            execute format('create trigger refuse_viewer before insert or update or delete on %s for each statement execute function atelier_internal.refuse_viewer()',
                           v_table.name);
        end if;
    end loop;
end
$$;

-- Jobs of pipelines of users that belong to no client are their users': these tables are reached by functions alone.
do $$
declare
    v_table text;
    v_mine constant text := 'client_id is null and %s = any (array(select unnest(atelier_internal.own_pipelines())))';
begin
    foreach v_table in array array['jobs', 'history_completed', 'history_failed', 'attempts', 'step_results', 'job_children'] loop
        execute format('create policy own_pipelines on atelier_internal.%I to atelier_owner using (' || v_mine || ')', v_table, 'pipeline');
    end loop;
    execute format('create policy own_pipelines on atelier_internal.events to atelier_owner using (' || v_mine || ')', $e$data ->> 'pipeline'$e$);
end
$$;

-- Who belongs to which client is looked up before a client is chosen: the functions that read these two tables judge by themselves.
alter table atelier.members enable row level security;
alter table atelier.members force row level security;
create policy engine on atelier.members to atelier_owner using (true);
-- Who was only invited may be somebody whom other clients know: their id, name and address show when they have accepted.
create policy own_client on atelier.members to atelier_app
    using (client_id = (select atelier.current_client_id()) and status <> 'invited');
create policy chosen_client on atelier.members to atelier_admin
    using ((select atelier_internal.sees_all_clients()) or client_id = (select atelier.current_client_id()));
create trigger refuse_viewer before insert or update or delete on atelier.members
    for each statement execute function atelier_internal.refuse_viewer();

alter table atelier.users enable row level security;
alter table atelier.users force row level security;
create policy engine on atelier.users to atelier_owner using (true);
create policy own_client on atelier.users to atelier_app
    using (id = any (array(select m.user_id from atelier.members m where m.client_id = (select atelier.current_client_id()))));
create policy chosen_client on atelier.users to atelier_admin
    using ((select atelier_internal.sees_all_clients())
           or id = any (array(select m.user_id from atelier.members m where m.client_id = (select atelier.current_client_id()))));
create trigger refuse_viewer before insert or update or delete on atelier.users
    for each statement execute function atelier_internal.refuse_viewer();
