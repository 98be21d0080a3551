# An application that holds the rows of jobs locked delays those jobs and no other, and nothing is lost.
use strict;
use warnings;
use Atelier;
use Photo;
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

# The rows that jobs work for, locked before their lease: an asset, and a photo under inspection.
my $hold = sub { my ($sql) = @_; my $holder = Session->new($node); $holder->run('begin'); $holder->run($sql); return $holder };
$node->ask("select atelier.pause_lane('offline', 'compose')");
$asset = $node->request($studio, style => 'japandi');
$other = $node->request($studio, style => 'minimalist');
$session = $hold->("select atelier.pin_asset('$asset', false)");
$node->ask("select atelier.resume_lane('offline', 'compose')");
ok($node->wait_until($completed->($other), 20), 'an asset locked by its application holds up no other');
ok($node->wait_until("select e.reason = 'locked' from atelier.generated_assets a, atelier.explain_job(a.job_id) e where a.id = '$asset'", 5), 'explain_job says what it waits for');
$session->run('commit');
$session->leave;
ok($node->wait_until($completed->($asset), 20), 'and is made when its application is done');
is($node->ask("select max(number) from atelier.attempts where job_id = (select job_id from atelier.generated_assets where id = '$asset')"), 1, 'at its first attempt');

my $client = $studio->{client};
my @photos = map { $node->store_object("photos/$_.png", Photo::png()) } qw(first second);
$node->ask("select atelier.pause_lane('file', '')");
my @images = map { $node->ask("select atelier.register_image('$client', '$_')") } @photos;
$session = $hold->("select atelier.register_image('$client', '$photos[0]')");
$node->ask("select atelier.resume_lane('file', '')");
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$images[1]'", 20), 'a photo locked by its application holds up no other');
$session->run('rollback');
$session->leave;
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$images[0]'", 20), 'and is inspected later');

# A deferred job, locked when its time comes; and one that waits for a photo, locked when the photo is ready.
$asset = $node->ask("select atelier.create_generation_request('$client', '$studio->{product}', settings, run_after => now() + interval '2 seconds') from atelier.generated_assets limit 1");
$session = $lock->($asset);
ok($node->wait_until("select run_after < now() from atelier.jobs where subject_id = '$asset'", 10), 'its time has come');
$other = $node->request($studio, style => 'scandinavian');
ok($node->wait_until($completed->($other), 20), 'a due job that is locked holds up no other');
$session->run('commit');
$session->leave;
ok($node->wait_until($completed->($asset), 20), 'and runs later');

$node->ask("select atelier.pause_lane('file', '')");
my $second = $node->make_studio;
$asset = $node->request($second);
$session = $lock->($asset);
$node->ask("select atelier.resume_lane('file', '')");
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$second->{image}'", 20), 'a photo is ready although the job that waits for it is locked');
$session->run('commit');
$session->leave;
ok($node->wait_until($completed->($asset), 20), 'which runs later');

# Locks that nothing skips: of a client, which a picture refers to; and of a key, which an application is registering while the
# lease that may have stored it is given back.
my $elsewhere = $node->make_studio;
ok($node->wait_until("select status = 'ready' from atelier.images where id = '$elsewhere->{image}'", 20), 'another client has a photo');
$node->ask("select atelier.pause_lane('offline', 'compose')");
$asset = $node->request($studio, style => 'rustic');
$session = $hold->("select from atelier.clients where id = '$client' for update");
$node->ask("select atelier.resume_lane('offline', 'compose')");
ok($node->wait_for_condition(sub { $answered->($asset) }, 20), 'a picture is stored while its client is locked');
sleep 1;
my @others = map { $node->request($elsewhere) } 1 .. 3;
ok($node->wait_until($completed->($_), 20), 'the work of another goes on') for @others;
is($node->ask($completed->($asset)), 'f', 'while the locked one waits');
$session->run('commit');
$session->leave;
ok($node->wait_until($completed->($asset), 10), 'and is settled when the lock is gone');
is($node->ask("select count(*) from atelier.attempts where job_id = (select job_id from atelier.generated_assets where id = '$asset')"), 1, 'with its one attempt');

my $executor = $node->executor_pid(10);
kill 'STOP', $executor;
$asset = $node->request($studio, style => 'classic');
ok($lease->($asset), 'a job is leased to an executor that does nothing');
my $image = $node->ask("select image_id from atelier_internal.jobs where id = (select job_id from atelier.generated_assets where id = '$asset')");
$session = $hold->("select atelier_internal.claim_keys('file', '', array['clients/$client/generated/$image.jpg'])");
kill 'KILL', $executor;
$other = $node->request($elsewhere);
ok($node->wait_until($completed->($other), 20), 'the next executor works on while the key is locked');
is($node->ask("select state from atelier.jobs where subject_id = '$asset'"), 'leased', 'the lost lease stands');
$session->run('commit');
$session->leave;
ok($node->wait_until($completed->($asset), 20), 'then it is given back and done again');
$node->stop;
done_testing();
