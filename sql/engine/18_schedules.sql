-- What is to be done by the clock, and who does it: pg_cron where it was told to, and the worker what nobody has run for a while.

insert into atelier_internal.maintenance_tasks (name, command, schedule, late_after, repeats, of_pg_cron, description, built_in) values
    ('purge_assets', 'select atelier.purge_deleted_assets()', '*/5 * * * *', '1 hour', true, false,
     'Removes assets that were deleted longer than pg_atelier.asset_undo_window ago, with their pictures.', true),
    ('expire_failed', 'select atelier.expire_failed_assets()', '2-59/10 * * * *', '1 hour', true, false,
     'Deletes assets that have been in error for longer than pg_atelier.error_asset_ttl; they can be restored.', true),
    ('purge_uploads', 'select atelier.purge_uploads()', '7-59/10 * * * *', '1 hour', true, false,
     'Removes uploads that were not confirmed within pg_atelier.upload_ttl, and those that were refused.', true),
    ('check_limits', 'select atelier.check_limits()', '23 * * * *', '2 hours', false, false,
     'Raises an alert for each client that comes near pg_atelier.client_asset_soft_limit.', true),
    ('forget_runs', 'with gone as (delete from cron.job_run_details d using cron.job j where j.jobid = d.jobid and starts_with(j.jobname::text, ''atelier_'') and d.end_time < now() - interval ''7 days'' returning 1) select count(*)::integer from gone',
     '41 3 * * *', '2 days', false, true, 'Forgets what pg_cron noted of runs of these tasks more than 7 days ago.', true)
on conflict (name) do update
   set command = excluded.command, schedule = excluded.schedule, late_after = excluded.late_after, repeats = excluded.repeats,
       of_pg_cron = excluded.of_pg_cron, description = excluded.description, built_in = true;

create view atelier.maintenance with (security_invoker, security_barrier) as
select t.name as task, t.description, t.schedule, t.command, t.of_pg_cron, t.late_after, coalesce(r.runs, 0) as runs, r.last_run_at, r.last_by,
       r.last_role, r.last_handled, r.pg_cron_run_at,
       not t.of_pg_cron and coalesce(r.last_run_at, t.since) < now() - t.late_after as is_late
  from atelier_internal.maintenance_tasks t
  left join atelier_internal.maintenance_runs r on r.task = t.name;
comment on view atelier.maintenance is 'What is done by the clock, when it was last done, and by what.';
comment on column atelier.maintenance.task is 'Name of the task; its job in pg_cron is named atelier_ and this, in another database''s pg_cron with @ and the name of this one.';
comment on column atelier.maintenance.description is 'What it does.';
comment on column atelier.maintenance.schedule is 'When pg_cron calls it, in its syntax, unless atelier.install_schedules() was told another one.';
comment on column atelier.maintenance.command is 'Statement that does one batch of it, and returns how much that was.';
comment on column atelier.maintenance.of_pg_cron is 'It tidies pg_cron''s own tables: run by pg_cron alone; the other columns say nothing of its runs.';
comment on column atelier.maintenance.late_after is 'After so long without a run the worker does it itself, if the task is a built-in one.';
comment on column atelier.maintenance.runs is 'How often it ran in this database.';
comment on column atelier.maintenance.last_run_at is 'When it last ran to its end; null: never.';
comment on column atelier.maintenance.last_by is 'What ran it then: pg_cron, worker or session.';
comment on column atelier.maintenance.last_role is 'Role that ran it then.';
comment on column atelier.maintenance.last_handled is 'How much it did then.';
comment on column atelier.maintenance.pg_cron_run_at is 'When pg_cron last ran it; null: never.';
comment on column atelier.maintenance.is_late is 'Whether it has not run for longer than late_after.';

create function atelier_internal.late_tasks() returns setof text
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select t.name
      from atelier_internal.maintenance_tasks t
      left join atelier_internal.maintenance_runs r on r.task = t.name
     where t.built_in and not t.of_pg_cron and not atelier_internal.is_copy()
       and (coalesce(r.last_run_at, t.since) < now() - t.late_after
            or r.last_by = 'worker' and t.repeats and r.last_handled > 0)
     order by t.name;
end;
comment on function atelier_internal.late_tasks() is
    'Built-in tasks that the worker has to run: those without a run for too long, and those that it could not finish. None in a copy before atelier.adopt_jobs().';

create function atelier_internal.run_task(p_task text) returns boolean
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_task atelier_internal.maintenance_tasks;
    v_handled integer;
begin
    select t.* into v_task from atelier_internal.maintenance_tasks t where t.name = p_task and t.built_in and not t.of_pg_cron;
    if not found then
        return false;
    end if;
    execute v_task.command into v_handled;
    update atelier_internal.alerts a set resolved_at = now() where a.kind = 'task_failed:' || p_task and a.resolved_at is null;
    return v_task.repeats and v_handled > 0;
end
$$;
comment on function atelier_internal.run_task(text) is
    'Runs one batch of a built-in task for the worker; whether another one is to follow. Tasks of others never run in the worker.';

create function atelier_internal.cron_database() returns text
    language sql stable set search_path = pg_catalog, pg_temp
    return (select case when exists (select from pg_extension x where x.extname = 'pg_cron') then current_database()
                        else (select s.setting from pg_settings s where s.name = 'cron.database_name') end);
comment on function atelier_internal.cron_database() is
    'Database that pg_cron is in; null: there is none, or the caller may not read cron.database_name.';

create function atelier_internal.note_schedules(p_action text, p_schedule text) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update atelier_internal.engine_state set scheduled_at = case when p_action = 'schedules.installed' then now() end;
    perform atelier_internal.audit(p_action, 'schedules', null, null, jsonb_strip_nulls(jsonb_build_object('schedule', p_schedule)));
end
$$;
comment on function atelier_internal.note_schedules(text, text) is 'Remembers and audits that the schedules were installed or removed.';

-- Run as who calls, so that pg_cron's jobs belong to that role: they see public names alone.
create function atelier_internal.schedule_tasks(p_schedule text, p_cron_database text)
    returns table (job text, schedule text, command text, run_in text, statement text)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_here boolean := exists (select from pg_extension x where x.extname = 'pg_cron');
    v_task record;
begin
    if p_schedule !~ '^\s*([0-9a-zA-Z*/,$-]+\s+){4}[0-9a-zA-Z*/,$-]+\s*$' or char_length(p_schedule) > 200 then
        raise exception 'schedule "%" is not one of pg_cron', left(p_schedule, 200)
            using errcode = 'invalid_parameter_value',
                  hint = 'Give five fields (minute, hour, day of the month, month, day of the week), such as */5 * * * *, or null for the schedule of each task.';
    elsif p_cron_database = current_database() and not v_here then
        raise exception 'pg_cron keeps its jobs in this database, which has not its extension'
            using errcode = 'object_not_in_prerequisite_state', hint = 'CREATE EXTENSION pg_cron;';
    elsif v_here and not has_schema_privilege('cron', 'usage') then
        raise exception 'role "%" may not use pg_cron', current_user
            using errcode = 'insufficient_privilege', hint = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    elsif v_here and not (select r.rolcanlogin from pg_roles r where r.rolname = current_user) then
        raise exception 'pg_cron cannot log in as role "%"', current_user
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'pg_cron runs a job as the role that scheduled it: call this as a member of atelier_admin that can log in.';
    end if;
    for v_task in
        select case when v_here or m.of_pg_cron then 'atelier_' || m.task else format('atelier_%s@%s', m.task, current_database()) end as job,
               case when m.of_pg_cron then m.schedule else coalesce(p_schedule, m.schedule) end as schedule, m.command, m.of_pg_cron
          from atelier.maintenance m order by m.task
    loop
        if v_here then
            execute 'select cron.schedule($1, $2, $3)' using v_task.job, v_task.schedule, v_task.command;
        end if;
        return query select v_task.job, v_task.schedule, v_task.command,
            case when not v_here then p_cron_database end,
            case when v_here then null
                 when v_task.of_pg_cron then format('select cron.schedule(%L, %L, %L);', v_task.job, v_task.schedule, v_task.command)
                 else format('select cron.schedule_in_database(%L, %L, %L, %L);', v_task.job, v_task.schedule, v_task.command, current_database()) end;
    end loop;
end
$$;
comment on function atelier_internal.schedule_tasks(text, text) is
    'Gives each task to pg_cron where that is in this database, else returns the statements that do it. 22023 for a schedule that is none, 42501 without USAGE on schema cron, 55000 as a role that cannot log in, or without the extension where pg_cron looks for it.';

create function atelier_internal.unschedule_tasks(p_cron_database text) returns table (job text, run_in text, statement text)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_job record;
begin
    if not exists (select from pg_extension x where x.extname = 'pg_cron') then
        return query
        select n.name, p_cron_database, format('select cron.unschedule(%L);', n.name)
          from atelier.maintenance m
         cross join lateral (select case when m.of_pg_cron then 'atelier_' || m.task else format('atelier_%s@%s', m.task, current_database()) end as name) n
         order by m.task;
        return;
    elsif not has_schema_privilege('cron', 'usage') then
        raise exception 'role "%" may not use pg_cron', current_user
            using errcode = 'insufficient_privilege', hint = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    end if;
    for v_job in
        execute 'select j.jobid, j.jobname::text as name from cron.job j where j.database = current_database() and j.jobname::text = any ($1) order by j.jobname'
          using array(select 'atelier_' || m.task from atelier.maintenance m)
    loop
        execute 'select cron.unschedule($1)' using v_job.jobid;
        return query select v_job.name, null::text, null::text;
    end loop;
end
$$;
comment on function atelier_internal.unschedule_tasks(text) is
    'Takes the tasks back from pg_cron where that is in this database, else returns the statements that do it. 42501 without USAGE on schema cron.';

create function atelier.install_schedules(schedule text default null)
    returns table (job text, schedule_in_force text, command text, run_in text, statement text)
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    select atelier_internal.note_schedules('schedules.installed', schedule);
    select t.job, t.schedule, t.command, t.run_in, t.statement
      from atelier_internal.schedule_tasks(schedule, atelier_internal.cron_database()) t;
end;
comment on function atelier.install_schedules(text) is
    'Has pg_cron run the tasks of atelier.maintenance, as the role that calls this, at their own schedules or all at the one that is given; again, it changes nothing twice. One row per task: where pg_cron is in another database, statement is what a superuser has to run there (run_in; null: the database that cron.database_name says), else it is null and done. 22023 for a schedule that is none, 42501 without USAGE on schema cron, 55000 as a role that cannot log in.';

create function atelier.remove_schedules() returns table (job text, run_in text, statement text)
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    select atelier_internal.note_schedules('schedules.removed', null);
    select t.job, t.run_in, t.statement from atelier_internal.unschedule_tasks(atelier_internal.cron_database()) t;
end;
comment on function atelier.remove_schedules() is
    'Takes the tasks back from pg_cron: those that the calling role scheduled, as a superuser those of all roles. One row per job; where pg_cron is in another database, statement is what has to be run there. 42501 without USAGE on schema cron.';

create function atelier_internal.check_schedules()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_scheduled timestamptz := (select s.scheduled_at from atelier_internal.engine_state s);
    v_last record;
    v_trouble constant text := 'With cron.use_background_workers = on (a restart) pg_cron needs no connection, but one of max_worker_processes for each run; '
                               || 'without, pg_hba.conf has to let it in at cron.host as the role that scheduled. cron.job_run_details tells what became of each run.';
begin
    select r.task, r.pg_cron_run_at as at into v_last
      from atelier_internal.maintenance_runs r where r.pg_cron_run_at is not null order by r.pg_cron_run_at desc limit 1;
    if v_scheduled is not null and (v_last.at is null or v_last.at < v_scheduled) then
        return query select 'schedules', false,
            format('the schedules were installed at %s, and no run by pg_cron was seen since; the worker does what is late', v_scheduled),
            case when exists (select from pg_extension x where x.extname = 'pg_cron') then v_trouble
                 else 'Were the statements of atelier.install_schedules() run in the database of pg_cron? ' || v_trouble end;
    elsif v_scheduled is not null and v_last.at < now() - interval '2 days' then
        return query select 'schedules', false, format('pg_cron has run no task since %s; the worker does what is late', v_last.at), v_trouble;
    elsif v_last.at is not null then
        return query select 'schedules', true, format('pg_cron last ran a task at %s: %s', v_last.at, v_last.task), null::text;
    else
        return query select 'schedules', true, 'pg_cron was not seen to run any task: the worker does each when it is late'::text,
            'For another pace install pg_cron, then SELECT * FROM atelier.install_schedules();'::text;
    end if;
    return query select 'schedules', false,
        format('task %s has not run since %s', m.task, coalesce(m.last_run_at::text, 'this database knows it')),
        'SELECT * FROM atelier.alerts; may say why. The worker tries it once an hour; SELECT command FROM atelier.maintenance; names what to run by hand.'
      from atelier_internal.maintenance_tasks t
      join atelier.maintenance m on m.task = t.name
     where m.is_late and coalesce(m.last_run_at, t.since) < now() - t.late_after - interval '2 hours' and not atelier_internal.is_copy()
     order by m.task;
end
$$;
comment on function atelier_internal.check_schedules() is 'The rows of self_check() about tasks, and who runs them.';
