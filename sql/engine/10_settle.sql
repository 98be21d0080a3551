create function atelier_internal.backoff(p_attempt integer) returns interval
    language sql volatile set search_path = pg_catalog, pg_temp
    return least(interval '5 minutes',
                 atelier_internal.setting('backoff_base')::interval * power(2, least(greatest(p_attempt, 1) - 1, 20)))
           * (0.5 + random() / 2);
comment on function atelier_internal.backoff(integer) is
    'Wait before the next try after p_attempt failures: pg_atelier.backoff_base doubled each time, at most 5 minutes, of which a random half is taken off so that what failed together does not return together.';

create function atelier_internal.retry_after(p_milliseconds bigint) returns interval
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return interval '1 millisecond' * least(greatest(coalesce(p_milliseconds, 0), 0), 86400000);
comment on function atelier_internal.retry_after(bigint) is
    'The rest that a service or the executor asked for, in milliseconds: at least none, at most 24 hours. Null: none.';

create type atelier_internal.finished as (job_id uuid, state text, error_class text, error_message text);
comment on type atelier_internal.finished is 'How a job ended.';

create function atelier_internal.call_hook(p_hook text, p_failures atelier_internal.failure[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_failure atelier_internal.failure;
begin
    execute format('select %s($1)', p_hook) using p_failures;
exception
when lock_not_available or transaction_rollback or insufficient_resources or operator_intervention then
    raise;
when others then
    -- One job whose ending cannot be told must not keep the others from ending.
    if cardinality(p_failures) = 1 then
        perform atelier_internal.raise_alert('failure_not_told',
            format('%s raised %s for job %s: %s', p_hook, sqlstate, p_failures[1].job_id, sqlerrm),
            'Correct the row or the function. The job has ended; what it worked for was not told.');
        return;
    end if;
    foreach v_failure in array p_failures loop
        perform atelier_internal.call_hook(p_hook, array[v_failure]);
    end loop;
end
$$;
comment on function atelier_internal.call_hook(text, atelier_internal.failure[]) is
    'Calls a pipeline''s on_failure function; a job for which it raises is alone in not being told, with an alert.';

create function atelier_internal.release_dependents(p_completed uuid[], p_ended uuid[] default '{}') returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting uuid[] := array(
        select d.job_id from atelier_internal.job_dependencies d where d.depends_on = any (p_completed)
        union
        select d.job_id from atelier_internal.job_dependencies d where d.depends_on = any (p_ended) and d.tolerant);
    v_mine uuid[];
    v_free uuid[];
begin
    if v_waiting = '{}' then
        return 0;
    end if;
    v_mine := atelier_internal.lock_jobs(v_waiting);
    with gone as (
        delete from atelier_internal.job_dependencies d
         where (d.depends_on = any (p_completed) or d.depends_on = any (p_ended) and d.tolerant) and d.job_id = any (v_mine)
        returning d.job_id, d.depends_on
    )
    select array_agg(distinct g.job_id) into v_free
      from gone g
     where not exists (select from atelier_internal.job_dependencies d
                        where d.job_id = g.job_id
                          and not exists (select from gone o where o.job_id = d.job_id and o.depends_on = d.depends_on));
    with scheduled as (
        update atelier_internal.jobs j set reason = 'deferred'
         where j.id = any (v_free) and j.state = 'waiting' and j.sequence is null and j.reason = 'dependency' and j.run_after > now()
        returning j.instance, j.run_after, j.id
    )
    insert into atelier_internal.deferrals (instance, run_after, job_id)
    select s.instance, s.run_after, s.id from scheduled s;
    perform atelier_internal.make_runnable(array(
        select j.id from atelier_internal.jobs j
         where j.id = any (v_free) and j.state = 'waiting' and j.sequence is null and j.reason = 'dependency'));
    return cardinality(v_waiting) - cardinality(v_mine);
end
$$;
comment on function atelier_internal.release_dependents(uuid[], uuid[]) is
    'Lets the jobs run that waited only for these: for jobs that completed, or for the end of jobs that ended otherwise (p_ended), however that was. Returns how many are left because somebody holds them locked.';

create function atelier_internal.fail_dependents(p_ended uuid[]) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting uuid[] := array(
        select distinct d.job_id from atelier_internal.job_dependencies d where d.depends_on = any (p_ended) and not d.tolerant);
    v_mine uuid[];
begin
    if v_waiting = '{}' then
        return 0;
    end if;
    v_mine := atelier_internal.lock_jobs(v_waiting);
    perform atelier_internal.finish_jobs(array(
        select distinct on (d.job_id)
               row(d.job_id, case h.state when 'cancelled' then 'cancelled' else 'failed' end,
                   coalesce(h.error_class, 'invalid_request'),
                   coalesce(regexp_replace(h.error_message, '^(a job it needs ended first: )?', 'a job it needs ended first: '),
                            'a job it needs does not exist'))::atelier_internal.finished
          from atelier_internal.job_dependencies d
          left join atelier_internal.history_failed h on h.job_id = d.depends_on
         where d.job_id = any (v_mine) and d.depends_on = any (p_ended) and not d.tolerant
         order by d.job_id, d.depends_on));
    return cardinality(v_waiting) - cardinality(v_mine);
end
$$;
comment on function atelier_internal.fail_dependents(uuid[]) is
    'Ends the jobs that waited for jobs which ended without success. Returns how many are left because somebody holds them locked.';

create function atelier_internal.finish_jobs(p_finished atelier_internal.finished[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids uuid[];
    v_completed uuid[];
    v_ended atelier_internal.failure[];
    v_places atelier_internal.ordered_place[];
    v_children uuid[];
begin
    select array_agg(f.job_id), array_agg(f.job_id) filter (where f.state = 'completed')
      into v_ids, v_completed
      from unnest(p_finished) f;

    with gone as (
        delete from atelier_internal.jobs j where j.id = any (v_ids) returning j.*
    ), ended as materialized (
        select g.*, f.state as ended_as, f.error_class, f.error_message
          from gone g join unnest(p_finished) f on f.job_id = g.id
    ), completed as (
        insert into atelier_internal.history_completed
            (ring, job_id, instance, pipeline, lane_id, subject_id, client_id, attempts, crashes, created_at, namespace,
             tags, traceparent)
        select atelier_internal.ring_slot(now()), e.id, e.instance, e.pipeline, e.lane_id, e.subject_id, e.client_id, e.attempts,
               e.crashes, e.created_at, e.namespace, e.tags, e.traceparent
          from ended e where e.ended_as = 'completed'
    ), failed as (
        insert into atelier_internal.history_failed
            (ring, job_id, instance, pipeline, lane_id, subject_id, client_id, attempts, crashes, created_at, state, step,
             error_class, error_message, input, namespace, tags, traceparent, priority, order_key)
        select atelier_internal.ring_slot(now()), e.id, e.instance, e.pipeline, e.lane_id, e.subject_id, e.client_id, e.attempts,
               e.crashes, e.created_at, e.ended_as, e.step, e.error_class, e.error_message, e.input, e.namespace,
               e.tags, e.traceparent, e.priority, e.order_key
          from ended e where e.ended_as <> 'completed'
    ), unqueued as (
        delete from atelier_internal.queue_entries q using ended e
         where e.sequence is not null and q.instance = e.instance and q.lane_id = e.lane_id
           and q.tenant_id = atelier_internal.tenant_of(e.client_id) and q.priority = e.priority and q.sequence = e.sequence
    ), undeferred as (
        delete from atelier_internal.deferrals d using ended e
         where e.run_after is not null and d.instance = e.instance and d.run_after = e.run_after and d.job_id = e.id
    ), unhurried as (
        delete from atelier_internal.start_deadlines d using ended e
         where e.start_by is not null and d.instance = e.instance and d.start_by = e.start_by and d.job_id = e.id
    ), unparked as (
        delete from atelier_internal.parked_jobs p using ended e
         where e.state = 'held' and e.reason in ('paused', 'pipeline_absent') and p.instance = e.instance and p.pipeline = e.pipeline and p.job_id = e.id
    ), told as (
        insert into atelier_internal.events (kind, client_id, subject_id, job_id, data)
        select 'job.' || e.ended_as, e.client_id, e.subject_id, e.id,
               jsonb_strip_nulls(jsonb_build_object('pipeline', e.pipeline, 'error_class', e.error_class,
                                                    'error_message', e.error_message))
          from ended e
    )
    select array_agg(row(e.id, e.subject_id, e.client_id, e.ended_as, e.error_class, e.error_message)::atelier_internal.failure
                     order by e.id) filter (where e.ended_as <> 'completed'),
           array_agg(row(atelier_internal.tenant_of(e.client_id), e.order_key, e.order_sequence, null, null)::atelier_internal.ordered_place)
               filter (where e.order_key is not null),
           array_agg(e.id) filter (where e.parent_id is not null)
      into v_ended, v_places, v_children
      from ended e;
    if v_children is not null then
        update atelier_internal.job_children c set state = f.state, error_class = f.error_class, error_message = f.error_message
          from unnest(p_finished) f
         where c.job_id = any (v_children) and c.job_id = f.job_id;
    end if;

    if v_places is not null then
        perform atelier_internal.leave_places(v_places);
    end if;
    if exists (select from atelier_internal.budget_holds) then
        -- One that had been brought back leaves its room to others.
        with gone as (
            delete from atelier_internal.budget_holds h where h.job_id = any (v_ids) returning h.budget_id, h.returned
        )
        insert into atelier_internal.budget_checks (budget_id) select distinct g.budget_id from gone g where g.returned;
    end if;

    if atelier_internal.release_dependents(coalesce(v_completed, '{}'), array(select e.job_id from unnest(v_ended) e)) > 0 then
        perform atelier_internal.note_unresolved();
    end if;
    if v_ended is null then
        return;
    end if;

    perform atelier_internal.call_hook(g.on_failure, g.failures)
       from (select p.on_failure, array_agg(e) as failures
               from unnest(v_ended) e
               join atelier_internal.history_failed h on h.job_id = e.job_id
               join atelier_internal.pipelines p on p.name = h.pipeline
              where p.on_failure is not null
              group by p.on_failure) g;

    delete from atelier_internal.job_dependencies d
     where d.job_id = any (array(select e.job_id from unnest(v_ended) e));
    if atelier_internal.fail_dependents(array(select e.job_id from unnest(v_ended) e))
       + atelier_internal.end_children(array(select e.job_id from unnest(v_ended) e)) > 0 then
        perform atelier_internal.note_unresolved();
    end if;
end
$$;
comment on function atelier_internal.finish_jobs(atelier_internal.finished[]) is
    'Moves jobs to history with their events, tells their pipelines, releases or fails the jobs that waited for them.';

create function atelier_internal.settle_results(p_results atelier_internal.outcome[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
    v_last uuid[];
    v_next uuid[];
    v_defined uuid[];
begin
    for v_group in
        select s.settle,
               array_agg(row(j.id, j.subject_id, j.client_id, j.input, j.attempt_id, j.image_id, j.provider, j.model,
                             r.result)::atelier_internal.settlement order by j.id) as settlements
          from unnest(p_results) r
          join atelier_internal.jobs j on j.id = r.job_id
          join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
         where s.settle is not null and j.id = any (array(select x.job_id from unnest(p_results) x))
         group by s.settle
    loop
        execute format('select %s($1)', v_group.settle) using v_group.settlements;
    end loop;

    select array_agg(j.id) filter (where s.label is null and n.position is null),
           array_agg(j.id) filter (where s.label is null and n.position is not null), array_agg(j.id) filter (where s.label is not null)
      into v_last, v_next, v_defined
      from atelier_internal.jobs j
      left join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
      left join atelier_internal.steps n on n.pipeline = j.pipeline and n.position = j.step + 1
     where j.id = any (array(select r.job_id from unnest(p_results) r));
    if v_next is not null then
        update atelier_internal.jobs j
           set step = j.step + 1, attempts = 0,
               max_attempts = coalesce(n.max_attempts, atelier_internal.setting('max_attempts')::smallint)
          from atelier_internal.steps n
         where j.id = any (v_next) and n.pipeline = j.pipeline and n.position = j.step + 1;
        perform atelier_internal.make_runnable(v_next);
    end if;
    if v_last is not null then
        perform atelier_internal.finish_jobs(array(
            select row(l.id, 'completed', null, null)::atelier_internal.finished from unnest(v_last) l (id)));
    end if;
    if v_defined is not null then
        perform atelier_internal.settle_defined(array(select r from unnest(p_results) r where r.job_id = any (v_defined)));
    end if;
end
$$;
comment on function atelier_internal.settle_results(atelier_internal.outcome[]) is
    'Writes the results of successful steps and sends each job to its next step or to history.';
