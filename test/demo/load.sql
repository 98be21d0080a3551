-- Loads the catalogue of the demo: registers every photo, makes the products, asks for the first pictures.
-- psql variables: client (its id; its photos lie in the store already), catalogue (path of catalogue.json on the server),
-- provider, pictures (how many).
--
-- catalogue.json:
--   products: [{sku, name, category, roomTypes: [..], metadata (optional), photo}]
--   requests: [{sku, settings: {..}, scene (optional)}]
-- photo and scene are file names below photos/.
begin;

create temporary table catalogue as select pg_read_file(:'catalogue')::jsonb as content;

create temporary table photos as
select used.file, atelier.register_image(:'client', format('clients/%s/photos/%s', :'client', used.file)) as image_id
  from (select product ->> 'photo' as file from catalogue, jsonb_array_elements(content -> 'products') as product
        union
        select request ->> 'scene' from catalogue, jsonb_array_elements(content -> 'requests') as request where request ? 'scene') as used;

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
