-- Quotas: what a client may ask for in a day and a month, and what it has asked for.

create table atelier_internal.tiers (
    name text not null,
    daily_generations integer,
    monthly_generations integer,
    description text,
    built_in boolean not null default false,
    constraint tiers_pkey primary key (name, built_in),
    constraint valid_name check (char_length(name) between 1 and 63 and name = btrim(name)),
    constraint valid_daily_generations check (daily_generations >= 0),
    constraint valid_monthly_generations check (monthly_generations >= 0),
    constraint valid_description check (char_length(description) <= 1000)
);
comment on table atelier_internal.tiers is 'The tiers of clients. A row that is not built_in stands before the built-in one of the same name.';
comment on column atelier_internal.tiers.name is 'Name of the tier, 1 to 63 characters.';
comment on column atelier_internal.tiers.daily_generations is 'Generations a day; null: as many as wanted.';
comment on column atelier_internal.tiers.monthly_generations is 'Generations a month; null: as many as wanted.';
comment on column atelier_internal.tiers.description is 'What it is for, in plain words.';
comment on column atelier_internal.tiers.built_in is 'Written by the extension script; excluded from dumps.';

insert into atelier_internal.tiers (name, daily_generations, monthly_generations, description, built_in) values
    ('free', 100, null, 'For trying it out.', true),
    ('enterprise', null, null, 'Without limits.', true)
on conflict on constraint tiers_pkey do update
    set daily_generations = excluded.daily_generations, monthly_generations = excluded.monthly_generations, description = excluded.description;

create view atelier.tiers with (security_invoker, security_barrier) as
select distinct on (t.name) t.name, t.daily_generations, t.monthly_generations, t.description, t.built_in
  from atelier_internal.tiers t
 order by t.name, t.built_in;
comment on view atelier.tiers is 'The tiers of clients with their limits. atelier.set_tier() makes and changes them, atelier.set_client_tier() gives one to a client.';
comment on column atelier.tiers.name is 'Name of the tier.';
comment on column atelier.tiers.daily_generations is 'Generations a day; null: as many as wanted.';
comment on column atelier.tiers.monthly_generations is 'Generations a month; null: as many as wanted.';
comment on column atelier.tiers.description is 'What it is for, in plain words.';
comment on column atelier.tiers.built_in is 'Whether it is as the extension ships it.';

create table atelier_internal.usage_counts (
    client_id uuid not null,
    period text not null,
    starts date not null,
    slot integer not null,
    used bigint not null,
    constraint usage_counts_pkey primary key (client_id, period, starts, slot),
    constraint usage_counts_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint valid_period check (period in ('day', 'month'))
) with (fillfactor = 50);
comment on table atelier_internal.usage_counts is
    'Generations that clients have asked for, without those that failed or were cancelled. The sum over the slots counts; one slot alone may be negative.';
comment on column atelier_internal.usage_counts.client_id is 'The client.';
comment on column atelier_internal.usage_counts.period is 'day or month.';
comment on column atelier_internal.usage_counts.starts is 'First day of the period, in pg_atelier.quota_timezone.';
comment on column atelier_internal.usage_counts.slot is
    '0 where clients with a limit are counted, one after the other; else the backend that counts or gives back, so that nobody waits: -1 is the worker.';
comment on column atelier_internal.usage_counts.used is 'What was counted less what was given back.';

create function atelier_internal.quota_periods() returns table (period text, starts date, resets_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.period, p.starts, p.ends at time zone z.name
      from (select atelier_internal.setting('quota_timezone')) as z (name)
     cross join lateral (select now() at time zone z.name) as t (today)
     cross join lateral (values ('day', t.today::date, date_trunc('day', t.today) + interval '1 day'),
                                ('month', date_trunc('month', t.today)::date, date_trunc('month', t.today) + interval '1 month')) as p (period, starts, ends)
$$;
comment on function atelier_internal.quota_periods() is
    'The day and the month of this transaction in pg_atelier.quota_timezone: their first days, and when they end.';

create view atelier_internal.quotas with (security_invoker, security_barrier) as
select c.id as client_id, c.tier, t.name is not null as tier_exists, p.period, p.starts,
       (select coalesce(sum(u.used), 0) from atelier_internal.usage_counts u
         where u.client_id = c.id and u.period = p.period and u.starts = p.starts)::bigint as used,
       case when t.name is null then 0
            when p.period = 'day' then coalesce(c.daily_generations, t.daily_generations)
            else least(t.monthly_generations, case when m.own < 9223372036854775807 then m.own end) end::bigint as allowed,
       p.resets_at
  from atelier.clients c
 cross join atelier_internal.quota_periods() as p
  left join atelier.tiers t on t.name = c.tier
 cross join lateral (select (c.settings ->> 'monthlyGenerationLimit')::numeric) as m (own);
comment on view atelier_internal.quotas is 'What each client has used of its day and its month, and what it may use.';
comment on column atelier_internal.quotas.client_id is 'The client.';
comment on column atelier_internal.quotas.tier is 'Its tier.';
comment on column atelier_internal.quotas.tier_exists is 'Whether there is such a tier.';
comment on column atelier_internal.quotas.period is 'day or month.';
comment on column atelier_internal.quotas.starts is 'First day of the period, in pg_atelier.quota_timezone.';
comment on column atelier_internal.quotas.used is 'Generations asked for in it, without those that failed or were cancelled.';
comment on column atelier_internal.quotas.allowed is
    'The limit: by day that of the client, else of its tier; by month the lower one of its tier and of its setting monthlyGenerationLimit. null: none; 0 where the tier does not exist.';
comment on column atelier_internal.quotas.resets_at is 'When the next period begins.';
