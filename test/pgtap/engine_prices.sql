-- What usage costs: the row in force, by model and time; unknown is not 0.
\set QUIET on
begin;
\ir include/studio.psql
select plan(24);

insert into atelier.prices (provider, model, unit, price, per, currency, since) values
    ('p', '',  'image',              0.04, 1,       'USD', '2026-01-01'),
    ('p', '',  'image',              0.05, 1,       'USD', '2026-06-01'),
    ('p', 'm', 'image',              0.10, 1,       'EUR', '2026-03-01'),
    ('p', 'm', 'image',              0.12, 1,       'EUR', '2999-01-01'),
    ('p', '',  'output_token',       30,   1000000, 'USD', '2026-01-01'),
    ('p', '',  'cached_input_token', 0,    1000000, 'USD', '2026-01-01'),
    ('q', '',  'input_token',        1,    1,       'USD', '2026-01-01');
create function pg_temp.cost(p_model text, p_unit text, p_quantity numeric, p_at timestamptz) returns text language sql as $$
    select concat_ws(' ', u.cost, u.currency)
      from atelier_internal.price_usage('p', p_model, jsonb_build_array(jsonb_build_object('unit', p_unit, 'quantity', p_quantity)), p_at) u
$$;
select is(pg_temp.cost('x', 'image', 2, '2026-02-01'), '0.08 USD', 'any model: the price of its time');
select is(pg_temp.cost('x', 'image', 2, '2026-06-01'), '0.1 USD', 'a new price holds from its first moment');
select is(pg_temp.cost('x', 'image', 2, timestamptz '2026-06-01' - interval '1 microsecond'), '0.08 USD', 'and not before');
select is(pg_temp.cost('x', 'image', 2, '2025-12-31'), '', 'before the first price the cost is unknown');
select is(pg_temp.cost('m', 'image', 1, '2026-07-01'), '0.1 EUR', 'a row of the model comes before one of any, even an older one');
select is(pg_temp.cost('m', 'image', 1, '2026-02-01'), '0.04 USD', 'until it is in force the one of any holds');
select is(pg_temp.cost('', 'image', 1, '2026-07-01'), '0.05 USD', 'no model: the row of any');
select is(pg_temp.cost('m', 'output_token', 1290, '2026-07-01'), '0.0387 USD', 'tokens are priced by the million, exactly');
select is(pg_temp.cost('m', 'output_token', 1, '2026-07-01'), '0.00003 USD', 'down to one');
select is(pg_temp.cost('m', 'cached_input_token', 500, '2026-07-01'), '0 USD', 'a price of 0 is a price');
select is(pg_temp.cost('m', 'input_token', 500, '2026-07-01'), '', 'a unit without a price is unknown, also where another provider has one');

select is((select array_agg(format('%s %s %s %s', u.unit, u.quantity, u.cost, u.currency) order by u.unit)
             from atelier_internal.price_usage('p', 'x', '[{"unit": "image", "quantity": 1, "cost": 0.5, "currency": "CHF"}, {"unit": "output_token", "quantity": 1000000}, {"unit": "input_token", "quantity": 3}]', '2026-07-01') u),
          array['image 1 0.5 CHF', 'input_token 3  ', 'output_token 1000000 30 USD'], 'each entry for itself; one that carries its cost keeps it');
select is((select (u.cost, u.currency)::text from atelier_internal.price_usage('p', 'x', '[{"unit": "image", "quantity": 1, "cost": 7}]', '2026-07-01') u),
          '(0.05,USD)', 'a cost without a currency says nothing');
select is((select count(*) from atelier_internal.price_usage('p', 'x', 'null', now())), 0::bigint, 'no usage, no rows');
select is((select count(*) from atelier_internal.price_usage('p', 'x', null, now())), 0::bigint, 'SQL NULL too');
select is((select count(*) from atelier_internal.price_usage('p', 'x', '{"unit": "image"}', now())), 0::bigint, 'an object is no list of usage');

-- What a DBA may write
create role prices_dba login in role atelier_admin;
create role prices_observer login in role atelier_observer;
create function pg_temp.refusal(p_role text, p_command text) returns text language sql as $$
    select pg_temp.error_of(format('set local role %I; %s; reset role', p_role, p_command))
$$;
select is(pg_temp.refusal('prices_dba', 'insert into atelier.prices (provider, unit, price) values (''new'', ''image'', 0.1)'), 'no error', 'a DBA fills the table');
select is((select (model, per, currency, since)::text from atelier.prices where provider = 'new'), format('("",1,USD,"%s")', now()), 'with few words');
select matches(pg_temp.refusal('prices_observer', 'delete from atelier.prices'), '^42501', 'an observer only looks');
select is(pg_temp.refusal('prices_observer', 'select from atelier.prices'), 'no error', 'but that');
select matches(pg_temp.refusal('prices_dba', 'insert into atelier.prices (provider, unit, price) values (''p'', ''u'', -1)'), '^23514 .*valid_price', 'a price is not negative');
select matches(pg_temp.refusal('prices_dba', 'insert into atelier.prices (provider, unit, price) values (''p'', ''u'', ''NaN'')'), '^23514 .*valid_price', 'it is a number');
select matches(pg_temp.refusal('prices_dba', 'insert into atelier.prices (provider, unit, price, per) values (''p'', ''u'', 1, 0)'), '^23514 .*valid_per', 'for something');
select matches(pg_temp.refusal('prices_dba', 'insert into atelier.prices (provider, unit, price, currency) values (''p'', ''u'', 1, ''usd'')'), '^23514 .*valid_currency', 'in a currency');
select * from finish();
rollback;
