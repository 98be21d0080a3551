# What the executor is told of S3 stores, and that their secrets are told to nobody else. The executor does as it is told.
use strict;
use warnings;
use Atelier;
use JSON::PP;
use Test::More;
use ToyExecutor;

my %secret = map { $_ => "planted-$_-" . join('', map { sprintf '%x', rand 16 } 1 .. 24) } qw(mapping token environment late);
$ENV{SHOP_ACCESS_KEY_ID} = 'SHOP';
$ENV{SHOP_SECRET_ACCESS_KEY} = $secret{environment};
$ENV{SHOP_SESSION_TOKEN} = $secret{token};
$ENV{HALF_ACCESS_KEY_ID} = 'HALF';
$ENV{BAD_ACCESS_KEY_ID} = 'planted/id';
my $node = Atelier->start_cluster('store_frames', extension => 0, settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.shutdown_wait' => '1s', log_min_messages => 'debug1', log_statement => 'all' });
my $toy = $node->basedir . '/toy';
ToyExecutor::install($toy);
$node->append_conf('postgresql.conf', "pg_atelier.program_directory = '$toy'");
$node->restart;
delete @ENV{ grep { /^(?:SHOP|HALF|BAD)_/ } keys %ENV };
$node->make_database('atelier');
# The statement itself is the DBA's, who can keep it out of the log.
my $unheard = 'set log_statement = none;';
$node->ask("$unheard insert into atelier_internal.pipelines (name, description) values ('one_step', 'test');
    insert into atelier_internal.steps (pipeline, position, name, action) values ('one_step', 1, 'only', 'storage.head');
    create server mapped foreign data wrapper atelier_s3 options (bucket 'b');
    create user mapping for public server mapped options (access_key_id 'ID', secret_access_key '$secret{mapping}');
    create server full_of_options foreign data wrapper atelier_s3 options (endpoint 'https://s3.example.org:9000/s3', region 'auto', bucket 'tenant:b', path_style 'false',
        payload_signing 'unsigned', if_none_match 'false', multipart_threshold '5GB', part_size '5MB', cache_control 'no-cache', connect_timeout '1s', progress_timeout '2s');
    create user mapping for atelier_owner server full_of_options options (credentials_env 'SHOP');
    create server from_file foreign data wrapper atelier_s3 options (bucket 'with.dot', endpoint 'https://s3.example.org');
    create user mapping for public server from_file options (credentials_file '/no/such/file');
    create server unmapped foreign data wrapper atelier_s3 options (bucket 'with.dot', region 'eu-west-1');
    create server half foreign data wrapper atelier_s3 options (bucket 'b');
    create user mapping for public server half options (credentials_env 'HALF');
    create server bad foreign data wrapper atelier_s3 options (bucket 'b');
    create user mapping for public server bad options (credentials_env 'BAD');
    create server none foreign data wrapper atelier_s3 options (bucket 'b');
    create user mapping for public server none options (credentials_env 'NO_SUCH')");

my %default = (region => 'us-east-1', bucket => 'b', path_style => JSON::PP::false, sign_payload => JSON::PP::true, if_none_match => JSON::PP::true,
    multipart_threshold => 64 << 20, part_size => 16 << 20, cache_control => 'public, max-age=31536000, immutable', connect_timeout_ms => 10000, progress_timeout_ms => 30000,
    endpoint => 'https://s3.us-east-1.amazonaws.com');
my %expected = (
    mapped => { access_key_id => 'ID', secret_access_key => $secret{mapping} },
    full_of_options => { endpoint => 'https://s3.example.org:9000/s3', region => 'auto', bucket => 'tenant:b', sign_payload => JSON::PP::false, if_none_match => JSON::PP::false,
        multipart_threshold => 5 << 30, part_size => 5 << 20, cache_control => 'no-cache', connect_timeout_ms => 1000, progress_timeout_ms => 2000,
        access_key_id => 'SHOP', secret_access_key => $secret{environment}, session_token => $secret{token} },
    from_file => { bucket => 'with.dot', endpoint => 'https://s3.example.org', path_style => JSON::PP::true, credentials_file => '/no/such/file' },
    unmapped => { bucket => 'with.dot', region => 'eu-west-1', endpoint => 'https://s3.eu-west-1.amazonaws.com', path_style => JSON::PP::true,
        credentials_error => 'the server has no user mapping for atelier_owner or PUBLIC' },
    half => { credentials_error => 'environment variable HALF_SECRET_ACCESS_KEY is not set' },
    bad => { credentials_error => 'environment variable BAD_ACCESS_KEY_ID does not hold an access key id' },
    none => { credentials_error => 'environment variable NO_SUCH_ACCESS_KEY_ID is not set' });

ended(ask_for('file'));
my $frame = last_frame();
is_deeply($frame->{providers}, [], 'stores are no providers');
my %told = map { $_->{name} => $_ } @{ $frame->{stores} };
is_deeply($told{$_}, { %default, name => $_, %{ $expected{$_} } }, "store $_") for sort keys %expected;
is(keys %told, keys %expected, 'and no other');
is($node->ask("select (k).source || ' ' || (k).ready from (select atelier_internal.provider_key(oid) as k from pg_foreign_server where srvname = 'full_of_options') s"), 'environment true', 'a backend finds the variables too');
is($node->ask("select (k).source || ' ' || (k).ready from (select atelier_internal.provider_key(oid) as k from pg_foreign_server where srvname = 'half') s"), 'environment false', 'and that one is missing');
like($node->ask("select atelier_internal.presign('full_of_options', 'b', 'k', 'GET', '{}', '{}', '1 h', '2013-05-24 00:00:00Z')"),
    qr{^https://b\.s3\.example\.org:9000/s3/k\?.*Credential=SHOP%2F20130524%2Fauto%2F.*Security-Token=\Q$secret{token}\E&}, 'and signs with them');

# A change reaches the executor before the next order; an order for a store that is new comes after the store.
$node->ask("$unheard alter user mapping for public server mapped options (set secret_access_key '$secret{late}')");
ended(ask_for('file'));
is((grep { $_->{name} eq 'mapped' } @{ last_frame()->{stores} })[0]{secret_access_key}, $secret{late}, 'a new secret is told');
for my $round (1 .. 10)
{
    my $job = $node->ask("begin; create server new_$round foreign data wrapper atelier_s3 options (bucket 'b'); " . enqueue("new_$round") . '; commit');
    ended($job);
    my ($attempt) = $node->ask("select max(attempt_id) from atelier.attempts where job_id = '$job'");
    my @seen = grep { $_->{what} eq 'providers' || ($_->{what} eq 'order' && $_->{attempt} == $attempt) } ToyExecutor::seen($toy);
    my ($at) = grep { $seen[$_]{what} eq 'order' } 0 .. $#seen;
    like($at ? $seen[ $at - 1 ]{payload} : '', qr/"name":"new_$round"/, "store new_$round is told before its order");
}

my $log = $node->log_since(0);
unlike($log, qr/\Q$_\E/, 'no secret in the server log') for values %secret;
unlike($log, qr/terminating any other active server processes|PANIC/, 'the server did not restart');
$node->stop;
touch('finish');
done_testing();

sub enqueue
{
    my ($provider) = @_;
    return "select (atelier_internal.enqueue_jobs('one_step', array[row(null, null, '$provider', 'm', '{\"do\": \"answer\"}', null)::atelier_internal.job_request]))[1]";
}
sub ask_for { my ($provider) = @_; return $node->ask(enqueue($provider)) }
sub ended { my ($id) = @_; return $node->wait_until("select state = 'completed' from atelier.job_history where job_id = '$id'", 15) }
sub last_frame { return decode_json((grep { $_->{what} eq 'providers' } ToyExecutor::seen($toy))[-1]{payload}) }
sub touch { my ($name) = @_; ToyExecutor::write_file("$toy/$name", ''); return }
