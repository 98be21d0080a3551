# A store that refuses what is asked of it: one request with wrong credentials and no more until somebody changes something, a
# clock that is set right once, and paid answers that wait for their store instead of being bought again.
use strict;
use warnings;
use Atelier;
use PostgreSQL::Test::Utils;
use Provider;
use Store;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = Atelier->start_cluster('s3_refused', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, credential => { access_key_id => $Store::KEY_ID, secret_access_key => 'wrong-canary' });
my $client = $node->ask("select atelier.create_client('Shop', 'shop')");
my $photos = 0;

# Registers a new photo that lies in the store; its image's id.
sub register
{
    my $key = $store->put(sprintf('clients/%s/photos/%d.png', $client, ++$photos), Photo::png(colour => [ 20 * $photos, 90, 40 ]));
    return $node->ask("select atelier.register_image('$client', '$key', store => 'media')");
}

sub outcome { my ($image) = @_; return $node->ask("select status || ' ' || coalesce(error_class, '') from atelier.images where id = '$image'") }
sub ended { my ($image, $timeout) = @_; return $node->wait_until("select status <> 'pending' from atelier.images where id = '$image'", $timeout // 20) }
sub paused { return $node->wait_until("select exists (select from atelier.lanes where provider = 'media' and state = 'paused')", 10) }
sub resume { $node->ask("select atelier.resume_lane('media')"); return }

# A wrong secret.
my $image = register();
ok(ended($image), 'wrong secret: the inspection ends');
is(outcome($image), 'failed auth', 'wrong secret: for good, as auth');
ok(paused(), 'wrong secret: and its lane pauses');
is($store->counts->{all}, 1, 'wrong secret: after one request');
my @waiting = map { register() } 1 .. 3;
sleep 0.5;
is($store->counts->{all}, 1, 'wrong secret: no other follows');
is(outcome($_), 'pending ', 'wrong secret: the others wait') for @waiting;
like($node->ask('select explanation from atelier.explain_job((select job_id from atelier.jobs limit 1))'), qr/paused/, 'wrong secret: explain_job() says why');
unlike($node->ask('select string_agg(a::text, chr(10)) from atelier.attempts a'), qr/canary/, 'wrong secret: no attempt quotes it');

$node->ask("alter user mapping for atelier_owner server media options (set secret_access_key '$Store::SECRET')");
resume();
ok(ended($_), 'right secret: the next is inspected') for @waiting;
is(outcome($_), 'ready ', 'right secret: and ready') for @waiting;
$node->ask("select atelier.register_image('$client', (select s3_key from atelier.images where id = '$image'), store => 'media')");
ok(ended($image) && outcome($image) eq 'ready ', 'right secret: the first one too, registered again');

# A bucket that is not there.
$node->ask("alter server media options (set bucket 'nowhere')");
$store->forget;
my $homeless = $node->ask("select atelier.register_image('$client', 'clients/$client/photos/1.png', store => 'media')");
ok(ended($homeless), 'no bucket: the inspection ends');
is(outcome($homeless), 'failed auth', 'no bucket: for good, as auth');
like($node->ask("select error_message from atelier.images where id = '$homeless'"), qr/NoSuchBucket|nowhere/, 'no bucket: and says so');
is($store->counts->{all}, 1, 'no bucket: after one request');
$node->ask("alter server media options (set bucket '$Store::BUCKET')");
resume();

# A server whose clock is two hours ahead, and which believes its own.
$store->forget;
$store->behave(clock_offset_s => 7200);
$image = register();
ok(ended($image), 'another clock: the inspection ends');
is(outcome($image), 'ready ', 'another clock: well') or diag($node->ask("select error_message from atelier.images where id = '$image'"));
is($store->counts->{refused}, 1, 'another clock: after one refusal');
ended($_) for register(), register();
is($node->ask("select count(*) from atelier.images where status = 'pending'"), 0, 'another clock: others follow');
is($store->counts->{refused}, 1, 'another clock: and none is refused');

# Temporary credentials.
$store->forget;
$store->behave(session_token => 'token/+==');
$node->ask("alter user mapping for atelier_owner server media options (add session_token 'token/+==')");
$image = register();
ok(ended($image) && outcome($image) eq 'ready ', 'temporary credentials work') or diag($node->ask("select error_message from atelier.images where id = '$image'"));
is($store->counts->{refused}, 0, 'at once');
$store->forget;

# Credentials in a file, which somebody writes anew.
my $file = PostgreSQL::Test::Utils::tempdir() . '/credentials';
write_credentials($Store::SECRET);
$node->ask("drop user mapping for atelier_owner server media; create user mapping for atelier_owner server media options (credentials_file '$file')");
$image = register();
ok(ended($image) && outcome($image) eq 'ready ', 'credentials in a file work') or diag($node->ask("select error_message from atelier.images where id = '$image'"));

# Paid answers whose store refuses them: the first one comes back before the others.
my $studio = $node->make_studio;
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$studio->{image}'"), 'a photo in the store file is ready');
my $provider = Provider->start;
$provider->introduce($node, options => { timeout => '2s' });
$provider->behave(picture_bytes => 50_000, latency_ms => 700, faults => [ { fault => 'words', match => 'product-0001', text => 'early', latency_ms => 100 } ]);
$node->ask("drop user mapping for atelier_owner server media; create user mapping for atelier_owner server media options (access_key_id '$Store::KEY_ID', secret_access_key 'wrong-canary')");
$store->forget;
$provider->order($node, $studio, 20, store => 'media');
my $alert = "select exists (select from atelier.alerts where kind = 'store_unavailable' and resolved_at is null)";
ok($node->wait_until($alert, 20), 'paid: an alert says that the store is not available');
like($node->ask("select message from atelier.alerts where kind = 'store_unavailable' and resolved_at is null"), qr/media/, 'paid: which one');
ok($node->wait_for_condition(sub { $provider->counts->{answered} == 20 }, 10), 'paid: every call is answered');
$provider->order($node, $studio, 20, first => 21, store => 'media');
# Beyond the deadline of the calls.
sleep 2;
is($provider->counts->{billed}, 20, 'paid: no other is bought');
is($store->counts->{all}, 1, 'paid: one request was made') or diag(explain [ $store->requests ]);
is($node->count_status('completed'), 0, 'paid: none is completed');
is($node->count_status('error'), 0, 'paid: none has failed');
is($node->ask("select count(*) from atelier.attempts where provider = 'studio' and outcome <> 'open' and sent"), 0, 'paid: every call is still under way');
$node->ask("alter user mapping for atelier_owner server media options (set secret_access_key '$Store::SECRET')");
$provider->behave(latency_ms => 100);
ok($node->wait_until("select count(*) = 40 from atelier.generated_assets where status in ('completed', 'error')", 60), 'paid: with the right secret every asset ends')
  or diag($node->ask('select state, reason, count(*) from atelier.jobs group by 1, 2'));
is($node->count_status('completed'), 40, 'paid: as completed');
is($provider->counts->{billed}, 40, 'paid: bought once each');
ok($node->wait_until("select not ($alert)", 10), 'paid: the alert is resolved');
ok($store->wait_until_quiet($node, 20), 'nothing is left to do');
is_deeply([ grep { !/^no row: .*photos/ } $store->differences($node) ], [], 'the objects are those of the rows');

unlike($node->log_since(0), qr/canary|terminating any other active server processes/, 'the log knows no secret, and the server did not restart');
$node->stop;
$store->stop;
$provider->stop;
done_testing();

sub write_credentials
{
    my ($secret) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out "[default]\naws_access_key_id = $Store::KEY_ID\naws_secret_access_key = $secret\n";
    close $out or die "$file: $!";
    return;
}
