# Media children that loop, hang, eat memory, crash, lie or leave a process behind: each fails its own job only. Pictures
# under way at the same time complete, and executor, worker and server notice nothing.
use strict;
use warnings;
use Atelier;
use File::Copy qw(copy);
use PostgreSQL::Test::Utils;
use Test::More;

# Class and message of what a child does with its order; undef: the picture is made. Timeouts and what is no picture are
# tried once more, so each of the failing ones misbehaves twice.
my %expected = (
    'loop' => [ 'timeout', qr/not done within 6000 ms/ ],
    'hang' => [ 'timeout', qr/not done within 6000 ms/ ],
    # Its allocation fails at its own limit, so it aborts; SIGKILL would mean that the machine ran out of memory.
    'allocate' => [ 'no_output', qr/ended by signal 6 \(SIGABRT\)/ ],
    'segv' => [ 'no_output', qr/ended by signal 11 \(SIGSEGV\)/ ],
    'huge-file' => [ 'no_output', qr/ended by signal 25 \(SIGXFSZ\)/ ],
    'garbage' => [ 'no_output', qr/wrote a report that is/ ],
    'liar-hash' => [ 'invalid_output', qr/not the one that the media program reported/ ],
    'leave' => undef,
    'describe' => undef);
my @good = map { "good $_" } 1 .. 3;

# The program directory of this cluster: bad_media takes the place of the media program, and becomes the real one, beside
# it, for an order that asks for nothing bad. It finds that by its own path, so it is a copy and no link.
my $programs = PostgreSQL::Test::Utils::tempdir();
chomp(my $installed = qx(pg_config --pkglibdir));
symlink "$installed/pg_atelier_executor", "$programs/pg_atelier_executor" or die $!;
symlink "$installed/pg_atelier_media", "$programs/pg_atelier_media_real" or die $!;
copy(Atelier->test_program('bad_media/pg_atelier_media'), "$programs/pg_atelier_media") or die $!;
chmod 0755, $programs, "$programs/pg_atelier_media" or die $!;

my $node = Atelier->start_cluster('media_child', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.program_directory' => $programs,
    # Room for all at once: a child that waited for its turn would wait on its order's clock.
    'pg_atelier.media_children' => 16,
    'pg_atelier.job_timeout' => '6s', 'pg_atelier.max_attempts' => 2, 'pg_atelier.backoff_base' => '10ms' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
$node->ask("select atelier.set_lane_limit('offline', 'compose', 16)");
my $session = $node->background_psql('atelier');
my $backend = $session->query_safe('select pg_backend_pid()');
my $worker = $node->worker_pid(10);
my $executor = $node->executor_pid(10);
my $started = $node->ask('select pg_postmaster_start_time()');

my @names = (@good, sort keys %expected);
my %asset = request_together(@names);
ok($node->wait_until("select count(*) = @{[ scalar @names ]} from atelier.generated_assets where status in ('completed', 'error')", 60), 'every asset ends');
is($node->ask("select count(*) || ' ' || count(distinct a.leased_at) from atelier.attempts a where a.pipeline = 'generate_image' and a.number = 1"),
    @names . ' 1', 'all of them were under way together');

for my $name (@names)
{
    my ($status, $message) = split /\|/, $node->ask("select status, error_message from atelier.generated_assets where id = '$asset{$name}'");
    my $history = $node->ask("select state, error_class, attempts, crashes from atelier.job_history where subject_id = '$asset{$name}'");
    if (my $failure = $expected{$name})
    {
        my ($class, $reason) = @$failure;
        is($status, 'error', "$name: its asset fails");
        like($message, $reason, 'with the reason');
        is($history, "failed|$class|2|0", "its job fails as $class at the second attempt");
        is($node->ask("select string_agg(a.error_class, ' ') from atelier.attempts a join atelier.job_history h using (job_id) where h.subject_id = '$asset{$name}'"),
            "$class $class", 'both attempts say so');
    }
    else
    {
        is("$status $history", 'completed completed||1|0', "$name: its picture is made at the first attempt");
    }
}

# The order's text reached the child, and the child tells under what limits it ran.
my $generator = sub { $node->ask("select i.metadata ->> 'generator' from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = '$asset{$_[0]}'") };
is($generator->('leave'), 'bad_media', 'the bad program made the pictures of the bad orders');
is($generator->($_), 'offline', "and the real one that of $_") for @good;
is($node->ask("select concat_ws(' ', i.metadata -> 'as', i.metadata -> 'oom_score', i.metadata -> 'core', i.metadata -> 'environment')
                 from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = '$asset{describe}'"),
    '2147483648 1000 0 0', 'a child has 2 GB, goes first when memory ends, dumps no core and knows no environment');

# Nobody else noticed.
ok($node->wait_for_condition(sub { !bad_children() }, 5), 'no bad child is left, nor what one left behind') or diag(join ' ', bad_children());
is($node->worker_pid, $worker, 'the worker lives on');
is($node->executor_pid, $executor, 'so does the executor');
is($session->query_safe('select pg_backend_pid()'), $backend, 'a session opened before keeps its backend');
is($node->ask('select pg_postmaster_start_time()'), $started, 'the server is the same');
my $log = $node->log_since(0);
unlike($log, qr/terminating any other active server processes|PANIC|FATAL/, 'and did not restart its sessions');
unlike($log, qr/executor ended/, 'the log tells of no end of an executor');
is($node->ask('select count(*) from atelier.alerts'), 0, 'there is no alert');
is($node->ask("select state from atelier.lanes where provider = 'offline'"), 'open', 'the lane is open');
my $completed = $node->count_status('completed');
is(scalar(@{ [ split /\n/, qx(find @{[ $node->store_directory ]}/clients -path '*/generated/*' -type f) ] }), $completed, 'the store holds the pictures that were made and no other');

# And work goes on.
$node->request_many($studio, 2, style => 'rustic');
ok($node->wait_until("select count(*) = $completed + 2 from atelier.generated_assets where status = 'completed'", 60), 'the next pictures are made');
is($node->ask('select in_flight from atelier.workers'), 0, 'nothing is in flight any more');
$session->quit;
$node->stop;
done_testing();

# One picture for each name, asked for in one transaction; a name that is a word of bad_media stands in the settings.
sub request_together
{
    my @wanted = @_;
    my $plain = Atelier::plain_settings();
    my $rows = join ', ', map { sprintf q(('%s', '%s')), $_, exists $expected{$_} ? "bad-media:$_" : '' } @wanted;
    return map { split /\|/ } split /\n/, $node->ask(
        qq(select w.name, atelier.create_generation_request('$studio->{client}', '$studio->{product}',
                  '$plain'::jsonb || jsonb_build_object('surroundings', w.text))
             from (values $rows) w (name, text)));
}

# Processes that run the program of this test.
sub bad_children
{
    return grep { (readlink("/proc/$_/exe") // '') =~ m{^\Q$programs\E/pg_atelier_media} } map { m{/proc/(\d+)} } glob '/proc/[0-9]*';
}
