-- Shapes of what analyses find. As in 12_shapes: immutable, NULL for a legal value, else {field, what is expected}.

create function atelier_internal.is_word_list(p_value jsonb, p_most integer) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return p_value is null or atelier_internal.is_text_list(p_value, p_most);
comment on function atelier_internal.is_word_list(jsonb, integer) is 'Whether a member is absent or a list of at most so many texts, each of 1 to 200 characters.';

create function atelier_internal.scene_analysis_problem(p_analysis jsonb) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_field text;
begin
    if p_analysis is null then
        return null;
    end if;
    if jsonb_typeof(p_analysis) <> 'object' then
        return array['analysis', 'a JSON object'];
    end if;
    if coalesce(p_analysis ->> 'environment', '') not in ('indoor', 'outdoor', 'mixed', 'unspecified') then
        return array['environment', 'one of indoor, outdoor, mixed, unspecified'];
    end if;
    foreach v_field in array array['style', 'lighting', 'colorScheme', 'cameraAngle', 'mood'] loop
        if jsonb_typeof(p_analysis -> v_field) is distinct from 'string' or char_length(p_analysis ->> v_field) not between 1 and 200 then
            return array[v_field, 'a text of 1 to 200 characters, unspecified where it is not known'];
        end if;
    end loop;
    foreach v_field in array array['suggestedRoomTypes', 'props', 'colorPalette'] loop
        if jsonb_typeof(p_analysis -> v_field) is distinct from 'array' or not atelier_internal.is_text_list(p_analysis -> v_field, 50) then
            return array[v_field, 'a list of at most 50 texts of 1 to 200 characters'];
        end if;
    end loop;
    if jsonb_path_exists(p_analysis, 'strict $.colorPalette[*] ? (!(@ like_regex "^#[0-9a-fA-F]{6}$"))') then
        return array['colorPalette', 'a list of colours such as "#a0b1c2"'];
    end if;
    if jsonb_typeof(p_analysis -> 'materials') is distinct from 'object'
       or jsonb_path_exists(p_analysis, 'strict $.materials.* ? (@.type() != "string" || @ like_regex "^.{201}" flag "s")') then
        return array['materials', 'an object with texts of at most 200 characters, such as {"floor": "oak"}'];
    end if;
    foreach v_field in array array['brightness', 'contrast'] loop
        if p_analysis ? v_field then
            if jsonb_typeof(p_analysis -> v_field) <> 'number' then
                return array[v_field, 'a number from 0 to 1'];
            elsif (p_analysis ->> v_field)::numeric not between 0 and 1 then
                return array[v_field, 'a number from 0 to 1'];
            end if;
        end if;
    end loop;
    if p_analysis ? 'orientation' and coalesce(p_analysis ->> 'orientation', '') not in ('landscape', 'portrait', 'square') then
        return array['orientation', 'one of landscape, portrait, square'];
    end if;
    foreach v_field in array array['measured', 'from_rows', 'unknown'] loop
        if not atelier_internal.is_word_list(p_analysis -> v_field, 100) then
            return array[v_field, 'a list of field names'];
        end if;
    end loop;
    return null;
end
$$;
comment on function atelier_internal.scene_analysis_problem(jsonb) is
    'NULL when the analysis of a scene is absent or well formed, else {field, what is expected}. Unknown keys are allowed.';

create function atelier_internal.product_analysis_problem(p_analysis jsonb) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_field text;
    -- Unpacked once, not for each member: thousands of products are in it, and every change of a collection is checked.
    v_analysis jsonb := p_analysis || '{}';
begin
    if p_analysis is null then
        return null;
    end if;
    if jsonb_typeof(p_analysis) <> 'object' then
        return array['productAnalysis', 'a JSON object'];
    end if;
    if jsonb_typeof(v_analysis -> 'roomTypeDistribution') is distinct from 'object'
       or jsonb_path_exists(v_analysis, 'strict $.roomTypeDistribution.* ? (@.type() != "number" || @ < 0)') then
        return array['roomTypeDistribution', 'an object with a number, 0 or more, for each room'];
    end if;
    if jsonb_typeof(v_analysis -> 'productRoomAssignments') is distinct from 'object'
       or exists (select from jsonb_each(v_analysis -> 'productRoomAssignments') as e
                   where jsonb_typeof(e.value) <> 'string' or char_length(e.value #>> '{}') not between 1 and 100) then
        return array['productRoomAssignments', 'an object with a room of 1 to 100 characters for each product'];
    end if;
    foreach v_field in array array['productTypes', 'suggestedStyles', 'recommendedInspirationKeywords'] loop
        if jsonb_typeof(v_analysis -> v_field) is distinct from 'array' or not atelier_internal.is_text_list(v_analysis -> v_field, 1000) then
            return array[v_field, 'a list of at most 1000 texts of 1 to 200 characters'];
        end if;
    end loop;
    if jsonb_typeof(v_analysis -> 'dominantCategory') is distinct from 'string' then
        return array['dominantCategory', 'a text'];
    end if;
    if jsonb_typeof(v_analysis -> 'analyzedAt') is distinct from 'string' then
        return array['analyzedAt', 'a time as text'];
    end if;
    foreach v_field in array array['measured', 'from_rows', 'unknown'] loop
        if not atelier_internal.is_word_list(v_analysis -> v_field, 100) then
            return array[v_field, 'a list of field names'];
        end if;
    end loop;
    return null;
end
$$;
comment on function atelier_internal.product_analysis_problem(jsonb) is
    'NULL when the analysis of a collection''s products is absent or well formed, else {field, what is expected}. Unknown keys are allowed.';
