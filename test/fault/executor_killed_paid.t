# The executor killed with -9 in waves, each with 100 paid calls in flight: every job completes, and what may have been
# bought twice is on record. ATELIER_LONG=1: ten waves.
use strict;
use warnings;
use Atelier;
use Provider;
use List::Util qw(sum);
use Test::More;

my $waves = $ENV{ATELIER_LONG} ? 10 : 2;
my $size = 100;
my $node = Atelier->start_cluster('executor_killed_paid', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 300_000);
$provider->introduce($node, in_flight => $size, options => { outcome_unknown => 'retry' });
my $session = $node->background_psql('atelier', on_error_stop => 0);
my $backend = $session->query_safe('select pg_backend_pid()');
my $worker = $node->worker_pid(10);

my $kills = 0;
for my $wave (1 .. $waves)
{
    # Slow until the kill, so that all of the wave are open together; then no slower than need be.
    $provider->behave(latency_ms => 2000);
    my $engine = $node->executor_pid(20);
    $provider->order($node, $studio, $size, first => ($wave - 1) * $size + 1);
    my $open = $provider->wait_for_open($size, 10);
    cmp_ok($open, '>=', 90, "wave $wave: the provider counts $open open calls");
    kill 'KILL', $engine and $kills++;
    $provider->behave(latency_ms => 300);
    my $done = $wave * $size;
    ok($node->wait_until("select count(*) = $done from atelier.generated_assets where status in ('completed', 'error')", 60), "wave $wave: every asset ends");
}
my $jobs = $waves * $size;
is($kills, $waves, "$waves kills");
is($node->count_status('completed'), $jobs, 'every job is completed')
  or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
my $counts = $provider->counts;
my $attempts = $provider->attempts($node);
note("billed $counts->{billed} for $jobs jobs; attempts: " . join ', ', map { "$_ $attempts->{$_}" } sort keys %$attempts);
cmp_ok($counts->{billed}, '<=', 2 * $jobs, 'none is bought more than twice on the average');
is($attempts->{completed} + ($attempts->{outcome_unknown} // 0), $counts->{billed}, 'billed is what the attempts tell: completed or of unknown outcome');
is_deeply($provider->bought($node), $counts->{products}, 'for each product');
cmp_ok($attempts->{outcome_unknown} // 0, '>=', 90 * $waves, 'the suspected doubles are on record');
is($node->ask("select count(*) from atelier.attempts where error_class = 'outcome_unknown' and sent is false"), 0, 'none of them claims that it was not sent');
is($node->ask("select count(*) from (select job_id from atelier.attempts where outcome = 'completed' and provider = 'studio' group by job_id having count(*) > 1) x"), 0,
    'no job has two completed attempts');
is($provider->pictures_as_recorded($node), $jobs, 'every object is as its row says');
is($session->query_safe('select pg_backend_pid()'), $backend, 'a session opened before the first kill keeps its backend');
is($node->worker_pid, $worker, 'the worker lives on');

# With the policy hold, nothing is bought again before somebody says so.
$node->ask("alter server studio options (set outcome_unknown 'hold')");
$provider->reset_counts;
$provider->behave(latency_ms => 2000);
$provider->order($node, $studio, 5, first => 9001);
is($provider->wait_for_open(5), 5, 'policy hold: five calls are open');
kill 'KILL', $node->executor_pid(10);
ok($node->wait_until("select count(*) = 5 from atelier.jobs where state = 'held' and reason = 'outcome_unknown'", 20), 'the kill holds their jobs');
$provider->behave(latency_ms => 0);
is($node->ask("select count(distinct explanation) from atelier.jobs j, atelier.explain_job(j.job_id) where explanation ~* 'bill'"), 5, 'explain_job() says why');
is($provider->counts->{billed}, 5, 'nothing was bought again');
is($node->ask("select atelier.resolve_unknown('studio'::text, 'retry')"), 5, 'the decision to retry');
ok($node->wait_until('select count(*) = 0 from atelier.jobs', 30), 'runs them');
is($provider->counts->{billed}, 10, 'at the price of a second call each');
is($node->count_status('completed'), $jobs + 5, 'and completes them');
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
$session->quit;
$node->stop;
$provider->stop;
done_testing();
