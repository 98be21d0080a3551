# A worker that does not move although work is pending is replaced after 35 s, and nobody else notices. When it moves again
# it leaves, and every job ends once. Two workers are stopped at the same time: one at its wait point with orders in flight,
# one in the middle of the commit of a lease; a third database goes on as ever.
use strict;
use warnings;
use Atelier;
use Test::More;
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('hung_worker', settings => {
    'pg_atelier.poll_interval' => '1h', max_worker_processes => 20,
    # For a commit that waits for a standby.
    wal_level => 'replica', max_wal_senders => 2 });
my @databases = qw(atelier committing healthy);
$node->make_database($_) for qw(committing healthy);
my %studio = map { $_ => $node->make_studio(database => $_) } @databases;
for my $database (@databases)
{
    ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'", 30, $database), "$database: the photo is ready");
}
my %asked = map { $_ => 0 } @databases;
my %worker = map { $_ => $node->worker_pid(10, $_) } @databases;
my %executor = map { $_ => $node->executor_pid(10, $_) } @databases;
my %epoch = map { $_ => $node->ask("select epoch from atelier.workers where database = '$_'") } @databases;
my $session = $node->background_psql('atelier');
my $backend = $session->query_safe('select pg_backend_pid()');

my @waiting;  # sessions whose commit hangs

# A standby that is gone holds up every commit that asks for it; the test's own sessions do not.
$ENV{PGOPTIONS} = '-c synchronous_commit=local';
set_standbys('nobody');
ask_for('committing', 1);
ok($node->wait_until("select wait_event = 'SyncRep' from pg_stat_activity where pid = $worker{committing}", 10), 'committing: the worker commits a lease');
stop('committing');
set_standbys('');
is($node->ask("select string_agg(state, ' ') from atelier.jobs", 'committing'), 'waiting', 'committing: nobody sees the lease yet');

ask_for('atelier', 6);
ok($node->wait_for_condition(sub { stop_at_wait_point('atelier') }, 20), 'atelier: the worker is stopped with orders in flight');
my $stopped = time;

# While both stand still.
ask_for($_, 1) for @databases;
ok(all_completed('healthy'), 'healthy: goes on');
for my $database (qw(atelier committing))
{
    ok($node->wait_until("select worker_pid <> $worker{$database} and state = 'running' and last_turn_at is not null from atelier.workers where database = '$database'", 60),
        "$database: another worker replaces the one that hangs");
    ok($node->alive($worker{$database}), "$database: which is still there");
    isnt($node->ask("select epoch from atelier.workers where database = '$database'"), $epoch{$database}, "$database: the new incarnation has an epoch of its own");
    ok($node->wait_for_condition(sub { !$node->alive($executor{$database}) }, 10), "$database: the executor of the old one is gone");
}
cmp_ok(time - $stopped, '<', 55, 'in time');
ok(all_completed('atelier'), 'atelier: all its work is done meanwhile');
ok($node->wait_until("select count(*) = 1 from atelier.generated_assets where status = 'completed'", 30, 'committing'),
    'committing: what the hung worker holds locked does not hold up the rest');

# While the first one hangs and keeps the lock of the only worker, the second ends: a third goes on.
my $second = $node->worker_pid(10, 'atelier');
$node->ask("select pg_terminate_backend($second)");
ok($node->wait_until("select worker_pid <> $second and state = 'running' and last_turn_at is not null from atelier.workers where database = 'atelier'", 20),
    'atelier: the successor that ends has a successor');
ask_for('atelier', 1);
ok(all_completed('atelier'), 'atelier: which does the work');
ok($node->alive($worker{atelier}), 'atelier: while the first one still hangs');

# They move again.
kill 'CONT', $worker{$_} for qw(atelier committing);
ok($node->wait_for_condition(sub { !$node->alive($worker{atelier}) && !$node->alive($worker{committing}) }, 10), 'the old workers leave when they move again');
ok(all_completed('committing'), 'committing: the job that was leased in the last moment is done too');
ask_for($_, 1) for @databases;
ok(all_completed($_), "$_: work goes on") for @databases;

for my $database (@databases)
{
    my $replaced = $database eq 'healthy' ? 0 : 1;
    my $takeovers = $database eq 'atelier' ? 2 : $replaced;
    is($node->ask("select count(*) || ' ' || count(distinct job_id) from atelier.job_history where pipeline = 'generate_image' and state = 'completed'", $database),
        "$asked{$database} $asked{$database}", "$database: each job completed once");
    is($node->ask("select count(*) from atelier.attempts where pipeline = 'generate_image' and outcome = 'completed'", $database), $asked{$database},
        "$database: by one attempt");
    is($node->ask('select count(*) from atelier.attempts where outcome is null', $database), 0, "$database: no attempt is left open");
    is($node->ask("select coalesce(sum(count), 0) from atelier.alerts where kind = 'worker_replaced'", $database), $takeovers,
        "$database: " . ($replaced ? 'an alert tells of each takeover' : 'no alert'));
    is($node->worker_pid(0, $database) == $worker{$database} ? 0 : 1, $replaced, "$database: " . ($replaced ? 'a new worker' : 'the same worker'));
}
is($node->ask('select count(*) from pg_stat_activity where backend_type = \'pg_atelier worker\''), 3, 'one worker each');
is($session->query_safe('select pg_backend_pid()'), $backend, 'a session opened before keeps its backend');
my $log = $node->log_since(0);
unlike($log, qr/terminating any other active server processes|PANIC|FATAL/, 'the server did not restart');
my @warnings = $log =~ /worker with PID (\d+) has not moved for 35 seconds/g;
is_deeply([ sort @warnings ], [ sort @worker{qw(atelier committing)} ], 'the log names the two');
$session->quit;
$node->stop;
done_testing();

sub ask_for
{
    my ($database, $count) = @_;
    $node->request_many($studio{$database}, $count);
    $asked{$database} += $count;
    return;
}

sub all_completed
{
    my ($database) = @_;
    return $node->wait_until("select count(*) = $asked{$database} from atelier.generated_assets where status = 'completed'", 60, $database);
}

# Names the standbys that commits wait for, and waits until they do: until the commit of a session of its own hangs.
# Without names, until nobody waits any more.
sub set_standbys
{
    my ($names) = @_;
    $node->append_conf('postgresql.conf', "synchronous_standby_names = '$names'");
    $node->reload;
    if ($names eq '')
    {
        # What waited goes on, the worker excepted, which stands still.
        $_->quit for splice @waiting;
        return;
    }
    my $hangs = "select exists (select from pg_stat_activity where application_name = 'probe' and wait_event = 'SyncRep')";
    my $probe = $node->background_psql('postgres');
    $probe->query_safe("set application_name = 'probe'; set synchronous_commit = on");
    my $deadline = time + 20;
    my $done = 0;
    until ($done || time > $deadline)
    {
        $probe->query_until(qr/begun/, "\\echo begun\nselect pg_logical_emit_message(true, '', '');\n");
        $done = $node->wait_for_condition(sub { $node->ask($hangs) eq 't' }, 2);
    }
    ok($done, 'commits wait for a standby');
    push @waiting, $probe;
    return;
}

sub stop
{
    my ($database) = @_;
    kill 'STOP', $worker{$database};
    return $node->wait_for_condition(sub { state_of($worker{$database}) eq 'T' }, 5);
}

# True when the worker was caught between two transactions with orders in flight; else it goes on.
sub stop_at_wait_point
{
    my ($database) = @_;
    stop($database);
    return 1 if $node->ask("select w.in_flight > 0 and a.wait_event_type = 'Extension' from atelier.workers w join pg_stat_activity a on a.pid = w.worker_pid where w.database = '$database'") eq 't';
    kill 'CONT', $worker{$database};
    return 0;
}

sub state_of
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return '';
    return (<$in> // '') =~ /^\d+ \(.*\) (\S)/ ? $1 : '';
}
