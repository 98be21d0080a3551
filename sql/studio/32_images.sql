-- Photographs that lie in a store already: registered at once, inspected by the executor.

create function atelier_internal.percent_encode(p_path text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(string_agg(
        case when chr(octet.value) ~ '[A-Za-z0-9/._~-]' then chr(octet.value) else '%' || upper(lpad(to_hex(octet.value), 2, '0')) end,
        '' order by place.at), '')
      from (select convert_to(p_path, 'UTF8') as bytes) as source
     cross join lateral generate_series(0, length(source.bytes) - 1) as place (at)
     cross join lateral (select get_byte(source.bytes, place.at) as value) as octet
$$;
comment on function atelier_internal.percent_encode(text) is 'Percent-encodes a path for an address (RFC 3986); slashes stay.';

create function atelier_internal.percent_decode(p_path text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bytes bytea := '';
    v_piece text;
begin
    for v_piece in select part.match[1] from regexp_matches(p_path, '(%[0-9A-Fa-f]{2}|[^%]+|%)', 'g') as part (match) loop
        v_bytes := v_bytes || case when v_piece ~ '^%[0-9A-Fa-f]{2}$' then decode(substr(v_piece, 2), 'hex') else convert_to(v_piece, 'UTF8') end;
    end loop;
    return convert_from(v_bytes, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
    return null;
end
$$;
comment on function atelier_internal.percent_decode(text) is 'The path that percent_encode was given; NULL when the bytes are not UTF-8.';

create function atelier_internal.refuse_deleting(p_key text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'the object is being deleted'
        using errcode = 'object_in_use', detail = format('The key is %s.', to_json(left(p_key, 200))),
              hint = 'Try again when it is gone and the bytes are there anew, or use another key. SELECT * FROM atelier.deletion_queue shows it.';
end
$$;
comment on function atelier_internal.refuse_deleting(text) is 'Raises 55006: the deletion of this object is under way and cannot be taken back.';

create function atelier.register_image(client_id uuid, key text, store text default 'file', metadata jsonb default null) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_problem text := case when store = 'file' then atelier_internal.file_key_problem(key) else atelier_internal.object_key_problem(key) end;
    v_shape text[] := atelier_internal.image_metadata_problem(metadata);
    v_bucket text := atelier_internal.store_bucket(store);
    v_new boolean;
    v_image atelier.images;
begin
    perform atelier_internal.hold_client(client_id);
    perform atelier_internal.require('key', key is not null);
    perform atelier_internal.require('store', store is not null);
    perform atelier_internal.require_store(store);
    if v_problem is not null then
        raise exception 'key is not valid: %', v_problem
            using errcode = 'invalid_parameter_value', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = 'Give the path of the object inside the store, such as "photos/chair.jpg".';
    elsif v_shape is not null then
        perform atelier_internal.refuse_shape('image metadata', v_shape, metadata);
    elsif not starts_with(key, format('clients/%s/', client_id)) and not atelier_internal.is_operator() then
        -- Whether somebody else has registered an object would show otherwise, and it could be taken from them.
        raise exception 'the object is not in the folder of the client'
            using errcode = 'insufficient_privilege', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = format('An application registers objects below clients/%s/ only. Put a copy there, or ask a DBA to register this one.', client_id);
    elsif split_part(key, '/', 1) = 'clients' and split_part(key, '/', 2) <> client_id::text then
        raise exception 'the object belongs to another client'
            using errcode = 'insufficient_privilege', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = format('Below clients/ a client has only the folder clients/%s/.', client_id);
    elsif split_part(key, '/', 1) = 'clients' and split_part(key, '/', 3) = 'generated' then
        -- Objects of late answers are deleted here; a registered one could be deleted under its image.
        raise exception 'keys below clients/%/generated/ are not for registration', client_id
            using errcode = 'invalid_parameter_value', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = 'That folder is written by the engine. Put the object under another key.';
    elsif split_part(key, '/', 1) = 'clients' and split_part(key, '/', 3) = 'uploads' then
        raise exception 'keys below clients/%/uploads/ are not for registration', client_id
            using errcode = 'invalid_parameter_value', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = 'Uploads have rules of their own: atelier.request_upload() begins one, atelier.confirm_upload() ends it.';
    end if;

    insert into atelier.images as i (client_id, store, s3_bucket, s3_key, metadata)
    values (client_id, store, v_bucket, key, metadata)
    on conflict on constraint images_store_s3_bucket_s3_key_key do nothing;
    v_new := found;
    if v_new and atelier_internal.claim_keys(store, v_bucket, array[key]) <> '{}' then
        perform atelier_internal.refuse_deleting(key);
    elsif v_new and exists (select from atelier.images m where m.moving_to = any (atelier_internal.stores_at(store)) and m.s3_key = key) then
        raise exception 'an image is being moved to this key'
            using errcode = 'object_in_use', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = 'Try again when it has moved, or use another key.';
    end if;
    select i.* into v_image from atelier.images i
     where i.store = register_image.store and i.s3_bucket = v_bucket and i.s3_key = key
       for no key update;
    if not found then
        raise exception 'the object is being registered or removed by another session'
            using errcode = 'serialization_failure', hint = 'Try again.';
    elsif v_image.client_id <> client_id then
        raise exception 'the object belongs to another client'
            using errcode = 'insufficient_privilege', detail = format('The key is %s.', to_json(left(key, 200))),
                  hint = 'Put a copy under another key and register that.';
    elsif v_image.status = 'deleting' then
        perform atelier_internal.refuse_deleting(key);
    elsif v_image.status = 'failed' or (v_image.status = 'pending' and v_image.job_id is null) then
        update atelier.images i
           set status = 'pending', error_class = null, error_message = null,
               metadata = coalesce(register_image.metadata, i.metadata),
               job_id = (atelier_internal.enqueue_jobs('inspect_image', array[
                   row(v_image.id, client_id, store, null, jsonb_build_object('imageId', v_image.id), '{}')::atelier_internal.job_request]))[1]
         where i.id = v_image.id;
    end if;
    return v_image.id;
end
$$;
comment on function atelier.register_image(uuid, text, text, jsonb) is
    'Registers an object that lies in a store already and returns the id of its image at once; the executor inspects it then (images.status). The same key again returns the same image, and inspects it again if that failed. Applications register objects below clients/<client_id>/ only, operators all others too. 42704 for an unknown store, 42501 for an object elsewhere or of another client or without USAGE on the store''s server, 55006 while the object is being deleted or an image is being moved to its key.';

create function atelier_internal.require_image(p_client_id uuid, p_image_id uuid, p_what text) returns atelier.images
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_image atelier.images;
begin
    -- The lock holds off a purge until the caller's transaction has said what it needs the image for.
    select i.* into v_image from atelier.images i where i.client_id = p_client_id and i.id = p_image_id for key share;
    if not found then
        perform atelier_internal.refuse_unknown(p_what, p_image_id, p_client_id, 'atelier.register_image() registers one and returns its id.');
    elsif v_image.status = 'failed' then
        raise exception '% cannot be used: %', p_what, v_image.error_message
            using errcode = 'object_not_in_prerequisite_state',
                  detail = format('The inspection of image %s (key %s) failed with class %s.', p_image_id, to_json(v_image.s3_key), v_image.error_class),
                  hint = case when atelier_internal.is_photo_library(v_image.store) then 'atelier.import_unsplash() looks the photo up again; or use another image.'
                              else 'Put the object right and call atelier.register_image() with its key again, or use another image.' end;
    elsif v_image.status = 'deleting' then
        raise exception '% is being deleted', p_what
            using errcode = 'object_not_in_prerequisite_state', detail = format('The object of image %s is being removed, and the row follows.', p_image_id),
                  hint = 'Use another image.';
    elsif v_image.status = 'pending' and v_image.job_id is null then
        raise exception '% was never inspected', p_what
            using errcode = 'object_not_in_prerequisite_state', detail = format('Image %s has no inspection job.', p_image_id),
                  hint = case when exists (select from atelier.uploads u where u.image_id = p_image_id)
                              then 'Call atelier.confirm_upload() when its bytes are there.' else 'Call atelier.register_image() with its key.' end;
    end if;
    return v_image;
end
$$;
comment on function atelier_internal.require_image(uuid, uuid, text) is
    'An image of the client that is ready or being inspected, locked against removal; 23503 for an unknown or foreign one, 55000 with its reason for a failed one.';

create function atelier.add_product_image(product_id uuid, image_id uuid, is_primary boolean default null, display_order integer default null)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client_id uuid;
    v_id uuid;
    v_primary boolean;
begin
    perform atelier_internal.require('product_id', product_id is not null);
    perform atelier_internal.require('image_id', image_id is not null);
    -- The lock keeps two sessions from both finding no primary image.
    select p.client_id into v_client_id from atelier.products p where p.id = product_id for no key update;
    if not found then
        perform atelier_internal.refuse_unknown('product', product_id, null, 'atelier.create_product() makes one and returns its id.');
    end if;
    perform atelier_internal.require_image(v_client_id, image_id, 'image');
    v_primary := coalesce(is_primary, not exists (
        select from atelier.product_images pi
         where pi.product_id = add_product_image.product_id and pi.is_primary and pi.image_id <> add_product_image.image_id));
    if v_primary then
        update atelier.product_images pi set is_primary = false
         where pi.product_id = add_product_image.product_id and pi.is_primary and pi.image_id <> add_product_image.image_id;
    end if;
    insert into atelier.product_images as pi (client_id, product_id, image_id, is_primary, display_order)
    values (v_client_id, product_id, image_id, v_primary, coalesce(display_order, (
        select coalesce(max(other.display_order) + 1, 0) from atelier.product_images other
         where other.product_id = add_product_image.product_id)))
    on conflict on constraint product_images_product_id_image_id_key do update
        set is_primary = excluded.is_primary,
            display_order = coalesce(add_product_image.display_order, pi.display_order)
    returning pi.id into v_id;
    return v_id;
end
$$;
comment on function atelier.add_product_image(uuid, uuid, boolean, integer) is
    'Says that an image shows a product, and returns the id of the link. The first image becomes the primary one, a later one when asked; without display_order it goes last. Adding an image again changes its place. 23503 for unknown ids and images of another client, 55000 for an image whose inspection failed.';

create function atelier_internal.object_url(p_image atelier.images, p_expires interval, p_download boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_base text := atelier_internal.provider_option(p_image.store, 'public_base_url');
begin
    if p_image.store = 'file' then
        return 'file://' || atelier_internal.percent_encode(atelier.store_path('file') || '/' || p_image.s3_key);
    elsif atelier_internal.stays_elsewhere(p_image.store, p_image.s3_bucket) then
        return p_image.url;
    elsif v_base is not null and p_expires is null and not p_download then
        return v_base || '/' || atelier_internal.percent_encode(p_image.s3_key);
    elsif not atelier_internal.is_store(p_image.store) then
        raise exception 'store "%" does not exist any more', p_image.store
            using errcode = 'undefined_object', detail = format('The object of image %s lies there.', p_image.id),
                  hint = 'It can be reached again when a DBA makes a server of that name for atelier_s3.';
    end if;
    return atelier_internal.presign(
        p_image.store, p_image.s3_bucket, p_image.s3_key, 'GET', '{}',
        case when p_download then '{"response-content-disposition": "attachment"}' else '{}' end::jsonb,
        coalesce(p_expires, atelier_internal.provider_option(p_image.store, 'url_expires')::interval), statement_timestamp());
end
$$;
comment on function atelier_internal.object_url(atelier.images, interval, boolean) is
    'Address of the object of an image: of a public store for ever, of another one signed for a time; of a photo elsewhere its own.';

create function atelier.image_url(image_id uuid, expires interval default null, download boolean default false) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_image atelier.images;
begin
    if image_id is null then
        return null;
    end if;
    if expires < interval '1 second' or expires > interval '7 days' then
        raise exception 'expires must be from 1 second to 7 days'
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', expires), hint = 'Leave it out for the default.';
    end if;
    select i.* into v_image from atelier.images i where i.id = image_id;
    if not found then
        raise exception 'image not found'
            using errcode = 'no_data_found', detail = format('There is no image %s.', image_id),
                  hint = atelier_internal.way_out('Use the image_id of a completed asset or the result of atelier.register_image().');
    end if;
    return case when v_image.status = 'ready' then atelier_internal.object_url(v_image, expires, coalesce(download, false)) end;
end
$$;
comment on function atelier.image_url(uuid, interval, boolean) is
    'Address at which a ready image can be read; NULL for NULL and while the image is not ready. In the store file that is a file:// address, which never expires. In a store with public_base_url it is an address there, unless expires or download is given; else it is signed and holds for expires (1 second to 7 days; default: url_expires of the store). A photo of Unsplash is shown from where it is, at the same address always. With download, browsers save it instead of showing it. P0002 for an unknown id, 42704 when its store does not exist any more.';
