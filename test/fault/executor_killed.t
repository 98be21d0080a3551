# The executor killed with -9 while it works, 20 times: every job completes and no session notices.
use strict;
use warnings;
use Atelier;
use Test::More;

my $node = Atelier->start_cluster('executor_killed', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');

my $session = $node->background_psql('atelier', on_error_stop => 0);
my $backend = $session->query_safe('select pg_backend_pid()');
my $worker = $node->worker_pid(10);

my @rooms = qw(living_room bedroom kitchen bathroom dining_room office hallway outdoor studio);
my @styles = qw(modern scandinavian industrial rustic classic minimalist bohemian japandi);
my $jobs = 0;
for my $room (@rooms) { for my $style (@styles) { $node->request($studio, roomType => $room, style => $style); $jobs++ } }

my $kills = 0;
my $lost = 0;
for (1 .. 20)
{
    my $done = $node->count_status('completed');
    # A kill must find work under way, and leave time for some to end, or no job would ever complete.
    $node->wait_until("select count(*) filter (where status = 'completed') >= least($done + 2, $jobs) from atelier.generated_assets", 60);
    last if $node->count_status('completed') >= $jobs;
    my $engine = $node->executor_pid(10) or last;
    $node->wait_until("select in_flight > 0 from atelier.workers where database = 'atelier'", 10);
    kill 'KILL', $engine;
    $kills++;
    ok($node->wait_for_condition(sub { !$node->alive($engine) }, 10), "kill $kills: the engine is gone");
}
is($kills, 20, 'twenty kills found work under way');
ok($node->wait_until("select count(*) = $jobs from atelier.generated_assets where status in ('completed', 'error')", 120), 'every asset ends');
is($node->count_status('completed'), $jobs, 'as completed');
is($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image' and state = 'completed'"), $jobs, 'each once in history');
cmp_ok($node->ask("select count(*) from atelier.attempts where outcome = 'failed' or outcome = 'given_back'"), '>=', 20, 'the lost attempts are on record');
is($session->query_safe('select pg_backend_pid()'), $backend, 'a session opened before the first kill keeps its backend');
is($node->worker_pid, $worker, 'the worker lives on');
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
my ($objects) = qx(find @{[ $node->store_directory ]}/clients -path '*/generated/*' -type f | wc -l) =~ /(\d+)/;
is($objects, $jobs, 'no object without a row, no row without an object');
$session->quit;
$node->stop;
done_testing();
