create function atelier_internal.closed_as(p_outcome text, p_class text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return case when p_outcome = 'not_sent' then 'given_back' when p_class = 'cancelled' then 'cancelled' else p_outcome end;
comment on function atelier_internal.closed_as(text, text) is 'How an outcome stands in the row of its attempt.';

create function atelier_internal.close_attempts(p_outcomes atelier_internal.outcome[], p_stale boolean) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_ring smallint;
    v_billed atelier_internal.billed[];
begin
    if p_stale then
        -- No job is locked: an erasure that is under way decides first whom the ledger names.
        perform from unnest(p_outcomes) o
           join atelier_internal.attempts a on a.id = o.attempt_id and a.ring = o.ring
            for no key update of a;
    end if;
    -- What an attempt used is entered once, also when two answers tell of it.
    with entered as (
        insert into atelier_internal.ledger (client_id, job_id, attempt_id, provider, model, unit, quantity, cost, currency)
        select a.client_id, o.job_id, o.attempt_id, l.provider, l.model, u.unit, u.quantity, u.cost, u.currency
          from unnest(p_outcomes) o
          join atelier_internal.attempts a on a.id = o.attempt_id and a.ring = o.ring and a.token = o.token and a.usage is null
          join atelier_internal.lanes l on l.id = a.lane_id
         cross join lateral atelier_internal.price_usage(l.provider, l.model, o.usage, a.leased_at) u
         where jsonb_typeof(o.usage) = 'array'
        returning client_id, attempt_id, provider, model, cost, currency
    ), named as materialized (
        select distinct e.provider from entered e
    ), paid as materialized (
        select n.provider from named n where atelier_internal.is_paid(n.provider)
    )
    select array_agg(row(g.attempt_id, g.client_id, g.provider, g.model, g.currency, g.cost)::atelier_internal.billed)
      into v_billed
      from (select e.attempt_id, e.client_id, e.provider, e.model, case when e.cost is not null then e.currency end as currency, sum(e.cost) as cost
              from entered e join paid p on p.provider = e.provider
             group by 1, 2, 3, 4, 5) g;
    perform atelier_internal.reconcile(p_outcomes, v_billed, p_stale);

    for v_ring in select distinct o.ring from unnest(p_outcomes) o loop
        update atelier_internal.attempts a
           set sent = o.sent,
               outcome = case when p_stale and o.error_class is distinct from 'cancelled' then 'stale'
                              else atelier_internal.closed_as(o.outcome, o.error_class) end,
               error_class = o.error_class,
               -- The words could name a client that was erased meanwhile.
               error_message = case when p_stale and atelier_internal.is_tombstone(a.client_id) then null else o.error_message end,
               usage = coalesce(o.usage, a.usage),
               duration_ms = o.duration_ms, finished_at = now()
          from unnest(p_outcomes) o
         where a.ring = v_ring and a.id = any (array(select x.attempt_id from unnest(p_outcomes) x))
           and a.id = o.attempt_id and a.token = o.token
           and (a.outcome is null or p_stale);
    end loop;
end
$$;
comment on function atelier_internal.close_attempts(atelier_internal.outcome[], boolean) is
    'Writes what became of attempts and what they used. A stale answer still tells what was used.';

create function atelier_internal.drop_stale(p_stale atelier_internal.outcome[]) returns bigint[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    -- An answer that comes twice is no stale answer: what its first coming stored is held by a row. What the engine itself
    -- said of an attempt (sent is null then) is no answer.
    v_stale atelier_internal.outcome[] := array(
        select o from unnest(p_stale) o
         where not exists (select from atelier_internal.attempts a
                            where a.id = o.attempt_id and a.ring = o.ring and a.token = o.token
                              and (a.outcome in ('completed', 'stale')
                                   or a.outcome = atelier_internal.closed_as(o.outcome, o.error_class)
                                      and a.error_class is not distinct from o.error_class
                                      and a.sent is not distinct from o.sent
                                   -- That the call was aborted says nothing of what had been done by then.
                                   or a.error_class = 'outcome_unknown' and o.error_class = 'cancelled'
                                      and jsonb_typeof(o.usage) is distinct from 'array' and o.result #>> '{object,key}' is null)));
    v_waiting bigint[] := atelier_internal.discard_outcomes(v_stale, 'its answer came too late');
begin
    perform atelier_internal.close_attempts(array(select o from unnest(v_stale) o where o.attempt_id <> all (v_waiting)), true);
    return v_waiting;
end
$$;
comment on function atelier_internal.drop_stale(atelier_internal.outcome[]) is
    'Answers that came after their jobs had gone on, such as one whose outcome had been given up as unknown: they change no job, but their attempts tell of them, what they used stands in the ledger, and what they stored is queued for deletion. An answer that comes a second time changes nothing at all. Returns the attempts to try again later.';

create function atelier_internal.apply_outcomes(p_epoch bigint, p_outcomes atelier_internal.outcome[], p_excused bigint[] default '{}') returns bigint[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine uuid[] := atelier_internal.lock_jobs(array(select o.job_id from unnest(p_outcomes) o));
    v_current atelier_internal.outcome[];
    v_results atelier_internal.outcome[];
    v_failed atelier_internal.outcome[];
    v_stale atelier_internal.outcome[];
    v_busy bigint[];
    v_waiting bigint[];
begin
    with live as materialized (
        select j.id, j.instance, j.token, j.attempt_id, j.epoch, j.state from atelier_internal.jobs j
         where j.id = any (array(select o.job_id from unnest(p_outcomes) o))
    ), judged as (
        select o as outcome,
               m.id is not null and l.token = o.token and l.attempt_id = o.attempt_id and l.epoch = p_epoch
                   and l.state in ('leased', 'draining') as is_current,
               -- A lease of a dead incarnation that reclaim() could not take over yet has its answer all the same.
               l.token = o.token
                   and (m.id is null or l.epoch <> p_epoch and l.instance = atelier_internal.instance_id()) as is_busy
          from unnest(p_outcomes) o
          left join live l on l.id = o.job_id
          left join unnest(v_mine) as m (id) on m.id = o.job_id
    )
    select array_agg(j.outcome) filter (where j.is_current and (j.outcome).outcome = 'completed'),
           array_agg(j.outcome) filter (where j.is_current and (j.outcome).outcome <> 'completed'),
           array_agg(j.outcome) filter (where j.is_current is not true and j.is_busy is not true),
           array_agg((j.outcome).attempt_id) filter (where j.is_busy)
      into v_results, v_failed, v_stale, v_busy
      from judged j;

    if v_stale is not null then
        v_busy := nullif(coalesce(v_busy, '{}') || atelier_internal.drop_stale(v_stale), '{}');
    end if;
    if v_failed is not null then
        v_waiting := atelier_internal.discard_outcomes(v_failed, 'its attempt failed');
        v_failed := array(select o from unnest(v_failed) o where o.attempt_id <> all (v_waiting));
        v_busy := nullif(coalesce(v_busy, '{}') || v_waiting, '{}');
    end if;
    v_current := coalesce(v_results, '{}') || coalesce(v_failed, '{}');
    if v_current <> '{}' then
        perform atelier_internal.close_attempts(v_current, false);
    end if;
    if v_results is not null then
        perform atelier_internal.settle_results(v_results);
    end if;
    if v_failed <> '{}' then
        perform atelier_internal.settle_failures(v_failed, p_excused);
    end if;
    return v_busy;
end
$$;
comment on function atelier_internal.apply_outcomes(bigint, atelier_internal.outcome[], bigint[]) is
    'Settles outcomes whose lease is still the current one and drops the others. Returns the attempts to try again later: somebody holds their jobs, or what these work for, locked, decides about an object that they left, or reclaim() has still to take their leases over.';

create function atelier_internal.settle(p_epoch bigint, p_answers jsonb, p_excused bigint[] default '{}') returns bigint[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.check_epoch(p_epoch);
    -- An executor's answer and its successor's from the same receipt may come together.
    return atelier_internal.apply_outcomes(p_epoch, array(
        select distinct on ((a.lease ->> 'attempt')::bigint, (a.lease ->> 'token')::bigint)
               row((a.lease ->> 'job')::uuid, (a.lease ->> 'attempt')::bigint, (a.lease ->> 'ring')::smallint,
                   (a.lease ->> 'token')::bigint, a.outcome, a.sent, a.duration_ms, a.result, a.usage,
                   case when a.outcome = 'failed' then coalesce(a.error ->> 'class', 'invalid_output') end,
                   coalesce(a.error ->> 'message', case when a.outcome = 'failed' then 'no message' end),
                   (a.error ->> 'retry_after_ms')::numeric::bigint)::atelier_internal.outcome
          from rows from (jsonb_to_recordset(p_answers)
                          as (lease jsonb, outcome text, sent boolean, duration_ms integer, result jsonb, usage jsonb, error jsonb))
               with ordinality as a (lease, outcome, sent, duration_ms, result, usage, error, n)
         order by (a.lease ->> 'attempt')::bigint, (a.lease ->> 'token')::bigint, a.n), p_excused);
end
$$;
comment on function atelier_internal.settle(bigint, jsonb, bigint[]) is
    'Settles a JSON array of the executor''s answers, all or none; of two to one lease the first counts. The failures of p_excused cost no attempt, for their service is known to fail. Returns the attempts to try again later, or null.';

create function atelier_internal.outcomes_of(p_epoch bigint, p_attempts bigint[], p_outcome text, p_class text, p_message text)
    returns atelier_internal.outcome[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select row(j.id, j.attempt_id, j.attempt_ring, j.token, p_outcome, case when p_class = 'not_sent' then false end, null, null, null,
                   case when p_outcome = 'failed' then p_class end, p_message, null)::atelier_internal.outcome
          from atelier_internal.jobs j
         where j.epoch = p_epoch and j.state in ('leased', 'draining')
           and (p_attempts is null
                or j.id = any (array(select a.job_id from atelier_internal.attempts a where a.id = any (p_attempts)))
                   and j.attempt_id = any (p_attempts))
         order by j.id);
end
$$;
comment on function atelier_internal.outcomes_of(bigint, bigint[], text, text, text) is
    'One outcome, made up by the engine itself, for each of an incarnation''s leases (all, or those of the given attempts). Of class not_sent: their orders never left the worker.';

create function atelier_internal.settle_rejected(p_epoch bigint, p_attempt bigint, p_token bigint, p_answer text, p_sqlstate text,
                                                 p_message text) returns boolean
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_failed atelier_internal.outcome[] := array(
        select o from unnest(atelier_internal.outcomes_of(
                   p_epoch, array[p_attempt], 'failed', 'invalid_output',
                   format('the answer could not be recorded: %s (%s)', p_message, p_sqlstate))) o
         where o.token = p_token);
begin
    perform atelier_internal.check_epoch(p_epoch);
    -- What it used is paid for all the same, unless just that is what cannot be recorded.
    return atelier_internal.apply_outcomes(p_epoch, array(
        select row(o.job_id, o.attempt_id, o.ring, o.token, o.outcome, (p_answer::jsonb ->> 'sent')::boolean, null,
                   p_answer::jsonb -> 'result', p_answer::jsonb -> 'usage', o.error_class, o.error_message, null)::atelier_internal.outcome
          from unnest(v_failed) o)) is null;
exception
when lock_not_available or transaction_rollback or insufficient_resources or operator_intervention then
    raise;
when others then
    return atelier_internal.apply_outcomes(p_epoch, v_failed) is null;
end
$$;
comment on function atelier_internal.settle_rejected(bigint, bigint, bigint, text, text, text) is
    'Fails the attempt whose answer could not be settled even alone, so that it is not tried for ever; what it used is entered in the ledger, and what it stored queued for deletion, where that can be read. False: its job is locked, try again later.';

create function atelier_internal.release(p_epoch bigint, p_attempts bigint[], p_class text, p_count_crash boolean, p_message text)
    returns bigint[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return atelier_internal.apply_outcomes(p_epoch, atelier_internal.outcomes_of(
        p_epoch, p_attempts, case when p_count_crash then 'failed' else 'not_sent' end, p_class, p_message));
end
$$;
comment on function atelier_internal.release(bigint, bigint[], text, boolean, text) is
    'Gives leases of an incarnation back: all, or those of the given attempts. With another class than not_sent their orders had left the worker, so that they may have stored something. Returns the attempts to try again later, or null.';
