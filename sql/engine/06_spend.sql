-- Days and months of money, and what is added up in them.

create function atelier_internal.spend_day(p_at timestamptz) returns date
    language sql stable parallel safe set search_path = pg_catalog, pg_temp
    return (p_at at time zone atelier_internal.setting('quota_timezone'))::date;
comment on function atelier_internal.spend_day(timestamptz) is 'The day of a time in pg_atelier.quota_timezone.';

create function atelier_internal.period_start(p_period text, p_day date) returns date
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
    return case p_period when 'day' then p_day else date_trunc('month', p_day::timestamp)::date end;
comment on function atelier_internal.period_start(text, date) is 'First day of the period, day or month, that a day is in.';

create function atelier_internal.period_end(p_period text, p_day date) returns date
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
    return case p_period when 'day' then p_day + 1 else (date_trunc('month', p_day::timestamp) + interval '1 month')::date end;
comment on function atelier_internal.period_end(text, date) is 'First day of the period after the one that a day is in.';

create function atelier_internal.budget_sums(p_budget atelier_internal.budgets, p_day date, out spent numeric, out reserved numeric)
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select (select coalesce(sum(s.cost), 0) from atelier_internal.spend_days s
             where s.day >= atelier_internal.period_start(p_budget.period, p_day) and s.day < atelier_internal.period_end(p_budget.period, p_day)
               and (p_budget.client_id is null or s.client_id = p_budget.client_id)
               and (p_budget.provider is null or s.provider = p_budget.provider)
               and (p_budget.model is null or s.model = p_budget.model) and s.currency = p_budget.currency),
           (select coalesce(sum(r.amount), 0) from atelier_internal.reserves r
             where r.day >= atelier_internal.period_start(p_budget.period, p_day) and r.day < atelier_internal.period_end(p_budget.period, p_day)
               and (p_budget.client_id is null or r.client_id = p_budget.client_id)
               and (p_budget.provider is null or r.provider = p_budget.provider)
               and (p_budget.model is null or r.model = p_budget.model) and r.currency = p_budget.currency);
end;
comment on function atelier_internal.budget_sums(atelier_internal.budgets, date) is
    'What is spent and reserved under a budget in the period of a day, added up.';

create function atelier_internal.budget_name(p_budget atelier_internal.budgets) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return concat_ws(' ', 'the budget', 'of client ' || p_budget.client_id, 'of provider ' || p_budget.provider, 'and model ' || nullif(p_budget.model, ''),
                     case when p_budget.client_id is null and p_budget.provider is null then 'of all calls' end, 'for the ' || p_budget.period);
comment on function atelier_internal.budget_name(atelier_internal.budgets) is 'A budget as people call it.';

create type atelier_internal.spend_change as (
    day date, client_id uuid, provider text, model text, currency text, calls bigint, cost numeric, reserved numeric);
comment on type atelier_internal.spend_change is
    'By how much calls and cost, as in spend_days, and what is reserved change. Null as currency: a cost that is not known.';

create function atelier_internal.enter_spend(p_changes atelier_internal.spend_change[]) returns void
    language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
    insert into atelier_internal.spend_days as s (day, client_id, provider, model, currency, calls, cost)
    select c.day, c.client_id, c.provider, c.model, c.currency, sum(c.calls), sum(c.cost)
      from unnest(p_changes) c
     where c.calls <> 0 or c.cost <> 0
     group by c.day, c.client_id, c.provider, c.model, c.currency
     order by c.day, c.client_id, c.provider, c.model, c.currency
    on conflict on constraint spend_days_key do update set calls = s.calls + excluded.calls, cost = s.cost + excluded.cost;

    with changed as (
        update atelier_internal.budget_usage u
           set spent = u.spent + d.cost, reserved = u.reserved + d.reserved
          from (select b.id, atelier_internal.period_start(b.period, c.day) as starts, sum(c.cost) as cost, sum(c.reserved) as reserved
                  from unnest(p_changes) c
                  join atelier_internal.budgets b
                    on (b.client_id is null or b.client_id = c.client_id) and (b.provider is null or b.provider = c.provider)
                       and (b.model is null or b.model = c.model) and b.currency = c.currency
                 group by 1, 2) d
         where u.budget_id = d.id and u.starts = d.starts
        returning u.budget_id, d.cost + d.reserved as more
    )
    insert into atelier_internal.budget_checks (budget_id)
    select c.budget_id from changed c
     where c.more < 0 and exists (select from atelier_internal.budget_holds h
                                   where h.instance = atelier_internal.instance_id() and h.budget_id = c.budget_id and not h.returned);
end
$$;
comment on function atelier_internal.enter_spend(atelier_internal.spend_change[]) is
    'Enters changes into the roll-up and into the usage of the budgets that they are under; one that has more room then is looked at again if jobs are held for it.';
