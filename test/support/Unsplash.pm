package Unsplash;

# The server that plays Unsplash (unsplash_server.py), for the fault tests: started with the test, ended with it.
#
#   my $unsplash = Unsplash->start;
#   $unsplash->behave(photos => { room1 => { picture => encode_base64(Photo::png()) } });
#   $unsplash->introduce($node);                                     # CREATE SERVER unsplash and its user mapping
#   is($unsplash->counts->{downloads}, 1, 'its use was told once');

use strict;
use warnings;
use parent 'PlayedServer';
use JSON::PP;

our $KEY = 'test-access-key';
our $SERVER = 'unsplash';

sub start { my ($class) = @_; return $class->launch(script => 'unsplash_server.py') }

# Members: key, photos, limit: see unsplash_server.py. Those that are not given stay as they are.
sub behave { my ($self, %behaviour) = @_; $self->control('POST', '/control/behaviour', encode_json(\%behaviour)); return }
sub reset_counts { my ($self) = @_; $self->control('POST', '/control/reset', ''); return }
sub counts { my ($self) = @_; return $self->control('GET', '/control/counts') }

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
