# Stopping PostgreSQL with 100 paid calls in flight: they are settled before the stop where the time is enough, else by
# the next start from what the orphan spooled. Nothing is bought twice. ATELIER_LONG=1: slow answers take 20 s.
use strict;
use warnings;
use Atelier;
use Provider;
use Test::More;
use Time::HiRes qw(sleep time);

my $size = 100;
my $slow_ms = $ENV{ATELIER_LONG} ? 20_000 : 5_000;
my $node = Atelier->start_cluster('stop_paid', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 300_000);
$provider->introduce($node, in_flight => $size);
my $jobs = 0;

sub order_and_stop
{
    my ($case, $latency, $count, $mode) = @_;
    $provider->behave(latency_ms => $latency);
    my $engine = $node->executor_pid(20);
    $provider->order($node, $studio, $count, first => $jobs + 1);
    $jobs += $count;
    cmp_ok($provider->wait_for_open($size), '>=', 90, "$case: the calls are open");
    my $started = time;
    ok($node->stop($mode // 'fast', fail_ok => 1), "$case: it stops");
    note(sprintf '%s: stopped after %.2f s', $case, my $took = time - $started);
    return ($engine, $took);
}

sub all_settled
{
    my ($case) = @_;
    ok($node->wait_until("select count(*) = $jobs from atelier.generated_assets where status in ('completed', 'error')", 60 + $slow_ms / 1000), "$case: every asset ends");
    is($node->count_status('completed'), $jobs, "$case: as completed")
      or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
    is($provider->counts->{billed}, $jobs, "$case: billed as many as jobs");
    my $attempts = $provider->attempts($node);
    note("$case: attempts: " . join ', ', map { "$_ $attempts->{$_}" } sort keys %$attempts);
    is($attempts->{outcome_unknown} // 0, 0, "$case: none of unknown outcome");
}

# The 50 that do not fit into the lane wait in the database.
my $case = 'answers within shutdown_wait';
my ($engine, $took) = order_and_stop($case, 1000, $size + 50);
cmp_ok($took, '<', 12, "$case: in time");
is($provider->counts->{billed}, $size, "$case: no call begins while it stops");
ok($node->wait_for_condition(sub { !$node->alive($engine) }, 5), "$case: the executor is gone");
$node->start;
is($node->ask("select count(*) from atelier.attempts where provider = 'studio' and outcome = 'completed'") >= $size ? 1 : 0, 1, "$case: the answers were settled before the stop");
all_settled($case);

$node->append_conf('postgresql.conf', "pg_atelier.shutdown_wait = '1s'");
$node->reload;

$case = 'answers long after the stop, a start at once';
($engine, $took) = order_and_stop($case, $slow_ms, $size);
cmp_ok($took, '<', $slow_ms / 1000 - 1, "$case: the stop does not wait for them");
ok($node->alive($engine), "$case: the orphan does");
$node->start;
all_settled($case);
ok($node->wait_for_condition(sub { !$node->alive($engine) }, 10), "$case: then it ends");

$case = 'a start after the answers';
($engine, $took) = order_and_stop($case, 3000, $size);
ok($node->wait_for_condition(sub { !$node->alive($engine) }, 20), "$case: the orphan ends by itself");
$node->start;
$provider->behave(latency_ms => 0);
all_settled($case);

$case = 'an immediate stop';
($engine, $took) = order_and_stop($case, 2000, $size, 'immediate');
$node->start;
all_settled($case);

is($provider->pictures_as_recorded($node), $jobs, 'every object is as its row says');
is($provider->counts->{answered}, $jobs, 'no answer was lost');
$node->stop;
$provider->stop;
done_testing();
