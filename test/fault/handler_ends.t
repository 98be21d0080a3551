# How functions of pipelines end in their processes: by themselves, by an error, by their time, by a cancellation, with their process, with a
# lease that is void; what is left of them then, and who has to wait for them. (What one may not do: test/pgtap/handler_call.sql.)
use strict;
use warnings;
use Atelier;
use Handlers;
use Test::More;

my $node = Atelier->start_cluster('handler_ends', settings => { 'pg_atelier.shutdown_wait' => '2s', 'pg_atelier.backoff_base' => '1ms', max_worker_processes => 24 });
my $handlers = Handlers->new($node);
my $pid;  # of the process at hand

# What a function asks the engine for, it asks as its role and for the client of its job.
{
    my $client = $node->ask("select atelier.create_client('Rooms', 'rooms')");
    my $asks = $node->ask("select atelier.enqueue_job('act', jsonb_build_object('do', 'select atelier.enqueue_job(''act'') || '' '' || atelier.current_client_id()'), '$client')");
    is($handlers->end_of($asks), 'completed', 'a function enqueues a job');
    my ($child, $context) = split / /, $handlers->answer($asks);
    is($context, $client, 'its transaction works for the client of its job');
    is($handlers->end_of($child), 'completed', 'the job is done');
    is($node->ask("select client_id from atelier.job_history where job_id = '$child'"), $client, 'for the same client');
}

# Errors
{
    $node->ask('alter system set pg_atelier.handlers = 1');
    $node->reload;
    ok($node->wait_until('select count(*) = 1 from atelier.handlers'), 'there is one process');
    $pid = $node->ask('select pid from atelier.handlers');
    my $fails = $handlers->enqueue('fails', 'select 1 / 0');
    like($handlers->end_of($fails), qr/^failed handler_failed 22012: division by zero; .*line/, 'an error of a function is told, with its place');
    is($handlers->attempts($fails), join(', ', ('failed handler_failed') x 3), 'after as many attempts as the step has');
    is($handlers->effects($fails), 0, 'nothing of its effect is left');
    is($handlers->end_of($handlers->enqueue('next')), 'completed', 'the next one is none the worse for it');
    is($node->ask("select count(*) from atelier.handlers where pid = $pid"), 1, 'in the same process');
}

# Time
{
    my $slow = $handlers->enqueue('slow', 'select pg_sleep(300)', 'brief');
    is($handlers->end_of($slow), 'failed timeout the function did not end within 300 ms', 'its time ends a function');
    is($handlers->effects($slow), 0, 'and takes its effect along');
    is($node->ask("select count(*) from atelier.handlers where pid = $pid"), 1, 'the process stays');
    my $switches = $handlers->enqueue('switches', 'set statement_timeout = 0; set lock_timeout = 0; select pg_sleep(300)', 'brief');
    like($handlers->end_of($switches), qr/^failed timeout/, 'no setting switches its time off');
    my $catches = $handlers->enqueue('catches', 'do $d$ begin perform pg_sleep(300); exception when query_canceled then null; end $d$', 'brief');
    like($handlers->end_of($catches), qr/^failed timeout/, 'one that catches its end and returns has failed all the same');
    is($handlers->effects($catches), 0, 'without effect');
    my $stubborn = $handlers->enqueue('stubborn', undef, 'stubborn');
    is($handlers->end_of($stubborn), 'failed timeout the function did not end when it was cancelled, and its process was ended', 'one that goes on is ended with its process');
    is($handlers->effects($stubborn), 0, 'without effect');
    is($node->ask("select count(*) from atelier.handlers where pid = $pid"), 0, 'the process is gone');
    is($handlers->end_of($handlers->enqueue('after')), 'completed', 'another one takes its place');
}

# What a function leaves in the session
{
    $pid = $node->ask("select pid from atelier.handlers where state = 'idle'");
    is($handlers->end_of($handlers->enqueue('leaves', q(select concat(pg_advisory_lock(77), set_config('work_mem', '77MB', false), set_config('rooms.secret', 'x', false), nextval('rooms.numbers'))))), 'completed',
        'a function takes a lock of the session, sets what it likes, uses a sequence');
    is($node->ask("select count(*) from pg_locks where locktype = 'advisory' and objid = 77"), 0, 'the lock is gone with it');
    my $look = q(select concat_ws(' ', pg_backend_pid(), current_setting('work_mem'), nullif(current_setting('rooms.secret', true), '')));
    my $next = $handlers->enqueue('looks', $look);
    is($handlers->end_of($next), 'completed', 'the next function runs');
    is($handlers->answer($next), "$pid 4MB", 'in the same process, and finds nothing of it');
    like($handlers->end_of($handlers->enqueue('asks', 'select lastval()')), qr/^failed handler_failed 55000: lastval is not yet defined/, 'nor of its numbers');
    my $other = $handlers->enqueue('looks too', $look, 'other');
    is($handlers->end_of($other), 'completed', 'a function of another role runs');
    like($handlers->answer($other), qr/^(?!$pid )\d+ 4MB$/, 'in another process');
}

# Cancelled
{
    my $job = $handlers->enqueue('cancelled', 'select pg_sleep(300)');
    ok($handlers->begun($job), 'a function runs');
    my $process = $handlers->pid_of($job);
    $node->ask("select atelier.cancel_job('$job')");
    like($handlers->end_of($job, 10), qr/^cancelled cancelled/, 'its job is cancelled, and it ends');
    is($handlers->effects($job), 0, 'without effect');
    is($node->ask("select count(*) from atelier.handlers where pid = $process"), 1, 'its process stays');
}

# A process that ends
{
    my $job = $handlers->enqueue('lost', q(select rooms.wait_for('lost')));
    for my $round (1, 2)
    {
        ok($handlers->begun($job), "round $round: a function runs");
        my $process = $handlers->pid_of($job);
        $node->ask("select pg_terminate_backend($process)");
        ok($node->wait_until("select exists (select from atelier.attempts where job_id = '$job' and number = $round and error_class = 'worker_lost')"), "round $round: its process is ended");
    }
    $handlers->open_gate('lost');
    is($handlers->end_of($job), 'completed', 'the job goes on');
    is($handlers->effects($job), 1, 'with the effect of the last attempt alone');
    is($node->ask("select crashes from atelier.job_history where job_id = '$job'"), 2, 'each end was counted');
    my $poison = $handlers->enqueue('poison', 'select pg_terminate_backend(pg_backend_pid())');
    like($handlers->end_of($poison), qr/^(quarantined worker_lost|failed)/, 'what ends its process again and again is not run for ever');
}

# A lease that is not in force any more
{
    my $job = $handlers->enqueue('void', q(select rooms.wait_for('void')));
    ok($handlers->begun($job), 'a function runs');
    $node->ask("update atelier_internal.jobs set token = token + 1 where id = '$job'");
    $handlers->open_gate('void');
    is($handlers->end_of($job), 'completed', 'its job, leased anew, is done again');
    is($handlers->effects($job), 1, 'and its effect is there once');
    is($node->ask("select count(*) from atelier.attempts where job_id = '$job'"), 2, 'of two attempts');
}

# One role never takes all processes; more are allowed, fewer too.
{
    $node->ask('alter system reset pg_atelier.handlers');
    $node->reload;
    my @jobs = map { $handlers->enqueue("many $_", q(select rooms.wait_for('many'))) } 1 .. 4;
    my $other = $handlers->enqueue('beside', undef, 'other');
    is($handlers->end_of($other), 'completed', 'beside functions that wait, those of another role run');
    is($node->ask("select count(*) from atelier.handlers where state = 'running'"), 1, 'of two processes one is for others');
    $node->ask('alter system set pg_atelier.handlers = 4');
    $node->reload;
    ok($node->wait_until("select count(*) = 3 from atelier.handlers where state = 'running'"), 'with four allowed, three run functions of one role');
    is($handlers->end_of($handlers->enqueue('beside', undef, 'other')), 'completed', 'and the others are not kept waiting');
    $handlers->open_gate('many');
    is($handlers->end_of($_), 'completed', 'all are done') for @jobs;
    $node->ask('alter system set pg_atelier.handlers = 1');
    $node->reload;
    ok($node->wait_until('select count(*) = 1 from atelier.handlers'), 'with one allowed the others leave');
    is($handlers->end_of($handlers->enqueue('single')), 'completed', 'it works for everybody');
    $node->ask('alter system reset pg_atelier.handlers');
    $node->reload;
}

# Without an executor
{
    $node->ask(q(alter system set pg_atelier.program_directory = '/nowhere'));
    $node->reload;
    my $executor = $node->executor_pid(0);
    ok($node->wait_for_condition(sub { !defined $executor || !$node->alive($executor) || !kill('TERM', $executor) }, 20), 'there is no executor');
    is($handlers->end_of($handlers->enqueue('alone')), 'completed', 'functions run without one');
    $node->ask('alter system reset pg_atelier.program_directory');
    $node->reload;
}

$node->stop;
done_testing();
