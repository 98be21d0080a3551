# Every bad answer of the list (rows 57 to 77: what providers say, and what comes instead), through the whole system and
# for both kinds: the right class, nothing stuck, nothing bought again where the class is final, and everybody alive.
use strict;
use warnings;
use Atelier;
use Provider;
use Test::More;
use Time::HiRes qw(time);

# Row, fault, class for gemini, class for openai where it differs; then what the fault needs.
my @table = (
    [ 57, 'empty_body', 'no_output' ], [ 57, 'blank_body', 'no_output' ],
    [ 58, 'html_page', 'invalid_output' ], [ 58, 'html_as_json', 'invalid_output' ], [ 58, 'html_gateway', 'overloaded' ],
    [ 59, 'truncated_json', 'invalid_output' ], [ 59, 'not_an_object', 'no_output' ],
    [ 60, 'nul_escape', 'invalid_output' ], [ 60, 'lone_surrogate', 'invalid_output' ],
    [ 61, 'bom', 'invalid_output' ], [ 61, 'utf16', 'invalid_output' ], [ 61, 'invalid_utf8', 'invalid_output' ],
    [ 62, 'endless_body', 'invalid_output' ], [ 62, 'huge_body', 'invalid_output' ],
    [ 63, 'gzip_bomb', 'invalid_output' ], [ 63, 'nested_gzip', 'invalid_output' ], [ 63, 'unknown_encoding', 'completed' ],
    [ 64, 'length_short', 'invalid_output' ], [ 64, 'length_long', 'outcome_unknown' ], [ 64, 'length_negative', 'outcome_unknown' ],
    [ 64, 'length_word', 'outcome_unknown' ], [ 64, 'length_twice', 'outcome_unknown' ],
    [ 65, 'huge_header', 'outcome_unknown' ], [ 65, 'many_headers', 'outcome_unknown' ],
    [ 66, 'status_0', 'outcome_unknown' ], [ 66, 'status_99', 'outcome_unknown' ], [ 66, 'status_600', 'invalid_output' ],
    [ 66, 'status_1000', 'outcome_unknown' ], [ 66, 'status_words', 'outcome_unknown' ], [ 66, 'no_http', 'outcome_unknown' ],
    [ 66, 'status_204', 'no_output' ], [ 66, 'status_304', 'invalid_output' ], [ 66, 'interim_flood', 'outcome_unknown' ],
    [ 67, 'text_only', 'no_output' ], [ 67, 'cut', 'invalid_output', 'no_output' ], [ 67, 'safety', 'content_blocked' ],
    [ 67, 'blocked', 'content_blocked' ], [ 67, 'finish_unknown', 'no_output' ], [ 67, 'nothing', 'no_output' ],
    [ 68, 'usage_absent', 'completed' ], [ 68, 'usage_null', 'completed' ], [ 68, 'usage_negative', 'completed' ],
    [ 68, 'usage_string', 'completed' ], [ 68, 'usage_huge', 'completed' ], [ 68, 'usage_fraction', 'completed' ],
    [ 69, 'model_unknown', 'completed' ],
    [ 70, 'nested', 'invalid_output' ], [ 70, 'nested_unclosed', 'invalid_output' ], [ 70, 'nested_text', 'completed' ],
    [ 70, 'wrong_types', 'no_output' ],
    [ 71, 'injection', 'completed' ],
    # 72 is about batches, which are not used.
    [ 73, 'event_stream', 'invalid_output' ], [ 73, 'error_in_200', 'overloaded' ],
    [ 75, 'long_identity', 'completed' ],
    [ 76, 'not_finite', 'invalid_output' ], [ 76, 'number_too_large', 'invalid_output' ],
    [ 77, 'picture_padding', 'invalid_output' ], [ 77, 'picture_garbage', 'invalid_output' ], [ 77, 'picture_url_alphabet', 'invalid_output' ],
    [ 77, 'picture_empty', 'invalid_output', 'no_output' ], [ 77, 'picture_is_html', 'invalid_output' ], [ 77, 'picture_is_svg', 'invalid_output' ],
    [ 77, 'picture_mime', 'completed' ],  # what the bytes are counts
    # The connection.
    [ 0, 'closed', 'outcome_unknown' ], [ 0, 'reset', 'outcome_unknown' ], [ 0, 'closed_in_head', 'outcome_unknown' ],
    [ 0, 'closed_in_body', 'outcome_unknown' ], [ 0, 'reset_in_body', 'outcome_unknown' ], [ 0, 'silence', 'outcome_unknown' ],
    [ 0, 'silence_in_body', 'outcome_unknown' ], [ 0, 'drip', 'outcome_unknown' ],
    [ 0, 'keep_alive', 'completed' ], [ 0, 'keep_alive_for_ever', 'outcome_unknown' ],
    # Statuses.
    map({ [ 0, 'status', $_->[1], $_->[1], status => $_->[0] ] }
        [ 301, 'invalid_request' ], [ 400, 'invalid_request' ], [ 404, 'invalid_request' ], [ 408, 'timeout' ], [ 413, 'invalid_request' ],
        [ 500, 'overloaded' ], [ 503, 'overloaded' ], [ 504, 'timeout' ], [ 529, 'overloaded' ]));
# How often a class is tried: some are final, some are tried once more, some until pg_atelier.max_attempts.
my %calls = (completed => 1, outcome_unknown => 1, content_blocked => 1, invalid_request => 1, no_output => 2, invalid_output => 2, overloaded => 3, timeout => 3);
my $most_memory_kb = 700 * 1024;

my $node = Atelier->start_cluster('provider_answers', settings => { 'pg_atelier.poll_interval' => '1h', 'pg_atelier.backoff_base' => '50ms' });
my $studio = $node->make_studio;
ok($node->wait_until("select count(*) = 1 from atelier.images where status = 'ready'"), 'the photo is ready');
my $provider = Provider->start;
my $worker = $node->worker_pid(10);
my $engine = $node->executor_pid(10);

for my $kind ('gemini', 'openai')
{
    my $name = $provider->introduce($node, kind => $kind, name => "studio_$kind", options => { progress_timeout => '5s', timeout => '12s' });
    $provider->reset_counts;
    my $first = $kind eq 'gemini' ? 1 : 1001;
    my $number = $first;
    my %case;
    for my $row (@table)
    {
        my ($place, $fault, $gemini, $openai, %options) = @$row;
        $case{ sprintf 'product-%04d', $number++ } = { row => $place, fault => $fault, options => \%options, class => $kind eq 'openai' && $openai ? $openai : $gemini };
    }
    # A lane for each, or what one of them says of the service would hold up the others.
    $provider->behave(picture_bytes => 6000, models => [ $Provider::MODEL, map { "test-image-$_" } keys %case ], faults => [
        map { { fault => $case{$_}{fault}, match => $_, always => JSON::PP::true, %{ $case{$_}{options} } } } keys %case ]);
    my $started = time;
    $node->ask("select atelier.pause_queue('each has to get its lane')");
    $provider->order($node, $studio, scalar keys %case, first => $first, provider => $name);
    $node->ask(qq(
        update atelier_internal.jobs j set model = 'test-image-' || (a.settings ->> 'promptText')
          from atelier.generated_assets a where a.job_id = j.id and j.provider = '$name';
        update atelier_internal.jobs j set lane_id = atelier_internal.lane_for(j.provider, j.model) where j.provider = '$name';
        update atelier_internal.queue_entries q set lane_id = j.lane_id from atelier_internal.jobs j where j.id = q.job_id));
    $node->ask('select atelier.resume_queue()');
    ok($node->wait_until("select count(*) = 0 from atelier.jobs where provider = '$name' and state <> 'held'", 120), "$kind: nothing is stuck")
      or diag($node->ask("select a.settings ->> 'promptText', j.state, j.reason from atelier.jobs j join atelier.generated_assets a on a.job_id = j.job_id where state <> 'held'"));
    note(sprintf '%s: %d answers in %.1f s', $kind, scalar keys %case, time - $started);

    my %seen = map { my ($product, @facts) = split /\|/, $_, 6; ($product => \@facts) } split /\n/, $node->ask(qq(
        select a.settings ->> 'promptText', coalesce(j.reason, h.error_class, h.state), count(*) filter (where t.sent), count(*) filter (where not t.sent),
               (array_agg(t.error_class order by t.attempt_id desc) filter (where t.sent))[1],
               translate(coalesce((array_agg(t.error_message order by t.attempt_id desc))[1], ''), chr(10), ' ')
          from atelier.generated_assets a
          left join atelier.jobs j on j.job_id = a.job_id
          left join atelier.job_history h on h.job_id = a.job_id
          left join atelier.attempts t on t.job_id = a.job_id
         where a.provider = '$name'
         group by a.id, j.reason, h.error_class, h.state));
    my $sent = 0;
    for my $product (sort keys %case)
    {
        my ($fault, $class) = @{ $case{$product} }{qw(fault class)};
        my ($seen, $calls, $free, $told, $message) = @{ $seen{$product} // [ 'nothing', 0, 0, '', '' ] };
        $sent += $calls;
        # A call that took over the connection of a liar may fail before it is sent, which costs one of the tries, perhaps the last.
        my $tries = $calls{$class} == 3 ? $calls + $free : $calls;
        $seen = $told if $seen eq 'network' && $free;
        my $what = join ' ', $kind, $case{$product}{row} || '-', $fault, values %{ $case{$product}{options} };
        is("$seen after $tries", "$class after $calls{$class}", "$what: $class") or diag($message);
        unlike($message, qr/^.{1000}/, "$what: a message of readable length");
    }
    my $counts = $provider->counts;
    is($counts->{calls}, $sent, "$kind: as many calls as attempts that say that they were sent");
    is_deeply($counts->{refusals}, [], "$kind: no request of ours was wrong");
    is($node->ask("select count(*) from atelier.attempts where provider = '$name' and sent is not true and error_class <> 'network'"), 0, "$kind: the others met a broken connection");
    cmp_ok(scalar(grep { $_->[2] } values %seen), '<=', 3, "$kind: which are few");
    is($node->ask("select count(*) from atelier.usage_ledger where provider = '$name' and (quantity <= 0 or quantity > 1e6)"), 0, "$kind: no nonsense in the ledger");
    is($node->ask("select count(*) from atelier.usage_ledger where provider = '$name' and model = 'test-image-9000' and cost is not null"), 0, "$kind: what has no price has no cost");
    cmp_ok(my $memory = peak_memory($engine), '<', $most_memory_kb, "$kind: bombs and floods do not fill the executor's memory");
    note("$kind: the executor's memory peaked at $memory kB");
}
like($node->ask(q(select string_agg(error_message, ' ') from atelier.attempts where error_class = 'outcome_unknown')), qr/bill/, 'unknown outcomes say what they may cost');

# Limits. A lane that was asked to rest does so, for a time that makes sense, and the attempt does not count.
my %rest = ('-1' => [ 0, 600 ], 'NaN' => [ 0, 600 ], '1e308' => [ 0, 86_460 ], past => [ 0, 600 ], year_9999 => [ 3600, 86_460 ], '0' => [ 0, 600 ], '30' => [ 25, 31 ], future => [ 0, 5 ]);
my $last = 2000;
for my $kind ('gemini', 'openai')
{
    for my $value (sort keys %rest)
    {
        $provider->reset_counts;
        $provider->behave(faults => [ { fault => 'retry_after', value => $value } ]);
        $provider->order($node, $studio, 1, first => ++$last, provider => "studio_$kind");
        my $asset = $node->ask("select id from atelier.generated_assets where settings ->> 'promptText' = 'product-$last'");
        ok($node->wait_until("select exists (select from atelier.attempts t join atelier.generated_assets a on a.job_id = t.job_id where a.id = '$asset' and t.error_class = 'rate_limited')", 20),
            "$kind 74 Retry-After $value: rate_limited");
        my $seconds = $node->ask("select round(coalesce(extract(epoch from l.gate_until - t.finished_at), 0))
            from atelier.lanes l, atelier.attempts t where l.provider = 'studio_$kind' and l.model = '$Provider::MODEL' and t.provider = l.provider and t.error_class = 'rate_limited' order by t.attempt_id desc limit 1");
        my ($least, $most) = @{ $rest{$value} };
        ok($seconds >= $least && $seconds <= $most, "$kind 74 Retry-After $value: the lane rests $seconds s");
        $node->ask("select atelier.resume_lane('studio_$kind', '$Provider::MODEL')");
        ok($node->wait_until("select status = 'completed' from atelier.generated_assets where id = '$asset'", 20), "$kind 74 Retry-After $value: then the job completes");
        is($provider->counts->{billed}, 1, "$kind 74 Retry-After $value: for one bill");
    }
    $provider->reset_counts;
    $provider->behave(faults => [ { fault => 'rate_limited', delay => '1.5s' } ]);
    $provider->order($node, $studio, 1, first => ++$last, provider => "studio_$kind");
    my $started = time;
    ok($node->wait_until("select status = 'completed' from atelier.generated_assets where settings ->> 'promptText' = 'product-$last'", 20), "$kind: a rest of 1.5 s ends by itself");
    cmp_ok(time - $started, '>=', 1.4, "$kind: not before its time");

    # No money: one question, no second one.
    $provider->reset_counts;
    $provider->behave(faults => [ { fault => 'no_credit', always => JSON::PP::true } ]);
    $node->ask("select atelier.set_lane_limit('studio_$kind', '$Provider::MODEL', 1)");
    $provider->order($node, $studio, 5, first => $last + 1, provider => "studio_$kind");
    ok($node->wait_until("select state = 'paused' from atelier.lanes where provider = 'studio_$kind' and model = '$Provider::MODEL'", 20), "$kind: no credit pauses the lane");
    is($provider->counts->{calls}, 1, "$kind: at the first answer");
    is($node->ask("select count(*) from atelier.job_history where error_class = 'no_credit' and subject_id in (select id from atelier.generated_assets where provider = 'studio_$kind')"), 1, "$kind: one job fails for it");
    $provider->reset_counts;
    $node->ask("select atelier.resume_lane('studio_$kind', '$Provider::MODEL')");
    ok($node->wait_until("select count(*) = 0 from atelier.jobs where provider = 'studio_$kind' and state <> 'held'", 20), "$kind: the others go on when the lane does");
    is($provider->counts->{billed}, 4, "$kind: at one call each");
    $last += 5;
}

is($node->worker_pid, $worker, 'the worker lives');
is($node->executor_pid, $engine, 'and so does the executor');
unlike($node->log_since(0), qr/terminating any other active server processes/, 'the server did not restart');
unlike($node->log_since(0), qr/invalid byte sequence|unsupported Unicode escape/, 'no answer reached SQL before it was parsed');
$node->stop;
$provider->stop;
done_testing();

sub peak_memory
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/status" or return 1e12;
    my ($peak) = join('', <$in>) =~ /^VmHWM:\s+(\d+) kB/m;
    return $peak // 1e12;
}
