-- Jobs that wait for money come back: as many as there is room for, by priority and age.

create function atelier_internal.held_for_budgets(p_budget_id integer)
    returns table (budget_id integer, returned boolean, price_state text, provider text, model text)
    language sql stable rows 10 set search_path = pg_catalog, pg_temp set enable_seqscan = off
begin atomic
    with recursive found as (
        (select h.budget_id, h.returned, h.price_state, h.provider, h.model from atelier_internal.budget_holds h
          where h.instance = atelier_internal.instance_id() and h.budget_id >= coalesce(p_budget_id, -2147483648)
            and h.budget_id <= coalesce(p_budget_id, 2147483647)
          order by h.budget_id, h.returned, h.price_state limit 1)
        union all
        select n.budget_id, n.returned, n.price_state, n.provider, n.model
          from found f
         cross join lateral (
               select h.budget_id, h.returned, h.price_state, h.provider, h.model from atelier_internal.budget_holds h
                where h.instance = atelier_internal.instance_id() and h.budget_id <= coalesce(p_budget_id, 2147483647)
                  and (h.budget_id, h.returned, h.price_state) > (f.budget_id, f.returned, f.price_state)
                order by h.budget_id, h.returned, h.price_state limit 1) n
    )
    select f.budget_id, f.returned, f.price_state, f.provider, f.model from found f;
end;
comment on function atelier_internal.held_for_budgets(integer) is
    'What jobs are held for, or were brought back for and not leased yet: budgets, also such as are gone, or the price of a provider and model. Of one budget, or null for all.';

create function atelier_internal.holds_to_return(p_budget_id integer, p_returned boolean, p_price_state text, p_provider text, p_model text, p_limit integer)
    returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_budget atelier_internal.budgets;
    v_today date;
    v_room numeric;
    v_on_the_way record;
begin
    select * into v_budget from atelier_internal.budgets b where b.id = p_budget_id;
    if found and (p_returned or p_price_state <> '' and p_price_state = atelier_internal.price_state(p_provider, p_model)) then
        return '{}';
    elsif not found or p_price_state <> '' then
        return array(select h.job_id from atelier_internal.budget_holds h
                      where h.instance = atelier_internal.instance_id() and h.budget_id = p_budget_id and h.returned = p_returned
                        and h.price_state = p_price_state
                      order by h.priority, h.job_id limit p_limit);
    end if;
    select count(*) as jobs, coalesce(sum(h.amount), 0) as amount into v_on_the_way
      from (select w.amount from atelier_internal.budget_holds w
             where w.instance = atelier_internal.instance_id() and w.budget_id = v_budget.id and w.returned limit 1000) h;
    if v_on_the_way.jobs = 1000 then
        return '{}';
    end if;
    v_today := atelier_internal.spend_day(now());
    v_room := v_budget.amount - v_on_the_way.amount
        - coalesce((select u.spent + u.reserved from atelier_internal.budget_usage u
                     where u.budget_id = v_budget.id and u.starts = atelier_internal.period_start(v_budget.period, v_today)),
                   (select s.spent + s.reserved from atelier_internal.budget_sums(v_budget, v_today) s));
    return array(
        select f.job_id
          from (select h.job_id, sum(h.amount) over (order by h.priority, h.job_id) as needed
                  from (select w.job_id, w.priority, w.amount from atelier_internal.budget_holds w
                         where w.instance = atelier_internal.instance_id() and w.budget_id = v_budget.id and not w.returned
                           -- One that no period has room for stands in nobody's way.
                           and w.price_state = '' and w.amount <= v_budget.amount
                         order by w.priority, w.job_id limit p_limit) h) f
         where f.needed <= v_room
         order by f.needed);
end
$$;
comment on function atelier_internal.holds_to_return(integer, boolean, text, text, text, integer) is
    'Of jobs that held_for_budgets() tells of as one kind those that are to come back now, at most p_limit: all where the budget is gone or prices have changed, else as many, in their order, as the budget has room for, while less than 1000 that came back for it wait for their lease.';

create function atelier_internal.return_kind(p_budget_id integer, p_price_state text, p_due uuid[]) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_exists boolean := exists (select from atelier_internal.budgets b where b.id = p_budget_id);
    v_mine uuid[];
begin
    -- While another incarnation holds it, nothing is leased under this budget.
    if v_exists and p_price_state = '' and not exists (select from atelier_internal.lock_usage(array[p_budget_id])) then
        return 0;
    end if;
    v_mine := array(
        select j.id from atelier_internal.jobs j where j.id = any (p_due) order by array_position(p_due, j.id) for update skip locked);
    perform atelier_internal.make_runnable(array(
        select j.id from unnest(v_mine) with ordinality as m (id, place)
          join atelier_internal.jobs j on j.id = m.id
         where j.state = 'held' and j.reason in ('over_budget', 'price_unknown') order by m.place));
    if v_exists then
        update atelier_internal.budget_holds h set returned = true where h.job_id = any (v_mine);
    else
        delete from atelier_internal.budget_holds h where h.job_id = any (v_mine);
    end if;
    return cardinality(v_mine);
end
$$;
comment on function atelier_internal.return_kind(integer, text, uuid[]) is
    'Brings back jobs that were held for a budget; those that somebody holds locked are left. Returns how many it brought back.';

create function atelier_internal.return_held(p_limit integer) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_today date := atelier_internal.spend_day(now());
    v_prices text;
    v_checks integer[];
    v_kind record;
    v_due uuid[];
    v_returned integer;
    v_again integer[] := '{}';
    v_done integer := 0;
begin
    if not exists (select from atelier_internal.budget_holds) and not exists (select from atelier_internal.budget_checks) then
        return 0;
    end if;
    with taken as (
        delete from atelier_internal.budget_checks c
         where c.id = any (array(select k.id from atelier_internal.budget_checks k order by k.id limit p_limit for update skip locked))
        returning c.budget_id
    )
    select coalesce(array_agg(distinct t.budget_id), '{}') into v_checks from taken t;
    v_prices := atelier_internal.price_state();
    if not exists (select from atelier_internal.budget_look l where l.day = v_today and l.prices = v_prices) then
        insert into atelier_internal.budget_look as l (day, prices) values (v_today, v_prices)
        on conflict (one) do update set day = excluded.day, prices = excluded.prices;
        v_checks := array[null::integer];
    end if;
    for v_kind in
        select distinct k.* from unnest(case when array_position(v_checks, null) is null then v_checks else array[null::integer] end) c (budget_id)
         cross join lateral atelier_internal.held_for_budgets(c.budget_id) k
    loop
        v_due := atelier_internal.holds_to_return(v_kind.budget_id, v_kind.returned, v_kind.price_state, v_kind.provider, v_kind.model, p_limit);
        continue when v_due = '{}';
        v_returned := atelier_internal.return_kind(v_kind.budget_id, v_kind.price_state, v_due);
        v_done := v_done + v_returned;
        v_again := v_again || v_kind.budget_id;
    end loop;
    -- There may be more of them.
    insert into atelier_internal.budget_checks (budget_id) select distinct a.budget_id from unnest(v_again) a (budget_id);
    return v_done;
end
$$;
comment on function atelier_internal.return_held(integer) is
    'Brings back jobs that were held for budgets that are to be looked at, or for any when the day or the prices have changed, of each kind at most p_limit. Returns how many.';

create function atelier_internal.enter_settled_costs(p_limit integer) returns integer
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_changes atelier_internal.spend_change[];
    v_done integer;
begin
    if not exists (select from atelier_internal.cost_settlements) then
        return 0;
    end if;
    with told as (
        delete from atelier_internal.cost_settlements c
         where c.attempt_id = any (array(select t.attempt_id from atelier_internal.cost_settlements t order by t.at limit p_limit for update skip locked))
        returning c.*
    ), settled as (
        delete from atelier_internal.reserves r using told t
         where r.attempt_id = t.attempt_id and t.reserved and r.state = 'kept'
        returning r.attempt_id, r.job_id, r.client_id, r.provider, r.model, r.day, r.currency as reserved_currency, r.amount as reserved, t.cost, t.currency
    ), priced as (
        select a.id as attempt_id, a.job_id, a.client_id, l.provider, l.model, atelier_internal.spend_day(a.leased_at) as day, t.cost, t.currency
          from told t
          join atelier_internal.attempts a on a.id = t.attempt_id
          join atelier_internal.lanes l on l.id = a.lane_id
         where not t.reserved
    ), entered as (
        insert into atelier_internal.ledger (client_id, job_id, attempt_id, provider, model, unit, quantity, cost, currency)
        select e.client_id, e.job_id, e.attempt_id, e.provider, e.model, 'settled', 1, e.cost, e.currency
          from (select s.client_id, s.job_id, s.attempt_id, s.provider, s.model, s.cost, s.currency from settled s
                union all
                select p.client_id, p.job_id, p.attempt_id, p.provider, p.model, p.cost, p.currency from priced p) e
    )
    select (select count(*) from told),
           array_agg(row(c.day, c.client_id, c.provider, c.model, c.currency, c.calls, c.cost, c.reserved)::atelier_internal.spend_change)
      into v_done, v_changes
      from (select s.day, s.client_id, s.provider, s.model, s.currency, 1 as calls, s.cost, 0 as reserved from settled s
            union all
            select s.day, s.client_id, s.provider, s.model, s.reserved_currency, 0, 0, - s.reserved from settled s where s.reserved is not null
            union all
            select p.day, p.client_id, p.provider, p.model, p.currency, 1, p.cost, 0 from priced p
            union all
            select p.day, p.client_id, p.provider, p.model, null, -1, 0, 0 from priced p) c;
    if v_changes is not null then
        perform atelier_internal.enter_spend(v_changes);
    end if;
    return v_done;
end
$$;
comment on function atelier_internal.enter_settled_costs(integer) is
    'Enters into ledger and roll-up what atelier.settle_unknown_cost() was told, at most p_limit, in the place of what was reserved. A cost that became known otherwise meanwhile stays. Returns how many.';

create function atelier_internal.budget_due() returns timestamptz
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_today date;
begin
    if exists (select from atelier_internal.cost_settlements) or exists (select from atelier_internal.budget_checks) then
        return now();
    elsif not exists (select from atelier_internal.budget_holds h where h.instance = atelier_internal.instance_id()) then
        return null;
    end if;
    v_today := atelier_internal.spend_day(now());
    if not exists (select from atelier_internal.budget_look l where l.day = v_today and l.prices = atelier_internal.price_state()) then
        return now();
    end if;
    return least((v_today + 1)::timestamp at time zone atelier_internal.setting('quota_timezone'),
                 (select min(p.since) from atelier.prices p where p.since > now()));
end
$$;
comment on function atelier_internal.budget_due() is
    'When return_held() or enter_settled_costs() has something to do next, as far as the clock decides: now, when the next day begins, or when a price comes into force. Null: no such time is known.';

create function atelier_internal.forget_usage() returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    delete from atelier_internal.budget_usage u
     where u.starts < atelier_internal.spend_day(now()) - 100
        or not exists (select from atelier_internal.budgets b where b.id = u.budget_id);
end;
comment on function atelier_internal.forget_usage() is 'Removes what was used of budgets that are gone, and in periods that are long past.';
