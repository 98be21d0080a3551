-- Jobs that ended without success, and how their work is done again.

create type atelier_internal.redriven as (job_id uuid, new_job_id uuid, problem text);
comment on type atelier_internal.redriven is
    'What became of a dead letter: the job that does its work again, or why there is none; neither: nothing is left to do.';

create function atelier_internal.options_again(p_ended atelier_internal.history_failed) returns atelier_internal.job_options
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return row(coalesce(p_ended.priority, 0), null, null, p_ended.order_key, p_ended.tags, p_ended.traceparent)::atelier_internal.job_options;
comment on function atelier_internal.options_again(atelier_internal.history_failed) is
    'Options of the job that does the work of an ended one again: without its times, and with its order key, of which it takes the last place.';

create function atelier_internal.hold_keys_of(p_jobs uuid[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.hold_order_keys(k.client_id, k.keys)
       from (select h.client_id, array_agg(h.order_key) as keys from atelier_internal.history_failed h
              where h.job_id = any (p_jobs) and h.order_key is not null
              group by h.client_id order by h.client_id) k;
end
$$;
comment on function atelier_internal.hold_keys_of(uuid[]) is 'Locks the order keys of ended jobs, as hold_order_keys().';

create function atelier_internal.redrive_as_it_was(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
begin
    perform atelier_internal.hold_keys_of(p_jobs);
    for v_group in
        select h.pipeline,
               array_agg(h.job_id order by h.created_at, h.job_id) as jobs,
               array_agg(row(h.subject_id, h.client_id, l.provider, l.model, h.input, null)::atelier_internal.job_request
                         order by h.created_at, h.job_id) as requests,
               array_agg(atelier_internal.options_again(h) order by h.created_at, h.job_id) as options
          from atelier_internal.history_failed h
          join atelier_internal.lanes l on l.id = h.lane_id
         where h.job_id = any (p_jobs)
         group by h.pipeline
    loop
        return query
        select n.old, n.new
          from unnest(v_group.jobs, atelier_internal.enqueue_jobs(v_group.pipeline, v_group.requests, v_group.options)) as n (old, new);
    end loop;
end
$$;
comment on function atelier_internal.redrive_as_it_was(uuid[]) is
    'Enqueues ended jobs again from their first step, the oldest first, with input, priority, order key, tags and trace as they were. What they waited for is not waited for again, and under their key they take the last places.';

create function atelier_internal.redrive_group(p_hook text, p_jobs uuid[]) returns atelier_internal.redriven[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_redriven atelier_internal.redriven[];
    v_hint text;
begin
    execute format('select array(select row(j.id, r.new_job_id, null)::atelier_internal.redriven
                                   from unnest($1) with ordinality as j (id, place) left join %s($1) r on r.job_id = j.id order by j.place)', p_hook)
       into v_redriven using p_jobs;
    return v_redriven;
exception
when lock_not_available or transaction_rollback or operator_intervention or out_of_memory or disk_full then
    -- It says nothing about the jobs.
    raise;
when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    if cardinality(p_jobs) = 1 then
        return array[row(p_jobs[1], null, concat_ws('. ', sqlerrm, nullif(v_hint, '')))::atelier_internal.redriven];
    end if;
    return array(
        select r from unnest(p_jobs) with ordinality as j (id, place)
         cross join lateral unnest(atelier_internal.redrive_group(p_hook, array[j.id])) r
         order by j.place);
end
$$;
comment on function atelier_internal.redrive_group(text, uuid[]) is
    'Has the work of ended jobs done again by a redrive function. A job for which it raises is alone in being refused.';

create function atelier_internal.take_dead_letters(p_filter atelier_internal.job_filter, p_limit integer) returns uuid[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    -- What another session is just redriving is done by the time it could be had.
    return array(
        select h.job_id from atelier_internal.history_failed h
          join atelier_internal.lanes l on l.id = h.lane_id
         where h.redriven_as is null and not h.obsolete and h.state = any (p_filter.states)
           and (p_filter.jobs is null or h.job_id = any (p_filter.jobs))
           and (p_filter.pipelines is null or h.pipeline = any (p_filter.pipelines))
           and (p_filter.providers is null or l.provider = any (p_filter.providers))
           and (p_filter.models is null or l.model = any (p_filter.models))
           and (p_filter.clients is null or h.client_id = any (p_filter.clients))
           and (p_filter.tags is null or h.tags && p_filter.tags)
           and (p_filter.error_classes is null or h.error_class = any (p_filter.error_classes))
           and (p_filter.earlier_than is null or h.finished_at < p_filter.earlier_than)
           and (p_filter.later_than is null or h.finished_at > p_filter.later_than)
         order by h.finished_at, h.job_id limit p_limit
           for update of h skip locked);
end
$$;
comment on function atelier_internal.take_dead_letters(atelier_internal.job_filter, integer) is
    'Locks the dead letters that a filter means, the oldest first: before and after are about their end. Reads all of them.';

create function atelier.redrive(filter jsonb default '{}', max_jobs integer default 100)
    returns table (job_id uuid, new_job_id uuid, problem text)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_filter atelier_internal.job_filter := atelier_internal.read_job_filter(redrive.filter, array['failed', 'quarantined']);
    v_redriven atelier_internal.redriven[];
begin
    perform atelier_internal.require_max_jobs(redrive.max_jobs);
    -- What was lost three times may be what its process dies of: it is done again only when somebody says so.
    v_filter.states := coalesce(v_filter.states, '{failed}');
    with chosen as materialized (
        select h.job_id, h.pipeline, p.redrive, p.subject_table, p.name is null or not atelier_internal.is_present(p.extension) as unknown
          from atelier_internal.history_failed h
          left join atelier_internal.pipelines p on p.name = h.pipeline
         where h.job_id = any (atelier_internal.take_dead_letters(v_filter, redrive.max_jobs))
    ), grouped as materialized (
        select coalesce(c.redrive, 'atelier_internal.redrive_as_it_was') as hook, array_agg(c.job_id order by c.job_id) as jobs
          from chosen c
         where not c.unknown and (c.redrive is not null or c.subject_table is null)
         group by 1
    )
    select array(
        select r from grouped g cross join lateral unnest(atelier_internal.redrive_group(g.hook, g.jobs)) r
        union all
        select row(c.job_id, null, case when c.unknown then format('pipeline "%s" does not exist any more, or its extension is not installed', c.pipeline)
            else format('pipeline "%s" has no function that does its work again. Name one in atelier_internal.pipelines.redrive', c.pipeline) end)::atelier_internal.redriven
          from chosen c where c.unknown or c.redrive is null and c.subject_table is not null)
      into v_redriven;

    with noted as (
        update atelier_internal.history_failed h
           set redriven_as = r.new_job_id, obsolete = r.new_job_id is null
          from unnest(v_redriven) r
         where h.job_id = any (array(select x.job_id from unnest(v_redriven) x)) and h.job_id = r.job_id and r.problem is null
        returning h.job_id, h.client_id, h.subject_id, h.pipeline, h.redriven_as
    )
    insert into atelier_internal.events (kind, client_id, subject_id, job_id, data)
    select 'job.redriven', n.client_id, n.subject_id, n.job_id, jsonb_build_object('pipeline', n.pipeline, 'new_job_id', n.redriven_as)
      from noted n where n.redriven_as is not null;
    if v_redriven <> '{}' then
        perform atelier_internal.audit('jobs.redriven', 'jobs', null, atelier.current_client_id(), jsonb_build_object(
            'filter', redrive.filter, 'jobs', (select count(*) from unnest(v_redriven) r where r.new_job_id is not null)));
    end if;
    return query
    select r.job_id, r.new_job_id,
           case when r.new_job_id is null then coalesce(r.problem, 'nothing is left to do: what it worked for is gone, or was worked for again since') end
      from unnest(v_redriven) r;
end
$$;
comment on function atelier.redrive(jsonb, integer) is
    'Has the work of up to max_jobs (1 to 10000) dead letters done again, the oldest first, and returns for each the new job, or the problem. filter: a JSON object with any of job_id, state, pipeline, provider, model, client_id, tag, error_class, each a text or a list of which one must fit, and before and after (ended). Without a state only failed jobs are meant; quarantined ones, which may be what their processes died of, only with {"state": "quarantined"}. A new job has priority, order_key, tags and traceparent of the old one; it takes the last place of its key, behind what was asked for since. A job is redriven once: its new job, should it fail too, is a dead letter of its own. What was refused stays one. 22004 and 22023 for a bad filter.';

create function atelier_internal.note_redriven(p_job_id uuid, p_new_job_id uuid) returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    update atelier_internal.history_failed h set redriven_as = p_new_job_id
     where h.job_id = p_job_id and h.redriven_as is null;
end;
comment on function atelier_internal.note_redriven(uuid, uuid) is 'Another job does the work of an ended one: it is no dead letter any more.';

create function atelier_internal.dead_letter_hint(p_state text, p_class text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return case when p_state = 'quarantined'
                then 'Its process was lost three times, or its outcome stayed unknown: find out why before atelier.redrive(''{"state": "quarantined"}'').'
           else case p_class
                when 'auth' then 'Correct the credentials and call atelier.resume_lane(), then atelier.redrive().'
                when 'no_credit' then 'Give the account money or quota and call atelier.resume_lane(), then atelier.redrive().'
                when 'content_blocked' then 'The service refuses this content: the same again is refused again. Change what is asked for.'
                when 'invalid_request' then 'The request cannot succeed as it is: remove the cause that the message names first.'
                when 'outcome_unknown' then 'It may have been done, and billed: atelier.redrive() may pay a second time.'
                when 'expired' then 'Nothing was begun. atelier.redrive() asks for it again, without a time by which it has to start.'
                else 'When the cause is gone, atelier.redrive() has it done again.' end
           end;
comment on function atelier_internal.dead_letter_hint(text, text) is 'What to do about a job that ended without success.';

create view atelier.dead_letters with (security_invoker, security_barrier) as
select h.job_id, h.pipeline, s.name as step, h.state, h.error_class, h.error_message,
       atelier_internal.dead_letter_hint(h.state, h.error_class) as hint,
       l.provider, l.model, h.subject_id, h.client_id, h.namespace, h.tags, h.traceparent, h.priority, h.attempts, h.crashes,
       h.created_at, h.finished_at
  from atelier_internal.history_failed h
  join atelier_internal.lanes l on l.id = h.lane_id
  left join atelier_internal.steps s on s.pipeline = h.pipeline and s.position = h.step
 where h.state in ('failed', 'quarantined') and h.redriven_as is null and not h.obsolete;
comment on column atelier.dead_letters.step is 'Name of the step at which it ended.';
comment on column atelier.dead_letters.hint is 'What to do about it.';
comment on column atelier.dead_letters.provider is 'Provider or store of that step.';
comment on column atelier.dead_letters.model is 'Model; empty where there is none.';
comment on view atelier.dead_letters is
    'Jobs that failed or were quarantined and were not redriven yet, as long as history keeps them. atelier.redrive() has their work done again. Reads the history of failed jobs.';
