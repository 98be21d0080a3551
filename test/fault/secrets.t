# Keys planted in files, in the environment and in user mappings, those of providers and those of stores: at debug1 with every
# statement logged, nobody finds them anywhere else.
use strict;
use warnings;
use Atelier;
use PostgreSQL::Test::Utils qw(run_command);
use Provider;
use Store;
use Test::More;

my %key = map { $_ => "sk-canary-$_-" . join('', map { sprintf '%x', rand 16 } 1 .. 24) } qw(file environment mapping secret token);
my $directory = PostgreSQL::Test::Utils::tempdir();
my $key_file = keep_file('key', "$key{file}\n");
my $credentials_file = keep_file('credentials', "[default]\naws_access_key_id = $Store::KEY_ID\naws_secret_access_key = $key{secret}\naws_session_token = $key{token}\n");

my %environment = (ATELIER_TEST_KEY => $key{environment}, STORE_ACCESS_KEY_ID => $Store::KEY_ID, STORE_SECRET_ACCESS_KEY => $key{secret}, STORE_SESSION_TOKEN => $key{token});
@ENV{ keys %environment } = values %environment;
my $node = Atelier->start_cluster('secrets', settings => {
    'pg_atelier.poll_interval' => '1h', shared_preload_libraries => 'pg_atelier, pg_stat_statements',
    log_min_messages => 'debug1', log_statement => 'all', log_min_error_statement => 'debug1', log_parameter_max_length => -1,
    log_min_duration_statement => 0, 'pg_stat_statements.track' => 'all' });
delete @ENV{ keys %environment };
$node->ask('create extension pg_stat_statements');
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');

my %provider;
for my $source (qw(environment file mapping))
{
    my $provider = $provider{$source} = Provider->start;
    $provider->behave(key => $key{$source}, picture_bytes => 30_000, latency_ms => 1500,
        # What OpenAI does, only worse: it quotes the whole key.
        faults => [ { fault => 'answer', match => 'product-0003', always => JSON::PP::true, status => 401,
                body => { error => { message => "Incorrect API key provided: $key{$source}.", code => 'invalid_api_key', status => 'UNAUTHENTICATED' } } },
            { fault => 'words', match => 'product-0004', always => JSON::PP::true, text => "I was asked with $key{$source}." } ]);
    my %credential = (file => [ key_file => $key_file ], environment => [ key_env => 'ATELIER_TEST_KEY' ], mapping => [ key => 'replaced-soon' ]);
    $provider->introduce($node, name => "by_$source", kind => $source eq 'environment' ? 'openai' : 'gemini', @{ $credential{$source} });
}
# The statement itself is the DBA's, who can keep it out of the log.
my $unheard = 'set log_statement = none; set log_min_duration_statement = -1; set pg_stat_statements.track = none; set log_min_messages = fatal;';
$node->ask("$unheard alter user mapping for atelier_owner server by_mapping options (set api_key '$key{mapping}')");

# A store that knows its temporary credentials from a file and from the environment, and one whose secret is wrong.
my $store = Store->start(secret => $key{secret});
$store->behave(session_token => $key{token});
$store->introduce($node, name => 'kept_by_environment', credential => { credentials_env => 'STORE' });
$store->introduce($node, name => 'kept_by_file', credential => { credentials_file => $credentials_file });
$store->introduce($node, name => 'kept_by_mapping', credential => { access_key_id => $Store::KEY_ID, secret_access_key => 'replaced-soon', session_token => 'soon' });
$node->ask("$unheard alter user mapping for atelier_owner server kept_by_mapping options (set secret_access_key '$key{mapping}', set session_token '$key{mapping}')");

$provider{$_}->order($node, $studio, 2, provider => "by_$_", store => $_ eq 'mapping' ? 'file' : "kept_by_$_") for sort keys %provider;
is($provider{$_}->wait_for_open(2), 2, "the key by $_ is good") for sort keys %provider;

# While calls are under way.
my $executor = $node->executor_pid(10);
# Of a process that may not be dumped these files belong to root, and it leaves no core.
is((stat "/proc/$executor/environ")[4], 0, 'the executor is not dumpable');
ok(!open(my $environment, '<', "/proc/$executor/environ"), 'so that its own account cannot read its environment');
ok(!open(my $memory, '<', "/proc/$executor/mem"), 'nor its memory');
my $nanny = parent_of($executor);
is(Atelier::process_name($nanny), 'pg_atelier_exec', 'its nanny');
isnt(content("/proc/$nanny/environ"), '', 'has an environment');
unlike(content("/proc/$nanny/environ"), qr/canary/, 'without a key');
is($node->ask("select count(*) from pg_stat_activity a where a::text like '%canary%' and pid <> pg_backend_pid()"), 0, 'none in pg_stat_activity');
is(scalar(grep { content("/proc/$_/cmdline") =~ /canary/ } map { m{/proc/(\d+)} } glob '/proc/[0-9]*'), 0, 'none in any command line');
ok($node->wait_until("select count(*) = 6 from atelier.generated_assets where status = 'completed'", 30), 'the calls end well');

# A provider that quotes the key beside a good picture.
$provider{$_}->order($node, $studio, 1, first => 4, provider => "by_$_") for sort keys %provider;
ok($node->wait_until("select count(*) = 9 from atelier.generated_assets where status = 'completed'", 30), 'other calls end well');
is($node->ask("select count(*) from atelier.images where metadata ->> 'remark' like 'I was asked with %'"), 3, 'and their remarks are kept');

# One that quotes it in its refusal.
$provider{$_}->order($node, $studio, 1, first => 3, provider => "by_$_") for sort keys %provider;
ok($node->wait_until("select count(*) = 3 from atelier.job_history where error_class = 'auth'", 30), 'the refused calls fail as auth');
like($node->ask("select string_agg(error_message, ' ') from atelier.attempts where error_class = 'auth'"), qr/Incorrect API key/, 'and quote the provider');

is(scalar(my @pictures = $store->keys_there), 4, 'the stores took their pictures');
is($store->counts->{refused}, 0, 'with the credentials that they wanted');

# A store that quotes all it was sent.
$store->behave(rules => [ { do => 'answer', status => 403, times => 0,
    body => "<Error><Code>SignatureDoesNotMatch</Code><Message>Not with $key{mapping} and $key{mapping}.</Message></Error>" } ]);
my $refused = $node->ask("select atelier.register_image('$studio->{client}', 'clients/$studio->{client}/photos/none.png', store => 'kept_by_mapping')");
ok($node->wait_until("select error_class = 'auth' from atelier.images where id = '$refused'", 20), 'a store that refuses the credentials');
like($node->ask("select error_message from atelier.images where id = '$refused'"), qr/SignatureDoesNotMatch|Not with/, 'is quoted');

# The environment of a media child.
$node->request($studio, style => $_) for qw(rustic classic japandi);
my $media_environment;
ok($node->wait_for_condition(sub {
    my ($media) = grep { Atelier::process_name($_) eq 'pg_atelier_medi' } $node->descendants($executor) or return 0;
    $media_environment = content("/proc/$media/environ");
    return 1 }, 20), 'a media child works');
is($media_environment, '', 'whose environment says nothing to anybody');
ok($node->wait_until("select count(*) = 12 from atelier.generated_assets where status = 'completed'", 60), 'everything ends');

# Every relation that a superuser can read, but for the mapping itself; the information schema only shows what the catalogs
# hold. One is planted, to be found.
$node->ask("$unheard create table public.planted as select 'sk-canary-planted' as key");
my @relations = split /\n/, $node->ask(q(
    select c.oid::regclass from pg_class c
     where c.relkind in ('r', 'p', 'v', 'm') and c.relname not in ('pg_user_mapping', 'pg_user_mappings')
       and c.relnamespace <> 'information_schema'::regnamespace and c.relpersistence <> 't' order by 1));
cmp_ok(scalar @relations, '>', 200, scalar(@relations) . ' relations are looked at');
# The asking must not be found by the asking.
my $ask = join ' union all ', map { "select '$_' from $_ t where t::text like '%sk-can' || 'ary%'" } @relations;
is($node->ask("$unheard select string_agg(distinct x, ' ') from ($ask) as y (x)"), 'planted', 'none of them holds a key but the one that was planted');
$node->ask('drop table public.planted');

my ($dump) = run_command([ 'pg_dumpall', '-h', $node->host, '-p', $node->port, '-U', 'postgres' ]);
like($dump, qr/by_environment/, 'the dump holds the servers');
unlike($dump, qr/$key{file}|$key{environment}|$key{secret}|$key{token}/, 'and no key by file or environment');

my $log = $node->log_since(0);
like($log, qr/DEBUG:/, 'the server log was written at debug1');
like($log, qr/create user mapping/, 'with every statement');
unlike($log, qr/sk-canary/, 'without a key');
$node->stop;
# The mapping's stands in its catalog and in the write-ahead log: that is where the DBA put it.
my ($files) = run_command([ 'grep', '-rlaE', "$key{file}|$key{environment}|$key{secret}|$key{token}", $node->data_dir ]);
is($files, '', 'no file below the data directory holds a key by file or environment, the executor\'s log and spool included');
my ($logs) = run_command([ 'grep', '-rla', 'sk-canary', glob($node->data_dir . '/pg_atelier'), $node->logfile ]);
is($logs, '', 'none of our own holds any');
$_->stop for values %provider, $store;
done_testing();

sub keep_file
{
    my ($name, $content) = @_;
    my $path = "$directory/$name";
    open my $out, '>', $path or die "$path: $!";
    print $out $content;
    close $out or die "$path: $!";
    chmod 0600, $path;
    return $path;
}

sub parent_of
{
    my ($pid) = @_;
    return content("/proc/$pid/stat") =~ /^\d+ \(.*\) \S (\d+)/ ? $1 : 1;
}

sub content
{
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    return <$in> // '';
}
