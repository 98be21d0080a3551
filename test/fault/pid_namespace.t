# PostgreSQL as process 1 of a PID namespace, as in a container: every orphan is its child there, and one that ends by a
# signal or with a status above 1 would restart the cluster. The nanny adopts what the executor leaves behind.
use strict;
use warnings;
use Atelier;
use IPC::Run;
use Provider;
use Test::More;

my @unshare = qw(unshare --map-current-user --pid --fork --kill-child --mount-proc);
my ($nothing, $why) = ('', '');
IPC::Run::run([ @unshare, 'true' ], '<', '/dev/null', '>', \$nothing, '2>', \$why)
  or plan skip_all => 'this kernel gives an ordinary user no PID namespace: ' . ($why =~ s/\n//r);

my $node = Atelier->new_cluster('pid_namespace', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.shutdown_wait' => '0', 'pg_atelier.media_children' => 1 });
my $postmaster = IPC::Run::start([ @unshare, 'postgres', '-D', $node->data_dir ], '<', '/dev/null', '>>', $node->logfile, '2>&1');
my $namespace = $postmaster->{KIDS}[0]{PID};
ok($node->wait_until('select true', 30, 'postgres'), 'PostgreSQL runs');
is($node->ask("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)", 'postgres'), 1, 'as process 1');
$node->make_database($Atelier::DATABASE);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 30_000, latency_ms => 2000);
$provider->introduce($node);
my $session = $node->background_psql('atelier', on_error_stop => 0);
my $backend = $session->query_safe('select pg_backend_pid()');

# The engine, by the pid that it has out here.
sub engine
{
    my ($old) = @_;
    my @found;
    $node->wait_for_condition(sub {
        @found = grep { Atelier::process_name($_) eq 'pg_atelier_exec' && $_ != ($old // 0) } $node->descendants($namespace);
        @found = grep { my $pid = $_; grep { $_ == $pid } map { $node->descendants($_) } @found } @found;
        @found > 0 }, 20);
    return $found[0];
}

# The worker ends at once and leaves its executor with a call under way.
sub orphan
{
    my ($case, $first) = @_;
    my $engine = engine();
    $provider->reset_counts;
    $provider->behave(latency_ms => 2000);
    $provider->order($node, $studio, 3, first => $first);
    is($provider->wait_for_open(3), 3, "$case: calls are under way");
    my $worker = $node->worker_pid(10);
    $node->ask("select pg_terminate_backend($worker)");
    ok($node->wait_until("select worker_pid <> $worker from atelier.workers where database = 'atelier' and state = 'running'", 20), "$case: the worker has a successor");
    ok($node->alive($engine), "$case: its executor is an orphan");
    return $engine;
}

my $engine = orphan('an orphan that ends by itself', 1);
ok($node->wait_for_condition(sub { !$node->alive($engine) }, 20), 'it ends');
ok($node->wait_until("select count(*) = 3 from atelier.generated_assets where status = 'completed'", 20), 'its answers are settled');
is($provider->counts->{billed}, 3, 'nothing was bought twice');

$engine = orphan('an orphan that is killed', 4);
kill 'KILL', $engine;
ok($node->wait_for_condition(sub { !$node->alive($engine) }, 20), 'it is gone');
ok($node->wait_until("select count(*) = 3 from atelier.jobs where state = 'held' and reason = 'outcome_unknown'", 20), 'its jobs are held');

# An executor killed together with its media child, which the nanny inherits.
$node->request($studio, style => $_) for qw(rustic classic japandi);
my $media;
ok($node->wait_for_condition(sub { ($media) = grep { Atelier::process_name($_) eq 'pg_atelier_medi' } $node->descendants($namespace); $media }, 20), 'a media child works');
$engine = engine();
kill 'KILL', $engine;
kill 'KILL', $media if $media;
ok($node->wait_until("select count(*) = 6 from atelier.generated_assets where status = 'completed'", 60), 'its jobs are done by the next executor');

is($session->query_safe('select pg_backend_pid()'), $backend, 'a session opened before keeps its backend');
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
$session->quit;
my ($first) = grep { Atelier::process_name($_) eq 'postgres' } $node->descendants($namespace);
kill 'INT', $first;
ok($postmaster->finish, 'it stops');
$provider->stop;
done_testing();
