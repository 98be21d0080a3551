create table atelier.prices (
    provider text not null,
    model text not null default '',
    unit text not null,
    price numeric not null,
    per bigint not null default 1,
    currency text not null default 'USD',
    since timestamptz not null default now(),
    entered_at timestamptz not null default now(),
    entered_by text not null default current_user,
    most_per_call numeric,
    primary key (provider, model, unit, since),
    constraint valid_price check (price >= 0 and price < 'Infinity'),
    constraint valid_per check (per > 0),
    constraint valid_currency check (currency ~ '^[A-Z]{3}$'),
    constraint valid_since check (isfinite(since)),
    constraint valid_most_per_call check (most_per_call >= 0 and most_per_call < 'Infinity')
);
comment on table atelier.prices is
    'What providers charge, filled by the DBA. A unit without a row in force costs an unknown amount, which is not 0. A changed price is a new row with a later since.';
comment on column atelier.prices.provider is 'Name of the provider.';
comment on column atelier.prices.model is 'Model; empty: every model of the provider that has no row of its own for the unit.';
comment on column atelier.prices.unit is 'What is counted, as in atelier.usage_ledger: image, input_token, cached_input_token, output_token, ...';
comment on column atelier.prices.price is 'Price in currency; 0 for a unit that is not charged.';
comment on column atelier.prices.per is 'How many units the price is for, such as 1000000 tokens.';
comment on column atelier.prices.currency is 'ISO 4217 code.';
comment on column atelier.prices.since is 'From when on it holds, until a later row of the same provider, model and unit.';
comment on column atelier.prices.entered_at is 'When it was entered.';
comment on column atelier.prices.entered_by is 'Database role that entered it.';
comment on column atelier.prices.most_per_call is
    'Most units that one call can use, such as the output limit of the model: budgets reserve their price before the call. Null: as the request says, where it says it (see atelier.set_budget()).';

-- What waits for a budget may wait for a price.
create trigger note_wake after insert or update or delete on atelier.prices
    for each statement execute function atelier_internal.note_wake();

create function atelier_internal.price_usage(p_provider text, p_model text, p_usage jsonb, p_at timestamptz)
    returns table (unit text, quantity numeric, cost numeric, currency text)
    language sql stable rows 4 set search_path = pg_catalog, pg_temp
begin atomic
    select u.unit, u.quantity,
           case when u.is_priced then u.cost else trim_scale(u.quantity * r.price / r.per) end,
           case when u.is_priced then u.currency else r.currency end
      from (select e.*, e.cost is not null and e.currency is not null as is_priced
              from jsonb_to_recordset(case jsonb_typeof(p_usage) when 'array' then p_usage else '[]' end)
                as e (unit text, quantity numeric, cost numeric, currency text)) u
      left join lateral (
           select p.price, p.per, p.currency from atelier.prices p
            where p.provider = p_provider and p.model in (p_model, '') and p.unit = u.unit and p.since <= p_at
            order by p.model = p_model desc, p.since desc
            limit 1) r on not u.is_priced;
end;
comment on function atelier_internal.price_usage(text, text, jsonb, timestamptz) is
    'Prices the entries of a usage array with the rows of atelier.prices in force at a time: those of the exact model before those of any. Cost and currency are null where no row is. Entries that carry both keep them.';
