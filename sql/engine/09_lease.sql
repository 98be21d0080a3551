-- The plan must not depend on the statistics of a table that is empty at one moment and full at the next.
create function atelier_internal.claim(p_lanes integer[], p_tenants uuid[], p_priorities smallint[], p_watermarks bigint[],
                                       p_takes integer[], p_busy_lanes integer[], p_in_flight integer[])
    returns table (tid tid, lane_id integer, tenant_id uuid, priority smallint, sequence bigint, job_id uuid)
    language plpgsql volatile rows 100
    set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    with wanted as materialized (
        select k.*
          from unnest(p_lanes, p_tenants, p_priorities, p_watermarks, p_takes) with ordinality
               as k (lane_id, tenant_id, priority, watermark, take, place)
         where not exists (select from atelier_internal.pauses p
                            where p.kind = 'client' and p.name = k.tenant_id::text and (p.paused_until is null or p.paused_until > now()))
    ), room as materialized (
        select l.id as lane_id, l.max_in_flight - coalesce(b.in_flight, 0) as free
          from atelier_internal.lanes l
          left join unnest(p_busy_lanes, p_in_flight) as b (lane_id, in_flight) on b.lane_id = l.id
         where l.id = any (p_lanes)
           and (l.paused_at is null or l.paused_until <= now())
           and not exists (select from atelier_internal.pauses p where p.kind = 'queue' and (p.paused_until is null or p.paused_until > now()))
    ), claimable as materialized (
        select e.tid, k.lane_id, k.tenant_id, k.priority, e.sequence, e.job_id, r.free, k.place
          from wanted k
          join room r on r.lane_id = k.lane_id and r.free > 0
          cross join lateral (
                select q.ctid as tid, q.sequence, q.job_id
                  from atelier_internal.queue_entries q
                 where q.instance = atelier_internal.instance_id() and q.lane_id = k.lane_id and q.tenant_id = k.tenant_id
                   and q.priority = k.priority and q.sequence > k.watermark
                 order by q.sequence
                 limit least(k.take, r.free)
                   for update skip locked) e
    ), ranked as (
        select c.*, row_number() over (partition by c.lane_id order by c.place, c.sequence) as rank
          from claimable c
    )
    select k.tid, k.lane_id, k.tenant_id, k.priority, k.sequence, k.job_id
      from ranked k
     where k.rank <= k.free
     order by k.rank, k.lane_id;
end
$$;
comment on function atelier_internal.claim(integer[], uuid[], smallint[], bigint[], integer[], integer[], integer[]) is
    'Locks the next queue entries of flows (lane, tenant, priority) beyond their watermarks, of each as many as it may take, in lanes that have room; none of a lane, a client or a queue that is paused.';

create function atelier_internal.prepare_group(p_prepare text, p_leases atelier_internal.lease[])
    returns table (job_id uuid, request text, error_class text, error_message text)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_lease atelier_internal.lease;
    v_longest constant integer := 1000000;
begin
    return query execute format(
        'select r.job_id, case when r.fits then r.request end,
                case when r.fits then r.error_class else ''invalid_request'' end,
                case when r.fits then r.error_message else format(''the request is longer than %%s bytes'', $2) end
           from (select f.job_id, f.request::text as request, f.error_class, f.error_message,
                        coalesce(octet_length(f.request::text), 0) <= $2 as fits
                   from %s f) r',
        coalesce(p_prepare || '($1)', '(select l.job_id, l.input as request, null as error_class, null as error_message from unnest($1) l)'))
        using p_leases, v_longest;
exception
when lock_not_available or transaction_rollback or insufficient_resources or operator_intervention then
    -- It says nothing about the rows.
    raise;
when others then
    -- One bad row must not hold up the others: try them one by one, and only the bad one fails.
    if cardinality(p_leases) = 1 then
        return query select p_leases[1].job_id, null::text, 'invalid_request',
                            format('the request could not be prepared: %s (%s)', sqlerrm, sqlstate);
        return;
    end if;
    foreach v_lease in array p_leases loop
        return query select * from atelier_internal.prepare_group(p_prepare, array[v_lease]);
    end loop;
end
$$;
comment on function atelier_internal.prepare_group(text, atelier_internal.lease[]) is
    'Runs a step''s prepare function over leases and writes the requests as text; a row that makes it raise, or whose request is too long, fails alone.';

create type atelier_internal.claimed as (tid tid, lane_id integer, tenant_id uuid, priority smallint, sequence bigint, job_id uuid);
comment on type atelier_internal.claimed is 'A locked queue entry.';

create type atelier_internal.leased as (
    tid tid, job_id uuid, pipeline text, step smallint, token bigint, attempt_id bigint, image_id uuid, lane_id integer,
    subject_id uuid, client_id uuid, provider text, model text, input jsonb, created_by text, traceparent text);
comment on type atelier_internal.leased is 'A job just leased, with what its order needs.';

create type atelier_internal.prepared as (job_id uuid, request text, error_class text, error_message text);
comment on type atelier_internal.prepared is 'What a prepare function said of a lease.';

create function atelier_internal.check_epoch(p_epoch bigint) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from atelier_internal.engine_state s where s.epoch = p_epoch) then
        raise exception 'worker incarnation % has been replaced', p_epoch
            using errcode = 'admin_shutdown', hint = 'Another worker serves this database now.';
    end if;
end
$$;
comment on function atelier_internal.check_epoch(bigint) is 'Refuses, with 57P01, the work of an incarnation that was replaced.';

-- An application may hold a job's row, or the row that the job works for, locked for as long as it likes. The worker serves
-- everybody, so it takes what it gets at once and comes again for the rest.
create function atelier_internal.jobs_with_locked_subjects(p_jobs uuid[]) returns uuid[]
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan
as $$
declare
    v_group record;
    v_subjects uuid[];
    v_locked uuid[] := '{}';
begin
    for v_group in
        select p.subject_table, array_agg(j.id) as jobs, array_agg(j.subject_id) as subjects
          from atelier_internal.jobs j
          join atelier_internal.pipelines p on p.name = j.pipeline and p.subject_table is not null
         where j.id = any (p_jobs) and j.subject_id is not null
         group by p.subject_table
    loop
        execute format('with mine as (select t.id from %1$s t where t.id = any ($1) for no key update skip locked)
                        select array(select t.id from %1$s t where t.id = any ($1) and t.id not in (select m.id from mine m))',
                       v_group.subject_table)
           into v_subjects using v_group.subjects;
        if v_subjects <> '{}' then
            v_locked := v_locked || array(
                select j.id from atelier_internal.jobs j where j.id = any (v_group.jobs) and j.subject_id = any (v_subjects));
        end if;
    end loop;
    return v_locked;
end
$$;
comment on function atelier_internal.jobs_with_locked_subjects(uuid[]) is
    'Locks the rows that jobs work for; returns the jobs whose row somebody else holds locked.';

create function atelier_internal.lock_jobs(p_jobs uuid[]) returns uuid[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_jobs uuid[] := array(select j.id from atelier_internal.jobs j where j.id = any (p_jobs) for update skip locked);
    v_locked uuid[] := atelier_internal.jobs_with_locked_subjects(v_jobs);
begin
    return array(select v.id from unnest(v_jobs) v (id) where v.id <> all (v_locked));
end
$$;
comment on function atelier_internal.lock_jobs(uuid[]) is
    'Locks live jobs and the rows that they work for, without waiting; returns those it got.';

create function atelier_internal.expire_jobs(p_jobs uuid[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_jobs <> '{}' then
        perform atelier_internal.finish_jobs(array(
            select row(j.id, 'failed', 'expired', format('no attempt of it could begin by %s%s', to_char(j.start_by at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                       case when j.attempts + j.crashes > 0 then format('; %s had failed before', j.attempts + j.crashes) else '' end))::atelier_internal.finished
              from atelier_internal.jobs j where j.id = any (p_jobs) order by j.id));
    end if;
end
$$;
comment on function atelier_internal.expire_jobs(uuid[]) is 'Ends locked jobs that did not begin by the time that was asked for.';

create function atelier_internal.set_aside(p_jobs uuid[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_pipelines text[];
    v_absent text[];
begin
    perform atelier_internal.expire_jobs(array(
        select j.id from atelier_internal.jobs j where j.id = any (p_jobs) and j.state = 'waiting' and j.step = 1 and j.start_by <= now()));
    v_pipelines := array(select distinct j.pipeline from atelier_internal.jobs j where j.id = any (p_jobs));
    v_absent := array(select n.name from unnest(v_pipelines) as n (name) where not atelier_internal.is_pipeline_present(n.name));
    with parked as (
        update atelier_internal.jobs j
           set state = 'held', reason = case when j.pipeline = any (v_absent) then 'pipeline_absent' else 'paused' end, sequence = null
         where j.id = any (p_jobs) and j.state = 'waiting' and j.pipeline = any (atelier_internal.stopped_pipelines(v_pipelines))
        returning j.instance, j.pipeline, j.id
    )
    insert into atelier_internal.parked_jobs (instance, pipeline, job_id)
    select k.instance, k.pipeline, k.id from parked k
    on conflict do nothing;
end
$$;
comment on function atelier_internal.set_aside(uuid[]) is
    'Of locked jobs whose turn has come: ends those that should have begun earlier, and holds those whose pipeline is paused or absent.';

create function atelier_internal.take_leases(p_epoch bigint, p_claimed atelier_internal.claimed[])
    returns atelier_internal.leased[]
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_ring smallint := atelier_internal.ring_slot(now());
    v_free uuid[];
    v_pipelines text[];
    v_stopped text[];
    v_locked uuid[];
    v_leased atelier_internal.leased[];
begin
    -- A job that somebody is just cancelling is locked: leave its entry to them, the sweep finds it should they roll back.
    with mine as materialized (
        select j.id, j.pipeline from atelier_internal.jobs j
         where j.id = any (array(select c.job_id from unnest(p_claimed) c)) and j.state = 'waiting'
           for update skip locked
    )
    select coalesce(array_agg(m.id), '{}'), coalesce(array_agg(distinct m.pipeline), '{}') into v_free, v_pipelines from mine m;
    v_locked := atelier_internal.jobs_with_locked_subjects(v_free);
    v_stopped := atelier_internal.stopped_pipelines(v_pipelines);
    with changed as (
        update atelier_internal.jobs j
           set state = 'leased', reason = null, sequence = null, attempts = j.attempts + 1, epoch = p_epoch,
               token = atelier_internal.random_token(), attempt_id = nextval('atelier_internal.attempt_sequence'),
               attempt_ring = v_ring, image_id = gen_random_uuid()
         where j.id = any (v_free) and j.id <> all (v_locked) and j.pipeline <> all (v_stopped)
           and (j.start_by is null or j.start_by > now() or j.step > 1)
        returning j.ctid as tid, j.*
    ), recorded as (
        insert into atelier_internal.attempts
            (ring, id, job_id, instance, pipeline, step, number, lane_id, epoch, token, image_id, client_id)
        select v_ring, c.attempt_id, c.id, c.instance, c.pipeline, c.step, c.attempts + c.crashes, c.lane_id, p_epoch,
               c.token, c.image_id, c.client_id
          from changed c
    )
    select array_agg(row(c.tid, c.id, c.pipeline, c.step, c.token, c.attempt_id, c.image_id, c.lane_id, c.subject_id,
                         c.client_id, c.provider, c.model, c.input, c.created_by, c.traceparent)::atelier_internal.leased)
      into v_leased
      from changed c;
    if cardinality(v_free) > coalesce(cardinality(v_leased), 0) + cardinality(v_locked) then
        perform atelier_internal.set_aside(array(select f.id from unnest(v_free) f (id) where f.id <> all (v_locked)));
    end if;

    delete from atelier_internal.queue_entries q
     where q.ctid = any (array(
             select c.tid from unnest(p_claimed) c
              where c.job_id = any (array(select l.job_id from unnest(v_leased) l)) or c.job_id = any (v_locked)
                 or not exists (select from atelier_internal.jobs j where j.id = c.job_id and j.state = 'waiting')));
    if cardinality(v_locked) > 0 then
        perform atelier_internal.defer(v_locked, array_fill(now() + interval '1 second', array[cardinality(v_locked)]), 'locked');
    end if;
    return v_leased;
end
$$;
comment on function atelier_internal.take_leases(bigint, atelier_internal.claimed[]) is
    'Turns claimed entries into leases, each with its attempt row; entries of jobs that are gone are removed, jobs whose subject is locked wait a second, those that may not begin are set aside.';

create function atelier_internal.refuse_providers(p_leased atelier_internal.leased[]) returns atelier_internal.prepared[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    -- Leases share a few names and roles, so each pair is looked at once.
    return array(
        with named as materialized (
            select l.job_id, l.created_by, n.word, n.name
              from unnest(p_leased) l
             cross join lateral (values ('provider', l.provider), ('store', l.input ->> 'store'), ('store', l.input #>> '{source,store}')) n (word, name)
             where not atelier_internal.is_embedded(n.name) and not atelier_internal.is_action_lane(n.name)
        ), refused as materialized (
            select d.word, d.name, d.created_by, atelier_internal.provider_refusal(d.name, d.created_by, d.word) as refusal
              from (select distinct n.word, n.name, n.created_by from named n) d
        )
        select distinct on (n.job_id) row(n.job_id, null, 'invalid_request', r.refusal)::atelier_internal.prepared
          from refused r
          join named n on n.word = r.word and n.name = r.name and n.created_by = r.created_by
         where r.refusal is not null
         order by n.job_id, n.word);
end
$$;
comment on function atelier_internal.refuse_providers(atelier_internal.leased[]) is
    'The leases that may not be sent: their provider or a store is gone, or the role that created the job may not use it any more.';

create function atelier_internal.lease(p_epoch bigint, p_lanes integer[], p_tenants uuid[], p_priorities smallint[],
                                       p_watermarks bigint[], p_takes integer[], p_busy_lanes integer[], p_in_flight integer[])
    returns table (attempt_id bigint, lane_id integer, tenant_id uuid, priority smallint, sequence bigint, timeout_ms integer, order_text text, paid boolean,
                   handled boolean)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_claimed atelier_internal.claimed[];
    v_leased atelier_internal.leased[];
    v_prepared atelier_internal.prepared[];
    v_refused atelier_internal.outcome[];
    v_paid text[];
begin
    perform atelier_internal.check_epoch(p_epoch);
    select array_agg(row(c.tid, c.lane_id, c.tenant_id, c.priority, c.sequence, c.job_id)::atelier_internal.claimed)
      into v_claimed
      from atelier_internal.claim(p_lanes, p_tenants, p_priorities, p_watermarks, p_takes, p_busy_lanes, p_in_flight) c;
    if v_claimed is null then
        return;
    end if;
    v_leased := atelier_internal.take_leases(p_epoch, v_claimed);
    v_paid := array(
        with named as materialized (select distinct l.provider from unnest(v_leased) l)
        select n.provider from named n where atelier_internal.is_paid(n.provider));

    v_prepared := atelier_internal.refuse_providers(v_leased);
    select v_prepared || array_agg(row(p.job_id, p.request, p.error_class, p.error_message)::atelier_internal.prepared)
      into v_prepared
      from (select l.pipeline, l.step,
                   array_agg(row(l.job_id, l.subject_id, l.client_id, l.input, l.attempt_id, l.image_id, l.provider,
                                 l.model)::atelier_internal.lease) as leases
              from unnest(v_leased) l
             where l.job_id <> all (array(select r.job_id from unnest(v_prepared) r))
             group by l.pipeline, l.step) g
      left join atelier_internal.steps s on s.pipeline = g.pipeline and s.position = g.step
     cross join lateral atelier_internal.prepare_group(s.prepare, g.leases) p;
    v_prepared := atelier_internal.reserve(v_leased, v_prepared);

    return query
    select l.attempt_id, c.lane_id, c.tenant_id, c.priority, c.sequence, t.timeout_ms,
           -- The worker reads the lease where it stands, in the first place: jsonb puts the shortest keys first.
           case when p.job_id is not null then
                left((jsonb_build_object(
                    'lease', jsonb_build_object('job', l.job_id, 'tid', l.tid::text, 'attempt', l.attempt_id,
                                                'ring', atelier_internal.ring_slot(now()), 'token', l.token, 'lane', l.lane_id),
                    'action', s.action, 'provider', l.provider, 'model', l.model, 'timeout_ms', t.timeout_ms)
                    || case when s.action = 'http.request' then jsonb_build_object('position', l.step) else '{}' end
                    || case when l.traceparent is null then '{}' else jsonb_build_object('traceparent', l.traceparent) end)::text, -1)
                || ', "request": ' || p.request || '}'
           end,
           l.provider = any (v_paid), s.handler is not null
      from unnest(v_claimed) c
      left join unnest(v_leased) l on l.job_id = c.job_id
      left join unnest(v_prepared) p on p.job_id = c.job_id and p.request is not null and p.error_class is null
      left join atelier_internal.steps s on s.pipeline = l.pipeline and s.position = l.step
     cross join lateral (
           select (extract(epoch from coalesce(s.timeout, case when s.handler is not null then atelier_internal.setting('handler_timeout')::interval end,
                                                atelier_internal.provider_option(l.provider, 'timeout')::interval,
                                                atelier_internal.setting('job_timeout')::interval)) * 1000)::integer) t (timeout_ms);

    select array_agg(row(l.job_id, l.attempt_id, atelier_internal.ring_slot(now()), l.token, 'failed', false, 0, null, null,
                         coalesce(p.error_class, 'invalid_request'),
                         coalesce(p.error_message, 'the step prepared no request'), null)::atelier_internal.outcome)
      into v_refused
      from unnest(v_leased) l
      left join unnest(v_prepared) p on p.job_id = l.job_id
     where p.request is null or p.error_class is not null;
    if v_refused is not null then
        perform atelier_internal.apply_outcomes(p_epoch, v_refused);
    end if;
end
$$;
comment on function atelier_internal.lease(bigint, integer[], uuid[], smallint[], bigint[], integer[], integer[], integer[]) is
    'Leases jobs of flows (lane, tenant, priority) beyond their watermarks, of each as many as it may take, from lanes with room, writes their attempts, and returns their orders. A row without order text consumed its queue entry only; paid: a provider bills it; handled: a function of users does it, in a handler process.';
