-- A caller that does not know whether its request arrived asks again with the same key, and is given what the first call made.

create table atelier_internal.idempotency_keys (
    client_id uuid not null,
    key text not null,
    input_hash bytea not null,
    asset_id uuid not null,
    job_id uuid,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (client_id, key),
    constraint valid_key check (char_length(key) between 1 and 200)
);
create index idempotency_keys_expire on atelier_internal.idempotency_keys (expires_at);
comment on table atelier_internal.idempotency_keys is
    'Which request stands behind a key of a client. A key that has expired may stand for another one; the worker removes it.';
comment on column atelier_internal.idempotency_keys.client_id is 'The client, as tenant_of() gives it.';
comment on column atelier_internal.idempotency_keys.key is 'The key, of the client''s choice.';
comment on column atelier_internal.idempotency_keys.input_hash is 'SHA-256 of what was asked for with it.';
comment on column atelier_internal.idempotency_keys.asset_id is 'The asset that came of it; for a job of a pipeline of users, an id of nothing else.';
comment on column atelier_internal.idempotency_keys.job_id is 'The job that came of it; null: a draft, or the call is still under way.';
comment on column atelier_internal.idempotency_keys.created_at is 'When the key was first used for it.';
comment on column atelier_internal.idempotency_keys.expires_at is 'Until when it stands for that: pg_atelier.idempotency_ttl later.';

create type atelier_internal.keyed_call as (place integer, key text, input_hash bytea, asset_id uuid, repeated boolean);
comment on type atelier_internal.keyed_call is
    'A call with an idempotency key, or null for none, and the asset that it makes. Repeated: an earlier call made asset_id. Place: where it stands among several; null for one that stands alone.';

create function atelier_internal.input_hash(p_input jsonb) returns bytea
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return sha256(convert_to(p_input::text, 'UTF8'));
comment on function atelier_internal.input_hash(jsonb) is 'What tells one input from another.';

create function atelier_internal.require_key(p_name text, p_key text, p_hint text) returns void
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if char_length(p_key) not between 1 and 200 then
        raise exception '% must have 1 to 200 characters', p_name using errcode = 'invalid_parameter_value', hint = p_hint;
    end if;
end
$$;
comment on function atelier_internal.require_key(text, text, text) is 'Raises 22023, with that hint, for a key of an application that is empty or too long.';

create function atelier_internal.require_idempotency_key(p_key text) returns void
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
begin atomic
    select atelier_internal.require_key('idempotency_key', p_key, 'Use a UUID, or the id of what the request is for.');
end;
comment on function atelier_internal.require_idempotency_key(text) is 'Raises 22023 for a key that is empty or too long.';

create function atelier_internal.refuse_other_input(p_call atelier_internal.keyed_call, p_earlier text) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '%', coalesce('request ' || p_call.place || ': ', '') || format('idempotency_key "%s" stands for another request', p_call.key)
        using errcode = 'unique_violation', detail = p_earlier,
              hint = 'Use a new key for a new request. A request that is repeated has the same input in every word; times count, so compute them once.';
end
$$;
comment on function atelier_internal.refuse_other_input(atelier_internal.keyed_call, text) is 'Raises 23505: the key was used with other input before.';

create function atelier_internal.win_keys(p_client_id uuid, p_calls atelier_internal.keyed_call[]) returns atelier_internal.idempotency_keys[]
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_expires timestamptz := now() + atelier_internal.setting('idempotency_ttl')::interval;
    -- In the order of the keys: of two calls with several, none waits for the other.
    v_open atelier_internal.keyed_call[] := array(
        select distinct on (c.key) c from unnest(p_calls) c where c.key is not null order by c.key, c.place);
    v_keys text[] := array(select o.key from unnest(v_open) o order by o.key);
    v_new text[];
    v_late text[];
    v_known atelier_internal.idempotency_keys[];
    v_met atelier_internal.idempotency_keys[] := '{}';
begin
    while v_keys <> '{}' loop
        -- Whoever comes second waits here until the first has committed, or wins when it rolls back.
        with won as (
            insert into atelier_internal.idempotency_keys (client_id, key, input_hash, asset_id, expires_at)
            select p_client_id, o.key, o.input_hash, o.asset_id, v_expires from unnest(v_open) o where o.key = any (v_keys) order by o.key
            on conflict on constraint idempotency_keys_pkey do nothing
            returning key)
        select array_agg(w.key) into v_new from won w;
        v_keys := array(select k.key from unnest(v_keys) k (key) where k.key <> all (coalesce(v_new, '{}')) order by k.key);
        exit when v_keys = '{}';

        perform from atelier_internal.idempotency_keys k
          where k.client_id = p_client_id and k.key = any (v_keys) and k.expires_at <= now() order by k.key for update;
        with taken as (
            update atelier_internal.idempotency_keys k
               set input_hash = o.input_hash, asset_id = o.asset_id, job_id = null, created_at = now(), expires_at = v_expires
              from unnest(v_open) o
             where k.client_id = p_client_id and k.key = any (v_keys) and k.key = o.key and k.expires_at <= now()
            returning k.key)
        select array_agg(t.key) into v_late from taken t;
        v_keys := array(select k.key from unnest(v_keys) k (key) where k.key <> all (coalesce(v_late, '{}')) order by k.key);

        v_known := array(select k from atelier_internal.idempotency_keys k where k.client_id = p_client_id and k.key = any (v_keys));
        v_met := v_met || v_known;
        -- A key that was there, and is gone by now, is free.
        v_keys := array(select k.key from unnest(v_keys) k (key)
                        except select m.key from unnest(v_known) m order by 1);
    end loop;
    return v_met;
end
$$;
comment on function atelier_internal.win_keys(uuid, atelier_internal.keyed_call[]) is
    'Takes the keys of calls that nobody has, and returns those that stand for an earlier call.';

create function atelier_internal.claim_keys(p_client_id uuid, p_calls atelier_internal.keyed_call[]) returns atelier_internal.keyed_call[]
    language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
    v_met atelier_internal.idempotency_keys[] := atelier_internal.win_keys(p_client_id, p_calls);
    v_other record;
begin
    select c as call, m.created_at into v_other
      from unnest(p_calls) c join unnest(v_met) m on m.key = c.key and m.input_hash <> c.input_hash
     order by c.place limit 1;
    if found then
        perform atelier_internal.refuse_other_input(v_other.call, format('It was used first at %s.', v_other.created_at));
    end if;
    select d.call, d.first into v_other
      from (select c as call, first_value(c.place) over w as first, first_value(c.input_hash) over w as input_hash
              from unnest(p_calls) c where c.key is not null
            window w as (partition by c.key order by c.place)) d
     where (d.call).input_hash <> d.input_hash
     order by (d.call).place limit 1;
    if found then
        perform atelier_internal.refuse_other_input(v_other.call, format('Request %s has it too.', v_other.first));
    end if;
    return array(
        select row(c.place, c.key, c.input_hash, coalesce(m.asset_id, c.first, c.asset_id), m.key is not null or coalesce(c.first <> c.asset_id, false))::atelier_internal.keyed_call
          from (select k.*, case when k.key is not null then first_value(k.asset_id) over (partition by k.key order by k.n) end as first
                  from unnest(p_calls) with ordinality as k (place, key, input_hash, asset_id, repeated, n)) c
          left join unnest(v_met) m on m.key = c.key
         order by c.n);
end
$$;
comment on function atelier_internal.claim_keys(uuid, atelier_internal.keyed_call[]) is
    'The calls, each with whether an earlier one with its key and input made its asset, and that asset. Waits for whoever is using one of the keys; 23505 for a key with other input, 40001 in a transaction whose snapshot does not show the earlier call.';

create function atelier_internal.claim_key(p_client_id uuid, p_key text, p_input jsonb, p_asset_id uuid) returns uuid
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_call atelier_internal.keyed_call;
begin
    if p_key is null then
        return null;
    end if;
    perform atelier_internal.require_idempotency_key(p_key);
    v_call := (atelier_internal.claim_keys(p_client_id, array[
        row(null, p_key, atelier_internal.input_hash(p_input), p_asset_id, false)::atelier_internal.keyed_call]))[1];
    return case when v_call.repeated then v_call.asset_id end;
end
$$;
comment on function atelier_internal.claim_key(uuid, text, jsonb, uuid) is
    'The asset that an earlier call with this key made; null: this is the first, or has no key. As claim_keys.';

create function atelier_internal.note_keyed_jobs(p_client_id uuid, p_keys text[], p_jobs uuid[]) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    update atelier_internal.idempotency_keys k set job_id = n.job_id
      from unnest(p_keys, p_jobs) as n (key, job_id)
     where k.client_id = p_client_id and k.key = n.key;
end
$$;
comment on function atelier_internal.note_keyed_jobs(uuid, text[], uuid[]) is 'Writes the jobs of first calls beside their keys.';

create function atelier_internal.forget_idempotency_keys() returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
    delete from atelier_internal.idempotency_keys k
     where k.ctid = any (array(
             select e.ctid from atelier_internal.idempotency_keys e
              where e.expires_at <= now() order by e.expires_at limit 1000000 for update skip locked));
end
$$;
comment on function atelier_internal.forget_idempotency_keys() is 'Removes keys that have expired, at most a million at once.';
