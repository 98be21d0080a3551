-- Stopping and going on: a lane, everything, a client or a pipeline. What is under way goes on. A pipeline whose extension is absent
-- stands still as a paused one does.

create function atelier_internal.check_pause_end(p_until timestamptz) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not isfinite(p_until) or p_until <= now() then
        raise exception 'until must be a time to come, not %', p_until
            using errcode = 'invalid_parameter_value', hint = 'Leave it out to pause until somebody resumes it.';
    end if;
end
$$;
comment on function atelier_internal.check_pause_end(timestamptz) is 'Raises 22023 when a pause is to end at a time that is past, or at none that ever comes.';

create function atelier_internal.pause_reason(p_reason text) returns text
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if char_length(p_reason) > 1000 then
        raise exception 'reason is % characters long', char_length(p_reason)
            using errcode = 'invalid_parameter_value', hint = 'A reason has at most 1000 characters.';
    end if;
    return coalesce(nullif(btrim(p_reason), ''), 'paused by hand');
end
$$;
comment on function atelier_internal.pause_reason(text) is 'The reason of a pause as it is kept; 22023 for one of more than 1000 characters.';

create function atelier_internal.pause(p_kind text, p_name text, p_tenant_id uuid, p_reason text, p_until timestamptz) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.check_pause_end(p_until);
    insert into atelier_internal.pauses as p (kind, name, tenant_id, reason, paused_until)
    values (p_kind, p_name, p_tenant_id, atelier_internal.pause_reason(p_reason), p_until)
    on conflict (kind, name) do update
       set reason = excluded.reason, paused_until = excluded.paused_until, paused_at = excluded.paused_at, paused_by = excluded.paused_by;
    perform atelier_internal.audit(p_kind || '.paused', p_kind, p_tenant_id, p_tenant_id, jsonb_strip_nulls(jsonb_build_object(
        'name', case p_kind when 'pipeline' then p_name end, 'reason', atelier_internal.pause_reason(p_reason), 'until', p_until)));
end
$$;
comment on function atelier_internal.pause(text, text, uuid, text, timestamptz) is 'Pauses the queue, a client or a pipeline, or says otherwise why and until when.';

create function atelier_internal.resume(p_kind text, p_name text, p_tenant_id uuid) returns boolean
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    delete from atelier_internal.pauses p where p.kind = p_kind and p.name = p_name;
    if not found then
        return false;
    end if;
    perform atelier_internal.audit(p_kind || '.resumed', p_kind, p_tenant_id, p_tenant_id, jsonb_strip_nulls(jsonb_build_object(
        'name', case p_kind when 'pipeline' then p_name end)));
    return true;
end
$$;
comment on function atelier_internal.resume(text, text, uuid) is 'Ends the pause of the queue, a client or a pipeline; false when there is none.';

create function atelier.pause_queue(reason text default 'paused by hand', until timestamptz default null) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.refuse_context('a pause of the queue');
    perform atelier_internal.pause('queue', '', null, pause_queue.reason, pause_queue.until);
end
$$;
comment on function atelier.pause_queue(text, timestamptz) is
    'Leases nothing more, of no lane and no client, until resumed or until the given time. What is under way goes on. 22023 for a time that is not to come, 55000 in a transaction that works for one client.';

create function atelier.resume_queue() returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.refuse_context('the end of a pause of the queue');
    return atelier_internal.resume('queue', '', null);
end
$$;
comment on function atelier.resume_queue() is
    'Ends the pause of the queue; false when it is not paused. 55000 in a transaction that works for one client.';

create function atelier.pause_client(client_id uuid, reason text default 'paused by hand', until timestamptz default null) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.hold_client(pause_client.client_id);
    perform atelier_internal.pause('client', pause_client.client_id::text, pause_client.client_id, pause_client.reason, pause_client.until);
end
$$;
comment on function atelier.pause_client(uuid, text, timestamptz) is
    'Leases no job of a client until resumed or until the given time; its jobs keep their places. What is under way goes on. 23503 for an unknown client, 22023 for a time that is not to come.';

create function atelier.resume_client(client_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.hold_client(resume_client.client_id);
    return atelier_internal.resume('client', resume_client.client_id::text, resume_client.client_id);
end
$$;
comment on function atelier.resume_client(uuid) is 'Ends the pause of a client; false when it is not paused. 23503 for an unknown client.';

create function atelier_internal.is_pipeline_present(p_pipeline text) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
    return exists (select from atelier_internal.pipelines p where p.name = p_pipeline and atelier_internal.is_present(p.extension));
comment on function atelier_internal.is_pipeline_present(text) is
    'Whether a pipeline is known, and the extension that brought it, if one did, is installed.';

create function atelier_internal.require_pipeline(p_pipeline text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_pipeline is null or not exists (select from atelier_internal.pipelines p where p.name = p_pipeline) then
        raise exception 'pipeline "%" does not exist', coalesce(left(p_pipeline, 200), 'null')
            using errcode = 'undefined_object',
                  hint = format('Pipelines are: %s.', (select string_agg(p.name, ', ' order by p.name) from atelier_internal.pipelines p));
    end if;
end
$$;
comment on function atelier_internal.require_pipeline(text) is 'Raises 42704 for a pipeline that does not exist.';

create function atelier.pause_pipeline(pipeline text, reason text default 'paused by hand', until timestamptz default null) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.refuse_context('a pause of a pipeline');
    perform atelier_internal.require_pipeline(pause_pipeline.pipeline);
    perform atelier_internal.pause('pipeline', pause_pipeline.pipeline, null, pause_pipeline.reason, pause_pipeline.until);
end
$$;
comment on function atelier.pause_pipeline(text, text, timestamptz) is
    'Begins no job of a pipeline until resumed or until the given time: whose turn comes is held meanwhile, and goes to the end of its queue then. What is under way goes on. 42704 for an unknown pipeline, 22023 for a time that is not to come, 55000 in a transaction that works for one client.';

create function atelier.resume_pipeline(pipeline text) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.refuse_context('the end of a pause of a pipeline');
    perform atelier_internal.require_pipeline(resume_pipeline.pipeline);
    return atelier_internal.resume('pipeline', resume_pipeline.pipeline, null);
end
$$;
comment on function atelier.resume_pipeline(text) is
    'Ends the pause of a pipeline, so that the worker brings its held jobs back; false when it is not paused. 42704 for an unknown pipeline, 55000 in a transaction that works for one client.';

create function atelier_internal.end_pauses() returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_lanes integer[] := array(select l.id from atelier_internal.lanes l where l.paused_until <= now() for no key update skip locked);
    v_names text[];
begin
    -- Triggers of statements fire for nothing, too.
    if v_lanes <> '{}' then
        update atelier_internal.lanes l set paused_at = null, pause_reason = null, paused_until = null where l.id = any (v_lanes);
    end if;
    v_names := array(select format('%s %s', p.kind, p.name) from atelier_internal.pauses p where p.paused_until <= now() for update skip locked);
    if v_names <> '{}' then
        delete from atelier_internal.pauses p where format('%s %s', p.kind, p.name) = any (v_names);
    end if;
    if v_lanes <> '{}' or v_names <> '{}' then
        perform atelier_internal.note_limits();
    end if;
    return cardinality(v_lanes) + cardinality(v_names);
end
$$;
comment on function atelier_internal.end_pauses() is
    'Ends the pauses whose time has come; one that somebody is just changing is left to them. Returns how many.';

create function atelier_internal.paused_pipelines() returns text[]
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select array(select p.name from atelier_internal.pauses p where p.kind = 'pipeline' and (p.paused_until is null or p.paused_until > now()));
end;
comment on function atelier_internal.paused_pipelines() is 'The pipelines of which nothing begins at present.';

create function atelier_internal.stopped_pipelines(p_pipelines text[]) returns text[]
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select array(select n.name from unnest(p_pipelines) as n (name)
                  where n.name = any (atelier_internal.paused_pipelines())
                     or not exists (select from atelier_internal.pipelines p
                                     where p.name = n.name
                                       and (p.extension is null or exists (select from pg_extension e where e.extname = p.extension))));
end;
comment on function atelier_internal.stopped_pipelines(text[]) is
    'Those of the pipelines of which nothing begins at present: they are paused, or the extension that brought them is absent, or nobody knows them.';

create function atelier_internal.pipelines_to_resume() returns setof text
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select p.name
      from atelier_internal.pipelines p
     where exists (select from atelier_internal.parked_jobs k where k.instance = atelier_internal.instance_id() and k.pipeline = p.name)
       and p.name <> all (atelier_internal.paused_pipelines()) and atelier_internal.is_present(p.extension);
end;
comment on function atelier_internal.pipelines_to_resume() is
    'The pipelines that are neither paused nor absent any more and have jobs that are still held for it.';

-- Held jobs of a pipeline that is registered again, or defined, come back at once.
create trigger note_wake after insert or update on atelier_internal.pipelines
    for each statement execute function atelier_internal.note_wake();
