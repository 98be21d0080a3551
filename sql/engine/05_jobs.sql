create sequence atelier_internal.queue_sequence cache 1;
create sequence atelier_internal.attempt_sequence cache 1;

create table atelier_internal.jobs (
    id uuid primary key default atelier_internal.uuid_v7(),
    instance bigint not null default atelier_internal.instance_id(),
    pipeline text not null,
    step smallint not null default 1,
    state text not null default 'waiting',
    reason text,
    lane_id integer not null,
    priority smallint not null default 0,
    sequence bigint,
    run_after timestamptz,
    attempts smallint not null default 0,
    max_attempts smallint not null,
    crashes smallint not null default 0,
    token bigint,
    epoch bigint,
    attempt_id bigint,
    attempt_ring smallint,
    image_id uuid,
    subject_id uuid,
    client_id uuid,
    provider text not null,
    model text not null default '',
    input jsonb not null default '{}',
    created_by text not null default atelier_internal.caller(),
    created_at timestamptz not null default now(),
    namespace text not null default atelier_internal.setting('namespace'),
    start_by timestamptz,
    order_key text,
    order_sequence bigint,
    tags text[],
    traceparent text,
    parent_id uuid,
    constraint valid_namespace check (namespace in ('client', 'admin')),
    constraint valid_state check (state in ('waiting', 'leased', 'draining', 'held')),
    constraint leased_has_lease check (
        (state in ('leased', 'draining')) = (token is not null and epoch is not null and attempt_id is not null)),
    constraint only_waiting_is_queued check (sequence is null or state = 'waiting'),
    constraint deferred_is_not_queued check (run_after is null or (state = 'waiting' and sequence is null)),
    constraint held_has_reason check (state <> 'held' or reason is not null),
    constraint valid_attempts check (attempts between 0 and 1000 and max_attempts between 1 and 100 and crashes between 0 and 100),
    constraint valid_input check (jsonb_typeof(input) = 'object'),
    constraint valid_start_by check (isfinite(start_by)),
    constraint valid_order_key check (char_length(order_key) between 1 and 200 and (order_key is null) = (order_sequence is null)),
    constraint valid_tags check (cardinality(tags) between 1 and 20),
    constraint valid_traceparent check (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table atelier_internal.jobs is
    'Live jobs: transient rows that drive the making of assets. A finished job moves to history. No foreign keys and no index beside the key: these rows are the engine''s hottest.';
comment on column atelier_internal.jobs.id is 'Id of the job, time-ordered.';
comment on column atelier_internal.jobs.instance is 'Database that enqueued it; a worker leases only jobs of its own instance.';
comment on column atelier_internal.jobs.pipeline is 'Kind of work.';
comment on column atelier_internal.jobs.step is 'Position of the step that runs next or now.';
comment on column atelier_internal.jobs.state is 'waiting, leased, draining or held; finished jobs stand in history.';
comment on column atelier_internal.jobs.reason is 'Why it is not running: deferred, retry, locked, dependency, order, outcome_unknown, paused, pipeline_absent, over_budget or price_unknown.';
comment on column atelier_internal.jobs.lane_id is 'The lane its current step goes through.';
comment on column atelier_internal.jobs.priority is 'Lower goes first; 0 is normal.';
comment on column atelier_internal.jobs.sequence is 'Sequence of its queue entry; null when it has none.';
comment on column atelier_internal.jobs.run_after is 'Not before then; set only while deferred.';
comment on column atelier_internal.jobs.attempts is 'Attempts of this step that count, the current one included.';
comment on column atelier_internal.jobs.max_attempts is 'Fails when so many counted attempts failed.';
comment on column atelier_internal.jobs.crashes is 'Attempts whose process was lost or whose outcome is unknown; three = quarantined.';
comment on column atelier_internal.jobs.token is 'Random token of the current lease; an answer with another one changes nothing.';
comment on column atelier_internal.jobs.epoch is 'Worker incarnation that holds the lease.';
comment on column atelier_internal.jobs.attempt_id is 'The current attempt.';
comment on column atelier_internal.jobs.attempt_ring is 'Ring slot of the current attempt.';
comment on column atelier_internal.jobs.image_id is 'Id that the current attempt''s image will have.';
comment on column atelier_internal.jobs.subject_id is 'Row of the application that it works for, such as a generated asset.';
comment on column atelier_internal.jobs.client_id is 'Tenant.';
comment on column atelier_internal.jobs.provider is 'Provider or store of the current step.';
comment on column atelier_internal.jobs.model is 'Model; empty where there is none.';
comment on column atelier_internal.jobs.input is 'What the prepare function needs beside the subject. Names objects, holds no bytes and no secrets.';
comment on column atelier_internal.jobs.created_by is 'Role that created it: session user or SET ROLE. Its USAGE on the provider is looked at again at each lease.';
comment on column atelier_internal.jobs.namespace is 'Application that asked, admin or client: pg_atelier.namespace of its session.';
comment on column atelier_internal.jobs.created_at is 'When it was created.';
comment on column atelier_internal.jobs.start_by is 'No attempt of its first step is begun after it: the job ends as expired. Null: there is no hurry.';
comment on column atelier_internal.jobs.order_key is 'Jobs of one client with the same key run one after the other, in the order in which they were enqueued. Null: in any order.';
comment on column atelier_internal.jobs.order_sequence is 'Its place among the jobs of its key.';
comment on column atelier_internal.jobs.tags is 'Words of the application, to find it again.';
comment on column atelier_internal.jobs.traceparent is 'Trace that it belongs to (W3C Trace Context), passed on to providers.';
comment on column atelier_internal.jobs.parent_id is 'The job that made it by fan-out, and waits for its end; null: none.';

create function atelier_internal.is_set_aside(p_reason text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return p_reason in ('paused', 'pipeline_absent', 'over_budget', 'price_unknown');
comment on function atelier_internal.is_set_aside(text) is
    'Whether a job that is held for this reason comes back by itself: when its pipeline resumes or is there again, or when there is money for it.';

create function atelier_internal.tenant_of(p_client_id uuid) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return coalesce(p_client_id, '00000000-0000-0000-0000-000000000000');
comment on function atelier_internal.tenant_of(uuid) is 'Who shares a lane with others: a client, or the nil uuid for all that belongs to none.';

create table atelier_internal.queue_entries (
    instance bigint not null,
    lane_id integer not null,
    tenant_id uuid not null,
    priority smallint not null,
    sequence bigint not null,
    job_id uuid not null,
    primary key (instance, lane_id, tenant_id, priority, sequence)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table atelier_internal.queue_entries is
    'What is claimed: one narrow row per runnable job, inserted and deleted, never updated.';
comment on column atelier_internal.queue_entries.instance is 'Instance of the job.';
comment on column atelier_internal.queue_entries.lane_id is 'Lane of the job.';
comment on column atelier_internal.queue_entries.tenant_id is 'Client of the job, as tenant_of() gives it: a lane is shared among tenants.';
comment on column atelier_internal.queue_entries.priority is 'Priority of the job; lower goes first.';
comment on column atelier_internal.queue_entries.sequence is 'Order of becoming runnable.';
comment on column atelier_internal.queue_entries.job_id is 'The job.';

create trigger note_queue_entry before insert on atelier_internal.queue_entries
    for each row execute function atelier_internal.note_queue_entry();

create table atelier_internal.deferrals (
    instance bigint not null,
    run_after timestamptz not null,
    job_id uuid not null,
    primary key (instance, run_after, job_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table atelier_internal.deferrals is 'Jobs that become runnable at a time. They have no queue entry, so that they never slow a claim.';
comment on column atelier_internal.deferrals.instance is 'Instance of the job.';
comment on column atelier_internal.deferrals.run_after is 'When it becomes runnable.';
comment on column atelier_internal.deferrals.job_id is 'The job.';

create trigger note_due before insert on atelier_internal.deferrals
    for each row execute function atelier_internal.note_due('run_after');

create table atelier_internal.start_deadlines (
    instance bigint not null,
    start_by timestamptz not null,
    job_id uuid not null,
    primary key (instance, start_by, job_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table atelier_internal.start_deadlines is
    'Jobs that must begin by a time, while they wait for it or are held by the pause or the absence of their pipeline: the worker ends them then, also where nothing is leased.';
comment on column atelier_internal.start_deadlines.instance is 'Instance of the job.';
comment on column atelier_internal.start_deadlines.start_by is 'No attempt is begun after it.';
comment on column atelier_internal.start_deadlines.job_id is 'The job.';

create trigger note_due before insert on atelier_internal.start_deadlines
    for each row execute function atelier_internal.note_due('start_by');

create table atelier_internal.parked_jobs (
    instance bigint not null,
    pipeline text not null,
    job_id uuid not null,
    primary key (instance, pipeline, job_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table atelier_internal.parked_jobs is
    'Jobs that are held because their pipeline is paused, or its extension absent, so that they stand in nobody''s way. The worker brings them back when it resumes, or is there again.';
comment on column atelier_internal.parked_jobs.instance is 'Instance of the job.';
comment on column atelier_internal.parked_jobs.pipeline is 'Pipeline of the job.';
comment on column atelier_internal.parked_jobs.job_id is 'The job.';

create table atelier_internal.job_dependencies (
    job_id uuid not null,
    depends_on uuid not null,
    tolerant boolean not null default false,
    primary key (job_id, depends_on),
    constraint not_on_itself check (job_id <> depends_on)
);
create index job_dependencies_depends_on on atelier_internal.job_dependencies (depends_on);
comment on table atelier_internal.job_dependencies is 'Jobs that wait for others to complete.';
comment on column atelier_internal.job_dependencies.job_id is 'The job that waits.';
comment on column atelier_internal.job_dependencies.depends_on is 'The job that must complete first; when it fails, the waiting one fails with its reason.';

comment on column atelier_internal.job_dependencies.tolerant is 'Whichever way it ends, the waiting one goes on.';

create trigger note_dependency before insert on atelier_internal.job_dependencies
    for each row execute function atelier_internal.note_dependency();

create table atelier_internal.cancellations (
    attempt_id bigint primary key,
    requested_at timestamptz not null default now()
);
comment on table atelier_internal.cancellations is 'Running attempts that the executor is to abort. The worker takes the rows away.';
comment on column atelier_internal.cancellations.attempt_id is 'The attempt.';
comment on column atelier_internal.cancellations.requested_at is 'When it was asked for.';

create trigger note_cancellation before insert on atelier_internal.cancellations
    for each row execute function atelier_internal.note_cancellation();

create table atelier_internal.job_transitions (
    from_state text not null,
    to_state text not null,
    meaning text not null,
    primary key (from_state, to_state)
);
comment on table atelier_internal.job_transitions is
    'The legal changes of a live job''s state. Leaving the table for history is the end: completed, failed, cancelled or quarantined.';
comment on column atelier_internal.job_transitions.from_state is 'State before.';
comment on column atelier_internal.job_transitions.to_state is 'State after.';
comment on column atelier_internal.job_transitions.meaning is 'What happened.';
insert into atelier_internal.job_transitions (from_state, to_state, meaning) values
    ('waiting',  'leased',   'a worker leased it'),
    ('waiting',  'held',     'it must not run before somebody decides, or its pipeline resumes or is there again'),
    ('leased',   'waiting',  'retry, given back, or its next step'),
    ('leased',   'draining', 'its worker is gone, its executor still works'),
    ('leased',   'held',     'its outcome is unknown, or no budget has room for it'),
    ('draining', 'waiting',  'the orphaned executor gave it back or completed the step'),
    ('draining', 'held',     'the orphaned executor left no receipt'),
    ('held',     'waiting',  'somebody released it');

create function atelier_internal.check_job_transition() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from atelier_internal.job_transitions t
                    where t.from_state = old.state and t.to_state = new.state) then
        raise exception 'job cannot go from "%" to "%"', old.state, new.state
            using errcode = 'check_violation',
                  detail = format('Job %s.', old.id),
                  hint = 'SELECT * FROM atelier_internal.job_transitions shows the legal changes.';
    end if;
    return new;
end
$$;
comment on function atelier_internal.check_job_transition() is 'Refuses a change of a job''s state that is not in job_transitions.';

-- waiting to leased happens for every job in every lease, so that one is judged here and not by a function call.
create trigger check_job_transition before update of state on atelier_internal.jobs
    for each row when (old.state is distinct from new.state and not (old.state = 'waiting' and new.state = 'leased'))
    execute function atelier_internal.check_job_transition();
