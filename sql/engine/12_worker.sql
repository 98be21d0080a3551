create function atelier_internal.begin_incarnation(p_epoch bigint, p_worker_pid integer) returns text
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_label text := nullif(atelier_internal.setting('instance'), '');
    v_recorded text;
begin
    insert into atelier_internal.engine_state (one) values (true) on conflict do nothing;
    select s.instance_label into v_recorded from atelier_internal.engine_state s for update;
    if v_recorded is not null and v_label is distinct from v_recorded then
        perform atelier_internal.raise_alert('foreign_instance',
            format('this database ran as instance "%s", pg_atelier.instance is "%s"', v_recorded, coalesce(v_label, '')),
            'If this is a copy, leave it paused. If it is the original, set pg_atelier.instance back or run atelier.adopt_jobs().');
        update atelier_internal.engine_state set epoch = null;
        return format('pg_atelier.instance is "%s", but this database ran as "%s"', coalesce(v_label, ''), v_recorded);
    end if;
    update atelier_internal.engine_state set epoch = p_epoch, started_at = now(), instance_label = v_label;
    update atelier_internal.alerts set resolved_at = now() where kind = 'foreign_instance' and resolved_at is null;
    return null;
end
$$;
comment on function atelier_internal.begin_incarnation(bigint, integer) is
    'Makes this worker the current incarnation. Returns null, or why the engine pauses.';

create function atelier_internal.reclaim(p_epoch bigint) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_dead record;
begin
    perform atelier_internal.check_epoch(p_epoch);
    with mine as materialized (
        select j.id from atelier_internal.jobs j
         where j.epoch <> p_epoch and j.instance = atelier_internal.instance_id()
           and (j.state = 'draining' or j.state = 'leased' and atelier_internal.is_paid(j.provider))
           for update skip locked
    )
    update atelier_internal.jobs j set state = 'draining', epoch = p_epoch
      from mine m
     where j.id = m.id;
    for v_dead in
        select j.epoch, array_agg(j.attempt_id) as attempts from atelier_internal.jobs j
         where j.state = 'leased' and j.epoch <> p_epoch and j.instance = atelier_internal.instance_id()
           and not atelier_internal.is_paid(j.provider)
         group by j.epoch
    loop
        perform atelier_internal.release(
            v_dead.epoch, v_dead.attempts, 'worker_lost', true, 'the worker was lost while the attempt ran');
    end loop;
    return (select count(*) from atelier_internal.jobs j
             where j.state in ('leased', 'draining') and j.epoch <> p_epoch and j.instance = atelier_internal.instance_id());
end
$$;
comment on function atelier_internal.reclaim(bigint) is
    'Takes over the leases of dead incarnations: those of embedded providers and of stores are given back, paid ones are draining from now on. Returns how many are left because somebody holds their jobs locked.';

create function atelier_internal.drain(p_epoch bigint, p_attempts bigint[]) returns bigint[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_leases uuid[] := array(
        select j.id from atelier_internal.jobs j
         where j.id = any (array(select a.job_id from atelier_internal.attempts a where a.id = any (p_attempts)))
           and j.attempt_id = any (p_attempts) and j.epoch = p_epoch and j.state = 'leased');
begin
    perform atelier_internal.check_epoch(p_epoch);
    with mine as materialized (
        select j.id from atelier_internal.jobs j
         where j.id = any (v_leases) and j.attempt_id = any (p_attempts) and j.epoch = p_epoch and j.state = 'leased'
           for update skip locked
    )
    update atelier_internal.jobs j set state = 'draining'
      from mine m
     where j.id = m.id;
    return (select array_agg(j.attempt_id) from atelier_internal.jobs j
             where j.id = any (v_leases) and j.attempt_id = any (p_attempts) and j.epoch = p_epoch and j.state = 'leased');
end
$$;
comment on function atelier_internal.drain(bigint, bigint[]) is
    'Paid leases whose executor is gone: they keep token and attempt and wait for the receipt that it may have left. Returns the attempts to try again later, because somebody holds their jobs locked, or null.';

create function atelier_internal.resolve_draining(p_epoch bigint, p_except bigint[] default '{}') returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_attempts bigint[];
begin
    perform atelier_internal.check_epoch(p_epoch);
    v_attempts := array(
        select j.attempt_id from atelier_internal.jobs j
         where j.state = 'draining' and j.epoch = p_epoch and j.instance = atelier_internal.instance_id()
           and j.attempt_id <> all (p_except));
    if v_attempts = '{}' then
        return 0;
    end if;
    return coalesce(cardinality(atelier_internal.apply_outcomes(p_epoch, atelier_internal.outcomes_of(
        p_epoch, v_attempts, 'failed', 'outcome_unknown',
        'the executor ended without a receipt: the service may have done, and billed, the work'))), 0);
end
$$;
comment on function atelier_internal.resolve_draining(bigint, bigint[]) is
    'Every receipt that was left has been settled: the outcome of what is still draining is unknown, but for the attempts p_except, whose answers are known and could not be recorded. Returns how many are left because somebody holds their jobs locked.';

create function atelier_internal.draining_orders() returns table (attempt_id bigint, lane_id integer, tenant_id uuid)
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select j.attempt_id, j.lane_id, atelier_internal.tenant_of(j.client_id)
      from atelier_internal.jobs j
     where j.state = 'draining' and j.instance = atelier_internal.instance_id();
end;
comment on function atelier_internal.draining_orders() is 'Paid calls of executors that are gone, which may still be under way.';

create function atelier_internal.promote_deferred(p_limit integer) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_due uuid[] := array(
        select d.job_id from atelier_internal.deferrals d
         where d.instance = atelier_internal.instance_id() and d.run_after <= now()
         order by d.run_after limit p_limit);
    v_mine uuid[];
begin
    if v_due = '{}' then
        return 0;
    end if;
    -- A job that somebody holds locked is left for a later turn; one that a successor promoted meanwhile waits no more.
    v_mine := array(
        select j.id from atelier_internal.jobs j where j.id = any (v_due) and j.run_after is not null for update skip locked);
    delete from atelier_internal.deferrals d
     where d.instance = atelier_internal.instance_id() and d.run_after <= now() and d.job_id = any (v_due)
       and (d.job_id = any (v_mine)
            or not exists (select from atelier_internal.jobs j where j.id = d.job_id and j.run_after is not null));
    perform atelier_internal.make_runnable(v_mine);
    return cardinality(v_mine);
end
$$;
comment on function atelier_internal.promote_deferred(integer) is
    'Makes runnable the deferred jobs whose time has come, at most p_limit. Returns how many.';

create function atelier_internal.end_late(p_limit integer) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_due uuid[] := array(
        select d.job_id from atelier_internal.start_deadlines d
         where d.instance = atelier_internal.instance_id() and d.start_by <= now()
         order by d.start_by limit p_limit);
    v_mine uuid[];
    v_gone integer;
begin
    if v_due = '{}' then
        return 0;
    end if;
    v_mine := atelier_internal.lock_jobs(v_due);
    perform atelier_internal.expire_jobs(array(
        select j.id from atelier_internal.jobs j
         where j.id = any (v_mine) and j.step = 1 and j.start_by <= now()
           and (j.state = 'waiting' or j.state = 'held' and atelier_internal.is_set_aside(j.reason))));
    -- One that is under way has begun; should it come back, its deadline does.
    delete from atelier_internal.start_deadlines d
     where d.instance = atelier_internal.instance_id() and d.start_by <= now() and d.job_id = any (v_due)
       and (d.job_id = any (v_mine) or not exists (select from atelier_internal.jobs j where j.id = d.job_id));
    get diagnostics v_gone = row_count;
    return v_gone + (select count(*) from unnest(v_mine) m (id) where not exists (select from atelier_internal.jobs j where j.id = m.id));
end
$$;
comment on function atelier_internal.end_late(integer) is
    'Ends waiting jobs that should have begun by now, at most p_limit, whether or not anything is leased from their lanes. Returns how many deadlines are done with; those of jobs that somebody holds locked are left.';

create function atelier_internal.unpark(p_limit integer) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_pipeline text;
    v_parked uuid[];
    v_mine uuid[];
    v_done integer := 0;
begin
    for v_pipeline in select p.name from atelier_internal.pipelines_to_resume() as p (name) loop
        v_parked := array(
            select k.job_id from atelier_internal.parked_jobs k
             where k.instance = atelier_internal.instance_id() and k.pipeline = v_pipeline
             order by k.job_id limit p_limit);
        v_mine := array(
            select j.id from atelier_internal.jobs j where j.id = any (v_parked) order by j.id for update skip locked);
        perform atelier_internal.make_runnable(array(
            select j.id from atelier_internal.jobs j where j.id = any (v_mine) and j.state = 'held' and j.reason in ('paused', 'pipeline_absent')
             order by j.id));
        delete from atelier_internal.parked_jobs k
         where k.instance = atelier_internal.instance_id() and k.pipeline = v_pipeline and k.job_id = any (v_parked)
           and (k.job_id = any (v_mine) or not exists (select from atelier_internal.jobs j where j.id = k.job_id));
        v_done := v_done + cardinality(v_mine);
    end loop;
    return v_done;
end
$$;
comment on function atelier_internal.unpark(integer) is
    'Brings back jobs that were held for a pipeline which is paused or absent no more, of each at most p_limit, in the order of their creation. Returns how many.';

create function atelier_internal.promote(p_limit integer) returns integer
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    select atelier_internal.plan_deletions(5000) + atelier_internal.end_pauses() + atelier_internal.end_late(p_limit)
           + atelier_internal.unpark(p_limit) + atelier_internal.promote_deferred(p_limit)
           + atelier_internal.enter_settled_costs(p_limit) + atelier_internal.return_held(p_limit);
end;
comment on function atelier_internal.promote(integer) is
    'Does what is due by the clock: ends pauses and jobs that should have begun, brings back what was held for a pause or a budget, makes deferred jobs runnable, enters costs that somebody told, each at most p_limit, and jobs of the deletions that are due. Returns how many of all.';

create function atelier_internal.resolve_dependencies() returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_ended uuid[];
    v_completed uuid[];
    v_unchecked integer := atelier_internal.recheck_collections() + atelier_internal.resolve_orders() + atelier_internal.end_orphans();
begin
    select array_agg(distinct d.depends_on),
           array_agg(distinct d.depends_on) filter (
               where exists (select from atelier_internal.history_completed h where h.job_id = d.depends_on))
      into v_ended, v_completed
      from atelier_internal.job_dependencies d
      join atelier_internal.jobs w on w.id = d.job_id and w.instance = atelier_internal.instance_id()
     where not exists (select from atelier_internal.jobs j where j.id = d.depends_on);
    if v_ended is null then
        return v_unchecked;
    end if;
    v_ended := array(select e.id from unnest(v_ended) e (id) where e.id <> all (coalesce(v_completed, '{}')));
    perform atelier_internal.release_dependents(coalesce(v_completed, '{}'), v_ended);
    perform atelier_internal.fail_dependents(v_ended);
    return v_unchecked + (select count(distinct d.job_id) from atelier_internal.job_dependencies d where d.depends_on = any (v_ended || v_completed));
end
$$;
comment on function atelier_internal.resolve_dependencies() is
    'Releases or fails jobs whose prerequisites ended before they could see it, cancels jobs whose parent ended, lets jobs go whose turn under their key has come, and looks again at collections whose work may have ended. Returns how many of all are left because somebody holds them locked.';

create function atelier_internal.sweep(p_after_lane integer default null, p_after_tenant uuid default null,
                                       p_after_priority smallint default null, p_limit integer default 50000)
    returns table (lane_id integer, tenant_id uuid, priority smallint, sequence bigint)
    language sql volatile rows 100 set search_path = pg_catalog, pg_temp set enable_seqscan = off
begin atomic
    with recursive lowest as (
        (select q.lane_id, q.tenant_id, q.priority, q.sequence
           from atelier_internal.queue_entries q
          where q.instance = atelier_internal.instance_id()
            and (q.lane_id, q.tenant_id, q.priority) > (coalesce(p_after_lane, -1), atelier_internal.tenant_of(p_after_tenant),
                                                        coalesce(p_after_priority, (-32768)::smallint))
          order by q.lane_id, q.tenant_id, q.priority, q.sequence limit 1)
        union all
        select n.lane_id, n.tenant_id, n.priority, n.sequence
          from lowest l
         cross join lateral (
               select q.lane_id, q.tenant_id, q.priority, q.sequence
                 from atelier_internal.queue_entries q
                where q.instance = atelier_internal.instance_id()
                  and (q.lane_id, q.tenant_id, q.priority) > (l.lane_id, l.tenant_id, l.priority)
                order by q.lane_id, q.tenant_id, q.priority, q.sequence limit 1) n
    )
    select l.lane_id, l.tenant_id, l.priority, l.sequence from lowest l limit greatest(p_limit, 0);
end;
comment on function atelier_internal.sweep(integer, uuid, smallint, integer) is
    'The lowest queue entry of each flow (lane, tenant, priority) of this instance, in their order: those after the given one (null: from the first), at most p_limit.';

create function atelier_internal.next_due() returns timestamptz
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select min(t.at)
      from ((select d.run_after as at from atelier_internal.deferrals d
              where d.instance = atelier_internal.instance_id() order by d.run_after limit 1)
            union all
            (select d.run_after from atelier_internal.object_deletions d
              where d.instance = atelier_internal.instance_id() and d.job_id is null and not atelier_internal.is_copy()
              order by d.run_after limit 1)
            union all
            (select d.start_by from atelier_internal.start_deadlines d
              where d.instance = atelier_internal.instance_id() order by d.start_by limit 1)
            union all
            (select l.paused_until from atelier_internal.lanes l where l.paused_until is not null)
            union all
            (select p.paused_until from atelier_internal.pauses p where p.paused_until is not null)
            union all
            (select now() from atelier_internal.pipelines_to_resume())
            union all
            (select atelier_internal.budget_due())) t;
end;
comment on function atelier_internal.next_due() is 'When the engine has something to do next by the clock: a deferral, a deletion, a job that must begin by then, the end of a pause, or room in a budget.';

create function atelier_internal.pending_cancellations() returns table (attempt_id bigint)
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    delete from atelier_internal.cancellations c returning c.attempt_id;
end;
comment on function atelier_internal.pending_cancellations() is 'Takes the attempts that the executor is to abort.';

create function atelier_internal.expire_ring(p_table text, p_time_column text, p_keep interval) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
declare
    v_partition text;
    v_old boolean;
    v_emptied integer := 0;
begin
    for v_slot in 0 .. 31 loop
        v_partition := p_table || '_' || to_char(v_slot, 'FM00');
        execute format('select exists (select from atelier_internal.%1$I) and not exists (select from atelier_internal.%1$I where %2$I is null or %2$I > now() - $1)',
                       v_partition, p_time_column) into v_old using p_keep;
        if v_old then
            begin
                execute format('truncate atelier_internal.%I', v_partition);
                v_emptied := v_emptied + 1;
            exception when lock_not_available then
                -- A dump or a report reads the partition: the next round empties it.
                null;
            end;
        end if;
    end loop;
    return v_emptied;
end
$$;
comment on function atelier_internal.expire_ring(text, text, interval) is
    'Empties the partitions of a ring that hold nothing younger than p_keep. A partition that somebody reads is left for the next round.';

create function atelier_internal.maintain() returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.expire_ring('history_completed', 'finished_at', atelier_internal.setting('job_ttl_completed')::interval);
    perform atelier_internal.expire_ring('history_failed', 'finished_at', atelier_internal.setting('job_ttl_failed')::interval);
    perform atelier_internal.expire_ring('attempts', 'finished_at', atelier_internal.setting('attempt_ttl')::interval);
    perform atelier_internal.expire_ring('events', 'at', atelier_internal.setting('event_ttl')::interval);
    perform atelier_internal.release_deletions();
    perform atelier_internal.forget_order_keys();
    perform atelier_internal.forget_idempotency_keys();
    perform atelier_internal.forget_usage();
    perform atelier_internal.forget_results();
end
$$;
comment on function atelier_internal.maintain() is 'Housekeeping of the engine''s own tables; the worker calls it once an hour.';
