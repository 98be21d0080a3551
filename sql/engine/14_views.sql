create view atelier.jobs with (security_invoker, security_barrier) as
select j.id as job_id, j.pipeline, s.name as step, j.state, j.reason, j.subject_id, j.client_id, l.provider, l.model, j.priority,
       j.attempts, j.max_attempts, j.crashes, j.run_after, j.created_at, j.created_by,
       j.instance <> atelier_internal.instance_id() as foreign_instance, j.namespace, j.start_by, j.order_key, j.tags, j.traceparent,
       j.parent_id
  from atelier_internal.jobs j
  join atelier_internal.lanes l on l.id = j.lane_id
  left join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step;
comment on view atelier.jobs is 'Live jobs. For one of them, atelier.explain_job() says why it is not running.';

create view atelier.job_history with (security_invoker, security_barrier) as
select h.job_id, h.pipeline, 'completed' as state, null as error_class, null as error_message, h.subject_id, h.client_id,
       h.attempts, h.crashes, h.created_at, h.finished_at, h.namespace, h.tags, h.traceparent, null::uuid as redriven_as
  from atelier_internal.history_completed h
union all
select h.job_id, h.pipeline, h.state, h.error_class, h.error_message, h.subject_id, h.client_id, h.attempts, h.crashes,
       h.created_at, h.finished_at, h.namespace, h.tags, h.traceparent, h.redriven_as
  from atelier_internal.history_failed h;
comment on view atelier.job_history is 'Finished jobs: completed ones for pg_atelier.job_ttl_completed, others for pg_atelier.job_ttl_failed.';

create view atelier.attempts with (security_invoker, security_barrier) as
select a.id as attempt_id, a.job_id, a.pipeline, a.step, a.number, l.provider, l.model, a.client_id, a.leased_at, a.sent,
       a.outcome, a.error_class, a.error_message, a.usage, a.duration_ms, a.finished_at, a.epoch
  from atelier_internal.attempts a
  join atelier_internal.lanes l on l.id = a.lane_id;
comment on view atelier.attempts is 'Every lease of a job and what became of it; outcome null: under way.';

create view atelier.queue with (security_invoker, security_barrier) as
select j.pipeline, l.provider, l.model, count(*) as jobs,
       count(*) filter (where j.sequence is not null) as ready,
       count(*) filter (where j.run_after is not null and j.reason <> 'dependency') as deferred,
       count(*) filter (where j.reason = 'dependency') as blocked,
       count(*) filter (where j.state in ('leased', 'draining')) as under_way,
       count(*) filter (where j.state = 'held') as held,
       min(j.created_at) filter (where j.sequence is not null) as oldest_ready, j.namespace
  from atelier_internal.jobs j
  join atelier_internal.lanes l on l.id = j.lane_id
 group by j.pipeline, l.provider, l.model, j.namespace;
comment on view atelier.queue is 'Live jobs by pipeline, lane and namespace. Counts them, so it costs a scan of the live jobs.';

create view atelier.lanes with (security_invoker, security_barrier) as
select l.provider, l.model, l.key, l.max_in_flight, coalesce(c.in_flight, 0) as in_flight,
       case when l.paused_at is not null and (l.paused_until is null or l.paused_until > now()) then 'paused'
            else coalesce(nullif(c.gate, ''), l.gate) end as state,
       l.pause_reason, l.paused_at, l.paused_until, l.gate_reason, l.gate_until, l.id as lane_id, l.trusted,
       l.requests_per_minute, l.tokens_per_minute, l.images_per_minute, l.learned, c.allowed, c.starts_per_second,
       c.tenants as clients_waiting, c.started, c.answered, c.refused, c.failed
  from atelier_internal.lanes l
  left join atelier_internal.lane_counters() c on c.lane_id = l.id;
comment on view atelier.lanes is
    'What is limited together: the limits, what was learned of the pace, how it stands now, and counters. in_flight and what follows learned come from the worker''s memory; null: none runs, or the lane is not among its busiest.';

create view atelier.workers with (security_invoker, security_barrier) as
select d.datname as database, w.state, w.worker_pid, w.executor_pid, w.epoch, w.started_at, w.turns, w.last_turn_at,
       w.in_flight, w.leased, w.settled, w.swept, w.build_matches, w.last_error
  from atelier_internal.workers_state() w
  left join pg_database d on d.oid = w.database;
comment on view atelier.workers is
    'Workers of all databases of this cluster, from counters in shared memory. swept: queue entries that only the sweep found.';

create view atelier.handlers with (security_invoker, security_barrier) as
select h.pid, h.state, h.since, h.job_id, h.attempt_id, j.pipeline, s.label as step, s.handler as function, p.run_as, j.client_id
  from atelier_internal.handlers_state() h
  left join atelier_internal.jobs j on j.id = h.job_id
  left join atelier_internal.steps s on s.pipeline = j.pipeline and s.position = j.step
  left join atelier_internal.pipelines p on p.name = j.pipeline;
comment on view atelier.handlers is
    'Processes of this database that run the functions of pipelines, and what each is doing since when. pg_terminate_backend(pid) ends one and, counted as a crash, the attempt that it runs. The function runs as run_as, whatever pg_stat_activity says of the process.';

create view atelier.alerts with (security_invoker, security_barrier) as
select a.kind, a.message, a.hint, a.count, a.first_at, a.last_at, a.resolved_at from atelier_internal.alerts a;
comment on view atelier.alerts is 'Conditions that a DBA should know of; resolved_at null: still open.';

create view atelier.usage_ledger with (security_invoker, security_barrier) as
select l.id, l.at, l.client_id, l.job_id, l.attempt_id, l.provider, l.model, l.unit, l.quantity, l.cost, l.currency
  from atelier_internal.ledger l;
comment on view atelier.usage_ledger is 'What each answered attempt used. cost null: unknown, which is not 0.';

create view atelier.providers with (security_invoker, security_barrier) as
select s.name as provider, s.kind, k.source as key_source, k.mapping as key_mapping, k.ready as key_ready,
       atelier_internal.provider_option(s.name, 'base_url') as base_url,
       atelier_internal.provider_option(s.name, 'image_model') as image_model,
       atelier_internal.provider_option(s.name, 'json_model') as json_model,
       atelier_internal.provider_option(s.name, 'text_model') as text_model,
       atelier_internal.provider_option(s.name, 'outcome_unknown') as outcome_unknown,
       atelier_internal.provider_option(s.name, 'connect_timeout')::interval as connect_timeout,
       atelier_internal.provider_option(s.name, 'progress_timeout')::interval as progress_timeout,
       coalesce(atelier_internal.provider_option(s.name, 'timeout'), atelier_internal.setting('job_timeout'))::interval as timeout
  from atelier_internal.provider_servers s
 cross join lateral atelier_internal.provider_key(s.server_id) k
 where s.kind not in ('s3', 'unsplash');
comment on view atelier.providers is
    'The foreign servers that are providers, with the options in force, and where their keys come from; never a key. The embedded provider offline has no server.';

create view atelier.stores with (security_invoker, security_barrier) as
select s.name as store, s.name = atelier_internal.setting('default_store') as is_default, s.endpoint, s.region, s.bucket,
       s.public_base_url, s.key_source, s.key_mapping, s.key_ready,
       case when l.paused_at is not null and (l.paused_until is null or l.paused_until > now()) then 'paused'
            else coalesce(l.gate, 'open') end as state,
       l.pause_reason, case when l.gate <> 'open' then l.gate_reason end as gate_reason
  from (select 'file' as name, null as endpoint, null as region, null as bucket, null as public_base_url, null as key_source,
               null as key_mapping, true as key_ready
        union all
        select s.name, coalesce(atelier_internal.provider_option(s.name, 'endpoint'),
                                format('https://s3.%s.amazonaws.com', atelier_internal.provider_option(s.name, 'region'))),
               atelier_internal.provider_option(s.name, 'region'), atelier_internal.provider_option(s.name, 'bucket'),
               atelier_internal.provider_option(s.name, 'public_base_url'), k.source, k.mapping, k.ready
          from atelier_internal.provider_servers s
         cross join lateral atelier_internal.provider_key(s.server_id) k
         where s.kind = 's3' and not atelier_internal.is_embedded(s.name)) s
  left join atelier_internal.lanes l on l.provider = s.name and l.model = '' and l.key = '';
comment on view atelier.stores is
    'Where objects are kept: the embedded store file, and the foreign servers of atelier_s3 with the options in force and where their credentials come from; never a credential.';

create view atelier.deletion_queue with (security_invoker, security_barrier) as
select d.store, d.bucket, d.key, d.image_id, d.reason, d.queued_at, d.run_after, d.ordered_at, d.tries, d.error_class,
       d.error_message, d.job_id, d.instance <> atelier_internal.instance_id() as foreign_instance
  from atelier_internal.object_deletions d;
comment on view atelier.deletion_queue is 'Objects that are to be deleted and are not yet, and why not.';

do $$
declare
    v_column record;
begin
    -- A view's column means what the table's column of that name means.
    for v_column in
        select v.relname as view, a.attname as name, min(coalesce(d.description, '')) as description
          from pg_class v
          join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
          left join pg_class t on t.relnamespace = 'atelier_internal'::regnamespace and t.relkind in ('r', 'p')
                              and t.relname = case v.relname when 'job_history' then 'history_failed' when 'usage_ledger' then 'ledger'
                                                             when 'queue' then 'jobs' when 'deletion_queue' then 'object_deletions' when 'stores' then 'lanes'
                                                             when 'dead_letters' then 'history_failed' when 'pipeline_steps' then 'steps'
                                                             else v.relname end
          left join pg_attribute s on s.attrelid = t.oid and s.attname = a.attname
          left join pg_description d on d.objoid = s.attrelid and d.objsubid = s.attnum and d.classoid = 'pg_class'::regclass
         where v.relnamespace = 'atelier'::regnamespace and v.relkind = 'v'
         group by v.relname, a.attname
    loop
        if v_column.description <> '' then
            execute format('comment on column atelier.%I.%I is %L', v_column.view, v_column.name, v_column.description);
        end if;
    end loop;
end
$$;
comment on column atelier.jobs.job_id is 'The job.';
comment on column atelier.jobs.foreign_instance is 'It was enqueued in another database, of which this one is a copy; it does not run here.';
comment on column atelier.attempts.attempt_id is 'The attempt.';
comment on column atelier.attempts.provider is 'Who did it.';
comment on column atelier.attempts.model is 'Model; empty where there is none.';
comment on column atelier.queue.jobs is 'All live jobs.';
comment on column atelier.queue.ready is 'Can be leased.';
comment on column atelier.queue.deferred is 'Wait for a time.';
comment on column atelier.queue.blocked is 'Wait for other jobs.';
comment on column atelier.queue.under_way is 'Are leased.';
comment on column atelier.queue.held is 'Wait for a decision.';
comment on column atelier.queue.oldest_ready is 'When the oldest ready one was created.';
comment on column atelier.lanes.in_flight is 'Orders under way now.';
comment on column atelier.lanes.state is 'paused, or as the gate of its lane stands: open, resting, broken, trying or opening.';
comment on column atelier.lanes.lane_id is 'Number of the lane.';
comment on column atelier.lanes.allowed is 'Orders that its gate lets be under way at present, by what it learned.';
comment on column atelier.lanes.starts_per_second is 'Orders that begin in a second, as a moving average over about a minute.';
comment on column atelier.lanes.clients_waiting is 'Clients with work that waits for it.';
comment on column atelier.lanes.started is 'Orders begun since the worker started.';
comment on column atelier.lanes.answered is 'Orders that the service answered since then, with a result or a refusal of their own.';
comment on column atelier.lanes.refused is 'Orders that it refused since then because they came too fast.';
comment on column atelier.lanes.failed is 'Orders that failed since then, or got no answer.';
comment on column atelier.providers.provider is 'Name of the server, and of the provider in requests.';
comment on column atelier.providers.kind is 'gemini or openai: what it speaks.';
comment on column atelier.providers.key_source is
    'Where the key is: file, environment, mapping (the catalog itself, which dumps contain) or missing.';
comment on column atelier.providers.key_mapping is 'The user mapping that is used: atelier_owner or public; null: there is none.';
comment on column atelier.providers.key_ready is
    'False: there is no key, or its environment variable is not set. A file is not looked at.';
comment on column atelier.providers.base_url is 'Where requests go.';
comment on column atelier.providers.image_model is 'Model of pictures; null: none is named.';
comment on column atelier.providers.json_model is 'Model of structured answers; null: none is named.';
comment on column atelier.providers.text_model is 'Model of texts; null: none is named.';
comment on column atelier.providers.outcome_unknown is
    'What happens to a job whose call may have been billed without an answer: hold (somebody decides) or retry (at the risk of paying twice).';
comment on column atelier.providers.connect_timeout is 'Longest time until a connection stands.';
comment on column atelier.providers.progress_timeout is 'Longest time without a byte of the answer; keep-alive bytes do not count.';
comment on column atelier.providers.timeout is 'Longest time of a call, where its step names none.';
comment on column atelier.stores.store is 'Name of the store.';
comment on column atelier.stores.is_default is 'Whether new pictures go there: pg_atelier.default_store.';
comment on column atelier.stores.endpoint is 'Where requests go; null: a directory of the server, which atelier.store_path() names.';
comment on column atelier.stores.region is 'Region that requests are signed for.';
comment on column atelier.stores.bucket is 'Bucket of new objects. An image keeps the one that its object was put into.';
comment on column atelier.stores.public_base_url is 'Address below which everybody can read the objects; null: addresses are signed.';
comment on column atelier.stores.key_source is
    'Where the credentials are: file, environment, mapping (the catalog itself, which dumps contain) or missing; null: none are needed.';
comment on column atelier.stores.key_mapping is 'The user mapping that is used: atelier_owner or public; null: there is none.';
comment on column atelier.stores.key_ready is
    'False: there are no credentials, or their environment variables are not set. A file is not looked at.';
comment on column atelier.stores.state is 'paused, or as the gate of its lane stands: open, resting, broken, trying or opening.';
comment on column atelier.deletion_queue.foreign_instance is
    'It was queued in another database, of which this one is a copy; nothing is deleted here.';
comment on column atelier.handlers.pid is 'Process id; null while it starts.';
comment on column atelier.handlers.state is 'starting, idle, running, stopping: its function is being ended, or leaving.';
comment on column atelier.handlers.since is 'Since when it does what it does.';
comment on column atelier.handlers.job_id is 'Job whose function it runs; null, as all below: none.';
comment on column atelier.handlers.attempt_id is 'Attempt of that job.';
comment on column atelier.handlers.pipeline is 'Pipeline of the job.';
comment on column atelier.handlers.step is 'Step at which the job stands.';
comment on column atelier.handlers.function is 'Function that it runs.';
comment on column atelier.handlers.run_as is 'Role as which it runs it.';
comment on column atelier.handlers.client_id is 'Client for which it does.';
comment on column atelier.workers.database is 'Database it serves.';
comment on column atelier.workers.state is 'Where the launcher''s state machine stands for it; running: at work.';
comment on column atelier.workers.worker_pid is 'Process id of the worker.';
comment on column atelier.workers.executor_pid is 'Process id of its executor.';
comment on column atelier.workers.epoch is 'Identity of this incarnation.';
comment on column atelier.workers.started_at is 'When the incarnation began.';
comment on column atelier.workers.turns is 'Transactions of work it ran.';
comment on column atelier.workers.last_turn_at is 'When it last ran one.';
comment on column atelier.workers.in_flight is 'Orders under way.';
comment on column atelier.workers.leased is 'Jobs leased since it began.';
comment on column atelier.workers.settled is 'Answers settled since it began.';
comment on column atelier.workers.swept is 'Queue entries that only the sweep found.';
comment on column atelier.workers.build_matches is 'Whether library and executor are of one build; if not, PostgreSQL must be restarted.';
comment on column atelier.workers.last_error is 'Last error of a turn.';
