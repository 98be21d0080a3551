package Pipelines;

# What the tests of users' pipelines share: roles with functions, jobs, the processes that run them.
#
#   Pipelines::role($node, 'maker');                                  # with a schema of that name, and the right to fail there
#   Pipelines::define($node, 'make', 'maker', [ { name => 'one', action => 'sql', handler => 'maker.one' } ]);
#   my $job = Pipelines::enqueue($node, 'make', { n => 1 });
#   my ($state, $class, $message) = Pipelines::ended($node, $job);

use strict;
use warnings;
use JSON::PP;

my $json = JSON::PP->new->canonical;

# A role with a schema of its own, a member of atelier_app.
sub role
{
    my ($node, $name) = @_;
    $node->ask("create role $name in role atelier_app; create schema $name authorization $name;");
    return;
}

# Statements as a role.
sub as { my ($node, $role, $sql) = @_; return $node->ask("set role $role;\n$sql") }

# A function (job jsonb) returns jsonb of a role in PL/pgSQL; the body is what stands between begin and end.
sub handler
{
    my ($node, $name, $body, %of) = @_;
    my ($role) = $name =~ /^(\w+)\./;
    my $declare = $of{declare} ? "declare $of{declare}" : '';
    as($node, $role, "create or replace function $name(job jsonb) returns jsonb language plpgsql as \$handler\$ $declare begin\n$body\nend \$handler\$");
    return;
}

sub define
{
    my ($node, $name, $role, $steps) = @_;
    my $text = $json->encode($steps);
    $node->ask("select atelier.define_pipeline('$name', \$steps\$$text\$steps\$, description => 'test', run_as => '$role')");
    return;
}

# Options: client, times (one job for each of so many).
sub enqueue
{
    my ($node, $pipeline, $input, %of) = @_;
    my $text = $json->encode($input // {});
    my $client = $of{client} ? "'$of{client}'" : 'null';
    my $times = $of{times} // 1;
    my @jobs = split /\n/, $node->ask("select atelier.enqueue_job('$pipeline', \$input\$$text\$input\$, client_id => $client) from generate_series(1, $times)");
    return $of{times} ? @jobs : $jobs[0];
}

# Waits for the end of a job: its state, class and message; nothing when it does not end.
sub ended
{
    my ($node, $job, $timeout) = @_;
    $node->wait_until("select count(*) = 1 from atelier.job_history where job_id = '$job'", $timeout // 30) or return;
    my $row = $node->ask("select state, coalesce(error_class, ''), coalesce(error_message, '') from atelier.job_history where job_id = '$job'");
    return split /\|/, $row, 3;
}

sub result { my ($node, $job) = @_; my $text = $node->ask("select atelier.job_result('$job')"); return $text eq '' ? undef : $json->decode($text) }

# The processes that run functions now, or that wait for work.
sub processes
{
    my ($node) = @_;
    return split /\n/, $node->ask("select pid from pg_stat_activity where backend_type = 'pg_atelier handler' order by 1");
}

1;
