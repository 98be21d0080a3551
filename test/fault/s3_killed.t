# Worker or executor killed with -9 at each point around a PUT and around a deletion, with pictures that are drawn and
# pictures that are bought under way: after the drain no row lacks its object, no object lacks its row, and none was bought
# twice. ATELIER_LONG=1: five rounds.
use strict;
use warnings;
use Atelier;
use Provider;
use Session;
use Store;
use Test::More;

my $rounds = $ENV{ATELIER_LONG} ? 5 : 1;
my ($drawn, $bought) = (1, 6);
my $node = Atelier->start_cluster('s3_killed', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '200ms' });
my $store = Store->start;
$store->introduce($node, default => 1);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
$provider->behave(picture_bytes => 100_000);
$provider->introduce($node);
my ($jobs, $paid) = (1, 0);
# The first request of an executor tries its credentials alone.
$node->request($studio);
ok($node->wait_until("select count(*) = 1 from atelier.generated_assets where status = 'completed'"), 'a picture is drawn');

sub kill_one { my ($who) = @_; $who eq 'worker' ? $node->crash_worker : kill 'KILL', $node->executor_pid(20); return }

sub is_whole
{
    my ($case) = @_;
    # What a dead attempt may have stored is left alone for a minute: it may still be on its way.
    $store->hurry($node);
    ok($store->wait_until_quiet($node, 60), "$case: everything ends")
      or diag($node->ask('select state, reason, pipeline, count(*) from atelier.jobs group by 1, 2, 3'), $node->ask('select * from atelier_internal.object_deletions'));
    is_deeply([ $store->differences($node) ], [], "$case: no row without object, no object without row");
    return;
}

for my $round (1 .. $rounds)
{
    for my $who ('executor', 'worker')
    {
        for my $when ('before the PUT', 'before its answer', 'before the settling')
        {
            my $case = "$who killed $when";
            my $total = $drawn + $bought;
            $store->forget;
            $store->behave(rules => [ { do => $when eq 'before the PUT' ? 'hold_request' : 'hold_answer', operation => 'put_object', times => 0 } ]);
            $node->request_many($studio, $drawn, style => 'japandi');
            $provider->order($node, $studio, $bought, first => $paid + 1);
            ($jobs, $paid) = ($jobs + $total, $paid + $bought);
            is($store->wait_for_held($total), $total, "$case: all are on their way");
            my $session;
            if ($when eq 'before the settling')
            {
                $session = Session->new($node);
                $session->run("begin; select id from atelier.generated_assets where status = 'generating' for update");
                $store->release;
                # Their answers have come, and cannot be settled.
                $node->wait_for_condition(sub { $store->counts->{open} == 0 }, 10);
            }
            kill_one($who);
            $store->release;
            if ($session && $who eq 'executor') { $session->run('rollback'); $session->leave }
            ok($node->wait_until("select count(*) = $jobs from atelier.generated_assets where status in ('completed', 'error')", 60), "$case: every asset ends");
            is($node->count_status('completed'), $jobs, "$case: as completed") or diag($node->ask("select distinct error_message from atelier.generated_assets where status = 'error'"));
            is($provider->counts->{billed}, $paid, "$case: billed as many as bought");
            is_whole($case);
        }
    }
    for my $who ('executor', 'worker')
    {
        for my $when ('before the deletion', 'before its record')
        {
            my $case = "$who killed $when";
            $store->forget;
            my @keys = map { $store->put("clients/$studio->{client}/generated/stray-$round-$_.png", 'stray') } 1 .. 3;
            $store->behave(rules => [ { do => $when eq 'before the deletion' ? 'hold_request' : 'hold_answer', operation => 'delete_objects' } ]);
            $store->queue_deletions($node, @keys);
            is($store->wait_for_held(1), 1, "$case: it is on its way");
            kill_one($who);
            $store->release;
            is_whole($case);
            cmp_ok($store->counts->{delete_objects}, '<=', 2, "$case: with one more request at most");
        }
    }
}
note("billed $paid for $jobs jobs; attempts: " . join ', ', map { "$_ " . $provider->attempts($node)->{$_} } sort keys %{ $provider->attempts($node) });
is($provider->attempts($node)->{outcome_unknown} // 0, 0, 'no call is of unknown outcome');

$node->stop;
$store->stop;
$provider->stop;
done_testing();
