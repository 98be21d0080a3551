create function atelier_internal.emit_event(p_kind text, p_client_id uuid, p_subject_id uuid, p_job_id uuid, p_data jsonb default '{}')
    returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    insert into atelier_internal.events (kind, client_id, subject_id, job_id, data)
    values (p_kind, p_client_id, p_subject_id, p_job_id, p_data);
end;
comment on function atelier_internal.emit_event(text, uuid, uuid, uuid, jsonb) is 'Writes one event in the caller''s transaction.';

create type atelier.event as (
    id bigint, at timestamptz, kind text, client_id uuid, subject_id uuid, job_id uuid, data jsonb);
comment on type atelier.event is 'An event as events_after() returns it.';

create function atelier.events_after(after_id bigint default 0, max_rows integer default 1000)
    returns setof atelier.event
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_here bigint := atelier_internal.instance_id();
    v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
    v_cursor_instance bigint;
    v_cursor_xid xid8;
begin
    if max_rows is null or max_rows not between 1 and 100000 then
        raise exception 'max_rows must be between 1 and 100000' using errcode = 'invalid_parameter_value',
              hint = 'Read on with the id of the last event that came: atelier.events_after(id).';
    end if;
    select e.instance, e.xid into v_cursor_instance, v_cursor_xid
      from atelier_internal.events e where e.id = after_id;

    -- Ids are drawn before their transactions commit, so id order alone would skip what commits late. Events
    -- therefore follow (transaction, id), and only those of transactions older than every running one show.
    -- Restored events carry transaction ids of another cluster: they come first, by id alone.
    return query
    select f.id, f.at, f.kind, f.client_id, f.subject_id, f.job_id, f.data
      from (
        (select 0 as part, '0'::xid8 as position, e.*
           from atelier_internal.events e
          where e.instance <> v_here and e.id > after_id
            and (v_cursor_instance is null or v_cursor_instance <> v_here)
          order by e.id limit max_rows)
        union all
        (select 1, e.xid, e.*
           from atelier_internal.events e
          where e.instance = v_here and e.xid < v_horizon
            and case when v_cursor_instance = v_here then (e.xid, e.id) > (v_cursor_xid, after_id)
                     when v_cursor_instance is null then e.id > after_id
                     else true end
          order by e.xid, e.id limit max_rows)
      ) f
     order by f.part, f.position, f.id
     limit max_rows;
end
$$;
comment on function atelier.events_after(bigint, integer) is
    'Events after the one with this id, oldest first, at most max_rows (1 to 100000). Start with 0 and go on with the id of the last row: nothing is missed, whatever committed late. Events older than pg_atelier.event_ttl are gone; those of an erased client are of kind erased and say nothing.';

create function atelier_internal.notify_listeners() returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_last bigint;
begin
    if atelier_internal.setting('notify_events') <> 'on' then
        return;
    end if;
    select max(e.id) into v_last from atelier_internal.events e
     where e.ring in (atelier_internal.ring_slot(now()), atelier_internal.ring_slot(now() - interval '1 hour'));
    update atelier_internal.engine_state s set last_event_told = v_last
     where v_last > s.last_event_told;
    if found then
        perform pg_notify('atelier_events', v_last::text);
    end if;
end
$$;
comment on function atelier_internal.notify_listeners() is
    'Tells LISTENers of channel atelier_events, with an id only, that there are new events (when pg_atelier.notify_events is on).';

create function atelier_internal.raise_alert(p_kind text, p_message text, p_hint text) returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    insert into atelier_internal.alerts as a (kind, message, hint) values (p_kind, p_message, p_hint)
    on conflict (kind) where (resolved_at is null)
    do update set message = excluded.message, hint = excluded.hint, count = a.count + 1, last_at = now();
end;
comment on function atelier_internal.raise_alert(text, text, text) is 'Opens an alert of this kind, or counts it again when one is open.';

create function atelier.resolve_alert(kind text) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update atelier_internal.alerts a set resolved_at = now()
     where a.kind = resolve_alert.kind and a.resolved_at is null;
    if not found then
        return false;
    end if;
    perform atelier_internal.audit('alert.resolved', 'alert', null, null, jsonb_build_object('kind', resolve_alert.kind));
    return true;
end
$$;
comment on function atelier.resolve_alert(text) is 'Marks the open alert of this kind as resolved; false when none is open.';
