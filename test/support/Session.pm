package Session;

# A psql session that stays open between statements: to hold locks, to listen.
#
#   my $session = Session->new($node);
#   $session->run('begin');
#   like($session->run('select 1'), qr/1/);

use strict;
use warnings;
use IPC::Run;

sub new
{
    my ($class, $node) = @_;
    my $self = bless { input => '', output => '', statements => 0 }, $class;
    my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($Atelier::DATABASE));
    $self->{psql} = IPC::Run::start(\@command, '<', \$self->{input}, '>', \$self->{output}, IPC::Run::timeout(60));
    return $self;
}

# Everything that psql has printed until this statement was done, notifications included. Dies when psql ended.
sub run
{
    my ($self, $sql) = @_;
    my $done = 'done ' . ++$self->{statements};
    $self->{input} .= "$sql;\n\\echo $done\n";
    until ($self->{output} =~ /^$done$/m)
    {
        die "psql ended: $self->{output}" unless $self->{psql}->pumpable;
        $self->{psql}->pump;
    }
    return $self->{output};
}

sub leave
{
    my ($self) = @_;
    $self->{input} .= "\\q\n";
    $self->{psql}->finish;
    return;
}

1;
