-- A client with so many products (variable products), each with a photo that is ready, and what measures.
create schema bench;
create table bench.samples (figure text, round integer, ours double precision, bare double precision);

-- Milliseconds that a statement takes.
create function bench.clocked(p_command text) returns double precision
language plpgsql as $$
declare
    v_started timestamptz := clock_timestamp();
begin
    execute p_command;
    return extract(epoch from clock_timestamp() - v_started) * 1000;
end
$$;

create function bench.require(p_true boolean, p_otherwise text) returns void
language plpgsql as $$
begin
    if p_true is not true then
        raise exception '%', p_otherwise;
    end if;
end
$$;

select atelier.create_client('Bench', 'bench') as client \gset
select null from atelier.set_client_tier(:'client', 'enterprise');
create table bench.client as select :'client'::uuid as id;
insert into atelier.products (client_id, name, sku, category, room_types, metadata)
select :'client', 'Chair ' || n, to_char(n, '"P-"FM0000'), 'chair', '{living_room}', '{"materials": ["oak"], "colors": ["brown"], "tags": ["solid"]}'
  from generate_series(1, :products) n;
insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256)
select :'client', format('clients/%s/photos/%s.jpg', :'client', p.sku), 'ready', 800, 600, 12345, 'image/jpeg', md5(p.sku) || md5(p.name)
  from atelier.products p;
insert into atelier.product_images (client_id, product_id, image_id, is_primary)
select p.client_id, p.id, i.id, true from atelier.products p join atelier.images i on i.s3_key = format('clients/%s/photos/%s.jpg', p.client_id, p.sku);

-- A collection of all of them that is ready, as an analysis leaves it.
create function bench.ready_collection() returns uuid
language sql as $$
    insert into atelier.collections (client_id, name, status, selected_product_ids, product_analysis, base_settings)
    select c.id, 'Everything', 'ready', array_agg(p.id order by p.sku),
           jsonb_build_object(
               'roomTypeDistribution', jsonb_build_object('living_room', count(*)), 'productTypes', '["chair"]'::jsonb, 'dominantCategory', 'chair',
               'suggestedStyles', '["modern"]'::jsonb, 'recommendedInspirationKeywords', '[]'::jsonb, 'analyzedAt', '2026-11-22T00:00:00.000Z',
               'productRoomAssignments', jsonb_object_agg(p.id, 'living_room')),
           '{"style": "modern", "lighting": "natural", "colorScheme": "neutral", "cameraAngle": "eye_level", "aspectRatio": "4:3", "surroundings": "a bright room",
             "props": ["lamp", "rug"], "varietyLevel": 5, "matchProductColors": false}'
      from bench.client c join atelier.products p on p.client_id = c.id
     group by c.id
    returning id
$$;

-- The rows that the plain INSERT writes: those that generate_collection() wrote once.
select bench.ready_collection() as model \gset
select count(*) from atelier.generate_collection(:'model');
create table bench.rows as select * from atelier.generated_assets where collection_id = :'model';

-- For collection_status(): three fifths are done, one fifth has failed.
create table bench.seen as select :'model'::uuid as id;
create temporary table places as select a.id, row_number() over (order by a.id) % 5 as place from atelier.generated_assets a where a.collection_id = :'model';
update atelier.generated_assets a set status = 'generating' from places p where p.id = a.id and p.place < 4;
update atelier.generated_assets a set status = 'error', error_message = 'the provider refuses this picture' from places p where p.id = a.id and p.place = 3;
insert into atelier.images (id, client_id, s3_key, status, width, height, file_size, mime_type, sha256)
select p.id, :'client', format('clients/%s/generated/%s.png', :'client', p.id), 'ready', 800, 600, 12345, 'image/png', repeat('0', 64) from places p where p.place < 3;
update atelier.generated_assets a set status = 'completed', progress = 100, image_id = a.id from places p where p.id = a.id and p.place < 3;
vacuum analyze;
