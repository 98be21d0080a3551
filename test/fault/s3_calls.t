# Pictures whose photo and result lie in an S3 store: every object is as its row says, no row lacks its object and no object
# its row. Then their addresses: presigned ones work as they are, for as long as they say. ATELIER_LONG=1: 500 products.
use strict;
use warnings;
use Atelier;
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use Provider;
use Store;
use Test::More;
use Time::HiRes qw(time);

my $products = $ENV{ATELIER_LONG} ? 500 : 60;
my $node = Atelier->start_cluster('s3_calls', settings => { 'pg_atelier.poll_interval' => '1h' });
my $store = Store->start;
$store->introduce($node, default => 1);
ok($node->wait_until("select bool_and(ok) from atelier.self_check()"), 'self_check finds nothing missing')
  or diag($node->ask('select * from atelier.self_check() where not ok'));
my $studio = $node->make_studio(store => $store);
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'a photo in the store is ready')
  or diag($node->ask('select status, error_class, error_message from atelier.images'));
my $inspected = $store->counts;
is($inspected->{all} - ($inspected->{get_object} // 0) - ($inspected->{head_object} // 0), 0, 'it was only read');

my $provider = Provider->start;
$provider->behave(latency_ms => 200);
$provider->introduce($node);
$store->forget;
my $started = time;
$provider->order($node, $studio, $products);
ok($node->wait_until("select count(*) filter (where status in ('completed', 'error')) = count(*) from atelier.generated_assets", 180), 'every asset ends');
note(sprintf '%d products in %.2f s', $products, time - $started);
is($node->count_status('completed'), $products, 'as completed') or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
is($provider->counts->{billed}, $products, 'as many calls as products are billed');
my $counts = $store->counts;
note('requests: ' . join ', ', map { "$_ $counts->{$_}" } sort keys %$counts);
is($counts->{put_object}, $products, 'each picture is put once');
cmp_ok($counts->{get_object}, '<=', $products, 'and the photo read at most once for each');
is($counts->{all}, $counts->{put_object} + $counts->{get_object}, 'no other request is made');
is($counts->{refused}, 0, 'none is refused');
is_deeply([ $store->differences($node) ], [], 'the objects are those of the rows, hash by hash');
is(scalar(my @keys = $store->keys_there), $products + 1, 'as many as there should be');
is(scalar(my @files = glob $node->store_directory . '/clients/*/*/*'), 0, 'nothing was stored elsewhere');

# The embedded provider draws into the store too.
my @assets = map { $node->request($studio, style => $_) } qw(japandi rustic);
ok($node->wait_until('select count(*) = 2 from atelier.generated_assets where status = \'completed\' and provider = \'offline\'', 30), 'the embedded provider draws two')
  or diag($node->ask("select error_message from atelier.generated_assets where provider = 'offline'"));
is_deeply([ $store->differences($node) ], [], 'and they are in the store');

# Addresses.
my ($image, $sha256, $mime) = split /\|/, $node->ask("select i.id, i.sha256, i.mime_type from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = '$assets[0]'");
my $http = HTTP::Tiny->new(timeout => 20);
sub fetch { my ($url) = @_; return $http->get($url) }
my $url = $node->ask("select atelier.image_url('$image')");
my $answer = fetch($url);
is($answer->{status}, 200, 'image_url() gives an address that works') or diag($answer->{content});
is(sha256_hex($answer->{content}), $sha256, 'with the bytes of the row');
is($answer->{headers}{'content-type'}, $mime, 'their type');
is($answer->{headers}{'cache-control'}, 'public, max-age=31536000, immutable', 'and how long they may be kept');
like($url, qr/[?&]X-Amz-Expires=3600(&|$)/, 'for an hour');
like($node->ask("select atelier.image_url('$image', interval '90 seconds')"), qr/[?&]X-Amz-Expires=90(&|$)/, 'or as long as it is asked for');
unlike($url, qr/\Q$Store::SECRET\E/, 'without the secret');
like($node->ask("select atelier.asset_status('$assets[0]') ->> 'imageUrl'"), qr{^\Q@{[ $url =~ s{\?.*}{}r ]}\E\?}, 'asset_status() gives one as well');

my ($other) = grep { index($url, $_) < 0 } @keys;
my %tampered = (
    'another signature' => $url =~ s/(X-Amz-Signature=)(.)/$1 . ($2 eq '0' ? '1' : '0')/er,
    'another object' => $url =~ s{/atelier/[^?]*}{/atelier/$other}r,
    'a longer life' => $url =~ s/X-Amz-Expires=3600/X-Amz-Expires=604800/r,
    'no signature' => $url =~ s/\?.*//r);
is(fetch($tampered{$_})->{status}, 403, "$_ is refused") for sort keys %tampered;
is($http->request('PUT', $url, { content => 'x' })->{status}, 403, 'so is writing');
my ($key) = $node->ask("select s3_key from atelier.images where id = '$image'");
my $presign = sub { my ($at) = @_; return $node->ask("select atelier_internal.presign('media', '$Store::BUCKET', '$key', 'GET', '{}', '{}', '10 minutes', $at)") };
is(fetch($presign->(q(now() - interval '9 minutes')))->{status}, 200, 'an address lives as long as it says');
$answer = fetch($presign->(q(now() - interval '11 minutes')));
is($answer->{status}, 403, 'and no longer');
like($node->refusal("select atelier.image_url('$image', interval '8 days')"), qr/ERROR:  22023/, 'more than seven days are refused');
like($node->refusal("select atelier.image_url('$image', interval '-1 second')"), qr/ERROR:  22023/, 'and less than none');

$answer = fetch($node->ask("select atelier.image_url('$image', download => true)"));
is($answer->{status}, 200, 'an address to download works');
like($answer->{headers}{'content-disposition'}, qr/^attachment/, 'and says so');

$node->ask("alter server media options (add public_base_url 'https://cdn.example/shop')");
is($node->ask("select atelier.image_url('$image')"), "https://cdn.example/shop/$key", 'with public_base_url addresses are plain');
like($node->ask("select atelier.image_url('$image', interval '1 minute')"), qr/X-Amz-Signature/, 'unless a time is asked for');

unlike($node->log_since(0), qr/X-Amz-Signature|\Q$Store::SECRET\E/, 'the server log tells no address and no secret');
$node->stop;
$store->stop;
$provider->stop;
done_testing();
