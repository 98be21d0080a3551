# Text and JSON of models through the whole system: what jsonb would not take is refused before it comes near SQL, and what
# is stored is what was said, whatever it says.
use strict;
use warnings;
use utf8;
use Atelier;
use Encode qw(encode_utf8);
use JSON::PP;
use Provider;
use Test::More;

my $node = Atelier->start_cluster('provider_words', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '50ms' });
my $provider = Provider->start;

# A pipeline for each task, with one step whose results land in a table.
$node->ask(q(
    create table public.said (product text, result jsonb);
    grant insert on public.said to atelier_owner;
    create function public.settle_said(p_settlements atelier_internal.settlement[]) returns void
        language sql set search_path = pg_catalog, pg_temp
    as $$ insert into public.said select s.input ->> 'prompt', s.result from unnest(p_settlements) s $$;
    insert into atelier_internal.pipelines (name, description) values ('say_json', 'Says JSON.'), ('say_text', 'Says a text.');
    insert into atelier_internal.steps (pipeline, position, name, action, settle)
    values ('say_json', 1, 'say', 'ai.json', 'public.settle_said'), ('say_text', 1, 'say', 'ai.text', 'public.settle_said')));

sub enqueue
{
    my ($task, $name, $product, $request) = @_;
    my $input = encode_json({ %$request, prompt => "$product answer in json", parameters => { max_output_tokens => 500 } });
    return $node->ask("select (atelier_internal.enqueue_jobs('say_$task', array[row(null, null, '$name', 'test-$task', \$\$$input\$\$, null)::atelier_internal.job_request]))[1]");
}

my $schema = { type => 'object', required => [ 'caption', 'tags' ], additionalProperties => JSON::PP::false,
    properties => { caption => { type => 'string' }, tags => { type => 'array', items => { type => 'string' } } } };
my $depth = sub { '{"a":' x $_[0] . '1' . '}' x $_[0] };
# Task, what the model says (undef: what it was asked for), class, and what is stored (undef: just that).
my @cases = (
    [ 'json', undef, 'completed', '{"caption": "a word", "tags": ["a word"]}' ],
    [ 'json', '{"caption": "' . "'); drop table atelier.images; --" . ' ${HOME} %s", "tags": []}', 'completed' ],
    [ 'json', "```json\n{\"caption\": \"fenced\", \"tags\": []}\n```", 'completed', '{"caption": "fenced", "tags": []}' ],
    [ 'json', '{"caption": "a\u0000b", "tags": []}', 'invalid_output' ],
    [ 'json', '{"caption": "a\ud800b", "tags": []}', 'invalid_output' ],
    [ 'json', '{"caption": 1e999, "tags": []}', 'invalid_output' ],
    [ 'json', '{"caption": NaN, "tags": []}', 'invalid_output' ],
    [ 'json', $depth->(100), 'invalid_output' ],
    [ 'json', $depth->(100_000), 'invalid_output' ],
    [ 'json', '{"caption": "cut', 'invalid_output' ],
    [ 'json', 'I am sorry, but as a model', 'invalid_output' ],
    [ 'json', '"a string"', 'invalid_output' ],
    [ 'json', '', 'no_output' ],
    [ 'json', '{"caption": "' . 'x' x 2_000_000 . '", "tags": []}', 'invalid_output' ],
    [ 'text', undef, 'completed', 'A fine thing.' ],
    [ 'text', "line\n😀 漢 <script>", 'completed', "line\n😀 漢 <script>" ],
    [ 'text', "a\0b", 'invalid_output' ],
    [ 'text', " \n", 'no_output' ]);
my %calls = (completed => 1, invalid_output => 2, no_output => 2);

for my $kind ('gemini', 'openai')
{
    my $name = $provider->introduce($node, kind => $kind, name => "studio_$kind", options => { json_model => 'test-json', text_model => 'test-text' });
    $provider->reset_counts;
    my $number = 0;
    my %case = map { (sprintf('product-%04d', ++$number) => $_) } @cases;
    $provider->behave(faults => [ map { { fault => 'words', match => $_, always => JSON::PP::true, text => $case{$_}[1] } } grep { defined $case{$_}[1] } keys %case ]);
    my %job = map { ($_ => enqueue($case{$_}[0], $name, $_, $case{$_}[0] eq 'json' ? { schema => $schema } : {})) } sort keys %case;
    ok($node->wait_until('select count(*) = 0 from atelier.jobs', 60), "$kind: nothing is stuck");
    for my $product (sort keys %case)
    {
        my ($task, $said, $class, $stored) = @{ $case{$product} };
        my $what = sprintf '%s %s %s', $kind, $task, substr(defined $said ? encode_json([$said]) : 'as it was asked', 0, 60);
        is($node->ask("select coalesce(h.error_class, h.state) || ' after ' || (select count(*) from atelier.attempts t where t.job_id = h.job_id) from atelier.job_history h where job_id = '$job{$product}'"),
            "$class after $calls{$class}", "$what: $class");
        my $result = $node->ask("select result -> '$task' from public.said where product like '$product %'");
        if ($class ne 'completed') { is($result, '', "$what: nothing is stored") }
        else
        {
            my $type = $task eq 'json' ? 'jsonb' : 'text';
            is($result, $node->ask(encode_utf8('select to_jsonb($x$' . ($stored // $said) . "\$x\$::$type)")), "$what: it is stored");
        }
    }
    is($node->ask("select bool_and(quantity > 0) and count(*) > 0 from atelier.usage_ledger where provider = '$name' and unit = 'output_token'"), 't', "$kind: the ledger counts tokens");
    is_deeply($provider->counts->{refusals}, [], "$kind: no request of ours was wrong");
    $node->ask('truncate public.said');
}
unlike($node->log_since(0), qr/invalid byte sequence|unsupported Unicode escape|terminating any other active server processes/, 'no answer reached SQL before it was parsed');
$node->stop;
$provider->stop;
done_testing();
