# A collection from its selection to the finished set, through a provider that charges: each product assigned and made once,
# whatever fails or dies on the way. ATELIER_LONG=1: 500 products.
use strict;
use warnings;
use Atelier;
use Collection;
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Photo;
use Provider;
use Test::More;
use Time::HiRes qw(time);

my $products = $ENV{ATELIER_LONG} ? 500 : 60;
my $batches = int(($products + 99) / 100);
my $node = Atelier->start_cluster('collections', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '50ms' });
my $studio = $node->make_studio;
my $provider = Provider->start;
$provider->behave(picture_bytes => 20_000);
$provider->introduce($node, options => { json_model => 'test-json', outcome_unknown => 'retry' });
$node->ask("alter database $Atelier::DATABASE set pg_atelier.default_provider = '$Provider::SERVER'");
my @pictures = map { Photo::png(colour => [ 60 * $_, 200 - 40 * $_, 90 ]) } 0 .. 3;

sub kinds { return $provider->counts->{kinds} }
sub events { my ($collection) = @_; return $node->ask("select string_agg(kind, ' ' order by id) from atelier.events_after(0) where subject_id = '$collection->{id}' and kind like 'collection.%'") }

# Analysis.
my $spring = Collection->make($node, $studio, products => $products, inspirations => [ @pictures[ 0, 1 ] ]);
is($spring->column('status'), 'draft', 'S0-44: it begins as a draft');
my $started = time;
is($spring->analyze, $batches + 2, 'S0-62: a job for each hundred products and each inspiration');
is($spring->column('status'), 'analyzing', 'S0-44: then it is analyzing');
ok($spring->wait_for('ready'), 'S0-44, S0-62, X-47: and ready');
note(sprintf '%d products and 2 inspirations analysed in %.2f s', $products, time - $started);
is_deeply(kinds(), { products => $batches, scene => 2 }, 'S0-61, S0-63: each call was billed once');
is($node->ask(qq(
    select count(*) from atelier.collections c
     cross join unnest(c.selected_product_ids) s (id) join atelier.products p on p.id = s.id
     where c.id = '$spring->{id}' and c.product_analysis #>> array['productRoomAssignments', s.id::text] = p.room_types[1])), $products, 'S0-61: each product has its own room');
is($spring->column(q((product_analysis -> 'roomTypeDistribution')::text)),
    $node->ask(qq(select jsonb_object_agg(room, n) from (select p.room_types[1] as room, count(*) as n from atelier.products p where p.sku like 'C-%' group by 1) r)),
    'S0-61: the distribution counts them');
is($node->ask("select count(*) from atelier.inspiration_images i where i.collection_id = '$spring->{id}' and i.analysis ->> 'provider' = '$Provider::SERVER' and i.analysis ->> 'model' = 'test-json' and i.analysis ->> 'style' <> 'unspecified'"), 2,
    'S0-63: both scenes are described, and by whom');
is($spring->column(q(base_settings ->> 'lighting')), $node->ask("select analysis ->> 'lighting' from atelier.inspiration_images where id = '$spring->{inspirations}[0]'"),
    'S0-62: the base settings come of the scenes');

# Generation: one picture is blocked for good.
$provider->reset_counts;
$provider->behave(faults => [ { fault => 'safety', match => 'product-0007', always => JSON::PP::true } ]);
$started = time;
is($spring->generate, $products, 'S0-10: one asset for each product is asked for');
is($spring->column('status'), 'generating', 'S0-44: it is generating');
ok($spring->wait_for('completed', 180), 'X-48: with one that failed it is completed all the same');
note(sprintf '%d products made in %.2f s', $products, time - $started);
my $status = $spring->status;
is_deeply($status->{counts}, { draft => 0, pending => 0, generating => 0, completed => $products - 1, error => 1, missing => 0 }, 'X-48: the counts show the one');
is($status->{progress}, 100, 'S0-44: nothing is left to do');
my ($failed) = grep { $_->{status} eq 'error' } @{ $status->{assets} };
is($node->ask("select p.name from atelier.products p where p.id = '$failed->{productId}'"), 'product-0007', 'X-48: it is the product whose picture is blocked');
like($failed->{error}, qr/\S/, 'X-48: it says why');
is($node->ask("select error_class from atelier.job_history where subject_id = '$failed->{id}'"), 'content_blocked', 'X-48: the provider refuses it');
is(kinds()->{image}, $products, 'S0-10: a call for each product was billed, the refused one too');
is($node->ask("select count(*) from atelier.attempts where pipeline = 'generate_image' and sent"), $products, 'S0-10: as many as attempts');
is($node->ask("select sum(quantity) from atelier.usage_ledger where unit = 'image'"), $products - 1, 'S0-10: and all but that one delivered a picture');
is($node->ask(qq(
    select count(*) from atelier.collections c
      join atelier.generated_assets a on a.collection_id = c.id
      join atelier.products p on p.id = a.product_id
     where c.id = '$spring->{id}' and a.settings @> (c.base_settings || jsonb_build_object('roomType', p.room_types[1])))), $products, 'S0-78: each with the settings of the collection and its own room');
is(events($spring), 'collection.analyzing collection.ready collection.generating collection.completed', 'S0-44: each change of status was told');
my $first_end = $spring->column('completed_at');

# Again: what is missing, and nothing else.
$provider->reset_counts;
is($spring->generate, 1, 'X-48: generating again asks for the one that failed');
ok($spring->wait_for('completed'), 'X-48: and completes');
is_deeply(kinds(), { image => 1 }, 'X-48: one call is billed');
is_deeply($provider->counts->{products}, { 'product-0007' => 1 }, 'X-48: for that product');
$status = $spring->status;
is($status->{counts}{completed}, $products, 'X-48: all are completed');
is($node->ask("select status from atelier.generated_assets where id = '$failed->{id}'"), 'completed', 'X-48: the same asset, tried again');
isnt($spring->column('completed_at'), $first_end, 'S0-41: completed_at is that of the last time');
is($spring->generate, 0, 'X-48: once more, nothing is missing');
is($spring->column('status'), 'completed', 'X-48: and nothing changes');
is($provider->counts->{billed}, 1, 'X-48: nor is billed');
is($provider->pictures_of_products($node, $spring->{id}), $products, 'S0-10, S2-28: every object is as its row says, and the picture of its product');

# Answers that are not what was asked for: once is tried again, twice ends it.
$provider->reset_counts;
$provider->behave(faults => [
    { fault => 'product_missing', kind => 'products' },
    { fault => 'colour_unknown', match => sha256_hex($pictures[2]) },
    { fault => 'member_missing', match => sha256_hex($pictures[3]), always => JSON::PP::true } ]);
my $autumn = Collection->make($node, $studio, products => 12, inspirations => [ @pictures[ 0, 2, 3 ] ]);
$autumn->analyze;
ok($autumn->wait_for('error'), 'S0-44, X-47: an inspiration whose answer is never right ends the analysis');
my $bad = $autumn->{inspirations}[2];
like($autumn->column('error_message'), qr/$bad/, 'X-47: the collection says which');
unlike($autumn->column('error_message'), qr/product|$autumn->{inspirations}[1]/, 'X-47: and only that');
is($node->ask("select count(*) filter (where analysis is not null), count(*) filter (where error_message is not null) from atelier.inspiration_images where collection_id = '$autumn->{id}'"),
    '2|1', 'X-47: the others are described');
is_deeply(kinds(), { products => 2, scene => 5 }, 'X-47: what was wrong was asked for once more');
is($node->ask("select count(*) from atelier.job_history where subject_id = '$bad' and error_class = 'invalid_output'"), 1, 'X-47: as invalid_output');
$provider->reset_counts;
$node->ask("select atelier.remove_inspiration('$bad')");
is($autumn->analyze, 0, 'X-47: without it, nothing is left to be analysed');
is($autumn->column('status'), 'ready', 'X-47: and it is ready');
is($provider->counts->{billed}, 0, 'X-47: what was analysed is not billed again');

$provider->behave(faults => [ { fault => 'room_unknown', kind => 'products', always => JSON::PP::true } ]);
my $winter = Collection->make($node, $studio, products => 3, first => 20, inspirations => [ $pictures[0] ]);
$winter->analyze;
ok($winter->wait_for('error'), 'S0-61: products whose answers are never right end it too');
like($winter->column('error_message'), qr/product/, 'S0-61: it says so');
is_deeply(kinds(), { products => 2, scene => 1 }, 'S0-61: after two calls');
$provider->reset_counts;
is($winter->analyze, 1, 'S0-61: only they are asked for again');
ok($winter->wait_for('ready'), 'S0-61: and then it is ready');

# The executor and the worker die on the way.
my @deaths = (
    [ 'the executor', sub { kill 'KILL', $node->executor_pid(10) } ],
    [ 'the worker', sub { $node->crash_worker } ]);
my $first = 100;
for my $death (@deaths)
{
    my ($who, $kill) = @$death;
    my $count = 20;
    $provider->reset_counts;
    $provider->behave(latency_ms => 1500);
    my $set = Collection->make($node, $studio, products => $count, first => $first, inspirations => [ @pictures[ 0, 1 ] ]);
    $first += $count;
    is($set->analyze, 3, "$who dies: the analysis begins");
    is($provider->wait_for_open(3, 20), 3, "$who dies: all its calls are open");
    $kill->();
    $provider->behave(latency_ms => 100);
    ok($set->wait_for('ready', 60), "$who dies: the analysis is concluded");
    my $billed = $provider->counts->{billed};
    cmp_ok($billed, '<=', 3 + ($who eq 'the executor' ? 3 : 0), "$who dies: no call beyond those under way is billed twice");
    is($node->ask("select count(*) from atelier.attempts a where a.pipeline like 'analyze%' and (a.outcome = 'completed' or a.error_class = 'outcome_unknown') and a.leased_at > (select created_at from atelier.collections where id = '$set->{id}')"),
        $billed, "$who dies: all that was billed is on record");

    $provider->reset_counts;
    $provider->behave(latency_ms => 1500);
    is($set->generate, $count, "$who dies: the generation begins");
    is($provider->wait_for_open($count, 20), $count, "$who dies: the calls are open");
    $kill->();
    $provider->behave(latency_ms => 100);
    ok($set->wait_for('completed', 60), "$who dies: the generation is concluded");
    is($set->status->{counts}{completed}, $count, "$who dies: every asset is completed");
    cmp_ok($provider->counts->{billed}, '<=', $who eq 'the executor' ? 2 * $count : $count, "$who dies: no picture beyond those under way is billed twice");
    is($provider->pictures_of_products($node, $set->{id}), $count, "$who dies: every object is as its row says");
}

# Without a provider that charges, and without a key.
$node->ask("alter database $Atelier::DATABASE reset pg_atelier.default_provider");
$provider->reset_counts;
my $plain = Collection->make($node, $studio, products => 4, inspirations => [ @pictures[ 0, 1 ] ]);
$plain->analyze;
ok($plain->wait_for('ready'), 'S0-62: the embedded provider analyses a collection');
is($node->ask("select count(*) from atelier.inspiration_images where collection_id = '$plain->{id}' and analysis -> 'measured' ? 'colorPalette' and jsonb_array_length(analysis -> 'colorPalette') > 0 and analysis ->> 'environment' = 'unspecified'"), 2,
    'S0-63: it measures what pixels hold, and says of nothing else that it knew');
is($plain->generate, 4, 'S0-10: and makes');
ok($plain->wait_for('completed'), 'S0-10, S0-44: all of it');
is($plain->status->{counts}{completed}, 4, 'S0-10: each product');
is($provider->counts->{calls}, 0, 'S0-62: nobody was called');

unlike($node->log_since(0), qr/PANIC|test-key/, 'the server never stumbled, and its log has no key');
$node->stop;
$provider->stop;
done_testing();
