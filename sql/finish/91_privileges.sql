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
        select format('alter routine %s owner to atelier_owner', p.oid::regprocedure)
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
revoke all on all routines in schema atelier, atelier_internal from public;

grant usage on schema atelier to atelier_app, atelier_admin, atelier_observer;

-- Applications make and read assets; DBAs also operate the engine; observers only look.
do $$
declare
    v_function record;
    v_operate text[] := array['pause_lane', 'resume_lane', 'set_lane_limit', 'cancel_job', 'cancel_jobs', 'redrive', 'release_job', 'resolve_unknown', 'adopt_jobs', 'resolve_alert',
                               'move_objects', 'create_client', 'create_user', 'add_member', 'set_tier', 'set_client_tier', 'check_limits',
                               'purge_deleted_assets', 'expire_failed_assets', 'purge_uploads', 'confirm_clock', 'place_legal_hold',
                               'release_legal_hold', 'erase_client', 'erase_user', 'fsck', 'fsck_repair', 'install_schedules', 'remove_schedules',
                               'pause_queue', 'resume_queue', 'pause_client', 'resume_client', 'pause_pipeline', 'resume_pipeline',
                               'set_client_share', 'set_priority', 'set_budget', 'settle_unknown_cost', 'define_pipeline', 'drop_pipeline',
                               'register_pipeline', 'unregister_pipeline', 'register_transition', 'unregister_transition',
                               'register_stored_objects', 'unregister_stored_objects'];
    -- It tells of all clients.
    v_watch text[] := array['self_check'];
    v_look text[] := array['explain_job', 'job_state', 'wait_for', 'self_check', 'version', 'events_after'];
begin
    for v_function in
        select p.oid::regprocedure as name, p.proname from pg_proc p
         where p.pronamespace = 'atelier'::regnamespace and p.prorettype <> 'trigger'::regtype
    loop
        execute format('grant execute on routine %s to atelier_admin', v_function.name);
        if v_function.proname <> all (v_operate || v_watch) then
            execute format('grant execute on routine %s to atelier_app', v_function.name);
        end if;
        if v_function.proname = any (v_look) then
            execute format('grant execute on routine %s to atelier_observer', v_function.name);
        end if;
    end loop;
end
$$;
grant select on
    atelier.alerts,
    atelier.attempts,
    atelier.audit_log,
    atelier.budgets,
    atelier.client_shares,
    atelier.client_usage,
    atelier.consistency_report,
    atelier.dead_letters,
    atelier.deletion_queue,
    atelier.erasure_log,
    atelier.fsck_findings,
    atelier.fsck_runs,
    atelier.generation_queue,
    atelier.handlers,
    atelier.job_history,
    atelier.jobs,
    atelier.lanes,
    atelier.lifecycle_map,
    atelier.maintenance,
    atelier.ordered_keys,
    atelier.pauses,
    atelier.pipeline_steps,
    atelier.pipelines,
    atelier.prices,
    atelier.progress,
    atelier.providers,
    atelier.purge_log,
    atelier.queue,
    atelier.registrations,
    atelier.reserves,
    atelier.spend,
    atelier.step_results,
    atelier.storage_usage,
    atelier.stores,
    atelier.usage_ledger,
    atelier.workers
   to atelier_admin, atelier_observer;
grant select on atelier.clients, atelier.users, atelier.members, atelier.products, atelier.images, atelier.uploads, atelier.product_images,
                atelier.collections, atelier.inspiration_images, atelier.collection_overview, atelier.generated_assets, atelier.live_assets, atelier.deleted_assets, atelier.asset_history
   to atelier_app, atelier_admin;
grant select on atelier.tiers to atelier_app, atelier_admin, atelier_observer;
grant select on atelier.budgets, atelier.spend to atelier_app;
grant insert, update, delete on atelier.prices to atelier_admin;

-- A view reads its tables, and calls its functions, as the role that reads it: who was granted a view is granted the columns and
-- functions that it is made of, those of views inside it too. Without USAGE on the schema nobody can name them otherwise.
do $$
declare
    v_grant text;
    v_before bigint := -1;
    v_now bigint := 0;
begin
    while v_now <> v_before loop
        v_before := v_now;
        for v_grant in
            with granted as (
                select w.oid as rule, acl.grantee
                  from pg_class c
                  join pg_rewrite w on w.ev_class = c.oid
                 cross join lateral (select x.grantee, x.privilege_type from aclexplode(c.relacl) as x
                                     union
                                     select x.grantee, x.privilege_type from pg_attribute a, aclexplode(a.attacl) as x where a.attrelid = c.oid) as acl
                 where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind = 'v'
                   and acl.privilege_type = 'SELECT' and acl.grantee <> c.relowner
            )
            select distinct format('grant select (%I) on %s to %s', a.attname, d.refobjid::regclass, g.grantee::regrole)
              from granted g
              join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = g.rule and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
              join pg_class t on t.oid = d.refobjid and t.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
              join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
             where not exists (select from pg_rewrite own where own.oid = g.rule and own.ev_class = d.refobjid)
            union
            select distinct format('grant execute on function %s to %s', d.refobjid::regprocedure, g.grantee::regrole)
              from granted g
              join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = g.rule and d.refclassid = 'pg_proc'::regclass
              join pg_proc p on p.oid = d.refobjid and p.pronamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
        loop
            execute v_grant;
        end loop;
        select count(*) into v_now
          from pg_attribute a, aclexplode(a.attacl) as x
         where a.attrelid in (select c.oid from pg_class c where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace));
    end loop;
end
$$;
-- Policies are judged as the role that reads.
grant execute on function atelier_internal.sees_all_clients() to atelier_admin, atelier_observer;
grant execute on function atelier.current_client_id(), atelier.current_user_id() to atelier_observer;
-- These run as who calls them, and pg_cron's jobs belong to that role.
grant execute on function atelier_internal.cron_database(), atelier_internal.note_schedules(text, text),
                          atelier_internal.schedule_tasks(text, text), atelier_internal.unschedule_tasks(text) to atelier_admin;
