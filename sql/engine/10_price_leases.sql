-- What a call costs at most: its units, as bounded by the request or by whoever entered the price, times their prices.

create type atelier_internal.priced as (
    attempt_id bigint, job_id uuid, client_id uuid, provider text, model text, amount numeric, currency text, problem text);
comment on type atelier_internal.priced is 'A paid lease with the most that its call can cost, or why nobody can say that.';

create function atelier_internal.prices_in_force(p_provider text, p_model text)
    returns table (unit text, price numeric, per bigint, currency text, most_per_call numeric)
    language sql stable rows 4 set search_path = pg_catalog, pg_temp
begin atomic
    select distinct on (p.unit) p.unit, p.price, p.per, p.currency, p.most_per_call
      from atelier.prices p
     where p.provider = p_provider and p.model in (p_model, '') and p.since <= now()
     order by p.unit, p.model = p_model desc, p.since desc;
end;
comment on function atelier_internal.prices_in_force(text, text) is
    'The prices of a provider and model at this time: of each unit the row of the exact model before one of any, the latest.';

create function atelier_internal.price_state(p_provider text, p_model text) returns text
    language sql stable set search_path = pg_catalog, pg_temp
    return (select md5(concat_ws(' ', to_json(p_provider), to_json(p_model), string_agg(p::text, ' ' order by p.unit))) from atelier_internal.prices_in_force(p_provider, p_model) p);
comment on function atelier_internal.price_state(text, text) is 'A hash of a provider, a model and their prices at this time.';

create function atelier_internal.price_state() returns text
    language sql stable set search_path = pg_catalog, pg_temp
    return (select md5(coalesce(string_agg(p::text, ' ' order by p.provider, p.model, p.unit, p.since), '')) from atelier.prices p where p.since <= now());
comment on function atelier_internal.price_state() is 'A hash of all prices at this time.';

create function atelier_internal.whole_number(p_value jsonb) returns numeric
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return case when jsonb_typeof(p_value) = 'number' and p_value::numeric >= 0 and p_value::numeric < 1000000000000 then ceil(p_value::numeric) end;
comment on function atelier_internal.whole_number(jsonb) is 'A number from 0 up, made whole; null for anything else.';

create function atelier_internal.price_leases(p_leased atelier_internal.leased[], p_prepared atelier_internal.prepared[])
    returns atelier_internal.priced[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    -- One token is at least one byte of the request, beside what a service adds of its own. A picture: 48,169 are the most of a
    -- model of today (gpt-4o-mini, high detail).
    v_added constant integer := 1000;
    v_picture constant integer := 50000;
begin
    return array(
        with named as materialized (
            select distinct l.provider from unnest(p_leased) l
        ), paid as materialized (
            select n.provider from named n where atelier_internal.is_paid(n.provider)
        ), asked as materialized (
            select l.attempt_id, l.job_id, l.client_id, l.provider, l.model, s.action,
                   octet_length(p.request) + v_added
                   + v_picture * case jsonb_typeof(b.body -> 'inputs') when 'array' then jsonb_array_length(b.body -> 'inputs') else 0 end as input,
                   atelier_internal.whole_number(b.body #> '{parameters,max_output_tokens}') as output,
                   case when s.action = 'ai.image' then coalesce(atelier_internal.whole_number(b.body #> '{parameters,n}'), 1) else 0 end as images
              from unnest(p_leased) l
              join paid d on d.provider = l.provider
              join unnest(p_prepared) p on p.job_id = l.job_id and p.request is not null and p.error_class is null
              left join atelier_internal.steps s on s.pipeline = l.pipeline and s.position = l.step
             cross join lateral (select p.request::jsonb as body) b
        ), prices as materialized (
            select d.provider, d.model, p.*,
                   -- What was cached is a part of the same input.
                   p.unit = 'cached_input_token'
                   and p.price / p.per <= max(p.price / p.per) filter (where p.unit = 'input_token') over (partition by d.provider, d.model) as is_part
              from (select distinct a.provider, a.model from asked a) d
             cross join lateral atelier_internal.prices_in_force(d.provider, d.model) p
        ), bounded as (
            select a.attempt_id, p.unit, p.price, p.per, p.currency,
                   case when p.price = 0 or p.is_part then 0
                        else case p.unit when 'image' then coalesce(p.most_per_call, a.images)
                                         when 'request' then coalesce(p.most_per_call, 1)
                                         when 'input_token' then least(p.most_per_call, a.input)
                                         when 'cached_input_token' then least(p.most_per_call, a.input)
                                         when 'output_token' then least(p.most_per_call, a.output)
                                         else p.most_per_call end end as quantity
              from asked a
              join prices p on p.provider = a.provider and p.model = a.model
        ), summed as (
            select b.attempt_id, trim_scale(sum(b.quantity * b.price / b.per)) as amount,
                   coalesce(min(b.currency) filter (where b.price > 0), min(b.currency)) as currency,
                   count(distinct b.currency) filter (where b.price > 0) as currencies,
                   string_agg(b.unit, ', ' order by b.unit) filter (where b.quantity is null) as unbounded,
                   array_agg(b.unit) as units
              from bounded b
             group by b.attempt_id
        )
        select row(a.attempt_id, a.job_id, a.client_id, a.provider, a.model,
                   case when w.problem is null then s.amount end, case when w.problem is null then s.currency end,
                   w.problem)::atelier_internal.priced
          from asked a
          left join summed s on s.attempt_id = a.attempt_id
         cross join lateral (
               select case when s.attempt_id is null then format('provider %s has no price in force for model %s', a.provider, to_json(a.model))
                           -- A price of input alone says nothing of what an answer costs. Pictures are charged by the piece, or as tokens.
                           when a.action in ('ai.text', 'ai.json') and not s.units @> '{input_token,output_token}'
                                then format('unit %s has no price', case when 'output_token' = any (s.units) then 'input_token' else 'output_token' end)
                           when a.action = 'ai.image' and not s.units && '{image,output_token}' then 'neither unit image nor output_token has a price'
                           when s.unbounded is not null then format('nobody says how many units of %s the call can use', s.unbounded)
                           when s.currencies > 1 then 'its prices are in several currencies' end as problem) w
         order by a.attempt_id);
end
$$;
comment on function atelier_internal.price_leases(atelier_internal.leased[], atelier_internal.prepared[]) is
    'The paid ones among leases that a request was prepared for, with their worst prices. What bounds a unit: prices.most_per_call; for input tokens also the bytes of the request and the number of its pictures, for output tokens its max_output_tokens, for images one, for requests one.';
