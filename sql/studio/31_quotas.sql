-- Counting what is asked for against the limits of the client, and giving back what came to nothing.

create function atelier_internal.refuse_over_quota(p_client_id uuid, p_asked bigint, p_counted bigint) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_quota record;
    v_word text;
begin
    select q.*, q.used - p_counted as before into v_quota
      from atelier_internal.quotas q
     where q.client_id = p_client_id and q.used - p_counted + p_asked > q.allowed
     order by q.tier_exists, q.resets_at desc limit 1;
    if not found then
        return;
    elsif not v_quota.tier_exists then
        raise exception 'tier "%" does not exist', v_quota.tier
            using errcode = 'undefined_object', detail = format('It is the tier of client %s.', p_client_id),
                  hint = 'atelier.set_tier() makes it, atelier.set_client_tier() gives the client another one; SELECT name FROM atelier.tiers lists them.';
    end if;
    v_word := case v_quota.period when 'day' then 'today' else 'this month' end;
    raise exception 'generation limit of the % exceeded', v_quota.period
        using errcode = 'configuration_limit_exceeded',
              detail = format('Client %s used %s of %s generations %s and asks for %s.', p_client_id, v_quota.before, v_quota.allowed, v_word, p_asked),
              hint = case when p_asked > v_quota.allowed and v_quota.allowed > 0 then format('Ask for at most %s at once. ', v_quota.allowed) else '' end
                     || format('The next %s begins at %s. Generations that fail or are cancelled are given back; atelier.quota_status() tells what is left.',
                               v_quota.period, to_char(v_quota.resets_at, 'YYYY-MM-DD"T"HH24:MI:SSOF'));
end
$$;
comment on function atelier_internal.refuse_over_quota(uuid, bigint, bigint) is
    'Raises 53400, with the time of reset, when so many generations are more than the limits of the client leave; p_counted of them have been counted already. 42704 when its tier does not exist.';

create function atelier_internal.count_generations(p_client_id uuid, p_count bigint) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_periods record;
begin
    select min(q.starts) filter (where q.period = 'day') as day, min(q.starts) filter (where q.period = 'month') as month,
           bool_or(q.allowed is not null) as limited
      into v_periods
      from atelier_internal.quotas q where q.client_id = p_client_id;
    -- The lock of slot 0 lets transactions with a limit come one after the other, each judging by what the one before left.
    insert into atelier_internal.usage_counts as u (client_id, period, starts, slot, used)
    select p_client_id, p.period, p.starts, case when v_periods.limited then 0 else atelier_internal.own_slot() end, p_count
      from (values ('day', v_periods.day), ('month', v_periods.month)) as p (period, starts)
     where p_count > 0
    on conflict on constraint usage_counts_pkey do update set used = u.used + excluded.used;
    if v_periods.limited then
        perform atelier_internal.refuse_over_quota(p_client_id, p_count, p_count);
    end if;
    return jsonb_build_object('day', v_periods.day, 'month', v_periods.month);
end
$$;
comment on function atelier_internal.count_generations(uuid, bigint) is
    'Counts generations of a client in its day and month, which give_back_generations() has to be told: the answer says which. A client with a limit waits until other transactions that ask for it have ended. 53400 when a limit is reached, 40001 in a transaction whose snapshot does not show what others counted.';

create function atelier_internal.give_back_generations(p_client_ids uuid[], p_counted jsonb[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    with returned as materialized (
        select r.client_id, p.period, (r.counted ->> p.period)::date as starts, count(*) as units
          from unnest(p_client_ids, p_counted) as r (client_id, counted)
         cross join (values ('day'), ('month')) as p (period)
         where r.counted ->> p.period is not null
         group by 1, 2, 3
    )
    -- What is not known any more, the client itself included, needs nothing back.
    insert into atelier_internal.usage_counts as u (client_id, period, starts, slot, used)
    select r.client_id, r.period, r.starts, atelier_internal.own_slot(), - r.units
      from returned r
     cross join lateral (select from atelier_internal.usage_counts k
                          where k.client_id = r.client_id and k.period = r.period and k.starts = r.starts limit 1) as known
     order by r.client_id, r.period, r.starts
    on conflict on constraint usage_counts_pkey do update set used = u.used + excluded.used;
end
$$;
comment on function atelier_internal.give_back_generations(uuid[], jsonb[]) is
    'Gives one generation each back to the day and month that count_generations() named. In a slot of its own, so that it waits for nobody.';

create function atelier.quota_status(client_id uuid) returns table (period text, used bigint, allowed bigint, resets_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform atelier_internal.require_client(quota_status.client_id);
    return query
        select q.period, q.used, q.allowed, q.resets_at
          from atelier_internal.quotas q where q.client_id = quota_status.client_id order by q.resets_at, q.period;
end
$$;
comment on function atelier.quota_status(uuid) is
    'What a client has used of its day and its month in pg_atelier.quota_timezone, what it may use (null: as much as it wants), and when the next one begins. Generations count when they are submitted; those that fail or are cancelled are given back. 22004 NULL, 23503 unknown client.';

create function atelier_internal.require_limit(p_name text, p_limit integer) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_limit < 0 then
        raise exception '% must not be negative', p_name
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', p_limit), hint = '0 allows nothing, null sets no limit.';
    end if;
end
$$;
comment on function atelier_internal.require_limit(text, integer) is 'Raises 22023 for a negative limit.';

create function atelier.set_tier(name text, daily_generations integer, monthly_generations integer, description text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
    perform atelier_internal.require('name', name is not null);
    perform atelier_internal.require_limit('daily_generations', daily_generations);
    perform atelier_internal.require_limit('monthly_generations', monthly_generations);
    if name <> btrim(name) or char_length(name) not between 1 and 63 then
        raise exception 'name must have 1 to 63 characters, none of them a space at its ends'
            using errcode = 'invalid_parameter_value', hint = 'Give the tier a name such as "team".';
    elsif char_length(description) > 1000 then
        raise exception 'description must not have more than 1000 characters'
            using errcode = 'invalid_parameter_value', hint = 'Say in a sentence what the tier is for.';
    end if;
    insert into atelier_internal.tiers as t (name, daily_generations, monthly_generations, description)
    values (name, daily_generations, monthly_generations,
            coalesce(description, (select v.description from atelier.tiers v where v.name = set_tier.name)))
    on conflict on constraint tiers_pkey do update
       set daily_generations = excluded.daily_generations, monthly_generations = excluded.monthly_generations,
           description = coalesce(set_tier.description, t.description);
    perform atelier_internal.audit('tier.set', 'tier', null, null, jsonb_build_object(
        'name', name, 'dailyGenerations', daily_generations, 'monthlyGenerations', monthly_generations));
end
$$;
comment on function atelier.set_tier(text, integer, integer, text) is
    'Makes a tier, or changes the limits of one, also of a built-in one: generations a day and a month, null for as many as wanted. They hold for what is asked for from the commit on. description null leaves it as it is. 22004 or 22023 for a bad value.';

create function atelier.set_client_tier(client_id uuid, tier text, daily_generations integer default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
    perform atelier_internal.lock_client(client_id);
    perform atelier_internal.require('tier', tier is not null);
    perform atelier_internal.require_limit('daily_generations', daily_generations);
    if not exists (select from atelier_internal.tiers t where t.name = tier) then
        raise exception 'tier "%" does not exist', left(tier, 200)
            using errcode = 'undefined_object', hint = 'SELECT name FROM atelier.tiers lists them, atelier.set_tier() makes one.';
    end if;
    update atelier.clients c set tier = tier, daily_generations = daily_generations where c.id = client_id;
    perform atelier_internal.audit('client.tier_set', 'client', client_id, client_id, jsonb_build_object(
        'tier', tier, 'dailyGenerations', daily_generations));
end
$$;
comment on function atelier.set_client_tier(uuid, text, integer) is
    'Gives a client a tier; daily_generations replaces the limit a day of the tier for this client alone, null takes such a limit away. What was used so far counts on. 22004 or 22023 for a bad value, 23503 unknown client, 42704 unknown tier.';
