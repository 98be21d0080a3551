# Applications behind PgBouncer in transaction mode: each call is one statement, on whatever server connection is free, and all of
# the API works that way. PgBouncer is the real one (package pgbouncer, installed with what testing needs).
use strict;
use warnings;
use Atelier;
use IPC::Run qw(run);
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils qw(append_to_file slurp_file);
use Test::More;

my $node = Atelier->start_cluster('pgbouncer', settings => { max_connections => 60, 'pg_atelier.poll_interval' => '1h' });
my $settings = Atelier::plain_settings();
my $studio = $node->make_studio;
my $other = $node->make_studio;
$node->ask('create role studio_app login in role atelier_app; create table calls (what text, asset uuid, backend integer default pg_backend_pid()); grant insert, select on calls to studio_app');
my %user;
for my $s ($studio, $other)
{
    $user{ $s->{client} } = $node->ask("select atelier.create_user('app\@$s->{client}.example', 'App')");
    $node->ask("select atelier.add_member('$s->{client}', '$user{$s->{client}}', 'member')");
}

# A pool of five server connections that sessions share statement by statement.
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $directory = $node->basedir;
append_to_file("$directory/users.txt", qq("studio_app" ""\n));
append_to_file("$directory/pgbouncer.ini", join("\n", '[databases]', "* = host=" . $node->host . ' port=' . $node->port, '[pgbouncer]',
    "listen_addr = 127.0.0.1", "listen_port = $port", "unix_socket_dir =", 'auth_type = trust', "auth_file = $directory/users.txt", "logfile = $directory/pgbouncer.log", 'pool_mode = transaction',
    'default_pool_size = 5', 'max_client_conn = 300', ''));
# Quiet: nobody reads what it says beside its log.
my $bouncer = IPC::Run::start([ 'pgbouncer', '-q', "$directory/pgbouncer.ini" ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
END { if ($bouncer) { local $?; $bouncer->kill_kill(grace => 5) } }
my @through = ('-h', '127.0.0.1', '-p', $port, '-U', 'studio_app');
# What a statement prints, in a connection of its own; with an error, what psql says of it.
sub ask
{
    my ($sql) = @_;
    my ($answer, $complaint) = ('', '');
    run([ 'timeout', '60', 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', @through, '-d', $Atelier::DATABASE, '-c', $sql ], '>', \$answer, '2>', \$complaint);
    chomp $answer;
    return $answer . $complaint;
}
ok($node->wait_for_condition(sub { ask('select 1') eq '1' }), 'PgBouncer answers') or diag(slurp_file("$directory/pgbouncer.log"));

sub context { my ($s) = @_; return "atelier.set_context(user_id => '$user{$s->{client}}') as c" }
sub create { my ($s, $more) = @_; $more //= ''; return "atelier.create_generation_request(c, '$s->{product}', '$settings'$more)" }
sub sessions
{
    my ($script, %with) = @_;
    my $file = "$directory/sessions.sql";
    unlink $file;
    append_to_file($file, "$script\n");
    my ($answer, $complaint) = ('', '');
    my $good = run([ 'timeout', '300', 'pgbench', '-n', '-c', $with{sessions} // 100, '-j', 2, '-t', $with{times} // 10, '-M', $with{protocol} // 'simple', '-f', $file, @through, $Atelier::DATABASE ],
        '>', \$answer, '2>', \$complaint);
    diag($complaint) unless $good && $complaint !~ /aborted/;
    return $good && $complaint !~ /aborted/;
}

# One statement: context and call.
my $asset = ask('select ' . create($studio) . ' from ' . context($studio));
like($asset, qr/^[0-9a-f-]{36}$/, 'a request is one statement, with its context');
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$asset'", 60), 'the asset is made');
is(ask("select s ->> 'status' from " . context($studio) . ", lateral (select atelier.asset_status('$asset') as s where c is not null) as x"), 'completed', 'and its status read, in one statement');
is(ask('select count(*) from ' . context($studio) . ', lateral atelier.list_assets(c) as a'), 1, 'lists too');
like(ask('select ' . create($studio) =~ s/request\(c/request('$studio->{client}'/r), qr/ERROR:  23503: client not found/, 'the context ended with the statement: who comes next on the connection has none');
like(ask('select ' . create($other) . ' from ' . context($studio)), qr/ERROR:  23503: product not found/, 'and sees nothing of others');

# Many sessions share the pool. Two clients at once: nothing of one is another's.
$node->ask("select atelier.set_lane_limit('offline', 'compose', 8); select atelier.pause_lane('offline', 'compose')");
for my $protocol ('simple', 'extended')
{
    ok(sessions("insert into calls select '$protocol', " . create($studio, ", idempotency_key => '$protocol'") . ' from ' . context($studio) . ';', protocol => $protocol),
        "a hundred sessions make ten calls each with one key, in the $protocol protocol");
    is($node->ask("select count(*) || ' calls, ' || count(distinct asset) || ' asset' from calls where what = '$protocol'"), '1000 calls, 1 asset', 'a thousand are given one asset');
}
cmp_ok($node->ask('select count(distinct backend) from calls'), '>', 1, 'over several server connections');
cmp_ok($node->ask('select count(distinct backend) from calls'), '<=', 10, 'far fewer than sessions');
is($node->ask('select count(*) from atelier_internal.jobs'), 2, 'two jobs came of the two keys');
ok(sessions("\\set mine random(0, 1)\n\\if :mine = 1\ninsert into calls select 'mine', " . create($studio) . ' from ' . context($studio) . ";\n\\else\ninsert into calls select 'others', " . create($other) . ' from ' . context($other) . ";\n\\endif", times => 2),
    'sessions of two clients share the connections');
is($node->ask("select count(*) from calls c join atelier.generated_assets a on a.id = c.asset where c.what in ('mine', 'others') and (c.what = 'mine') <> (a.client_id = '$studio->{client}')"), 0, 'each asset is that of its client');

# A transaction stays on one connection, so that what belongs together is one.
like(ask("begin; select atelier.set_context(user_id => '$user{$studio->{client}}'); insert into calls select 'together', atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings'); commit"),
    qr/^[0-9a-f-]{36}$/, 'a transaction of several statements keeps its context');
ask("begin; select atelier.set_context(user_id => '$user{$studio->{client}}'); insert into calls select 'undone', atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings'); rollback");
is($node->ask("select count(*) from calls where what = 'undone'"), 0, 'one that is rolled back leaves neither row nor job');

# Many at once, and order under a key, in single statements.
is(ask("select count(*) || ' ' || count(r.job_id) from " . context($studio) . ", lateral atelier.create_generation_requests(c, (select jsonb_agg(jsonb_build_object('product_id', '$studio->{product}', 'settings', '$settings'::jsonb, 'tags', '[\"bulk\"]'::jsonb)) from generate_series(1, 200))) as r"),
    '200 200', 'two hundred are asked for in one statement');
ok(sessions("insert into calls select 'line', " . create($studio, ", order_key => 'line'") . ' from ' . context($studio) . ';', sessions => 10, times => 2), 'ten sessions enqueue two jobs each under one key');
is($node->ask("select waiting from atelier.ordered_keys where order_key = 'line'"), 19, 'all but one wait for their turn');
$node->ask("select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs where order_key is null), 'the test goes on')");
$node->ask("select atelier.resume_lane('offline', 'compose')");
ok($node->wait_until('select not exists (select from atelier_internal.jobs)', 180), 'they end');
is($node->ask("select count(*) from calls c join atelier.generated_assets a on a.id = c.asset where c.what = 'line' and a.status = 'completed'"), 20, 'all are made');
is($node->ask(q(with ran as (select h.job_id, min(a.leased_at) as began, max(a.finished_at) as ended from calls c join atelier_internal.history_completed h on h.subject_id = c.asset
    join atelier_internal.attempts a on a.job_id = h.job_id where c.what = 'line' group by h.job_id)
    select count(*) from (select began, lag(ended) over (order by began) as before from ran) r where began < before)), 0, 'under the key one after the other');

done_testing;
