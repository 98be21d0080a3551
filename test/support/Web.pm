package Web;

# A network that is closed: a namespace in which some addresses, public ones and private ones, are this machine's own, names
# mean what a test says, and a certificate authority of the test's own is the one that everybody trusts. What runs in it, the
# cluster of the test included, runs as the ordinary user, without rights beyond that.
#
#   use Web;                                # first of all: begins the test anew in there, or skips it
#   my $web = Web->start;                   # web_server.py: names, https, http, a proxy
#   is_deeply($web->accepted, {});          # whom anybody was connected to, and how often

use strict;
use warnings;
use parent 'PlayedServer';
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IPC::Run;
use JSON::PP;

# Of example.com; every address by its own certificate too.
our $PUBLIC = '93.184.216.34';
our $PUBLIC_6 = '2606:2800:220:1::34';
our $PRIVATE = '10.9.8.7';
our $METADATA = '169.254.169.254';
our $PRIVATE_6 = 'fd00:ec2::254';
our @NAMES = qw(*.shop.example evil-shop.example shop.example reports.internal localhost);

my $SETUP = <<'END';
set -e
ip link set lo up
for address in $ATELIER_WEB_ADDRESSES; do ip addr add "$address" dev lo; done
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind "$ATELIER_WEB/resolv.conf" /etc/resolv.conf
mount --bind "$ATELIER_WEB/nsswitch.conf" /etc/nsswitch.conf
mount --bind "$ATELIER_WEB/ca.pem" /etc/ssl/certs/ca-certificates.crt
exec setpriv --ambient-caps=-all --inh-caps=-all --bounding-set=-all "$@"
END

sub import
{
    return if $ENV{ATELIER_WEB};
    my @unshare = qw(unshare --user --map-current-user --keep-caps --net --mount --);
    my ($nothing, $why) = ('', '');
    my @tried = (@unshare, 'sh', '-c', 'ip link set lo up && echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start');
    unless (eval { IPC::Run::run(\@tried, '<', '/dev/null', '>', \$nothing, '2>', \$why) })
    {
        require Test::More;
        Test::More::plan(skip_all => 'this kernel gives an ordinary user no network namespace: ' . (($why || $@) =~ s/\n/ /gr));
    }
    $ENV{ATELIER_WEB} = tempdir('atelier_web_XXXXXX', TMPDIR => 1);
    $ENV{ATELIER_WEB_ADDRESSES} = join ' ', (map { "$_/32" } $PUBLIC, $PRIVATE, $METADATA), (map { "$_/128" } $PUBLIC_6, $PRIVATE_6);
    make_files($ENV{ATELIER_WEB});
    # All of it is asked for by the environment; nobody may listen.
    $ENV{$_} = "http://$PRIVATE:3128" for qw(http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY);
    exec @unshare, 'sh', '-c', $SETUP, 'sh', $^X, $0, @ARGV or die "unshare: $!";
}

END { remove_tree($ENV{ATELIER_WEB}) if $ENV{ATELIER_WEB} && -d $ENV{ATELIER_WEB} }

sub make_files
{
    my ($directory) = @_;
    my %text = ('resolv.conf' => "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n", 'nsswitch.conf' => "hosts: files dns\n",
        'names.conf' => 'subjectAltName=' . join(',', (map { "DNS:$_" } @NAMES),
            map { "IP:$_" } $PUBLIC, $PUBLIC_6, $PRIVATE, $PRIVATE_6, $METADATA, '127.0.0.1', '::1'));
    for my $name (keys %text)
    {
        open my $out, '>', "$directory/$name" or die "$name: $!";
        print $out $text{$name};
        close $out or die "$name: $!";
    }
    my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
    openssl($directory, qw(req -x509 -days 2 -subj /CN=test-authority -keyout ca.key -out ca.pem), @key);
    openssl($directory, qw(req -subj /CN=test-server -keyout server.key -out server.csr), @key);
    openssl($directory, qw(x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names.conf -out server.pem));
    return;
}

sub openssl
{
    my ($directory, @command) = @_;
    my ($out, $error) = ('', '');
    IPC::Run::run([ 'openssl', @command ], init => sub { chdir $directory }, '<', '/dev/null', '>', \$out, '2>', \$error) or die "openssl @command: $error\n";
    return;
}

# %names: as web_server.py has it.
sub start
{
    my ($class, %names) = @_;
    my $self = $class->launch(
        script => 'web_server.py', arguments => [ $ENV{ATELIER_WEB} ], http => { proxy => undef, http_proxy => undef, https_proxy => undef });
    $self->names(%names);
    return $self;
}

# What names mean, over what they meant: name => [answer, answer, ...], an answer being a list of addresses; the last one
# is given again and again.
sub names { my ($self, %names) = @_; $self->control('POST', '/names', encode_json(\%names)); return }
sub reset_counts { my ($self) = @_; $self->control('POST', '/reset', ''); return }
# {"address port": connections} since the reset.
sub accepted { my ($self) = @_; return $self->control('GET', '/counts')->{accepted} }
# {name: times that its addresses were asked for}.
sub asked { my ($self) = @_; return $self->control('GET', '/counts')->{asked} }
# [{address, port, secure, method, target, headers, body}], in their order.
sub requests { my ($self) = @_; return $self->control('GET', '/counts')->{requests} }

1;
