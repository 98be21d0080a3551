-- Photos of Unsplash as inspirations: a row with address, attribution and download location, and no object of ours.

create table atelier_internal.photo_uses (
    inspiration_id uuid not null,
    job_id uuid,
    told_at timestamptz,
    constraint photo_uses_pkey primary key (inspiration_id),
    constraint photo_uses_inspiration_fkey foreign key (inspiration_id) references atelier.inspiration_images (id) on delete cascade
);
comment on table atelier_internal.photo_uses is 'The inspirations whose photo stays at its library, which is to be told of the use.';
comment on column atelier_internal.photo_uses.inspiration_id is 'The inspiration.';
comment on column atelier_internal.photo_uses.job_id is 'The last job to tell of it.';
comment on column atelier_internal.photo_uses.told_at is 'When it was told; NULL: not yet.';

create function atelier_internal.tell_of_use(p_image atelier.images) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_untold uuid[];
begin
    -- Of a server that was dropped nobody can be told; the next import makes up for it.
    if not atelier_internal.stays_elsewhere(p_image.store, p_image.s3_bucket) or not atelier_internal.is_photo_library(p_image.store) then
        return;
    end if;
    insert into atelier_internal.photo_uses (inspiration_id)
    select i.id from atelier.inspiration_images i where i.image_id = p_image.id
    on conflict on constraint photo_uses_pkey do nothing;
    select array_agg(l.inspiration_id) into v_untold
      from (select u.inspiration_id from atelier_internal.photo_uses u
              join atelier.inspiration_images i on i.id = u.inspiration_id
             where i.image_id = p_image.id and u.told_at is null
               and not exists (select from atelier_internal.jobs j where j.id = u.job_id)
             order by u.inspiration_id
               for no key update of u) as l;
    if v_untold is null then
        return;
    end if;
    update atelier_internal.photo_uses u set job_id = told.job_id
      from unnest(v_untold, atelier_internal.enqueue_jobs('tell_of_use', array(
               select row(null, p_image.client_id, p_image.store, null, jsonb_build_object('imageId', p_image.id, 'inspirationId', l.id),
                          case when p_image.status = 'pending' then array[p_image.job_id] else '{}' end)::atelier_internal.job_request
                 from unnest(v_untold) with ordinality as l (id, place) order by l.place))) as told (inspiration_id, job_id)
     where u.inspiration_id = told.inspiration_id;
end
$$;
comment on function atelier_internal.tell_of_use(atelier.images) is
    'Has the library of a photo told of each inspiration that it is, unless that was done or is under way; of another image nothing. Where that failed for good, the next call does it again, so that each is told at least once.';

create function atelier_internal.import_photo(p_client_id uuid, p_library text, p_photo_id text) returns atelier.images
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- Two clients that use the same photo have nothing else in common.
    v_key text := format('clients/%s/photos/%s', p_client_id, p_photo_id);
    v_image atelier.images;
begin
    insert into atelier.images (client_id, store, s3_key, metadata)
    values (p_client_id, p_library, v_key, jsonb_build_object('source', 'unsplash'))
    on conflict on constraint images_store_s3_bucket_s3_key_key do nothing;
    select i.* into v_image from atelier.images i
     where i.store = p_library and i.s3_bucket = '' and i.s3_key = v_key and i.client_id = p_client_id
       for no key update;
    if not found or v_image.status = 'deleting' then
        raise exception 'the photo is being imported or removed by another session'
            using errcode = 'serialization_failure', hint = 'Try again.';
    elsif v_image.status = 'failed' or (v_image.status = 'pending' and v_image.job_id is null) then
        update atelier.images i
           set status = 'pending', error_class = null, error_message = null,
               job_id = (atelier_internal.enqueue_jobs('import_photo', array[
                   row(i.id, p_client_id, p_library, null, jsonb_build_object('imageId', i.id, 'photoId', p_photo_id), '{}')::atelier_internal.job_request]))[1]
         where i.id = v_image.id
        returning i.* into v_image;
    end if;
    return v_image;
end
$$;
comment on function atelier_internal.import_photo(uuid, text, text) is
    'The image of a photo for a client, locked. Where there is none, or that failed, the executor looks it up.';

create function atelier.import_unsplash(collection_id uuid, photo_id text, provider text default null) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections;
    v_library text;
    v_image atelier.images;
begin
    perform atelier_internal.require('photo_id', photo_id is not null);
    if photo_id !~ '^[A-Za-z0-9_-]{1,64}$' then
        raise exception 'photo_id is not valid'
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', to_json(left(photo_id, 200))),
                  hint = 'Give the id of the photo as Unsplash has it: 1 to 64 letters, digits, "-" and "_".';
    end if;
    v_collection := atelier_internal.lock_collection(collection_id);
    v_library := atelier_internal.require_photo_library(provider);
    v_image := atelier_internal.import_photo(v_collection.client_id, v_library, photo_id);
    return atelier.add_inspiration(v_collection.id, v_image.id, 'unsplash');
end
$$;
comment on function atelier.import_unsplash(uuid, text, text) is
    'Gives a collection a photo of Unsplash to follow and returns the id of the inspiration at once; the executor then looks the photo up and measures it (images.status). The image keeps address, attribution (metadata: caption, unsplash) and download location, never the photo itself, and Unsplash is told that it is used: at least once for each inspiration, and by importing it again where that failed for good. Without provider it is the only server of atelier_unsplash that the caller may use. 22023 for an id that cannot be one, 42704 for an unknown server, 42809 for one of another kind, 42501 without USAGE on it; P0002 and 55000 as add_inspiration.';

insert into atelier_internal.pipelines (name, description, subject_table, on_failure, built_in) values
    ('import_photo', 'Looks up a photo of Unsplash and measures it where it is.', 'atelier.images', 'atelier_internal.fail_inspect_image', true),
    ('tell_of_use', 'Tells Unsplash that a photo is used.', null, null, true)
on conflict (name) do update
    set description = excluded.description, subject_table = excluded.subject_table, on_failure = excluded.on_failure, built_in = true;

insert into atelier_internal.steps (pipeline, position, name, action, prepare, settle, built_in) values
    ('import_photo', 1, 'look_up', 'storage.head', 'atelier_internal.prepare_import_photo', 'atelier_internal.settle_import_photo', true),
    ('tell_of_use', 1, 'tell', 'http.request', 'atelier_internal.prepare_tell_of_use', 'atelier_internal.settle_tell_of_use', true)
on conflict (pipeline, position) do update
    set name = excluded.name, action = excluded.action, prepare = excluded.prepare, settle = excluded.settle, built_in = true;

create function atelier_internal.prepare_import_photo(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select l.job_id,
           case when i.id is not null then jsonb_build_object('library', l.provider, 'photo', l.input -> 'photoId') end,
           case when i.id is null then 'cancelled' end,
           case when i.id is null then 'the image was removed' end
      from unnest(p_leases) as l
      left join atelier.images i on i.id = l.subject_id and i.job_id = l.job_id and i.status = 'pending';
end
$$;
comment on function atelier_internal.prepare_import_photo(atelier_internal.lease[]) is 'Builds the orders to look up and measure photos.';

create function atelier_internal.referral(p_url text, p_library text) returns text
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
return p_url || case when strpos(p_url, '?') > 0 then '&' else '?' end || 'utm_source='
       || coalesce(atelier_internal.provider_option(p_library, 'app_name'), 'pg_atelier') || '&utm_medium=referral';
comment on function atelier_internal.referral(text, text) is 'An address at Unsplash as an application links to it.';

create function atelier_internal.settle_import_photo(p_settlements atelier_internal.settlement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    update atelier.images i
       set status = 'ready', width = (s.result ->> 'width')::integer, height = (s.result ->> 'height')::integer,
           file_size = (s.result ->> 'size')::bigint, mime_type = s.result ->> 'mime', sha256 = s.result ->> 'sha256',
           url = s.result ->> 'url',
           metadata = jsonb_strip_nulls(i.metadata || jsonb_build_object(
               'caption', format('Photo by %s on Unsplash', photo.facts ->> 'photographer'),
               'altText', nullif(photo.facts ->> 'description', ''),
               'unsplash', jsonb_build_object(
                   'photoId', photo.facts -> 'id',
                   'photographer', photo.facts -> 'photographer',
                   'photographerUrl', atelier_internal.referral(photo.facts ->> 'profileUrl', s.provider),
                   'photoUrl', atelier_internal.referral(photo.facts ->> 'pageUrl', s.provider),
                   'unsplashUrl', atelier_internal.referral('https://unsplash.com/', s.provider),
                   'downloadLocation', photo.facts -> 'downloadLocation')))
      from unnest(p_settlements) as s
     cross join lateral (select s.result -> 'photo' as facts) as photo
     where i.id = s.subject_id and i.job_id = s.job_id and i.status = 'pending';
end
$$;
comment on function atelier_internal.settle_import_photo(atelier_internal.settlement[]) is
    'Records what was measured, where the photos are and whom to thank for them; the images are ready.';

create function atelier_internal.prepare_tell_of_use(p_leases atelier_internal.lease[])
returns table (job_id uuid, request jsonb, error_class text, error_message text)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select l.job_id,
           case when place.location is not null then jsonb_build_object('library', l.provider, 'download_location', place.location) end,
           case when place.location is null then 'cancelled' end,
           case when place.location is null then 'the image was removed' end
      from unnest(p_leases) as l
      left join atelier.images i on i.id = (l.input ->> 'imageId')::uuid
     cross join lateral (select i.metadata #>> '{unsplash,downloadLocation}' as location) as place;
end
$$;
comment on function atelier_internal.prepare_tell_of_use(atelier_internal.lease[]) is
    'Builds the orders to tell of the use of photos at the places that Unsplash named for it.';

create function atelier_internal.settle_tell_of_use(p_settlements atelier_internal.settlement[]) returns void
language sql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
begin atomic
    update atelier_internal.photo_uses u set told_at = now()
      from unnest(p_settlements) as s
     where u.inspiration_id = (s.input ->> 'inspirationId')::uuid;
end;
comment on function atelier_internal.settle_tell_of_use(atelier_internal.settlement[]) is 'Records which uses of photos were told.';
