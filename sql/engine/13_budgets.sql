create function atelier_internal.check_budget(p_amount numeric, p_currency text, p_provider text, p_model text, p_period text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_period is null or p_period not in ('day', 'month') then
        raise exception 'period must be day or month, not %', coalesce(to_json(left(p_period, 200))::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'A day or a month of pg_atelier.quota_timezone.';
    elsif p_model is not null and p_provider is null then
        raise exception 'a model was given without its provider'
            using errcode = 'invalid_parameter_value', hint = 'Name the provider too: SELECT provider, model FROM atelier.lanes shows those in use.';
    elsif p_amount is null then
        return;
    elsif not (p_amount >= 0 and p_amount < 1e15) then
        raise exception 'amount must be between 0 and 1e15, not %', left(p_amount::text, 40)
            using errcode = 'invalid_parameter_value', hint = '0 lets nothing be spent; null removes the budget.';
    elsif p_currency is null or p_currency !~ '^[A-Z]{3}$' then
        raise exception 'currency must be an ISO 4217 code, not %', coalesce(to_json(left(p_currency, 40))::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'Such as USD: that of the prices, SELECT DISTINCT provider, currency FROM atelier.prices shows them.';
    elsif p_provider is not null and not exists (select from atelier_internal.provider_servers s where s.name = p_provider)
          and not exists (select from atelier_internal.lanes l where l.provider = p_provider) then
        raise exception 'provider "%" does not exist', left(p_provider, 200)
            using errcode = 'undefined_object', hint = 'SELECT provider FROM atelier.providers lists them.';
    end if;
end
$$;
comment on function atelier_internal.check_budget(numeric, text, text, text, text) is 'Raises 22023 or 42704 for what is no budget.';

create function atelier.set_budget(amount numeric, currency text default 'USD', client_id uuid default null, provider text default null,
                                   model text default null, period text default 'day') returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_former atelier_internal.budgets;
begin
    perform atelier_internal.refuse_context('a budget');
    perform atelier_internal.check_budget(set_budget.amount, set_budget.currency, set_budget.provider, set_budget.model, set_budget.period);
    if set_budget.client_id is not null and set_budget.amount is not null then
        perform atelier_internal.hold_client(set_budget.client_id);
    end if;
    select * into v_former from atelier_internal.budgets b
     where b.client_id is not distinct from set_budget.client_id and b.provider is not distinct from set_budget.provider
       and b.model is not distinct from set_budget.model and b.period = set_budget.period for update;
    if set_budget.amount is null then
        delete from atelier_internal.budgets b where b.id = v_former.id;
        if not found then
            raise exception 'there is no such budget'
                using errcode = 'no_data_found', hint = 'SELECT client_id, provider, model, period FROM atelier.budgets lists them; the period is named too.';
        end if;
    else
        -- In another currency what was used up is another sum.
        delete from atelier_internal.budgets b where b.id = v_former.id and b.currency <> set_budget.currency;
        insert into atelier_internal.budgets as b (client_id, provider, model, period, amount, currency)
        values (set_budget.client_id, set_budget.provider, set_budget.model, set_budget.period, trim_scale(round(set_budget.amount, 12)), set_budget.currency)
        on conflict on constraint budgets_scope do update
           set amount = excluded.amount, set_at = excluded.set_at, set_by = excluded.set_by;
    end if;
    insert into atelier_internal.budget_checks (budget_id) select v_former.id where v_former.id is not null;
    perform atelier_internal.audit(case when set_budget.amount is null then 'budget.removed' else 'budget.set' end, 'budget', null, set_budget.client_id,
        jsonb_strip_nulls(jsonb_build_object('provider', set_budget.provider, 'model', set_budget.model, 'period', set_budget.period,
            'amount', trim_scale(round(set_budget.amount, 12)), 'currency', case when set_budget.amount is not null then set_budget.currency end)));
end
$$;
comment on function atelier.set_budget(numeric, text, uuid, text, text, text) is
    'Sets what may be spent at most in each day or month of pg_atelier.quota_timezone: on the calls of a client, to a provider, or of one of its models; null means all of them, so that without these it is the budget of everything. A call is sent only when every budget it is under has room for its worst price (atelier.prices), which is reserved with the lease and replaced by what it cost. Others are held until there is room. Holds for what is leased from the commit on; calls under way are counted. Of an amount 12 decimals are kept; null removes the budget. 22023 for a bad value, 42704 for an unknown provider, 23503 for an unknown client, P0002 where there is none to remove, 55000 in a transaction that works for one client.';

create function atelier.settle_unknown_cost(attempt_id bigint, cost numeric, currency text default 'USD') returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_reserve atelier_internal.reserves;
    v_attempt atelier_internal.attempts;
begin
    perform atelier_internal.refuse_context('a cost');
    if settle_unknown_cost.cost is null or not (settle_unknown_cost.cost >= 0 and settle_unknown_cost.cost < 1e15) then
        raise exception 'cost must be between 0 and 1e15, not %', coalesce(left(settle_unknown_cost.cost::text, 40), 'null')
            using errcode = 'invalid_parameter_value', hint = '0 for a call that was not billed.';
    elsif settle_unknown_cost.currency is null or settle_unknown_cost.currency !~ '^[A-Z]{3}$' then
        raise exception 'currency must be an ISO 4217 code, not %', coalesce(to_json(left(settle_unknown_cost.currency, 40))::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'Such as USD.';
    end if;
    select * into v_reserve from atelier_internal.reserves r where r.attempt_id = settle_unknown_cost.attempt_id;
    select * into v_attempt from atelier_internal.attempts a where a.id = settle_unknown_cost.attempt_id;
    if v_reserve.attempt_id is null and v_attempt.id is null then
        raise exception 'attempt not found' using errcode = 'no_data_found', detail = format('Attempt %s.', coalesce(settle_unknown_cost.attempt_id::text, 'null')),
              hint = 'SELECT attempt_id FROM atelier.reserves WHERE state = ''kept'' shows the calls whose cost is not known.';
    elsif v_reserve.state = 'open' then
        raise exception 'attempt % is under way', v_reserve.attempt_id using errcode = 'object_not_in_prerequisite_state',
              hint = 'Its answer says what it cost.';
    elsif v_reserve.currency <> settle_unknown_cost.currency then
        raise exception 'the price of attempt % is in %', v_reserve.attempt_id, v_reserve.currency using errcode = 'invalid_parameter_value',
              hint = format('Give its cost in %s, in which its budgets count.', v_reserve.currency);
    elsif exists (select from atelier_internal.cost_settlements c where c.attempt_id = settle_unknown_cost.attempt_id)
          or v_reserve.attempt_id is null and not atelier_internal.has_unknown_cost(v_attempt) then
        raise exception 'the cost of attempt % is known', settle_unknown_cost.attempt_id using errcode = 'object_not_in_prerequisite_state',
              hint = format('SELECT * FROM atelier.usage_ledger WHERE attempt_id = %s; has it, as soon as the worker has entered it.', settle_unknown_cost.attempt_id);
    end if;
    insert into atelier_internal.cost_settlements as c (attempt_id, cost, currency, reserved)
    values (settle_unknown_cost.attempt_id, trim_scale(round(settle_unknown_cost.cost, 12)), settle_unknown_cost.currency, v_reserve.attempt_id is not null);
    perform atelier_internal.audit('cost.settled', 'attempt', null, coalesce(v_reserve.client_id, v_attempt.client_id), jsonb_build_object(
        'attempt', settle_unknown_cost.attempt_id, 'cost', trim_scale(round(settle_unknown_cost.cost, 12)), 'currency', settle_unknown_cost.currency));
end
$$;
comment on function atelier.settle_unknown_cost(bigint, numeric, text) is
    'Says what a call cost that may have been billed without anybody telling for how much, beside what the ledger has of it already; 0: it was not billed. The worker enters it into the ledger, as unit settled, and frees what was reserved. 22023 for a bad value or another currency than that of its price, P0002 for an unknown attempt, 55000 for one that is under way or whose cost is known, or in a transaction that works for one client.';

create function atelier_internal.has_unknown_cost(p_attempt atelier_internal.attempts) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_entries record;
begin
    -- By client and time, for which there is an index.
    select count(*) filter (where l.cost is null) > 0 as unknown, count(*) filter (where l.unit = 'settled') > 0 as settled into v_entries
      from atelier_internal.ledger l
     where l.attempt_id = p_attempt.id and l.at >= p_attempt.leased_at
       and (l.client_id = p_attempt.client_id or p_attempt.client_id is null and l.client_id is null);
    return p_attempt.usage is not null and v_entries.unknown and not v_entries.settled;
end
$$;
comment on function atelier_internal.has_unknown_cost(atelier_internal.attempts) is
    'Whether the ledger has entries of an attempt whose cost is not known, and nobody has told what it was.';
