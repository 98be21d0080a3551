# atelier.fsck() against stores that are there: a directory, and a radosgw with 5000 objects whose executor is killed on the way.
# What is wrong is found, nothing else; what nobody knows is gone after the repair, and then nothing is found any more.
use strict;
use warnings;
use Atelier;
use File::Path qw(make_path);
use Store;
use Test::More;

my $objects = 5000;
my $node = Atelier->start_cluster('fsck', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms' });
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'worker and executor are ready');
my $client = $node->ask("select atelier.create_client('Shop', 'shop')");
my $prefix = "clients/$client/generated/";
my $unknown = 'clients/0b0e7d4e-6f7a-4d8a-9c57-3b1c8a1e2f00/generated/';

sub check
{
    my ($store) = @_;
    my $run = $node->ask("select atelier.fsck('$store')");
    $node->wait_until("select state <> 'running' from atelier.fsck_runs where run_id = '$run'", 60);
    return $run;
}
sub state_of { my ($run) = @_; return $node->ask("select concat_ws(' ', state, objects, error_message) from atelier.fsck_runs where run_id = '$run'") }
sub found
{
    my ($run) = @_;
    return [ split /\n/, $node->ask(
        "select concat_ws(' ', finding, substr(key, length('$prefix') + 1), expected_size, found_size) from atelier.fsck_findings where run_id = '$run' order by finding, key collate \"C\"") ];
}
# Rows of pictures of one byte with these keys.
sub rows
{
    my ($store, $bucket, $keys) = @_;
    $node->ask(qq(
        insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256, created_at)
        select '$client', '$store', '$bucket', '$prefix' || key, 'ready', 1, 1, 1, 'image/png', repeat('0', 64), now() - interval '2 days'
          from ($keys) as k (key)));
    return;
}

# A directory.
my $directory = $node->ask("select atelier.store_path('file')");
sub file
{
    my ($name, $size, $days, $place) = @_;
    my $path = "$directory/" . ($place // $prefix) . $name;
    make_path($path =~ s{/[^/]*$}{}r);
    open my $out, '>', $path or die "$path: $!";
    print $out 'x' x $size;
    close $out or die "$path: $!";
    utime((time - $days * 86_400) x 2, $path) or die "$path: $!";
    return $path;
}
file($_, 1, 2) for 'a.png', 'a/b.png', 'a-b.png', 'Z.png', "\xc3\xa4.png", map { sprintf 'many/%04d.png', $_ } 1 .. 1200;
file('short.png', 7, 2);
my $stray = file('stray/x.png', 3, 2);
my $foreign = file('theirs.png', 3, 2, $unknown);
my $young = file('young.png', 3, 0);
my $unfinished = file('.incoming-0123456789abcdef', 3, 2);
rows('file', '', "values ('a.png'), ('a/b.png'), ('a-b.png'), ('Z.png'), ('\xc3\xa4.png'), ('short.png'), ('missing.png')");
rows('file', '', "select format('many/%s.png', to_char(n, 'FM0000')) from generate_series(1, 1200) n");
my $expected = [ 'object_of_unknown_client theirs.png 3', 'object_without_row stray/x.png 3', 'row_without_object missing.png 1', 'size_differs short.png 1 7' ];

my $run = check('file');
is(state_of($run), 'completed 1209', 'every object of the directory is seen once');
is_deeply(found($run), $expected, 'a directory: what is wrong is found, nothing else');
ok(-e $stray, 'and left as it is');
is($node->ask("select atelier.fsck_repair('$run')"), 1, 'a directory: the stray is queued for deletion');
ok($node->wait_until('select not exists (select from atelier_internal.object_deletions)', 20), 'a directory: the queue is worked off');
ok(!-e $stray, 'a directory: the stray is gone');
ok(-e $young && -e $unfinished, 'what is young, or unfinished, is not');
ok(-e $foreign, 'nor what another database may keep in the same directory');
is_deeply(found(check('file')), [ grep { !/stray/ } @$expected ], 'a directory: what people have to decide is found again, and nothing else');

chmod 0, "$directory/${prefix}many" or die $!;
$run = check('file');
like(state_of($run), qr{^failed .*many.* cannot be read}, 'a directory that cannot be read fails the check')
  or diag(state_of($run));
is($node->ask("select count(*) from atelier.fsck_findings where run_id = '$run' and key like '%/many/%'"), 0, 'instead of missing all that is in it');
chmod 0750, "$directory/${prefix}many" or die $!;

# A bucket. Nobody can make its objects older, so the time to wait is made shorter.
my $store = Store->start;
$store->introduce($node);
$node->ask(q(create or replace function atelier_internal.check_grace() returns interval language sql immutable parallel safe
             set search_path = pg_catalog, pg_temp return interval '-1 minute'));
$store->fill($objects, $prefix);
rows('media', $Store::BUCKET, "select to_char(n, 'FM00000') from generate_series(0, @{[ $objects - 1 ]}) n");
$store->forget;
$run = check('media');
is(state_of($run), "completed $objects", 'a bucket: every object is seen once');
is_deeply(found($run), [], 'a bucket: rows and objects are the same');
is($store->counts->{list_objects}, 5, 'a bucket: a page of a thousand each, no request more');
is($store->counts->{all}, 5, 'and no other request');

# Five more objects than rows, five more rows than objects, in several pages; the executor dies at one of them.
$store->remove(sprintf '%s%05d', $prefix, $_) for 0, 999, 1000, 2500, 4999;
$store->put($prefix . $_, 'stray') for '00000+', '00999 %25', "02500\x{e9}", '3&<', '~';
my @wrong = ((map { "object_without_row $_ 5" } '00000+', '00999 %25', "02500\xc3\xa9", '3&<', '~'),
    (map { sprintf 'row_without_object %05d 1', $_ } 0, 999, 1000, 2500, 4999));
for my $when ('hold_request', 'hold_answer')
{
    $store->forget;
    $store->behave(rules => [ { do => 'delay', operation => 'list_objects' }, { do => 'delay', operation => 'list_objects' }, { do => $when, operation => 'list_objects' } ]);
    $run = $node->ask("select atelier.fsck('media')");
    is($store->wait_for_held(1), 1, "$when: a page is on its way");
    kill 'KILL', $node->executor_pid(20);
    $store->release;
    ok($node->wait_until("select state <> 'running' from atelier.fsck_runs where run_id = '$run'", 60), "$when: the check ends");
    is(state_of($run), "completed $objects", "$when: every object is seen once, although the executor was killed");
    is_deeply(found($run), \@wrong, "$when: what is wrong is found, nothing else");
}
$store->behave(rules => [ { do => 'answer', operation => 'list_objects', status => 403, times => 0, body => '<Error><Code>AccessDenied</Code><Message>No.</Message></Error>' } ]);
like(state_of(check('media')), qr/^failed 0 .*media.*AccessDenied/, 'a bucket that may not be listed fails the check, and says so');
$store->forget;
$node->ask("select atelier.resume_lane('media')");

is($node->ask("select atelier.fsck_repair('$run')"), 5, 'a bucket: the strays are queued for deletion');
ok($store->wait_until_quiet($node, 20), 'a bucket: the queue is worked off');
is_deeply(found(check('media')), [ grep { /^row/ } @wrong ], 'a bucket: only rows without objects are left');

$node->stop;
$store->stop;
done_testing();
