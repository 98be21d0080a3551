-- Generation settings: what is legal, what is filled in, and the prompt made of them.

create function atelier_internal.refuse_unwieldy_settings(p_settings jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most_bytes constant integer := 65536;
    v_most_levels constant integer := 32;
    v_detail text;
begin
    -- A few bytes of jsonb may be a number of a hundred thousand digits.
    if pg_column_size(p_settings) > 2 * v_most_bytes or octet_length(p_settings::text) > v_most_bytes then
        v_detail := format('They are longer than %s bytes.', v_most_bytes);
    elsif jsonb_path_exists(p_settings, '$.**{32 to last}') then
        v_detail := format('They are nested deeper than %s levels.', v_most_levels);
    elsif jsonb_path_exists(p_settings, '$.** ? (@.type() == "number" && (@ > 1e300 || @ < -1e300))') then
        v_detail := 'They hold a number beyond 1e300.';
    else
        return;
    end if;
    raise exception 'settings are not usable' using errcode = 'invalid_parameter_value', detail = v_detail,
          hint = 'Settings describe one picture; keep other data in tables of your own.';
exception when program_limit_exceeded then
    raise exception 'settings are not usable' using errcode = 'invalid_parameter_value',
          detail = format('They are longer than %s bytes.', v_most_bytes),
          hint = 'Settings describe one picture; keep other data in tables of your own.';
end
$$;
comment on function atelier_internal.refuse_unwieldy_settings(jsonb) is
    'Raises 22023 for settings that no order could carry: over 64 kB as text, nested deeper than 32 levels, or with numbers beyond 1e300.';

create function atelier.validate_flow_settings(settings jsonb, partial boolean default false) returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_problem text[];
    v_unknown record;
begin
    perform atelier_internal.require('settings', settings is not null);
    perform atelier_internal.require('partial', partial is not null);
    perform atelier_internal.refuse_unwieldy_settings(settings);
    v_problem := atelier_internal.flow_settings_problem(settings, partial);
    if v_problem is not null then
        perform atelier_internal.refuse_shape('setting', v_problem, settings);
    end if;
    if settings ->> 'promptMode' = 'replace' and coalesce(btrim(settings ->> 'promptText'), '') = '' then
        raise exception 'setting "promptText" is not valid'
            using errcode = 'invalid_parameter_value', detail = 'It is missing, and promptMode is "replace".',
                  hint = 'Give the whole prompt in promptText, or leave promptMode out.';
    end if;
    if atelier_internal.setting('settings_strict') = 'on' then
        select known.field, settings ->> known.field as value, string_agg(known.value, ', ' order by known.value) as allowed
          into v_unknown
          from atelier_internal.settings_vocabulary known
         where settings ->> known.field is not null
         group by known.field
        having not bool_or(known.value = settings ->> known.field)
         order by known.field
         limit 1;
        if found then
            raise exception 'setting "%" has an unknown value', v_unknown.field
                using errcode = 'invalid_parameter_value', detail = format('Its value is %s.', to_json(v_unknown.value)),
                      hint = format('Allowed are: %s.', v_unknown.allowed);
        end if;
    end if;
end
$$;
comment on function atelier.validate_flow_settings(jsonb, boolean) is
    'Raises 22023 when generation settings are not valid: the message names the field, the detail its value, the hint what is allowed. With partial, required fields may be missing. Values that are words must be in the vocabulary while pg_atelier.settings_strict is on. Unknown keys are allowed.';

create function atelier_internal.scene_image_id(p_client_id uuid, p_url text) returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_directory text := 'file://' || atelier_internal.percent_encode(atelier.store_path('file')) || '/';
    v_id uuid;
begin
    if p_url ~* '^atelier://images/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return substr(p_url, char_length('atelier://images/') + 1)::uuid;
    elsif starts_with(p_url, v_directory) then
        select i.id into v_id from atelier.images i
         where i.client_id = p_client_id and i.store = 'file' and i.s3_bucket = ''
           and i.s3_key = atelier_internal.percent_decode(substr(p_url, char_length(v_directory) + 1));
        if found then
            return v_id;
        end if;
    end if;
    raise exception 'setting "sceneImageUrl" is not valid'
        using errcode = 'invalid_parameter_value',
              detail = format('Its value is %s.', to_json(left(p_url, 200))),
              hint = 'Give atelier://images/<id> of an image of the same client, or use the parameter scene_image_id. A new photo gets its id from atelier.register_image().';
end
$$;
comment on function atelier_internal.scene_image_id(uuid, text) is 'The image that a sceneImageUrl means; 22023 when it means none.';

create function atelier_internal.complete_settings(p_client_id uuid, p_settings jsonb, p_defaults jsonb, p_scene_image_id uuid, p_partial boolean)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings jsonb := p_settings;
    v_scene_image_id uuid;
begin
    if jsonb_typeof(p_settings) = 'object' then
        v_settings := case when p_partial then '{}' else '{"settings_version": 1}' end::jsonb
            || case when jsonb_typeof(p_defaults) = 'object' then p_defaults else '{}' end
            || p_settings
            || case when p_scene_image_id is null then '{}'
                    else jsonb_build_object('sceneImageUrl', 'atelier://images/' || p_scene_image_id) end;
    end if;
    perform atelier.validate_flow_settings(v_settings, p_partial);
    if v_settings ->> 'sceneImageUrl' is not null then
        v_scene_image_id := atelier_internal.scene_image_id(p_client_id, v_settings ->> 'sceneImageUrl');
        perform atelier_internal.require_image(p_client_id, v_scene_image_id, 'scene image');
        v_settings := v_settings || jsonb_build_object('sceneImageUrl', 'atelier://images/' || v_scene_image_id);
    end if;
    return v_settings;
end
$$;
comment on function atelier_internal.complete_settings(uuid, jsonb, jsonb, uuid, boolean) is
    'Settings as an asset stores them: defaults under, the scene image over what was given, validated, sceneImageUrl in its stable form.';

create function atelier_internal.changed_settings(p_settings jsonb, p_change jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('settings', p_change is not null);
    if jsonb_typeof(p_change) <> 'object' then
        perform atelier_internal.refuse_shape('setting', array['settings', 'a JSON object'], p_change);
    end if;
    return (p_settings || p_change) - array(select c.key from jsonb_each(p_change) as c where c.value = 'null');
end
$$;
comment on function atelier_internal.changed_settings(jsonb, jsonb) is
    'Settings with a change made: its keys replace theirs, a JSON null takes a key away. 22004 for no change, 22023 for one that is no object.';

create function atelier_internal.require_override(p_override jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('settings_override', p_override is not null);
    if jsonb_typeof(p_override) <> 'object' then
        perform atelier_internal.refuse_shape('setting', array['settings_override', 'a JSON object'], p_override);
    end if;
end
$$;
comment on function atelier_internal.require_override(jsonb) is 'Raises 22004 or 22023 for what is no settings_override.';

create function atelier_internal.phrase(p_word text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select replace(nullif(nullif(btrim(p_word), ''), 'unspecified'), '_', ' ')
$$;
comment on function atelier_internal.phrase(text) is 'A word of the settings for a sentence; NULL when it says nothing.';

create function atelier_internal.phrase_list(p_words jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(word.value, ', ' order by word.place)
      from jsonb_array_elements_text(case when jsonb_typeof(p_words) = 'array' then p_words else '[]' end) with ordinality as word (value, place)
$$;
comment on function atelier_internal.phrase_list(jsonb) is 'A list of texts for a sentence; NULL when it is empty.';

create function atelier_internal.prompts(p_product_ids uuid[], p_settings jsonb[]) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select case when given.opening is not null and r.settings ->> 'promptMode' = 'replace' then given.opening else concat_ws(' ',
                   case when given.opening is null then format('Beautiful %sscene featuring the product.', word.style || ' ')
                        when given.opening ~ '[[:alnum:]]$' then given.opening || '.'
                        else given.opening end,
                   'The product is ' || p.name || ' (' || p.category || ').',
                   'It is made of ' || atelier_internal.phrase_list(p.metadata -> 'materials') || '.',
                   'Room: ' || word.room_type || '.',
                   'Style: ' || word.style || '.',
                   'Lighting: ' || word.lighting || '.',
                   'Colour scheme: ' || word.color_scheme || '.',
                   case when r.settings -> 'matchProductColors' = 'true'
                        then 'Match the colours of the product' || coalesce(': ' || atelier_internal.phrase_list(p.metadata -> 'colors'), '') || '.' end,
                   'Camera angle: ' || word.camera_angle || '.',
                   'Aspect ratio: ' || word.aspect_ratio || '.',
                   'Surroundings: ' || rtrim(nullif(btrim(r.settings ->> 'surroundings'), ''), '.') || '.',
                   'Props: ' || atelier_internal.phrase_list(r.settings -> 'props') || '.',
                   'Variety: ' || (r.settings ->> 'varietyLevel') || ' of 10.',
                   case when r.settings ->> 'sceneImageUrl' is not null then 'Use the second image as the scene.' end,
                   'Keep the product exactly as it is in the photo.') end
          from unnest(p_product_ids, p_settings) with ordinality as r (product_id, settings, place)
          left join atelier.products p on p.id = r.product_id
         cross join lateral (select nullif(btrim(r.settings ->> 'promptText'), '') as opening) as given
         cross join lateral (
            select atelier_internal.phrase(r.settings ->> 'roomType') as room_type,
                   atelier_internal.phrase(r.settings ->> 'style') as style,
                   atelier_internal.phrase(r.settings ->> 'lighting') as lighting,
                   atelier_internal.phrase(r.settings ->> 'colorScheme') as color_scheme,
                   atelier_internal.phrase(r.settings ->> 'cameraAngle') as camera_angle,
                   atelier_internal.phrase(r.settings ->> 'aspectRatio') as aspect_ratio) as word
         order by r.place)
$$;
comment on function atelier_internal.prompts(uuid[], jsonb[]) is
    'The prompts for valid settings of products, in their order; a NULL product is left out of its prompt.';

create function atelier.build_prompt(settings jsonb, product_id uuid default null) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
    perform atelier.validate_flow_settings(settings, true);
    if product_id is not null and not exists (select from atelier.products p where p.id = product_id) then
        raise exception 'product not found'
            using errcode = 'no_data_found', detail = format('There is no product %s.', product_id),
                  hint = atelier_internal.way_out('Leave product_id out to preview the prompt without a product.');
    end if;
    return (atelier_internal.prompts(array[product_id], array[settings]))[1];
end
$$;
comment on function atelier.build_prompt(jsonb, uuid) is
    'The prompt that a request with these settings sends, for preview too. promptText replaces the opening sentence; with promptMode "replace" it is the whole prompt. Settings may be partial (22023 otherwise as validate_flow_settings); P0002 for an unknown product.';
