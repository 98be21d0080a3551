# Pictures move from the store file into S3 and back while the executor is killed: each is where its row says, with the bytes
# it had, and nothing is left where it was. ATELIER_LONG=1: 500 pictures.
use strict;
use warnings;
use Atelier;
use Digest::SHA qw(sha256_hex);
use Photo;
use Store;
use Test::More;
use Time::HiRes qw(time);

my $pictures = $ENV{ATELIER_LONG} ? 500 : 30;
my $node = Atelier->start_cluster('s3_move', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node);
my $client = $node->ask("select atelier.create_client('Shop', 'shop')");
my $directory = $node->store_directory;
mkdir $_ or die "$_: $!" for map { "$directory/clients$_" } '', "/$client", "/$client/photos";
write_photo($_, Photo::png(width => 16 + $_ % 64, height => 16 + int($_ / 64))) for 1 .. $pictures;
$node->ask("select count(atelier.register_image('$client', format('clients/%s/photos/%s.png', '$client', to_char(n, 'FM000')))) from generate_series(1, $pictures) n");
ok($node->wait_until("select count(*) = $pictures from atelier.images where status = 'ready'", $pictures), "$pictures pictures are ready");
my $hashes = 'select md5(string_agg(i.id || i.sha256, chr(10) order by i.id)) from atelier.images i';
my $before = $node->ask($hashes);

sub write_photo
{
    my ($number, $bytes) = @_;
    my $path = sprintf '%s/clients/%s/photos/%03d.png', $directory, $client, $number;
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
    return;
}

sub files { return grep { -f } map { glob "$directory/clients/$client/$_/*" } qw(photos generated uploads moved) }

# Calls move_objects() until it has nothing left to do; how many it moved. `meanwhile` is called after the first batch.
sub move
{
    my ($from, $to, $batch, $meanwhile) = @_;
    my $moved = 0;
    while (my $count = $node->ask("select atelier.move_objects('$from', '$to', $batch)"))
    {
        $meanwhile->() if $meanwhile && !$moved;
        $moved += $count;
        $node->wait_until('select not exists (select from atelier.jobs)', 60);
    }
    ok($node->wait_until('select not exists (select from atelier.jobs)', 60), "from $from to $to");
    # Where they were, orders may still read them for a while.
    $store->hurry($node);
    return $moved;
}

# Into S3; the executor is killed in the first batch, when an object is there and nobody was told.
$store->behave(rules => [ { do => 'hold_answer', operation => 'put_object' } ]);
my $started = time;
my $moved = move('file', 'media', $pictures / 2, sub {
    is($store->wait_for_held(1), 1, 'on the way into S3');
    kill 'KILL', $node->executor_pid(10);
    $store->release });
note(sprintf '%d moved into S3 in %.2f s', $moved, time - $started);
cmp_ok($moved, '>=', $pictures, 'each is moved');
ok($store->wait_until_quiet($node, 60), 'and nothing is left to do');
is($node->ask("select count(*) from atelier.images where store = 'media' and s3_bucket = '$Store::BUCKET' and status = 'ready'"), $pictures, 'all of them lie in S3');
is($node->ask($hashes), $before, 'with the hashes that they had');
is_deeply([ $store->differences($node) ], [], 'the objects are those of the rows');
is(scalar(my @left = files()), 0, 'and gone from where they were');

# Back again, with a worker that is killed.
$store->forget;
$store->behave(rules => [ { do => 'delay', before_ms => 30, operation => 'get_object', times => 0 } ]);
$node->ask("select atelier.move_objects('media', 'file')");
ok($node->wait_for_condition(sub { ($store->counts->{get_object} // 0) >= 3 }, 10), 'on the way back');
ok($node->crash_worker, 'the worker is killed');
move('media', 'file', 1000);
ok($store->wait_until_quiet($node, 60), 'nothing is left to do');
is($node->ask("select count(*) from atelier.images where store = 'file' and s3_bucket = '' and status = 'ready'"), $pictures, 'all of them are back');
is($node->ask($hashes), $before, 'with the hashes that they had');
is_deeply([ $store->keys_there ], [], 'S3 is empty');
my $good = 0;
for my $row (split /\n/, $node->ask('select s3_key, sha256 from atelier.images'))
{
    my ($key, $sha256) = split /\|/, $row;
    open my $in, '<:raw', "$directory/$key" or next;
    $good++ if sha256_hex(do { local $/; <$in> }) eq $sha256;
}
is($good, $pictures, 'each file is as its row says');
is(scalar(@left = files()), $pictures, 'and there is no other');

# An object that is not what its row says stays where it is.
my ($image, $key) = split /\|/, $node->ask('select id, s3_key from atelier.images order by id limit 1');
$node->store_object($key, Photo::png(colour => [ 1, 2, 3 ]));
is($node->ask("select atelier.move_objects('file', 'media')"), $pictures, 'with one that was changed: all are moved');
ok($node->wait_until('select not exists (select from atelier.jobs)', 60), 'with one that was changed: or not');
$store->hurry($node);
ok($store->wait_until_quiet($node, 60), 'with one that was changed: nothing is left to do');
is($node->ask("select store from atelier.images where id = '$image'"), 'file', 'with one that was changed: it is not moved');
is($node->ask("select count(*) from atelier.images where store = 'media'"), $pictures - 1, 'with one that was changed: all others are');
is_deeply([ $store->differences($node) ], [], 'with one that was changed: the objects are those of the rows');

$node->stop;
$store->stop;
done_testing();
