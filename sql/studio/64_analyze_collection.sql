-- Asking for analyses: of a collection, of its products, or of one of its inspirations.

create function atelier_internal.begin_analysis(
    p_collection atelier.collections, p_product_ids uuid[], p_inspirations uuid[], p_provider text, p_priority integer)
returns table (job_id uuid, subject_id uuid, pipeline text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_priority smallint := atelier_internal.require_priority(p_priority);
    v_most constant integer := 100;
    v_batches integer := ceil(cardinality(p_product_ids)::numeric / v_most);
    v_size integer := ceil(cardinality(p_product_ids)::numeric / greatest(v_batches, 1));
    v_route record;
    v_jobs uuid[];
begin
    update atelier.collections c set status = 'analyzing', error_message = null where c.id = p_collection.id;
    if p_product_ids <> '{}' then
        v_route := atelier_internal.pipeline_route('analyze_products', p_provider, 'analyses');
        v_jobs := atelier_internal.enqueue_jobs('analyze_products', array(
            select row(p_collection.id, p_collection.client_id, v_route.provider, v_route.model,
                       jsonb_build_object('collectionId', p_collection.id, 'batch', b.number), null)::atelier_internal.job_request
              from generate_series(1, v_batches) as b (number)
             order by b.number), atelier_internal.with_priority(v_priority));
        insert into atelier_internal.product_batches (collection_id, number, product_ids, job_id)
        select p_collection.id, b.number, p_product_ids[(b.number - 1) * v_size + 1 : b.number * v_size], v_jobs[b.number]
          from generate_series(1, v_batches) as b (number);
        return query select j.id, p_collection.id, 'analyze_products' from unnest(v_jobs) as j (id);
    end if;
    if p_inspirations <> '{}' then
        v_route := atelier_internal.pipeline_route('analyze_scene', p_provider, 'analyses');
        v_jobs := atelier_internal.enqueue_jobs('analyze_scene', array(
            select row(i.id, i.client_id, v_route.provider, v_route.model,
                       jsonb_build_object('collectionId', i.collection_id, 'inspirationId', i.id, 'imageId', i.image_id),
                       case when picture.status = 'pending' then array[picture.job_id] end)::atelier_internal.job_request
              from unnest(p_inspirations) with ordinality as wanted (id, place)
              join atelier.inspiration_images i on i.id = wanted.id
             cross join lateral atelier_internal.require_image(i.client_id, i.image_id, 'inspiration') as picture
             order by wanted.place), atelier_internal.with_priority(v_priority));
        update atelier.inspiration_images i set job_id = v_jobs[wanted.place], error_message = null
          from unnest(p_inspirations) with ordinality as wanted (id, place)
         where i.id = wanted.id;
        return query select v_jobs[wanted.place], wanted.id, 'analyze_scene' from unnest(p_inspirations) with ordinality as wanted (id, place);
    end if;
    perform atelier_internal.conclude_analysis(p_collection.id);
end
$$;
comment on function atelier_internal.begin_analysis(atelier.collections, uuid[], uuid[], text, integer) is
    'Puts a locked collection to analyzing and enqueues the analysis of these products, a hundred a job, and inspirations; without any it is concluded at once. 55000 for an inspiration whose picture cannot be used.';

create function atelier_internal.collection_to_analyze(p_collection_id uuid) returns atelier.collections
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_collection atelier.collections := atelier_internal.lock_collection(p_collection_id);
begin
    perform atelier_internal.refuse_busy_collection(v_collection, 'analysed');
    return atelier_internal.forget_lost_products(v_collection);
end
$$;
comment on function atelier_internal.collection_to_analyze(uuid) is
    'The collection, locked, without lost products; 22004 for NULL, P0002 for an unknown one, 55000 for one that is analyzing or generating.';

create function atelier_internal.refuse_empty_selection(p_collection_id uuid) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'collection has no products'
        using errcode = 'object_not_in_prerequisite_state', detail = format('No product is selected for collection %s.', p_collection_id),
              hint = 'Select products with atelier.set_collection_products().';
end
$$;
comment on function atelier_internal.refuse_empty_selection(uuid) is 'Raises 55000: nothing is selected.';

create function atelier.analyze_collection(collection_id uuid, provider text default null, again boolean default false, priority integer default 0)
returns table (job_id uuid, subject_id uuid, pipeline text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.collection_to_analyze(collection_id);
    v_lack text[];
begin
    perform atelier_internal.require('again', again is not null);
    if v_collection.selected_product_ids = '{}' then
        perform atelier_internal.refuse_empty_selection(collection_id);
    elsif not exists (select from atelier.inspiration_images i where i.collection_id = v_collection.id) then
        v_lack := atelier_internal.base_settings_lack(atelier_internal.derive_base_settings(v_collection.id));
        if v_lack <> '{}' then
            raise exception 'collection has no inspirations, and its base settings lack %', atelier_internal.joined(v_lack)
                using errcode = 'object_not_in_prerequisite_state',
                      detail = 'They are made of the own settings of the collection and the generationDefaults of its client.',
                      hint = 'Give inspirations with atelier.add_inspiration(), or the settings with atelier.update_collection_settings().';
        end if;
    end if;
    return query
    select b.job_id, b.subject_id, b.pipeline
      from atelier_internal.begin_analysis(
               v_collection,
               array(select chosen.id from unnest(v_collection.selected_product_ids) with ordinality as chosen (id, place)
                      where again or (v_collection.product_analysis -> 'productRoomAssignments' ? chosen.id::text) is not true
                      order by chosen.place),
               array(select i.id from atelier.inspiration_images i
                      where i.collection_id = v_collection.id and (again or i.analysis is null or i.error_message is not null)
                      order by i.display_order, i.created_at, i.id),
               provider, priority) as b;
end
$$;
comment on function atelier.analyze_collection(uuid, text, boolean, integer) is
    'Has a collection analysed and returns the jobs: its products are assigned rooms, its inspirations described, and from them its base_settings derived. Only what was not analysed yet is, or with again all. The collection is analyzing until the last job has ended, then ready, or error with the reason in error_message. Where nothing is to be done it is ready at once. priority -100 (first) to 100 (last). 55000 while it is analyzing or generating, without products, with a picture that cannot be used, or when there are neither inspirations nor complete settings; 22023 for a provider without json_model, 42704 for an unknown one, 42501 without USAGE on it; P0002 for an unknown collection.';

create function atelier.analyze_products(collection_id uuid, provider text default null)
returns table (job_id uuid, subject_id uuid, pipeline text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.collection_to_analyze(collection_id);
begin
    if v_collection.selected_product_ids = '{}' then
        perform atelier_internal.refuse_empty_selection(collection_id);
    end if;
    return query
    select b.job_id, b.subject_id, b.pipeline
      from atelier_internal.begin_analysis(v_collection, v_collection.selected_product_ids, '{}', provider, 0) as b;
end
$$;
comment on function atelier.analyze_products(uuid, text) is
    'Has all products of a collection analysed, also anew, and returns the jobs. As analyze_collection, but the inspirations stay as they are; where one of them was not analysed yet, the collection is a draft at the end.';

create function atelier.analyze_scene(inspiration_id uuid, provider text default null) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections := atelier_internal.lock_collection_of_inspiration(inspiration_id);
begin
    perform atelier_internal.refuse_busy_collection(v_collection, 'analysed');
    return (select b.job_id from atelier_internal.begin_analysis(v_collection, '{}', array[inspiration_id], provider, 0) as b);
end
$$;
comment on function atelier.analyze_scene(uuid, text) is
    'Has one inspiration of a collection analysed, also anew, and returns the job. As analyze_collection, but everything else stays as it is; where something else was not analysed yet, the collection is a draft at the end. P0002 for an unknown inspiration.';
