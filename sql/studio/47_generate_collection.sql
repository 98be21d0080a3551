-- The assets of a collection: those that are missing are asked for together, or none.

create function atelier_internal.some_of(p_names text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return array_to_string(p_names[1:5], ', ') || case when cardinality(p_names) > 5 then format(' and %s more', cardinality(p_names) - 5) else '' end;
comment on function atelier_internal.some_of(text[]) is 'The first five names, and how many there are beside them.';

create function atelier_internal.products_are(p_count bigint) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case p_count when 1 then '1 product has' else p_count || ' products have' end;
comment on function atelier_internal.products_are(bigint) is 'The beginning of a sentence about so many products.';

create function atelier_internal.refuse_incomplete(p_collection atelier.collections, p_product_ids uuid[], p_override jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lack text[] := atelier_internal.base_settings_lack(p_collection.base_settings || p_override);
    v_assigned jsonb := p_collection.product_analysis -> 'productRoomAssignments';
    v_has_room boolean := coalesce(p_override ->> 'roomType', p_collection.base_settings ->> 'roomType') is not null;
    v_photoless text[];
    v_roomless text[];
    v_unusable text[];
    v_unseen text[] := array(
        select i.id::text from atelier.inspiration_images i
         where i.collection_id = p_collection.id and i.analysis is null order by i.display_order, i.created_at, i.id);
    v_problems text[];
    v_ways text[];
begin
    select array_agg(p.sku order by w.place) filter (where f.image_id is null),
           array_agg(p.sku || coalesce(' (' || i.error_message || ')', '') order by w.place) filter (where f.image_id is not null and not f.usable),
           array_agg(p.sku order by w.place) filter (where not v_has_room and v_assigned ->> p.id::text is null)
      into v_photoless, v_unusable, v_roomless
      from rows from (unnest(p_product_ids), unnest(atelier_internal.product_photos(p_collection.client_id, p_product_ids)))
           with ordinality as w (id, product_id, image_id, status, job_id, usable, place)
     cross join lateral (select w.image_id, w.usable) as f
      join atelier.products p on p.id = w.id
      left join atelier.images i on i.id = w.image_id and not w.usable;

    select array_agg(l.problem order by l.place), array_agg(l.way order by l.place)
      into v_problems, v_ways
      from (values
        (1, case when p_collection.selected_product_ids = '{}' then 'it has no products' end,
            'atelier.set_collection_products() selects products.'),
        (2, atelier_internal.products_are(cardinality(v_photoless)) || ' no photo: ' || atelier_internal.some_of(v_photoless),
            'atelier.register_image() and atelier.add_product_image() give a product a photo.'),
        (3, atelier_internal.products_are(cardinality(v_unusable)) || ' a photo that cannot be used: ' || atelier_internal.some_of(v_unusable),
            'Put the object right and register it again, or add another primary photo.'),
        (4, atelier_internal.products_are(cardinality(v_roomless)) || ' no room: ' || atelier_internal.some_of(v_roomless),
            'atelier.analyze_collection() finds a room for each; roomType in settings_override names one for all.'),
        (5, 'not analysed yet: ' || case cardinality(v_unseen) when 0 then null when 1 then 'inspiration ' else 'inspirations ' end
                || atelier_internal.some_of(v_unseen),
            'atelier.analyze_collection() analyses it, atelier.remove_inspiration() takes it out.'),
        (6, case when v_lack <> '{}' then 'its settings lack ' || array_to_string(v_lack, ', ') end,
            'atelier.update_collection_settings() gives them, an inspiration suggests them.')
      ) as l (place, problem, way)
     where l.problem is not null;
    if v_problems is not null then
        raise exception 'collection is not complete: %', array_to_string(v_problems, '; ')
            using errcode = 'object_not_in_prerequisite_state', detail = format('Collection %s; nothing was asked for.', p_collection.id),
                  hint = array_to_string(v_ways, ' ');
    end if;
end
$$;
comment on function atelier_internal.refuse_incomplete(atelier.collections, uuid[], jsonb) is
    'Raises 55000, telling all that lacks at once, unless these products of the collection can be made.';

create type atelier_internal.missing_asset as (product_id uuid, asset_id uuid, is_new boolean);
comment on type atelier_internal.missing_asset is 'A selected product without an asset that is done or under way, and the asset that is to be made.';

create function atelier_internal.missing_assets(p_collection atelier.collections) returns atelier_internal.missing_asset[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_failed uuid[] := array(
        select a.id from atelier.generated_assets a
         where a.collection_id = p_collection.id and a.deleted_at is null and a.status = 'error' and a.type = 'image'
         order by a.id for no key update);
begin
    return array(
        select row(s.id, coalesce(f.id, gen_random_uuid()), f.id is null)::atelier_internal.missing_asset
          from unnest(p_collection.selected_product_ids) with ordinality as s (id, place)
          left join (select distinct on (a.product_id) a.product_id, a.id
                       from atelier.generated_assets a where a.id = any (v_failed)
                      order by a.product_id, a.created_at desc, a.id) as f on f.product_id = s.id
         where not exists (
                select from atelier.generated_assets a
                 where a.collection_id = p_collection.id and a.product_id = s.id and a.deleted_at is null and a.type = 'image'
                   and a.status in ('pending', 'generating', 'completed'))
         order by s.place);
end
$$;
comment on function atelier_internal.missing_assets(atelier.collections) is
    'What a locked collection lacks, in the order of its selection: for a product whose asset failed that asset, locked, else a new one.';

create function atelier_internal.make_assets(
    p_collection atelier.collections, p_missing atelier_internal.missing_asset[], p_override jsonb, p_provider text,
    p_options atelier_internal.job_options)
returns table (asset_id uuid, product_id uuid, job_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_settings jsonb[] := atelier_internal.product_settings(
        p_collection, array(select m.product_id from unnest(p_missing) as m), p_override, false);
    v_jobs uuid[] := atelier_internal.enqueue_generations(
        p_collection.client_id,
        array(select row(m.asset_id, m.product_id, m.settings)::atelier_internal.generation_request
                from rows from (unnest(p_missing), unnest(v_settings)) with ordinality as m (product_id, asset_id, is_new, settings, place)
               order by m.place),
        'image', array[p_provider], array[p_options]);
begin
    insert into atelier.generated_assets (id, client_id, collection_id, product_id, status, settings, provider, job_id)
    select m.asset_id, p_collection.client_id, p_collection.id, m.product_id, 'pending', m.settings, p_provider, m.job_id
      from rows from (unnest(p_missing), unnest(v_settings), unnest(v_jobs)) as m (product_id, asset_id, is_new, settings, job_id)
     where m.is_new;
    if exists (select from unnest(p_missing) as m where not m.is_new) then
        update atelier.generated_assets a
           set status = 'pending', settings = m.settings, provider = p_provider, job_id = m.job_id
          from rows from (unnest(p_missing), unnest(v_settings), unnest(v_jobs)) as m (product_id, asset_id, is_new, settings, job_id)
         where a.id = m.asset_id and not m.is_new;
    end if;
    return query
        select m.asset_id, m.product_id, m.job_id
          from rows from (unnest(p_missing), unnest(v_jobs)) with ordinality as m (product_id, asset_id, is_new, job_id, place)
         order by m.place;
end
$$;
comment on function atelier_internal.make_assets(atelier.collections, atelier_internal.missing_asset[], jsonb, text, atelier_internal.job_options) is
    'Asks for some of the assets that a locked collection lacks, and returns them with their jobs in their order.';

create function atelier.generate_collection(
    collection_id uuid, settings_override jsonb default '{}', provider text default null, priority integer default 0,
    run_after timestamptz default null, start_by timestamptz default null, order_key text default null, tags text[] default null,
    traceparent text default null)
returns table (asset_id uuid, product_id uuid, job_id uuid)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_route record;
    v_collection atelier.collections;
    v_missing atelier_internal.missing_asset[];
    v_options atelier_internal.job_options := atelier_internal.request_options(true, priority, run_after, start_by, order_key, tags, traceparent);
    -- Each may have 64 kB of settings, and the way from settings to job holds them several times.
    v_most constant integer := 100;
begin
    perform atelier_internal.require('collection_id', collection_id is not null);
    perform atelier_internal.require_override(settings_override);
    v_route := atelier_internal.generation_route('image', provider);
    -- Whoever removes a product locks it first and then the collections that select it.
    perform from atelier.products p
      where p.id = any ((select c.selected_product_ids from atelier.collections c where c.id = collection_id)::uuid[]) order by p.id for key share;
    v_collection := atelier_internal.lock_collection(collection_id);
    if v_collection.status in ('draft', 'analyzing', 'generating') or v_collection.base_settings is null or v_collection.product_analysis is null then
        perform atelier_internal.refuse_collection_status(v_collection, 'generated', case v_collection.status
            when 'analyzing' then 'Wait until it is ready: atelier.collection_status() tells.'
            when 'generating' then format('Wait until it has ended (atelier.collection_status()), or end it: SELECT atelier.cancel_collection(%L);', collection_id)
            else format('SELECT * FROM atelier.analyze_collection(%L); makes it ready.', collection_id) end);
    end if;
    v_collection := atelier_internal.forget_lost_products(v_collection);
    v_missing := atelier_internal.missing_assets(v_collection);
    if v_missing <> '{}' or v_collection.selected_product_ids = '{}' then
        perform atelier_internal.refuse_incomplete(v_collection, array(select m.product_id from unnest(v_missing) as m), settings_override);
        perform atelier_internal.refuse_over_quota(v_collection.client_id, cardinality(v_missing), 0);
    elsif v_collection.status = 'completed' then
        return;
    end if;
    update atelier.collections c set status = 'generating' where c.id = v_collection.id;
    for v_first in 1..cardinality(v_missing) by v_most loop
        return query
            select made.asset_id, made.product_id, made.job_id
              from atelier_internal.make_assets(v_collection, v_missing[v_first:v_first + v_most - 1], settings_override, v_route.provider, v_options) as made;
    end loop;
    if v_missing = '{}' then
        perform atelier_internal.check_collections(array[v_collection.id]);
    end if;
end
$$;
comment on function atelier.generate_collection(uuid, jsonb, text, integer, timestamptz, timestamptz, text, text[], text) is
    'Asks for the assets that a collection lacks, one for each selected product, all or none, and returns them in the order of the selection. A product whose asset failed has that one tried again, with the settings of now; one whose asset is done or under way is left alone, so that calling it again makes what is missing. Where nothing is, it returns no rows, and the collection ends as its assets did. settings_override goes over the settings of each (atelier.build_product_settings() shows them); priority, run_after, start_by, order_key, tags and traceparent as for create_generation_request, for all of them. 55000 while the collection is a draft, analyzing or generating, and with all that lacks (photos, rooms, settings); 22023 for bad settings, P0002 for an unknown collection, 42704 unknown provider or default store, 42501 no USAGE on its foreign server, 53400 more than the limits of the client leave.';
