# The most orders that a client may have under way, in all lanes together: held exactly while fifty sessions ask at once,
# when it is changed, and when executor and worker die; and nobody else is bound by it.
use strict;
use warnings;
use Atelier;
use Flow;
use IPC::Run;
use Provider;
use Test::More;

my ($most, $sessions, $each) = (7, 50, 8);
my $node = Atelier->start_cluster('tenant_maximum', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms', max_connections => 80 });
Flow::install($node);
my %client = map { $_ => $node->ask("select atelier.create_client('$_', '$_')") } qw(limited other);
# One double for the limited client, by way of two lanes, so that it counts how much is open of both; another for the others.
my ($counted, $free) = (Provider->start, Provider->start);
$counted->behave(latency_ms => 60);
$free->behave(latency_ms => 60);
$counted->introduce($node, name => $_, kind => 'openai', in_flight => 40, options => { image_model => $Flow::MODEL, outcome_unknown => 'retry' }) for qw(first second);
$free->introduce($node, name => 'free', kind => 'openai', in_flight => 30, options => { image_model => $Flow::MODEL });
$node->ask("select atelier.set_client_share('$client{limited}', max_in_flight => $most)");

my $script = $node->basedir . '/enqueue.sql';
open my $out, '>', $script or die "$script: $!";
print $out 'select ', Flow::statement(1, provider => $_, client => $client{limited}), ";\n" for qw(first second);
print $out 'select ', Flow::statement(1, provider => 'free', client => $client{other}), ";\n";
close $out or die "$script: $!";
my @pgbench = ('pgbench', '-n', '-c', $sessions, '-j', 2, '-t', $each, '-f', $script, $node->connstr($Atelier::DATABASE));
my $said = '';
ok(IPC::Run::run(\@pgbench, '<', \undef, '>', \$said, '2>&1'), "$sessions sessions ask at once") or diag($said);
ok(Flow::until_done($node, 120), 'all of it ends');
my $counts = $counted->counts;
is($counts->{billed}, 2 * $sessions * $each, 'every job of the limited client was done');
is($counts->{max_open}, $most, "never with more than $most calls under way in both lanes together, and with so many");
cmp_ok($free->counts->{max_open}, '>', $most, 'a client without a maximum has more');

# Raised and lowered while it works.
$counted->reset_counts;
$counted->behave(latency_ms => 150);
Flow::texts($node, 300, provider => $_, client => $client{limited}) for qw(first second);
is($counted->wait_for_open($most), $most, 'the maximum is reached again');
$node->ask("select atelier.set_client_share('$client{limited}', max_in_flight => 12)");
is($counted->wait_for_open(12), 12, 'raised, it is reached at once');
is($counted->counts->{max_open}, 12, 'and held');
$node->ask("select atelier.set_client_share('$client{limited}', max_in_flight => 3)");
ok($node->wait_for_condition(sub { $counted->counts->{open} <= 3 }, 20), 'lowered, what is under way ends and no more than that begins');
my $highest = 0;
for (1 .. 60)
{
    my $open = $counted->counts->{open};
    $highest = $open if $open > $highest;
    select undef, undef, undef, 0.02;
}
is($highest, 3, 'from then on');

# The executor is killed: what it had under way counts until it is known what became of it. Then the worker.
my $restarted = sub { my ($pid) = @_; return $node->wait_for_condition(sub { my $now = $node->executor_pid; defined $now && $now != $pid }, 30) };
my $executor = $node->executor_pid(10);
$counted->reset_counts;
$counted->behave(latency_ms => 150);
kill 'KILL', $executor;
ok($restarted->($executor), 'an executor was killed and replaced');
is($counted->wait_for_open(3), 3, 'its successor goes on');
cmp_ok($counted->counts->{max_open}, '<=', 3, 'with no more than the maximum');
# Calls that take long: the executor of the dead worker is still at them when the next worker begins.
$counted->behave(latency_ms => 5000);
sleep 1;
is($counted->wait_for_open(3), 3, 'long calls are under way');
ok($node->crash_worker, 'the worker was killed, PostgreSQL restarted');
ok($node->wait_until("select state = 'running' and executor_pid > 0 from atelier.workers where database = 'atelier'", 30), 'another one is at work');
cmp_ok($counted->counts->{open}, '>', 0, 'while the calls of its predecessor are under way');
$counted->behave(latency_ms => 60);
ok(Flow::until_done($node, 180), 'all jobs end');
cmp_ok($counted->counts->{max_open}, '<=', 3, 'a new worker keeps the maximum too');
is($node->ask("select string_agg(distinct state, ',') from atelier.job_history"), 'completed', 'as completed');
$node->stop;
$_->stop for $counted, $free;
done_testing();
