# Another extension brings a pipeline, status changes and rows that hold objects: it is dropped and created again while its jobs are
# live, and its database is dumped and restored with it, without it, and where it cannot be created at first. No job is lost, none
# runs twice, and nothing of it stands in the dump that its script writes.
use strict;
use warnings;
use Atelier;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $node = Atelier->start_cluster('original', settings => { 'pg_atelier.poll_interval' => '1h' });
my $client = $node->ask("select atelier.create_client('North', 'north')");
$node->ask('create extension atelier_postcards');
my $enqueue = sub {
    my ($cluster, $name, $more) = @_;
    return $cluster->ask("select atelier.enqueue_job('write_postcard', '{\"name\": \"$name\"}'" . ($more // '') . ')');
};
my $words = sub { my ($cluster) = @_; return $cluster->ask("select coalesce(string_agg(words, ', ' order by words), '') from postcards.cards where words is not null") };
my $states = sub {
    my ($cluster) = @_;
    return $cluster->ask("select coalesce(string_agg(j.state || coalesce(':' || j.reason, ''), ' ' order by j.input #>> '{input,name}'), '') from atelier_internal.jobs j where pipeline = 'write_postcard'");
};
my $completed = sub { my ($cluster, $job) = @_; return $cluster->wait_until("select exists (select from atelier.job_history where job_id = '$job' and state = 'completed')", 90) };

my $job = $enqueue->($node, 'Ann', ", client_id => '$client'");
ok($completed->($node, $job), 'a job of its pipeline runs');
is($words->($node), 'Dear Ann', 'and does what its functions do');

# It goes and comes again.
$node->ask("select atelier.pause_queue()");
my @jobs = map { $enqueue->($node, $_) } qw(Ben Cid Dee);
$node->ask('alter extension atelier_postcards drop table postcards.cards; alter table postcards.cards set schema public');
$node->ask('drop extension atelier_postcards');
$node->ask('select atelier.resume_queue()');
ok($node->wait_until("select count(*) = 3 from atelier.jobs where pipeline = 'write_postcard' and state = 'held' and reason = 'pipeline_absent'", 60), 'dropped: jobs whose turn comes are held');
like($node->ask("select explanation || released_by from atelier.explain_job('$jobs[0]')"), qr/extension atelier_postcards, which is not installed.*CREATE EXTENSION atelier_postcards;/, 'explain_job() says why, and what brings them back');
like($node->refusal("select atelier.enqueue_job('write_postcard', '{}')"), qr/42704/, 'nothing new is taken');
$node->ask('drop table public.cards');
$node->ask('create extension atelier_postcards');
ok($completed->($node, $_), 'created again: a held job goes on') for @jobs;
is($words->($node), 'Dear Ben, Dear Cid, Dear Dee', 'each of them once');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');

# A dump with everything in it: jobs that wait, are deferred and are held, cards whose pictures lie in the store.
my $key = "clients/$client/cards/1.png";
$node->store_object($key, Photo::png());
$node->ask("insert into postcards.cards (client_id, words, object_key, status) values ('$client', 'Greetings', '$key', 'written')");
$node->ask('select atelier.pause_queue()');
my %job = map { $_ => $enqueue->($node, $_) } qw(Eve Fay);
$job{Gus} = $enqueue->($node, 'Gus', ", run_after => now() + interval '1 day'");
my $registered = $node->ask('select r::text from atelier.registrations r order by 1');
my $cards = $node->ask('select c::text from postcards.cards c order by 1');
my %rows = $node->table_rows;
my $directory = $node->data_dir . '/..';
my @connection = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
$node->command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$directory/with.dump", 'atelier' ], 'pg_dump');

# Another one without it, while its jobs wait.
$node->ask('drop extension atelier_postcards');
$node->ask('select atelier.resume_queue()');
ok($node->wait_until("select count(*) = 2 from atelier.jobs where reason = 'pipeline_absent'", 60), 'dropped again');
my %absent = $node->table_rows;
$node->command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$directory/without.dump", 'atelier' ], 'pg_dump without it');
my $bytes = "$directory/bytes";
system('cp', '-r', $node->data_dir . '/pg_atelier', $bytes) == 0 or die;
$node->stop;

my $copy = Atelier->start_cluster('copy', extension => 0, settings => { 'pg_atelier.poll_interval' => '1s' });
my @target = ('-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'atelier');
my $restore = sub {
    my ($dump, @more) = @_;
    $copy->ask('drop database if exists atelier with (force)', 'postgres');
    $copy->ask('create database atelier', 'postgres');
    my $said = join '', `pg_restore --exit-on-error @target @more '$directory/$dump.dump' 2>&1`;
    is($said, '', "pg_restore --exit-on-error of the dump $dump it" . (@more ? ', with a list' : ''));
    ok($copy->worker_pid(30), 'a worker starts');
    return;
};
my $equal = sub {
    my ($expected) = @_;
    my %restored = $copy->table_rows;
    is_deeply([ grep { $restored{$_} ne $expected->{$_} } sort keys %$expected ], [], 'all rows are as they were');
    return;
};

$restore->('with');
# When a pipeline was defined is told by the script that runs at the restore.
my %with = %rows;
delete $with{'atelier_internal.pipelines'};
$equal->(\%with);
is($copy->ask('select r::text from atelier.registrations r order by 1'), $registered, 'what it registered is there, by its own script');
is($copy->ask('select c::text from postcards.cards c order by 1'), $cards, 'its rows are');
my ($source) = glob "$bytes/*/store";
system('cp', '-r', "$source/.", $copy->store_directory) == 0 or die;
$copy->ask("select atelier_internal.queue_deletions(array[row('file', '', '$key', null), row('file', '', 'nobody', null)]::atelier_internal.deletion_request[], 'test', '0')");
cmp_ok($copy->ask('select atelier.adopt_jobs()'), '==', 3, 'its jobs are adopted');
$copy->ask('select atelier.resume_queue()');
ok($completed->($copy, $job{$_}), "$_ runs in the copy") for qw(Eve Fay);
is($states->($copy), 'waiting:deferred', 'what was deferred still is');
ok($copy->wait_until('select count(*) = 0 from atelier_internal.object_deletions', 60), 'the deletions are done with');
ok(-e $copy->store_directory . "/$key", 'but not of what one of its rows holds');
like($copy->refusal("update postcards.cards set status = 'blank' where words = 'Greetings'"), qr/23514/, 'its status changes are judged');
is($copy->ask("update postcards.cards set status = 'sent' where words = 'Greetings' returning status"), 'sent', 'and allowed');

$restore->('without');
# Its script writes these; without it they count for nothing.
delete @absent{qw(atelier_internal.status_transitions atelier_internal.stored_objects)};
$equal->(\%absent);
is($copy->ask('select atelier.adopt_jobs()'), 3, 'jobs of a pipeline whose extension is absent are adopted');
is($states->($copy), 'held:pipeline_absent held:pipeline_absent waiting:deferred', 'and wait');
$copy->ask('create extension atelier_postcards');
ok($completed->($copy, $job{$_}), "$_ goes on when it is there") for qw(Eve Fay);
is($words->($copy), 'Dear Eve, Dear Fay', 'each once');

# Where its files are missing the dump is restored without it, and nothing at all is known of the pipeline.
my $list = "$directory/list";
system("pg_restore -l '$directory/with.dump' | grep -v -e postcards > '$list'") == 0 or die;
$restore->('with', '-L', $list);
is($copy->ask("select count(*) from atelier_internal.pipelines where name = 'write_postcard'"), 0, 'the pipeline is not known');
is($copy->ask('select atelier.adopt_jobs()'), 3, 'its jobs are adopted');
$copy->ask('select atelier.resume_queue()');
ok($copy->wait_until("select count(*) = 2 from atelier.jobs where reason = 'pipeline_absent'", 60), 'and held, not failed');
$copy->ask('create extension atelier_postcards');
ok($completed->($copy, $job{$_}), "$_ runs when it is known") for qw(Eve Fay);
is($copy->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');

# The example of the document, as it stands there.
my $document = slurp_file(dirname(__FILE__) . '/../../docs/extensions.md');
my ($control, $script) = $document =~ /`postcards\.control`:\n\n```\n(.*?)```.*?`postcards--1\.0\.sql`:\n\n```sql\n(.*?)```/s or die 'the document has no example';
chomp(my $share = `pg_config --sharedir`);
for my $file ([ 'postcards.control', $control ], [ 'postcards--1.0.sql', $script ])
{
    open my $out, '>', "$share/extension/$file->[0]" or die "$share/extension/$file->[0]: $!";
    print $out $file->[1];
    close $out or die $!;
}
$copy->make_database('documented');
$copy->ask('create extension postcards', 'documented');
is($copy->ask('select string_agg(kind, chr(32) order by kind) from atelier.registrations where is_installed', 'documented'),
    'pipeline stored_objects transition', 'the example of the document registers what it says');
like($copy->ask(q(select atelier.enqueue_job('write_postcard', '{"name": "Ann"}')), 'documented'), qr/^[0-9a-f-]{36}$/, 'and its pipeline takes jobs');
unlink map { "$share/extension/$_" } 'postcards.control', 'postcards--1.0.sql';
$copy->stop;
done_testing();
