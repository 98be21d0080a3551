# Deletion that can be undone, to its end, with a real store: undo on day 29 works; on day 31 the row is gone, the object is gone,
# and undo is refused with its reason. Then an application that restores while the purge runs: it wins or is refused, never half.
use strict;
use warnings;
use Atelier;
use Store;
use Test::More;

my $node = Atelier->start_cluster('purge', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, default => 1);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');

sub make
{
    my ($count) = @_;
    my @assets = $node->request_many($studio, $count, style => 'japandi');
    my $list = join ',', map { "'$_'" } @assets;
    ok($node->wait_until("select count(*) = $count from atelier.generated_assets where id in ($list) and status = 'completed'", 60), "$count picture(s) made");
    return @assets;
}

# As if it had been deleted so many days ago.
sub delete_before
{
    my ($days, @assets) = @_;
    my $list = join ',', map { "'$_'" } @assets;
    $node->ask("select atelier.soft_delete_asset(a) from unnest(array[$list]::uuid[]) a");
    $node->ask("update atelier.generated_assets set deleted_at = now() - interval '$days days' where id in ($list)");
    return;
}

my ($asset) = make(1);
my $key = $node->ask("select s3_key from atelier.images i join atelier.generated_assets a on a.image_id = i.id where a.id = '$asset'");
ok((grep { $_ eq $key } $store->keys_there), 'its object is in the bucket');
delete_before(29, $asset);
is($node->ask('select atelier.purge_deleted_assets()'), 0, 'S0-19: on day 29 the purge leaves it alone');
is($node->ask("select atelier.restore_asset('$asset')"), $asset, 'S0-20: and undo works');
is($node->ask("select i.status from atelier.images i join atelier.generated_assets a on a.image_id = i.id where a.id = '$asset' and a.deleted_at is null"), 'ready', 'S0-20: with its picture');
delete_before(31, $asset);
is($node->ask('select atelier.purge_deleted_assets()'), 1, 'S0-19: on day 31 it goes');
ok($store->wait_until_quiet($node, 20), 'the worker has done its part');
is($node->ask("select count(*) from atelier.generated_assets where id = '$asset'"), 0, 'S0-19: the row is gone');
is((grep { $_ eq $key } $store->keys_there), 0, 'S0-18: the object is gone from the bucket');
like($node->refusal("select atelier.restore_asset('$asset')"), qr/P0002: asset cannot be restored: it was purged\nDETAIL:  Asset $asset was purged at .*: it was deleted at .*, and could be restored for 30 days/, 'S0-20: undo is refused with its reason');
is_deeply([ $store->differences($node) ], [], 'rows and objects agree');

# Undo while the purge queues, the worker asks and the store deletes, each a little later than the one before.
my $rounds = $ENV{ATELIER_LONG} ? 60 : 12;
my @race = make($rounds);
my ($won, $lost) = (0, 0);
for my $round (0 .. $#race)
{
    delete_before(31, $race[$round]);
    my $purged = $node->ask('select atelier.purge_deleted_assets()');
    is($purged, 1, "round $round: it is due");
    select undef, undef, undef, 0.12 * $round;
    my $refusal = $node->refusal("select atelier.restore_asset('$race[$round]')");
    $refusal eq '' ? $won++ : $lost++;
    ok($refusal eq '' || $refusal =~ /asset cannot be restored: (its picture is being deleted|it was purged)/, "round $round: " . ($refusal eq '' ? 'it is back' : 'refused')) or diag($refusal);
    ok($store->wait_until_quiet($node, 20), "round $round: all is done");
    my $there = $node->ask("select count(*) from atelier.generated_assets a join atelier.images i on i.id = a.image_id and i.status = 'ready' where a.id = '$race[$round]' and a.deleted_at is null");
    is($there, $refusal eq '' ? 1 : 0, "round $round: wholly");
}
note("undo came in time $won times, and too late $lost times");
is_deeply([ $store->differences($node) ], [], 'what is back has its object, what is gone has none');
cmp_ok($won, '>', 0, 'some came in time');
cmp_ok($lost, '>', 0, 'and some too late');

$node->stop;
$store->stop;
done_testing();
