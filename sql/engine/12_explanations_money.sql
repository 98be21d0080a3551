-- Why a job is not running, third part: those that wait for money.

create function atelier_internal.budget_command(p_budget atelier_internal.budgets, p_amount text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return format('SELECT atelier.set_budget(%s, %L%s%s%s, period => %L);', p_amount, p_budget.currency, ', client_id => ' || quote_literal(p_budget.client_id),
                  ', provider => ' || quote_literal(p_budget.provider), ', model => ' || quote_literal(p_budget.model), p_budget.period);
comment on function atelier_internal.budget_command(atelier_internal.budgets, text) is 'The statement that gives a budget another amount.';

create function atelier_internal.explain_room(p_job atelier_internal.jobs, p_hold atelier_internal.budget_holds, p_budget atelier_internal.budgets)
    returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_today date := atelier_internal.spend_day(now());
    v_ends timestamptz := atelier_internal.period_end(p_budget.period, v_today)::timestamp at time zone atelier_internal.setting('quota_timezone');
    v_used record;
    v_said text := format('%s had no room for its worst price, %s %s.', atelier_internal.budget_name(p_budget), p_hold.amount, p_budget.currency);
    v_ahead bigint;
begin
    -- What others spend is for operators to know.
    if p_budget.client_id is not null or atelier_internal.is_operator() or atelier_internal.sees_all_clients() then
        select * into v_used from atelier_internal.budget_sums(p_budget, v_today);
        v_said := v_said || format(' Of %s, %s are spent and %s reserved.', p_budget.amount, v_used.spent, v_used.reserved);
    end if;
    if p_hold.amount > p_budget.amount then
        return row(p_job.state, p_job.reason, upper(left(v_said, 1)) || substr(v_said, 2) || ' That is more than the whole budget.',
            format('A larger budget: %s', atelier_internal.budget_command(p_budget, p_hold.amount || ' or more')), null, null)::atelier_internal.explanation;
    end if;
    select count(*) into v_ahead
      from (select from atelier_internal.budget_holds h
             where h.instance = p_hold.instance and h.budget_id = p_hold.budget_id and not h.returned and h.price_state = ''
               and (h.priority, h.job_id) < (p_hold.priority, p_hold.job_id) limit 100000) h;
    return row(p_job.state, p_job.reason, upper(left(v_said, 1)) || substr(v_said, 2),
        format('Room: the next %s begins at %s; calls under way may cost less than is reserved for them; %s gives more. The worker brings back what there is room for, by priority and age.',
               p_budget.period, v_ends, atelier_internal.budget_command(p_budget, '...')), v_ahead + 1, v_ends)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_room(atelier_internal.jobs, atelier_internal.budget_holds, atelier_internal.budgets) is
    'Why a budget has no room for a job, when it will, and how many are before it.';

create function atelier_internal.explain_money(p_job atelier_internal.jobs) returns atelier_internal.explanation
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold atelier_internal.budget_holds;
    v_budget atelier_internal.budgets;
    v_message text;
begin
    select * into v_hold from atelier_internal.budget_holds h where h.job_id = p_job.id and not h.returned;
    select * into v_budget from atelier_internal.budgets b where b.id = v_hold.budget_id;
    if v_hold.price_state = '' and v_budget.id is not null then
        return atelier_internal.explain_room(p_job, v_hold, v_budget);
    end if;
    select a.error_message into v_message from atelier_internal.attempts a
     where a.job_id = p_job.id and a.error_class = p_job.reason order by a.id desc limit 1;
    v_message := coalesce(v_message, 'a budget had no room for it');
    v_message := upper(left(v_message, 1)) || substr(v_message, 2) || '.';
    if v_budget.id is null then
        return row(p_job.state, p_job.reason, v_message || ' That budget is gone, or another one.', 'The worker brings it back.', null, null)::atelier_internal.explanation;
    end if;
    return row(p_job.state, p_job.reason, v_message,
        format('A price in %1$s of each unit that is charged, with the most that one call uses: INSERT INTO atelier.prices (provider, model, unit, price, per, currency, most_per_call) VALUES (%2$L, %3$L, ...); Input is bounded by the request itself, output_token by its parameter max_output_tokens. Or no budget: %4$s',
               v_budget.currency, v_hold.provider, v_hold.model, atelier_internal.budget_command(v_budget, 'null')), null, null)::atelier_internal.explanation;
end
$$;
comment on function atelier_internal.explain_money(atelier_internal.jobs) is 'Why a job is held for a budget or a price, and what releases it.';
