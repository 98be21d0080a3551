# A provider that fails every request for a while and is well again: the lane notices at once, asks with one request per
# interval, and comes back step by step, without a herd and without a job that is lost.
# The failing lasts 14 s; ATELIER_LONG=1: 60 s. ATELIER_ARRIVALS=FILE keeps what arrived when (scripts/arrivals.sh draws it).
use strict;
use warnings;
use Atelier;
use Flow;
use JSON::PP;
use Provider;
use Test::More;

my $long = $ENV{ATELIER_LONG};
my $outage_ms = $long ? 60_000 : 14_000;
my $jobs = $long ? 1500 : 600;
my ($in_flight, $latency_ms) = (24, 400);

my $node = Atelier->start_cluster('breaker', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms' });
Flow::install($node);
my $provider = Provider->start;
$provider->behave(latency_ms => $latency_ms);
$provider->introduce($node, name => 'shaky', kind => 'openai', in_flight => $in_flight, options => { image_model => $Flow::MODEL });
Flow::texts($node, $jobs, provider => 'shaky');
ok($node->wait_for_condition(sub { $provider->counts->{answered} >= ($long ? 20 : 4) * $in_flight }, 60), 'the lane is at work');
$provider->behave(outages => [ { for_ms => $outage_ms, status => 500 } ]);
ok($node->wait_until("select state = 'broken' from atelier.lanes where provider = 'shaky'", 20), 'a lane whose service fails is broken');
ok(Flow::until_done($node, $outage_ms / 1000 + 120), 'when the service is well again all jobs end');

my @arrivals = @{ $provider->arrivals };
my $begin = $arrivals[0]{at};
$_->{at} -= $begin for @arrivals;
keep_arrivals() if $ENV{ATELIER_ARRIVALS};

my @failed = grep { $_->{status} != 200 } @arrivals;
my $outage = $failed[0]{at};
my @after = grep { $_->{status} == 200 && $_->{at} > $outage } @arrivals;
my $recovery = $after[0]{at};
note(sprintf 'failed at: %s; well again at %.1f', join(' ', map { sprintf '%.1f', $_->{at} - $outage } @failed), $recovery - $outage);

# What had begun before the lane could know.
my @before = grep { $_->{at} < $outage + 2 } @failed;
my @probes = grep { $_->{at} >= $outage + 2 } @failed;
cmp_ok(scalar @before, '<=', 2 * $in_flight, 'the first failures stop it');
my @moments = ($before[-1]{at}, (map { $_->{at} } @probes), $recovery);
my @gaps = map { $moments[ $_ + 1 ] - $moments[$_] } 0 .. $#moments - 1;
cmp_ok(scalar @probes, '>=', 1, 'it asks now and then');
my $interval = 5;
for my $gap (@gaps)
{
    cmp_ok($gap, '>=', 0.75 * $interval, sprintf 'one request in an interval of %d s', $interval);
    $interval = 2 * $interval > 60 ? 60 : 2 * $interval;
}

# From the request that finds it well, there are never more under way than one and those that went well since.
my ($worst, $reached) = (0, 0);
for my $place (0 .. $#after)
{
    my $now = $after[$place]{at};
    my $ended = grep { $_->{at} + $latency_ms / 1000 <= $now } @after[ 0 .. $place ];
    my $open = $place + 1 - $ended;
    $worst = $open - $ended if $open - $ended > $worst;
    $reached = $open if $open > $reached;
}
cmp_ok($worst, '<=', 1, 'each success lets in one more: no herd');
cmp_ok($reached, '>=', $in_flight / 2, 'and it comes back to what it was');
note("at most $reached under way after the recovery, at first $worst more than had gone well");

is($node->ask('select string_agg(distinct state, $$,$$) from atelier.job_history'), 'completed', 'no job was lost');
my ($lost, $most) = split /\|/, $node->ask('select sum(attempts - 1), max(attempts) from atelier.job_history');
cmp_ok($lost, '<=', 20, 'attempts count for the failures that told of it only');
cmp_ok($most, '<=', 2, 'and once for a job');
note("$lost attempts counted of " . @failed . ' failures');
is($provider->counts->{billed}, $jobs, 'each was bought once');
is($node->ask("select state from atelier.lanes where provider = 'shaky'"), 'open', 'the lane is open again');
$node->stop;
$provider->stop;
done_testing();

sub keep_arrivals
{
    open my $out, '>', $ENV{ATELIER_ARRIVALS} or die "$ENV{ATELIER_ARRIVALS}: $!";
    print $out encode_json({ latency_ms => $latency_ms, outage_ms => $outage_ms, in_flight => $in_flight, arrivals => \@arrivals });
    close $out or die "$ENV{ATELIER_ARRIVALS}: $!";
    return;
}
