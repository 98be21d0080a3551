create view atelier.budgets with (security_invoker, security_barrier) as
select b.client_id, b.provider, b.model, b.period, b.amount, b.currency, u.spent, u.reserved, greatest(b.amount - u.spent - u.reserved, 0) as room,
       (select count(*) from atelier_internal.budget_holds h
         where h.instance = atelier_internal.instance_id() and h.budget_id = b.id and not h.returned) as held,
       atelier_internal.period_start(b.period, t.today) as starts,
       atelier_internal.period_end(b.period, t.today)::timestamp at time zone atelier_internal.setting('quota_timezone') as resets_at,
       b.set_at, b.set_by
  from atelier_internal.budgets b
 cross join (select atelier_internal.spend_day(now()) as today) t
 cross join lateral atelier_internal.budget_sums(b, t.today) u;
comment on view atelier.budgets is
    'What may be spent in each day or month, and what is used up of it now. atelier.set_budget() makes, changes and removes them.';
comment on column atelier.budgets.client_id is 'The client whose calls it limits; null: those of all.';
comment on column atelier.budgets.provider is 'The provider; null: all.';
comment on column atelier.budgets.model is 'The model of that provider; null: all.';
comment on column atelier.budgets.period is 'day or month, in pg_atelier.quota_timezone.';
comment on column atelier.budgets.amount is 'Most that is spent in a period, in currency.';
comment on column atelier.budgets.currency is 'ISO 4217 code.';
comment on column atelier.budgets.spent is 'Known costs of the calls that began in this period.';
comment on column atelier.budgets.reserved is 'Worst prices of such calls that are under way, or whose cost nobody knows: see atelier.reserves.';
comment on column atelier.budgets.room is 'What is left for other calls.';
comment on column atelier.budgets.held is 'Jobs that wait for it, for room or for a price.';
comment on column atelier.budgets.starts is 'First day of this period.';
comment on column atelier.budgets.resets_at is 'When the next one begins.';
comment on column atelier.budgets.set_at is 'When it was last set.';
comment on column atelier.budgets.set_by is 'Role that set it last.';

create view atelier.reserves with (security_invoker, security_barrier) as
select r.attempt_id, r.job_id, r.client_id, r.provider, r.model, r.day, r.state, r.amount, r.currency
  from atelier_internal.reserves r;
comment on view atelier.reserves is
    'Paid calls whose cost is not known: under way (open), or ended, maybe billed, and nobody knows for how much (kept): SELECT atelier.settle_unknown_cost(attempt_id, cost) says it.';
comment on column atelier.reserves.attempt_id is 'The attempt.';
comment on column atelier.reserves.job_id is 'Its job.';
comment on column atelier.reserves.client_id is 'Tenant.';
comment on column atelier.reserves.provider is 'Who does the work.';
comment on column atelier.reserves.model is 'Model that does it.';
comment on column atelier.reserves.day is 'Day of the lease in pg_atelier.quota_timezone.';
comment on column atelier.reserves.state is 'open: under way; kept: ended, or given up.';
comment on column atelier.reserves.amount is 'Worst price in currency, less what is known already of the cost; null: no price was known.';
comment on column atelier.reserves.currency is 'ISO 4217 code of the amount.';

create view atelier.spend with (security_invoker, security_barrier) as
select e.day, e.client_id, e.provider, e.model, e.currency, sum(e.calls)::bigint as calls, sum(e.cost) as cost, sum(e.reserved) as reserved,
       sum(e.unknown_calls)::bigint as unknown_calls
  from (select s.day, s.client_id, s.provider, s.model, s.currency, s.calls, s.cost, 0 as reserved,
               case when s.currency is null then s.calls else 0 end as unknown_calls
          from atelier_internal.spend_days s
        union all
        select r.day, r.client_id, r.provider, r.model, r.currency, case r.state when 'kept' then 1 else 0 end, 0, coalesce(r.amount, 0),
               case r.state when 'kept' then 1 else 0 end
          from atelier_internal.reserves r) e
 group by e.day, e.client_id, e.provider, e.model, e.currency;
comment on view atelier.spend is
    'What paid calls cost, by day, client, provider, model and currency: atelier.usage_ledger, rolled up by the day on which the calls began.';
comment on column atelier.spend.day is 'Day of the lease in pg_atelier.quota_timezone.';
comment on column atelier.spend.client_id is 'Tenant.';
comment on column atelier.spend.provider is 'Who did the work.';
comment on column atelier.spend.model is 'Model that did it.';
comment on column atelier.spend.currency is 'ISO 4217 code; null: calls of which at least a part has no price.';
comment on column atelier.spend.calls is 'Calls that ended and were, or may have been, billed.';
comment on column atelier.spend.cost is 'What is known of their cost.';
comment on column atelier.spend.reserved is 'Worst prices of calls under way, and of those whose cost nobody knows.';
comment on column atelier.spend.unknown_calls is 'Those of calls whose cost is not, or not wholly, known.';

create function atelier_internal.check_budgets()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query select 'budget', false,
        case when k.price_state = '' then format('%s job(s) are held: %s has no room for them', k.jobs, atelier_internal.budget_name(b))
             else format('%s job(s) of provider %s, model %s are held: %s applies, and what a call costs at most is not known', k.jobs, k.provider,
                         to_json(k.model), atelier_internal.budget_name(b)) end,
        case when k.price_state = '' then format('They go on in the next %s, or when there is more: %s', b.period, atelier_internal.budget_command(b, '...'))
             else format('atelier.explain_job() of one of them says what is missing in atelier.prices: SELECT * FROM atelier.explain_job(%L);', k.job_id) end
      from (select h.budget_id, h.price_state, h.provider, h.model, count(*) as jobs, min(h.job_id::text) as job_id
              from (select x.budget_id, x.price_state, case when x.price_state <> '' then x.provider end as provider,
                           case when x.price_state <> '' then x.model end as model, x.job_id
                      from atelier_internal.budget_holds x where x.instance = atelier_internal.instance_id() and not x.returned) h
             group by h.budget_id, h.price_state, h.provider, h.model) k
      join atelier_internal.budgets b on b.id = k.budget_id
     order by b.id, k.price_state;

    return query select 'budget', true,
        format('%s call(s) of provider %s may have been billed, and nobody knows for how much; reserved for them: %s', count(*), r.provider,
               coalesce(sum(r.amount) || ' ' || r.currency, 'nothing, for want of a price')),
        'SELECT attempt_id, job_id, day, amount FROM atelier.reserves WHERE state = ''kept''; shows them. SELECT atelier.settle_unknown_cost(attempt_id, cost); enters what the bill says.'
      from atelier_internal.reserves r
     where r.state = 'kept'
     group by r.provider, r.currency order by r.provider;
end
$$;
comment on function atelier_internal.check_budgets() is 'The rows of self_check() about budgets that jobs wait for, and about calls whose cost nobody knows.';
