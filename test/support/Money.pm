package Money;

# What the tests of budgets share: prices, figures of what was spent, and a session that looks all the time whether more
# than a budget is spoken for.
#
#   Money::price($node, image => 0.1);
#   my $watch = Money::watch($node);
#   ...
#   is($watch->excess, 0, 'never more than the budget');
#   $watch->end;

use strict;
use warnings;
use Atelier;
use Flow;
use IPC::Run;
use Provider;

# The zone in which it is about noon, so that no day ends while a test runs.
sub zone_of_noon { my $ahead = 12 - (gmtime)[2]; return sprintf 'Etc/GMT%+d', -$ahead }

# Prices of units of a model in USD; the most of each that one call uses is as the engine knows it, or [price, most].
# Options: provider (studio), model (test-image).
sub price
{
    my ($node, %units) = @_;
    my ($provider, $model) = (delete $units{provider} // $Provider::SERVER, delete $units{model} // $Provider::MODEL);
    for my $unit (sort keys %units)
    {
        my ($price, $most) = ref $units{$unit} ? @{ $units{$unit} } : ($units{$unit}, 'null');
        # Of one transaction more than one would have the same time.
        $node->ask("insert into atelier.prices (provider, model, unit, price, most_per_call, since) values ('$provider', '$model', '$unit', $price, $most, clock_timestamp())");
    }
    return;
}

# The tokens of every model of a provider cost nothing.
sub free_tokens
{
    my ($node, @providers) = @_;
    price($node, provider => $_, model => '', input_token => 0, cached_input_token => 0, output_token => 0) for @providers;
    return;
}

# So many texts of a client in one transaction. Options: tokens (max_output_tokens of each; none), provider (writer), first (1).
sub texts
{
    my ($node, $client, $count, %of) = @_;
    my $provider = $of{provider} // 'writer';
    my $parameters = $of{tokens} ? qq(jsonb_build_object('parameters', jsonb_build_object('max_output_tokens', $of{tokens}))) : q('{}'::jsonb);
    my ($first, $last) = ($of{first} // 1, ($of{first} // 1) + $count - 1);
    $node->ask(qq(select cardinality(atelier_internal.enqueue_jobs('text', array(
        select row(null, '$client', '$provider', '$Flow::MODEL', jsonb_build_object('prompt', 'Describe product-' || to_char(n, 'FM0000')) || $parameters, null)::atelier_internal.job_request
          from generate_series($first, $last) n)))));
    return;
}

# 'spent reserved' of the one budget, or of the one that a condition names.
sub standing { my ($node, $where) = @_; return $node->ask('select trim_scale(spent) || \' \' || trim_scale(reserved) from atelier.budgets' . ($where ? " where $where" : '')) }

# What the ledger sums up to, of a provider or of all; what has no known cost does not count.
sub ledger { my ($node, $where) = @_; $where //= 'true'; return $node->ask("select coalesce(trim_scale(sum(cost)), 0) from atelier.usage_ledger where $where") }

# Every job has ended or is held, and none is about to come back.
sub until_quiet
{
    my ($node, $timeout) = @_;
    return $node->wait_until("select not exists (select from atelier.jobs where state <> 'held') and coalesce(atelier_internal.budget_due() > now(), true)", $timeout // 60);
}

sub held { my ($node, $reason) = @_; return $node->ask("select count(*) from atelier.jobs where state = 'held' and reason = '$reason'") }

# Looks every few milliseconds how far spent and reserved together exceed the amount of any budget, until end() or until the
# server ends; watch() again goes on.
sub watch
{
    my ($node) = @_;
    $node->ask('create table if not exists watched (looks bigint, excess numeric, wanted boolean)');
    $node->ask('insert into watched select 0, -1000000, true where not exists (select from watched)');
    $node->ask('update watched set wanted = true');
    my $self = bless { node => $node, error => '' }, 'Money::Watch';
    my $sql = q(do $$ begin
        while (select wanted from watched) loop
            update watched set looks = looks + 1,
                   excess = greatest(excess, (select max(spent + reserved - amount) from atelier.budgets));
            commit;
            perform pg_sleep(0.003);
            commit;
        end loop;
    end $$);
    my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($Atelier::DATABASE), '-c', 'set synchronous_commit = off', '-c', $sql);
    $self->{psql} = IPC::Run::start(\@command, '<', \undef, '>', \my $out, '2>', \$self->{error});
    return $self;
}

sub Money::Watch::looks { my ($self) = @_; return $self->{node}->ask('select looks from watched') }

# By how much at most there was too much; 0 or less: never.
sub Money::Watch::excess { my ($self) = @_; return $self->{node}->ask('select trim_scale(excess) from watched') }

# Forgets what it saw: a lowered budget may be exceeded by what was spent before.
sub Money::Watch::forget { my ($self) = @_; $self->{node}->ask('update watched set looks = 0, excess = -1000000'); return }

sub Money::Watch::end
{
    my ($self) = @_;
    $self->{node}->ask('update watched set wanted = false');
    $self->{psql}->finish or die "psql: $self->{error}\n";
    return;
}

# After the server has gone: the session went with it.
sub Money::Watch::gone { my ($self) = @_; $self->{psql}->finish; return }

1;
