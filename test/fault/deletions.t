# Queued deletions: the commit that queues them wakes the worker when they are due, and one order removes them all but what a
# row holds.
use strict;
use warnings;
use Atelier;
use Test::More;

my $node = Atelier->start_cluster('deletions', settings => { 'pg_atelier.poll_interval' => '1h' });
ok($node->wait_until('select bool_and(ok) from atelier.self_check()'), 'worker and executor are ready');

my $directory = $node->ask('select atelier.store_path()');
mkdir "$directory/doomed" or die "$directory: $!";
for my $name (1 .. 30) { open my $file, '>', "$directory/doomed/$name" or die $!; close $file }
$node->ask(q[select null from atelier.create_client('North', 'north');
             insert into atelier.images (client_id, s3_key) select id, 'doomed/' || n from atelier.clients, generate_series(1, 3) n;]);
$node->ask(q[select atelier_internal.queue_deletions(array(
                 select row('file', '', 'doomed/' || n, null)::atelier_internal.deletion_request from generate_series(1, 40) n), 'test')]);
ok($node->wait_until('select count(*) = 0 from atelier.deletion_queue', 5), 'the queue is worked off without a poll');
opendir my $left, "$directory/doomed" or die $!;
is_deeply([sort grep { !/^\./ } readdir $left], [1 .. 3], 'what rows hold is still there, the rest is gone');
is($node->ask('select count(*) from atelier.attempts'), 1, 'by one order');
done_testing();
