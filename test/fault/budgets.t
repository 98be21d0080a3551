# Budgets against a provider that counts what it bills: fifty jobs at once against money for twenty, a budget that is lowered in
# the middle, calls that cost less or more than was reserved, or nobody knows what, prices that are not known, several budgets.
use strict;
use warnings;
use Atelier;
use Flow;
use Money;
use Provider;
use Session;
use Test::More;
use Time::HiRes qw(sleep);

my $node = Atelier->start_cluster('budgets', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms', 'pg_atelier.quota_timezone' => Money::zone_of_noon() });
Flow::install($node);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 5_000);
$provider->introduce($node);
$provider->introduce($node, name => 'writer', kind => 'openai', options => { image_model => $Flow::MODEL });
# A text has 9 tokens, whatever is asked for: 0.09.
Money::price($node, image => 0.1, input_token => 0, output_token => 0);
Money::price($node, provider => 'writer', model => $Flow::MODEL, input_token => 0, output_token => 0.01);

my $billed = sub { return $provider->counts->{billed} };
my $began = sub { my ($client) = @_; return $node->ask("select count(*) from atelier.attempts where client_id = '$client' and sent") };
my $ended = sub { my ($client) = @_; return $node->ask("select count(*) from atelier.job_history where client_id = '$client' and state = 'completed'") };
# What came before is over and forgotten: a new client without a budget.
my $clients = 0;
my $fresh = sub {
    my ($latency) = @_;
    $node->ask('select count(atelier.cancel_job(job_id)) from atelier.jobs');
    Money::until_quiet($node) or BAIL_OUT('jobs do not end');
    $provider->reset_counts;
    $provider->behave(latency_ms => $latency // 0);
    $node->ask('select atelier.set_budget(null, client_id => client_id) from atelier.budgets where client_id is not null');
    return $node->ask("select atelier.create_client('Client', 'client-" . ++$clients . "')");
};
my $of = sub { my ($client) = @_; return "client_id = '$client'" };

# Fifty at once, money for twenty.
$node->ask('select atelier.set_budget(2)');
my $watch = Money::watch($node);
$provider->behave(latency_ms => 300);
$provider->order($node, $studio, 50);
ok($node->wait_until("select count(*) = 20 from atelier.generated_assets where status = 'completed'", 60), 'fifty jobs at once, money for twenty: twenty are made');
ok(Money::until_quiet($node), 'the others are held');
is($billed->(), 20, 'exactly twenty are billed');
is(Money::held($node, 'over_budget'), 30, 'thirty wait for money');
is(Money::standing($node), '2 0', 'the budget is spent, nothing is reserved');
is(Money::ledger($node), '2', 'the ledger sums up to what the provider billed');
is($node->ask("select count(*) from atelier.attempts where provider = 'studio' and sent and error_class is not null"), 0, 'no call was wasted');
is($node->ask("select sum(j.attempts) || ' ' || sum(j.crashes) from atelier_internal.jobs j"), '0 0', 'waiting costs no attempt');
like($node->ask("select x.explanation || ' ' || x.released_by from (select job_id from atelier.jobs limit 1) j, atelier.explain_job(j.job_id) x"), qr/budget.*set_budget/is, 'explain_job() names the budget and the way out');
my $attempts = $node->ask('select count(*) from atelier_internal.attempts');
my $turns = $node->ask('select turns from atelier.workers where database = current_database()');
sleep 2;
is($node->ask('select count(*) from atelier_internal.attempts'), $attempts, 'nothing is tried again and again meanwhile');
cmp_ok($node->ask('select turns from atelier.workers where database = current_database()') - $turns, '<', 10, 'nor is the worker busy');
$node->ask('select atelier.set_budget(3.55)');
ok($node->wait_until("select count(*) = 35 from atelier.generated_assets where status = 'completed'", 60), 'a higher budget brings back as many as it pays for');
ok(Money::until_quiet($node), 'and no more');
is($billed->(), 35, 'fifteen more are billed');
is_deeply([ sort keys %{ $provider->counts->{products} } ], [ map { sprintf 'product-%04d', $_ } 1 .. 35 ], 'in the order in which they were asked for');
is(Money::standing($node), '3.5 0', 'what is left pays for none');
cmp_ok($watch->looks, '>', 50, 'it was looked at all the time');
cmp_ok($watch->excess, '<=', 0, 'and never was more spoken for than the budget');
$node->ask('select atelier.set_budget(null)');
ok($node->wait_until("select count(*) = 50 from atelier.generated_assets where status = 'completed'", 60), 'without a budget the rest goes on');
is_deeply([ grep { $_ != 1 } values %{ $provider->counts->{products} } ], [], 'each product is bought once');
is($billed->(), 50, 'all fifty are billed');
is(Money::ledger($node), '5', 'ledger: count times price');
$node->ask('select atelier.set_budget(6)');
is(Money::standing($node), '5 0', 'a new budget counts what was spent in its time before');
$node->ask('select atelier.set_budget(null)');

# Lowered in the middle: what is under way is paid, nothing begins after that.
for my $case ([ 'below what is spent', 0.5 ], [ 'to what pays for some more', 2 ])
{
    my ($name, $amount) = @$case;
    my $client = $fresh->(200);
    $node->ask("select atelier.set_lane_limit('writer', '$Flow::MODEL', 5)");
    $node->ask("select atelier.set_budget(9, client_id => '$client')");
    Money::texts($node, $client, 60, tokens => 9);
    $node->wait_for_condition(sub { $billed->() >= 12 });
    $watch->forget;
    my $already = $billed->();
    my $lowered_at = $node->ask("select from atelier.set_budget($amount, client_id => '$client'); select clock_timestamp()");
    ok(Money::until_quiet($node), "lowered $name: everything ends or waits");
    is($node->ask("select count(*) from atelier.attempts where client_id = '$client' and sent and leased_at > '$lowered_at'") > 0 ? 1 : 0, $amount > 1 ? 1 : 0, "lowered $name: what begins after it fits in it");
    my $paid = sprintf '%g', $amount > 1 ? 0.09 * int($amount / 0.09) : 0.09 * $began->($client);
    cmp_ok($paid, '<=', 0.09 * ($already + 10), "lowered $name: it stops within what was under way") if $amount < 1;
    is(Money::standing($node, $of->($client)), "$paid 0", "lowered $name: spent");
    is(sprintf('%g', 0.09 * $billed->()), $paid, "lowered $name: and billed");
    is(Money::ledger($node, $of->($client)), $paid, "lowered $name: and in the ledger");
    is($ended->($client), $billed->(), "lowered $name: all that was bought is delivered");
    cmp_ok($watch->excess, '<=', 0, "lowered $name: never more than the budget") if $amount > 1;
}

# A budget that is made while calls are under way counts them too.
my $client = $fresh->(3000);
Money::texts($node, $client, 5, tokens => 9);
is($provider->wait_for_open(5), 5, 'five calls without a budget are open');
$node->ask("select atelier.set_budget(0.63, client_id => '$client')");
is(Money::standing($node, $of->($client)), '0 0.45', 'a budget made meanwhile: it counts the calls under way');
$node->ask("select atelier.set_lane_limit('writer', '$Flow::MODEL', 20)");
$provider->behave(latency_ms => 50);
Money::texts($node, $client, 15, first => 6, tokens => 9);
ok(Money::until_quiet($node), 'a budget made meanwhile: everything ends or waits');
is($billed->(), 7, 'a budget made meanwhile: it pays for two more');
is(Money::standing($node, $of->($client)), '0.63 0', 'a budget made meanwhile: and is spent to the last cent');

# More is reserved than is used: what is left over buys more.
$client = $fresh->(100);
$watch->forget;
$node->ask("select atelier.set_budget(1.8, client_id => '$client')");
Money::texts($node, $client, 40, tokens => 18);
ok(Money::until_quiet($node), 'reserved twice what is used: everything ends or waits');
is($billed->(), 19, 'reserved twice what is used: what was too much buys more, until what is left is less than a reserve');
is(Money::standing($node, $of->($client)), '1.71 0', 'reserved twice what is used: the budget knows what was used');
cmp_ok($watch->excess, '<=', 0, 'reserved twice what is used: never more than the budget');

# A provider that uses more than it was allowed to: booked as it is, and nothing more begins.
$client = $fresh->(50);
$node->ask("select atelier.set_lane_limit('writer', '$Flow::MODEL', 1)");
$node->ask("select atelier.set_budget(0.32, client_id => '$client')");
Money::texts($node, $client, 10, tokens => 4);
ok(Money::until_quiet($node), 'used more than was reserved: everything ends or waits');
is($billed->(), 4, 'used more than was reserved: no call begins when there is no room');
is(Money::standing($node, $of->($client)), '0.36 0', 'used more than was reserved: what was used is booked');
is(Money::ledger($node, $of->($client)), '0.36', 'used more than was reserved: in the ledger too');
$node->ask("select atelier.set_lane_limit('writer', '$Flow::MODEL', 20)");

# What became of a call, and what stays of its reserve. The double says what it billed; never may that be more than what is spent.
my @answers = (
    # name, fault of the first call, spent, reserved, calls of unknown cost
    [ 'refused as invalid', { fault => 'status', status => 400 }, 0, 0, 0 ],
    [ 'refused for its rate', { fault => 'rate_limited', delay => '0.1s' }, 0.09, 0, 0 ],
    [ 'overloaded', { fault => 'status', status => 503 }, 0.09, 0, 0 ],
    [ 'closed without an answer', { fault => 'closed' }, 0, 0.18, 1 ],
    [ 'no JSON', { fault => 'html_as_json' }, 0.09, 0.18, 1 ],
    [ 'no usage', { fault => 'usage_absent' }, 0, 0.18, 1 ],
    [ 'usage beyond all numbers', { fault => 'usage_huge' }, 0, 0.18, 1 ],
);
for my $answer (@answers)
{
    my ($name, $fault, $spent, $reserved, $unknown) = @$answer;
    $client = $fresh->();
    $node->ask("select atelier.set_budget(0.5, client_id => '$client')");
    $provider->behave(faults => [$fault]);
    Money::texts($node, $client, 1, tokens => 18);
    ok(Money::until_quiet($node), "$name: it ends");
    note("$name: billed " . $billed->() . ', ' . $node->ask("select string_agg(concat_ws(' ', outcome, error_class, sent::text, usage::text), '; ' order by attempt_id) from atelier.attempts where client_id = '$client'"));
    is(Money::standing($node, $of->($client)), "$spent $reserved", "$name: what is known is spent, what may be billed stays reserved");
    is($node->ask("select coalesce(sum(unknown_calls), 0) from atelier.spend where client_id = '$client'"), $unknown, "$name: calls of unknown cost");
    cmp_ok(0.09 * $billed->(), '<=', $spent + $reserved + 1e-9, "$name: at least what was billed");
}

# A picture is there, and not a word about the tokens that cost most.
Money::price($node, output_token => [ 0.0001, 2000 ]);
$client = $fresh->();
$node->ask("select atelier.set_budget(50, provider => 'studio')");
for my $case ([ 'all tokens told', [], 0.229, 0 ], [ 'no tokens told', [ { fault => 'usage_absent' } ], 0.1, 0.2 ])
{
    my ($name, $faults, $spent, $reserved) = @$case;
    my ($spent_before, $reserved_before) = split / /, Money::standing($node, "provider = 'studio'");
    $provider->behave(faults => $faults);
    $provider->order($node, $studio, 1, first => 51 + @$faults);
    ok(Money::until_quiet($node), "a picture, $name: it ends");
    is(Money::standing($node, "provider = 'studio'"), sprintf('%g %g', $spent_before + $spent, $reserved_before + $reserved), "a picture, $name: what is known is spent, the rest stays reserved");
}
$node->ask("select atelier.set_budget(null, provider => 'studio')");

# What the invoice says takes the place of such a reserve.
$client = $fresh->();
$node->ask("select atelier.set_budget(0.5, client_id => '$client')");
$provider->behave(faults => [ { fault => 'usage_absent' } ]);
Money::texts($node, $client, 1, tokens => 18);
ok(Money::until_quiet($node), 'a call of unknown cost');
my $unknown = $node->ask("select attempt_id from atelier.reserves where client_id = '$client' and state = 'kept'");
$node->ask("select atelier.settle_unknown_cost($unknown, 0.03, 'USD')");
ok($node->wait_until("select reserved = 0 from atelier.budgets where client_id = '$client'", 20), 'what the invoice says replaces it');
is(Money::standing($node, $of->($client)), '0.03 0', 'with what was billed');
is(Money::ledger($node, $of->($client)), '0.03', 'which stands in the ledger');
like($node->refusal("select atelier.settle_unknown_cost($unknown, 0.03, 'USD')"), qr/HINT/, 'once');

# Prices that nobody knows.
$node->ask("create server other foreign data wrapper atelier_openai options (base_url '" . $provider->url('/v1') . "', image_model 'test-text')");
$node->ask("create user mapping for atelier_owner server other options (api_key '$Provider::KEY')");
$client = $fresh->();
my $other = $fresh->();
$node->ask("select atelier.set_budget(0.5, client_id => '$client')");
Money::texts($node, $_, 3, provider => 'other', tokens => 9) for $client, $other;
ok(Money::until_quiet($node), 'without a price: everything ends or waits');
is($ended->($other), 3, 'without a price and a budget: it runs');
is($node->ask("select count(*) from atelier.usage_ledger where client_id = '$other' and cost is null"), 6, 'without a price and a budget: at a cost that nobody knows');
is($node->ask("select count(*) from atelier.alerts where kind = 'price_unknown:other/$Flow::MODEL' and resolved_at is null"), 1, 'without a price and a budget: of which the DBA is told, once');
is(Money::held($node, 'price_unknown'), 3, 'without a price, but with a budget: it waits');
is($began->($client), 0, 'without a price, but with a budget: nothing is sent');
like($node->ask("select x.explanation || ' ' || x.released_by from (select job_id from atelier.jobs limit 1) j, atelier.explain_job(j.job_id) x"), qr/price/i, 'without a price: explain_job() says so');
Money::price($node, provider => 'other', model => '', input_token => 0);
sleep 1;
is(Money::held($node, 'price_unknown'), 3, 'the price of one unit alone does not');
Money::price($node, provider => 'other', model => '', output_token => 0.01);
ok($node->wait_until("select not exists (select from atelier.jobs)", 20), 'the prices of all that a text uses let it go on');
is(Money::standing($node, $of->($client)), '0.27 0', 'and is what it costs');

# A price, and nobody knows how much a call uses.
$client = $fresh->();
$node->ask("select atelier.set_budget(0.5, client_id => '$client')");
Money::texts($node, $client, 3);
ok(Money::until_quiet($node), 'without a bound: it waits');
is(Money::held($node, 'price_unknown'), 3, 'without a bound: as one whose price is not known');
$node->ask("update atelier.prices set most_per_call = 20 where provider = 'writer' and unit = 'output_token'");
ok(Money::until_quiet($node) && $node->wait_until("select count(*) = 3 from atelier.job_history where client_id = '$client'", 20), 'a bound that is entered lets it go on');
is(Money::standing($node, $of->($client)), '0.27 0', 'and it costs what it uses');
$node->ask("update atelier.prices set most_per_call = null where provider = 'writer' and unit = 'output_token'");

# Several budgets: what begins has room in all of them.
my @two = map { $fresh->(30) } 1 .. 2;
$watch->forget;
$node->ask("select atelier.set_budget(0.45, client_id => '$two[0]')");
my $before = $node->ask("select coalesce(sum(cost + reserved), 0) from atelier.spend where provider = 'writer' and currency = 'USD'");
$node->ask("select atelier.set_budget($before + 0.72, provider => 'writer', model => '$Flow::MODEL')");
Money::texts($node, $_, 10, tokens => 9) for @two;
ok(Money::until_quiet($node), 'two budgets: everything ends or waits');
my $lane = "provider = 'writer' and client_id is null";
is($billed->(), 8, 'two budgets: the lane\'s is spent');
cmp_ok($ended->($two[0]), '<=', 5, 'two budgets: and not more than the client\'s');
is($node->ask('select count(*) from atelier.reserves where state = \'open\''), '0', 'two budgets: nothing is left reserved');
is($node->ask("select spent + reserved = amount from atelier.budgets where $lane"), 't', 'two budgets: to the last cent');
$node->ask("select atelier.set_budget(null, provider => 'writer', model => '$Flow::MODEL')");
ok($node->wait_until("select count(*) = 5 from atelier.jobs", 20), 'two budgets: without the lane\'s the others go on');
ok(Money::until_quiet($node), 'two budgets: all of them');
is($ended->($two[1]), 10, 'two budgets: of the client without one all');
is($ended->($two[0]), 5, 'two budgets: of the other as many as it has money for');
is(Money::standing($node, $of->($two[0])), '0.45 0', 'two budgets: which is spent');
cmp_ok($watch->excess, '<=', 0, 'two budgets: neither was ever exceeded');

# Who changes a budget and does not commit holds up neither leases nor answers: until then the old amount holds.
$client = $fresh->(1500);
$node->ask("select atelier.set_budget(0.5, client_id => '$client')");
Money::texts($node, $client, 1, tokens => 9);
is($provider->wait_for_open(1), 1, 'a budget that is being changed: a call is under way');
my $session = Session->new($node);
$session->run('begin');
$session->run("select atelier.set_budget(0.2, client_id => '$client')");
$provider->behave(latency_ms => 0);
Money::texts($node, $client, 1, first => 2, tokens => 9);
ok($node->wait_until("select count(*) = 2 from atelier.job_history where client_id = '$client'", 20), 'a budget that is being changed: answers are settled, and the next call begins');
is(Money::standing($node, $of->($client)), '0.18 0', 'a budget that is being changed: both count');
$session->run('commit');
$session->leave;
Money::texts($node, $client, 1, first => 3, tokens => 9);
ok(Money::until_quiet($node), 'a budget that is being changed: after the commit');
is(Money::held($node, 'over_budget'), 1, 'a budget that is being changed: the new amount holds');

# The whole test: whatever was known and whatever was not, in one sum.
is($node->ask("select count(*) from atelier.usage_ledger l where l.provider = 'writer' and l.unit = 'output_token' and l.quantity = 9 and l.cost <> 0.09"), 0, 'each text stands in the ledger at its price');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');
$watch->end;
$node->stop;
$provider->stop;
done_testing();
