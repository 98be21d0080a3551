# pg_dump of a database with rows in every state, restored with --exit-on-error: rows equal, the next insert works,
# nothing runs until adopt_jobs().
use strict;
use warnings;
use Atelier;
use Test::More;

my $node = Atelier->start_cluster('original', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
my $done = $node->request($studio);
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$done'", 60), 'one asset is completed');
$node->ask("select atelier.pin_asset('$done')");
my $deleted = $node->request($studio, style => 'rustic');
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$deleted'", 60), 'another one too');
$node->ask("select atelier.soft_delete_asset('$deleted')");

# A provider and what it costs.
$node->ask("create server studio foreign data wrapper atelier_gemini options (image_model 'a-model', timeout '10min')");
$node->ask("create user mapping for atelier_owner server studio options (api_key_file '/run/studio.key')");
$node->ask("insert into atelier.prices (provider, model, unit, price, per) values ('studio', 'a-model', 'output_token', 30, 1000000)");
my $providers = $node->ask('select p::text from atelier.providers p');

# From here on nothing is leased, and every state is made.
$node->ask("select atelier.pause_lane('offline', 'compose')");
my %asset = map { $_ => $node->request($studio, lighting => 'evening') } qw(ready leased draining held cancelled deferred retry);
my $set = sub { my ($asset, $change) = @_; $node->ask("update atelier_internal.jobs set $change where id = (select job_id from atelier.generated_assets where id = '$asset{$asset}')") };
my $unqueue = sub { my ($asset) = @_; $node->ask("delete from atelier_internal.queue_entries where job_id = (select job_id from atelier.generated_assets where id = '$asset{$asset}')") };
$unqueue->($_) for qw(leased draining held deferred retry);
$set->('leased', "state = 'leased', sequence = null, token = 1, epoch = 1, attempt_id = 1, attempt_ring = 0");
$set->('draining', "state = 'leased', sequence = null, token = 2, epoch = 1, attempt_id = 2, attempt_ring = 0");
$set->('draining', "state = 'draining'");
$set->('held', "state = 'held', sequence = null, reason = 'outcome_unknown'");
$node->ask("select atelier.cancel_generation('$asset{cancelled}')");
$node->ask("select atelier_internal.defer(array[(select job_id from atelier.generated_assets where id = '$asset{deferred}')], array[now() + interval '1 day'], 'deferred')");
$node->ask("select atelier_internal.defer(array[(select job_id from atelier.generated_assets where id = '$asset{retry}')], array[now() - interval '1 second'], 'retry')");
$node->ask("select atelier_internal.enqueue_jobs('generate_image', array[row(gen_random_uuid(), null, 'offline', 'compose', null, array[(select job_id from atelier.generated_assets where id = '$asset{ready}')])::atelier_internal.job_request])");
$node->ask("update atelier.generated_assets set status = 'generating' where id in ('$asset{leased}', '$asset{draining}')");
$node->ask("select atelier.create_generation_request('$studio->{client}', '$studio->{product}', '{}', enqueue => false)");
$node->ask("select atelier_internal.raise_alert('test', 'a message', 'a hint')");
$node->ask("select atelier.set_tier('free', 200, null)");
$node->ask("select atelier.set_tier('team', 500, 5000, 'For teams.')");
my $tiers = $node->ask('select t::text from atelier.tiers t');
$node->ask("insert into atelier_internal.maintenance_tasks (name, command, schedule, description, since) values ('mine', 'select 0', '0 0 * * *', 'Somebody''s own.', now() - interval '1 day')");

# Who works for whom, what is held, what was purged, and who was erased.
my $user = $node->ask("select atelier.create_user('ann\@example.com', 'Ann')");
$node->ask("select atelier.add_member('$studio->{client}', '$user', 'viewer')");
my $erased = $node->ask("select atelier.create_client('Gone', 'gone')");
$node->ask("select atelier.erase_client('$erased')");

my $dump = $node->data_dir . '/../atelier.dump';
my @connection = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
$node->command_ok([ 'pg_dump', @connection, '-Fc', '-f', $dump, 'atelier' ], 'pg_dump');
my %rows = $node->table_rows;
$node->stop;

my $copy = Atelier->start_cluster('copy', extension => 0, settings => { 'pg_atelier.poll_interval' => '1s' });
$copy->ask('create database atelier', 'postgres');
$copy->command_ok([ 'pg_restore', '--exit-on-error', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'atelier', $dump ], 'pg_restore --exit-on-error');
ok($copy->worker_pid(10), 'a worker starts in the restored database');
# It polls each second: three turns in which it could do wrong.
my $turns = $copy->ask('select turns from atelier.workers');
$copy->wait_until("select pg_sleep(3) is not null", 10);
my %restored = $copy->table_rows;
is_deeply([ sort keys %restored ], [ sort keys %rows ], 'the same tables');
for my $table (sort keys %rows)
{
    is($restored{$table}, $rows{$table}, "$table: equal rows") if $rows{$table} ne $restored{$table} || $rows{$table} =~ /\S/;
}
is($copy->ask('select t::text from atelier.tiers t'), $tiers, 'S2-62: the tiers, those of the extension and those that were changed or made');
is($copy->ask("select used > 0 from atelier.quota_status('$studio->{client}') where period = 'day'"), 't', 'X-28: what was used');
is($copy->ask('select count(*) from atelier.attempts where leased_at > now() - interval \'1 minute\' and epoch = (select epoch from atelier.workers)'), 0, 'nothing ran');
is($copy->ask("select count(*) from atelier.jobs where not foreign_instance"), 0, 'no job is this database\'s own');
ok($copy->ask("select exists (select from atelier.self_check() where area = 'instance' and not ok)") eq 't', 'self_check says so, with the way out');

# What it queues itself may be an object that the original holds, in a store that came along.
$copy->ask("select atelier_internal.queue_deletions(array[row('file', '', 'photos/any.jpg', null)::atelier_internal.deletion_request], 'test', '0')");
$copy->wait_until("select pg_sleep(3) is not null", 10);
is($copy->ask('select job_id is null from atelier_internal.object_deletions'), 't', 'no object is deleted');
is($copy->ask("select count(*) from atelier.self_check() where area = 'store' and finding like '%is a copy of another one%, 1 deletion(s) wait'"), 1, 'self_check says so');

is($copy->ask('select p::text from atelier.providers p'), $providers, 'the provider came along, with its key file');

# The next insert works: sequences went along.
my $events = $copy->ask('select max(id) from atelier_internal.events');
$copy->ask("select atelier_internal.emit_event('test', null, null, null)");
cmp_ok($copy->ask('select max(id) from atelier_internal.events'), '>', $events, 'the next event has a new id');
is($copy->ask("select count(*) from atelier.events_after($events) where kind = 'test'"), 1, 'a reader that goes on at its place sees it');
my $new = $copy->ask("select atelier.create_client('New', 'new-client')");
like($new, qr/^[0-9a-f-]{36}$/, 'the next client can be made');

# Adopted, all of it runs. The bytes are the DBA's to copy.
system('cp', '-r', $node->data_dir . '/pg_atelier', $node->data_dir . '/../bytes') == 0 or die;
my ($source) = glob $node->data_dir . '/../bytes/*/store';
system('cp', '-r', "$source/.", $copy->store_directory) == 0 or die;
cmp_ok($copy->ask('select atelier.adopt_jobs()'), '>=', 6, 'adopt_jobs takes the jobs over');
ok($copy->wait_until('select count(*) = 0 from atelier_internal.object_deletions', 60), 'and the deletions');
$copy->ask("select atelier.resume_lane('offline', 'compose')");
ok($copy->wait_until("select count(*) = 0 from atelier.generated_assets where status in ('pending', 'generating') and id not in ('$asset{held}', '$asset{deferred}')", 90), 'and they run to their end');
is($copy->ask("select string_agg(status, ' ' order by status) from atelier.generated_assets where id in ('$asset{ready}', '$asset{leased}', '$asset{draining}', '$asset{retry}')"),
    'completed completed completed completed', 'as completed');
is($copy->ask("select reason, run_after > now() + interval '23 hours' from atelier.jobs where subject_id = '$asset{deferred}'"), 'deferred|t', 'what was deferred keeps its time');
is($copy->ask("select state from atelier.jobs where subject_id = '$asset{held}'"), 'held', 'what was held stays held');

# Into the very database that it was dumped from: the rows are no less a copy.
$copy->command_ok([ 'pg_dump', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-Fc', '-f', $dump, 'atelier' ], 'pg_dump of the copy');
$copy->ask('drop extension pg_atelier cascade');
$copy->ask('drop schema if exists atelier, atelier_internal cascade');
$copy->command_ok([ 'pg_restore', '--exit-on-error', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'atelier', $dump ], 'pg_restore into the same database');
is($copy->ask("select count(*) filter (where foreign_instance), count(*) filter (where not foreign_instance) from atelier.jobs"), '2|0', 'its jobs are foreign too');
$copy->stop;
done_testing();
