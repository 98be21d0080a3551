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
        perform atelier_internal.discard_attempts(v_live);
        perform atelier_internal.finish_jobs(array(
            select row(l.id, 'cancelled', 'cancelled', p_reason)::atelier_internal.finished from unnest(v_live) l (id)));
    end if;
    return coalesce(cardinality(v_live), 0);
end
$$;
comment on function atelier_internal.cancel_jobs(uuid[], text) is
    'Ends live jobs as cancelled, at once, held and draining ones too: a running attempt is told to stop, and its answer or receipt, should one come, changes nothing but what is known of the attempt. Returns how many were live.';

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
    'Cancels a live job; false when it is not live (any more). What a provider has already begun may be billed all the same. 22004 for null.';

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
    perform atelier_internal.audit('job.released', 'job', v_job.id, v_job.client_id);
    return true;
end
$$;
comment on function atelier.release_job(uuid) is
    'Lets a held job run again, at the risk of doing its last attempt twice; false when it is not held. P0002 for a job that is not live, 55000 for one of another instance.';

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
    select array_agg(j.id order by j.sequence nulls last, j.id) into v_foreign
      from (select j.id, j.sequence from atelier_internal.jobs j where j.instance <> v_here order by j.id for update) j;
    perform atelier_internal.start_worker();
    perform atelier_internal.note_unresolved();
    perform atelier_internal.audit('jobs.adopted', 'instance', null, null, jsonb_build_object('jobs', coalesce(cardinality(v_foreign), 0)));
    if v_foreign is null then
        return 0;
    end if;
    delete from atelier_internal.queue_entries q where q.instance <> v_here;
    with gone as (
        delete from atelier_internal.deferrals d where d.instance <> v_here returning d.run_after, d.job_id
    )
    insert into atelier_internal.deferrals (instance, run_after, job_id) select v_here, g.run_after, g.job_id from gone g;
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
         where j.state = 'waiting' and j.run_after is null and j.reason is distinct from 'dependency'
         order by f.n));
    return cardinality(v_foreign);
end
$$;
comment on function atelier.adopt_jobs() is
    'Makes the live jobs and the queued deletions of a restored or copied database this database''s own, so that its worker runs them; returns how many jobs. Run it only where the original runs no more: from then on this one deletes objects, and what was under way there is done again here, but for paid calls, which are held for a decision with atelier.resolve_unknown().';

create function atelier_internal.is_overdue(p_job atelier_internal.jobs) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select p_job.input ? 'store' and atelier_internal.is_paid(p_job.provider)
           and now() > a.leased_at + coalesce(s.timeout, atelier_internal.provider_option(p_job.provider, 'timeout')::interval,
                                              atelier_internal.setting('job_timeout')::interval) + interval '1 minute'
      from atelier_internal.attempts a
      left join atelier_internal.steps s on s.pipeline = p_job.pipeline and s.position = p_job.step
     where a.id = p_job.attempt_id and a.ring = p_job.attempt_ring;
end;
comment on function atelier_internal.is_overdue(atelier_internal.jobs) is
    'Whether the current attempt is paid for, is to store something, and has been under way for a minute longer than it may be.';

create function atelier.explain_job(job_id uuid)
    returns table (state text, reason text, explanation text, released_by text)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
    v_lane atelier_internal.lanes;
    v_ended record;
    v_last record;
    v_alert record;
    v_ahead bigint;
    v_store text;
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
                  hint = atelier_internal.way_out('Finished jobs are forgotten after pg_atelier.job_ttl_completed or job_ttl_failed.');
        end if;
        return query select v_ended.state, v_ended.error_class,
            format('It ended at %s as %s%s.', v_ended.finished_at, v_ended.state, coalesce(': ' || v_ended.error_message, '')),
            case v_ended.state when 'completed' then 'Nothing: it is done.'
                 else 'A new job: atelier.retry_asset() makes one for an asset.' end;
        return;
    end if;
    select * into v_lane from atelier_internal.lanes l where l.id = v_job.lane_id;
    select a.id, a.error_message into v_last from atelier_internal.attempts a
     where a.job_id = v_job.id and a.error_class = 'outcome_unknown' order by a.id desc limit 1;

    if v_job.instance <> atelier_internal.instance_id() then
        return query select 'held', 'foreign_instance',
            'It was enqueued in another database, of which this one is a copy.',
            'atelier.adopt_jobs(), where the original runs no more.';
    elsif v_job.state = 'leased' and atelier_internal.is_overdue(v_job) then
        -- The worker waits that long only for an answer of which the executor said that it is on disk.
        v_store := v_job.input ->> 'store';
        -- An alert is about all clients.
        select a.message, a.hint into v_alert from atelier_internal.alerts a
         where a.kind = 'store_unavailable' and a.resolved_at is null
           and (atelier_internal.is_operator() or atelier_internal.sees_all_clients());
        return query select v_job.state, 'storage'::text,
            format('The answer of attempt %s is on disk, and kept until store %s takes its picture: %s', v_job.attempt_id, v_store,
                   coalesce(v_alert.message,
                            'it is tried again and again.')),
            coalesce(v_alert.hint || ' ', '')
            || format('Nothing is bought again when the store is back. SELECT atelier.cancel_job(%L); gives the picture up.', v_job.id);
    elsif v_job.state = 'leased' then
        return query select v_job.state, null::text,
            format('Attempt %s is under way since %s.', v_job.attempt_id,
                   (select a.leased_at from atelier_internal.attempts a where a.id = v_job.attempt_id and a.ring = v_job.attempt_ring)),
            format('Its answer, its timeout, or SELECT atelier.cancel_job(%L);', v_job.id);
    elsif v_job.state = 'draining' then
        return query select v_job.state, v_job.reason,
            format('The executor of attempt %s went on without its worker, or ended, while provider %s may have been at work: its receipt is still waited for.',
                   v_job.attempt_id, v_job.provider),
            format('The receipt; or the end of that executor, at most pg_atelier.drain_timeout after it was left, and of the next one''s reading of the spool; or SELECT atelier.cancel_job(%L);',
                   v_job.id);
    elsif v_job.state = 'held' and v_job.reason = 'outcome_unknown' then
        return query select v_job.state, v_job.reason,
            format('Provider %s may have done, and billed, attempt %s: %s. It is not bought again before somebody decides.',
                   v_job.provider, coalesce(v_last.id::text, '(forgotten)'), coalesce(v_last.error_message, 'no message is left')),
            format('SELECT atelier.resolve_unknown(%1$L::uuid, ''retry''); runs it again and may be billed a second time. SELECT atelier.resolve_unknown(%1$L::uuid, ''fail''); ends it.',
                   v_job.id);
    elsif v_job.state = 'held' then
        return query select v_job.state, v_job.reason, format('It is held: %s.', v_job.reason),
            format('SELECT atelier.release_job(%1$L); runs it again, SELECT atelier.cancel_job(%1$L); ends it.', v_job.id);
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
            format('The clock, in %s; or SELECT atelier.resume_lane(%L, %L);', v_lane.cooldown_until - now(), v_lane.provider, v_lane.model);
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
