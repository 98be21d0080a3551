create function atelier_internal.ring_slot(p_at timestamptz) returns smallint
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
    return (floor(extract(epoch from p_at) / 86400)::bigint % 32)::smallint;
comment on function atelier_internal.ring_slot(timestamptz) is
    'Slot of the day (UTC) in the ring of 32 partitions that hold history, attempts and events.';

-- Partitions made at run time by an extension neither dump nor drop, so the whole ring is made here.
create function atelier_internal.create_ring(p_table regclass, p_slots integer, p_options text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    for v_slot in 0 .. p_slots - 1 loop
        execute format('create table atelier_internal.%I partition of %s for values in (%s) with (%s)',
                       (select c.relname from pg_class c where c.oid = p_table) || '_' || to_char(v_slot, 'FM00'),
                       p_table, v_slot, p_options);
        execute format('comment on table atelier_internal.%I is %L',
                       (select c.relname from pg_class c where c.oid = p_table) || '_' || to_char(v_slot, 'FM00'),
                       format('Days whose number modulo %s is %s; emptied by TRUNCATE when they are past.', p_slots, v_slot));
    end loop;
end
$$;

comment on function atelier_internal.create_ring(regclass, integer, text) is
    'Makes the partitions of a ring; used by the install script only.';

create table atelier_internal.error_classes (
    name text primary key,
    disposition text not null,
    counts text not null,
    cools_lane boolean not null default false,
    pauses_lane boolean not null default false,
    may_be_billed boolean not null default false,
    description text not null,
    constraint valid_disposition check (disposition in ('give_back', 'retry', 'once_more', 'hold', 'final', 'cancel')),
    constraint valid_counts check (counts in ('attempt', 'crash', 'nothing'))
);
comment on table atelier_internal.error_classes is
    'What happens next is decided by the class of a failure, never by an HTTP code.';
comment on column atelier_internal.error_classes.name is 'The class, as executor and SQL know it.';
comment on column atelier_internal.error_classes.disposition is
    'give_back: runnable again at once; retry: again after a backoff while attempts are left; once_more: like retry, but one time per class; hold: waits for a decision; final: fails; cancel: ends as cancelled.';
comment on column atelier_internal.error_classes.counts is 'What the failure is counted as: attempt, crash (three = quarantined) or nothing.';
comment on column atelier_internal.error_classes.cools_lane is 'The lane rests until the time that the service named, or for a backoff.';
comment on column atelier_internal.error_classes.pauses_lane is 'The lane is paused until somebody resumes it.';
comment on column atelier_internal.error_classes.may_be_billed is
    'A call that was sent and ended so may be on the bill, also where the service did not say what it used.';
comment on column atelier_internal.error_classes.description is 'Meaning in one sentence.';

insert into atelier_internal.error_classes (name, disposition, counts, cools_lane, pauses_lane, may_be_billed, description) values
    ('rate_limited',    'give_back', 'nothing', true,  false, false, 'The service asked for fewer requests; the attempt does not count.'),
    ('overloaded',      'retry',     'attempt', false, false, false, 'The service could not take the request.'),
    ('network',         'retry',     'attempt', false, false, false, 'The request never left this machine whole.'),
    ('timeout',         'retry',     'attempt', false, false, true,  'One of the clocks of the call ran out.'),
    ('outcome_unknown', 'hold',      'crash',   false, false, true,  'The service may have done, and billed, the work.'),
    ('content_blocked', 'final',     'attempt', false, false, true,  'The service refuses this content.'),
    ('invalid_request', 'final',     'attempt', false, false, false, 'The request cannot succeed as it is.'),
    ('auth',            'final',     'attempt', false, true, false,  'The service refuses the credentials.'),
    ('no_credit',       'final',     'attempt', false, true, false,  'The account has no money or quota left.'),
    ('no_output',       'once_more', 'attempt', false, false, true,  'The service ended without a result.'),
    ('invalid_output',  'once_more', 'attempt', false, false, true,  'The result is not what was asked for.'),
    ('storage_failed',  'retry',     'attempt', false, false, true,  'The store did not take or give the bytes.'),
    ('worker_lost',     'give_back', 'crash',   false, false, true,  'The process that ran the attempt is gone.'),
    ('cancelled',       'cancel',    'nothing', false, false, true,  'Somebody cancelled the work.'),
    ('expired',         'final',     'nothing', false, false, false, 'It was not begun by the time that was asked for.'),
    ('over_budget',     'hold',      'nothing', false, false, false, 'Its worst price is more than a budget has left; it goes on when there is room again.'),
    ('price_unknown',   'hold',      'nothing', false, false, false, 'A budget applies, and nobody can say what it costs at worst.'),
    ('handler_failed',  'retry',     'attempt', false, false, false, 'A SQL function of the pipeline raised an error, or gave an answer that cannot be used.');

create table atelier_internal.pipelines (
    name text primary key,
    description text not null,
    subject_table text,
    on_failure text,
    redrive text,
    built_in boolean not null default false,
    run_as text,
    used_by text,
    extension text,
    defined_by text,
    defined_at timestamptz
);
comment on table atelier_internal.pipelines is 'A kind of work: a named list of durable steps.';
comment on column atelier_internal.pipelines.name is 'Name of the pipeline, as jobs carry it.';
comment on column atelier_internal.pipelines.description is 'What the pipeline makes.';
comment on column atelier_internal.pipelines.subject_table is
    'Table with the rows (by id) that its jobs work for; they are locked together with the jobs. Null: none.';
comment on column atelier_internal.pipelines.on_failure is
    'Function (atelier_internal.failure[]) returning void that is told, in the same transaction, of jobs that ended without success.';
comment on column atelier_internal.pipelines.redrive is
    'Function (uuid[]) returning (job_id, new_job_id) that has the work of ended jobs done again; of those it leaves out nothing is left to do. Null: a job is enqueued again as it was, unless the pipeline has a subject_table.';
comment on column atelier_internal.pipelines.built_in is 'Written by the extension script; excluded from dumps.';
comment on column atelier_internal.pipelines.run_as is 'Role as which the functions of a pipeline that users defined run, in processes of their own; null: a pipeline of the engine itself.';
comment on column atelier_internal.pipelines.used_by is 'Role whose members may enqueue its jobs, beside those of run_as; null: nobody else.';
comment on column atelier_internal.pipelines.extension is 'Extension that registered it, while which is absent it is ignored; null: none.';
comment on column atelier_internal.pipelines.defined_by is 'Role that defined it last.';
comment on column atelier_internal.pipelines.defined_at is 'When that was.';

create table atelier_internal.steps (
    pipeline text not null references atelier_internal.pipelines (name) on delete cascade,
    position smallint not null,
    name text not null,
    action text not null,
    prepare text,
    settle text,
    discard text,
    timeout interval,
    max_attempts smallint,
    built_in boolean not null default false,
    label text,
    phase text,
    handler text,
    provider text,
    model text,
    request jsonb,
    fan_out text,
    on_child_failure text,
    primary key (pipeline, position),
    unique (pipeline, name),
    constraint valid_position check (position >= 1),
    constraint valid_timeout check (timeout > interval '0' and timeout <= interval '1 day'),
    constraint valid_max_attempts check (max_attempts between 1 and 100),
    constraint valid_phase check (phase in ('prepare', 'action', 'settle') and label is not null or phase is null and label is null and handler is null),
    constraint handler_runs_in_sql check (handler is null or action = 'sql'),
    constraint valid_fan_out check (fan_out is null or action = 'sql'),
    constraint valid_on_child_failure check (on_child_failure in ('fail', 'collect')),
    constraint valid_action check (action in ('ai.image', 'ai.json', 'ai.text', 'storage.put', 'storage.head', 'storage.delete', 'storage.list',
                                              'media.compose', 'media.variants', 'media.document', 'http.request', 'sql'))
);
comment on table atelier_internal.steps is 'The steps of the pipelines, in order. A completed step never runs again.';
comment on column atelier_internal.steps.pipeline is 'The pipeline this step belongs to.';
comment on column atelier_internal.steps.position is 'Place in the pipeline, from 1 without gaps.';
comment on column atelier_internal.steps.name is 'Name of the step, shown in views and events.';
comment on column atelier_internal.steps.action is 'What the executor does.';
comment on column atelier_internal.steps.prepare is
    'Function (atelier_internal.lease[]) returning (job_id, request, error_class, error_message); null: the request is the job''s input.';
comment on column atelier_internal.steps.settle is 'Function (atelier_internal.settlement[]) returning void that writes the results; null: nothing to write.';
comment on column atelier_internal.steps.discard is
    'Function (atelier_internal.lease[]) returning setof atelier_internal.deletion_request: what attempts that ended without an answer may have left in a store; null: nothing.';
comment on column atelier_internal.steps.timeout is 'Longest time for one attempt, at most 1 day; null: that of the provider, for embedded ones pg_atelier.job_timeout.';
comment on column atelier_internal.steps.max_attempts is 'Attempts that count before the job fails; null: pg_atelier.max_attempts.';
comment on column atelier_internal.steps.built_in is 'Written by the extension script; excluded from dumps.';
comment on column atelier_internal.steps.label is 'Step that users defined, of which this row is a phase; null: of the engine itself.';
comment on column atelier_internal.steps.phase is 'prepare, action or settle: each is done once, and remembered, by itself.';
comment on column atelier_internal.steps.handler is 'Function (jsonb) of the users that this phase runs as pipelines.run_as; null: none.';
comment on column atelier_internal.steps.provider is 'Provider of this step; null: that of the job.';
comment on column atelier_internal.steps.model is 'Model of this step; null: that of the job.';
comment on column atelier_internal.steps.request is 'Request of a step without a prepare function; null: the input of the job.';
comment on column atelier_internal.steps.fan_out is 'Pipeline of the jobs that the answer of the function, an array of their inputs, makes; the next step begins when they have ended. Null: none.';
comment on column atelier_internal.steps.on_child_failure is 'fail: the job ends with the first of these jobs that ends without success; collect: the next step sees what became of each.';

create type atelier_internal.job_request as (
    subject_id uuid, client_id uuid, provider text, model text, input jsonb, waits_for uuid[]);
comment on type atelier_internal.job_request is 'What enqueue_jobs() needs to know of one job.';

create type atelier_internal.job_options as (
    priority smallint, run_after timestamptz, start_by timestamptz, order_key text, tags text[], traceparent text);
comment on type atelier_internal.job_options is
    'When and how a job is to run, and what it carries; as the columns of the same names in jobs. Null is the default of each.';

create type atelier_internal.deletion_request as (store text, bucket text, key text, image_id uuid);
comment on type atelier_internal.deletion_request is
    'An object that is to be deleted; with image_id, the purge of an image and of the deleted assets that it belongs to.';

create type atelier_internal.lease as (
    job_id uuid, subject_id uuid, client_id uuid, input jsonb, attempt_id bigint, image_id uuid, provider text, model text);
comment on type atelier_internal.lease is 'A leased job as a prepare function sees it; image_id is the attempt''s own.';

create type atelier_internal.settlement as (
    job_id uuid, subject_id uuid, client_id uuid, input jsonb, attempt_id bigint, image_id uuid, provider text, model text, result jsonb);
comment on type atelier_internal.settlement is 'A successful answer as a settle function sees it.';

create type atelier_internal.failure as (
    job_id uuid, subject_id uuid, client_id uuid, state text, error_class text, error_message text);
comment on type atelier_internal.failure is 'A job that ended as failed, cancelled or quarantined, as on_failure sees it.';

create type atelier_internal.outcome as (
    job_id uuid, attempt_id bigint, ring smallint, token bigint, outcome text, sent boolean, duration_ms integer,
    result jsonb, usage jsonb, error_class text, error_message text, retry_after_ms bigint);
comment on type atelier_internal.outcome is 'What became of one attempt: completed, failed or not_sent.';
