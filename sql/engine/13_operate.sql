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
    )
    select array_agg(l.id order by l.id) into v_live from live l;
    if v_live is not null then
        perform atelier_internal.finish_jobs(array(
            select row(l.id, 'cancelled', 'cancelled', p_reason)::atelier_internal.finished from unnest(v_live) l (id)));
    end if;
    return coalesce(cardinality(v_live), 0);
end
$$;
comment on function atelier_internal.cancel_jobs(uuid[], text) is
    'Ends live jobs as cancelled, at once: a running attempt is told to stop, and its answer, should one come, changes nothing. Returns how many were live.';

create function atelier.cancel_job(job_id uuid, reason text default 'cancelled by hand') returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if cancel_job.job_id is null then
        raise exception 'job_id must not be null' using errcode = 'null_value_not_allowed';
    end if;
    return atelier_internal.cancel_jobs(array[cancel_job.job_id], coalesce(cancel_job.reason, 'cancelled by hand')) > 0;
end
$$;
comment on function atelier.cancel_job(uuid, text) is 'Cancels a live job; false when it is not live (any more). 22004 for null.';

create function atelier.release_job(job_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
begin
    select * into v_job from atelier_internal.jobs j where j.id = release_job.job_id for update;
    if not found then
        raise exception 'job not found' using errcode = 'no_data_found', detail = format('Job %s is not live.', release_job.job_id);
    end if;
    if v_job.instance <> atelier_internal.instance_id() then
        raise exception 'job belongs to another instance' using errcode = 'object_not_in_prerequisite_state',
              hint = 'atelier.adopt_jobs() takes over the jobs of a restored database.';
    end if;
    if v_job.state <> 'held' then
        return false;
    end if;
    perform atelier_internal.make_runnable(array[v_job.id]);
    return true;
end
$$;
comment on function atelier.release_job(uuid) is
    'Lets a held job run again, at the risk of doing its last attempt twice; false when it is not held. P0002 for a job that is not live, 55000 for one of another instance.';

create function atelier.adopt_jobs() returns integer
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_foreign uuid[];
    v_here bigint := atelier_internal.instance_id();
begin
    update atelier_internal.engine_state set instance_label = null;
    select array_agg(j.id order by j.sequence nulls last, j.id) into v_foreign
      from (select j.id, j.sequence from atelier_internal.jobs j where j.instance <> v_here order by j.id for update) j;
    perform atelier_internal.start_worker();
    if v_foreign is null then
        return 0;
    end if;
    delete from atelier_internal.queue_entries q where q.instance <> v_here;
    with gone as (
        delete from atelier_internal.deferrals d where d.instance <> v_here returning d.run_after, d.job_id
    )
    insert into atelier_internal.deferrals (instance, run_after, job_id) select v_here, g.run_after, g.job_id from gone g;
    update atelier_internal.attempts a
       set outcome = 'failed', error_class = 'worker_lost', error_message = 'the database was restored while the attempt ran',
           finished_at = now()
     where a.outcome is null and a.job_id = any (v_foreign);
    update atelier_internal.jobs j
       set instance = v_here, sequence = null,
           state = case when j.state in ('leased', 'draining') then 'waiting' else j.state end,
           token = null, epoch = null, attempt_id = null, attempt_ring = null, image_id = null
     where j.id = any (v_foreign);
    perform atelier_internal.make_runnable(array(
        select f.id from unnest(v_foreign) with ordinality as f (id, n)
          join atelier_internal.jobs j on j.id = f.id
         where j.state = 'waiting' and j.run_after is null and j.reason is distinct from 'dependency'
         order by f.n));
    return cardinality(v_foreign);
end
$$;
comment on function atelier.adopt_jobs() is
    'Makes the live jobs of a restored or copied database this database''s own, so that its worker runs them; returns how many. Run it only where the original runs no more: what was under way there is done again here.';

create function atelier.explain_job(job_id uuid)
    returns table (state text, reason text, explanation text, released_by text)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
    v_lane atelier_internal.lanes;
    v_ended record;
    v_ahead bigint;
begin
    select * into v_job from atelier_internal.jobs j where j.id = explain_job.job_id;
    if not found then
        select h.state, h.error_class, h.error_message, h.finished_at into v_ended
          from (select 'completed' as state, null as error_class, null as error_message, c.finished_at
                  from atelier_internal.history_completed c where c.job_id = explain_job.job_id
                union all
                select f.state, f.error_class, f.error_message, f.finished_at
                  from atelier_internal.history_failed f where f.job_id = explain_job.job_id) h;
        if not found then
            raise exception 'job not found' using errcode = 'no_data_found', detail = format('Job %s.', explain_job.job_id),
                  hint = 'Finished jobs are forgotten after pg_atelier.job_ttl_completed or job_ttl_failed.';
        end if;
        return query select v_ended.state, v_ended.error_class,
            format('It ended at %s as %s%s.', v_ended.finished_at, v_ended.state, coalesce(': ' || v_ended.error_message, '')),
            case v_ended.state when 'completed' then 'Nothing: it is done.'
                 else 'A new job: atelier.retry_asset() makes one for an asset.' end;
        return;
    end if;
    select * into v_lane from atelier_internal.lanes l where l.id = v_job.lane_id;

    if v_job.instance <> atelier_internal.instance_id() then
        return query select 'held', 'foreign_instance',
            'It was enqueued in another database, of which this one is a copy.',
            'atelier.adopt_jobs(), where the original runs no more.';
    elsif v_job.state = 'leased' then
        return query select v_job.state, null::text,
            format('Attempt %s is under way since %s.', v_job.attempt_id,
                   (select a.leased_at from atelier_internal.attempts a where a.id = v_job.attempt_id and a.ring = v_job.attempt_ring)),
            'Its answer, its timeout, or atelier.cancel_job().';
    elsif v_job.state = 'draining' then
        return query select v_job.state, v_job.reason, 'Its worker is gone, but the executor may still bring its answer.',
            'The end of the orphaned executor.';
    elsif v_job.state = 'held' then
        return query select v_job.state, v_job.reason,
            case v_job.reason when 'outcome_unknown' then 'Its last attempt may have been done, and billed, by the service.'
                 else format('It is held: %s.', v_job.reason) end,
            'atelier.release_job() runs it again, atelier.cancel_job() ends it.';
    elsif v_job.reason = 'dependency' then
        return query select v_job.state, 'dependency',
            format('It waits for %s.', (select string_agg('job ' || d.depends_on, ', ' order by d.depends_on)
                                          from atelier_internal.job_dependencies d where d.job_id = v_job.id)),
            'The completion of those jobs; should one fail, it fails with the same reason.';
    elsif v_job.run_after > now() then
        return query select v_job.state, v_job.reason,
            case v_job.reason when 'retry' then format('Attempt %s of %s failed; it is tried again after %s.',
                                                       v_job.attempts, v_job.max_attempts, v_job.run_after)
                 when 'locked' then 'Another session holds the row that it works for locked.'
                 else format('It is scheduled for %s.', v_job.run_after) end,
            case v_job.reason when 'locked' then 'The end of that session''s transaction.'
                 else format('The clock, in %s.', v_job.run_after - now()) end;
    elsif v_lane.paused_at is not null and (v_lane.paused_until is null or v_lane.paused_until > now()) then
        return query select v_job.state, 'paused',
            format('Its lane (%s %s) is paused since %s: %s.', v_lane.provider, v_lane.model, v_lane.paused_at, v_lane.pause_reason),
            format('atelier.resume_lane(%L, %L)%s', v_lane.provider, v_lane.model, coalesce(' or the clock, at ' || v_lane.paused_until, ''));
    elsif v_lane.cooldown_until > now() then
        return query select v_job.state, 'cooldown',
            format('Its lane (%s %s) rests until %s: %s.', v_lane.provider, v_lane.model, v_lane.cooldown_until, v_lane.cooldown_reason),
            format('The clock, in %s.', v_lane.cooldown_until - now());
    elsif not exists (select from atelier_internal.workers_state() w
                       where w.database = (select d.oid from pg_database d where d.datname = current_database()) and w.state = 'running') then
        return query select v_job.state, 'no_worker', 'No worker serves this database.', 'What atelier.self_check() says.';
    else
        select count(*) into v_ahead
          from (select from atelier_internal.queue_entries q
                 where q.instance = v_job.instance and q.lane_id = v_job.lane_id
                   and (q.priority, q.sequence) < (v_job.priority, v_job.sequence) limit 100000) q;
        return query select v_job.state, 'queued',
            format('%s job(s) are before it in its lane (%s %s), which takes %s at once.', v_ahead, v_lane.provider, v_lane.model, v_lane.max_in_flight),
            'Its turn.';
    end if;
end
$$;
comment on function atelier.explain_job(uuid) is
    'Why is this job not running, and what would release it? Answers for finished jobs too, as long as history keeps them. P0002 for an unknown job.';
