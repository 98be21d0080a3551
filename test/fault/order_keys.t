# Jobs of one key run one after the other, in the order in which they were committed: with fifty sessions that enqueue, with jobs
# that fail or are cancelled, and across a worker that is killed.
use strict;
use warnings;
use Atelier;
use IPC::Run qw(run);
use PostgreSQL::Test::Utils qw(append_to_file);
use Provider;
use Session;
use Test::More;

my $node = Atelier->start_cluster('order_keys', settings => { max_connections => 80, 'pg_atelier.poll_interval' => '1h' });
my $settings = Atelier::plain_settings();
my $studio = $node->make_studio;
my $provider = Provider->start;
# One of them is refused for what it asks for: that ends it, and no other.
$provider->behave(picture_bytes => 2_000, faults => [ { fault => 'safety', match => 'product-0666', always => JSON::PP::true } ]);
$provider->introduce($node);
$node->ask("select atelier.set_lane_limit('$Provider::SERVER', '$Provider::MODEL', 16)");
# The place is drawn while the key is held: it is the order of the commits.
$node->ask('create table line (place bigserial primary key, key text, asset uuid)');

sub sessions
{
    my ($script, $sessions, $times) = @_;
    my $file = $node->basedir . '/sessions.sql';
    unlink $file;
    append_to_file($file, "$script\n");
    my ($out, $error) = ('', '');
    my $good = run([ 'pgbench', '-n', '-c', $sessions, '-j', 2, '-t', $times, '-f', $file, $node->connstr($Atelier::DATABASE) ], '>', \$out, '2>', \$error);
    diag($error) unless $good && $error !~ /aborted/;
    return $good && $error !~ /aborted/;
}
sub request
{
    my ($key, $prompt) = @_;
    my $more = $prompt ? qq( || '{"promptText": "$prompt"}') : '';
    return "atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings'::jsonb$more, provider => '$Provider::SERVER', order_key => $key)";
}
sub ask_for { my ($key, $prompt) = @_; return $node->ask("insert into line (key, asset) select '$key', " . request("'$key'", $prompt) . ' returning asset') =~ s/\n.*//sr }
# Pairs of jobs of a key of which the later one began before the earlier one had ended. The attempts tell.
my $overlaps = q(
    with ran as (
        select l.key, l.place, min(a.leased_at) as began, max(coalesce(a.finished_at, 'infinity')) as ended
          from line l join atelier_internal.attempts a on a.job_id = any (array(select h.job_id from atelier.job_history h where h.subject_id = l.asset))
         group by l.key, l.place)
    select count(*) from (select began, lag(ended) over (partition by key order by place) as before from ran) r where began < before);
my $drained = 'select not exists (select from atelier_internal.jobs)';

ok(sessions("\\set key random(1, 5)\nbegin;\nselect " . request(q('key-' || :key)) . " as asset \\gset\ninsert into line (key, asset) values ('key-' || :key, ':asset');\ncommit;", 50, 4),
    'fifty sessions enqueue four jobs each under five keys');
ok($node->wait_until($drained, 180), 'all of them end');
is($node->ask("select count(*) from atelier.generated_assets where status = 'completed'"), 200, 'two hundred pictures are made');
is($node->ask($overlaps), 0, 'of each key one after the other, in the order of the commits');
cmp_ok($node->ask('select count(*) from line a join line b on a.key < b.key join atelier_internal.attempts x on x.job_id = any (array(select h.job_id from atelier.job_history h where h.subject_id = a.asset)) join atelier_internal.attempts y on y.job_id = any (array(select h.job_id from atelier.job_history h where h.subject_id = b.asset)) where x.leased_at < y.finished_at and y.leased_at < x.finished_at'),
    '>', 0, 'while jobs of other keys run beside them');
is($node->ask('select count(*) from atelier_internal.ordered_jobs'), 0, 'no place is left taken');

# A key that is blocked is seen; the middle can be taken out; what fails for good lets the next one go.
$node->ask("select atelier.pause_lane('$Provider::SERVER', '$Provider::MODEL')");
my @line = map { ask_for('seen', $_ == 2 ? 'product-0666' : undef) } 0 .. 4;
is($node->ask("select k.waiting || ' behind ' || a.id || ' ' || k.state from atelier.ordered_keys k join atelier.generated_assets a on a.job_id = k.job_id where k.order_key = 'seen'"),
    "4 behind $line[0] waiting", 'the view names the key, who is first, and how many wait');
$node->ask("select atelier.cancel_generation('$line[1]')");
$node->ask("select atelier.resume_lane('$Provider::SERVER', '$Provider::MODEL')");
ok($node->wait_until($drained, 60), 'the line ends');
is($node->ask("select string_agg(a.status, ' ' order by l.place) from line l join atelier.generated_assets a on a.id = l.asset where l.key = 'seen'"),
    'completed error error completed completed', 'one was cancelled, one refused, and the others were made');
is($node->ask($overlaps), 0, 'in their order');

# A session that cancels the first of a key, and commits late, while another enqueues behind it.
$node->ask("select atelier.pause_lane('$Provider::SERVER', '$Provider::MODEL')");
my $head = ask_for('late');
my $session = Session->new($node);
$session->run('begin');
$session->run("select atelier.cancel_generation('$head') is not null");
my $next = ask_for('late');
ok($node->wait_until('select not exists (select from atelier_internal.order_checks)', 30), 'the worker has looked, and saw the first one alive');
is($node->ask("select reason from atelier_internal.jobs where subject_id = '$next'"), 'order', 'so that the next one waits');
$session->run('commit');
$session->leave;
ok($node->wait_until("select sequence is not null from atelier_internal.jobs where subject_id = '$next'", 30), 'it goes when the cancellation has committed');
$node->ask("select atelier.resume_lane('$Provider::SERVER', '$Provider::MODEL')");
ok($node->wait_until($drained, 60), 'and ends');

# A session that enqueues behind the first of a key, and commits after that one has ended.
$node->ask("select atelier.pause_lane('$Provider::SERVER', '$Provider::MODEL')");
$head = ask_for('behind');
$session = Session->new($node);
$session->run('begin');
my ($behind) = $session->run("select 'asset ' || " . request(q('behind'))) =~ /asset (\S+)/;
$node->ask("select atelier.resume_lane('$Provider::SERVER', '$Provider::MODEL')");
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$head'", 60), 'the first of a key ends while somebody enqueues behind it');
$session->run("insert into line (key, asset) values ('behind', '$behind')");
$session->run('commit');
$session->leave;
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$behind'", 60), 'who came behind it is made when that has committed');

# A worker that is killed in the middle.
$provider->behave(picture_bytes => 2_000, latency_ms => 100);
$node->ask('truncate line');
ask_for('key-' . $_ % 3) for 1 .. 30;
ok($node->wait_until(q(select count(*) >= 5 from line l join atelier.generated_assets a on a.id = l.asset where a.status = 'completed'), 60), 'some are made');
ok($node->crash_worker, 'the worker is killed');
ok($node->wait_until(qq(select not exists (select from atelier_internal.jobs where state <> 'held')), 180), 'its successor goes on');
$node->ask("select atelier.resolve_unknown(j.job_id, 'retry') from atelier.jobs j where j.state = 'held'");
ok($node->wait_until($drained, 180), 'all end');
is($node->ask("select count(*) from line l join atelier.generated_assets a on a.id = l.asset where a.status = 'completed'"), 30, 'all thirty are made');
is($node->ask($overlaps), 0, 'one after the other still');
is($node->ask("select count(*) from atelier.consistency_report"), 0, 'and nothing is inconsistent');

done_testing;
