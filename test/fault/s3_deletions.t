# Queued deletions leave in batches, and none of a key that a row holds leaves at all. ATELIER_LONG=1: all objects are there.
use strict;
use warnings;
use Atelier;
use Store;
use Test::More;
use Time::HiRes qw(time);

my ($queued, $held) = (10_000, 500);
my $there = $ENV{ATELIER_LONG} ? $queued : 2 * $held;
my $node = Atelier->start_cluster('s3_deletions', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node);
my $client = $node->ask("select atelier.create_client('Shop', 'shop')");
my $prefix = "clients/$client/generated/";
$store->fill($there, $prefix);

# Every second one of the first thousand is a picture's.
$node->ask(qq(
    insert into atelier.images (client_id, store, s3_bucket, s3_key, status, width, height, file_size, mime_type, sha256)
    select '$client', 'media', '$Store::BUCKET', '$prefix' || to_char(2 * n, 'FM00000'), 'ready', 1, 1, 1, 'image/png', repeat('0', 64)
      from generate_series(0, $held - 1) n));
my %is_held = map { sprintf('%s%05d', $prefix, 2 * $_) => 1 } 0 .. $held - 1;
my $started = time;
$store->queue_deletions($node, map { sprintf '%s%05d', $prefix, $_ } 0 .. $queued - 1);
is($node->ask('select count(*) from atelier_internal.object_deletions'), $queued, "$queued deletions are queued");
ok($store->wait_until_quiet($node, 60), 'all of them are dealt with');
note(sprintf 'in %.2f s', time - $started);
my @batches = $store->requests('delete_objects');
cmp_ok(scalar @batches, '<=', 11, 'in at most 11 requests: ' . @batches);
is(scalar($store->requests), scalar @batches, 'and no other');
my @asked = map { @{ $_->{keys} } } @batches;
is(scalar(grep { $is_held{$_} } @asked), 0, 'none of a key that a row holds');
my %asked = map { $_ => 1 } @asked;
is(scalar keys %asked, $queued - $held, 'and each of the others');
is(scalar @asked, $queued - $held, 'once');
is_deeply([ $store->keys_there ], [ sort keys %is_held ], 'what a row holds is still there, and nothing else');

sub failures_of
{
    my (@keys) = @_;
    return '<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
      . join('', map { "<Error><Key>$_</Key><Code>InternalError</Code><Message>Try again.</Message></Error>" } @keys) . '</DeleteResult>';
}

# The server fails for each of the keys, then for the request as a whole, then says nothing. Nothing is forgotten.
my %trouble = (
    'errors of keys' => sub { (do => 'answer', status => 200, headers => [ [ 'Content-Type', 'application/xml' ] ], body => failures_of(@_)) },
    'a request that is refused for its rate' => sub { (do => 'answer', status => 503, headers => [ [ 'Retry-After', 1 ] ], body => '<Error><Code>SlowDown</Code></Error>') },
    'an answer that is lost' => sub { (do => 'lose_answer') },
    'an error inside a 200' => sub { (do => 'answer', status => 200, body => '<Error><Code>InternalError</Code></Error>') },
    'a refusal' => sub { (do => 'answer', status => 403, body => '<Error><Code>AccessDenied</Code><Message>No.</Message></Error>') });
for my $case (sort keys %trouble)
{
    $store->forget;
    my @keys = map { $store->put("$prefix$case-$_.png" =~ s/ /-/gr, 'stray') } 1 .. 3;
    $store->behave(rules => [ { operation => 'delete_objects', $trouble{$case}->(@keys) } ]);
    $store->queue_deletions($node, @keys);
    ok($node->wait_for_condition(sub { ($store->counts->{delete_objects} // 0) >= 1 }, 10), "$case: it was tried");
    if ($case eq 'a refusal')
    {
        ok($node->wait_until("select exists (select from atelier.lanes where provider = 'media' and state = 'paused')", 10), "$case: the lane pauses");
        cmp_ok($node->ask('select count(*) from atelier_internal.object_deletions'), '==', 3, "$case: nothing is forgotten");
        $node->ask("select atelier.resume_lane('media')");
    }
    $store->hurry($node);
    ok($store->wait_until_quiet($node, 20), "$case: in the end all is done")
      or diag($node->ask('select * from atelier_internal.object_deletions'), $node->ask('select state, reason, pipeline from atelier.jobs'));
    is_deeply([ grep { !$is_held{$_} } $store->keys_there ], [], "$case: and gone");
    is($store->counts->{delete_objects}, 2, "$case: with two requests") or diag(explain [ $store->requests ]);
}

# Keys that are hard to write.
my @odd = map { "$prefix$_" } 'a b+c%25.png', 'a&b<c>"d".png', "\xc3\xa9\xe2\x82\xac.png", 'x' x 900;
$store->put($_, 'stray') for @odd;
$store->queue_deletions($node, @odd);
ok($store->wait_until_quiet($node, 20), 'odd keys: all is done') or diag($node->ask('select left(key, 100), tries, error_class, error_message from atelier.deletion_queue'));
is_deeply([ grep { !$is_held{$_} } $store->keys_there ], [], 'odd keys: and gone');

$node->stop;
$store->stop;
done_testing();
