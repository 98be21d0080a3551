-- Pipeline delete_object: objects that no row refers to, such as those of late answers.

create function atelier_internal.prepare_delete_object(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    -- The engine alone writes below clients/<id>/generated/, and register_image refuses keys there: between this look and the
    -- deletion no row can come to hold the key.
    return query
    select l.job_id,
           case when i.id is null then jsonb_build_object(
               'objects', jsonb_build_array(jsonb_build_object('store', l.input -> 'store', 'key', l.input -> 'key'))) end,
           case when i.id is not null then 'cancelled' end,
           case when i.id is not null then 'an image refers to the object' end
      from unnest(p_leases) as l
      left join atelier.images i on i.store = l.input ->> 'store' and i.s3_bucket = coalesce(l.input ->> 'bucket', '') and i.s3_key = l.input ->> 'key';
end
$$;
comment on function atelier_internal.prepare_delete_object(atelier_internal.lease[]) is
    'Builds the orders to delete objects, input {store, bucket, key}; a key that an image refers to is left alone and its job ends as cancelled.';
