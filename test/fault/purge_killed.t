# The purge killed with -9 at ten points, from its own transaction to the removal of the rows: after the next run all that was due
# is gone, rows and objects, no row lacks its object, no object lacks its row, and what was not due is still there.
use strict;
use warnings;
use Atelier;
use Session;
use Store;
use Test::More;

my $node = Atelier->start_cluster('purge_killed', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, default => 1);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');

# Nobody can make objects of a bucket older, so the time that a check waits is made shorter.
$node->ask(q(create or replace function atelier_internal.check_grace() returns interval language sql immutable parallel safe
             set search_path = pg_catalog, pg_temp return interval '-1 minute'));
my $made = 0;

# Two deleted assets that are due with an object each, and one that may still be restored.
sub make_due
{
    my @keys = map { $store->put("clients/$studio->{client}/generated/asset-" . $made++ . '.png', 'picture') } 1 .. 3;
    my $list = join ',', map { "'$_'" } @keys;
    $node->ask(qq(
        with pictures as (
            insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, metadata)
            select '$studio->{client}', 'media', '$Store::BUCKET', k.key, 'ready', 1, 1, 7, 'image/png', encode(sha256('picture'), 'hex'), '{"source": "generated"}'
              from unnest(array[$list]) k (key)
            returning id, s3_key)
        insert into atelier.generated_assets (client_id, product_id, image_id, status, progress, settings, completed_at, deleted_at)
        select '$studio->{client}', '$studio->{product}', p.id, 'completed', 100, '@{[ Atelier::plain_settings() ]}', now(),
               now() - case p.s3_key when '$keys[2]' then interval '29 days' else interval '31 days' end
          from pictures p));
    return;
}

sub is_whole
{
    my ($case) = @_;
    ok($node->wait_until("select state = 'running' and executor_pid > 0 from atelier.workers where database = '$Atelier::DATABASE'", 30), "$case: the worker is there");
    $node->ask('select atelier.purge_deleted_assets()');
    $store->hurry($node);
    ok($store->wait_until_quiet($node, 60), "$case: everything ends")
      or diag($node->ask('select state, reason, pipeline, count(*) from atelier.jobs group by 1, 2, 3'), $node->ask('select * from atelier_internal.object_deletions'));
    is($node->ask("select count(*) from atelier.generated_assets where deleted_at < now() - interval '30 days'"), 0, "$case: what was due is gone");
    is($node->ask("select count(*) from atelier.generated_assets where deleted_at is not null"), $made / 3, "$case: what can be restored is there");
    is($node->ask("select count(*) || ' ' || count(distinct entity_id) from atelier.purge_log where action = 'purged' and entity = 'asset'"),
        join(' ', (2 * $made / 3) x 2), "$case: the log has each once");
    my $check = $node->ask("select atelier.fsck('media')");
    ok($node->wait_until("select state <> 'running' from atelier.fsck_runs where run_id = '$check'", 30), "$case: a check of the store ends");
    is($node->ask("select concat_ws(' ', state, objects, error_message) from atelier.fsck_runs where run_id = '$check'"), 'completed ' . $made / 3, "$case: it saw every object");
    is($node->ask("select string_agg(finding || ' ' || key, ', ' order by key) from atelier.fsck_findings where run_id = '$check'"), '', "$case: and found nothing");
    is_deeply([ $store->differences($node) ], [], "$case: no row without object, no object without row");
    return;
}

sub kill_backend
{
    my ($session) = @_;
    my $position = $node->log_position;
    my ($pid) = $session->run("select 'pid ' || pg_backend_pid()") =~ /^pid (\d+)$/m;
    kill 'KILL', $pid;
    return $node->wait_for_condition(sub { $node->log_since($position) =~ /database system is ready to accept connections/ }, 30);
}

# The purge's own transaction: before it commits, and while another one of it waits for its turn.
for my $when ('after its work', 'after its commit')
{
    my $case = "backend killed $when";
    make_due();
    my $session = Session->new($node);
    $session->run('begin') if $when eq 'after its work';
    like($session->run("select 'due ' || atelier.purge_deleted_assets()"), qr/^due 2$/m, "$case: two are due");
    ok(kill_backend($session), "$case: the server is back");
    is_whole($case);
}
for my $who ('executor', 'worker')
{
    for my $when ('before the deletion', 'before its answer', 'before the rows go', 'after all of it')
    {
        my $case = "$who killed $when";
        make_due();
        $store->forget;
        $store->behave(rules => [ { do => $when eq 'before the deletion' ? 'hold_request' : 'hold_answer', operation => 'delete_objects' } ]) unless $when eq 'after all of it';
        my $session;
        is($node->ask('select atelier.purge_deleted_assets()'), 2, "$case: two are due");
        if ($when eq 'after all of it') { ok($store->wait_until_quiet($node, 20), "$case: they are gone") }
        else { is($store->wait_for_held(1), 1, "$case: the request is on its way") }
        if ($when eq 'before the rows go')
        {
            $session = Session->new($node);
            $session->run('begin; select id from atelier.generated_assets for update');
            $store->release;
            $node->wait_for_condition(sub { $store->counts->{open} == 0 }, 10);
        }
        $who eq 'worker' ? $node->crash_worker : kill 'KILL', $node->executor_pid(20);
        $store->release;
        if ($session && $who eq 'executor') { $session->run('rollback'); $session->leave }
        is_whole($case);
    }
}

$node->stop;
$store->stop;
done_testing();
