package Provider;

# The server that plays the providers (provider_server.py), for the fault tests: started with the test, ended with it.
#
#   my $provider = Provider->start;
#   $provider->behave(latency_ms => 200, faults => [ { fault => 'html_page', match => 'product-0007' } ]);
#   $provider->introduce($node, kind => 'gemini');                   # CREATE SERVER studio and its user mapping
#   my $order = $provider->order($node, $studio, 60);                # one asset for each of 60 products
#   is($provider->counts->{billed}, 60, 'each was bought once');

use strict;
use warnings;
use parent 'PlayedServer';
use Digest::SHA;
use JSON::PP;
use Time::HiRes qw(sleep time);

our $KEY = 'test-key';
our $SERVER = 'studio';
our $MODEL = 'test-image';

sub start { my ($class) = @_; return $class->launch(script => 'provider_server.py', http => { keep_alive => 1 }) }

# Members: key, models, latency_ms, jitter_ms, picture_bytes, faults, limits, outages: see provider_server.py. Those that are not
# given stay as they are.
sub behave
{
    my ($self, %behaviour) = @_;
    $self->control('POST', '/control/behaviour', encode_json(\%behaviour));
    return;
}

# All counts 0, no arrivals, no faults, no latency, no limits, no outages.
sub reset_counts { my ($self) = @_; $self->control('POST', '/control/reset', ''); return }

# calls, billed, refused, limited, failed, answered, abandoned, open, max_open, products, refusals, ...: see provider_server.py.
sub counts { my ($self) = @_; return $self->control('GET', '/control/counts') }
# One hash for each accepted request: at (seconds since 1970), model, product, status (0: a fault), traceparent.
sub arrivals { my ($self) = @_; return $self->control('GET', '/control/arrivals') }
sub last_request { my ($self) = @_; return $self->control('GET', '/control/last') }

# Until so many calls are open; the number that was seen last. Polls without a pause worth the name: an answer may be 200 ms away.
sub wait_for_open
{
    my ($self, $wanted, $timeout) = @_;
    my $started = time;
    my $open;
    while (($open = $self->counts->{open}) < $wanted)
    {
        last if time - $started > ($timeout // 30);
        sleep 0.002;
    }
    return $open;
}

# Makes this server a provider of the node's database. Options: name (studio), kind (gemini), in_flight (100; 0: nobody has
# said what its lane takes), key or key_file or key_env (key => test-key), options (a hash of more server options, such as {outcome_unknown => 'retry'}).
sub introduce
{
    my ($self, $node, %wanted) = @_;
    my $name = $wanted{name} // $SERVER;
    my $kind = $wanted{kind} // 'gemini';
    my %options = (
        base_url => $kind eq 'openai' ? $self->url('/v1') : $self->url,
        $kind eq 'gemini' ? (api_version => 'v1beta') : (),
        image_model => $MODEL,
        %{ $wanted{options} // {} });
    my $credential = $wanted{key_file} ? "api_key_file '$wanted{key_file}'"
      : $wanted{key_env} ? "api_key_env '$wanted{key_env}'" : sprintf "api_key '%s'", $wanted{key} // $KEY;
    my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
    $node->ask("create server $name foreign data wrapper atelier_$kind options ($list)");
    $node->ask("create user mapping for atelier_owner server $name options ($credential)");
    my $in_flight = $wanted{in_flight} // 100;
    $node->ask("select atelier.set_lane_limit('$name', '$options{image_model}', $in_flight)") if $in_flight;
    return $name;
}

# Asks for one asset for each of so many products in one transaction; the prompts name product-0001, ... Options:
# provider (studio), first (1), store (of the pictures; as configured). The products are those of the studio, made when there are not enough of them.
sub order
{
    my ($self, $node, $studio, $count, %options) = @_;
    my $provider = $options{provider} // $SERVER;
    my $set = $options{store} ? "set pg_atelier.default_store = '$options{store}';" : '';
    my $first = $options{first} // 1;
    my $last = $first + $count - 1;
    my $settings = Atelier::plain_settings();
    $node->ask(qq(
        with made as (
            select atelier.create_product('$studio->{client}', 'Chair ' || n, to_char(n, '"P-"FM0000'), 'chair', '{living_room}') as id
              from generate_series($first, $last) n
             where not exists (select from atelier.products p
                                where p.client_id = '$studio->{client}' and p.sku = to_char(n, '"P-"FM0000')))
        select count(atelier.add_product_image(made.id, '$studio->{image}')) from made));
    $node->ask(qq(
        $set
        select count(atelier.create_generation_request('$studio->{client}', p.id,
                         '$settings'::jsonb || jsonb_build_object('promptText', to_char(n, '"product-"FM0000')), provider => '$provider'))
          from generate_series($first, $last) n
          join atelier.products p on p.client_id = '$studio->{client}' and p.sku = to_char(n, '"P-"FM0000')));
    return;
}

# How many attempts of provider studio there are, by error class where there is one and by outcome otherwise:
# {completed => 60, outcome_unknown => 3, open => 1}.
sub attempts
{
    my ($self, $node) = @_;
    my $rows = $node->ask(
        "select coalesce(error_class, outcome, 'open') || '=' || count(*) from atelier.attempts where provider = '$SERVER' group by coalesce(error_class, outcome, 'open')");
    return { map { split /=/ } split /\n/, $rows };
}

# How many attempts each product has had that a provider may have billed: {'product-0001' => 2, ...}.
sub bought
{
    my ($self, $node) = @_;
    my $rows = $node->ask(qq(
        select (a.settings ->> 'promptText') || '=' || count(*)
          from atelier.attempts t join atelier.generated_assets a on a.job_id = t.job_id
         where t.provider = '$SERVER' and (t.outcome = 'completed' or t.error_class = 'outcome_unknown')
         group by a.settings ->> 'promptText'));
    return { map { split /=/ } split /\n/, $rows };
}

# The pictures of completed assets whose stored bytes are those that the row tells of, each of them a PNG with the name of
# its own product in it, as the prompt had it: how many. Those of a request by order(), or of a collection.
sub pictures_as_recorded { my ($self, $node) = @_; return _as_recorded($node, q(a.settings ->> 'promptText'), 'true') }
sub pictures_of_products { my ($self, $node, $collection) = @_; return _as_recorded($node, 'p.name', "a.collection_id = '$collection'") }

sub _as_recorded
{
    my ($node, $name, $which) = @_;
    my $store = $node->store_directory;
    my $good = 0;
    for my $row (split /\n/, $node->ask(qq(
        select i.s3_key, i.sha256, i.file_size, i.mime_type, $name
          from atelier.generated_assets a join atelier.images i on i.id = a.image_id join atelier.products p on p.id = a.product_id
         where a.status = 'completed' and $which)))
    {
        my ($key, $sha256, $size, $mime, $product) = split /\|/, $row;
        open my $in, '<:raw', "$store/$key" or next;
        my $bytes = do { local $/; <$in> };
        $good++ if Digest::SHA::sha256_hex($bytes) eq $sha256 && length $bytes == $size && $mime eq 'image/png' && index($bytes, $product) > 0;
    }
    return $good;
}

1;
