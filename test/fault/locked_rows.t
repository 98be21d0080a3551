# An application that holds the rows of jobs locked delays those jobs and no other, and nothing is lost.
use strict;
use warnings;
use Atelier;
use Session;
use Test::More;

my $node = Atelier->start_cluster('locked_rows', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '50ms' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');

my $completed = sub { my ($id) = @_; return "select status = 'completed' from atelier.generated_assets where id = '$id'" };
my $answered = sub {
    my ($id) = @_;
    my $key = "clients/$studio->{client}/generated";
    return $node->ask("select exists (select from pg_stat_file(atelier.store_path() || '/$key/' || a.image_id || '.jpg', true) f where f.size is not null)
                         from atelier_internal.attempts a where a.job_id = (select job_id from atelier.generated_assets where id = '$id')") eq 't';
};
my $lock = sub {
    my ($id) = @_;
    my $session = Session->new($node);
    $session->run('begin');
    $session->run("select id from atelier_internal.jobs where id = (select job_id from atelier.generated_assets where id = '$id') for update");
    return $session;
};
my $lease = sub {
    my ($id) = @_;
    return $node->wait_until("select state = 'leased' from atelier.jobs where subject_id = '$id'");
};

# Leased, then locked while its answer comes.
my $asset = $node->request($studio, style => 'rustic');
ok($lease->($asset), 'the job is leased');
my $session = $lock->($asset);
ok($node->wait_for_condition(sub { $answered->($asset) }, 20), 'its picture is stored while its row is locked');
my $other = $node->request($studio, style => 'classic');
ok($node->wait_until($completed->($other), 20), 'another job goes its way meanwhile');
is($node->ask($completed->($asset)), 'f', 'the locked one waits');
$session->run('commit');
$session->leave;
ok($node->wait_until($completed->($asset), 10), 'and is settled when the lock is gone');
is($node->ask("select count(*) from atelier.attempts where job_id = (select job_id from atelier.generated_assets where id = '$asset')"), 1, 'with its one attempt');

# The executor dies while the lease's row is locked: it cannot be given back yet.
$asset = $node->request($studio, style => 'industrial');
ok($lease->($asset), 'the next job is leased');
$session = $lock->($asset);
kill 'KILL', $node->executor_pid(10);
$other = $node->request($studio, style => 'bohemian');
ok($node->wait_until($completed->($other), 20), 'a new executor works on');
is($node->ask("select state from atelier.jobs where subject_id = '$asset'"), 'leased', 'the lost lease stands while it is locked');
$session->run('rollback');
$session->leave;
ok($node->wait_until($completed->($asset), 20), 'then it is given back and done again');
is($node->ask("select string_agg(outcome || coalesce(' ' || error_class, ''), ', ' order by attempt_id) from atelier.attempts where job_id = (select job_id from atelier.generated_assets where id = '$asset')"),
    'given_back, completed', 'as the attempts tell: nobody blames a job for a kill from outside');
$node->stop;
done_testing();
