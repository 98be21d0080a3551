create function atelier_internal.make_runnable(p_jobs uuid[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    with runnable as (
        update atelier_internal.jobs j
           set state = 'waiting', reason = null, run_after = null, token = null, epoch = null, attempt_id = null,
               attempt_ring = null, image_id = null, sequence = nextval('atelier_internal.queue_sequence')
         where j.id = any (p_jobs)
        returning j.instance, j.lane_id, j.priority, j.sequence, j.id
    )
    insert into atelier_internal.queue_entries (instance, lane_id, priority, sequence, job_id)
    select r.instance, r.lane_id, r.priority, r.sequence, r.id from runnable r;
end
$$;
comment on function atelier_internal.make_runnable(uuid[]) is 'Puts jobs without a queue entry at the end of their lanes.';

create function atelier_internal.defer(p_jobs uuid[], p_run_after timestamptz[], p_reason text) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    with deferred as (
        update atelier_internal.jobs j
           set state = 'waiting', reason = p_reason, run_after = d.run_after, token = null, epoch = null,
               attempt_id = null, attempt_ring = null, image_id = null, sequence = null
          from unnest(p_jobs, p_run_after) as d (job_id, run_after)
         where j.id = any (p_jobs) and j.id = d.job_id
        returning j.instance, j.run_after, j.id
    )
    insert into atelier_internal.deferrals (instance, run_after, job_id)
    select f.instance, f.run_after, f.id from deferred f;
end
$$;
comment on function atelier_internal.defer(uuid[], timestamptz[], text) is 'Lets jobs without a queue entry wait until a time.';

create function atelier_internal.enqueue_jobs(
        p_pipeline text, p_requests atelier_internal.job_request[], p_priority smallint default 0,
        p_run_after timestamptz default null)
    returns uuid[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_max_attempts smallint;
    v_ids uuid[];
    v_deferred boolean := p_run_after is not null and p_run_after > now();
begin
    perform atelier_internal.warn_if_not_preloaded();
    if p_run_after is not null and not isfinite(p_run_after) then
        raise exception 'run_after must be a finite time' using errcode = 'invalid_parameter_value';
    end if;
    select coalesce(s.max_attempts, atelier_internal.setting('max_attempts')::smallint) into v_max_attempts
      from atelier_internal.steps s where s.pipeline = p_pipeline and s.position = 1;
    if not found then
        raise exception 'pipeline "%" does not exist or has no steps', p_pipeline
            using errcode = 'undefined_object', hint = 'SELECT name FROM atelier_internal.pipelines lists them.';
    end if;
    perform atelier_internal.require_provider(d.provider) from (select distinct r.provider from unnest(p_requests) r) d;
    select array_agg(atelier_internal.uuid_v7() order by g) into v_ids
      from generate_series(1, cardinality(p_requests)) g;

    with lanes as materialized (
        select d.provider, d.model, atelier_internal.lane_for(d.provider, d.model) as lane_id
          from (select distinct r.provider, coalesce(r.model, '') as model from unnest(p_requests) r) d
    ), inserted as (
        insert into atelier_internal.jobs
            (id, pipeline, state, reason, lane_id, priority, sequence, run_after, max_attempts,
             subject_id, client_id, provider, model, input)
        select v_ids[r.n], p_pipeline, 'waiting',
               case when coalesce(cardinality(r.waits_for), 0) > 0 then 'dependency' when v_deferred then 'deferred' end,
               l.lane_id, p_priority,
               case when coalesce(cardinality(r.waits_for), 0) = 0 and not v_deferred
                    then nextval('atelier_internal.queue_sequence') end,
               case when v_deferred then p_run_after end,
               v_max_attempts, r.subject_id, r.client_id, r.provider, coalesce(r.model, ''), coalesce(r.input, '{}')
          from unnest(p_requests) with ordinality as r (subject_id, client_id, provider, model, input, waits_for, n)
          join lanes l on l.provider = r.provider and l.model = coalesce(r.model, '')
         order by r.n
        returning id, instance, lane_id, priority, sequence, run_after, reason
    ), queued as (
        insert into atelier_internal.queue_entries (instance, lane_id, priority, sequence, job_id)
        select i.instance, i.lane_id, i.priority, i.sequence, i.id from inserted i where i.sequence is not null
    ), deferred as (
        insert into atelier_internal.deferrals (instance, run_after, job_id)
        select i.instance, i.run_after, i.id from inserted i where i.reason = 'deferred'
    )
    insert into atelier_internal.job_dependencies (job_id, depends_on)
    select distinct v_ids[r.n], w.job_id
      from unnest(p_requests) with ordinality as r (subject_id, client_id, provider, model, input, waits_for, n),
           unnest(r.waits_for) as w (job_id);
    return coalesce(v_ids, '{}');
end
$$;
comment on function atelier_internal.enqueue_jobs(text, atelier_internal.job_request[], smallint, timestamptz) is
    'Enqueues jobs in the caller''s transaction; returns their ids in the order of the requests. A job with waits_for runs when all of those completed. 42704 for an unknown pipeline or provider, 42501 when the caller has no USAGE on the provider.';
