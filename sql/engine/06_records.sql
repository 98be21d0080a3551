create table atelier_internal.attempts (
    ring smallint not null,
    id bigint not null,
    job_id uuid not null,
    instance bigint not null,
    pipeline text not null,
    step smallint not null,
    number smallint not null,
    lane_id integer not null,
    epoch bigint not null,
    token bigint not null,
    image_id uuid not null,
    client_id uuid,
    leased_at timestamptz not null default now(),
    sent boolean,
    outcome text,
    error_class text,
    error_message text,
    usage jsonb,
    duration_ms integer,
    finished_at timestamptz,
    primary key (id, ring),
    constraint valid_outcome check (outcome in ('completed', 'failed', 'given_back', 'cancelled', 'stale')),
    constraint closed_has_outcome check ((outcome is null) = (finished_at is null))
) partition by list (ring);
create index attempts_job on atelier_internal.attempts (job_id);
select atelier_internal.create_ring('atelier_internal.attempts', 32, 'fillfactor = 80');
comment on table atelier_internal.attempts is
    'One row per lease of a job, written before the first byte leaves and closed by its answer. Kept for pg_atelier.attempt_ttl.';
comment on column atelier_internal.attempts.ring is 'Ring slot of the day it was leased.';
comment on column atelier_internal.attempts.id is 'Id of the attempt.';
comment on column atelier_internal.attempts.job_id is 'The job.';
comment on column atelier_internal.attempts.instance is 'Instance of the job.';
comment on column atelier_internal.attempts.pipeline is 'Pipeline of the job.';
comment on column atelier_internal.attempts.step is 'Step that was tried.';
comment on column atelier_internal.attempts.number is 'Which lease of the job this is, from 1.';
comment on column atelier_internal.attempts.lane_id is 'Lane it went through.';
comment on column atelier_internal.attempts.epoch is 'Worker incarnation that leased it.';
comment on column atelier_internal.attempts.token is 'Token of the lease.';
comment on column atelier_internal.attempts.image_id is 'Id drawn for the image of this attempt alone, so that two attempts never write one object.';
comment on column atelier_internal.attempts.client_id is 'Tenant.';
comment on column atelier_internal.attempts.leased_at is 'When it was leased.';
comment on column atelier_internal.attempts.sent is 'Whether the request left the executor; null while unknown.';
comment on column atelier_internal.attempts.outcome is 'null while open; completed, failed, given_back, cancelled, or stale (its answer came after the job had gone on).';
comment on column atelier_internal.attempts.error_class is 'Class of the failure.';
comment on column atelier_internal.attempts.error_message is 'Message of the failure, without secrets.';
comment on column atelier_internal.attempts.usage is 'What the service reported as used.';
comment on column atelier_internal.attempts.duration_ms is 'Time from order to answer, measured by the executor.';
comment on column atelier_internal.attempts.finished_at is 'When it was closed.';

create table atelier_internal.history_completed (
    ring smallint not null,
    job_id uuid not null,
    instance bigint not null,
    pipeline text not null,
    lane_id integer not null,
    subject_id uuid,
    client_id uuid,
    attempts smallint not null,
    crashes smallint not null,
    created_at timestamptz not null,
    finished_at timestamptz not null default now(),
    namespace text not null default 'client',
    tags text[],
    traceparent text
) partition by list (ring);
create index history_completed_job on atelier_internal.history_completed (job_id);
select atelier_internal.create_ring('atelier_internal.history_completed', 32, 'fillfactor = 100');
comment on table atelier_internal.history_completed is 'Jobs that completed; kept for pg_atelier.job_ttl_completed.';

create table atelier_internal.history_failed (
    ring smallint not null,
    job_id uuid not null,
    instance bigint not null,
    pipeline text not null,
    lane_id integer not null,
    subject_id uuid,
    client_id uuid,
    attempts smallint not null,
    crashes smallint not null,
    created_at timestamptz not null,
    finished_at timestamptz not null default now(),
    state text not null,
    step smallint not null,
    error_class text not null,
    error_message text not null,
    input jsonb not null,
    namespace text not null default 'client',
    tags text[],
    traceparent text,
    priority smallint not null default 0,
    order_key text,
    redriven_as uuid,
    obsolete boolean not null default false,
    constraint valid_state check (state in ('failed', 'cancelled', 'quarantined'))
) partition by list (ring);
create index history_failed_job on atelier_internal.history_failed (job_id);
select atelier_internal.create_ring('atelier_internal.history_failed', 32, 'fillfactor = 100');
comment on table atelier_internal.history_failed is 'Jobs that ended without success; kept for pg_atelier.job_ttl_failed.';

do $$
declare
    v_table text;
begin
    foreach v_table in array array['history_completed', 'history_failed'] loop
        execute format('comment on column atelier_internal.%I.ring is ''Ring slot of the day it finished.''', v_table);
        execute format('comment on column atelier_internal.%I.job_id is ''The job.''', v_table);
        execute format('comment on column atelier_internal.%I.instance is ''Instance that enqueued it.''', v_table);
        execute format('comment on column atelier_internal.%I.pipeline is ''Kind of work.''', v_table);
        execute format('comment on column atelier_internal.%I.lane_id is ''Lane of its last step.''', v_table);
        execute format('comment on column atelier_internal.%I.subject_id is ''Row of the application that it worked for.''', v_table);
        execute format('comment on column atelier_internal.%I.client_id is ''Tenant.''', v_table);
        execute format('comment on column atelier_internal.%I.attempts is ''Attempts that counted.''', v_table);
        execute format('comment on column atelier_internal.%I.crashes is ''Attempts whose process was lost or whose outcome was unknown.''', v_table);
        execute format('comment on column atelier_internal.%I.created_at is ''When the job was created.''', v_table);
        execute format('comment on column atelier_internal.%I.namespace is ''Application that asked: admin or client.''', v_table);
        execute format('comment on column atelier_internal.%I.tags is ''Words of the application, to find it again.''', v_table);
        execute format('comment on column atelier_internal.%I.traceparent is ''Trace that it belongs to (W3C Trace Context).''', v_table);
        execute format('comment on column atelier_internal.%I.finished_at is ''When it ended.''', v_table);
    end loop;
end
$$;
comment on column atelier_internal.history_failed.state is 'failed, cancelled or quarantined.';
comment on column atelier_internal.history_failed.step is 'Step at which it ended.';
comment on column atelier_internal.history_failed.error_class is 'Class of the last failure.';
comment on column atelier_internal.history_failed.error_message is 'Message of the last failure, without secrets.';
comment on column atelier_internal.history_failed.input is 'Input of the job.';
comment on column atelier_internal.history_failed.priority is 'Priority it had.';
comment on column atelier_internal.history_failed.order_key is 'Key under which it kept its order; null: none.';
comment on column atelier_internal.history_failed.redriven_as is 'The job that does its work again; null: none yet.';
comment on column atelier_internal.history_failed.obsolete is
    'A redrive found nothing left to do for it: what it worked for is gone, or was worked for again since.';

create table atelier_internal.ledger (
    id bigint generated by default as identity primary key,
    at timestamptz not null default now(),
    client_id uuid,
    job_id uuid not null,
    attempt_id bigint not null,
    provider text not null,
    model text not null,
    unit text not null,
    quantity numeric not null,
    cost numeric,
    currency text,
    constraint valid_quantity check (quantity >= 0 and quantity < 'Infinity'),
    constraint valid_cost check (cost >= 0 and cost < 'Infinity'),
    constraint cost_has_currency check (cost is null or currency is not null)
);
create index ledger_client_at on atelier_internal.ledger (client_id, at);
comment on table atelier_internal.ledger is 'What each answered attempt used. Append-only.';
comment on column atelier_internal.ledger.id is 'Order of entry.';
comment on column atelier_internal.ledger.at is 'When it was entered.';
comment on column atelier_internal.ledger.client_id is 'Tenant.';
comment on column atelier_internal.ledger.job_id is 'The job.';
comment on column atelier_internal.ledger.attempt_id is 'The attempt.';
comment on column atelier_internal.ledger.provider is 'Who did the work.';
comment on column atelier_internal.ledger.model is 'Model that did it.';
comment on column atelier_internal.ledger.unit is 'What was counted: image, token, request, ...';
comment on column atelier_internal.ledger.quantity is 'How much of it.';
comment on column atelier_internal.ledger.cost is 'Cost in currency; null: unknown, which is not 0.';
comment on column atelier_internal.ledger.currency is 'ISO 4217 code of the cost.';

create sequence atelier_internal.event_sequence cache 1;
create table atelier_internal.events (
    ring smallint not null default atelier_internal.ring_slot(now()),
    id bigint not null default nextval('atelier_internal.event_sequence'),
    instance bigint not null default atelier_internal.instance_id(),
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null default now(),
    kind text not null,
    client_id uuid,
    subject_id uuid,
    job_id uuid,
    data jsonb not null default '{}',
    primary key (id, ring)
) partition by list (ring);
create index events_order on atelier_internal.events (instance, xid, id);
select atelier_internal.create_ring('atelier_internal.events', 32, 'fillfactor = 100');
comment on table atelier_internal.events is 'What happened, for applications to follow. Kept for pg_atelier.event_ttl.';
comment on column atelier_internal.events.ring is 'Ring slot of the day.';
comment on column atelier_internal.events.id is 'Id; the cursor of events_after().';
comment on column atelier_internal.events.instance is 'Database that wrote it.';
comment on column atelier_internal.events.xid is 'Transaction that wrote it: readers see an event only when no older transaction can still add one before it.';
comment on column atelier_internal.events.at is 'When.';
comment on column atelier_internal.events.kind is 'What happened: job.completed, job.failed, job.cancelled, job.quarantined, job.held, job.retrying, asset.deleted, ...';
comment on column atelier_internal.events.client_id is 'Tenant.';
comment on column atelier_internal.events.subject_id is 'Row of the application that it is about.';
comment on column atelier_internal.events.job_id is 'The job, if one is concerned.';
comment on column atelier_internal.events.data is 'Facts, without secrets.';

create table atelier_internal.alerts (
    id bigint generated by default as identity primary key,
    kind text not null,
    message text not null,
    hint text not null,
    count integer not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    resolved_at timestamptz
);
create unique index alerts_open_kind on atelier_internal.alerts (kind) where resolved_at is null;
comment on table atelier_internal.alerts is 'Conditions that a DBA should know of; one open row per kind.';
comment on column atelier_internal.alerts.id is 'Id.';
comment on column atelier_internal.alerts.kind is 'Which condition.';
comment on column atelier_internal.alerts.message is 'What is the matter.';
comment on column atelier_internal.alerts.hint is 'What to do.';
comment on column atelier_internal.alerts.count is 'How often it was raised while open.';
comment on column atelier_internal.alerts.first_at is 'First time.';
comment on column atelier_internal.alerts.last_at is 'Last time.';
comment on column atelier_internal.alerts.resolved_at is 'When it was resolved; null: open.';

create table atelier_internal.engine_state (
    one boolean primary key default true,
    epoch bigint,
    instance_label text,
    started_at timestamptz,
    last_event_told bigint not null default 0,
    scheduled_at timestamptz,
    constraint only_one check (one)
);
comment on table atelier_internal.engine_state is 'One row about the engine of this very database; not dumped.';
comment on column atelier_internal.engine_state.one is 'Always true.';
comment on column atelier_internal.engine_state.epoch is 'The current worker incarnation. A worker with another one has been replaced and leaves.';
comment on column atelier_internal.engine_state.instance_label is 'pg_atelier.instance when the engine last started; another value pauses it, since a physical copy cannot know itself.';
comment on column atelier_internal.engine_state.started_at is 'When the incarnation began.';
comment on column atelier_internal.engine_state.last_event_told is 'Last event that listeners were told of.';
comment on column atelier_internal.engine_state.scheduled_at is 'When atelier.install_schedules() was last called; null: never, or atelier.remove_schedules() since.';
insert into atelier_internal.engine_state (one) values (true);
