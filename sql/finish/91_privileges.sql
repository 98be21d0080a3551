-- Superusers made the objects; from here on they belong to a role that can do nothing else.
do $$
declare
    v_object record;
begin
    for v_object in
        select format('alter %s %s owner to atelier_owner',
                      case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'c' then 'type' else 'table' end,
                      c.oid::regclass) as command
          from pg_class c
         where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
           and c.relkind in ('r', 'p', 'v', 'S', 'c')
           -- the sequence of an identity column follows its table
           and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S')
        union all
        select format('alter function %s owner to atelier_owner', p.oid::regprocedure)
          from pg_proc p
         where p.pronamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
        union all
        select format('alter schema %I owner to atelier_owner', n.nspname)
          from pg_namespace n where n.nspname in ('atelier', 'atelier_internal')
    loop
        execute v_object.command;
    end loop;
end
$$;

revoke all on schema atelier, atelier_internal from public;
revoke all on all tables in schema atelier, atelier_internal from public;
revoke all on all sequences in schema atelier, atelier_internal from public;
revoke all on all functions in schema atelier, atelier_internal from public;

grant usage on schema atelier to atelier_app, atelier_admin, atelier_observer;

-- Applications make and read assets; DBAs also operate the engine; observers only look.
do $$
declare
    v_function record;
    v_operate text[] := array['pause_lane', 'resume_lane', 'set_lane_limit', 'cancel_job', 'release_job', 'resolve_unknown', 'adopt_jobs', 'resolve_alert',
                               'move_objects'];
    v_look text[] := array['explain_job', 'self_check', 'version', 'events_after'];
begin
    for v_function in
        select p.oid::regprocedure as name, p.proname from pg_proc p
         where p.pronamespace = 'atelier'::regnamespace and p.prorettype <> 'trigger'::regtype
    loop
        execute format('grant execute on function %s to atelier_admin', v_function.name);
        if v_function.proname <> all (v_operate) then
            execute format('grant execute on function %s to atelier_app', v_function.name);
        end if;
        if v_function.proname = any (v_look) then
            execute format('grant execute on function %s to atelier_observer', v_function.name);
        end if;
    end loop;
end
$$;
grant select on atelier.jobs, atelier.job_history, atelier.attempts, atelier.queue, atelier.lanes, atelier.workers, atelier.alerts,
                atelier.usage_ledger, atelier.providers, atelier.stores, atelier.deletion_queue, atelier.prices, atelier.generation_queue
   to atelier_admin, atelier_observer;
grant select on atelier.clients, atelier.users, atelier.members, atelier.products, atelier.images, atelier.uploads, atelier.product_images,
                atelier.collections, atelier.inspiration_images, atelier.collection_overview, atelier.generated_assets, atelier.live_assets, atelier.deleted_assets, atelier.asset_history
   to atelier_app, atelier_admin;
grant insert, update, delete on atelier.prices to atelier_admin;

-- A view reads tables as its owner, but calls functions as the role that reads it.
do $$
declare
    v_call record;
begin
    for v_call in
        select distinct d.refobjid::regprocedure as name, a.grantee::regrole as role
          from pg_class c
          join pg_rewrite w on w.ev_class = c.oid
          join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_proc'::regclass
          join pg_proc p on p.oid = d.refobjid and p.pronamespace = 'atelier_internal'::regnamespace
         cross join lateral aclexplode(c.relacl) a
         where c.relnamespace = 'atelier'::regnamespace and c.relkind = 'v' and a.privilege_type = 'SELECT'
    loop
        execute format('grant execute on function %s to %s', v_call.name, v_call.role);
    end loop;
end
$$;
