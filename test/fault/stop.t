# Stopping PostgreSQL while work is under way leaves no process, and the work goes on after the next start.
use strict;
use warnings;
use Atelier;
use Test::More;
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('stop', settings => { 'pg_atelier.poll_interval' => '1h', logging_collector => 'on' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $wanted = 0;

for my $mode ('fast', 'immediate')
{
    $node->request($studio, roomType => $_, style => $mode eq 'fast' ? 'rustic' : 'classic') for qw(bedroom kitchen office hallway outdoor studio);
    $wanted += 6;
    my $executor = $node->executor_pid(10);
    my @family = ($executor, $node->descendants($executor));
    my $postmaster = $node->ask('select pid from pg_stat_activity where backend_type = \'logger\'') || undef;
    $node->wait_until("select in_flight > 0 from atelier.workers where database = 'atelier'", 10);
    my $started = time;
    $node->stop($mode);
    cmp_ok(time - $started, '<', 10, "stop -m $mode ends in time");
    ok($node->wait_for_condition(sub { !grep { $node->alive($_) } @family }, 5), 'and leaves no process');
    is(scalar(grep { (readlink("/proc/$_/exe") // '') =~ /pg_atelier/ && open_under($_, $node->data_dir) } map { m{/proc/(\d+)} } glob '/proc/[0-9]*'), 0,
        'nobody holds a file of the data directory');
    $node->start;
    ok($node->wait_until("select count(*) = $wanted from atelier.generated_assets where status = 'completed'", 90), 'after the start the work goes on to its end');
    is($node->ask("select count(*) from atelier.job_history where pipeline = 'generate_image'"), $wanted, 'each job once');
}
$node->stop;
done_testing();

sub open_under
{
    my ($pid, $directory) = @_;
    return grep { (readlink($_) // '') =~ /^\Q$directory\E\/base/ } glob "/proc/$pid/fd/*";
}
