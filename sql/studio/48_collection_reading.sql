-- Looking at products and collections.

create view atelier.collection_overview with (security_invoker, security_barrier) as
select c.id as collection_id, c.client_id, c.name, c.status, c.error_message, cardinality(c.selected_product_ids) as products,
       i.inspirations, a.draft, a.pending, a.generating, a.completed, a.error, m.missing,
       coalesce(floor(a.percents::numeric / nullif(a.pending + a.generating + a.completed + a.error + m.missing, 0))::integer, 0) as progress,
       c.created_at, c.updated_at, c.completed_at
  from atelier.collections c
 cross join lateral (
    select count(*)::integer as inspirations from atelier.inspiration_images n where n.collection_id = c.id) as i
 cross join lateral (
    select count(*) filter (where g.status = 'draft')::integer as draft,
           count(*) filter (where g.status = 'pending')::integer as pending,
           count(*) filter (where g.status = 'generating')::integer as generating,
           count(*) filter (where g.status = 'completed')::integer as completed,
           count(*) filter (where g.status = 'error')::integer as error,
           coalesce(sum(case when g.status in ('completed', 'error') then 100 else g.progress end) filter (where g.status <> 'draft'), 0) as percents
      from atelier.generated_assets g where g.collection_id = c.id and g.deleted_at is null) as a
 cross join lateral (
    select count(*)::integer as missing
      from (select s.id from unnest(c.selected_product_ids) as s (id)
            except
            select g.product_id from atelier.generated_assets g where g.collection_id = c.id and g.deleted_at is null) as l) as m;
comment on view atelier.collection_overview is 'Where each collection stands: the assets of each status that are not deleted, and how far the work is.';
comment on column atelier.collection_overview.collection_id is 'Identity of the collection.';
comment on column atelier.collection_overview.client_id is 'The client that owns the collection.';
comment on column atelier.collection_overview.name is 'Name for people.';
comment on column atelier.collection_overview.status is 'draft, analyzing, ready, generating, completed or error.';
comment on column atelier.collection_overview.error_message is 'Why it is in error, in plain words.';
comment on column atelier.collection_overview.products is 'Number of selected products.';
comment on column atelier.collection_overview.inspirations is 'Number of inspirations.';
comment on column atelier.collection_overview.draft is 'Number of assets that are drafts.';
comment on column atelier.collection_overview.pending is 'Number of assets that wait to be made.';
comment on column atelier.collection_overview.generating is 'Number of assets that are being made.';
comment on column atelier.collection_overview.completed is 'Number of assets that are done.';
comment on column atelier.collection_overview.error is 'Number of assets that could not be made.';
comment on column atelier.collection_overview.missing is 'Number of selected products without any asset of the collection.';
comment on column atelier.collection_overview.progress is
    'Share of the work that has ended, in percent, rounded down: an asset counts with its progress, one that is done or could not be made fully, a missing one not; a draft is no work yet.';
comment on column atelier.collection_overview.created_at is 'When the collection was made.';
comment on column atelier.collection_overview.updated_at is 'When the collection was last changed.';
comment on column atelier.collection_overview.completed_at is 'When the collection was completed.';

create function atelier.collection_status(collection_id uuid, with_urls boolean default false) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_collection atelier.collections;
    v_rooms jsonb;
    v_assigned bigint;
    v_status json;
begin
    perform atelier_internal.require('collection_id', collection_id is not null);
    perform atelier_internal.require('with_urls', with_urls is not null);
    select c.* into v_collection from atelier.collections c where c.id = collection_id;
    if not found then
        perform atelier_internal.refuse_collection(collection_id);
    end if;
    v_assigned := cardinality(v_collection.selected_product_ids);
    if v_collection.status not in ('ready', 'generating', 'completed') then
        v_rooms := coalesce(v_collection.product_analysis -> 'productRoomAssignments', '{}');
        select count(*) into v_assigned from unnest(v_collection.selected_product_ids) as s (id) where v_rooms ? s.id::text;
    end if;
    -- Rows become one document at the end, which is json: as jsonb it would take twice the time, and it is only passed on.
    with seen as (
        select count(*) as total, sum(case when a.status in ('completed', 'error') then 100 else a.progress end) filter (where a.status <> 'draft') as percents,
               count(*) filter (where a.status = 'draft') as draft, count(*) filter (where a.status = 'pending') as pending,
               count(*) filter (where a.status = 'generating') as generating, count(*) filter (where a.status = 'completed') as completed,
               count(*) filter (where a.status = 'error') as error, count(*) filter (where a.id is null) as missing,
               array_agg(a) filter (where a.id is not null) as assets
          from (select g.id, g.product_id as "productId", g.status, g.progress, g.image_id as "imageId", g.error_message as error
                  from (select l.* from atelier.generated_assets l where l.collection_id = v_collection.id and l.deleted_at is null) as g
                  full join unnest(v_collection.selected_product_ids) with ordinality as s (product, place) on s.product = g.product_id
                 order by s.place, g.created_at, g.id) as a
    ), counts as (
        select s.draft, s.pending, s.generating, s.completed, s.error, s.missing from seen s
    ), products as (
        select cardinality(v_collection.selected_product_ids) as total, v_assigned as assigned
    ), inspirations as (
        select count(*) as total, count(i.analysis) as analyzed, count(i.error_message) as failed
          from atelier.inspiration_images i where i.collection_id = v_collection.id
    ), analysis as (
        select p as products, i as inspirations from products p, inspirations i
    )
    select to_json(d) into v_status
      from (select v_collection.id, v_collection.name, v_collection.status, v_collection.error_message as error, s.total, k as counts,
                   coalesce(s.percents / nullif(s.total - s.draft, 0), 0) as progress, n as analysis,
                   coalesce(s.assets, array(select row() where false)) as assets
              from seen s, counts k, analysis n) as d;
    if with_urls then
        v_status := jsonb_set(v_status::jsonb, '{assets}', (
            select coalesce(jsonb_agg(l.asset || jsonb_build_object('imageUrl', atelier.image_url((l.asset ->> 'imageId')::uuid)) order by l.place), '[]')
              from jsonb_array_elements(v_status::jsonb -> 'assets') with ordinality as l (asset, place)))::json;
    end if;
    return v_status;
end
$$;
comment on function atelier.collection_status(uuid, boolean) is
    'Where a collection stands: {id, name, status, error, total, counts {draft, pending, generating, completed, error, missing}, progress, analysis {products {total, assigned}, inspirations {total, analyzed, failed}}, assets [{id, productId, status, progress, imageId, error}]}; total is the sum of the counts, progress the share of the work that has ended, in percent, of which drafts are no part. With with_urls each asset has its imageUrl too. P0002 for an unknown collection.';

create function atelier.list_collections(client_id uuid, status text default null, max_rows integer default 100, before uuid default null)
returns setof atelier.collection_overview
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_before atelier.collections;
begin
    perform atelier_internal.require_client(client_id);
    if status not in ('draft', 'analyzing', 'ready', 'generating', 'completed', 'error') then
        raise exception 'status "%" is not known', left(status, 200)
            using errcode = 'invalid_parameter_value', hint = 'Statuses are: draft, analyzing, ready, generating, completed, error.';
    elsif max_rows is null or max_rows not between 1 and 1000 then
        raise exception 'max_rows must be from 1 to 1000'
            using errcode = 'invalid_parameter_value', hint = 'Read on with before => the collection_id of the last row.';
    end if;
    if before is not null then
        select c.* into v_before from atelier.collections c where c.client_id = list_collections.client_id and c.id = before;
        if not found then
            raise exception 'collection not found'
                using errcode = 'no_data_found', detail = format('Client %s has no collection %s.', client_id, before),
                      hint = 'before takes the collection_id of the last row of the page before; leave it out for the first page.';
        end if;
    end if;
    return query
        with page as materialized (
            select c.id, c.created_at from atelier.collections c
             where c.client_id = list_collections.client_id
               and (list_collections.status is null or c.status = list_collections.status)
               and (list_collections.before is null or (c.created_at, c.id) < (v_before.created_at, v_before.id))
             order by c.created_at desc, c.id desc
             limit max_rows
        )
        select o.* from page p cross join lateral (select v.* from atelier.collection_overview v where v.collection_id = p.id) as o
         order by p.created_at desc, p.id desc;
end
$$;
comment on function atelier.list_collections(uuid, text, integer, uuid) is
    'The collections of a client as collection_overview shows them, newest first, of one status when it is given. At most max_rows (1 to 1000); the next page begins with before => the collection_id of the last row. 23503 for an unknown client, 22023 for unknown words.';

create function atelier.list_products(
    client_id uuid, category text default null, room_type text default null, search text default null, max_rows integer default 100,
    after uuid default null)
returns setof atelier.products
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_after text;
    v_search text := lower(nullif(btrim(search), ''));
begin
    perform atelier_internal.require_client(client_id);
    if max_rows is null or max_rows not between 1 and 1000 then
        raise exception 'max_rows must be from 1 to 1000'
            using errcode = 'invalid_parameter_value', hint = 'Read on with after => the id of the last row.';
    end if;
    if after is not null then
        select p.sku into v_after from atelier.products p where p.client_id = list_products.client_id and p.id = after;
        if not found then
            raise exception 'product not found'
                using errcode = 'no_data_found', detail = format('Client %s has no product %s.', client_id, after),
                      hint = 'after takes the id of the last row of the page before; leave it out for the first page.';
        end if;
    end if;
    return query
        select p.* from atelier.products p
         where p.client_id = list_products.client_id
           and (list_products.category is null or p.category = list_products.category)
           and (list_products.room_type is null or p.room_types @> array[list_products.room_type])
           and (v_search is null or strpos(lower(concat_ws(e'\n', p.name, p.sku, p.category)), v_search) > 0
                or exists (select from jsonb_array_elements_text(coalesce(nullif(p.metadata -> 'tags', 'null'), '[]')) as t (tag)
                            where strpos(lower(t.tag), v_search) > 0))
           and (v_after is null or p.sku > v_after)
         order by p.sku
         limit max_rows;
end
$$;
comment on function atelier.list_products(uuid, text, text, text, integer, uuid) is
    'The products of a client by SKU, narrowed by what is given: of a category, for a room, with a text somewhere in name, SKU, category or tags (letter case does not matter). At most max_rows (1 to 1000); the next page begins with after => the id of the last row. 23503 for an unknown client, P0002 for an unknown mark.';
