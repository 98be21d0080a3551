-- What pipelines of users remember from step to step, and which jobs theirs made.

create table atelier_internal.step_results (
    job_id uuid not null,
    position smallint not null,
    pipeline text not null,
    label text not null,
    phase text not null,
    client_id uuid,
    result jsonb,
    finished_at timestamptz not null default now(),
    constraint step_results_pkey primary key (job_id, position),
    constraint valid_phase check (phase in ('prepare', 'action', 'settle'))
);
comment on table atelier_internal.step_results is
    'What each completed step of a pipeline of users came to, at most 1 MB each. Written in the transaction in which the step completed; forgotten with the history of the job.';
comment on column atelier_internal.step_results.job_id is 'The job.';
comment on column atelier_internal.step_results.position is 'Place of the row in atelier_internal.steps.';
comment on column atelier_internal.step_results.pipeline is 'Pipeline of the job.';
comment on column atelier_internal.step_results.label is 'The step, as its pipeline names it.';
comment on column atelier_internal.step_results.phase is
    'prepare: the request; action: the answer, of a service or of a function; settle: what the settle function made of it.';
comment on column atelier_internal.step_results.client_id is 'Client of the job.';
comment on column atelier_internal.step_results.result is 'What came of it; null: nothing. Of a prepare function, nothing skips the step.';
comment on column atelier_internal.step_results.finished_at is 'When.';

create table atelier_internal.job_children (
    parent_id uuid not null,
    position smallint not null,
    place integer not null,
    job_id uuid not null,
    pipeline text not null,
    client_id uuid,
    input jsonb not null,
    state text,
    error_class text,
    error_message text,
    constraint job_children_pkey primary key (parent_id, position, place),
    constraint valid_place check (place >= 1),
    constraint valid_state check (state in ('completed', 'failed', 'cancelled', 'quarantined'))
);
create index job_children_job on atelier_internal.job_children (job_id);
create index job_children_live on atelier_internal.job_children (parent_id) where state is null;
comment on table atelier_internal.job_children is 'The jobs that a step with fan_out made, one for each element of the answer of its function.';
comment on column atelier_internal.job_children.parent_id is 'The job that made them.';
comment on column atelier_internal.job_children.position is 'Place of its step in atelier_internal.steps.';
comment on column atelier_internal.job_children.place is 'Place of the input in the answer, from 1.';
comment on column atelier_internal.job_children.job_id is 'The job that was made.';
comment on column atelier_internal.job_children.pipeline is 'Pipeline of the job that made them.';
comment on column atelier_internal.job_children.client_id is 'Client of both.';
comment on column atelier_internal.job_children.input is 'Input of the job that was made.';
comment on column atelier_internal.job_children.state is 'How it ended; null: it is live.';
comment on column atelier_internal.job_children.error_class is 'Class of its last failure, where it ended without success.';
comment on column atelier_internal.job_children.error_message is 'Message of that failure, without secrets.';

create function atelier_internal.results_of(p_job_id uuid, p_before integer default 32767) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce(jsonb_object_agg(l.label, l.result), '{}')
      from (select distinct on (r.label) r.label, r.result
              from atelier_internal.step_results r
             where r.job_id = p_job_id and r.position < p_before and r.phase <> 'prepare' and r.result is not null
             order by r.label, r.position desc) l;
end;
comment on function atelier_internal.results_of(uuid, integer) is
    'The results of the steps of a job before a position, by label: what its settle function made of it, else its answer. Steps without a result, such as skipped ones, are left out.';

create function atelier_internal.forget_results() returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    -- What belongs to a parent that is not forgotten yet is still asked for.
    delete from atelier_internal.job_children c
     where c.ctid = any (array(
             select o.ctid from atelier_internal.job_children o
              where not exists (select from atelier_internal.jobs j where j.id = o.parent_id)
                and not exists (select from atelier_internal.history_completed h where h.job_id = o.parent_id)
                and not exists (select from atelier_internal.history_failed h where h.job_id = o.parent_id)
              limit 1000000 for update skip locked));
    delete from atelier_internal.step_results r
     where r.ctid = any (array(
             select o.ctid from atelier_internal.step_results o
              where not exists (select from atelier_internal.jobs j where j.id = o.job_id)
                and not exists (select from atelier_internal.history_completed h where h.job_id = o.job_id)
                and not exists (select from atelier_internal.history_failed h where h.job_id = o.job_id)
                and not exists (select from atelier_internal.job_children c where c.job_id = o.job_id)
              limit 1000000 for update skip locked));
end
$$;
comment on function atelier_internal.forget_results() is
    'Removes the results of jobs that history has forgotten, at most a million at once; those of a job that another one made, when that one is forgotten too.';
