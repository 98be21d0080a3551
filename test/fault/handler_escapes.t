# Functions of users that try to get out, to stay, to take others with them, or that are just wrong: each harms its own job and
# nothing else. Beside each of them a job of another role goes through, in the same worker and the same executor.
use strict;
use warnings;
use Atelier;
use IPC::Run;
use JSON::PP;
use Pipelines;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('handler_escapes', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.handler_timeout' => '1s',
    'pg_atelier.max_attempts' => 1, 'pg_atelier.backoff_base' => '100ms' });
Pipelines::role($node, $_) for qw(mallory alice);
Pipelines::as($node, 'alice', 'create table alice.done (job_id uuid primary key)');
Pipelines::handler($node, 'alice.work', q(insert into alice.done values ((job ->> 'job_id')::uuid); return null;));
Pipelines::define($node, 'honest', 'alice', [ { name => 'work', action => 'sql', handler => 'alice.work' } ]);
my $mallory = sub { return Pipelines::as($node, 'mallory', @_) };
$mallory->('create table mallory.own (id integer primary key); create table mallory.notes (id integer);
    create table mallory.later (id integer primary key references mallory.own deferrable initially deferred)');
# A deferred trigger fires at the commit: as whom?
$mallory->(q(create function mallory.fire() returns trigger language plpgsql as $$ begin
        create table mallory.fired as select current_user::text as whom; return null; end $$;
    create constraint trigger later after insert on mallory.notes deferrable initially deferred for each row execute function mallory.fire()));
# What tries, and tells what came of it.
$mallory->(q(create function mallory.try(statement text) returns text language plpgsql as $$ begin
        execute statement; return 'done'; exception when others then return sqlstate; end $$));

my $worker = $node->worker_pid(20);
my $executor = $node->executor_pid(20);
my $start = $node->log_position;
my $number = 0;

# Runs a body of PL/pgSQL as the one step of a job of mallory's, beside a job of alice's. Expects state, class and message, as patterns.
# Options: input, declare, step (more members of it), more (more steps).
sub escape
{
    my ($name, $body, $state, $class, $message, %of) = @_;
    my $pipeline = sprintf 'escape_%d', ++$number;
    Pipelines::handler($node, "mallory.f$number", $body, declare => $of{declare});
    Pipelines::define($node, $pipeline, 'mallory', [ { name => 'f', action => 'sql', handler => "mallory.f$number", %{ $of{step} // {} } }, @{ $of{more} // [] } ]);
    my $job = Pipelines::enqueue($node, $pipeline, $of{input});
    my $other = Pipelines::enqueue($node, 'honest');
    my @ended = Pipelines::ended($node, $job);
    is($ended[0], $state, "$name: $state") or diag("@ended");
    like($ended[1], $class, "$name: of that class");
    like($ended[2], $message, "$name: and says so");
    my ($honest) = Pipelines::ended($node, $other);
    is($honest, 'completed', "$name: another role's job goes through");
    return $job;
}
my $no = qr/^$/;
my $failed = qr/^handler_failed$/;

# Out of the role.
escape('RESET ROLE', q(reset role; create table public.escaped (); return null;), 'failed', $failed, qr/cannot set parameter "role"/);
escape('SET SESSION AUTHORIZATION', q(set session authorization default; return null;), 'failed', $failed, qr/cannot set parameter "session_authorization"/);
my $job = escape('roles, caught', q(return to_jsonb(array[current_user::text, mallory.try('reset role'), mallory.try('set role postgres'), mallory.try('set local role atelier_owner'),
    mallory.try($$select set_config('role', 'none', true)$$), mallory.try('set session authorization postgres'), mallory.try('create role boss superuser'), current_user::text]);), 'completed', $no, $no);
is_deeply(Pipelines::result($node, $job), [ 'mallory', ('42501') x 6, 'mallory' ], 'roles, caught: none of them worked');
escape('a deferred trigger', q(insert into mallory.notes values (1); return null;), 'failed', $failed, qr/cannot fire deferred trigger/);
is($node->ask("select to_regclass('mallory.fired')"), '', 'a deferred trigger: it did not fire');
escape('a deferred constraint', q(insert into mallory.later values (7); return null;), 'failed', $failed, qr/cannot fire deferred trigger/);
escape('constraints made immediate', q(set constraints all immediate; insert into mallory.own values (7); insert into mallory.later values (7);
    insert into mallory.notes values (1); return null;), 'completed', $no, $no);
is($node->ask('select whom from mallory.fired'), 'mallory', 'constraints made immediate: the trigger fires at once, as its own role');
is($node->ask('select count(*) from mallory.later'), 1, 'constraints made immediate: and the rows are there');

# Out of the time.
my $slow = q(perform pg_sleep(60); return null;);
my $timeout = qr/^timeout$/;
escape('sleep', $slow, 'failed', $timeout, qr/./);
escape('SET LOCAL', "set local statement_timeout = 0; set lock_timeout = 0; set local synchronous_commit = off; set local pg_atelier.default_provider = 'nobody'; $slow", 'failed', $timeout, qr/./);
my $began = time;
# A process that ends may be told of as lost: what it did is gone either way.
escape('catching the cancellation', q(loop begin perform pg_sleep(60); exception when query_canceled then null; end; end loop;), 'failed', qr/^(timeout|worker_lost)$/, qr/./);
cmp_ok(time - $began, '<', 20, 'catching the cancellation: for a while');
escape('a loop', q(loop null; end loop;), 'failed', $timeout, qr/./);
my $session = Session->new($node);
$session->run('begin; lock table mallory.own in access exclusive mode');
escape('a hot lock', q(insert into mallory.own values (8); return null;), 'failed', $timeout, qr/./);
$session->run('rollback');
escape('holding a hot lock', "lock table mallory.own in access exclusive mode; $slow", 'failed', $timeout, qr/./);
escape('a lock of the engine', q(perform pg_advisory_lock(x'6174656c'::integer, 1); return null;), 'failed', $timeout, qr/./);

# At the engine, and at the server.
$job = escape('the engine', q(return to_jsonb(array[
        mallory.try('lock table atelier_internal.jobs'), mallory.try('lock table atelier.generated_assets'), mallory.try('delete from atelier_internal.steps'),
        mallory.try('select atelier_internal.finish_handler(1, gen_random_uuid(), 1, 1, null)'), mallory.try($$select atelier_internal.run_handler('alice.work', 'alice', null, '{}')$$),
        mallory.try($$select atelier.define_pipeline('x', '[]')$$), mallory.try('select atelier.adopt_jobs()'), mallory.try($$select atelier.pause_queue()$$),
        mallory.try(format('select pg_terminate_backend(%s)', job #>> '{input,worker}')), mallory.try(format('select pg_cancel_backend(%s)', job #>> '{input,worker}')),
        mallory.try('select pg_terminate_backend(pg_backend_pid())'), mallory.try($$copy mallory.own to program 'true'$$), mallory.try($$copy mallory.own to '/tmp/own'$$),
        mallory.try($$select lo_export(1, '/tmp/own')$$), mallory.try($$select pg_read_file('postgresql.conf')$$), mallory.try($$set log_min_messages = panic$$)]);),
    'completed', $no, $no, input => { worker => $worker });
is_deeply([ grep { $_ ne '42501' } @{ Pipelines::result($node, $job) } ], [], 'the engine: permission denied, each time');
$job = escape('things of a session', q(return to_jsonb(array[mallory.try('create temp table t ()'), mallory.try('listen ears'), mallory.try('prepare p as select 1'),
    mallory.try('declare c cursor with hold for select 1'), mallory.try('discard all'), mallory.try('call atelier.wait_for(gen_random_uuid())')]);), 'completed', $no, $no);
is_deeply([ grep { !/^(42501|55000)$/ } @{ Pipelines::result($node, $job) } ], [], 'things of a session: refused, each of them');
escape('READ ONLY', q(set transaction read only; return null;), 'completed', $no, $no);
escape('COMMIT', q(execute 'do $x$ begin commit; end $x$'; return null;), 'failed', $failed, qr/invalid transaction termination/);
escape('a large object', q(perform lo_from_bytea(0, convert_to(repeat('x', 100000), 'UTF8')); return null;), 'completed', $no, $no);
is($node->ask('select string_agg(distinct lomowner::regrole::text, $$,$$) from pg_largeobject_metadata'), 'mallory', 'a large object: it belongs to its role');

# NOTIFY comes with the commit, or not at all.
$session->run('listen ears');
escape('NOTIFY, and a failure', q(notify ears, 'no'; raise exception 'I fail';), 'failed', $failed, qr/I fail/);
escape('NOTIFY', q(for n in 1 .. 3000 loop perform pg_notify('ears', 'yes ' || n || repeat('x', 1000)); end loop; return null;), 'completed', $no, $no);
my $heard = $session->run('select 1');
unlike($heard, qr/"ears" with payload "no"/, 'NOTIFY: what failed was not heard');
like($heard, qr/"ears" with payload "yes 3000x/, 'NOTIFY: what completed was');

# Garbage.
escape('a result that is too large', q(return to_jsonb(repeat('x', 2000000));), 'failed', $failed, qr/more than 1000000 bytes/);
escape('another result each time', q(return to_jsonb(random());), 'completed', $no, $no);
escape('a deep result', q(return (repeat('[', 5000) || repeat(']', 5000))::jsonb;), 'completed', $no, $no);
escape('an error of another class', "raise exception using errcode = '$_', message = 'I say $_';", 'failed', $failed, qr/I say $_/) for qw(40001 40P01 57014 57P01 XX000 22000 P0004);
escape('a long error', q(raise exception '%', repeat(E'long\n', 300000);), 'failed', $failed, qr/^P0001: long/);
Pipelines::handler($node, 'mallory.deeper', q(return mallory.deeper(job);));
escape('endless recursion', q(return mallory.deeper(job);), 'failed', $failed, qr/stack depth/);
escape('a context of somebody else', q(perform atelier.set_context(user_id => gen_random_uuid()); return null;), 'failed', $failed, qr/no active member|another client/);

# Its own ground.
escape('dropping its tables', q(drop table mallory.later, mallory.own; return to_jsonb(1);), 'completed', $no, $no);
$job = escape('dropping its function', sprintf(q(drop function mallory.f%d(jsonb); return to_jsonb(1);), $number + 1), 'completed', $no, $no);
my ($state, $class, $message) = Pipelines::ended($node, Pipelines::enqueue($node, "escape_$number"));
is("$state $class", 'failed handler_failed', 'dropping its function: the next job fails');
like($message, qr/does not exist/, 'dropping its function: because there is none');
escape('dropping its schema', q(drop schema mallory cascade; return to_jsonb(1);), 'completed', $no, $no);
$node->ask('create schema mallory authorization mallory');
$node->ask("select atelier.pause_lane('sql', 'alice')");
my $waits = Pipelines::enqueue($node, 'honest');
$node->ask('create role heir in role atelier_app; alter role alice rename to somebody');
$node->ask("select atelier.resume_lane('sql', 'alice')");
($state, $class, $message) = Pipelines::ended($node, $waits);
is($state, 'failed', 'a role that is gone: the job fails');
like($message, qr/role "alice" does not exist/, 'a role that is gone: and says why');
$node->ask('alter role somebody rename to alice');

# What a function leaves in its process is not there for the next one of the same role; one of another role has another process. There
# is room for one only, so that they follow each other.
$node->append_conf('postgresql.conf', "pg_atelier.handlers = 1\npg_atelier.handler_timeout = '20s'");
$node->reload;
$node->ask(q(create extension dblink; grant execute on function dblink_connect_u(text, text) to mallory; alter role mallory login;
    create function public.look(job jsonb) returns jsonb language sql as $$ select jsonb_build_object(
        'settings', (select jsonb_object_agg(s.name, s.setting) from pg_settings s where s.name !~ '^(transaction_isolation|log_)'), 'user', current_user,
        'path', current_schemas(true), 'advisory', (select count(*) from pg_locks l where l.pid = pg_backend_pid() and l.locktype = 'advisory'),
        'prepared', (select count(*) from pg_prepared_statements), 'cursors', (select count(*) from pg_cursors), 'channels', (select count(*) from pg_listening_channels()),
        'client', atelier.current_client_id(), 'secret', coalesce(current_setting('my.secret', true), ''), 'pid', pg_backend_pid()) $$));
Pipelines::define($node, "look_$_", $_, [ { name => 'look', action => 'sql', handler => 'public.look' } ]) for qw(mallory alice);
my $look = sub { my $looked = Pipelines::enqueue($node, "look_$_[0]"); Pipelines::ended($node, $looked); return Pipelines::result($node, $looked) };
Pipelines::handler($node, 'alice.connections', q(return to_jsonb(public.dblink_get_connections());));
Pipelines::define($node, 'connections', 'alice', [ { name => 'look', action => 'sql', handler => 'alice.connections' } ]);
$mallory->('create sequence mallory.numbers');
Pipelines::handler($node, 'mallory.taint', q(
    set search_path = mallory, pg_catalog; set synchronous_commit = off; set timezone = 'Asia/Tokyo'; set statement_timeout = 1; set my.secret = 'canary';
    set default_transaction_isolation = serializable; set work_mem = '2GB'; set row_security = off;
    perform pg_advisory_lock(4711), pg_advisory_lock_shared(4712), nextval('mallory.numbers'), setseed(0.5);
    perform public.dblink_connect_u('mine', job #>> '{input,connection}');
    open c for select generate_series(1, 10); return to_jsonb(pg_backend_pid());), declare => 'c refcursor := $$mine$$;');
Pipelines::define($node, 'taint', 'mallory', [ { name => 'taint', action => 'sql', handler => 'mallory.taint' } ]);
Pipelines::handler($node, 'mallory.last', q(return to_jsonb(lastval());));
Pipelines::define($node, 'last', 'mallory', [ { name => 'last', action => 'sql', handler => 'mallory.last' } ]);

# As whom, and how, what the function did is recorded.
$node->ask(q(create table public.settled (who text, flushed text);
    create function public.note_settled() returns trigger language plpgsql as $$ begin
        insert into public.settled values (current_user, current_setting('synchronous_commit')); return null; end $$;
    grant insert on public.settled to atelier_owner;
    create trigger note_settled after insert on atelier_internal.step_results for each row execute function public.note_settled()));
my $alices = $look->('alice');
is($alices->{user}, 'alice', 'a function sees its own role');
my $before = $look->('mallory');
isnt($before->{pid}, $alices->{pid}, 'a role has its own process');
$job = Pipelines::enqueue($node, 'taint', { connection => $node->connstr($Atelier::DATABASE) . ' user=mallory' });
($state, $class, $message) = Pipelines::ended($node, $job);
is("$state $message", 'completed ', 'what is left: a function soils its session');
is(Pipelines::result($node, $job), $before->{pid}, 'what is left: in the process of the one before it');
is($node->ask('select string_agg(distinct s::text, $$ $$) from public.settled s'), '(atelier_owner,on)', 'what is left: nothing for who records it, who flushes it');
is_deeply($look->('mallory'), $before, 'what is left: nothing for the next one in that process');
is($node->ask('select count(*) from pg_locks where locktype = $$advisory$$ and objid in (4711, 4712)'), 0, 'what is left: no lock either');
($state, $class, $message) = Pipelines::ended($node, Pipelines::enqueue($node, 'last'));
like($message, qr/lastval is not yet defined/, 'what is left: no value of a sequence');
$job = Pipelines::enqueue($node, 'connections');
is((Pipelines::ended($node, $job))[0], 'completed', 'what is left: a connection that an extension keeps');
is(Pipelines::result($node, $job), undef, 'what is left: is not there for another role');
delete $alices->{pid};
my $now = $look->('alice');
delete $now->{pid};
is_deeply($now, $alices, 'what is left: nor is anything else');
ok($node->wait_until("select count(*) = 1 from pg_stat_activity where backend_type = 'pg_atelier handler'", 10), 'one process at a time');

is($node->worker_pid, $worker, 'the worker is the one that it was');
is($node->executor_pid, $executor, 'and so is the executor');
unlike($node->log_since($start), qr/terminating any other active server processes|terminated by signal/, 'nothing crashed');
is($node->ask("select to_regclass('public.escaped')"), '', 'nobody escaped');
is($node->ask("select count(*) from alice.done d join atelier.job_history h on h.job_id = d.job_id and h.state = 'completed'"),
    $node->ask("select count(*) from atelier.job_history where pipeline = 'honest' and state = 'completed'"), "alice's jobs did their work");
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');

$session->leave;
$node->stop;
done_testing;
