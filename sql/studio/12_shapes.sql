-- Shapes of the JSON columns and of object keys. Each function is immutable, reads nothing but its argument and returns NULL for a
-- legal value, else a pair: the offending field and what is expected of it. CHECK constraints and validators share them.

create function atelier_internal.flow_settings_problem(p_settings jsonb, p_partial boolean) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Plain expressions, no query: the check runs at every change of an asset.
    c_fields constant text[] := array[
        ['roomType', 'word', 'required'], ['style', 'word', 'required'], ['lighting', 'word', 'required'],
        ['colorScheme', 'word', 'required'], ['cameraAngle', 'word', 'required'], ['aspectRatio', 'word', 'required'],
        ['surroundings', 'prose', 'required'], ['props', 'words', 'required'], ['varietyLevel', 'level', 'required'],
        ['matchProductColors', 'boolean', 'required'], ['sceneImageUrl', 'url', 'optional'], ['promptText', 'prose', 'optional'],
        ['promptMode', 'word', 'optional'], ['settings_version', 'version', 'optional']];
    v_field text[];
    v_value jsonb;
begin
    if jsonb_typeof(p_settings) <> 'object' then
        return array['settings', 'a JSON object'];
    end if;
    foreach v_field slice 1 in array c_fields loop
        v_value := p_settings -> v_field[1];
        if not (case
            when v_value is null then p_partial or v_field[3] = 'optional'
            when jsonb_typeof(v_value) = 'null' then v_field[3] = 'optional'
            when v_field[2] = 'word' then jsonb_typeof(v_value) = 'string' and char_length(v_value #>> '{}') between 1 and 100
            when v_field[2] = 'prose' then jsonb_typeof(v_value) = 'string' and char_length(v_value #>> '{}') <= 4000
            when v_field[2] = 'url' then jsonb_typeof(v_value) = 'string' and char_length(v_value #>> '{}') between 1 and 2048
            when v_field[2] = 'words' then atelier_internal.is_text_list(v_value, 50)
            when v_field[2] = 'boolean' then jsonb_typeof(v_value) = 'boolean'
            when jsonb_typeof(v_value) <> 'number' then false
            when v_field[2] = 'level' then (v_value #>> '{}')::numeric between 1 and 10
            else (v_value #>> '{}')::numeric between 1 and 1000 and scale(trim_scale((v_value #>> '{}')::numeric)) = 0 end)
        then
            return array[v_field[1], case v_field[2]
                when 'word' then 'a text of 1 to 100 characters'
                when 'prose' then 'a text of at most 4000 characters'
                when 'url' then 'a text of 1 to 2048 characters'
                when 'words' then 'a list of at most 50 texts of 1 to 200 characters'
                when 'boolean' then 'true or false'
                when 'level' then 'a number from 1 to 10'
                else 'a whole number from 1 to 1000' end];
        end if;
    end loop;
    return null;
end
$$;
comment on function atelier_internal.flow_settings_problem(jsonb, boolean) is
    'NULL when the generation settings have the right types and ranges, else {field, what is expected}. Partial settings may leave out required fields.';

create function atelier_internal.is_text_list(p_value jsonb, p_most integer) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when jsonb_typeof(p_value) = 'array'
            then jsonb_array_length(p_value) <= p_most
                 and not jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "string" || @ == "" || @ like_regex "^.{201}" flag "s")')
            else false end;
comment on function atelier_internal.is_text_list(jsonb, integer) is 'Whether a JSON value is a list of at most so many texts, each of 1 to 200 characters.';

create function atelier_internal.client_settings_problem(p_settings jsonb) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_defaults jsonb;
    v_limit jsonb;
    v_problem text[];
begin
    if jsonb_typeof(p_settings) <> 'object' then
        return array['settings', 'a JSON object'];
    end if;
    v_defaults := nullif(p_settings -> 'generationDefaults', 'null');
    if v_defaults is not null then
        if jsonb_typeof(v_defaults) <> 'object' then
            return array['generationDefaults', 'a JSON object'];
        end if;
        v_problem := atelier_internal.flow_settings_problem(v_defaults, true);
        if v_problem is not null then
            return array['generationDefaults.' || v_problem[1], v_problem[2]];
        end if;
    end if;
    v_limit := nullif(p_settings -> 'monthlyGenerationLimit', 'null');
    if v_limit is not null then
        if jsonb_typeof(v_limit) <> 'number' then
            return array['monthlyGenerationLimit', 'a whole number, 0 or more'];
        elsif (v_limit #>> '{}')::numeric < 0 or scale(trim_scale((v_limit #>> '{}')::numeric)) <> 0 then
            return array['monthlyGenerationLimit', 'a whole number, 0 or more'];
        end if;
    end if;
    if nullif(p_settings -> 'allowedFileTypes', 'null') is not null
       and not atelier_internal.is_text_list(p_settings -> 'allowedFileTypes', 100) then
        return array['allowedFileTypes', 'a list of at most 100 texts of 1 to 200 characters'];
    end if;
    return null;
end
$$;
comment on function atelier_internal.client_settings_problem(jsonb) is
    'NULL when the settings of a client are well formed, else {field, what is expected}.';

create function atelier_internal.product_metadata_problem(p_metadata jsonb) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dimensions jsonb;
    v_field text;
begin
    if jsonb_typeof(p_metadata) <> 'object' then
        return array['metadata', 'a JSON object'];
    end if;
    v_dimensions := nullif(p_metadata -> 'dimensions', 'null');
    if v_dimensions is not null then
        if jsonb_typeof(v_dimensions) <> 'object' then
            return array['dimensions', 'a JSON object'];
        end if;
        foreach v_field in array array['width', 'height', 'depth'] loop
            if jsonb_typeof(v_dimensions -> v_field) not in ('number', 'null') then
                return array['dimensions.' || v_field, 'a number'];
            elsif jsonb_typeof(v_dimensions -> v_field) = 'number' and (v_dimensions ->> v_field)::numeric < 0 then
                return array['dimensions.' || v_field, 'a number, 0 or more'];
            end if;
        end loop;
        if jsonb_typeof(v_dimensions -> 'unit') not in ('string', 'null') then
            return array['dimensions.unit', 'a text'];
        end if;
    end if;
    foreach v_field in array array['materials', 'colors', 'tags'] loop
        if nullif(p_metadata -> v_field, 'null') is not null
           and not atelier_internal.is_text_list(p_metadata -> v_field, 1000) then
            return array[v_field, 'a list of at most 1000 texts of 1 to 200 characters'];
        end if;
    end loop;
    if jsonb_typeof(p_metadata -> 'customFields') not in ('object', 'null') then
        return array['customFields', 'a JSON object'];
    end if;
    return null;
end
$$;
comment on function atelier_internal.product_metadata_problem(jsonb) is
    'NULL when the metadata of a product are well formed, else {field, what is expected}.';

create function atelier_internal.image_metadata_problem(p_metadata jsonb) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_field text;
begin
    if jsonb_typeof(p_metadata) <> 'object' then
        return array['metadata', 'a JSON object'];
    end if;
    if p_metadata ? 'source' and not coalesce(p_metadata ->> 'source' in ('upload', 'generated', 'unsplash'), false) then
        return array['source', 'one of upload, generated, unsplash'];
    end if;
    foreach v_field in array array['originalFilename', 'altText', 'caption'] loop
        if jsonb_typeof(p_metadata -> v_field) not in ('string', 'null') then
            return array[v_field, 'a text'];
        end if;
    end loop;
    if jsonb_typeof(p_metadata -> 'exif') not in ('object', 'null') then
        return array['exif', 'a JSON object'];
    end if;
    return null;
end
$$;
comment on function atelier_internal.image_metadata_problem(jsonb) is
    'NULL when the metadata of an image are well formed, else {field, what is expected}.';

create function atelier_internal.object_key_problem(p_key text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_key = '' then 'it is empty'
        when octet_length(p_key) > 1024 then 'it is longer than 1024 bytes'
        when p_key ~ '[\x01-\x1f\x7f-\x9f]' then 'it holds a control character'
        when p_key like '/%' then 'it begins with a slash'
        when p_key ~ '(^|/)\.\.?(/|$)' then 'a part of it is "." or ".."'
        when p_key ~ '(//|/$)' then 'a part of it is empty'
    end
$$;
comment on function atelier_internal.object_key_problem(text) is 'NULL when the text may be the key of a stored object, else what is wrong with it.';

create function atelier_internal.file_key_problem(p_key text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        atelier_internal.object_key_problem(p_key),
        case when strpos(p_key, e'\\') > 0 then 'it holds a backslash'
             when exists (select from string_to_table(p_key, '/') as part (name) where octet_length(part.name) > 255)
                 then 'a part of it is longer than 255 bytes'
        end)
$$;
comment on function atelier_internal.file_key_problem(text) is 'The same for the key of an object in the store "file", where the parts are names of files.';

create function atelier_internal.is_text_array(p_values text[]) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select not exists (select from unnest(p_values) as element (value) where coalesce(element.value, '') = '')
$$;
comment on function atelier_internal.is_text_array(text[]) is 'Whether no element is NULL or empty.';
