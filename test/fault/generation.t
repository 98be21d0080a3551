# The main job end to end, and every kind of file that is no picture.
use strict;
use warnings;
use Atelier;
use Compress::Zlib qw(crc32);
use Photo;
use Session;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = Atelier->start_cluster('generation', extension => 0, settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.notify_events' => 'on' });

# A database that comes to be while the server runs.
$node->ask('create database atelier', 'postgres');
$node->ask('create extension pg_atelier');
my $created = time;
ok($node->worker_pid(10), 'create extension starts a worker without a restart');
cmp_ok($node->ask("select extract(epoch from started_at) - $created from atelier.workers"), '<', 2, 'within 2 s');
ok($node->wait_until("select bool_and(ok) from atelier.self_check()"), 'self_check finds nothing missing');

my $studio = $node->make_studio;
my $listener = Session->new($node);
$listener->run('listen atelier_events');
my ($asset, $status) = while_nothing_is_made(sub {
    my $id = $node->request($studio, style => 'japandi');
    return ($id, $node->ask("select status from atelier.generated_assets where id = '$id'"));
});
like($status, qr/^(pending|generating)$/, 'the request returns at once');
ok($node->wait_until("select status in ('completed', 'error') from atelier.generated_assets where id = '$asset'", 30), 'the asset ends');
is($node->ask("select status || coalesce(error_message, '') from atelier.generated_assets where id = '$asset'"), 'completed', 'as completed');
ok($node->wait_for_condition(sub { $listener->run('select 1') =~ /notification "atelier_events" with payload "\d+"/ }, 10), 'a listener is told of events');
$listener->leave;

# What the row says is what the file is.
my ($key, $sha256, $size, $mime) = split /\|/, $node->ask(
    "select i.s3_key, i.sha256, i.file_size, i.mime_type from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = '$asset'");
my $path = $node->store_directory . "/$key";
is(-s $path, $size, 'the stored file has the size of the row');
is((split ' ', qx(sha256sum $path))[0], $sha256, 'and its hash');
like($key, qr{^clients/$studio->{client}/generated/[0-9a-f-]{36}\.jpg$}, 'and the key of its client and image');
is($node->ask("select atelier.image_url(image_id) from atelier.generated_assets where id = '$asset'"), "file://$path", 'image_url names it');
is($node->ask("select quantity || ' ' || unit || ' ' || cost from atelier.usage_ledger"), '1 image 0', 'usage stands in the ledger');
like($node->ask("select metadata::text from atelier.images i join atelier.generated_assets a on a.image_id = i.id where a.id = '$asset'"),
    qr/"generator": "offline"/, 'the picture says who made it');

# The same input gives the same bytes; each of these settings changes the picture.
my @other = map { $node->request($studio, style => 'japandi', @$_) }
  [], [ roomType => 'kitchen' ], [ style => 'industrial' ], [ aspectRatio => '16:9' ], [ lighting => 'evening' ];
ok($node->wait_until('select count(*) = 6 from atelier.generated_assets where status = \'completed\'', 60), 'five more are made');
my %hash = map { $_ => $node->ask("select i.sha256 from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = '$_'") } @other;
is($hash{ $other[0] }, $sha256, 'same input, same bytes');
my %distinct = map { $_ => 1 } values %hash;
is(scalar keys %distinct, 5, 'room, style, aspect ratio and lighting each change it');

# What telephones write.
$node->store_object('telephone/IMG_0815.heic', Photo::heic());
my $heic = $node->ask("select atelier.register_image('$studio->{client}', 'telephone/IMG_0815.heic')");
ok($node->wait_until("select status <> 'pending' from atelier.images where id = '$heic'", 20), 'a photo in HEIC is judged');
is($node->ask("select concat_ws(' ', status, mime_type, width, height, error_message) from atelier.images where id = '$heic'"),
    'ready image/heic 64 64', 'and taken');

# Files that are no pictures.
my $photo = Photo::png();
my $huge = $photo;
substr($huge, 16, 8, pack 'NN', 65535, 65535);
substr($huge, 29, 4, pack 'N', crc32(substr($huge, 12, 17)));
my %bad = (
    'empty.png' => [ '', qr/empty/ ],
    'cut.png' => [ substr($photo, 0, length($photo) / 2), qr/cut short|damaged/ ],
    'text.png' => [ "This is no picture.\n" x 50, qr/not a picture/ ],
    'huge.png' => [ $huge, qr/65535 x 65535/ ],
    'missing.png' => [ undef, qr/./ ],
    'link.png' => [ undef, qr/./ ],
    'through/link.png' => [ undef, qr/./ ],
    'directory.png' => [ undef, qr/./ ],
    'pipe.png' => [ undef, qr/./ ]);
for my $name (keys %bad)
{
    $node->store_object("bad/$name", $bad{$name}[0]) if defined $bad{$name}[0];
}
my $store = $node->store_directory;
symlink "$store/$studio->{key}", "$store/bad/link.png" or die $!;
symlink $store, "$store/bad/through" or die $!;
mkdir "$store/bad/directory.png" or die $!;
system_or_bail('mkfifo', "$store/bad/pipe.png");
my %image = map { $_ => $node->ask("select atelier.register_image('$studio->{client}', 'bad/$_')") } keys %bad;
ok($node->wait_until(q(select not exists (select from atelier.images where status = 'pending')), 60), 'every registered file is judged');
for my $name (sort keys %bad)
{
    my ($status, $class, $message) = split /\|/,
      $node->ask("select status, error_class, error_message from atelier.images where id = '$image{$name}'");
    is("$status $class", 'failed invalid_request', "$name is refused for good");
    like($message, $bad{$name}[1], "and the message says why: $message");
}
is($node->ask("select count(*) from atelier.attempts where error_class = 'invalid_request'"), scalar(keys %bad), 'each was tried once');
like($node->refusal("select atelier.register_image('$studio->{client}', 'bad/../../secret')"), qr/ERROR:  22023/, '../ is refused in SQL');

# A request waits for its photo, and fails with its reason.
my ($waiting) = while_nothing_is_made(sub { $node->request($node->make_studio(photo => substr($photo, 0, 300))) });
ok($node->wait_until("select status = 'error' from atelier.generated_assets where id = '$waiting'"), 'a request whose photo is bad ends as error');
like($node->ask("select error_message from atelier.generated_assets where id = '$waiting'"), qr/cut short|damaged/, 'with the reason of the photo');

# The events tell all of it, and the log nothing that frightens.
is($node->ask("select count(*) from atelier.events_after(0) where kind = 'job.completed' and data ->> 'pipeline' = 'generate_image'"), 6, 'events tell of the pictures');
unlike($node->log_since(0), qr/terminating any other active server processes|PANIC|FATAL/, 'the server never stumbled');
$node->stop;
done_testing();

# Runs code while the executor is stopped: what the database does without its answers, however fast the executor is.
sub while_nothing_is_made
{
    my ($code) = @_;
    my $executor = $node->executor_pid(10);
    kill 'STOP', $executor;
    my @got = $code->();
    kill 'CONT', $executor;
    return @got;
}
