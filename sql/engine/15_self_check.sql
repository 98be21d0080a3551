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

create function atelier_internal.check_providers()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query select 'provider', p.key_ready,
        format('provider %s (%s): %s', p.provider, p.kind,
               case when p.key_source = 'file' then format('its key comes from the file that the mapping for %s names', p.key_mapping)
                    when p.key_source = 'mapping' then format('its key stands in the mapping for %s', p.key_mapping)
                    when p.key_source = 'missing' then 'it has no key'
                    when p.key_ready then format('its key comes from the environment variable that the mapping for %s names', p.key_mapping)
                    else format('the environment variable that the mapping for %s names is not set in the server', p.key_mapping) end),
        case when p.key_source = 'missing'
             then format('CREATE USER MAPPING FOR atelier_owner SERVER %I OPTIONS (api_key_file ''/path/of/the/key'');', p.provider)
             when not p.key_ready then 'Set it for the service of PostgreSQL and restart that, or use api_key_file.'
             when p.key_source = 'mapping' then 'Dumps and base backups contain it; with api_key_file they do not.' end
      from atelier.providers p order by p.provider;

    return query select 'provider', false, format('provider %s has no model', p.provider),
        format('ALTER SERVER %I OPTIONS (ADD image_model ''...'');', p.provider)
      from atelier.providers p
     where p.image_model is null and p.json_model is null and p.text_model is null
       and not exists (select from atelier_internal.pipeline_models m where m.provider = p.provider)
     order by p.provider;

    return query select 'provider', true, format('provider %s has no price, so what it costs is unknown', p.provider),
        format('INSERT INTO atelier.prices (provider, unit, price) VALUES (%L, %L, ...);', p.provider,
               case when p.image_model is null then 'output_token' else 'image' end)
      from atelier.providers p
     where not exists (select from atelier.prices r where r.provider = p.provider and r.since <= now())
     order by p.provider;

    return query select 'provider', false, format('foreign server %s is never used: what is embedded under that name comes first', s.name),
        format('ALTER SERVER %I RENAME TO ...;', s.name)
      from atelier_internal.provider_servers s where atelier_internal.is_embedded(s.name);
end
$$;
comment on function atelier_internal.check_providers() is 'The rows of self_check() about providers, their keys, models and prices.';

create function atelier_internal.check_stores()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query select 'store', atelier_internal.is_store(d.store),
        case when atelier_internal.is_store(d.store) then format('new pictures go to store %s', d.store)
             else format('new pictures would go to store %s, which does not exist', d.store) end,
        case when not atelier_internal.is_store(d.store)
             then format('Set pg_atelier.default_store to one of: %s.', (select string_agg(s.store, ', ' order by s.store) from atelier.stores s)) end
      from (select atelier_internal.setting('default_store') as store) d;

    return query select 'store', s.key_ready,
        format('store %s (bucket %s): %s', s.store, s.bucket,
               case when s.key_source = 'file' then format('its credentials come from the file that the mapping for %s names', s.key_mapping)
                    when s.key_source = 'mapping' then format('its credentials stand in the mapping for %s', s.key_mapping)
                    when s.key_source = 'missing' then 'it has no credentials'
                    when s.key_ready then format('its credentials come from the environment variables that the mapping for %s names', s.key_mapping)
                    else format('the environment variables that the mapping for %s names are not set in the server', s.key_mapping) end),
        case when s.key_source = 'missing'
             then format('CREATE USER MAPPING FOR atelier_owner SERVER %I OPTIONS (credentials_file ''/path/of/the/credentials'');', s.store)
             when not s.key_ready then 'Set them for the service of PostgreSQL and restart that, or use credentials_file.'
             when s.key_source = 'mapping' then 'Dumps and base backups contain them; with credentials_file they do not.' end
      from atelier.stores s where s.store <> 'file' order by s.store;

    return query select 'store', false,
        format('%s object(s) of store %s could not be deleted: %s', count(*), d.store, max(d.error_message)),
        'They are tried again, at the latest once an hour. SELECT * FROM atelier.deletion_queue WHERE tries > 0; shows them.'
      from atelier_internal.object_deletions d where d.error_class is not null and d.instance = atelier_internal.instance_id()
     group by d.store order by d.store;

    return query select 'store', false,
        format('this database is a copy of another one, which may still need the objects: nothing is deleted here, %s deletion(s) wait',
               (select count(*) from atelier_internal.object_deletions)),
        'Where the original runs no more, or its stores are not those of this one: SELECT atelier.adopt_jobs();'
     where atelier_internal.is_copy();
end
$$;
comment on function atelier_internal.check_stores() is 'The rows of self_check() about stores, their credentials, and deletions that do not go on.';

create function atelier_internal.check_user_mappings()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    -- PostgreSQL shows the options of a PUBLIC mapping to the server's owner, those of another one to its role once that has
    -- USAGE on the server, and all to superusers.
    return query select 'user mapping', false,
        format('the key in the mapping for %s of %s %s could be read by %s', k.mapping, w.word, s.name, string_agg(r.rolname, ', ' order by r.rolname)),
        format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS (%s);', k.mapping, s.name,
               case w.word when 'store' then 'DROP access_key_id, DROP secret_access_key, ADD credentials_file ''/path/of/the/credentials'''
                           else 'DROP api_key, ADD api_key_file ''/path/of/the/key''' end)
        || case k.mapping when 'public' then ' Or give the server to a role that nobody logs in as.'
                          else ' Or REVOKE atelier_owner from them.' end
      from atelier_internal.provider_servers s
     cross join lateral atelier_internal.provider_key(s.server_id) k
     cross join lateral (select case s.kind when 's3' then 'store' else 'provider' end as word) w
      join pg_roles r on r.rolcanlogin and not r.rolsuper
                     and pg_has_role(r.oid, case k.mapping when 'public' then s.owner_id else 'atelier_owner'::regrole end, 'member')
     where k.source = 'mapping'
     group by s.name, k.mapping, w.word
     order by s.name;

    return query select 'user mapping', false,
        format('the mapping for %s of %s %s is never used', m.usename, case s.kind when 's3' then 'store' else 'provider' end, s.name),
        format('DROP USER MAPPING FOR %s SERVER %I; The engine reads the mapping for atelier_owner, else that for PUBLIC.',
               case m.umuser when 0 then 'PUBLIC' else quote_ident(m.usename) end, s.name)
      from atelier_internal.provider_servers s
     cross join lateral atelier_internal.provider_key(s.server_id) k
      join pg_user_mappings m on m.srvname = s.name
     where case m.umuser when 0 then 'public' else m.usename end is distinct from k.mapping
     order by s.name, m.usename;
end
$$;
comment on function atelier_internal.check_user_mappings() is 'The rows of self_check() about user mappings that leak a key or are never used.';

create function atelier_internal.check_references()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query select 'foreign key', false,
        format('foreign key %s of table %s has no index: for each row of %s that is purged the whole table is read',
               c.conname, c.conrelid::regclass, c.confrelid::regclass),
        format('CREATE INDEX ON %s (%s);', c.conrelid::regclass,
               (select string_agg(quote_ident(a.attname), ', ' order by k.position)
                  from unnest(c.conkey) with ordinality as k (number, position)
                  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number))
      from pg_constraint c
      join pg_class t on t.oid = c.conrelid
      join pg_class r on r.oid = c.confrelid
     where c.contype = 'f' and c.conparentid = 0
       and r.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
       and t.relnamespace not in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
       and not exists (
             select from pg_index x
              where x.indrelid = c.conrelid and x.indisvalid
                and (x.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)
     order by c.conrelid::regclass::text, c.conname;
end
$$;
comment on function atelier_internal.check_references() is
    'The rows of self_check() about tables of somebody''s own that refer to rows of the engine, and make it slow to remove those.';

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

    return query select 'job', false,
        format('%s job(s) of provider %s are held: their last call may have been done, and billed', count(*), j.provider),
        format('atelier.explain_job() tells of each. SELECT atelier.resolve_unknown(%1$L, ''retry''); runs them again and may be billed a second time, SELECT atelier.resolve_unknown(%1$L, ''fail''); ends them.', j.provider)
      from atelier_internal.jobs j
     where j.state = 'held' and j.reason = 'outcome_unknown' and j.instance = atelier_internal.instance_id()
     group by j.provider order by j.provider;

    return query select * from atelier_internal.check_budgets();
    return query select * from atelier_internal.check_providers();
    return query select * from atelier_internal.check_stores();
    return query select * from atelier_internal.check_photo_libraries();
    return query select * from atelier_internal.check_user_mappings();
    return query select * from atelier_internal.check_schedules();
    return query select * from atelier_internal.check_references();

    -- What an alert says may name a client.
    return query select 'alert', false, a.message, a.hint from atelier_internal.alerts a
                  where a.resolved_at is null and (atelier_internal.is_operator() or atelier_internal.sees_all_clients());
end
$$;
comment on function atelier.self_check() is
    'What is set up and what is missing, in plain words: one row per area, advice where something is to be done.';
