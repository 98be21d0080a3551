-- Why a job is not running, second part: those that stand in the queue. What the worker decides in its memory is told from its
-- counters; what it is to obey, from the tables.

create function atelier_internal.resumed_by(p_command text, p_until timestamptz) returns text
    language sql stable parallel safe set search_path = pg_catalog, pg_temp
    return p_command || coalesce(' Or the clock, at ' || p_until || '.', '');
comment on function atelier_internal.resumed_by(text, timestamptz) is 'What ends a pause: a command, or a time if there is one.';

create function atelier_internal.pause_of(p_kind text, p_name text) returns atelier_internal.pauses
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select p.* from atelier_internal.pauses p
     where p.kind = p_kind and p.name = p_name and (p.paused_until is null or p.paused_until > now());
end;
comment on function atelier_internal.pause_of(text, text) is 'The pause of the queue, a client or a pipeline; null when it is not paused.';

create function atelier_internal.explain_pause(p_job atelier_internal.jobs, p_lane atelier_internal.lanes) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_pause atelier_internal.pauses := atelier_internal.pause_of('queue', '');
    v_absence atelier_internal.explanation := atelier_internal.explain_absent(p_job);
begin
    if v_absence.state is not null then
        return v_absence;
    end if;
    if v_pause.kind is not null then
        return row(p_job.state, 'queue_paused', format('Everything is paused since %s: %s.', v_pause.paused_at, v_pause.reason),
                   atelier_internal.resumed_by('SELECT atelier.resume_queue();', v_pause.paused_until), null, v_pause.paused_until)::atelier_internal.explanation;
    end if;
    v_pause := atelier_internal.pause_of('client', p_job.client_id::text);
    if v_pause.kind is not null then
        return row(p_job.state, 'client_paused', format('Client %s is paused since %s: %s.', p_job.client_id, v_pause.paused_at, v_pause.reason),
                   atelier_internal.resumed_by(format('SELECT atelier.resume_client(%L);', p_job.client_id), v_pause.paused_until), null, v_pause.paused_until)::atelier_internal.explanation;
    end if;
    v_pause := atelier_internal.pause_of('pipeline', p_job.pipeline);
    if v_pause.kind is not null then
        return row(p_job.state, 'pipeline_paused', format('Pipeline %s is paused since %s: %s.', p_job.pipeline, v_pause.paused_at, v_pause.reason),
                   atelier_internal.resumed_by(format('SELECT atelier.resume_pipeline(%L);', p_job.pipeline), v_pause.paused_until), null, v_pause.paused_until)::atelier_internal.explanation;
    elsif p_lane.paused_at is not null and (p_lane.paused_until is null or p_lane.paused_until > now()) then
        return row(p_job.state, 'paused',
            format('Its lane (%s) is paused since %s: %s.', atelier_internal.lane_name(p_lane), p_lane.paused_at, p_lane.pause_reason),
            atelier_internal.resumed_by(format('SELECT atelier.resume_lane(%L, %L);', p_lane.provider, p_lane.model), p_lane.paused_until), null, p_lane.paused_until)::atelier_internal.explanation;
    end if;
    return null;
end
$$;
comment on function atelier_internal.explain_pause(atelier_internal.jobs, atelier_internal.lanes) is 'What is paused that keeps a queued job; null: nothing.';

create function atelier_internal.explain_gate(p_job atelier_internal.jobs, p_lane atelier_internal.lanes) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_until timestamptz := case when p_lane.gate_until > now() then p_lane.gate_until end;
    v_name text := atelier_internal.lane_name(p_lane);
    v_said text := coalesce(': ' || p_lane.gate_reason, '');
    v_resume text := format('SELECT atelier.resume_lane(%L, %L); does not wait for it.', p_lane.provider, p_lane.model);
begin
    return case p_lane.gate
        when 'resting' then row(p_job.state, 'resting', format('Its lane (%s) rests%s%s.', v_name, coalesce(' until ' || v_until, ''), v_said),
            coalesce('The clock, in ' || (v_until - now()) || '. ', '') || v_resume, null, v_until)::atelier_internal.explanation
        when 'broken' then row(p_job.state, 'broken', format('The service of its lane (%s) failed again and again%s. Nothing is sent%s; then one order tries.',
            v_name, v_said, coalesce(' until ' || v_until, '')), coalesce('The clock, in ' || (v_until - now()) || ', and the success of the order that tries then. ', 'The success of the order that tries next. ')
            || v_resume, null, null)::atelier_internal.explanation
        when 'trying' then row(p_job.state, 'trying', format('The service of its lane (%s) had failed again and again%s. One order sees whether it is well.', v_name, v_said),
            'The answer of that order. ' || v_resume, null, null)::atelier_internal.explanation
        when 'opening' then row(p_job.state, 'opening', format('The service of its lane (%s) is well again, and is approached with care.', v_name),
            'Its turn: each success lets in one more. ' || v_resume, null, null)::atelier_internal.explanation
    end;
end
$$;
comment on function atelier_internal.explain_gate(atelier_internal.jobs, atelier_internal.lanes) is
    'What the gate of its lane does to a queued job; null when it is open. A rest that is over by the clock is still one until the worker says otherwise.';

create function atelier_internal.lane_name(p_lane atelier_internal.lanes) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return concat_ws(' ', p_lane.provider, nullif(p_lane.model, ''), nullif(p_lane.key, ''));
comment on function atelier_internal.lane_name(atelier_internal.lanes) is 'A lane as people call it.';

create function atelier_internal.lane_rate(p_lane atelier_internal.lanes, out starts bigint, out period interval, out configured boolean)
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select r.starts, r.period, r.configured
      from (select p_lane.requests_per_minute, interval '1 minute', true
             where p_lane.requests_per_minute is not null
            union all
            select (p_lane.learned #>> '{requests,count}')::bigint, interval '1 millisecond' * (p_lane.learned #>> '{requests,window_ms}')::bigint, false
             where (p_lane.learned #>> '{requests,count}')::bigint > 0 and (p_lane.learned #>> '{requests,window_ms}')::bigint > 0) r (starts, period, configured)
     order by r.starts / extract(epoch from r.period) limit 1;
end;
comment on function atelier_internal.lane_rate(atelier_internal.lanes) is
    'How many orders of a lane may begin in which time: as somebody configured it, or as it was learned, whichever is less. Null: nothing is known.';

create function atelier_internal.rate_used_up(p_lane atelier_internal.lanes, p_starts_per_second double precision) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_rate record;
begin
    select r.* into v_rate from atelier_internal.lane_rate(p_lane) r;
    if v_rate.starts is null then
        return false;
    elsif p_starts_per_second * extract(epoch from v_rate.period) >= 0.8 * v_rate.starts then
        return true;
    end if;
    -- The latest attempts, for windows that are longer than the moving average looks back.
    return (select count(*) from (select a.lane_id, a.leased_at from atelier_internal.attempts a
                                   where a.ring = any (array[atelier_internal.ring_slot(now()), atelier_internal.ring_slot(now() - v_rate.period)])
                                   order by a.id desc limit 20000) a
             where a.lane_id = p_lane.id and a.leased_at > now() - v_rate.period) >= v_rate.starts;
end
$$;
comment on function atelier_internal.rate_used_up(atelier_internal.lanes, double precision) is
    'Whether as many orders of a lane began in its window as may. Judged by the latest attempts that the caller may see, and by the starts a second.';

create function atelier_internal.estimate_start(p_lane atelier_internal.lanes, p_tenant uuid, p_ahead bigint, p_starts_per_second double precision, p_weights double precision)
    returns timestamptz
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_per_second double precision := coalesce(nullif(p_starts_per_second, 0), (
        select r.starts / extract(epoch from r.period) from atelier_internal.lane_rate(p_lane) r));
    v_weight double precision := coalesce((select s.weight from atelier_internal.client_shares s where s.client_id = p_tenant), 1);
    v_seconds double precision;
begin
    v_seconds := p_ahead / nullif(v_per_second * least(1, v_weight / greatest(coalesce(p_weights, 0), v_weight)), 0);
    -- Beyond a month nobody knows.
    return case when v_seconds < 30 * 86400 then now() + interval '1 second' * v_seconds end;
end
$$;
comment on function atelier_internal.estimate_start(atelier_internal.lanes, uuid, bigint, double precision, double precision) is
    'When a job starts that has so many others of its client before it: by the pace of its lane, of which the client has the share of its weight. Null when no pace is known.';

create function atelier_internal.explain_turn(p_job atelier_internal.jobs, p_lane atelier_internal.lanes) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tenant uuid := atelier_internal.tenant_of(p_job.client_id);
    v_lane record;
    v_share atelier_internal.client_shares;
    v_under_way bigint;
    v_most integer := atelier_internal.setting('max_in_flight')::integer;
    v_ahead bigint;
    v_rate record;
    v_name text := atelier_internal.lane_name(p_lane);
    v_before text;
    v_start timestamptz;
begin
    select r.* into v_rate from atelier_internal.lane_rate(p_lane) r;
    select coalesce(max(c.in_flight), 0) as in_flight, coalesce(max(c.allowed), p_lane.max_in_flight) as allowed,
           coalesce(max(c.starts_per_second), 0) as starts_per_second, coalesce(max(c.tenants), 0) as tenants, max(c.weights) as weights
      into v_lane from atelier_internal.lane_counters() c where c.lane_id = p_lane.id;
    select count(*) into v_ahead
      from (select from atelier_internal.queue_entries q
             where q.instance = p_job.instance and q.lane_id = p_job.lane_id and q.tenant_id = v_tenant
               and (q.priority, q.sequence) < (p_job.priority, p_job.sequence) limit 100000) q;
    v_start := atelier_internal.estimate_start(p_lane, v_tenant, v_ahead + 1, v_lane.starts_per_second, v_lane.weights);
    v_before := format('%s job(s) of %s are before it in its lane (%s)%s', case when v_ahead = 100000 then 'more than 100000' else v_ahead::text end,
                       case when p_job.client_id is null then 'no client' else 'its client' end, v_name,
                       case when v_lane.tenants > 1 then format(', which %s clients wait for', v_lane.tenants) else '' end);

    select * into v_share from atelier_internal.client_shares s where s.client_id = p_job.client_id and s.max_in_flight is not null;
    if found then
        select count(*) into v_under_way from atelier_internal.jobs j where j.client_id = p_job.client_id and j.state in ('leased', 'draining');
        if v_under_way >= v_share.max_in_flight then
            return row(p_job.state, 'client_full', format('%s order(s) of its client are under way, and it may have %s. %s.', v_under_way, v_share.max_in_flight, v_before),
                format('The end of one of them; or SELECT atelier.set_client_share(%L, max_in_flight => ...);', p_job.client_id), v_ahead + 1, v_start)::atelier_internal.explanation;
        end if;
    end if;
    if v_lane.in_flight >= least(v_lane.allowed, p_lane.max_in_flight) then
        return row(p_job.state, 'lane_full', format('%s order(s) of its lane are under way, and it takes %s at present, %s at most. %s.',
                                                    v_lane.in_flight, least(v_lane.allowed, p_lane.max_in_flight), p_lane.max_in_flight, v_before),
            format('The end of one of them; or SELECT atelier.set_lane_limit(%L, %L, max_in_flight => ...);', p_lane.provider, p_lane.model), v_ahead + 1, v_start)::atelier_internal.explanation;
    elsif atelier_internal.rate_used_up(p_lane, v_lane.starts_per_second) then
        return row(p_job.state, 'rate', format('Its lane (%s) begins at most %s order(s) in %s%s, and it did. %s.', v_name, v_rate.starts, v_rate.period,
                                               case when v_rate.configured then '' else ', as its service showed' end, v_before),
            'The clock' || case when v_rate.configured then format('; or SELECT atelier.set_lane_limit(%L, %L, requests_per_minute => ...);', p_lane.provider, p_lane.model)
                                else '.' end, v_ahead + 1, v_start)::atelier_internal.explanation;
    end if;
    select coalesce(sum(w.in_flight), 0) into v_under_way from atelier_internal.workers_state() w
     where w.database = (select d.oid from pg_database d where d.datname = current_database());
    if v_under_way >= v_most then
        return row(p_job.state, 'engine_full', format('%s orders of all lanes are under way, and pg_atelier.max_in_flight is %s. %s.', v_under_way, v_most, v_before),
            'The end of one of them; or a higher pg_atelier.max_in_flight.', v_ahead + 1, v_start)::atelier_internal.explanation;
    end if;
    return row(p_job.state, 'queued', format('%s, which takes %s at once and has %s.', v_before, p_lane.max_in_flight, v_lane.in_flight),
        format('Its turn. SELECT atelier.set_priority(%L, -100); puts it before others of its client.', p_job.id),
        v_ahead + 1, case when v_ahead = 0 then now() else v_start end)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_turn(atelier_internal.jobs, atelier_internal.lanes) is
    'What keeps a queued job whose lane may go on: a limit that is reached, or those before it. Their order is that of priority and sequence; with pg_atelier.priority_aging the longest waiting of a lower priority may still go first.';
