-- What becomes of attempts that failed, and of their jobs and lanes.

create type atelier_internal.decided as (
    job_id uuid, decision text, run_after timestamptz, attempts smallint, crashes smallint, error_class text, error_message text);
comment on type atelier_internal.decided is 'What is to become of a failed attempt''s job.';

create function atelier_internal.decide(p_failed atelier_internal.outcome[], p_excused bigint[]) returns atelier_internal.decided[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        with judged as (
            select j.id, j.attempts, j.crashes, j.max_attempts, o.error_message, o.retry_after_ms,
                   coalesce(c.name, 'invalid_output') as class,
                   -- Whose lane is no service cannot let it rest: the job itself waits.
                   c.name = 'rate_limited' and atelier_internal.is_action_lane(j.provider) as waits_itself,
                   case when o.outcome = 'not_sent' or g.went then 'give_back' else coalesce(c.disposition, 'once_more') end as disposition,
                   case when o.outcome = 'not_sent' or g.went then 'nothing'
                        when o.attempt_id = any (p_excused) and c.disposition = 'retry' then 'nothing'
                        else coalesce(c.counts, 'attempt') end as counts,
                   exists (select from atelier_internal.attempts a
                            where a.job_id = j.id and a.step = j.step and a.id <> o.attempt_id
                              and a.error_class = c.name and c.disposition = 'once_more') as seen_before,
                   case when c.name = 'outcome_unknown'
                        then atelier_internal.provider_option(j.provider, 'outcome_unknown') end as policy
              from unnest(p_failed) o
              join atelier_internal.jobs j on j.id = o.job_id
              left join atelier_internal.error_classes c on c.name = o.error_class
             -- Its function went with an extension that was just dropped: the job is held until both are there again.
             cross join lateral (select o.error_class = 'handler_failed' and not atelier_internal.is_pipeline_present(j.pipeline)) as g (went)
             where j.id = any (array(select f.job_id from unnest(p_failed) f))
        )
        select row(d.id,
                   case when d.disposition = 'cancel' then 'cancelled'
                        when d.counts = 'crash' and d.crashes >= 2 then 'quarantined'
                        when d.disposition = 'hold' and d.policy = 'retry' then 'retry'
                        when d.disposition = 'hold' then 'held'
                        when d.disposition = 'give_back' and d.counts = 'crash' and d.crashes >= 1 then 'retry'
                        when d.waits_itself then 'retry'
                        when d.disposition = 'give_back' then 'give_back'
                        when d.disposition = 'retry' and (d.counts = 'nothing' or d.attempts < d.max_attempts) then 'retry'
                        when d.disposition = 'once_more' and not d.seen_before and d.attempts < d.max_attempts then 'retry'
                        else 'failed' end,
                   now() + greatest(atelier_internal.backoff(d.attempts + d.crashes),
                                    atelier_internal.retry_after(d.retry_after_ms)),
                   (d.attempts - case when d.counts = 'attempt' then 0 else 1 end)::smallint,
                   (d.crashes + case when d.counts = 'crash' then 1 else 0 end)::smallint,
                   d.class, coalesce(d.error_message, 'no message'))::atelier_internal.decided
          from judged d order by d.id);
end
$$;
comment on function atelier_internal.decide(atelier_internal.outcome[], bigint[]) is
    'What is to become of failed attempts, by their error classes and, for an unknown outcome, by the provider''s policy: give_back, retry, held, failed, cancelled or quarantined. p_excused: attempts whose service is known to fail at present, so that a failure does not count.';

create function atelier_internal.touch_lanes(p_failed atelier_internal.outcome[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    -- A lane that somebody is just changing is left to them: the next failure comes soon. Whether and how long it rests is for
    -- its gate to say, in the worker.
    with refused as materialized (
        select j.lane_id, coalesce(max(o.error_message), 'the executor takes nothing more at present') as message
          from unnest(p_failed) o
          join atelier_internal.jobs j on j.id = o.job_id
          left join atelier_internal.error_classes c on c.name = o.error_class
         where (o.outcome = 'failed' and (c.cools_lane or c.disposition in ('retry', 'hold') and c.counts <> 'nothing') or o.outcome = 'not_sent' and o.retry_after_ms > 0)
           and j.id = any (array(select x.job_id from unnest(p_failed) x))
         group by j.lane_id
    ), free as materialized (
        select l.id from atelier_internal.lanes l
         where l.id = any (array(select r.lane_id from refused r)) for no key update skip locked
    )
    update atelier_internal.lanes l set gate_reason = r.message
      from refused r
     where l.id = r.lane_id and l.id = any (array(select f.id from free f)) and l.gate_reason is distinct from r.message;

    with refused as materialized (
        select j.lane_id, max(o.error_class) as class, max(o.error_message) as message
          from unnest(p_failed) o
          join atelier_internal.jobs j on j.id = o.job_id
          join atelier_internal.error_classes c on c.name = o.error_class and c.pauses_lane
         where o.outcome = 'failed' and j.id = any (array(select x.job_id from unnest(p_failed) x))
         group by j.lane_id
    ), free as materialized (
        select l.id from atelier_internal.lanes l
         where l.id = any (array(select r.lane_id from refused r)) and l.paused_at is null for no key update skip locked
    )
    update atelier_internal.lanes l
       set paused_at = now(), pause_reason = r.class || ': ' || r.message, paused_until = null
      from refused r
     where l.id = r.lane_id and l.id = any (array(select f.id from free f));
    if found then
        perform atelier_internal.note_limits();
    end if;
end
$$;
comment on function atelier_internal.touch_lanes(atelier_internal.outcome[]) is
    'Notes what services said that refused or failed, or the executor before it sent anything, so that it stands beside a gate that closes; pauses lanes whose services refused everybody.';

create function atelier_internal.settle_failures(p_failed atelier_internal.outcome[], p_excused bigint[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_decided atelier_internal.decided[];
    v_group record;
begin
    perform atelier_internal.touch_lanes(p_failed);
    v_decided := atelier_internal.decide(p_failed, p_excused);
    update atelier_internal.jobs j
       set attempts = d.attempts, crashes = d.crashes
      from unnest(v_decided) d
     where j.id = any (array(select x.job_id from unnest(v_decided) x)) and j.id = d.job_id;

    for v_group in
        select d.decision, array_agg(d.job_id order by d.job_id) as ids, array_agg(d.run_after order by d.job_id) as times
          from unnest(v_decided) d group by d.decision
    loop
        if v_group.decision = 'give_back' then
            perform atelier_internal.make_runnable(v_group.ids);
        elsif v_group.decision = 'retry' then
            perform atelier_internal.defer(v_group.ids, v_group.times, 'retry');
        elsif v_group.decision = 'held' then
            update atelier_internal.jobs j
               set state = 'held', reason = d.error_class, token = null, epoch = null, attempt_id = null, attempt_ring = null,
                   image_id = null
              from unnest(v_decided) d
             where d.decision = 'held' and j.id = any (v_group.ids) and j.id = d.job_id;
        end if;
    end loop;

    insert into atelier_internal.events (kind, client_id, subject_id, job_id, data)
    select case d.decision when 'held' then 'job.held' else 'job.retrying' end, j.client_id, j.subject_id, j.id,
           jsonb_strip_nulls(jsonb_build_object('pipeline', j.pipeline, 'error_class', d.error_class,
                                                'error_message', d.error_message, 'run_after', j.run_after))
      from unnest(v_decided) d
      join atelier_internal.jobs j on j.id = d.job_id
     where d.decision in ('retry', 'held') and j.id = any (array(select x.job_id from unnest(v_decided) x));

    if exists (select from unnest(v_decided) d where d.decision in ('failed', 'cancelled', 'quarantined')) then
        perform atelier_internal.finish_jobs(array(
            select row(d.job_id, d.decision, d.error_class, d.error_message)::atelier_internal.finished
              from unnest(v_decided) d
             where d.decision in ('failed', 'cancelled', 'quarantined')
             order by d.job_id));
    end if;
end
$$;
comment on function atelier_internal.settle_failures(atelier_internal.outcome[], bigint[]) is
    'Sends failed attempts'' jobs back, into a backoff, into hold or into history, as decide() says.';
