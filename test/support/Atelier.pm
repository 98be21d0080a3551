package Atelier;

# A PostgreSQL cluster with pg_atelier at work, for the fault tests: PostgreSQL::Test::Cluster plus what those tests
# share. A database named 'atelier' holds the extension; every helper that takes no database means it.
#
#   my $node = Atelier->start_cluster('main', settings => {'pg_atelier.poll_interval' => '1h'});
#   my $studio = $node->make_studio;
#   my $asset = $node->request($studio, style => 'japandi');
#   ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$asset'"), 'it is made');

use strict;
use warnings;
use parent -norequire, 'PostgreSQL::Test::Cluster';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Photo;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils qw(slurp_file);  # all of it would hide methods of the same names
use Test::More;
use Time::HiRes qw(sleep time);

our $DATABASE = 'atelier';

# A running cluster. Options: settings (a hash, over the defaults below), preload (1), extension (1).
sub start_cluster
{
    my ($class, $name, %options) = @_;
    my $node = $class->new_cluster($name, %options);
    $node->start;
    $node->make_database($DATABASE) if $options{extension} // 1;
    return $node;
}

# The same, not started and without the extension.
sub new_cluster
{
    my ($class, $name, %options) = @_;
    my $node = $class->new($name);
    $node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8', '-U', 'postgres' ]);
    my %settings = (
        # The defaults of init() suit other tests: one crash ends the server, every statement is logged.
        restart_after_crash => 'on',
        log_statement => 'none',
        shared_preload_libraries => $options{preload} // 1 ? 'pg_atelier' : '',
        %{ $options{settings} // {} });
    $node->append_conf('postgresql.conf', join("\n", map { "$_ = '$settings{$_}'" } sort keys %settings));
    # The server must not find an address of the caller's clusters in its environment.
    $ENV{PGUSER} = 'postgres';
    return $node;
}

sub make_database
{
    my ($self, $database) = @_;
    $self->safe_psql('postgres', qq(create database "$database"));
    $self->safe_psql($database, 'create extension pg_atelier');
    return;
}

# The answer of one statement as text, fields divided by |, rows by line ends. Dies when it fails.
sub ask
{
    my ($self, $sql, $database) = @_;
    return $self->safe_psql($database // $DATABASE, $sql);
}

# The error of a statement that must fail, as psql prints it with SQLSTATE, detail and hint.
sub refusal
{
    my ($self, $sql, $database) = @_;
    my ($status, $out, $error) = $self->psql($database // $DATABASE, "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);
    return $status == 0 ? '' : $error;
}

# Asks until the answer is 't'. A failing statement counts as 'not yet': the server may be restarting.
# Returns the seconds it took (true: '0 but true' at the least), or 0 after the timeout, with the last answer as a diagnostic.
sub wait_until
{
    my ($self, $sql, $timeout, $database) = @_;
    $timeout //= 30;
    my $started = time;
    my ($out, $error);
    while (1)
    {
        (undef, $out, $error) = $self->_try($sql, $database);
        return (time - $started) || '0 but true' if defined $out && $out eq 't';
        last if time - $started > $timeout;
        sleep 0.05;
    }
    diag("after $timeout s still not true: $sql\nlast answer: " . ($out // '') . ' ' . ($error // ''));
    return 0;
}

# As psql(), also while there is no server: a client that cannot connect may end before it has read the statement.
sub _try
{
    my ($self, $sql, $database) = @_;
    my @answer = eval { $self->psql($database // $DATABASE, $sql) };
    die $@ if $@ && $@ !~ /Broken pipe/;
    return @answer;
}

# The same for a condition in Perl, such as sub { !-e "/proc/$pid" }.
sub wait_for_condition
{
    my ($self, $condition, $timeout) = @_;
    $timeout //= 30;
    my $started = time;
    until ($condition->())
    {
        return 0 if time - $started > $timeout;
        sleep 0.02;
    }
    return (time - $started) || '0 but true';
}

# Process ids; undef when there is none. With a timeout, waits for one. The executor's is that of the process that works,
# the child of its nanny: killing it is what a crash of the executor looks like.
sub worker_pid { my ($self, @rest) = @_; return $self->_pid_of('worker_pid', @rest) }
sub executor_pid { my ($self, @rest) = @_; return $self->_pid_of('executor_pid', @rest) }

sub _pid_of
{
    my ($self, $column, $timeout, $database) = @_;
    $database //= $DATABASE;
    my $where = "from atelier.workers where database = '$database' and state = 'running' and $column > 0";
    $self->wait_until("select exists (select $where)", $timeout, $database) if $timeout;
    my (undef, $out) = $self->_try("select $column $where", $database);
    return defined $out && $out =~ /^(\d+)$/ ? $1 : undef;
}

# Kills the worker; returns when PostgreSQL has restarted for it.
sub crash_worker
{
    my ($self) = @_;
    my $position = $self->log_position;
    kill 'KILL', $self->worker_pid(20);
    return $self->wait_for_condition(sub { $self->log_since($position) =~ /database system is ready to accept connections/ }, 30);
}

sub launcher_pid
{
    my ($self) = @_;
    my $pid = $self->ask("select pid from pg_stat_activity where backend_type = 'pg_atelier launcher'");
    return $pid || undef;
}

# The processes below one, children of children included; the media children of an executor, for instance.
sub descendants
{
    my ($self, $pid) = @_;
    my %children;
    for my $stat (glob '/proc/[0-9]*/stat')
    {
        open my $in, '<', $stat or next;
        my $line = <$in> // next;
        push @{ $children{$2} }, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/;
    }
    my @found;
    my @open = ($pid);
    while (defined(my $next = shift @open))
    {
        push @found, @{ $children{$next} // [] };
        push @open, @{ $children{$next} // [] };
    }
    return @found;
}

# The name of a process as the kernel keeps it, its first 15 characters (pg_atelier_exec, pg_atelier_medi); empty when it is
# gone. Of a process that is not dumpable little more can be read.
sub process_name
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/comm" or return '';
    chomp(my $name = <$in> // '');
    return $name;
}

# Whether a process is there; one that ended but was not yet waited for is not.
sub alive
{
    my ($self, $pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return 0;
    my $line = <$in> // '';
    return $line =~ /^\d+ \(.*\) [^ZX] / ? 1 : 0;
}

# A program that only tests use, by its path below build/test. The root of the tree is two directories above this file, in
# a stage as in a checkout.
sub test_program
{
    my ($self, $path) = @_;
    my $program = abs_path(dirname(__FILE__) . '/../..') . "/build/test/$path";
    -x $program
      or die "$program is not there: build the tests with `make CMAKE_FLAGS=-DATELIER_TESTS=ON`, then fill the stage again\n";
    return $program;
}

# The server log from a place on; log_position() before the deed, log_since() after it.
sub log_position { my ($self) = @_; return -s $self->logfile }
sub log_since { my ($self, $position) = @_; return slurp_file($self->logfile, $position // 0) }

sub store_directory
{
    my ($self, $database) = @_;
    return $self->ask(q(select atelier.store_path()), $database);
}

# Puts bytes into the store under a key; returns the key.
sub store_object
{
    my ($self, $key, $bytes, $database) = @_;
    my $path = $self->store_directory($database) . "/$key";
    make_path(dirname($path), { mode => 0700 });
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
    return $key;
}

# A tenant with one product and its photo, registered and linked: {client, product, image, key}.
# Options: slug (a fresh one), photo (bytes), store (a Store that was introduced: the photo lies there), tier (enterprise, which
# has no limit), database.
my $studios = 0;

sub make_studio
{
    my ($self, %options) = @_;
    my $slug = $options{slug} // sprintf('studio-%d', ++$studios);
    my $database = $options{database};
    my %studio = (database => $database);
    $studio{client} = $self->ask("select atelier.create_client('Studio $slug', '$slug')", $database);
    my $tier = $options{tier} // 'enterprise';
    $self->ask("select atelier.set_client_tier('$studio{client}', '$tier')", $database);
    $studio{product} =
      $self->ask("select atelier.create_product('$studio{client}', 'Oak chair', 'CHAIR-1', 'chair', '{living_room}')", $database);
    my ($key, $photo) = ("clients/$studio{client}/photos/chair.png", $options{photo} // Photo::png());
    $studio{key} = $options{store} ? $options{store}->put($key, $photo) : $self->store_object($key, $photo, $database);
    my $store = $options{store} ? $options{store}{name} : 'file';
    $studio{image} = $self->ask("select atelier.register_image('$studio{client}', '$studio{key}', store => '$store')", $database);
    $self->ask("select atelier.add_product_image('$studio{product}', '$studio{image}')", $database);
    return \%studio;
}

# Asks for one picture of a studio's product; text settings go over those of settings.json. Returns the asset's id.
sub request
{
    my ($self, $studio, %settings) = @_;
    return ($self->request_many($studio, 1, %settings))[0];
}

# The same for several pictures in one transaction.
sub request_many
{
    my ($self, $studio, $count, %settings) = @_;
    my $sets = join ' || ', map { sprintf q(jsonb_build_object('%s', '%s')), $_, $settings{$_} } sort keys %settings;
    $sets = $sets ? " || $sets" : '';
    my $plain = plain_settings();
    my $ids = $self->ask(
        qq(select atelier.create_generation_request('$studio->{client}', '$studio->{product}', '$plain'::jsonb$sets)
             from generate_series(1, $count)), $studio->{database});
    return split /\n/, $ids;
}

# The settings of a plain request, as JSON text.
sub plain_settings { return slurp_file(dirname(__FILE__) . '/settings.json') }

# How many assets have a status.
sub count_status
{
    my ($self, $status, $database) = @_;
    return $self->ask("select count(*) from atelier.generated_assets where status = '$status'", $database);
}

# All rows of all tables of the extension as text, by table: what a dump must bring back.
sub table_rows
{
    my ($self) = @_;
    my @tables = split /\n/, $self->ask(
        q(select oid::regclass from pg_class where relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
             and relkind in ('r', 'p') and not relispartition and relname not in ('engine_state', 'object_owners', 'maintenance_runs', 'clock_readings') order by 1));
    # What the install script writes again at a restore is as old as that.
    my %text_of = ('atelier_internal.maintenance_tasks' => "(to_jsonb(t) - case when t.built_in then 'since' else '' end)::text");
    return map { my $text = $text_of{$_} // 't::text'; $_ => $self->ask("select coalesce(string_agg($text, e'\\n' order by $text), '') from $_ t") } @tables;
}

1;
