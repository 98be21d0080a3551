# A paid answer that waits for its store: the worker waits too, past the order's deadline, and neither buys again nor
# calls the outcome unknown. The executor does as it is told.
use strict;
use warnings;
use Atelier;
use Test::More;
use ToyExecutor;

my $node = Atelier->start_cluster('kept_answers', extension => 0, settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.shutdown_wait' => '1s' });
my $toy = $node->basedir . '/toy';
ToyExecutor::install($toy);
$node->append_conf('postgresql.conf', "pg_atelier.program_directory = '$toy'");
$node->restart;
$node->make_database('atelier');
$node->ask("create server paid foreign data wrapper atelier_gemini options (image_model 'm');
    create user mapping for public server paid options (api_key 'k');
    insert into atelier_internal.pipelines (name, description) values ('one_step', 'test');
    insert into atelier_internal.steps (pipeline, position, name, action, timeout) values ('one_step', 1, 'only', 'ai.image', '100 ms')");

my $started = time;
my ($silent, $kept, $cancelled) = (ask_for('hang'), ask_for('keep'), ask_for('keep'));
ok($node->wait_until("select state = 'held' and reason = 'outcome_unknown' from atelier.jobs where job_id = '$silent'", 60), 'an order of which nothing is heard has an unknown outcome');
cmp_ok(time - $started, '>=', 30, 'after its deadline');
is(state($kept), 'leased', 'one whose answer is kept stays leased');
is($node->ask("select in_flight from atelier.workers where database = 'atelier'"), 2, 'and in flight');
$node->ask("select atelier.set_lane_limit('paid', 'm', 2)");
ok(ended(ask_for('answer'), 'completed'), 'but takes no place in its lane');
$node->ask("select atelier.cancel_job('$cancelled')");
my $attempt = attempt_of($cancelled);
ok($node->wait_for_condition(sub { grep { $_->{what} eq 'cancel' && $_->{attempt} == $attempt } ToyExecutor::seen($toy) }, 10), 'the executor hears of a cancel');
touch('stored');
ok(ended($kept, 'completed'), 'it completes when its store takes the picture');
is($node->ask("select string_agg(outcome, ',') from atelier.attempts where job_id = '$kept'"), 'completed', 'with one attempt');
unlink "$toy/stored";

# Its executor dies meanwhile. The next one may have to wait for the store as well: it has the receipt, and says so.
($silent, $kept, $cancelled) = (ask_for('hang'), ask_for('keep'), ask_for('keep'));
my %order = map { $_ => order_of($_) } $silent, $kept, $cancelled;
touch('hold');
ToyExecutor::write_file("$toy/kept", join '', map { attempt_of($_) . "\n" } $kept, $cancelled);
kill 'KILL', $order{$kept}{pid};
ok($node->wait_until("select count(*) = 3 from atelier.jobs where state = 'draining'", 10), 'its executor is killed: the leases drain');
unlink "$toy/hold";
ok($node->wait_until("select reason = 'outcome_unknown' from atelier.jobs where job_id = '$silent'", 10), 'the outcome of what left no receipt is unknown');
is(state($kept), 'draining', 'but not of what the next executor keeps');
$attempt = attempt_of($cancelled);
$node->ask("select atelier.cancel_job('$cancelled')");
ok($node->wait_for_condition(sub { grep { $_->{what} eq 'cancel' && $_->{attempt} == $attempt } ToyExecutor::seen($toy) }, 10), 'which hears of a cancel, too');
touch('hold');
unlink "$toy/kept";
my ($lease) = $order{$kept}{payload} =~ /"lease": (\{[^}]*\})/;
ToyExecutor::write_file("$toy/receipts", qq({"lease":$lease,"outcome":"completed","sent":true,"duration_ms":1,"result":{}}\n));
kill 'KILL', $node->executor_pid;
unlink "$toy/hold";
ok(ended($kept, 'completed'), 'that one is killed too: the receipt is settled by the third');
is($node->ask("select count(*) from atelier.attempts where job_id = '$kept'"), 1, 'after one attempt');

# One that said so, and of which its successor finds nothing.
$kept = ask_for('keep');
$order{$kept} = order_of($kept);
unlink "$toy/receipts";
touch('hold');
ToyExecutor::write_file("$toy/kept", attempt_of($kept) . "\n");
kill 'KILL', $order{$kept}{pid};
$node->wait_until("select state = 'draining' from atelier.jobs where job_id = '$kept'", 10);
unlink "$toy/hold";
ok(ended(ask_for('answer'), 'completed') && ended(ask_for('answer'), 'completed'), 'other work goes on');
is(state($kept), 'draining', 'while one is kept');
unlink "$toy/kept";
kill 'KILL', $node->executor_pid;
ok($node->wait_until("select reason = 'outcome_unknown' from atelier.jobs where job_id = '$kept'", 10), 'a receipt that is lost leaves an unknown outcome, not a job that drains for ever');
$node->stop;
touch('finish');
done_testing();

sub ask_for
{
    my ($do) = @_;
    return $node->ask("select (atelier_internal.enqueue_jobs('one_step', array[row(null, null, 'paid', 'm', '{\"do\": \"$do\"}', null)::atelier_internal.job_request]))[1]");
}

# As the executor saw it.
sub order_of
{
    my ($job) = @_;
    $node->wait_until("select exists (select from atelier.attempts where job_id = '$job')", 10);
    my $attempt = attempt_of($job);
    my $order;
    $node->wait_for_condition(sub { ($order) = grep { $_->{what} eq 'order' && $_->{attempt} == $attempt } ToyExecutor::seen($toy); $order }, 10);
    return $order;
}

sub ended { my ($id, $how) = @_; return $node->wait_until("select state = '$how' from atelier.job_history where job_id = '$id'", 15) }
sub state { my ($id) = @_; return $node->ask("select state from atelier.jobs where job_id = '$id'") }
sub attempt_of { my ($id) = @_; return $node->ask("select max(attempt_id) from atelier.attempts where job_id = '$id'") }
sub touch { my ($name) = @_; ToyExecutor::write_file("$toy/$name", ''); return }
