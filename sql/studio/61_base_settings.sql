-- Base settings of a collection: what its inspirations suggest, between what the client usually wants and what people said.

create function atelier_internal.merged_words(p_lists jsonb[], p_most integer) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(kept.word order by kept.votes desc, kept.place), '[]')
      from (select (array_agg(said.word order by list.place, said.place))[1] as word, count(distinct list.place) as votes, min(array[list.place, said.place]) as place
              from unnest(p_lists) with ordinality as list (words, place)
             cross join lateral unnest(atelier_internal.texts_of(list.words)) with ordinality as said (word, place)
             where said.word not in ('', 'unspecified')
             group by lower(said.word)
             order by votes desc, place
             limit p_most) as kept
$$;
comment on function atelier_internal.merged_words(jsonb[], integer) is
    'The words that most of the lists have, at most so many; of equally frequent ones the first. "unspecified" and empty texts say nothing.';

create function atelier_internal.joined(p_words text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when cardinality(p_words) < 2 then p_words[1]
            else array_to_string(p_words[:cardinality(p_words) - 1], ', ') || ' and ' || p_words[cardinality(p_words)] end;
comment on function atelier_internal.joined(text[]) is 'Words for a sentence: "a, b and c"; NULL when there are none.';

create function atelier_internal.surroundings_of(p_scenes jsonb[]) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_environment text := atelier_internal.merged_words(array(select jsonb_build_array(s -> 'environment') from unnest(p_scenes) as s), 1) ->> 0;
    v_moods text[] := atelier_internal.texts_of(atelier_internal.merged_words(array(select jsonb_build_array(s -> 'mood') from unnest(p_scenes) as s), 2));
    v_parts text[] := '{}';
    v_materials text;
    v_part text;
begin
    foreach v_part in array array['floor', 'walls', 'ceiling'] loop
        v_materials := (select string_agg(atelier_internal.clip(m.word, 80), ' or ' order by m.place)
                          from unnest(atelier_internal.texts_of(atelier_internal.merged_words(
                                   array(select jsonb_build_array(s #> array['materials', v_part]) from unnest(p_scenes) as s), 2)))
                               with ordinality as m (word, place));
        v_parts := v_parts || (case v_part when 'walls' then 'walls of ' else 'a ' || v_part || ' of ' end || v_materials);
    end loop;
    v_parts := array_remove(v_parts, null);
    if v_environment is null and v_parts = '{}' and v_moods = '{}' then
        return null;
    end if;
    return case v_environment when 'indoor' then 'An indoor scene' when 'outdoor' then 'An outdoor scene'
                              when 'mixed' then 'A scene between indoors and outdoors' else 'A scene' end
           || coalesce(' with ' || atelier_internal.joined(v_parts), '')
           || coalesce('; mood: ' || (select string_agg(atelier_internal.clip(m.word, 80), ', ' order by m.place)
                                        from unnest(v_moods) with ordinality as m (word, place)), '')
           || '.';
end
$$;
comment on function atelier_internal.surroundings_of(jsonb[]) is 'One sentence of what analysed scenes say of environment, materials and mood; NULL when they say nothing.';

create function atelier_internal.settings_of_scenes(p_scenes jsonb[]) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(derived.field, derived.value) filter (where derived.value is not null), '{}')
      from (select word.field,
                   atelier_internal.merged_words(array(select jsonb_build_array(s -> word.field) from unnest(p_scenes) as s), 1) -> 0
              from unnest(array['style', 'lighting', 'colorScheme', 'cameraAngle']) as word (field)
            union all
            select 'aspectRatio', '{"landscape": "4:3", "portrait": "3:4", "square": "1:1"}'::jsonb
                       -> (atelier_internal.merged_words(array(select jsonb_build_array(s -> 'orientation') from unnest(p_scenes) as s), 1) ->> 0)
            union all
            select 'surroundings', to_jsonb(atelier_internal.surroundings_of(p_scenes))
            union all
            select 'props', nullif(atelier_internal.merged_words(array(select s -> 'props' from unnest(p_scenes) as s), 8), '[]')
           ) as derived (field, value)
$$;
comment on function atelier_internal.settings_of_scenes(jsonb[]) is
    'The settings that analysed scenes, the first of them first, suggest: words by majority, the aspect ratio by orientation, their props and one sentence of surroundings. What they do not tell is left out.';

create function atelier_internal.derive_base_settings(collection_id uuid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_scenes jsonb[] := array(
        select i.analysis from atelier.inspiration_images i
         where i.collection_id = derive_base_settings.collection_id and i.analysis is not null
         order by i.display_order, i.created_at, i.id);
    v_nothing_said constant jsonb :=
        '{"style": "unspecified", "lighting": "unspecified", "colorScheme": "unspecified", "cameraAngle": "unspecified",
          "surroundings": "", "props": [], "varietyLevel": 5, "matchProductColors": false}';
begin
    return (select case when v_scenes = '{}' then '{}' else v_nothing_said end
                   || case when jsonb_typeof(k.settings -> 'generationDefaults') = 'object' then k.settings -> 'generationDefaults' else '{}' end
                   || atelier_internal.settings_of_scenes(v_scenes)
                   || c.own_settings
              from atelier.collections c
              join atelier.clients k on k.id = c.client_id
             where c.id = collection_id);
end
$$;
comment on function atelier_internal.derive_base_settings(uuid) is
    'Base settings of a collection as its client, inspirations and own settings are now: own_settings over what the analysed scenes suggest over the generationDefaults of the client. With scenes they are complete; without, only if people gave all. NULL for an unknown collection.';

create function atelier_internal.base_settings_lack(settings jsonb) returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return array(select f.name
               from unnest(array['style', 'lighting', 'colorScheme', 'cameraAngle', 'aspectRatio', 'surroundings', 'props', 'varietyLevel',
                                 'matchProductColors']) with ordinality as f (name, place)
              where coalesce(jsonb_typeof(settings -> f.name), 'null') = 'null'
              order by f.place);
comment on function atelier_internal.base_settings_lack(jsonb) is
    'The required fields that base settings lack; none where they are complete. The room is not among them: each product has its own.';
