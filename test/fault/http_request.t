# Requests of users to addresses of theirs: every way that was ever used to reach what must not be reached, in a network where
# all of it is there to be reached, and what becomes of those that may be made.
use strict;
use warnings;
use Web;
use Atelier;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my ($public, $private, $metadata) = ($Web::PUBLIC, $Web::PRIVATE, $Web::METADATA);
my $web = Web->start(
    'public.shop.example' => [ [$public] ],
    'six.shop.example' => [ [$Web::PUBLIC_6] ],
    'evil-shop.example' => [ [$public] ],
    'shop.example' => [ [$public] ],
    'private.shop.example' => [ [$private] ],
    'loopback.shop.example' => [ ['127.0.0.1'] ],
    'metadata.shop.example' => [ [$metadata] ],
    'six-private.shop.example' => [ [$Web::PRIVATE_6] ],
    'mapped.shop.example' => [ ["::ffff:$private"] ],
    'alias.shop.example' => 'private.shop.example',
    'mixed.shop.example' => [ [ $public, $private ] ],
    'dexim.shop.example' => [ [ $private, $public ] ],
    'mixed-six.shop.example' => [ [ $public, '::1' ] ],
    'turncoat.shop.example' => [ [$public], [$private] ],
    'xn--shp-8ka.shop.example' => [ [$public] ],
    'reports.internal' => [ [$private] ],
    'intranet' => [ [$private] ]);

# The environment names a proxy; a request that went through it would reach it and nothing else.
my $node = Atelier->start_cluster('http_request', settings => {
    'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '100ms',
    'pg_atelier.http_hosts' => '*.shop.example', 'pg_atelier.http_private_hosts' => '' });
ok($node->worker_pid(20), 'a worker is there');
$node->ask('create role web_user');
$node->ask(q(select atelier.define_pipeline('call', '[{"name": "call", "action": "http.request", "timeout": "20 s", "max_attempts": 4}]', run_as => 'web_user')));

my $json = JSON::PP->new->canonical->allow_nonref;
sub literal { my ($value) = @_; my $text = $json->encode($value) =~ s/'/''/gr; return "'$text'" }
# What became of a request: "completed", or "failed: class: message".
sub enqueue { my ($request) = @_; return $node->ask('select atelier.enqueue_job(\'call\', ' . literal($request) . ')') }
sub ended { my ($job, $seconds) = @_; return $node->wait_until("select exists (select from atelier.job_history where job_id = '$job')", $seconds // 60) }
sub outcome { my ($job) = @_; return $node->ask("select concat_ws(': ', state, error_class, error_message) from atelier.job_history where job_id = '$job'") }
sub answer { my ($job) = @_; return $json->decode($node->ask("select result from atelier_internal.step_results where job_id = '$job'") || '{}') }
# Sets lists of hosts and asks until that is so: the worker reads them when it gets to it.
sub hosts
{
    my ($request, $wanted, %lists) = @_;
    $node->ask("alter system set pg_atelier.$_ = '$lists{$_}'") for keys %lists;
    $node->ask('select pg_reload_conf()');
    return $node->wait_for_condition(sub { outcome(call($request)) =~ $wanted }, 20);
}
sub call { my ($request) = @_; my $job = enqueue($request); ended($job); return $job }

# Refused, whoever is asked
my $mega = 'a' x 65_536;
my $not_a_url = qr/^failed: invalid_request: the url is none of the form/;
my $not_named = qr/^failed: invalid_request: \S+ is not among pg_atelier\.http_hosts$/;
my $not_https = qr/^failed: invalid_request: \S+ is called over https only/;
my $not_public = qr/^failed: invalid_request: \S+ has an address that is not public$/;
my @refused = (
    [ 41, 'file:///etc/passwd', $not_a_url ],
    [ 42, 'gopher://public.shop.example/_x', $not_a_url ],
    [ 42, 'dict://public.shop.example/d:x', $not_a_url ],
    [ 42, 'ftp://public.shop.example/x', $not_a_url ],
    [ 43, 'http://public.shop.example/echo', $not_https ],
    [ 44, "http://$metadata/latest/meta-data/", $not_https ],
    [ 44, "https://$metadata/latest/meta-data/", $not_named ],
    [ 44, 'https://metadata.shop.example/latest/meta-data/', $not_public ],
    [ 45, 'https://2130706433/', $not_a_url ],
    [ 45, 'https://0x7f.1/', $not_a_url ],
    [ 45, 'https://127.1/', $not_a_url ],
    [ 45, 'https://0177.0.0.1/', $not_a_url ],
    [ 45, 'https://127.0.0.1/', $not_named ],
    [ 46, 'https://[::1]/', $not_named ],
    [ 46, 'https://[::ffff:127.0.0.1]/', $not_named ],
    [ 46, 'https://[fe80::1%25eth0]/', $not_a_url ],
    [ 46, 'https://[64:ff9b::7f00:1]/', $not_named ],
    [ 47, 'https://public.shop.example@private.shop.example/', $not_a_url ],
    [ 47, 'https://public.shop.example#@private.shop.example/', $not_a_url ],
    [ 47, 'https://public.shop.example\\@private.shop.example/', $not_a_url ],
    [ 48, 'https://public.shop.example:0/', $not_a_url ],
    [ 48, 'https://public.shop.example:22/', $not_named ],
    [ 48, 'https://public.shop.example:5432/', $not_named ],
    [ 48, 'https://public.shop.example:65536/', $not_a_url ],
    [ 49, 'https://public.shop.example./', $not_a_url ],
    [ 49, "https://sh\x{43e}p.shop.example/", $not_a_url ],
    [ 49, 'https://xn--shp-8ka.shop.example/', $not_named ],
    [ 49, 'https://xn--99999999999999999.shop.example/', $not_named ],
    [ 50, 'https://' . ('abcdefg.' x 32) . 'shop.example/', $not_a_url ],
    [ 50, "https://public.shop.example/$mega", $not_a_url ],
    [ 51, "https://public.shop.example/a\r\nX-Evil: 1", $not_a_url ],
    [ 51, "https://public.shop.example/a\tb", $not_a_url ],
    [ 51, 'https://public.shop.example/a%00b', qr/a control character in its path/ ],
    [ 51, 'https://public.shop.example/a b', $not_a_url ],
    [ 53, 'https://mixed.shop.example/', $not_public ],
    [ 53, 'https://dexim.shop.example/', $not_public ],
    [ 53, 'https://mixed-six.shop.example/', $not_public ],
    [ 53, 'https://private.shop.example/', $not_public ],
    [ 53, 'https://loopback.shop.example/', $not_public ],
    [ 53, 'https://six-private.shop.example/', $not_public ],
    [ 53, 'https://mapped.shop.example/', $not_public ],
    [ 53, 'https://alias.shop.example/', $not_public ],
    [ 54, 'https://evil-shop.example/', $not_named ],
    [ 54, 'https://shop.example/', $not_named ],
    [ 56, 'data:text/plain,x', $not_a_url ],
    [ 56, ' ', $not_a_url ],
    [ 56, '//public.shop.example/', $not_a_url ],
    [ 0, 'https://reports.internal/', qr/is a name of a private network/ ],
    [ 0, 'https://intranet/', qr/is a name of a private network/ ],
    [ 0, 'https://localhost/', qr/is a name of a private network/ ]);
my @jobs = split /\n/, $node->ask('select atelier.enqueue_job(\'call\', jsonb_build_object(\'url\', u.url)) from jsonb_array_elements_text('
      . literal([ map { $_->[1] } @refused ]) . ') with ordinality as u (url, n) order by n');
ok($node->wait_until('select not exists (select from atelier.jobs)', 120), 'all of them end');
for my $n (0 .. $#refused)
{
    my ($number, $url, $said) = @{ $refused[$n] };
    my $shown = substr($url, 0, 60) =~ s/[^\x20-\x7e]/?/gr;
    like(outcome($jobs[$n]), $said, "$number: $shown");
}
is_deeply($web->accepted, {}, 'nobody was connected to, no proxy either');
is($node->ask("select max(attempts) from atelier.job_history"), 1, 'none was tried again');
ok($node->wait_until("select in_flight = 0 from atelier.lanes where provider = 'http'", 15), 'and none is waited for any more');

# A name that means something else when it is connected to than when it was looked at
$web->reset_counts;
my $rebound = call({ url => 'https://turncoat.shop.example/echo' });
like(outcome($rebound), $not_public, 'a name that is rebound is refused');
is_deeply($web->accepted, {}, 'before anybody was connected to');
is($web->asked->{'turncoat.shop.example'}, 2, 'it was public when it was looked at');

# Allowed
$web->reset_counts;
my $job = call({ method => 'PATCH', url => 'https://public.shop.example/echo?a=%0d%0a', headers => { 'X-Own' => 'yes' }, body => { name => 'chair' } });
is(outcome($job), 'completed', 'a public host that is named is called');
my $answer = answer($job);
is($answer->{status}, 200, 'its answer has the status');
is($answer->{headers}{'content-type'}, 'application/json', 'the type');
my $came = $answer->{body};
is("$came->{method} $came->{target} $came->{body}", 'PATCH /echo?a=%0d%0a {"name":"chair"}', 'and the JSON that came: the request was as it was asked for');
is($came->{headers}{'idempotency-key'}, "$job-1", 'with a key that is the same for every attempt');
is("$came->{headers}{'x-own'} $came->{headers}{'content-type'} $came->{headers}{host}", 'yes application/json public.shop.example', 'and its headers');
is(outcome(call({ url => 'https://six.shop.example/echo' })), 'completed', 'over IPv6 too');
is_deeply($web->accepted, { "$public 443" => 1, "$Web::PUBLIC_6 443" => 1 }, 'by one connection each, and through no proxy, which the environment names');
is(answer(call({ url => 'https://public.shop.example/echo', method => 'HEAD' }))->{body}, undef, 'what has no body has none');
is(answer(call({ url => 'https://public.shop.example/bytes?count=5' }))->{body}, 'xxxxx', 'a text is a text');

# Headers
$web->reset_counts;
for my $header ([ 'Host', 'evil.example' ], [ 'Content-Length', '0' ], [ 'Transfer-Encoding', 'chunked' ], [ 'Authorization', 'Bearer PLANTED-secret' ],
    [ 'Proxy-Authorization', 'x' ], [ 'Cookie', 'a=b' ], [ 'X-A', "a\r\nHost: evil.example" ], [ "X-A\r\nHost", 'a' ])
{
    my $shown = $header->[0] =~ s/[^\x20-\x7e]/?/gr;
    like(outcome(call({ url => 'https://public.shop.example/echo', headers => { $header->[0] => $header->[1] } })), qr/^failed: invalid_request: the header /, "35: the header $shown is refused");
}
is_deeply($web->accepted, {}, 'and nothing is sent');

# 52: redirections
for my $to ('https://public.shop.example/redirect?to=/echo', 'http://public.shop.example/echo', 'file:///etc/passwd', "http://$metadata/latest/",
    'https://private.shop.example/echo', '//private.shop.example/')
{
    my $url = 'https://public.shop.example/redirect?to=' . ($to =~ s/([^A-Za-z0-9.])/sprintf '%%%02x', ord $1/ger);
    like(outcome(call({ url => $url })), qr/^failed: invalid_request: public\.shop\.example answered 302, a redirection to .*, which is not followed$/, "52: to $to");
}
is_deeply($web->accepted, { "$public 443" => 6 }, 'none was followed');

# What fails, and is tried again
$web->reset_counts;
my $tried = call({ url => 'https://public.shop.example/flaky/a/2', method => 'POST', body => {} });
is(outcome($tried), 'completed', 'what was overloaded is asked again');
is(scalar(@{ $web->requests }), 3, 'as often as it takes');
my %keys = map { $_->{headers}{'idempotency-key'} => 1 } @{ $web->requests };
is_deeply([ keys %keys ], ["$tried-1"], 'each time with the same key');
like(outcome(call({ url => 'https://public.shop.example/status/404' })), qr/^failed: invalid_request: public\.shop\.example answered 404: so it is$/, 'what is refused is not');
like(outcome(call({ url => 'https://public.shop.example/image' })), qr/^failed: invalid_output: the answer of public\.shop\.example is no text of UTF-8$/, 'a picture is no answer');
like(outcome(call({ url => 'https://public.shop.example/bytes?count=1000001' })), qr/^failed: invalid_output: .*longer than 1000000 bytes$/, 'nor is more than a megabyte');
like(outcome(call({ url => 'https://public.shop.example/close', body => {} })), qr/^failed: network: /, 'a server that says nothing is asked in vain');
like(outcome(call({ url => 'https://nobody.shop.example/' })), qr/^failed: network: the host name of nobody\.shop\.example cannot be resolved$/, 'so is a name that does not exist');
my $silent = call({ url => 'https://public.shop.example/hang', timeout_ms => 300 });
like(outcome($silent), qr/^failed: network: no answer from public\.shop\.example within 300 ms$/, 'and one that never answers');

# Asked to come again later: this job waits, and no other
$web->reset_counts;
my $busy = enqueue({ url => 'https://public.shop.example/status/429?after=3600' });
ok($node->wait_until("select reason = 'retry' and run_after > now() + interval '50 minutes' and attempts = 0 from atelier.jobs where job_id = '$busy'"),
    'the job waits as long as it was asked to, which costs no attempt');
is(outcome(call({ url => 'https://public.shop.example/echo' })), 'completed', 'others of the pipeline go on');
is($node->ask("select string_agg(distinct state, ',') from atelier.lanes where provider = 'http'"), 'open', 'their lane is open');
$node->ask("select atelier.cancel_job('$busy')");
my $under_way = enqueue({ url => 'https://public.shop.example/hang' });
ok($node->wait_for_condition(sub { grep { $_->{target} eq '/hang' } @{ $web->requests } }, 20), 'a request is under way');
$node->ask("select atelier.cancel_job('$under_way')");
ok(ended($under_way) && outcome($under_way) =~ /^cancelled/, 'and is cancelled');

# One's own network
$web->reset_counts;
like(outcome(call({ url => 'http://reports.internal/echo' })), $not_https, 'a private host is for those that are named');
my $report = { url => 'http://reports.internal/echo' };
ok(hosts($report, qr/^completed$/, http_private_hosts => 'reports.internal, 10.9.8.7:8080'), 'named after a reload, it is called over http');
is(outcome(call({ url => 'https://reports.internal/echo' })), 'completed', 'or https');
is(outcome(call({ url => 'http://10.9.8.7:8080/echo' })), 'completed', 'and so is an address');
is_deeply($web->accepted, { "$private 80" => 1, "$private 443" => 1, "$private 8080" => 1 }, 'each where it is');
like(outcome(call({ url => 'https://private.shop.example/echo' })), $not_public, 'which opens it by no other name');
ok(hosts($report, $not_https, http_private_hosts => '', http_hosts => ''), 'not named any more, it is called no more');
like(outcome(call({ url => 'https://public.shop.example/echo' })), $not_named, 'by default nobody is');

# The settings
like($node->refusal("alter system set pg_atelier.http_hosts = 'a.example, b example'"), qr/22023.*"b example" is no host.*HINT: .*api\.example\.com/s, 'a list that is none is refused');
like($node->refusal("alter system set pg_atelier.http_hosts = 'localhost'"), qr/HINT: .*pg_atelier\.http_private_hosts/s, 'so is a private host among the public ones');
like($node->refusal("alter system set pg_atelier.http_private_hosts = '*'"), qr/would open the whole network/, 'and everything among the private ones');

unlike($node->log_since(0), qr/PLANTED/, 'no header is in the log');
unlike($node->log_since(0), qr/terminating any other active server processes|PANIC/, 'the server never stumbled');
$node->stop;
$web->stop;
done_testing();
