-- Pipeline inspect_image: what a registered object really is.

create function atelier_internal.prepare_inspect_image(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    -- Bytes and pixels are bounded, so that one photo cannot fill memory or time of the child that decodes it.
    return query
    select l.job_id,
           case when i.id is not null then jsonb_build_object(
               'object', jsonb_build_object('store', i.store, 'key', i.s3_key),
               'limits', jsonb_build_object('max_bytes', 41943040, 'max_pixels', 50000000)) end,
           case when i.id is null then 'cancelled' end,
           case when i.id is null then 'the image was removed' end
      from unnest(p_leases) as l
      left join atelier.images i on i.id = l.subject_id and i.job_id = l.job_id and i.status = 'pending';
end
$$;
comment on function atelier_internal.prepare_inspect_image(atelier_internal.lease[]) is 'Builds the orders to measure and hash the objects.';

create function atelier_internal.settle_inspect_image(p_settlements atelier_internal.settlement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    update atelier.images i
       set status = 'ready', width = (s.result ->> 'width')::integer, height = (s.result ->> 'height')::integer,
           file_size = (s.result ->> 'size')::bigint, mime_type = s.result ->> 'mime', sha256 = s.result ->> 'sha256'
      from unnest(p_settlements) as s
     where i.id = s.subject_id and i.job_id = s.job_id and i.status = 'pending';
end
$$;
comment on function atelier_internal.settle_inspect_image(atelier_internal.settlement[]) is 'Records what was measured; the images are ready.';

create function atelier_internal.fail_inspect_image(p_failures atelier_internal.failure[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    update atelier.images i
       set status = 'failed',
           error_class = coalesce(f.error_class, case f.state when 'cancelled' then 'cancelled' else 'worker_lost' end),
           error_message = coalesce(f.error_message, 'the inspection ended as ' || f.state)
      from unnest(p_failures) as f
     where i.id = f.subject_id and i.job_id = f.job_id and i.status = 'pending';
end
$$;
comment on function atelier_internal.fail_inspect_image(atelier_internal.failure[]) is 'Marks the images failed, with class and reason.';
