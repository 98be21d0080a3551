-- Work that comes back by the clock: pg_cron calls it where it is installed, and the worker what nobody has called for a while.

create table atelier_internal.maintenance_tasks (
    name text primary key,
    command text not null,
    schedule text not null,
    description text not null,
    late_after interval not null default '2 hours',
    repeats boolean not null default true,
    of_pg_cron boolean not null default false,
    since timestamptz not null default now(),
    built_in boolean not null default false,
    constraint valid_name check (name ~ '^[a-z][a-z0-9_]*$' and char_length(name) <= 50),
    constraint valid_late_after check (late_after > interval '0')
);
comment on table atelier_internal.maintenance_tasks is 'What is to be done again and again.';
comment on column atelier_internal.maintenance_tasks.name is 'Name of the task; its job in pg_cron is named atelier_ and this.';
comment on column atelier_internal.maintenance_tasks.command is
    'Statement that does one batch of it in one short transaction and returns, as one integer, how much it did; 0: nothing is left.';
comment on column atelier_internal.maintenance_tasks.schedule is 'When pg_cron calls it, in its syntax of five fields.';
comment on column atelier_internal.maintenance_tasks.description is 'What it does.';
comment on column atelier_internal.maintenance_tasks.late_after is
    'After so long without a run the worker does it itself, if the task is a built-in one.';
comment on column atelier_internal.maintenance_tasks.repeats is 'Whether a run that did something is followed by another one, where the worker does it.';
comment on column atelier_internal.maintenance_tasks.of_pg_cron is
    'It tidies pg_cron''s own tables: run by pg_cron alone, in the database where that is.';
comment on column atelier_internal.maintenance_tasks.since is 'When this database came to know it; before its first run it is late from then on.';
comment on column atelier_internal.maintenance_tasks.built_in is 'Written by the extension script; excluded from dumps.';

create table atelier_internal.maintenance_runs (
    task text primary key,
    runs bigint not null default 1,
    last_run_at timestamptz not null default now(),
    last_role text not null default atelier_internal.caller(),
    last_handled integer not null,
    last_by text not null default atelier_internal.run_by(),
    pg_cron_run_at timestamptz
);
comment on table atelier_internal.maintenance_runs is 'The last run of each task in this very database; not dumped.';
comment on column atelier_internal.maintenance_runs.task is 'The task.';
comment on column atelier_internal.maintenance_runs.runs is 'How often it ran.';
comment on column atelier_internal.maintenance_runs.last_run_at is 'When it last ran to its end.';
comment on column atelier_internal.maintenance_runs.last_role is 'Role that ran it; that of the worker is the superuser that the cluster was made with.';
comment on column atelier_internal.maintenance_runs.last_handled is 'How much it did then.';
comment on column atelier_internal.maintenance_runs.last_by is 'What ran it: pg_cron, worker or session.';
comment on column atelier_internal.maintenance_runs.pg_cron_run_at is 'When pg_cron last ran it; null: never.';

create function atelier_internal.begin_task(p_task text) returns boolean
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    -- An advisory lock anybody could hold, and so stop the task for all.
    perform 1 from atelier_internal.maintenance_tasks t where t.name = p_task for update skip locked;
    return found;
end
$$;
comment on function atelier_internal.begin_task(text) is
    'Whether this transaction may run a batch of the task: false while another one does.';

create function atelier_internal.end_task(p_task text, p_handled integer) returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    insert into atelier_internal.maintenance_runs as r (task, last_handled, pg_cron_run_at)
    values (p_task, p_handled, case when atelier_internal.run_by() = 'pg_cron' then now() end)
    on conflict (task) do update
       set runs = r.runs + 1, last_run_at = excluded.last_run_at, last_role = excluded.last_role, last_handled = excluded.last_handled,
           last_by = excluded.last_by, pg_cron_run_at = coalesce(excluded.pg_cron_run_at, r.pg_cron_run_at);
end;
comment on function atelier_internal.end_task(text, integer) is 'Records that a batch of the task was done, in its transaction.';
