create function atelier_internal.cancel_jobs(p_jobs uuid[], p_reason text) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_live uuid[];
begin
    with live as materialized (
        select j.id, j.state, j.attempt_id, j.attempt_ring from atelier_internal.jobs j
         where j.id = any (p_jobs) order by j.id for update
    ), aborted as (
        insert into atelier_internal.cancellations (attempt_id)
        select l.attempt_id from live l where l.attempt_id is not null
        on conflict do nothing
    ), closed as (
        update atelier_internal.attempts a
           set outcome = 'cancelled', error_class = 'cancelled', error_message = p_reason, finished_at = now()
          from live l
         where a.id = l.attempt_id and a.ring = l.attempt_ring and a.outcome is null
    ), kept as (
        -- Its answer, should one come, says whether it is billed.
        update atelier_internal.reserves r set state = 'kept'
         where r.attempt_id = any (array(select l.attempt_id from live l where l.attempt_id is not null))
    )
    select array_agg(l.id order by l.id) into v_live from live l;
    if v_live is not null then
        perform atelier_internal.discard_attempts(v_live);
        perform atelier_internal.finish_jobs(array(
            select row(l.id, 'cancelled', 'cancelled', p_reason)::atelier_internal.finished from unnest(v_live) l (id)));
    end if;
    return coalesce(cardinality(v_live), 0);
end
$$;
comment on function atelier_internal.cancel_jobs(uuid[], text) is
    'Ends live jobs as cancelled, at once, held and draining ones too: a running attempt is told to stop, and its answer or receipt, should one come, changes nothing but what is known of the attempt. Returns how many were live.';

create function atelier_internal.live_jobs(p_filter atelier_internal.job_filter, p_limit integer) returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select j.id from atelier_internal.jobs j
         where (p_filter.jobs is null or j.id = any (p_filter.jobs))
           and (p_filter.states is null or j.state = any (p_filter.states))
           and (p_filter.pipelines is null or j.pipeline = any (p_filter.pipelines))
           and (p_filter.providers is null or j.provider = any (p_filter.providers))
           and (p_filter.models is null or j.model = any (p_filter.models))
           and (p_filter.clients is null or j.client_id = any (p_filter.clients))
           and (p_filter.tags is null or j.tags && p_filter.tags)
           and (p_filter.earlier_than is null or j.created_at < p_filter.earlier_than)
           and (p_filter.later_than is null or j.created_at > p_filter.later_than)
           and (p_filter.error_classes is null or (
                select a.error_class from atelier_internal.attempts a
                 where a.job_id = j.id and a.finished_at is not null order by a.id desc limit 1) = any (p_filter.error_classes))
         order by j.id limit p_limit);
end
$$;
comment on function atelier_internal.live_jobs(atelier_internal.job_filter, integer) is
    'The oldest live jobs that a filter means: before and after are about their creation, error_class about their last attempt that ended. Reads all live jobs.';

create function atelier.cancel_jobs(filter jsonb, reason text default 'cancelled by hand', max_jobs integer default 1000) returns integer
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_filter atelier_internal.job_filter := atelier_internal.read_job_filter(cancel_jobs.filter, array['waiting', 'leased', 'draining', 'held']);
    v_reason text := left(coalesce(nullif(btrim(cancel_jobs.reason), ''), 'cancelled by hand'), 1000);
    v_cancelled integer;
begin
    perform atelier_internal.require_max_jobs(cancel_jobs.max_jobs);
    v_cancelled := atelier_internal.cancel_jobs(atelier_internal.live_jobs(v_filter, cancel_jobs.max_jobs), v_reason);
    if v_cancelled > 0 then
        perform atelier_internal.audit('jobs.cancelled', 'jobs', null, atelier.current_client_id(), jsonb_build_object(
            'filter', cancel_jobs.filter, 'reason', v_reason, 'jobs', v_cancelled));
    end if;
    return v_cancelled;
end
$$;
comment on function atelier.cancel_jobs(jsonb, text, integer) is
    'Cancels up to max_jobs (1 to 10000) live jobs, the oldest first, and with them the jobs that wait for them; returns how many were meant by the filter. filter: a JSON object with any of job_id, state (waiting, leased, draining, held), pipeline, provider, model, client_id, tag, error_class (of the last attempt that ended), each a text or a list of which one must fit, and before and after (created); {} means all. What a provider has already begun may be billed all the same. 22004 and 22023 for a bad filter.';

create function atelier.cancel_job(job_id uuid, reason text default 'cancelled by hand') returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_client_id uuid := (select j.client_id from atelier_internal.jobs j where j.id = cancel_job.job_id);
begin
    if cancel_job.job_id is null then
        raise exception 'job_id must not be null' using errcode = 'null_value_not_allowed', hint = 'SELECT job_id FROM atelier.jobs shows the live ones.';
    end if;
    if atelier_internal.cancel_jobs(array[cancel_job.job_id], coalesce(cancel_job.reason, 'cancelled by hand')) = 0 then
        return false;
    end if;
    perform atelier_internal.audit('job.cancelled', 'job', cancel_job.job_id, v_client_id, jsonb_build_object('reason', cancel_job.reason));
    return true;
end
$$;
comment on function atelier.cancel_job(uuid, text) is
    'Cancels a live job, and with it the jobs that wait for it; false when it is not live (any more). What a provider has already begun may be billed all the same. 22004 for null.';
