# A server whose clock is set forward by 40 days: nothing that can be restored is deleted, and everybody is told, until the clock is
# right again or somebody says that it is.
use strict;
use warnings;
use Atelier;
use PostgreSQL::Test::Utils;
use Test::More;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
BAIL_OUT('libfaketime is not there: scripts/install_packages.sh test') if !$library;
my $offset = PostgreSQL::Test::Utils::tempdir() . '/offset';
sub set_clock { my ($text) = @_; open my $out, '>', $offset or die "$offset: $!"; print $out "$text\n"; close $out or die $!; return }

set_clock('+0');
my $node = Atelier->new_cluster('clock', settings => { 'pg_atelier.poll_interval' => '1h' });
{
    # For the server alone, not for the programs that ask it.
    local %ENV = (%ENV, LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => $offset, FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1);
    $node->start;
}
$node->make_database($Atelier::DATABASE);
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $asset = $node->request($studio);
ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$asset'"), 'a picture is made');
$node->ask("select atelier.soft_delete_asset('$asset')");
is($node->ask('select atelier.purge_deleted_assets()'), 0, 'deleted today, it is not due');

my $before = $node->ask('select extract(epoch from now())::bigint');
set_clock('+40d');
cmp_ok($node->ask('select extract(epoch from now())::bigint') - $before, '>', 39 * 86400, 'the clock of the server goes ahead by 40 days');
for my $function ('purge_deleted_assets', 'expire_failed_assets', 'purge_uploads')
{
    my ($status, $out, $error) = $node->psql($Atelier::DATABASE, "select atelier.$function()");
    is($out, 0, "$function() deletes nothing");
    like($error, qr/WARNING:  nothing is purged: the clock went forward by \d+ days .*\nHINT:  .*atelier\.confirm_clock\(\)/, "$function() says why");
}
is($node->ask("select count(*) from atelier.purge_log where action = 'refused'"), 3, 'the log has it');
like($node->ask("select finding from atelier.self_check() where area = 'alert'"), qr/the clock went forward by (39|40) days/, 'self_check has it');
is($node->ask("select atelier.restore_asset('$asset')"), $asset, 'the asset can be restored');
$node->ask("select atelier.soft_delete_asset('$asset')");

set_clock('+0');
is($node->ask('select atelier.purge_deleted_assets()'), 0, 'when the clock is right again nothing is due');
is($node->ask("select count(*) from atelier.alerts where kind = 'clock_moved' and resolved_at is null"), 0, 'and nobody is told any more');
$node->ask("update atelier.generated_assets set deleted_at = deleted_at - interval '80 days' where id = '$asset'");

set_clock('-2h');
is($node->ask('select atelier.purge_deleted_assets()'), 0, 'a clock that is set back is not trusted');
$node->ask('select atelier.confirm_clock()');
is($node->ask("select count(*) from atelier.alerts where kind = 'clock_moved' and resolved_at is null"), 0, 'until somebody says that it is right');
is($node->ask('select atelier.purge_deleted_assets()'), 1, 'then what is due goes');
ok($node->wait_until("select count(*) = 0 from atelier.generated_assets where id = '$asset'", 30), 'for good');

$node->stop;
done_testing();
