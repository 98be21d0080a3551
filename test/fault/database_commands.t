# Commands that need a database for themselves, or take the extension away, succeed within 5 s while calls hang.
use strict;
use warnings;
use Atelier;
use Test::More;
use PostgreSQL::Test::Utils qw(slurp_file);
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('database_commands', extension => 0, settings => { 'pg_atelier.poll_interval' => '1h', max_worker_processes => 20 });

# Stops a media child of an executor; false when there is none, or it has just ended: a zombie takes the signal too.
sub stop_media_child
{
    my ($executor) = @_;
    for my $child ($node->descendants($executor))
    {
        next unless (readlink("/proc/$child/exe") // '') =~ /pg_atelier_media/ && kill 'STOP', $child;
        return $child if $node->wait_for_condition(sub { (eval { slurp_file("/proc/$child/stat") } // '') =~ /\) T / }, 1);
    }
    return;
}

# A database whose worker has an order under way that will not end: its media child is stopped. One picture can be
# quicker than the signal, eight are not.
sub busy_database
{
    my ($database) = @_;
    $node->make_database($database);
    my $studio = $node->make_studio(database => $database);
    $node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'", 30, $database);
    my $executor = $node->executor_pid(10, $database);
    $node->request_many($studio, 8);
    my $stopped;
    $node->wait_for_condition(sub { $stopped = stop_media_child($executor) }, 20);
    return ($stopped, $executor);
}

sub quick
{
    my ($sql, $what, $database) = @_;
    my $started = time;
    my ($status, undef, $error) = $node->psql($database // 'postgres', $sql);
    is($status, 0, "$what succeeds") or diag($error);
    cmp_ok(time - $started, '<', 5, 'within 5 s');
    return;
}

for my $case (
    [ 'dropped', 'drop database dropped', 'DROP DATABASE' ],
    [ 'copied', 'create database copy template copied', 'CREATE DATABASE ... TEMPLATE' ],
    [ 'renamed', 'alter database renamed rename to renamed2', 'ALTER DATABASE ... RENAME' ])
{
    my ($database, $sql, $what) = @$case;
    my ($child, $executor) = busy_database($database);
    ok($child, "$database: a call hangs");
    quick($sql, $what);
    ok($node->wait_for_condition(sub { !$node->alive($child) && !$node->alive($executor) }, 5), 'and leaves no process behind');
}

# The copied and the renamed database go on; the copy's jobs are not its own.
for my $database ('copied', 'renamed2')
{
    ok($node->worker_pid(10, $database), "$database: a worker is back");
    ok($node->wait_until("select bool_and(status = 'completed') from atelier.generated_assets", 60, $database), 'and ends the work that hung');
}
# The launcher learns of a copy by its first use.
$node->ask('select atelier_internal.start_worker()', 'copy');
ok($node->worker_pid(10, 'copy'), 'copy: a worker is there');
is($node->ask("select count(*) from atelier.jobs where not foreign_instance", 'copy'), 0, 'copy: no job is its own');
cmp_ok($node->ask("select count(*) from atelier.jobs where foreign_instance", 'copy'), '>=', 1, 'copy: the copied job is there');
is($node->ask('select count(*) from atelier.attempts where epoch = (select epoch from atelier.workers where database = current_database())', 'copy'), 0,
    'copy: nothing ran');

{
    my ($child, $executor) = busy_database('extension');
    ok($child, 'extension: a call hangs');
    quick('drop extension pg_atelier cascade', 'DROP EXTENSION', 'extension');
    ok($node->wait_for_condition(sub { !$node->alive($executor) }, 5), 'and leaves no process behind');
    quick('create extension pg_atelier', 'CREATE EXTENSION after it', 'extension');
    ok($node->worker_pid(10, 'extension'), 'starts a worker again');
}

# A command that fails brings the worker back.
{
    $node->make_database('held');
    ok($node->worker_pid(10, 'held'), 'held: a worker is there');
    my $session = $node->background_psql('held');
    my ($status) = $node->psql('postgres', 'drop database held');
    isnt($status, 0, 'a database that somebody uses is not dropped');
    ok($node->worker_pid(10, 'held'), 'and its worker is back');
    $session->quit;
}

# A refused command of a role that may create databases but owns no other leaves their workers alone.
{
    my $worker = $node->worker_pid(10, 'renamed2');
    $node->ask('create role maker login createdb', 'postgres');
    for my $sql ('create database mine template renamed2', 'drop database renamed2', 'alter database renamed2 rename to mine')
    {
        my ($status, undef, $error) = $node->psql('postgres', $sql, extra_params => [ '-U', 'maker' ]);
        isnt($status, 0, "$sql: refused");
        like($error, qr/permission denied|must be owner/, 'for want of ownership');
        is($node->worker_pid(0, 'renamed2'), $worker, 'the worker stays');
    }
}

# Signals that a DBA sends: work goes on after both.
{
    my $studio = $node->make_studio(database => 'renamed2');
    ok($node->wait_until("select count(*) = 1 from atelier.images where id = '$studio->{image}' and status = 'ready'", 30, 'renamed2'), 'another photo is ready');
    my $done = "select count(*) = 2 from atelier.generated_assets where client_id = '$studio->{client}' and status = 'completed'";
    my $worker = $node->worker_pid(10, 'renamed2');

    $node->request_many($studio, 2);
    my $cancels = 0;
    ok($node->wait_for_condition(sub {
        $cancels += $node->ask("select pg_cancel_backend($worker)::int", 'postgres');
        $node->ask($done, 'renamed2') eq 't';
    }, 60), 'pg_cancel_backend, again and again, does not keep a worker from its work');
    cmp_ok($cancels, '>', 1, 'it was sent while the work was under way');
    is($node->worker_pid(0, 'renamed2'), $worker, 'nor does it end the worker');

    $done =~ s/= 2/= 4/;
    $node->request_many($studio, 2, style => 'rustic');
    $node->wait_until("select in_flight > 0 from atelier.workers where database = 'renamed2'", 10, 'renamed2');
    $node->ask("select pg_terminate_backend($worker)", 'postgres');
    ok($node->wait_until("select exists (select from atelier.workers where database = 'renamed2' and state = 'running' and worker_pid <> $worker)", 20, 'renamed2'),
        'pg_terminate_backend ends it, and the launcher starts another');
    ok($node->wait_until($done, 60, 'renamed2'), 'which does the rest');
}
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
$node->stop;
done_testing();
