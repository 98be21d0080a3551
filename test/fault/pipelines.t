# A pipeline of three steps (a function; a call with a function before and after it; a function) is killed at every boundary between
# what it is made of, fifty times: the worker or the whole server by SIGKILL, the executor, the handler process. Every job
# completes, no completed step runs again, and what each step wrote is there once.
use strict;
use warnings;
use Atelier;
use Pipelines;
use Provider;
use Test::More;
use Time::HiRes qw(sleep time);

my $rounds = 50;
my $node = Atelier->start_cluster('pipelines', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms', 'pg_atelier.handler_timeout' => '2min' });
my $provider = Provider->start;
$provider->introduce($node, kind => 'openai', options => { text_model => 'test-text', outcome_unknown => 'retry' });
Pipelines::role($node, 'maker');
$node->ask('grant usage on foreign server studio to maker');

# What a function does is a row, and a line in the log, which no rollback takes back. It stops where its job was told to, before
# that or after it, as long as the row of its job is there.
Pipelines::as($node, 'maker', q(
    create table maker.effects (job_id uuid not null, phase text not null);
    create table maker.stops (n integer primary key);
    create function maker.act(job jsonb, phase text) returns void language plpgsql as $$
    declare
        v_here text := job #>> '{input,stop}';
        v_n integer := (job #>> '{input,n}')::integer;
    begin
        if v_here = 'begin ' || phase then perform maker.stop(v_n, phase); end if;
        raise log 'acts % %', phase, v_n;
        insert into maker.effects values ((job ->> 'job_id')::uuid, phase);
        if v_here = 'end ' || phase then perform maker.stop(v_n, phase); end if;
    end $$;
    create function maker.stop(n integer, phase text) returns void language plpgsql as $$
    begin
        if not exists (select from maker.stops s where s.n = stop.n) then return; end if;
        raise log 'stops % %', phase, n;
        while exists (select from maker.stops s where s.n = stop.n) loop perform pg_sleep(0.01); end loop;
    end $$;));
Pipelines::handler($node, 'maker.draft', q(perform maker.act(job, 'draft'); return job -> 'input';));
Pipelines::handler($node, 'maker.ask', q(perform maker.act(job, 'ask');
    return jsonb_build_object('prompt', to_char((job #>> '{results,draft,n}')::integer, '"product-"FM0000'));));
Pipelines::handler($node, 'maker.take', q(perform maker.act(job, 'take'); return jsonb_build_object('taken', job #> '{result,text}');));
Pipelines::handler($node, 'maker.publish', q(perform maker.act(job, 'publish'); return jsonb_build_object('published', job #> '{results,write,taken}');));
Pipelines::define($node, 'make', 'maker', [
    { name => 'draft', action => 'sql', handler => 'maker.draft' },
    { name => 'write', action => 'ai.text', provider => 'studio', prepare => 'maker.ask', settle => 'maker.take' },
    { name => 'publish', action => 'sql', handler => 'maker.publish' } ]);

my @phases = qw(draft ask call take publish);
my @stops = ('begin draft', 'end draft', 'begin ask', 'end ask', 'call', 'begin take', 'end take', 'begin publish', 'end publish', 'ended');
my %kill = (
    worker => sub { $node->crash_worker },
    server => sub { $node->stop('immediate'); $node->start },
    executor => sub { kill 'KILL', $node->executor_pid(20) },
    # SIGKILL of a handler process is what worker does: PostgreSQL restarts for it.
    handler => sub { $node->ask("select pg_terminate_backend($_)") for Pipelines::processes($node) },
    crash => sub {
        my $position = $node->log_position;
        kill 'KILL', (Pipelines::processes($node))[0] // $node->worker_pid(20);
        $node->wait_for_condition(sub { $node->log_since($position) =~ /database system is ready to accept connections/ }, 30);
    });
my @kills = sort keys %kill;

# What was completed when it was killed, for each job; how often anything acted then, and in the end.
my (@jobs, %completed, %acted, $position);
sub acted { my ($n) = @_; my %times; $times{$_}++ for $node->log_since($position) =~ /acts (\w+) $n$/mg; return \%times }
for my $n (1 .. $rounds)
{
    my $stop = $stops[ ($n - 1) % @stops ];
    # Each stop meets each kill in fifty rounds.
    my $kill = $kills[ ($n - 1 + int(($n - 1) / @stops)) % @kills ];
    $position = $node->log_position;
    $node->ask("insert into maker.stops values ($n)") unless $stop =~ /^(call|ended)$/;
    $provider->behave(latency_ms => $stop eq 'call' ? 1_500 : 0);
    my $job = Pipelines::enqueue($node, 'make', { n => $n, stop => $stop });
    push @jobs, $job;
    my $reached = $stop eq 'call' ? $provider->wait_for_open(1) == 1
      : $stop eq 'ended' ? $node->wait_until("select count(*) = 1 from atelier.job_history where job_id = '$job'", 60)
      : $node->wait_for_condition(sub { $node->log_since($position) =~ /stops \w+ $n$/m }, 60);
    ok($reached, "$n: it stands at '$stop'") or last;
    my ($at) = grep { $stop =~ /\b$phases[$_]$/ } 0 .. $#phases;
    $completed{$n} = [ @phases[ 0 .. ($at // @phases) - 1 ] ];
    is($node->ask("select coalesce(string_agg(case when phase = 'action' and label = 'write' then 'call' else f end, ' ' order by position), '')
                     from atelier_internal.step_results, lateral (select case phase when 'prepare' then 'ask' when 'settle' then 'take' else label end as f) f where job_id = '$job'"),
        join(' ', @{ $completed{$n} }), "$n: what came before is completed, and nothing else");
    $acted{$n} = acted($n);
    $kill{$kill}->();
    $provider->behave(latency_ms => 0);
    # Also while the server comes back the row must go before its job is tried again.
    $node->wait_until("delete from maker.stops returning true", 30) unless $stop =~ /^(call|ended)$/;
    my ($state, $class, $message) = Pipelines::ended($node, $job, 60);
    is($state, 'completed', "$n: killed ($kill) at '$stop' it completes") or diag("$class $message"), last;
    my $now = acted($n);
    my %again = map { $_ => $now->{$_} - $acted{$n}{$_} } grep { $now->{$_} > ($acted{$n}{$_} // 0) && $_ ne 'call' } @{ $completed{$n} };
    is_deeply(\%again, {}, "$n: no step that was completed runs again");
}

is(scalar @jobs, $rounds, 'all rounds were played');
is($node->ask("select count(*) from (select job_id from maker.effects group by job_id having string_agg(phase, ' ' order by phase) = 'ask draft publish take') e"), $rounds,
    'each job has done each of its steps once');
is($node->ask('select count(*) from maker.effects'), 4 * $rounds, 'and no effect of a try that was killed is left');
is($node->ask("select count(*) from atelier.job_history h, lateral atelier.job_result(h.job_id) r where h.pipeline = 'make' and r = '{\"published\": \"A fine thing.\"}'"), $rounds,
    'its result came through all of them');
my $billed = $provider->counts->{products};
my @paid_again = grep { ($billed->{ sprintf 'product-%04d', $_ } // 0) != 1 } grep { grep { $_ eq 'call' } @{ $completed{$_} } } keys %completed;
is_deeply(\@paid_again, [], 'a call that was completed is not made again');
cmp_ok($node->ask("select count(*) from atelier.attempts where error_class in ('worker_lost', 'outcome_unknown')"), '>=', 0.5 * $rounds, 'attempts were lost');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');

$node->stop;
$provider->stop;
done_testing;
