-- Money is reserved in the transaction that leases: what no budget has room for is not sent.

create function atelier_internal.lock_usage(p_budgets integer[]) returns table (budget_id integer, room numeric)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_today date := atelier_internal.spend_day(now());
begin
    insert into atelier_internal.budget_usage as u (budget_id, starts, spent, reserved)
    select b.id, atelier_internal.period_start(b.period, v_today), s.spent, s.reserved
      from atelier_internal.budgets b
     cross join lateral atelier_internal.budget_sums(b, v_today) s
     where b.id = any (p_budgets)
       and not exists (select from atelier_internal.budget_usage k
                        where k.budget_id = b.id and k.starts = atelier_internal.period_start(b.period, v_today))
     order by b.id
    on conflict on constraint budget_usage_pkey do nothing;
    return query
        select b.id, b.amount - u.spent - u.reserved
          from atelier_internal.budgets b
          join atelier_internal.budget_usage u on u.budget_id = b.id and u.starts = atelier_internal.period_start(b.period, v_today)
         where b.id = any (p_budgets)
         order by b.id
           for no key update of u skip locked;
end
$$;
comment on function atelier_internal.lock_usage(integer[]) is
    'Locks what is used of budgets in their current periods, made if there is no row yet; returns the room that is left of each. One that another incarnation of the worker holds locked is left out.';

create type atelier_internal.budget_refusal as (job_id uuid, budget_id integer, error_class text, error_message text);
comment on type atelier_internal.budget_refusal is 'A lease that a budget has no room for.';

create function atelier_internal.admit(p_priced atelier_internal.priced[]) returns atelier_internal.budget_refusal[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_budgets atelier_internal.budgets[] := array(
        select b from atelier_internal.budgets b
         where (b.client_id is null or b.client_id = any (array(select p.client_id from unnest(p_priced) p)))
           and exists (select from unnest(p_priced) p
                        where (b.client_id is null or b.client_id = p.client_id) and (b.provider is null or b.provider = p.provider)
                          and (b.model is null or b.model = p.model)));
    v_ids integer[] := array(select b.id from unnest(v_budgets) b);
    v_room numeric[];
    v_refused atelier_internal.budget_refusal[] := '{}';
    v_refusal atelier_internal.budget_refusal;
    v_lease record;
    v_place integer;
begin
    if v_ids = '{}' then
        return v_refused;
    end if;
    select array_agg(r.room order by k.place) into v_room
      from unnest(v_ids) with ordinality as k (id, place)
      left join atelier_internal.lock_usage(v_ids) r on r.budget_id = k.id;
    for v_lease in
        select p.*, array_agg(b.place::integer order by b.place) as places
          from unnest(p_priced) p
          join unnest(v_budgets) with ordinality
               as b (id, client_id, provider, model, period, amount, currency, set_at, set_by, place)
            on (b.client_id is null or b.client_id = p.client_id) and (b.provider is null or b.provider = p.provider)
               and (b.model is null or b.model = p.model)
          join atelier_internal.jobs j on j.id = p.job_id
         group by p.attempt_id, p.job_id, p.client_id, p.provider, p.model, p.amount, p.currency, p.problem, j.priority
         -- As holds come back.
         order by j.priority, p.job_id
    loop
        v_refusal := null;
        foreach v_place in array v_lease.places loop
            v_refusal := row(v_lease.job_id, v_ids[v_place],
                case when v_lease.problem is not null or v_lease.currency <> v_budgets[v_place].currency then 'price_unknown' else 'over_budget' end,
                case when v_lease.problem is not null then format('%s applies, and what a call costs at most is not known: %s',
                                                                  atelier_internal.budget_name(v_budgets[v_place]), v_lease.problem)
                     when v_lease.currency <> v_budgets[v_place].currency then format('%s is in %s, the price in %s',
                                                                  atelier_internal.budget_name(v_budgets[v_place]), v_budgets[v_place].currency, v_lease.currency)
                     else format('%s has no room for its worst price, %s %s', atelier_internal.budget_name(v_budgets[v_place]), v_lease.amount, v_lease.currency) end);
            exit when v_refusal.error_class = 'price_unknown' or v_room[v_place] is null or v_room[v_place] < v_lease.amount;
            v_refusal := null;
        end loop;
        if v_refusal.job_id is not null then
            v_refused := v_refused || v_refusal;
        else
            foreach v_place in array v_lease.places loop
                v_room[v_place] := v_room[v_place] - v_lease.amount;
            end loop;
        end if;
    end loop;
    return v_refused;
end
$$;
comment on function atelier_internal.admit(atelier_internal.priced[]) is
    'Which of these leases the budgets that they are under refuse: those that there is no room for beside what is spent, what is reserved and the leases before them, and those whose worst price is not known or in another currency.';

create function atelier_internal.hold_for_budget(p_refused atelier_internal.budget_refusal[], p_priced atelier_internal.priced[]) returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    insert into atelier_internal.budget_holds as h (job_id, instance, budget_id, price_state, priority, provider, model, amount)
    select j.id, j.instance, r.budget_id, case r.error_class when 'price_unknown' then s.state else '' end, j.priority, p.provider, p.model,
           case r.error_class when 'price_unknown' then null else p.amount end
      from unnest(p_refused) r
      join unnest(p_priced) p on p.job_id = r.job_id
      join (select d.provider, d.model, atelier_internal.price_state(d.provider, d.model) as state
              from (select distinct k.provider, k.model from unnest(p_priced) k) d) s on s.provider = p.provider and s.model = p.model
      join atelier_internal.jobs j on j.id = r.job_id
     where j.id = any (array(select x.job_id from unnest(p_refused) x));
end;
comment on function atelier_internal.hold_for_budget(atelier_internal.budget_refusal[], atelier_internal.priced[]) is
    'Notes which budget the jobs wait for, and what for.';

create function atelier_internal.reserve(p_leased atelier_internal.leased[], p_prepared atelier_internal.prepared[])
    returns atelier_internal.prepared[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_priced atelier_internal.priced[];
    v_refused atelier_internal.budget_refusal[] := '{}';
    v_admitted uuid[];
    v_changes atelier_internal.spend_change[];
    v_today date;
begin
    if not exists (select from atelier.prices) and not exists (select from atelier_internal.budgets) then
        return p_prepared;
    end if;
    v_priced := atelier_internal.price_leases(p_leased, p_prepared);
    if v_priced = '{}' then
        return p_prepared;
    end if;
    if exists (select from atelier_internal.budgets) then
        v_refused := atelier_internal.admit(v_priced);
    end if;

    -- Also where there is no budget: one that is set while the call is under way counts it.
    v_today := atelier_internal.spend_day(now());
    v_admitted := array(select p.job_id from unnest(v_priced) p where p.job_id <> all (array(select r.job_id from unnest(v_refused) r)));
    with reserved as (
        insert into atelier_internal.reserves (attempt_id, job_id, client_id, provider, model, day, amount, currency)
        select p.attempt_id, p.job_id, p.client_id, p.provider, p.model, v_today, p.amount, p.currency
          from unnest(v_priced) p
         where p.amount is not null and p.job_id = any (v_admitted)
        returning client_id, provider, model, amount, currency
    )
    select array_agg(row(v_today, g.client_id, g.provider, g.model, g.currency, 0, 0, g.amount)::atelier_internal.spend_change)
      into v_changes
      from (select r.client_id, r.provider, r.model, r.currency, sum(r.amount) as amount from reserved r group by 1, 2, 3, 4) g;
    if v_changes is not null then
        perform atelier_internal.enter_spend(v_changes);
    end if;
    if exists (select from atelier_internal.budget_holds) then
        -- Those that had been brought back make room for others of their budgets on the way.
        with gone as (
            delete from atelier_internal.budget_holds h
             where h.job_id = any (array(select p.job_id from unnest(v_priced) p))
            returning h.budget_id
        )
        insert into atelier_internal.budget_checks (budget_id)
        select distinct g.budget_id from gone g
         where exists (select from atelier_internal.budget_holds h
                        where h.instance = atelier_internal.instance_id() and h.budget_id = g.budget_id and not h.returned);
    end if;
    if v_refused = '{}' then
        return p_prepared;
    end if;
    perform atelier_internal.hold_for_budget(v_refused, v_priced);
    return array(
        select row(p.job_id, case when r.job_id is null then p.request end, coalesce(r.error_class, p.error_class),
                   coalesce(r.error_message, p.error_message))::atelier_internal.prepared
          from unnest(p_prepared) p
          left join unnest(v_refused) r on r.job_id = p.job_id);
end
$$;
comment on function atelier_internal.reserve(atelier_internal.leased[], atelier_internal.prepared[]) is
    'Reserves the worst price of each paid lease that a request was prepared for. What no budget has room for comes back without one, of class over_budget or price_unknown, and is noted as waiting for that budget.';
