package Collection;

# Collections for the fault tests: products that are named product-0001, ... as the provider double counts them, all with the
# photo of a studio, and inspirations.
#
#   my $spring = Collection->make($node, $studio, products => 60, inspirations => [ Photo::png(), Photo::png(colour => [ 9, 9, 99 ]) ]);
#   $spring->analyze(provider => 'studio');
#   ok($spring->wait_for('ready'), 'it is ready');

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use JSON::PP;

my $collections = 0;

# Options: products (10), first (1: the number of the first product), inspirations (bytes of pictures), settings (JSON text, of the
# collection), name. Products and pictures that the studio has already are used again.
sub make
{
    my ($class, $node, $studio, %wanted) = @_;
    my $name = $wanted{name} // 'Collection ' . ++$collections;
    my $settings = $wanted{settings} // '{}';
    my $first = $wanted{first} // 1;
    my $last = $first + ($wanted{products} // 10) - 1;
    $node->ask(qq(
        with made as (
            select atelier.create_product('$studio->{client}', to_char(n, '"product-"FM0000'), to_char(n, '"C-"FM0000'), (array['chair', 'lamp', 'shelf'])[1 + n % 3],
                       (array['{bedroom,kitchen}', '{office}', '{"dining_room"}'])[1 + n % 3]::text[], '{"materials": ["oak"], "tags": ["solid"]}') as id
              from generate_series($first, $last) n
             where not exists (select from atelier.products p where p.client_id = '$studio->{client}' and p.sku = to_char(n, '"C-"FM0000')))
        select count(atelier.add_product_image(made.id, '$studio->{image}')) from made));
    my $self = bless { node => $node, studio => $studio, inspirations => [] }, $class;
    $self->{id} = $node->ask(qq(
        select atelier.create_collection('$studio->{client}', '$name', array_agg(p.id order by p.sku), '$settings')
          from atelier.products p
         where p.client_id = '$studio->{client}' and p.sku between to_char($first, '"C-"FM0000') and to_char($last, '"C-"FM0000')), $studio->{database});
    $self->inspire($_) for @{ $wanted{inspirations} // [] };
    return $self;
}

# Adds an inspiration with a picture of these bytes; its id.
sub inspire
{
    my ($self, $bytes) = @_;
    my ($node, $studio) = @$self{qw(node studio)};
    my $key = sprintf 'clients/%s/inspirations/%s.png', $studio->{client}, substr sha256_hex($bytes), 0, 16;
    $node->store_object($key, $bytes);
    my $image = $node->ask("select atelier.register_image('$studio->{client}', '$key')");
    push @{ $self->{inspirations} }, $node->ask("select atelier.add_inspiration('$self->{id}', '$image', 'library')");
    return $self->{inspirations}[-1];
}

# What it returns: how many jobs, or assets. Options are arguments by name.
sub analyze { my ($self, %with) = @_; return $self->_call('analyze_collection', %with) }
sub generate { my ($self, %with) = @_; return $self->_call('generate_collection', %with) }

sub _call
{
    my ($self, $function, %with) = @_;
    my $arguments = join '', map { ", $_ => '$with{$_}'" } sort keys %with;
    return $self->{node}->ask("select count(*) from atelier.$function('$self->{id}'$arguments)");
}

# collection_status(), decoded; a column of the row.
sub status { my ($self) = @_; return decode_json($self->{node}->ask("select atelier.collection_status('$self->{id}')")) }
sub column { my ($self, $name) = @_; return $self->{node}->ask("select $name from atelier.collections where id = '$self->{id}'") }

# Until it has the status; false when it ends in another one, with what it says as a diagnostic.
sub wait_for
{
    my ($self, $status, $timeout) = @_;
    my $under_way = $status eq 'ready' ? "'analyzing'" : $status eq 'error' ? "'analyzing', 'generating'" : "'generating'";
    $self->{node}->wait_until("select status not in ($under_way) from atelier.collections where id = '$self->{id}'", $timeout // 60);
    my $said = $self->column(q(status || ': ' || coalesce(error_message, '')));
    return 1 if $said =~ /^$status: /;
    Test::More::diag("the collection is $said");
    Test::More::diag($self->{node}->ask('select pipeline, state, reason, count(*) from atelier.jobs group by 1, 2, 3'));
    return 0;
}

1;
