-- What a client may ask for in a day and a month: what is counted, what is given back, who is refused and how.
begin;
\ir include/studio.psql
\ir include/collections.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'quota-north') as north, atelier.create_client('South', 'quota-south') as south \gset
select pg_temp.product(:'north', 'chair') as chair, pg_temp.product(:'north', 'lamp') as lamp, pg_temp.product(:'south', 'sofa') as sofa \gset
create function pg_temp.used(p_client uuid) returns text language sql volatile as $$
    select string_agg(format('%s/%s', q.used, coalesce(q.allowed::text, '-')), ' ' order by q.period) from atelier.quota_status(p_client) as q
$$;
create function pg_temp.ask(p_client uuid, p_product uuid) returns uuid language sql volatile as $$
    select atelier.create_generation_request(p_client, p_product, pg_temp.whole())
$$;

-- Tiers
select results_eq($$ select name, daily_generations, monthly_generations, built_in from atelier.tiers $$,
    $$ values ('enterprise', null::integer, null::integer, true), ('free', 100, null, true) $$, 'S2-62, S2-63: free has 100 generations a day, enterprise has no limit');
select is(tier, 'free', 'S2-62: a client begins as free') from atelier.clients where id = :'north';
select results_eq(format('select * from atelier.quota_status(%L)', :'north'),
    $$ values ('day', 0::bigint, 100::bigint, ((now() at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC'),
              ('month', 0, null, (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC') order by 4, 1 $$, 'S2-62, X-28: quota_status() tells what was used, what is allowed and when it begins anew');

-- What counts, and when
select pg_temp.ask(:'north', :'chair') as one \gset
select is(pg_temp.used(:'north'), '1/100 1/-', 'S2-62, X-28: a request counts when it is submitted');
select is(pg_temp.used(:'south'), '0/100 0/-', 'S2-62: for its client alone');
select atelier.create_generation_request(:'north', :'chair', '{}', enqueue => false) as draft \gset
select atelier.update_draft_asset(:'draft', pg_temp.whole()) is not null;
select is(pg_temp.used(:'north'), '1/100 1/-', 'X-28: a draft does not count');
select atelier.submit_generation(:'draft');
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: until it is submitted');
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L, priority => 1000)', :'north', :'chair', pg_temp.whole())), '^22023', 'a request that is refused');
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: does not count');
savepoint undone;
select pg_temp.ask(:'north', :'lamp');
rollback to undone;
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: nor does one that is rolled back');

-- Attempts, failures, cancellations
select pg_temp.lease_everything();
select pg_temp.fail(:'one', 'network', 'connection lost');
select is(status, 'generating', 'a failed attempt is repeated by itself') from atelier.generated_assets where id = :'one';
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: which is free, and gives nothing back');
select pg_temp.fail(:'draft', 'content_blocked', 'no');
select is(pg_temp.used(:'north'), '1/100 1/-', 'X-28: a failure for good gives the generation back');
select atelier.retry_asset(:'draft');
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: trying it again by hand counts');
select pg_temp.lease_everything();
select pg_temp.succeed(:'draft');
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: what was made stays counted');
select atelier.regenerate_asset(:'draft') as anew \gset
select is(pg_temp.used(:'north'), '3/100 3/-', 'X-28: regenerating counts');
select atelier.cancel_generation(:'anew');
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: a cancellation gives it back');
select atelier.cancel_job(a.job_id) from atelier.generated_assets a where a.id = :'anew';
select is(pg_temp.used(:'north'), '2/100 2/-', 'X-28: once');
select atelier.soft_delete_asset(:'one');
select is(pg_temp.used(:'north'), '1/100 1/-', 'X-28: so does the deletion of what is not made yet');
select atelier.soft_delete_asset(:'draft'), atelier.restore_asset(:'draft');
select is(pg_temp.used(:'north'), '1/100 1/-', 'X-28: what was made stays counted also when it is deleted');
select pg_temp.ask(:'north', :'lamp') as removed \gset
delete from atelier.products where id = :'lamp';
select is(pg_temp.used(:'north'), '1/100 1/-', 'X-28: an asset that goes with its product before it is made is given back');
select pg_temp.ask(:'north', :'chair') as late \gset
select pg_temp.lease_everything();
update atelier.generated_assets set deleted_at = now() where id = :'late';
select pg_temp.succeed(:'late');
select is(error_message, 'cancelled: the asset was deleted', 'a picture that comes for an asset that was deleted under it is dropped') from atelier.generated_assets where id = :'late';
select is(pg_temp.used(:'north'), '1/100 1/-', 'X-28: and given back');

-- The limit of the day
select atelier.set_client_tier(:'north', 'free', 3);
select is(pg_temp.used(:'north'), '1/3 1/-', 'S2-63: a client may have a limit of its own; what was used counts on');
select pg_temp.ask(:'north', :'chair') as second, pg_temp.ask(:'north', :'chair') as third \gset
select is(pg_temp.error_of(format('select pg_temp.ask(%L, %L)', :'north', :'chair')),
    format('53400 | generation limit of the day exceeded | Client %s used 3 of 3 generations today and asks for 1. | The next day begins at %s. Generations that fail or are cancelled are given back; atelier.quota_status() tells what is left.',
        :'north', to_char(((now() at time zone 'UTC')::date + 1)::timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SSOF')), 'S2-62: at the limit a request is refused, with what was used and the time of reset');
select matches(pg_temp.error_of(format('select atelier.retry_asset(%L)', :'anew')), '^53400 \| generation limit of the day', 'X-28: so is trying again');
select is(status, 'error', 'X-28: which leaves the asset as it is') from atelier.generated_assets where id = :'anew';
select matches(pg_temp.error_of(format('select atelier.regenerate_asset(%L)', :'draft')), '^53400', 'X-28: and regenerating');
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), enqueue => false) as waiting \gset
select matches(pg_temp.error_of(format('select atelier.submit_generation(%L)', :'waiting')), '^53400', 'X-28: and submitting a draft');
select is(status, 'draft', 'X-28: which stays one') from atelier.generated_assets where id = :'waiting';
select is(pg_temp.used(:'north'), '3/3 3/-', 'S2-62: refusals do not count');
select atelier.cancel_generation(:'third');
select lives_ok(format('select pg_temp.ask(%L, %L)', :'north', :'chair'), 'X-28: what was given back can be asked for again');
select lives_ok(format('select pg_temp.ask(%L, %L)', :'south', :'sofa'), 'S2-62: others go on');

-- Collections: all or nothing
select pg_temp.product(:'south', 'part-' || n) from generate_series(1, 120) n;
select pg_temp.collection(:'south', array(select id from atelier.products where client_id = :'south' and sku like 'part-%' order by sku)) as many \gset
select matches(pg_temp.error_of(format('select atelier.generate_collection(%L)', :'many')),
    '^53400 \| generation limit of the day exceeded \| Client .* used 1 of 100 generations today and asks for 120\. \| Ask for at most 100 at once\. The next day begins at ', 'S2-62, S0-10: a collection that is too large for what is left is refused as a whole');
select is((select count(*) from atelier.generated_assets where collection_id = :'many'), 0::bigint, 'S2-62: and nothing of it is made');
select is(pg_temp.used(:'south') || ' ' || pg_temp.state_of(:'many'), '1/100 1/- ready', 'S2-62: nor counted');
select atelier.set_client_tier(:'south', 'free', 121);
select is(count(*), 120::bigint, 'S2-62: one that fits is accepted') from atelier.generate_collection(:'many');
select is(pg_temp.used(:'south'), '121/121 121/-', 'S2-62: and each of its assets counts');
select atelier.cancel_collection(:'many');
select is(pg_temp.used(:'south'), '1/121 1/-', 'X-28: cancelled as a whole, it is given back as a whole');

-- The limit of the month: the lower one of tier and setting
update atelier.clients set settings = '{"monthlyGenerationLimit": 4}' where id = :'north';
select atelier.set_client_tier(:'north', 'enterprise');
select is(pg_temp.used(:'north'), '3/- 3/4', 'S0-32, X-28: monthlyGenerationLimit is the limit of the month');
select pg_temp.ask(:'north', :'chair') as fourth \gset
select matches(pg_temp.error_of(format('select pg_temp.ask(%L, %L)', :'north', :'chair')),
    '^53400 \| generation limit of the month exceeded \| Client .* used 4 of 4 generations this month and asks for 1\. \| The next month begins at \d{4}-\d\d-01T00:00:00', 'S0-32, X-28: it refuses too');
select atelier.set_tier('team', 10, 3, 'For teams.');
select atelier.set_client_tier(:'north', 'team');
select is(pg_temp.used(:'north'), '4/10 4/3', 'X-28: a lower one of the tier stands before it');
select atelier.set_tier('team', 10, 30);
select is(pg_temp.used(:'north'), '4/10 4/4', 'X-28: a higher one does not');
select is(description, 'For teams.', 'set_tier() leaves a description that is not given') from atelier.tiers where name = 'team';
create function pg_temp.used_with(p_client uuid, p_settings jsonb) returns text language plpgsql as $$
begin
    update atelier.clients set settings = p_settings where id = p_client;
    return pg_temp.used(p_client);
end
$$;
select is(pg_temp.used_with(:'north', settings::jsonb), expected, 'S0-32: the limit of the month with settings ' || settings)
  from (values ('{"monthlyGenerationLimit": null}', '4/10 4/30'), ('{}', '4/10 4/30'), ('{"monthlyGenerationLimit": 1e300}', '4/10 4/30'), ('{"monthlyGenerationLimit": 5.0}', '4/10 4/5'), ('{"monthlyGenerationLimit": 0}', '4/10 4/0')) as v (settings, expected);
select matches(pg_temp.error_of(format('select pg_temp.ask(%L, %L)', :'north', :'chair')), '^53400 \| generation limit of the month exceeded \| Client .* used 4 of 0 .*\. \| The next month', 'S0-32: 0 allows nothing');
update atelier.clients set settings = '{}' where id = :'north';

-- The day and the month it was counted in. Time is moved: what was counted goes back by forty days.
select atelier.set_client_tier(:'north', 'free', 4);
select pg_temp.error_of(format('select pg_temp.ask(%L, %L)', :'north', :'chair')) like '53400%' as full \gset
update atelier_internal.usage_counts set starts = case period when 'day' then starts - 40 else (date_trunc('month', starts - 40))::date end where client_id = :'north';
update atelier_internal.jobs set input = jsonb_set(input, '{counted}', jsonb_build_object('day', (input #>> '{counted,day}')::date - 40, 'month', date_trunc('month', (input #>> '{counted,month}')::date - 40)::date)) where client_id = :'north';
select ok(:'full' and pg_temp.used(:'north') = '0/4 0/-', 'S2-62, X-29: another day begins with nothing');
select pg_temp.ask(:'north', :'chair') as today \gset
select atelier.cancel_generation(:'second');
select is(pg_temp.used(:'north'), '1/4 1/-', 'X-28: what is cancelled later is not given back to this day');
select results_eq(format($$ select period, sum(used)::bigint from atelier_internal.usage_counts where client_id = %L and starts < current_date - 31 and used <> 0 group by 1 order by 1 $$, :'north'),
    $$ values ('day', 3::bigint), ('month', 3) $$, 'X-28: but to that which it was counted in');

-- Days of the time zone
select set_config('pg_atelier.quota_timezone', 'Pacific/Kiritimati', true);
savepoint elsewhere;
select is(resets_at, ((now() at time zone 'Pacific/Kiritimati')::date + 1)::timestamp at time zone 'Pacific/Kiritimati', 'X-29: days end at midnight in pg_atelier.quota_timezone') from atelier.quota_status(:'north') where period = 'day';
select pg_temp.ask(:'north', :'chair');
select set_config('pg_atelier.quota_timezone', 'Etc/GMT+12', true);
select is(split_part(pg_temp.used(:'north'), '/', 1), case when (now() at time zone 'Etc/GMT+12')::date = (now() at time zone 'UTC')::date then '1' else '0' end, 'X-29: what was counted in the day of one zone is not in the day that another one has at the same moment');
rollback to elsewhere;
select set_config('pg_atelier.quota_timezone', 'UTC', true);

-- Slots: who has a limit is counted in one row, who has none in one of each backend; what is given back goes to the own one.
select is((select array_agg(distinct slot) from atelier_internal.usage_counts where client_id = :'north' and used > 0), array[0], 'S2-62: clients with a limit are counted in slot 0');
select is((select array_agg(distinct slot) from atelier_internal.usage_counts where client_id = :'north' and used < 0), array[atelier_internal.own_slot()], 'X-28: what is given back goes to a slot of its own');
savepoint unlimited;
select atelier.set_client_tier(:'north', 'enterprise'), pg_temp.ask(:'north', :'chair') as freely;
select is((select max(slot) from atelier_internal.usage_counts where client_id = :'north' and used > 0), atelier_internal.own_slot(), 'S2-63: so does what clients without a limit ask for');
select is(pg_temp.used(:'north'), '2/- 2/-', 'S2-63: it counts all the same');
rollback to unlimited;
select cmp_ok(atelier_internal.own_slot(), '>', 0, 'a session has a slot above 0');

-- set_tier and set_client_tier
select atelier.set_tier('free', 7, null);
select is(pg_temp.used(:'south'), '1/121 1/-', 'S2-63: a limit of the client stays when its tier changes');
select is(v.daily_generations || ' ' || v.built_in || ' ' || t.daily_generations, '7 false 100', 'S2-62: what a DBA changes about a built-in tier stands in a row of its own')
  from atelier.tiers v join atelier_internal.tiers t on t.name = v.name and t.built_in where v.name = 'free';
select is((select string_agg(name, ' ') from atelier_internal.tiers where not built_in), 'team free', 'rule 8: which is what a dump keeps');
select is(array_to_string(d.extcondition[array_position(d.extconfig, 'atelier_internal.tiers'::regclass::oid):array_position(d.extconfig, 'atelier_internal.tiers'::regclass::oid)], ''), 'where not built_in', 'rule 8: alone') from pg_extension d where d.extname = 'pg_atelier';
select atelier.set_client_tier(:'south', 'free');
select is(pg_temp.used(:'south'), '1/7 1/-', 'S2-63: set_client_tier() without a limit takes that of the client away');
select results_eq($$ select action, entity, entity_id is null, client_id is null, details from atelier_internal.audit_log where action in ('tier.set', 'client.tier_set') order by id desc limit 2 $$,
    $$ values ('client.tier_set', 'client', false, false, '{"tier": "free", "dailyGenerations": null}'::jsonb), ('tier.set', 'tier', true, true, '{"name": "free", "dailyGenerations": 7, "monthlyGenerations": null}') $$, 'both are audited');
select matches(pg_temp.error_of(command), expected, 'refused: ' || command)
  from (values ('select atelier.set_tier(null, 1, 1)', '^22004 \| name'), ('select atelier.set_tier('''', 1, 1)', '^22023 \| name must have 1 to 63'), ('select atelier.set_tier('' x'', 1, 1)', '^22023 \| name'), ('select atelier.set_tier(repeat(''x'', 64), 1, 1)', '^22023 \| name'),
               ('select atelier.set_tier(''x'', -1, 1)', '^22023 \| daily_generations must not be negative \| It is -1\. \| 0 allows nothing, null sets no limit'), ('select atelier.set_tier(''x'', null, -1)', '^22023 \| monthly_generations'),
               ('select atelier.set_tier(''x'', 1, 1, repeat(''x'', 1001))', '^22023 \| description'),
               (format('select atelier.set_client_tier(%L, ''nothing'')', :'south'), '^42704 \| tier "nothing" does not exist \| SELECT name FROM atelier\.tiers'), (format('select atelier.set_client_tier(%L, null)', :'south'), '^22004 \| tier'),
               ('select atelier.set_client_tier(null, ''free'')', '^22004 \| client_id'), ('select atelier.set_client_tier(gen_random_uuid(), ''free'')', '^23503 \| client not found'), (format('select atelier.set_client_tier(%L, ''free'', -5)', :'south'), '^22023 \| daily_generations'),
               ('select atelier.quota_status(null)', '^22004 \| client_id'), ('select atelier.quota_status(gen_random_uuid())', '^23503 \| client not found')) as bad (command, expected);
update atelier.clients set tier = 'gone' where id = :'south';
select matches(pg_temp.error_of(format('select pg_temp.ask(%L, %L)', :'south', :'sofa')), '^42704 \| tier "gone" does not exist \| It is the tier of client .*\. \| atelier\.set_tier\(\) makes it', 'S2-62: a tier that does not exist allows nothing');
select is(pg_temp.used(:'south'), '1/0 1/0', 'S2-62: as quota_status() tells');
update atelier.clients set tier = 'free' where id = :'south';

-- The soft limit of assets
delete from atelier.generated_assets where client_id = :'south';
select set_config('pg_atelier.client_asset_soft_limit', '5', true);
select is((select count(*) from atelier.live_assets where client_id = :'north') >= 5, true, 'a client with five assets');
select is(atelier.check_limits(), 1, 'S0-101: check_limits() warns');
select results_eq($$ select kind, message, count from atelier.alerts where resolved_at is null and kind like 'client_assets:%' $$,
    format($$ select 'client_assets:%1$s', 'client %1$s has ' || count(*) || ' assets, the soft limit is 5', 1 from atelier.live_assets where client_id = %1$L $$, :'north'), 'S0-101: with one alert for the client');
select is(atelier.check_limits(), 0, 'S0-101: again, nothing changes');
select set_config('pg_atelier.client_asset_soft_limit', ((select count(*) from atelier.live_assets where client_id = :'north') * 10 / 9)::text, true);
select is(atelier.check_limits(), 1, 'S0-101: from nine tenths on');
select is(count, 2, 'S0-101: it is the same alert') from atelier.alerts where resolved_at is null and kind = 'client_assets:' || :'north';
select set_config('pg_atelier.client_asset_soft_limit', ((select count(*) from atelier.live_assets where client_id = :'north') * 10 / 9 + 2)::text, true);
select is(atelier.check_limits(), 1, 'S0-101: below');
select is_empty($$ select from atelier.alerts where resolved_at is null and kind like 'client_assets:%' $$, 'S0-101: it is resolved');
select set_config('pg_atelier.client_asset_soft_limit', '2', true);
select is(atelier.check_limits(), 1, 'S0-101: above it again');
select lives_ok(format('select pg_temp.ask(%L, %L)', :'south', :'sofa'), 'S0-101: nothing is refused for it');
select set_config('pg_atelier.client_asset_soft_limit', '0', true);
select is(atelier.check_limits(), 1, 'S0-101: 0 ends the warning');
select is_empty($$ select from atelier.alerts where resolved_at is null and kind like 'client_assets:%' $$, 'S0-101: of all');
update atelier_internal.usage_counts set starts = starts - 400 where client_id = :'north' and starts < current_date - 31;
select isnt(atelier.check_limits(), 0, 'counts that nobody asks for any more are forgotten');
select is_empty($$ select from atelier_internal.usage_counts where starts < current_date - 400 $$, 'all of them');
select is(pg_temp.used(:'north'), '1/4 1/-', 'and no others');
select isnt((select r.runs from atelier_internal.maintenance_runs r where r.task = 'check_limits'), null, 'its run is recorded');

-- For whom
create role quotas_app login;
grant atelier_app to quotas_app;
select null from atelier_internal.enter_context(:'north', null, false);
set local role quotas_app;
select is((select used from atelier.quota_status(:'north') where period = 'day') > 0, true, 'S2-62: an application asks for the quota of its client');
select matches(pg_temp.error_of(format('select atelier.quota_status(%L)', :'south')), '^23503 \| client not found \| There is no client', 'and not for that of another one');
select is((select count(*) from atelier.tiers), 3::bigint, 'it sees the tiers');
select matches(pg_temp.error_of(command), '^42501 \| permission denied', 'it may not ' || command)
  from (values ('select atelier.set_tier(''free'', null, null)'), (format('select atelier.set_client_tier(%L, ''enterprise'')', :'north')), ('select atelier.check_limits()'), ('select * from atelier_internal.usage_counts'), ('update atelier_internal.tiers set daily_generations = 1')) as c (command);
reset role;
select matches(pg_temp.error_of('select atelier.check_limits()'), '^55000 \| check_limits\(\) concerns all clients', 'S0-101: who works for one client cannot judge, and resolve the alerts, of all');

-- A client goes with its counts, whatever is under way
delete from atelier.clients where id = :'south';
select is_empty(format('select from atelier_internal.usage_counts where client_id = %L', :'south'), 'the counts of a client go with it');

select * from finish();
rollback;
