# When a day ends: the zone whose days are counted is moved so that its midnight comes in some seconds. What waits for money goes on by
# itself at that moment and not before, with nobody who wakes the worker; what counts for a month does not; and a call that began before
# midnight belongs to the day in which it began.
use strict;
use warnings;
use Atelier;
use Flow;
use Money;
use Provider;
use Test::More;

my $node = Atelier->start_cluster('budget_periods', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms', 'pg_atelier.quota_timezone' => Money::zone_of_noon() });
Flow::install($node);
my $provider = Provider->start;
$provider->introduce($node, name => 'writer', kind => 'openai', options => { image_model => $Flow::MODEL });
Money::price($node, provider => 'writer', model => $Flow::MODEL, input_token => 0, output_token => 0.01);


# A zone in which it is the same day, or the one before, and midnight comes in so many seconds; the month does not end then. The server
# cannot be given another clock: what libfaketime does is lost in workers, which the postmaster starts from a signal handler.
my $midnight_in = sub {
    my ($seconds) = @_;
    my $now = time + $seconds;
    for my $hours (0, 24)
    {
        # Seconds that the zone is ahead of UTC, so that it shows 24:00 then.
        my $ahead = 86400 - $now % 86400 - 3600 * $hours;
        next if (gmtime($now + $ahead))[3] == 1;
        my $size = abs $ahead;
        my $zone = sprintf '<T>%s%d:%02d:%02d', $ahead > 0 ? '-' : '+', $size / 3600, $size / 60 % 60, $size % 60;
        $node->ask("alter system set pg_atelier.quota_timezone = '$zone'");
        $node->ask('select pg_reload_conf()');
        $node->wait_until("select current_setting('pg_atelier.quota_timezone') = '$zone'");
        # A change that wakes the worker, so that it looks; midnight finds it asleep.
        $node->ask("select atelier.set_lane_limit('writer', '$Flow::MODEL', 20)");
        return;
    }
};
my $ended = sub { my ($client) = @_; return $node->ask("select count(*) from atelier.job_history where client_id = '$client' and state = 'completed'") };
my $make = sub { my ($name) = @_; return $node->ask("select atelier.create_client('Client', '$name')") };

my ($daily, $monthly) = map { $make->($_) } 'of-a-day', 'of-a-month';
$midnight_in->(3 * 3600);
$node->ask("select atelier.set_budget(0.2, client_id => '$daily')");
$node->ask("select atelier.set_budget(0.2, client_id => '$monthly', period => 'month')");
Money::texts($node, $_, 5, tokens => 9) for $daily, $monthly;
ok(Money::until_quiet($node), 'everything ends or waits');
is($ended->($daily), 2, 'the money of the day pays for two');
is($ended->($monthly), 2, 'so does that of the month');
is($node->ask('select min(resets_at) > now() + interval \'2 hours\' from atelier.budgets'), 't', 'the view says when there is more');
like($node->ask("select x.released_by from (select job_id from atelier.jobs where client_id = '$daily' limit 1) j, atelier.explain_job(j.job_id) x"), qr/\d{4}-\d\d-\d\d/, 'and explain_job() too');
$midnight_in->(6);
my $until = $node->ask("select resets_at from atelier.budgets where client_id = '$daily'");
is($ended->($daily), 2, 'shortly before its end nothing goes on');
ok($node->wait_until("select count(*) = 4 from atelier.job_history where client_id = '$daily' and state = 'completed'", 40), 'at its end two more go on by themselves');
ok(Money::until_quiet($node), 'and the last waits again');
is($node->ask("select count(*) from atelier.attempts where client_id = '$daily' and sent and leased_at >= '$until'"), 2, 'not before it');
is(Money::standing($node, "client_id = '$daily'"), '0.18 0', 'the budget shows the new day');
is($ended->($monthly), 2, 'a day that ends is no month');
is(Money::standing($node, "client_id = '$monthly'"), '0.18 0', 'whose budget is as it was');
is($provider->counts->{billed}, 6, 'the provider billed as many');
$node->ask('select count(atelier.cancel_job(job_id)) from atelier.jobs');
Money::until_quiet($node);

# A call over midnight.
my $client = $make->('over-midnight');
$node->ask("select atelier.set_budget(0.2, client_id => '$client')");
$provider->reset_counts;
$provider->behave(latency_ms => 16_000);
$midnight_in->(10);
Money::texts($node, $client, 2, tokens => 9);
is($provider->wait_for_open(2), 2, 'over midnight: two calls begin before it');
my $day = $node->ask("select distinct day from atelier.reserves where client_id = '$client'");
ok($node->wait_until("select starts > '$day' from atelier.budgets where client_id = '$client'", 30), 'over midnight: the day ends meanwhile');
is($provider->counts->{open}, 2, 'over midnight: they are still open');
is(Money::standing($node, "client_id = '$client'"), '0 0', 'over midnight: and are none of the new day');
$provider->behave(latency_ms => 0);
Money::texts($node, $client, 3, first => 3, tokens => 9);
ok(Money::until_quiet($node), 'over midnight: everything ends or waits');
is($ended->($client), 4, 'over midnight: the new day pays for two of its own');
is(Money::standing($node, "client_id = '$client'"), '0.18 0', 'over midnight: and counts none of the old one\'s');
is($node->ask("select string_agg(trim_scale(cost)::text, ' ' order by day) from (select day, sum(cost) as cost from atelier.spend where client_id = '$client' group by day) d"), '0.18 0.18', 'over midnight: each day has what began in it');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');
$node->stop;
$provider->stop;
done_testing();
