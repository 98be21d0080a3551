# The worker killed with -9 while 100 paid calls are in flight: PostgreSQL restarts, the orphaned executor takes the
# answers, its successor settles them, and nothing is bought twice. ATELIER_LONG=1: ten kills, and answers after 20 s.
use strict;
use warnings;
use Atelier;
use Provider;
use Test::More;
use Time::HiRes qw(time);

my $size = 100;
my $slow_ms = $ENV{ATELIER_LONG} ? 20_000 : 6_000;
my @latencies = ($ENV{ATELIER_LONG} ? (200) x 10 : (200), $slow_ms);
my $node = Atelier->start_cluster('worker_killed_paid', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 300_000);
$provider->introduce($node, in_flight => $size);

my $jobs = 0;
for my $latency (@latencies)
{
    my $case = 'kill ' . (1 + $jobs / $size) . ", answers after $latency ms";
    my $worker = $node->worker_pid(20);
    my $engine = $node->executor_pid(20);
    my $position = $node->log_position;
    $provider->behave(latency_ms => $latency);
    $provider->order($node, $studio, $size, first => $jobs + 1);
    $jobs += $size;
    cmp_ok($provider->wait_for_open($size, 20 * $latency / 1000), '>=', 90, "$case: the calls are open");
    kill 'KILL', $worker;
    my $killed = time;
    ok($node->wait_for_condition(sub { $node->log_since($position) =~ /database system is ready to accept connections/ }, 30), "$case: PostgreSQL is back");
    if ($latency == $slow_ms)
    {
        ok($node->worker_pid(20), "$case: the next worker is there");
        cmp_ok(time - $killed, '<', $latency / 1000 - 1, "$case: long before the answers");
        ok($node->alive($engine), "$case: the old executor waits for them");
        ok($node->wait_until("select count(*) = $size from atelier.jobs where state = 'draining'", $latency / 2000), "$case: meanwhile the jobs are draining");
        like($node->ask("select distinct x.state || ': ' || x.released_by from (select * from atelier.jobs limit 1) j, atelier.explain_job(j.job_id) x"), qr/^draining: .*receipt/i,
            "$case: explain_job() says what they wait for");
    }
    ok($node->wait_until("select count(*) = $jobs from atelier.generated_assets where status in ('completed', 'error')", 60 + $latency / 1000), "$case: every asset ends");
    ok($node->wait_for_condition(sub { !$node->alive($engine) }, 20), "$case: the orphan ends");
    is($provider->counts->{billed}, $jobs, "$case: billed as many as jobs");
}
is($node->count_status('completed'), $jobs, 'every job is completed')
  or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
my $counts = $provider->counts;
is($counts->{answered}, $jobs, 'every answer that was given');
my $attempts = $provider->attempts($node);
note('attempts: ' . join ', ', map { "$_ $attempts->{$_}" } sort keys %$attempts);
is($attempts->{completed}, $jobs, 'is settled, in the attempt that it belongs to');
is($attempts->{outcome_unknown} // 0, 0, 'none is of unknown outcome');
is($provider->pictures_as_recorded($node), $jobs, 'every object is as its row says');

# With a photo of 9 MB it takes seconds until all calls have left. Those that never left when the worker died are marked
# so, and done by the next executor without a doubt.
my $heavy = $node->make_studio(photo => Photo::png(padding => 9_000_000));
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$heavy->{image}'", 20), 'a heavy photo is ready');
$provider->behave(latency_ms => 1000);
my $engine = $node->executor_pid(20);
$provider->order($node, $heavy, $size, first => $jobs + 1);
$jobs += $size;
ok($node->wait_until("select count(*) = $size from atelier.jobs where state = 'leased'", 20), 'heavy calls: all are leased');
$provider->wait_for_open(3);
kill 'KILL', $node->worker_pid(10);
my $sent = $provider->counts->{billed} - ($jobs - $size);
ok($node->wait_until("select count(*) = $jobs from atelier.generated_assets where status = 'completed'", 90), 'heavy calls: every job is completed')
  or diag($node->ask("select state, reason, count(*) from atelier.jobs group by 1, 2"));
note("heavy calls: about $sent had left when the worker was killed");
is($provider->counts->{billed}, $jobs, 'heavy calls: billed as many as jobs');
is($provider->attempts($node)->{outcome_unknown} // 0, 0, 'heavy calls: none of unknown outcome');
cmp_ok($node->ask("select count(*) from atelier.attempts where provider = 'studio' and outcome = 'given_back' and sent is false"), '>=', $size / 4,
    'heavy calls: those that never left were given back');
$node->stop;
is(scalar(my @left = spool_segments()), 0, 'no receipt is left in the spool after the stop');
$provider->stop;
done_testing();

sub spool_segments { return grep { -f && !/\.log$/ } glob $node->data_dir . '/pg_atelier/*/spool/*' }
