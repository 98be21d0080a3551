# A client with 10,000 assets is erased while its work is under way: nothing names it afterwards, its objects are gone, the
# sums of the ledger stay, and another client's work goes on meanwhile.
use strict;
use warnings;
use Atelier;
use File::Path qw(make_path);
use Provider;
use Session;
use Store;
use Test::More;
use Time::HiRes qw(sleep time);

my ($in_files, $in_bucket) = (8_000, 2_000);
my $node = Atelier->start_cluster('erasure', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node);
my $provider = Provider->start;
$provider->introduce($node);
my $doomed = $node->make_studio(slug => 'doomed-shop');
my $other = $node->make_studio(slug => 'other-shop');
ok($node->wait_until("select count(*) = 2 from atelier.images where status = 'ready'"), 'the photos are ready');
$node->ask("insert into atelier.users (email, name) values ('ann\@doomed.example', 'Ann'), ('bob\@other.example', 'Bob')");
my ($ann) = split /\n/, $node->ask("select id from atelier.users where name = 'Ann'");
$node->ask("insert into atelier.members (user_id, client_id, role, status) select u.id, c.id, 'owner', 'active' from atelier.users u, atelier.clients c");
$node->ask(q(
    create function public.named(names text[]) returns setof text language plpgsql as $$
    declare
        v_table regclass;
    begin
        for v_table in select c.oid from pg_class c where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind = 'r' loop
            return query execute format('select distinct format(''%1$s names %%s'', n.name) from %1$s t cross join unnest($1) n (name) where strpos(lower(t::text), lower(n.name)) > 0', v_table) using names;
        end loop;
    end
    $$));

# Until all is deleted that is to be, without the waits for what may still be on its way.
sub quiet
{
    return $node->wait_for_condition(sub {
        $store->hurry($node);
        # The executor has answered what was cancelled.
        return 0 if $node->ask("select count(*) from atelier_internal.attempts where outcome = 'cancelled' and sent is null");
        return $node->ask('select not exists (select from atelier.jobs) and not exists (select from atelier_internal.object_deletions)') eq 't';
    }, 30);
}

# Ten thousand pictures with all that their making left behind, as set-based rows; two are made as always.
my $client = $doomed->{client};
my $directory = $node->store_directory;
make_path("$directory/clients/$client/generated", "$directory/doomed-elsewhere");
sub file_of { my ($n) = @_; return $n % 100 ? "clients/$client/generated/$n.png" : "doomed-elsewhere/$n.png" }
for my $n (1 .. $in_files) { open my $file, '>', "$directory/" . file_of($n) or die $!; print $file 'a picture'; close $file }
$store->fill($in_bucket, "clients/$client/generated/");
$node->ask(qq(
    insert into atelier.images (id, client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256)
    select gen_random_uuid(), '$client', case when n > 0 then 'file' else 'media' end, case when n > 0 then '' else '$Store::BUCKET' end,
           case when n <= 0 then 'clients/$client/generated/' || to_char(-n, 'FM00000')
                when n % 100 = 0 then 'doomed-elsewhere/' || n || '.png' else 'clients/$client/generated/' || n || '.png' end,
           'ready', 1, 1, 9, 'image/png', repeat('ab', 32)
      from generate_series(1 - $in_bucket, $in_files) n;
    insert into atelier.generated_assets (client_id, product_id, image_id, status, settings, progress, completed_at, deleted_at, job_id)
    select i.client_id, '$doomed->{product}', i.id, 'completed', '${\ Atelier::plain_settings()}', 100, now(), case when random() < 0.1 then now() end, gen_random_uuid()
      from atelier.images i where i.client_id = '$client' and i.mime_type = 'image/png' and i.file_size = 9;
    insert into atelier_internal.attempts (ring, id, job_id, instance, pipeline, step, number, lane_id, epoch, token, image_id, client_id, outcome, finished_at, error_message)
    select atelier_internal.ring_slot(now()), nextval('atelier_internal.attempt_sequence'), a.job_id, atelier_internal.instance_id(), 'generate_image', 1, 1, 1, 1, 1, a.image_id, '$client',
           'completed', now(), 'clients/$client/' || a.image_id
      from atelier.generated_assets a where a.client_id = '$client';
    insert into atelier_internal.history_completed (ring, job_id, instance, pipeline, lane_id, subject_id, client_id, attempts, crashes, created_at)
    select atelier_internal.ring_slot(now()), a.job_id, atelier_internal.instance_id(), 'generate_image', 1, a.id, '$client', 1, 0, now()
      from atelier.generated_assets a where a.client_id = '$client';
    insert into atelier_internal.events (kind, client_id, subject_id, job_id, data)
    select 'job.completed', '$client', a.id, a.job_id, jsonb_build_object('key', 'clients/$client/' || a.image_id) from atelier.generated_assets a where a.client_id = '$client';
    insert into atelier_internal.ledger (client_id, job_id, attempt_id, provider, model, unit, quantity, cost, currency)
    select '$client', a.job_id, 0, 'somebody', 'm', 'image', 1, 0.039, 'USD' from atelier.generated_assets a where a.client_id = '$client';
    analyze));
$node->request_many($_, 2) for $doomed, $other;
ok($node->wait_until("select not exists (select from atelier.jobs)", 30), 'all is made');
is($node->ask("select count(*) from atelier.generated_assets where client_id = '$client'"), $in_files + $in_bucket + 2, 'the client has 10,002 assets');
$node->ask("insert into atelier_internal.audit_log (client_id, user_id, action, entity, entity_id, details)
    select client_id, '$ann', 'asset.deleted', 'asset', id, '{\"slug\": \"doomed-shop\"}' from atelier.generated_assets where deleted_at is not null");

# Work of both is under way: pictures that are being bought, and such as are just being stored.
$store->behave(rules => [ { operation => 'put_object', do => 'hold_answer', times => 0 } ]);
$provider->order($node, $doomed, 2, store => 'media');
cmp_ok($store->wait_for_held(2), '==', 2, 'two pictures are on their way to the store');
$provider->behave(latency_ms => 3000);
$provider->order($node, $doomed, 4, first => 3);
$provider->wait_for_open(4, 10);
my $sums = "select provider, model, unit, currency, count(*), sum(quantity), sum(cost) from atelier_internal.ledger where provider = 'somebody' group by 1, 2, 3, 4";
my $ledger = $node->ask($sums);
my %rows = map { $_ => "select md5(string_agg(t::text, ' ' order by t::text)) from $_ t where t.client_id = '$other->{client}'" }
  split /\n/, $node->ask(q(select a.attrelid::regclass from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attname = 'client_id' and c.relkind in ('r', 'p')
    and not c.relispartition and c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)));
my %before = map { $_ => $node->ask($rows{$_}) } keys %rows;
cmp_ok($node->ask("select count(*) from public.named(array['$client'])"), '>', 9, 'many tables name the client');

my $position = $node->log_position;
my $started = time;
my $tombstone = $node->ask("select atelier.erase_client('$client')");
note(sprintf 'erased in %.2f s', time - $started);
cmp_ok(time - $started, '<', 60, 'it takes less than a minute');
like($tombstone, qr/^[0-9a-f-]{36}$/, 'and returns the tombstone');
is_deeply({ map { $_ => $node->ask($rows{$_}) } keys %rows }, \%before, 'S2-67: nothing of the other client has changed');
is($node->ask($sums), $ledger, 'S3-57: the sums of the ledger stay');
is($node->ask("select count(*) from atelier.usage_ledger where client_id = '$tombstone' and provider = 'somebody'"), $in_files + $in_bucket, 'under the tombstone');
is($node->ask("select count(*) from atelier.jobs where client_id is not null"), 0, 'X-58: its work has ended');
$store->release;
ok($node->wait_until("select objects_left = 0 from atelier.erasure_log where tombstone = '$tombstone'", 60), 'S3-57: its objects are deleted');
note(sprintf 'all is gone after %.2f s', time - $started);
# An upload that was aborted may still have reached the store: its deletion waits a minute.
ok($node->wait_until("select count(*) >= 2 from atelier.usage_ledger where client_id = '$tombstone' and provider = 'studio' and unit = 'image'", 20), 'X-58: what late answers have cost is entered under the tombstone');
ok(quiet(), 'X-58: what they stored is deleted');
is_deeply([ $store->differences($node) ], [], 'S3-57: no object of it is in the bucket');
my @left = split /\n/, `find $directory/clients/$client $directory/doomed-elsewhere -type f 2>/dev/null`;
is(scalar @left, 0, 'S3-57: nor in the directory') or diag(join "\n", @left[ 0 .. 5 ]);
is($node->ask("select string_agg(n, ', ' order by n) from public.named(array['$client', 'doomed-shop', 'doomed-elsewhere']) n"), '', 'S3-57, X-22: no row of any table names the client, its slug or its keys');
is($node->ask("select string_agg(n, ', ' order by n) from public.named(array['ann\@doomed.example']) n"), 'atelier.users names ann@doomed.example', 'its user stays');
is($node->ask("select count(*) from atelier.live_assets where client_id = '$other->{client}'"), 2, 'the other client has its assets');
my $stone = $node->ask("select atelier.erase_user('$ann')");
is($node->ask("select string_agg(n, ', ' order by n) from public.named(array['$ann', 'ann\@doomed.example']) n"), '', 'S3-57: until it is erased too');
is($node->ask("select count(*) from atelier.alerts where kind not like 'price_unknown:%'"), 0, 'no alert was raised');
unlike($node->log_since($position), qr/PANIC|ERROR|WARNING/, 'and no error logged');

# Erasures and work at once: the other client is served while one is open, and who works for a client that goes waits or is refused.
my $third = $node->make_studio(slug => 'third-shop');
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$third->{image}'"), 'another studio');
my $session = Session->new($node);
$node->request_many($third, 3);
$session->run("begin; select atelier.erase_client('$third->{client}')");
my ($asset) = $node->request($other);
$started = time;
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$asset'", 10), 'X-58: the worker does not wait for an erasure that is open');
note(sprintf 'made in %.2f s', time - $started);
$session->run('commit');
$session->leave;
ok(quiet(), 'what was under way has ended');
is($node->ask("select string_agg(n, ', ' order by n) from public.named(array['$third->{client}', 'third-shop']) n"), '', 'S3-57: and names nobody');

$node->stop;
$store->stop;
$provider->stop;
done_testing();
