-- Loads the catalogue of the demo: makes the products and asks for the first pictures.
-- psql variables: client (its id), catalogue and photos (paths of catalogue.json and photos.json on the server), provider,
-- pictures (how many).
--
-- catalogue.json:
--   products: [{sku, name, category, roomTypes: [..], metadata (optional), photo}]
--   requests: [{sku, settings: {..}, scene (optional)}]
-- photo and scene are names of photos.json: {name: id of the image that was registered or uploaded}.
begin;

create temporary table catalogue as select pg_read_file(:'catalogue')::jsonb as content;

create temporary table photos as
select key as file, value::uuid as image_id from jsonb_each_text(pg_read_file(:'photos')::jsonb);

create temporary table products as
select product ->> 'sku' as sku, product ->> 'photo' as file,
       atelier.create_product(:'client', product ->> 'name', product ->> 'sku', product ->> 'category',
                              array(select jsonb_array_elements_text(product -> 'roomTypes')), product -> 'metadata') as product_id
  from catalogue, jsonb_array_elements(content -> 'products') as product;

select count(atelier.add_product_image(p.product_id, f.image_id)) as photos from products p join photos f using (file);

select count(atelier.create_generation_request(:'client', p.product_id, asked.request -> 'settings', scene_image_id => f.image_id,
                                               provider => :'provider')) as requests
  from catalogue, jsonb_array_elements(content -> 'requests') with ordinality as asked (request, number)
  left join products p on p.sku = asked.request ->> 'sku'
  left join photos f on f.file = asked.request ->> 'scene'
 where asked.number <= :pictures;

commit;
