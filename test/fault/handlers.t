# The processes that run functions of pipelines: they come with the work and leave without it, stop with worker and server, make way for
# commands that need the database, and outlive the worker.
use strict;
use warnings;
use Atelier;
use Handlers;
use Test::More;

my $node = Atelier->start_cluster('handlers', settings => { 'pg_atelier.shutdown_wait' => '2s', 'pg_atelier.backoff_base' => '1ms', max_worker_processes => 24 });
my $handlers = Handlers->new($node);
is($node->ask('select count(*) from atelier.handlers'), 0, 'without work there is no handler process');
my $first = $handlers->enqueue('first');
is($handlers->end_of($first), 'completed', 'a function runs');
is($handlers->effects($first), 1, 'once, with its effect');
is($node->ask("select atelier_internal.results_of('$first') #>> '{act,user}'"), 'rooms', 'as the role of its pipeline');
is($node->ask('select count(*) from atelier.handlers'), 1, 'one process came for it');
is($node->ask('select concat_ws(\' \', state, job_id, function, run_as) from atelier.handlers'), 'idle', 'which waits for more');
my $pid = $node->ask('select pid from atelier.handlers');
is($node->ask("select concat_ws(' ', backend_type, state, xact_start, backend_xmin) from pg_stat_activity where pid = $pid"), 'pg_atelier handler idle', 'in no transaction, without a snapshot');
is($node->ask("select count(*) from pg_locks where pid = $pid"), 0, 'and without a lock');

# The server stops, and starts again.
{
    my $quick = $handlers->enqueue('quick', 'select pg_sleep(1)');
    my $slow = $handlers->enqueue('slow', q(select rooms.wait_for('restarted')), 'other');
    ok($handlers->begun($_), 'a function runs') for $quick, $slow;
    my $since = time;
    $node->stop('fast');
    cmp_ok(time - $since, '<', 30, 'a fast stop is not held up by functions');
    $node->start;
    $handlers->open_gate('restarted');
    is($handlers->end_of($_), 'completed', 'afterwards the work is done') for $quick, $slow;
    is($handlers->attempts($quick), 'completed', 'what could end had ended');
    is($handlers->effects($_), 1, 'with one effect') for $quick, $slow;
}

# Commands that need the database without processes
for my $command ([ 'dropped', 'drop database dropped', 'postgres' ], [ 'renamed', 'alter database renamed rename to renamed2', 'postgres' ], [ 'bare', 'drop extension pg_atelier cascade', 'bare' ])
{
    my ($database, $sql, $where) = @$command;
    $node->make_database($database);
    $handlers->define($database);
    my $job = $handlers->enqueue('held', 'select pg_sleep(300)', 'act', $database);
    my $queued = $handlers->enqueue('queued', 'select pg_sleep(300)', 'act', $database);
    ok($handlers->begun($job, $database), "$database: a function runs");
    my $process = $handlers->pid_of($job, $database);
    my $since = time;
    $node->ask($sql, $where);
    cmp_ok(time - $since, '<', 10, "$sql does not wait for it");
    ok($node->wait_for_condition(sub { !$node->alive($process) }, 20), 'its process leaves');
}
is($node->ask("select count(*) from pg_stat_activity where backend_type = 'pg_atelier handler' and datname in ('dropped', 'bare')", 'postgres'), 0, 'none is left there');

# What must outlast the rest of this file runs in databases of its own: a function longer than a worker may be silent, and a process without work.
$node->make_database($_) for qw(long idle hung);
$handlers->define($_) for qw(long idle hung);
my $long = $handlers->enqueue('long', 'select pg_sleep(42)', 'act', 'long');
ok($handlers->begun($long, 'long'), 'a long function runs aside');
my $long_worker = $node->worker_pid(0, 'long');
is($handlers->end_of($handlers->enqueue('idle', undef, 'act', 'idle'), 30, 'idle'), 'completed', 'another database has processes of its own');

is($node->ask("select in_flight from atelier.workers where database = 'idle'"), 0, 'whose worker has nothing in flight then');
my $orphan = $handlers->enqueue('orphan', q(select rooms.wait_for('hung')), 'act', 'hung');
ok($handlers->begun($orphan, 'hung'), 'a function runs whose worker hangs');
my $orphan_process = $handlers->pid_of($orphan, 'hung');
my $hung = $node->worker_pid(0, 'hung');
kill 'STOP', $hung;
# The launcher looks at what waits for the worker.
$node->ask("select atelier.set_lane_limit('sql', 'rooms', 16)", 'hung');

# A worker that stops waits for functions; what it does not wait for is done again.
{
    my $quick = $handlers->enqueue('quick', 'select pg_sleep(1)');
    my $slow = $handlers->enqueue('slow', q(select rooms.wait_for('stopped')), 'other');
    ok($handlers->begun($_), 'a function runs') for $quick, $slow;
    my $queued = $handlers->enqueue('queued');
    my $worker = $node->worker_pid;
    $node->ask("select pg_terminate_backend($worker)");
    ok($node->wait_until("select exists (select from atelier.workers where database = 'atelier' and state = 'running' and worker_pid <> $worker)", 30), 'the worker is another one');
    is($handlers->end_of($quick), 'completed', 'one function had ended');
    is($handlers->effects($quick), 1, 'and did not run again');
    is($handlers->attempts($quick), 'completed', 'in its first attempt');
    $handlers->open_gate('stopped');
    is($handlers->end_of($_), 'completed', 'the others run again') for $slow, $queued;
    is($handlers->effects($_), 1, 'with one effect') for $slow, $queued;
    is($node->ask("select crashes from atelier.job_history where job_id = '$slow'"), 0, 'nobody is to blame for that');
}

# What ran aside
ok($node->wait_until("select exists (select from atelier.workers where database = 'hung' and state = 'running' and worker_pid <> $hung)", 60), 'the worker that hangs is replaced');
ok($node->wait_until("select exists (select from atelier.attempts where job_id = '$orphan' and number = 2)", 30, 'hung'), 'its function is stopped, and runs again');
is($node->ask("select count(*) from atelier.handlers where pid = $orphan_process", 'hung'), 1, 'the processes serve the new worker');
$handlers->open_gate('hung', 'hung');
is($handlers->end_of($orphan, 30, 'hung'), 'completed', 'the job is done');
is($handlers->effects($orphan, 'hung'), 1, 'with one effect');
kill 'CONT', $hung;
ok($node->wait_for_condition(sub { !$node->alive($hung) }, 20), 'the old worker leaves when it moves again');
is($handlers->end_of($handlers->enqueue('on', undef, 'act', 'hung'), 30, 'hung'), 'completed', 'and takes no process along');
is($handlers->end_of($long, 60, 'long'), 'completed', 'the long function has ended');
is($node->ask('select count(*) from atelier.attempts', 'long'), 1, 'in one attempt');
is($node->worker_pid(0, 'long'), $long_worker, 'and its worker, which had nothing to do but to wait, was not taken for hung');
ok($node->wait_until('select count(*) = 0 from atelier.handlers', 100, 'idle'), 'a process without work leaves');
is($handlers->end_of($handlers->enqueue('idle', undef, 'act', 'idle'), 30, 'idle'), 'completed', 'and comes again with the work');
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart by itself');
$node->stop;
done_testing();
