-- Money: worst prices, what is reserved, what no budget has room for, what comes back, unknown costs.
\set QUIET on
begin;
\ir engine_fixture.psql
select no_plan();
set local pg_atelier.quota_timezone = 'UTC';

-- A paid provider. Nothing is called here.
create server studio foreign data wrapper atelier_gemini options (image_model 'm');
create server other foreign data wrapper atelier_openai options (image_model 'm');
create function pg_temp.enqueue_paid(p_count integer default 1, p_client uuid default null, p_provider text default 'studio', p_model text default 'm',
                                     p_priority smallint default 0) returns uuid[] language sql volatile as $$
    select atelier_internal.enqueue_jobs('one_step', array(
        select row(gen_random_uuid(), p_client, p_provider, p_model, jsonb_build_object('n', g), null)::atelier_internal.job_request
          from generate_series(1, p_count) g), array[row(p_priority, null, null, null, null, null)::atelier_internal.job_options])
$$;
create function pg_temp.broken() returns setof text language sql as $$
    select format('%s %s', r.rule, r.detail) from atelier.consistency_report r where r.rule like 'budget%' or r.rule like 'reserve%' or r.rule like 'hold%'
$$;
create function pg_temp.money(p_provider text default 'studio') returns text language sql as $$
    select concat_ws(' ', trim_scale(b.amount), trim_scale(b.spent), trim_scale(b.reserved), trim_scale(b.room), b.held) from atelier.budgets b where b.provider = p_provider
$$;
\set one_image '[{"unit":"image","quantity":1}]'
insert into atelier.prices (provider, unit, price) values ('studio', 'image', 0.04);

-- twenty of fifty
select atelier.set_budget(0.80, provider => 'studio') as ignored \gset
select pg_temp.enqueue_paid(50) as jobs \gset
create temp table first_turn as select * from pg_temp.lease(32);
select is((select count(*) from first_turn), 20::bigint, 'as many are leased as the budget has room for');
select is(pg_temp.money(), '0.8 0 0.8 0 12', 'their worst prices are reserved, the others held');
select is((select count(*) from pg_temp.lease(32)), 0::bigint, 'nothing more');
select is(pg_temp.money(), '0.8 0 0.8 0 30', 'all others are held');
select is(atelier_internal.promote(100), 0, 'and stay so');
select pg_temp.settle(array(select pg_temp.answer(lease, null, '{}', :'one_image') from first_turn)) as ignored \gset
select is(pg_temp.money(), '0.8 0.8 0 0 30', 'what they cost takes the place of the reserves');
select is((select (calls, cost, reserved, unknown_calls)::text from atelier.spend), '(20,0.80,0,0)', 'the roll-up has it');
select is((select sum(cost) from atelier.usage_ledger), 0.80, 'so has the ledger');
select is(atelier_internal.promote(100) || pg_temp.state_of((:'jobs'::uuid[])[50]), '0held:over_budget', 'nothing comes back');
select atelier.set_budget(0.90, provider => 'studio') as ignored \gset
select is(atelier_internal.promote(100), 2, 'a higher budget brings back as many as it has room for');
select is(atelier_internal.promote(100), 0, 'and not more before they are leased');
create temp table second_turn as select * from pg_temp.lease(32);
select is((select count(*) from second_turn), 2::bigint, 'they are leased');
select is(pg_temp.money(), '0.9 0.8 0.08 0.02 28', 'and reserved');
select pg_temp.settle(array(select pg_temp.answer(lease, null, '{}', :'one_image') from second_turn)) as ignored \gset
select is_empty('select * from pg_temp.broken()', 'every sum is right');

-- in order: priority, then age; what a budget can never hold stands in nobody's way
select atelier.set_budget(null, provider => 'studio') as ignored \gset
select is(atelier_internal.promote(10), 10, 'without the budget all come back, a part in each turn');
select is(atelier_internal.promote(100), 18, 'the others');
select is((select count(*) from atelier_internal.budget_holds), 0::bigint, 'and wait for nothing more');
select atelier.cancel_jobs('{}') as ignored \gset
select atelier.set_budget(0.04, provider => 'studio', period => 'month') as ignored \gset
select is(pg_temp.money(), '0.04 0.88 0 0 0', 'a budget that is set later counts what was spent before');
select atelier.set_budget(0.92, provider => 'studio', period => 'month') as ignored \gset
insert into atelier.prices (provider, model, unit, price) values ('studio', 'large', 'image', 5), ('studio', 'middle', 'image', 0.05);
select (pg_temp.enqueue_paid(1, p_model => 'large'))[1] as large, (pg_temp.enqueue_paid(1, p_model => 'middle'))[1] as middle,
       (pg_temp.enqueue_paid(1, p_priority => 1::smallint))[1] as late, (pg_temp.enqueue_paid(1))[1] as soon \gset
select is((select count(*) from pg_temp.lease(1)), 1::bigint, 'one fits');
select count(*) as ignored from pg_temp.lease() \gset
select is(array[pg_temp.state_of(:'large'), pg_temp.state_of(:'middle'), pg_temp.state_of(:'late')], array_fill('held:over_budget'::text, '{3}'), 'the others are held');
select is(pg_temp.state_of(:'soon'), 'leased', 'it is the one that fits');
select matches((select explanation from atelier.explain_job(:'large')), 'worst price, 5 USD\. Of 0\.92.*more than the whole budget', 'explain: it never fits');
select is((select position from atelier.explain_job(:'late')), 3::bigint, 'explain: how many are before it');
select is((select estimated_start from atelier.explain_job(:'late')), (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC', 'explain: the next period begins');
select is((select finding from atelier.self_check() where area = 'budget' and not ok),
          '3 job(s) are held: the budget of provider studio for the month has no room for them', 'self_check tells of them');
select atelier.set_budget(0.97, provider => 'studio', period => 'month') as ignored \gset
select is(atelier_internal.promote(100) || pg_temp.state_of(:'middle'), '1waiting', 'the first of those that fit comes back');
select is(atelier.cancel_job(:'middle'), true, 'a job that was brought back can be cancelled');
select is(atelier_internal.promote(100) || pg_temp.state_of(:'late'), '1waiting', 'and the next takes its place');
select is(atelier.release_job(:'large'), true, 'release_job(): tries at once');
select count(*) as ignored from pg_temp.lease() \gset
select is(array[pg_temp.state_of(:'large'), pg_temp.state_of(:'late')], array['held:over_budget', 'leased'], 'and is held again');
select is((select (j.attempts, j.crashes)::text from atelier_internal.jobs j where j.id = :'large'), '(0,0)', 'which counts as nothing');
select is((select (a.sent, a.outcome, a.error_class)::text from atelier.attempts a where a.job_id = :'large' order by a.attempt_id desc limit 1), '(f,failed,over_budget)', 'the attempt tells of it');
select is((select gate_reason from atelier.lanes where model = 'large'), null, 'the lane is not blamed');
select is_empty('select * from pg_temp.broken()', 'every sum is right');

-- cancelled under way: its answer says what it cost
select is(atelier.cancel_job(:'late'), true, 'a call under way is cancelled');
select is((select state from atelier.reserves where job_id = :'late'), 'kept', 'what is reserved for it stays');
select is_empty('select * from pg_temp.broken()', 'every sum is right');
select jsonb_build_object('job', a.job_id, 'attempt', a.id, 'ring', a.ring, 'token', a.token) as late_lease from atelier_internal.attempts a where a.job_id = :'late' and a.error_class = 'cancelled' \gset
select pg_temp.settle(array[jsonb_set(pg_temp.answer(:'late_lease', 'cancelled'), '{sent}', 'false')]) as ignored \gset
select is((select count(*) from atelier.reserves where job_id = :'late'), 0::bigint, 'it was never sent: nothing stays');
select is(pg_temp.money(), '0.97 0.88 0.04 0.05 1', 'and there is room again');
select atelier.cancel_jobs('{}'), atelier.set_budget(null, provider => 'studio', period => 'month') as ignored \gset
delete from atelier_internal.reserves;

-- what a call did not cost
select atelier.set_budget(0.92, provider => 'studio') as ignored \gset
select (pg_temp.enqueue_paid())[1] as first, (pg_temp.enqueue_paid())[1] as second \gset
select * from pg_temp.lease() \gset a_
select is(atelier_internal.promote(100) || pg_temp.state_of(:'second'), '0held:over_budget', 'one call takes all there is');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'overloaded')]) as ignored \gset
select is(atelier_internal.budget_due(), now(), 'it was not billed: that is told');
select is(atelier_internal.promote(100) || pg_temp.state_of(:'second'), '1waiting', 'and lets the next one go');
select atelier.cancel_jobs('{}'), atelier.set_budget(null, provider => 'studio') as ignored \gset

-- a class for each way to end
create temp table ends (class text, sent boolean, usage jsonb, expected text);
insert into ends values
    ('network', true, null, 'free'), ('auth', true, null, 'free'), ('no_credit', true, null, 'free'), ('rate_limited', true, null, 'free'),
    ('overloaded', true, null, 'free'), ('invalid_request', true, null, 'free'), ('not_sent', false, null, 'free'), ('timeout', false, null, 'free'),
    ('timeout', true, null, 'kept 0.04'), ('outcome_unknown', true, null, 'kept 0.04'), ('content_blocked', true, null, 'kept 0.04'),
    ('no_output', true, null, 'kept 0.04'), ('invalid_output', true, null, 'kept 0.04'), ('storage_failed', true, null, 'kept 0.04'),
    ('worker_lost', null, null, 'kept 0.04'), ('what is that', true, null, 'kept 0.04'), (null, true, null, 'kept 0.04'), (null, true, '[]', 'kept 0.04'),
    (null, true, '[{"unit":"image","quantity":1}]', 'spent 0.04'), ('content_blocked', true, '[{"unit":"image","quantity":1}]', 'spent 0.04'),
    ('overloaded', true, '[{"unit":"image","quantity":1}]', 'spent 0.04'), (null, true, '[{"unit":"image","quantity":3}]', 'spent 0.12'),
    (null, true, '[{"unit":"image","quantity":1},{"unit":"surprise","quantity":1}]', 'kept 0 spent 0.04'),
    (null, true, '[{"unit":"image","quantity":1,"cost":0.5,"currency":"EUR"}]', 'kept 0.04 spent 0.5 EUR');
create function pg_temp.ended(p_end ends) returns text language plpgsql as $$
declare
    v_order pg_temp.order_row;
    v_job uuid;
    v_answer jsonb;
    v_said text;
begin
    begin
        update atelier_internal.lanes set paused_at = null, pause_reason = null, paused_until = null;
        v_job := (pg_temp.enqueue_paid())[1];
        select * into v_order from pg_temp.lease() l where l.job_id = v_job;
        v_answer := pg_temp.answer(v_order.lease, p_end.class, '{}', p_end.usage) || jsonb_build_object('sent', p_end.sent);
        perform pg_temp.settle(array[v_answer]);
        v_said := coalesce((select concat_ws(' ', r.state, r.amount) from atelier.reserves r where r.attempt_id = v_order.attempt_id), '')
                  || coalesce((select string_agg(concat_ws(' ', ' spent', sum(l.cost), nullif(l.currency, 'USD')), '') over () from atelier.usage_ledger l
                                where l.attempt_id = v_order.attempt_id and l.cost is not null group by l.currency limit 1), '');
        v_said := coalesce(nullif(btrim(v_said), ''), 'free') || coalesce((select ' ' || min(b) from pg_temp.broken() b), '');
        raise exception using errcode = 'XX999';
    exception when sqlstate 'XX999' then
        return v_said;
    end;
end
$$;
select atelier.set_budget(10, provider => 'studio') as ignored \gset
select is(pg_temp.ended(e), e.expected, format('ended as %s, sent %s, %s', e.class, e.sent, coalesce(e.usage::text, 'without usage'))) from ends e;

-- what nobody knows, until somebody does
select (pg_temp.enqueue_paid())[1] as job \gset
select * from pg_temp.lease() \gset a_
select pg_temp.settle(array[pg_temp.answer(:'a_lease', 'timeout')]) as ignored \gset
select is((select (calls, cost, reserved, unknown_calls)::text from atelier.spend where currency = 'USD' and reserved > 0), '(23,0.88,0.04,1)', 'the roll-up tells of the call');
select throws_ok(format('select atelier.settle_unknown_cost(%s, 0.03, %L)', :a_attempt_id, 'EUR'), '22023', null, 'its cost is in the currency of its price');
select throws_ok(format('select atelier.settle_unknown_cost(%s, -1)', :a_attempt_id), '22023', null, 'a cost is not negative');
select throws_ok('select atelier.settle_unknown_cost(-1, 1)', 'P0002', null, 'an unknown attempt');
select lives_ok(format('select atelier.settle_unknown_cost(%s, 0.03)', :a_attempt_id), 'somebody read the bill');
select throws_ok(format('select atelier.settle_unknown_cost(%s, 0.03)', :a_attempt_id), '55000', null, 'once');
select is(atelier_internal.budget_due(), now(), 'the worker has something to do');
select is(atelier_internal.promote(100), 1, 'it enters it');
select is((select (unit, quantity, cost, currency)::text from atelier.usage_ledger where attempt_id = :a_attempt_id), '(settled,1,0.03,USD)', 'in the ledger');
select is((select (calls, trim_scale(cost), reserved, unknown_calls)::text from atelier.spend where provider = 'studio' and currency = 'USD'), '(23,0.91,0,0)', 'and in the roll-up');
select is_empty('select * from pg_temp.broken()', 'every sum is right');
select throws_ok(format('select atelier.settle_unknown_cost(%s, 0.03)', :a_attempt_id), '55000', null, 'then it is known');
-- a late answer does as well
select count(*) as ignored from atelier_internal.lanes \gset
update atelier_internal.deferrals set run_after = now();
update atelier_internal.jobs set run_after = now() where run_after is not null;
select atelier_internal.promote(100) as ignored \gset
select * from pg_temp.lease() \gset b_
select atelier_internal.drain(1, array[:b_attempt_id]), atelier_internal.resolve_draining(1) as ignored \gset
select is((select state from atelier.reserves where attempt_id = :b_attempt_id), 'kept', 'no receipt: the reserve stays');
select atelier.settle_unknown_cost(:b_attempt_id, 0.01) as ignored \gset
select pg_temp.settle(array[pg_temp.answer(:'b_lease', null, '{}', :'one_image')]) as ignored \gset
select is((select count(*) from atelier.reserves), 0::bigint, 'the receipt comes after all');
select is(atelier_internal.promote(100) || (select string_agg(unit, ',') from atelier.usage_ledger where attempt_id = :b_attempt_id), '1image', 'and counts more than what somebody said before the worker saw it');
select pg_temp.settle(array[pg_temp.answer(:'b_lease', null, '{}', :'one_image')]) as ignored \gset
select is((select trim_scale(spent) from atelier.budgets where provider = 'studio'), 0.95, 'once, also when it comes twice');
select is_empty('select * from pg_temp.broken()', 'every sum is right');
select atelier.cancel_jobs('{}') as ignored \gset

-- what a call costs at most
create function pg_temp.worst(p_request jsonb, p_model text default 'm', p_action text default 'ai.json') returns text language plpgsql as $$
declare
    v_priced atelier_internal.priced;
begin
    update atelier_internal.steps set action = p_action where pipeline = 'one_step';
    v_priced := (atelier_internal.price_leases(
        array[row(null, gen_random_uuid(), 'one_step', 1, 1, 1, null, 1, null, null, 'other', p_model, '{}', 'x', null)::atelier_internal.leased,
              row(null, '00000000-0000-0000-0000-00000000000a', 'one_step', 1, 1, 2, null, 1, null, null, 'offline', p_model, '{}', 'x', null)::atelier_internal.leased],
        array[row('00000000-0000-0000-0000-00000000000a', p_request, null, null)::atelier_internal.prepared]))[1];
    v_priced := (atelier_internal.price_leases(
        array[row(null, '00000000-0000-0000-0000-00000000000a', 'one_step', 1, 1, 1, null, 1, null, null, 'other', p_model, '{}', 'x', null)::atelier_internal.leased],
        array[row('00000000-0000-0000-0000-00000000000a', p_request, null, null)::atelier_internal.prepared]))[1];
    return coalesce(v_priced.amount || ' ' || v_priced.currency, v_priced.problem);
end
$$;
create function pg_temp.bytes(p_request jsonb) returns integer language sql as $$ select octet_length(p_request::text) $$;
select is(pg_temp.worst('{}'), 'provider other has no price in force for model "m"', 'worst: no price');
insert into atelier.prices (provider, unit, price, per, since) values ('other', 'output_token', 10, 1000, '2999-01-01');
select is(pg_temp.worst('{}'), 'provider other has no price in force for model "m"', 'worst: none yet');
insert into atelier.prices (provider, unit, price, per) values ('other', 'output_token', 1, 1000);
select is(pg_temp.worst('{"parameters": {"max_output_tokens": 2000}}'), 'unit input_token has no price', 'worst: what is read may be charged too');
select is(pg_temp.worst('{}', 'm', 'media.compose'), 'nobody says how many units of output_token the call can use', 'worst: an answer to something else');
insert into atelier.prices (provider, unit, price, per) values ('other', 'input_token', 0, 1);
select is(pg_temp.worst('{}'), 'nobody says how many units of output_token the call can use', 'worst: an answer of any length');
select is(pg_temp.worst('{"parameters": {"max_output_tokens": 2000}}'), '2 USD', 'worst: the request bounds the answer');
select is(pg_temp.worst('{"parameters": {"max_output_tokens": "2000"}}'), 'nobody says how many units of output_token the call can use', 'worst: a text is no bound');
select is(pg_temp.worst('{"parameters": {"max_output_tokens": -1}}'), 'nobody says how many units of output_token the call can use', 'worst: nor is less than nothing');
select is(pg_temp.worst('{"parameters": [1]}'), 'nobody says how many units of output_token the call can use', 'worst: nor a list');
update atelier.prices set most_per_call = 1000 where provider = 'other';
select is(pg_temp.worst('{"parameters": {"max_output_tokens": 2000}}'), '1 USD', 'worst: nor can the model say more than it can');
select is(pg_temp.worst('{"parameters": {"max_output_tokens": 500}}'), '0.5 USD', 'worst: the lower bound counts');
select is(pg_temp.worst('{}'), '1 USD', 'worst: the model''s alone');
insert into atelier.prices (provider, model, unit, price, per) values ('other', 'n', 'input_token', 1, 1), ('other', 'n', 'output_token', 0, 1);
select is(pg_temp.worst('{"prompt": "ä"}', 'n'), format('%s USD', pg_temp.bytes('{"prompt": "ä"}') + 1000), 'worst: a token is a byte or more; a unit that costs nothing needs no bound');
select is(pg_temp.worst('{"prompt": "ä", "inputs": [{}, {}]}', 'n'), format('%s USD', pg_temp.bytes('{"prompt": "ä", "inputs": [{}, {}]}') + 101000), 'worst: pictures are read too');
insert into atelier.prices (provider, model, unit, price, per) values ('other', 'n', 'cached_input_token', 0.1, 1);
select is(pg_temp.worst('{"prompt": "ä"}', 'n'), format('%s USD', pg_temp.bytes('{"prompt": "ä"}') + 1000), 'worst: what is cached is a part of it');
update atelier.prices set price = 2 where provider = 'other' and unit = 'cached_input_token';
select is(pg_temp.worst('{"prompt": "ä"}', 'n'), format('%s USD', 3 * (pg_temp.bytes('{"prompt": "ä"}') + 1000)), 'worst: unless that costs more');
update atelier.prices set currency = 'EUR' where provider = 'other' and unit = 'cached_input_token';
select is(pg_temp.worst('{"prompt": "ä"}', 'n'), 'its prices are in several currencies', 'worst: two currencies have no sum');
insert into atelier.prices (provider, model, unit, price) values ('other', 'i', 'image', 0.5), ('other', 'i', 'output_token', 0), ('other', 'i', 'input_token', 0), ('other', 'i', 'request', 0.01);
select is(pg_temp.worst('{}', 'i', 'ai.image'), '0.51 USD', 'worst: one picture, one request');
select is(pg_temp.worst('{"parameters": {"n": 3}}', 'i', 'ai.image'), '1.51 USD', 'worst: or as many as were asked for');
select is(pg_temp.worst('{}', 'i', 'ai.text'), '0.01 USD', 'worst: a text has no picture');
insert into atelier.prices (provider, model, unit, price) values ('other', 'i', 'megapixel', 1);
select is(pg_temp.worst('{}', 'i', 'ai.image'), 'nobody says how many units of megapixel the call can use', 'worst: a unit of which the engine knows nothing');
update atelier.prices set most_per_call = 2.5 where unit = 'megapixel';
select is(pg_temp.worst('{}', 'i', 'ai.image'), '3.01 USD', 'worst: but somebody else does');
update atelier_internal.steps set action = 'ai.image' where pipeline = 'one_step';
select throws_ok($$ update atelier.prices set most_per_call = -1 $$, '23514', null, 'no less than nothing');
delete from atelier.prices where provider = 'other';

-- a price that nobody knows
select (pg_temp.enqueue_paid(1, p_provider => 'other'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select is(pg_temp.state_of(:'job'), 'leased', 'without a budget it is sent');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, '{}', :'one_image')]) as ignored \gset
select is((select (calls, cost, reserved, unknown_calls, currency)::text from atelier.spend where provider = 'other'), '(1,0,0,1,)', 'and its cost is unknown, not 0');
select results_eq($$ select kind, count from atelier.alerts where kind like 'price%' and resolved_at is null $$, $$ values ('price_unknown:other/m', 1) $$, 'an alert tells of it');
select (pg_temp.enqueue_paid(1, p_provider => 'other'))[1] as job \gset
select * from pg_temp.lease() \gset b_
select pg_temp.settle(array[pg_temp.answer(:'b_lease', null, '{}', :'one_image')]) as ignored \gset
select results_eq($$ select kind, count from atelier.alerts where kind like 'price%' and resolved_at is null $$, $$ values ('price_unknown:other/m', 1) $$, 'one');
select atelier.settle_unknown_cost(:a_attempt_id, 0.07, 'EUR') as ignored \gset
select is(atelier_internal.promote(100), 1, 'what it cost can be told');
select results_eq($$ select currency, calls, trim_scale(cost), unknown_calls from atelier.spend where provider = 'other' order by 1 $$, $$ values ('EUR', 1::bigint, 0.07, 0::bigint), (null, 1, 0, 1) $$, 'and counts');
select throws_ok(format('select atelier.settle_unknown_cost(%s, 0.07)', :a_attempt_id), '55000', null, 'once');
select (pg_temp.enqueue_paid(1, p_provider => 'other'))[1] as job \gset
select * from pg_temp.lease() \gset c_
select pg_temp.settle(array[pg_temp.answer(:'c_lease', 'timeout')]) as ignored \gset
select is((select (state, amount)::text from atelier.reserves where attempt_id = :c_attempt_id), '(kept,)', 'a call without an answer is noted too');
select is((select finding from atelier.self_check() where area = 'budget'), '1 call(s) of provider other may have been billed, and nobody knows for how much; reserved for them: nothing, for want of a price', 'self_check tells of it');
select atelier.settle_unknown_cost(:c_attempt_id, 0) as ignored \gset
select is(atelier_internal.promote(100), 1, 'until somebody does');
select is((select count(*) from atelier.reserves), 0::bigint, 'also that it was not billed');
select atelier.cancel_jobs('{}') as ignored \gset

select atelier.set_budget(1, provider => 'other', model => 'm') as ignored \gset
select (pg_temp.enqueue_paid(1, p_provider => 'other'))[1] as job, (pg_temp.enqueue_paid(1, p_provider => 'other', p_model => 'x'))[1] as free \gset
select count(*) as ignored from pg_temp.lease() \gset
select is(array[pg_temp.state_of(:'job'), pg_temp.state_of(:'free')], array['held:price_unknown', 'leased'], 'under a budget it is held');
select matches((select explanation || ' ' || released_by from atelier.explain_job(:'job')),
    'The budget of provider other and model m for the day applies, and what a call costs at most is not known: provider other has no price in force for model "m"\. .*INSERT INTO atelier.prices .*VALUES \(''other'', ''m'', \.\.\.\).*set_budget\(null, ''USD'', provider => ''other'', model => ''m'', period => ''day''\)', 'explain: what is missing');
select is(atelier_internal.promote(100), 0, 'it stays there');
select is((select finding from atelier.self_check() where area = 'budget' and not ok),
    '1 job(s) of provider other, model "m" are held: the budget of provider other and model m for the day applies, and what a call costs at most is not known', 'self_check tells of it');
insert into atelier.prices (provider, unit, price, currency) values ('other', 'image', 0.3, 'EUR');
select is(atelier_internal.promote(100), 1, 'a price brings it back');
select count(*) as ignored from pg_temp.lease() \gset
select is(pg_temp.state_of(:'job'), 'held:price_unknown', 'one in another currency than the budget does not help');
select matches((select explanation from atelier.explain_job(:'job')), 'for the day is in USD, the price in EUR', 'explain: both');
select is(atelier_internal.promote(100), 0, 'it stays there');
insert into atelier.prices (provider, model, unit, price, since) values ('other', 'm', 'image', 0.3, now() + interval '1 hour');
select is(atelier_internal.budget_due(), now() + interval '1 hour', 'a price that is to come is waited for');
select atelier.set_budget(1, 'EUR', provider => 'other', model => 'm') as ignored \gset
select is(atelier_internal.promote(100), 1, 'a budget in the other currency brings it back');
select * from pg_temp.lease() \gset a_
select is((select (amount, currency, state)::text from atelier.reserves where job_id = :'job'), '(0.3,EUR,open)', 'its price is reserved');
select is((select (amount, spent, reserved)::text from atelier.budgets where provider = 'other'), '(1,0.07,0.3)', 'what was spent in that currency counts');
select is_empty('select * from pg_temp.broken()', 'every sum is right');

-- several budgets, and the days
select atelier.cancel_jobs('{}'), atelier.set_budget(null, provider => 'other', model => 'm'), atelier.set_budget(null, provider => 'studio') as ignored \gset
delete from atelier_internal.reserves; delete from atelier_internal.spend_days;
-- many
select atelier.set_budget(0, provider => 'studio') as ignored \gset
update atelier_internal.lanes set max_in_flight = 10000;
with jobs as (select unnest(pg_temp.enqueue_paid(1300)) as id)
insert into atelier_internal.budget_holds (job_id, instance, budget_id, priority, provider, model, amount)
select j.id, atelier_internal.instance_id(), b.id, 0, 'studio', 'm', 0.04 from jobs j, atelier_internal.budgets b where b.provider = 'studio' and b.client_id is null;
delete from atelier_internal.queue_entries;
update atelier_internal.jobs j set state = 'held', reason = 'over_budget', sequence = null where exists (select from atelier_internal.budget_holds h where h.job_id = j.id);
select is((select held from atelier.budgets where provider = 'studio' and client_id is null), 1300::bigint, 'many are held');
select atelier.set_budget(100, provider => 'studio') as ignored \gset
select is(atelier_internal.promote(1000), 1000, 'as many as a turn does come back');
select is(atelier_internal.promote(1000), 0, 'others wait until some of these are leased');
select is(atelier_internal.budget_due() > now(), true, 'which is nothing that the clock decides');
select count(*) as ignored from pg_temp.lease(10) \gset
select is(atelier_internal.budget_due(), now(), 'then the next follow');
select is(atelier_internal.promote(1000), 300, 'all');
select is_empty('select * from pg_temp.broken()', 'every sum is right');
select atelier.cancel_jobs('{}', max_jobs => 10000), atelier.set_budget(null, provider => 'studio') as ignored \gset
delete from atelier_internal.reserves;

select atelier.create_client('Client A', 'client-a') as a, atelier.create_client('Client B', 'client-b') as b \gset
select atelier.set_budget(0.08, client_id => :'a'), atelier.set_budget(0.12), atelier.set_budget(1, client_id => :'b', provider => 'studio', model => 'm', period => 'month') as ignored \gset
select pg_temp.enqueue_paid(4, :'a') as jobs, (pg_temp.enqueue_paid(1))[1] as nobodys, (pg_temp.enqueue_paid(4, :'b'))[1] as bs \gset
select count(*) as ignored from pg_temp.lease() \gset
select results_eq($$ select client_id, count(*)::integer from atelier.reserves group by 1 order by 1 nulls first $$,
    format($$ values (null::uuid, 1), (%L::uuid, 2) $$, :'a'), 'the budget of a client and that of everything both hold');
select results_eq($$ select client_id, room, held::integer from atelier.budgets order by period, client_id nulls first $$,
    format($$ values (null::uuid, 0.00, 4), (%L, 0.00, 2), (%L::uuid, 1, 0) $$, :'a', :'b'), 'who waits for which');
select matches((select explanation from atelier.explain_job((:'jobs'::uuid[])[4])), format('The budget of client %s for the day had no room for its worst price, 0.04 USD. Of 0.08, 0 are spent and 0.08 reserved.', :'a'), 'explain: the budget of a client');
select set_config('pg_atelier.quota_timezone', case when extract(hour from now() at time zone 'UTC') < 12 then 'Etc/GMT+12' else 'Pacific/Kiritimati' end, true) as ignored \gset
select is(atelier_internal.promote(100), 5, 'another day has room again');
select is((select count(*) from pg_temp.lease()), 3::bigint, 'for as much as one day holds');
select is_empty('select * from pg_temp.broken()', 'every sum is right, of both days');

-- a job that waits has a deadline
select atelier.cancel_jobs('{}') as ignored \gset
select (atelier_internal.enqueue_jobs('one_step', array[row(gen_random_uuid(), :'a', 'studio', 'm', '{}', null)::atelier_internal.job_request],
        array[row(0, null, now() + interval '1 hour', null, null, null)::atelier_internal.job_options]))[1] as job \gset
select atelier.set_budget(null), atelier.set_budget(0, client_id => :'a') as ignored \gset
select count(*) as ignored from pg_temp.lease() \gset
select is(pg_temp.state_of(:'job'), 'held:over_budget', 'a budget of nothing lets nothing through');
select matches((select explanation from atelier.explain_job(:'job')), 'more than the whole budget\. It has to begin by', 'explain: both reasons');
select is_empty($$ select * from atelier.consistency_report where rule = 'job_without_deadline' $$, 'its deadline is kept');
update atelier_internal.jobs set start_by = now() where id = :'job';
update atelier_internal.start_deadlines set start_by = now() where job_id = :'job';
select is(atelier_internal.promote(100), 1, 'it ends when it should have begun');
select is(pg_temp.state_of(:'job') || (select count(*) from atelier_internal.budget_holds), 'failed:expired0', 'as expired');

-- who may see and do what
select set_config('pg_atelier.quota_timezone', 'UTC', true) as ignored \gset
create role money_app login in role atelier_app;
create role money_dba login in role atelier_admin;
create role money_observer login in role atelier_observer;
insert into atelier.users (email, name) values ('m@a.test', 'Member') returning id as member \gset
insert into atelier.members (user_id, client_id, role, status) values (:'member', :'a', 'member', 'active');
set local role money_app;
select throws_ok('select atelier.set_budget(1)', '42501', null, 'an application sets no budget');
select throws_ok('select atelier.settle_unknown_cost(1, 1)', '42501', null, 'and settles no cost');
select is((select count(*) from atelier.spend) + (select count(*) from atelier.budgets), 0::bigint, 'without a client it sees nothing');
savepoint before_context;
select atelier.set_context(:'member') as ignored \gset
select is((select array_agg(distinct client_id) from atelier.budgets), array[:'a'::uuid], 'with one its budget');
select ok((select array_agg(distinct client_id) = array[:'a'::uuid] from atelier.spend), 'and its spend');
rollback to before_context;
set local role money_observer;
select ok((select count(*) > 1 from atelier.budgets) and (select count(*) > 1 from atelier.spend) and (select count(*) > 1 from atelier.reserves), 'an observer sees all');
select throws_ok('select atelier.set_budget(1)', '42501', null, 'and does nothing');
set local role money_dba;
select lives_ok('select atelier.set_budget(0.5)', 'a DBA sets budgets');
select throws_ok('select atelier.set_budget(-1)', '22023', null, 'none below 0');
select throws_ok($$ select atelier.set_budget('NaN') $$, '22023', null, 'which is a number');
select throws_ok($$ select atelier.set_budget(1, 'dollar') $$, '22023', null, 'in a currency');
select throws_ok($$ select atelier.set_budget(1, period => 'week') $$, '22023', null, 'for a day or a month');
select throws_ok($$ select atelier.set_budget(1, model => 'm') $$, '22023', null, 'a model is one of a provider');
select throws_ok($$ select atelier.set_budget(1, provider => 'nobody') $$, '42704', null, 'which exists');
select throws_ok($$ select atelier.set_budget(1, client_id => gen_random_uuid()) $$, '23503', null, 'a client too');
select throws_ok($$ select atelier.set_budget(null, provider => 'studio', period => 'month') $$, 'P0002', null, 'what is not there cannot be removed');
reset role;
select is((select count(*) from atelier.audit_log where action = 'budget.set' and role = 'money_dba' and details = '{"amount": 0.5, "currency": "USD", "period": "day"}'), 1::bigint, 'the audit log has who did it');

-- a copy, and an erasure
select pg_temp.enqueue_paid(3, :'a') as jobs, atelier.set_budget(0.12, client_id => :'a') as ignored \gset
select count(*) as ignored from pg_temp.lease() \gset
select is((select array_agg(state order by state) from atelier.jobs where job_id = any (:'jobs')), '{held,held,leased}', 'one under way, two held');
update atelier_internal.jobs set instance = 1, epoch = 99 where id = any (:'jobs');
update atelier_internal.budget_holds set instance = 1;
select atelier_internal.promote(100) as ignored \gset
select is(atelier_internal.budget_due(), null, 'holds of another database are not its own');
select is(atelier.adopt_jobs(), 3, 'they are adopted');
select is((select string_agg(state, ' ') from atelier.reserves where job_id = any (:'jobs')), 'kept', 'what was under way may have been billed');
select is((select instance from atelier_internal.budget_holds group by instance), atelier_internal.instance_id(), 'what was held waits on');
select is_empty('select * from pg_temp.broken()', 'every sum is right');
select pg_temp.settle(array[]::jsonb[]) as ignored \gset
select atelier_internal.enter_spend(array[row(atelier_internal.spend_day(now()), :'a', 'studio', 'm', 'USD', 1, 0.01, 0)::atelier_internal.spend_change]) as ignored \gset
select atelier.erase_client(:'a') as tombstone \gset
select is((select count(*) from atelier.budgets where client_id = :'a'), 0::bigint, 'an erased client has no budget');
select ok((select count(*) filter (where client_id = :'a') = 0 and sum(cost) filter (where client_id = :'tombstone') = 0.01 and sum(reserved) filter (where client_id = :'tombstone') = 0.20 from atelier.spend), 'what it spent is kept without its name');
select is((select count(*) from atelier_internal.budget_holds), 0::bigint, 'and nothing of it waits');
select ok((select (counts ->> 'spend_days')::int > 0 from atelier.erasure_log where tombstone = :'tombstone'), 'the log of erasures counts it');
select is_empty('select * from pg_temp.broken()', 'every sum is right');
select atelier_internal.forget_usage() as ignored \gset
select is_empty($$ select from atelier_internal.budget_usage u where not exists (select from atelier_internal.budgets b where b.id = u.budget_id) $$, 'usage of budgets that are gone is forgotten');
select * from finish();
rollback;
