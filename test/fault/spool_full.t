# A spool that is full or cannot be written buys nothing more and says so; what needs no spool goes on, and so does the
# rest when there is room again.
use strict;
use warnings;
use Atelier;
use Provider;
use Session;
use Test::More;

my $spool = PostgreSQL::Test::Utils::tempdir();
my $node = Atelier->start_cluster('spool_full', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.spool_limit' => '2MB', 'pg_atelier.spool_directory' => $spool });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
# 400 kB of base64 an answer: the spool takes five.
$provider->behave(picture_bytes => 300_000, latency_ms => 1500);
$provider->introduce($node, in_flight => 10);
my $open_alert = "select exists (select from atelier.alerts where kind ~ 'spool' and resolved_at is null)";

# While somebody holds the assets locked their answers cannot be settled, and stay in the spool.
$provider->order($node, $studio, 10);
is($provider->wait_for_open(10), 10, 'ten calls are under way');
my $session = Session->new($node);
$session->run('begin');
$session->run('select count(*) from (select from atelier.generated_assets for update) x');
ok($node->wait_for_condition(sub { $provider->counts->{answered} == 10 }, 20), 'ten answers came');
$provider->behave(latency_ms => 0);
$provider->order($node, $studio, 10, first => 11);
ok($node->wait_until($open_alert, 30), 'a full spool raises an alert');
like($node->ask("select message || ' ' || hint from atelier.alerts where kind ~ 'spool'"), qr/spool_limit/, 'that names the setting');
is($provider->wait_for_open(1, 2), 0, 'no call begins meanwhile');
is($provider->counts->{billed}, 10, 'and none is billed');
like($node->ask("select string_agg(distinct explanation, ' ') from atelier.jobs j, atelier.explain_job(j.job_id) where j.state = 'waiting'"), qr/rests until .*spool/, 'explain_job() says why');
my $offline = $node->request($studio, style => 'rustic');
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$offline'", 30), 'the offline provider works on');
$session->run('rollback');
$session->leave;
ok($node->wait_until("select count(*) = 21 from atelier.generated_assets where status = 'completed'", 60), 'with room again the rest is made');
is($provider->counts->{billed}, 20, 'each bought once');
ok($node->wait_until("select not ($open_alert)", 30), 'the alert is resolved');

# Not a directory any more when an executor starts. (A mode that is too strict it would set right by itself.)
my $engine = $node->executor_pid(10);
rename $spool, "$spool.away" or die "rename: $!";
open my $file, '>', $spool or die "$spool: $!";
kill 'KILL', $engine;
ok($node->wait_for_condition(sub { my $new = $node->executor_pid; $new && $new != $engine }, 20), 'a new executor starts with a spool that it cannot write');
$provider->order($node, $studio, 3, first => 21);
ok($node->wait_until($open_alert, 30), 'an alert says so');
like($node->ask("select message from atelier.alerts where kind ~ 'spool' and resolved_at is null"), qr/Not a directory/, 'with the reason');
$offline = $node->request($studio, style => 'classic');
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$offline'", 30), 'the offline provider works on');
is($provider->counts->{billed}, 20, 'nothing is bought');
unlink $spool or die "unlink: $!";
rename "$spool.away", $spool or die "rename: $!";
ok($node->wait_until("select count(*) = 25 from atelier.generated_assets where status = 'completed'", 60), 'writable again: the rest is made');
is($provider->counts->{billed}, 23, 'each bought once');
ok($node->wait_until("select not ($open_alert)", 30), 'the alert is resolved');
is($node->ask("select count(*) from atelier.attempts where error_class = 'outcome_unknown'"), 0, 'no outcome was unknown');
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
$node->stop;
$provider->stop;
done_testing();
