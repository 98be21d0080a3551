-- What is made of the analyses of a collection: their shape, and their end when the last answer has come.

create function atelier.validate_product_analysis(analysis jsonb) returns void
language plpgsql immutable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_problem text[] := atelier_internal.product_analysis_problem(analysis);
begin
    perform atelier_internal.require('analysis', analysis is not null);
    if v_problem is not null then
        perform atelier_internal.refuse_shape('product analysis', v_problem, analysis);
    end if;
end
$$;
comment on function atelier.validate_product_analysis(jsonb) is
    'Raises 22023 naming the field when the analysis of a collection''s products is not well formed; see collections.product_analysis. Unknown keys are allowed. 22004 for NULL.';

create function atelier.validate_scene_analysis(analysis jsonb) returns void
language plpgsql immutable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_problem text[] := atelier_internal.scene_analysis_problem(analysis);
begin
    perform atelier_internal.require('analysis', analysis is not null);
    if v_problem is not null then
        perform atelier_internal.refuse_shape('scene analysis', v_problem, analysis);
    end if;
end
$$;
comment on function atelier.validate_scene_analysis(jsonb) is
    'Raises 22023 naming the field when the analysis of a scene is not well formed; see inspiration_images.analysis. Unknown keys are allowed. 22004 for NULL.';

-- Concluding is done by whoever ended the last job, the worker or a DBA who cancelled it, with the collection locked.

create function atelier_internal.take_product_answers(p_collection_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_collection atelier.collections;
    v_answers jsonb[];
    v_former jsonb;
    v_rooms jsonb;
    v_analysis jsonb;
    v_keeps_former boolean;
    v_embedded boolean;
    v_fields constant text[] := array['productTypes', 'suggestedStyles', 'recommendedInspirationKeywords'];
begin
    select c.* into v_collection from atelier.collections c where c.id = p_collection_id;
    v_former := v_collection.product_analysis;
    select array_agg(b.answer order by b.number), coalesce(bool_and(atelier_internal.is_embedded(b.answer ->> 'provider')), true)
      into v_answers, v_embedded
      from atelier_internal.product_batches b
     where b.collection_id = p_collection_id and b.answer is not null;
    delete from atelier_internal.product_batches b where b.collection_id = p_collection_id;
    if v_answers is null and v_former is null then
        return;
    end if;

    v_rooms := coalesce((select jsonb_object_agg(r.product, r.room) from unnest(v_answers) as a cross join lateral jsonb_each(a -> 'rooms') as r (product, room)), '{}');
    -- What is known of products that were not asked about now still counts.
    select coalesce(jsonb_object_agg(chosen.id, coalesce(v_rooms -> chosen.id::text, v_former #> array['productRoomAssignments', chosen.id::text])), '{}'),
           coalesce(bool_or(not v_rooms ? chosen.id::text), v_answers is null)
      into v_rooms, v_keeps_former
      from unnest(v_collection.selected_product_ids) as chosen (id)
     where v_rooms ? chosen.id::text or v_former -> 'productRoomAssignments' ? chosen.id::text;

    v_analysis := jsonb_build_object(
        'productRoomAssignments', v_rooms,
        'roomTypeDistribution', (select coalesce(jsonb_object_agg(counted.room, counted.products), '{}')
                                   from (select r.room, count(*) as products from jsonb_each_text(v_rooms) as r (product, room) group by r.room) as counted),
        'dominantCategory', coalesce((
            select p.category
              from unnest(v_collection.selected_product_ids) with ordinality as chosen (id, place)
              join atelier.products p on p.id = chosen.id
             group by p.category order by count(*) desc, min(chosen.place) limit 1), ''),
        'analyzedAt', case when v_answers is null then v_former ->> 'analyzedAt' else atelier_internal.iso_time(now()) end,
        'provider', case when v_answers is null then v_former ->> 'provider' else v_answers[1] ->> 'provider' end,
        'model', case when v_answers is null then v_former ->> 'model' else v_answers[1] ->> 'model' end)
        || (select jsonb_object_agg(f.name, atelier_internal.merged_words(
                       case when v_keeps_former and v_former is not null then array[v_former -> f.name] else '{}' end
                       || array(select a -> f.name from unnest(v_answers) as a), 100))
              from unnest(v_fields) as f (name));
    v_analysis := v_analysis || (
        select jsonb_build_object(
                   'measured', '[]'::jsonb,
                   'from_rows', array['dominantCategory', 'roomTypeDistribution']
                       || coalesce(array_agg(f.name order by f.name) filter (where f.is_known and v_embedded
                              and (not v_keeps_former or v_former is null or v_former -> 'from_rows' ? f.name)), '{}'),
                   'unknown', coalesce(array_agg(f.name order by f.name) filter (where not f.is_known), '{}'))
          from (select u.name, v_analysis -> u.name <> '[]' from unnest(v_fields) as u (name)
                union all
                select 'productRoomAssignments', exists (select from jsonb_each_text(v_rooms) as r (product, room) where r.room <> 'unspecified'))
               as f (name, is_known));
    update atelier.collections c set product_analysis = v_analysis where c.id = p_collection_id;
end
$$;
comment on function atelier_internal.take_product_answers(uuid) is
    'Ends the batches of a collection: their answers become its product_analysis, beside what is known already of other products that are still selected.';

create function atelier_internal.analysis_failures(p_collection_id uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with failed (rank, what, reason) as (
        -- A batch whose products were all removed meanwhile is missed by nobody.
        select 1,
               case when count(*) = 1 then 'product ' || min(p.sku)
                    else format('%s products (%s)', count(*), atelier_internal.some_of(array_agg(p.sku order by b.number, chosen.place))) end,
               b.error_message
          from atelier_internal.product_batches b
          join atelier.collections c on c.id = b.collection_id
         cross join lateral unnest(b.product_ids) with ordinality as chosen (id, place)
          join atelier.products p on p.id = chosen.id and p.id = any (c.selected_product_ids)
         where b.collection_id = p_collection_id and b.error_message is not null
         group by b.error_message
        union all
        select 2,
               case when count(*) = 1 then 'inspiration ' else 'inspirations ' end
                   || atelier_internal.some_of(array_agg(i.id::text order by i.display_order, i.created_at, i.id)),
               i.error_message
          from atelier.inspiration_images i
         where i.collection_id = p_collection_id and i.error_message is not null
         group by i.error_message
    ), told as (
        select f.*, row_number() over (order by f.rank, f.what) as place from failed f
    )
    select string_agg(format('the analysis of %s failed: %s', t.what, atelier_internal.clip(t.reason, 500)), '; ' order by t.place)
               filter (where t.place <= 4)
           || case when count(*) > 4 then format('; and %s more', count(*) - 4) else '' end
           || '; atelier.analyze_collection() tries again'
      from told t;
end;
comment on function atelier_internal.analysis_failures(uuid) is
    'Which products and inspirations of a collection could not be analysed, why, and the way out; NULL when there are none.';

create function atelier_internal.analysis_lack(p_collection atelier.collections, p_settings jsonb) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_assigned jsonb := coalesce(p_collection.product_analysis -> 'productRoomAssignments', '{}');
    v_roomless text[] := array(
        select p.sku from unnest(p_collection.selected_product_ids) with ordinality as chosen (id, place)
          join atelier.products p on p.id = chosen.id
         where not v_assigned ? chosen.id::text
         order by chosen.place);
    v_unseen text[] := array(
        select i.id::text from atelier.inspiration_images i
         where i.collection_id = p_collection.id and i.analysis is null and i.error_message is null
         order by i.display_order, i.created_at, i.id);
    v_lack text[] := atelier_internal.base_settings_lack(p_settings);
begin
    return nullif(concat_ws('; ',
        case when p_collection.selected_product_ids = '{}' then 'it has no products; atelier.set_collection_products() selects products' end,
        case when v_roomless <> '{}'
             then atelier_internal.products_are(cardinality(v_roomless)) || ' no room: ' || atelier_internal.some_of(v_roomless)
                  || '; atelier.analyze_collection() finds one' end,
        case when v_unseen <> '{}'
             then 'not analysed yet: ' || case cardinality(v_unseen) when 1 then 'inspiration ' else 'inspirations ' end
                  || atelier_internal.some_of(v_unseen) || '; atelier.analyze_collection() does it' end,
        atelier_internal.analysis_failures(p_collection.id),
        case when v_lack <> '{}'
             then format('the base settings lack %s; atelier.add_inspiration() lets them be derived, atelier.update_collection_settings() sets them',
                         atelier_internal.joined(v_lack)) end), '');
end
$$;
comment on function atelier_internal.analysis_lack(atelier.collections, jsonb) is
    'What keeps a collection with these base settings from being ready, and the ways out; NULL when nothing does: each product has a room, each inspiration is analysed, and no setting is missing.';

create function atelier_internal.conclude_analysis(p_collection_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on set enable_mergejoin = on
as $$
declare
    v_had_batches boolean := exists (select from atelier_internal.product_batches b where b.collection_id = p_collection_id);
    v_failures text;
    v_collection atelier.collections;
    v_settings jsonb;
    v_status text;
    v_error text;
begin
    if exists (select from atelier_internal.product_batches b where b.collection_id = p_collection_id and b.job_id is not null)
       or exists (select from atelier.inspiration_images i where i.collection_id = p_collection_id and i.job_id is not null)
       or not exists (select from atelier.collections c where c.id = p_collection_id and c.status = 'analyzing')
    then
        return;
    end if;
    v_failures := atelier_internal.analysis_failures(p_collection_id);
    perform atelier_internal.take_product_answers(p_collection_id);
    select c.* into v_collection from atelier.collections c where c.id = p_collection_id;
    v_settings := v_collection.base_settings;

    if v_failures is not null then
        v_status := 'error';
        v_error := v_failures;
    elsif v_collection.selected_product_ids = '{}' and v_had_batches then
        v_status := 'error';
        v_error := 'all products of the selection were removed while they were analysed; atelier.set_collection_products() selects others';
    elsif not atelier_internal.is_analyzed(v_collection) then
        -- Only a part was asked for.
        v_status := 'draft';
    else
        v_settings := atelier_internal.derive_base_settings(p_collection_id);
        v_error := atelier_internal.analysis_lack(v_collection, v_settings);
        v_status := case when v_error is null then 'ready' else 'error' end;
    end if;
    update atelier.collections c set status = v_status, error_message = v_error, base_settings = v_settings where c.id = p_collection_id;
end
$$;
comment on function atelier_internal.conclude_analysis(uuid) is
    'Ends the analysis of a locked collection when none of its jobs is under way: ready; error where something could not be analysed or the base settings lack something; draft where only a part was asked for. Of a collection in another status it changes nothing.';

create function atelier_internal.cancel_analysis(collection_id uuid, reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    -- Jobs are locked before the rows that they work for, in the order of the worker.
    v_jobs uuid[] := array(
        select j.id from atelier_internal.jobs j
         where j.id in (select b.job_id from atelier_internal.product_batches b where b.collection_id = cancel_analysis.collection_id
                        union all
                        select i.job_id from atelier.inspiration_images i where i.collection_id = cancel_analysis.collection_id)
         order by j.id for update);
begin
    -- Rows that have no job any more hear nothing of its end: the collection goes where the caller sends it.
    update atelier_internal.product_batches b set job_id = null
     where b.collection_id = cancel_analysis.collection_id and b.job_id is not null;
    update atelier.inspiration_images i set job_id = null
     where i.collection_id = cancel_analysis.collection_id and i.job_id is not null;
    perform atelier_internal.cancel_jobs(v_jobs, reason);
    perform atelier_internal.take_product_answers(collection_id);
end
$$;
comment on function atelier_internal.cancel_analysis(uuid, text) is
    'Ends the jobs of the analysis of a locked collection and keeps the answers that have come. The status is left to the caller.';
