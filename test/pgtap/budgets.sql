-- Budgets beside each other, whichever was set first, and the days and months that they count.
\set QUIET on
begin;
\ir engine_fixture.psql
select no_plan();

create server studio foreign data wrapper atelier_gemini options (image_model 'm');
create server other foreign data wrapper atelier_openai options (image_model 'm');
insert into atelier.prices (provider, unit, price) values ('studio', 'image', 0.04), ('other', 'image', 0.04);
select atelier.create_client('North', 'north') as north, atelier.create_client('South', 'south') as south \gset
create function pg_temp.ask(p_client uuid, p_count integer, p_provider text default 'studio', p_model text default 'm') returns integer language sql volatile as $$
    select cardinality(atelier_internal.enqueue_jobs('one_step', array(
        select row(gen_random_uuid(), p_client, p_provider, p_model, jsonb_build_object('n', g), null)::atelier_internal.job_request
          from generate_series(1, p_count) g)))
$$;

-- Two budgets, one of which pays for two calls and the other for three: two begin, and both know of two.
create table pg_temp.scopes (name text, client_id uuid, provider text, model text, period text default 'day');
insert into scopes values ('all', null, null, null), ('client', :'north', null, null), ('provider', null, 'studio', null), ('model', null, 'studio', 'm'),
    ('client and model', :'north', 'studio', 'm');
insert into scopes values ('month', null, null, null, 'month');
create function pg_temp.limit(p_scope scopes, p_amount numeric) returns void language sql as $$
    select atelier.set_budget(p_amount, client_id => p_scope.client_id, provider => p_scope.provider, model => p_scope.model, period => p_scope.period)
$$;
create function pg_temp.together(p_first scopes, p_second scopes, p_amounts numeric[], p_client uuid) returns text language plpgsql as $$
declare
    v_said text;
begin
    begin
        perform pg_temp.limit(p_first, p_amounts[1]), pg_temp.limit(p_second, p_amounts[2]);
        perform pg_temp.ask(p_client, 5);
        v_said := count(*) from pg_temp.lease(3);
        v_said := v_said || ' then ' || count(*) from pg_temp.lease();
        v_said := v_said || ', of ' || string_agg(trim_scale(b.reserved)::text, ' and ') from atelier.budgets b;
        raise exception using errcode = 'XX999';
    exception when sqlstate 'XX999' then
        return v_said;
    end;
end
$$;
create function pg_temp.pairs(p_amounts numeric[], p_client uuid) returns setof text language sql as $$
    select format('%s, %s: %s', a.name, b.name, t.said) from scopes a, scopes b, pg_temp.together(a, b, p_amounts, p_client) t (said)
     where a.name < b.name and t.said <> '2 then 0, of 0.08 and 0.08'
$$;
select is((select count(*) from scopes a, scopes b where a.name < b.name), 15::bigint, 'every scope meets every other');
select is_empty(format('select * from pg_temp.pairs(%L, %L)', '{0.08,0.12}', :'north'), 'the lower budget holds for both, set before');
select is_empty(format('select * from pg_temp.pairs(%L, %L)', '{0.12,0.08}', :'north'), 'the lower budget holds for both, set after');
select is(pg_temp.together(s, s, '{0.2,0.06}', :'north'), '1 then 0, of 0.04', 'one after the other: what one turn reserves the next does not have') from scopes s where s.name = 'all';

-- What is under none of them goes on.
select pg_temp.limit(s, 0.04) from scopes s where s.name in ('client', 'model') \g /dev/null
select pg_temp.ask(:'south', 3, 'other') + pg_temp.ask(:'north', 3, 'other') + pg_temp.ask(:'south', 3, 'studio', 'l') + pg_temp.ask(:'south', 3) as asked \gset
select count(*) as begun from pg_temp.lease() \gset
select is((select string_agg(format('%s %s %s: %s', k.name, k.provider, k.model, k.begun), ', ' order by k.name, k.provider, k.model)
             from (select c.name, j.provider, j.model, count(*) as begun from atelier_internal.jobs j join atelier.clients c on c.id = j.client_id
                    where j.state = 'leased' group by 1, 2, 3) k),
          'North other m: 1, South other m: 3, South studio l: 3, South studio m: 1', 'a budget is nobody else''s');
select atelier.cancel_jobs('{}'), atelier.set_budget(null, client_id => client_id, provider => provider, model => model) from atelier.budgets \g /dev/null
delete from atelier_internal.reserves;

-- Days and months, in a zone that is not that of the session.
set timezone = 'Asia/Tokyo';
set pg_atelier.quota_timezone = 'America/New_York';
select is(atelier_internal.spend_day('2026-11-01 03:59Z') || ' ' || atelier_internal.spend_day('2026-11-01 04:00Z'), '2026-10-31 2026-11-01', 'a day begins at midnight of the zone');
select is(string_agg(atelier_internal.period_start(p, d) || ' ' || atelier_internal.period_end(p, d), ', ' order by p, d),
          '2026-03-08 2026-03-09, 2026-12-31 2027-01-01, 2028-02-29 2028-03-01, 2026-03-01 2026-04-01, 2026-12-01 2027-01-01, 2028-02-01 2028-03-01', 'days and months end')
  from unnest(array['day', 'month']) p, unnest(array['2026-03-08', '2026-12-31', '2028-02-29']::date[]) d;
select atelier_internal.spend_day(now()) as today, date_trunc('month', atelier_internal.spend_day(now())::timestamp)::date as first \gset
insert into atelier_internal.spend_days (day, client_id, provider, model, currency, calls, cost) values
    (:'today', :'north', 'studio', 'm', 'USD', 1, 1), (:'today'::date - 1, :'north', 'studio', 'm', 'USD', 1, 2), (:'first'::date - 1, :'north', 'studio', 'm', 'USD', 1, 4),
    (:'today', :'south', 'studio', 'm', 'USD', 1, 8), (:'today', :'north', 'other', 'm', 'EUR', 1, 16), (:'today', :'north', 'other', 'm', null, 1, 0)
    on conflict do nothing;
select atelier.set_budget(2, client_id => :'north'), atelier.set_budget(50, client_id => :'north', period => 'month'), atelier.set_budget(100, period => 'day') \g /dev/null
select is((select string_agg(trim_scale(b.amount) || ': ' || trim_scale(b.spent), ', ' order by b.amount) from atelier.budgets b),
          format('2: 1, 50: %s, 100: 9', case when :'first'::date = :'today'::date then 1 else 3 end), 'a budget counts its own period, client and currency');
select is((select string_agg(distinct to_char(b.resets_at at time zone 'America/New_York', 'HH24:MI'), ' ') from atelier.budgets b), '00:00', 'the next period begins at midnight of the zone');
select is((select to_char(b.resets_at at time zone 'America/New_York', 'DD') from atelier.budgets b where b.period = 'month'), '01', 'a month''s with the first day');
select pg_temp.ask(:'north', 200) as asked \gset
select is((select count(*) from pg_temp.lease(200)), 25::bigint, 'a lease sees the same sums');
select is((select string_agg(u.starts::text || ' ' || trim_scale(u.spent) || ' ' || trim_scale(u.reserved), ', ' order by b.amount)
             from atelier_internal.budget_usage u join atelier_internal.budgets b on b.id = u.budget_id),
          format('%s 1 1, %s 3 1, %s 9 1', :'today'::date, :'first'::date, :'today'::date), 'and notes them by period') where :'first'::date < :'today'::date;
select is_empty($$select r.rule, r.detail from atelier.consistency_report r where r.rule like 'budget%'$$, 'which is what they add up to');
select * from finish();
rollback;
