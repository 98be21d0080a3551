package Handlers;

# Functions of users for tests of the processes that run them, and what tests ask of their jobs. Pipelines: act (60 s), brief (300 ms) and
# stubborn (goes on whatever is done against it; 300 ms) of role rooms, other of role others. The functions leave a row in rooms.done.
use strict;
use warnings;

# For a cluster; pipelines are defined in the first database.
sub new
{
    my ($class, $node) = @_;
    my $self = bless { node => $node }, $class;
    $node->ask('create role rooms in role atelier_app; create role others');
    $self->define;
    return $self;
}

sub define
{
    my ($self, $database) = @_;
    $self->{node}->ask($Handlers::SQL, $database);
    $self->{node}->ask(
        qq(select atelier.define_pipeline('$_->[0]', '[{"name": "act", "action": "sql", "handler": "rooms.$_->[2]", "timeout": "$_->[3]", "max_attempts": $_->[4]}]', run_as => '$_->[1]')),
        $database)
        for [ 'act', 'rooms', 'act', '60s', 3 ], [ 'brief', 'rooms', 'act', '300ms', 1 ], [ 'stubborn', 'rooms', 'stubborn', '300ms', 1 ], [ 'other', 'others', 'act', '60s', 3 ];
    return;
}

# A job whose function executes the SQL text $do; its id.
sub enqueue
{
    my ($self, $what, $do, $pipeline, $database) = @_;
    return $self->{node}->ask(sprintf('select atelier.enqueue_job(%s, jsonb_build_object(\'what\', %s, \'do\', %s))',
        map { defined $_ ? "'" . s/'/''/gr . "'" : 'null' } $pipeline // 'act', $what, $do), $database);
}

# Waits until it has ended, and tells how.
sub end_of
{
    my ($self, $job, $timeout, $database) = @_;
    $self->{node}->wait_until("select exists (select from atelier.job_history where job_id = '$job')", $timeout // 60, $database);
    return $self->{node}->ask("select concat_ws(' ', state, error_class, error_message) from atelier.job_history where job_id = '$job'", $database);
}

# Waits until its function runs.
sub begun
{
    my ($self, $job, $database) = @_;
    return $self->{node}->wait_until("select exists (select from atelier.handlers where job_id = '$job' and state = 'running')", 30, $database);
}

sub pid_of { my ($self, $job, $database) = @_; return $self->{node}->ask("select pid from atelier.handlers where job_id = '$job'", $database) }
# What functions wait for with rooms.wait_for().
sub open_gate { my ($self, $name, $database) = @_; $self->{node}->ask("insert into rooms.gate values ('$name')", $database); return }
sub effects { my ($self, $job, $database) = @_; return $self->{node}->ask("select count(*) from rooms.done where job = '$job'", $database) }
sub answer { my ($self, $job) = @_; return $self->{node}->ask("select atelier_internal.results_of('$job') #>> '{act,answer}'") }

sub attempts
{
    my ($self, $job) = @_;
    return $self->{node}->ask("select string_agg(concat_ws(' ', outcome, error_class), ', ' order by attempt_id) from atelier.attempts where job_id = '$job'");
}

our $SQL = q(
    create schema rooms; grant usage on schema rooms to rooms, others;
    create table rooms.done (job uuid, what text, pid integer default pg_backend_pid(), at timestamptz default clock_timestamp());
    create table rooms.gate (name text primary key);
    grant all on rooms.done, rooms.gate to rooms, others;
    -- What the input says is done.
    create function rooms.act(job jsonb) returns jsonb language plpgsql as $$
    declare v_answer text;
    begin
        insert into rooms.done (job, what) values ((job ->> 'job_id')::uuid, job #>> '{input,what}');
        if job #>> '{input,do}' is not null then execute job #>> '{input,do}' into v_answer; end if;
        return jsonb_build_object('answer', v_answer, 'user', current_user);
    end $$;
    -- Goes on whatever is done against it.
    create function rooms.stubborn(job jsonb) returns jsonb language plpgsql as $$
    begin
        insert into rooms.done (job, what) values ((job ->> 'job_id')::uuid, 'stubborn');
        loop
            begin perform pg_sleep(0.01); exception when query_canceled then null; end;
        end loop;
    end $$;
    create function rooms.wait_for(p_name text) returns text language plpgsql as $$
    begin
        while not exists (select from rooms.gate where name = p_name) loop perform pg_sleep(0.01); end loop;
        return 'waited for ' || p_name;
    end $$;
    create sequence rooms.numbers; grant all on sequence rooms.numbers to rooms, others;);

1;
