create function atelier.release_job(job_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
begin
    select * into v_job from atelier_internal.jobs j where j.id = release_job.job_id for update;
    if not found then
        raise exception 'job not found' using errcode = 'no_data_found', detail = format('Job %s is not live.', coalesce(release_job.job_id::text, 'null')),
              hint = 'SELECT job_id FROM atelier.jobs WHERE state = ''held'' shows what can be released.';
    end if;
    if v_job.instance <> atelier_internal.instance_id() then
        raise exception 'job belongs to another instance' using errcode = 'object_not_in_prerequisite_state',
              hint = 'atelier.adopt_jobs() takes over the jobs of a restored database.';
    end if;
    if v_job.state <> 'held' then
        return false;
    end if;
    perform atelier_internal.make_runnable(array[v_job.id]);
    update atelier_internal.budget_holds h set returned = true where h.job_id = v_job.id;
    perform atelier_internal.audit('job.released', 'job', v_job.id, v_job.client_id);
    return true;
end
$$;
comment on function atelier.release_job(uuid) is
    'Lets a held job run again, at the risk of doing its last attempt twice; one that is held for a budget tries again, and is sent only if there is room now; false when it is not held. P0002 for a job that is not live, 55000 for one of another instance.';

create function atelier_internal.end_unknown(p_jobs uuid[], p_decision text) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_decision = 'retry' then
        perform atelier_internal.make_runnable(p_jobs);
    elsif p_decision = 'fail' then
        perform atelier_internal.finish_jobs(array(
            select row(j.id, 'failed', 'outcome_unknown', coalesce(
                       (select a.error_message from atelier_internal.attempts a
                         where a.job_id = j.id and a.error_class = 'outcome_unknown' order by a.id desc limit 1),
                       'the service may have done, and billed, the work'))::atelier_internal.finished
              from unnest(p_jobs) as j (id)));
    else
        raise exception 'decision "%" is not known', coalesce(left(p_decision, 200), 'null')
            using errcode = 'invalid_parameter_value',
                  hint = 'Decisions are: retry (run it again, which may be billed a second time) and fail (end it).';
    end if;
end
$$;
comment on function atelier_internal.end_unknown(uuid[], text) is
    'Carries out a decision about locked jobs that are held for their unknown outcome. 22023 for an unknown decision.';

create function atelier.resolve_unknown(job_id uuid, decision text) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
begin
    select * into v_job from atelier_internal.jobs j where j.id = resolve_unknown.job_id for update;
    if not found then
        raise exception 'job not found' using errcode = 'no_data_found',
              detail = format('Job %s is not live.', coalesce(resolve_unknown.job_id::text, 'null')),
              hint = 'SELECT job_id FROM atelier.jobs WHERE reason = ''outcome_unknown'' shows what waits for a decision.';
    elsif v_job.instance <> atelier_internal.instance_id() then
        raise exception 'job belongs to another instance' using errcode = 'object_not_in_prerequisite_state',
              hint = 'atelier.adopt_jobs() takes over the jobs of a restored database.';
    elsif v_job.state <> 'held' or v_job.reason <> 'outcome_unknown' then
        raise exception 'job is not held for an unknown outcome' using errcode = 'object_not_in_prerequisite_state',
              detail = format('Job %s is %s%s.', v_job.id, v_job.state, coalesce(': ' || v_job.reason, '')),
              hint = format('SELECT * FROM atelier.explain_job(%L); says what it waits for.', v_job.id);
    end if;
    perform atelier_internal.end_unknown(array[v_job.id], resolve_unknown.decision);
    perform atelier_internal.audit('job.resolved', 'job', v_job.id, v_job.client_id, jsonb_build_object('decision', resolve_unknown.decision));
end
$$;
comment on function atelier.resolve_unknown(uuid, text) is
    'Decides about a job whose last attempt may have been done, and billed, by the provider: retry runs it again and may be billed a second time, fail ends it as failed. P0002 for a job that is not live, 55000 for one that is not held for this or of another instance, 22023 for another decision.';

create function atelier.resolve_unknown(provider text, decision text) returns integer
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_jobs uuid[];
begin
    if not exists (select from atelier_internal.lanes l where l.provider = resolve_unknown.provider) then
        raise exception 'provider "%" has no lane', coalesce(left(resolve_unknown.provider, 200), 'null')
            using errcode = 'no_data_found',
                  hint = 'SELECT provider FROM atelier.lanes shows those in use. For one job write atelier.resolve_unknown(job_id => ''...'', decision => ''...'').';
    end if;
    v_jobs := array(
        select j.id from atelier_internal.jobs j
         where j.provider = resolve_unknown.provider and j.state = 'held' and j.reason = 'outcome_unknown'
           and j.instance = atelier_internal.instance_id()
         order by j.id for update);
    perform atelier_internal.end_unknown(v_jobs, resolve_unknown.decision);
    perform atelier_internal.audit('jobs.resolved', 'provider', null, null, jsonb_build_object(
        'provider', resolve_unknown.provider, 'decision', resolve_unknown.decision, 'jobs', cardinality(v_jobs)));
    return cardinality(v_jobs);
end
$$;
comment on function atelier.resolve_unknown(text, text) is
    'The same for all jobs of a provider that are held for their unknown outcome; returns how many. P0002 for a provider without a lane, 22023 for another decision.';

create function atelier.adopt_jobs() returns integer
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_foreign uuid[];
    v_here bigint := atelier_internal.instance_id();
begin
    update atelier_internal.engine_state set instance_label = null;
    insert into atelier_internal.object_owners (instance) values (v_here) on conflict do nothing;
    delete from atelier_internal.object_owners o where o.instance <> v_here;
    update atelier_internal.object_deletions set instance = v_here where instance <> v_here;
    update atelier_internal.collection_checks set instance = v_here where instance <> v_here;
    select array_agg(j.id order by j.sequence nulls last, j.id) into v_foreign
      from (select j.id, j.sequence from atelier_internal.jobs j where j.instance <> v_here order by j.id for update) j;
    perform atelier_internal.start_worker();
    perform atelier_internal.note_unresolved();
    perform atelier_internal.audit('jobs.adopted', 'instance', null, null, jsonb_build_object('jobs', coalesce(cardinality(v_foreign), 0)));
    if v_foreign is null then
        return 0;
    end if;
    delete from atelier_internal.queue_entries q where q.instance <> v_here;
    insert into atelier_internal.order_checks (client_id, order_key) select distinct o.client_id, o.order_key from atelier_internal.ordered_jobs o;
    with gone as (
        delete from atelier_internal.deferrals d where d.instance <> v_here returning d.run_after, d.job_id
    )
    insert into atelier_internal.deferrals (instance, run_after, job_id) select v_here, g.run_after, g.job_id from gone g;
    with gone as (
        delete from atelier_internal.start_deadlines d where d.instance <> v_here returning d.start_by, d.job_id
    )
    insert into atelier_internal.start_deadlines (instance, start_by, job_id) select v_here, g.start_by, g.job_id from gone g;
    update atelier_internal.parked_jobs set instance = v_here where instance <> v_here;
    update atelier_internal.budget_holds set instance = v_here where instance <> v_here;
    insert into atelier_internal.budget_checks (budget_id) values (null);
    update atelier_internal.reserves set state = 'kept' where state = 'open' and job_id = any (v_foreign);
    update atelier_internal.attempts a
       set outcome = 'failed', error_message = 'the database was restored while the attempt ran', finished_at = now(),
           error_class = case when atelier_internal.is_paid(l.provider) then 'outcome_unknown' else 'worker_lost' end
      from atelier_internal.lanes l
     where a.outcome is null and a.job_id = any (v_foreign) and l.id = a.lane_id;
    insert into atelier_internal.events (kind, client_id, subject_id, job_id, data)
    select 'job.held', j.client_id, j.subject_id, j.id, jsonb_build_object('pipeline', j.pipeline, 'error_class', 'outcome_unknown')
      from atelier_internal.jobs j
     where j.id = any (v_foreign) and j.state in ('leased', 'draining') and atelier_internal.is_paid(j.provider);
    update atelier_internal.jobs j
       set instance = v_here, sequence = null,
           state = case when j.state not in ('leased', 'draining') then j.state
                        when atelier_internal.is_paid(j.provider) then 'held' else 'waiting' end,
           reason = case when j.state in ('leased', 'draining') and atelier_internal.is_paid(j.provider)
                         then 'outcome_unknown' else j.reason end,
           token = null, epoch = null, attempt_id = null, attempt_ring = null, image_id = null
     where j.id = any (v_foreign);
    perform atelier_internal.make_runnable(array(
        select f.id from unnest(v_foreign) with ordinality as f (id, n)
          join atelier_internal.jobs j on j.id = f.id
         where j.state = 'waiting' and j.run_after is null and j.reason is distinct from 'dependency' and j.reason is distinct from 'order'
         order by f.n));
    return cardinality(v_foreign);
end
$$;
comment on function atelier.adopt_jobs() is
    'Makes the live jobs and the queued deletions of a restored or copied database this database''s own, so that its worker runs them; returns how many jobs. Run it only where the original runs no more: from then on this one deletes objects, and what was under way there is done again here, but for paid calls, which are held for a decision with atelier.resolve_unknown().';
