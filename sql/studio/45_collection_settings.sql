-- The settings of a collection, and those of each of its products that come of them.

create function atelier_internal.refresh_base_settings(p_collection_id uuid) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_base jsonb := atelier_internal.derive_base_settings(p_collection_id);
    v_complete boolean := cardinality(atelier_internal.base_settings_lack(v_base)) = 0;
    v_lack text;
begin
    select atelier_internal.analysis_lack(c, v_base) into v_lack from atelier.collections c where c.id = p_collection_id and c.status = 'error';
    -- What was never analysed has no base settings yet; the analysis that is under way derives them at its end.
    update atelier.collections c
       set base_settings = case when c.status = 'analyzing' or c.status <> 'error' and c.base_settings is null then c.base_settings else v_base end,
           status = case when c.status = 'ready' and not v_complete then 'draft'
                         when c.status = 'error' and v_lack is null then 'ready'
                         else c.status end,
           error_message = case when c.status = 'error' then v_lack end
     where c.id = p_collection_id;
    return v_base;
end
$$;
comment on function atelier_internal.refresh_base_settings(uuid) is
    'Derives the base settings of a locked collection anew and returns them. One that was ready and lacks a field now is a draft. One that was in error is ready where everything is analysed and no setting is missing; else its message says what is wrong now.';

create function atelier_internal.is_analyzed(p_collection atelier.collections) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_assigned jsonb := p_collection.product_analysis -> 'productRoomAssignments';
begin
    return coalesce(cardinality(p_collection.selected_product_ids) > 0
        and (select bool_and(v_assigned ? s.id::text) from unnest(p_collection.selected_product_ids) as s (id))
        and not exists (select from atelier.inspiration_images i where i.collection_id = p_collection.id and i.analysis is null), false);
end
$$;
comment on function atelier_internal.is_analyzed(atelier.collections) is
    'Whether the analysis knows a room for each selected product, and each inspiration.';

create function atelier.update_collection_settings(collection_id uuid, settings jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection(collection_id);
begin
    update atelier.collections c
       set own_settings = atelier_internal.complete_settings(
               c.client_id, atelier_internal.changed_settings(c.own_settings, update_collection_settings.settings), null, null, true)
     where c.id = v_collection.id;
    return atelier_internal.refresh_base_settings(collection_id);
end
$$;
comment on function atelier.update_collection_settings(uuid, jsonb) is
    'Changes the settings that people gave a collection, which win over what its inspirations suggest, and returns its base settings as they come of it: what is given replaces what stands there, a JSON null takes a key away. A collection in error is ready where nothing is missing now. Assets that were asked for already keep their settings. 22023 for bad settings, P0002 for an unknown collection.';

create function atelier_internal.fill_template(p_template text, p_style text, p_room_type text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- A word that says nothing leaves no gap.
    select btrim(regexp_replace(regexp_replace(
               replace(replace(p_template, '{style}', coalesce(atelier_internal.phrase(p_style), '')),
                       '{roomType}', coalesce(atelier_internal.phrase(p_room_type), '')),
               '\s+', ' ', 'g'), ' ([.,;:!?])', '\1', 'g'))
$$;
comment on function atelier_internal.fill_template(text, text, text) is
    'A prompt template with {style} and {roomType} replaced by their phrases, left out where they are unspecified.';

create type atelier_internal.room_settings as (room_type text, settings jsonb, scenes uuid[]);
comment on type atelier_internal.room_settings is
    'The settings that products of a collection with the same room share, and the images that take turns as their scene.';

create function atelier_internal.settings_by_room(p_collection atelier.collections, p_base jsonb, p_rooms text[], p_override jsonb)
returns atelier_internal.room_settings[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_given jsonb := p_base || p_override;
    -- A JSON null in the override is a choice too: without a prompt, without a scene.
    v_template text := case when p_override ? 'promptText' or p_base ->> 'promptText' is not null then ''
                            else atelier_internal.setting('prompt_template') end;
    v_has_scene boolean := p_override ? 'sceneImageUrl' or p_base ->> 'sceneImageUrl' is not null;
    v_scene jsonb := case when v_given ->> 'sceneImageUrl' is null then '{}' else jsonb_build_object('sceneImageUrl',
        'atelier://images/' || atelier_internal.scene_image_id(p_collection.client_id, v_given ->> 'sceneImageUrl')) end;
begin
    return array(
        with inspirations as materialized (
            select i.image_id, i.analysis -> 'suggestedRoomTypes' as rooms, i.display_order, i.created_at, i.id
              from atelier.inspiration_images i
             where i.collection_id = p_collection.id and not v_has_scene
        )
        select row(r.room_type,
                   jsonb_build_object('settings_version', 1) || p_base
                       || case when r.room_type is null then '{}' else jsonb_build_object('roomType', r.room_type) end
                       || case when prompt.filled = '' then '{}' else jsonb_build_object('promptText', prompt.filled) end
                       || p_override || v_scene,
                   coalesce(array_agg(s.image_id order by s.display_order, s.created_at, s.id) filter (where s.names_room),
                            array_agg(s.image_id order by s.display_order, s.created_at, s.id) filter (where s.image_id is not null),
                            '{}'))::atelier_internal.room_settings
          from unnest(p_rooms) as r (room_type)
         cross join lateral (select atelier_internal.fill_template(v_template, v_given ->> 'style', r.room_type) as filled) as prompt
          left join lateral (select i.*, i.rooms ? r.room_type as names_room from inspirations i) as s on true
         group by r.room_type, prompt.filled);
end
$$;
comment on function atelier_internal.settings_by_room(atelier.collections, jsonb, text[], jsonb) is
    'For each room: base settings, the room, the filled pg_atelier.prompt_template and the override over one another, and the inspirations that name the room, else all of them. Where the settings name a scene there is none.';

create function atelier_internal.product_settings(p_collection atelier.collections, p_product_ids uuid[], p_override jsonb, p_partial boolean)
returns jsonb[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_base jsonb := coalesce(p_collection.base_settings, atelier_internal.derive_base_settings(p_collection.id));
    v_assigned jsonb := coalesce(p_collection.product_analysis -> 'productRoomAssignments', '{}');
    v_selected uuid[] := p_collection.selected_product_ids;
    v_rooms text[] := array(
        select coalesce(p_override ->> 'roomType', nullif(v_assigned ->> w.id::text, 'unspecified'), v_base ->> 'roomType', v_assigned ->> w.id::text)
          from unnest(p_product_ids) with ordinality as w (id, place) order by w.place);
    v_shared atelier_internal.room_settings[] := atelier_internal.settings_by_room(
        p_collection, v_base, array(select distinct r.room_type from unnest(v_rooms) as r (room_type)), p_override);
begin
    -- What products of one room do not share is only which image is their scene.
    perform atelier.validate_flow_settings(s.settings, p_partial) from unnest(v_shared) as s;
    return array(
        select case when s.scenes = '{}' then s.settings
                    else s.settings || jsonb_build_object('sceneImageUrl',
                             'atelier://images/' || s.scenes[1 + (array_position(v_selected, w.id) - 1) % cardinality(s.scenes)]) end
          from unnest(p_product_ids, v_rooms) with ordinality as w (id, room_type, place)
          join unnest(v_shared) as s on s.room_type is not distinct from w.room_type
         order by w.place);
end
$$;
comment on function atelier_internal.product_settings(atelier.collections, uuid[], jsonb, boolean) is
    'The settings with which selected products of a collection are made, in their order, validated: base settings < room of the product < filled prompt template < an inspiration as its scene, in turn < the override. 22023 for settings that are not valid.';

create function atelier.build_product_settings(collection_id uuid, product_id uuid, settings_override jsonb default '{}') returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections;
begin
    perform atelier_internal.require('collection_id', collection_id is not null);
    perform atelier_internal.require('product_id', product_id is not null);
    perform atelier_internal.require_override(settings_override);
    select c.* into v_collection from atelier.collections c where c.id = collection_id;
    if not found then
        perform atelier_internal.refuse_collection(collection_id);
    elsif product_id <> all (v_collection.selected_product_ids) then
        raise exception 'product not found'
            using errcode = 'foreign_key_violation', detail = format('Collection %s does not select product %s.', collection_id, product_id),
                  hint = 'atelier.set_collection_products() selects the products of a collection.';
    end if;
    return (atelier_internal.product_settings(v_collection, array[product_id], settings_override, true))[1];
end
$$;
comment on function atelier.build_product_settings(uuid, uuid, jsonb) is
    'The settings with which atelier.generate_collection() would make a selected product now, for preview: base settings of the collection < room of the product < prompt from pg_atelier.prompt_template < one of the inspirations as its scene < settings_override. Before the analysis they may be partial. P0002 for an unknown collection, 23503 for a product that it does not select, 22023 for bad settings.';
