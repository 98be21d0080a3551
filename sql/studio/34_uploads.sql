-- The other way for a photo to get in: whoever holds it puts it into the store, at an address that is signed for just that file.

create table atelier_internal.upload_types (
    content_type text not null,
    extensions text[] not null,
    built_in boolean not null default false,
    constraint upload_types_pkey primary key (content_type),
    constraint has_extension check (cardinality(extensions) > 0)
);
comment on table atelier_internal.upload_types is
    'Media types that may be uploaded; the allowedFileTypes of a client narrow them. What is uploaded is told from its bytes all the same.';
comment on column atelier_internal.upload_types.content_type is 'Media type.';
comment on column atelier_internal.upload_types.extensions is 'Extensions that a file of that type may have; the key of the object gets the first.';
comment on column atelier_internal.upload_types.built_in is 'True for rows of the install script, which a dump leaves out.';

insert into atelier_internal.upload_types (content_type, extensions, built_in) values
    ('image/jpeg', array['jpg', 'jpeg'], true), ('image/png', array['png'], true), ('image/webp', array['webp'], true),
    ('image/avif', array['avif'], true), ('image/heic', array['heic'], true)
on conflict on constraint upload_types_pkey do update set extensions = excluded.extensions, built_in = true;

create table atelier.uploads (
    image_id uuid not null,
    client_id uuid not null,
    filename text not null,
    content_type text not null,
    size bigint not null,
    sha256 text,
    requested_at timestamptz not null default now(),
    expires_at timestamptz not null,
    confirmed_at timestamptz,
    rejected_at timestamptz,
    constraint uploads_pkey primary key (image_id),
    constraint uploads_image_fkey foreign key (client_id, image_id) references atelier.images (client_id, id) on delete cascade,
    constraint valid_filename check (char_length(filename) between 1 and 200),
    constraint valid_size check (size > 0),
    constraint valid_sha256 check (sha256 ~ '^[0-9a-f]{64}$')
);
create index idx_uploads_unconfirmed on atelier.uploads (requested_at) where confirmed_at is null or rejected_at is not null;
comment on table atelier.uploads is 'What was announced of images that came, or are to come, by atelier.request_upload().';
comment on column atelier.uploads.image_id is 'The image.';
comment on column atelier.uploads.client_id is 'The client that owns the image.';
comment on column atelier.uploads.filename is 'Name of the file as atelier.sanitize_filename() leaves it; the original one stands in the metadata of the image.';
comment on column atelier.uploads.content_type is 'Media type that was announced.';
comment on column atelier.uploads.size is 'Size in bytes that was announced.';
comment on column atelier.uploads.sha256 is 'SHA-256 that was announced; NULL: none.';
comment on column atelier.uploads.requested_at is 'When it was requested.';
comment on column atelier.uploads.expires_at is 'Until when the address takes the file.';
comment on column atelier.uploads.confirmed_at is 'When it was first confirmed; NULL: not yet.';
comment on column atelier.uploads.rejected_at is 'When it turned out not to be what was announced; its object is deleted then. NULL: it did not.';

create function atelier.sanitize_filename(filename text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- ASCII alone is legal everywhere; accents are taken off their letters first. Some systems reserve the last names.
    select case when part.stem = '' then 'file'
                when part.stem ~* '^(con|prn|aux|nul|com[0-9]|lpt[0-9])$' then part.stem || '-file'
                else part.stem end || coalesce('.' || base.extension, '')
      from (select regexp_replace(right(sanitize_filename.filename, 1000), '^.*[/\\]', '') as name) as given
     cross join lateral (select lower(substring(given.name from '\.([A-Za-z0-9]{1,10})$')) as extension) as base
     cross join lateral (
           select btrim(left(regexp_replace(
                      regexp_replace(normalize(case when base.extension is null then given.name
                                                    else left(given.name, -1 - char_length(base.extension)) end, nfkd),
                                     '[\u0300-\u036f]', '', 'g'),
                      '[^A-Za-z0-9_-]+', '-', 'g'), 100), '-') as stem) as part
$$;
comment on function atelier.sanitize_filename(text) is
    'The name of a file without folders and without anything but ASCII letters, digits, hyphens and underscores before the extension; at most 111 characters. "file" when nothing is left.';

create function atelier_internal.max_image_bytes() returns bigint
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
return pg_size_bytes(atelier_internal.setting('max_image_bytes'));
comment on function atelier_internal.max_image_bytes() is 'Most bytes of an upload, pg_atelier.max_image_bytes.';

create function atelier_internal.upload_extension(p_client atelier.clients, p_filename text, p_content_type text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_narrowed jsonb := nullif(p_client.settings -> 'allowedFileTypes', 'null');
    v_extensions text[];
    v_allowed text;
begin
    select t.extensions into v_extensions from atelier_internal.upload_types t
     where t.content_type = p_content_type and (v_narrowed is null or v_narrowed ? t.content_type);
    if not found then
        select string_agg(t.content_type, ', ' order by t.content_type) into v_allowed
          from atelier_internal.upload_types t where v_narrowed is null or v_narrowed ? t.content_type;
        raise exception 'files of type "%" are not taken', left(p_content_type, 200)
            using errcode = 'invalid_parameter_value',
                  detail = case when exists (select from atelier_internal.upload_types t where t.content_type = p_content_type)
                                then format('The allowedFileTypes of client %s do not name it.', p_client.id)
                                else 'It is none of the types that may be uploaded.' end,
                  hint = coalesce('Allowed are: ' || v_allowed || '.', 'The client takes no files at all.');
    elsif coalesce(substring(p_filename from '[^.]*$'), '') <> all (v_extensions) or strpos(p_filename, '.') = 0 then
        raise exception 'the name of the file does not fit its type'
            using errcode = 'invalid_parameter_value', detail = format('The name is %s, the type %s.', to_json(p_filename), p_content_type),
                  hint = format('It must end in .%s.', array_to_string(v_extensions, ' or .'));
    end if;
    return v_extensions[1];
end
$$;
comment on function atelier_internal.upload_extension(atelier.clients, text, text) is
    'Extension of the key for a file of this name and type; 22023 when the client may not upload it, or the two do not agree.';

create function atelier_internal.upload_store(p_store text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_usable text[];
begin
    if p_store is not null then
        perform atelier_internal.require_store(p_store);
        if p_store = 'file' then
            raise exception 'store "file" takes no uploads'
                using errcode = 'invalid_parameter_value', detail = 'It has no address that a browser could send to.',
                      hint = 'Name a store of atelier_s3, or put the file into the directory and call atelier.register_image().';
        end if;
        return p_store;
    end if;
    v_usable := array(
        select s.name from atelier_internal.provider_servers s
         where s.kind = 's3' and not atelier_internal.is_embedded(s.name) and has_server_privilege(atelier_internal.caller(), s.server_id, 'usage')
         order by s.name);
    if atelier_internal.setting('default_store') = any (v_usable) then
        return atelier_internal.setting('default_store');
    elsif cardinality(v_usable) = 1 then
        return v_usable[1];
    end if;
    raise exception 'no store is named for the upload'
        using errcode = 'invalid_parameter_value',
              detail = case when v_usable = '{}' then 'There is no store of atelier_s3 that you may use.'
                            else 'pg_atelier.default_store is none of those that you may use.' end,
              hint = case when v_usable = '{}' then 'A DBA makes one with CREATE SERVER media FOREIGN DATA WRAPPER atelier_s3 OPTIONS (bucket ''...''), and grants USAGE on it.'
                          else format('Give one of: %s.', array_to_string(v_usable, ', ')) end;
end
$$;
comment on function atelier_internal.upload_store(text) is
    'The store that an upload goes to: the one named, else pg_atelier.default_store, else the only one that the caller may use. 22023 when there is none, 42704 or 42501 for one that cannot be used.';

create function atelier.request_upload(
    client_id uuid, filename text, content_type text, size bigint, sha256 text default null, store text default null,
    expires interval default '15 minutes', metadata jsonb default null)
returns table (image_id uuid, method text, url text, headers jsonb, expires_at timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_client atelier.clients := atelier_internal.hold_client(client_id);
    v_shape text[] := atelier_internal.image_metadata_problem(metadata);
    v_name text := atelier.sanitize_filename(filename);
    v_type text := lower(btrim(content_type));
    v_now timestamptz := date_trunc('second', clock_timestamp());
    v_store text;
    v_bucket text;
    v_key text;
begin
    perform atelier_internal.require('filename', filename is not null);
    perform atelier_internal.require('content_type', content_type is not null);
    perform atelier_internal.require('size', size is not null);
    perform atelier_internal.require('expires', expires is not null);
    if size not between 1 and atelier_internal.max_image_bytes() then
        raise exception 'the file must have from 1 to % bytes', atelier_internal.max_image_bytes()
            using errcode = 'invalid_parameter_value', detail = format('It has %s.', size),
                  hint = 'Send a smaller picture. pg_atelier.max_image_bytes sets the limit.';
    elsif sha256 is not null and lower(sha256) !~ '^[0-9a-f]{64}$' then
        raise exception 'sha256 is not valid'
            using errcode = 'invalid_parameter_value', hint = 'Give 64 hexadecimal digits, or leave it out.';
    elsif expires not between interval '1 second' and interval '1 day' then
        raise exception 'expires must be from 1 second to 1 day'
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', expires), hint = 'Leave it out for 15 minutes.';
    elsif v_shape is not null then
        perform atelier_internal.refuse_shape('image metadata', v_shape, metadata);
    end if;
    image_id := gen_random_uuid();
    v_key := format('clients/%s/uploads/%s.%s', client_id, image_id, atelier_internal.upload_extension(v_client, v_name, v_type));
    v_store := atelier_internal.upload_store(store);
    v_bucket := atelier_internal.store_bucket(v_store);
    method := 'PUT';
    expires_at := v_now + expires;
    -- Where the server knows it, what was inspected cannot be replaced by whoever still has the address.
    headers := jsonb_build_object('content-type', v_type, 'content-length', size::text)
               || case atelier_internal.provider_option(v_store, 'if_none_match') when 'false' then '{}' else '{"if-none-match": "*"}' end::jsonb;
    url := atelier_internal.presign(v_store, v_bucket, v_key, method, headers, '{}', expires, v_now);

    insert into atelier.images as i (id, client_id, store, s3_bucket, s3_key, metadata)
    values (image_id, client_id, v_store, v_bucket, v_key,
            jsonb_build_object('originalFilename', left(filename, 500)) || coalesce(metadata, '{}') || '{"source": "upload"}');
    insert into atelier.uploads as u (image_id, client_id, filename, content_type, size, sha256, expires_at)
    values (image_id, client_id, v_name, v_type, size, lower(sha256), expires_at);
    return next;
end
$$;
comment on function atelier.request_upload(uuid, text, text, bigint, text, text, interval, jsonb) is
    'Begins the upload of a photo: the caller sends the file to url, with method and exactly these headers, until expires_at, and then calls confirm_upload() with image_id. Without a store it goes to pg_atelier.default_store, else to the only store of atelier_s3 that the caller may use. 22023 for a type that is not taken, a name that does not fit it, or a size over pg_atelier.max_image_bytes; 42704 for an unknown store, 42501 without USAGE on its server. Whoever has url can send the file, so it is a secret until then.';

create function atelier.confirm_upload(image_id uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_image atelier.images;
    v_upload atelier.uploads;
begin
    perform atelier_internal.require('image_id', image_id is not null);
    select i.* into v_image from atelier.images i where i.id = image_id for no key update;
    if not found then
        raise exception 'image not found'
            using errcode = 'no_data_found', detail = format('There is no image %s.', image_id),
                  hint = atelier_internal.way_out('Use the image_id that atelier.request_upload() returned.');
    end if;
    select u.* into v_upload from atelier.uploads u where u.image_id = v_image.id;
    if not found then
        raise exception 'image was not uploaded'
            using errcode = 'object_not_in_prerequisite_state', detail = format('Image %s did not come by atelier.request_upload().', image_id),
                  hint = 'There is nothing to confirm. images.status says where it stands.';
    elsif v_upload.rejected_at is null and (v_image.status = 'failed' or v_image.status = 'pending' and v_image.job_id is null) then
        update atelier.uploads u set confirmed_at = now() where u.image_id = v_image.id and u.confirmed_at is null;
        update atelier.images i
           set status = 'pending', error_class = null, error_message = null,
               job_id = (atelier_internal.enqueue_jobs('inspect_image', array[
                   row(i.id, i.client_id, i.store, null, jsonb_build_object('imageId', i.id, 'expect', jsonb_strip_nulls(jsonb_build_object(
                           'mime', v_upload.content_type, 'size', v_upload.size, 'sha256', v_upload.sha256))), '{}')::atelier_internal.job_request]))[1]
         where i.id = v_image.id
        returning i.* into v_image;
    end if;
    return v_image.status;
end
$$;
comment on function atelier.confirm_upload(uuid) is
    'Says that the file of an upload was sent, and returns the status of its image: pending until the executor has compared the bytes with what was announced, then ready or failed. An upload that was refused, also because nothing was there, stays failed; one whose store could not be asked is inspected again. Confirming again changes nothing else. P0002 for an unknown image, 55000 for one that was not uploaded, 42501 without USAGE on the store''s server.';
