package PlayedServer;

# A server that plays a service for the fault tests, in Python beside this file: started with the test, ended with it. It says the
# port that it listens at, on loopback, and is controlled over HTTP. Base of Provider, Unsplash and Web.

use strict;
use warnings;
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;

# script: its file; arguments: of the script; http: options of HTTP::Tiny.
sub launch
{
    my ($class, %options) = @_;
    my $self = bless { output => '', error => '' }, $class;
    my @command = ('/usr/bin/python3', dirname(__FILE__) . "/$options{script}", @{ $options{arguments} // [] });
    $self->{process} = IPC::Run::start(\@command, '<', \undef, '>', \$self->{output}, '2>', \$self->{error});
    $self->{process}->pump until $self->{output} =~ /^(\d+)\n/ || !$self->{process}->pumpable;
    $self->{port} = $1 // die "$options{script} did not start: $self->{error}\n";
    $self->{http} = HTTP::Tiny->new(timeout => 20, %{ $options{http} // {} });
    return $self;
}

sub stop
{
    my ($self) = @_;
    my $process = delete $self->{process} or return;
    $process->signal('TERM');
    $process->finish;
    warn $self->{error} if $self->{error} ne '';
    return;
}

# At the end of the program IPC::Run may be gone before this: the server sees by itself that its parent is.
sub DESTROY { my ($self) = @_; local ($?, $@); $self->stop unless ${^GLOBAL_PHASE} eq 'DESTRUCT'; return }

sub port { my ($self) = @_; return $self->{port} }
sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}" . ($path // '') }

# Its answer, decoded. Dies when it refuses.
sub control
{
    my ($self, $method, $path, $body) = @_;
    my $answer = $self->{http}->request($method, $self->url($path), defined $body ? { content => $body } : {});
    die "$method $path: $answer->{status} $answer->{content}\n" unless $answer->{success};
    return decode_json($answer->{content});
}

1;
