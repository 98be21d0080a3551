-- The steps of pipelines of users on their way: what their functions are given, what becomes of what they return, and of the answers
-- to what they asked for. A function runs in the transaction that also moves its job on.

create function atelier_internal.prepare_handler(p_leases atelier_internal.lease[])
    returns table (job_id uuid, request jsonb, error_class text, error_message text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query select l.job_id, '{}'::jsonb, null, null from unnest(p_leases) l;
end
$$;
comment on function atelier_internal.prepare_handler(atelier_internal.lease[]) is
    'The order of a function of users: begin_handler() tells what it is given, when it is called.';

create function atelier_internal.prepare_defined(p_leases atelier_internal.lease[])
    returns table (job_id uuid, request jsonb, error_class text, error_message text)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select l.job_id, v.request, case when v.problem is not null then 'invalid_request' end,
           format('the request of step "%s" %s', s.label, v.problem)
      from unnest(p_leases) l
      join atelier_internal.jobs j on j.id = l.job_id
      join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
      left join atelier_internal.step_results r on r.job_id = l.job_id and r.position = j.step - 1 and r.label = s.label and r.phase = 'prepare'
     cross join lateral atelier_internal.vet_request(
           l, s.action, case when r.job_id is not null then r.result else coalesce(s.request, j.input -> 'input') end) v;
end
$$;
comment on function atelier_internal.prepare_defined(atelier_internal.lease[]) is
    'The requests of steps of users: what their prepare function returned, else that of the step, else the input of the job, as vet_request() lets them be.';

create function atelier_internal.handler_argument(p_job atelier_internal.jobs, p_step atelier_internal.steps) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select jsonb_build_object(
               'job_id', p_job.id, 'pipeline', p_job.pipeline, 'step', p_step.label, 'client_id', p_job.client_id, 'created_at', p_job.created_at,
               'input', p_job.input -> 'input', 'attempt', p_job.attempts, 'tags', to_jsonb(p_job.tags),
               'results', atelier_internal.results_of(p_job.id, (
                   select min(f.position) from atelier_internal.steps f where f.pipeline = p_step.pipeline and f.label = p_step.label)::integer))
           || case when p_step.phase <> 'settle' then '{}' else jsonb_build_object(
               'result', (select r.result from atelier_internal.step_results r
                           where r.job_id = p_job.id and r.position = p_step.position - 1),
               'request', coalesce(
                   (select r.result from atelier_internal.step_results r
                     where r.job_id = p_job.id and r.position = p_step.position - 2 and r.label = p_step.label and r.phase = 'prepare'),
                   (select a.request from atelier_internal.steps a where a.pipeline = p_step.pipeline and a.position = p_step.position - 1),
                   p_job.input -> 'input')) end;
end;
comment on function atelier_internal.handler_argument(atelier_internal.jobs, atelier_internal.steps) is
    'What a function of users is given for a job at a step: the job, the results of the steps before, and, to settle, the request and the answer.';

create function atelier_internal.begin_handler(p_epoch bigint, p_job uuid, p_attempt bigint, p_token bigint)
    returns table (function_name text, run_as text, client_id uuid, argument jsonb)
    language plpgsql stable rows 1 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select s.handler, p.run_as, j.client_id, atelier_internal.handler_argument(j, s)
      from atelier_internal.jobs j
      join atelier_internal.pipelines p on p.name = j.pipeline
      join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
     where j.id = p_job and j.state = 'leased' and j.epoch = p_epoch and j.attempt_id = p_attempt and j.token = p_token
       and s.handler is not null and p.run_as is not null;
end
$$;
comment on function atelier_internal.begin_handler(bigint, uuid, bigint, bigint) is
    'The function that a lease has called, the role as which, the client for which, and its argument. No row: the lease is not the current one any more.';

create function atelier_internal.refuse_answer_of_handler(p_step atelier_internal.steps, p_problem text, p_hint text) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'function % of step "%" returned %', p_step.handler, p_step.label, p_problem using errcode = 'data_exception', hint = p_hint;
end
$$;
comment on function atelier_internal.refuse_answer_of_handler(atelier_internal.steps, text, text) is 'Raises 22000 for what a function of users returned.';

create function atelier_internal.check_handler_answer(p_step atelier_internal.steps, p_answer jsonb) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_step.fan_out is null and octet_length(p_answer::text) > 1000000 then
        perform atelier_internal.refuse_answer_of_handler(p_step, 'more than 1000000 bytes', 'Keep it in a table, and return its key.');
    elsif p_step.phase = 'prepare' and jsonb_typeof(p_answer) not in ('object', 'null') then
        perform atelier_internal.refuse_answer_of_handler(p_step, 'a request that is no object', 'Return the request as an object, or null to skip the step.');
    elsif p_step.fan_out is null or p_answer is null or p_answer = 'null' then
        return;
    elsif jsonb_typeof(p_answer) <> 'array' or jsonb_array_length(p_answer) > 10000 then
        perform atelier_internal.refuse_answer_of_handler(p_step, 'no list of at most 10000 inputs', 'Return an array, with the input of one job in each element.');
    elsif octet_length(p_answer::text) > 16000000 or exists (select from jsonb_array_elements(p_answer) e where octet_length(e::text) > 100000) then
        perform atelier_internal.refuse_answer_of_handler(p_step, 'an input of more than 100000 bytes, or 16000000 bytes together',
                                                          'Keep it in a table, and return its keys.');
    end if;
end
$$;
comment on function atelier_internal.check_handler_answer(atelier_internal.steps, jsonb) is
    'Raises 22000 unless a function of users returned what its phase may: a request, inputs of jobs, or a result of at most 1 MB.';

create function atelier_internal.finish_handler(p_epoch bigint, p_job uuid, p_attempt bigint, p_token bigint, p_result jsonb) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
    v_step atelier_internal.steps;
begin
    select * into v_job from atelier_internal.jobs j
     where j.id = p_job and j.state = 'leased' and j.epoch = p_epoch and j.attempt_id = p_attempt and j.token = p_token for update;
    if found then
        select * into v_step from atelier_internal.steps s where s.pipeline = v_job.pipeline and s.position = v_job.step;
        perform atelier_internal.check_handler_answer(v_step, p_result);
    end if;
    if v_job.id is null or atelier_internal.apply_outcomes(p_epoch, array[
        row(p_job, p_attempt, v_job.attempt_ring, p_token, 'completed', true,
            least(2147483647, ceil(extract(epoch from clock_timestamp() - now()) * 1000))::integer,
            nullif(p_result, 'null'), null, null, null, null)::atelier_internal.outcome]) is not null then
        raise exception 'the attempt is over'
            using errcode = 'serialization_failure',
                  detail = format('Job %s was cancelled, or another attempt than %s of it began, while the function ran.', p_job, p_attempt),
                  hint = 'Nothing of what the function did remains.';
    end if;
end
$$;
comment on function atelier_internal.finish_handler(bigint, uuid, bigint, bigint, jsonb) is
    'Moves a job on whose function has run in this transaction. Waits for who holds the job locked; 40001 when the lease is not the current one any more, 22000 for an answer that cannot be used.';

create function atelier_internal.fan_out(p_job atelier_internal.jobs, p_step atelier_internal.steps, p_inputs jsonb) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_inputs jsonb[] := array(select e.input from jsonb_array_elements(p_inputs) with ordinality as e (input, n) order by e.n);
    v_run_as text := (select p.run_as from atelier_internal.pipelines p where p.name = p_job.pipeline);
    v_children uuid[];
begin
    if v_inputs = '{}' then
        return;
    elsif not coalesce(atelier_internal.may_use_pipeline(v_run_as, p_step.fan_out), false) then
        raise exception 'role "%" may not enqueue jobs of pipeline "%"', v_run_as, p_step.fan_out
            using errcode = 'insufficient_privilege', hint = 'Define that pipeline with used_by => ''...'', a role of which this one is a member.';
    end if;
    v_children := atelier_internal.enqueue_defined(
        p_step.fan_out, p_job.client_id, v_inputs, array[row(p_job.priority, null, null, null, p_job.tags, p_job.traceparent)::atelier_internal.job_options]);
    update atelier_internal.jobs j set parent_id = p_job.id, created_by = p_job.created_by, namespace = p_job.namespace where j.id = any (v_children);
    insert into atelier_internal.job_children (parent_id, position, place, job_id, pipeline, client_id, input)
    select p_job.id, p_step.position, c.place, c.job_id, p_job.pipeline, p_job.client_id, c.input
      from unnest(v_children, v_inputs) with ordinality as c (job_id, input, place);
    insert into atelier_internal.job_dependencies (job_id, depends_on, tolerant)
    select p_job.id, c.job_id, p_step.on_child_failure = 'collect' from unnest(v_children) c (job_id);
end
$$;
comment on function atelier_internal.fan_out(atelier_internal.jobs, atelier_internal.steps, jsonb) is
    'Makes a job of each input, for the same client and creator and with the same priority, tags and trace, on which the given one depends.';

create function atelier_internal.settle_defined(p_results atelier_internal.outcome[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_made record;
    v_moved uuid[];
    v_last uuid[];
    v_blocked uuid[];
begin
    p_results := atelier_internal.keep_pictures(p_results);
    for v_made in
        select j, s, r.result from unnest(p_results) r
          join atelier_internal.jobs j on j.id = r.job_id
          join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step and s.fan_out is not null
         where jsonb_typeof(r.result) = 'array' and j.id = any (array(select x.job_id from unnest(p_results) x))
    loop
        perform atelier_internal.fan_out(v_made.j, v_made.s, v_made.result);
    end loop;
    insert into atelier_internal.step_results (job_id, position, pipeline, label, phase, client_id, result)
    select j.id, s.position, j.pipeline, s.label, s.phase, j.client_id,
           case when s.fan_out is null then r.result else jsonb_build_object('jobs', coalesce(jsonb_array_length(r.result), 0)) end
      from unnest(p_results) r
      join atelier_internal.jobs j on j.id = r.job_id
      join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
     where j.id = any (array(select x.job_id from unnest(p_results) x));

    -- Of a step whose prepare function asked for nothing, nothing is done.
    with moves as materialized (
        select j.id, (select min(n.position) from atelier_internal.steps n
                       where n.pipeline = j.pipeline and n.position > j.step
                         and not (s.phase = 'prepare' and r.result is null and n.label = s.label)) as next
          from unnest(p_results) r
          join atelier_internal.jobs j on j.id = r.job_id
          join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
         where j.id = any (array(select x.job_id from unnest(p_results) x))
    ), routes as materialized (
        select m.id, n.position, n.max_attempts, o.provider, o.model
          from moves m
          join atelier_internal.jobs j on j.id = m.id
          join atelier_internal.steps n on n.pipeline = j.pipeline and n.position = m.next
         cross join lateral atelier_internal.step_route(n) o
    ), lanes as materialized (
        select d.provider, d.model, atelier_internal.lane_for(d.provider, d.model) as lane_id
          from (select distinct r.provider, r.model from routes r) d
    ), moved as (
        update atelier_internal.jobs j
           set step = r.position, attempts = 0, max_attempts = coalesce(r.max_attempts, atelier_internal.setting('max_attempts')::smallint),
               provider = r.provider, model = r.model, lane_id = l.lane_id
          from routes r join lanes l on l.provider = r.provider and l.model = r.model
         where j.id = any (array(select m.id from moves m)) and j.id = r.id
        returning j.id
    )
    select array_agg(m.id) filter (where m.next is not null), array_agg(m.id) filter (where m.next is null)
      into v_moved, v_last
      from moves m;
    v_blocked := array(select m.id from unnest(v_moved) m (id)
                        where exists (select from atelier_internal.job_dependencies d where d.job_id = m.id));
    perform atelier_internal.block(v_blocked);
    perform atelier_internal.make_runnable(array(select m.id from unnest(v_moved) m (id) where m.id <> all (v_blocked)));
    if v_last is not null then
        perform atelier_internal.finish_jobs(array(
            select row(l.id, 'completed', null, null)::atelier_internal.finished from unnest(v_last) l (id)));
    end if;
end
$$;
comment on function atelier_internal.settle_defined(atelier_internal.outcome[]) is
    'Remembers the results of steps of users, makes the jobs that they ask for, and sends each job to its next step or to history. A job that made others waits for them; a step whose prepare function returned nothing is skipped.';

create function atelier_internal.end_children(p_parents uuid[]) returns integer
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_live uuid[] := array(
        select c.job_id from atelier_internal.job_children c where c.parent_id = any (p_parents) and c.state is null);
    v_mine uuid[];
begin
    if v_live = '{}' then
        return 0;
    end if;
    v_mine := atelier_internal.lock_jobs(v_live);
    perform atelier_internal.cancel_jobs(v_mine, 'the job that made it has ended');
    return cardinality(v_live) - cardinality(v_mine);
end
$$;
comment on function atelier_internal.end_children(uuid[]) is
    'Cancels what jobs that ended have made by fan-out and nobody waits for any more. Returns how many are left because somebody holds them locked.';

create function atelier_internal.end_orphans() returns integer
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
    return atelier_internal.end_children(array(
        select distinct c.parent_id from atelier_internal.job_children c
          join atelier_internal.jobs j on j.id = c.job_id and j.instance = atelier_internal.instance_id()
         where c.state is null and not exists (select from atelier_internal.jobs p where p.id = c.parent_id)));
end
$$;
comment on function atelier_internal.end_orphans() is 'As end_children(), of all jobs whose end left some of theirs.';
