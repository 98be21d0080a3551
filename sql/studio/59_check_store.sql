-- Pipeline check_store: a store is listed page by page and compared with the rows that name its objects. Nothing is changed by it;
-- atelier.fsck_repair() is another step, asked for by somebody who has read what was found.

create function atelier_internal.check_grace() returns interval
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return interval '24 hours';
comment on function atelier_internal.check_grace() is 'Rows and objects younger than this are not compared: one of the two may be on its way.';

create function atelier_internal.client_of_key(p_key text) returns uuid
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return substring(p_key from '^clients/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/')::uuid;
comment on function atelier_internal.client_of_key(text) is
    'The client whose object has this key, as the engine and its applications name them; null: it is named otherwise, and may be anybody''s.';

create function atelier_internal.list_next_page(p_run uuid) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
    update atelier_internal.fsck_runs r
       set job_id = (atelier_internal.enqueue_jobs('check_store', array[row(r.id, null, r.store, null, '{}', null)::atelier_internal.job_request]))[1]
     where r.id = p_run and r.state = 'running';
end;
comment on function atelier_internal.list_next_page(uuid) is 'Makes the job that lists what a check looks at next. Its order is written when it is leased.';

create function atelier_internal.prepare_check_store(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp set jit = off
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select l.job_id,
           case when r.id is not null then jsonb_build_object('store', r.store, 'bucket', r.buckets[1], 'prefix', r.prefix, 'after', r.reached) end,
           case when r.id is null then 'cancelled' end,
           case when r.id is null then 'the check has ended' end
      from unnest(p_leases) as l
      left join atelier_internal.fsck_runs r on r.id = l.subject_id and r.job_id = l.job_id and r.state = 'running';
end
$$;
comment on function atelier_internal.prepare_check_store(atelier_internal.lease[]) is 'Builds the orders to list the next pages of checks.';

create function atelier_internal.rows_of_page(p_stores text[], p_bucket text, p_prefix text, p_after text, p_to text, p_most integer)
returns setof atelier.images
language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set enable_nestloop = on set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select i.*
      from unnest(p_stores) as s (name)
     cross join lateral (
           select r.* from atelier.images r
            where r.store = s.name and r.s3_bucket = p_bucket and r.s3_key > p_after
              -- Where no key of the prefix comes any more: there is no higher character.
              and r.s3_key <= coalesce(p_to, p_prefix || repeat(chr(1114111), 8)) and starts_with(r.s3_key, p_prefix)
            order by r.s3_key limit p_most) as i
     order by i.s3_key limit p_most;
end
$$;
comment on function atelier_internal.rows_of_page(text[], text, text, text, text, integer) is
    'The images whose objects are in a range of keys, in their order, at most p_most (null: all); p_to null: to the end.';

create function atelier_internal.without_live_attempt(p_keys text[]) returns text[]
language plpgsql stable
-- An array that the plan knows is looked into by hash: each job, and each key, is looked at once.
set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_pattern constant text := '/generated/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.';
    v_images uuid[] := array(select substring(k.key from v_pattern)::uuid from unnest(p_keys) as k (key));
    v_live uuid[] := array(select j.image_id from atelier_internal.jobs j where j.image_id = any (v_images));
begin
    return array(select k.key from unnest(p_keys) as k (key) where coalesce(substring(k.key from v_pattern)::uuid <> all (v_live), true));
end
$$;
comment on function atelier_internal.without_live_attempt(text[]) is
    'Those of the keys that are not of pictures of live jobs: a paid answer may wait in the spool for days with its picture stored already.';

create function atelier_internal.strays_among(p_store text, p_bucket text, p_keys text[]) returns text[]
language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set enable_nestloop = on
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_stores text[] := atelier_internal.stores_at(p_store);
    v_strays text[];
    v_elsewhere record;
begin
    v_strays := array(
        select k.key from unnest(p_keys) as k (key)
         where atelier_internal.client_of_key(k.key) is not null
           and not exists (
               select from atelier.images i
                where i.store = any (v_stores) and i.s3_bucket = p_bucket and i.s3_key = k.key
                  -- An upload that was refused keeps its row, to say why, but not its object.
                  and not exists (select from atelier.uploads u where u.image_id = i.id and u.rejected_at is not null))
           and not exists (select from atelier.images m where m.moving_to = any (v_stores) and m.s3_key = k.key)
           and not exists (select from atelier_internal.object_deletions d
                            where d.store = any (v_stores) and d.bucket = p_bucket and d.key = k.key));
    if v_strays = '{}' then
        return v_strays;
    end if;
    select h.* into v_elsewhere from atelier_internal.keys_held(v_stores, p_bucket, v_strays) as h;
    if v_elsewhere.problem is not null then
        return '{}';
    elsif v_elsewhere.held <> '{}' then
        v_strays := array(select k.key from unnest(v_strays) as k (key) where k.key <> all (v_elsewhere.held));
    end if;
    return atelier_internal.without_live_attempt(v_strays);
end
$$;
comment on function atelier_internal.strays_among(text, text, text[]) is
    'Those keys of clients that no row, of another extension neither, no move, upload, queued deletion or live job of this database knows; none while that cannot be said.';

create function atelier_internal.compare_page(p_run atelier_internal.fsck_runs, p_objects jsonb, p_to text)
returns setof atelier_internal.fsck_findings
language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_bucket text := p_run.buckets[1];
    v_old timestamptz := now() - atelier_internal.check_grace();
begin
    return query
    with listed as materialized (
        select o.key collate "C" as key, o.size, to_timestamp(o.modified) as modified_at
          from jsonb_to_recordset(p_objects) as o (key text, size bigint, modified double precision)
         where p_to is null or o.key collate "C" <= p_to
    ), strays as materialized (
        select k.key collate "C" as key
          from unnest(atelier_internal.strays_among(p_run.store, v_bucket, array(select l.key from listed l where l.modified_at < v_old))) as k (key)
    ), found as (
        select case when l.key is null then 'row_without_object' else 'size_differs' end as finding,
               i.s3_key as key, i.client_id, i.id as image_id, i.file_size as expected_size, l.size as found_size, l.modified_at
          from atelier_internal.rows_of_page(atelier_internal.stores_at(p_run.store), v_bucket, p_run.prefix, p_run.reached, p_to, null) as i
          left join listed l on l.key = i.s3_key
         where i.created_at < v_old
           and case when l.key is not null then i.status = 'ready' and l.size <> i.file_size
                    else i.status = 'ready' or i.status = 'deleting' and not exists (
                             select from atelier_internal.object_deletions d where d.store = i.store and d.bucket = v_bucket and d.key = i.s3_key) end
        union all
        (select distinct on (h.key) case when l.key is null then 'row_without_object' else 'size_differs' end,
                h.key, h.client_id, null::uuid, h.size, l.size, l.modified_at
           from atelier_internal.rows_held(atelier_internal.stores_at(p_run.store), v_bucket, p_run.prefix, p_run.reached, p_to, v_old, null) as h
           left join listed l on l.key = h.key collate "C"
          where l.key is null or l.size <> h.size
          order by h.key)
        union all
        -- Another database may keep its objects in the same place: whom this one does not know is not its to judge.
        select case when c.id is null then 'object_of_unknown_client' else 'object_without_row' end,
               l.key, atelier_internal.client_of_key(l.key), null, null, l.size, l.modified_at
          from strays s
          join listed l on l.key = s.key
          left join atelier.clients c on c.id = atelier_internal.client_of_key(l.key)
    )
    select null::bigint, p_run.id, false, f.finding, v_bucket, f.key::text, f.client_id, f.image_id, f.expected_size, f.found_size,
           f.modified_at, null::timestamptz
      from found f;
end
$$;
comment on function atelier_internal.compare_page(atelier_internal.fsck_runs, jsonb, text) is
    'What is wrong between the key that a check has reached and p_to (null: the end of its bucket), given the objects that are there.';

create function atelier_internal.settle_page(p_run atelier_internal.fsck_runs, p_result jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp set jit = off set enable_nestloop = off set enable_seqscan = off
as $$
declare
    v_most constant integer := 5000;
    v_to text := p_result ->> 'next';
    v_row_limit text;
    v_found atelier_internal.fsck_findings[];
    v_is_done boolean;
begin
    -- Of a bucket that lost its objects one page may stand for all rows.
    v_row_limit := least(
        (select max(i.s3_key)
           from atelier_internal.rows_of_page(atelier_internal.stores_at(p_run.store), p_run.buckets[1], p_run.prefix, p_run.reached, v_to, v_most) as i
         having count(*) = v_most),
        (select min(k.key)
           from (select h.key collate "C" as key, row_number() over (order by h.key collate "C") as place
                   from atelier_internal.rows_held(atelier_internal.stores_at(p_run.store), p_run.buckets[1], p_run.prefix, p_run.reached, v_to,
                                                   now() - atelier_internal.check_grace(), v_most) as h) as k
          where k.place = v_most));
    -- What the second look sees beyond the first one was not looked at twice.
    v_to := least(v_to collate "C", v_row_limit, case when p_run.second_look then p_run.second_look_to end);
    v_found := array(select f from atelier_internal.compare_page(p_run, p_result -> 'objects', v_to) as f);

    if not p_run.second_look and v_found <> '{}' then
        insert into atelier_internal.fsck_findings
            (run_id, finding, bucket, key, client_id, image_id, expected_size, found_size, modified_at)
        select f.run_id, f.finding, f.bucket, f.key, f.client_id, f.image_id, f.expected_size, f.found_size, f.modified_at
          from unnest(v_found) as f;
        update atelier_internal.fsck_runs r set second_look = true, second_look_to = v_to where r.id = p_run.id;
        return;
    end if;
    update atelier_internal.fsck_findings n set confirmed = true
      from unnest(v_found) as f
     where n.run_id = p_run.id and not n.confirmed and n.bucket = f.bucket and n.key = f.key and n.finding = f.finding
       and n.image_id is not distinct from f.image_id;
    delete from atelier_internal.fsck_findings n where n.run_id = p_run.id and not n.confirmed;

    v_is_done := v_to is null and cardinality(p_run.buckets) = 1;
    update atelier_internal.fsck_runs r
       set pages = r.pages + 1, objects = r.objects + s.objects, bytes = r.bytes + s.bytes,
           second_look = false, second_look_to = null, reached = coalesce(v_to, ''),
           buckets = case when v_to is null then r.buckets[2:] else r.buckets end,
           state = case when v_is_done then 'completed' else 'running' end,
           ended_at = case when v_is_done then now() end
      from (select count(*) as objects, coalesce(sum(o.size), 0) as bytes
              from jsonb_to_recordset(p_result -> 'objects') as o (key text, size bigint)
             where v_to is null or o.key collate "C" <= v_to) as s
     where r.id = p_run.id;
end
$$;
comment on function atelier_internal.settle_page(atelier_internal.fsck_runs, jsonb) is
    'Compares one page of a store with the rows of its range; where something looks wrong, the same page is to be listed again, and counts then.';

create function atelier_internal.settle_check_store(p_settlements atelier_internal.settlement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
declare
    v_settlement atelier_internal.settlement;
    v_run atelier_internal.fsck_runs;
begin
    foreach v_settlement in array p_settlements loop
        select r.* into v_run from atelier_internal.fsck_runs r
         where r.id = v_settlement.subject_id and r.job_id = v_settlement.job_id and r.state = 'running' for update;
        continue when not found;
        perform atelier_internal.settle_page(v_run, v_settlement.result);
        update atelier_internal.fsck_runs r set job_id = null where r.id = v_run.id;
        perform atelier_internal.list_next_page(v_run.id);
    end loop;
end
$$;
comment on function atelier_internal.settle_check_store(atelier_internal.settlement[]) is
    'Compares the pages that were listed, and has the next ones listed, until nothing is left.';

create function atelier_internal.fail_check_store(p_failures atelier_internal.failure[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update atelier_internal.fsck_runs r
       set state = 'failed', ended_at = now(), job_id = null, reached = '', second_look = false, second_look_to = null,
           error_class = coalesce(f.error_class, 'cancelled'), error_message = coalesce(f.error_message, 'its job ended as ' || f.state)
      from unnest(p_failures) as f
     where r.id = f.subject_id and r.job_id = f.job_id and r.state = 'running';
    delete from atelier_internal.fsck_findings n
     where not n.confirmed and n.run_id = any (array(select f.subject_id from unnest(p_failures) as f));
end
$$;
comment on function atelier_internal.fail_check_store(atelier_internal.failure[]) is
    'Ends the checks whose job failed or was cancelled. What they found until then, and saw twice, stands.';
