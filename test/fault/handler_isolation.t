# Ten functions of one role sleep: the jobs of others, functions of another role and work of the engine itself, take as long as without them.
use strict;
use warnings;
use Atelier;
use Flow;
use Pipelines;
use Provider;
use Test::More;

# Eleven places of handlers, of which one role takes ten at most.
my $node = Atelier->start_cluster('handler_isolation', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.handlers' => 11, 'max_worker_processes' => 24, 'pg_atelier.handler_timeout' => '10min' });
Flow::install($node);
Pipelines::role($node, $_) for qw(sleepy brisk);
Pipelines::handler($node, 'sleepy.sleep', q(perform pg_sleep(600); return null;));
Pipelines::as($node, 'brisk', 'create table brisk.done (took double precision, since timestamptz)');
Pipelines::handler($node, 'brisk.work', q(
    perform pg_sleep(0.1);
    insert into brisk.done select extract(epoch from clock_timestamp() - since) * 1000, since from cast(job ->> 'created_at' as timestamptz) since;
    return null;));
Pipelines::define($node, 'sleep', 'sleepy', [ { name => 'sleep', action => 'sql', handler => 'sleepy.sleep' } ]);
Pipelines::define($node, 'work', 'brisk', [ { name => 'work', action => 'sql', handler => 'brisk.work' } ]);
$node->ask("select atelier.set_lane_limit('sql', '$_', 20)") for qw(sleepy brisk);
my %client = map { $_ => $node->ask("select atelier.create_client('$_', '$_')") } qw(works calls);
my $provider = Provider->start;
$provider->behave(latency_ms => 100);
$provider->introduce($node, name => 'shared', kind => 'openai', in_flight => 10, options => { image_model => $Flow::MODEL });

# Milliseconds from commit to result, p95: {works => of functions of another role, calls => of calls}. The time of history is
# that at which a transaction began: of a function its begin.
sub measure
{
    my $since = Flow::now($node);
    my @asking = (
        Flow::trickle($node, 40, statement => "atelier.enqueue_job('work', '{}', client_id => '$client{works}')", every_ms => 250),
        Flow::trickle($node, 40, provider => 'shared', client => $client{calls}, every_ms => 250));
    $_->finish for @asking;
    Flow::until_done($node, 60, 'client_id', $client{$_}) or die "the jobs of $_ do not end\n" for keys %client;
    return { calls => Flow::percentile(0.95, Flow::took($node, $client{calls}, $since)),
        works => Flow::percentile(0.95, split /\n/, $node->ask("select took from brisk.done where since >= '$since'")) };
}

measure();
my ($alone, $beside);
for my $try (1 .. 4)
{
    $alone = measure();
    my @sleepers = Pipelines::enqueue($node, 'sleep', {}, times => 30);
    ok($node->wait_until(q(select count(*) = 10 from pg_stat_activity where backend_type = 'pg_atelier handler' and wait_event = 'PgSleep'), 30), "$try: ten functions sleep, and no more")
        or diag($node->ask(q(select pid, wait_event, query from pg_stat_activity where backend_type = 'pg_atelier handler')));
    $beside = measure();
    is($node->ask(q(select count(*) from pg_stat_activity where backend_type = 'pg_atelier handler' and wait_event = 'PgSleep')), 10, "$try: all the while");
    note(sprintf 'p95 of functions: %.0f ms alone, %.0f beside ten sleepers (%.2f); of calls: %.0f, %.0f (%.2f)',
        map { $alone->{$_}, $beside->{$_}, $beside->{$_} / $alone->{$_} } qw(works calls));
    is($node->ask("select atelier.cancel_jobs('{\"pipeline\": \"sleep\"}')"), 30, "$try: they are cancelled");
    ok($node->wait_until(q(select count(*) = 0 from pg_stat_activity where backend_type = 'pg_atelier handler' and wait_event = 'PgSleep'), 10), "$try: and woken up for it");
    last if !grep { $beside->{$_} > 1.25 * $alone->{$_} } keys %client;
}
cmp_ok($beside->{works}, '<=', 1.25 * $alone->{works}, 'functions of another role take no longer while ten sleep');
cmp_ok($beside->{calls}, '<=', 1.25 * $alone->{calls}, 'nor do calls');
is($node->ask("select string_agg(distinct state, ',') from atelier.job_history where pipeline <> 'sleep'"), 'completed', 'none of them failed');

$node->stop;
$provider->stop;
done_testing;
