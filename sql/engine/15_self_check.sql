create function atelier.store_path(store text default 'file') returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if store_path.store is distinct from 'file' then
        raise exception 'store "%" has no directory', coalesce(store_path.store, '')
            using errcode = 'undefined_object', hint = 'The embedded store is named "file".';
    end if;
    return atelier_internal.file_store_directory();
end
$$;
comment on function atelier.store_path(text) is
    'Directory that holds the objects of a file store, on the server. 42704 for a store without one.';

create function atelier.version() returns text
    language sql stable set search_path = pg_catalog, pg_temp
    return (select x.extversion from pg_extension x where x.extname = 'pg_atelier');
comment on function atelier.version() is 'Installed version of the extension.';

create function atelier.self_check()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker record;
    v_foreign bigint;
begin
    return query select 'library', atelier_internal.preloaded(),
        case when atelier_internal.preloaded() then 'pg_atelier is preloaded'
             else 'pg_atelier is not in shared_preload_libraries, so nothing works on the queue' end,
        case when not atelier_internal.preloaded()
             then 'Add it to shared_preload_libraries in postgresql.conf and restart PostgreSQL.' end;

    return query select 'version', v.installed = v.available,
        format('the extension is at version %s, the installed files at %s', v.installed, v.available),
        case when v.installed <> v.available then 'ALTER EXTENSION pg_atelier UPDATE;' end
      from (select x.extversion as installed, a.default_version as available
              from pg_extension x join pg_available_extensions a on a.name = x.extname
             where x.extname = 'pg_atelier') v;

    select w.* into v_worker from atelier_internal.workers_state() w
     where w.database = (select d.oid from pg_database d where d.datname = current_database());
    return query select 'worker', coalesce(v_worker.state = 'running', false),
        case when v_worker.state = 'running' then format('worker %s serves this database since %s', v_worker.worker_pid, v_worker.started_at)
             when pg_is_in_recovery() then 'this server is a standby: work starts after promotion'
             when v_worker.state is null then 'no worker serves this database'
             else format('the worker of this database is %s%s', v_worker.state, coalesce(': ' || nullif(v_worker.last_error, ''), '')) end,
        case when v_worker.state is distinct from 'running' and not pg_is_in_recovery() and atelier_internal.preloaded()
             then format('See the server log. max_worker_processes is %s; each database needs one beside the launcher.',
                         current_setting('max_worker_processes')) end;

    if v_worker.state = 'running' then
        return query select 'executor', coalesce(v_worker.build_matches, false) and v_worker.executor_pid > 0,
            case when not v_worker.build_matches then 'library and executor are of different builds, nothing is leased'
                 when v_worker.executor_pid > 0 then format('executor %s is at work', v_worker.executor_pid)
                 else 'the executor is not running' end,
            case when not v_worker.build_matches then 'Restart PostgreSQL, so that it loads the library that is installed.'
                 when not v_worker.executor_pid > 0 then 'See the server log and pg_atelier.program_directory.' end;
    end if;

    select count(*) into v_foreign from atelier_internal.jobs j where j.instance <> atelier_internal.instance_id();
    return query select 'instance', v_foreign = 0,
        case when v_foreign = 0 then 'all live jobs are this database''s own'
             else format('%s live job(s) come from the database that this one is a copy of; they do not run here', v_foreign) end,
        case when v_foreign > 0 then 'Where the original runs no more: SELECT atelier.adopt_jobs();' end;

    return query select 'lane', false, format('lane %s %s is paused: %s', l.provider, l.model, l.pause_reason),
        format('SELECT atelier.resume_lane(%L, %L);', l.provider, l.model)
      from atelier_internal.lanes l
     where l.paused_at is not null and (l.paused_until is null or l.paused_until > now());

    return query select 'alert', false, a.message, a.hint from atelier_internal.alerts a where a.resolved_at is null;
end
$$;
comment on function atelier.self_check() is
    'What is set up and what is missing, in plain words: one row per area, advice where something is to be done.';
