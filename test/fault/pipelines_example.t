# The example of docs/pipelines.md, as a reader pastes it: every block of SQL in one session of psql, against a server that plays the
# service. Then what it promises: one call for each article, none for those that are translated, failures in the report.
use strict;
use warnings;
use Atelier;
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Utils qw(append_to_file slurp_file);
use Provider;
use Test::More;

my $node = Atelier->start_cluster('pipelines_example');
my $provider = Provider->start;
$provider->behave(models => ['deepseek-flash'], faults => [ { fault => 'words', always => JSON::PP::true, text => 'Auf Deutsch.' } ]);

my $page = slurp_file(dirname(__FILE__) . '/../../docs/pipelines.md');
my @blocks = $page =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @blocks, '>=', 7, 'the page has its blocks');
# What is the reader's to change, and nothing else.
my $key_file = $node->basedir . '/provider.key';
append_to_file($key_file, "$Provider::KEY\n");
is($blocks[0] =~ s|'https://api\.deepseek\.com'|"'" . $provider->url('/v1') . "'"|e, 1, 'the first block names the address of the service');
is($blocks[0] =~ s|'/etc/pg_atelier/deepseek\.key'|'$key_file'|, 1, 'and where the key is');

my $script = join '', map { "\\echo == $_\n$blocks[$_]" } 0 .. $#blocks;
my ($status, $out, $error) = $node->psql($Atelier::DATABASE, $script, on_error_stop => 1, timeout => 120);
is($status, 0, 'every block runs as it stands') or diag($error);
like($error, qr/^(psql:<stdin>:\d+: )?NOTICE:  extension \"pg_atelier\" already exists, skipping$/, 'and says nothing else');
my @answers = split /^== \d+\n?/m, "\n$out";
shift @answers;
my ($asked) = grep { $blocks[$_] =~ /job_result\(:'job'\) from/ } 0 .. $#blocks;
like($answers[$asked], qr/^Oak chair\|German\|Auf Deutsch\.\nLinen lamp\|German\|Auf Deutsch\.\nWool rug\|German\|Auf Deutsch\.$/m, 'the articles are translated');
like($answers[$asked], qr/^\{"failed": \[\], "articles": 3, "translated": 3\}$/m, 'and the report is that of the page');
like($page, qr/\{"failed": \[\], "articles": 3, "translated": 3\}/, 'which says so');
my ($tried) = grep { $blocks[$_] =~ /atelier\.drain/ } 0 .. $#blocks;
like($answers[$tried], qr/^4$/m, 'tried out: four articles are translated');
like($answers[$tried], qr/^\{"failed": \[\], "articles": 4, "translated": 4\}$/m, 'tried out: and the report says so');
is($node->ask("select count(*) from shop.translations where language = 'Danish'"), 0, 'tried out: nothing is left of it');
is($provider->counts->{billed}, 3, 'the service was asked once for each article, and not at all by what was only tried out');
is_deeply($provider->counts->{refusals}, [], 'and liked how it was asked');
is($provider->last_request->{body} =~ /Translate the description of a product into German/ ? 1 : 0, 1, 'the words are those of the function');

# More articles, each with an answer of its own; one that the service will not translate, one that it refuses at first.
my $user = $node->ask('select id from atelier.users');
my $client = $node->ask('select id from atelier.clients');
sub translate
{
    my ($language) = @_;
    my $job = $node->ask("set role shop; select atelier.enqueue_job('translate_catalogue', '{\"language\": \"$language\"}') from atelier.set_context(user_id => '$user')");
    ok($node->wait_until("select count(*) = 1 from atelier.job_history where job_id = '$job'", 60), "$language: the job ends");
    is($node->ask("select state from atelier.job_history where job_id = '$job'"), 'completed', "$language: well");
    return decode_json($node->ask("set role shop; select atelier.job_result('$job') from atelier.set_context(user_id => '$user')"));
}
$node->ask(q(delete from shop.translations; delete from shop.articles;
    select atelier.cancel_jobs('{"state": "waiting"}')));
$node->ask("insert into shop.articles (client_id, name, description) select '$client', 'Article ' || n, to_char(n, '\"product-\"FM0000') from generate_series(1, 40) n");
$provider->reset_counts;
$provider->behave(faults => [
    { fault => 'safety', match => 'product-0007', always => JSON::PP::true },
    { fault => 'rate_limited', match => 'product-0011', delay => '0.1s' },
    map { my $name = sprintf('product-%04d', $_); { fault => 'words', match => $name, always => JSON::PP::true, text => "traduit: $name" } } grep { $_ != 7 } 1 .. 40 ]);
my $report = translate('French');
my $seventh = $node->ask("select id from shop.articles where name = 'Article 7'");
is_deeply([ @$report{qw(articles translated)} ], [ 40, 39 ], 'all but one are translated');
is_deeply([ map { $_->{article} } @{ $report->{failed} } ], [ $seventh ], 'the report names the one that failed');
is($node->ask("select count(*) from shop.translations t join shop.articles a on a.id = t.article_id where t.language = 'French' and t.description = 'traduit: ' || a.description"),
    39, 'each article has the answer to its own question');
is(scalar(grep { $_ == 1 } values %{ $provider->counts->{products} }), 40, 'each was asked for once');

$provider->reset_counts;
$provider->behave(faults => [ { fault => 'safety', match => 'product-0007', always => JSON::PP::true } ]);
$report = translate('French');
is($report->{translated}, 0, 'the same once more: nothing is left to do');
is(scalar @{ $report->{failed} }, 1, 'the same once more: what is skipped does not fail');
is($provider->counts->{billed}, 1, 'but for the one that had failed');
is($node->ask(q(select count(*) from atelier.job_history h join atelier.attempts a using (job_id) where h.pipeline = 'translate_article' and a.provider = 'translator' and h.state = 'completed' and a.leased_at > (select max(created_at) from atelier.job_history where pipeline = 'translate_catalogue'))),
    0, 'those that were skipped took no place of the service');
$provider->behave(faults => []);
$node->ask("update shop.articles set description = 'A desk.' where id = $seventh");
is(translate('French')->{translated}, 1, 'what was mended is translated');
is($node->ask('select count(*) from atelier.consistency_report'), 0, 'nothing is inconsistent');

$node->stop;
$provider->stop;
done_testing;
