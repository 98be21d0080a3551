# The server that plays the providers takes nothing that the real ones would refuse; otherwise what the tests against it
# prove would be worth nothing.
use strict;
use warnings;
use Digest::SHA;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use MIME::Base64;
use Photo;
use Provider;
use Test::More;

my $provider = Provider->start;
my $http = HTTP::Tiny->new(timeout => 10);
my $photo = encode_base64(Photo::png(width => 8, height => 8), '');
$provider->behave(picture_bytes => 3000);

# Sends a call; the status. Options override path, key, headers, method.
sub send_call
{
    my ($kind, $body, %options) = @_;
    my %headers = ('content-type' => $options{type} // 'application/json');
    $headers{ $kind eq 'gemini' ? 'x-goog-api-key' : 'authorization' } = ($kind eq 'gemini' ? '' : 'Bearer ') . ($options{key} // $Provider::KEY)
      unless exists $options{key} && !defined $options{key};
    my $path = $options{path} // ($kind eq 'gemini' ? '/v1beta/models/test-image:generateContent' : '/v1/images/generations');
    my $text = ref $body ? encode_json($body) : $body;
    my $method = $options{method} // 'POST';
    my $answer = $http->request($method, $provider->url($path), { headers => \%headers, $method eq 'POST' ? (content => $text) : () });
    return ($answer->{status}, $answer->{content});
}

sub gemini
{
    my (%config) = @_;
    return { contents => [ { role => 'user', parts => [ { text => 'product-0001' }, { inlineData => { mimeType => 'image/png', data => $photo } } ] } ],
        generationConfig => { responseModalities => ['IMAGE'], %config } };
}

sub form
{
    my (@parts) = @_;
    my $text = join '', map { my ($name, $value, $file, $type) = @$_;
        qq(--b0undary\r\nContent-Disposition: form-data; name="$name") . ($file ? qq(; filename="$file"\r\nContent-Type: $type) : '') . "\r\n\r\n$value\r\n" } @parts;
    return $text . "--b0undary--\r\n";
}

my @image = ('image[]', decode_base64($photo), 'a.png', 'image/png');
my @fields = ([ model => 'test-image' ], [ prompt => 'product-0003' ]);
my %edit = (path => '/v1/images/edits', type => 'multipart/form-data; boundary=b0undary');
my %chat = (path => '/v1/chat/completions');
my $strict = { type => 'object', additionalProperties => JSON::PP::false, required => ['a'], properties => { a => { type => 'string' } } };
sub schema { return { type => 'json_schema', json_schema => { name => 'answer', strict => JSON::PP::true, schema => $_[0] } } }
sub chat { return { model => 'test-json', messages => [ { role => 'user', content => 'Answer in json, product-0004' } ], @_ } }

my @taken = (
    [ 'gemini', gemini(imageConfig => { aspectRatio => '16:9', imageSize => '2K' }) ],
    [ 'openai', { model => 'test-image', prompt => 'product-0002', size => '1536x1024', output_format => 'png' } ],
    [ 'openai', form(@fields, \@image), %edit ],
    [ 'openai', chat(response_format => schema($strict)), %chat ],
    [ 'openai', chat(response_format => { type => 'json_object' }, thinking => { type => 'disabled' }), %chat ]);
for my $case (@taken)
{
    my ($status, $content) = send_call(@$case);
    is($status, 200, "$case->[0]: a good request is taken") or diag($content);
}
is($provider->counts->{billed}, scalar @taken, 'and billed');
is_deeply($provider->counts->{products}, { 'product-0001' => 1, 'product-0002' => 1, 'product-0003' => 1, 'product-0004' => 2 }, 'for the product that its prompt names');

my $without = sub { my ($hash, $name) = @_; my %copy = %$hash; delete $copy{$name}; return \%copy };
my @refused = (
    [ 'no key', 403, 'gemini', gemini(), key => undef ],
    [ 'a wrong key', 400, 'gemini', gemini(), key => 'wrong' ],
    [ 'another version', 404, 'gemini', gemini(), path => '/v7/models/test-image:generateContent' ],
    [ 'another method of the model', 404, 'gemini', gemini(), path => '/v1beta/models/test-image:predict' ],
    [ 'an unknown model', 404, 'gemini', gemini(), path => '/v1beta/models/other:generateContent' ],
    [ 'the key in the URL', 400, 'gemini', gemini(), path => '/v1beta/models/test-image:generateContent?key=test-key' ],
    [ 'GET', 404, 'gemini', '', method => 'GET' ],
    [ 'another content type', 415, 'gemini', gemini(), type => 'text/plain' ],
    [ 'a body that is no JSON', 400, 'gemini', '{"contents": [' ],
    [ 'a member twice', 400, 'gemini', '{"contents": [], "contents": []}' ],
    [ 'no contents', 400, 'gemini', $without->(gemini(), 'contents') ],
    [ 'an unknown member', 400, 'gemini', { %{ gemini() }, prompt => 'x' } ],
    [ 'an unknown setting', 400, 'gemini', gemini(numberOfImages => 1) ],
    [ 'a small k', 400, 'gemini', gemini(imageConfig => { imageSize => '2k' }) ],
    [ 'an unknown ratio', 400, 'gemini', gemini(imageConfig => { aspectRatio => '7:5' }) ],
    [ 'a number as a string', 400, 'gemini', gemini(maxOutputTokens => '800') ],
    [ 'JSON from an image model', 400, 'gemini', gemini(responseMimeType => 'application/json') ],
    [ 'a schema without its media type', 400, 'gemini', gemini(responseJsonSchema => {}), path => '/v1beta/models/test-json:generateContent' ],
    [ 'bytes that are no base64', 400, 'gemini', { contents => [ { parts => [ { text => 'x' }, { inlineData => { mimeType => 'image/png', data => 'a-b_' } } ] } ] } ],
    [ 'a picture of another type', 400, 'gemini', { contents => [ { parts => [ { text => 'x' }, { inlineData => { mimeType => 'image/jpeg', data => $photo } } ] } ] } ],
    [ 'no key', 401, 'openai', { model => 'test-image', prompt => 'x' }, key => undef ],
    [ 'a wrong key', 401, 'openai', { model => 'test-image', prompt => 'x' }, key => 'wrong' ],
    [ 'another path', 404, 'openai', { model => 'test-image', prompt => 'x' }, path => '/images/generations' ],
    [ 'GET', 405, 'openai', '', method => 'GET' ],
    [ 'no model', 400, 'openai', { prompt => 'x' } ],
    [ 'an unknown model', 404, 'openai', { model => 'other-image', prompt => 'x' } ],
    [ 'response_format', 400, 'openai', { model => 'test-image', prompt => 'x', response_format => 'b64_json' } ],
    [ 'an odd size', 400, 'openai', { model => 'test-image', prompt => 'x', size => '1000x1001' } ],
    [ 'a compressed png', 400, 'openai', { model => 'test-image', prompt => 'x', output_compression => 50 } ],
    [ 'a transparent jpeg', 400, 'openai', { model => 'test-image', prompt => 'x', output_format => 'jpeg', background => 'transparent' } ],
    [ 'an edit as JSON', 415, 'openai', { model => 'test-image', prompt => 'x' }, path => '/v1/images/edits' ],
    [ 'an edit without a picture', 400, 'openai', form(@fields), %edit ],
    [ 'an edit with a picture of another type', 400, 'openai', form(@fields, [ @image[ 0, 1 ], 'a.jpg', 'image/jpeg' ]), %edit ],
    [ 'an edit with an unknown field', 400, 'openai', form(@fields, \@image, [ style => 'vivid' ]), %edit ],
    [ 'an edit without its last boundary', 400, 'openai', substr(form(@fields, \@image), 0, -6), %edit ],
    [ 'two fields of one name', 400, 'openai', form(@fields, \@image, [ prompt => 'y' ]), %edit ],
    [ 'json_object without the word', 400, 'openai', chat(messages => [ { role => 'user', content => 'x' } ], response_format => { type => 'json_object' }), %chat ],
    [ 'a strict schema that leaves members open', 400, 'openai', chat(response_format => schema($without->($strict, 'additionalProperties'))), %chat ],
    [ 'two limits', 400, 'openai', chat(max_tokens => 5, max_completion_tokens => 5), %chat ]);
for my $case (@refused)
{
    my ($what, $wanted, @call) = @$case;
    my ($status, $content) = send_call(@call);
    is($status, $wanted, "$call[0]: $what is refused") or diag($content);
    like($content, qr/^\{"error": \{/, "$call[0]: in the provider's own shape");
}
# Analyses: what fits schema and prompt, the same for the same question, and what does not, when that is asked for.
my $word = sub { return { type => 'string', enum => [ @_, 'unspecified' ] } };
my $list = sub { return { type => 'array', items => $_[0] } };
my $record = sub { my %of = @_; return { type => 'object', additionalProperties => JSON::PP::false, required => [ sort keys %of ], properties => \%of } };
my $string = { type => 'string' };
my $products_schema = $record->(
    assignments => $list->($record->(product => { type => 'integer' }, roomType => $word->('bedroom', 'kitchen'))),
    productTypes => $list->($string), suggestedStyles => $list->($word->('modern')), recommendedInspirationKeywords => $list->($string));
my $scene_schema = $record->(
    (map { $_ => $word->('one', 'two', 'three') } qw(environment style lighting colorScheme cameraAngle)),
    suggestedRoomTypes => $list->($word->('bedroom', 'kitchen')), colorPalette => $list->($string), props => $list->($string), mood => $string,
    materials => $record->(map { $_ => $string } qw(floor walls ceiling)));
my @rows = map { { number => $_, name => "product-000$_", category => 'chair', roomTypes => $_ == 2 ? ['kitchen'] : [ 'cellar', 'bedroom' ] } } 1 .. 3;
my $prompt = 'Say the rooms [or not] of these: ' . encode_json(\@rows);

# What the model says to a prompt with a schema and perhaps a picture.
sub said
{
    my ($kind, $prompt, $schema, $picture) = @_;
    my ($status, $content) = $kind eq 'gemini'
      ? send_call('gemini', { contents => [ { parts => [ { text => $prompt }, $picture ? { inlineData => { mimeType => 'image/png', data => $picture } } : () ] } ],
            generationConfig => { responseMimeType => 'application/json', responseJsonSchema => $schema } }, path => '/v1beta/models/test-json:generateContent')
      : send_call('openai', { model => 'test-json', response_format => schema($schema), messages => [ { role => 'user', content => [ { type => 'text', text => $prompt },
            $picture ? { type => 'image_url', image_url => { url => "data:image/png;base64,$picture" } } : () ] } ] }, %chat);
    is($status, 200, "$kind: the analysis is taken") or diag($content);
    my $answer = decode_json($content);
    return $kind eq 'gemini' ? $answer->{candidates}[0]{content}{parts}[0]{text} : $answer->{choices}[0]{message}{content};
}

my $other = encode_base64(Photo::png(width => 9, height => 8), '');
my %scenes;
for my $kind ('gemini', 'openai')
{
    is_deeply(decode_json(said($kind, $prompt, $products_schema))->{assignments},
        [ { product => 1, roomType => 'bedroom' }, { product => 2, roomType => 'kitchen' }, { product => 3, roomType => 'bedroom' } ], "$kind: each product has a room of those that it names");
    my $scene = said($kind, 'Describe it.', $scene_schema, $photo);
    is_deeply([ sort keys %{ decode_json($scene) } ], $scene_schema->{required}, "$kind: a scene has all members");
    is(said($kind, 'Again.', $scene_schema, $photo), $scene, "$kind: the same for the same picture");
    isnt(said($kind, 'Describe it.', $scene_schema, $other), $scene, "$kind: another for another one");
    $scenes{$scene} = 1;

    my %spoiled = (member_missing => qr/^\{(?!.*assignments)/, member_unknown => qr/confidence/, room_unknown => qr/spaceship/, product_missing => qr/^(?!.*"product": 3)/,
        product_twice => qr/"product": 1,.*"product": 1,/, product_unknown => qr/"product": 1003/, text_cut => qr/[^}]$/);
    for my $fault (sort keys %spoiled)
    {
        $provider->behave(faults => [ { fault => 'no_credit', kind => 'scene' }, { fault => $fault, kind => 'products' } ]);
        like(said($kind, $prompt, $products_schema), $spoiled{$fault}, "$kind: $fault");
    }
    $provider->behave(faults => [ { fault => 'colour_unknown', match => Digest::SHA::sha256_hex(decode_base64($other)) } ]);
    is(said($kind, 'Describe it.', $scene_schema, $photo), $scene, "$kind: a fault of another picture changes nothing");
    like(said($kind, 'Describe it.', $scene_schema, $other), qr/a warm red/, "$kind: one of this picture does");
}
is(scalar keys %scenes, 1, 'both kinds see the same in a picture');
is_deeply($provider->counts->{kinds}, { image => 3, json => 2, products => 16, scene => 10 }, 'all are counted by what was asked for');

my $counts = $provider->counts;
is($counts->{refused}, scalar @refused, 'the refusals are counted');
is($counts->{billed}, @taken + 26, 'and not billed');

# What the limits let through, by a clock that is played: requests that come every 100 ms for 30 s, 10 allowed in 5 s.
my $played = <<'PYTHON';
import sys
from provider_double.limiter import Limits
for kind in ({'kind': 'fixed_window'}, {'kind': 'sliding_window'}, {'kind': 'token_bucket'}, {'kind': 'token_bucket', 'burst': 1}):
    limits, taken, early = Limits(), [], 0
    limits.set_limits([kind | {'count': 10, 'window_ms': 5000, 'tells': 'retry'}])
    due = 0.0
    for step in range(300):
        now = step / 10
        refused, told = limits.admit('m', 1, now)
        if refused is None:
            early += now < due - 1e-9
            taken.append(now)
        else:
            due = now + refused.wait
    most = max(sum(moment <= other < moment + 4.99 for other in taken) for moment in taken)
    print(kind['kind'], kind.get('burst', 10), len(taken), most, early)
PYTHON
my ($from_clock, $trouble) = ('', '');
IPC::Run::run([ '/usr/bin/python3', '-B', '-' ], '<', \$played, '>', \$from_clock, '2>', \$trouble, init => sub { $ENV{PYTHONPATH} = 'test/support' });
is($from_clock, "fixed_window 10 60 10 0\nsliding_window 10 60 10 0\ntoken_bucket 10 69 19 0\ntoken_bucket 1 60 10 0\n",
    'each kind of limit lets through what it says, and nothing before it said') or diag($trouble);

# The same by real requests: more than fits is refused, in each provider's own words.
sub head_of
{
    my ($kind) = @_;
    my %ask = $kind eq 'gemini'
      ? (path => '/v1beta/models/test-text:generateContent', headers => { 'x-goog-api-key' => $Provider::KEY }, body => { contents => [ { parts => [ { text => 'Hello' } ] } ] })
      : (path => '/v1/chat/completions', headers => { authorization => "Bearer $Provider::KEY", traceparent => '00-1-2-01' }, body => chat());
    return $http->request('POST', $provider->url($ask{path}), { headers => { 'content-type' => 'application/json', %{ $ask{headers} } }, content => encode_json($ask{body}) });
}

$provider->reset_counts;
for my $case ([ 'gemini', qr/"retryDelay": "[1-6]\d\.\d+s"/ ], [ 'openai', qr/rate_limit_exceeded/ ])
{
    my ($kind, $words) = @$case;
    $provider->behave(limits => [ { kind => 'sliding_window', count => 2, window_ms => 60_000, tells => 'limits' } ]);
    is_deeply([ map { head_of($kind)->{status} } 1 .. 3 ], [ 200, 200, 429 ], "$kind: two of three fit into the limit");
    my $no = head_of($kind);
    like($no->{content}, $words, "$kind: a refusal says why");
    next if $kind eq 'gemini';
    is_deeply([ @{ $no->{headers} }{ 'x-ratelimit-limit-requests', 'x-ratelimit-remaining-requests' } ], [ 2, 0 ], 'and what is left');
    like($no->{headers}{'retry-after-ms'}, qr/^([1-5]\d{4}|60000)$/, 'and how long');
}
$provider->behave(limits => [ { kind => 'fixed_window', count => 1, window_ms => 60_000, model => 'test-json' } ]);
is_deeply([ map { [ $_->{status}, $_->{headers}{'retry-after'} ] } head_of('openai'), head_of('openai'), head_of('gemini'), head_of('gemini') ],
    [ [ 200, undef ], [ 429, undef ], [ 200, undef ], [ 200, undef ] ], 'a limit is of its model alone, and need not say anything');
$provider->behave(limits => [], outages => [ { for_ms => 600_000, status => 503, model => 'test-text' } ]);
is_deeply([ map { $_->{status} } head_of('openai'), head_of('gemini') ], [ 200, 503 ], 'an outage is of its model alone');
$provider->behave(outages => [ { for_ms => 600_000, after_ms => 600_000 } ]);
is(head_of('openai')->{status}, 200, 'and begins when it is told to');
$counts = $provider->counts;
is_deeply([ @$counts{ 'billed', 'limited', 'failed' } ], [ 9, 5, 1 ], 'all are counted apart');
my $arrivals = $provider->arrivals;
is(scalar @$arrivals, 15, 'each is in the log of arrivals');
is_deeply([ map { [ @$_{ 'model', 'status', 'traceparent' } ] } @$arrivals[ 3, 4 ] ], [ [ 'test-text', 429, undef ], [ 'test-json', 200, '00-1-2-01' ] ], 'with what became of it');
cmp_ok($arrivals->[0]{at}, '<=', $arrivals->[-1]{at}, 'in their order');
$provider->stop;
done_testing();
