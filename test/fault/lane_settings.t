# What operators change is in force at once, in the same worker: limits and rates of a lane, pauses of lane, queue, client and
# pipeline, which end by themselves when their time has come, and settings after a reload. What a lane has learned survives.
use strict;
use warnings;
use Atelier;
use Flow;
use Provider;
use Test::More;
use Time::HiRes qw(sleep);

my $node = Atelier->start_cluster('lane_settings', settings => { 'pg_atelier.poll_interval' => '1h' });
Flow::install($node);
my %client = map { $_ => $node->ask("select atelier.create_client('$_', '$_')") } qw(first second);
my $provider = Provider->start;
$provider->behave(latency_ms => 150);
$provider->introduce($node, name => 'lane', kind => 'openai', in_flight => 4, options => { image_model => $Flow::MODEL });
my $worker = $node->worker_pid(20);
my $open = sub { my ($wanted) = @_; $provider->wait_for_open($wanted); return $provider->counts->{max_open} };

# How many places the lane has.
Flow::texts($node, 400, provider => 'lane', client => $client{first});
is($open->(4), 4, 'a lane takes what it may');
$node->ask("select atelier.set_lane_limit('lane', '$Flow::MODEL', max_in_flight => 9)");
is($open->(9), 9, 'and more when it may');
$node->ask("select atelier.set_lane_limit('lane', '$Flow::MODEL', max_in_flight => 2)");
ok($node->wait_for_condition(sub { $provider->counts->{open} <= 2 }, 10), 'and less');

# Of all lanes together.
$node->ask("select atelier.set_lane_limit('lane', '$Flow::MODEL', max_in_flight => 20)");
$provider->wait_for_open(12);
$node->append_conf('postgresql.conf', "pg_atelier.max_in_flight = 5");
$node->reload;
ok($node->wait_for_condition(sub { $provider->counts->{open} <= 5 }, 10), 'pg_atelier.max_in_flight is in force after a reload');
$node->append_conf('postgresql.conf', "pg_atelier.max_in_flight = 100");
$node->reload;
cmp_ok($provider->wait_for_open(12), '>=', 12, 'in both directions');

# A rate, said by the operator.
$node->ask("select atelier.set_lane_limit('lane', '$Flow::MODEL', requests_per_minute => 60)");
my $calls = $provider->counts->{calls};
sleep 3;
$calls = $provider->counts->{calls};
sleep 3;
cmp_ok($provider->counts->{calls} - $calls, '<=', 60, 'a rate is kept from then on');
my $explained = $node->ask("select explanation from atelier.jobs j, atelier.explain_job(j.job_id) where j.state = 'waiting' limit 1");
like($explained, qr/at most 60 order/, 'explain_job() tells of it');
$node->ask("select atelier.set_lane_limit('lane', '$Flow::MODEL', requests_per_minute => 0)");
ok($node->wait_for_condition(sub { $provider->counts->{calls} - $calls > 100 }, 20), 'taken back, the lane goes on at once');
is($provider->counts->{limited}, 0, 'the provider had refused nothing');

# Pauses. Each stops what it names and nothing else, and ends at its time without anybody's help.
my %pause = (
    lane => [ "pause_lane('lane', '$Flow::MODEL', reason => 'night', until => %s)", 0 ],
    queue => [ "pause_queue(reason => 'night', until => %s)", 0 ],
    client => [ "pause_client('$client{first}', reason => 'night', until => %s)", 1 ],
    pipeline => [ "pause_pipeline('text', reason => 'night', until => %s)", 0 ]);
$node->ask("select atelier.cancel_job(job_id) from atelier.jobs");
Flow::until_done($node, 30);
for my $kind (qw(lane queue client pipeline))
{
    my ($call, $others_go_on) = @{ $pause{$kind} };
    $node->ask('select atelier.' . sprintf $call, "clock_timestamp() + interval '4 seconds'");
    my $before = $provider->counts->{calls};
    Flow::texts($node, 5, provider => 'lane', client => $client{first});
    Flow::texts($node, 3, provider => 'lane', client => $client{second});
    if ($others_go_on)
    {
        ok(Flow::until_done($node, 3, 'client_id', $client{second}), "$kind: work that is not paused goes on");
    }
    sleep 1;
    my $allowed = $others_go_on ? 3 : 0;
    is($provider->counts->{calls} - $before, $allowed, "$kind: what is paused does not begin");
    like($node->ask("select string_agg(distinct explanation, ' ') from atelier.jobs j, atelier.explain_job(j.job_id) where client_id = '$client{first}'"),
        qr/paused.*night|night.*paused/is, "$kind: explain_job() says why, and the reason");
    is($node->ask("select count(*) from atelier.pauses where reason = 'night'"), 1, "$kind: it stands among the pauses");
    ok(Flow::until_done($node, 10), "$kind: and ends at its time");
    $node->ask('select atelier.' . sprintf $call, 'null');
    Flow::texts($node, 1, provider => 'lane', client => $client{first});
    sleep 0.5;
    is(Flow::left($node), 1, "$kind: without an end it lasts");
    (my $resume = $call) =~ s/^pause_/resume_/;
    $resume =~ s/,? ?reason => .*\)/)/;
    $node->ask("select atelier.$resume");
    ok(Flow::until_done($node, 5), "$kind: until somebody resumes it");
}
is($node->worker_pid, $worker, 'all of it in one worker');

# What was learned of a limit, the next worker knows: it meets the limit once in all.
my $limited = Provider->start;
$limited->behave(latency_ms => 50, limits => [ { kind => 'fixed_window', count => 20, window_ms => 4_000, tells => 'retry' } ]);
$limited->introduce($node, name => 'limited', kind => 'gemini', in_flight => 0, options => { image_model => $Flow::MODEL });
Flow::texts($node, 30, provider => 'limited', client => $client{first});
ok(Flow::until_done($node, 60), 'a lane has met its limit');
my $refusals = $limited->counts->{limited};
cmp_ok($refusals, '>', 0, 'and was refused');
like($node->ask("select learned -> 'requests' ->> 'count' from atelier_internal.lanes where provider = 'limited'"), qr/^\d+$/, 'what it learned is written down');
$node->restart;
Flow::texts($node, 60, provider => 'limited', client => $client{first});
ok(Flow::until_done($node, 90), 'after a restart it goes on');
cmp_ok($limited->counts->{limited} - $refusals, '<=', 1, 'and is hardly refused again');
note("refused $refusals times before the restart, " . ($limited->counts->{limited} - $refusals) . ' times after it');
$node->stop;
$_->stop for $provider, $limited;
done_testing();
