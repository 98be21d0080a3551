# One client has fifty thousand jobs in a lane: another's go through beside them as if it was alone, by what it may have of
# the lane and not by who came first. Weights share what both want; priority orders the work of a client and of nobody else.
use strict;
use warnings;
use Atelier;
use Flow;
use Provider;
use Test::More;

my ($in_flight, $latency_ms, $ready) = (10, 200, 50_000);
my $node = Atelier->start_cluster('fairness', settings => { 'pg_atelier.poll_interval' => '1h' });
Flow::install($node);
my %client = map { $_ => $node->ask("select atelier.create_client('$_', '$_')") } qw(busy other third);
my $provider = Provider->start;
# As of a real provider no two calls take the same time, so that the places of the lane become free one after the other.
$provider->behave(latency_ms => $latency_ms, jitter_ms => $latency_ms / 4);
$provider->introduce($node, name => 'shared', kind => 'openai', in_flight => $in_flight, options => { image_model => $Flow::MODEL });

# Results of the other client while nobody else wants anything, and while the busy one has its queue.
my $trickle = sub {
    my $since = Flow::now($node);
    Flow::trickle($node, 60, provider => 'shared', client => $client{other}, every_ms => 120)->finish;
    Flow::until_done($node, 60, 'client_id', $client{other}) or die "the other's jobs do not end\n";
    return Flow::percentile(0.95, Flow::took($node, $client{other}, $since));
};
$trickle->();
my $empty = $trickle->();
Flow::texts($node, $ready, provider => 'shared', client => $client{busy});
is($provider->wait_for_open($in_flight), $in_flight, 'the busy client takes the whole lane while nobody else wants it');
my $loaded;
for my $try (1 .. 3)
{
    $loaded = $trickle->();
    note(sprintf 'from commit to result, p95: %.0f ms alone, %.0f ms beside %d ready jobs (%.2f)', $empty, $loaded, $ready, $loaded / $empty);
    last if $loaded <= 2 * $empty;
}
cmp_ok($loaded, '<=', 2 * $empty, 'beside a long queue of another client 95 in a hundred results come within twice the time');
cmp_ok(Flow::left($node, 'client_id', $client{busy}), '>', 0.8 * $ready, 'and the queue is still long');

# Who starts next, of so many starts from now on, by client.
my $starts = sub {
    my ($count) = @_;
    my $after = $node->ask('select max(attempt_id) from atelier.attempts');
    $node->wait_until("select count(*) >= $count from atelier.attempts where attempt_id > $after", 60);
    return Flow::pairs($node, "select client_id, count(*) from (select client_id from atelier.attempts where attempt_id > $after order by attempt_id limit $count) a group by 1");
};
$node->ask("select atelier.set_client_share('$client{other}', weight => 3)");
Flow::texts($node, 900, provider => 'shared', client => $client{other});
my $got = $starts->(200);
note("weights 1:3: $got->{$client{busy}} to $got->{$client{other}}");
cmp_ok($got->{ $client{other} } / $got->{ $client{busy} }, '>=', 2.7, 'a client of weight 3 gets three times as much as one of weight 1');
cmp_ok($got->{ $client{other} } / $got->{ $client{busy} }, '<=', 3.3, 'and no more');

# A third one that begins to want something gets its part at once, not what it did not ask for before.
Flow::texts($node, 400, provider => 'shared', client => $client{third});
$got = $starts->(200);
note(join ', ', map { "$_ $got->{$client{$_}}" } sort keys %client);
cmp_ok(abs($got->{ $client{third} } - 40), '<=', 6, 'a client that comes later gets one part of five');
cmp_ok(abs($got->{ $client{busy} } - 40), '<=', 6, 'the busy one keeps one part');

# A change of weights counts from the next start on.
$node->ask("select atelier.set_client_share('$client{other}', weight => 1)");
$got = $starts->(150);
cmp_ok(abs($got->{ $client{other} } - 50), '<=', 8, 'equal weights, equal parts: without a restart');

is($node->ask("select string_agg(distinct state, ',') from atelier.job_history"), 'completed', 'nothing failed');
$node->stop;
$provider->stop;
done_testing();
