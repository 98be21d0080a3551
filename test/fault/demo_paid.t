# `make demo` with a provider that charges: it calls nobody without PROVIDER= on make's command line and a yes, never more
# often than it said, and the key is in a file of the stage and nowhere else.
#
# The demo runs from a copy of this tree in which what takes minutes or a network is replaced: packages, photos, build,
# installation and contact sheet.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use Photo;
use PostgreSQL::Test::Utils qw(run_command slurp_file);
use Provider;
use Test::More;

my $KEY = 'sk-canary-demo-' . join('', map { sprintf '%x', rand 16 } 1 .. 24);
my $root = abs_path(dirname(__FILE__) . '/../..');
my $work = PostgreSQL::Test::Utils::tempdir();
my $tree = "$work/tree";
my $make = '/usr/bin/make';
my $provider = Provider->start;
$provider->behave(key => $KEY, picture_bytes => 30_000);
build_tree();
my ($stage) = run_command([ 'bash', '-c', "cd $tree && . scripts/demo_lib.sh && demo_directory" ]);
END { local $?; run_command([ $make, '-C', $tree, 'demo-stop' ]) if defined $tree }

# What may lie around in an environment, this time all of it at once.
my %everything = (PROVIDER => 'gemini', MODEL => $Provider::MODEL, BASE_URL => $provider->url, PRICE => '0.04', LIMIT => 3,
    YES => 1, GEMINI_API_KEY => $KEY, OPENAI_API_KEY => $KEY, STORE => 's3');
my @gemini = ('PROVIDER=gemini', "MODEL=$Provider::MODEL", 'BASE_URL=' . $provider->url, 'PRICE=0.04');
my @openai = ('PROVIDER=openai', "MODEL=$Provider::MODEL", 'BASE_URL=' . $provider->url('/v1'), 'PRICE=0.04');
my %key = (GEMINI_API_KEY => $KEY);

my $demo = demo([], environment => \%everything, input => "yes\n");
is($demo->{status}, 0, 'with everything in the environment alone the demo is made') or diag($demo->{output});
like($demo->{output}, qr/^24 of 24 pictures made, 24 of them different\.$/m, 'by the embedded provider');
like($demo->{output}, qr/^analysis: 26 of 26, 0 failed.*^Rooms of the products: .*^pictures: 24 of 24, 0 failed/ms, 'after the analysis of products and inspirations');
is(on_sheet(), '2 inspirations, 12 and 12 pictures', 'each inspiration is followed by a half');
unlike($demo->{output}, qr/provider|highest price/i, 'no plan is shown');
is(called(), 0, 'and nobody was called');
ok(!-e "$stage/s3", 'no other store was started');
stop_demo();

for my $case ([ 'y', "y\n" ], [ 'nothing', '' ], [ 'yes in the environment', '', \%everything ])
{
    my ($answer, $input, $environment) = @$case;
    $demo = demo(\@gemini, environment => $environment // \%key, input => $input);
    isnt($demo->{status}, 0, "$answer is no yes");
    like($demo->{output}, qr/provider +gemini at \Q@{[ $provider->url ]}\E\n +model +test-image\n.*calls +4, .*at most 8 .*highest price +0\.32 USD: 8 calls of at most 0\.04 USD/s,
        'the plan was shown');
    unlike($demo->{output}, qr/ok +\d+ s/, 'nothing was begun');
}
is(called(), 0, 'nobody was called');

refuses([ grep { !/^MODEL/ } @gemini ], qr/None is built in.* MODEL=gemini-nano-banana-2\.1$/m, 'a plan without a model');
refuses([ grep { !/^PRICE/ } @gemini ], qr/no price of gemini test-image is known.* PRICE=/, 'a price that nobody knows');
refuses([ 'PROVIDER=gemini', 'MODEL=gemini-nano-banana-2.1' ], qr/highest price +14\.16 USD: 8 calls of at most 1\.769472 USD.*EXAMPLE/s,
    'a listed price without a yes');
refuses([ @gemini, 'LIMIT=25' ], qr/LIMIT=25/, 'more pictures than there are');
refuses([ @gemini, 'YES=0' ], qr/YES=0 is no yes/, 'YES=0');
refuses([ @gemini, "GEMINI_API_KEY=$KEY" ], qr/seen by everybody/, 'a key on the command line');
refuses(\@openai, qr/export OPENAI_API_KEY/, 'another provider\'s key');
refuses([ 'YES=1', 'LIMIT=3' ], qr/add PROVIDER=/, 'a limit without a provider');
refuses([ @gemini, 'JSON_MODEL=test-json' ], qr/no price of gemini test-json is known.* JSON_PRICE=/, 'an analysis without a price');
refuses([ @gemini, 'JSON_PRICE=0.01' ], qr/add JSON_MODEL=/, 'a price without an analysis');
refuses([ @gemini, 'JSON_MODEL=test-json', 'JSON_PRICE=0.01' ],
    qr/analysis +test-json\n.*calls +4, .*and 3 for the analysis.*at most 14 .*highest price +0\.38 USD: 8 calls of at most 0\.04 USD.*6 calls of at most 0\.01 USD for the analysis/s,
    'the analysis in the plan');
is(called(), 0, 'still nobody was called');

# With a yes.
$provider->behave(latency_ms => 1500);
my $run = start_demo([ @gemini, 'LIMIT=3', 'YES=1' ], environment => \%key);
cmp_ok($provider->wait_for_open(1, 60), '>', 0, 'YES=1: a call is under way');
is(scalar(grep { index(slurp_process($_, 'cmdline'), $KEY) >= 0 } map { m{/proc/(\d+)} } glob '/proc/[0-9]*'), 0, 'no command line holds the key');
is(sprintf('%o', (stat "$stage/provider.key")[2] & 07777), '600', 'its file is for one account');
$demo = finish($run);
is($demo->{status}, 0, 'the demo is made') or diag($demo->{output});
like($demo->{output}, qr/^3 of 3 pictures made, 3 of them different\.$/m, 'with all pictures');
is($provider->counts->{billed}, 3, 'each of which was bought once, as many as the limit says');
is($provider->counts->{refused}, 0, 'and no call was refused');
like($demo->{output}, qr/^ image +\| +3 \| 0\.12 +\| USD$/m, 'the ledger has what PRICE says');
like($demo->{output}, qr/^ all +\| +\| 0\.12 +\| USD$/m, 'and its sum');
is(scalar(my @bought = glob "$tree/build/demo/bought/*.png"), 3, 'the pictures are kept outside the cluster');
unlike($demo->{output}, qr/canary/, 'the output does not hold the key');
is(holders($stage), "$stage/provider.key", 'in the stage, server log and database included, only its file does');
is(holders($tree), '', 'and nothing in the tree, the logs of the steps included');
stop_demo();
ok(!-e $stage, 'demo-stop removes the copy of the key with the stage');
is(scalar(@bought = glob "$tree/build/demo/bought/*.png"), 3, 'and leaves the pictures');

# As many failures as there may be, and a price from the list.
write_file("$work/key", "$KEY\r\n");
$provider->reset_counts;
$provider->behave(faults => [ { fault => 'status', times => 3, status => 503 } ]);
$demo = demo([ grep({ !/^PRICE/ } @openai), 'LIMIT=2', "KEY_FILE=$work/key" ], input => "yes\n");
isnt($demo->{status}, 0, 'a typed yes, a key from a file, a provider that is overloaded: not all pictures');
like($demo->{output}, qr/at most 4 that can be charged.*1 of 2 pictures made.*Expected 2 pictures/s, 'as it says');
is($provider->counts->{calls}, 4, 'after as many calls as the plan said');
like($demo->{output}, qr/^ image +\| +1 \| 0\.5 +\| USD\n.* output_token +\| +\d+ \| 0\.0\d+ +\| USD\n all +\| +\| 0\.5\d+ +\| USD\n/ms, 'the ledger has the prices of the list');
stop_demo();

# The provider analyses too: all products in one call, and each of the inspirations.
$provider->reset_counts;
$demo = demo([ grep({ !/^PRICE/ } @openai), 'JSON_MODEL=test-json', 'LIMIT=2', "KEY_FILE=$work/key", 'YES=1' ]);
is($demo->{status}, 0, 'JSON_MODEL: the demo is made') or diag($demo->{output});
like($demo->{output}, qr/and 3 for the analysis.*at most 10 that can be charged.*6 calls of at most 0\.07\d* USD for the analysis/s, 'JSON_MODEL: the plan has its calls and their price');
is($provider->counts->{billed}, 5, 'JSON_MODEL: three calls more were bought');
like($demo->{output}, qr/^ output_token +\| +\d+ \| 0\.\d+ +\| USD\n all +\| +\| 1\.\d+ +\| USD\n/m, 'JSON_MODEL: the ledger has them');
stop_demo();

# One call ends without an answer, one could be tried again in an hour, one meets an empty account, which pauses the lane.
$provider->reset_counts;
$provider->behave(faults => [
    { fault => 'closed' }, { fault => 'no_credit' },
    { fault => 'answer', always => JSON::PP::true, status => 503, body => {}, headers => [ [ 'Retry-After', 3600 ] ] } ]);
$demo = demo([ @openai, 'LIMIT=3', "KEY_FILE=$work/key", 'YES=1' ], environment => { ATELIER_DEMO_PATIENCE => 100 });
isnt($demo->{status}, 0, 'pictures that stand still');
cmp_ok($demo->{seconds}, '<', 90, 'are not waited for');
like($demo->{output}, qr/held: outcome_unknown/, 'the table says which call may have been charged');
like($demo->{output}, qr/paused: no_credit/, 'and what keeps the others');
cmp_ok($provider->counts->{calls}, '<=', 3, 'and no picture is asked for twice');
stop_demo();

# Into an S3 store that the demo starts itself.
$provider->reset_counts;
my @kept = glob "$tree/build/demo/bought/*.png";
refuses([ @gemini, 'STORE=gcs' ], qr/knows no store 'gcs'/, 'another store');
$demo = demo([ @gemini, 'LIMIT=2', 'YES=1', 'STORE=s3' ], environment => \%key);
is($demo->{status}, 0, 'STORE=s3: the demo is made') or diag($demo->{output});
like($demo->{output}, qr/^2 of 2 pictures made, 2 of them different\.$/m, 'STORE=s3: with all pictures');
like($demo->{output}, qr/^A picture: +(http:\S+X-Amz-Signature=\S+)$/m, 'STORE=s3: and the address of one');
my $address = $demo->{output} =~ /^A picture: +(\S+)$/m ? $1 : '';
is(HTTP::Tiny->new->get($address)->{status}, 200, 'STORE=s3: which works');
my ($list) = run_command([ 'bash', '-c', "cd $tree && . $stage/s3/environment && test/support/s3_client.py list" ]);
is(scalar(() = $list =~ m{\tclients/[^/]+/generated/}g), 2, 'STORE=s3: the pictures lie in it');
cmp_ok(scalar(() = $list =~ m{\tclients/[^/]+/uploads/}g), '>=', 20, 'STORE=s3: so do the photos');
is(scalar(@bought = glob "$tree/build/demo/bought/*.png"), @kept + 2, 'STORE=s3: what was bought is kept outside of it');
is(on_sheet(), '2 inspirations, 1 and 1 pictures', 'STORE=s3: they and the inspirations are on the sheet');
my @daemons = map { slurp_file($_) =~ /(\d+)/ } glob "$stage/s3/*.pid";
stop_demo();
is(scalar(grep { slurp_process($_, 'cmdline') =~ /ceph|radosgw/ } @daemons), 0, 'STORE=s3: demo-stop ends the store');

$provider->stop;
done_testing();

sub build_tree
{
    run_command([ 'mkdir', '-p', $tree, "$work/bin", "$work/photos" ]);
    run_command([ 'cp', '-r', map({ "$root/$_" } qw(Makefile docs scripts test)), $tree ]);
    # The photos of the test are PNGs, and an upload must be what its name says.
    my $text = slurp_file("$tree/test/demo/catalogue.json") =~ s/\.jpg"/.png"/gr;
    write_file("$tree/test/demo/catalogue.json", $text);
    my $catalogue = decode_json($text);
    my $shade = 0;
    for my $photo (@{ $catalogue->{inspirations} }, map { $_->{photo} } @{ $catalogue->{products} })
    {
        write_file("$work/photos/$photo", Photo::png(width => 96, height => 96, colour => [ 40 + 4 * $shade++, 90, 40 ]));
    }
    open my $prices, '>>', "$tree/test/demo/prices.txt" or die $!;
    print $prices "openai test-image $_ 2026-11-21 1\n" for 'image 0.5 1', 'input_token 1 1000000', 'cached_input_token 1 1000000', 'output_token 50 1000000';
    print $prices "openai test-json $_ 2026-11-21 10000\n" for 'input_token 1 1000000', 'cached_input_token 1 1000000', 'output_token 5 1000000';
    close $prices or die $!;
    write_script("$work/bin/make", 'exit 0');
    write_script("$tree/scripts/install_packages.sh", 'exit 0');
    write_script("$tree/test/demo/fetch_photos.sh", "mkdir -p \"\$1\" && cp -r '$work/photos' \"\$1\"");
    write_script("$tree/test/demo/contact_sheet.sh", 'cp "$1" "$2"');
    write_script("$tree/scripts/fill_stage.sh", <<'TXT');
. scripts/lib.sh
use_stage "$1"
mkdir -p "$STAGE/tmp" "$(dirname "$STAGE_BIN")"
ln -s "$(pg_config --bindir)" "$STAGE_BIN"
ln -s "$PWD" "$STAGE/tree"
TXT
}

sub start_demo
{
    my ($given, %options) = @_;
    my %run = (output => '', started => time);
    local %ENV = (PATH => "$work/bin:$ENV{PATH}", HOME => $work, LANG => 'C.UTF-8', %{ $options{environment} // {} });
    my $input = $options{input} // '';
    $run{process} = IPC::Run::start([ $make, '-C', $tree, 'demo', @$given ], '<', \$input, '>', \$run{output}, '2>&1');
    return \%run;
}

sub finish
{
    my ($run) = @_;
    $run->{process}->finish;
    $run->{status} = $run->{process}->full_result(0);
    $run->{seconds} = time - $run->{started};
    return $run;
}

sub demo { return finish(start_demo(@_)) }

sub stop_demo { is((run_command([ $make, '-C', $tree, 'demo-stop' ]))[0] =~ /(the demo .*)/ ? $1 : '', 'the demo is stopped and removed', 'demo-stop'); return }

sub refuses
{
    my ($given, $reason, $name) = @_;
    my $refused = demo($given, environment => \%key);
    ok($refused->{status} != 0 && !-e $stage, "$name: nothing is begun");
    like($refused->{output}, $reason, 'and why');
    return;
}

# What the last sheet was to show, of files that are there.
sub on_sheet
{
    my $sheet = decode_json(slurp_file("$tree/build/demo/contact_sheet.png"));
    my $inspirations = grep { -s $_->{inspiration}{file} } @{ $sheet->{families} };
    my @pictures = map { scalar grep { -s $_->{file} } @{ $_->{pictures} } } @{ $sheet->{families} };
    return "$inspirations inspirations, " . join(' and ', @pictures) . ' pictures';
}

# Accepted or not.
sub called { my $counts = $provider->counts; return $counts->{calls} + $counts->{refused} }

# The files below a directory that hold the key.
sub holders { my ($directory) = @_; return (run_command([ 'grep', '-rlaF', $KEY, $directory ]))[0] }

sub slurp_process
{
    my ($pid, $file) = @_;
    open my $in, '<:raw', "/proc/$pid/$file" or return '';
    local $/;
    return <$in> // '';
}

sub write_file
{
    my ($path, $bytes) = @_;
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
    return;
}

sub write_script
{
    my ($path, $text) = @_;
    write_file($path, "#!/usr/bin/env bash\nset -euo pipefail\n$text\n");
    chmod 0755, $path or die "$path: $!";
    return;
}
