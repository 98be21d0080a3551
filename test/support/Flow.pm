package Flow;

# What the tests of flow control share: work that is little more than a call (a text that a provider writes, which nothing is
# done with), sessions that ask for some of it beside the test, and figures of how it went.
#
#   Flow::install($node);
#   Flow::texts($node, 50_000, provider => 'studio', client => $busy);
#   my $asking = Flow::trickle($node, 100, provider => 'studio', client => $other, every_ms => 50);
#   $asking->finish;
#   my $p95 = Flow::percentile(0.95, Flow::took($node, $other));

use strict;
use warnings;
use IPC::Run;

our $MODEL = 'test-text';

# The pipeline text: one step, a call, no subject.
sub install
{
    my ($node) = @_;
    $node->ask(q(
        insert into atelier_internal.pipelines (name, description) values ('text', 'test');
        insert into atelier_internal.steps (pipeline, position, name, action) values ('text', 1, 'write', 'ai.text');));
    return;
}

# The statement that enqueues so many texts in one transaction. Options: provider, model (test-text), client (none).
sub statement
{
    my ($count, %of) = @_;
    my $client = $of{client} ? "'$of{client}'" : 'null';
    my $model = $of{model} // $MODEL;
    return qq(atelier_internal.enqueue_jobs('text', array(
        select row(null, $client, '$of{provider}', '$model', jsonb_build_object('prompt', 'Describe product-' || n), null)::atelier_internal.job_request
          from generate_series(1, $count) n)));
}

sub texts
{
    my ($node, $count, %of) = @_;
    $node->ask('select cardinality(' . statement($count, %of) . ')');
    return;
}

# Starts a session that asks for so many texts, each in a transaction of its own, every_ms apart on average, up to half of
# that earlier or later; finish() waits for its end. So others ask at any moment, not in step with the work. With `statement`
# for something else than texts.
sub trickle
{
    my ($node, $count, %of) = @_;
    my $statement = $of{statement} // statement(1, %of);
    my $sql = qq(do \$\$ begin
        for v_job in 1 .. $count loop
            perform pg_sleep($of{every_ms} * (0.5 + random()) / 1000);
            commit;
            perform $statement;
            commit;
        end loop;
    end \$\$);
    my $self = bless { error => '' }, 'Flow::Asking';
    my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($Atelier::DATABASE), '-c', $sql);
    $self->{psql} = IPC::Run::start(\@command, '<', \undef, '>', \my $out, '2>', \$self->{error});
    return $self;
}

sub Flow::Asking::finish
{
    my ($self) = @_;
    $self->{psql}->finish or die "psql: $self->{error}\n";
    return;
}

# How many jobs are not finished; of a client, of a provider, or of all.
sub left
{
    my ($node, $column, $value) = @_;
    return $node->ask('select count(*) from atelier.jobs' . ($column ? " where $column = '$value'" : ''));
}

sub until_done
{
    my ($node, $timeout, $column, $value) = @_;
    return $node->wait_until('select not exists (select from atelier.jobs' . ($column ? " where $column = '$value'" : '') . ')', $timeout);
}

# Milliseconds from commit to result of the finished jobs of a client, created since a time of the server.
sub took
{
    my ($node, $client, $since) = @_;
    $since //= '-infinity';
    return split /\n/, $node->ask(
        "select round(extract(epoch from finished_at - created_at) * 1000, 1) from atelier.job_history
          where client_id = '$client' and state = 'completed' and created_at >= '$since'");
}

sub now { my ($node) = @_; return $node->ask('select clock_timestamp()') }

# The value that such a share of the values does not exceed; undef of none.
sub percentile
{
    my ($share, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;
    return $sorted[ int($share * $#sorted + 0.5) ];
}

# The names and values of a statement that gives two columns, as a hash.
sub pairs
{
    my ($node, $sql) = @_;
    return { map { split /\|/, $_, 2 } split /\n/, $node->ask($sql) };
}

1;
