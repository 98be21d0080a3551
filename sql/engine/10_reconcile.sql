-- What calls cost takes the place of what was reserved for them.

create type atelier_internal.billed as (attempt_id bigint, client_id uuid, provider text, model text, currency text, cost numeric);
comment on type atelier_internal.billed is
    'What an attempt cost in a currency, as it was just entered in the ledger. Null as currency and cost: a part whose cost is not known.';

create function atelier_internal.keep_unknown(p_outcomes atelier_internal.outcome[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    with ended as materialized (
        select a.id, a.job_id, a.client_id, l.provider, l.model, a.leased_at
          from unnest(p_outcomes) o
          join atelier_internal.attempts a on a.id = o.attempt_id and a.ring = o.ring and a.token = o.token and a.usage is null
          join atelier_internal.lanes l on l.id = a.lane_id
         where not exists (select from atelier_internal.reserves r where r.attempt_id = o.attempt_id)
    ), named as materialized (
        select distinct e.provider from ended e
    )
    insert into atelier_internal.reserves (attempt_id, job_id, client_id, provider, model, day, state)
    select e.id, e.job_id, e.client_id, e.provider, e.model, atelier_internal.spend_day(e.leased_at), 'kept'
      from named n
      join ended e on e.provider = n.provider
     where atelier_internal.is_paid(n.provider)
    on conflict (attempt_id) do nothing;
end
$$;
comment on function atelier_internal.keep_unknown(atelier_internal.outcome[]) is
    'Notes paid calls that may have been billed, for which nothing was reserved because no price was known.';

create function atelier_internal.alert_unpriced(p_billed atelier_internal.billed[]) returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    select atelier_internal.raise_alert(k.kind, format('what provider %s charges for model %s is not known: of what a call used, not every unit has a price', k.provider, to_json(k.model)),
               format('SELECT DISTINCT unit FROM atelier.usage_ledger WHERE provider = %1$L AND cost IS NULL; shows the units. INSERT INTO atelier.prices (provider, model, unit, price, per) VALUES (%1$L, ...); then SELECT atelier.resolve_alert(%2$L);',
                      k.provider, k.kind))
      from (select distinct b.provider, b.model, format('price_unknown:%s/%s', b.provider, b.model) as kind
              from unnest(p_billed) b where b.currency is null) k
     -- One is enough: whoever looks at it, or at its row, must not be waited for.
     where not exists (select from atelier_internal.alerts a where a.kind = k.kind and a.resolved_at is null);
end;
comment on function atelier_internal.alert_unpriced(atelier_internal.billed[]) is
    'Raises one alert for each provider and model of which a unit has no price.';

create function atelier_internal.spend_of(p_outcomes atelier_internal.outcome[], p_billed atelier_internal.billed[], p_kept bigint[])
    returns atelier_internal.spend_change[]
    language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
    return array(
        select row(coalesce(r.day, (select atelier_internal.spend_day(a.leased_at) from atelier_internal.attempts a where a.id = o.attempt_id and a.ring = o.ring)),
                   b.client_id, b.provider, b.model, b.currency,
                   -- A call counts once: as unknown, or under the first of its currencies; a kept reserve is its call by itself.
                   case when b.attempt_id <> all (p_kept)
                             and row_number() over (partition by b.attempt_id order by b.currency nulls first) = 1 then 1 else 0 end,
                   coalesce(b.cost, 0), 0)::atelier_internal.spend_change
          from unnest(p_billed) b
          join unnest(p_outcomes) o on o.attempt_id = b.attempt_id
          left join atelier_internal.reserves r on r.attempt_id = b.attempt_id);
end
$$;
comment on function atelier_internal.spend_of(atelier_internal.outcome[], atelier_internal.billed[], bigint[]) is
    'What was just entered in the ledger, as changes of the roll-up. p_kept: attempts whose reserve stays.';

create function atelier_internal.unknown_costs(p_outcomes atelier_internal.outcome[], p_billed atelier_internal.billed[], p_stale boolean)
    returns atelier_internal.outcome[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown atelier_internal.outcome[] := array(
        select o from unnest(p_outcomes) o
          left join atelier_internal.error_classes c on c.name = o.error_class
         where o.outcome <> 'not_sent' and o.sent is distinct from false
           and (o.outcome = 'completed' or coalesce(c.may_be_billed, true))
           and o.attempt_id <> all (array(select b.attempt_id from unnest(p_billed) b)));
    v_paid text[];
begin
    -- Most that end without a word about what they used are no calls of paid providers at all.
    if v_unknown <> '{}' and not p_stale then
        v_paid := array(
            with named as materialized (
                select distinct j.provider from unnest(v_unknown) o join atelier_internal.jobs j on j.id = o.job_id
            )
            select n.provider from named n where atelier_internal.is_paid(n.provider));
        if v_paid = '{}' then
            return '{}';
        end if;
    end if;
    return v_unknown;
end
$$;
comment on function atelier_internal.unknown_costs(atelier_internal.outcome[], atelier_internal.billed[], boolean) is
    'Of closed attempts those that may have been billed for an amount that nobody told: sent, as far as is known, not refused before anything was done, and without usage. Of others than paid providers there may be some among them.';

create function atelier_internal.without_tokens(p_outcomes atelier_internal.outcome[], p_billed atelier_internal.billed[]) returns bigint[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tokens constant text[] := array['input_token', 'cached_input_token', 'output_token'];
begin
    return array(
        with named as materialized (
            select distinct b.provider, b.model from unnest(p_billed) b
        ), charged as materialized (
            select n.provider, n.model from named n
             where exists (select from atelier_internal.prices_in_force(n.provider, n.model) p where p.unit = any (v_tokens) and p.price > 0)
        )
        select distinct b.attempt_id
          from unnest(p_billed) b
          join charged c on c.provider = b.provider and c.model = b.model
          join unnest(p_outcomes) o on o.attempt_id = b.attempt_id
         where not exists (select from jsonb_array_elements(o.usage) u where u.value ->> 'unit' = any (v_tokens)));
end
$$;
comment on function atelier_internal.without_tokens(atelier_internal.outcome[], atelier_internal.billed[]) is
    'Those whose answers tell of no token at all where tokens are charged: what an answer used is known only in part.';

create function atelier_internal.reconcile_reserves(p_outcomes atelier_internal.outcome[], p_billed atelier_internal.billed[], p_unknown atelier_internal.outcome[])
    returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_silent bigint[] := atelier_internal.without_tokens(p_outcomes, p_billed);
    v_kept bigint[] := array(
        select r.attempt_id from atelier_internal.reserves r
         where r.attempt_id = any (array(select o.attempt_id from unnest(p_unknown) o)) or r.attempt_id = any (v_silent)
            or r.attempt_id = any (array(select b.attempt_id from unnest(p_billed) b))
               and exists (select from unnest(p_billed) b
                            where b.attempt_id = r.attempt_id and b.currency is distinct from coalesce(r.currency, b.currency)));
    v_changes atelier_internal.spend_change[] := atelier_internal.spend_of(p_outcomes, p_billed, v_kept);
begin
    with gone as (
        delete from atelier_internal.reserves r
         where r.attempt_id = any (array(select o.attempt_id from unnest(p_outcomes) o)) and r.attempt_id <> all (v_kept)
        returning r.day, r.client_id, r.provider, r.model, r.currency, r.amount
    ), known as (
        select r.attempt_id, least(r.amount, coalesce(sum(b.cost), 0)) as cost
          from atelier_internal.reserves r
          left join unnest(p_billed) b on b.attempt_id = r.attempt_id and b.currency = r.currency
         where r.attempt_id = any (v_kept)
         group by r.attempt_id, r.amount
    ), kept as (
        update atelier_internal.reserves r set state = 'kept', amount = trim_scale(r.amount - k.cost)
          from known k
         where r.attempt_id = k.attempt_id and r.attempt_id = any (v_kept)
        returning r.day, r.client_id, r.provider, r.model, r.currency, k.cost
    )
    select v_changes || coalesce(array_agg(row(f.day, f.client_id, f.provider, f.model, f.currency, 0, 0, - f.amount)::atelier_internal.spend_change), '{}')
      into v_changes
      from (select * from gone union all select * from kept) f
     where f.amount is not null;
    perform atelier_internal.enter_spend(v_changes);
end
$$;
comment on function atelier_internal.reconcile_reserves(atelier_internal.outcome[], atelier_internal.billed[], atelier_internal.outcome[]) is
    'Takes away the reserves of attempts whose cost is known now, and keeps those of p_unknown and those of which a part is not known, less the part that is.';

create function atelier_internal.reconcile(p_outcomes atelier_internal.outcome[], p_billed atelier_internal.billed[], p_stale boolean) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown atelier_internal.outcome[];
begin
    if p_billed is null and not exists (select from atelier.prices) and not exists (select from atelier_internal.reserves) then
        return;
    end if;
    v_unknown := atelier_internal.unknown_costs(p_outcomes, p_billed, p_stale);
    if exists (select from atelier_internal.reserves r where r.attempt_id = any (array(select o.attempt_id from unnest(p_outcomes) o))) then
        perform atelier_internal.reconcile_reserves(p_outcomes, p_billed, v_unknown);
    elsif p_billed is not null then
        perform atelier_internal.enter_spend(atelier_internal.spend_of(p_outcomes, p_billed, '{}'));
    end if;
    if v_unknown <> '{}' then
        perform atelier_internal.keep_unknown(v_unknown);
    end if;
    if exists (select from unnest(p_billed) b where b.currency is null) then
        perform atelier_internal.alert_unpriced(p_billed);
    end if;
end
$$;
comment on function atelier_internal.reconcile(atelier_internal.outcome[], atelier_internal.billed[], boolean) is
    'Puts what closed attempts cost, as the ledger has it, in the place of what was reserved for them. Of those that may have been billed for an unknown amount, the reserve stays. Where there are no prices, nothing was billed and nothing reserved, there is nothing to do.';
