# The worker's side of paid calls, with an executor that does as it is told: what it is told of providers and receipts, and
# that no paid lease runs again before all that was left of it is known.
use strict;
use warnings;
use Atelier;
use Test::More;
use ToyExecutor;

my $key = 'planted-key-0123456789';
$ENV{TOY_KEY} = "$key-of-the-environment";
my $node = Atelier->start_cluster('paid_leases', extension => 0, settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.shutdown_wait' => '1s', log_min_messages => 'debug1' });
my $toy = $node->basedir . '/toy';
ToyExecutor::install($toy);
$node->append_conf('postgresql.conf', "pg_atelier.program_directory = '$toy'");
$node->restart;
my %oid;
prepare($_) for qw(atelier doomed);

# What the executor is told of providers.
my $job = ask_for('answer');
ok(ended($job, 'completed'), 'an order is answered');
my @seen = grep { $_->{what} =~ /^(providers|order)$/ } seen('atelier');
is($seen[0]{what}, 'providers', 'a new executor is told of the providers before any order');
my $frame = (grep { $_->{what} eq 'providers' } @seen)[-1]{payload};
like($frame, qr/"providers":\[.*"base_url":"https:\/\/generativelanguage\.googleapis\.com"/, 'defaults are filled in');
like($frame, qr/"api_version":"v1beta"/, 'the version too');
like($frame, qr/"connect_timeout_ms":10000.*"progress_timeout_ms":250/, 'times are in milliseconds');
like($frame, qr/"api_key":"$key"/, 'the key comes along');
my ($settled) = wait_for('atelier', 'settled');
is($settled->{payload}, '[' . attempt_of($job) . ']', 'the executor hears what is settled');
my $told = of('atelier', 'providers');
ended(ask_for('answer'), 'completed');
is(of('atelier', 'providers'), $told, 'without a change nothing is told again');

$node->ask("alter user mapping for public server paid options (drop api_key, add api_key_env 'TOY_KEY')");
is(of('atelier', 'providers'), $told, 'an idle worker does not wake for a change');
$job = ask_for('answer');
ok(ended($job, 'completed'), 'the next order');
@seen = grep { $_->{what} =~ /^(providers|order)$/ } seen('atelier');
like($seen[-2]{payload}, qr/"api_key":"$key-of-the-environment"/, 'comes after the new key');
is($seen[-1]{what}, 'order', 'and not before');
$node->ask("create user mapping for atelier_owner server paid options (api_key_file '/no/such/file')");
ended(ask_for('answer'), 'completed');
like((grep { $_->{what} eq 'providers' } seen('atelier'))[-1]{payload}, qr/"api_key_file":"\/no\/such\/file"/, 'the mapping of atelier_owner goes first, its file is left to the executor');
$node->ask("drop user mapping for atelier_owner server paid; drop user mapping for public server paid");
ended(ask_for('answer'), 'completed');
like((grep { $_->{what} eq 'providers' } seen('atelier'))[-1]{payload}, qr/"key_error":"the server has no user mapping/, 'without a mapping it hears why there is no key');
$node->ask("create user mapping for public server paid options (api_key_env 'NO_SUCH_VARIABLE')");
ended(ask_for('answer'), 'completed');
like((grep { $_->{what} eq 'providers' } seen('atelier'))[-1]{payload}, qr/"key_error":"environment variable NO_SUCH_VARIABLE is not set"/, 'an unset variable is named');

# Its alerts.
ended(ask_for('alert'), 'completed');
ok($node->wait_until("select exists (select from atelier.alerts where kind = 'toy' and message = 'it is broken' and resolved_at is null)", 10), 'an alert of the executor is raised');
ended(ask_for('resolve'), 'completed');
ok($node->wait_until("select not exists (select from atelier.alerts where kind = 'toy' and resolved_at is null)", 10), 'and resolved');

# The executor dies.
touch('hold');
my ($receipted, $lost) = (ask_for('hang'), ask_for('hang'));
my $first = pid_with($receipted, $lost);
kill 'KILL', $first;
ok($node->wait_until("select count(*) = 2 from atelier.jobs where state = 'draining'", 10), 'killed: its paid leases drain');
ok(ended(ask_for('answer'), 'completed'), 'killed: other work goes on with the next executor');
is(state($lost), 'draining', 'killed: nothing is decided while that one reads the spool');
leave_receipts($receipted);
untouch('hold');
ok(ended($receipted, 'completed'), 'killed: the receipt is settled');
ok($node->wait_until("select state = 'held' and reason = 'outcome_unknown' from atelier.jobs where job_id = '$lost'", 10), 'killed: what left none has an unknown outcome');
is((grep { $_->{what} eq 'order' && $_->{attempt} == attempt_of($lost) } seen('atelier')) + 0, 1, 'killed: and was ordered once');
my $attempt = attempt_of($receipted);
ok($node->wait_for_condition(sub { grep { $_->{what} eq 'settled' && $_->{pid} != $first && $_->{payload} =~ /\b$attempt\b/ } seen('atelier') }, 10), 'killed: the next executor hears that the receipt is settled');
$node->ask("select atelier.resolve_unknown(job_id => '$lost', decision => 'fail')");

# Attempts begin at 1 again when the extension is created anew or the database is set back to an earlier state: a receipt
# of another lease may carry the number of an attempt that is under way.
touch('hold');
kill 'KILL', $node->executor_pid;
$job = ask_for('hang');
pid_with($job);
$attempt = attempt_of($job);
ToyExecutor::write_file("$toy/receipts", qq({"lease":{"job":"00000000-0000-7000-8000-000000000000","tid":"(0,1)","attempt":$attempt,"ring":1,"token":1,"lane":1},"outcome":"completed","sent":true,"duration_ms":1,"result":{}}\n));
untouch('hold');
ok(ended(ask_for('answer'), 'completed') && ended(ask_for('answer'), 'completed'), 'same number: the old receipt was answered before other orders');
is(state($job), 'leased', 'same number: and settles no other lease');
is($node->ask("select in_flight from atelier.workers where database = 'atelier'"), 1, 'same number: whose answer is still waited for');
is((grep { $_->{what} eq 'settled' && $_->{payload} =~ /\b$attempt\b/ } seen('atelier')) + 0, 0, 'same number: and whose receipt is not dropped with the old one');
leave_receipts($job);
kill 'KILL', $node->executor_pid;
ok(ended($job, 'completed'), 'same number: and comes');

# An answer that cannot be settled at all.
$node->ask("create function public.refuse() returns trigger language plpgsql as 'begin raise exception ''refused''; end'");
$job = ask_for('hang');
$first = pid_with($job);
$attempt = attempt_of($job);
$node->ask("create trigger refuse before update on atelier_internal.attempts for each row when (old.id = $attempt) execute function public.refuse()");
leave_receipts($job);
kill 'KILL', $first;
ok($node->wait_until("select exists (select from atelier.alerts where kind = 'answer_not_settled' and message ~ 'attempt $attempt\\M' and resolved_at is null)", 60), 'refused: an alert says which answer');
is((grep { $_->{what} eq 'settled' && $_->{payload} =~ /\b$attempt\b/ } seen('atelier')) + 0, 0, 'refused: the executor keeps the receipt');
$node->ask("drop trigger refuse on atelier_internal.attempts");
is(state($job), 'draining', 'refused: the job is not bought again');
kill 'KILL', $node->executor_pid;
ok(ended($job, 'completed'), 'refused: the next executor brings it again');

# Somebody holds a job locked while it is to drain.
$job = ask_for('hang');
$first = pid_with($job);
my $locker = $node->background_psql('atelier');
$locker->query_safe("begin; select from atelier_internal.jobs where id = '$job' for update");
leave_receipts($job);
kill 'KILL', $first;
ok($node->wait_for_condition(sub { grep { $_->{what} eq 'start' } grep { $_->{pid} != $first } since($first) }, 10), 'locked: the next executor starts');
sleep 2;
is(state($job), 'leased', 'locked: the job stays as it is');
$locker->query_safe('rollback');
$locker->quit;
ok(ended($job, 'completed'), 'locked: its receipt is settled when the lock is gone');
is($node->ask("select outcome from atelier.attempts where job_id = '$job'"), 'completed', 'locked: and was not dropped as stale');

# Settings change while a paid call is under way.
$job = ask_for('hang');
$first = pid_with($job);
touch('hold');
$node->append_conf('postgresql.conf', "pg_atelier.drain_timeout = '61s'");
$node->reload;
ok($node->wait_for_condition(sub { grep { $_->{what} eq 'eof' && $_->{pid} == $first } seen('atelier') }, 10), 'reload: an executor that drains too long is let go');
ok($node->wait_until("select state = 'draining' from atelier.jobs where job_id = '$job'", 10), 'reload: its lease drains');
ok(ended(ask_for('answer'), 'completed'), 'reload: the next executor works');
ok($node->alive($first), 'reload: while the first lives on');
like((grep { $_->{what} eq 'hello' } seen('atelier'))[-1]{payload}, qr/"drain_timeout_ms":61000.*"spool_limit_bytes":1073741824/, 'reload: with the new settings');
leave_receipts($job);
untouch('hold');
ok(ended($job, 'completed'), 'reload: the receipt is settled');
touch('finish');
ok($node->wait_for_condition(sub { !$node->alive($first) }, 10), 'reload: the orphan ends');
untouch('finish');

# A worker that hangs.
$job = ask_for('hang');
$first = pid_with($job);
touch('hold');
my $worker = $node->worker_pid;
kill 'STOP', $worker;
ok($node->wait_until("select worker_pid <> $worker and last_turn_at is not null from atelier.workers where database = 'atelier'", 60), 'hung: another worker takes over');
ok($node->wait_until("select state = 'draining' from atelier.jobs where job_id = '$job'", 10), 'hung: the paid lease drains');
ok((grep { $_->{what} eq 'term' && $_->{pid} == $first } seen('atelier')) && $node->alive($first), 'hung: its executor is asked to leave, not killed');
kill 'CONT', $worker;
ok($node->wait_for_condition(sub { !$node->alive($worker) }, 10), 'hung: the old worker leaves when it moves again');
ok((grep { $_->{what} eq 'eof' && $_->{pid} == $first } seen('atelier')) && $node->alive($first), 'hung: and lets go of the executor');
leave_receipts($job);
touch('finish');
untouch('hold');
ok(ended($job, 'completed'), 'hung: the receipt is settled');
is($node->ask("select count(*) from atelier.attempts where job_id = '$job'"), 1, 'hung: after one attempt');
ok($node->wait_for_condition(sub { !$node->alive($first) }, 10), 'hung: the orphan ends');
untouch('finish');

# A clean stop.
$job = ask_for('hang');
my $free = ask_for('hang', 'offline');
$first = pid_with($job, $free);
$node->stop('fast');
my @end = map { $_->{what} } grep { $_->{pid} == $first && $_->{what} =~ /^(drain|eof|term|end)$/ } seen('atelier');
is("@end", 'drain eof', 'stop: an executor with a paid call is asked to drain and let go');
ok($node->alive($first), 'stop: and lives on');
touch('hold');
$node->start;
ok($node->wait_until("select state = 'draining' from atelier.jobs where job_id = '$job'", 20), 'start: the paid lease drains');
like($node->ask("select string_agg(outcome || coalesce(' ' || error_class, ''), ',' order by attempt_id) from atelier.attempts where job_id = '$free' and outcome is not null"),
    qr/^given_back/, 'start: the other was given back');
leave_receipts($job);
touch('finish');
untouch('hold');
ok(ended($job, 'completed'), 'start: the receipt of the orphan is settled');
is($node->ask("select count(*) from atelier.attempts where job_id = '$job'"), 1, 'start: after one attempt');
ok($node->wait_for_condition(sub { !$node->alive($first) }, 10), 'start: the orphan has ended');
untouch('finish');
$node->ask("select atelier.cancel_job('$free')");

# A directory for the spools of all databases.
my $spools = $node->basedir . '/spools';
$node->append_conf('postgresql.conf', "pg_atelier.spool_directory = '$spools'");
$node->reload;
ok($node->wait_for_condition(sub { 2 == grep { $_->{what} eq 'drain' && $node->alive($_->{pid}) } ToyExecutor::seen($toy) }, 10), 'spools: executors are asked to leave');
kill 'KILL', $node->executor_pid(5, $_) for qw(atelier doomed);
my %spool;
ok($node->wait_for_condition(sub { %spool = map { m{"spool_directory":"(\Q$spools\E[^"]*)"} ? ($1 => 1) : () } map { $_->{payload} // '' } ToyExecutor::seen($toy); 2 == keys %spool }, 15),
    'spools: each database has its own, so that none drops the receipts of another');
$node->append_conf('postgresql.conf', "pg_atelier.spool_directory = ''");
$node->reload;
kill 'KILL', $node->executor_pid(5, $_) for qw(atelier doomed);

# A database is dropped.
ask_for('hang', 'paid', 'doomed');
ok($node->wait_until("select in_flight = 1 from atelier.workers where database = 'doomed'", 10, 'doomed'), 'drop: a paid call is under way');
$first = $node->executor_pid(0, 'doomed');
$node->safe_psql('postgres', 'drop database doomed');
ok($node->wait_for_condition(sub { !$node->alive($first) }, 5), 'drop: its executor ends with the database');

unlike($node->log_since(0) =~ s/^.*(?:statement|STATEMENT):.*$//mgr, qr/$key/, 'no key in the server log');
unlike($node->log_since(0), qr/terminating any other active server processes|PANIC/, 'the server did not restart');
$node->stop;
touch('finish');
done_testing();

sub prepare
{
    my ($database) = @_;
    $node->make_database($database);
    $oid{$database} = $node->ask("select oid from pg_database where datname = current_database()", $database);
    $node->ask("create server paid foreign data wrapper atelier_gemini options (image_model 'm', progress_timeout '250ms');
        create user mapping for public server paid options (api_key '$key');
        insert into atelier_internal.pipelines (name, description) values ('one_step', 'test');
        insert into atelier_internal.steps (pipeline, position, name, action) values ('one_step', 1, 'only', 'ai.image')", $database);
    return;
}

sub ask_for
{
    my ($do, $provider, $database) = @_;
    $provider //= 'paid';
    return $node->ask("select (atelier_internal.enqueue_jobs('one_step', array[row(null, null, '$provider', 'm', '{\"do\": \"$do\"}', null)::atelier_internal.job_request]))[1]", $database);
}

sub ended
{
    my ($id, $how) = @_;
    return $node->wait_until("select state = '$how' from atelier.job_history where job_id = '$id'", 15);
}

sub state { my ($id) = @_; return $node->ask("select state from atelier.jobs where job_id = '$id'") }
sub attempt_of { my ($id) = @_; return $node->ask("select max(attempt_id) from atelier.attempts where job_id = '$id'") }

# One toy serves both databases; their executors tell themselves apart by the spool directory in their hello.
sub seen
{
    my ($database) = @_;
    my @all = ToyExecutor::seen($toy);
    my $oid = $oid{$database};
    my %mine = map { $_->{pid} => 1 } grep { $_->{what} eq 'hello' && $_->{payload} =~ m{/$oid/spool} } @all;
    return grep { $mine{ $_->{pid} } } @all;
}
sub of { my ($database, $what) = @_; return scalar grep { $_->{what} eq $what } seen($database) }
sub since { my ($pid) = @_; my @all = seen('atelier'); my ($at) = grep { $all[$_]{pid} == $pid } reverse 0 .. $#all; return @all[ $at + 1 .. $#all ] }

sub wait_for
{
    my ($database, $what) = @_;
    my @found;
    $node->wait_for_condition(sub { @found = grep { $_->{what} eq $what } seen($database) }, 15);
    return $found[-1];
}

# The executor that has the orders of these jobs.
sub pid_with
{
    my @jobs = @_;
    my %pid;
    for my $id (@jobs)
    {
        $node->wait_until("select exists (select from atelier.attempts where job_id = '$id')", 15);
        my $attempt = attempt_of($id);
        $node->wait_for_condition(sub { map { $pid{ $_->{pid} } = 1 } grep { $_->{what} eq 'order' && $_->{attempt} == $attempt } seen('atelier') }, 15);
    }
    my @pids = keys %pid;
    is(scalar @pids, 1, 'one executor has the order') or BAIL_OUT('no order');
    return $pids[0];
}

sub leave_receipts
{
    my @jobs = @_;
    my @lines;
    for my $id (@jobs)
    {
        my $attempt = attempt_of($id);
        my ($order) = grep { $_->{what} eq 'order' && $_->{attempt} == $attempt } seen('atelier');
        my ($lease) = $order->{payload} =~ /"lease": (\{[^}]*\})/;
        push @lines, qq({"lease":$lease,"outcome":"completed","sent":true,"duration_ms":1,"result":{}}\n);
    }
    ToyExecutor::write_file("$toy/receipts", join '', @lines);
    return;
}

sub touch { my ($name) = @_; ToyExecutor::write_file("$toy/$name", ''); return }
sub untouch { my ($name) = @_; unlink "$toy/$name"; return }
