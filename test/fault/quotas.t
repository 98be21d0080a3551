# Limits under concurrency: fifty sessions at the limit are let through exactly as often as it says, also with collections, with
# snapshots and with jobs that fail; and who counts or gives back holds up nobody whom it must not.
use strict;
use warnings;
use Atelier;
use Collection;
use IPC::Run qw(run);
use JSON::PP ();
use PostgreSQL::Test::Utils qw(append_to_file);
use Provider;
use Session;
use Test::More;

my $sessions = 50;
my $node = Atelier->start_cluster('quotas', settings => { max_connections => 80, 'pg_atelier.poll_interval' => '1h', 'pg_atelier.quota_timezone' => 'UTC' });
my $settings = Atelier::plain_settings();
my $offline = sub { my ($on) = @_; $node->ask($on ? "select atelier.resume_lane('offline', 'compose')" : "select atelier.pause_lane('offline', 'compose')") };

# Fifty sessions of pgbench repeat a script; what is refused for a limit is a NOTICE less, and anything else ends the session.
sub sessions
{
    my ($script, %with) = @_;
    my $file = $node->basedir . '/sessions.sql';
    unlink $file;
    append_to_file($file, "$script\n");
    my @command = ('pgbench', '-n', '-c', $with{sessions} // $sessions, '-j', 2, exists $with{seconds} ? ('-T', $with{seconds}) : ('-t', $with{times} // 4),
        @{ $with{options} // [] }, '-f', $file, $node->connstr($Atelier::DATABASE));
    my ($out, $error) = ('', '');
    my $good = run(\@command, '>', \$out, '2>', \$error);
    diag($error) unless $good && $error !~ /aborted/;
    return $good && $error !~ /aborted/;
}

sub request
{
    my ($studio, $product) = @_;
    $product //= "'$studio->{product}'";
    return qq(do \$\$ begin perform atelier.create_generation_request('$studio->{client}', $product, '$settings');
        exception when configuration_limit_exceeded then null; end \$\$;);
}
sub used { my ($studio, $period) = @_; $period //= 'day'; return $node->ask("select used from atelier.quota_status('$studio->{client}') where period = '$period'") }
sub assets { my ($studio, $where) = @_; $where //= 'true'; return $node->ask("select count(*) from atelier.generated_assets where client_id = '$studio->{client}' and $where") }

$node->ask("select atelier.set_lane_limit('offline', 'compose', 8)");
$offline->(0);

# The limit of free, as it is shipped.
my $free = $node->make_studio(tier => 'free');
ok(sessions(request($free)), 'fifty sessions ask for four each');
is(assets($free), 100, 'S2-62: exactly 100 are accepted');
is($node->ask("select count(*) from atelier.jobs where client_id = '$free->{client}'"), 100, 'S2-62: with a job each');
is(used($free), 100, 'S2-62: and counted');
like($node->refusal("select atelier.create_generation_request('$free->{client}', '$free->{product}', '$settings')"),
    qr/53400: generation limit of the day exceeded.*used 100 of 100 generations today and asks for 1\..*The next day begins at \d{4}-\d\d-\d\dT00:00:00/s, 'S2-62: the next one is refused, with the time of reset');

# Snapshots: who did not see what others counted fails and comes again.
for my $level ('repeatable read', 'serializable')
{
    my $studio = $node->make_studio(tier => 'free');
    ok(sessions("begin isolation level $level;\nselect 1 from atelier.clients;\n" . request($studio) . "\ncommit;", times => 3, options => [ '--max-tries=1000' ]), "fifty sessions in $level");
    is(assets($studio), 100, "S2-62: exactly 100 are accepted in $level");
    is(used($studio), 100, "S2-62: and counted in $level");
}

# The turn of a day and of a month: sessions on both sides of it at once.
my $turn = $node->make_studio(tier => 'free');
$node->ask("update atelier.clients set settings = '{\"monthlyGenerationLimit\": 130}' where id = '$turn->{client}'");
ok(sessions("\\set zone random(1, 2)\nselect set_config('pg_atelier.quota_timezone', (array['Pacific/Kiritimati', 'Etc/GMT+12'])[:zone], false);\n" . request($turn), times => 8), 'sessions of two days');
my $months = $node->ask("select count(distinct starts) from atelier_internal.usage_counts where client_id = '$turn->{client}' and period = 'month'");
is(assets($turn), $months == 1 ? 130 : 200, 'X-29: each day and each month takes exactly what it allows');
is($node->ask("select max(used) <= 100 and count(*) = 2 from (select sum(used) as used from atelier_internal.usage_counts where client_id = '$turn->{client}' and period = 'day' group by starts) d"), 't', 'X-29: neither day more than 100');
is($node->ask("select max(used) <= 130 from (select sum(used) as used from atelier_internal.usage_counts where client_id = '$turn->{client}' and period = 'month' group by starts) d"), 't', 'X-28: and no month more than 130');

# Collections are let through as a whole or not at all.
my $shelves = $node->make_studio(tier => 'free');
Collection->make($node, $shelves, products => 7);
$node->ask(qq(
    create table shelves as
    with made as (
        insert into atelier.collections (client_id, name, status, selected_product_ids, product_analysis, base_settings)
        select c.client_id, 'shelf ' || n, 'ready', c.selected_product_ids,
               jsonb_build_object('roomTypeDistribution', '{}'::jsonb, 'productTypes', '[]'::jsonb, 'dominantCategory', '', 'suggestedStyles', '[]'::jsonb,
                   'recommendedInspirationKeywords', '[]'::jsonb, 'analyzedAt', '', 'productRoomAssignments', '{}'::jsonb), '$settings'
          from atelier.collections c, generate_series(1, 20) n
        returning id)
    select id, row_number() over () as place from made));
ok(sessions("\\set place :client_id + 1\ndo \$\$ begin perform atelier.generate_collection((select id from shelves where place = :place)); exception when configuration_limit_exceeded then null; end \$\$;",
    sessions => 20, times => 1), 'twenty collections of seven at once');
is($node->ask("select string_agg(n || ' of ' || assets, ', ' order by assets) from (select count(*) as n, assets from (select count(a.id) as assets from shelves s left join atelier.generated_assets a on a.collection_id = s.id group by s.id) c group by assets) d"),
    '6 of 0, 14 of 7', 'S2-62, S0-10: fourteen are made whole, six not at all');
is(used($shelves), 98, 'S2-62: each of their assets counts');

# Who has no limit waits for nobody.
my $large = $node->make_studio;
my ($first, $second) = map { Session->new($node) } 1 .. 2;
my $ask = sub { my ($studio) = @_; return "select 'made ' || (atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$settings') is not null)" };
$first->run('begin');
$first->run($ask->($large));
$second->run("set lock_timeout = '1s'");
like($second->run($ask->($large)), qr/made true/, 'S2-63: a session of a client without limits does not wait for another one');
$first->run('commit');
is(used($large), 2, 'S2-63: both are counted');

# A cancellation waits for nobody either, and the worker, giving back what failed, does not wait for who is counting.
$node->ask("select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'the test goes on')");
is(used($free), 0, 'X-28: a hundred that are cancelled at once are given back');
my $small = $node->make_studio(tier => 'free');
$node->ask("select atelier.set_client_tier('$small->{client}', 'free', 5)");
my @made = map { $node->request($small) } 1 .. 5;
$node->ask("select atelier.cancel_generation('$made[0]')");
$first->run('begin');
$first->run($ask->($small));
like($second->run("select 'cancelled ' || (atelier.cancel_generation('$made[1]') = '$made[1]')"), qr/cancelled true/, 'X-28: a cancellation does not wait for who counts');
$node->ask("update atelier.images set status = 'deleting' where id = '$small->{image}'");
$offline->(1);
ok($node->wait_until("select count(*) = 4 from atelier.generated_assets where client_id = '$small->{client}' and status = 'error' and id <> '$made[0]'", 20),
    'X-28: the worker ends jobs that fail while a session counts');
$first->run('rollback');
$node->wait_until("select not exists (select from atelier.jobs where client_id = '$small->{client}')", 20);
$offline->(0);
is(used($small), 0, 'X-28: all five came to nothing, and were given back');
is($node->ask("select string_agg(format('%s:%s', case when slot > 0 then 'session' else slot::text end, used), ' ' order by slot) from (select least(slot, 1) as slot, sum(used) as used from atelier_internal.usage_counts where client_id = '$small->{client}' and period = 'day' group by 1) s"),
    '-1:-3 0:5 session:-2', 'X-28: by the worker in its own slot, by sessions in theirs');
$_->leave for $first, $second;

# Fifty sessions, and jobs that fail meanwhile: what fails is given back and asked for by somebody else, until a hundred are made.
my $provider = Provider->start;
$provider->behave(picture_bytes => 2_000, faults => [ map { { fault => 'safety', match => sprintf('product-%04d', $_), always => JSON::PP::true } } 3, 6, 9 ]);
$provider->introduce($node);
$node->ask("select atelier.set_lane_limit('$Provider::SERVER', '$Provider::MODEL', 16)");
my $busy = $node->make_studio(tier => 'free');
Collection->make($node, $busy, products => 10);
$node->ask("alter database $Atelier::DATABASE set pg_atelier.default_provider = '$Provider::SERVER'");
my $product = "(select p.id from atelier.products p where p.client_id = '$busy->{client}' and p.sku like 'C-%' order by random() limit 1)";
my $over = 0;
for my $round (1 .. 30)
{
    ok(sessions(request($busy, $product), times => 4), "round $round with failing jobs") or last;
    $over++ if assets($busy, "status <> 'error'") > 100;
    $node->wait_until("select not exists (select from atelier.jobs where client_id = '$busy->{client}')", 60);
    last if assets($busy, "status = 'completed'") == 100;
}
is($over, 0, 'S2-62: there were never more than a hundred that had not failed');
is(assets($busy, "status = 'completed'"), 100, 'X-28: in the end exactly 100 are made, however many failed');
cmp_ok(assets($busy, "status = 'error'"), '>', 5, 'X-28: and some did');
is(used($busy), 100, 'X-28: 100 are counted');
is(used($busy, 'month'), 100, 'X-28: in the month too');

done_testing;
