# What S3 servers answer when they do not do as asked, one paid picture for each: it is stored all the same, is bought once,
# and nothing is left over. Then pictures that go up in parts.
use strict;
use warnings;
use Atelier;
use Provider;
use Store;
use Test::More;

my $node = Atelier->start_cluster('s3_answers', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, default => 1, options => { multipart_threshold => '5MB', part_size => '5MB' });
my $studio = $node->make_studio(store => $store);
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 50_000);
$provider->introduce($node);
my $made = 0;

# One picture under these rules of the gate.
sub picture
{
    my ($name, @rules) = @_;
    $store->forget;
    $provider->reset_counts;
    $store->behave(rules => \@rules);
    $provider->order($node, $studio, 1, first => ++$made);
    my $ended = $node->wait_until("select count(*) = $made from atelier.generated_assets where status in ('completed', 'error')", 40);
    ok($ended && $node->count_status('completed') == $made, "$name: the picture is stored")
      or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
    is($provider->counts->{billed}, 1, "$name: and bought once");
    return $store->counts;
}

sub error_of
{
    my ($code, $status, @headers) = @_;
    return (do => 'answer', status => $status, headers => [ [ 'Content-Type', 'application/xml' ], @headers ],
        body => qq(<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>$code</Code><Message>Please.</Message><RequestId>1</RequestId></Error>));
}

my @put = (operation => 'put_object');
my %cases = (
    'SlowDown' => [ { error_of('SlowDown', 503, [ 'Retry-After', 1 ]), @put } ],
    'SlowDown as 429' => [ { error_of('SlowDown', 429), @put } ],
    'InternalError, twice' => [ { error_of('InternalError', 500), @put, times => 2 } ],
    'a gateway that speaks HTML' => [ { do => 'answer', status => 502, headers => [ [ 'Content-Type', 'text/html' ] ], body => '<html><p>Bad gateway<br></html>', @put } ],
    'OperationAborted' => [ { error_of('OperationAborted', 409), @put } ],
    'ConditionalRequestConflict' => [ { error_of('ConditionalRequestConflict', 409), @put } ],
    'RequestTimeout' => [ { error_of('RequestTimeout', 400), @put } ],
    'BadDigest' => [ { error_of('BadDigest', 400), @put } ],
    'an error inside a 200' => [ { error_of('InternalError', 200), @put } ],
    'a server without If-None-Match' => [ { error_of('NotImplemented', 501), @put } ],
    'a request that is lost' => [ { do => 'lose_request', @put } ],
    'an answer that is lost' => [ { do => 'lose_answer', @put } ],
    'two answers that are lost' => [ { do => 'lose_answer', @put, times => 2 } ],
    'a photo cut short' => [ { do => 'truncate', operation => 'get_object', key => 'photos' } ],
    'a photo that is slow down' => [ { error_of('SlowDown', 503), operation => 'get_object', key => 'photos' } ]);
picture($_, @{ $cases{$_} }) for sort keys %cases;
ok($store->wait_until_quiet($node, 20), 'everything that is left over is removed');
is_deeply([ $store->differences($node) ], [], 'the objects are those of the rows');

# In parts.
$provider->behave(picture_bytes => 12_000_000);
my $counts = picture('12 MB');
is($counts->{create_multipart} // 0, 1, '12 MB: in one upload');
is($counts->{upload_part} // 0, 3, '12 MB: of three parts');
is($counts->{complete_multipart} // 0, 1, '12 MB: that is completed');
is($counts->{put_object} // 0, 0, '12 MB: and not put whole');
my %parts = (
    'a part that fails' => [ { error_of('InternalError', 500), operation => 'upload_part' } ],
    'a part whose answer is lost' => [ { do => 'lose_answer', operation => 'upload_part' } ],
    'an error inside the 200 of the completion' => [ { error_of('InternalError', 200), operation => 'complete_multipart' } ],
    'an empty 200 of the completion' => [ { do => 'answer', status => 200, operation => 'complete_multipart' } ],
    'a completion whose answer is lost' => [ { do => 'lose_answer', operation => 'complete_multipart' } ],
    'an upload that the server forgot' => [ { error_of('NoSuchUpload', 404), operation => 'upload_part' } ]);
picture($_, @{ $parts{$_} }) for sort keys %parts;
ok($store->wait_until_quiet($node, 20), 'in parts: everything that is left over is removed');
is_deeply([ $store->differences($node) ], [], 'in parts: the objects are those of the rows');
is_deeply([ $store->open_uploads ], [], 'in parts: no upload is left open');

unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
$node->stop;
$store->stop;
$provider->stop;
done_testing();
