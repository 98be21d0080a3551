# A thousand calls with one idempotency key make one job, also where sessions roll back, go by snapshots, take many keys in any
# order, or find a key that has just expired.
use strict;
use warnings;
use Atelier;
use IPC::Run qw(run);
use PostgreSQL::Test::Utils qw(append_to_file);
use Session;
use Test::More;

my $node = Atelier->start_cluster('idempotency', settings => { max_connections => 130, 'pg_atelier.poll_interval' => '1h' });
my $settings = Atelier::plain_settings();
my $studio = $node->make_studio;
$node->ask("select atelier.set_lane_limit('offline', 'compose', 8)");
$node->ask("select atelier.pause_lane('offline', 'compose')");
$node->ask('create table calls (key text, asset uuid)');

# Sessions of pgbench repeat a script; whatever fails for good ends the session, and the test knows.
sub sessions
{
    my ($script, %with) = @_;
    my $file = $node->basedir . '/sessions.sql';
    unlink $file;
    append_to_file($file, "$script\n");
    my ($out, $error) = ('', '');
    my $good = run([ 'pgbench', '-n', '-c', $with{sessions} // 100, '-j', 2, '-t', $with{times} // 10, @{ $with{options} // [] }, '-f', $file,
        $node->connstr($Atelier::DATABASE) ], '>', \$out, '2>', \$error);
    diag($error) unless $good && $error !~ /aborted/;
    return $good && $error !~ /aborted/;
}
sub call { my ($key, $more) = @_; $more //= ''; return "atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings', idempotency_key => $key$more)" }
sub jobs { my ($key) = @_; return $node->ask("select count(*) from atelier_internal.jobs j join atelier_internal.idempotency_keys k on k.job_id = j.id where k.key like '$key'") }
sub assets { return $node->ask("select count(*) from atelier.generated_assets where client_id = '$studio->{client}'") }
sub answers { my ($key) = @_; return $node->ask("select count(*) || ' calls, ' || count(distinct asset) || ' asset' from calls where key = '$key'") }

ok(sessions("insert into calls select 'one', " . call(q('one')) . ';'), 'a hundred sessions make ten calls each with one key');
is(answers('one'), '1000 calls, 1 asset', 'all thousand are given the same asset');
is(jobs('one'), 1, 'which has one job');
is(assets(), 1, 'and there is no other');

ok(sessions("begin;\ninsert into calls select 'undone', " . call(q('undone')) . ";\n\\set end random(1, 3)\n\\if :end = 1\ncommit;\n\\else\nrollback;\n\\endif", times => 5),
    'a hundred sessions, two of three calls roll back');
is($node->ask("select count(distinct asset) from calls where key = 'undone'"), 1, 'those that commit have one asset: who rolls back leaves the key to the next');
is($node->ask("select count(*) from calls c join atelier.generated_assets a on a.id = c.asset where c.key = 'undone'"), $node->ask("select count(*) from calls where key = 'undone'"), 'which is there');
is(jobs('undone'), 1, 'with one job');

for my $level ('repeatable read', 'serializable')
{
    my $key = $level =~ s/ //gr;
    ok(sessions("begin isolation level $level;\nselect count(*) from atelier_internal.idempotency_keys;\ninsert into calls select '$key', " . call("'$key'") . ";\ncommit;",
        sessions => 20, times => 5, options => ['--max-tries=10000']), "sessions in $level are told to begin again");
    is(answers($key), '100 calls, 1 asset', "and have one asset in $level");
}

$node->ask("update atelier_internal.idempotency_keys set expires_at = now() where key = 'one'");
ok(sessions("insert into calls select 'again', " . call(q('one'), ', priority => 5') . ';', times => 2), 'a hundred sessions find a key that has expired, and have other input');
is(answers('again'), '200 calls, 1 asset', 'one of them has it from then on');
is($node->ask("select count(*) from calls a join calls b on a.asset = b.asset where a.key = 'one' and b.key = 'again'"), 0, 'with an asset of its own');

# Many keys in one call, in any order: nobody waits in a circle.
my $many = qq(insert into calls select 'bulk-' || (r.place), r.asset_id from (select jsonb_agg(jsonb_build_object('product_id', '$studio->{product}', 'settings',
    '$settings'::jsonb, 'idempotency_key', 'bulk-' || g) order by random()) as requests from generate_series(1, 30) g) q, atelier.create_generation_requests('$studio->{client}', q.requests) r;) =~ s/\n\s*/ /gr;
my $before = assets();
ok(sessions($many, sessions => 40, times => 5), 'forty sessions make five calls each with the same thirty keys, shuffled');
is(jobs('bulk-%'), 30, 'thirty jobs came of it');
is(assets() - $before, 30, 'and thirty assets');

# Who comes second waits for the first, and no longer.
my ($first, $second) = map { Session->new($node) } 1 .. 2;
$first->run('begin');
my ($made) = $first->run("select 'made ' || " . call(q('held'))) =~ /made (\S+)/;
$second->run("set lock_timeout = '1s'");
like($second->run("\\set ON_ERROR_STOP off\n\\set VERBOSITY sqlstate\nselect " . call(q('other')) . " is not null as other"), qr/^t$/m, 'another key is free meanwhile');
$first->run('commit');
is($node->ask('select ' . call(q('held'))), $made, 'after the commit the answer is the first one\'s');
like($node->refusal('select ' . call(q('held'), ', tags => array[\'x\']')), qr/23505: idempotency_key "held" stands for another request/, 'other input is an error');
$_->leave for $first, $second;

# What was asked for is made, once.
$node->ask("select atelier.resume_lane('offline', 'compose')");
ok($node->wait_until("select not exists (select from atelier_internal.jobs)", 120), 'all is made');
is($node->ask('select count(*) from atelier.generated_assets where status <> \'completed\''), 0, 'each asset is completed');
is($node->ask('select count(*) from (select subject_id from atelier_internal.history_completed where pipeline = \'generate_image\' group by 1 having count(*) > 1) d'), 0, 'by one job');

done_testing;
