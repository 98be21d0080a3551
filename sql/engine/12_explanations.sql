-- Why a job is not running, first part: those that have no place in the queue. See atelier.explain_job().

create type atelier_internal.explanation as (
    state text, reason text, explanation text, released_by text, position bigint, estimated_start timestamptz);
comment on type atelier_internal.explanation is 'An answer of atelier.explain_job().';

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

create function atelier_internal.explain_finished(p_job_id uuid) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_ended atelier_internal.history_failed;
    v_at timestamptz;
begin
    select c.finished_at into v_at from atelier_internal.history_completed c where c.job_id = p_job_id;
    if found then
        return row('completed', null, format('It ended at %s as completed.', v_at), 'Nothing: it is done.', null, null)::atelier_internal.explanation;
    end if;
    select * into v_ended from atelier_internal.history_failed f where f.job_id = p_job_id;
    if not found then
        raise exception 'job not found' using errcode = 'no_data_found', detail = format('Job %s.', coalesce(p_job_id::text, 'null')),
              hint = atelier_internal.way_out('Finished jobs are forgotten after pg_atelier.job_ttl_completed or job_ttl_failed.');
    end if;
    return row(v_ended.state, v_ended.error_class,
        format('It ended at %s as %s: %s: %s', v_ended.finished_at, v_ended.state, v_ended.error_class, v_ended.error_message)
            || case when v_ended.redriven_as is not null then format(' Job %s does its work again.', v_ended.redriven_as) else '' end,
        case when v_ended.redriven_as is not null then format('Nothing: SELECT * FROM atelier.explain_job(%L); tells of the job that does its work.', v_ended.redriven_as)
             when v_ended.obsolete then 'Nothing: what it worked for is gone, or was worked for again since.'
             when v_ended.state = 'cancelled' then 'A new job: atelier.retry_asset() makes one for an asset.'
             else format('A new job: SELECT * FROM atelier.redrive(%L); makes one, or atelier.retry_asset() for an asset. ', jsonb_build_object(
                      'job_id', v_ended.job_id) || case v_ended.state when 'quarantined' then '{"state": "quarantined"}' else '{}' end::jsonb)
                  || atelier_internal.dead_letter_hint(v_ended.state, v_ended.error_class) end, null, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_finished(uuid) is 'How a job ended, and how its work is done again. P0002 for an unknown job.';

create function atelier_internal.explain_under_way(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert record;
    v_store text := p_job.input ->> 'store';
begin
    if p_job.state = 'leased' and atelier_internal.is_overdue(p_job) then
        -- The worker waits that long only for an answer of which the executor said that it is on disk. An alert is about all clients.
        select a.message, a.hint into v_alert from atelier_internal.alerts a
         where a.kind = 'store_unavailable' and a.resolved_at is null
           and (atelier_internal.is_operator() or atelier_internal.sees_all_clients());
        return row(p_job.state, 'storage',
            format('The answer of attempt %s is on disk, and kept until store %s takes its picture: %s', p_job.attempt_id, v_store,
                   coalesce(v_alert.message, 'it is tried again and again.')),
            coalesce(v_alert.hint || ' ', '')
            || format('Nothing is bought again when the store is back. SELECT atelier.cancel_job(%L); gives the picture up.', p_job.id), null, null)::atelier_internal.explanation;
    elsif p_job.state = 'leased' and p_job.provider = 'sql'
          and not exists (select from atelier_internal.handlers_state() h where h.attempt_id = p_job.attempt_id) then
        return row(p_job.state, 'handlers_busy',
            format('Its function waits for a process to run in: %s of at most %s are at work, and the functions of one role never take all of several.',
                   (select count(*) from atelier_internal.handlers_state() h where h.attempt_id is not null), atelier_internal.setting('handlers')),
            format('The end of what they do, which atelier.handlers shows; or a higher pg_atelier.handlers; or SELECT atelier.cancel_job(%L);', p_job.id),
            null, null)::atelier_internal.explanation;
    elsif p_job.state = 'leased' then
        return row(p_job.state, null,
            format('Attempt %s is under way since %s.', p_job.attempt_id,
                   (select a.leased_at from atelier_internal.attempts a where a.id = p_job.attempt_id and a.ring = p_job.attempt_ring)),
            format('Its answer, its timeout, or SELECT atelier.cancel_job(%L);', p_job.id), null, null)::atelier_internal.explanation;
    elsif p_job.state = 'draining' then
        return row(p_job.state, p_job.reason,
            format('The executor of attempt %s went on without its worker, or ended, while provider %s may have been at work: its receipt is still waited for.',
                   p_job.attempt_id, p_job.provider),
            format('The receipt; or the end of that executor, at most pg_atelier.drain_timeout after it was left, and of the next one''s reading of the spool; or SELECT atelier.cancel_job(%L);',
                   p_job.id), null, null)::atelier_internal.explanation;
    end if;
    return null;
end
$$;
comment on function atelier_internal.explain_under_way(atelier_internal.jobs) is 'What is known of a job with an attempt under way; null for any other.';

create function atelier_internal.explain_absent(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_extension text;
begin
    if atelier_internal.is_pipeline_present(p_job.pipeline) then
        return null;
    end if;
    select p.extension into v_extension from atelier_internal.pipelines p where p.name = p_job.pipeline;
    return row(p_job.state, 'pipeline_absent',
        case when v_extension is null then format('Its pipeline %s is not defined in this database.', p_job.pipeline)
             else format('Its pipeline %s was registered by extension %s, which is not installed in this database.', p_job.pipeline, v_extension) end,
        case when v_extension is null then format('The definition of pipeline %s, by atelier.define_pipeline() or by the extension that brings it.', p_job.pipeline)
             else format('CREATE EXTENSION %I;', v_extension) end
            || format(' Then it goes on by itself. SELECT atelier.cancel_job(%L); ends it.', p_job.id), null, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_absent(atelier_internal.jobs) is 'That the pipeline of a job is not there, and what brings it; null when it is.';

create function atelier_internal.explain_held(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_last record;
    v_pause atelier_internal.pauses;
    v_absence atelier_internal.explanation;
begin
    if p_job.reason = 'outcome_unknown' then
        select a.id, a.error_message into v_last from atelier_internal.attempts a
         where a.job_id = p_job.id and a.error_class = 'outcome_unknown' order by a.id desc limit 1;
        return row(p_job.state, p_job.reason,
            format('Provider %s may have done, and billed, attempt %s: %s. It is not bought again before somebody decides.',
                   p_job.provider, coalesce(v_last.id::text, '(forgotten)'), coalesce(v_last.error_message, 'no message is left')),
            format('SELECT atelier.resolve_unknown(%1$L::uuid, ''retry''); runs it again and may be billed a second time. SELECT atelier.resolve_unknown(%1$L::uuid, ''fail''); ends it.',
                   p_job.id), null, null)::atelier_internal.explanation;
    elsif p_job.reason in ('over_budget', 'price_unknown') then
        return atelier_internal.explain_money(p_job);
    elsif p_job.reason in ('paused', 'pipeline_absent') then
        v_absence := atelier_internal.explain_absent(p_job);
        v_pause := atelier_internal.pause_of('pipeline', p_job.pipeline);
        if v_absence.state is not null then
            return v_absence;
        elsif v_pause.kind is null then
            return row(p_job.state, p_job.reason, format('Its turn came while pipeline %s was %s, which is over.', p_job.pipeline,
                                                         case p_job.reason when 'paused' then 'paused' else 'not there' end),
                       'The worker brings it back, a few thousand jobs at a time.', null, null)::atelier_internal.explanation;
        end if;
        return row(p_job.state, p_job.reason,
            format('Its turn came while pipeline %s was paused, since %s: %s.', p_job.pipeline, v_pause.paused_at, v_pause.reason),
            atelier_internal.resumed_by(format('SELECT atelier.resume_pipeline(%L);', p_job.pipeline), v_pause.paused_until), null, v_pause.paused_until)::atelier_internal.explanation;
    end if;
    return row(p_job.state, p_job.reason, format('It is held: %s.', p_job.reason),
        format('SELECT atelier.release_job(%1$L); runs it again, SELECT atelier.cancel_job(%1$L); ends it.', p_job.id), null, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_held(atelier_internal.jobs) is 'Why a held job is held, and who releases it.';

create function atelier_internal.explain_order(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_first uuid;
    v_state text;
    v_ahead bigint;
begin
    select o.job_id into v_first from atelier_internal.ordered_jobs o
     where o.client_id = atelier_internal.tenant_of(p_job.client_id) and o.order_key = p_job.order_key order by o.sequence limit 1;
    select j.state || coalesce(': ' || j.reason, '') into v_state from atelier_internal.jobs j where j.id = v_first;
    select count(*) into v_ahead
      from (select from atelier_internal.ordered_jobs o
             where o.client_id = atelier_internal.tenant_of(p_job.client_id) and o.order_key = p_job.order_key
               and o.sequence < p_job.order_sequence limit 100000) o;
    if v_first = p_job.id or v_ahead = 0 then
        return row(p_job.state, p_job.reason, format('It is the first of its order key %s now.', to_json(p_job.order_key)), 'The worker lets it go.', null, now())::atelier_internal.explanation;
    end if;
    return row(p_job.state, p_job.reason,
        format('%s job(s) of its order key %s are before it; the first of them is %s (%s).', v_ahead, to_json(p_job.order_key), v_first, coalesce(v_state, 'ending')),
        format('The end of that job, whichever it is: SELECT * FROM atelier.explain_job(%1$L); says what it waits for, SELECT atelier.cancel_job(%1$L); ends it.', v_first),
        v_ahead + 1, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_order(atelier_internal.jobs) is 'Which jobs of its key are before a job that keeps their order.';

create function atelier_internal.explain_children(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_made record;
begin
    select count(*) as jobs, count(*) filter (where c.state is null) as live, (min(c.job_id::text) filter (where c.state is null))::uuid as first,
           min(s.fan_out) as pipeline, min(s.label) as label, min(s.on_child_failure) as policy
      into v_made
      from atelier_internal.job_children c
      left join atelier_internal.steps s on s.pipeline = p_job.pipeline and s.position = c.position
     where c.parent_id = p_job.id and c.position = p_job.step - 1;
    if v_made.live = 0 then
        return row(p_job.state, 'dependency', format('All %s job(s) that its step "%s" made have ended.', v_made.jobs, v_made.label),
                   'The worker lets it go.', null, now())::atelier_internal.explanation;
    end if;
    return row(p_job.state, 'dependency',
        format('Of %s job(s) of pipeline %s that its step "%s" made, %s have not ended.', v_made.jobs, v_made.pipeline, v_made.label, v_made.live),
        format('Their end%s SELECT * FROM atelier.explain_job(%L); says what the first of them waits for, SELECT * FROM atelier.child_results(%L); what became of each.',
               case v_made.policy when 'collect' then ', whichever it is.' else '; should one end without success, it ends with the same reason.' end,
               v_made.first, p_job.id), null, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_children(atelier_internal.jobs) is 'How many of the jobs that a job made it waits for.';

create function atelier_internal.explain_blocked(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job.reason = 'order' then
        return atelier_internal.explain_order(p_job);
    elsif p_job.reason = 'dependency' and exists (select from atelier_internal.job_children c where c.parent_id = p_job.id and c.position = p_job.step - 1) then
        return atelier_internal.explain_children(p_job);
    elsif p_job.reason = 'dependency' then
        return row(p_job.state, 'dependency',
            format('It waits for %s.', (select string_agg('job ' || d.depends_on, ', ' order by d.depends_on)
                                          from (select x.depends_on from atelier_internal.job_dependencies x where x.job_id = p_job.id
                                                 order by x.depends_on limit 20) d)),
            'The completion of those jobs; should one fail or be cancelled, it ends with the same reason. SELECT * FROM atelier.explain_job(...) says what each waits for.',
            null, null)::atelier_internal.explanation;
    elsif p_job.run_after is not null then
        return row(p_job.state, coalesce(p_job.reason, 'deferred'),
            case p_job.reason when 'retry' then format('Attempt %s of %s failed; it is tried again after %s.',
                                                       p_job.attempts, p_job.max_attempts, p_job.run_after)
                 when 'locked' then 'Another session holds the row that it works for locked.'
                 else format('It is scheduled for %s.', p_job.run_after) end,
            case when p_job.reason = 'locked' then 'The end of that session''s transaction.'
                 when p_job.run_after > now() then format('The clock, in %s.', p_job.run_after - now())
                 else 'The worker, which makes what is due runnable.' end, null, greatest(p_job.run_after, now()))::atelier_internal.explanation;
    end if;
    return row(p_job.state, 'not_queued', 'It waits without a queue entry, so that nothing leases it.',
        'A repair: SELECT * FROM atelier.consistency_report; tells what is broken.', null, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_blocked(atelier_internal.jobs) is 'What a waiting job without a queue entry waits for.';
