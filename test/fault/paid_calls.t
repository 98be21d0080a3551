# Paid calls end to end, through both kinds of provider: every product gets its picture, is bought once, and the bytes in
# the store are those that the row tells of. Then what a wrong key and a cancel do. ATELIER_LONG=1: 500 products.
use strict;
use warnings;
use Atelier;
use Provider;
use Test::More;
use Time::HiRes qw(time);

my $products = $ENV{ATELIER_LONG} ? 500 : 60;
my $node = Atelier->start_cluster('paid_calls', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
my $ended = "select count(*) filter (where status in ('completed', 'error')) = count(*) from atelier.generated_assets";

for my $kind ('gemini', 'openai')
{
    $provider->reset_counts;
    $provider->behave(latency_ms => 200);
    my $name = $provider->introduce($node, kind => $kind, name => "studio_$kind");
    my $before = $node->count_status('completed');
    my $started = time;
    $provider->order($node, $studio, $products, provider => $name);
    ok($node->wait_until($ended, 120), "$kind: every asset ends");
    note(sprintf '%s: %d products in %.2f s', $kind, $products, time - $started);
    my $counts = $provider->counts;
    is($node->count_status('completed') - $before, $products, "$kind: as completed")
      or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
    is($counts->{billed}, $products, "$kind: as many calls as products are billed");
    is(scalar(grep { $_ == 1 } values %{ $counts->{products} }), $products, "$kind: one for each product");
    is_deeply($counts->{refusals}, [], "$kind: no request is refused");
    cmp_ok($counts->{max_open}, '<=', 100, "$kind: never more than 100 at once");
    cmp_ok($counts->{max_open}, '>=', 0.8 * ($products < 100 ? $products : 100), "$kind: nearly that many");
    is($node->ask("select count(*) from atelier.attempts where provider = '$name' and outcome = 'completed' and sent and duration_ms >= 200"),
        $products, "$kind: each attempt is on record as sent");
    is($node->ask("select sum(quantity) from atelier.usage_ledger where provider = '$name' and unit = 'image'"), $products, "$kind: the ledger counts the pictures");
    my ($tokens_in, $tokens_out) = $kind eq 'gemini' ? (271, 1290) : (12, 1568);
    is($node->ask("select string_agg(distinct unit || '=' || quantity, ' ' order by unit || '=' || quantity) from atelier.usage_ledger where provider = '$name' and unit in ('input_token', 'output_token')"),
        "input_token=$tokens_in output_token=$tokens_out", "$kind: and the tokens");
}
is($provider->pictures_as_recorded($node), 2 * $products, 'every object is as its row says, and the picture of its product');
is(scalar(my @files = glob $node->store_directory . "/clients/*/generated/*"), 2 * $products, 'no object without a row');

# A wrong key stops the lane at the first answer; the right one counts at once.
$provider->reset_counts;
$node->ask("select atelier.set_lane_limit('studio_gemini', '$Provider::MODEL', 1)");
$node->ask("alter user mapping for atelier_owner server studio_gemini options (set api_key 'sk-canary-wrong')");
my $executor = $node->executor_pid;
$provider->order($node, $studio, 5, provider => 'studio_gemini');
ok($node->wait_until("select state = 'paused' from atelier.lanes where provider = 'studio_gemini'", 20), 'a wrong key pauses the lane');
ok($node->wait_until("select count(*) = 1 from atelier.job_history where error_class = 'auth'", 20), 'the job that met it fails as auth');
is($provider->counts->{refused}, 1, 'the provider was asked once');
unlike($node->ask('select string_agg(a::text, chr(10)) from atelier.attempts a'), qr/canary/, 'no attempt quotes the key');
like($node->ask("select explanation from atelier.explain_job((select job_id from atelier.jobs limit 1))"), qr/paused/, 'explain_job() says why the others wait');
$node->ask("alter user mapping for atelier_owner server studio_gemini options (set api_key '$Provider::KEY')");
$node->ask("select atelier.resume_lane('studio_gemini', '$Provider::MODEL')");
ok($node->wait_until($ended, 30), 'with the right key the others go on');
is($provider->counts->{billed}, 4, 'each bought once');
is($node->executor_pid, $executor, 'in the executor that was there');

# Cancelling a call ends its transfer, and says that it may be billed.
$provider->reset_counts;
$provider->behave(latency_ms => 30_000);
$provider->order($node, $studio, 1, provider => 'studio_gemini');
is($provider->wait_for_open(1), 1, 'a long call is under way');
my $job = $node->ask('select job_id from atelier.jobs');
my $cancelled = time;
is($node->ask("select atelier.cancel_job('$job')"), 't', 'it is cancelled');
ok($node->wait_for_condition(sub { $provider->counts->{open} == 0 }, 10), 'the provider sees the end of it');
my $took = time - $cancelled;
cmp_ok($took, '<', 1, 'within a second');
note(sprintf 'cancelled after %.0f ms', 1000 * $took);
ok($node->wait_until("select sent from atelier.attempts where job_id = '$job'", 10), 'the attempt is on record as sent');
like($node->ask("select outcome || ': ' || error_message from atelier.attempts where job_id = '$job'"), qr/^cancelled: .*may .*bill/i, 'and its message says that it may be billed');
is($provider->counts->{billed}, 1, 'as it was');

# A provider that is not there costs nothing: the request never left.
$provider->behave(latency_ms => 0);
$node->ask("alter server studio_gemini options (set base_url 'http://127.0.0.1:1')");
$provider->order($node, $studio, 1, provider => 'studio_gemini');
ok($node->wait_until("select count(*) > 0 from atelier.attempts where error_class = 'network' and not sent", 20), 'a refused connection is a free failure');
$node->ask("alter server studio_gemini options (set base_url '" . $provider->url . "')");
ok($node->wait_until($ended, 30), 'and is tried again');
is($provider->counts->{billed}, 2, 'with one call');

unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
$node->stop;
$provider->stop;
done_testing();
