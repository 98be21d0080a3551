# A provider that allows so many requests in so much time and refuses what is beyond: the lane learns it from the refusals,
# takes little longer than it must, and neither it nor a provider that falls silent slows the lane beside it.
# The limits here are those of a minute, ten times as fast. ATELIER_LONG=1: 60 a minute, and more kinds of limits.
use strict;
use warnings;
use Atelier;
use Flow;
use JSON::PP;
use Provider;
use Test::More;

my $long = $ENV{ATELIER_LONG};
my $window_ms = $long ? 60_000 : 6_000;
my ($limit, $jobs) = (60, 300);
my @cases = (
    { name => 'fixed', words => 'a fixed window that says when to ask again', kind => 'gemini', limit => { kind => 'fixed_window', tells => 'retry' } },
    { name => 'bucket', words => 'a bucket of tokens that says what is left', kind => 'openai', limit => { kind => 'token_bucket', tells => 'limits' } });
push @cases,
    { name => 'sliding', words => 'a sliding window that says nothing', kind => 'openai', limit => { kind => 'sliding_window', tells => 'nothing' } },
    { name => 'harsh', words => 'a sliding window that counts what it refuses', kind => 'gemini', limit => { kind => 'sliding_window', tells => 'retry', counts_refused => JSON::PP::true },
      # What it refuses takes the place of something else.
      most => 1.3 }
  if $long;

my $node = Atelier->start_cluster('lanes', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.max_in_flight' => 40 });
my $studio = $node->make_studio;
Flow::install($node);
my $steady = Provider->start;
$steady->behave(latency_ms => 200);
$steady->introduce($node, name => 'steady', kind => 'openai', in_flight => 20, options => { image_model => $Flow::MODEL });
my $neighbour = $node->ask("select atelier.create_client('Neighbour', 'neighbour')");

for my $case (@cases)
{
    my $provider = $case->{provider} = Provider->start;
    $provider->introduce($node, name => $case->{name}, kind => $case->{kind}, in_flight => 0);
    $provider->behave(latency_ms => 100, picture_bytes => 20_000,
        limits => [ { %{ $case->{limit} }, count => $limit, window_ms => $window_ms } ]);
}
$_->{provider}->order($node, $studio, $jobs, provider => $_->{name}) for @cases;
my $beside = pace_of_neighbour();
for my $case (@cases)
{
    my ($name, $words, $provider) = @{$case}{qw(name words provider)};
    ok(Flow::until_done($node, 12 * $window_ms / 1000 + 60, 'provider', $name), "$words: all jobs end");

    # At the rate that is allowed. And what a client could do that knew the limit: all of a window at its begin.
    my $ideal = $jobs / $limit * $window_ms / 1000;
    my $least = $ideal - $window_ms / 1000;
    my $took = $node->ask("select round(extract(epoch from max(h.finished_at) - min(h.created_at)), 2)
                             from atelier.job_history h join atelier.generated_assets a on a.job_id = h.job_id where a.provider = '$name'");
    my $counts = $provider->counts;
    my $requests = $counts->{calls} + $counts->{limited};
    note(sprintf '%s: %d jobs in %.1f s, %.2f of %.0f s at the rate, %.2f of %.0f s in windows used at their begin; %d of %d requests refused (%.1f %%)',
        $words, $jobs, $took, $took / $ideal, $ideal, $took / $least, $least, $counts->{limited}, $requests, 100 * $counts->{limited} / $requests);
    note('requests per second: ' . per_second($provider->arrivals)) unless $long;
    my $most = $case->{most} // 1.1;
    cmp_ok($took, '<=', $most * $ideal, "$words: $jobs jobs take $most of the ideal time at most");
    cmp_ok($counts->{limited}, '<=', 0.03 * $requests, "$words: three in a hundred requests are refused at most");
    is($counts->{billed}, $jobs, "$words: each picture is bought once");
    is($node->ask("select string_agg(distinct h.state || ' ' || h.attempts, ',')
                     from atelier.job_history h join atelier.generated_assets a on a.job_id = h.job_id where a.provider = '$name'"),
        'completed 1', "$words: no job has lost an attempt to a refusal");
}
cmp_ok($cases[0]{provider}->counts->{limited}, '>', 0, 'a limit that nobody tells was met, not avoided');
keeps_pace('the lane beside them', $beside, sub {
    my $case = $cases[0];
    $case->{provider}->order($node, $studio, 2 * $limit, provider => $case->{name});
    return sub { Flow::until_done($node, 5 * $window_ms / 1000 + 60, 'provider', $case->{name}) };
});
$_->{provider}->stop for @cases;

# A provider that takes a call and never answers: its lane may take a thousand, the worker has 40 places for all.
my $silent = Provider->start;
$silent->behave(latency_ms => 600_000);
my $clean = pace_of_neighbour();
$silent->introduce($node, name => 'silent', kind => 'openai', in_flight => 1000, options => { image_model => $Flow::MODEL });
Flow::texts($node, 200, provider => 'silent');
cmp_ok($silent->wait_for_open(20), '>=', 20, 'a provider that answers nothing has taken many calls');
my $stays = 'they are there as long as the lane beside works';
if (cmp_ok($silent->wait_for_open(40, 2), '<', 40, 'but not all that the worker may have under way'))
{
    $beside = pace_of_neighbour();
    cmp_ok($silent->counts->{open}, '>=', 20, $stays);
    keeps_pace('the lane beside the silent one', $beside, sub { return sub { 1 } }, $clean);
}
else
{
    # Nothing would ever begin beside it.
    fail($stays);
}
$steady->stop;
$silent->stop;
$node->stop;
done_testing();

# How many arrived in each second; those that were refused after a minus.
sub per_second
{
    my ($arrivals) = @_;
    my @counts;
    $counts[ int($_->{at} - $arrivals->[0]{at}) ]{ $_->{status} == 429 ? 'refused' : 'taken' }++ for @$arrivals;
    return join ' ', map { my $of = $_ // {}; ($of->{taken} // 0) . ($of->{refused} ? "-$of->{refused}" : '') } @counts;
}

# 95 in a hundred of the neighbour's jobs are done within so many milliseconds.
sub pace_of_neighbour
{
    my $since = Flow::now($node);
    Flow::trickle($node, 80, provider => 'steady', client => $neighbour, every_ms => 60)->finish;
    Flow::until_done($node, 60, 'client_id', $neighbour) or die "the neighbour's jobs do not end\n";
    my @took = Flow::took($node, $neighbour, $since);
    die 'the neighbour had ' . @took . " results instead of 80\n" unless @took == 80;
    return Flow::percentile(0.95, @took);
}

# Compares with the pace that it has alone: as it is given, or measured now, while the other lanes are paused. On a machine
# that does something else meanwhile both are measured again; $again makes the other lane busy, and returns what waits for its end.
sub keeps_pace
{
    my ($what, $beside, $again, $alone) = @_;
    my $others = q(from atelier.lanes where provider not in ('steady', 'file', 'offline'));
    for my $try (1 .. 4)
    {
        if ($try > 1)
        {
            my $wait = $again->();
            $beside = pace_of_neighbour();
            $wait->();
        }
        if ($try > 1 || !$alone)
        {
            $node->ask("select atelier.pause_lane(provider, model) $others");
            $alone = pace_of_neighbour();
            $node->ask("select atelier.resume_lane(provider, model) $others");
        }
        note(sprintf '%s: p95 %.0f ms beside it, %.0f ms alone (%.2f)', $what, $beside, $alone, $beside / $alone);
        last if $beside <= 1.25 * $alone;
    }
    cmp_ok($beside, '<=', 1.25 * $alone, "$what keeps its pace: p95 is 1.25 times that of its own at most");
    return;
}
