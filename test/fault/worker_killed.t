# The worker killed with -9: PostgreSQL restarts all sessions, and every job completes once.
use strict;
use warnings;
use Atelier;
use Test::More;
use Time::HiRes qw(time);

# One media child: the first picture shall not share the processors with the second.
my $node = Atelier->start_cluster('worker_killed', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.media_children' => 1 });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my @rooms = qw(living_room bedroom kitchen bathroom dining_room office hallway outdoor studio);
$node->request($studio, roomType => $_, style => 'rustic') for @rooms;
$node->request($studio, roomType => $_, style => 'classic') for @rooms;
$node->wait_until("select count(*) >= 2 from atelier.generated_assets where status = 'completed'", 60);

my $worker = $node->worker_pid(10);
my $executor = $node->executor_pid(10);
my $epoch = $node->ask('select epoch from atelier.workers');
my $position = $node->log_position;
kill 'KILL', $worker;
ok($node->wait_for_condition(sub { $node->log_since($position) =~ /database system is ready to accept connections/ }, 30), 'PostgreSQL is back');
my $ready = time;
my $before = $node->count_status('completed');
ok($node->wait_until("select count(*) > $before from atelier.generated_assets where status = 'completed'", 10), 'work goes on');
# Measured by the server's clock, to the lease: how long a picture takes is the machine's affair.
my $idle = $node->ask("select extract(epoch from min(leased_at)) - $ready from atelier.attempts where epoch <> '$epoch'");
cmp_ok($idle, '<', 1, 'the next picture is under way within a second of readiness');
isnt($node->ask('select epoch from atelier.workers'), $epoch, 'the new incarnation has an epoch of its own');
ok($node->wait_for_condition(sub { !$node->alive($executor) }, 10), 'the executor ended with its worker');
ok($node->wait_until('select count(*) = 18 from atelier.generated_assets where status = \'completed\'', 120), 'every job completes');
is($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image'"), 18, 'once');
is($node->ask("select count(*) - count(distinct job_id) from atelier.attempts where outcome = 'completed'"), 0, 'no job has two completed attempts');
cmp_ok($node->ask("select count(*) from atelier.attempts where error_class = 'worker_lost'"), '>=', 1, 'the lost attempts are on record');
$node->stop;
done_testing();
