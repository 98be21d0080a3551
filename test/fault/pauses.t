# Pauses of queue, client, pipeline and lane: the worker is told of each, keeps what waits, and goes on by itself at their end. It polls
# once an hour here, so that nothing but what it is told moves it.
use strict;
use warnings;
use Atelier;
use IPC::Run;
use Test::More;

my $node = Atelier->start_cluster('pauses', settings => { 'pg_atelier.poll_interval' => '1h' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $client = $studio->{client};

my $completed = sub { return "select status = 'completed' from atelier.generated_assets where id = '$_[0]'" };
# Something of another pipeline, or nothing, shows that the worker has had its turn since.
my $turns = sub { return $node->ask('select turns from atelier.workers where database = current_database()') };
my $waits = sub {
    my ($asset, $name) = @_;
    my $before = $turns->();
    # A change of a lane is told to the worker, whatever is paused.
    $node->ask("select atelier.set_lane_limit('file', '', 16)");
    ok($node->wait_until("select turns > $before from atelier.workers where database = current_database()"), "$name: the worker had its turn");
    is($node->ask("select count(*) from atelier.attempts where job_id = (select job_id from atelier.generated_assets where id = '$asset')"), 0, "$name: nothing was begun");
};
my @pauses = (
    [ 'queue', 'pause_queue(%s)', 'resume_queue()' ],
    [ 'client', "pause_client('$client', %s)", "resume_client('$client')" ],
    [ 'pipeline', "pause_pipeline('generate_image', %s)", "resume_pipeline('generate_image')" ],
    [ 'lane', "pause_lane('offline', 'compose', %s)", "resume_lane('offline', 'compose')" ],
);
for my $pause (@pauses)
{
    my ($name, $begin, $end) = @$pause;
    $node->ask('select atelier.' . sprintf($begin, "'test'"));
    my $asset = $node->request($studio, style => 'rustic');
    $waits->($asset, $name);
    is($node->ask('select kind from atelier.pauses'), $name, "$name: the view names it");
    $node->ask("select atelier.$end");
    ok($node->wait_until($completed->($asset), 20), "$name: when it is resumed the work goes on");

    $node->ask('select atelier.' . sprintf($begin, "'test', clock_timestamp() + interval '3 seconds'"));
    my $until = $node->ask('select paused_until from atelier_internal.pauses union all select paused_until from atelier_internal.lanes where paused_at is not null');
    $asset = $node->request($studio, style => 'classic');
    ok($node->wait_until($completed->($asset), 30), "$name: at its end it goes on by itself");
    is($node->ask("select min(l.leased_at) >= '$until' from atelier.attempts l join atelier.generated_assets a on a.job_id = l.job_id where a.id = '$asset'"), 't',
        "$name: and not before");
    is($node->ask('select count(*) from atelier.pauses'), 0, "$name: nothing is left of it");
}

# Others are paused and resumed all the time; who is not goes on.
{
    my $since = $turns->();
    my $until = $node->ask(q(create table public.go_on (); select clock_timestamp() + interval '2 minutes'));
    my @loops = map { my $other = $node->ask("select atelier.create_client('Other $_', 'other-$_')"); IPC::Run::start(
        [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($Atelier::DATABASE), '-c', qq(do \$\$ begin
            while to_regclass('public.go_on') is not null and clock_timestamp() < '$until' loop
                perform atelier.pause_client('$other');
                commit;
                perform atelier.resume_client('$other');
                commit;
            end loop;
        end \$\$) ], '<', \undef) } 1 .. 4;
    ok($node->wait_until("select turns > $since + 100 from atelier.workers where database = current_database()", 60), 'many pauses: the worker has a turn for them again and again');
    my $asset = $node->request($studio, style => 'rustic');
    ok($node->wait_until($completed->($asset), 40), 'many pauses: the work of others goes on beside them');
    is($node->ask("drop table public.go_on; select clock_timestamp() < '$until'"), 't', 'many pauses: which had not ended');
    is(scalar(grep { $_->finish } @loops), 4, 'many pauses: none failed');
}

# A job that must begin soon, in a lane from which nothing is leased.
$node->ask("select atelier.pause_lane('offline', 'compose')");
my $late = $node->ask("select atelier.create_generation_request('$client', '$studio->{product}', '" . Atelier::plain_settings() . "', start_by => clock_timestamp() + interval '1 second')");
ok($node->wait_until("select error_message ~ 'no attempt of it could begin by' from atelier.generated_assets where id = '$late' and status = 'error'", 20), 'start_by: it ends by itself, and its asset says why');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');

$node->stop;
done_testing;
