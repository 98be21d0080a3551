# CALL atelier.wait_for(): whoever waits for a job is told of its end, holds no snapshot meanwhile, and is who they were before.
use strict;
use warnings;
use Atelier;
use IPC::Run;
use Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = Atelier->start_cluster('wait_for');
my $studio = $node->make_studio;
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'worker and executor are ready');
$node->ask(q[insert into atelier_internal.pipelines (name, description) values ('remove', 'test');
             insert into atelier_internal.steps (pipeline, position, name, action) values ('remove', 1, 'remove', 'storage.delete');]);
my $other = $node->ask(q[select atelier.create_client('Other', 'other')]);
my ($user, $stranger) = map {
    $node->ask("with person as (insert into atelier.users (email, name) values (gen_random_uuid() || '\@example.com', 'Member') returning id)
                insert into atelier.members (user_id, client_id, role, status) select id, '$_', 'member', 'active' from person returning user_id")
} ($studio->{client}, $other);

# A job that deletes an object that is not there: it ends at once when its lane lets it.
sub enqueue
{
    return $node->ask(qq[select (atelier_internal.enqueue_jobs('remove', array[row(null, '$studio->{client}', 'file', '',
        '{"objects": [{"store": "file", "key": "none"}]}', null)::atelier_internal.job_request]))[1]]);
}
sub pause { return $node->ask(q[select atelier.pause_lane('file', '', 'test')]) }
sub resume { return $node->ask(q[select atelier.resume_lane('file')]) }

# A psql that waits, in the background; with what stands before the call.
sub waiter
{
    my ($job, $timeout, $before, $more) = @_;
    my %waiter = (started => time, output => '', error => '');
    my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($Atelier::DATABASE) . ' application_name=waiter',
        map { ('-c', $_) } grep { defined } $before, "call atelier.wait_for('$job', '$timeout'" . ($more // '') . ')');
    $waiter{process} = IPC::Run::start(\@command, '<', \undef, '>', \$waiter{output}, '2>', \$waiter{error}, IPC::Run::timeout(120));
    return \%waiter;
}
sub answer
{
    my ($waiter) = @_;
    $waiter->{process}->finish;
    $waiter->{took} = time - $waiter->{started};
    chomp(my $answer = $waiter->{output} . ($waiter->{error} =~ s/^psql:.*?: //r));
    return $answer;
}
sub waiters { return $node->ask(q[select count(*) from pg_stat_activity where application_name = 'waiter' and query ~ 'wait_for']) }

enqueue();
pause();
{
    my $job = enqueue();
    my @waiting = map { waiter($job, '1 minute') } 1 .. 20;
    ok($node->wait_until(q[select count(*) = 20 from pg_stat_activity where application_name = 'waiter' and query ~ 'wait_for']), 'twenty sessions wait for a job');
    my $id = $node->ask('select txid_current()');
    ok($node->wait_until("select count(*) = 20 and bool_and(backend_xmin is null or backend_xmin::text::bigint > $id) from pg_stat_activity where application_name = 'waiter'", 30),
        'none of them holds a snapshot of before');
    is(waiters(), 20, 'while they go on waiting');
    resume();
    my $resumed = time;
    is(join(' ', map { answer($_) } @waiting), join(' ', ('completed') x 20), 'all are told that it is completed');
    cmp_ok(time - $resumed, '<', 30, 'long before their time is over');
}
is(answer(waiter(enqueue(), '1 minute')), 'completed', 'a job that may run');
pause();
{
    my $job = enqueue();
    my $waiter = waiter($job, '1.5 seconds');
    is(answer($waiter), 'waiting', 'when the time is over the state is told as it is');
    cmp_ok($waiter->{took}, '>=', 1.5, 'not before');
    $waiter = waiter($job, '1 minute');
    $node->wait_until(q[select count(*) = 1 from pg_stat_activity where application_name = 'waiter' and query ~ 'wait_for']);
    $node->ask("select atelier.cancel_job('$job')");
    is(answer($waiter), 'cancelled', 'an end that the worker did not make is seen too');
    cmp_ok($waiter->{took}, '<', 40, 'in time');
    is(answer(waiter($job, '0')), 'cancelled', 'of one that has ended the state is told at once');
    like(answer(waiter(enqueue(), '1 minute', "set statement_timeout = '500ms'")), qr/57014/, 'a statement_timeout ends it');
}

# Where it cannot be
{
    my $job = enqueue();
    like($node->refusal("begin; call atelier.wait_for('$job');"), qr/55000.*a transaction block cannot wait for a job.*HINT:  Commit first, then CALL atelier\.wait_for/s, 'in a transaction block it is refused, with the way out');
    like($node->refusal("begin; select atelier.job_state('$job', 10);"), qr/55000.*a transaction block cannot wait/s, 'as is a state that is waited for');
    is($node->ask("begin; select atelier.job_state('$job'); commit"), 'waiting', 'a state that is only asked is told there');
    is($node->ask("select atelier.job_state('$job', 10)"), 'waiting', 'and a single statement may wait');
    like($node->refusal("do \$\$ declare v_state text; begin call atelier.wait_for('$job', state => v_state); exception when division_by_zero then null; end \$\$"), qr/55000.*a transaction block cannot wait for a job/s, 'so it is in a block with an exception clause');
    like($node->refusal("call atelier.wait_for('$job', '-1 s')"), qr/22023.*HINT/s, 'a time that is past is refused');
    like($node->refusal("call atelier.wait_for(gen_random_uuid())"), qr/P0002.*HINT:  Finished jobs are forgotten/s, 'so is an unknown job');
}

# For whom
{
    my $job = enqueue();
    my $app = "set role atelier_app";
    is(answer(waiter($job, '1 s', $app, ", user_id => '$user'")), 'waiting', 'an application waits for a job of the client of its user');
    like(answer(waiter($job, '1 s', $app, ", user_id => '$stranger'")), qr/P0002.*job not found/s, 'for one of another client it is not there');
    like(answer(waiter($job, '1 s', $app)), qr/P0002.*HINT:  No client is chosen.*set_context/s, 'without a user nothing is');
    my $session = Session->new($node);
    $session->run("set role atelier_app; set search_path = 'nowhere'");
    $session->run("call atelier.wait_for('$job', '1 s', '$user')");
    like($session->run(q[select 'context ' || coalesce(atelier.current_client_id()::text, 'none') || ' path ' || current_setting('search_path')]), qr/context none path nowhere/,
        'afterwards the session has no context, and its own search_path');
    like($session->run("do \$\$ declare v_state text; begin perform atelier.set_context('$user'); call atelier.wait_for('$job', '1200 ms', state => v_state); perform set_config('test.state', v_state, false); end \$\$; select 'state ' || current_setting('test.state')"),
        qr/state waiting/, 'a context that was chosen before goes on from one transaction of it to the next');
    $session->leave;
}
{
    # Whoever comes first in the path is not asked.
    $node->ask(q[create schema evil;
        create function evil.coalesce(uuid, uuid) returns uuid language plpgsql as 'begin raise ''trapped''; end';
        create function evil.later(timestamptz, timestamptz) returns boolean language plpgsql as 'begin raise ''trapped''; end';
        create operator evil.>= (leftarg = timestamptz, rightarg = timestamptz, function = evil.later);
        create operator evil.+ (leftarg = timestamptz, rightarg = interval, function = pg_catalog.timestamptz_mi_interval);
        create function evil.clock_timestamp() returns timestamptz language plpgsql as 'begin raise ''trapped''; end';]);
    my $waiter = waiter(enqueue(), '1.5 s', 'set search_path = evil, pg_catalog');
    is(answer($waiter), 'waiting', 'what stands before pg_catalog in the path of the caller is not used');
    cmp_ok($waiter->{took}, '>=', 1.5, 'in none of its transactions');
}
$node->stop;
done_testing();
