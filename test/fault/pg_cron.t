# The tasks by the clock: pg_cron really runs them within a minute where it was told to; where it is not, the worker runs what
# is late, batch after batch, and a task that fails costs the others nothing.
use strict;
use warnings;
use Atelier;
use Test::More;

sub delete_long_ago
{
    my ($node, $studio, $count) = @_;
    my @assets = $node->request_many($studio, $count);
    my $list = join ', ', map { "'$_'" } @assets;
    $node->wait_until("select count(*) = $count from atelier.generated_assets where status = 'completed' and id in ($list)")
      or die 'the assets were not made';
    $node->ask("select count(atelier.soft_delete_asset(id)) from atelier.generated_assets where id in ($list)");
    # A trigger keeps the time of a deletion as it is.
    $node->ask("set session_replication_role = replica; update atelier.generated_assets set deleted_at = now() - interval '31 days' where id in ($list)");
    return $list;
}

sub run_count { my ($node, $task) = @_; return $node->ask("select runs from atelier.maintenance where task = '$task'") }

# With pg_cron in the database.
my $node = Atelier->start_cluster('cron', settings => {
    'shared_preload_libraries' => 'pg_atelier, pg_cron', 'cron.database_name' => 'atelier', 'cron.use_background_workers' => 'on',
    'max_worker_processes' => '20' });
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'worker and executor are ready');
$node->ask('create role dba login in role atelier_admin');
my $as_dba = sub { my ($sql) = @_; return (split /\n/, $node->ask("set role dba; $sql"))[-1] // '' };

like($node->refusal('select * from atelier.install_schedules()'), qr/55000.*CREATE EXTENSION pg_cron/s,
    'E-12: where pg_cron would look here for its jobs, its extension is asked for');
$node->ask('create extension pg_cron');
like($node->refusal('set role dba; select * from atelier.install_schedules()'), qr/42501.*GRANT USAGE ON SCHEMA cron TO dba;/s,
    'E-12: who may not use pg_cron is told the grant');
$node->ask('grant usage on schema cron to dba, atelier_admin');
like($node->refusal('set role atelier_admin; select * from atelier.install_schedules()'), qr/55000.*member of atelier_admin that can log in/s,
    'E-12: a role that cannot log in schedules nothing, since pg_cron could not run it');

my $doomed = delete_long_ago($node, $node->make_studio, 3);
is($as_dba->("select count(*) from atelier.install_schedules() where statement is null"), 5, 'E-12: install_schedules() gives pg_cron each task');
my $jobs = q(select string_agg(concat_ws(' ', jobname, schedule, command, database, username, active), ';' order by jobname) from cron.job);
my $installed = $node->ask($jobs);
like($installed, qr{atelier_purge_assets \*/5 \* \* \* \* select atelier\.purge_deleted_assets\(\) atelier dba t}, 'E-12: as the role that asked');
$as_dba->('select count(*) from atelier.install_schedules()');
is($node->ask($jobs), $installed, 'E-12: once more changes nothing');
like($node->ask(q(select advice from atelier.self_check() where area = 'schedules' and not ok)),
    qr/cron\.use_background_workers.*max_worker_processes.*cron\.host/s, 'E-12: until a run was seen self_check() says what may keep pg_cron from it');

$as_dba->(q(select count(*) from atelier.install_schedules('* * * * *')));
ok($node->wait_until("select not exists (select from atelier.generated_assets where id in ($doomed))", 75),
    'S0-19: what was deleted 31 days ago is purged by pg_cron within a minute');
is($as_dba->(q(select string_agg(distinct d.status, ',') from cron.job_run_details d join cron.job j using (jobid) where j.jobname = 'atelier_purge_assets')),
    'succeeded', 'E-12: cron.job_run_details has its runs');
is($node->ask(q(select last_by || ' ' || last_role from atelier.maintenance where task = 'purge_assets')), 'pg_cron dba', 'atelier.maintenance says who ran it');
is($node->ask("select count(*) from atelier.purge_log where action = 'purged' and entity = 'asset' and entity_id in ($doomed)"), 3, 'S0-19: the purge log has all three');
ok($node->wait_until(q(select bool_and(ok) from atelier.self_check() where area = 'schedules')), 'E-12: self_check() has seen a run');
ok($node->wait_until(q(select count(*) = 4 from atelier.maintenance where pg_cron_run_at is not null)), 'the other tasks ran too');
is($as_dba->(q(select count(*) from atelier.remove_schedules())), 5, 'E-12: remove_schedules() takes them back');
is($node->ask('select count(*) from cron.job'), 0, 'E-12: and leaves none');
$node->stop;

# Without it.
$node = Atelier->start_cluster('worker');
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'worker and executor are ready');
$doomed = delete_long_ago($node, $node->make_studio, 5);
$node->restart;
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'the next worker is ready');
is(run_count($node, 'purge_assets'), 0, 'what is not late is not done by the worker');

$node->ask(q(update atelier_internal.maintenance_tasks set since = since - interval '1 day';
             update atelier_internal.maintenance_tasks set command = 'select atelier.purge_deleted_assets(2)' where name = 'purge_assets';
             update atelier_internal.maintenance_tasks set command = 'select 1 / 0' where name = 'expire_failed'));
like($node->ask(q(select string_agg(finding, ';') from atelier.self_check() where area = 'schedules' and not ok)), qr/task purge_assets has not run/,
    'self_check() tells of tasks that are late');
$node->restart;
ok($node->wait_until("select not exists (select from atelier.generated_assets where id in ($doomed))", 30), 'E-12: without pg_cron the worker purges what nobody did');
cmp_ok(run_count($node, 'purge_assets'), '>=', 3, 'E-12: batch after batch');
is($node->ask(q(select last_by from atelier.maintenance where task = 'purge_assets')), 'worker', 'atelier.maintenance says that it was the worker');
ok($node->wait_until(q(select count(*) = 1 from atelier.alerts where kind = 'task_failed:expire_failed' and message like '%division by zero%' and resolved_at is null)),
    'a task that fails raises an alert');
ok($node->wait_until(q(select count(*) = 3 from atelier.maintenance where last_by = 'worker')), 'and the tasks after it are done all the same');
is($node->ask(q(select count(*) from atelier.workers where state = 'running')), 1, 'by the worker, which goes on');
$node->ask(q(update atelier_internal.maintenance_tasks set command = 'select atelier.expire_failed_assets()' where name = 'expire_failed'));
$node->restart;
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'the alert is resolved when it works again');
$node->stop;
done_testing();
