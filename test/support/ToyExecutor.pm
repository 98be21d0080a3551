package ToyExecutor;

# An executor that does what the test says, for tests of the worker's side of paid calls. It is a program of its own in a
# directory that pg_atelier.program_directory names, and is led by files there:
#   hold      while it is there, nothing is adopted
#   receipts  answers, one JSON text a line, that it sends before it says that all is adopted
#   kept      attempts, one a line, that it says to be kept before it says that all is adopted
#   stored    while it is there, kept answers come
#   finish    an executor whose worker is gone ends when it is there
# What it sees is appended to `seen`, a line each: process id, what, attempt, payload. Orders say themselves what becomes of
# them, by "do" in their request: answer, hang, keep (say that the answer is kept), or alert and resolve (then answer).

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);

my %type = (hello => 1, order => 2, cancel => 3, ping => 4, pong => 5, drain => 6, answer => 7, log => 8, providers => 9,
    settled => 10, adopted => 11, alert => 12, kept => 13);
my %name = reverse %type;

# Writes the programs into a directory.
sub install
{
    my ($directory) = @_;
    mkdir $directory or die "$directory: $!";
    my $module = abs_path(__FILE__);
    my $library = dirname($module);
    write_file("$directory/pg_atelier_executor", "#!/usr/bin/perl -I$library\nuse ToyExecutor;\nToyExecutor::run('$directory');\n");
    write_file("$directory/pg_atelier_media", "#!/bin/sh\n");
    chmod 0755, "$directory/pg_atelier_executor", "$directory/pg_atelier_media";
    return;
}

sub write_file
{
    my ($path, $text) = @_;
    open my $out, '>', "$path.new" or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    rename "$path.new", $path or die "$path: $!";
    return;
}

# What was seen so far: hashes with pid, what, attempt, payload.
sub seen
{
    my ($directory) = @_;
    open my $in, '<', "$directory/seen" or return;
    return map { my @part = split / /, $_, 4; +{ pid => $part[0], what => $part[1], attempt => $part[2], payload => $part[3] } }
      map { s/\n//r } <$in>;
}

# Below here: the program.
my $directory;
my $input = '';
my $connected = 1;
my $adopted = 0;
my @kept;

sub note
{
    my ($what, $attempt, $payload) = @_;
    open my $out, '>>', "$directory/seen" or die "seen: $!";
    syswrite $out, "$$ $what $attempt $payload\n";
    return;
}

sub put
{
    my ($what, $attempt, $payload) = @_;
    syswrite SOCKET, pack('VvvQ<', length $payload, $type{$what}, 0, $attempt) . $payload;
    return;
}

sub answer
{
    my ($attempt, $order) = @_;
    my ($lease) = $order =~ /"lease": (\{[^}]*\})/;
    put('answer', $attempt, qq({"lease":$lease,"outcome":"completed","sent":true,"duration_ms":1,"result":{},"usage":[{"unit":"image","quantity":1}]}));
    return;
}

sub take
{
    my ($what, $attempt, $payload) = @_;
    note($what, $attempt, $payload);
    if ($what eq 'hello')
    {
        my ($build) = $payload =~ /"build":"([^"]*)"/;
        put('hello', 0, qq({"build":"$build","pid":$$}));
    }
    elsif ($what eq 'ping') { put('pong', 0, '') }
    elsif ($what eq 'order')
    {
        my ($do) = $payload =~ /"do": "(\w+)"/;
        return if $do eq 'hang';
        if ($do eq 'keep')
        {
            put('kept', $attempt, '');
            push @kept, [ $attempt, $payload ];
            return;
        }
        put('alert', 0, '{"kind":"toy","message":"it is broken","hint":"Mend it."}') if $do eq 'alert';
        put('alert', 0, '{"kind":"toy","resolved":true}') if $do eq 'resolve';
        answer($attempt, $payload);
    }
    return;
}

sub adopt
{
    return if $adopted || -e "$directory/hold";
    $adopted = 1;
    if (open my $in, '<', "$directory/receipts")
    {
        while (my $receipt = <$in>)
        {
            chomp $receipt;
            put('answer', $receipt =~ /"attempt": ?(\d+)/ ? $1 : 0, $receipt);
        }
    }
    if (open my $in, '<', "$directory/kept")
    {
        while (my $attempt = <$in>) { put('kept', int $attempt, '') }
    }
    put('adopted', 0, '');
    return;
}

sub store
{
    return unless @kept && -e "$directory/stored";
    answer(@$_) for splice @kept;
    return;
}

sub receive
{
    my $got = sysread SOCKET, $input, 65536, length $input;
    if (!defined $got && $!{EAGAIN}) { return }
    if (!$got)
    {
        note('eof', 0, '');
        $connected = 0;
        return;
    }
    while (length $input >= 16)
    {
        my ($length, $number, undef, $attempt) = unpack 'VvvQ<', $input;
        last if length $input < 16 + $length;
        take($name{$number} // $number, $attempt, substr $input, 16, $length);
        substr $input, 0, 16 + $length, '';
    }
    return;
}

sub run
{
    ($directory) = @_;
    open SOCKET, '+<&=', 3 or die "socket: $!";
    fcntl SOCKET, F_SETFL, fcntl(SOCKET, F_GETFL, 0) | O_NONBLOCK;
    local $SIG{TERM} = sub { note('term', 0, '') };
    note('start', 0, '');
    while ($connected || !-e "$directory/finish")
    {
        my $readable = '';
        vec($readable, 3, 1) = 1 if $connected;
        select $readable, undef, undef, 0.05;
        receive() if $connected;
        adopt() if $connected;
        store() if $connected;
    }
    note('end', 0, '');
    return;
}

1;
