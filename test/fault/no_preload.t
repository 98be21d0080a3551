# Without preload the SQL API works, warns once a session, and self_check says in plain words what is missing.
use strict;
use warnings;
use Atelier;
use Test::More;

my $node = Atelier->start_cluster('no_preload', preload => 0);
my $client = $node->ask("select atelier.create_client('Studio', 'studio')");
my ($status, $out, $error) = $node->psql('atelier', <<"SQL");
select atelier.register_image('$client', 'a.png');
select atelier.register_image('$client', 'b.png');
SQL
is($status, 0, 'the API works');
my @warnings = $error =~ /WARNING/g;
is(scalar @warnings, 1, 'it warns once');
like($error, qr/HINT:.*shared_preload_libraries/s, 'with the way out');
is($node->ask('select count(*) from atelier.jobs'), 2, 'the jobs wait');
like($node->ask("select finding || ' ' || advice from atelier.self_check() where area = 'library'"),
    qr/not in shared_preload_libraries.*restart/, 'self_check says what is missing');
is($node->ask("select e.reason from atelier.jobs j, atelier.explain_job(j.job_id) e limit 1"), 'no_worker', 'explain_job says it too');
is($node->ask('select count(*) from atelier.workers'), 0, 'no worker is there');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_atelier'");
$node->restart;
ok($node->worker_pid(10), 'after the restart one is');
ok($node->wait_until("select count(*) = 0 from atelier.images where status = 'pending'"), 'and does what waited');
$node->stop;
done_testing();
