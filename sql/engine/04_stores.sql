-- A store holds the bytes of pictures: the embedded one is named file, every other one is a foreign server of atelier_s3.

create function atelier_internal.is_store(p_store text) returns boolean
    language sql stable strict parallel safe set search_path = pg_catalog, pg_temp
begin atomic
    select p_store = 'file' or not atelier_internal.is_embedded(p_store)
           and exists (select from atelier_internal.provider_servers s where s.name = p_store and s.kind = 's3');
end;
comment on function atelier_internal.is_store(text) is 'Whether objects can be put there: the store file, or a foreign server of atelier_s3.';

create function atelier_internal.is_photo_library(p_provider text) returns boolean
    language sql stable strict parallel safe set search_path = pg_catalog, pg_temp
begin atomic
    select exists (select from atelier_internal.provider_servers s where s.name = p_provider and s.kind = 'unsplash')
           and not atelier_internal.is_embedded(p_provider);
end;
comment on function atelier_internal.is_photo_library(text) is
    'Whether it is a foreign server of atelier_unsplash: its photos are shown from where they are, nothing is put there or deleted.';

create function atelier_internal.stays_elsewhere(p_store text, p_bucket text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return p_store <> 'file' and coalesce(p_bucket, '') = '';
comment on function atelier_internal.stays_elsewhere(text, text) is
    'Whether an image is a photo at its library, of which no object is ours, also when that server was dropped: every object in a store of atelier_s3 is in a bucket.';

create function atelier_internal.is_action_lane(p_provider text) returns boolean
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
    return p_provider in ('sql', 'http');
comment on function atelier_internal.is_action_lane(text) is
    'Whether this is no provider, but what stands in its place for functions of users (sql) and for requests to addresses of users (http).';

-- Asked in every lease and settle: in PL/pgSQL its plan is kept.
create function atelier_internal.is_paid(p_provider text) returns boolean
    language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return not atelier_internal.is_embedded(p_provider) and not atelier_internal.is_action_lane(p_provider)
       and not exists (select from atelier_internal.provider_servers s where s.name = p_provider and s.kind in ('s3', 'unsplash'));
end
$$;
comment on function atelier_internal.is_paid(text) is
    'Whether an attempt there may be billed, so that it is never simply done again. True also for a name that means nothing any more.';

create function atelier_internal.store_bucket(p_store text) returns text
    language sql stable parallel safe set search_path = pg_catalog, pg_temp
    return coalesce(atelier_internal.provider_option(p_store, 'bucket'), '');
comment on function atelier_internal.store_bucket(text) is 'Where new objects of a store go; empty for the store file, which has no buckets.';

create function atelier_internal.stores_at(p_store text) returns text[]
    language sql stable parallel safe set search_path = pg_catalog, pg_temp
begin atomic
    select array(select p_store
                 union
                 select s.name from atelier_internal.provider_servers s
                  where s.kind = 's3' and not atelier_internal.is_embedded(p_store)
                    and lower(rtrim(atelier_internal.provider_option(s.name, 'endpoint'), '/'))
                        = lower(rtrim(atelier_internal.provider_option(p_store, 'endpoint'), '/'))
                  order by 1);
end;
comment on function atelier_internal.stores_at(text) is
    'The stores with the endpoint of this one, itself included: what has the same bucket and key in one of them is the same object.';

create function atelier_internal.object_reference(p_store text, p_bucket text, p_key text) returns jsonb
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
    return jsonb_build_object('store', p_store, 'key', p_key)
           || case when coalesce(p_bucket, '') = '' then '{}' else jsonb_build_object('bucket', p_bucket) end;
comment on function atelier_internal.object_reference(text, text, text) is
    'How orders and answers name an object: {store, bucket, key}, without a bucket where the store has none.';

create function atelier_internal.require_store(p_store text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_usable text;
begin
    if atelier_internal.is_store(p_store) then
        perform atelier_internal.require_provider(p_store);
        return;
    elsif atelier_internal.is_photo_library(p_store) then
        raise exception 'server "%" is no store: its photos stay where they are', p_store
            using errcode = 'wrong_object_type', hint = 'atelier.import_unsplash() makes one of them an inspiration.';
    end if;
    select string_agg(s.name, ', ' order by s.name) into v_usable
      from atelier_internal.provider_servers s
     where s.kind = 's3' and has_server_privilege(atelier_internal.caller(), s.server_id, 'usage');
    raise exception 'store "%" does not exist', coalesce(left(p_store, 200), '')
        using errcode = 'undefined_object',
              hint = case when v_usable is not null then format('You may use: file, %s.', v_usable)
                          else format('You may use: file. A DBA makes a store with CREATE SERVER %I FOREIGN DATA WRAPPER atelier_s3 '
                                      'OPTIONS (bucket ''...''), and grants USAGE on it.', coalesce(nullif(left(p_store, 63), ''), 'media')) end;
end
$$;
comment on function atelier_internal.require_store(text) is
    'Raises 42704 for what does not exist as a store, 42809 for a library of photos, 42501 when the caller has no USAGE on its foreign server.';
