# Stopping PostgreSQL while work is under way leaves no process, and the work goes on after the next start.
use strict;
use warnings;
use Atelier;
use Test::More;
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('stop', settings => {
    'pg_atelier.poll_interval' => '1h', logging_collector => 'on',
    # For a commit that waits for a standby.
    wal_level => 'replica', max_wal_senders => 2 });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $wanted = 0;

for my $mode ('fast', 'immediate')
{
    $node->request($studio, roomType => $_, style => $mode eq 'fast' ? 'rustic' : 'classic') for qw(bedroom kitchen office hallway outdoor studio);
    $wanted += 6;
    my $executor = $node->executor_pid(10);
    my @family = ($executor, $node->descendants($executor));
    my $postmaster = $node->ask('select pid from pg_stat_activity where backend_type = \'logger\'') || undef;
    $node->wait_until("select in_flight > 0 from atelier.workers where database = 'atelier'", 10);
    my $started = time;
    $node->stop($mode);
    cmp_ok(time - $started, '<', 10, "stop -m $mode ends in time");
    ok($node->wait_for_condition(sub { !grep { $node->alive($_) } @family }, 5), 'and leaves no process');
    is(scalar(grep { (readlink("/proc/$_/exe") // '') =~ /pg_atelier/ && open_under($_, $node->data_dir) } map { m{/proc/(\d+)} } glob '/proc/[0-9]*'), 0,
        'nobody holds a file of the data directory');
    $node->start;
    ok($node->wait_until("select count(*) = $wanted from atelier.generated_assets where status = 'completed'", 90), 'after the start the work goes on to its end');
    is($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image'"), $wanted, 'each job once');
}

# A worker whose commit waits for a standby that is gone: the stop does not wait for it, and the commit stands.
$ENV{PGOPTIONS} = '-c synchronous_commit=local';  # the test's own sessions do not wait
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
$node->restart;
my $worker = $node->worker_pid(10);
ok($node->wait_until("select wait_event = 'SyncRep' from pg_stat_activity where pid = $worker", 10), 'the worker waits for a standby');
$node->request($studio, style => 'bohemian');
my $started = time;
ok($node->stop('fast', fail_ok => 1), 'stop -m fast while the commit of the start waits');
cmp_ok(time - $started, '<', 15, 'ends in time');

$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$node->start;
$wanted++;
ok($node->wait_until("select count(*) = $wanted from atelier.generated_assets where status = 'completed'", 30), 'without the name the work goes on');

# The same for the commit of a lease, and for those that the worker makes while it stops.
my $others = $node->ask("select coalesce(max(attempt_id), 0) from atelier.attempts");
$worker = $node->worker_pid(10);
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
$node->reload;
my $waits = 0;
for my $style (qw(japandi modern industrial))
{
    $node->request($studio, style => $style);
    $wanted++;
    # A reload takes effect a little later.
    last if $waits = $node->wait_until("select wait_event = 'SyncRep' from pg_stat_activity where pid = $worker", 5);
}
ok($waits, 'the worker waits for a standby with a job under way');
$started = time;
ok($node->stop('fast', fail_ok => 1), 'stop -m fast meanwhile');
cmp_ok(time - $started, '<', 15, 'ends in time');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$node->start;
ok($node->wait_until("select count(*) = $wanted from atelier.generated_assets where status = 'completed'", 30), 'after the start the work goes on');
is($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image'"), $wanted, 'each job once');
is($node->ask("select count(*) from atelier.attempts where attempt_id > $others and error_class = 'worker_lost'"), 0, 'no attempt was lost');
$node->stop;
done_testing();

sub open_under
{
    my ($pid, $directory) = @_;
    return grep { (readlink($_) // '') =~ /^\Q$directory\E\/base/ } glob "/proc/$pid/fd/*";
}
