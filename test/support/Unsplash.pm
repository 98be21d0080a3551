package Unsplash;

# The server that plays Unsplash (unsplash_server.py), for the fault tests: started with the test, ended with it.
#
#   my $unsplash = Unsplash->start;
#   $unsplash->behave(photos => { room1 => { picture => encode_base64(Photo::png()) } });
#   $unsplash->introduce($node);                                     # CREATE SERVER unsplash and its user mapping
#   is($unsplash->counts->{downloads}, 1, 'its use was told once');

use strict;
use warnings;
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;

our $KEY = 'test-access-key';
our $SERVER = 'unsplash';

sub start
{
    my ($class) = @_;
    my $self = bless { output => '', error => '' }, $class;
    my @command = ('/usr/bin/python3', dirname(__FILE__) . '/unsplash_server.py');
    $self->{process} = IPC::Run::start(\@command, '<', \undef, '>', \$self->{output}, '2>', \$self->{error});
    $self->{process}->pump until $self->{output} =~ /^(\d+)\n/ || !$self->{process}->pumpable;
    $self->{port} = $1 // die "unsplash_server.py did not start: $self->{error}\n";
    $self->{http} = HTTP::Tiny->new(timeout => 20);
    return $self;
}

sub stop
{
    my ($self) = @_;
    my $process = delete $self->{process} or return;
    $process->signal('TERM');
    $process->finish;
    return;
}

# At the end of the program IPC::Run may be gone before this: the server sees by itself that its parent is.
sub DESTROY { my ($self) = @_; local ($?, $@); $self->stop unless ${^GLOBAL_PHASE} eq 'DESTRUCT'; return }

sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}" . ($path // '') }

# Members: key, photos, limit: see unsplash_server.py. Those that are not given stay as they are.
sub behave { my ($self, %behaviour) = @_; $self->_control('POST', '/control/behaviour', encode_json(\%behaviour)); return }
sub reset_counts { my ($self) = @_; $self->_control('POST', '/control/reset', ''); return }
sub counts { my ($self) = @_; return $self->_control('GET', '/control/counts') }

sub _control
{
    my ($self, $method, $path, $body) = @_;
    my $answer = $self->{http}->request($method, $self->url($path), defined $body ? { content => $body } : {});
    die "$method $path: $answer->{status} $answer->{content}\n" unless $answer->{success};
    return decode_json($answer->{content});
}

# Makes this server one of the node's database. Options: name (unsplash), key.
sub introduce
{
    my ($self, $node, %wanted) = @_;
    my $name = $wanted{name} // $SERVER;
    my $url = $self->url;
    $node->ask("create server $name foreign data wrapper atelier_unsplash options (base_url '$url', app_name 'test_app')");
    $node->ask(sprintf "create user mapping for atelier_owner server %s options (api_key '%s')", $name, $wanted{key} // $KEY);
    return $name;
}

1;
