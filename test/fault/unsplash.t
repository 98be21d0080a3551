# Photos of Unsplash: from the import to the scene of a picture, and everything that may go wrong on the way.
use strict;
use warnings;
use Atelier;
use MIME::Base64 qw(encode_base64);
use Photo;
use Provider;
use Test::More;
use Unsplash;

my $node = Atelier->start_cluster('unsplash', settings => { 'pg_atelier.poll_interval' => '1h' });
my $unsplash = Unsplash->start;
my $scene = Photo::png(width => 320, height => 240, colour => [ 60, 110, 160 ]);
my %good = (picture => encode_base64($scene, ''));
$unsplash->behave(photos => {
    room1 => {%good},
    room2 => {%good},
    room3 => {%good},
    text => { picture => encode_base64("This is no picture.\n" x 50, '') },
    empty => { picture => '' },
    moved => { status => 302, location => 'http://169.254.169.254/latest/meta-data/' },
    gone => { status => 404 },
    private => { raw => 'http://10.1.2.3/a.jpg' },
    metadata => { raw => 'http://169.254.169.254/latest/meta-data/' },
    mapped => { raw => 'http://[::ffff:10.1.2.3]/a.jpg' },
    scheme => { raw => 'file:///etc/passwd' },
    premium => { %good, plus => \1 },
    abroad => { %good, download_location => 'http://localhost:1/photos/abroad/download?ixid=M3wxMjA3fDB8MXxhbGx8' },
    late => { %good, download_failures => 2 } });
$unsplash->introduce($node);
ok($node->worker_pid(20), 'a worker is there');

my $studio = $node->make_studio;
my $settings = Atelier::plain_settings();
my $collection = $node->ask("select atelier.create_collection('$studio->{client}', 'Autumn', array['$studio->{product}']::uuid[], '$settings')");

# The inspiration of a photo, and the status, class and message of its image once it is judged.
sub import_photo { my ($photo, $into) = @_; return $node->ask(sprintf "select atelier.import_unsplash('%s', '%s')", $into // $collection, $photo) }

sub judged
{
    my ($inspiration) = @_;
    my $image = $node->ask("select image_id from atelier.inspiration_images where id = '$inspiration'");
    $node->wait_until("select status <> 'pending' from atelier.images where id = '$image'");
    return $node->ask("select concat_ws(' | ', status, error_class, error_message) from atelier.images where id = '$image'");
}
sub wait_for_calls { my ($name, $count) = @_; return $node->wait_for_condition(sub { $unsplash->counts->{$name} >= $count }, 20) }
sub no_jobs { return $node->wait_until('select not exists (select from atelier.jobs)') }

# From the import to the scene
my $inspiration = import_photo('room1');
is(judged($inspiration), 'ready', 'S0-91: an imported photo becomes a ready image');
my $image = $node->ask("select image_id from atelier.inspiration_images where id = '$inspiration'");
is($node->ask("select source, display_order from atelier.inspiration_images where id = '$inspiration'"), 'unsplash|0', 'S0-48: and an inspiration of source unsplash');
is($node->ask("select store, s3_bucket, width, height, mime_type, file_size from atelier.images where id = '$image'"),
    'unsplash||320|240|image/png|' . length $scene, 'S0-38: measured from its bytes');
is($node->ask("select metadata ->> 'source', metadata ->> 'caption', metadata ->> 'altText', metadata #>> '{unsplash,photographerUrl}' from atelier.images where id = '$image'"),
    'unsplash|Photo by Anna Sample on Unsplash|a bright room|https://unsplash.com/@annasample?utm_source=test_app&utm_medium=referral',
    'S0-39: with the attribution that the terms ask for');
my $address = $unsplash->url('/pictures/room1?ixid=M3wxMjA3fDB8MXxhbGx8&ixlib=rb-4.0.3&w=2048&fit=max&fm=jpg&q=80');
is($node->ask("select atelier.image_url('$image')"), $address, 'it is shown from where it is');
is($node->ask("select atelier.image_url('$image', '1 hour', true)"), $address, 'for whatever purpose');
ok(wait_for_calls('downloads', 1) && no_jobs(), 'its use is told');
my $counts = $unsplash->counts;
is_deeply([ @$counts{qw(lookups downloads pictures refused)} ], [ 1, 1, 1, 0 ], 'with one lookup, one word of its use, one look at the picture');
is($counts->{keys_at_pictures}, 0, 'the key is not sent for the picture');
my $store = $node->store_directory;
is(qx(find '$store' -type f | grep -v chair.png), '', 'S2-20: nothing of the photo is stored');

my $asset = $node->ask(
    "select atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings', scene_image_id => '$image')");
ok($node->wait_until("select status in ('completed', 'error') from atelier.generated_assets where id = '$asset'"), 'a picture is made');
is($node->ask("select status || coalesce(error_message, '') from atelier.generated_assets where id = '$asset'"), 'completed', 'S0-64: with the photo as its scene');
is_deeply([ @{ $unsplash->counts }{qw(lookups downloads pictures)} ], [ 1, 1, 2 ], 'the picture is fetched for it, and the API is left alone');
is($unsplash->counts->{without_ixid}, 0, 'each time with the ixid that counts the view');
$unsplash->behave(photos => { room1 => { picture => encode_base64(Photo::png(width => 320, height => 240, colour => [ 61, 110, 160 ]), '') } });
$asset = $node->ask(
    "select atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings', scene_image_id => '$image')");
ok($node->wait_until("select status in ('completed', 'error') from atelier.generated_assets where id = '$asset'"), 'a server may encode it anew');
is($node->ask("select status || coalesce(error_message, '') from atelier.generated_assets where id = '$asset'"), 'completed', 'and the photo is the same to us');

# The same by a provider, who gets it whatever its hash
my $provider = Provider->start;
$provider->introduce($node);
$asset = $node->ask(
    "select atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings', scene_image_id => '$image', provider => 'studio')");
ok($node->wait_until("select status in ('completed', 'error') from atelier.generated_assets where id = '$asset'"), 'a provider is asked');
is($node->ask("select status || coalesce(error_message, '') from atelier.generated_assets where id = '$asset'"), 'completed', 'S0-64: and gets the photo as a scene');
is($provider->counts->{billed}, 1, 'once');

# As an inspiration of its collection
$unsplash->reset_counts;
$node->ask("select atelier.analyze_collection('$collection')");
ok($node->wait_until("select status <> 'analyzing' from atelier.collections where id = '$collection'"), 'the collection is analysed');
is($node->ask("select status || coalesce(error_message, '') from atelier.collections where id = '$collection'"), 'ready', 'with the photo');
is($node->ask("select analysis ->> 'orientation' from atelier.inspiration_images where id = '$inspiration'"), 'landscape', 'S0-64: which is measured as a scene');
$node->ask("select atelier.generate_collection('$collection')");
ok($node->wait_until("select status <> 'generating' from atelier.collections where id = '$collection'"), 'and generated');
is($node->ask("select c.status, count(a) filter (where a.status = 'completed' and a.settings ->> 'sceneImageUrl' = 'atelier://images/$image') from atelier.collections c join atelier.generated_assets a on a.collection_id = c.id where c.id = '$collection' group by c.status"),
    'completed|1', 'S0-64: after the photo');
is_deeply([ @{ $unsplash->counts }{qw(lookups downloads pictures)} ], [ 0, 0, 2 ], 'the picture is looked at for each, and nothing else is asked');

# Again, elsewhere, by others
$unsplash->reset_counts;
is(import_photo('room1'), $inspiration, 'the same photo again is the same inspiration');
no_jobs();
is_deeply([ @{ $unsplash->counts }{qw(lookups downloads)} ], [ 0, 0 ], 'of which nothing is asked or told');
my $second = $node->ask("select atelier.create_collection('$studio->{client}', 'Winter')");
import_photo('room1', $second);
ok(wait_for_calls('downloads', 1) && no_jobs(), 'in another collection it is used again');
is($unsplash->counts->{lookups}, 0, 'and known already');
my $other = $node->make_studio;
my $third = $node->ask("select atelier.create_collection('$other->{client}', 'Spring')");
is(judged(import_photo('room1', $third)), 'ready', 'another client may use the same photo');
ok(wait_for_calls('downloads', 2) && no_jobs(), 'which is told too');

# What is refused, and why
$unsplash->reset_counts;
my %bad = (
    unknown => qr/^failed \| invalid_request \| the server "unsplash": there is no such photo \(404\): Couldn't find Photo$/,
    text => qr/^failed \| invalid_request \| .*not a picture/,
    empty => qr/^failed \| invalid_request \| .*is empty/,
    moved => qr/^failed \| invalid_request \| .*answered 302; a redirection is not followed/,
    gone => qr/^failed \| invalid_request \| .*answered 404; it may have been taken down/,
    private => qr/^failed \| invalid_request \| .*of another server, 10\.1\.2\.3/,
    metadata => qr/^failed \| invalid_request \| .*of another server, 169\.254\.169\.254/,
    mapped => qr/^failed \| invalid_request \| .*of another server, \[::ffff:10\.1\.2\.3\]/,
    scheme => qr/^failed \| invalid_output \| .*without all of its parts/,
    premium => qr/^failed \| invalid_request \| .*Unsplash\+/);
my %inspiration = map { $_ => import_photo($_) } sort keys %bad;
like(judged($inspiration{$_}), $bad{$_}, "$_ is refused: $bad{$_}") for sort keys %bad;
no_jobs();
is($unsplash->counts->{downloads}, 0, 'no word of use of photos that nobody gets to see');
is($node->ask("select atelier.image_url(image_id) is null from atelier.inspiration_images where id = '$inspiration{text}'"), 't', 'and no address');
$unsplash->behave(photos => { text => {%good} });
is(import_photo('text'), $inspiration{text}, 'one that was put right is imported again');
is(judged($inspiration{text}), 'ready', 'and ready');
ok(wait_for_calls('downloads', 1) && no_jobs(), 'and its use is told');

# The word of its use goes to Unsplash alone, and is tried again.
is(judged(import_photo('abroad')), 'ready', 'a photo whose download location is elsewhere is imported');
no_jobs();
is($node->ask("select error_class || ': ' || error_message from atelier.job_history where pipeline = 'tell_of_use' and state = 'failed' and error_message like '%localhost%'"),
    'invalid_request: the server "unsplash": the download location of the photo is of another server, localhost', 'but the key is not sent there');
$unsplash->reset_counts;
is(judged(import_photo('late')), 'ready', 'a word that fails holds up no import');
ok(wait_for_calls('downloads', 1), 'and is said again');

# A word that could not be said is said with the next import.
$unsplash->behave(photos => { abroad => { download_location => undef, picture => $good{picture} } });
$node->ask("update atelier.images set metadata = jsonb_set(metadata, '{unsplash,downloadLocation}', to_jsonb(replace(metadata #>> '{unsplash,downloadLocation}', 'http://localhost:1', 'https://api.unsplash.com'))) where s3_key like '%/abroad'");
$unsplash->reset_counts;
import_photo('abroad');
ok(wait_for_calls('downloads', 1) && no_jobs(), 'what could not be told is told when it is imported again');
import_photo('abroad');
no_jobs();
is($unsplash->counts->{downloads}, 1, 'which is then known, and what stands in for Unsplash was asked for its address');

# The limit of an hour
no_jobs();
$unsplash->reset_counts;
$unsplash->behave(limit => 0);
my $limited = import_photo('room2');
ok($node->wait_until("select state = 'resting' from atelier.photo_libraries"), 'over the limit, the server gets a rest');
like($node->ask('select gate_reason from atelier.photo_libraries'), qr/Unsplash answered 403: Rate Limit Exceeded/, 'for the reason that it gave');
is($node->ask("select count(*) from atelier.jobs where pipeline = 'import_photo' and attempts = 0"), 1, 'which costs no attempt');
$unsplash->behave(limit => 10);
$node->ask("select atelier.resume_lane('unsplash')");
is(judged($limited), 'ready', 'and the photo comes when it is over');
ok(wait_for_calls('downloads', 1) && no_jobs(), 'with the word of its use');

# A wrong key
$node->ask("alter user mapping for atelier_owner server unsplash options (set api_key 'PLANTED-wrong-key')");
like(judged(import_photo('room3')), qr/^failed \| auth \| the server "unsplash": Unsplash answered 401: OAuth error: The access token is invalid/, 'a wrong key is said');
is($node->ask('select state from atelier.photo_libraries'), 'paused', 'and the server is asked no more');
$node->ask("alter user mapping for atelier_owner server unsplash options (set api_key '$Unsplash::KEY')");
$node->ask("select atelier.resume_lane('unsplash')");
my $again = import_photo('room3');
is(judged($again), 'ready', 'with the right one it goes on');
no_jobs();
unlike($node->log_since(0), qr/PLANTED-wrong-key|$Unsplash::KEY/, 'no key is in the log');
is($node->ask("select count(*) from atelier.job_history where error_message like '%PLANTED%'"), 0, 'or in a row');

# Nothing is put there, moved or deleted
$node->ask("select atelier.remove_inspiration(id) from atelier.inspiration_images where id in ('$inspiration', '$again')");
is($node->ask("with gone as (delete from atelier.images where store = 'unsplash' and id not in (select image_id from atelier.inspiration_images) returning id) select count(*) from gone"),
    1, 'an image that nobody uses may be removed');
is($node->ask('select count(*) from atelier.deletion_queue'), 0, 'an image that is removed leaves no object to delete');
like($node->refusal("select atelier.move_objects('unsplash', 'file')"), qr/42809.*server "unsplash" is no store/s, 'nothing is moved from there');

# Without its server a photo cannot be read, and says so.
$node->ask('drop server unsplash cascade');
my $left = $node->ask("select image_id from atelier.inspiration_images where id = '$limited'");
is($node->ask("select atelier.image_url('$left') is not null"), 't', 'its address stays');

unlike($node->log_since(0), qr/terminating any other active server processes|PANIC|FATAL/, 'the server never stumbled');
$node->stop;
done_testing();
