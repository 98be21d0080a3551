create function atelier_internal.make_runnable(p_jobs uuid[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    with numbered as materialized (
        select o.id, nextval('atelier_internal.queue_sequence') as sequence
          from (select u.id from unnest(p_jobs) with ordinality as u (id, n) order by u.n) o
    ), runnable as (
        update atelier_internal.jobs j
           set state = 'waiting', reason = null, run_after = null, token = null, epoch = null, attempt_id = null,
               attempt_ring = null, image_id = null, sequence = o.sequence
          from numbered o
         where j.id = any (p_jobs) and j.id = o.id
        returning j.instance, j.lane_id, j.client_id, j.priority, j.sequence, j.id, j.step, j.start_by
    ), hurried as (
        insert into atelier_internal.start_deadlines (instance, start_by, job_id)
        select r.instance, r.start_by, r.id from runnable r where r.start_by is not null and r.step = 1
        on conflict do nothing
    )
    insert into atelier_internal.queue_entries (instance, lane_id, tenant_id, priority, sequence, job_id)
    select r.instance, r.lane_id, atelier_internal.tenant_of(r.client_id), r.priority, r.sequence, r.id from runnable r;
end
$$;
comment on function atelier_internal.make_runnable(uuid[]) is 'Puts jobs without a queue entry at the end of their flows, in the given order.';

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
        returning j.instance, j.run_after, j.id, j.step, j.start_by
    ), hurried as (
        insert into atelier_internal.start_deadlines (instance, start_by, job_id)
        select f.instance, f.start_by, f.id from deferred f where f.start_by is not null and f.step = 1
        on conflict do nothing
    )
    insert into atelier_internal.deferrals (instance, run_after, job_id)
    select f.instance, f.run_after, f.id from deferred f;
end
$$;
comment on function atelier_internal.defer(uuid[], timestamptz[], text) is 'Lets jobs without a queue entry wait until a time.';

create function atelier_internal.block(p_jobs uuid[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    update atelier_internal.jobs j
       set state = 'waiting', reason = 'dependency', run_after = null, token = null, epoch = null, attempt_id = null, attempt_ring = null,
           image_id = null, sequence = null
     where j.id = any (p_jobs);
end
$$;
comment on function atelier_internal.block(uuid[]) is 'Lets jobs without a queue entry wait for those that they depend on.';

create function atelier_internal.with_priority(p_priority smallint) returns atelier_internal.job_options[]
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return array[row(p_priority, null, null, null, null, null)::atelier_internal.job_options];
comment on function atelier_internal.with_priority(smallint) is 'Options of jobs that have a priority and nothing else.';

create function atelier_internal.options_for_each(p_options atelier_internal.job_options[], p_count integer) returns atelier_internal.job_options[]
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(cardinality(p_options), 0) = 0 then
        return array_fill(null::atelier_internal.job_options, array[p_count]);
    elsif cardinality(p_options) = 1 then
        return array_fill(p_options[1], array[p_count]);
    elsif cardinality(p_options) <> p_count then
        raise exception '% options were given for % jobs', cardinality(p_options), p_count
            using errcode = 'invalid_parameter_value', hint = 'Give none, one for all jobs, or one for each of them.';
    end if;
    return p_options;
end
$$;
comment on function atelier_internal.options_for_each(atelier_internal.job_options[], integer) is
    'The options of so many jobs, one each: p_options has none, one for all, or one for each. 22023 for another number.';

create function atelier_internal.enqueue_jobs(
        p_pipeline text, p_requests atelier_internal.job_request[], p_options atelier_internal.job_options[] default null)
    returns uuid[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_max_attempts smallint;
    v_without_provider boolean;
    v_ids uuid[];
    v_options atelier_internal.job_options[] := atelier_internal.options_for_each(p_options, coalesce(cardinality(p_requests), 0));
    v_places atelier_internal.ordered_place[];
begin
    perform atelier_internal.warn_if_not_preloaded();
    if exists (select from unnest(p_options) o where not isfinite(o.run_after) or not isfinite(o.start_by)) then
        raise exception 'run_after and start_by must be finite times'
            using errcode = 'invalid_parameter_value', hint = 'Leave out the one that does not matter.';
    end if;
    select coalesce(s.max_attempts, atelier_internal.setting('max_attempts')::smallint), s.label is not null
      into v_max_attempts, v_without_provider
      from atelier_internal.steps s where s.pipeline = p_pipeline and s.position = 1 and atelier_internal.is_pipeline_present(p_pipeline);
    if not found then
        raise exception 'pipeline "%" does not exist or has no steps', p_pipeline
            using errcode = 'undefined_object',
                  hint = 'SELECT name, extension FROM atelier_internal.pipelines lists them; one that an extension registered is there while that is installed.';
    end if;
    perform atelier_internal.require_provider(d.provider)
       from (select distinct r.provider from unnest(p_requests) r) d
      where not (v_without_provider and atelier_internal.is_action_lane(d.provider));
    select array_agg(atelier_internal.uuid_v7() order by g) into v_ids
      from generate_series(1, cardinality(p_requests)) g;
    v_places := atelier_internal.take_places(p_requests, v_options);

    with lanes as materialized (
        select d.provider, d.model, atelier_internal.lane_for(d.provider, d.model) as lane_id
          from (select distinct r.provider, coalesce(r.model, '') as model from unnest(p_requests) r) d
    ), asked as (
        select r.*, coalesce(cardinality(r.waits_for), 0) > 0 as depends, coalesce(r.run_after > now(), false) as deferred,
               coalesce(r.blocked, false) as behind
          from rows from (unnest(p_requests), unnest(v_options), unnest(v_places)) with ordinality
               as r (subject_id, client_id, provider, model, input, waits_for, priority, run_after, start_by, order_key, tags, traceparent,
                     key_client_id, key, order_sequence, blocked, check_key, n)
    ), inserted as (
        insert into atelier_internal.jobs
            (id, pipeline, state, reason, lane_id, priority, sequence, run_after, max_attempts,
             subject_id, client_id, provider, model, input, start_by, order_key, order_sequence, tags, traceparent)
        select v_ids[r.n], p_pipeline, 'waiting',
               case when r.behind then 'order' when r.depends then 'dependency' when r.deferred then 'deferred' end,
               l.lane_id, coalesce(r.priority, 0),
               case when not r.behind and not r.depends and not r.deferred then nextval('atelier_internal.queue_sequence') end,
               case when r.deferred then r.run_after end,
               v_max_attempts, r.subject_id, r.client_id, r.provider, coalesce(r.model, ''), coalesce(r.input, '{}'),
               r.start_by, r.order_key, r.order_sequence, r.tags, r.traceparent
          from asked r
          join lanes l on l.provider = r.provider and l.model = coalesce(r.model, '')
         order by r.n
        returning id, instance, lane_id, client_id, priority, sequence, run_after, reason, start_by
    ), hurried as (
        insert into atelier_internal.start_deadlines (instance, start_by, job_id)
        select i.instance, i.start_by, i.id from inserted i where i.start_by is not null
    ), queued as (
        insert into atelier_internal.queue_entries (instance, lane_id, tenant_id, priority, sequence, job_id)
        select i.instance, i.lane_id, atelier_internal.tenant_of(i.client_id), i.priority, i.sequence, i.id from inserted i where i.sequence is not null
    ), deferred as (
        insert into atelier_internal.deferrals (instance, run_after, job_id)
        select i.instance, i.run_after, i.id from inserted i where i.reason = 'deferred'
    )
    insert into atelier_internal.job_dependencies (job_id, depends_on)
    select distinct v_ids[r.n], w.job_id
      from unnest(p_requests) with ordinality as r (subject_id, client_id, provider, model, input, waits_for, n),
           unnest(r.waits_for) as w (job_id);
    if v_places is not null then
        insert into atelier_internal.ordered_jobs (client_id, order_key, sequence, job_id)
        select p.client_id, p.order_key, p.sequence, v_ids[p.n]
          from unnest(v_places) with ordinality as p (client_id, order_key, sequence, blocked, check_key, n)
         where p.order_key is not null;
        insert into atelier_internal.order_checks (client_id, order_key)
        select p.client_id, p.order_key from unnest(v_places) p where p.check_key;
    end if;
    return coalesce(v_ids, '{}');
end
$$;
comment on function atelier_internal.enqueue_jobs(text, atelier_internal.job_request[], atelier_internal.job_options[]) is
    'Enqueues jobs in the caller''s transaction; returns their ids in the order of the requests. p_options: none, one for all jobs, or one for each. A job with waits_for runs when all of those completed, one with an order key when those before it have ended. 42704 for an unknown pipeline or provider, 42501 when the caller has no USAGE on the provider, 22023 for a bad option.';
