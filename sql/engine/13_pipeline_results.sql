-- What came of jobs of pipelines of users and of those that they made, and how they are done again.

create function atelier_internal.result_of(p_job_id uuid) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select atelier_internal.results_of(p_job_id) -> l.label
      from (select r.label from atelier_internal.step_results r where r.job_id = p_job_id order by r.position desc limit 1) l;
end;
comment on function atelier_internal.result_of(uuid) is 'The result of the last step that a job has done; null where that has none.';

create function atelier_internal.require_job(p_job_id uuid) returns text
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_state text := atelier_internal.state_of_job(p_job_id);
begin
    if v_state is null then
        raise exception 'job not found' using errcode = 'no_data_found', detail = format('Job %s.', coalesce(p_job_id::text, 'null')),
              hint = atelier_internal.way_out('Finished jobs are forgotten after pg_atelier.job_ttl_completed or job_ttl_failed.');
    end if;
    return v_state;
end
$$;
comment on function atelier_internal.require_job(uuid) is 'The state of a job; P0002 for an unknown one.';

create function atelier.job_result(job_id uuid) returns jsonb
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return case when atelier_internal.require_job(job_result.job_id) = 'completed' then atelier_internal.result_of(job_result.job_id) end;
end
$$;
comment on function atelier.job_result(uuid) is
    'The result of the last step of a completed job of a pipeline of users; null where that step was skipped or returned nothing, or the job has not completed, which atelier.job_state() tells. P0002 for an unknown job.';

create function atelier_internal.children_of(p_job_id uuid, p_step text)
    returns table (place integer, job_id uuid, state text, input jsonb, result jsonb, error_class text, error_message text)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform atelier_internal.require_job(p_job_id);
    return query
    select c.place, c.job_id, coalesce(c.state, atelier_internal.state_of_job(c.job_id)), c.input,
           case when c.state = 'completed' then atelier_internal.result_of(c.job_id) end, c.error_class, c.error_message
      from atelier_internal.job_children c
     where c.parent_id = p_job_id
       and c.position = (select max(r.position) from atelier_internal.step_results r
                           join atelier_internal.steps s on s.pipeline = r.pipeline and s.position = r.position and s.fan_out is not null
                          where r.job_id = p_job_id and (p_step is null or r.label = p_step))
     order by c.place;
end
$$;
comment on function atelier_internal.children_of(uuid, text) is 'As atelier.child_results().';

create function atelier.child_results(job_id uuid, step text default null)
    returns table (place integer, job_id uuid, state text, input jsonb, result jsonb, error_class text, error_message text)
    language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    select c.place, c.job_id, c.state, c.input, c.result, c.error_class, c.error_message from atelier_internal.children_of($1, $2) c;
end;
comment on function atelier.child_results(uuid, text) is
    'What became of the jobs that a job made by fan_out, in its last such step or the named one: the place of the input in the list, from 1, the job, its state, its input, its result if it completed, else class and message of its failure. P0002 for an unknown job.';

create function atelier_internal.is_resumable(p_ended atelier_internal.history_failed) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select exists (select from atelier_internal.steps s where s.pipeline = p_ended.pipeline and s.position = p_ended.step)
           and not exists (
               select from atelier_internal.step_results r
                 left join atelier_internal.steps s on s.pipeline = p_ended.pipeline and s.position = r.position
                where r.job_id = p_ended.job_id and (s.label is distinct from r.label or s.phase is distinct from r.phase));
end;
comment on function atelier_internal.is_resumable(atelier_internal.history_failed) is
    'Whether what a job has remembered fits the steps that its pipeline has now, so that its work can go on where it ended.';

create function atelier_internal.redrive_child(p_child atelier_internal.job_children, p_pipeline text, p_options atelier_internal.job_options)
    returns atelier_internal.job_children
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_again uuid;
begin
    -- Somebody may have had it done again by itself.
    loop
        select h.redriven_as into v_again from atelier_internal.history_failed h where h.job_id = p_child.job_id and h.redriven_as is not null;
        exit when not found;
        p_child.job_id := v_again;
    end loop;
    p_child.state := atelier_internal.state_of_job(p_child.job_id);
    if p_child.state in ('failed', 'cancelled', 'quarantined') then
        -- What it had done itself is done.
        select r.new_job_id into v_again from atelier_internal.redrive_defined(array[p_child.job_id]) r;
    elsif p_child.state = 'completed' then
        return p_child;
    elsif exists (select from atelier_internal.jobs j where j.id = p_child.job_id and j.parent_id is null) then
        v_again := p_child.job_id;
    else
        v_again := (atelier_internal.enqueue_defined(p_pipeline, p_child.client_id, array[p_child.input], array[p_options]))[1];
    end if;
    if v_again <> p_child.job_id then
        perform atelier_internal.note_redriven(p_child.job_id, v_again);
    end if;
    p_child.job_id := v_again;
    p_child.state := null;
    p_child.error_class := null;
    p_child.error_message := null;
    return p_child;
end
$$;
comment on function atelier_internal.redrive_child(atelier_internal.job_children, text, atelier_internal.job_options) is
    'Has the work of a job done again that another one made and failed for, unless that was done meanwhile. Its row in job_children as it is to be from then on.';

create function atelier_internal.redrive_one(p_ended atelier_internal.history_failed) returns uuid
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_options atelier_internal.job_options := atelier_internal.options_again(p_ended);
    v_children atelier_internal.job_children[];
    v_live uuid[];
    v_job uuid;
begin
    select array_agg(case when c.position = p_ended.step - 1 and s.on_child_failure = 'fail' and c.state is distinct from 'completed'
                          then atelier_internal.redrive_child(c, s.fan_out, (v_options.priority, null, null, null, v_options.tags, v_options.traceparent))
                          else c end order by c.position, c.place)
      into v_children
      from atelier_internal.job_children c
      join atelier_internal.steps s on s.pipeline = p_ended.pipeline and s.position = c.position
     where c.parent_id = p_ended.job_id;
    v_live := array(select c.job_id from unnest(v_children) c where c.state is null);
    v_job := (atelier_internal.enqueue_defined(p_ended.pipeline, p_ended.client_id, array[p_ended.input -> 'input'], array[v_options],
                                               p_ended.step, v_live))[1];
    insert into atelier_internal.step_results (job_id, position, pipeline, label, phase, client_id, result, finished_at)
    select v_job, r.position, r.pipeline, r.label, r.phase, r.client_id, r.result, r.finished_at
      from atelier_internal.step_results r where r.job_id = p_ended.job_id;
    insert into atelier_internal.job_children (parent_id, position, place, job_id, pipeline, client_id, input, state, error_class, error_message)
    select v_job, c.position, c.place, c.job_id, c.pipeline, c.client_id, c.input, c.state, c.error_class, c.error_message from unnest(v_children) c;
    update atelier_internal.jobs j set parent_id = v_job where j.id = any (v_live);
    return v_job;
end
$$;
comment on function atelier_internal.redrive_one(atelier_internal.history_failed) is
    'Enqueues the work of an ended job of a pipeline of users again, from the step at which it ended, with the results of those before. If it failed for jobs that it had made, those that did not complete are done again first.';

create function atelier_internal.replace_child(p_job_id uuid, p_new_job_id uuid) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_parent uuid;
begin
    -- Whoever waits still for others waits for this one again.
    select j.id into v_parent
      from atelier_internal.job_children c
      join atelier_internal.jobs j on j.id = c.parent_id and j.step = c.position + 1
     where c.job_id = p_job_id
       for update of j;
    if not exists (select from atelier_internal.jobs j where j.id = v_parent and j.state = 'waiting' and j.reason = 'dependency') then
        return;
    end if;
    update atelier_internal.job_children c set job_id = p_new_job_id, state = null, error_class = null, error_message = null
     where c.parent_id = v_parent and c.job_id = p_job_id;
    update atelier_internal.jobs j set parent_id = v_parent where j.id = p_new_job_id;
    insert into atelier_internal.job_dependencies (job_id, depends_on, tolerant) values (v_parent, p_new_job_id, true);
end
$$;
comment on function atelier_internal.replace_child(uuid, uuid) is
    'Puts the job that does the work of an ended one in its place among those that a third one made, if that still waits for some of them.';

create function atelier_internal.redrive_defined(p_jobs uuid[]) returns table (job_id uuid, new_job_id uuid)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_ended atelier_internal.history_failed;
begin
    perform atelier_internal.hold_keys_of(p_jobs);
    for v_ended in
        select h.* from atelier_internal.history_failed h where h.job_id = any (p_jobs) order by h.created_at, h.job_id
    loop
        job_id := v_ended.job_id;
        -- Its parent may have come before it.
        new_job_id := (select h.redriven_as from atelier_internal.history_failed h where h.job_id = v_ended.job_id);
        if new_job_id is not null then
            return next;
            continue;
        elsif atelier_internal.is_resumable(v_ended) then
            new_job_id := atelier_internal.redrive_one(v_ended);
        else
            new_job_id := (atelier_internal.enqueue_defined(v_ended.pipeline, v_ended.client_id, array[v_ended.input -> 'input'],
                                                            array[atelier_internal.options_again(v_ended)]))[1];
        end if;
        perform atelier_internal.replace_child(job_id, new_job_id);
        return next;
    end loop;
end
$$;
comment on function atelier_internal.redrive_defined(uuid[]) is
    'Has ended jobs of pipelines of users done again: from the step at which they ended, unless their pipeline has other steps since. What they had done is not done again; of the jobs that one made and failed for, those that did not complete are done again first.';

create view atelier.pipelines with (security_invoker, security_barrier) as
select p.name as pipeline, p.description, p.built_in, p.run_as, p.used_by, p.extension, p.defined_by, p.defined_at
  from atelier_internal.pipelines p;
comment on view atelier.pipelines is 'The kinds of work: those of the engine itself, which run as nobody, and those that users defined.';
comment on column atelier.pipelines.pipeline is 'Name of the pipeline.';

create view atelier.pipeline_steps with (security_invoker, security_barrier) as
select s.pipeline, s.position, coalesce(s.label, s.name) as step, s.phase, s.action, s.handler, s.provider, s.model, s.request, s.timeout,
       s.max_attempts, s.fan_out, s.on_child_failure
  from atelier_internal.steps s;
comment on view atelier.pipeline_steps is 'The steps of the pipelines, in order. A completed one never runs again.';
comment on column atelier.pipeline_steps.step is 'Name of the step; one that users defined has a row for each of its phases.';

create view atelier.step_results with (security_invoker, security_barrier) as
select r.job_id, r.position, r.pipeline, r.label as step, r.phase, r.client_id, r.result, r.finished_at
  from atelier_internal.step_results r;
comment on view atelier.step_results is 'What the completed steps of jobs of users'' pipelines came to, as long as history knows the job.';
comment on column atelier.step_results.step is 'The step.';
