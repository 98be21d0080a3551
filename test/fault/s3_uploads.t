# Photos that come in by a presigned PUT: what fits its announcement becomes an image, and nothing else stays in the store.
use strict;
use warnings;
use Atelier;
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use JSON::PP;
use Photo;
use Store;
use Test::More;

my $node = Atelier->start_cluster('s3_uploads', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, default => 1);
my $client = $node->ask("select atelier.create_client('Shop', 'shop')");
my $photo = Photo::png();
my $size = length $photo;
my $http = HTTP::Tiny->new(timeout => 20);

# What request_upload() returns: {image, method, url, headers, expires}. Further arguments as SQL text.
sub request_upload
{
    my ($filename, $type, $length, $more) = @_;
    my ($image, $method, $headers, $seconds, $url) = split /\|/, $node->ask(sprintf
        q(select image_id, method, headers, round(extract(epoch from expires_at - now())), url from atelier.request_upload('%s', '%s', '%s', %d%s)),
        $client, $filename, $type, $length, $more ? ", $more" : ''), 5;
    return { image => $image, method => $method, headers => decode_json($headers), seconds => $seconds, url => $url };
}

sub send_bytes
{
    my ($upload, $bytes, %headers) = @_;
    return $http->request($upload->{method}, $upload->{url}, { content => $bytes, headers => { %{ $upload->{headers} }, %headers } })->{status};
}

sub confirmed
{
    my ($upload) = @_;
    $node->ask("select atelier.confirm_upload('$upload->{image}')");
    $node->wait_until("select status <> 'pending' from atelier.images where id = '$upload->{image}'", 20);
    return $node->ask("select status || ' ' || coalesce(error_class, '') from atelier.images where id = '$upload->{image}'");
}
sub message_of { my ($upload) = @_; return $node->ask("select error_message from atelier.images where id = '$upload->{image}'") }
sub key_of { my ($upload) = @_; return $node->ask("select s3_key from atelier.images where id = '$upload->{image}'") }
sub is_there { my ($key) = @_; return scalar grep { $_ eq $key } $store->keys_there }

# As it should be.
my $upload = request_upload('My  chair (1).PNG', 'image/png', $size, "sha256 => '" . sha256_hex($photo) . q(', metadata => '{"angle": "front"}'));
is($upload->{method}, 'PUT', 'a presigned PUT');
cmp_ok(abs($upload->{seconds} - 897), '<=', 3, 'for 15 minutes');
like($upload->{url}, qr/[?&]X-Amz-SignedHeaders=[^&]*content-length/, 'whose length is signed');
like($upload->{url}, qr/[?&]X-Amz-SignedHeaders=[^&]*content-type/, 'and its type');
my $key = key_of($upload);
is($key, "clients/$client/uploads/$upload->{image}.png", 'its key is the engine\'s');
is($node->ask("select status from atelier.images where id = '$upload->{image}'"), 'pending', 'the image is pending');
is(send_bytes($upload, $photo), 200, 'the server takes it');
is(send_bytes($upload, $photo), 412, 'once');
is(confirmed($upload), 'ready ', 'confirmed, the image is ready') or diag(message_of($upload));
is($node->ask("select sha256 || ' ' || file_size || ' ' || mime_type || ' ' || width || ' ' || (metadata ->> 'angle') from atelier.images where id = '$upload->{image}'"),
    sha256_hex($photo) . " $size image/png 240 front", 'with all that is known of it');
$node->ask("select atelier.confirm_upload('$upload->{image}')");
is(confirmed($upload), 'ready ', 'confirming it again changes nothing');
is($store->differences($node), 0, 'object and row are the same');
my $product = $node->ask("select atelier.create_product('$client', 'Oak chair', 'CHAIR-1', 'chair', '{living_room}')");
$node->ask("select atelier.add_product_image('$product', '$upload->{image}')");
my $asset = $node->request({ client => $client, product => $product }, style => 'japandi');
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$asset'", 30), 'a picture is made of it');

my $heic = Photo::heic();
$upload = request_upload('IMG_0815.HEIC', 'image/heic', length $heic);
like(key_of($upload), qr/\.heic$/, 'a photo of a telephone');
is(send_bytes($upload, $heic), 200, 'is taken');
is(confirmed($upload), 'ready ', 'and known') or diag(message_of($upload));
is($node->ask("select mime_type || ' ' || width || ' ' || height from atelier.images where id = '$upload->{image}'"), 'image/heic 64 64', 'for what it is');

# What was announced is what the server takes.
$upload = request_upload('chair.png', 'image/png', $size);
is(send_bytes($upload, $photo, 'content-type' => 'text/html'), 403, 'another type than signed is refused');
is(send_bytes($upload, $photo . 'x', 'content-length' => $size + 1), 403, 'so is a longer body');
is($http->get($upload->{url})->{status}, 403, 'so is reading');
is(is_there(key_of($upload)), 0, 'and nothing is there');
is(confirmed($upload), 'failed invalid_request', 'confirmed without an upload it has failed');
my $expired = request_upload('chair.png', 'image/png', $size, q(expires => interval '1 second'));
sleep 2;
is(send_bytes($expired, $photo), 403, 'an upload that comes too late is refused');

# What is confirmed is what was announced.
my %bad = (
    'a PDF' => [ [ 'invoice.jpg', 'image/jpeg', 1000 ], "%PDF-1.7\n" . 'x' x 991, qr/picture|type|image/i ],
    'a PNG as a JPEG' => [ [ 'chair.jpg', 'image/jpeg', $size ], $photo, qr/image\/png|type/i ],
    'another picture' => [ [ 'chair.png', 'image/png', $size, q(sha256 => repeat('0', 64)) ], $photo, qr/sha-?256|hash/i ],
    'a picture cut short' => [ [ 'chair.png', 'image/png', $size - 100 ], substr($photo, 0, $size - 100), qr/./ ],
    'HTML' => [ [ 'page.png', 'image/png', 26 ], '<html><script></script></>', qr/./ ]);
for my $name (sort keys %bad)
{
    my ($announced, $bytes, $reason) = @{ $bad{$name} };
    $upload = request_upload(@$announced);
    $key = key_of($upload);
    is(send_bytes($upload, $bytes), 200, "$name: the server takes it");
    is(confirmed($upload), 'failed invalid_request', "$name: confirmed, the image has failed");
    like(message_of($upload), $reason, "$name: and says why");
    is($node->ask("select count(*) from atelier.deletion_queue where key = '$key' and run_after > now() + interval '15 minutes'"), 1, "$name: it is removed when its address has expired");
    $store->hurry($node);
    ok($node->wait_for_condition(sub { !is_there($key) }, 15), "$name: as it is then");
}
# The server cannot be told a length that it does not check: someone who owns the key put more there than was announced.
$upload = request_upload('chair.png', 'image/png', $size - 1);
$store->put(key_of($upload), $photo);
is(confirmed($upload), 'failed invalid_request', 'another size: the image has failed');
like(message_of($upload), qr/size|bytes/i, 'another size: and says why');

# What is not asked for in vain.
like($node->refusal("select atelier.request_upload('$client', 'a.svg', 'image/svg+xml', 100)"), qr/ERROR:  22023/, 'a type that is no photo is refused');
like($node->refusal("select atelier.request_upload('$client', 'a.png', 'image/jpeg', 100)"), qr/ERROR:  22023/, 'so is a name of another type');
like($node->refusal("select atelier.request_upload('$client', 'a.png', 'image/png', 10485761)"), qr/ERROR:  22023/, 'so is one that is too large');
like($node->refusal("select atelier.request_upload('$client', 'a.png', 'image/png', 0)"), qr/ERROR:  22023/, 'so is nothing');
like($node->refusal("select atelier.request_upload('$client', 'a.png', 'image/png', 100, store => 'file')"), qr/ERROR:  .*HINT/s, 'so is a store without addresses');

$store->hurry($node);
ok($store->wait_until_quiet($node, 20), 'nothing is left to do');
is_deeply([ $store->differences($node) ], [], 'object and row are the same throughout');
unlike($node->log_since(0), qr/X-Amz-Signature/, 'the server log tells no address');
$node->stop;
$store->stop;
done_testing();
