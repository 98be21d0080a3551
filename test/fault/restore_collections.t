# Collections in every state, dumped and restored into another cluster: rows equal, nothing runs until adopt_jobs(), and then each
# goes on from where it was.
use strict;
use warnings;
use Atelier;
use Collection;
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Photo;
use Provider;
use Session;
use Test::More;

my $size = 6;
my $node = Atelier->start_cluster('original', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '50ms' });
my $studio = $node->make_studio;
my $provider = Provider->start;
$provider->behave(picture_bytes => 20_000);
$provider->introduce($node, options => { json_model => 'test-json' });
$node->ask("alter database $Atelier::DATABASE set pg_atelier.default_provider = '$Provider::SERVER'");
my @pictures = map { Photo::png(colour => [ 80 * $_, 200 - 80 * $_, 90 ]) } 0 .. 2;

my %set;
my $first = 1;
for my $name (qw(draft analyzing ready generating completed error))
{
    $set{$name} = Collection->make($node, $studio, name => $name, products => $size, first => $first, inspirations => [ @pictures[ $name eq 'error' ? (0, 2) : (0, 1) ] ]);
    $first += $size;
}
$provider->behave(faults => [ { fault => 'member_missing', match => sha256_hex($pictures[2]), always => JSON::PP::true } ]);
$set{$_}->analyze for qw(ready generating completed error);
ok($set{$_}->wait_for('ready'), "$_: analysed") for qw(ready generating completed);
ok($set{error}->wait_for('error'), 'error: not analysed');
$set{completed}->generate;
ok($set{completed}->wait_for('completed'), 'completed: made');

# Of those that are generating some assets are there already and one has failed; of what is analyzed, some is. One call at a time,
# slow enough to be paused between two.
my $pause = sub { $node->ask("select atelier.pause_lane('studio', '$_[0]')"); $node->wait_until("select not exists (select from atelier.jobs where state = 'leased')") };
my $left = sub { $node->ask("select count(*) from atelier.jobs where pipeline like '$_[0]%'") };
$node->ask("select atelier.set_lane_limit('studio', '$_', 1)") for qw(test-image test-json);
$provider->behave(latency_ms => 700, faults => [ { fault => 'safety', match => sprintf 'product-%04d', 3 * $size + 1 } ]);
$set{generating}->generate;
ok($node->wait_until("select count(*) = 2 from atelier.generated_assets where collection_id = '$set{generating}{id}' and status in ('completed', 'error')"), 'generating: two have ended');
ok($pause->('test-image'), 'then it pauses');
$set{analyzing}->analyze;
ok($node->wait_until("select count(*) < 3 from atelier.jobs where pipeline like 'analyze%'"), 'analyzing: a part of it is done');
ok($pause->('test-json'), 'then it pauses');
my %left = map { $_ => $left->($_) } qw(analyze_products analyze_scene generate_image);
cmp_ok($left{analyze_products} + $left{analyze_scene}, '>=', 1, 'some of it is left to analyze');
cmp_ok($left{generate_image}, '>=', 1, 'some of it is left to generate');
# As if the worker had stopped between a lease and its end, and an application held a collection locked meanwhile.
my $leased = $node->ask("select job_id from atelier.jobs where pipeline like 'analyze%' order by job_id limit 1");
$node->ask("delete from atelier_internal.queue_entries where job_id = '$leased'");
$node->ask("update atelier_internal.jobs set state = 'leased', sequence = null, token = 1, epoch = 1, attempt_id = 1, attempt_ring = 0 where id = '$leased'");
my $application = Session->new($node);
$application->run('begin');
$application->run("select from atelier.collections where id = '$set{analyzing}{id}' for update");
$node->ask("insert into atelier_internal.collection_checks (collection_id) values ('$set{analyzing}{id}')");
my $states = q(select string_agg(name || '=' || status, ' ' order by name) from atelier.collections);
is($node->ask($states), 'analyzing=analyzing completed=completed draft=draft error=error generating=generating ready=ready', 'a collection in each state');

my $dump = $node->data_dir . '/../atelier.dump';
my @connection = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
my %rows = $node->table_rows;
$node->command_ok([ 'pg_dump', @connection, '-Fc', '-f', $dump, 'atelier' ], 'pg_dump');
my $store = $node->store_directory;
$application->leave;
$node->stop;

my $copy = Atelier->start_cluster('copy', extension => 0, settings => { 'pg_atelier.poll_interval' => '1s', 'pg_atelier.backoff_base' => '50ms' });
$copy->ask('create database atelier', 'postgres');
$copy->command_ok([ 'pg_restore', '--exit-on-error', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'atelier', $dump ], 'pg_restore --exit-on-error');
$copy->ask("alter database $Atelier::DATABASE set pg_atelier.default_provider = '$Provider::SERVER'");
ok($copy->worker_pid(10), 'a worker starts in the restored database');
my $turns = $copy->ask('select turns from atelier.workers');
$provider->reset_counts;
ok($copy->wait_until("select turns >= $turns + 3 from atelier.workers"), 'and takes some turns');
my %restored = $copy->table_rows;
for my $table (grep { /collection|inspiration|product_batches|generated_assets|jobs/ } sort keys %rows)
{
    is($restored{$table}, $rows{$table}, "$table: equal rows");
}
is($provider->counts->{calls}, 0, 'nobody was called');

# Adopted, each goes on.
system('cp', '-r', "$store/.", $copy->store_directory) == 0 or die;
cmp_ok($copy->ask('select atelier.adopt_jobs()'), '>=', $left{analyze_products} + $left{analyze_scene} + $left{generate_image}, 'adopt_jobs takes the jobs over');
$copy->ask("select atelier.set_lane_limit('studio', '$_', 50), atelier.resume_lane('studio', '$_')") for qw(test-json test-image);
# What was leased when the dump was taken may have been bought: somebody decides.
is($copy->ask("select atelier.resolve_unknown('studio'::text, 'retry')"), 1, 'the call that was under way is held, and tried again when that is wanted');
$_->{node} = $copy for values %set;
ok($set{analyzing}->wait_for('ready'), 'the one that was analyzing becomes ready');
ok($set{generating}->wait_for('completed'), 'the one that was generating is completed');
is_deeply($set{generating}->status->{counts}, { draft => 0, pending => 0, generating => 0, completed => $size - 1, error => 1, missing => 0 }, 'but for the asset that had failed before');
my %expected = (products => $left{analyze_products}, scene => $left{analyze_scene}, image => $left{generate_image});
is_deeply($provider->counts->{kinds}, { map { $expected{$_} ? ($_ => 0 + $expected{$_}) : () } keys %expected }, 'what was left was billed once, and nothing else');
is($copy->ask('select count(*) from atelier_internal.collection_checks'), 0, 'no collection is left to be looked at');
is($set{$_}->column('status'), $_, "the one that was $_ still is") for qw(draft ready completed error);
is($set{error}->analyze, 1, 'the one in error is analysed again');
ok($set{error}->wait_for('ready'), 'and ready');
$set{draft}->analyze;
ok($set{draft}->wait_for('ready'), 'so is the draft');
is($set{$_}->generate, $size, "$_: generates") for qw(ready draft);
ok($set{$_}->wait_for('completed'), "$_: to its end") for qw(ready draft);
is($set{completed}->generate, 0, 'and of the completed one nothing is missing');
$copy->stop;
$provider->stop;
done_testing();
