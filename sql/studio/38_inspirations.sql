-- The pictures that a collection is to follow.

create function atelier_internal.require_reusable_image(p_client_id uuid, p_image_id uuid) returns atelier.images
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_image atelier.images := atelier_internal.require_image(p_client_id, p_image_id, 'image');
    v_asset atelier.generated_assets;
begin
    select a.* into v_asset from atelier.generated_assets a
     where a.image_id = p_image_id
     order by a.deleted_at is null desc, a.pinned desc limit 1;
    if v_asset.id is null and v_image.metadata ->> 'source' is distinct from 'generated' then
        return v_image;
    elsif v_asset.id is null or v_asset.deleted_at is not null or not v_asset.pinned then
        raise exception 'a generated picture is an inspiration only while its asset is pinned'
            using errcode = 'object_not_in_prerequisite_state',
                  detail = case when v_asset.id is null then format('Image %s belongs to no asset.', p_image_id)
                                when v_asset.deleted_at is not null then format('Image %s belongs to asset %s, which was deleted.', p_image_id, v_asset.id)
                                else format('Image %s belongs to asset %s, which is not pinned.', p_image_id, v_asset.id) end,
                  hint = case when v_asset.id is null then 'Use another image.'
                              when v_asset.deleted_at is not null then 'atelier.restore_asset() brings it back, atelier.pin_asset() pins it.'
                              else format('SELECT atelier.pin_asset(%L);', v_asset.id) end;
    end if;
    return v_image;
end
$$;
comment on function atelier_internal.require_reusable_image(uuid, uuid) is
    'An image of the client that may inspire: as require_image, and 55000 for a generated one whose asset is not pinned.';

create function atelier.add_inspiration(collection_id uuid, image_id uuid, source text default null, display_order integer default null)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection(collection_id);
    v_image atelier.images;
    v_id uuid;
begin
    perform atelier_internal.require('image_id', image_id is not null);
    if source not in ('upload', 'unsplash', 'library') then
        raise exception 'source "%" is not known', left(source, 200)
            using errcode = 'invalid_parameter_value', hint = 'Sources are: upload, unsplash, library. Leave it out for what the image says.';
    end if;
    -- The next one, which goes last, must have a place too.
    if display_order not between -1000000000 and 1000000000 then
        raise exception 'display_order must be from -1000000000 to 1000000000'
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', display_order),
                  hint = 'Leave it out for the last place; atelier.reorder_inspirations() puts them in order.';
    end if;
    perform atelier_internal.refuse_busy_collection(v_collection, 'given an inspiration');
    v_image := atelier_internal.require_reusable_image(v_collection.client_id, image_id);

    update atelier.inspiration_images i
       set source = coalesce(add_inspiration.source, i.source), display_order = coalesce(add_inspiration.display_order, i.display_order)
     where i.collection_id = v_collection.id and i.image_id = v_image.id
    returning i.id into v_id;
    if found then
        perform atelier_internal.refresh_base_settings(collection_id);
        perform atelier_internal.tell_of_use(v_image);
        return v_id;
    elsif (select count(*) from atelier.inspiration_images i where i.collection_id = v_collection.id) >= 100 then
        raise exception 'a collection has at most 100 inspirations'
            using errcode = 'program_limit_exceeded', detail = format('Collection %s has 100.', collection_id),
                  hint = 'atelier.remove_inspiration() makes room.';
    end if;
    insert into atelier.inspiration_images as i (client_id, collection_id, image_id, source, display_order)
    values (v_collection.client_id, collection_id, image_id,
            coalesce(source, case when v_image.metadata ->> 'source' in ('upload', 'unsplash') then v_image.metadata ->> 'source' else 'library' end),
            coalesce(display_order, (
                select coalesce(max(other.display_order) + 1, 0) from atelier.inspiration_images other where other.collection_id = v_collection.id)))
    returning i.id into v_id;
    update atelier.collections c set status = 'draft' where c.id = v_collection.id and c.status in ('ready', 'completed', 'error');
    perform atelier_internal.tell_of_use(v_image);
    return v_id;
end
$$;
comment on function atelier.add_inspiration(uuid, uuid, text, integer) is
    'Gives a collection an image to follow and returns the id of the inspiration. Without source that is what the image says of itself (upload, unsplash), else library; without display_order it goes last. The collection becomes a draft, to be analysed. Adding an image again changes source and place. Of a photo of Unsplash its server is told that it is used (42501 without USAGE on it). 22023 for an unknown source or a place beyond a thousand million, 23503 for an image that is unknown or another client''s, 55000 for one whose inspection failed, for a generated one whose asset is not pinned, and while the collection is analyzing or generating; P0002 for an unknown collection.';

create function atelier_internal.lock_collection_of_inspiration(p_inspiration_id uuid) returns atelier.collections
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_collection atelier.collections;
begin
    perform atelier_internal.require('inspiration_id', p_inspiration_id is not null);
    select c.* into v_collection from atelier.collections c
     where c.id = (select i.collection_id from atelier.inspiration_images i where i.id = p_inspiration_id) for no key update;
    if not exists (select from atelier.inspiration_images i where i.id = p_inspiration_id and i.collection_id = v_collection.id) then
        raise exception 'inspiration not found'
            using errcode = 'no_data_found', detail = format('There is no inspiration %s.', p_inspiration_id),
                  hint = atelier_internal.way_out('atelier.inspiration_images lists them; atelier.add_inspiration() returns the id.');
    end if;
    return v_collection;
end
$$;
comment on function atelier_internal.lock_collection_of_inspiration(uuid) is
    'The collection of an inspiration, locked; 22004 for NULL, P0002 for an unknown inspiration.';

create function atelier.remove_inspiration(inspiration_id uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection_of_inspiration(inspiration_id);
begin
    perform atelier_internal.refuse_busy_collection(v_collection, 'deprived of an inspiration');
    delete from atelier.inspiration_images i where i.id = inspiration_id;
    perform atelier_internal.refresh_base_settings(v_collection.id);
    return inspiration_id;
end
$$;
comment on function atelier.remove_inspiration(uuid) is
    'Takes an inspiration out of its collection, whose base settings are derived anew from the others, and returns its id. The image stays. A collection whose base settings are incomplete then is a draft again. 55000 while the collection is analyzing or generating, P0002 for an unknown inspiration.';

create function atelier.reorder_inspirations(collection_id uuid, inspiration_ids uuid[]) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection(collection_id);
    v_problem text;
begin
    perform atelier_internal.require('inspiration_ids', inspiration_ids is not null);
    perform atelier_internal.refuse_busy_collection(v_collection, 'reordered');
    select case when own.id is null and given.id is null then 'One of them is NULL.'
                when given.id is null then format('Inspiration %s is missing.', own.id)
                else format('%s is none of them, or stands there twice.', given.id) end
      into v_problem
      from (select g.id, count(*) as times from unnest(inspiration_ids) as g (id) group by g.id) as given
      full join (select i.id from atelier.inspiration_images i where i.collection_id = v_collection.id) as own on own.id = given.id
     where own.id is null or given.id is null or given.times > 1
     limit 1;
    if found then
        raise exception 'inspiration_ids must be the inspirations of the collection, each once'
            using errcode = 'invalid_parameter_value', detail = v_problem,
                  hint = format('SELECT id FROM atelier.inspiration_images WHERE collection_id = %L ORDER BY display_order;', collection_id);
    end if;
    update atelier.inspiration_images i set display_order = o.place - 1
      from unnest(inspiration_ids) with ordinality as o (id, place)
     where i.id = o.id;
    perform atelier_internal.refresh_base_settings(collection_id);
    return collection_id;
end
$$;
comment on function atelier.reorder_inspirations(uuid, uuid[]) is
    'Puts the inspirations of a collection into this order and returns its id; the base settings are derived anew, since of two opinions the earlier counts. 22023 unless each is named once, 55000 while the collection is analyzing or generating, P0002 for an unknown collection.';
