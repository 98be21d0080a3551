create function atelier.explain_job(job_id uuid)
    returns table (state text, reason text, explanation text, released_by text, "position" bigint, estimated_start timestamptz)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
    v_lane atelier_internal.lanes;
    v_said atelier_internal.explanation;
    v_worker boolean;
begin
    select * into v_job from atelier_internal.jobs j where j.id = explain_job.job_id;
    if not found then
        return query select (atelier_internal.explain_finished(explain_job.job_id)).*;
        return;
    end if;
    select * into v_lane from atelier_internal.lanes l where l.id = v_job.lane_id;
    v_worker := exists (select from atelier_internal.workers_state() w
                         where w.database = (select d.oid from pg_database d where d.datname = current_database()) and w.state = 'running');
    if v_worker then
        -- The row follows within a second.
        v_lane.gate := coalesce((select nullif(c.gate, '') from atelier_internal.lane_counters() c where c.lane_id = v_lane.id), v_lane.gate);
    end if;

    if v_job.instance <> atelier_internal.instance_id() then
        v_said := row('held', 'foreign_instance', 'It was enqueued in another database, of which this one is a copy.',
                      'SELECT atelier.adopt_jobs(); where the original runs no more.', null, null);
    elsif v_job.state in ('leased', 'draining') then
        v_said := atelier_internal.explain_under_way(v_job);
    elsif v_job.state = 'held' then
        v_said := atelier_internal.explain_held(v_job);
    elsif not exists (select from atelier_internal.queue_entries q
                       where q.instance = v_job.instance and q.lane_id = v_job.lane_id and q.tenant_id = atelier_internal.tenant_of(v_job.client_id)
                         and q.priority = v_job.priority and q.sequence = v_job.sequence) then
        v_said := atelier_internal.explain_blocked(v_job);
    else
        v_said := atelier_internal.explain_pause(v_job, v_lane);
        if v_said.state is null then
            v_said := atelier_internal.explain_gate(v_job, v_lane);
        end if;
        if v_said.state is null and v_worker then
            v_said := atelier_internal.explain_turn(v_job, v_lane);
        end if;
    end if;
    if not v_worker and v_job.state = 'waiting' and v_job.instance = atelier_internal.instance_id()
       and (v_said.state is null or v_job.run_after <= now()) then
        v_said := row(v_job.state, 'no_worker', 'No worker serves this database.', 'What SELECT * FROM atelier.self_check(); says.', null, null);
    end if;
    if v_job.start_by is not null and v_job.step = 1 and (v_job.state = 'waiting' or v_job.state = 'held' and atelier_internal.is_set_aside(v_job.reason)) then
        v_said.explanation := format('%s It has to begin by %s, else it ends as expired.', v_said.explanation, v_job.start_by);
        v_said.estimated_start := case when v_said.estimated_start < v_job.start_by then v_said.estimated_start end;
    end if;
    return query select v_said.*;
end
$$;
comment on function atelier.explain_job(uuid) is
    'Why is this job not running, and what would release it? One row: state and reason (the reason in a word, null when it runs or is done), both in sentences, its position among the queued jobs of its client in its lane, or among those of its order key (100001: beyond), and an estimate of when it starts, by the pace of the last minute; null when it has begun or nothing is known. Answers for finished jobs too, as long as history keeps them. P0002 for an unknown job.';
