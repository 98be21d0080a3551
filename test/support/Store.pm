package Store;

# An S3 server for the fault tests: Ceph's radosgw (scripts/radosgw.sh) with a gate before it (store_gate.py), started with
# the test, ended with it. What a bucket holds is asked of radosgw itself, by a client that shares nothing with ours.
#
#   my $store = Store->start;
#   $store->introduce($node, default => 1);                         # CREATE SERVER media and its user mapping
#   $store->behave(rules => [ { do => 'lose_answer', operation => 'put_object' } ]);
#   is($store->counts->{put_object}, 60, 'each was put once');
#   is_deeply([ $store->differences($node) ], [], 'objects and rows are the same');

use strict;
use warnings;
use Atelier;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

our $NAME = 'media';
our $BUCKET = 'atelier';
our $KEY_ID = 'test-id';
our $SECRET = 'test-secret+/=';

my $stores = 0;

# Options: secret (of the one account).
sub start
{
    my ($class, %wanted) = @_;
    my $support = abs_path(dirname(__FILE__));
    my $self = bless { secret => $wanted{secret} // $SECRET }, $class;
    # Sockets have short paths.
    my $directory = PostgreSQL::Test::Utils::tempdir_short() . '/s' . ++$stores;
    local %ENV = (%ENV, S3_ACCESS_KEY_ID => $KEY_ID, S3_SECRET_ACCESS_KEY => $self->{secret}, S3_BUCKET => $BUCKET);
    my $answer = $self->_begin('radosgw', "$support/../../scripts/radosgw.sh", 'run', $directory);
    ($ENV{S3_ENDPOINT}) = $answer =~ m{^(http://127\.0\.0\.1:\d+)\n};
    $answer = $self->_begin('gate', '/usr/bin/python3', "$support/store_gate.py");
    ($self->{port}, $self->{control}) = $answer =~ /^(\d+) (\d+)\n/;
    $self->{http} = HTTP::Tiny->new(timeout => 120, keep_alive => 1);
    return $self;
}

# Starts a program that ends with this one; what it printed first.
sub _begin
{
    my ($self, $name, @command) = @_;
    my ($output, $error) = ('', '');
    my $process = $self->{process}{$name} = IPC::Run::start(\@command, '<', \undef, '>', \$output, '2>', \$error);
    $process->pump until $output =~ /\n/ || !$process->pumpable;
    die "$name did not start: $error\n" if $output !~ /\n/;
    return $output;
}

sub stop
{
    my ($self) = @_;
    for my $name ('gate', 'radosgw')
    {
        my $process = delete $self->{process}{$name} or next;
        $process->signal('TERM');
        $process->finish;
    }
    return;
}

# At the end of the program IPC::Run may be gone before this: both see by themselves that their parent is.
sub DESTROY { my ($self) = @_; local ($?, $@); $self->stop unless ${^GLOBAL_PHASE} eq 'DESTRUCT'; return }

# Through the gate.
sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}" . ($path // '') }

# Members: down, clock_offset_s, session_token, rules: see store_gate.py. Those that are not given stay as they are.
sub behave { my ($self, %behaviour) = @_; $self->_control('POST', '/behaviour', \%behaviour); return }
sub release { my ($self) = @_; $self->_control('POST', '/release'); return }
sub forget { my ($self) = @_; $self->_control('POST', '/reset'); return }

# Requests at the gate: as a list of what each was, and counted ({put_object => 60, all => 61, refused => 0, held => 0, ...}).
sub requests { my ($self, $operation) = @_; return grep { !$operation || $_->{operation} eq $operation } @{ $self->_control('GET', '/requests') } }
sub counts { my ($self) = @_; return $self->_control('GET', '/counts') }

# {key => {size, sha256}} of all objects; the keys alone; the keys of multipart uploads that nobody has ended.
sub objects { my ($self) = @_; return $self->_control('GET', '/objects') }
sub keys_there { my ($self) = @_; my @keys = sort keys %{ $self->_control('GET', '/keys') }; return @keys }
sub open_uploads { my ($self) = @_; return @{ $self->_control('GET', '/uploads') } }

sub put
{
    my ($self, $key, $bytes, $mime) = @_;
    $self->_control('POST', '/put', { key => $key, mime => $mime // 'image/png', base64 => encode_base64($bytes, '') });
    return $key;
}
sub remove { my ($self, $key) = @_; $self->_control('POST', '/remove', { key => $key }); return }
sub fill { my ($self, $count, $prefix) = @_; $self->_control('POST', '/fill', { count => $count, prefix => $prefix }); return }

sub _control
{
    my ($self, $method, $path, $said) = @_;
    my $answer = $self->{http}->request($method, "http://127.0.0.1:$self->{control}$path", { content => encode_json($said // {}) });
    die "$method $path: $answer->{status} $answer->{content}\n" unless $answer->{success};
    return decode_json($answer->{content});
}

# Until so many requests are held; the number that was seen last.
sub wait_for_held
{
    my ($self, $wanted, $timeout) = @_;
    my $started = time;
    my $held;
    while (($held = $self->counts->{held}) < $wanted)
    {
        last if time - $started > ($timeout // 20);
        sleep 0.005;
    }
    return $held;
}

# Makes this server a store of the node's database. Options: name (media), default (1: new pictures go there), options (a
# hash of more server options), credential (a hash of mapping options).
sub introduce
{
    my ($self, $node, %wanted) = @_;
    my $name = $self->{name} = $wanted{name} // $NAME;
    my %options = (endpoint => $self->url, region => 'us-east-1', bucket => $BUCKET, %{ $wanted{options} // {} });
    my %credential = %{ $wanted{credential} // { access_key_id => $KEY_ID, secret_access_key => $self->{secret} } };
    my $list = sub { my (%of) = @_; return join ', ', map { "$_ '$of{$_}'" } grep { defined $of{$_} } sort keys %of };
    $node->ask(sprintf 'create server %s foreign data wrapper atelier_s3 options (%s)', $name, $list->(%options));
    $node->ask(sprintf 'create user mapping for atelier_owner server %s options (%s)', $name, $list->(%credential));
    $node->ask("alter database $Atelier::DATABASE set pg_atelier.default_store = '$name'") if $wanted{default};
    return $name;
}

# Until nothing is left to be done, deletions included.
sub wait_until_quiet
{
    my ($self, $node, $timeout) = @_;
    return $node->wait_until('select not exists (select from atelier.jobs) and not exists (select from atelier_internal.object_deletions)', $timeout);
}

# Queues the deletion of objects, in one transaction, due at once.
sub queue_deletions
{
    my ($self, $node, @keys) = @_;
    my $file = $node->basedir . '/keys.json';
    open my $out, '>', $file or die "$file: $!";
    print $out encode_json(\@keys);
    close $out or die "$file: $!";
    $node->ask(qq(
        insert into atelier_internal.object_deletions (store, bucket, key, reason, run_after)
        select '$self->{name}', '$BUCKET', key, 'a test asks for it', now() from jsonb_array_elements_text(pg_read_file('$file')::jsonb) as key));
    return;
}

# Deletions that wait for a later time are due now.
sub hurry { my ($self, $node) = @_; $node->ask('update atelier_internal.object_deletions set run_after = now() where run_after > now()'); return }

# What is wrong with the bucket, in words: objects that no row of the store holds, rows whose object is missing or another.
sub differences
{
    my ($self, $node) = @_;
    my $objects = $self->objects;
    my @wrong;
    for my $row (split /\n/, $node->ask(
        "select s3_key, sha256, file_size, status from atelier.images where store = '$self->{name}' and s3_bucket = '$BUCKET' order by s3_key"))
    {
        my ($key, $sha256, $size, $status) = split /\|/, $row;
        my $object = delete $objects->{$key};
        next if $status ne 'ready' && !$object;
        if (!$object) { push @wrong, "no object: $key" }
        elsif ($status eq 'ready' && ($object->{sha256} ne $sha256 || $object->{size} != $size)) { push @wrong, "another object: $key" }
    }
    return @wrong, map { "no row: $_" } sort keys %$objects;
}

1;
