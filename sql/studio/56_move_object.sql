-- Pipeline move_object: the objects of images move to another store, while they are in use.

create function atelier_internal.begin_moves(p_images atelier.images[], p_to text) returns table (image_id uuid, job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_bucket text := atelier_internal.store_bucket(p_to);
    v_stores text[] := atelier_internal.stores_at(p_to);
    v_going text[] := atelier_internal.claim_keys(p_to, v_bucket, array(select i.s3_key from unnest(p_images) as i));
    v_elsewhere record;
    v_ids uuid[];
    v_jobs uuid[];
begin
    select h.* into v_elsewhere from atelier_internal.keys_held(v_stores, v_bucket, array(select i.s3_key from unnest(p_images) as i)) as h;
    -- Whoever took one of the keys meanwhile had it claimed too, and can be seen by now.
    v_ids := array(
        select distinct on (i.s3_key) i.id from unnest(p_images) as i
         where i.s3_key <> all (v_going) and i.s3_key <> all (v_elsewhere.held) and v_elsewhere.problem is null
           and not exists (select from atelier.images t where t.store = any (v_stores) and t.s3_bucket = v_bucket and t.s3_key = i.s3_key)
           and not exists (select from atelier.images m where m.moving_to = any (v_stores) and m.s3_key = i.s3_key)
         order by i.s3_key, i.id);
    if v_ids = '{}' then
        return;
    end if;
    v_jobs := atelier_internal.enqueue_jobs('move_object', array(
        select row(i.id, i.client_id, p_to, null, jsonb_build_object(
                   'store', p_to, 'bucket', v_bucket,
                   'source', atelier_internal.object_reference(i.store, i.s3_bucket, i.s3_key)
                             || jsonb_build_object('sha256', i.sha256, 'size', i.file_size),
                   'target', atelier_internal.object_reference(p_to, v_bucket, i.s3_key)), null)::atelier_internal.job_request
          from unnest(v_ids) with ordinality as k (id, n)
          join unnest(p_images) as i on i.id = k.id
         order by k.n));
    update atelier.images i set moving_to = p_to, job_id = j.job_id
      from unnest(v_ids, v_jobs) as j (image_id, job_id)
     where i.id = j.image_id;
    return query select j.image_id, j.job_id from unnest(v_ids, v_jobs) as j (image_id, job_id);
end
$$;
comment on function atelier_internal.begin_moves(atelier.images[], text) is
    'Begins to move the objects of locked images to another store; of those whose key is taken there, by a row of another extension perhaps, it says nothing, and they stay.';

create function atelier.move_objects("from" text, "to" text, batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_bucket text := atelier_internal.store_bucket("to");
    v_stores text[] := atelier_internal.stores_at("to");
    v_images atelier.images[];
    v_begun integer;
begin
    perform atelier_internal.require('from', "from" is not null);
    perform atelier_internal.require('to', "to" is not null);
    perform atelier_internal.require_store("from");
    perform atelier_internal.require_store("to");
    if "from" = "to" then
        raise exception 'from and to are the same store'
            using errcode = 'invalid_parameter_value', hint = 'SELECT store FROM atelier.stores lists the stores.';
    elsif "from" = any (v_stores) and atelier_internal.store_bucket("from") = v_bucket then
        raise exception 'from and to are the same bucket'
            using errcode = 'invalid_parameter_value', detail = format('Both stores have endpoint %s and bucket %s.',
                      atelier_internal.provider_option("to", 'endpoint'), v_bucket),
                  hint = 'There is nothing to move: a copy would be the object itself. ALTER SERVER ... RENAME TO gives a store another name.';
    elsif batch is null or batch not between 1 and 10000 then
        raise exception 'batch must be from 1 to 10000'
            using errcode = 'invalid_parameter_value', hint = 'Call it again until it returns 0.';
    end if;
    v_images := array(
        select i from atelier.images i
         where i.store = "from" and i.status = 'ready' and i.moving_to is null
           and not exists (select from atelier.images t where t.store = any (v_stores) and t.s3_bucket = v_bucket and t.s3_key = i.s3_key)
           and not exists (select from atelier.images m where m.moving_to = any (v_stores) and m.s3_key = i.s3_key)
           and not exists (select from atelier_internal.object_deletions d
                            where d.store = any (v_stores) and d.bucket = v_bucket and d.key = i.s3_key and d.ordered_at is not null)
           and ("to" <> 'file' or atelier_internal.file_key_problem(i.s3_key) is null)
         order by i.s3_bucket, i.s3_key
         limit batch
           for no key update skip locked);
    select count(*) into v_begun from atelier_internal.begin_moves(v_images, "to");
    if v_begun = 0 then
        return 0;
    end if;
    perform atelier_internal.audit('objects.moving', 'store', null, null, jsonb_build_object('from', "from", 'to', "to", 'images', v_begun));
    return v_begun;
end
$$;
comment on function atelier.move_objects(text, text, integer) is
    'Begins to move the objects of up to batch (1 to 10000) ready images from one store to another, and returns how many. Each is copied and compared before its image points there; the old object is deleted after pg_atelier.job_timeout, when no order reads it any more. Call it again until it returns 0. An image whose key is taken in the other store stays where it is. 42704 for an unknown store, 42501 without USAGE on its server, 22023 for a bad value, or two stores that are the same bucket.';

create function atelier_internal.prepare_move_object(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select l.job_id,
           case when i.id is not null then jsonb_build_object('source', l.input -> 'source', 'mime', i.mime_type, 'target', l.input -> 'target') end,
           case when i.id is null then 'cancelled' end,
           case when i.id is null then 'the image was removed or changed' end
      from unnest(p_leases) as l
      left join atelier.images i on i.id = l.subject_id and i.job_id = l.job_id and i.status = 'ready' and i.moving_to = l.input ->> 'store';
end
$$;
comment on function atelier_internal.prepare_move_object(atelier_internal.lease[]) is 'Builds the orders to copy objects to another store.';

create function atelier_internal.settle_move_object(p_settlements atelier_internal.settlement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_moved uuid[];
begin
    with moved as (
        update atelier.images i
           set store = s.result #>> '{object,store}', s3_bucket = coalesce(s.result #>> '{object,bucket}', ''),
               s3_key = s.result #>> '{object,key}', url = null, moving_to = null
          from unnest(p_settlements) as s
         where i.id = s.subject_id and i.job_id = s.job_id and i.status = 'ready' and i.moving_to = s.input ->> 'store'
           and i.sha256 = s.result ->> 'sha256'
           and atelier_internal.object_reference(i.store, i.s3_bucket, i.s3_key) = (s.input -> 'source') - array['sha256', 'size']
           and not exists (select from atelier.images t
                            where t.store = s.result #>> '{object,store}' and t.s3_bucket = coalesce(s.result #>> '{object,bucket}', '')
                              and t.s3_key = s.result #>> '{object,key}')
        returning s.job_id
    )
    select coalesce(array_agg(m.job_id), '{}') into v_moved from moved m;
    update atelier.images i set moving_to = null
      from unnest(p_settlements) as s
     where i.id = s.subject_id and i.job_id = s.job_id and i.moving_to is not null;

    -- Orders that were made before the move still read the old object.
    perform atelier_internal.queue_deletions(
                array_agg(row(s.input #>> '{source,store}', s.input #>> '{source,bucket}', s.input #>> '{source,key}', null)::atelier_internal.deletion_request),
                'it was moved', atelier_internal.setting('job_timeout')::interval)
       from unnest(p_settlements) as s
      where s.job_id = any (v_moved)
     having count(*) > 0;
    perform atelier_internal.queue_deletions(
                array_agg(row(s.result #>> '{object,store}', s.result #>> '{object,bucket}', s.result #>> '{object,key}', null)::atelier_internal.deletion_request),
                'its image changed while it was copied')
       from unnest(p_settlements) as s
      where s.job_id <> all (v_moved)
     having count(*) > 0;
end
$$;
comment on function atelier_internal.settle_move_object(atelier_internal.settlement[]) is
    'Lets the images point to the copies and queues the deletion of the old objects; of the copies, where an image changed meanwhile.';

create function atelier_internal.discard_move_object(p_leases atelier_internal.lease[]) returns setof atelier_internal.deletion_request
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select l.input #>> '{target,store}', l.input #>> '{target,bucket}', l.input #>> '{target,key}', null::uuid from unnest(p_leases) as l
$$;
comment on function atelier_internal.discard_move_object(atelier_internal.lease[]) is 'The copies that attempts may have left.';

create function atelier_internal.fail_move_object(p_failures atelier_internal.failure[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    update atelier.images i set moving_to = null
      from unnest(p_failures) as f
     where i.id = f.subject_id and i.job_id = f.job_id and i.moving_to is not null;
end
$$;
comment on function atelier_internal.fail_move_object(atelier_internal.failure[]) is
    'Leaves the images where they are. What their copies may have left is told by their answers.';
