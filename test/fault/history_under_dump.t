# History is emptied by TRUNCATE under a short lock_timeout: while a long dump reads it, settling goes on.
use strict;
use warnings;
use Atelier;
use Test::More;
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('history', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
my $first = $node->request($studio);
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$first'", 60), 'a picture is made');
$node->ask(q(insert into atelier_internal.history_completed (ring, job_id, instance, pipeline, lane_id, attempts, crashes, created_at, finished_at)
    select atelier_internal.ring_slot(now() - interval '3 days'), gen_random_uuid(), 1, 'old', 1, 1, 0, now() - interval '3 days', now() - interval '3 days'
      from generate_series(1, 1000)));

# What pg_dump does: one snapshot, and a lock on every table until its end.
my $dump = $node->background_psql('atelier');
$dump->query_safe('begin isolation level repeatable read');
$dump->query_safe('select count(*) from atelier_internal.history_completed');
my $started = time;
$node->ask('select atelier_internal.maintain()');
cmp_ok(time - $started, '<', 5, 'maintenance gives up quickly');
is($node->ask("select count(*) from atelier.job_history where pipeline = 'old'"), 1000, 'what the dump reads is still there');
my $second = $node->request($studio, style => 'rustic');
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$second'", 30), 'settling goes on');
is($dump->query_safe("select count(*) from atelier_internal.history_completed where pipeline = 'old'"), 1000, 'the dump sees its rows');
$dump->query_safe('commit');
$node->ask('select atelier_internal.maintain()');
is($node->ask("select count(*) from atelier.job_history where pipeline = 'old'"), 0, 'after the dump they are gone');
cmp_ok($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image'"), '>=', 2, 'and the young ones stay');
$dump->quit;
$node->stop;
done_testing();
