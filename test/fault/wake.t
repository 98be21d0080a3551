# A commit wakes the worker; what no commit can tell of is found by the poll, and no lease overtakes it for good.
use strict;
use warnings;
use Atelier;
use Test::More;
use Time::HiRes qw(sleep);

my $node = Atelier->start_cluster('wake', settings => { 'pg_atelier.poll_interval' => '1h', max_prepared_transactions => 5 });
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'worker and executor are ready');

$node->ask(q[insert into atelier_internal.pipelines (name, description) values ('remove', 'test');
             insert into atelier_internal.steps (pipeline, position, name, action) values ('remove', 1, 'remove', 'storage.delete');]);

# A statement that enqueues a job and returns its id. The job deletes an object that is not there: it ends at once.
sub enqueue
{
    my ($run_after) = @_;
    $run_after = $run_after ? "timestamptz '$run_after'" : 'null';
    return q~select (atelier_internal.enqueue_jobs('remove', array[row(null, null, 'file', '',
        '{"objects": [{"store": "file", "key": "none"}]}', null)::atelier_internal.job_request],
        array[row(null, ~ . $run_after . ', null, null, null, null)::atelier_internal.job_options])) [1];';
}

# Runs statements in one session; returns what they print, and when they were done.
sub run { return split /\n/, $node->ask(join("\n", @_, 'select clock_timestamp();')) }

# Whether a job is leased within a second of a moment.
sub starts_at_once
{
    my ($job, $moment, $what) = @_;
    my $leases = "from atelier.attempts where job_id = '$job'";
    my $seconds = $node->wait_until("select count(*) > 0 $leases", 3)
      ? $node->ask("select extract(epoch from min(leased_at) - timestamptz '$moment') $leases") : 'more than 3';
    return ok($seconds =~ /^-?[\d.]+$/ && $seconds < 1, "$what within 1 s") || diag("after $seconds s");
}

sub leases { my ($job) = @_; return $node->ask("select count(*) from atelier.attempts where job_id = '$job'") }
sub turns { return $node->ask('select turns from atelier.workers') }

sub wait_until_quiet
{
    my ($before, $now) = (-1, turns());
    while ($now != $before) { sleep 0.5; ($before, $now) = ($now, turns()) }
    return $now;
}

{
    my ($job, $done) = run('begin;', enqueue(), 'commit;');
    starts_at_once($job, $done, 'a committed job starts');
}
{
    my $turns = wait_until_quiet();
    run('begin;', enqueue(), 'rollback;');
    sleep 0.5;
    is(turns(), $turns, 'a rolled back transaction does not wake the worker');
}
{
    my ($before, $undone, $inside, $done) =
      run('begin;', enqueue(), 'savepoint a;', enqueue(), 'rollback to a;', 'savepoint b;', enqueue(), 'release b;', 'commit;');
    starts_at_once($inside, $done, 'a job of a released savepoint starts');
    starts_at_once($before, $done, 'a job from before a savepoint that was rolled back starts');
    is(leases($undone), 0, 'the job of the savepoint that was rolled back never does');
}
{
    my $due = $node->ask("select now() + interval '1.5 seconds'");
    my ($job) = run(enqueue($due));
    sleep 1;
    is(leases($job), 0, 'a deferred job waits');
    sleep 0.5;
    starts_at_once($job, $due, 'when its time has come it starts');
}
{
    $node->ask(q(select atelier.pause_lane('file')));
    my ($job) = run(enqueue());
    sleep 0.5;
    is(leases($job), 0, 'a paused lane starts nothing');
    my (undef, $done) = run(q(select atelier.resume_lane('file');));
    starts_at_once($job, $done, 'when it is resumed its job starts');
}

# A prepared transaction commits where nothing tells the worker of it.
{
    # More than the lane takes at once, and each refused before it leaves: their places are free again.
    my ($job, $done) = run(
        q[select cardinality(atelier_internal.enqueue_jobs('generate_image', array(
            select row(gen_random_uuid(), null, 'file', '', '{}', null)::atelier_internal.job_request from generate_series(1, 100)))) \gset],
        enqueue());
    starts_at_once($job, $done, 'a job behind a hundred that are refused starts');
    is($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image' and state = 'cancelled'"), 100, 'which all ended');
}

$node->append_conf('postgresql.conf', "pg_atelier.poll_interval = '2s'");
$node->reload;
{
    # A poll that finds nothing ends the watermarks; above one, an entry counts as announced.
    sleep 2.5;
    my $swept = $node->ask('select swept from atelier.workers');
    my ($job) = run('begin;', enqueue(), q(prepare transaction 'one';), q(commit prepared 'one';));
    ok($node->wait_until("select count(*) > 0 from atelier.attempts where job_id = '$job'", 10), 'a prepared transaction is found by the poll');
    cmp_ok($node->ask('select swept from atelier.workers'), '>', $swept, 'and counted');
}

# Nor does it tell of the end of a pause.
{
    my $client = $node->ask(q(select atelier.create_client('North', 'north')));
    for my $pause ([ 'lane', q(pause_lane('file')), q(resume_lane('file')) ], [ 'client', "pause_client('$client')", "resume_client('$client')" ])
    {
        my ($name, $begin, $end) = @$pause;
        run("select atelier.$begin;");
        my ($job) = run(enqueue() =~ s/row\(null, null, 'file'/row(null, '$client', 'file'/r);
        wait_until_quiet();
        is(leases($job), 0, "a paused $name starts nothing");
        run('begin;', "select atelier.$end;", "prepare transaction '$name';", "commit prepared '$name';");
        ok($node->wait_until("select count(*) > 0 from atelier.attempts where job_id = '$job'", 30), "$name: a prepared end of its pause is found by the poll");
    }
}

# The worker is stopped until a poll is due. It then finds two entries at once: one below its watermark, that only the
# sweep sees, and an announced one above it.
{
    my ($below) = run('begin;', enqueue(), q(prepare transaction 'two';));
    my ($past) = run(enqueue());
    # With nothing under way: a busy worker polls less often.
    $node->wait_until("select count(*) > 0 from atelier.attempts where job_id = '$past' and outcome = 'completed'", 10);
    my $worker = $node->worker_pid(10);
    kill 'STOP', $worker;
    run(q(commit prepared 'two';));
    sleep 2.5;
    my ($above, $done) = run(enqueue());
    kill 'CONT', $worker;
    starts_at_once($above, $done, 'a job announced when a sweep is due starts');
    starts_at_once($below, $done, 'and what the sweep finds before it starts too');
    is($node->worker_pid, $worker, 'in the same worker');
}
$node->stop;
done_testing();
