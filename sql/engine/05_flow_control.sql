-- What shares and stops the work beside the lanes: pauses, the shares of clients, and what the worker asks about them.

create table atelier_internal.pauses (
    kind text not null,
    name text not null,
    tenant_id uuid,
    reason text not null,
    paused_at timestamptz not null default now(),
    paused_until timestamptz,
    paused_by text not null default atelier_internal.caller(),
    constraint pauses_pkey primary key (kind, name),
    constraint valid_kind check (kind in ('queue', 'client', 'pipeline')),
    constraint client_has_id check ((kind = 'client') = (tenant_id is not null)),
    constraint valid_reason check (char_length(btrim(reason)) between 1 and 1000),
    constraint valid_end check (isfinite(paused_until))
);
comment on table atelier_internal.pauses is 'What is not leased at present, beside paused lanes: everything (queue), the work of a client, or a pipeline.';
comment on column atelier_internal.pauses.kind is 'queue, client or pipeline.';
comment on column atelier_internal.pauses.name is 'The id of the client or the name of the pipeline; empty for the queue.';
comment on column atelier_internal.pauses.tenant_id is 'The client, when one is paused.';
comment on column atelier_internal.pauses.reason is 'Why.';
comment on column atelier_internal.pauses.paused_at is 'Since when.';
comment on column atelier_internal.pauses.paused_until is 'When it resumes by itself; null: when somebody resumes it.';
comment on column atelier_internal.pauses.paused_by is 'Role that paused it.';

create table atelier_internal.client_shares (
    client_id uuid not null,
    weight numeric not null default 1,
    max_in_flight integer,
    updated_at timestamptz not null default now(),
    constraint client_shares_pkey primary key (client_id),
    constraint valid_weight check (weight between 0.01 and 1000),
    constraint valid_max_in_flight check (max_in_flight between 1 and 100000)
);
comment on table atelier_internal.client_shares is 'Clients that share the lanes otherwise than all others do, which have weight 1 and no limit of their own.';
comment on column atelier_internal.client_shares.client_id is 'The client.';
comment on column atelier_internal.client_shares.weight is 'Its share of a lane that several clients wait for, 0.01 to 1000, relative to theirs.';
comment on column atelier_internal.client_shares.max_in_flight is 'Most orders of it under way at once, in all lanes together; null: as many as the lanes take.';
comment on column atelier_internal.client_shares.updated_at is 'When it was last set.';

create trigger note_wake after insert or update or delete on atelier_internal.pauses
    for each statement execute function atelier_internal.note_wake();
create trigger note_tenants after insert or update or delete on atelier_internal.pauses
    for each statement execute function atelier_internal.note_tenants();
create trigger note_tenants after insert or update or delete on atelier_internal.client_shares
    for each statement execute function atelier_internal.note_tenants();

create function atelier_internal.lane_limits()
    returns table (lane_id integer, max_in_flight integer, trusted boolean, requests_per_minute bigint, tokens_per_minute bigint,
                   images_per_minute bigint, paused boolean, gate text, gate_until timestamptz, learned text, handled boolean, resumes integer)
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select l.id, l.max_in_flight, l.trusted, l.requests_per_minute, l.tokens_per_minute, l.images_per_minute,
           l.paused_at is not null and (l.paused_until is null or l.paused_until > now())
           or exists (select from atelier_internal.pauses p where p.kind = 'queue' and (p.paused_until is null or p.paused_until > now())),
           l.gate, l.gate_until, l.learned::text, l.provider = 'sql', l.resumes
      from atelier_internal.lanes l;
end;
comment on function atelier_internal.lane_limits() is 'What the worker has to know of the lanes; handled: their orders are calls of functions of users, in handler processes.';

create function atelier_internal.tenant_limits()
    returns table (tenant_id uuid, weight double precision, max_in_flight integer, paused boolean)
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce(s.client_id, p.tenant_id), coalesce(s.weight, 1)::double precision, s.max_in_flight, p.tenant_id is not null
      from atelier_internal.client_shares s
      full join (select c.tenant_id from atelier_internal.pauses c
                  where c.kind = 'client' and (c.paused_until is null or c.paused_until > now())) p on p.tenant_id = s.client_id;
end;
comment on function atelier_internal.tenant_limits() is 'The tenants of which the worker has to know anything: every other one has weight 1 and no limit.';

create function atelier_internal.record_lanes(p_lanes integer[], p_gates text[], p_until timestamptz[], p_learned text[], p_resumes integer[]) returns integer[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    -- One that somebody is just changing is recorded the next time; one that somebody resumed, when the worker has heard of it.
    v_free integer[] := array(
        select l.id from atelier_internal.lanes l
         where l.id = any (p_lanes) and (l.id, l.resumes) in (select r.lane_id, r.resumes from unnest(p_lanes, p_resumes) as r (lane_id, resumes))
           for no key update skip locked);
begin
    update atelier_internal.lanes l
       set gate = r.gate, gate_until = r.until, learned = r.learned::jsonb,
           gate_reason = case when r.gate = 'open' then null else l.gate_reason end
      from unnest(p_lanes, p_gates, p_until, p_learned) as r (lane_id, gate, until, learned)
     where l.id = r.lane_id and l.id = any (v_free)
       and (l.gate, l.gate_until, l.learned) is distinct from (r.gate, r.until, r.learned::jsonb);
    return v_free;
end
$$;
comment on function atelier_internal.record_lanes(integer[], text[], timestamptz[], text[], integer[]) is
    'Writes down what the worker learned of lanes and how their gates stand, for those who look and for the next worker; p_resumes says how often they had been resumed when it learned that. Returns the lanes of which that could be done; the others are locked, or were resumed since.';

create function atelier.set_client_share(client_id uuid, weight numeric default null, max_in_flight integer default null) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_share atelier_internal.client_shares;
begin
    if num_nonnulls(set_client_share.weight, set_client_share.max_in_flight) = 0 then
        raise exception 'neither weight nor max_in_flight was given'
            using errcode = 'null_value_not_allowed', hint = 'Name one of them; the other stays as it is. Weight 1 and max_in_flight 0 are what every client has at first.';
    elsif set_client_share.weight not between 0.01 and 1000 then
        raise exception 'weight must be between 0.01 and 1000, not %', left(set_client_share.weight::text, 20)
            using errcode = 'invalid_parameter_value', hint = 'To stop a client, use atelier.pause_client().';
    elsif set_client_share.max_in_flight not between 0 and 100000 then
        raise exception 'max_in_flight must be between 0 and 100000, not %', set_client_share.max_in_flight
            using errcode = 'invalid_parameter_value', hint = '0 removes the limit. To stop a client, use atelier.pause_client().';
    end if;
    perform atelier_internal.hold_client(set_client_share.client_id);
    insert into atelier_internal.client_shares as s (client_id, weight, max_in_flight)
    values (set_client_share.client_id, coalesce(round(set_client_share.weight, 4), 1), nullif(set_client_share.max_in_flight, 0))
    on conflict on constraint client_shares_pkey do update
       set weight = coalesce(round(set_client_share.weight, 4), s.weight), updated_at = now(),
           max_in_flight = nullif(coalesce(set_client_share.max_in_flight, s.max_in_flight), 0)
    returning * into v_share;
    -- The worker keeps the exceptions in memory.
    if v_share.weight = 1 and v_share.max_in_flight is null then
        delete from atelier_internal.client_shares s where s.client_id = v_share.client_id;
    end if;
    perform atelier_internal.audit('client.share_set', 'client', set_client_share.client_id, set_client_share.client_id, jsonb_strip_nulls(
        jsonb_build_object('weight', v_share.weight, 'max_in_flight', v_share.max_in_flight)));
end
$$;
comment on function atelier.set_client_share(uuid, numeric, integer) is
    'Sets how a client shares the lanes: its weight (0.01 to 1000; 1 is normal) among the clients that wait for the same lane, and how many orders of it may be under way at once in all lanes together (0: as many as the lanes take); null leaves it as it is. Takes effect at the next lease. 22023 for another number, 22004 when none is given, 23503 for an unknown client.';
