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
               'object', atelier_internal.object_reference(i.store, i.s3_bucket, i.s3_key),
               'limits', jsonb_build_object(
                   'max_bytes', case when l.input ? 'expect' then atelier_internal.max_image_bytes() else 41943040 end,
                   'max_pixels', 50000000))
               || case when l.input ? 'expect' then jsonb_build_object('expect', l.input -> 'expect') else '{}' end end,
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
declare
    v_refused uuid[];
begin
    with failed as (
        update atelier.images i
           set status = 'failed',
               error_class = coalesce(f.error_class, case f.state when 'cancelled' then 'cancelled' else 'worker_lost' end),
               error_message = coalesce(f.error_message, 'the inspection ended as ' || f.state)
          from unnest(p_failures) as f
         where i.id = f.subject_id and i.job_id = f.job_id and i.status = 'pending'
        returning i.id, i.store, f.job_id
    ), refused as (
        update atelier.uploads u set rejected_at = now()
          from failed f
         where u.image_id = f.id and atelier_internal.is_store(f.store)
           -- Only who has read the bytes can say that they are wrong: not a store that was not asked, or did not answer.
           and (select a.sent and a.error_class = 'invalid_request' from atelier_internal.attempts a
                 where a.job_id = f.job_id order by a.id desc limit 1)
        returning u.image_id
    )
    select coalesce(array_agg(r.image_id), '{}') into v_refused from refused r;
    -- Before that, whoever has the address could put it there again.
    perform atelier_internal.queue_deletions(
                array_agg(row(i.store, i.s3_bucket, i.s3_key, null)::atelier_internal.deletion_request), 'the upload was refused',
                greatest(interval '1 second', u.expires_at + interval '1 minute' - now()))
       from atelier.uploads u
       join atelier.images i on i.id = u.image_id
      where u.image_id = any (v_refused)
      group by u.expires_at;
end
$$;
comment on function atelier_internal.fail_inspect_image(atelier_internal.failure[]) is
    'Marks the images failed, with class and reason. The object of an upload that is not what was announced is deleted when its address has expired.';
