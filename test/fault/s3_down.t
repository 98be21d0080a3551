# The store goes away while paid calls are under way, for longer than their orders may take: every answer is stored later,
# none is bought twice, and meanwhile none is bought that could not be stored. ATELIER_LONG=1: it is away for 60 s.
use strict;
use warnings;
use Atelier;
use JSON::PP;
use Provider;
use Store;
use Test::More;
use Time::HiRes qw(sleep time);

my $away = $ENV{ATELIER_LONG} ? 60 : 3;
my $size = 40;
my $node = Atelier->start_cluster('s3_down', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, default => 1);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready, in the store file');
my $provider = Provider->start;
$provider->behave(picture_bytes => 200_000, latency_ms => 600);
$provider->introduce($node, options => { timeout => '2s' });
my $alert = "select exists (select from atelier.alerts where kind = 'store_unavailable' and resolved_at is null)";
my $jobs = 0;

sub order { my ($count, %options) = @_; $provider->order($node, $studio, $count, first => $jobs + 1, %options); $jobs += $count; return }
sub down { $store->behave(down => JSON::PP::true); return time }
sub up { $store->behave(down => JSON::PP::false); return }
sub ended
{
    my ($case) = @_;
    ok($node->wait_until("select count(*) = $jobs from atelier.generated_assets where status in ('completed', 'error')", 60), "$case: every asset ends")
      or diag($node->ask('select state, reason, count(*) from atelier.jobs group by 1, 2'));
    is($node->count_status('completed'), $jobs, "$case: as completed") or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
    is($provider->counts->{billed}, $jobs, "$case: billed as many as jobs");
    is($provider->attempts($node)->{outcome_unknown} // 0, 0, "$case: none of unknown outcome");
    return;
}

# It goes while they are under way.
order($size);
cmp_ok($provider->wait_for_open($size, 10), '>=', 0.9 * $size, 'the calls are open');
my $since = down();
ok($node->wait_until($alert, 20), 'an alert says that the store is not available');
like($node->ask("select message || coalesce(hint, '') from atelier.alerts where kind = 'store_unavailable' and resolved_at is null"), qr/media/, 'which one');
ok($node->wait_for_condition(sub { $provider->counts->{answered} == $size }, 10), 'every call is answered');
order($size);
sleep $away - (time - $since) if time - $since < $away;
is($provider->counts->{billed}, $size, 'none that could not be stored is bought');
is($node->ask("select count(*) from atelier.generated_assets where status in ('completed', 'error')"), 0, 'no asset has ended');
like($node->ask("select string_agg(distinct explanation, ' ') from atelier.jobs j, atelier.explain_job(j.job_id) where j.state = 'waiting'"), qr/media/, 'explain_job() names the store');
order(2, store => 'file');
ok($node->wait_until("select count(*) = 2 from atelier.generated_assets where status = 'completed'", 15), 'pictures for another store are made all the same');
note(sprintf 'it was away for %.1f s', time - $since);
up();
my $back = time;
ok($node->wait_until("select count(*) >= $size from atelier.generated_assets where status = 'completed'", 30), 'when it is back the answers are stored');
note(sprintf 'after %.1f s', time - $back);
ended('back');
ok($node->wait_until("select not ($alert)", 10), 'the alert is resolved');
is_deeply([ $store->differences($node) ], [], 'the objects are those of the rows');

# PostgreSQL stops and starts meanwhile.
order($size);
cmp_ok($provider->wait_for_open($size, 10), '>=', 0.9 * $size, 'once more: the calls are open');
down();
ok($node->wait_until($alert, 20), 'once more: an alert');
ok($node->wait_for_condition(sub { $provider->counts->{answered} == $jobs }, 10), 'once more: every call is answered');
ok($node->crash_worker, 'once more: the worker is killed');
order(2, store => 'file');
my $there = $jobs - $size;
ok($node->wait_until("select count(*) = $there from atelier.generated_assets where status = 'completed'", 30), 'once more: pictures for another store are made all the same')
  or diag($node->ask('select state, reason, count(*) from atelier.jobs group by 1, 2'));
is($provider->counts->{billed}, $jobs, 'once more: nothing is bought');
up();
ended('once more');
is_deeply([ $store->differences($node) ], [], 'once more: the objects are those of the rows');

# A call whose answer waits for its store can be cancelled; it is paid for all the same.
order(1);
$provider->wait_for_open(1);
down();
ok($node->wait_for_condition(sub { $provider->counts->{answered} == $jobs }, 10), 'cancelled: the call is answered');
my $job = $node->ask('select job_id from atelier.jobs');
ok($node->wait_until($alert, 20), 'cancelled: it waits for its store');
is($node->ask("select atelier.cancel_job('$job')"), 't', 'cancelled: it is');
ok($node->wait_until("select outcome = 'cancelled' from atelier.attempts where job_id = '$job'", 10), 'cancelled: at once');
is($node->ask("select quantity from atelier.usage_ledger where job_id = '$job' and unit = 'image'"), 1, 'cancelled: the ledger has it');
up();
ok($store->wait_until_quiet($node, 30), 'cancelled: nothing is left to do');
is_deeply([ $store->differences($node) ], [], 'cancelled: and nothing is left in the store');

unlike($node->log_since(0), qr/PANIC/, 'the server never stumbled');
$node->stop;
$store->stop;
$provider->stop;
done_testing();
