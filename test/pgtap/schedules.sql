\set QUIET on
begin;
select plan(23);

-- In a cluster without pg_cron. What it does where it is, test/fault/pg_cron.t shows.
create role schedule_dba login in role atelier_admin;
create role schedule_app login in role atelier_app;

select results_eq('select task from atelier.maintenance where not of_pg_cron order by task',
    array['check_limits', 'expire_failed', 'purge_assets', 'purge_uploads'], 'E-12: the tasks are there');
select is_empty('select task from atelier.maintenance where runs > 0 or is_late', 'a new database is late with none');

-- every command is a statement that answers with one integer
create function pg_temp.type_of(command text) returns text language plpgsql as $$
declare
    v_type text;
begin
    execute format('select pg_typeof((select a.v from (%s) as a (v) where false))', command) into v_type;
    return v_type;
end
$$;
select is_empty($$ select task, pg_temp.type_of(command) from atelier.maintenance where not of_pg_cron and pg_temp.type_of(command) is distinct from 'integer' $$,
    'the command of each task returns one integer');

-- installing without pg_cron here
set local role schedule_dba;
create temporary table installed as select * from atelier.install_schedules();
select is((select count(*) from installed where statement is null), 0::bigint, 'E-12: without pg_cron in this database there is a statement for each task');
select is((select statement from installed where job like 'atelier\_purge\_assets%'),
    format($$select cron.schedule_in_database('atelier_purge_assets@%1$s', '*/5 * * * *', 'select atelier.purge_deleted_assets()', '%1$s');$$, current_database()),
    'E-12: which schedules it in this database, under a name that another database does not use');
select matches((select statement from installed where job = 'atelier_forget_runs'), '^select cron\.schedule\(''atelier_forget_runs'', .* ''with gone as',
    'what tidies pg_cron''s own tables runs where they are');
select is((select count(distinct schedule_in_force) from atelier.install_schedules('0 3 * * *') where job <> 'atelier_forget_runs'), 1::bigint, 'one schedule can be given for all');
select is((select count(*) from atelier.remove_schedules() where statement like 'select cron.unschedule(''atelier\_%'');'), 5::bigint, 'and each can be taken back');
reset role;
select results_eq($$ select action, role from atelier_internal.audit_log where entity = 'schedules' order by id $$,
    $$ values ('schedules.installed', 'schedule_dba'), ('schedules.installed', 'schedule_dba'), ('schedules.removed', 'schedule_dba') $$,
    'both are audited, with the role that asked');

select throws_ok(format('select atelier.install_schedules(%L)', s), '22023', null, format('refused as a schedule: %s', left(s, 20)))
  from unnest(array['', 'now', '* * * *', '* * * * * *', $$* * * * '; drop$$, repeat('1', 300)]) as s;
set local role schedule_app;
select throws_ok('select * from atelier.install_schedules()', '42501', null, 'applications schedule nothing');
select throws_ok('select * from atelier.maintenance', '42501', null, 'nor do they see the tasks');
reset role;

-- what the worker does when nobody else does
select is_empty('select atelier_internal.late_tasks()', 'E-12: nothing is late at first');
update atelier_internal.maintenance_tasks set since = since - interval '61 minutes';
select results_eq('select atelier_internal.late_tasks()', array['expire_failed', 'purge_assets', 'purge_uploads'],
    'E-12: a task that nobody has run for longer than late_after is late');
select atelier_internal.end_task('purge_assets', 0) \gset i_
select ok(not 'purge_assets' = any (array(select atelier_internal.late_tasks())), 'one that ran is not');
update atelier_internal.maintenance_runs set last_by = 'worker', last_handled = 1000;
select ok('purge_assets' = any (array(select atelier_internal.late_tasks())), 'unless the worker ran it and has not reached its end');
insert into atelier_internal.maintenance_tasks (name, command, schedule, description, since)
values ('of_somebody', 'select 1', '* * * * *', 'not ours', '2020-01-01');
select ok(not 'of_somebody' = any (array(select atelier_internal.late_tasks())) and not atelier_internal.run_task('of_somebody'),
    'what somebody added never runs in the worker');
insert into atelier_internal.object_owners (instance) values (1);
select is_empty('select atelier_internal.late_tasks()', 'a copy of a database does nothing by itself');

select * from finish();
rollback;
