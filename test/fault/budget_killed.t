# Worker and executor killed with -9 while calls that a budget pays for are in flight: what may have been billed keeps its reserve, no
# reserve is forgotten, and spent and reserved together never are more than the budget. ATELIER_LONG=1: more kills.
use strict;
use warnings;
use Atelier;
use Money;
use Provider;
use Test::More;

my $rounds = $ENV{ATELIER_LONG} ? 4 : 1;
my $size = 20;  # in flight
my $node = Atelier->start_cluster('budget_killed', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms', 'pg_atelier.quota_timezone' => Money::zone_of_noon() });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 20_000);
$provider->introduce($node, in_flight => $size, options => { outcome_unknown => 'retry' });
Money::price($node, image => 0.1, input_token => 0, output_token => 0);

my $budget = 0;
my $products = 0;
my $first = 1;
my $billed = sub { return $provider->counts->{billed} };
my $attempts = sub { my ($where) = @_; return $node->ask("select count(*) from atelier.attempts where provider = '$Provider::SERVER' and $where") };

# Calls of a round are slow until the deed is done, so that all are open together; then no slower than need be.
sub begin_calls
{
    my ($count) = @_;
    $provider->behave(latency_ms => 3000);
    $provider->order($node, $studio, $count, first => $first);
    $first += $count;
    $products += $count;
    return $provider->wait_for_open($size < $count ? $size : $count, 20);
}

sub is_whole
{
    my ($case, $watch) = @_;
    ok(Money::until_quiet($node, 90), "$case: everything ends or waits for money")
      or diag($node->ask('select state, reason, count(*) from atelier.jobs group by 1, 2'));
    my ($spent, $reserved) = split / /, Money::standing($node);
    my $unknown = $attempts->("error_class = 'outcome_unknown'");
    my $completed = $attempts->("outcome = 'completed'");
    note("$case: billed " . $billed->() . ", completed $completed, unknown $unknown, spent $spent, reserved $reserved of $budget");
    is(sprintf('%g', $spent), sprintf('%g', 0.1 * $completed), "$case: spent is what was answered");
    is(sprintf('%g', $reserved), sprintf('%g', 0.1 * $unknown), "$case: reserved is what may have been billed besides");
    is(sprintf('%g', Money::ledger($node)), sprintf('%g', $spent), "$case: the ledger has what was spent");
    is($node->ask("select coalesce(sum(unknown_calls), 0) from atelier.spend"), $unknown, "$case: the view tells of the others");
    cmp_ok($billed->(), '<=', $completed + $unknown, "$case: no more was billed than that");
    cmp_ok(sprintf('%g', 0.1 * $billed->()), '<=', $budget, "$case: the provider never billed more than the budget");
    cmp_ok($watch->excess, '<=', 0, "$case: never was more spoken for than the budget");
    is($node->ask('select count(*) from atelier.consistency_report'), 0, "$case: nothing is inconsistent");
    return;
}

sub raise { my ($by) = @_; $budget += $by; $node->ask("select atelier.set_budget($budget)"); return }

for my $round (1 .. $rounds)
{
    # Money for thirty calls; twenty are lost on the way, so that ten of forty are made at once.
    my $case = "round $round, executor killed";
    raise(3);
    my $watch = Money::watch($node);
    cmp_ok(begin_calls(40), '>=', $size, "$case: calls are open");
    my $unknown = $attempts->("error_class = 'outcome_unknown'");
    kill 'KILL', $node->executor_pid(20);
    $provider->behave(latency_ms => 100);
    is_whole($case, $watch);
    is($attempts->("error_class = 'outcome_unknown'"), $unknown + $size, "$case: the lost calls keep their reserves");
    is($node->ask("select spent + reserved = $budget from atelier.budgets"), 't', "$case: so the budget is used up");
    raise(3);
    is_whole("$case, more money", $watch);
    is($node->count_status('completed'), $products, "$case, more money: every product is made");
    $watch->end;

    # The worker, and PostgreSQL restarts: its executor lives on and leaves receipts, so nothing is lost.
    $case = "round $round, worker killed";
    raise(2.5);
    $watch = Money::watch($node);
    cmp_ok(begin_calls(40), '>=', $size, "$case: calls are open");
    my $before = $billed->() - $size;
    ok($node->crash_worker, "$case: PostgreSQL is back");
    $watch->gone;
    $watch = Money::watch($node);
    $provider->behave(latency_ms => 100);
    is_whole($case, $watch);
    is($billed->() - $before, 25, "$case: twenty-five are billed, as if nothing had happened");
    $watch->end;

    # Both at once: who finds the reserves of the dead is the next worker.
    $case = "round $round, both killed";
    raise(4);
    $watch = Money::watch($node);
    cmp_ok(begin_calls(40), '>=', $size, "$case: calls are open");
    my $engine = $node->executor_pid(20);
    $unknown = $attempts->("error_class = 'outcome_unknown'");
    kill 'STOP', $engine;
    ok($node->crash_worker, "$case: PostgreSQL is back");
    kill 'KILL', $engine;
    $watch->gone;
    $watch = Money::watch($node);
    $provider->behave(latency_ms => 100);
    is_whole($case, $watch);
    is($attempts->("error_class = 'outcome_unknown'"), $unknown + $size, "$case: the lost calls keep their reserves");
    $watch->end;

    # The whole server, at once and without a checkpoint.
    $case = "round $round, server stopped at once";
    raise(4);
    $watch = Money::watch($node);
    cmp_ok(begin_calls(40), '>=', $size, "$case: calls are open");
    $node->stop('immediate');
    $watch->gone;
    $node->start;
    $watch = Money::watch($node);
    $provider->behave(latency_ms => 100);
    is_whole($case, $watch);
    $watch->end;
}

# All that is left, with as much money as it takes, and at last the sum of everything.
raise(20);
my $watch = Money::watch($node);
is_whole('at last', $watch);
is($node->count_status('completed'), $products, 'every product is made')
  or diag($node->ask("select status, error_message, count(*) from atelier.generated_assets group by 1, 2"));
is($provider->pictures_as_recorded($node), $products, 'and every object is as its row says');

# With the policy hold, what may have been billed waits for somebody; either decision leaves the reserve.
$node->ask("alter server studio options (set outcome_unknown 'hold')");
my ($spent, $reserved) = split / /, Money::standing($node);
my $stands = sub { my ($more_spent, $more_reserved) = @_; return sprintf '%g %g', $spent + $more_spent, $reserved + $more_reserved };
is(begin_calls(4), 4, 'policy hold: four calls are open');
kill 'KILL', $node->executor_pid(20);
ok($node->wait_until("select count(*) = 4 from atelier.jobs where state = 'held' and reason = 'outcome_unknown'", 30), 'policy hold: they are held');
is(Money::standing($node), $stands->(0, 0.4), 'policy hold: and stay reserved');
my @jobs = split /\n/, $node->ask('select job_id from atelier.jobs order by job_id');
$provider->behave(latency_ms => 0);
$node->ask("select atelier.resolve_unknown('$_'::uuid, 'retry')") for @jobs[ 0, 1 ];
$node->ask("select atelier.resolve_unknown('$jobs[2]'::uuid, 'fail')");
$node->ask("select atelier.cancel_job('$jobs[3]')");
ok($node->wait_until('select not exists (select from atelier.jobs)', 30), 'policy hold: two are tried again, one fails, one is cancelled');
is(Money::standing($node), $stands->(0.2, 0.4), 'policy hold: the second calls are paid for, the first stay reserved');
$node->ask("select atelier.settle_unknown_cost(attempt_id, 0.05, 'USD') from atelier.reserves where state = 'kept'");
ok($node->wait_until('select reserved = 0 from atelier.budgets', 20), 'what the invoice says takes the place of what was reserved');
is(sprintf('%g', (split / /, Money::standing($node))[0]), sprintf('%g', $spent + 0.2 + ($reserved + 0.4) / 2), 'all of it');
is(Money::ledger($node), (split / /, Money::standing($node))[0], 'in the ledger as in the budget');
is($node->ask("select coalesce(sum(unknown_calls), 0) from atelier.spend"), 0, 'and no call is of unknown cost');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');
cmp_ok($watch->excess, '<=', 0, 'never was more spoken for than the budget');
$watch->end;
$node->stop;
$provider->stop;
done_testing();
